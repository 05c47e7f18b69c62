//! What the worker says while it works.

use super::{Outcome, Placement};
use crate::volume::Roi;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// One member's current estimate of the clean mask, at the model's own resolution, of the slice
/// that is being worked on.
#[derive(Clone, Debug)]
pub struct Preview {
    pub member: usize,
    pub width: usize,
    pub height: usize,
    pub classes: usize,
    /// `[classes, height, width]`, 0 to 255, in the directions of the step's placement.
    pub probability: Vec<u8>,
}

/// After each denoising step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Slice of the scan that is being segmented, across this axis of its voxels.
    pub axis: usize,
    pub slice: usize,
    /// Where the previews lie on it; columns run along the lower of the other two axes.
    pub placement: Placement,
    /// How many slices of the model are finished, and how many there are.
    pub slices_done: usize,
    pub slices: usize,
    /// 1-based step within this slice (and batch of members).
    pub step: usize,
    pub steps: usize,
    /// The steps are windows of the whole volume.
    pub whole: bool,
    /// Diffusion time of this step, 0 to T - 1, of a model that samples.
    pub t: Option<usize>,
    /// Of the whole job, 0 to 1, never falling.
    pub fraction: f32,
    pub elapsed: Duration,
    /// Time left, from the mean time of the steps so far.
    pub eta: Option<Duration>,
    /// All members of the batch that stepped.
    pub previews: Vec<Preview>,
}

/// Sent over a channel in this order: `Started`, any number of `Step`, then one of the others.
#[derive(Clone, Debug)]
pub enum Event {
    Started {
        device: String,
        roi: Roi,
        slices: Range<usize>,
        members: usize,
        steps: usize,
        /// Members that run in one batch.
        batch: usize,
        /// Number of the first member, from 0.
        first: usize,
    },
    Step(Step),
    Finished(Arc<Outcome>),
    /// Holds what was finished before, if anything: whole slices of a volume, or whole members of a
    /// picture.
    Cancelled(Option<Arc<Outcome>>),
    /// One line: what failed, where, and what to try.
    Failed(String),
}
