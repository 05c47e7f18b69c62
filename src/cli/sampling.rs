//! How an ensemble is drawn, for every command that draws one.

use crate::diffusion::{SamplerKind, Start};
use crate::inference::{DeviceChoice, Settings};

#[derive(clap::Args)]
pub(super) struct Sampling {
    /// Masks to draw.
    #[arg(long, default_value_t = 8)]
    members: usize,
    /// Denoising steps per member.
    #[arg(long, default_value_t = 10)]
    steps: usize,
    #[arg(long, value_enum, default_value_t)]
    sampler: SamplerKind,
    /// What members start from: pure noise, or the direct mask with noise.
    #[arg(long, value_enum, default_value_t)]
    start: Start,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the network runs.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

impl Sampling {
    /// All slices, whole.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            members: self.members,
            steps: self.steps,
            sampler: self.sampler,
            start: self.start,
            seed: self.seed,
            device: self.device,
            slices: None,
            roi: None,
        }
    }
}
