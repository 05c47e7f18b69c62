//! The planner's job: it simulates the views, lifts them, and draws members as they come.

use super::job::{PlanError, PlanJob, draw, failed};
use super::next_angle::{Candidate, candidates};
use super::spread::{Spread, spread};
use super::threshold::thresholded;
use super::{STRUCTURES, embedded};
use crate::diffusion::member_seed;
use crate::inference::{Engine, Work};
use crate::models::{DrawnPlane, ViewNetwork};
use crate::projection::{Grid, Rig, filtered_backprojection, sirt, system};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Members in one batch: small, so that the first are seen early.
const BATCH: usize = 5;
/// Rounds of SIRT.
const ROUNDS: usize = 60;
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
    let mut look = network.look(&job.angles, &lines).map_err(|e| failed(&e))?;
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
