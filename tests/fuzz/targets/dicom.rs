//! One DICOM file: prescan, header, pixels in every transfer syntax, and as a mask.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use sfumato_fuzz::{io::read_mask, as_file, check, opened};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // Other kinds of files have targets of their own.
    let group = bytes.first_chunk::<2>();
    if bytes.get(128..132) != Some(b"DICM") && !matches!(group, Some([2 | 8, 0] | [0, 8])) {
        return Corpus::Reject;
    }
    let path = as_file("input.dcm", bytes);
    opened(&path);
    // Segmentations have a reader of their own.
    if bytes.windows(4).any(|w| w == b"66.4") {
        check(read_mask(&path, None));
    }
    Corpus::Keep
});
