//! DICOM Segmentation as a label map (PS3.3 A.51, C.8.20): frames are placed by their position,
//! never by their order.

use super::element::{first_item, number, numbers, sop_class, text};
use super::file::{DicomFile, parse};
use super::layout::{Layout, Photometric};
use super::origin::Origin;
use super::pixels::Frames;
use super::place::tolerance;
use super::plane::{Plane, cross, dot, length, planes};
use super::threads::on_threads;
use crate::io::Mask;
use crate::io::error::{Refusal, one_line};
use crate::io::export::Planes;
use crate::io::limits::{DICOM_FRAMES, checked_size, memory_budget};
use crate::volume::{
    Affine, DicomSource, Geometry, Label, LabelMap, LabelTable, Notice, Volume, push_once,
};
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;
use std::path::Path;

const SEGMENTATION: &str = "1.2.840.10008.5.1.4.1.1.66.4";
const LABEL_MAP: &str = "1.2.840.10008.5.1.4.1.1.66.7";

/// How the stored values of a frame become labels.
enum Coding {
    /// Inside from this stored value on; the label is the frame's segment.
    Threshold(f64),
    /// The stored value is the segment.
    Labels,
}

/// Reads a segmentation; if it fits slice by slice on `image`, on the image's lattice.
pub(crate) fn read_segmentation(path: &Path, image: Option<&Volume>) -> Result<Mask, Refusal> {
    on_threads(|| {
        let file = parse(Origin::Disk(path.to_owned()).bytes(true)?, true)?;
        build(&file, image)
    })
}

fn build(f: &DicomFile, image: Option<&Volume>) -> Result<Mask, Refusal> {
    let o = &f.object;
    let class = text(o, tags::SOP_CLASS_UID);
    if !matches!(class.as_deref(), Some(SEGMENTATION | LABEL_MAP)) {
        return Err(Refusal::unsupported(format!(
            "{} is no segmentation; a mask is a DICOM SEG or an image of whole numbers",
            sop_class(o)
        )));
    }
    let mut notices = f.notices.clone();
    let mut layout = Layout::of(o, &mut notices)?;
    // A palette says how labels are shown, not which they are.
    if layout.photometric == Photometric::Palette {
        layout.photometric = Photometric::Monochrome2;
    }
    let coding = coding(o, &layout, &mut notices)?;
    let frames = Frames::of(f, layout.clone(), &mut notices)?;
    let places = planes(o, &layout, frames.count, &mut notices);
    let segments = segments(o)?;
    let fitting = image.and_then(|v| {
        on_image(v, &layout, &places).or_else(|| by_reference(o, v, &layout, &places))
    });
    let lattice_fits = fitting.is_some();
    let source = image.and_then(|v| v.source.dicom.as_deref());
    notices.extend(source.and_then(|source| tie(o, source, lattice_fits)));
    let (geometry, slice_of) = match fitting {
        Some(found) => found,
        None => lattice(&layout, &places, &mut notices)?,
    };
    let mut map = LabelMap::empty(geometry);
    let size = layout.pixels();
    let (mut several, mut unknown) = (0usize, 0usize);
    for (frame, &z) in slice_of.iter().enumerate() {
        let segment = segment_of(o, frame);
        let values = frames.decode(frame)?;
        let Some(slice) = map.labels.get_mut(z * size..(z + 1) * size) else { continue };
        for (i, slot) in slice.iter_mut().enumerate() {
            let stored = values.stored(i, 0);
            let number = match coding {
                Coding::Threshold(least) if stored >= least => segment,
                Coding::Threshold(_) => None,
                Coding::Labels => Some(stored as u16).filter(|v| *v != 0),
            };
            let Some(number) = number else { continue };
            match segments.iter().find(|(n, _)| *n == number) {
                Some((_, label)) => {
                    several += usize::from(*slot != 0);
                    *slot = label.value as u8;
                }
                None => unknown += 1,
            }
        }
    }
    if several > 0 {
        notices.push(Notice::amber(format!(
            "{several} voxels belong to several segments; the last one is kept"
        )));
    }
    if unknown > 0 {
        notices.push(Notice::amber(format!(
            "{unknown} voxels belong to a segment that the file does not describe; left out"
        )));
    }
    let table = LabelTable(segments.into_iter().map(|(_, l)| l).collect());
    Ok(Mask { map, table, notices })
}

fn coding(
    o: &InMemDicomObject,
    layout: &Layout,
    notices: &mut Vec<Notice>,
) -> Result<Coding, Refusal> {
    if layout.samples != 1 {
        return Err(Refusal::damaged("a segmentation in colours"));
    }
    match text(o, tags::SEGMENTATION_TYPE).as_deref() {
        Some("FRACTIONAL") => {
            let most = number(o, tags::MAXIMUM_FRACTIONAL_VALUE).filter(|m| *m > 0.0);
            let most =
                most.ok_or_else(|| Refusal::damaged("Maximum Fractional Value is missing"))?;
            notices.push(Notice::amber("fractions: voxels of one half or more are inside"));
            Ok(Coding::Threshold((most / 2.0).max(1.0)))
        }
        Some("LABELMAP") => Ok(Coding::Labels),
        Some("BINARY") | None => Ok(Coding::Threshold(1.0)),
        Some(_) => Err(Refusal::unsupported("a segmentation type that is not of the standard")),
    }
}

/// Segment numbers with their labels (place = number where that is at most 255).
fn segments(o: &InMemDicomObject) -> Result<Vec<(u16, Label)>, Refusal> {
    let items = o.get(tags::SEGMENT_SEQUENCE).and_then(|e| e.items()).unwrap_or(&[]);
    if items.len() > 255 {
        return Err(Refusal::unsupported(format!(
            "{} segments; a label map holds at most 255",
            items.len()
        )));
    }
    let ours = text(o, tags::MANUFACTURER).as_deref() == Some("sfumato");
    let mut out: Vec<(u16, Label)> = Vec::with_capacity(items.len());
    for (item, place) in items.iter().zip(1u16..) {
        let n = number(item, tags::SEGMENT_NUMBER).unwrap_or_else(|| f64::from(place)) as u16;
        if out.iter().any(|(m, _)| *m == n) {
            return Err(Refusal::damaged(format!("segment {n} occurs twice")));
        }
        if n == 0 {
            continue; // background of a label map
        }
        let name: String = text(item, tags::SEGMENT_LABEL)
            .map(|t| one_line(&t).chars().take(64).collect())
            .unwrap_or_else(|| format!("segment {n}"));
        let lab = numbers(item, tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE);
        let color = match lab.as_deref() {
            Some(&[l, a, b]) => srgb([l, a, b]),
            _ => crate::io::mask::color(n),
        };
        // The number that an export of ours keeps there.
        let number = text(item, tags::SEGMENT_DESCRIPTION)
            .filter(|_| ours)
            .and_then(|t| t.trim().strip_prefix("label ")?.parse::<u32>().ok())
            .filter(|&own| own > 0 && i32::try_from(own).is_ok())
            .unwrap_or_else(|| n.into());
        out.push((n, Label { value: 0, number, name, color }));
    }
    let mut numbers: Vec<u32> = out.iter().map(|(_, l)| l.number).collect();
    numbers.sort_unstable();
    if numbers.windows(2).any(|w| matches!(w, [a, b] if a == b)) {
        // Two segments call themselves the same: their own count tells them apart.
        out.iter_mut().for_each(|(n, l)| l.number = u32::from(*n));
        numbers = out.iter().map(|(_, l)| l.number).collect();
        numbers.sort_unstable();
    }
    let places = crate::io::mask::places(numbers.into_iter());
    for (_, label) in &mut out {
        let place = places.iter().find(|(v, _)| *v == label.number);
        label.value = place.map_or(0, |&(_, p)| p.into());
    }
    Ok(out)
}

/// The segment that a frame belongs to: of its own group, else of the shared one.
fn segment_of(o: &InMemDicomObject, frame: usize) -> Option<u16> {
    let per_frame = o.get(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)?.items()?;
    let shared = first_item(o, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let of = |group: &InMemDicomObject| {
        let item = first_item(group, tags::SEGMENT_IDENTIFICATION_SEQUENCE)?;
        number(item, tags::REFERENCED_SEGMENT_NUMBER).map(|n| n as u16)
    };
    per_frame.get(frame).and_then(of).or_else(|| shared.and_then(of))
}

/// OPEN-11: what ties a segmentation to the image, the series before the frame of reference before the
/// lattice; what must be said of it.
fn tie(o: &InMemDicomObject, image: &DicomSource, lattice_fits: bool) -> Option<Notice> {
    let series = first_item(o, tags::REFERENCED_SERIES_SEQUENCE)
        .and_then(|s| text(s, tags::SERIES_INSTANCE_UID));
    let frame = text(o, tags::FRAME_OF_REFERENCE_UID);
    if series.as_ref() == Some(&image.series_uid) {
        return None;
    }
    if frame.is_some() && frame == image.frame_of_reference_uid {
        return series.map(|_| {
            Notice::note(
                "the segmentation was made on another series of the same frame of reference",
            )
        });
    }
    let why = match (series, frame) {
        (Some(_), Some(_)) => "it refers to another series, in another frame of reference",
        (Some(_), None) => "it refers to another series",
        (None, Some(_)) => "it has another frame of reference",
        (None, None) if lattice_fits => return None,
        (None, None) => "it names no series and no frame of reference, and has another lattice",
    };
    Some(Notice::amber(format!("the segmentation is not tied to the image: {why}")))
}

/// The slice of each frame, if all lie on slices of the image and share its lattice in plane.
fn on_image(image: &Volume, layout: &Layout, places: &[Plane]) -> Option<(Geometry, Vec<usize>)> {
    let g = image.geometry();
    let [columns, rows, slices] = g.shape();
    if (columns, rows) != (layout.columns, layout.rows) {
        return None;
    }
    let target = Planes::of(g, &image.source).ok()?;
    // Pictures without a place: the only slice takes all.
    if slices == 1 && places.iter().all(|p| p.position.is_none()) {
        return Some((g.clone(), vec![0; places.len()]));
    }
    let slice_of = places.iter().map(|p| {
        let (position, directions, spacing) = (p.position?, p.orientation?, p.spacing?);
        let alike = (0..2).all(|i| {
            (spacing[i] / target.spacing[i] - 1.0).abs() < 1e-3
                && dot(directions[i], target.directions[i]) > 1.0 - 1e-5
        });
        let near = 0.01 * target.step + 0.01_f64.min(0.1 * target.step);
        let distance = |z: usize| {
            let s = target.slices.get(z).map_or([f64::INFINITY; 3], |s| s.position);
            length(std::array::from_fn(|i| s[i] - position[i]))
        };
        alike.then(|| (0..slices).find(|&z| distance(z) < near))?
    });
    Some((g.clone(), slice_of.collect::<Option<Vec<_>>>()?))
}

/// The slice of each frame without a position, by the source frame that it was derived from.
fn by_reference(
    o: &InMemDicomObject,
    image: &Volume,
    layout: &Layout,
    places: &[Plane],
) -> Option<(Geometry, Vec<usize>)> {
    let g = image.geometry();
    let [columns, rows, slices] = g.shape();
    let source = image.source.dicom.as_deref().filter(|s| !s.resampled)?;
    if (columns, rows) != (layout.columns, layout.rows)
        || places.iter().any(|p| p.position.is_some())
    {
        return None;
    }
    let groups = o.get(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)?.items()?;
    let slice_of = (0..places.len()).map(|i| {
        let derivation = first_item(groups.get(i)?, tags::DERIVATION_IMAGE_SEQUENCE)?;
        let from = first_item(derivation, tags::SOURCE_IMAGE_SEQUENCE)?;
        let instance = text(from, tags::REFERENCED_SOP_INSTANCE_UID)?;
        let frame = number(from, tags::REFERENCED_FRAME_NUMBER).map(|n| n as u32);
        let same = |f: &crate::volume::DicomFrame| {
            f.sop_instance_uid == instance && (f.frame == frame || frame.is_none())
        };
        source.frames.iter().take(slices).position(same)
    });
    Some((g.clone(), slice_of.collect::<Option<Vec<_>>>()?))
}

/// A lattice of the segmentation's own through the positions of its frames.
fn lattice(
    layout: &Layout,
    places: &[Plane],
    notices: &mut Vec<Notice>,
) -> Result<(Geometry, Vec<usize>), Refusal> {
    let unplaced = || {
        Refusal::unsupported(
            "the frames of the segmentation do not say where they lie (tiled, or drawn on \
             projection images)",
        )
    };
    let first = places.first().ok_or_else(unplaced)?;
    let (directions, spacing) = first.orientation.zip(first.spacing).ok_or_else(unplaced)?;
    let normal = cross(directions[0], directions[1]);
    let positions =
        places.iter().map(|p| p.position).collect::<Option<Vec<_>>>().ok_or_else(unplaced)?;
    let turned = |p: &Plane| {
        p.orientation.is_none_or(|o| (0..2).any(|i| dot(o[i], directions[i]) < 1.0 - 1e-5))
    };
    if places.iter().any(turned) {
        return Err(Refusal::unsupported("frames of several orientations in one segmentation"));
    }
    let mut order: Vec<[f64; 3]> = positions.clone();
    order.sort_by(|a, b| dot(*a, normal).total_cmp(&dot(*b, normal)));
    let (Some(&low), Some(&high)) = (order.first(), order.last()) else { return Err(unplaced()) };
    let along = |p: [f64; 3]| dot(p, normal) - dot(low, normal);
    let same = tolerance(&order.iter().map(|&p| along(p)).collect::<Vec<_>>(), first);
    let least = order
        .windows(2)
        .filter_map(|w| if let [a, b] = w { Some(along(*b) - along(*a)) } else { None })
        .filter(|d| *d > same)
        .fold(f64::INFINITY, f64::min);
    let declared = first.step.filter(|s| s.is_finite() && *s > 0.0);
    // Empty frames may be left out: the declared step counts if the gaps are multiples of it.
    let step = match declared {
        Some(s) if !least.is_finite() => s,
        Some(s) if ((least / s).round() - least / s).abs() < 0.01 && least > 0.5 * s => s,
        _ if least.is_finite() => least,
        _ => 1.0,
    };
    let count = (along(high) / step).round() + 1.0;
    if count > DICOM_FRAMES as f64 {
        return Err(Refusal::damaged(format!("the frames span {count} slices")));
    }
    let count = count as usize;
    checked_size("the label map", &[layout.pixels() as u64, count as u64], memory_budget())?;
    let advance: [f64; 3] = if count > 1 {
        std::array::from_fn(|i| (high[i] - low[i]) / (count - 1) as f64)
    } else {
        normal.map(|v| v * step)
    };
    let mut slice_of = Vec::with_capacity(places.len());
    for &p in &positions {
        let z = (along(p) / step).round();
        let off = length(std::array::from_fn(|i| low[i] + advance[i] * z - p[i]));
        if off > 0.02 * step + 0.01_f64.min(0.1 * step) {
            let text = "the frames of the segmentation are not evenly spaced; each was put on the \
                        nearest slice of an even lattice";
            push_once(notices, Notice::amber(text));
        }
        slice_of.push((z as usize).min(count - 1));
    }
    let columns =
        [directions[0].map(|v| v * spacing[0]), directions[1].map(|v| v * spacing[1]), advance];
    let lps = Affine::from_columns(columns, low);
    let geometry = Geometry::new([layout.columns, layout.rows, count], lps.flip_lps_ras())
        .map_err(|e| Refusal::damaged(e.to_string()))?;
    Ok((geometry, slice_of))
}

/// From DICOM's 16-bit CIE L*a*b* (D50) to sRGB.
fn srgb([l, a, b]: [f64; 3]) -> [u8; 3] {
    let (l, a, b) = (l / 655.35, a / 65_535.0 * 255.0 - 128.0, b / 65_535.0 * 255.0 - 128.0);
    let y = (l + 16.0) / 116.0;
    let f = |t: f64| {
        if t > 6.0 / 29.0 { t.powi(3) } else { 3.0 * (6.0f64 / 29.0).powi(2) * (t - 4.0 / 29.0) }
    };
    let (x, y, z) = (0.964_22 * f(y + a / 500.0), f(y), 0.825_21 * f(y - b / 200.0));
    [
        3.133_856_1 * x - 1.616_866_7 * y - 0.490_614_6 * z,
        -0.978_768_4 * x + 1.916_141_5 * y + 0.033_454 * z,
        0.071_945_3 * x - 0.228_991_4 * y + 1.405_242_7 * z,
    ]
    .map(|v| {
        let v = v.clamp(0.0, 1.0);
        let s = if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
        (s * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom::core::value::DataSetSequence;
    use dicom::core::{DataElement, PrimitiveValue, VR};

    #[test]
    fn open_11_a_segmentation_is_tied_by_series_else_by_frame_of_reference_else_by_lattice() {
        let image = DicomSource {
            series_uid: "1.2.3".to_owned(),
            frame_of_reference_uid: Some("1.9".to_owned()),
            ..DicomSource::default()
        };
        let said = |series: Option<&str>, frame: Option<&str>, lattice_fits| {
            let uid = |v: &str| PrimitiveValue::from(v);
            let mut o = InMemDicomObject::new_empty();
            if let Some(series) = series {
                let mut item = InMemDicomObject::new_empty();
                item.put(DataElement::new(tags::SERIES_INSTANCE_UID, VR::UI, uid(series)));
                let items = DataSetSequence::from(vec![item]);
                o.put(DataElement::new(tags::REFERENCED_SERIES_SEQUENCE, VR::SQ, items));
            }
            if let Some(frame) = frame {
                o.put(DataElement::new(tags::FRAME_OF_REFERENCE_UID, VR::UI, uid(frame)));
            }
            tie(&o, &image, lattice_fits).map(|n| n.text)
        };
        let not_tied = |text: Option<String>, why: &str| {
            let text = text.expect("a caution");
            assert!(text.contains("not tied to the image") && text.contains(why), "{text}");
        };
        assert_eq!(said(Some("1.2.3"), Some("1.9"), true), None);
        // The series says more than a frame that was written anew.
        assert_eq!(said(Some("1.2.3"), Some("1.8"), false), None);
        assert_eq!(said(None, Some("1.9"), false), None);
        assert_eq!(said(None, None, true), None);
        let other = said(Some("1.2.4"), Some("1.9"), false).expect("a note");
        assert!(other.contains("another series of the same frame"), "{other}");
        not_tied(said(Some("1.2.4"), Some("1.8"), true), "in another frame");
        not_tied(said(Some("1.2.4"), None, true), "another series");
        not_tied(said(None, Some("1.8"), true), "another frame");
        not_tied(said(None, None, false), "no series");
    }
}
