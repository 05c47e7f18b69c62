//! Noise schedules and samplers (DDPM, arXiv 2006.11239; DDIM, 2010.02502; DPM-Solver++, 2211.01095).

use serde::{Deserialize, Serialize};

/// How a sample is drawn from the denoiser.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum SamplerKind {
    /// Ancestral sampling with respaced steps (the paper's).
    Ddpm,
    /// Deterministic after the first noise (η = 0).
    #[default]
    Ddim,
    /// DPM-Solver++ 2M.
    Dpmpp,
}
