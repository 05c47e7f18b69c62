//! A model of cells and membranes by the figures of the ISBI 2012 challenge.

use super::TrainError;
use super::dataset::Case;
use crate::inference::{Engine, InferenceError, Job, Settings};
use crate::metrics::{MembraneFigures, Slice, membranes};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Runs `model`, whose first class is the inside of cells, on every case of `split` in `folder` and
/// compares its direct mask with the labels in `reader`; beside that, what a mask that says "inside"
/// everywhere would get.
///
/// # Errors
/// If a case cannot be read or the model cannot run.
pub fn evaluate_membranes(
    engine: &mut Engine,
    model: &str,
    (folder, reader): (&Path, &str),
    split: &str,
    settings: &Settings,
) -> Result<[MembraneFigures; 2], TrainError> {
    let card = crate::models::card(model).map_err(InferenceError::from)?;
    let mut all = Vec::new();
    for case in Case::list(folder, split, &[reader.to_owned()])? {
        let (image, labels) = case.open()?;
        let inside = case.masks(&labels, &card.classes, card.kind)?.swap_remove(0).swap_remove(0);
        let settings = Settings { instant: true, ..settings.clone() };
        let job = Job { volume: Arc::new(image), time: 0, model: model.to_owned(), settings };
        let (outcome, _) = engine.run(&job, &AtomicBool::new(false), &mut |_| {})?;
        let Some(outcome) = outcome else { continue };
        let [width, height, _] = outcome.block_shape();
        let soft: Vec<f32> =
            outcome.direct[..inside.len()].iter().map(|&v| f32::from(v) / 255.0).collect();
        all.push((soft, inside, width, width * height));
    }
    let figures = |of: &dyn Fn(&[f32]) -> Vec<f32>| {
        let soft: Vec<Vec<f32>> = all.iter().map(|(soft, ..)| of(soft)).collect();
        let slices: Vec<Slice<'_>> = all
            .iter()
            .zip(&soft)
            .flat_map(|((_, inside, width, area), soft)| {
                let planes = soft.chunks(*area).zip(inside.chunks(*area));
                planes.map(|(probability, inside)| Slice { probability, inside, width: *width })
            })
            .collect();
        membranes(&slices)
            .map_err(|e| TrainError::Data { what: e.to_string(), path: folder.into() })
    };
    Ok([figures(&<[f32]>::to_vec)?, figures(&|soft| vec![1.0; soft.len()])?])
}
