//! Label descriptions: what is read, written and read again is equal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sfumato_fuzz::{io::{read_label_table, write_label_table}, as_file, check};

fuzz_target!(|bytes: &[u8]| {
    let Some(table) = check(read_label_table(&as_file("input.txt", bytes))) else { return };
    let path = as_file("output.txt", b"");
    write_label_table(&path, &table, true).unwrap_or_else(|e| panic!("{e}"));
    let again = read_label_table(&path).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again, table);
});
