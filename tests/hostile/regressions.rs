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
