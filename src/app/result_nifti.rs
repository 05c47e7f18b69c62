//! A result as NIfTI files on the grid of the whole scan.

use super::chances::chances;
use super::result_basis::on_scan;
use super::result_maps::{MapValues, NamedMap, measure_file};
use super::{Included, ResultsError, wording};
use crate::ensemble::{Ensemble, Measure};
use crate::inference::Outcome;
use crate::io::{FileSet, IoError, NiftiData, NiftiOptions, write_label_table, write_nifti_with};
use crate::volume::{Label, LabelTable};
use std::path::PathBuf;

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

pub(super) fn write_niftis(
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
    let chances = chances(outcome, ensemble)?;
    if !chances.is_empty() {
        let p: Vec<f32> = chances.iter().flat_map(|c| on_scan(outcome, c)).collect();
        nifti("calibrated.nii.gz", "calibrated probability", NiftiData::F32(&p), classes)?;
    }
    if !outcome.deterministic {
        let p = maps(&|c| ensemble.fraction(c));
        nifti("probability.nii.gz", "probability", NiftiData::F32(&p), classes)?;
        let map = maps(&|c| ensemble.map(c, measure));
        nifti(&measure_file(measure), measure.name(), NiftiData::F32(&map), classes)?;
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

/// Maps of all classes, one volume per class on the fourth axis.
pub(super) fn write_maps(
    set: &FileSet,
    outcome: &Outcome,
    included: &Included,
    maps: Vec<NamedMap>,
    files: &mut Vec<PathBuf>,
) -> Result<(), ResultsError> {
    let voxels: usize = outcome.block_shape().iter().product();
    for NamedMap { file, what, values } in maps {
        let path = set.place(&file)?;
        let description = nifti_description(outcome, included, what);
        let options = NiftiOptions {
            fourth_axis: outcome.model.classes.len(),
            description: &description,
            overwrite: false,
        };
        let g = &outcome.geometry;
        match values {
            MapValues::Bytes(v) => {
                let v = whole(outcome, &v, voxels);
                write_nifti_with(&path, g, NiftiData::U8(&v), &options)?;
            }
            MapValues::Numbers(v) => {
                let v = whole(outcome, &v, voxels);
                write_nifti_with(&path, g, NiftiData::I32(&v), &options)?;
            }
            MapValues::Shares(v) => {
                let v = whole(outcome, &v, voxels);
                write_nifti_with(&path, g, NiftiData::F32(&v), &options)?;
            }
        }
        files.push(path);
    }
    Ok(())
}

/// Blocks one after another, each on the grid of the whole scan.
fn whole<T: Copy + Default>(outcome: &Outcome, blocks: &[T], voxels: usize) -> Vec<T> {
    blocks.chunks(voxels.max(1)).flat_map(|block| on_scan(outcome, block)).collect()
}
