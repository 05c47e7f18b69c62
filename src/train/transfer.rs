//! Where fine-tuning starts: the weights of a trained model, fitted to a network for other classes or
//! of another size.

use super::TrainError;
use super::objective_config::fitted;
use crate::inference::InferenceError;
use crate::models::{NetworkConfig, header, load_weights};
use crate::nn::SeededInit;
use candle_core::Device;

/// Gives the variables of `init`, of `network`, the weights of the model `id`,
/// wherever they fit.
///
/// # Errors
/// If there is no such model, or its weights fit less than half of the network.
pub(super) fn start_from(
    id: &str,
    init: &SeededInit,
    network: &NetworkConfig,
    device: &Device,
) -> Result<(), TrainError> {
    let weights = load_weights(id, device).map_err(InferenceError::from)?;
    let source = header(id).map_err(InferenceError::from)?.network;
    let vars = init.vars();
    let mut taken = 0;
    for (name, var) in &vars {
        let Some(weight) = weights.get(name) else { continue };
        let weight = if weight.shape() == var.shape() {
            weight.clone()
        } else {
            fitted(name, weight, &source, network)?
        };
        if weight.shape() == var.shape() {
            var.set(&weight)?;
            taken += 1;
        }
    }
    if 2 * taken < vars.len() {
        return Err(TrainError::Start {
            id: id.to_owned(),
            what: format!(
                "{taken} of {} tensors fit the network; use that model's preset and sizes",
                vars.len()
            ),
        });
    }
    tracing::info!("{taken} of {} tensors start from {id}", vars.len());
    Ok(())
}
