//! The planner's job: it simulates the views, lifts them, and draws members as they come.

use super::next_angle::{Candidate, candidates};
use super::spread::{Spread, spread};
use super::threshold::thresholded;
use super::{STRUCTURES, embedded};
use crate::diffusion::{
    DiffusionError, Plan as Steps, SamplerKind, Schedule, ScheduleKind, member_seed,
};
use crate::inference::{Engine, Work};
use crate::models::{DrawnPlane, ModelError, ViewLook, ViewNetwork};
use crate::nn::first_line;
use crate::projection::{Body, Grid, Rig, filtered_backprojection, sirt, system};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Members in one batch: small, so that the first are seen early.
const BATCH: usize = 5;
/// Rounds of SIRT.
const ROUNDS: usize = 60;
/// Most of each.
pub(super) const MOST_VIEWS: usize = 36;
const MOST_MEMBERS: usize = 100;

/// What a plane is told from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Method {
    /// The network's members.
    #[default]
    Members,
    /// Filtered backprojection and thresholds.
    Fbp,
    /// SIRT and thresholds.
    Sirt,
    /// What the network takes to lie on the rays.
    Lifted,
}

impl Method {
    pub const ALL: [Self; 4] = [Self::Members, Self::Fbp, Self::Sirt, Self::Lifted];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Members => "Samples of the network",
            Self::Fbp => "Filtered backprojection + thresholds",
            Self::Sirt => "SIRT + thresholds",
            Self::Lifted => "Lifted attenuation",
        }
    }
}

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

/// What the views give at once, without members.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimate {
    pub grid: Option<Grid>,
    pub rig: Option<Rig>,
    pub angles: Vec<f64>,
    /// Line integrals, `[views, pixels]`.
    pub lines: Vec<f32>,
    /// The plane as it is: attenuation per mm, `[n, n]`.
    pub truth: Vec<f32>,
    /// What the network takes to lie on the rays, 0 to 1.
    pub lifted: Vec<f32>,
    /// Attenuation per mm.
    pub fbp: Vec<f32>,
    pub sirt: Vec<f32>,
    /// How far from the isocentre the detector sees everything, mm, if that is less than the plane.
    pub truncated: Option<f64>,
}

impl Estimate {
    /// Masks `[K, n, n]` of a method without training; `None` of others.
    pub fn thresholded(&self, method: Method) -> Option<Vec<f32>> {
        let grid = self.grid?;
        match method {
            Method::Fbp => Some(thresholded(&self.fbp, &grid)),
            Method::Sirt => Some(thresholded(&self.sirt, &grid)),
            Method::Members | Method::Lifted => None,
        }
    }
}

/// What a job has found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub estimate: Arc<Estimate>,
    pub members: Vec<DrawnPlane>,
    pub spread: Spread,
    pub candidates: Vec<Candidate>,
}

/// What happens on the way, and in the end.
#[derive(Clone, Debug)]
pub enum PlanEvent {
    /// The views are lifted.
    Lifted(Arc<Estimate>),
    /// So many members are there.
    Members(Arc<Plan>),
    /// A further angle was tried.
    Tried(Candidate),
    Finished(Arc<Plan>),
    Cancelled,
    Failed(String),
}

impl Work for PlanJob {
    type Event = PlanEvent;

    fn run(
        self,
        _engine: &mut Engine,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(PlanEvent),
    ) -> PlanEvent {
        let done = embedded().map_err(PlanError::from);
        match done.and_then(|network| run(network.as_ref(), &self, cancel, on_event)) {
            Ok(plan) => PlanEvent::Finished(Arc::new(plan)),
            Err(PlanError::Cancelled) => PlanEvent::Cancelled,
            Err(error) => PlanEvent::Failed(error.to_string()),
        }
    }

    fn failed(why: String) -> PlanEvent {
        PlanEvent::Failed(why)
    }
}

impl PlanJob {
    fn check(&self) -> Result<(), PlanError> {
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

/// Simulates, lifts and draws; the last event is left to the caller.
///
/// # Errors
/// If the settings make no sense, the network fails, or it was cancelled.
pub fn run(
    network: &dyn ViewNetwork,
    job: &PlanJob,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(PlanEvent),
) -> Result<Plan, PlanError> {
    job.check()?;
    let (rig, grid) = (*network.rig(), *network.grid());
    let lines = job.body.radiographs(&rig, &job.angles, grid.reach(), job.seed);
    let mut look = network.look(&job.angles, &lines).map_err(failed)?;
    let matrix = system(&rig, &grid, &job.angles);
    let estimate = Arc::new(Estimate {
        grid: Some(grid),
        rig: Some(rig),
        angles: job.angles.clone(),
        truth: job.body.plane(&grid),
        lifted: look.attenuation().to_vec(),
        fbp: filtered_backprojection(&rig, &grid, &job.angles, &lines),
        sirt: sirt(&matrix, &lines, ROUNDS),
        lines,
        truncated: (rig.sees() < 0.9 * grid.reach()).then(|| rig.sees()),
    });
    on_event(PlanEvent::Lifted(estimate.clone()));
    let mut plan = Plan { estimate, ..Plan::default() };
    let mut first = 0;
    while first < job.members {
        let seeds: Vec<u64> =
            (first..job.members.min(first + BATCH)).map(|m| member_seed(job.seed, m)).collect();
        let drawn = draw(look.as_mut(), &seeds, job.steps, cancel)?;
        let at_once = drawn.len() < seeds.len();
        plan.members.extend(drawn);
        plan.spread = spread(&plan.members, STRUCTURES.len());
        on_event(PlanEvent::Members(Arc::new(plan.clone())));
        first += BATCH;
        if at_once {
            break;
        }
    }
    if job.candidates > 0 {
        plan.candidates = candidates(network, job, cancel, &mut |candidate| {
            on_event(PlanEvent::Tried(candidate));
        })?;
    }
    Ok(plan)
}

pub(super) fn failed(error: candle_core::Error) -> PlanError {
    PlanError::Network(first_line(&error))
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
            let go_on = |_: usize, _: &[f32]| match cancel.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
            let drawn = SamplerKind::Ddim.draw(denoiser, &steps, seeds, &first, go_on)?;
            drawn.ok_or(PlanError::Cancelled)?
        }
    };
    look.decide(&states).map_err(failed)
}
