//! MedSegDiff-V2 (Wu et al., AAAI 2024, arXiv 2301.11798): a diffusion U-Net over masks that a
//! second U-Net, on the image alone, conditions twice: by the anchor (U-SA, at the first feature)
//! and by the SS-Former (in the bottleneck).
//!
//! The paper's formulas leave much open; what was decided is said where it is built. Every module
//! is a switch of [`Config`], so that ablations are configurations.

mod anchor;
mod blocks;
mod condition;
mod config;
mod denoiser;
mod nbp_filter;
mod recorded;
#[cfg(test)]
mod recorded_tests;
mod runner;
mod ss_former;

pub use condition::Condition;
pub use config::{Anchor, Config, ConfigError, Former, Input, KeySoftmax, Preset, Setup};
pub use denoiser::{MedSegDiff, StepContext};
pub(super) use runner::Runner;
