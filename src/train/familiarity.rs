//! What a model's training pictures look like, put into the header of its weights, so that a run can
//! say whether a scan is like them.

use super::{Case, TrainError};
use crate::inference::{InferenceError, border, features, slice_axis};
use crate::models::{Familiarity, load, with_familiarity};
use candle_core::Device;

/// Slices of a volume that are looked at.
const SLICES: usize = 12;

/// The bytes of a model's weights file with the looks of its training pictures in its header; `report` hears of each finished case (done, all).
///
/// # Errors
/// If a case cannot be read or the network fails.
pub fn familiarize(
    model: &str,
    cases: &[Case],
    report: &mut dyn FnMut(usize, usize),
) -> Result<Vec<u8>, TrainError> {
    let loaded = load(model, &Device::Cpu).map_err(InferenceError::from)?;
    let (card, shape) = (&loaded.card, loaded.header.network.shape());
    let (mut pictures, mut borders) = (Vec::new(), vec![0f64; card.classes.len()]);
    for (done, case) in cases.iter().enumerate() {
        let (image, labels) = case.open()?;
        let (size, axis) = (image.geometry().shape(), slice_axis(image.geometry(), &card.input));
        for reader in case.masks(&labels, &card.classes, card.kind)? {
            for (most, mask) in borders.iter_mut().zip(&reader) {
                *most = most.max(border(mask, size, axis));
            }
        }
        let slices = features(&loaded.network, &shape, card, &image, SLICES)?;
        pictures.extend(slices.into_iter().map(|f| (done, f)));
        report(done + 1, cases.len());
    }
    let familiarity = Familiarity::learn(&pictures);
    Ok(with_familiarity(model, familiarity, borders).map_err(InferenceError::from)?)
}
