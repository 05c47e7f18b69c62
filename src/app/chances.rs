//! How likely each structure is in each voxel by the model's own calibration.

use crate::ensemble::{Ensemble, EnsembleError};
use crate::inference::Outcome;

/// By class, 0 to 1 in each voxel of the block; none where the model says nothing of its means, or was told by a person
/// where to draw: what was found on `val` knows nothing of that.
///
/// # Errors
/// If the ensemble is not of the outcome.
pub(super) fn chances(
    outcome: &Outcome,
    ensemble: &Ensemble,
) -> Result<Vec<Vec<f32>>, EnsembleError> {
    let Some(scaling) = &outcome.model.scaling else { return Ok(Vec::new()) };
    if outcome.deterministic || !outcome.settings.steer.is_empty() {
        return Ok(Vec::new());
    }
    let (shape, spacing) = (outcome.block_shape(), outcome.geometry.spacing());
    let of = |(c, platt)| ensemble.calibrated(c, platt, shape, spacing);
    scaling.by_class.iter().enumerate().map(of).collect()
}
