//! What SEG and RT Structure Set share: where the slices lie, which source slices they were drawn
//! on, and the modules about patient, study and equipment (PS3.3 C.7).

use super::Authorship;
use super::dataset::{Dataset, code, new_uid, now};
use crate::volume::{DicomFrame, DicomSource, Geometry, LengthUnit, Source};
use dicom::core::{Tag, VR};
use dicom::dictionary_std::tags;
use std::collections::HashSet;
use std::sync::Arc;

/// Where the slices of a lattice lie in DICOM's LPS+ space, and the objects that they came from.
pub(in crate::io) struct Planes {
    pub(super) study_uid: String,
    /// `None` if the source is a picture without a place in the patient.
    pub(super) frame_of_reference_uid: Option<String>,
    /// Unit directions of columns and rows; distance of columns and rows; mm.
    pub(in crate::io) directions: [[f64; 3]; 2],
    pub(in crate::io) spacing: [f64; 2],
    /// Distance of slices along their normal.
    pub(in crate::io) step: f64,
    /// All slices are one step from the next.
    pub(super) even: bool,
    pub(in crate::io) slices: Vec<Slice>,
    pub(super) source: Option<Arc<DicomSource>>,
}

pub(in crate::io) struct Slice {
    /// Centre of the first voxel, LPS+, mm.
    pub(in crate::io) position: [f64; 3],
    pub(super) source: Option<DicomFrame>,
    /// The voxels are those of the source slice.
    pub(super) same_voxels: bool,
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn length(a: [f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

impl Planes {
    /// Fails with a reason if the lattice has no place that DICOM could express.
    pub(in crate::io) fn of(geometry: &Geometry, source: &Source) -> Result<Self, String> {
        let dicom = source.dicom.clone();
        let placed = geometry.orientation_known() && geometry.unit() == LengthUnit::Millimetre;
        if !placed && dicom.is_none() {
            return Err("the image has no known place in a patient and comes from no DICOM file, \
                        so there is nothing that the export could refer to; write NIfTI instead"
                .into());
        }
        let lps = geometry.world_from_voxel().flip_lps_ras();
        let columns = [0, 1].map(|c| lps.column(c));
        let spacing = columns.map(length);
        let directions: [[f64; 3]; 2] = [0, 1].map(|i| columns[i].map(|v| v / spacing[i]));
        let [x, y] = directions;
        if dot(x, y).abs() > 1e-4 {
            return Err("rows and columns are not at right angles, which DICOM cannot express; \
                        resample the image first"
                .into());
        }
        let normal =
            [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
        let count = geometry.shape()[2];
        let step = dot(lps.column(2), normal).abs();
        // Slices that were not resampled lie exactly where the source's lie, even where an even
        // lattice is off.
        let own = |z: usize| -> Option<&DicomFrame> {
            let d = dicom.as_deref().filter(|d| !d.resampled)?;
            d.frames.len().is_multiple_of(count).then(|| d.frames.get(z))?
        };
        let slices: Vec<Slice> = (0..count)
            .map(|z| {
                let on_lattice = lps.apply([0.0, 0.0, z as f64]);
                let own = own(z);
                let position = own.and_then(|f| f.position).unwrap_or(on_lattice);
                let near = || {
                    let d = dicom.as_deref()?;
                    let distance = |f: &&DicomFrame| {
                        let p = f.position.unwrap_or([f64::INFINITY; 3]);
                        dot(minus(p, position), normal).abs()
                    };
                    let nearest =
                        d.frames.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
                    (distance(&nearest) <= 0.501 * step).then(|| nearest.clone())
                };
                let source = own.cloned().or_else(near);
                Slice { position, same_voxels: own.is_some(), source }
            })
            .collect();
        let even = slices.windows(3).all(|w| match w {
            [a, b, c] => {
                let bend = minus(minus(c.position, b.position), minus(b.position, a.position));
                length(bend) < 0.01_f64.min(0.1 * step)
            }
            _ => true,
        });
        let frame_of_reference_uid = match &dicom {
            Some(d) if placed => d.frame_of_reference_uid.clone(),
            Some(_) => None,
            None => Some(new_uid()),
        };
        let study_uid = dicom.as_ref().map_or_else(new_uid, |d| d.study_uid.clone());
        Ok(Self {
            study_uid,
            frame_of_reference_uid,
            directions,
            spacing,
            step,
            even,
            slices,
            source: dicom,
        })
    }

    pub(super) fn orientation(&self) -> Vec<f64> {
        self.directions.concat()
    }

    /// One reference per source object, in slice order.
    pub(super) fn instances(&self) -> Vec<Dataset> {
        let mut seen = HashSet::new();
        let frames = self.source.iter().flat_map(|s| &s.frames);
        frames
            .filter(|f| seen.insert(f.sop_instance_uid.as_str()))
            .map(|f| reference(f, false))
            .collect()
    }
}

/// Class and instance of a source object, and the frame within it if it holds several.
pub(super) fn reference(frame: &DicomFrame, with_frame: bool) -> Dataset {
    let mut d = Dataset::new();
    d.text(tags::REFERENCED_SOP_CLASS_UID, &frame.sop_class_uid)
        .text(tags::REFERENCED_SOP_INSTANCE_UID, &frame.sop_instance_uid);
    if let Some(number) = frame.frame.filter(|_| with_frame) {
        d.integer(tags::REFERENCED_FRAME_NUMBER, number);
    }
    d
}

/// Patient, study, series, equipment and SOP common modules. Type 2 elements are there even if
/// empty.
pub(super) fn begin(planes: &Planes, class: &str, modality: &str, by: &Authorship<'_>) -> Dataset {
    let mut d = Dataset::new();
    let (date, time) = now();
    let version = env!("CARGO_PKG_VERSION");
    for tag in [
        tags::PATIENT_NAME,
        tags::PATIENT_ID,
        tags::PATIENT_BIRTH_DATE,
        tags::PATIENT_SEX,
        tags::STUDY_DATE,
        tags::STUDY_TIME,
        tags::STUDY_ID,
        tags::ACCESSION_NUMBER,
        tags::REFERRING_PHYSICIAN_NAME,
    ] {
        d.text(tag, "");
    }
    if let Some(source) = &planes.source {
        if by.keep_identity {
            for e in &source.identity.0 {
                if let Some(vr) = VR::from_binary(e.vr).filter(|vr| {
                    use VR::{AS, CS, DA, DS, IS, LO, PN, SH, TM};
                    matches!(vr, AS | CS | DA | DS | IS | LO | PN | SH | TM)
                }) {
                    d.raw(Tag(e.group, e.element), vr, e.value.clone());
                }
            }
        } else {
            d.text(tags::PATIENT_IDENTITY_REMOVED, "YES").text(
                tags::DEIDENTIFICATION_METHOD,
                "Patient and study texts left out by sfumato; UIDs kept",
            );
        }
    }
    d.text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192")
        .text(tags::STUDY_INSTANCE_UID, &planes.study_uid)
        .text(tags::MODALITY, modality)
        .text(tags::SERIES_INSTANCE_UID, &new_uid())
        .text(tags::SERIES_DESCRIPTION, by.description)
        .integer(tags::SERIES_NUMBER, 900)
        .integer(tags::INSTANCE_NUMBER, 1)
        .text(tags::SERIES_DATE, &date)
        .text(tags::SERIES_TIME, &time)
        .text(tags::SOP_CLASS_UID, class)
        .text(tags::SOP_INSTANCE_UID, &new_uid())
        .text(tags::INSTANCE_CREATION_DATE, &date)
        .text(tags::INSTANCE_CREATION_TIME, &time)
        .text(tags::TIMEZONE_OFFSET_FROM_UTC, "+0000")
        .text(tags::MANUFACTURER, "sfumato")
        .text(tags::MANUFACTURER_MODEL_NAME, "sfumato (research use only)")
        .text(tags::DEVICE_SERIAL_NUMBER, version)
        .text(tags::SOFTWARE_VERSIONS, version);
    match &planes.frame_of_reference_uid {
        Some(uid) => {
            let indicator = planes.source.as_ref().map_or("", |s| &s.position_reference);
            d.text(tags::FRAME_OF_REFERENCE_UID, uid)
                .text(tags::POSITION_REFERENCE_INDICATOR, indicator);
        }
        // Type 2C: without planes in a patient nothing is known of its directions.
        None => {
            d.text(tags::PATIENT_ORIENTATION, "");
        }
    }
    let mut equipment = Dataset::new();
    equipment
        .items(
            tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
            vec![code("109102", "DCM", "Processing Equipment")],
        )
        .text(tags::MANUFACTURER, "sfumato")
        .text(tags::MANUFACTURER_MODEL_NAME, by.algorithm_name)
        .text(tags::SOFTWARE_VERSIONS, version)
        .text(tags::CONTRIBUTION_DESCRIPTION, by.provenance);
    d.items(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE, vec![equipment]);
    d
}
