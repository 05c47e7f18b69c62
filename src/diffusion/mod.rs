//! Noise schedules and samplers (DDPM, arXiv 2006.11239; DDIM, 2010.02502; DPM-Solver++, 2211.01095).
//!
//! Everything works on plain slices, one ensemble member at a time: the state of a member is a
//! `[K, S, S]` mask in [-1, 1] plus noise, flattened. A sample is a pure function of the schedule,
//! the plan, the member's seed and what the network answers, so a member comes out the same alone
//! or in a batch.
//!
//! ```
//! use sfumato::diffusion::{Plan, Prediction, SamplerKind, Schedule, ScheduleKind, member_seed};
//! let schedule = Schedule::new(ScheduleKind::Linear, 1000)?;
//! let plan = Plan::new(&schedule, 10)?;
//! let seed = member_seed(1, 0);
//! let mut x = plan.start_from_noise(seed, 64);
//! let mut sampler = SamplerKind::Ddim.sampler(&plan, seed);
//! for i in 0..plan.steps() {
//!     let output = vec![0.0; 64]; // of the network, given x and plan.time(i)
//!     let x0 = Prediction::X0.clean(&output, &x, plan.alpha_bar(i))?;
//!     sampler.step(i, &mut x, &x0);
//! }
//! assert_eq!(x, vec![0.0; 64]);
//! # Ok::<(), sfumato::diffusion::DiffusionError>(())
//! ```

mod plan;
mod prediction;
mod sampler;
mod schedule;
mod seed;
#[cfg(test)]
mod tests;

pub use plan::{Plan, Start};
pub use prediction::Prediction;
pub use sampler::{Ddim, Ddpm, DpmSolver, Sampler, SamplerKind};
pub use schedule::{Posterior, Schedule, ScheduleKind, TRAINING_STEPS};
pub use seed::{initial_noise, member_seed};

/// What can go wrong around a denoiser.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum DiffusionError {
    #[error("a noise schedule of {found} steps: expected 2 to {max}", max = schedule::MAX_STEPS)]
    ScheduleLength { found: usize },
    #[error(
        "{found} denoising steps: expected 1 to {max} when sampling from time {start}; ask for fewer steps"
    )]
    Steps { found: usize, max: usize, start: usize },
    #[error(
        "start time {found} lies outside the schedule: expected 0 to {max}; the model's card names the schedule it was trained with"
    )]
    StartTime { found: usize, max: usize },
    #[error("network output has {found} values: expected {expected}, one for each of the state")]
    Length { expected: usize, found: usize },
    #[error(
        "the network answered a value that is not finite (at index {index}): the weights may be damaged, or the image holds extreme values"
    )]
    NotFinite { index: usize },
}
