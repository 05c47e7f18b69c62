//! How the frames of one object follow one another where they have no places of their own: in space,
//! from the place of the first (PS3.3 C.8.8.3.2, C.8.4.15, C.8.6.4), or in time (C.7.6.5).

use super::file::{first_item, number, numbers, text};
use super::plane::{cross, push_once};
use crate::volume::Notice;
use dicom::core::Tag;
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;

/// What a frame increment pointer may point to that counts time, and what counts places.
const TIME_POINTERS: [Tag; 7] = [
    tags::FRAME_TIME,
    tags::FRAME_TIME_VECTOR,
    tags::CINE_RATE,
    tags::TIME_SLICE_VECTOR,
    tags::TIME_SLOT_VECTOR,
    tags::PHASE_VECTOR,
    tags::RR_INTERVAL_VECTOR,
];
const PLACE_POINTERS: [Tag; 6] = [
    tags::SLICE_VECTOR,
    tags::SLICE_LOCATION_VECTOR,
    tags::GRID_FRAME_OFFSET_VECTOR,
    tags::SLICE_LOCATION,
    tags::IMAGE_POSITION_PATIENT,
    tags::SPACING_BETWEEN_SLICES,
];

/// Modalities whose frames are moving pictures unless they say otherwise.
const MOVING: [&str; 8] = ["US", "IVUS", "XA", "RF", "ES", "XC", "DX", "GM"];

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Course {
    /// Each frame says where it lies, or there is one only.
    Own,
    Clip,
    /// Millimetres of each frame from the first along the normal, and its number in time.
    Stack {
        offsets: Vec<f64>,
        times: Vec<f64>,
    },
    /// One behind another, nobody knows how far.
    Unknown,
}

impl Course {
    pub(super) fn of(o: &InMemDicomObject, frames: usize, notices: &mut Vec<Notice>) -> Self {
        if frames < 2 || own_places(o) {
            return Self::Own;
        }
        // Tiles of one large picture.
        if o.get(tags::TOTAL_PIXEL_MATRIX_COLUMNS).is_some() {
            return Self::Unknown;
        }
        let list = |tag| numbers(o, tag).filter(|v| v.len() == frames);
        let slices = list(tags::SLICE_VECTOR).or_else(|| of_frames(o, frames, in_stack));
        let rebuilt =
            text(o, tags::IMAGE_TYPE).is_some_and(|t| t.split('\\').any(|p| p.contains("RECON")));
        let emission = o.get(tags::DETECTOR_INFORMATION_SEQUENCE).is_some();
        let pointers = pointers(o);
        let any = |tags: &[Tag]| tags.iter().any(|t| pointers.contains(t));
        let offsets = grid_offsets(o, frames).or_else(|| {
            list(tags::SLICE_LOCATION_VECTOR).map(|v| v.iter().map(|p| p - v[0]).collect())
        });
        let spaced = slices.is_some() || offsets.is_some() || any(&PLACE_POINTERS);
        if !spaced && moves(o, any(&TIME_POINTERS)) {
            return Self::Clip;
        }
        // Views of a detector that turns around the patient, or several energy windows.
        if emission && slices.is_none() && !rebuilt {
            return Self::Unknown;
        }
        let times = times(o, frames);
        if let Some(offsets) = offsets {
            return Self::Stack { offsets, times };
        }
        let places = slices.unwrap_or_else(|| counted(&times));
        let least = places.iter().copied().fold(f64::INFINITY, f64::min);
        if places.iter().all(|&p| p == least) {
            return Self::Stack { offsets: vec![0.0; frames], times };
        }
        let Some(step) = step(o, emission, notices) else { return Self::Unknown };
        let offsets = places.iter().map(|p| (p - least) * step).collect();
        Self::Stack { offsets, times }
    }

    pub(super) fn is_clip(&self) -> bool {
        matches!(self, Self::Clip)
    }
}

/// Whether the functional groups say where the frames lie.
fn own_places(o: &InMemDicomObject) -> bool {
    let groups =
        [tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE];
    let mut items = groups.into_iter().filter_map(|t| o.get(t)?.items()).flatten();
    items.any(|g| {
        g.get(tags::PLANE_POSITION_SEQUENCE).is_some()
            || g.get(tags::PLANE_POSITION_VOLUME_SEQUENCE).is_some()
    })
}

fn pointers(o: &InMemDicomObject) -> Vec<Tag> {
    let Some(element) = o.get(tags::FRAME_INCREMENT_POINTER) else { return Vec::new() };
    let Some(value) = element.value().primitive() else { return Vec::new() };
    match value {
        dicom::core::PrimitiveValue::Tags(tags) => tags.to_vec(),
        // Little endian pairs, where the type is not known.
        other => {
            let words: Vec<u16> = other.to_multi_int::<u16>().unwrap_or_default();
            words.as_chunks::<2>().0.iter().map(|&[g, e]| Tag(g, e)).collect()
        }
    }
}

/// Whether frames without places are a clip.
fn moves(o: &InMemDicomObject, says_so: bool) -> bool {
    let timed = [
        tags::FRAME_TIME,
        tags::FRAME_TIME_VECTOR,
        tags::CINE_RATE,
        tags::RECOMMENDED_DISPLAY_FRAME_RATE,
    ];
    if says_so || timed.into_iter().any(|t| o.get(t).is_some()) {
        return true;
    }
    let spaced = number(o, tags::SPACING_BETWEEN_SLICES).is_some_and(|s| s != 0.0);
    let modality = text(o, tags::MODALITY).unwrap_or_default();
    !spaced && MOVING.contains(&modality.as_str())
}

/// A number that every item of the per-frame groups has.
fn of_frames(
    o: &InMemDicomObject,
    frames: usize,
    value: impl Fn(&InMemDicomObject) -> Option<f64>,
) -> Option<Vec<f64>> {
    let groups = o.get(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)?.items()?;
    (groups.len() == frames).then(|| groups.iter().map(value).collect::<Option<_>>())?
}

fn in_stack(group: &InMemDicomObject) -> Option<f64> {
    number(first_item(group, tags::FRAME_CONTENT_SEQUENCE)?, tags::IN_STACK_POSITION_NUMBER)
}

/// The number of each frame in time: from the vectors of emission pictures, or the frame contents.
fn times(o: &InMemDicomObject, frames: usize) -> Vec<f64> {
    let vectors = [
        tags::PHASE_VECTOR,
        tags::RR_INTERVAL_VECTOR,
        tags::TIME_SLOT_VECTOR,
        tags::TIME_SLICE_VECTOR,
    ];
    let mut found = vec![0.0; frames];
    for v in vectors.into_iter().filter_map(|t| numbers(o, t).filter(|v| v.len() == frames)) {
        found.iter_mut().zip(v).for_each(|(t, v)| *t = *t * 65_536.0 + v);
    }
    if found.iter().any(|&t| t != found[0]) {
        return found;
    }
    let temporal = |g: &InMemDicomObject| {
        number(first_item(g, tags::FRAME_CONTENT_SEQUENCE)?, tags::TEMPORAL_POSITION_INDEX)
    };
    of_frames(o, frames, temporal).unwrap_or_else(|| vec![0.0; frames])
}

/// Places in the order of the frames, anew for each time.
fn counted(times: &[f64]) -> Vec<f64> {
    let mut seen = std::collections::HashMap::new();
    times
        .iter()
        .map(|t| {
            let n = seen.entry(t.to_bits()).or_insert(0.0);
            *n += 1.0;
            *n
        })
        .collect()
}

/// The distance of neighbouring frames. Of emission pictures its sign says on which side of the
/// first the others lie (PS3.3 C.8.4.15); elsewhere it has no meaning.
fn step(o: &InMemDicomObject, signed: bool, notices: &mut Vec<Notice>) -> Option<f64> {
    let measures = first_item(o, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
        .and_then(|g| first_item(g, tags::PIXEL_MEASURES_SEQUENCE))
        .unwrap_or(o);
    let usable = |mm: &f64| (1e-6..=1e6).contains(&mm.abs());
    if let Some(s) = number(measures, tags::SPACING_BETWEEN_SLICES).filter(usable) {
        return Some(if signed { s } else { s.abs() });
    }
    let thickness = number(measures, tags::SLICE_THICKNESS).filter(usable)?.abs();
    let text = "the file does not say how far its frames lie apart: the slice thickness is taken \
                for it";
    push_once(notices, Notice::amber(text));
    Some(thickness)
}

/// Offsets of the planes of a dose grid from the first along the normal (PS3.3 C.8.8.3.2): the
/// list counts from the first plane, or holds the z coordinates of axial planes.
fn grid_offsets(o: &InMemDicomObject, frames: usize) -> Option<Vec<f64>> {
    let v = numbers(o, tags::GRID_FRAME_OFFSET_VECTOR).filter(|v| v.len() == frames)?;
    let first = *v.first()?;
    let mut sign = 1.0;
    if first != 0.0
        && let Some(&[a, b, c, d, e, f]) = numbers(o, tags::IMAGE_ORIENTATION_PATIENT).as_deref()
    {
        // A z coordinate grows against the normal of planes that are seen from the other side.
        sign = if cross([a, b, c], [d, e, f])[2] < -0.5 { -1.0 } else { 1.0 };
    }
    Some(v.iter().map(|p| sign * (p - first)).collect())
}
