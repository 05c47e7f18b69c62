//! What is kept of a file whose header was read: its identifiers and everything about its picture
//! but the voxels.

use super::bytes::Bytes;
use super::course::Course;
use super::element::{number, sop_class, text};
use super::file::{DicomFile, parse};
use super::layout::{Layout, Photometric};
use super::origin::{Origin, is_disc_index};
use super::pixels::frames_within;
use super::plane::{Plane, planes};
use super::uptake;
use crate::io::error::{Refusal, one_line};
use crate::volume::{Modality, Notice};
use dicom::core::Tag;
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;
use sha2::{Digest, Sha256};

/// Text that may say who the patient is: shown when asked for, never logged or serialised.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Private(String);

impl Private {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Private {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// What is kept of a file whose header was read.
pub(super) struct Scanned {
    pub(super) origin: Origin,
    pub(super) study: String,
    pub(super) series: String,
    /// How the picture was made, in digest: texts and settings that one scan has alike.
    pub(super) recipe: [u8; 32],
    pub(super) instance: String,
    /// Frame of reference: positions mean nothing across two of them.
    pub(super) frame: String,
    pub(super) number: Option<i64>,
    pub(super) modality: String,
    pub(super) kind: String,
    pub(super) description: Private,
    pub(super) date: Private,
    /// A DICOMDIR.
    pub(super) index: bool,
    pub(super) picture: Result<Picture, Refusal>,
}

/// Everything about a picture but its voxels.
pub(super) struct Picture {
    /// Of a slice: of a tile, where the picture is a mosaic.
    pub(super) layout: Layout,
    pub(super) planes: Vec<Plane>,
    pub(super) facts: Facts,
    pub(super) notices: Vec<Notice>,
}

/// What a volume needs to know besides its voxels.
#[derive(Clone)]
pub(super) struct Facts {
    pub(super) modality: Modality,
    pub(super) value_unit: Option<String>,
    /// From activity to standardised uptake, where that is known.
    pub(super) uptake: Option<f64>,
    /// Frames follow one another in time.
    pub(super) clip: bool,
}

pub(super) fn examine(origin: Origin, bytes: Bytes) -> Result<Scanned, Refusal> {
    let f = parse(bytes, false)?;
    let o = &f.object;
    let private = |tag| Private(text(o, tag).map(|t| one_line(&t)).unwrap_or_default());
    let picture = if f.pixels.is_none() {
        Err(Refusal::unsupported(format!("{} holds no picture", sop_class(o))))
    } else {
        picture(&f)
    };
    Ok(Scanned {
        study: text(o, tags::STUDY_INSTANCE_UID).unwrap_or_default(),
        recipe: recipe(o),
        series: text(o, tags::SERIES_INSTANCE_UID).unwrap_or_default(),
        instance: text(o, tags::SOP_INSTANCE_UID).unwrap_or_default(),
        frame: text(o, tags::FRAME_OF_REFERENCE_UID).unwrap_or_default(),
        number: number(o, tags::SERIES_NUMBER).map(|n| n as i64),
        modality: text(o, tags::MODALITY).filter(|m| is_code(m)).unwrap_or_default(),
        kind: sop_class(o),
        description: private(tags::SERIES_DESCRIPTION),
        date: private(tags::SERIES_DATE),
        index: is_disc_index(&f),
        picture,
        origin,
    })
}

/// What all slices of one scan have alike and those of two scans mostly not.
fn recipe(o: &InMemDicomObject) -> [u8; 32] {
    let settings = [
        tags::SERIES_DESCRIPTION,
        tags::PROTOCOL_NAME,
        tags::SCANNING_SEQUENCE,
        tags::SEQUENCE_VARIANT,
        tags::SEQUENCE_NAME,
        tags::REPETITION_TIME,
        tags::ECHO_TIME,
        tags::INVERSION_TIME,
        tags::FLIP_ANGLE,
        tags::KVP,
        tags::CONVOLUTION_KERNEL,
        tags::CONTRAST_BOLUS_AGENT,
        tags::UNITS,
    ];
    let add =
        |hash: Sha256, tag| hash.chain_update(text(o, tag).unwrap_or_default()).chain_update([0]);
    settings.into_iter().fold(Sha256::new(), add).finalize().into()
}

/// A term of the standard; anything longer may be some other text that a damaged file has there.
fn is_code(text: &str) -> bool {
    text.len() <= 10 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn picture(f: &DicomFile) -> Result<Picture, Refusal> {
    let o = &f.object;
    let mut notices = f.notices.clone();
    let layout = Layout::of(o, &mut notices)?.of_slices(o);
    let planes = planes(o, &layout, frames_within(f, &layout), &mut notices);
    let modality = modality(text(o, tags::MODALITY).as_deref());
    if text(o, tags::LOSSY_IMAGE_COMPRESSION).as_deref() == Some("01") {
        notices.push(Notice::note("the picture was compressed with loss"));
    }
    if o.iter().any(|e| {
        let Tag(group, element) = e.header().tag;
        (0x6000..=0x601e).contains(&group) && element == 0x3000
    }) {
        notices.push(Notice::note("an overlay in the file is not shown"));
    }
    if o.get(tags::VOILUT_SEQUENCE).is_some() {
        notices.push(Notice::note(
            "the file's look-up table for display is drawn as the straight ramp nearest to it",
        ));
    }
    if layout.allocated == 32 && layout.photometric == Photometric::Rgb {
        notices.push(Notice::note("colours of 32 bits are shown with their upper 16 bits"));
    }
    let secondary = sop_class(o).contains("Secondary Capture");
    let burned_in = text(o, tags::BURNED_IN_ANNOTATION);
    if burned_in.as_deref() == Some("YES")
        || (burned_in.is_none() && (secondary || modality == Modality::Ultrasound))
    {
        notices.push(Notice::amber("there may be text about the patient in the picture"));
    }
    let table = o.get(tags::MODALITY_LUT_SEQUENCE).is_some();
    let hounsfield = modality == Modality::Ct
        && !table
        && (o.get(tags::RESCALE_INTERCEPT).is_some()
            || planes.iter().all(|p| p.rescale != (1.0, 0.0)));
    let value_unit = if o.get(tags::DOSE_GRID_SCALING).is_some() {
        Some("Gy".into())
    } else if hounsfield || text(o, tags::RESCALE_TYPE).as_deref() == Some("HU") {
        Some("HU".into())
    } else {
        None
    };
    let uptake = (modality == Modality::Pet).then(|| uptake::factor(o));
    let uptake = uptake.and_then(|found| match found {
        Ok(factor) => Some(factor),
        Err(why) => {
            notices.push(Notice::note(format!(
                "values are as the file holds them, not standardised uptake (SUV): {why}"
            )));
            None
        }
    });
    let value_unit = match uptake {
        Some(_) => Some("g/mL SUV".into()),
        None => value_unit,
    };
    let clip = layout.frames > 1 && Course::of(o, layout.frames, &mut Vec::new()) == Course::Time;
    Ok(Picture { layout, planes, facts: Facts { modality, value_unit, uptake, clip }, notices })
}

fn modality(code: Option<&str>) -> Modality {
    match code {
        Some("CT") => Modality::Ct,
        Some("MR") => Modality::Mr,
        Some("PT") => Modality::Pet,
        Some("US" | "IVUS") => Modality::Ultrasound,
        Some("OP") => Modality::Fundus,
        Some("CR" | "DX" | "MG" | "XA" | "RF" | "PX" | "IO" | "RG" | "XR") => Modality::XRay,
        Some("SM" | "GM") => Modality::Microscopy,
        Some("SEG") => Modality::Segmentation,
        _ => Modality::Unknown,
    }
}
