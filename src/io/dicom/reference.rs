//! What is kept of the source objects for exports that refer to them.

use super::element::{is_uid, number, text};
use super::plane::Plane;
use crate::volume::{DicomFrame, DicomSource, Identity, IdentityElement};
use dicom::core::{Tag, VR};
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;
use std::collections::BTreeMap;

/// Patient and study elements that an export may carry (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2).
const IDENTITY: [Tag; 14] = [
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
];
/// Longest identity value that is copied; the standard's are far shorter.
const LONGEST: usize = 1024;

/// What one file says of itself.
#[derive(Clone, Default)]
pub(super) struct Reference {
    class: String,
    instance: String,
    multi_frame: bool,
    study: String,
    series: String,
    frame_of_reference: String,
    position_reference: String,
    identity: Identity,
}

impl Reference {
    pub(super) fn of(o: &InMemDicomObject) -> Self {
        Self {
            class: uid(o, tags::SOP_CLASS_UID),
            instance: uid(o, tags::SOP_INSTANCE_UID),
            multi_frame: number(o, tags::NUMBER_OF_FRAMES).is_some_and(|n| n > 1.0),
            study: uid(o, tags::STUDY_INSTANCE_UID),
            series: uid(o, tags::SERIES_INSTANCE_UID),
            frame_of_reference: uid(o, tags::FRAME_OF_REFERENCE_UID),
            position_reference: position_reference(o),
            identity: identity(o),
        }
    }
}

/// What exports need of the files, by number, that the planes come from, in the order of the voxels.
/// `None` if a file does not say what it is: it cannot be referred to then.
pub(super) fn source(
    files: &BTreeMap<usize, Reference>,
    planes: &[Plane],
    resampled: bool,
) -> Option<DicomSource> {
    let first = files.values().next()?;
    if first.study.is_empty() || first.series.is_empty() {
        return None;
    }
    let frame = |p: &Plane| {
        let file = files.get(&p.file)?;
        (!file.class.is_empty() && !file.instance.is_empty()).then(|| DicomFrame {
            sop_class_uid: file.class.clone(),
            sop_instance_uid: file.instance.clone(),
            frame: file.multi_frame.then(|| u32::try_from(p.frame + 1).unwrap_or(u32::MAX)),
            position: p.position,
        })
    };
    let frame_of_reference = first.frame_of_reference.clone();
    Some(DicomSource {
        study_uid: first.study.clone(),
        series_uid: first.series.clone(),
        frame_of_reference_uid: (!frame_of_reference.is_empty()).then_some(frame_of_reference),
        position_reference: first.position_reference.clone(),
        identity: first.identity.clone(),
        frames: planes.iter().map(frame).collect::<Option<_>>()?,
        resampled,
    })
}

/// A UID, or nothing if what stands there is none (PS3.5 9.1): it will be written into other files.
fn uid(o: &InMemDicomObject, tag: Tag) -> String {
    let found = text(o, tag).unwrap_or_default();
    if is_uid(&found) { found } else { String::new() }
}

/// The name of a landmark, a short term in capitals; anything else is no such term.
fn position_reference(o: &InMemDicomObject) -> String {
    let found = text(o, tags::POSITION_REFERENCE_INDICATOR).unwrap_or_default();
    let term = found.len() <= 16 && found.bytes().all(|b| b.is_ascii_uppercase() || b == b' ');
    if term { found } else { String::new() }
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
