//! What a finished ensemble leaves on disk, from the window and from the command line alike.
//!
//! `mask.nii.gz` (labels, majority), `probability.nii.gz` and `variance.nii.gz` (fraction p of the
//! members and p(1 − p), or another measure under its name, one volume per class on the fourth axis), `members.nii.gz` (label map per
//! member), `direct.nii.gz` (the anchor head's mask), `calibrated.nii.gz` (the mean of the soft
//! masks with the model's temperature, where it has one), `refined_from.nii.gz` and `held.nii.gz`
//! (what a refined result started from and kept), and `result.json` with everything needed to
//! repeat the run. All on the grid of the whole scan. `labels.txt` names the labels for ITK-SNAP.
//! On request `mask.seg.dcm`, `probability.seg.dcm` (DICOM SEG) and `mask.rtstruct.dcm`. Of one
//! deterministic mask there are no samples, so the files about samples are left out. Samples that do
//! not count are in no file; the record names them.

use super::record::{Earlier, RECORD, described, named_values, provenance, record};
use super::surfaces::write_surfaces;
use super::{Included, wording};
use crate::ensemble::{Ensemble, EnsembleError, Measure};
use crate::inference::Outcome;
use crate::io::export::{
    AlgorithmType, Authorship, Segment, SegmentationKind, rtstruct_obstacle, seg_obstacle,
    write_rtstruct, write_seg,
};
use crate::io::{
    FileSet, IoError, NiftiData, NiftiOptions, write_atomic, write_label_table, write_nifti_with,
};
use crate::mesh::MeshFormat;
use crate::metrics::tempered;
use crate::volume::{ClassKind, Geometry, Label, LabelTable, Notice, Source};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    #[error(transparent)]
    Io(#[from] IoError),
    #[error("the ensemble cannot be summarised: {0}")]
    Ensemble(#[from] EnsembleError),
    #[error("the folder cannot be made ({0}): {1}")]
    Folder(std::io::Error, PathBuf),
    #[error("the record of the run cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Which files are written, and what they may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    pub nifti: bool,
    /// What the map of uncertainty among the NIfTI files shows.
    pub measure: Measure,
    /// DICOM SEG, binary and fractional.
    pub seg: bool,
    pub rtstruct: bool,
    /// The surface of each class.
    pub surface: Option<MeshFormat>,
    /// Copy patient and study texts of a DICOM source into SEG and RT Structure Set. NIfTI files
    /// never hold any.
    pub keep_identity: bool,
    pub overwrite: bool,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            nifti: true,
            measure: Measure::default(),
            seg: false,
            rtstruct: false,
            surface: None,
            keep_identity: false,
            overwrite: false,
        }
    }
}

/// Why a format cannot express a scan, if it cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacles {
    pub seg: Option<String>,
    pub rtstruct: Option<String>,
}

impl Obstacles {
    pub fn of(geometry: &Geometry, source: &Source) -> Self {
        Self { seg: seg_obstacle(geometry, source), rtstruct: rtstruct_obstacle(geometry, source) }
    }
}

/// Writes the files asked for into `folder`, which is made if needed; see [`write_results_in`].
///
/// # Errors
/// As [`begin_results`] and [`write_results_in`].
pub fn write_results(
    folder: &Path,
    outcome: &Outcome,
    included: &Included,
    options: &ExportOptions,
) -> Result<Vec<PathBuf>, ResultsError> {
    write_results_in(begin_results(folder, options.overwrite)?, outcome, included, options)
}

/// Begins a set of results in `folder`, which is made if needed. Until it is written or dropped
/// nobody else can begin one there.
///
/// # Errors
/// If the folder cannot be made or written, or somebody else is writing results there.
pub fn begin_results(folder: &Path, overwrite: bool) -> Result<FileSet, ResultsError> {
    std::fs::create_dir_all(folder).map_err(|e| ResultsError::Folder(e, folder.into()))?;
    Ok(FileSet::new(folder, RECORD, overwrite)?)
}

/// Writes the files asked for, all before the first takes its place. Files of an earlier export that
/// lie there are kept if they are of the same run, and stand in the record then; those of another
/// run go, if they may be overwritten.
///
/// # Errors
/// If a file cannot be written, or exists and may not be overwritten; if SEG or RT Structure Set
/// are asked for and cannot express the scan.
pub fn write_results_in(
    set: FileSet,
    outcome: &Outcome,
    included: &Included,
    options: &ExportOptions,
) -> Result<Vec<PathBuf>, ResultsError> {
    write_results_with(set, outcome, included, options, Map::new())
}

/// The same with more to say in the record.
///
/// # Errors
/// As [`write_results_in`].
pub fn write_results_with(
    set: FileSet,
    outcome: &Outcome,
    included: &Included,
    options: &ExportOptions,
    mut more: Map<String, Value>,
) -> Result<Vec<PathBuf>, ResultsError> {
    let ensemble = included.ensemble(outcome)?;
    let mut files = Vec::new();
    if options.nifti {
        write_niftis(&set, outcome, included, &ensemble, options.measure, &mut files)?;
    }
    let mut remarks = Vec::new();
    if options.seg || options.rtstruct {
        write_dicom(&set, outcome, included, &ensemble, options, &mut files, &mut remarks)?;
    }
    if let Some(format) = options.surface {
        write_surfaces(&set, outcome, &ensemble, format, &mut files)?;
    }
    let mut record = record(outcome, included, &ensemble);
    let mut earlier = Earlier::find(set.folder(), &record, &files);
    let mut outputs = files.iter().map(|f| described(f)).collect::<Result<Vec<_>, _>>()?;
    if earlier.same_run {
        for file in std::mem::take(&mut earlier.files) {
            outputs.push(described(&file)?);
        }
    } else if !earlier.files.is_empty() && !set.may_overwrite() {
        return Err(IoError::Exists { path: set.folder().join(RECORD) }.into());
    }
    let identity = if options.keep_identity { "kept" } else { "left out" };
    record.append(&mut named_values(json!({
        "outputs": outputs,
        "remarks": remarks,
        "patient_identity": identity,
    })));
    record.append(&mut more);
    write_atomic(&set.place_of_record(), serde_json::to_string_pretty(&record)?.as_bytes())?;
    Ok(set.commit(&files, &earlier.files)?)
}

/// What the header of a NIfTI file says of it: the most important first, for there is little room.
fn nifti_description(outcome: &Outcome, included: &Included, what: &str) -> String {
    let mut parts = Vec::new();
    match wording::ambers(&outcome.notices).count() {
        0 => {}
        n => parts.push(wording::cautions(n)),
    }
    parts.push(what.to_owned());
    if !included.is_all() {
        parts.push(wording::counted(included));
    }
    parts.push(format!("weights {}", outcome.model.sha256.get(..8).unwrap_or_default()));
    if outcome.time_points > 1 {
        parts.push(wording::time_point(outcome.time, outcome.time_points));
    }
    parts.join("; ")
}

fn write_niftis(
    set: &FileSet,
    outcome: &Outcome,
    included: &Included,
    ensemble: &Ensemble,
    measure: Measure,
    files: &mut Vec<PathBuf>,
) -> Result<(), ResultsError> {
    let classes = outcome.model.classes.len();
    let values: Vec<u8> = outcome.model.classes.iter().map(|c| c.label).collect();
    let whole = |block: &[u8]| on_scan(outcome, block);
    let maps = |map: &dyn Fn(usize) -> Vec<f32>| -> Vec<f32> {
        (0..classes).flat_map(|c| on_scan(outcome, &map(c))).collect()
    };
    let mut nifti = |name: &str, what: &str, data: NiftiData<'_>, fourth: usize| {
        let path = set.place(name)?;
        let description = nifti_description(outcome, included, what);
        let options =
            NiftiOptions { fourth_axis: fourth, description: &description, overwrite: false };
        write_nifti_with(&path, &outcome.geometry, data, &options)?;
        files.push(path);
        Ok::<(), IoError>(())
    };
    let labels = whole(&ensemble.labels(&values));
    nifti("mask.nii.gz", "labels", NiftiData::U8(&labels), 1)?;
    if let Some(t) = &outcome.model.temperatures {
        let calibrated = |(c, &t): (usize, &f64)| -> Vec<f32> {
            let block: Vec<f32> = ensemble.soft_mean(c).iter().map(|&p| tempered(p, t)).collect();
            on_scan(outcome, &block)
        };
        let p: Vec<f32> = t.by_class.iter().enumerate().flat_map(calibrated).collect();
        nifti("calibrated.nii.gz", "calibrated probability", NiftiData::F32(&p), classes)?;
    }
    if !outcome.deterministic {
        let p = maps(&|c| ensemble.fraction(c));
        nifti("probability.nii.gz", "probability", NiftiData::F32(&p), classes)?;
        let map = maps(&|c| ensemble.map(c, measure));
        let file = format!("{}.nii.gz", measure.name().replace(' ', "_"));
        nifti(&file, measure.name(), NiftiData::F32(&map), classes)?;
        let members: Vec<u8> =
            (0..ensemble.n()).flat_map(|m| whole(&ensemble.member_labels(m, &values))).collect();
        nifti("members.nii.gz", "samples", NiftiData::U8(&members), ensemble.n())?;
        let voxels = outcome.block_shape().iter().product();
        let direct = Ensemble::from_soft(&[&outcome.direct], classes, outcome.model.kind, voxels)?;
        let anchor = whole(&direct.labels(&values));
        nifti("direct.nii.gz", "anchor labels", NiftiData::U8(&anchor), 1)?;
        if let Some(refine) = &outcome.settings.steer.refine {
            let (mask, held) = (&refine.mask.labels, &refine.mask.held);
            nifti("refined_from.nii.gz", "mask refined from", NiftiData::U8(mask), 1)?;
            if !held.is_empty() {
                let held: Vec<u8> = held.iter().map(|&h| u8::from(h)).collect();
                nifti("held.nii.gz", "voxels held", NiftiData::U8(&held), 1)?;
            }
        }
    }
    let table = outcome.model.classes.iter().map(|c| Label {
        value: c.label.into(),
        number: c.label.into(),
        name: c.name.clone(),
        color: c.color,
    });
    let path = set.place("labels.txt")?;
    write_label_table(&path, &LabelTable(table.collect()), false)?;
    files.push(path);
    Ok(())
}

fn write_dicom(
    set: &FileSet,
    outcome: &Outcome,
    included: &Included,
    ensemble: &Ensemble,
    options: &ExportOptions,
    files: &mut Vec<PathBuf>,
    remarks: &mut Vec<String>,
) -> Result<(), ResultsError> {
    let model = &outcome.model;
    let drawn = wording::drawn(outcome, included);
    let cautions: Vec<&str> = wording::ambers(&outcome.notices).map(|n| n.text.as_str()).collect();
    let warned = match cautions.len() {
        0 => String::new(),
        n => format!("; {}", wording::cautions(n)),
    };
    let fused = if outcome.deterministic { "" } else { ", majority" };
    let description = format!("{drawn}{fused}{warned}; research use only");
    let provenance = provenance(outcome, included);
    let by = Authorship {
        algorithm: AlgorithmType::Automatic,
        algorithm_name: &model.id,
        algorithm_version: model.sha256.get(..16).unwrap_or(&model.sha256),
        description: &description,
        provenance: &provenance,
        cautions: &cautions,
        keep_identity: options.keep_identity,
        overwrite: false,
    };
    let values: Vec<u8> = model.classes.iter().map(|c| c.label).collect();
    let labels = ensemble.labels(&values);
    let masks: Vec<Vec<u8>> = (0..model.classes.len())
        .map(|c| {
            let block: Vec<u8> = match model.kind {
                // An outer region contains the inner ones.
                ClassKind::Regions => ensemble.majority(c).into_iter().map(u8::from).collect(),
                ClassKind::Exclusive => {
                    labels.iter().map(|l| u8::from(values.get(c) == Some(l))).collect()
                }
            };
            on_scan(outcome, &block)
        })
        .collect();
    let (g, source) = (&outcome.geometry, &source_at(outcome));
    let mut keep = |path: PathBuf, notices: Vec<Notice>| {
        for n in notices {
            if !remarks.contains(&n.text) {
                remarks.push(n.text);
            }
        }
        files.push(path);
    };
    if options.seg {
        let path = set.place("mask.seg.dcm")?;
        let list = named(outcome, &masks);
        keep(path.clone(), write_seg(&path, g, source, &list, SegmentationKind::Binary, &by)?);
    }
    if options.seg && !outcome.deterministic {
        let fractions: Vec<Vec<u8>> = (0..model.classes.len())
            .map(|c| {
                let byte = |p: &f32| (p * 255.0).round().clamp(0.0, 255.0) as u8;
                let block: Vec<u8> = ensemble.fraction(c).iter().map(byte).collect();
                on_scan(outcome, &block)
            })
            .collect();
        let description = format!("fraction of {drawn}{warned}; research use only");
        let by = Authorship { description: &description, ..by.clone() };
        let path = set.place("probability.seg.dcm")?;
        let list = named(outcome, &fractions);
        keep(path.clone(), write_seg(&path, g, source, &list, SegmentationKind::Fractional, &by)?);
    }
    if options.rtstruct {
        let path = set.place("mask.rtstruct.dcm")?;
        keep(path.clone(), write_rtstruct(&path, g, source, &named(outcome, &masks), &by)?);
    }
    Ok(())
}

/// The source with the objects of the segmented time point only: an export refers to these.
fn source_at(outcome: &Outcome) -> Source {
    let mut source = outcome.source.clone();
    let frames = source.dicom.as_ref().map_or(0, |d| d.frames.len());
    if outcome.time_points > 1 && frames > 0 && frames.is_multiple_of(outcome.time_points) {
        let n = frames / outcome.time_points;
        if let Some(dicom) = source.dicom.as_mut().map(Arc::make_mut) {
            dicom.frames = dicom.frames.iter().skip(outcome.time * n).take(n).cloned().collect();
        }
    }
    source
}

/// The classes with their masks.
fn named<'a>(outcome: &'a Outcome, masks: &'a [Vec<u8>]) -> Vec<Segment<'a>> {
    let classes = outcome.model.classes.iter();
    classes
        .zip(masks)
        .map(|(c, values)| Segment {
            name: &c.name,
            number: c.label.into(),
            color: c.color,
            values,
        })
        .collect()
}

/// [`write_results`] for the window: one line on failure.
///
/// # Errors
/// As [`write_results`].
pub fn export_results(
    folder: &Path,
    outcome: &Outcome,
    included: &Included,
    options: &ExportOptions,
) -> Result<Vec<PathBuf>, String> {
    write_results(folder, outcome, included, options).map_err(|e| e.to_string())
}

/// A block's values on the grid of the whole scan, the default value elsewhere.
pub(super) fn on_scan<T: Copy + Default>(outcome: &Outcome, block: &[T]) -> Vec<T> {
    let [nx, ny, _] = outcome.geometry.shape();
    let mut out = vec![T::default(); outcome.geometry.voxel_count()];
    let roi = outcome.roi;
    for (i, row) in block.chunks(roi.width).enumerate() {
        let (y, z) = (roi.y + i % roi.height, outcome.slices.start + i / roi.height);
        let at = roi.x + nx * (y + ny * z);
        out[at..at + roi.width].copy_from_slice(row);
    }
    out
}
