//! Why a job could not be done.

use crate::diffusion::DiffusionError;
use crate::models::ModelError;

#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("the settings cannot be used: {what} is {found}, expected {expected}")]
    Settings { what: &'static str, found: String, expected: String },
    #[error("the device {0} cannot be used: {1}")]
    Device(&'static str, String),
    #[error("nothing to segment was found: {0}")]
    NotFound(&'static str),
    #[error("the sampler failed: {0}")]
    Diffusion(#[from] DiffusionError),
    #[error("the network failed: {}", crate::nn::first_line(.0))]
    Network(#[from] candle_core::Error),
}
