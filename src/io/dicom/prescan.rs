//! An iterative walk over the element headers of a DICOM data set (PS3.5 section 7), before any
//! recursive parser sees it: depth, number of elements and every declared length are checked, and
//! the pixel data are found without being copied.

use super::bytes::{Bytes, Window};
use crate::io::error::Refusal;
use crate::io::limits::{DICOM_DEPTH, DICOM_ELEMENTS, DICOM_TEXT};
use dicom::core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom::core::{Tag, VR};
use dicom::dictionary_std::StandardDataDictionary;
use std::ops::Range;

/// How element headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encoding {
    pub(super) explicit: bool,
    pub(super) big_endian: bool,
}

impl Encoding {
    pub(super) const EXPLICIT: Self = Self { explicit: true, big_endian: false };
    pub(super) const IMPLICIT: Self = Self { explicit: false, big_endian: false };
}

/// Where the pixel data lie in the data set.
#[derive(Clone, Debug)]
pub(super) enum Pixels {
    /// Uncompressed; `range` is what is there, `declared` what the element claims, `words` whether
    /// it is written as 16-bit words (VR OW).
    Native { tag: Tag, range: Range<usize>, declared: u64, words: bool },
    /// Offset table and fragments; not `complete` if the file ends before the delimiter.
    Encapsulated { offset_table: Range<usize>, fragments: Vec<Range<usize>>, complete: bool },
}

#[derive(Debug)]
pub(super) struct Scan {
    pub(super) pixels: Option<Pixels>,
    /// The elements before the pixel data (or all of them) end here.
    pub(super) header_end: usize,
    /// Tags do not ascend at the top level.
    pub(super) disordered: bool,
    /// Top-level elements that the parser would lose its place in: a sequence of unknown type, which
    /// is implicit inside whatever is around it (PS3.5 6.2.2), fragments that are no pixel data, or
    /// numbers of which the last is cut off. It takes what follows for lengths of gigabytes.
    pub(super) passed_over: Vec<Range<usize>>,
}

const UNDEFINED: u32 = u32::MAX;
const PIXEL_DATA: Tag = Tag(0x7fe0, 0x0010);
const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    DataSet,
    Sequence,
    /// Fragments inside an item (an icon image): no deeper structure.
    Fragments,
}

/// One open level; `end` is `None` for undefined length.
struct Level {
    inside: Inside,
    end: Option<usize>,
    encoding: Encoding,
}

struct Reader<'a> {
    bytes: &'a Bytes,
    window: Window,
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self, limit: usize) -> Result<[u8; N], Refusal> {
        let end = self.at.checked_add(N).filter(|&e| e <= limit);
        let out =
            end.and_then(|_| self.bytes.array(self.at, &mut self.window)).ok_or_else(|| {
                Refusal::damaged(format!("the data set ends inside an element, byte {}", self.at))
            })?;
        self.at += N;
        Ok(out)
    }

    fn u16(&mut self, e: Encoding, limit: usize) -> Result<u16, Refusal> {
        let b = self.take(limit)?;
        Ok(if e.big_endian { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) })
    }

    fn u32(&mut self, e: Encoding, limit: usize) -> Result<u32, Refusal> {
        let b = self.take(limit)?;
        Ok(if e.big_endian { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) })
    }

    /// Backslashes in a range: the values of a list are parsed one by one, so each counts.
    fn separators(&mut self, range: Range<usize>) -> usize {
        let mut count = 0;
        let mut at = range.start;
        while at < range.end {
            let eight = self.bytes.array::<8>(at, &mut self.window);
            let some = match eight {
                Some(b) => b,
                None => self.bytes.array::<1>(at, &mut self.window).map_or([0; 8], |[b]| [b; 8]),
            };
            let step = if eight.is_some() { 8.min(range.end - at) } else { 1 };
            count += some.iter().take(step).filter(|b| **b == b'\\').count();
            at += step;
        }
        count
    }

    fn tag(&mut self, e: Encoding, limit: usize) -> Result<Tag, Refusal> {
        Ok(Tag(self.u16(e, limit)?, self.u16(e, limit)?))
    }
}

/// VR and length of an element whose tag was read.
fn value_header(
    r: &mut Reader<'_>,
    e: Encoding,
    tag: Tag,
    limit: usize,
) -> Result<(VR, u32), Refusal> {
    if !e.explicit {
        // As dicom-rs takes it, whatever the dictionary says.
        let overlay = tag.0 >> 8 == 0x60 && tag.1 == 0x3000;
        if overlay {
            return Ok((VR::OW, r.u32(e, limit)?));
        }
        let vr = StandardDataDictionary.by_tag(tag).map_or(VR::UN, |d| d.vr().relaxed());
        return Ok((vr, r.u32(e, limit)?));
    }
    let vr = VR::from_binary(r.take(limit)?).unwrap_or(VR::UN);
    let short = matches!(
        vr,
        VR::AE
            | VR::AS
            | VR::AT
            | VR::CS
            | VR::DA
            | VR::DS
            | VR::DT
            | VR::FL
            | VR::FD
            | VR::IS
            | VR::LO
            | VR::LT
            | VR::PN
            | VR::SH
            | VR::SL
            | VR::SS
            | VR::ST
            | VR::TM
            | VR::UI
            | VR::UL
            | VR::US
    );
    if short {
        return Ok((vr, u32::from(r.u16(e, limit)?)));
    }
    r.take::<2>(limit)?;
    Ok((vr, r.u32(e, limit)?))
}

pub(super) fn is_pixel_data(tag: Tag) -> bool {
    tag.0 == 0x7fe0 && matches!(tag.1, 0x0008..=0x0010)
}

/// Walks the data set that starts at byte 0 of `bytes`; with `fragments`, those of compressed pixel
/// data too, else they are left empty.
pub(super) fn scan(bytes: &Bytes, encoding: Encoding, fragments: bool) -> Result<Scan, Refusal> {
    let mut r = Reader { bytes, window: Window::default(), at: 0 };
    let mut open = vec![Level { inside: Inside::DataSet, end: Some(bytes.len()), encoding }];
    let (mut elements, mut depth, mut last, mut disordered) = (0usize, 0usize, Tag(0, 0), false);
    let (mut passed_over, mut top_start, mut pass_over) = (Vec::new(), 0, false);
    while let Some(level) = open.last() {
        let (inside, end, e) = (level.inside, level.end, level.encoding);
        if end == Some(r.at) {
            depth -= usize::from(inside == Inside::Sequence);
            open.pop();
            continue;
        }
        let limit = limit_of(&open, bytes.len());
        let start = r.at;
        elements += 1;
        if elements > DICOM_ELEMENTS {
            return Err(Refusal::damaged(format!("more than {DICOM_ELEMENTS} elements")));
        }
        let tag = r.tag(e, limit)?;
        match (inside, tag) {
            (Inside::Sequence | Inside::Fragments, SEQUENCE_END) if end.is_none() => {
                r.u32(e, limit)?;
                depth -= usize::from(inside == Inside::Sequence);
                open.pop();
            }
            (Inside::Sequence, ITEM) => {
                let length = r.u32(e, limit)?;
                let end = defined_end(r.at, length, limit, tag)?;
                open.push(Level { inside: Inside::DataSet, end, encoding: e });
            }
            (Inside::Fragments, ITEM) => {
                let length = r.u32(e, limit)?;
                r.at = defined_end(r.at, length, limit, tag)?.ok_or_else(|| odd(tag, start))?;
            }
            (Inside::DataSet, ITEM_END) if end.is_none() => {
                r.u32(e, limit)?;
                open.pop();
            }
            (Inside::Sequence | Inside::Fragments, _) => return Err(odd(tag, start)),
            (Inside::DataSet, Tag(0xfffe, _)) => return Err(odd(tag, start)),
            (Inside::DataSet, _) => {
                let top = open.len() == 1;
                if top {
                    disordered |= tag <= last;
                    last = tag;
                    if std::mem::take(&mut pass_over) {
                        passed_over.push(top_start..start);
                    }
                    top_start = start;
                }
                let (vr, length) = value_header(&mut r, e, tag, limit)?;
                if top && is_pixel_data(tag) {
                    let pixels = pixels(&mut r, e, tag, vr, length, fragments)?;
                    let pixels = Some(pixels);
                    return Ok(Scan { pixels, header_end: start, disordered, passed_over });
                }
                if length == UNDEFINED {
                    let level = match vr {
                        VR::SQ => Level { inside: Inside::Sequence, end: None, encoding: e },
                        // PS3.5 6.2.2: implicit inside, whatever is around it.
                        VR::UN => Level {
                            inside: Inside::Sequence,
                            end: None,
                            encoding: Encoding { explicit: false, ..e },
                        },
                        VR::OB | VR::OW => {
                            Level { inside: Inside::Fragments, end: None, encoding: e }
                        }
                        _ => {
                            return Err(Refusal::damaged(format!(
                                "element {tag} of type {vr} has no length, byte {start}"
                            )));
                        }
                    };
                    let bytes = matches!(vr, VR::OB | VR::OW) && tag != PIXEL_DATA;
                    pass_over |= bytes || (vr == VR::UN && e.explicit);
                    depth += usize::from(level.inside == Inside::Sequence);
                    open.push(level);
                } else {
                    let end = defined_end(r.at, length, limit, tag)?;
                    if vr == VR::SQ {
                        depth += 1;
                        open.push(Level { inside: Inside::Sequence, end, encoding: e });
                    } else {
                        pass_over |= length % width(vr) != 0;
                        if is_list(vr) {
                            elements += r.separators(r.at..end.unwrap_or(limit));
                        }
                        if is_text(vr) && u64::from(length) > DICOM_TEXT {
                            return Err(Refusal::damaged(format!(
                                "the text of element {tag} is {length} bytes long, limit {DICOM_TEXT}"
                            )));
                        }
                        r.at = end.unwrap_or(limit);
                    }
                }
                if depth > DICOM_DEPTH {
                    return Err(Refusal::damaged(format!(
                        "sequences are nested more than {DICOM_DEPTH} deep, byte {start}"
                    )));
                }
            }
        }
    }
    if pass_over {
        passed_over.push(top_start..bytes.len());
    }
    Ok(Scan { pixels: None, header_end: bytes.len(), disordered, passed_over })
}

/// The nearest end that encloses the innermost level.
fn limit_of(open: &[Level], whole: usize) -> usize {
    open.iter().rev().find_map(|l| l.end).unwrap_or(whole)
}

fn odd(tag: Tag, at: usize) -> Refusal {
    Refusal::damaged(format!("element {tag} does not belong at byte {at}"))
}

/// The end of a value of declared length, which must lie within what encloses it.
fn defined_end(at: usize, length: u32, limit: usize, tag: Tag) -> Result<Option<usize>, Refusal> {
    if length == UNDEFINED {
        return Ok(None);
    }
    match at.checked_add(length as usize) {
        Some(end) if end <= limit => Ok(Some(end)),
        _ => Err(Refusal::damaged(format!(
            "element {tag} declares {length} bytes, {} are left",
            limit.saturating_sub(at)
        ))),
    }
}

/// Bytes of one number of a type; the parser leaves a rest of one unread.
fn width(vr: VR) -> u32 {
    match vr {
        VR::US | VR::SS | VR::OW => 2,
        VR::AT | VR::FL | VR::OF | VR::SL | VR::UL | VR::OL => 4,
        VR::FD | VR::OD | VR::SV | VR::UV | VR::OV => 8,
        _ => 1,
    }
}

/// Text that is split at backslashes.
fn is_list(vr: VR) -> bool {
    matches!(
        vr,
        VR::AE
            | VR::AS
            | VR::CS
            | VR::DA
            | VR::DS
            | VR::DT
            | VR::IS
            | VR::LO
            | VR::PN
            | VR::SH
            | VR::TM
            | VR::UC
            | VR::UI
    )
}

/// Text that nobody writes long.
fn is_text(vr: VR) -> bool {
    (is_list(vr) && vr != VR::UC) || matches!(vr, VR::LT | VR::ST)
}

/// The top-level pixel data; a file that ends inside them keeps what is there.
fn pixels(
    r: &mut Reader<'_>,
    e: Encoding,
    tag: Tag,
    vr: VR,
    length: u32,
    fragments: bool,
) -> Result<Pixels, Refusal> {
    let whole = r.bytes.len();
    if length != UNDEFINED {
        let end = r.at.saturating_add(length as usize).min(whole);
        return Ok(Pixels::Native {
            tag,
            range: r.at..end,
            declared: u64::from(length),
            words: vr == VR::OW,
        });
    }
    if !fragments {
        return Ok(Pixels::Encapsulated {
            offset_table: 0..0,
            fragments: Vec::new(),
            complete: false,
        });
    }
    let (mut items, mut complete) = (Vec::new(), false);
    while r.at < whole {
        let start = r.at;
        let Ok(tag) = r.tag(e, whole) else { break };
        let Ok(length) = r.u32(e, whole) else { break };
        match tag {
            SEQUENCE_END => {
                complete = true;
                break;
            }
            ITEM if length != UNDEFINED => {
                let end = r.at.saturating_add(length as usize);
                if end > whole {
                    break; // cut off inside this fragment
                }
                items.push(r.at..end);
                r.at = end;
            }
            _ => return Err(odd(tag, start)),
        }
        if items.len() > DICOM_ELEMENTS {
            return Err(Refusal::damaged(format!("more than {DICOM_ELEMENTS} fragments")));
        }
    }
    if items.is_empty() {
        return Err(Refusal::damaged("the compressed pixel data hold nothing"));
    }
    let offset_table = items.remove(0);
    Ok(Pixels::Encapsulated { offset_table, fragments: items, complete })
}
