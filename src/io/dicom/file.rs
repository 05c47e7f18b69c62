//! One DICOM file: preamble, meta group, transfer syntax, the checked header, and where its pixels
//! are. dicom-rs parses only what the prescan has walked, and never the pixel data.

use super::bytes::{Bytes, HEAD};
use super::charset;
use super::fragments::is_ours;
use super::layout::Layout;
use super::prescan::{Encoding, Pixels, Scan, scan};
use crate::io::error::{Refusal, one_line};
use crate::io::limits::{GIB, memory_budget};
use crate::volume::Notice;
use dicom::core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom::core::{Tag, VR};
use dicom::dictionary_std::{StandardDataDictionary, tags};
use dicom::encoding::TransferSyntaxIndex;
use dicom::object::InMemDicomObject;
use dicom::transfer_syntax::TransferSyntaxRegistry;
use flate2::read::DeflateDecoder;
use std::borrow::Cow;

pub(super) const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";
const IMPLICIT_LE: &str = "1.2.840.10008.1.2";
const EXPLICIT_BE: &str = "1.2.840.10008.1.2.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
/// Most that a deflated data set may hold before its picture.
const INFLATED_HEADER: u64 = 64 << 20;

/// A parsed file whose pixel bytes lie in `data`.
pub(super) struct DicomFile {
    pub(super) object: InMemDicomObject,
    pub(super) transfer_syntax: String,
    pub(super) encoding: Encoding,
    pub(super) pixels: Option<Pixels>,
    /// The data set (inflated if it was deflated) that `pixels` points into.
    pub(super) data: Bytes,
    /// The SOP class that the file header names.
    pub(super) class: Option<String>,
    /// SHA-256 of the file as it lies on disk, if it was read whole.
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) notices: Vec<Notice>,
}

impl DicomFile {
    /// Where the pixels end in the file, in bytes from its beginning; where it has none, 0.
    pub(super) fn pixels_end(&self) -> u64 {
        let end = match &self.pixels {
            Some(Pixels::Native { range, .. }) => range.end,
            Some(Pixels::Encapsulated { fragments, .. }) => {
                fragments.iter().map(|f| f.end).max().unwrap_or_default()
            }
            None => 0,
        };
        self.data.start() + end as u64
    }
}

/// Whether the first bytes look like a data set without preamble: an element of group 0002 or 0008
/// with a valid VR, or a plausible implicit length.
pub(crate) fn looks_like_bare_data_set(head: &[u8]) -> bool {
    guess_encoding(head).is_some()
}

/// Parses a file; must run on a thread with a large stack. Without `whole` only the header is read:
/// there is no hash, and the fragments of compressed pixels are not known.
pub(super) fn parse(bytes: Bytes, whole: bool) -> Result<DicomFile, Refusal> {
    use sha2::{Digest, Sha256};
    let sha256 = match &bytes {
        Bytes::Memory(b) if whole => Some(Sha256::digest(b).into()),
        _ => None,
    };
    let mut notices = Vec::new();
    let mut head = bytes.read(0..bytes.len().min(HEAD))?;
    let preamble = head.get(128..132) == Some(b"DICM");
    let start = if preamble { 132 } else { 0 };
    let meta = meta_group(head.get(start..).unwrap_or_default()).or_else(|e| {
        if bytes.len() <= HEAD {
            return Err(e);
        }
        head = bytes.read(0..bytes.len().min(256 * HEAD))?;
        meta_group(head.get(start..).unwrap_or_default())
    })?;
    let body = start + meta.end;
    if !preamble || meta.syntax.is_none() {
        notices.push(Notice::amber(if preamble {
            "the file names no transfer syntax; it was guessed"
        } else {
            "a DICOM file without preamble, opened all the same"
        }));
    }
    if preamble && head.starts_with(b"MZ") {
        notices.push(Notice::note("the preamble holds an executable header, which was ignored"));
    }
    drop(head);
    let bytes = bytes.skip(body);
    let first = |b: &Bytes| b.read(0..b.len().min(8)).map(Cow::into_owned).unwrap_or_default();
    let transfer_syntax = match meta.syntax {
        Some(uid) => uid,
        None => match guess_encoding(&first(&bytes)) {
            Some(e) if e.big_endian => EXPLICIT_BE.into(),
            Some(e) if e.explicit => EXPLICIT_LE.into(),
            Some(_) => IMPLICIT_LE.into(),
            None => return Err(Refusal::damaged("no DICOM data set follows the file header")),
        },
    };
    let mut encoding = match transfer_syntax.as_str() {
        IMPLICIT_LE => Encoding::IMPLICIT,
        EXPLICIT_BE => Encoding { explicit: true, big_endian: true },
        _ => Encoding::EXPLICIT,
    };
    if TransferSyntaxRegistry.get(&transfer_syntax).is_none() && !is_ours(&transfer_syntax) {
        return Err(Refusal::unsupported(format!(
            "the transfer syntax {} is unknown",
            quotable_uid(&transfer_syntax)
        )));
    }
    let data = if transfer_syntax == DEFLATED {
        inflate(&bytes.read(0..bytes.len())?, encoding)?
    } else {
        bytes
    };
    // Some writers declare one kind of header and write the other.
    if let Some(found) = guess_encoding(&first(&data))
        && found.explicit != encoding.explicit
        && found.big_endian == encoding.big_endian
    {
        notices.push(Notice::amber(
            "the element headers are not of the kind that the transfer syntax says",
        ));
        encoding = found;
    }
    let Scan { pixels, header_end, disordered, passed_over } = scan(&data, encoding, whole)?;
    if disordered {
        notices.push(Notice::amber("the elements of the file are not in ascending order"));
    }
    let syntax = TransferSyntaxRegistry
        .get(plain_syntax(encoding))
        .ok_or_else(|| Refusal::unsupported("the basic transfer syntaxes are missing"))?;
    if header_end as u64 > GIB {
        return Err(Refusal::limit("the header", header_end as u64, GIB));
    }
    let mut header = data.read(0..header_end)?;
    if !passed_over.is_empty() {
        notices.push(Notice::note(format!(
            "{} elements of the file cannot be parsed and were passed over",
            passed_over.len()
        )));
        let header = header.to_mut();
        for range in passed_over.into_iter().rev() {
            header.drain(range);
        }
    }
    let sets = charset::set_aside(header.to_mut(), encoding);
    let mut object = InMemDicomObject::read_dataset_with_ts(&*header, syntax)
        .map_err(|e| Refusal::damaged(format!("the header cannot be parsed ({})", chain(&e))))?;
    drop(header);
    if let Some(sets) = sets {
        charset::decode(&mut object, sets);
    }
    let class = meta.class;
    Ok(DicomFile { object, transfer_syntax, encoding, pixels, data, class, sha256, notices })
}

/// The texts of an error and of what caused it.
pub(super) fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(c) = cause {
        let next = c.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = c.source();
    }
    one_line(&text)
}

/// Where the meta group ends, and what of it is wanted.
struct Meta {
    end: usize,
    syntax: Option<String>,
    class: Option<String>,
}

/// The meta group (explicit little endian, group 0002).
fn meta_group(bytes: &[u8]) -> Result<Meta, Refusal> {
    let mut meta = Meta { end: 0, syntax: None, class: None };
    while let Some(&[2, 0, e0, e1, v0, v1, l0, l1]) = bytes.get(meta.end..meta.end + 8) {
        let vr = VR::from_binary([v0, v1]);
        let long = matches!(vr, Some(VR::OB | VR::OW | VR::UN | VR::SQ | VR::UT | VR::UC | VR::UR));
        let (value, length) = if long {
            let at = meta.end + 8;
            let b: Option<[u8; 4]> = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
            (at + 4, b.map_or(usize::MAX, |b| u32::from_le_bytes(b) as usize))
        } else {
            (meta.end + 8, usize::from(u16::from_le_bytes([l0, l1])))
        };
        let end = value.checked_add(length).filter(|&e| e <= bytes.len());
        let Some(end) = end else {
            return Err(Refusal::damaged(format!(
                "element (0002,{e1:02x}{e0:02x}) of the file header is longer than the file"
            )));
        };
        if matches!([e0, e1], [0x02 | 0x10, 0x00]) {
            let text = String::from_utf8_lossy(bytes.get(value..end).unwrap_or_default());
            let uid = text.trim_matches(['\0', ' ']).to_string();
            let uid = (!uid.is_empty()).then_some(uid);
            *(if e0 == 0x10 { &mut meta.syntax } else { &mut meta.class }) = uid;
        }
        meta.end = end;
    }
    Ok(meta)
}

/// Explicit or implicit, little or big endian, by the first element.
fn guess_encoding(bytes: &[u8]) -> Option<Encoding> {
    let &[g0, g1, e0, e1, v0, v1, l0, l1] = bytes.get(..8)? else { return None };
    let big_endian = match (g0, g1) {
        (2 | 8, 0) => false,
        (0, 8) => true,
        _ => return None,
    };
    let element = if big_endian { [e0, e1] } else { [e1, e0] };
    if u16::from_be_bytes(element) > 0x2000 {
        return None;
    }
    if VR::from_binary([v0, v1]).is_some() {
        return Some(Encoding { explicit: true, big_endian });
    }
    let length = u32::from_le_bytes([v0, v1, l0, l1]);
    (!big_endian && length < 1024).then_some(Encoding::IMPLICIT)
}

/// Inflates a data set as far as its picture goes. How far that is stands in its header, which is
/// looked for in ever longer beginnings: a data set of zeros never fills the memory.
fn inflate(bytes: &[u8], encoding: Encoding) -> Result<Bytes, Refusal> {
    let mut decoder = DeflateDecoder::new(bytes);
    let mut data = Bytes::Memory(Vec::new());
    let mut fill = |data: &mut Bytes, length: u64| {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        data.fill(&mut decoder, length)
            .map_err(|e| Refusal::damaged(format!("the deflated data set is broken ({e})")))
    };
    let mut length = 1 << 20;
    while fill(&mut data, length)? {
        if let Ok(Scan { pixels: Some(pixels), header_end, .. }) = scan(&data, encoding, false) {
            let needed = match pixels {
                Pixels::Native { range, declared, .. } => {
                    let picture = picture_bytes(&data.read(0..header_end)?, encoding);
                    // With an odd byte, and one more to notice that the rest is left out.
                    (range.start as u64).saturating_add(declared.min(picture + 2))
                }
                // Nobody deflates what is compressed; that it ends is not known before.
                Pixels::Encapsulated { .. } => INFLATED_HEADER,
            };
            let limit = memory_budget();
            if needed > limit {
                return Err(Refusal::limit("the deflated data set", needed, limit));
            }
            fill(&mut data, needed)?;
            break;
        }
        if length >= INFLATED_HEADER {
            return Err(Refusal::limit("the deflated header", length + 1, INFLATED_HEADER));
        }
        length *= 4;
    }
    Ok(data)
}

/// Bytes of uncompressed pixels that a header declares; if it makes no sense, none.
fn picture_bytes(header: &[u8], encoding: Encoding) -> u64 {
    let syntax = TransferSyntaxRegistry.get(plain_syntax(encoding));
    let object = syntax.and_then(|s| InMemDicomObject::read_dataset_with_ts(header, s).ok());
    object.and_then(|o| Layout::of(&o, &mut Vec::new()).ok()).map_or(0, |l| {
        // Colours that are said to be subsampled may not be.
        let bits =
            l.frame_bits().max(l.pixels() as u64 * l.samples as u64 * u64::from(l.allocated));
        bits.saturating_mul(l.frames as u64).div_ceil(8)
    })
}

/// The transfer syntax that element headers are written by.
fn plain_syntax(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding { explicit: false, .. } => IMPLICIT_LE,
        Encoding { big_endian: true, .. } => EXPLICIT_BE,
        _ => EXPLICIT_LE,
    }
}

/// A UID as it may be repeated in messages. In a damaged file any text may stand in its place, the
/// patient's name too.
pub(super) fn quotable_uid(text: &str) -> &str {
    if is_uid(text) { text } else { "(which is no UID)" }
}

/// PS3.5 9.1, leniently.
pub(super) fn is_uid(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// The name of a transfer syntax with its UID.
pub(super) fn syntax_name(uid: &str) -> String {
    match TransferSyntaxRegistry.get(uid) {
        Some(ts) => format!("{} ({uid})", ts.name().trim()),
        None => quotable_uid(uid).into(),
    }
}

/// The name of the object's SOP class (PS3.4 B.5), or its UID if it is not a common one.
pub(super) fn sop_class(object: &InMemDicomObject) -> String {
    let Some(uid) = text(object, tags::SOP_CLASS_UID) else {
        return "an object of unnamed class".into();
    };
    let name = match uid.strip_prefix("1.2.840.10008.5.1.4.1.1.") {
        Some("1") => "Computed Radiography Image Storage",
        Some("1.1") => "Digital X-Ray Image Storage",
        Some("2") => "CT Image Storage",
        Some("2.1") => "Enhanced CT Image Storage",
        Some("3.1") => "Ultrasound Multi-frame Image Storage",
        Some("4") => "MR Image Storage",
        Some("4.1") => "Enhanced MR Image Storage",
        Some("4.2") => "MR Spectroscopy Storage",
        Some("6.1") => "Ultrasound Image Storage",
        Some("7") => "Secondary Capture Image Storage",
        Some("7.1" | "7.2" | "7.3" | "7.4") => "Multi-frame Secondary Capture Image Storage",
        Some("11.1") => "Grayscale Softcopy Presentation State Storage",
        Some("20") => "Nuclear Medicine Image Storage",
        Some("66") => "Raw Data Storage",
        Some("66.1") => "Spatial Registration Storage",
        Some("66.4") => "Segmentation Storage",
        Some("66.5") => "Surface Segmentation Storage",
        Some("77.1.5.1") => "Ophthalmic Photography 8 Bit Image Storage",
        Some("77.1.6") => "VL Whole Slide Microscopy Image Storage",
        Some("88.11") => "Basic Text SR Storage",
        Some("88.22") => "Enhanced SR Storage",
        Some("88.33") => "Comprehensive SR Storage",
        Some("88.34") => "Comprehensive 3D SR Storage",
        Some("88.59") => "Key Object Selection Document Storage",
        Some("104.1") => "Encapsulated PDF Storage",
        Some("128") => "Positron Emission Tomography Image Storage",
        Some("481.1") => "RT Image Storage",
        Some("481.2") => "RT Dose Storage",
        Some("481.3") => "RT Structure Set Storage",
        Some("481.5") => "RT Plan Storage",
        _ if uid == "1.2.840.10008.1.3.10" => "Media Storage Directory Storage",
        _ => return format!("an object of class {}", quotable_uid(&uid)),
    };
    name.into()
}

/// A text value without padding.
pub(super) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let element = object.get(tag)?;
    let value = if element.vr() == VR::UN {
        // dicom-rs would give the numbers of its bytes.
        String::from_utf8_lossy(&element.to_bytes().ok()?).into_owned()
    } else {
        element.to_str().ok()?.into_owned()
    };
    let value = value.trim_matches(['\0', ' ']).to_string();
    (!value.is_empty()).then_some(value)
}

/// Finite numbers of an element, whatever its type; of type "unknown", by the dictionary.
pub(super) fn numbers(object: &InMemDicomObject, tag: Tag) -> Option<Vec<f64>> {
    let element = object.get(tag)?;
    let values = if element.vr() == VR::UN {
        // dicom-rs would give its bytes one by one. Little endian, as UN mostly is.
        let bytes = element.to_bytes().ok()?;
        match StandardDataDictionary.by_tag(tag)?.vr().relaxed() {
            VR::US => {
                bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b).into()).collect()
            }
            VR::FD => bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            VR::DS | VR::IS => std::str::from_utf8(&bytes)
                .ok()?
                .split('\\')
                .map(|n| n.trim_matches(['\0', ' ']).parse().ok())
                .collect::<Option<Vec<f64>>>()?,
            _ => return None,
        }
    } else {
        element.to_multi_float64().ok()?
    };
    (!values.is_empty() && values.iter().all(|v| v.is_finite())).then_some(values)
}

/// The first number of an element; the others, of which there may be very many, are not looked at.
pub(super) fn number(object: &InMemDicomObject, tag: Tag) -> Option<f64> {
    let element = object.get(tag)?;
    if element.vr() == VR::UN {
        return numbers(object, tag)?.first().copied();
    }
    element.to_float64().ok().filter(|v| v.is_finite())
}

/// The first item of a sequence.
pub(super) fn first_item(object: &InMemDicomObject, tag: Tag) -> Option<&InMemDicomObject> {
    object.get(tag)?.items()?.first()
}
