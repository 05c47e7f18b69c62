//! Which further angle would leave the least open. Each candidate's view is simulated from the CT,
//! which a real planner would not know.

use super::STRUCTURES;
use super::job::{PlanError, PlanJob, draw, failed};
use super::spread::spread;
use crate::diffusion::member_seed;
use crate::models::ViewNetwork;
use std::sync::atomic::AtomicBool;

/// Members and steps of a trial.
const MEMBERS: usize = 3;
const STEPS: usize = 4;

/// A further angle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    pub angle: f64,
    /// Mean entropy with it.
    pub entropy: f64,
    /// Degrees to the nearest line that is seen already.
    pub gap: f64,
}

/// Degrees from an angle to the nearest of others, where opposite views count as the same.
pub fn gap(angle: f64, others: &[f64]) -> f64 {
    let apart = |other: &f64| {
        let d = (angle - other).rem_euclid(180.0);
        d.min(180.0 - d)
    };
    others.iter().map(apart).fold(90.0, f64::min)
}

/// Tries as many angles as the job asks for, evenly over half a turn.
///
/// # Errors
/// As [`super::run`].
pub fn candidates(
    network: &dyn ViewNetwork,
    job: &PlanJob,
    cancel: &AtomicBool,
    on_tried: &mut dyn FnMut(Candidate),
) -> Result<Vec<Candidate>, PlanError> {
    let (rig, grid) = (*network.rig(), *network.grid());
    let seeds: Vec<u64> = (0..MEMBERS).map(|m| member_seed(job.seed, m)).collect();
    let mut tried = Vec::with_capacity(job.candidates);
    for k in 0..job.candidates {
        let angle = 180.0 * k as f64 / job.candidates as f64;
        let angles = [job.angles.as_slice(), &[angle]].concat();
        let lines = job.body.radiographs(&rig, &angles, grid.reach(), job.seed);
        let mut look = network.look(&angles, &lines).map_err(|e| failed(&e))?;
        let drawn = draw(look.as_mut(), &seeds, STEPS, cancel)?;
        let entropy = spread(&drawn, STRUCTURES.len()).mean_entropy;
        let candidate = Candidate { angle, entropy, gap: gap(angle, &job.angles) };
        on_tried(candidate);
        tried.push(candidate);
    }
    Ok(tried)
}
