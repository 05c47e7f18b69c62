//! Values of elements, read leniently: texts, numbers, identifiers (PS3.5 6.2 and 9.1), and the name
//! of the object's class (PS3.4 B.5).

use dicom::core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom::core::{Tag, VR};
use dicom::dictionary_std::{StandardDataDictionary, tags};
use dicom::object::InMemDicomObject;

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

/// A UID as it may be repeated in messages. In a damaged file any text may stand in its place, the
/// patient's name too.
pub(super) fn quotable_uid(text: &str) -> &str {
    if is_uid(text) { text } else { "(which is no UID)" }
}

/// PS3.5 9.1, leniently.
pub(super) fn is_uid(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
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
