//! What a finished ensemble leaves on disk, from the window and from the command line alike.
//!
//! `mask.nii.gz` (labels, majority), `probability.nii.gz` and `variance.nii.gz` (fraction p of the
//! members and p(1 − p), one volume per class on the fourth axis), `members.nii.gz` (label map per
//! member), `direct.nii.gz` (the anchor head's mask), and `result.json` with everything needed to
//! repeat the run. All on the grid of the whole scan.

use crate::ensemble::{Ensemble, EnsembleError, Spread};
use crate::inference::Outcome;
use crate::io::{IoError, NiftiData, write_atomic, write_nifti};
use crate::volume::LengthUnit;
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

/// Writes all files into `folder`, which is made if needed; `result.json` last, so that it is
/// there only when all others are.
///
/// # Errors
/// If a file cannot be written, or exists and `overwrite` is false.
pub fn write_results(
    folder: &Path,
    outcome: &Outcome,
    overwrite: bool,
) -> Result<Vec<PathBuf>, ResultsError> {
    std::fs::create_dir_all(folder).map_err(|e| ResultsError::Folder(e, folder.into()))?;
    let classes = outcome.model.classes.len();
    let voxels = outcome.block_shape().iter().product();
    let ensemble =
        Ensemble::from_soft(&outcome.soft_members(), classes, outcome.model.kind, voxels)?;
    let direct = Ensemble::from_soft(&[&outcome.direct], classes, outcome.model.kind, voxels)?;
    let values: Vec<u8> = outcome.model.classes.iter().map(|c| c.label).collect();
    let whole = |block: &[u8]| on_scan(outcome, block);
    let maps = |map: fn(&Ensemble, usize) -> Vec<f32>| -> Vec<f32> {
        (0..classes).flat_map(|c| on_scan(outcome, &map(&ensemble, c))).collect()
    };
    let members: Vec<u8> = (0..outcome.members.len())
        .flat_map(|m| whole(&ensemble.member_labels(m, &values)))
        .collect();
    let geometry = &outcome.geometry;
    let mut files = Vec::new();
    let mut nifti = |name: &str, data: NiftiData<'_>, fourth: usize| -> Result<(), IoError> {
        let path = folder.join(name);
        write_nifti(&path, geometry, data, fourth, overwrite)?;
        files.push(path);
        Ok(())
    };
    nifti("mask.nii.gz", NiftiData::U8(&whole(&ensemble.labels(&values))), 1)?;
    nifti("probability.nii.gz", NiftiData::F32(&maps(Ensemble::fraction)), classes)?;
    nifti("variance.nii.gz", NiftiData::F32(&maps(Ensemble::variance)), classes)?;
    nifti("members.nii.gz", NiftiData::U8(&members), outcome.members.len())?;
    nifti("direct.nii.gz", NiftiData::U8(&whole(&direct.labels(&values))), 1)?;
    let path = folder.join("result.json");
    let text = serde_json::to_string_pretty(&record(outcome, &ensemble))?;
    write_atomic(&path, text.as_bytes())?;
    files.push(path);
    Ok(files)
}

/// [`write_results`] for the window: one line on failure.
///
/// # Errors
/// As [`write_results`].
pub fn export_results(
    folder: &Path,
    outcome: &Outcome,
    overwrite: bool,
) -> Result<Vec<PathBuf>, String> {
    write_results(folder, outcome, overwrite).map_err(|e| e.to_string())
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
        "model": { "id": outcome.model.id, "sha256": outcome.model.sha256 },
        "sampler": s.sampler,
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
