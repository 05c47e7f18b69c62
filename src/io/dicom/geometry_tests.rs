//! Frames without places of their own, and slices whose identifiers cannot be trusted.

use super::object_tests::{Bits, EXPLICIT, file, opened, picture, sequence, text, us, words};
use super::tests::{Slice, element, says};
use crate::io::{OpenOptions, list, open, open_with};
use crate::volume::Volume;
use std::path::Path;

fn frames(class: &str, modality: &str, n: u16, more: &[Vec<u8>]) -> Volume {
    let mut e = picture("MONOCHROME2", 1, 2, 1, Bits(16, 16, 0));
    e.push(text(8, 0x16, b"UI", class));
    e.push(text(8, 0x60, b"CS", modality));
    e.push(text(0x28, 8, b"IS", &n.to_string()));
    e.push(text(0x28, 0x30, b"DS", "2\\3"));
    e.extend(more.iter().cloned());
    let pixels: Vec<u16> = (0..n).flat_map(|f| [10 * f, 10 * f + 1]).collect();
    e.push(element(0x7fe0, 0x10, b"OW", &words(&pixels)));
    opened(&file(EXPLICIT, &e)).unwrap_or_else(|e| panic!("{e}"))
}

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const NM: &str = "1.2.840.10008.5.1.4.1.1.20";

fn place() -> [Vec<u8>; 2] {
    [text(0x20, 0x32, b"DS", "10\\20\\30"), text(0x20, 0x37, b"DS", "1\\0\\0\\0\\1\\0")]
}

fn shape(v: &Volume) -> ([usize; 3], usize) {
    (v.geometry().shape(), v.times())
}

/// The third column and the origin of the affine, RAS.
fn through(v: &Volume) -> [[f64; 3]; 2] {
    let a = v.geometry().world_from_voxel();
    [a.column(2), a.apply([0.0; 3])]
}

#[test]
fn frames_of_a_volume_are_slices_and_those_of_a_clip_are_times() {
    let [at, turn] = place();
    let thick = text(0x18, 0x50, b"DS", "4");
    let apart = text(0x18, 0x88, b"DS", "2.5");
    let v = frames(CT, "CT", 5, &[at.clone(), turn.clone(), thick.clone(), apart.clone()]);
    assert_eq!(shape(&v), ([2, 1, 5], 1));
    assert_eq!(through(&v), [[0.0, 0.0, 2.5], [-10.0, -20.0, 30.0]]);
    assert_eq!(v.value([1, 0, 3], 0, 0), 31.0);
    assert!(!says(&v, "thickness"), "{:?}", v.notices);
    let v = frames(CT, "CT", 5, &[at.clone(), turn.clone(), thick.clone()]);
    assert_eq!((shape(&v), through(&v)[0]), (([2, 1, 5], 1), [0.0, 0.0, 4.0]));
    assert!(says(&v, "the slice thickness is taken"), "{:?}", v.notices);
    // Nobody says how far.
    let v = frames(CT, "CT", 5, &[at.clone(), turn.clone()]);
    assert_eq!((shape(&v), v.geometry().orientation_known()), (([2, 1, 5], 1), false));
    assert!(says(&v, "distance is not known"), "{:?}", v.notices);
    // Times.
    for timed in [
        vec![text(0x18, 0x1063, b"DS", "40")],
        vec![text(0x18, 0x40, b"IS", "25")],
        vec![element(0x28, 9, b"AT", &[0x18, 0, 0x63, 0x10])],
    ] {
        let more = [vec![at.clone(), turn.clone(), thick.clone()], timed].concat();
        assert_eq!(shape(&frames(CT, "CT", 5, &more)), ([2, 1, 1], 5));
    }
    assert_eq!(shape(&frames(CT, "XA", 5, &[thick.clone()])), ([2, 1, 1], 5));
    assert_eq!(shape(&frames(CT, "US", 5, &[thick])), ([2, 1, 1], 5));
    // An ultrasound volume, whose directions nobody knows.
    let v = frames(CT, "US", 5, &[apart]);
    assert_eq!((shape(&v), v.geometry().spacing()), (([2, 1, 5], 1), [3.0, 2.0, 2.5]));
    assert!(!v.geometry().orientation_known());
}

#[test]
fn planes_of_a_dose_grid_lie_where_their_offsets_say() {
    let [at, turn] = place();
    let over = text(0x20, 0x37, b"DS", "1\\0\\0\\0\\-1\\0");
    let offsets = |s: &str| text(0x3004, 0xc, b"DS", s);
    for (turn, offsets, step) in [
        (&turn, offsets("0\\2\\4"), 2.0),
        (&turn, offsets("0\\-2\\-4"), -2.0),
        (&turn, offsets("30\\33\\36"), 3.0),
        // Seen from the other side the normal leads down; z coordinates still count up.
        (&over, offsets("0\\2\\4"), -2.0),
        (&over, offsets("30\\33\\36"), 3.0),
    ] {
        let v = frames(
            "1.2.840.10008.5.1.4.1.1.481.2",
            "RTDOSE",
            3,
            &[at.clone(), turn.clone(), offsets],
        );
        assert_eq!(shape(&v), ([2, 1, 3], 1));
        // Slices are put in order along the normal: where is the first frame?
        let first = (0..3).find(|&z| v.value([0, 0, z], 0, 0) == 0.0).expect("there");
        let second = (0..3).find(|&z| v.value([0, 0, z], 0, 0) == 10.0).expect("there");
        let z = |k: usize| v.geometry().world_from_voxel().apply([0.0, 0.0, k as f64])[2];
        assert_eq!((z(first), z(second) - z(first)), (30.0, step));
    }
}

#[test]
fn emission_slices_lie_where_their_detector_says() {
    let kind = text(8, 8, b"CS", "ORIGINAL\\PRIMARY\\RECON TOMO\\EMISSION");
    let detector = sequence(0x54, 0x22, &[place().concat()]);
    let slices = |v: &[u16]| element(0x54, 0x80, b"US", &words(v));
    let apart = |mm: &str| text(0x18, 0x88, b"DS", mm);
    let more = [kind.clone(), detector.clone(), slices(&[1, 2, 3]), apart("5")];
    let v = frames(NM, "NM", 3, &more);
    assert_eq!((shape(&v), through(&v)), (([2, 1, 3], 1), [[0.0, 0.0, 5.0], [-10.0, -20.0, 30.0]]));
    assert!(v.geometry().orientation_known() && v.value([0; 3], 0, 0) == 0.0);
    // Against the normal: the first frame is the last slice.
    let v = frames(NM, "NM", 3, &[kind.clone(), detector.clone(), slices(&[1, 2, 3]), apart("-5")]);
    assert_eq!((through(&v)[1], v.value([0, 0, 2], 0, 0)), ([-10.0, -20.0, 20.0], 0.0));
    // Two time slots.
    let slots = element(0x54, 0x70, b"US", &words(&[1, 1, 2, 2]));
    let gated = [kind.clone(), detector.clone(), slices(&[1, 2, 1, 2]), slots, apart("5")];
    let v = frames(NM, "NM", 4, &gated);
    assert_eq!((shape(&v), v.value([0, 0, 1], 1, 0)), (([2, 1, 2], 2), 30.0));
    // No direction: the lattice is known, the patient's sides are not.
    let v = frames(NM, "NM", 3, &[kind, slices(&[1, 2, 3]), apart("5")]);
    assert_eq!((v.geometry().spacing()[2], v.geometry().orientation_known()), (5.0, false));
    // Views around the patient are no slices.
    let views = text(8, 8, b"CS", "ORIGINAL\\PRIMARY\\TOMO\\EMISSION");
    let v = frames(NM, "NM", 3, &[views, detector, apart("5"), us(0x54, 0x53, 3)]);
    assert!(!v.geometry().orientation_known());
}

fn at(z: f64) -> [f64; 3] {
    [3.0, -4.0, z]
}

fn good(dir: &Path) -> Volume {
    open(dir).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn slices_of_one_identifier_are_all_kept_and_copies_once() {
    let dir = tempfile::tempdir().expect("temp dir");
    for i in 0..6 {
        Slice::at(i + 1, at(3.0 * i as f64)).named("1.2.3.4").write(dir.path(), &format!("{i}"));
    }
    let v = good(dir.path());
    assert_eq!(shape(&v), ([3, 2, 6], 1));
    assert!(says(&v, "identifiers are not unique: 6 files"), "{:?}", v.notices);
    Slice::at(2, at(3.0)).named("1.2.3.4").write(dir.path(), "copy");
    let v = good(dir.path());
    assert_eq!(shape(&v), ([3, 2, 6], 1));
    assert!(says(&v, "1 files are copies"), "{:?}", v.notices);
}

#[test]
fn series_made_anew_for_every_slice_are_joined_unless_they_differ() {
    let names: [&'static str; 6] = ["1.1", "1.2", "1.3", "1.4", "1.5", "1.6"];
    let dir = tempfile::tempdir().expect("temp dir");
    for (i, series) in names.into_iter().enumerate() {
        let slice = Slice { series, ..Slice::at(i + 1, at(3.0 * i as f64)) };
        slice.write(dir.path(), &format!("{i}"));
    }
    let v = good(dir.path());
    assert_eq!((shape(&v), v.geometry().spacing()[2]), (([3, 2, 6], 1), 3.0));
    assert!(says(&v, "6 series of one study are shown as one"), "{:?}", v.notices);
    let separate = OpenOptions { separate: true, ..OpenOptions::default() };
    let e = open_with(dir.path(), &separate).expect_err("six series").to_string();
    assert!(e.contains("6 image series"), "{e}");
    // A second picture at the places of the first stays one of its own.
    let dir = tempfile::tempdir().expect("temp dir");
    for (k, series) in ["1.1", "1.2"].into_iter().enumerate() {
        for i in 0..3 {
            let instance = 3 * k + i + 1;
            let slice = Slice { series, ..Slice::at(instance, at(3.0 * i as f64)) };
            slice.write(dir.path(), &format!("{instance}"));
        }
    }
    assert_eq!(list(dir.path()).unwrap_or_else(|e| panic!("{e}")).len(), 2);
}

#[test]
fn repeated_slices_may_wander_a_little() {
    let dir = tempfile::tempdir().expect("temp dir");
    for t in 0..3 {
        for i in 0..6 {
            let z = 40.0 * i as f64 + 0.16 * t as f64;
            let instance = 6 * t + i + 1;
            Slice::at(instance, at(z)).write(dir.path(), &format!("{instance:02}"));
        }
    }
    let v = good(dir.path());
    assert_eq!(shape(&v), ([3, 2, 6], 3));
    assert_eq!(v.geometry().spacing()[2], 40.0);
    assert_eq!(v.value([0, 0, 2], 1, 0), 900.0 * 2.0 - 1024.0);
}
