//! PNG, JPEG, TIFF and BMP.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use sfumato_fuzz::{as_file, opened};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if !matches!(bytes.first(), Some(0x89 | 0xff | b'I' | b'M' | b'B')) {
        return Corpus::Reject;
    }
    opened(&as_file("input.bin", bytes));
    Corpus::Keep
});
