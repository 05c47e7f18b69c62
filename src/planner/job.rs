//! What is asked of the planner, and members drawn for it.

use crate::diffusion::{
    DiffusionError, Glimpse, Plan as Steps, SamplerKind, Schedule, ScheduleKind,
};
use crate::models::{DrawnPlane, ModelError, ViewLook};
use crate::nn::first_line;
use crate::projection::Body;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most of each.
const MOST_VIEWS: usize = 36;
const MOST_MEMBERS: usize = 100;

/// What to plan.
#[derive(Clone)]
pub struct PlanJob {
    pub body: Arc<Body>,
    /// Degrees.
    pub angles: Vec<f64>,
    pub members: usize,
    pub steps: usize,
    pub seed: u64,
    /// So many further angles are tried; 0 for none.
    pub candidates: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("{0}")]
    Settings(String),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("the network failed: {0}")]
    Network(String),
    #[error(transparent)]
    Diffusion(#[from] DiffusionError),
    #[error("stopped")]
    Cancelled,
}

impl PlanJob {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        let refuse = |why: String| Err(PlanError::Settings(why));
        if self.angles.is_empty() || self.angles.len() > MOST_VIEWS {
            return refuse(format!("{} views, expected 1 to {MOST_VIEWS}", self.angles.len()));
        }
        if let Some(angle) = self.angles.iter().find(|a| !a.is_finite() || a.abs() > 3600.0) {
            return refuse(format!("an angle of {angle} degrees, expected -3600 to 3600"));
        }
        if self.members == 0 || self.members > MOST_MEMBERS {
            return refuse(format!("{} members, expected 1 to {MOST_MEMBERS}", self.members));
        }
        if self.candidates > 72 {
            return refuse(format!("{} further angles, expected 0 to 72", self.candidates));
        }
        Ok(())
    }
}

pub(super) fn failed(error: &candle_core::Error) -> PlanError {
    PlanError::Network(first_line(error))
}

/// Members of these seeds; one of a network that draws at once.
pub(super) fn draw(
    look: &mut dyn ViewLook,
    seeds: &[u64],
    steps: usize,
    cancel: &AtomicBool,
) -> Result<Vec<DrawnPlane>, PlanError> {
    let len = look.state_len();
    let states = match look.denoiser() {
        None => Vec::new(),
        Some(denoiser) => {
            let steps = Steps::new(&Schedule::training(ScheduleKind::Linear), steps)?;
            let first: Vec<_> = seeds.iter().map(|&s| steps.start_from_noise(s, len)).collect();
            let go_on = |_: usize, _: Glimpse<'_>| match cancel.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
            let drawn = SamplerKind::Ddim.draw(denoiser, &steps, seeds, &first, go_on)?;
            drawn.ok_or(PlanError::Cancelled)?
        }
    };
    look.decide(&states).map_err(|e| failed(&e))
}
