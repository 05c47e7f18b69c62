//! Slices whose identifiers cannot be trusted: kept, joined, or held apart by place and pixels.

use super::tests::{Slice, says};
use crate::io::{OpenOptions, list, open, open_with};
use crate::volume::Volume;
use std::path::Path;

fn shape(v: &Volume) -> ([usize; 3], usize) {
    (v.geometry().shape(), v.times())
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
fn slices_with_a_frame_of_reference_each_are_one_stack() {
    let dir = tempfile::tempdir().expect("temp dir");
    for (i, frame) in ["1.1", "1.2", "1.3", "1.4"].into_iter().enumerate() {
        let slice = Slice { frame, ..Slice::at(i + 1, at(3.0 * i as f64)) };
        slice.write(dir.path(), &format!("{i}"));
    }
    let v = good(dir.path());
    assert_eq!((shape(&v), v.geometry().spacing()[2]), (([3, 2, 4], 1), 3.0));
    assert!(says(&v, "a frame of reference of its own"), "{:?}", v.notices);
    // Two frames of two slices: positions of one mean nothing in the other.
    let dir = tempfile::tempdir().expect("temp dir");
    for (i, frame) in ["1.1", "1.1", "1.2", "1.2"].into_iter().enumerate() {
        let slice = Slice { frame, ..Slice::at(i + 1, at(3.0 * i as f64)) };
        slice.write(dir.path(), &format!("{i}"));
    }
    assert_eq!(list(dir.path()).unwrap_or_else(|e| panic!("{e}")).len(), 2);
}
