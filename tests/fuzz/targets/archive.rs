//! Zip archives and disc indices, and the list of what they hold.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use sfumato_fuzz::{io::list, as_file, check, opened};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if bytes.first() != Some(&b'P') && bytes.get(128..132) != Some(b"DICM") {
        return Corpus::Reject;
    }
    let path = as_file("input.bin", bytes);
    check(list(&path));
    opened(&path);
    Corpus::Keep
});
