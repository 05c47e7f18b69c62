//! RT Structure Set (PS3.3 A.19, C.8.8.5 to C.8.8.8): each segment as closed planar contours on its
//! slices, tied to the source series.

use super::contour::outlines;
use super::dataset::{Dataset, IMPLICIT_LE, decimal, now};
use super::frame::{Planes, begin, reference};
use super::obstacle::NO_FRAME;
use super::{Authorship, Segment};
use crate::io::IoError;
use crate::io::atomic::write_new;
use crate::volume::{Geometry, Notice, Source};
use dicom::dictionary_std::tags;
use std::path::Path;

const CLASS: &str = "1.2.840.10008.5.1.4.1.1.481.3";
/// Detached Study Management (retired): what the standard still wants a study to be referred by.
const STUDY_CLASS: &str = "1.2.840.10008.3.1.2.3.1";

/// Writes segments as an RT Structure Set. A contour runs through the middle between the centres of
/// the last voxel inside and the first one outside.
///
/// # Errors
/// As [`super::write_seg`]; also if the image has no frame of reference.
pub fn write_rtstruct(
    path: &Path,
    geometry: &Geometry,
    source: &Source,
    segments: &[Segment<'_>],
    by: &Authorship<'_>,
) -> Result<Vec<Notice>, IoError> {
    let invalid = |why: String| IoError::Invalid { why, path: path.into() };
    let n = geometry.voxel_count();
    if segments.is_empty() {
        return Err(invalid("there is no segment".into()));
    }
    if let Some(s) = segments.iter().find(|s| s.values.len() != n) {
        return Err(invalid(format!("a segment has {} voxels, the image {n}", s.values.len())));
    }
    let planes = Planes::of(geometry, source).map_err(invalid)?;
    let Some(frame_of_reference) = planes.frame_of_reference_uid.clone() else {
        return Err(invalid(NO_FRAME.into()));
    };
    let mut notices = Vec::new();
    if planes.source.is_none() {
        notices.push(Notice::note(
            "the image is not from DICOM: the structure set has a study and frame of reference of \
             its own and refers to no images",
        ));
    }
    let (date, time) = now();
    let mut d = begin(&planes, CLASS, "RTSTRUCT", by);
    d.text(tags::OPERATORS_NAME, "")
        .text(tags::STRUCTURE_SET_LABEL, "sfumato")
        .text(tags::STRUCTURE_SET_NAME, by.description)
        .text(tags::STRUCTURE_SET_DATE, &date)
        .text(tags::STRUCTURE_SET_TIME, &time)
        .text(tags::APPROVAL_STATUS, "UNAPPROVED")
        .items(
            tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE,
            vec![referenced(&planes, &frame_of_reference)],
        );
    if let Some(text) = by.caution(1024) {
        d.text(tags::STRUCTURE_SET_DESCRIPTION, &text);
    }
    let (mut structures, mut contours, mut observations) = (Vec::new(), Vec::new(), Vec::new());
    for segment in segments {
        let number = i64::from(segment.number);
        let name = match segment.name.trim() {
            "" => format!("structure {number}"),
            name => name.into(),
        };
        let mut structure = Dataset::new();
        structure
            .integer(tags::ROI_NUMBER, number)
            .text(tags::REFERENCED_FRAME_OF_REFERENCE_UID, &frame_of_reference)
            .text(tags::ROI_NAME, &name)
            .text(tags::ROI_GENERATION_ALGORITHM, by.algorithm.term());
        structures.push(structure);
        let color = segment.color.map(|v| v.to_string());
        let mut roi = Dataset::new();
        roi.texts(tags::ROI_DISPLAY_COLOR, &color).integer(tags::REFERENCED_ROI_NUMBER, number);
        let list = contours_of(segment, geometry, &planes);
        // An empty structure has no contour sequence (type 3).
        if !list.is_empty() {
            roi.items(tags::CONTOUR_SEQUENCE, list);
        }
        contours.push(roi);
        let mut observation = Dataset::new();
        observation
            .integer(tags::OBSERVATION_NUMBER, number)
            .integer(tags::REFERENCED_ROI_NUMBER, number)
            .text(tags::RTROI_INTERPRETED_TYPE, "")
            .text(tags::ROI_INTERPRETER, "");
        observations.push(observation);
    }
    d.items(tags::STRUCTURE_SET_ROI_SEQUENCE, structures)
        .items(tags::ROI_CONTOUR_SEQUENCE, contours)
        .items(tags::RTROI_OBSERVATIONS_SEQUENCE, observations);
    let bytes = d
        .file(IMPLICIT_LE)
        .ok_or_else(|| invalid("the contours would exceed 4 GiB; export fewer slices".into()))?;
    write_new(path, &bytes, by.overwrite)?;
    Ok(notices)
}

/// The study, series and images that the contours were drawn on.
fn referenced(planes: &Planes, frame_of_reference: &str) -> Dataset {
    let mut d = Dataset::new();
    d.text(tags::FRAME_OF_REFERENCE_UID, frame_of_reference);
    if let Some(source) = &planes.source {
        let mut series = Dataset::new();
        series
            .text(tags::SERIES_INSTANCE_UID, &source.series_uid)
            .items(tags::CONTOUR_IMAGE_SEQUENCE, planes.instances());
        let mut study = Dataset::new();
        study
            .text(tags::REFERENCED_SOP_CLASS_UID, STUDY_CLASS)
            .text(tags::REFERENCED_SOP_INSTANCE_UID, &source.study_uid)
            .items(tags::RT_REFERENCED_SERIES_SEQUENCE, vec![series]);
        d.items(tags::RT_REFERENCED_STUDY_SEQUENCE, vec![study]);
    }
    d
}

fn contours_of(segment: &Segment<'_>, geometry: &Geometry, planes: &Planes) -> Vec<Dataset> {
    let [x, y] = planes.directions;
    let [dx, dy] = planes.spacing;
    let mut out = Vec::new();
    let slices = segment.values.chunks(geometry.slice_len());
    for (values, slice) in slices.zip(&planes.slices) {
        if values.iter().all(|&v| v == 0) {
            continue;
        }
        for polygon in outlines(values, geometry.shape()[0]) {
            let points: Vec<String> = polygon
                .iter()
                .flat_map(|&[column, row]| {
                    std::array::from_fn::<f64, 3, _>(|i| {
                        slice.position[i] + x[i] * dx * column + y[i] * dy * row
                    })
                })
                // A tenth of a micrometre is more than enough.
                .map(|v| decimal((v * 1e4).round() / 1e4))
                .collect();
            let mut contour = Dataset::new();
            contour
                .text(tags::CONTOUR_GEOMETRIC_TYPE, "CLOSED_PLANAR")
                .integer(tags::NUMBER_OF_CONTOUR_POINTS, polygon.len() as i64)
                .texts(tags::CONTOUR_DATA, &points);
            if let Some(frame) = &slice.source {
                contour.items(tags::CONTOUR_IMAGE_SEQUENCE, vec![reference(frame, true)]);
            }
            out.push(contour);
        }
    }
    out
}
