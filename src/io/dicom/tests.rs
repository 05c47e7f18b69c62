//! Series and pixels, from files built in code.

use crate::io::{OpenOptions, list, open, open_series, open_with};
use crate::volume::{Modality, Volume, Voxels};
use std::path::Path;

pub(super) fn element(group: u16, number: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut b = [group.to_le_bytes(), number.to_le_bytes()].concat();
    b.extend(vr);
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if matches!(vr, b"OB" | b"UI") { 0 } else { b' ' });
    }
    if matches!(vr, b"OB" | b"OW" | b"SQ" | b"UN") {
        b.extend([0, 0]);
        b.extend((value.len() as u32).to_le_bytes());
    } else {
        b.extend((value.len() as u16).to_le_bytes());
    }
    b.extend(value);
    b
}

/// A 3 x 2 slice of 16-bit numbers that start at `first`.
pub(super) struct Slice {
    pub(super) series: &'static str,
    /// Frame of reference.
    pub(super) frame: &'static str,
    pub(super) instance: usize,
    pub(super) uid: String,
    pub(super) orientation: &'static str,
    pub(super) position: [f64; 3],
    pub(super) first: i16,
    pub(super) slope: f64,
    pub(super) photometric: &'static str,
}

impl Slice {
    pub(super) fn at(instance: usize, position: [f64; 3]) -> Self {
        Self {
            series: "1.2.3",
            frame: "1.2.5",
            instance,
            uid: format!("1.2.3.{instance}"),
            orientation: "1\\0\\0\\0\\1\\0",
            position,
            first: 100 * instance as i16,
            slope: 2.0,
            photometric: "MONOCHROME2",
        }
    }

    pub(super) fn named(mut self, uid: &str) -> Self {
        self.uid = uid.into();
        self
    }

    pub(super) fn write(&self, folder: &Path, name: &str) {
        let [x, y, z] = self.position;
        let us = |number, value: u16| element(0x28, number, b"US", &value.to_le_bytes());
        let text = |g, n, vr, s: &str| element(g, n, vr, s.as_bytes());
        let pixels: Vec<u8> = (0..6).flat_map(|i| (self.first + i).to_le_bytes()).collect();
        let body = [
            text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.2"),
            text(8, 0x18, b"UI", &self.uid),
            text(8, 0x60, b"CS", "CT"),
            text(0x18, 0x50, b"DS", "9"),
            text(0x20, 0x0e, b"UI", self.series),
            text(0x20, 0x13, b"IS", &self.instance.to_string()),
            text(0x20, 0x32, b"DS", &format!("{x}\\{y}\\{z}")),
            text(0x20, 0x37, b"DS", self.orientation),
            text(0x20, 0x52, b"UI", self.frame),
            us(2, 1),
            text(0x28, 4, b"CS", self.photometric),
            us(0x10, 2),
            us(0x11, 3),
            text(0x28, 0x30, b"DS", "0.5\\0.25"),
            us(0x100, 16),
            us(0x101, 16),
            us(0x102, 15),
            us(0x103, 1),
            text(0x28, 0x1050, b"DS", "40"),
            text(0x28, 0x1051, b"DS", "400"),
            text(0x28, 0x1052, b"DS", "-1024"),
            text(0x28, 0x1053, b"DS", &self.slope.to_string()),
            element(0x7fe0, 0x10, b"OW", &pixels),
        ]
        .concat();
        let mut bytes = vec![0; 128];
        bytes.extend(b"DICM");
        bytes.extend(text(2, 0x10, b"UI", "1.2.840.10008.1.2.1"));
        bytes.extend(body);
        std::fs::write(folder.join(name), bytes).expect("written");
    }
}

pub(super) fn says(v: &Volume, words: &str) -> bool {
    v.notices.iter().any(|n| n.text.contains(words))
}

#[test]
fn slices_are_ordered_by_position_and_turned_from_lps_to_ras() {
    let dir = tempfile::tempdir().expect("temp dir");
    // File names and instance numbers both lie.
    for (instance, name, z) in [(1, "c", 10.0), (2, "a", -5.0), (3, "b", 2.5)] {
        Slice::at(instance, [1.0, 2.0, z]).write(dir.path(), name);
    }
    std::fs::write(dir.path().join("readme.txt"), "not a picture").expect("written");
    let v = open(dir.path()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((v.geometry().shape(), v.times()), ([3, 2, 3], 1));
    let first: Vec<f64> = (0..3).map(|z| v.voxels().stored(6 * z, 0)).collect();
    assert_eq!(first, [200.0, 300.0, 100.0]);
    // Pixel Spacing is rows \ columns: x steps by 0.25. LPS to RAS negates x and y.
    let a = v.geometry().world_from_voxel().0;
    assert_eq!(a[0], [-0.25, 0.0, 0.0, -1.0]);
    assert_eq!(a[1], [0.0, -0.5, 0.0, -2.0]);
    assert_eq!(a[2], [0.0, 0.0, 7.5, -5.0]);
    assert_eq!(v.geometry().orientation(), "LPS");
    assert_eq!(v.value([0; 3], 0, 0), 200.0 * 2.0 - 1024.0);
    assert_eq!((v.modality, v.value_unit.as_deref()), (Modality::Ct, Some("HU")));
    assert_eq!(v.window.map(|w| (w.center, w.width)), Some((40.0, 400.0)));
    assert!(v.notices.is_empty(), "{:?}", v.notices);
    // One of its files alone.
    let one = open(&dir.path().join("c")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(one.geometry().shape(), [3, 2, 1]);
    assert_eq!(one.geometry().world_from_voxel().0[2][3], 10.0);
}

#[test]
fn gaps_duplicates_unevenness_and_tilt_are_said() {
    let opened = |positions: &[[f64; 3]], raw_geometry: bool| {
        let dir = tempfile::tempdir().expect("temp dir");
        for (i, p) in positions.iter().enumerate() {
            Slice::at(i + 1, *p).write(dir.path(), &format!("{i}"));
        }
        let options = OpenOptions { raw_geometry, ..OpenOptions::default() };
        open_with(dir.path(), &options).unwrap_or_else(|e| panic!("{e}"))
    };
    let stack = |positions: &[[f64; 3]]| opened(positions, false);
    let at = |z: f64| [0.0, 0.0, z];
    // Blank slices stand in the gap, everything else at its true place.
    let gap = stack(&[at(0.0), at(2.0), at(4.0), at(10.0), at(12.0)]);
    assert!(says(&gap, "2 slices are missing"), "{:?}", gap.notices);
    assert!(says(&gap, "(slice 4, 5)"), "{:?}", gap.notices);
    assert_eq!((gap.geometry().shape()[2], gap.geometry().spacing()[2]), (7, 2.0));
    let firsts: Vec<f64> = (0..7).map(|z| gap.voxels().stored(6 * z, 0)).collect();
    assert_eq!(firsts, [100.0, 200.0, 300.0, 100.0, 100.0, 400.0, 500.0]);
    // As stored: spread between the true ends.
    let gap = opened(&[at(0.0), at(2.0), at(4.0), at(10.0), at(12.0)], true);
    assert_eq!((gap.geometry().shape()[2], gap.geometry().spacing()[2]), (5, 3.0));
    let ends = [at(0.0), at(2.0), at(4.0), at(7.1)];
    let uneven = opened(&ends, true);
    assert!(says(&uneven, "uneven (2.00 to 3.10 mm"), "{:?}", uneven.notices);
    assert!((uneven.geometry().spacing()[2] - 7.1 / 3.0).abs() < 1e-12);
    // Resampled: 7.1 mm in steps of about 2 mm; values linear between slices.
    let even = stack(&ends);
    assert!(says(&even, "uneven (2.00 to 3.10 mm") && says(&even, "resampled to 5 slices"));
    let spacing = even.geometry().spacing()[2];
    assert!((spacing - 7.1 / 4.0).abs() < 1e-12);
    for z in 0..5 {
        let depth = z as f64 * spacing;
        let stored =
            if depth <= 4.0 { 100.0 + 50.0 * depth } else { 300.0 + 100.0 / 3.1 * (depth - 4.0) };
        assert!((even.voxels().stored(6 * z, 0) - stored).abs() <= 0.51, "{z}");
    }
    // The same pixels twice are a copy, other pixels are not.
    let double = stack(&[at(0.0), at(2.0), at(2.0), at(4.0)]);
    assert_eq!(double.geometry().shape()[2], 3);
    assert!(says(&double, "1 slices lie where another one does"));
    let dir = tempfile::tempdir().expect("temp dir");
    for (instance, z, first) in [(1, 0.0, 5), (2, 2.0, 6), (3, 2.0, 6), (4, 4.0, 7)] {
        Slice { first, ..Slice::at(instance, at(z)) }.write(dir.path(), &format!("{instance}"));
    }
    let copied = open(dir.path()).unwrap_or_else(|e| panic!("{e}"));
    assert!(says(&copied, "1 slices are there twice") && copied.geometry().shape()[2] == 3);
    let timed = stack(&[at(0.0), at(0.0), at(3.0), at(3.0)]);
    assert_eq!((timed.geometry().shape()[2], timed.times()), (2, 2));
    assert_eq!(timed.value([0; 3], 1, 0), 200.0 * 2.0 - 1024.0);
    let tilt = (10f64).to_radians().tan();
    let sheared = [at(0.0), [0.0, 2.0 * tilt, 2.0], [0.0, 4.0 * tilt, 4.0]];
    let tilted = opened(&sheared, true);
    assert!(says(&tilted, "sheared by 10.0 degrees"), "{:?}", tilted.notices);
    assert!((tilted.geometry().voxel_volume() - 0.25 * 0.5 * 2.0).abs() < 1e-9);
    assert!((tilted.geometry().world_from_voxel().0[1][2] + 2.0 * tilt).abs() < 1e-9);
    // Brought onto a rectangular grid: rows are 0.5 mm, so the last slice lies 1.41 rows down.
    let straight = stack(&sheared);
    assert!(says(&straight, "sheared by 10.0 degrees") && says(&straight, "resampled"));
    assert_eq!(straight.geometry().shape(), [3, 4, 3]);
    let a = straight.geometry().world_from_voxel().0;
    assert_eq!([a[0][2], a[1][2], a[2][2]], [0.0, 0.0, 2.0]);
    // The first slice keeps its pixels; below them is nothing.
    let first: Vec<f64> = (0..12).map(|i| straight.voxels().stored(i, 0)).collect();
    assert_eq!(first[..6], [100.0, 101.0, 102.0, 103.0, 104.0, 105.0]);
    assert_eq!(first[6..], [100.0; 6]);
}

#[test]
fn several_series_must_be_chosen_from() {
    let dir = tempfile::tempdir().expect("temp dir");
    for i in 0..3 {
        Slice::at(i + 1, [0.0, 0.0, i as f64]).write(dir.path(), &format!("a{i}"));
    }
    let scout = Slice { orientation: "0\\1\\0\\0\\0\\-1", ..Slice::at(9, [0.0; 3]) };
    scout.write(dir.path(), "scout");
    let e = open(dir.path()).expect_err("ambiguous").to_string();
    assert!(e.contains("there are 2 image series") && e.contains("CT 3 x 2 x 3"), "{e}");
    let series = list(dir.path()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(series.iter().map(|s| s.frames).collect::<Vec<_>>(), [3, 1]);
    let v = open_series(dir.path(), 1).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(v.geometry().orientation(), "PIR"); // the normal points to the right
    assert!(open_series(dir.path(), 2).is_err());
    let empty = tempfile::tempdir().expect("temp dir");
    assert!(open(empty.path()).is_err());
    assert!(list(empty.path()).unwrap_or_else(|e| panic!("{e}")).is_empty());
}

#[test]
fn rescale_by_slice_and_inversion() {
    let dir = tempfile::tempdir().expect("temp dir");
    Slice { photometric: "MONOCHROME1", ..Slice::at(1, [0.0; 3]) }.write(dir.path(), "a");
    let other = Slice { photometric: "MONOCHROME1", slope: 3.0, ..Slice::at(2, [0.0, 0.0, 1.0]) };
    other.write(dir.path(), "b");
    let v = open(dir.path()).unwrap_or_else(|e| panic!("{e}"));
    assert!(v.inverted && matches!(v.voxels(), Voxels::F32(_)));
    assert_eq!(v.value([0, 0, 0], 0, 0), 100.0 * 2.0 - 1024.0);
    assert_eq!(v.value([1, 0, 1], 0, 0), 201.0 * 3.0 - 1024.0);
}
