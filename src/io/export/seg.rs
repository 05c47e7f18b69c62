//! DICOM Segmentation (PS3.3 A.51, C.8.20): one frame per segment and slice, binary or as
//! probabilities, tied to the source series.

use super::dataset::{Dataset, EXPLICIT_LE, code, new_uid, now};
use super::frame::{Planes, begin, reference};
use super::{AlgorithmType, Authorship, Segment};
use crate::io::IoError;
use crate::io::atomic::write_new;
use crate::volume::{Geometry, Notice, Source};
use dicom::core::VR;
use dicom::dictionary_std::tags;
use std::path::Path;

const CLASS: &str = "1.2.840.10008.5.1.4.1.1.66.4";

/// How voxels are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentationKind {
    /// One bit per voxel.
    Binary,
    /// `FRACTIONAL`, `PROBABILITY`: 0 to 255 = 0 to 1.
    Fractional,
}

/// Writes segments, each of the size of `geometry`, as one DICOM SEG file. Slices without any
/// segment are left out at both ends. An image that was not read from DICOM gets a study and frame
/// of reference of its own, which the returned notices say.
///
/// # Errors
/// If there is no segment or one has another size; if the image has no place that DICOM can express;
/// if the file exists and may not be overwritten, or cannot be written.
pub fn write_seg(
    path: &Path,
    geometry: &Geometry,
    source: &Source,
    segments: &[Segment<'_>],
    kind: SegmentationKind,
    by: &Authorship<'_>,
) -> Result<Vec<Notice>, IoError> {
    let invalid = |why: String| IoError::Invalid { why, path: path.into() };
    let n = geometry.voxel_count();
    let [columns, rows, _] = geometry.shape();
    if segments.is_empty() || segments.len() > usize::from(u16::MAX) {
        return Err(invalid(format!("{} segments; a SEG has 1 to 65535", segments.len())));
    }
    if let Some(s) = segments.iter().find(|s| s.values.len() != n) {
        return Err(invalid(format!("a segment has {} voxels, the image {n}", s.values.len())));
    }
    let (Ok(rows), Ok(columns)) = (u16::try_from(rows), u16::try_from(columns)) else {
        return Err(invalid("DICOM allows at most 65535 rows and columns".into()));
    };
    let planes = Planes::of(geometry, source).map_err(invalid)?;
    let mut notices = Vec::new();
    if planes.source.is_none() {
        notices.push(Notice::note(
            "the image is not from DICOM: the segmentation has a study and frame of reference of \
             its own",
        ));
    }
    let renumbered = segments.iter().zip(1u32..).filter(|(s, n)| s.number != *n);
    let table: Vec<String> =
        renumbered.take(20).map(|(s, n)| format!("{} is {n}", s.number)).collect();
    if !table.is_empty() {
        notices.push(Notice::amber(format!(
            "segments of a DICOM SEG are counted from 1: label {}; the labels' own numbers stand in \
             the segment descriptions",
            table.join(", ")
        )));
    }
    let frames = frames(segments, geometry);
    let mut d = begin(&planes, CLASS, "SEG", by);
    describe(&mut d, segments, kind, by);
    d.us(tags::ROWS, &[rows]).us(tags::COLUMNS, &[columns]);
    d.integer(tags::NUMBER_OF_FRAMES, frames.len() as i64);
    if let Some(source) = &planes.source {
        let mut series = Dataset::new();
        series
            .text(tags::SERIES_INSTANCE_UID, &source.series_uid)
            .items(tags::REFERENCED_INSTANCE_SEQUENCE, planes.instances());
        d.items(tags::REFERENCED_SERIES_SEQUENCE, vec![series]);
    }
    dimensions(&mut d, &planes);
    d.items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared(&planes)]);
    let groups = frames.iter().map(|&(s, z)| group(&planes, s, z)).collect();
    d.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups);
    let pixels = pixels(segments, &frames, geometry.slice_len(), kind);
    d.raw(tags::PIXEL_DATA, VR::OB, pixels);
    let bytes = d.file(EXPLICIT_LE).ok_or_else(|| {
        invalid("the segmentation would exceed 4 GiB; export a part of the slices".into())
    })?;
    write_new(path, &bytes, by.overwrite)?;
    Ok(notices)
}

/// Segment and slice of each frame: all slices that hold anything of the segment, and for the first
/// segment also those between where nothing at all is, so that the slices are without gaps.
fn frames(segments: &[Segment<'_>], geometry: &Geometry) -> Vec<(usize, usize)> {
    let size = geometry.slice_len();
    let filled: Vec<Vec<bool>> = segments
        .iter()
        .map(|s| s.values.chunks(size).map(|slice| slice.iter().any(|&v| v != 0)).collect())
        .collect();
    let any = |z: usize| filled.iter().any(|f| f.get(z) == Some(&true));
    let slices = geometry.shape()[2];
    let first = (0..slices).find(|&z| any(z)).unwrap_or(0);
    let last = (0..slices).rev().find(|&z| any(z)).unwrap_or(0);
    let mut out = Vec::new();
    for (s, filled) in filled.iter().enumerate() {
        for z in first..=last {
            if filled.get(z) == Some(&true) || (s == 0 && !any(z)) {
                out.push((s, z));
            }
        }
    }
    out
}

/// The frames' pixels: bytes, or bits packed across frames, least significant first.
fn pixels(
    segments: &[Segment<'_>],
    frames: &[(usize, usize)],
    size: usize,
    kind: SegmentationKind,
) -> Vec<u8> {
    let slices = frames.iter().filter_map(|&(s, z)| segments.get(s)?.values.chunks(size).nth(z));
    match kind {
        SegmentationKind::Fractional => slices.flatten().copied().collect(),
        SegmentationKind::Binary => {
            let mut out = vec![0u8; (frames.len() * size).div_ceil(8)];
            for (i, &v) in slices.flatten().enumerate() {
                if let Some(byte) = out.get_mut(i / 8).filter(|_| v != 0) {
                    *byte |= 1 << (i % 8);
                }
            }
            out
        }
    }
}

/// Whether a voxel is in two segments.
fn overlap(segments: &[Segment<'_>]) -> bool {
    let Some((first, rest)) = segments.split_first() else { return false };
    let mut taken: Vec<bool> = first.values.iter().map(|&v| v != 0).collect();
    rest.iter().any(|s| {
        taken.iter_mut().zip(s.values).any(|(t, &v)| {
            let twice = *t && v != 0;
            *t |= v != 0;
            twice
        })
    })
}

/// Image pixel, segmentation image and content modules.
fn describe(
    d: &mut Dataset,
    segments: &[Segment<'_>],
    kind: SegmentationKind,
    by: &Authorship<'_>,
) {
    let (date, time) = now();
    let bits = match kind {
        SegmentationKind::Binary => 1,
        SegmentationKind::Fractional => 8,
    };
    d.texts(tags::IMAGE_TYPE, &["DERIVED".into(), "PRIMARY".into()])
        .text(tags::CONTENT_DATE, &date)
        .text(tags::CONTENT_TIME, &time)
        .text(tags::CONTENT_LABEL, "SEGMENTATION")
        .text(tags::CONTENT_DESCRIPTION, by.description)
        // A person, of whom nothing is known here.
        .text(tags::CONTENT_CREATOR_NAME, "")
        .us(tags::SAMPLES_PER_PIXEL, &[1])
        .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2")
        .us(tags::BITS_ALLOCATED, &[bits])
        .us(tags::BITS_STORED, &[bits])
        .us(tags::HIGH_BIT, &[bits - 1])
        .us(tags::PIXEL_REPRESENTATION, &[0])
        .text(tags::LOSSY_IMAGE_COMPRESSION, "00");
    match kind {
        SegmentationKind::Binary => {
            let overlap = if overlap(segments) { "YES" } else { "NO" };
            d.text(tags::SEGMENTATION_TYPE, "BINARY").text(tags::SEGMENTS_OVERLAP, overlap);
        }
        SegmentationKind::Fractional => {
            d.text(tags::SEGMENTATION_TYPE, "FRACTIONAL")
                .text(tags::SEGMENTATION_FRACTIONAL_TYPE, "PROBABILITY")
                .us(tags::MAXIMUM_FRACTIONAL_VALUE, &[255])
                .text(tags::SEGMENTS_OVERLAP, "UNDEFINED");
        }
    }
    if let Some(text) = by.caution(10_240) {
        d.text(tags::IMAGE_COMMENTS, &text);
    }
    let items = segments.iter().zip(1u16..).map(|(s, number)| segment(s, number, by)).collect();
    d.items(tags::SEGMENT_SEQUENCE, items);
}

fn segment(s: &Segment<'_>, number: u16, by: &Authorship<'_>) -> Dataset {
    let label = if s.name.trim().is_empty() { format!("segment {number}") } else { s.name.into() };
    let mut d = Dataset::new();
    d.us(tags::SEGMENT_NUMBER, &[number]).text(tags::SEGMENT_LABEL, &label);
    if s.number != u32::from(number) {
        d.text(tags::SEGMENT_DESCRIPTION, &format!("label {}", s.number));
    }
    d.text(tags::SEGMENT_ALGORITHM_TYPE, by.algorithm.term())
        .us(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &cielab(s.color))
        .items(
            tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE,
            vec![code("91723000", "SCT", "Anatomical Structure")],
        )
        .items(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, vec![code("91772007", "SCT", "Organ")]);
    if by.algorithm != AlgorithmType::Manual {
        let mut algorithm = Dataset::new();
        algorithm
            .items(
                tags::ALGORITHM_FAMILY_CODE_SEQUENCE,
                vec![code("123110", "DCM", "Artificial Intelligence")],
            )
            .text(tags::ALGORITHM_NAME, by.algorithm_name)
            .text(tags::ALGORITHM_VERSION, by.algorithm_version);
        d.text(tags::SEGMENT_ALGORITHM_NAME, by.algorithm_name)
            .items(tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE, vec![algorithm]);
    }
    d
}

/// Frames are ordered by segment, then by place (PS3.3 C.7.6.17).
fn dimensions(d: &mut Dataset, planes: &Planes) {
    let uid = new_uid();
    let mut organization = Dataset::new();
    organization.text(tags::DIMENSION_ORGANIZATION_UID, &uid);
    d.items(tags::DIMENSION_ORGANIZATION_SEQUENCE, vec![organization]);
    let index = |to, group, label: &str| {
        let mut i = Dataset::new();
        i.text(tags::DIMENSION_ORGANIZATION_UID, &uid)
            .pointer(tags::DIMENSION_INDEX_POINTER, to)
            .pointer(tags::FUNCTIONAL_GROUP_POINTER, group)
            .text(tags::DIMENSION_DESCRIPTION_LABEL, label);
        i
    };
    let segment = index(
        tags::REFERENCED_SEGMENT_NUMBER,
        tags::SEGMENT_IDENTIFICATION_SEQUENCE,
        "Segment Number",
    );
    let place = if planes.frame_of_reference_uid.is_some() {
        index(tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE, "Image Position Patient")
    } else {
        index(
            tags::IN_STACK_POSITION_NUMBER,
            tags::FRAME_CONTENT_SEQUENCE,
            "In-Stack Position Number",
        )
    };
    d.items(tags::DIMENSION_INDEX_SEQUENCE, vec![segment, place]);
}

fn shared(planes: &Planes) -> Dataset {
    let mut d = Dataset::new();
    if planes.frame_of_reference_uid.is_none() {
        return d;
    }
    let [x, y] = planes.spacing;
    let mut measures = Dataset::new();
    measures
        // Distance of rows first.
        .decimals(tags::PIXEL_SPACING, &[y, x])
        .decimals(tags::SLICE_THICKNESS, &[planes.step]);
    if planes.even {
        measures.decimals(tags::SPACING_BETWEEN_SLICES, &[planes.step]);
    }
    let mut orientation = Dataset::new();
    orientation.decimals(tags::IMAGE_ORIENTATION_PATIENT, &planes.orientation());
    d.items(tags::PIXEL_MEASURES_SEQUENCE, vec![measures])
        .items(tags::PLANE_ORIENTATION_SEQUENCE, vec![orientation]);
    d
}

/// The functional groups of the frame of segment `s` on slice `z`, both counted from 0.
fn group(planes: &Planes, s: usize, z: usize) -> Dataset {
    let mut d = Dataset::new();
    let (segment, place) = (s as u32 + 1, z as u32 + 1);
    let mut content = Dataset::new();
    content.ul(tags::DIMENSION_INDEX_VALUES, &[segment, place]);
    if planes.frame_of_reference_uid.is_none() {
        content.text(tags::STACK_ID, "1").ul(tags::IN_STACK_POSITION_NUMBER, &[place]);
    }
    let mut identification = Dataset::new();
    identification.us(tags::REFERENCED_SEGMENT_NUMBER, &[segment as u16]);
    d.items(tags::FRAME_CONTENT_SEQUENCE, vec![content])
        .items(tags::SEGMENT_IDENTIFICATION_SEQUENCE, vec![identification]);
    let Some(slice) = planes.slices.get(z) else { return d };
    if planes.frame_of_reference_uid.is_some() {
        let mut position = Dataset::new();
        position.decimals(tags::IMAGE_POSITION_PATIENT, &slice.position);
        d.items(tags::PLANE_POSITION_SEQUENCE, vec![position]);
    }
    if let Some(frame) = &slice.source {
        let mut image = reference(frame, true);
        image
            .text(tags::SPATIAL_LOCATIONS_PRESERVED, if slice.same_voxels { "YES" } else { "NO" })
            .items(
                tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
                vec![code("121322", "DCM", "Source image for image processing operation")],
            );
        let mut derivation = Dataset::new();
        derivation
            .items(tags::SOURCE_IMAGE_SEQUENCE, vec![image])
            .items(tags::DERIVATION_CODE_SEQUENCE, vec![code("113076", "DCM", "Segmentation")]);
        d.items(tags::DERIVATION_IMAGE_SEQUENCE, vec![derivation]);
    }
    d
}

/// sRGB to CIE L*a*b* of the profile connection space (D50) in DICOM's 16-bit coding
/// (PS3.3 C.10.7.1.1).
fn cielab(srgb: [u8; 3]) -> [u16; 3] {
    let linear = srgb.map(|v| {
        let c = f64::from(v) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    });
    // IEC 61966-2-1 primaries, adapted from D65 to D50 (Bradford).
    const XYZ: [[f64; 3]; 3] = [
        [0.436_074_7, 0.385_064_9, 0.143_080_4],
        [0.222_504_5, 0.716_878_6, 0.060_616_9],
        [0.013_932_2, 0.097_104_5, 0.714_173_3],
    ];
    const WHITE: [f64; 3] = [0.964_22, 1.0, 0.825_21];
    let f = |t: f64| {
        if t > (6.0f64 / 29.0).powi(3) {
            t.cbrt()
        } else {
            t * (29.0f64 / 6.0).powi(2) / 3.0 + 4.0 / 29.0
        }
    };
    let [x, y, z] =
        std::array::from_fn(|r| f((0..3).map(|c| XYZ[r][c] * linear[c]).sum::<f64>() / WHITE[r]));
    let (l, a, b) = (116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z));
    let coded = |v: f64| (v * 65_535.0).round().clamp(0.0, 65_535.0) as u16;
    [coded(l / 100.0), coded((a + 128.0) / 255.0), coded((b + 128.0) / 255.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_their_lab_values() {
        // Reference values of sRGB colours relative to D50 (Lindbloom's calculator).
        let near = |srgb, lab: [f64; 3]| {
            let c = cielab(srgb).map(f64::from);
            let found =
                [c[0] / 655.35, c[1] * 255.0 / 65_535.0 - 128.0, c[2] * 255.0 / 65_535.0 - 128.0];
            for i in 0..3 {
                assert!((found[i] - lab[i]).abs() < 0.1, "{srgb:?}: {found:?}");
            }
        };
        near([255, 255, 255], [100.0, 0.0, 0.0]);
        near([0, 0, 0], [0.0, 0.0, 0.0]);
        near([255, 0, 0], [54.29, 80.81, 69.89]);
        near([0, 255, 0], [87.82, -79.29, 80.99]);
        near([0, 0, 255], [29.57, 68.30, -112.03]);
    }

    #[test]
    fn frames_leave_out_the_ends_but_not_the_middle() {
        let g = Geometry::picture(1, 1, 7).expect("valid");
        let of = |values| Segment { name: "a", number: 1, color: [0; 3], values };
        let (a, b) = ([0, 0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 1, 0, 0]);
        assert_eq!(frames(&[of(&a), of(&b)], &g), [(0, 2), (0, 3), (1, 1), (1, 4)]);
        assert_eq!(frames(&[of(&[0; 7])], &g), [(0, 0)]);
        assert!(!overlap(&[of(&a), of(&b)]) && overlap(&[of(&a), of(&a)]));
    }

    #[test]
    fn bits_run_on_across_frames() {
        let values = [1, 0, 1, 1, 1, 0, 0, 1, 1];
        let s = Segment { name: "a", number: 1, color: [0; 3], values: &values };
        let frames = [(0, 0), (0, 1), (0, 2)];
        let bits = pixels(std::slice::from_ref(&s), &frames, 3, SegmentationKind::Binary);
        assert_eq!(bits, [0b1001_1101, 1]);
        assert_eq!(pixels(&[s], &frames, 3, SegmentationKind::Fractional), values);
    }
}
