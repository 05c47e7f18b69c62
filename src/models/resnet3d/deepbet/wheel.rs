//! One entry of a zip archive in memory (APPNOTE 6.3: stored or deflated, no Zip64, no encryption).

use flate2::read::DeflateDecoder;
use std::io::Read;

/// Longest entry, bytes.
const MOST: u64 = 64 << 20;
/// Signatures of the end of the central directory, of its records, and of a file.
const END: [u8; 4] = *b"PK\x05\x06";
const RECORD: [u8; 4] = *b"PK\x01\x02";
const FILE: [u8; 4] = *b"PK\x03\x04";

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    let b = bytes.get(at..at + 2)?;
    Some(usize::from(u16::from_le_bytes([b[0], b[1]])))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    Some(short(bytes, at)? | short(bytes, at + 2)? << 16)
}

/// The first entry whose name is wanted.
///
/// # Errors
/// If there is none, or the archive is damaged.
pub(super) fn entry(archive: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Vec<u8>, String> {
    let damaged = || "the archive is damaged".to_owned();
    let end = archive.windows(4).rposition(|w| w == END).ok_or_else(damaged)?;
    let count = short(archive, end + 10).ok_or_else(damaged)?;
    let mut at = long(archive, end + 16).ok_or_else(damaged)?;
    for _ in 0..count {
        if archive.get(at..at + 4) != Some(&RECORD) {
            return Err(damaged());
        }
        let field = |offset: usize| long(archive, at + offset).ok_or_else(damaged);
        let size = |offset: usize| short(archive, at + offset).ok_or_else(damaged);
        let (name, extra, comment) = (size(28)?, size(30)?, size(32)?);
        let text = archive.get(at + 46..at + 46 + name).ok_or_else(damaged)?;
        if std::str::from_utf8(text).is_ok_and(&wanted) {
            return content(archive, field(42)?, size(10)?, field(20)?, field(24)?)
                .ok_or_else(damaged);
        }
        at += 46 + name + extra + comment;
    }
    Err("the archive has no such entry".to_owned())
}

/// What lies behind the file header at `at`, of so many bytes, packed by `method` from `whole`.
fn content(
    archive: &[u8],
    at: usize,
    method: usize,
    packed: usize,
    whole: usize,
) -> Option<Vec<u8>> {
    if archive.get(at..at + 4) != Some(&FILE) || whole as u64 > MOST {
        return None;
    }
    let start = at + 30 + short(archive, at + 26)? + short(archive, at + 28)?;
    let bytes = archive.get(start..start.checked_add(packed)?)?;
    let out = match method {
        0 => bytes.to_vec(),
        8 => {
            let mut out = Vec::new();
            DeflateDecoder::new(bytes).take(MOST).read_to_end(&mut out).ok()?;
            out
        }
        _ => return None,
    };
    (out.len() == whole).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two entries as Python's zipfile writes them, the second deflated.
    fn archive() -> Vec<u8> {
        use flate2::{Compression, write::DeflateEncoder};
        use std::io::Write;
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&[7; 500]).unwrap();
        let entries = [("a", 0u16, b"plain".to_vec(), 5), ("b", 8, packed.finish().unwrap(), 500)];
        let (mut file, mut directory) = (Vec::new(), Vec::new());
        for (name, method, bytes, whole) in &entries {
            let at = file.len() as u32;
            let sizes = [bytes.len() as u32, *whole].map(u32::to_le_bytes).concat();
            let common = [&method.to_le_bytes()[..], &[0; 8], &sizes, &[1, 0, 0, 0]].concat();
            file.extend([&FILE[..], &[20, 0, 0, 0], &common, name.as_bytes(), bytes].concat());
            let rest = [&[0; 10][..], &at.to_le_bytes(), name.as_bytes()].concat();
            directory.extend([&RECORD[..], &[20, 0, 20, 0, 0, 0], &common, &rest].concat());
        }
        let (at, size) = (file.len() as u32, directory.len() as u32);
        file.extend(directory);
        let counts = [0, 0, 0, 0, 2, 0, 2, 0];
        file.extend([&END[..], &counts, &size.to_le_bytes(), &at.to_le_bytes(), &[0, 0]].concat());
        file
    }

    #[test]
    fn entries_are_found_by_name_stored_or_deflated() {
        let archive = archive();
        assert_eq!(entry(&archive, |n| n == "a").unwrap(), b"plain");
        assert_eq!(entry(&archive, |n| n == "b").unwrap(), vec![7; 500]);
        assert!(entry(&archive, |n| n == "c").unwrap_err().contains("no such"));
    }

    #[test]
    fn damaged_archives_are_refused() {
        let whole = archive();
        for cut in 0..whole.len() {
            let mut bent = whole.clone();
            bent[cut] ^= 0xff;
            for damaged in [&whole[..cut], &bent] {
                if let Ok(found) = entry(damaged, |n| n == "b") {
                    assert_eq!(found.len(), 500, "byte {cut}");
                }
            }
        }
        assert!(entry(&whole[..40], |n| n == "a").unwrap_err().contains("damaged"));
        assert!(entry(b"", |_| true).is_err());
    }
}
