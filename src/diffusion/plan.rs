//! The few times of the schedule that a sampler visits, and the state it starts from.

use super::{DiffusionError, Schedule, initial_noise};
use serde::{Deserialize, Serialize};

/// What the first state is made of.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// Pure noise at the last time of the schedule.
    #[default]
    Noise,
    /// The anchor head's own mask noised to an earlier time (PD-DDPM, arXiv 2210.17408).
    Anchor,
}

impl Start {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Anchor => "direct mask",
        }
    }
}

/// Times at which the network is evaluated, noisiest first, with their ᾱ. After the last one
/// comes the clean mask (ᾱ = 1), which is the network's last estimate.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    times: Vec<usize>,
    /// One longer than `times`: ends with 1.
    alpha_bar: Vec<f64>,
}

impl Plan {
    /// `steps` evaluations from the schedule's last time towards 0, closer together the less noise
    /// there is: with `j` to go, time `(T - 1)(j/steps)²` rounded down (the quadratic spacing of
    /// DDIM, arXiv 2010.02502, appendix D), or the next free one. With x0 prediction the noisiest
    /// times say little more than the image does, and even spacing spends half of the steps there.
    ///
    /// # Errors
    /// [`DiffusionError::Steps`] for 0 steps, or more than the schedule has.
    pub fn new(schedule: &Schedule, steps: usize) -> Result<Self, DiffusionError> {
        Self::starting_at(schedule, steps, schedule.len() - 1)
    }

    /// The same from time `start` instead of T - 1.
    ///
    /// # Errors
    /// [`DiffusionError::StartTime`] beyond the schedule, [`DiffusionError::Steps`] for 0 steps or
    /// more than `start + 1`.
    pub fn starting_at(
        schedule: &Schedule,
        steps: usize,
        start: usize,
    ) -> Result<Self, DiffusionError> {
        let last = schedule.len() - 1;
        if start > last {
            return Err(DiffusionError::StartTime { found: start, max: last });
        }
        if steps == 0 || steps > start + 1 {
            return Err(DiffusionError::Steps { found: steps, max: start + 1, start });
        }
        let mut times: Vec<usize> = Vec::with_capacity(steps);
        for to_go in 1..=steps {
            let free = times.last().map_or(0, |t| t + 1);
            times.push(free.max(start * to_go * to_go / (steps * steps)));
        }
        times.reverse();
        let mut alpha_bar: Vec<f64> = times.iter().map(|&t| schedule.alpha_bar()[t]).collect();
        alpha_bar.push(1.0);
        Ok(Self { times, alpha_bar })
    }

    /// Number of network evaluations, at least 1.
    pub fn steps(&self) -> usize {
        self.times.len()
    }

    /// Times of all evaluations, falling.
    pub fn times(&self) -> &[usize] {
        &self.times
    }

    /// Time of evaluation `i`.
    ///
    /// # Panics
    /// When `i` is not below [`Self::steps`].
    pub fn time(&self, i: usize) -> usize {
        self.times[i]
    }

    /// ᾱ of evaluation `i`; 1 for `i = steps`.
    ///
    /// # Panics
    /// When `i` is above [`Self::steps`].
    pub fn alpha_bar(&self, i: usize) -> f64 {
        self.alpha_bar[i]
    }

    /// Whether step `i` ends at the clean mask.
    pub(super) fn is_last(&self, i: usize) -> bool {
        i + 1 >= self.times.len()
    }

    /// The state of `len` values in which the member with this seed starts.
    pub fn start_from_noise(&self, seed: u64, len: usize) -> Vec<f32> {
        initial_noise(seed, len)
    }

    /// The first state made from an estimate of the clean mask in [-1, 1], noised to this plan's
    /// first time with the noise of the member with this seed.
    pub fn start_from_anchor(&self, seed: u64, anchor: &[f32]) -> Vec<f32> {
        let (signal, noise) = (self.alpha_bar[0].sqrt(), (1.0 - self.alpha_bar[0]).sqrt());
        let mut x = initial_noise(seed, anchor.len());
        for (x, &a) in x.iter_mut().zip(anchor) {
            *x = (signal * f64::from(a) + noise * f64::from(*x)) as f32;
        }
        x
    }
}
