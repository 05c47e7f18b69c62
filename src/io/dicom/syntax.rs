//! Transfer syntaxes (PS3.5 10 and annex A): their identifiers and names, and how a data set is
//! written when none is declared.

use super::element::quotable_uid;
use super::prescan::Encoding;
use dicom::core::VR;
use dicom::encoding::TransferSyntaxIndex;
use dicom::transfer_syntax::TransferSyntaxRegistry;

pub(super) const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";
pub(super) const IMPLICIT_LE: &str = "1.2.840.10008.1.2";
pub(super) const EXPLICIT_BE: &str = "1.2.840.10008.1.2.2";
pub(super) const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// The transfer syntax that element headers are written by.
pub(super) fn plain_syntax(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding { explicit: false, .. } => IMPLICIT_LE,
        Encoding { big_endian: true, .. } => EXPLICIT_BE,
        _ => EXPLICIT_LE,
    }
}

/// Whether the first bytes look like a data set without preamble: an element of group 0002 or 0008
/// with a valid VR, or a plausible implicit length.
pub(crate) fn looks_like_bare_data_set(head: &[u8]) -> bool {
    guess_encoding(head).is_some()
}

/// Explicit or implicit, little or big endian, by the first element.
pub(super) fn guess_encoding(bytes: &[u8]) -> Option<Encoding> {
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

/// The name of a transfer syntax with its UID.
pub(super) fn syntax_name(uid: &str) -> String {
    match TransferSyntaxRegistry.get(uid) {
        Some(ts) => format!("{} ({uid})", ts.name().trim()),
        None => quotable_uid(uid).into(),
    }
}
