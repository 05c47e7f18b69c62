//! Noise schedules and samplers (DDPM, arXiv 2006.11239; DDIM, 2010.02502; DPM-Solver++, 2211.01095).
//!
//! Everything works on plain slices: the state of a sample is a `[K, S, S]` mask in [-1, 1] plus
//! noise, flattened. Samplers know a network as a [`Denoiser`] only. A sample is a pure function of
//! the schedule, the plan, its seed and what the denoiser estimates, so it comes out the same alone
//! or in a batch.
//!
//! ```
//! use sfumato::diffusion::{
//!     Denoiser, DiffusionError, Plan, SamplerKind, Schedule, ScheduleKind, Glimpse,
//! };
//! use std::ops::ControlFlow;
//! struct Empty;
//! impl Denoiser for Empty {
//!     fn estimate(&mut self, states: &[f32], _: usize, _: f64) -> Result<Vec<f32>, DiffusionError> {
//!         Ok(vec![-1.0; states.len()])
//!     }
//! }
//! let schedule = Schedule::new(ScheduleKind::Linear, 1000)?;
//! let plan = Plan::new(&schedule, 10)?;
//! let first = vec![plan.start_from_noise(7, 64)];
//! let go_on = |_: usize, _: Glimpse<'_>| ControlFlow::Continue(());
//! let drawn = SamplerKind::Ddim.draw(&mut Empty, &plan, &[7], &first, go_on)?;
//! assert_eq!(drawn, Some(vec![-1.0; 64]));
//! # Ok::<(), DiffusionError>(())
//! ```

mod course;
mod draw;
mod error;
mod hold;
mod plan;
mod prediction;
mod sampler;
mod schedule;
mod seed;
#[cfg(test)]
mod tests;

pub use course::{Course, Move, StepNoise};
pub use draw::{Denoiser, Glimpse};
pub use error::DiffusionError;
pub use hold::Hold;
pub use plan::{Plan, Start};
pub use prediction::Prediction;
pub use sampler::{Ddim, Ddpm, DpmSolver, Sampler, SamplerKind};
pub use schedule::{Posterior, Schedule, ScheduleKind, TRAINING_STEPS};
pub use seed::{initial_noise, member_seed};
