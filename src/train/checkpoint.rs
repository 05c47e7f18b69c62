//! Checkpoints: everything that a run needs to go on as if it had never stopped.

use super::TrainError;
use super::config::TrainConfig;
use super::optimizer::Optimizer;
use candle_core::{Device, Tensor};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

const ENTRY: &str = "sfumato-checkpoint";

/// The header entry of a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) config: Value,
    pub(super) updates: usize,
    /// Best validation figure so far, and the update that reached it.
    pub(super) best: Option<(f64, usize)>,
}

/// Writes weights, moving average and both moments.
pub(super) fn save(path: &Path, state: &State, optimizer: &Optimizer) -> Result<(), TrainError> {
    let refuse = |what: String| TrainError::Checkpoint { what, path: path.into() };
    let mut all: BTreeMap<String, Tensor> = BTreeMap::new();
    for (name, weight) in &optimizer.weights {
        for (group, part) in weight.parts() {
            all.insert(format!("{group}/{name}"), part.as_detached_tensor());
        }
    }
    for tensor in all.values_mut() {
        *tensor = tensor.to_device(&Device::Cpu)?;
    }
    let entry = serde_json::to_string(state).map_err(|e| refuse(e.to_string()))?;
    let metadata = HashMap::from([(ENTRY.to_owned(), entry)]);
    let bytes =
        safetensors::serialize(all.iter(), Some(metadata)).map_err(|e| refuse(e.to_string()))?;
    Ok(crate::io::write_atomic(path, &bytes)?)
}

/// Puts a checkpoint's tensors into the optimiser (and so into the network); its best validation.
pub(super) fn restore(
    path: &Path,
    config: &TrainConfig,
    optimizer: &mut Optimizer,
) -> Result<Option<(f64, usize)>, TrainError> {
    let refuse = |what: String| TrainError::Checkpoint { what, path: path.into() };
    let bytes = std::fs::read(path).map_err(|e| refuse(e.to_string()))?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| refuse(e.to_string()))?;
    let entry = metadata.metadata().as_ref().and_then(|m| m.get(ENTRY));
    let entry = entry.ok_or_else(|| refuse(format!("its header has no entry {ENTRY:?}")))?;
    let state: State = serde_json::from_str(entry).map_err(|e| refuse(e.to_string()))?;
    let before = TrainConfig::from_json(state.config).map_err(refuse)?;
    let longer = TrainConfig { steps: config.steps, ..before };
    if longer != *config {
        return Err(refuse(
            "it was made with another configuration; give the same one, or another folder"
                .to_owned(),
        ));
    }
    let mut tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)?;
    for (name, weight) in &optimizer.weights {
        for (group, part) in weight.parts() {
            let key = format!("{group}/{name}");
            let tensor = tensors.remove(&key).ok_or_else(|| refuse(format!("{key} is missing")))?;
            if tensor.shape() != part.shape() {
                let (found, expected) = (tensor.shape(), part.shape());
                return Err(refuse(format!("{key} is {found:?}, expected {expected:?}")));
            }
            part.set(&tensor.to_device(part.device())?)?;
        }
    }
    optimizer.updates = state.updates;
    Ok(state.best)
}
