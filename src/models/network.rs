//! The kinds of networks that a weights file can hold, and what the rooms above know of any of them.
//!
//! A new kind is an arm of [`NetworkConfig`], a folder of its own, and an objective in `train`.

use super::medsegdiff;
use crate::diffusion::{Denoiser, Schedule, ScheduleKind, Start, TRAINING_STEPS};
use candle_core::{Device, Result};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

/// Everything that fixes a network and how it is used, by kind. In the header of weights; one
/// without `kind` is MedSegDiff.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum NetworkConfig {
    MedSegDiff(medsegdiff::Setup),
    #[cfg(test)]
    Toy(super::toy::Config),
}

/// What a network sees and gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Channels of the image, and of the mask.
    pub channels: usize,
    pub classes: usize,
    /// Side of the square, in pixels.
    pub side: usize,
    /// Memory that one mask takes while it is computed, bytes.
    pub bytes: usize,
    /// 10⁹ floating-point operations per mask and step (FLOP = 2 × MAC); of a network that draws at
    /// once, per mask.
    pub gflop: f64,
}

/// How a network that samples does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diffusion {
    pub schedule: ScheduleKind,
    pub sampling: Sampling,
}

impl Diffusion {
    /// The noise levels of training.
    pub fn levels(&self) -> Schedule {
        Schedule::training(self.schedule)
    }
}

/// How a model's ensembles are best drawn, found on validation cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    pub start: Start,
    /// Denoising steps per member.
    pub steps: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { start: Start::Noise, steps: 10 }
    }
}

impl Sampling {
    /// # Errors
    /// Says why ensembles cannot be drawn so.
    pub fn check(self) -> std::result::Result<(), String> {
        if (1..=TRAINING_STEPS).contains(&self.steps) {
            return Ok(());
        }
        Err(format!("{} steps to draw, expected 1 to {TRAINING_STEPS}", self.steps))
    }
}

/// A network that draws masks of square slices.
pub trait SliceNetwork: Send {
    /// Looks at `images` (`[C, S, S]` each, -1…1, one after another): what they say for all members
    /// and steps.
    ///
    /// # Errors
    /// If the network fails.
    fn look(&self, images: &[f32]) -> Result<Box<dyn Look>>;
}

/// Images that a network has looked at.
pub trait Look: Send {
    /// Probability of the masks drawn at once, `[K, S, S]` each.
    fn direct(&self) -> &[f32];

    /// What denoises `[K, S, S]` states under these images: as many of the first image, then of the
    /// second, and so on. `None` of a network that does not sample.
    fn denoiser(&mut self) -> Option<&mut dyn Denoiser>;
}

impl NetworkConfig {
    /// Whether such a network can be built and used.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self) -> std::result::Result<(), String> {
        match self {
            Self::MedSegDiff(setup) => setup.check(),
            #[cfg(test)]
            Self::Toy(_) => Ok(()),
        }
    }

    pub fn shape(&self) -> Shape {
        match self {
            Self::MedSegDiff(setup) => setup.network.shape(),
            #[cfg(test)]
            Self::Toy(toy) => toy.shape(),
        }
    }

    /// Of a network that samples.
    pub fn diffusion(&self) -> Option<Diffusion> {
        match self {
            Self::MedSegDiff(setup) => setup.diffusion(),
            #[cfg(test)]
            Self::Toy(_) => None,
        }
    }

    /// The same network with its ensembles drawn otherwise, if it draws any.
    #[must_use]
    pub fn sampled(mut self, by: Sampling) -> Self {
        match &mut self {
            Self::MedSegDiff(setup) => setup.sampling = by,
            #[cfg(test)]
            Self::Toy(_) => {}
        }
        self
    }

    /// The network with the weights of `vb`, on `device`.
    ///
    /// # Errors
    /// If weights are missing or of another shape.
    pub fn build(&self, vb: &VarBuilder<'_>, device: &Device) -> Result<Box<dyn SliceNetwork>> {
        Ok(match self {
            Self::MedSegDiff(setup) => {
                Box::new(medsegdiff::Runner::new(&setup.network, vb, device)?)
            }
            #[cfg(test)]
            Self::Toy(toy) => Box::new(toy.build(vb)?),
        })
    }
}
