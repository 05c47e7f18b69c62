//! One DICOM file: prescan, header, pixels in every transfer syntax.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use sfumato_fuzz::opened;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // Other kinds of files have targets of their own.
    let group = bytes.first_chunk::<2>();
    if bytes.get(128..132) != Some(b"DICM") && !matches!(group, Some([2 | 8, 0] | [0, 8])) {
        return Corpus::Reject;
    }
    opened("input.dcm", bytes);
    Corpus::Keep
});
