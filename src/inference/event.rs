//! What the worker says while it works.

use super::{Outcome, Placement};
use crate::plan::Kept;
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
    pub values: Values,
}

/// The values of an estimate.
#[derive(Clone, Debug)]
pub enum Values {
    /// `[classes, height, width]`, 0 to 255, in the directions of the step's placement.
    Here(Vec<u8>),
    /// They stay on the card that drew them.
    There(There),
}

/// An estimate on a card: -1…1, class after class, on the model's canvas.
#[derive(Clone, Debug)]
pub struct There {
    pub kept: Kept,
    /// Which value is that of the first class at the first column and row of the step's placement.
    pub first: usize,
    /// From a value to that of the next column, and of the next row.
    pub steps: [isize; 2],
}

impl Preview {
    /// The values, if they are here and as many as they should be.
    pub fn here(&self) -> Option<&[u8]> {
        match &self.values {
            Values::Here(values) if values.len() == self.len() => Some(values),
            _ => None,
        }
    }

    /// Where the values are, if not here.
    pub fn there(&self) -> Option<&There> {
        match &self.values {
            Values::There(there) if there.holds([self.width, self.height], self.classes) => {
                Some(there)
            }
            _ => None,
        }
    }

    fn len(&self) -> usize {
        self.width * self.height * self.classes
    }
}

impl There {
    /// Whether all values of so many columns and rows are among those that were kept.
    fn holds(&self, [width, height]: [usize; 2], classes: usize) -> bool {
        let (Ok(first), area) = (isize::try_from(self.first), (width * height) as isize) else {
            return false;
        };
        let [x, y] = self.steps;
        let (w, h) = (width as isize - 1, height as isize - 1);
        let corners = [0, x * w, y * h, x * w + y * h];
        let last = (classes as isize - 1) * area;
        let within = |at: isize| at >= 0 && at < self.kept.len() as isize;
        classes > 0 && corners.iter().all(|c| within(first + c) && within(first + last + c))
    }
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

/// Sent over a channel in this order: `Started`, any number of `Step` and `Late`, then one of the others.
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
    /// Estimates of a step that was told of before, which were on a card until now: for the film alone.
    Late(Step),
    Finished(Arc<Outcome>),
    /// Holds what was finished before, if anything: whole slices of a volume, or whole members of a
    /// picture.
    Cancelled(Option<Arc<Outcome>>),
    /// One line: what failed, where, and what to try.
    Failed(String),
}
