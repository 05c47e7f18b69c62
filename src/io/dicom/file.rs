//! One DICOM file: preamble, meta group, transfer syntax, the checked header, and where its pixels
//! are. dicom-rs parses only what the prescan has walked, and never the pixel data.

use super::bytes::{Bytes, HEAD};
use super::element::quotable_uid;
use super::layout::Layout;
use super::prescan::{Encoding, Pixels, Scan, scan};
use super::syntax::{
    DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, guess_encoding, plain_syntax,
};
use super::{charset, codec};
use crate::io::error::{Refusal, chain};
use crate::io::limits::{GIB, memory_budget};
use crate::volume::Notice;
use dicom::core::VR;
use dicom::encoding::TransferSyntaxIndex;
use dicom::object::InMemDicomObject;
use dicom::transfer_syntax::TransferSyntaxRegistry;
use flate2::read::DeflateDecoder;
use std::borrow::Cow;

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
    if TransferSyntaxRegistry.get(&transfer_syntax).is_none() && !codec::is_ours(&transfer_syntax) {
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
