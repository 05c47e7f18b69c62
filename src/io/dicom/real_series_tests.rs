//! A real tilted series with uneven steps (28 slices), shuffled, doubled, thinned out and mirrored:
//! the right picture or an amber notice, never a wrong one in silence. Skipped where the
//! conformance set is not there.

use super::tests::says;
use crate::io::{OpenOptions, files_of_series, list, open, open_with};
use crate::volume::{Severity, Volume};
use std::path::{Path, PathBuf};

const SERIES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/conformance/dicom/ct_ge_gantry_tilt_variable_spacing"
);

fn files(test: &str) -> Option<Vec<PathBuf>> {
    let Ok(entries) = std::fs::read_dir(SERIES) else {
        eprintln!("SKIPPED {test}: no conformance set beside the repository");
        return None;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "dcm"));
    paths.sort();
    assert_eq!(paths.len(), 28);
    Some(paths)
}

fn opened(folder: &Path, raw_geometry: bool) -> Volume {
    let options = OpenOptions { raw_geometry, ..OpenOptions::default() };
    open_with(folder, &options).unwrap_or_else(|e| panic!("{e}"))
}

/// Writes the value of the first element of this tag (explicit VR, little endian, short form).
fn edit(bytes: &mut Vec<u8>, tag: [u16; 2], change: impl Fn(&str) -> String) {
    let mark = [tag[0].to_le_bytes(), tag[1].to_le_bytes()].concat();
    let at = 132 + bytes[132..].windows(4).position(|w| w == mark).expect("the element is there");
    let length = usize::from(u16::from_le_bytes([bytes[at + 6], bytes[at + 7]]));
    let old = String::from_utf8_lossy(&bytes[at + 8..at + 8 + length]).into_owned();
    let mut new = change(old.trim_end_matches([' ', '\0']));
    if new.len() % 2 == 1 {
        new.push(if &bytes[at + 4..at + 6] == b"UI" { '\0' } else { ' ' });
    }
    bytes.splice(
        at + 6..at + 8 + length,
        (new.len() as u16).to_le_bytes().into_iter().chain(new.into_bytes()),
    );
}

/// Another instance, with the same number of digits.
fn rename(bytes: &mut Vec<u8>) {
    edit(bytes, [8, 0x18], |uid| {
        let (rest, last) = uid.split_at(uid.len() - 1);
        format!("{rest}{}", if last == "7" { 8 } else { 7 })
    });
}

fn same(a: &Volume, b: &Volume) -> bool {
    a.voxels() == b.voxels() && a.geometry().matches(b.geometry(), 1e-9)
}

#[test]
fn shuffled_names_change_nothing() {
    let Some(files) = files("shuffled_names_change_nothing") else { return };
    let dir = tempfile::tempdir().expect("temp dir");
    for (i, file) in files.iter().enumerate() {
        std::fs::copy(file, dir.path().join(format!("{:02}", i * 11 % 28))).expect("copied");
    }
    for raw in [false, true] {
        let (a, b) = (opened(Path::new(SERIES), raw), opened(dir.path(), raw));
        assert!(same(&a, &b));
        assert_eq!(a.notices, b.notices);
        assert!(says(&a, "sheared by 18.5 degrees"), "{:?}", a.notices);
    }
}

#[test]
fn doubled_slices_are_told_apart_from_copies() {
    let Some(files) = files("doubled_slices_are_told_apart_from_copies") else { return };
    let whole = opened(Path::new(SERIES), true);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let dir = tempfile::tempdir().expect("temp dir");
        for file in &files {
            std::fs::copy(file, dir.path().join(file.file_name().expect("named"))).expect("copied");
        }
        for i in [3, 10] {
            let mut bytes = std::fs::read(&files[i]).expect("read");
            change(&mut bytes);
            std::fs::write(dir.path().join(format!("z{i}")), bytes).expect("written");
        }
        opened(dir.path(), true)
    };
    let copied = with(&|_| {});
    assert!(same(&whole, &copied) && says(&copied, "2 files are copies of others"));
    let again = with(&rename);
    assert!(same(&whole, &again) && says(&again, "2 slices are there twice"));
    let other = with(&|bytes| {
        rename(bytes);
        let last = bytes.len() - 100;
        bytes[last] ^= 1;
    });
    assert!(same(&whole, &other));
    let said = other.notices.iter().find(|n| n.text.contains("2 slices lie where another one"));
    assert_eq!(said.map(|n| n.severity), Some(Severity::Amber), "{:?}", other.notices);
}

#[test]
fn missing_slices_are_said_and_the_others_keep_their_pixels() {
    let Some(files) = files("missing_slices_are_said_and_the_others_keep_their_pixels") else {
        return;
    };
    let whole = opened(Path::new(SERIES), true);
    // Each file alone, in the order of the whole: file names follow the patient here.
    for gone in [vec![0], vec![12, 13, 14], vec![5, 20, 27]] {
        let dir = tempfile::tempdir().expect("temp dir");
        for (i, file) in files.iter().enumerate().filter(|(i, _)| !gone.contains(i)) {
            std::fs::copy(file, dir.path().join(format!("{i}"))).expect("copied");
        }
        let raw = opened(dir.path(), true);
        let n = 512 * 512;
        let kept: Vec<usize> = (0..28).filter(|i| !gone.contains(i)).collect();
        assert_eq!(raw.geometry().shape(), [512, 512, kept.len()]);
        for (k, &z) in kept.iter().enumerate() {
            let alike = (0..n)
                .all(|i| raw.voxels().stored(k * n + i, 0) == whole.voxels().stored(z * n + i, 0));
            assert!(alike, "slice {z} without {gone:?}");
        }
        for v in [&raw, &opened(dir.path(), false)] {
            let amber = v.notices.iter().filter(|n| n.severity == Severity::Amber);
            let texts: Vec<&str> = amber.map(|n| n.text.as_str()).collect();
            assert!(texts.iter().any(|t| t.contains("slice spacing is uneven")), "{texts:?}");
        }
    }
}

#[test]
fn mirrored_cosines_mirror_the_picture_in_space() {
    let Some(files) = files("mirrored_cosines_mirror_the_picture_in_space") else { return };
    let dir = tempfile::tempdir().expect("temp dir");
    for file in &files {
        let mut bytes = std::fs::read(file).expect("read");
        edit(&mut bytes, [0x20, 0x37], |cosines| {
            let mut v: Vec<f64> = cosines.split('\\').map(|c| c.parse().expect("number")).collect();
            v[..3].iter_mut().for_each(|c| *c = -*c);
            v.iter().map(|c| format!("{c:.7}")).collect::<Vec<_>>().join("\\")
        });
        std::fs::write(dir.path().join(file.file_name().expect("named")), bytes).expect("written");
    }
    let (plain, mirrored) = (opened(Path::new(SERIES), true), opened(dir.path(), true));
    // The normal points the other way now: the last slice comes first, at its true place.
    let n = 512 * 512;
    assert!(
        (0..n).all(|i| { plain.voxels().stored(27 * n + i, 0) == mirrored.voxels().stored(i, 0) })
    );
    for (z, voxel) in [(0.0, [0.0, 0.0, 27.0]), (27.0, [0.0, 0.0, 0.0])] {
        let a = plain.geometry().world_from_voxel().apply(voxel);
        let b = mirrored.geometry().world_from_voxel().apply([0.0, 0.0, z]);
        assert!((0..3).all(|k| (a[k] - b[k]).abs() < 1e-6), "{a:?} {b:?}");
        // One column further lies on the other side of it.
        let [x, y, zz] = voxel;
        let right = plain.geometry().world_from_voxel().apply([x + 1.0, y, zz]);
        let left = mirrored.geometry().world_from_voxel().apply([1.0, 0.0, z]);
        assert!((0..3).all(|k| (right[k] + left[k] - 2.0 * a[k]).abs() < 1e-6));
    }
    assert!(says(&mirrored, "sheared by 18.5 degrees"), "{:?}", mirrored.notices);
}

#[test]
fn one_slice_knows_of_the_others() {
    let Some(files) = files("one_slice_knows_of_the_others") else { return };
    let uid = &list(&files[0]).expect("readable")[0].uid;
    let watch = crate::io::Watch::default();
    assert_eq!(files_of_series(&files[0], uid, watch).expect("readable"), 28);
    assert_eq!(open(&files[0]).expect("opens").geometry().shape()[2], 1);
}
