//! Zip archives read in memory (PKWARE APPNOTE 6.3.10): the central directory, zip64 sizes included,
//! and entries that are stored or deflated. Nothing is ever written under an entry's name.

use super::bytes::{Bytes, Window};
use crate::io::error::Refusal;
use flate2::read::DeflateDecoder;
use std::io::Read;

pub(super) struct Archive {
    bytes: Bytes,
    pub(super) entries: Vec<Entry>,
}

pub(super) struct Entry {
    name: Vec<u8>,
    pub(super) encrypted: bool,
    method: u16,
    packed: usize,
    /// As declared: never more is inflated.
    pub(super) size: u64,
    /// Of its local header.
    at: usize,
}

impl Entry {
    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with(b"/") || self.name.ends_with(b"\\")
    }

    /// A name that climbs out of its folder or starts at a root: nothing honest is called so.
    pub(super) fn leads_out(&self) -> bool {
        let name = String::from_utf8_lossy(&self.name);
        name.contains(['\0', ':'])
            || name.starts_with(['/', '\\'])
            || name.split(['/', '\\']).any(|part| part == "..")
    }
}

fn broken(what: &str) -> Refusal {
    Refusal::damaged(format!("the zip archive {what}"))
}

fn u16_at(b: &[u8], at: usize) -> u64 {
    b.get(at..at + 2).map_or(0, |b| u64::from(b[0]) | u64::from(b[1]) << 8)
}

fn u32_at(b: &[u8], at: usize) -> u64 {
    u16_at(b, at) | u16_at(b, at + 2) << 16
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    u32_at(b, at) | u32_at(b, at + 4) << 32
}

/// Bytes that an entry may have whatever it was packed to, and by how much it may grow beyond that.
const FREELY: u64 = 64 << 20;
const EXPANSION: u64 = 100;

const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";

impl Archive {
    /// Reads the directory of at most `most` entries.
    pub(super) fn of(bytes: Bytes, most: usize) -> Result<Self, Refusal> {
        let length = bytes.len();
        // The end record lies before a comment of at most 65,535 bytes.
        let tail_at = length.saturating_sub(22 + 65_535);
        let tail = bytes.read(tail_at..length)?;
        let end = tail
            .windows(4)
            .rposition(|w| w == END)
            .and_then(|at| tail.get(at..at + 22).map(|r| (at, r)))
            .ok_or_else(|| broken("has no directory: it is cut off"))?;
        let (end_at, record) = end;
        let (mut count, mut start) = (u16_at(record, 10), u32_at(record, 16));
        if start == u64::from(u32::MAX) || count == 0xffff {
            // The locator of the zip64 end record stands right before.
            let locator = end_at.checked_sub(20).and_then(|at| tail.get(at..end_at));
            if let Some(locator) = locator.filter(|l| l.starts_with(b"PK\x06\x07")) {
                let at = usize::try_from(u64_at(locator, 8)).map_err(|_| broken("is too long"))?;
                let record = bytes.read(at..at.saturating_add(56))?;
                if !record.starts_with(END_64) {
                    return Err(broken("has a broken directory"));
                }
                (count, start) = (u64_at(&record, 32), u64_at(&record, 48));
            }
        }
        drop(tail);
        if count > most as u64 {
            return Err(Refusal::Choose(format!(
                "the zip archive holds {count} files, limit {most}"
            )));
        }
        let mut at = usize::try_from(start).map_err(|_| broken("has a broken directory"))?;
        let (mut entries, mut window) = (Vec::new(), Window::default());
        for _ in 0..count {
            let head: [u8; 46] = bytes
                .array(at, &mut window)
                .filter(|h| h.starts_with(ENTRY))
                .ok_or_else(|| broken("has a broken directory"))?;
            let lengths = [28, 30, 32].map(|i| u16_at(&head, i) as usize);
            let names = at + 46;
            let name = bytes.read(names..names + lengths[0])?.into_owned();
            let extra = bytes.read(names + lengths[0]..names + lengths[0] + lengths[1])?;
            let (size, packed, place) = wide_sizes(&head, &extra);
            let fits = |n: u64| usize::try_from(n).map_err(|_| broken("has a broken directory"));
            entries.push(Entry {
                name,
                encrypted: u16_at(&head, 8) & 1 == 1,
                method: u16_at(&head, 10) as u16,
                packed: fits(packed)?,
                size,
                at: fits(place)?,
            });
            at = names + lengths.iter().sum::<usize>();
        }
        Ok(Self { bytes, entries })
    }

    /// The first `most` bytes of an entry, or all of it if that is less.
    pub(super) fn read(&self, index: usize, most: u64) -> Result<Vec<u8>, Refusal> {
        let entry = self.entries.get(index).ok_or_else(|| broken("lacks an entry"))?;
        let start = entry.at;
        let local = self.bytes.read(start..start.saturating_add(30))?;
        if !local.starts_with(LOCAL) {
            return Err(broken("has a broken entry"));
        }
        // Name and extra field may differ from those of the directory.
        let data = start + 30 + u16_at(&local, 26) as usize + u16_at(&local, 28) as usize;
        let limit = most.min(entry.size);
        match entry.method {
            0 => {
                let n = usize::try_from(limit).unwrap_or(usize::MAX).min(entry.packed);
                Ok(self.bytes.read(data..data.saturating_add(n))?.into_owned())
            }
            8 => {
                // What is stored instead of deflated is a little longer; anything else is shorter.
                let most = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1 << 16);
                let end = data.saturating_add(entry.packed.min(most));
                if limit > FREELY && limit / EXPANSION > entry.packed as u64 {
                    return Err(Refusal::damaged(format!(
                        "a file of the archive would grow from {} to {limit} bytes; unpack it to \
                         open it",
                        entry.packed
                    )));
                }
                let packed = self.bytes.read(data..end)?;
                let mut out = Vec::new();
                DeflateDecoder::new(&*packed).take(limit).read_to_end(&mut out).map_err(|e| {
                    Refusal::damaged(format!("a file of the archive cannot be inflated ({e})"))
                })?;
                Ok(out)
            }
            n => Err(Refusal::unsupported(format!("zip archives packed by method {n}"))),
        }
    }
}

/// Size, packed size and place of an entry, from the zip64 field where the plain ones are full.
fn wide_sizes(head: &[u8], extra: &[u8]) -> (u64, u64, u64) {
    let plain = [u32_at(head, 24), u32_at(head, 20), u32_at(head, 42)];
    let mut rest = extra;
    while rest.len() >= 4 {
        let length = u16_at(rest, 2) as usize;
        let body = rest.get(4..4 + length).unwrap_or_default();
        if u16_at(rest, 0) == 1 {
            let mut words = body.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w));
            let [a, b, c] =
                plain.map(|v| if v == u64::from(u32::MAX) { words.next().unwrap_or(v) } else { v });
            return (a, b, c);
        }
        rest = rest.get(4 + length..).unwrap_or_default();
    }
    let [a, b, c] = plain;
    (a, b, c)
}

/// An archive of stored or deflated entries, for tests.
#[cfg(test)]
pub(super) fn archive(files: &[(&str, &[u8])], deflate: bool) -> Vec<u8> {
    use std::io::Write;
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, body) in files {
        let packed = if deflate {
            let mut e = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            e.write_all(body).expect("in memory");
            e.finish().expect("in memory")
        } else {
            body.to_vec()
        };
        let at = out.len() as u32;
        let method = if deflate { 8u16 } else { 0 };
        let mut middle = vec![20, 0, 0, 0];
        middle.extend(method.to_le_bytes());
        middle.extend([0; 8]); // time, date, checksum
        middle.extend((packed.len() as u32).to_le_bytes());
        middle.extend((body.len() as u32).to_le_bytes());
        middle.extend((name.len() as u16).to_le_bytes());
        middle.extend([0, 0]);
        out.extend(LOCAL);
        out.extend(&middle);
        out.extend(name.as_bytes());
        out.extend(&packed);
        directory.extend(ENTRY);
        directory.extend([20, 0]);
        directory.extend(&middle);
        directory.extend([0; 10]); // comment, disk, attributes
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(END);
    out.extend([0; 4]);
    for _ in 0..2 {
        out.extend((files.len() as u16).to_le_bytes());
    }
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(bytes: &[u8]) -> Result<Archive, Refusal> {
        Archive::of(Bytes::Memory(bytes.to_vec()), 100)
    }

    #[test]
    fn entries_are_read_and_names_judged() {
        let long = vec![7u8; 100_000];
        for deflate in [false, true] {
            let names: &[(&str, &[u8])] = &[
                ("a/b", b"hello"),
                ("a/", b""),
                ("../c", b"x"),
                ("a/../../d", b"x"),
                ("e", &long),
            ];
            let a = opened(&archive(names, deflate)).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(a.read(0, 1000).expect("there"), b"hello");
            assert_eq!(a.read(0, 2).expect("there"), b"he");
            assert_eq!(a.read(4, u64::MAX).expect("there"), long);
            let out: Vec<bool> = a.entries.iter().map(Entry::leads_out).collect();
            assert_eq!(out, [false, false, true, true, false]);
            assert!(a.entries[1].is_folder() && a.read(5, 1).is_err());
        }
        for name in ["/etc/passwd", "C:\\x", "\\\\host\\x", "a\\..\\..\\b"] {
            let a = opened(&archive(&[(name, b"x")], false)).unwrap_or_else(|e| panic!("{e}"));
            assert!(a.entries[0].leads_out(), "{name}");
        }
    }

    #[test]
    fn damage_is_refused() {
        let whole = archive(&[("a", b"hello hello hello hello"), ("b", b"two")], true);
        for n in 0..whole.len() {
            assert!(opened(&whole[..n]).is_err(), "{n}");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut b = whole.clone();
                b[at] ^= 1 << bit;
                if let Ok(a) = opened(&b) {
                    for i in 0..a.entries.len() {
                        // A checksum is not kept; the size is.
                        drop(a.read(i, 1 << 20));
                    }
                }
            }
        }
        // More entries than are wanted.
        assert!(Archive::of(Bytes::Memory(whole), 1).is_err());
    }
}
