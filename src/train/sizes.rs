//! Sizes of the classes in each case of a split, by the reference and by every member: what a conformal
//! interval is calibrated and measured on.

use super::TrainError;
use super::dataset::Case;
use crate::ensemble::Ensemble;
use crate::inference::{Engine, InferenceError, Job, Settings};
use crate::volume::{LengthUnit, Modality};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// One case.
#[derive(Clone, Debug)]
pub struct CaseSizes {
    pub case: String,
    /// Of the image, as it says itself.
    pub modality: Modality,
    /// `mm²`, `px²`, `mm³` or `px³`.
    pub unit: &'static str,
    /// Of each class: by the reference, and by each member.
    pub classes: Vec<(f64, Vec<f64>)>,
}

/// Runs `model` on every case of `split`; `report` hears of each finished case (done, all).
///
/// # Errors
/// If a case cannot be read, the model cannot run or draws no samples.
pub fn case_sizes(
    engine: &mut Engine,
    model: &str,
    (folder, reader): (&Path, &str),
    split: &str,
    settings: &Settings,
    report: &mut dyn FnMut(usize, usize),
) -> Result<Vec<CaseSizes>, TrainError> {
    let card = crate::models::card(model).map_err(InferenceError::from)?;
    let cases = Case::list(folder, split, &[reader.to_owned()])?;
    let mut out = Vec::with_capacity(cases.len());
    for (done, case) in cases.iter().enumerate() {
        let (image, labels) = case.open()?;
        let reference = case.masks(&labels, &card.classes, card.kind)?.swap_remove(0);
        let (modality, geometry) = (image.modality, image.geometry().clone());
        let (volume, model) = (Arc::new(image), model.to_owned());
        let job = Job { volume, time: 0, model, settings: settings.clone() };
        let (outcome, _) = engine.run(&job, &AtomicBool::new(false), &mut |_| {})?;
        let data =
            |what: &str| TrainError::Data { what: what.to_owned(), path: case.image.clone() };
        let outcome = outcome.ok_or_else(|| data("the model drew nothing"))?;
        if outcome.deterministic {
            return Err(data("the model draws one mask and no samples: it has no interval"));
        }
        let (classes, voxels) = (card.classes.len(), outcome.block_shape().iter().product());
        let ensemble = Ensemble::from_soft(&outcome.soft_members(), classes, card.kind, voxels)
            .map_err(|e| data(&e.to_string()))?;
        let flat = geometry.is_2d();
        let voxel = if flat { geometry.pixel_area() } else { geometry.voxel_volume() };
        let unit = match (flat, geometry.unit()) {
            (true, LengthUnit::Millimetre) => "mm²",
            (true, LengthUnit::Pixel) => "px²",
            (false, LengthUnit::Millimetre) => "mm³",
            (false, LengthUnit::Pixel) => "px³",
        };
        let size = |mask: &Vec<bool>| mask.iter().filter(|m| **m).count() as f64 * voxel;
        let of = |(c, mask): (usize, &Vec<bool>)| (size(mask), ensemble.volumes(c, voxel).values);
        let classes = reference.iter().enumerate().map(of).collect();
        out.push(CaseSizes { case: case.name.clone(), modality, unit, classes });
        report(done + 1, cases.len());
    }
    Ok(out)
}
