//! Text in the character sets of DICOM (PS3.5 6.1, PS3.3 C.12.1.1.2): single ones, and code
//! extensions that change the set within a text by escape sequences (ISO 2022). dicom-rs knows the
//! first set of a list only, so that it is kept from seeing the list, reads bytes, and what they mean
//! is found here.

use super::prescan::Encoding;
use dicom::core::value::{C, PrimitiveValue, Value};
use dicom::core::{DataElement, Tag, VR};
use dicom::dictionary_std::tags;
use dicom::encoding::text::{SpecificCharacterSet, TextCodec};
use dicom::object::InMemDicomObject;

const ESCAPE: u8 = 0x1b;
/// Where the element lies while dicom-rs parses: a number that the standard does not use.
const ASIDE: Tag = Tag(0x0008, 0x0004);

/// What bytes from 0x80 stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum High {
    /// Nothing (ISO 646): as Latin-1, like other readers.
    Unknown,
    /// One byte each, by the set's name.
    Single(&'static str),
    /// ISO 8859-15.
    Latin9,
    /// Katakana (JIS X 0201), or two bytes of Shift-JIS where a writer took it for that.
    Kana,
    /// Two bytes each (KS X 1001, GB 2312), by the set's name.
    Double(&'static str),
}

/// What bytes below 0x80 stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Low {
    Ascii,
    /// Two bytes each after this escape sequence (JIS X 0208, JIS X 0212).
    Double(&'static [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whole {
    Utf8,
    /// GB18030 and GBK: one, two or four bytes.
    Gb18030,
    /// With escape sequences; bytes from 0x80 stand for this before the first.
    Iso2022(High),
}

/// The sets of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CharacterSets(Whole);

impl CharacterSets {
    /// Of a value of Specific Character Set, spelt as the standard wants it or nearly so.
    fn of(value: &[u8]) -> Self {
        let value = String::from_utf8_lossy(value).to_ascii_uppercase();
        let first = value.split('\\').next().unwrap_or_default().trim_matches(['\0', ' ']);
        let digits = first.len() - first.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let number = first.get(first.len() - digits..).unwrap_or_default();
        Self(match number {
            "192" => Whole::Utf8,
            _ if first.starts_with("UTF") => Whole::Utf8,
            "18030" => Whole::Gb18030,
            _ if first.ends_with("GBK") => Whole::Gb18030,
            number => Whole::Iso2022(high(number)),
        })
    }

    /// What the bytes of one element mean. Backslashes part values; names have parts of their own.
    fn decode(self, bytes: &[u8], is_name: bool) -> String {
        match self.0 {
            Whole::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Whole::Gb18030 => {
                let mut out = String::with_capacity(bytes.len());
                let mut rest = bytes;
                while let Some(&b) = rest.first() {
                    let n = if b < 0x80 { 1 } else { wide(&mut out, "GB18030", rest, &[2, 4]) };
                    if b < 0x80 {
                        out.push(char::from(b));
                    }
                    rest = rest.get(n..).unwrap_or_default();
                }
                out
            }
            Whole::Iso2022(first) => iso_2022(bytes, first, is_name),
        }
    }
}

/// What a set, by its number, means by bytes from 0x80.
fn high(number: &str) -> High {
    match number {
        "13" => High::Kana,
        "58" => High::Double("GBK"),
        "149" => High::Double("ISO_IR 149"),
        "203" => High::Latin9,
        "100" => High::Single("ISO_IR 100"),
        "101" => High::Single("ISO_IR 101"),
        "109" => High::Single("ISO_IR 109"),
        "110" => High::Single("ISO_IR 110"),
        "126" => High::Single("ISO_IR 126"),
        "127" => High::Single("ISO_IR 127"),
        "138" => High::Single("ISO_IR 138"),
        "144" => High::Single("ISO_IR 144"),
        "148" => High::Single("ISO_IR 148"),
        "166" => High::Single("ISO_IR 166"),
        _ => High::Unknown,
    }
}

/// The escape sequence at the beginning of `rest` (PS3.3 tables C.12-3 and C.12-4): its length, and
/// what it changes.
fn escape(rest: &[u8]) -> Option<(usize, Option<Low>, Option<High>)> {
    let (low, high) = (|n, to| Some((n, Some(to), None)), |n, to| Some((n, None, Some(to))));
    match rest {
        [ESCAPE, b'(', b'B' | b'J', ..] => low(3, Low::Ascii),
        [ESCAPE, b'$', b'B' | b'@', ..] => low(3, Low::Double(b"\x1b$B")),
        [ESCAPE, b'$', b'(', b'D', ..] => low(4, Low::Double(b"\x1b$(D")),
        [ESCAPE, b')', b'I', ..] => high(3, High::Kana),
        [ESCAPE, b'$', b')', b'C', ..] => high(4, self::high("149")),
        [ESCAPE, b'$', b')', b'A', ..] => high(4, self::high("58")),
        [ESCAPE, b'-', set, ..] => high(
            3,
            self::high(match set {
                b'A' => "100",
                b'B' => "101",
                b'C' => "109",
                b'D' => "110",
                b'F' => "126",
                b'G' => "127",
                b'H' => "138",
                b'L' => "144",
                b'M' => "148",
                b'T' => "166",
                b'b' => "203",
                _ => return None,
            }),
        ),
        _ => None,
    }
}

fn iso_2022(bytes: &[u8], first: High, is_name: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    let (mut low, mut high) = (Low::Ascii, first);
    let mut rest = bytes;
    while let Some(&b) = rest.first() {
        let used = if let Some((n, l, h)) = escape(rest) {
            (low, high) = (l.unwrap_or(low), h.unwrap_or(high));
            n
        } else if b >= 0x80 {
            upper(&mut out, high, rest)
        } else if let (Low::Double(switch), 0x21..=0x7e, Some(&trail @ 0x21..=0x7e)) =
            (low, b, rest.get(1))
        {
            let pair = [switch, &[b, trail], b"\x1b(B"].concat();
            out.push(one("ISO_IR 87", &pair).unwrap_or(char::REPLACEMENT_CHARACTER));
            2
        } else {
            // After these the first set holds again. Where that has no upper half, the one in use
            // is kept for writers who do not repeat the escape sequence.
            if matches!(b, b'\\' | b'\t' | b'\n' | 0x0c | b'\r')
                || is_name && matches!(b, b'^' | b'=')
            {
                low = Low::Ascii;
                high = if first == High::Unknown { high } else { first };
            }
            out.push(char::from(b));
            1
        };
        rest = rest.get(used..).unwrap_or_default();
    }
    out
}

/// Appends the character that begins `rest`, which is a byte from 0x80; how many bytes it took.
fn upper(out: &mut String, high: High, rest: &[u8]) -> usize {
    let b = rest.first().copied().unwrap_or_default();
    let c = match high {
        High::Double(set) => return wide(out, set, rest, &[2]),
        High::Kana if !(0xa1..=0xdf).contains(&b) => return wide(out, "ISO_IR 13", rest, &[2]),
        High::Kana => char::from_u32(0xff61 + u32::from(b - 0xa1)),
        High::Unknown => Some(char::from(b)),
        High::Single("ISO_IR 148") => Some(match b {
            0xd0 => 'Ğ',
            0xdd => 'İ',
            0xde => 'Ş',
            0xf0 => 'ğ',
            0xfd => 'ı',
            0xfe => 'ş',
            b => char::from(b),
        }),
        High::Latin9 => Some(match b {
            0xa4 => '€',
            0xa6 => 'Š',
            0xa8 => 'š',
            0xb4 => 'Ž',
            0xb8 => 'ž',
            0xbc => 'Œ',
            0xbd => 'œ',
            0xbe => 'Ÿ',
            b => char::from(b),
        }),
        High::Single(set) => one(set, &[b]),
    };
    out.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
    1
}

/// Appends the character of several bytes that begins `rest`; how many bytes it took.
fn wide(out: &mut String, set: &str, rest: &[u8], lengths: &[usize]) -> usize {
    let found = lengths.iter().find_map(|&n| Some((n, one(set, rest.get(..n)?)?)));
    let (n, c) = found.unwrap_or((1, char::REPLACEMENT_CHARACTER));
    out.push(c);
    n
}

/// The one character that the bytes mean.
fn one(set: &str, bytes: &[u8]) -> Option<char> {
    let text = SpecificCharacterSet::from_code(set)?.decode(bytes).ok()?;
    let mut chars = text.chars();
    // What cannot be decoded comes back as several characters, a number in octal.
    chars.next().filter(|_| chars.next().is_none())
}

/// Hides the sets at the beginning of a header from dicom-rs, which then reads text byte for byte.
/// `None` if there are none.
pub(super) fn set_aside(header: &mut [u8], encoding: Encoding) -> Option<CharacterSets> {
    let mut at = 0;
    loop {
        let h: [u8; 8] = header.get(at..at + 8)?.try_into().ok()?;
        let [g0, g1, e0, e1, v0, v1, l0, l1] = h;
        let big = encoding.big_endian;
        let short = |b: [u8; 2]| if big { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) };
        let tag = Tag(short([g0, g1]), short([e0, e1]));
        // Elements are in ascending order, and those before are short.
        if tag > tags::SPECIFIC_CHARACTER_SET {
            return None;
        }
        let length = if encoding.explicit {
            usize::from(short([l0, l1]))
        } else {
            u32::from_le_bytes([v0, v1, l0, l1]) as usize
        };
        let end = (at + 8).checked_add(length)?;
        let value = header.get(at + 8..end)?;
        if tag == tags::SPECIFIC_CHARACTER_SET {
            let sets = CharacterSets::of(value);
            *header.get_mut(if big { at + 3 } else { at + 2 })? = ASIDE.1 as u8;
            return Some(sets);
        }
        at = end;
    }
}

/// Puts the element back in its place, and text in place of bytes.
pub(super) fn decode(object: &mut InMemDicomObject, sets: CharacterSets) {
    if let Some(e) = object.take(ASIDE) {
        let value = e.to_bytes().map(|b| String::from_utf8_lossy(&b).into_owned());
        let value = PrimitiveValue::from(value.unwrap_or_default());
        object.put(DataElement::new(tags::SPECIFIC_CHARACTER_SET, VR::CS, value));
    }
    texts(object, sets);
}

fn texts(object: &mut InMemDicomObject, sets: CharacterSets) {
    let wanted = |vr: VR| {
        matches!(vr, VR::SQ | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT)
    };
    let list: Vec<(Tag, VR)> =
        object.iter().map(|e| (e.header().tag, e.vr())).filter(|(_, vr)| wanted(*vr)).collect();
    for (tag, vr) in list {
        object.update_value(tag, |value| match value {
            Value::Primitive(p) => {
                let raw = p.to_str();
                if !raw.bytes().any(|b| b == ESCAPE || b >= 0x80) {
                    return;
                }
                // Latin-1 holds one byte in each character.
                let bytes: Option<Vec<u8>> =
                    p.to_raw_str().chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
                let Some(bytes) = bytes else { return };
                let text = sets.decode(&bytes, vr == VR::PN);
                *p = match vr {
                    VR::LT | VR::ST | VR::UT => PrimitiveValue::Str(text),
                    _ => PrimitiveValue::Strs(C::from_iter(text.split('\\').map(str::to_owned))),
                };
            }
            value => {
                for item in value.items_mut().into_iter().flatten() {
                    texts(item, sets);
                }
            }
        });
    }
}

#[cfg(test)]
#[path = "charset_tests.rs"]
mod tests;
