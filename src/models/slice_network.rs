//! What the rooms above know of any network: what it sees and gives, and how it draws.

use crate::diffusion::{Denoiser, Schedule, ScheduleKind, Start, TRAINING_STEPS};
use crate::plan::Processor;
use candle_core::Result;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a network sees and gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Channels of the image, and of the mask.
    pub channels: usize,
    pub classes: usize,
    /// Side of the square, in pixels.
    pub side: usize,
    /// Pixels on each side of the square that are seen and not drawn: there the picture goes on, or
    /// is mirrored.
    pub margin: usize,
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

    /// Has it run its plans there from now on; `false` of one that has none.
    fn run_on(&mut self, _processor: &Arc<dyn Processor>) -> bool {
        false
    }

    /// Of a network that draws pictures of any size.
    fn windows(&self) -> Option<&dyn Windows> {
        None
    }
}

/// One window of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Column and row of the first pixel that it gives, and how many columns and rows it gives.
    pub origin: [usize; 2],
    pub shape: [usize; 2],
    /// Columns and rows that the network draws for that.
    pub output: [usize; 2],
}

/// A network that draws pictures of any size window by window; all windows together give the same
/// mask as one of the whole picture would.
pub trait Windows {
    /// The windows of a picture of so many columns and rows: each pixel is given by one of them.
    fn plan(&self, size: [usize; 2]) -> Vec<Window>;

    /// Probability `[K, height, width]` of what a window of the picture `[C, height, width]` gives.
    ///
    /// # Errors
    /// If the network fails.
    fn draw(&self, planes: &[f32], size: [usize; 2], window: &Window) -> Result<Vec<f32>>;

    /// What kind of picture `[C, height, width]` it is, in the network's own words; nothing of one
    /// that has none.
    ///
    /// # Errors
    /// If the network fails.
    fn features(&self, _planes: &[f32], _size: [usize; 2]) -> Result<Vec<f32>> {
        Ok(Vec::new())
    }

    /// Probability `[K, height, width]` of the whole picture.
    ///
    /// # Errors
    /// If the network fails.
    fn whole(&self, planes: &[f32], size: [usize; 2]) -> Result<Vec<f32>> {
        let mut canvas = Vec::new();
        for window in self.plan(size) {
            window.put(&self.draw(planes, size, &window)?, size, &mut canvas);
        }
        Ok(canvas)
    }
}

impl Window {
    /// Writes what the window gives, `[K, height, width]`, on the canvas of the picture, which is
    /// made if it is empty.
    pub fn put(&self, given: &[f32], [width, height]: [usize; 2], canvas: &mut Vec<f32>) {
        let [x, y] = self.origin;
        let [columns, rows] = self.shape;
        canvas.resize(given.len() / (columns * rows) * width * height, 0.0);
        let planes = given.chunks(columns * rows).zip(canvas.chunks_mut(width * height));
        for (from, to) in planes {
            for (r, row) in from.chunks(columns).enumerate() {
                to[(y + r) * width + x..][..columns].copy_from_slice(row);
            }
        }
    }
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
