//! What the rooms above know of any network: what it sees and gives, and how it draws.

use crate::diffusion::{Denoiser, Schedule, ScheduleKind, Start, TRAINING_STEPS};
use candle_core::Result;
use serde::{Deserialize, Serialize};

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

    /// What kind of picture each image is, as many numbers of each ([`crate::models::Familiarity`]);
    /// none of a network that does not say.
    fn features(&self) -> &[f32] {
        &[]
    }

    /// What denoises `[K, S, S]` states under these images: as many of the first image, then of the
    /// second, and so on. `None` of a network that does not sample.
    fn denoiser(&mut self) -> Option<&mut dyn Denoiser>;
}
