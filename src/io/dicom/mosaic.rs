//! Siemens mosaics: all slices of a volume as tiles of one picture. How many there are and which way
//! they go stands in the private CSA header (syngo "SV10" format).

use super::element::{numbers, text};
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mosaic {
    pub(super) slices: usize,
    /// Tiles per row and per column.
    pub(super) side: usize,
    /// Direction in which the slices follow one another (LPS), if it is known.
    pub(super) normal: Option<[f64; 3]>,
}

impl Mosaic {
    /// `None` if the object is no mosaic, or does not say how many tiles it has.
    pub(super) fn of(o: &InMemDicomObject, rows: usize, columns: usize) -> Option<Self> {
        if !is_mosaic(o) {
            return None;
        }
        let csa = o
            .private_element(0x0029, "SIEMENS CSA HEADER", 0x10)
            .ok()
            .and_then(|e| e.to_bytes().ok())
            .map(|b| b.into_owned())
            .unwrap_or_default();
        let count = csa_numbers(&csa, "NumberOfImagesInMosaic")
            .and_then(|v| v.first().copied())
            .or_else(|| {
                let e = o.private_element(0x0019, "SIEMENS MR HEADER", 0x0a).ok()?;
                match e.to_bytes().ok()?.as_ref() {
                    // "Unknown" where the file is implicit.
                    &[a, b] => Some(f64::from(u16::from_le_bytes([a, b]))),
                    _ => e.to_float64().ok(),
                }
            })
            .or_else(|| numbers(o, dicom::core::Tag(0x0019, 0x100a))?.first().copied())?;
        let slices = count as usize;
        if !(1.0..=4096.0).contains(&count) {
            return None;
        }
        let side = (1..=64).find(|s| s * s >= slices)?;
        let fits = rows.is_multiple_of(side) && columns.is_multiple_of(side);
        let normal =
            csa_numbers(&csa, "SliceNormalVector").and_then(|v| v.get(..3)?.try_into().ok());
        fits.then_some(Self { slices, side, normal })
    }
}

pub(super) fn is_mosaic(o: &InMemDicomObject) -> bool {
    text(o, tags::IMAGE_TYPE).is_some_and(|t| t.split('\\').any(|p| p.trim() == "MOSAIC"))
}

/// The numbers of one entry of a CSA header.
fn csa_numbers(bytes: &[u8], name: &str) -> Option<Vec<f64>> {
    let word = |at: usize| -> Option<usize> {
        Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize)
    };
    if !bytes.starts_with(b"SV10") {
        return None;
    }
    let count = word(8)?.min(1024);
    let mut at = 16;
    for _ in 0..count {
        let label = bytes.get(at..at + 64)?;
        let label = label.split(|&b| b == 0).next().unwrap_or_default();
        let items = word(at + 76)?;
        at += 84;
        let mut values = Vec::new();
        for _ in 0..items.min(1024) {
            let length = word(at + 4)?;
            let text = bytes.get(at + 16..(at + 16).checked_add(length)?)?;
            let text = String::from_utf8_lossy(text);
            values.extend(text.trim_matches(['\0', ' ']).parse::<f64>().ok());
            at = (at + 16).checked_add(length)?.next_multiple_of(4);
        }
        if label == name.as_bytes() {
            return (values.iter().all(|v| v.is_finite()) && !values.is_empty()).then_some(values);
        }
    }
    None
}

/// A CSA header with some entries, for tests.
#[cfg(test)]
pub(super) fn csa_header(entries: &[(&str, &[&str])]) -> Vec<u8> {
    let mut b = b"SV10\x04\x03\x02\x01".to_vec();
    b.extend((entries.len() as u32).to_le_bytes());
    b.extend(77u32.to_le_bytes());
    for (name, values) in entries {
        let mut label = name.as_bytes().to_vec();
        label.resize(64, 0);
        b.extend(label);
        b.extend((values.len() as u32).to_le_bytes());
        b.extend(b"FD\0\0");
        b.extend(0u32.to_le_bytes());
        b.extend((values.len() as u32).to_le_bytes());
        b.extend(77u32.to_le_bytes());
        for v in *values {
            let n = v.len() as u32 + 1;
            for word in [n, n, 77, n] {
                b.extend(word.to_le_bytes());
            }
            b.extend(v.as_bytes());
            b.push(0);
            b.resize(b.len().next_multiple_of(4), 0);
        }
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_behind_others() {
        let b = csa_header(&[
            ("EchoLinePosition", &["34"]),
            ("SliceNormalVector", &["0.5", "-0.25", "1"]),
            ("NumberOfImagesInMosaic", &["40"]),
        ]);
        assert_eq!(csa_numbers(&b, "SliceNormalVector"), Some(vec![0.5, -0.25, 1.0]));
        assert_eq!(csa_numbers(&b, "NumberOfImagesInMosaic"), Some(vec![40.0]));
        assert_eq!(csa_numbers(&b, "Other"), None);
        for n in 0..b.len() {
            csa_numbers(&b[..n], "NumberOfImagesInMosaic");
        }
    }
}
