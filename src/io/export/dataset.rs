//! DICOM data sets for writing (PS3.5 7.1): ascending tags, value representations from the data
//! dictionary, even lengths, explicit or implicit little endian.

use crate::io::error::one_line;
use dicom::core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom::core::{Tag, VR};
use dicom::dictionary_std::{StandardDataDictionary, tags};
use std::collections::BTreeMap;

pub(super) const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";
/// For objects whose numbers as text may exceed 64 KiB: explicit headers have no room for that.
pub(super) const IMPLICIT_LE: &str = "1.2.840.10008.1.2";
/// Names this software as a writer (PS3.7 D.3.3.2); a UUID made once.
const IMPLEMENTATION: &str = "2.25.206394812417340984318305911254739117482";

/// Elements by tag.
#[derive(Clone, Default)]
pub(super) struct Dataset(BTreeMap<Tag, (VR, Value)>);

#[derive(Clone)]
enum Value {
    Bytes(Vec<u8>),
    Items(Vec<Dataset>),
}

impl Dataset {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A text, cut to what its representation allows; control characters become blanks, and a
    /// backslash, which would separate two values, a slash.
    pub(super) fn text(&mut self, tag: Tag, value: &str) -> &mut Self {
        let vr = vr_of(tag);
        let most = match vr {
            VR::SH | VR::CS | VR::DS | VR::AE => 16,
            VR::LO | VR::PN | VR::UI => 64,
            VR::ST => 1024,
            VR::LT => 10_240,
            _ => usize::MAX,
        };
        let clean: String = match vr {
            // One value each, written by us.
            VR::UT | VR::LT | VR::ST | VR::LO | VR::SH | VR::PN => {
                let long = matches!(vr, VR::UT | VR::LT | VR::ST);
                let one: String = value.chars().take(most.min(10_240)).collect();
                one.chars()
                    .map(|c| match c {
                        '\\' if !long => '/',
                        '\n' if long => c,
                        c if one_line(c.encode_utf8(&mut [0; 4])) == " " => ' ',
                        c => c,
                    })
                    .collect()
            }
            _ => value.into(),
        };
        self.raw(tag, vr, clean.into_bytes())
    }

    /// Several values of one text element.
    pub(super) fn texts(&mut self, tag: Tag, values: &[String]) -> &mut Self {
        self.raw(tag, vr_of(tag), values.join("\\").into_bytes())
    }

    /// Decimal strings (PS3.5 6.2): at most 16 characters each.
    pub(super) fn decimals(&mut self, tag: Tag, values: &[f64]) -> &mut Self {
        self.texts(tag, &values.iter().map(|&v| decimal(v)).collect::<Vec<_>>())
    }

    pub(super) fn integer(&mut self, tag: Tag, value: impl Into<i64>) -> &mut Self {
        self.text(tag, &value.into().to_string())
    }

    pub(super) fn us(&mut self, tag: Tag, values: &[u16]) -> &mut Self {
        self.raw(tag, VR::US, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    pub(super) fn ul(&mut self, tag: Tag, values: &[u32]) -> &mut Self {
        self.raw(tag, VR::UL, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// A pointer to an attribute.
    pub(super) fn pointer(&mut self, tag: Tag, to: Tag) -> &mut Self {
        self.raw(tag, VR::AT, [to.0.to_le_bytes(), to.1.to_le_bytes()].concat())
    }

    pub(super) fn items(&mut self, tag: Tag, items: Vec<Self>) -> &mut Self {
        self.0.insert(tag, (VR::SQ, Value::Items(items)));
        self
    }

    /// Bytes as they are; padded to even length when written.
    pub(super) fn raw(&mut self, tag: Tag, vr: VR, value: Vec<u8>) -> &mut Self {
        self.0.insert(tag, (vr, Value::Bytes(value)));
        self
    }

    fn encode(&self, explicit: bool, out: &mut Vec<u8>) {
        for (tag, (vr, value)) in &self.0 {
            out.extend(tag.0.to_le_bytes());
            out.extend(tag.1.to_le_bytes());
            let body = match value {
                Value::Bytes(bytes) => bytes,
                Value::Items(items) => &encode_items(items, explicit),
            };
            let odd = body.len() % 2 == 1;
            let length = body.len() + usize::from(odd);
            // Checked by [`Self::fits`] before anything is written.
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            if explicit {
                out.extend(vr.to_bytes());
                if has_long_header(*vr) {
                    out.extend([0, 0]);
                    out.extend(length.to_le_bytes());
                } else {
                    out.extend(u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
                }
            } else {
                out.extend(length.to_le_bytes());
            }
            out.extend_from_slice(body);
            if odd {
                out.push(if matches!(vr, VR::UI | VR::OB | VR::UN) { 0 } else { b' ' });
            }
        }
    }

    /// Whether every value fits the length field of its header.
    fn fits(&self, explicit: bool) -> bool {
        self.0.values().all(|(vr, value)| match value {
            Value::Bytes(b) if explicit && !has_long_header(*vr) => b.len() < 0xffff,
            Value::Bytes(b) => b.len() < 0xffff_fff0,
            Value::Items(items) => items.iter().all(|i| i.fits(explicit)),
        })
    }

    /// A whole file (PS3.10 7.1): 128 zero bytes, `DICM`, the meta group, this data set. `None` if a
    /// value is too long for its header.
    pub(super) fn file(&self, transfer_syntax: &str) -> Option<Vec<u8>> {
        let explicit = transfer_syntax == EXPLICIT_LE;
        if !self.fits(explicit) {
            return None;
        }
        let own = |tag: Tag| match self.0.get(&tag) {
            Some((_, Value::Bytes(b))) => b.clone(),
            _ => Vec::new(),
        };
        let version = format!("SFUMATO_{}", env!("CARGO_PKG_VERSION").replace('.', "_"));
        let mut meta = Self::new();
        meta.raw(tags::FILE_META_INFORMATION_VERSION, VR::OB, vec![0, 1])
            .raw(tags::MEDIA_STORAGE_SOP_CLASS_UID, VR::UI, own(tags::SOP_CLASS_UID))
            .raw(tags::MEDIA_STORAGE_SOP_INSTANCE_UID, VR::UI, own(tags::SOP_INSTANCE_UID))
            .text(tags::TRANSFER_SYNTAX_UID, transfer_syntax)
            .text(tags::IMPLEMENTATION_CLASS_UID, IMPLEMENTATION)
            .text(tags::IMPLEMENTATION_VERSION_NAME, &version);
        let mut group = Vec::new();
        meta.encode(true, &mut group);
        let mut length = Self::new();
        length.ul(tags::FILE_META_INFORMATION_GROUP_LENGTH, &[group.len() as u32]);
        let mut out = vec![0; 128];
        out.extend(b"DICM");
        length.encode(true, &mut out);
        out.extend(group);
        self.encode(explicit, &mut out);
        Some(out)
    }
}

fn encode_items(items: &[Dataset], explicit: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        let mut body = Vec::new();
        item.encode(explicit, &mut body);
        out.extend([0xfe, 0xff, 0x00, 0xe0]);
        out.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend(body);
    }
    out
}

fn has_long_header(vr: VR) -> bool {
    matches!(
        vr,
        VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::SV
            | VR::UV
    )
}

/// By the data dictionary, so that no element is written with another one.
fn vr_of(tag: Tag) -> VR {
    StandardDataDictionary.by_tag(tag).map_or(VR::UN, |e| e.vr().relaxed())
}

/// A number in at most 16 characters.
pub(super) fn decimal(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let plain = format!("{value}");
    if plain.len() <= 16 {
        return plain;
    }
    let small = value.abs() < 1e-4 || value.abs() >= 1e14;
    (0..=14)
        .rev()
        .map(|p| if small { format!("{value:.p$e}") } else { format!("{value:.p$}") })
        .find(|s| s.len() <= 16)
        .unwrap_or_else(|| "0".into())
}

/// A code of a coding scheme (PS3.3 8.8).
pub(super) fn code(value: &str, scheme: &str, meaning: &str) -> Dataset {
    let mut d = Dataset::new();
    d.text(tags::CODE_VALUE, value)
        .text(tags::CODING_SCHEME_DESIGNATOR, scheme)
        .text(tags::CODE_MEANING, meaning);
    d
}

/// A UID from a random UUID (PS3.5 B.2).
pub(super) fn new_uid() -> String {
    let mut n: u128 = rand::random();
    // Version 4, variant 1 (RFC 9562).
    n = n & !(0xf << 76) | 4 << 76;
    n = n & !(0x3 << 62) | 0x2 << 62;
    format!("2.25.{n}")
}

/// Date and time now, UTC: `YYYYMMDD`, `HHMMSS`.
pub(super) fn now() -> (String, String) {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = since.map_or(0, |d| d.as_secs());
    let (y, m, d) = civil(seconds / 86_400);
    let s = seconds % 86_400;
    (format!("{y:04}{m:02}{d:02}"), format!("{:02}{:02}{:02}", s / 3600, s / 60 % 60, s % 60))
}

/// Year, month and day of a day counted from 1970-01-01 (Gregorian; years begin in March, so that
/// the leap day is the last).
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let m = (5 * of_year + 2) / 153;
    let day = of_year - (153 * m + 2) / 5 + 1;
    let month = if m < 10 { m + 3 } else { m - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom::encoding::TransferSyntaxIndex;
    use dicom::object::InMemDicomObject;
    use dicom::transfer_syntax::TransferSyntaxRegistry;

    #[test]
    fn decimals_are_short_and_near() {
        for v in [
            0.0,
            -0.0,
            1.0,
            -0.5,
            0.1 + 0.2,
            1.0 / 3.0,
            -1.0 / 3.0,
            123_456.789_012_345_67,
            1e-9,
            -std::f64::consts::PI * 1e-7,
            1e16,
            -12_345_678_901_234.567,
            0.000_123_456_789_012_345,
        ] {
            let text = decimal(v);
            assert!(text.len() <= 16, "{text}");
            let back: f64 = text.parse().expect("a number");
            assert!((back - v).abs() <= 1e-9 * v.abs().max(1e-3), "{v} {text}");
        }
    }

    #[test]
    fn days_are_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(19_722), (2023, 12, 31));
        assert_eq!(civil(47_540), (2100, 2, 28));
        assert_eq!(civil(47_541), (2100, 3, 1));
    }

    #[test]
    fn uids_are_legal_and_differ() {
        let (a, b) = (new_uid(), new_uid());
        assert!(a.len() <= 64 && a.starts_with("2.25.") && a != b);
        let n: u128 = a[5..].parse().expect("a number");
        assert_eq!((n >> 76 & 0xf, n >> 62 & 3), (4, 2));
    }

    #[test]
    fn dicom_rs_reads_what_is_encoded() {
        let mut inner = Dataset::new();
        inner.us(tags::SEGMENT_NUMBER, &[7]).text(tags::SEGMENT_LABEL, "odd\\one\u{7}x");
        let mut d = Dataset::new();
        d.items(tags::SEGMENT_SEQUENCE, vec![inner, Dataset::new()])
            .text(tags::SOP_CLASS_UID, "1.2.3")
            .decimals(tags::PIXEL_SPACING, &[0.5, 0.25])
            .pointer(tags::DIMENSION_INDEX_POINTER, tags::IMAGE_POSITION_PATIENT)
            .raw(tags::PIXEL_DATA, VR::OB, vec![1, 2, 3]);
        for (explicit, uid) in [(true, EXPLICIT_LE), (false, IMPLICIT_LE)] {
            let mut bytes = Vec::new();
            d.encode(explicit, &mut bytes);
            assert_eq!(bytes.len() % 2, 0);
            let ts = TransferSyntaxRegistry.get(uid).expect("known");
            let o = InMemDicomObject::read_dataset_with_ts(bytes.as_slice(), ts).expect("parses");
            let segments = o.get(tags::SEGMENT_SEQUENCE).and_then(|e| e.items()).expect("items");
            assert_eq!(segments.len(), 2);
            let label = segments[0].get(tags::SEGMENT_LABEL).expect("there");
            assert_eq!(label.to_str().expect("text"), "odd/one x");
            let spacing = o.get(tags::PIXEL_SPACING).expect("there").to_multi_float64();
            assert_eq!(spacing.expect("numbers"), [0.5, 0.25]);
        }
        let mut long = Dataset::new();
        long.raw(tags::CONTOUR_DATA, VR::DS, vec![b'1'; 70_000]);
        assert!(long.file(EXPLICIT_LE).is_none());
        assert!(long.file(IMPLICIT_LE).is_some());
    }
}
