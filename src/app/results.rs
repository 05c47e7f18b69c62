//! What a finished ensemble leaves on disk, from the window and from the command line alike.
//!
//! `mask.nii.gz` (labels, majority), `probability.nii.gz` and `variance.nii.gz` (fraction p of the
//! members and p(1 − p), one volume per class on the fourth axis), `members.nii.gz` (label map per
//! member), `direct.nii.gz` (the anchor head's mask), `calibrated.nii.gz` (the mean of the soft
//! masks with the model's temperature, where it has one), and `result.json` with everything needed to
//! repeat the run. All on the grid of the whole scan. `labels.txt` names the labels for ITK-SNAP.
//! On request `mask.seg.dcm`, `probability.seg.dcm` (DICOM SEG) and `mask.rtstruct.dcm`.

use super::wording;
use crate::ensemble::{Ensemble, EnsembleError, Spread};
use crate::inference::Outcome;
use crate::io::export::{
    AlgorithmType, Authorship, Segment, SegmentationKind, rtstruct_obstacle, seg_obstacle,
    write_rtstruct, write_seg,
};
use crate::io::{
    FileSet, IoError, NiftiData, NiftiOptions, write_atomic, write_label_table, write_nifti_with,
};
use crate::metrics::tempered;
use crate::volume::{ClassKind, Geometry, Label, LabelTable, LengthUnit, Notice, Source};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

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
    /// DICOM SEG, binary and fractional.
    pub seg: bool,
    pub rtstruct: bool,
    /// Copy patient and study texts of a DICOM source into SEG and RT Structure Set. NIfTI files
    /// never hold any.
    pub keep_identity: bool,
    pub overwrite: bool,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self { nifti: true, seg: false, rtstruct: false, keep_identity: false, overwrite: false }
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

/// Writes the files asked for into `folder`, which is made if needed. All are written before the
/// first takes its place, and `result.json` takes it first: no mask lies there without it.
///
/// # Errors
/// If a file cannot be written, or exists and may not be overwritten; if SEG or RT Structure Set
/// are asked for and cannot express the scan.
pub fn write_results(
    folder: &Path,
    outcome: &Outcome,
    options: &ExportOptions,
) -> Result<Vec<PathBuf>, ResultsError> {
    std::fs::create_dir_all(folder).map_err(|e| ResultsError::Folder(e, folder.into()))?;
    let classes = outcome.model.classes.len();
    let voxels = outcome.block_shape().iter().product();
    let ensemble =
        Ensemble::from_soft(&outcome.soft_members(), classes, outcome.model.kind, voxels)?;
    let set = FileSet::new(folder, options.overwrite)?;
    let mut files = Vec::new();
    if options.nifti {
        write_niftis(&set, outcome, &ensemble, &mut files)?;
    }
    let mut remarks = Vec::new();
    if options.seg || options.rtstruct {
        write_dicom(&set, outcome, &ensemble, options, &mut files, &mut remarks)?;
    }
    let mut record = record(outcome, &ensemble);
    if let Some(fields) = record.as_object_mut() {
        let outputs = files.iter().map(|f| described(f)).collect::<Result<Vec<_>, _>>()?;
        fields.insert("outputs".into(), Value::Array(outputs));
        fields.insert("remarks".into(), json!(remarks));
        fields.insert(
            "patient_identity".into(),
            json!(if options.keep_identity { "kept" } else { "left out" }),
        );
    }
    let path = set.place_of_record("result.json");
    write_atomic(&path, serde_json::to_string_pretty(&record)?.as_bytes())?;
    Ok(set.commit(&files, &path)?)
}

/// Name and SHA-256 of a written file.
fn described(file: &Path) -> Result<Value, IoError> {
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned());
    Ok(json!({ "file": name, "sha256": crate::io::sha256_of_file(file)? }))
}

fn write_niftis(
    set: &FileSet,
    outcome: &Outcome,
    ensemble: &Ensemble,
    files: &mut Vec<PathBuf>,
) -> Result<(), ResultsError> {
    let classes = outcome.model.classes.len();
    let voxels = outcome.block_shape().iter().product();
    let direct = Ensemble::from_soft(&[&outcome.direct], classes, outcome.model.kind, voxels)?;
    let values: Vec<u8> = outcome.model.classes.iter().map(|c| c.label).collect();
    let whole = |block: &[u8]| on_scan(outcome, block);
    let maps = |map: fn(&Ensemble, usize) -> Vec<f32>| -> Vec<f32> {
        (0..classes).flat_map(|c| on_scan(outcome, &map(ensemble, c))).collect()
    };
    let members: Vec<u8> = (0..outcome.members.len())
        .flat_map(|m| whole(&ensemble.member_labels(m, &values)))
        .collect();
    let weights = outcome.model.sha256.get(..8).unwrap_or_default();
    let mut nifti = |name: &str, what: &str, data: NiftiData<'_>, fourth: usize| {
        let path = set.place(name)?;
        let description = format!("{what}; weights {weights}");
        let options =
            NiftiOptions { fourth_axis: fourth, description: &description, overwrite: false };
        write_nifti_with(&path, &outcome.geometry, data, &options)?;
        files.push(path);
        Ok::<(), IoError>(())
    };
    let labels = whole(&ensemble.labels(&values));
    nifti("mask.nii.gz", "labels", NiftiData::U8(&labels), 1)?;
    let p = maps(Ensemble::fraction);
    nifti("probability.nii.gz", "probability", NiftiData::F32(&p), classes)?;
    if let Some(t) = &outcome.model.temperatures {
        let calibrated = |(c, &t): (usize, &f64)| -> Vec<f32> {
            let block: Vec<f32> = ensemble.soft_mean(c).iter().map(|&p| tempered(p, t)).collect();
            on_scan(outcome, &block)
        };
        let p: Vec<f32> = t.by_class.iter().enumerate().flat_map(calibrated).collect();
        nifti("calibrated.nii.gz", "calibrated probability", NiftiData::F32(&p), classes)?;
    }
    let v = maps(Ensemble::variance);
    nifti("variance.nii.gz", "variance", NiftiData::F32(&v), classes)?;
    nifti("members.nii.gz", "samples", NiftiData::U8(&members), outcome.members.len())?;
    let anchor = whole(&direct.labels(&values));
    nifti("direct.nii.gz", "anchor labels", NiftiData::U8(&anchor), 1)?;
    let table = outcome.model.classes.iter().map(|c| Label {
        value: c.label.into(),
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
    ensemble: &Ensemble,
    options: &ExportOptions,
    files: &mut Vec<PathBuf>,
    remarks: &mut Vec<String>,
) -> Result<(), ResultsError> {
    let model = &outcome.model;
    let s = &outcome.settings;
    let n = outcome.members.len();
    let description = format!("{n} samples, majority; research use only");
    let provenance = format!(
        "model {} (weights sha256 {}); input sha256 {}; {n} samples, {} steps from {}, sampler {:?}, \
         seed {}; majority; spread of {n} samples, not calibrated; research use only",
        model.id,
        model.sha256,
        outcome.source.sha256,
        s.steps,
        wording::start(s.start),
        s.sampler,
        s.seed
    );
    let by = Authorship {
        algorithm: AlgorithmType::Automatic,
        algorithm_name: &model.id,
        algorithm_version: model.sha256.get(..16).unwrap_or(&model.sha256),
        description: &description,
        provenance: &provenance,
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
    let (g, source) = (&outcome.geometry, &outcome.source);
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
        let fractions: Vec<Vec<u8>> = (0..model.classes.len())
            .map(|c| {
                let byte = |p: &f32| (p * 255.0).round().clamp(0.0, 255.0) as u8;
                let block: Vec<u8> = ensemble.fraction(c).iter().map(byte).collect();
                on_scan(outcome, &block)
            })
            .collect();
        let description = format!("fraction of {n} samples; research use only");
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

/// The classes with their masks.
fn named<'a>(outcome: &'a Outcome, masks: &'a [Vec<u8>]) -> Vec<Segment<'a>> {
    let classes = outcome.model.classes.iter();
    classes
        .zip(masks)
        .map(|(c, values)| Segment { name: &c.name, color: c.color, values })
        .collect()
}

/// [`write_results`] for the window: one line on failure.
///
/// # Errors
/// As [`write_results`].
pub fn export_results(
    folder: &Path,
    outcome: &Outcome,
    options: &ExportOptions,
) -> Result<Vec<PathBuf>, String> {
    write_results(folder, outcome, options).map_err(|e| e.to_string())
}

/// A block's values on the grid of the whole scan, the default value elsewhere.
fn on_scan<T: Copy + Default>(outcome: &Outcome, block: &[T]) -> Vec<T> {
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

/// Area or volume of class `c` per member: name of the quantity, its unit, and the values.
pub fn extent(
    outcome: &Outcome,
    ensemble: &Ensemble,
    c: usize,
) -> (&'static str, &'static str, Spread) {
    let g = &outcome.geometry;
    let known = g.unit() == LengthUnit::Millimetre;
    if g.is_2d() {
        ("area", if known { "mm²" } else { "px²" }, ensemble.volumes(c, g.pixel_area()))
    } else {
        ("volume", if known { "mm³" } else { "px³" }, ensemble.volumes(c, g.voxel_volume()))
    }
}

fn record(outcome: &Outcome, ensemble: &Ensemble) -> Value {
    let s = &outcome.settings;
    let classes: Vec<Value> = outcome
        .model
        .classes
        .iter()
        .enumerate()
        .map(|(c, class)| {
            let (quantity, unit, spread) = extent(outcome, ensemble, c);
            json!({
                "name": class.name,
                "label": class.label,
                "quantity": quantity,
                "unit": unit,
                "mean": spread.mean,
                "sd": spread.sd,
                "median": spread.median,
                "min": spread.min,
                "max": spread.max,
                "members": spread.values,
                "empty_members": ensemble.empty_members(c),
                "mean_pairwise_dice": ensemble.mean_pairwise_dice(c),
            })
        })
        .collect();
    json!({
        "software": { "name": "sfumato", "version": env!("CARGO_PKG_VERSION"), "use": "research use only" },
        "input": {
            "format": outcome.source.format,
            "sha256": outcome.source.sha256,
            "shape": outcome.geometry.shape(),
            "affine": outcome.geometry.world_from_voxel(),
        },
        "model": {
            "id": outcome.model.id,
            "sha256": outcome.model.sha256,
            "temperatures": outcome.model.temperatures,
        },
        "sampler": s.sampler,
        "start": s.start,
        "steps": s.steps,
        "seed": s.seed,
        "members": outcome.members.len(),
        "members_asked": s.members,
        "member_seeds": outcome.members.iter().map(|m| m.seed.to_string()).collect::<Vec<_>>(),
        "device": outcome.device,
        "roi": outcome.roi,
        "slices": outcome.slices,
        "fusion": "majority",
        "times": outcome.times,
        "classes": classes,
        "statement": format!("spread of {} samples, not calibrated", outcome.members.len()),
    })
}
