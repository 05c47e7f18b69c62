//! What the frames of an object follow one another in, where they have one place between them:
//! depth, which gives each its own place, or time.

use super::element::{first_item, number, numbers, text};
use crate::volume::{Notice, push_once};
use dicom::core::{PrimitiveValue, Tag};
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;

/// Frame Increment Pointer names one of these where frames are moments (PS3.3 C.7.6.6).
const MOMENTS: [Tag; 8] = [
    tags::FRAME_TIME,
    tags::FRAME_TIME_VECTOR,
    tags::PHASE_VECTOR,
    tags::TIME_SLICE_VECTOR,
    tags::TRIGGER_TIME,
    tags::TEMPORAL_POSITION_INDEX,
    tags::TEMPORAL_POSITION_IDENTIFIER,
    tags::ACQUISITION_TIME,
];

/// And one of these where they are slices.
const SLICES: [Tag; 8] = [
    tags::SLICE_VECTOR,
    tags::GRID_FRAME_OFFSET_VECTOR,
    tags::SLICE_LOCATION_VECTOR,
    tags::SLICE_LOCATION,
    tags::IMAGE_POSITION_PATIENT,
    tags::SPACING_BETWEEN_SLICES,
    tags::SLICE_THICKNESS,
    tags::IN_STACK_POSITION_NUMBER,
];

/// Modalities whose frames are moments, unless the file says otherwise.
const FILMED: [&str; 8] = ["US", "IVUS", "XA", "RF", "ES", "XC", "IVOCT", "GM"];

/// What frames without a place each follow one another in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Course {
    /// Each lies this far along the normal from the place of the object, mm.
    Depth(Vec<f64>),
    Time,
    /// Angles, detectors, pages or slices of unknown distance.
    Unknown,
}

impl Course {
    /// Of an object of several frames.
    pub(super) fn of(o: &InMemDicomObject, frames: usize, notices: &mut Vec<Notice>) -> Self {
        if let Some(offsets) = dose_offsets(o, frames, notices) {
            return Self::Depth(offsets);
        }
        let (slices, moments) = (points_to(o, &SLICES), points_to(o, &MOMENTS));
        if let Some(at) = list(o, tags::SLICE_LOCATION_VECTOR, frames).filter(|_| !moments) {
            let first = at.first().copied().unwrap_or_default();
            return Self::Depth(at.iter().map(|v| v - first).collect());
        }
        let nuclear = is_nuclear(o);
        if nuclear && !(slices || is_reconstructed(o)) {
            return if moments || is_timed(o) { Self::Time } else { Self::Unknown };
        }
        if moments && !slices {
            return Self::Time;
        }
        let filmed = text(o, tags::MODALITY).is_some_and(|m| FILMED.contains(&m.as_str()));
        let spaced = number(o, tags::SPACING_BETWEEN_SLICES).is_some_and(|s| s != 0.0);
        let placed = o.get(tags::IMAGE_POSITION_PATIENT).is_some();
        // A rate of display alone says less than a distance of slices.
        let shown = o.get(tags::CINE_RATE).is_some() && !(spaced && placed && !filmed);
        if !slices && (is_timed(o) || shown || (filmed && !(spaced && placed))) {
            return Self::Time;
        }
        let Some(step) = step(o, nuclear, notices) else { return Self::Unknown };
        match list(o, tags::SLICE_VECTOR, frames) {
            Some(slice) => Self::Depth(slice.iter().map(|n| (n - 1.0) * step).collect()),
            None => Self::Depth((0..frames).map(|i| i as f64 * step).collect()),
        }
    }
}

fn is_timed(o: &InMemDicomObject) -> bool {
    [tags::FRAME_TIME, tags::FRAME_TIME_VECTOR].into_iter().any(|t| o.get(t).is_some())
}

/// Whether a place among detectors is to be looked for.
pub(super) fn is_nuclear(o: &InMemDicomObject) -> bool {
    o.get(tags::DETECTOR_INFORMATION_SEQUENCE).is_some()
        || text(o, tags::MODALITY).as_deref() == Some("NM")
}

/// Slices through the patient, not views of it (PS3.3 C.8.4.9.1.1.3).
fn is_reconstructed(o: &InMemDicomObject) -> bool {
    text(o, tags::IMAGE_TYPE).is_some_and(|t| t.split('\\').any(|v| v.trim().starts_with("RECON")))
}

fn points_to(o: &InMemDicomObject, any: &[Tag]) -> bool {
    match o.get(tags::FRAME_INCREMENT_POINTER).and_then(|e| e.value().primitive()) {
        Some(PrimitiveValue::Tags(list)) => list.iter().any(|t| any.contains(t)),
        _ => false,
    }
}

/// The numbers of a list with one for each frame.
pub(super) fn list(o: &InMemDicomObject, tag: Tag, frames: usize) -> Option<Vec<f64>> {
    numbers(o, tag).filter(|v| v.len() == frames)
}

/// The declared distance of slices, else, with a word, their thickness. In nuclear medicine the
/// sign is the way in which they are stacked (C.8.4.15).
fn step(o: &InMemDicomObject, signed: bool, notices: &mut Vec<Notice>) -> Option<f64> {
    let meant = |v: &f64| (1e-6..=1e6).contains(&v.abs());
    if let Some(s) = number(o, tags::SPACING_BETWEEN_SLICES).filter(meant) {
        return Some(if signed { s } else { s.abs() });
    }
    let thick = number(o, tags::SLICE_THICKNESS).map(f64::abs).filter(meant)?;
    push_once(
        notices,
        Notice::amber(format!(
            "the distance of the slices is not stated; it is taken to be their thickness, {thick} mm"
        )),
    );
    Some(thick)
}

/// Offsets of the planes of a dose grid along the normal: from the first plane, or places in the
/// patient, from foot to head, if the first is the plane's own (PS3.3 C.8.8.3.2).
fn dose_offsets(
    o: &InMemDicomObject,
    frames: usize,
    notices: &mut Vec<Notice>,
) -> Option<Vec<f64>> {
    let v = numbers(o, tags::GRID_FRAME_OFFSET_VECTOR)?;
    if v.len() != frames {
        let text = "the list of offsets of the dose grid is not as long as its frames are many";
        push_once(notices, Notice::amber(text));
        return None;
    }
    let first = v.first().copied()?;
    let mut along = 1.0;
    if first != 0.0 {
        let up = numbers(o, tags::IMAGE_ORIENTATION_PATIENT).and_then(|d| match d.as_slice() {
            &[a, b, _, c, d, _] => Some(a * d - b * c),
            _ => None,
        });
        let near = v.last().map_or(0.0, |last| 1e-3 * (last - first).abs());
        let own = number_at(o, tags::IMAGE_POSITION_PATIENT, 2);
        if own.is_some_and(|z| (z - first).abs() < near) {
            along = if up? < 0.0 { -1.0 } else { 1.0 };
        } else {
            let text = "the offsets of the dose grid begin neither with 0 nor with the place of \
                        its first plane; they are taken from the first on";
            push_once(notices, Notice::amber(text));
        }
    }
    Some(v.iter().map(|d| along * (d - first)).collect())
}

fn number_at(o: &InMemDicomObject, tag: Tag, i: usize) -> Option<f64> {
    numbers(o, tag)?.get(i).copied()
}

/// The detector that took a frame: its own item, else the only or the first.
pub(super) fn detector<'a>(
    o: &'a InMemDicomObject,
    of_frame: Option<&[f64]>,
    frame: usize,
) -> Option<&'a InMemDicomObject> {
    let items = o.get(tags::DETECTOR_INFORMATION_SEQUENCE)?.items()?;
    of_frame
        .and_then(|v| items.get((*v.get(frame)? as usize).checked_sub(1)?))
        .or_else(|| first_item(o, tags::DETECTOR_INFORMATION_SEQUENCE))
}
