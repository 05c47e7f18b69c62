//! What an export must know of the DICOM objects that an image was read from, so that it can refer
//! to them (PS3.3 C.7.6.16.2.1, C.8.8.5) without opening them again.

use std::fmt;

/// The objects that an image was read from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DicomSource {
    pub study_uid: String,
    pub series_uid: String,
    /// UID of the patient-based coordinate system; images with the same one lie in the same space.
    pub frame_of_reference_uid: Option<String>,
    /// The anatomical point that the coordinates count from, often empty (PS3.3 C.7.4.1.1.2).
    pub position_reference: String,
    /// One per slice of the files, in the order of the voxels as they were read: z fastest, then
    /// time. After resampling there may be more or fewer of them than slices.
    pub frames: Vec<DicomFrame>,
    /// The voxels were computed from those of the files: slice `z` is not `frames[z]`.
    pub resampled: bool,
    pub identity: Identity,
}

/// One slice of the source.
#[derive(Clone, Debug, PartialEq)]
pub struct DicomFrame {
    pub sop_class_uid: String,
    pub sop_instance_uid: String,
    /// 1-based, for objects that hold several frames.
    pub frame: Option<u32>,
    /// Centre of the first voxel, LPS+, mm.
    pub position: Option<[f64; 3]>,
}

/// Patient and study texts as they stand in the source: element (group, number), value
/// representation, raw value. Copied to an export only if the person asks for it; never printed.
#[derive(Clone, Default, PartialEq)]
pub struct Identity(pub Vec<IdentityElement>);

#[derive(Clone, PartialEq)]
pub struct IdentityElement {
    pub group: u16,
    pub element: u16,
    pub vr: [u8; 2],
    pub value: Vec<u8>,
}

impl fmt::Debug for Identity {
    /// How much there is, never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} elements)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_not_printed() {
        let secret =
            IdentityElement { group: 0x10, element: 0x10, vr: *b"PN", value: b"X^Y".into() };
        let source = DicomSource { identity: Identity(vec![secret]), ..DicomSource::default() };
        let text = format!("{source:?}");
        assert!(text.contains("1 elements") && !text.contains("X^Y") && !text.contains("88"));
    }
}
