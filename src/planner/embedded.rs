//! The network that comes with the program. It is in no list of models: it segments nothing.

use crate::models::{LoadedModel, ModelError, Network, ViewNetwork, load_bytes};
use candle_core::Device;

/// What it tells apart, in its order.
pub const STRUCTURES: [&str; 5] = crate::demo::STRUCTURES;

const WEIGHTS: &[u8] = include_bytes!("../../assets/weights/planner.safetensors");

/// The embedded network, ready on the CPU.
///
/// # Errors
/// If its weights are damaged.
pub fn embedded() -> Result<Box<dyn ViewNetwork>, ModelError> {
    let LoadedModel { network, .. } = load_bytes("planner", WEIGHTS, &Device::Cpu)?;
    match network {
        Network::Views(network) => Ok(network),
        _ => Err(ModelError::Weights("planner".to_owned(), "it sees no views".to_owned())),
    }
}
