//! How an ensemble is drawn, for every command that draws one.

use super::Failure;
use crate::diffusion::{SamplerKind, Start};
use crate::inference::{DeviceChoice, InferenceError, Settings, Steer};
use crate::models::card;

#[derive(clap::Args)]
pub(super) struct SamplingArguments {
    /// Masks to draw.
    #[arg(long, default_value_t = 8)]
    members: usize,
    /// One mask that is the same every time, no samples.
    #[arg(long)]
    instant: bool,
    /// Denoising steps per member [default: the model's own].
    #[arg(long)]
    steps: Option<usize>,
    #[arg(long, value_enum, default_value_t)]
    sampler: SamplerKind,
    /// What members start from: pure noise, or the direct mask with noise [default: the model's
    /// own].
    #[arg(long, value_enum)]
    start: Option<Start>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the network runs.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

impl SamplingArguments {
    /// All slices, whole; what was not asked for as `model` (an identifier or a path) has it.
    pub(super) fn settings(&self, model: &str) -> Result<Settings, Failure> {
        let own = card(model).map_err(InferenceError::from)?;
        let sampling = own.sampling.unwrap_or_default();
        Ok(Settings {
            members: self.members,
            steps: self.steps.unwrap_or(sampling.steps),
            sampler: self.sampler,
            start: self.start.unwrap_or(sampling.start),
            seed: self.seed,
            device: self.device,
            instant: self.instant,
            slices: None,
            roi: None,
            region: None,
            first: 0,
            until: None,
            steer: Steer::default(),
        })
    }
}
