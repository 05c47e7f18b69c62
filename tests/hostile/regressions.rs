//! What fuzzing found, each as small as it goes.

use crate::files::*;
use crate::{Report, alone, attempt_bytes};

/// The parser of dicom-rs leaves the rest of a cut-off number unread, and took what followed for an
/// element of four gigabytes.
#[test]
fn numbers_of_which_the_last_is_cut_off() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("temp dir");
    let mut report = Report::default();
    for vr in [b"SL", b"UL", b"FL", b"AT", b"FD", b"SS", b"US", b"OW", b"UV"] {
        let way = crate::Way::Image;
        for length in [1u16, 2, 3, 6] {
            // Three bytes that begin a tag and a length of gigabytes when read out of step.
            let mut cut = header(8, 1, vr, u32::from(length));
            cut.extend([0xfe; 6].iter().take(length.into()));
            let mut body = cut.clone();
            body.extend(sorted(&plain()));
            let top = attempt_bytes(dir.path(), &dicom_of(EXPLICIT, &body), way);
            report.expect("at the top", &top, None);
            let mut nested = sequence(8, 0x1140, &[cut]);
            nested.extend(sorted(&plain()));
            let outcome = attempt_bytes(dir.path(), &dicom_of(EXPLICIT, &nested), way);
            report.add("in an item", &outcome);
        }
    }
    report.finish();
}

/// A spacing of 10^-47 mm (micrometres, and a float that is hardly one) is nothing in the floats that
/// a file holds: what was written came back with another spacing. It is refused instead.
#[test]
fn spacings_too_small_for_a_file() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("temp dir");
    let mut bytes = nifti_with(&[(280, f32::from_bits(1))]);
    bytes[123] = 3;
    let path = dir.path().join("small.nii");
    std::fs::write(&path, bytes).expect("written");
    let volume = sfumato::io::open(&path).unwrap_or_else(|e| panic!("{e}"));
    assert!(volume.geometry().spacing()[0] < 1e-40);
    let out = dir.path().join("out.nii");
    let e = sfumato::io::convert(&out, &volume, false).expect_err("refused").to_string();
    assert!(e.contains("32-bit floats"), "{e}");
    assert!(!out.exists());
}

/// Fragments under another tag than that of pixel data were taken for a sequence of data sets.
#[test]
fn fragments_that_are_no_pixel_data() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("temp dir");
    let mut report = Report::default();
    let mut other = encapsulated(&[vec![0; 20], vec![0xfe; 40]]);
    put(&mut other, 0, &[0x09, 0, 0x10, 0x10]);
    for front in [other.clone(), sequence(8, 0x1140, &[other])] {
        let mut body = front;
        body.extend(sorted(&plain()));
        let outcome = attempt_bytes(dir.path(), &dicom_of(EXPLICIT, &body), crate::Way::Image);
        report.expect("fragments", &outcome, None);
    }
    report.finish();
}

/// The pages of a small TIFF that go round were walked until there were too many of them: for
/// seconds, and with many entries for hours.
#[test]
fn pages_that_go_round() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("temp dir");
    let mut report = Report::default();
    for entries in [0, 1, 20, 4000] {
        let circle = tiff_of(&vec![(40_000, 1, 1, 0); entries], 8);
        let outcome = attempt_bytes(dir.path(), &circle, crate::Way::Image);
        report.expect("a circle", &outcome, Some("go round"));
    }
    report.finish();
}
