//! The directories of a TIFF file (TIFF 6.0 section 2; BigTIFF), looked over before a decoder sees
//! them: it takes space for as many values as an entry declares.

use crate::io::error::Refusal;
use std::io::{Read, Seek, SeekFrom};

/// More pages than any stack has.
pub(super) const PAGES: usize = 65_535;
/// Values of one entry: enough for the strips and tiles of any picture.
const VALUES: u64 = 4_000_000;
/// Entries from here on are private; they are never read.
const PRIVATE: u64 = 32_768;

/// Refuses a file of `length` bytes whose directories do not fit into it side by side, or of which an
/// entry declares more values than there are bytes.
pub(super) fn check(file: &mut (impl Read + Seek), length: u64) -> Result<(), Refusal> {
    let broken = |what: &str| Refusal::damaged(format!("tiff: {what}"));
    let mut head = [0; 16];
    file.rewind()?;
    // The least file of the plain kind is shorter than a head of the wide kind.
    let had = file.take(16).read(&mut head)?;
    let big_endian = head.starts_with(b"MM");
    let number = |bytes: &[u8]| {
        let add = |n: u64, b: &u8| n << 8 | u64::from(*b);
        if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    };
    let wide = number(&head[2..4]) == 43;
    // Bytes of the number of entries, of one entry, and of an offset.
    let (count_size, entry_size, offset_size) = if wide { (8, 20, 8) } else { (2, 12, 4) };
    let mut at = if wide { number(&head[8..16]) } else { number(&head[4..8]) };
    if had < if wide { 16 } else { 8 } {
        return Err(broken("the file ends inside its header"));
    }
    let (mut pages, mut taken) = (0, 0);
    while at != 0 {
        pages += 1;
        if pages > PAGES {
            return Err(broken("more pages than any stack has"));
        }
        let mut part = |at: u64, size: usize| -> Result<Vec<u8>, Refusal> {
            let mut bytes = vec![0; size];
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut bytes).map_err(|_| broken("a directory lies beyond the end"))?;
            Ok(bytes)
        };
        let entries = number(&part(at, count_size)?);
        if entries > 65_535 {
            return Err(broken("a directory of more entries than there are"));
        }
        let size = entries as usize * entry_size;
        // Pages that share entries, or go round, would be read again and again.
        taken += (count_size + size) as u64;
        if taken > length {
            return Err(broken(
                "directories that overlap or go round, or are larger than the file",
            ));
        }
        let first = at.saturating_add(count_size as u64);
        for entry in part(first, size)?.chunks(entry_size) {
            let (tag, kind) = (number(&entry[..2]), number(&entry[2..4]));
            let count = number(&entry[4..if wide { 12 } else { 8 }]);
            let size = match kind {
                3 | 8 => 2,
                4 | 9 | 11 | 13 => 4,
                5 | 10 | 12 | 16..=18 => 8,
                _ => 1,
            };
            if count.saturating_mul(size) > length || (count > VALUES && tag < PRIVATE) {
                return Err(broken(&format!(
                    "entry {tag} declares {count} values in a file of {length} bytes"
                )));
            }
        }
        let next = part(first.saturating_add(size as u64), offset_size);
        // The last directory of a file that is cut off may lack its end.
        at = next.map_or(0, |bytes| number(&bytes));
    }
    file.rewind()?;
    Ok(())
}
