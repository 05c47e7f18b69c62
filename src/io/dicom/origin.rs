//! What is kept of the source objects for exports that refer to them.

use super::file::text;
use super::plane::Plane;
use crate::volume::{DicomFrame, DicomSource, Identity, IdentityElement};
use dicom::core::{Tag, VR};
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;

/// Patient and study elements that an export may carry (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2).
const IDENTITY: [Tag; 15] = [
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::STUDY_DESCRIPTION,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::PATIENT_AGE,
    tags::PATIENT_SIZE,
    tags::PATIENT_WEIGHT,
    tags::STUDY_ID,
    tags::POSITION_REFERENCE_INDICATOR,
];
/// Longest identity value that is copied; the standard's are far shorter.
const LONGEST: usize = 1024;

/// Class and instance of each file, gathered while the files are decoded.
#[derive(Default)]
pub(super) struct Origin {
    files: Vec<(usize, String, String, bool)>,
    source: DicomSource,
}

impl Origin {
    pub(super) fn add(&mut self, file: usize, o: &InMemDicomObject) {
        if self.files.iter().any(|(i, ..)| *i == file) {
            return;
        }
        if self.files.is_empty() {
            self.source.study_uid = uid(o, tags::STUDY_INSTANCE_UID);
            self.source.series_uid = uid(o, tags::SERIES_INSTANCE_UID);
            let frame = uid(o, tags::FRAME_OF_REFERENCE_UID);
            self.source.frame_of_reference_uid = (!frame.is_empty()).then_some(frame);
            self.source.identity = identity(o);
        }
        let (class, instance) = (uid(o, tags::SOP_CLASS_UID), uid(o, tags::SOP_INSTANCE_UID));
        self.files.push((file, class, instance, o.get(tags::NUMBER_OF_FRAMES).is_some()));
    }

    /// With the planes in the order of the voxels. `None` if a file does not say what it is: it
    /// cannot be referred to then.
    pub(super) fn finish(mut self, planes: &[Plane]) -> Option<DicomSource> {
        for p in planes {
            let (_, class, instance, multi) = self.files.iter().find(|(i, ..)| *i == p.file)?;
            if class.is_empty() || instance.is_empty() {
                return None;
            }
            self.source.frames.push(DicomFrame {
                sop_class_uid: class.clone(),
                sop_instance_uid: instance.clone(),
                frame: multi.then(|| u32::try_from(p.frame + 1).unwrap_or(u32::MAX)),
                position: p.position,
            });
        }
        let named = !self.source.study_uid.is_empty() && !self.source.series_uid.is_empty();
        named.then_some(self.source)
    }
}

/// A UID, or nothing if what stands there is none (PS3.5 9.1): it will be written into other files.
fn uid(o: &InMemDicomObject, tag: Tag) -> String {
    let found = text(o, tag).unwrap_or_default();
    let legal = found.len() <= 64 && found.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if legal { found } else { String::new() }
}

fn identity(o: &InMemDicomObject) -> Identity {
    let copied = IDENTITY.iter().filter_map(|&tag| {
        let e = o.get(tag).filter(|e| !matches!(e.vr(), VR::SQ | VR::UN))?;
        let value = e.to_bytes().ok()?.into_owned();
        let vr = e.vr().to_bytes();
        (value.len() <= LONGEST).then_some(IdentityElement {
            group: tag.0,
            element: tag.1,
            vr,
            value,
        })
    });
    Identity(copied.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom::core::{DataElement, PrimitiveValue};

    #[test]
    fn what_is_no_uid_is_not_kept() {
        let mut o = InMemDicomObject::new_empty();
        let mut put = |v: &str| {
            o.put(DataElement::new(tags::SOP_CLASS_UID, VR::UI, PrimitiveValue::from(v)));
            uid(&o, tags::SOP_CLASS_UID)
        };
        assert_eq!(put("1.2.3\0"), "1.2.3");
        assert_eq!(put("Smith^John"), "");
        assert_eq!(put(&"1.".repeat(40)), "");
    }
}
