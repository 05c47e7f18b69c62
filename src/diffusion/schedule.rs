//! How much noise each time step holds: linear (DDPM, arXiv 2006.11239) and cosine
//! (Improved DDPM, arXiv 2102.09672) variance schedules, tables in f64.

use super::error::{DiffusionError, MAX_STEPS};
use serde::{Deserialize, Serialize};

/// Time steps of the training schedule in both papers and in every model that ships with the app.
pub const TRAINING_STEPS: usize = 1000;

/// The family of variances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// β from 1e-4 to 0.02 over 1000 steps.
    #[default]
    Linear,
    /// ᾱ(τ) = cos²((τ + 0.008) / 1.008 · π/2), β at most 0.999.
    Cosine,
}

/// Gaussian `q(x_s | x_t, x_0)` of an earlier time `s` given a later time `t`:
/// mean `from_x0 · x_0 + from_xt · x_t`, and its variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Posterior {
    pub from_x0: f64,
    pub from_xt: f64,
    pub variance: f64,
}

impl Posterior {
    /// Between any two times, given by their ᾱ; `earlier > later`, and `earlier = 1` is the clean
    /// mask itself. With neighbouring times this is DDPM's equation 7, else that of the chain
    /// which visits only these times.
    pub fn between(later: f64, earlier: f64) -> Self {
        let kept = later / earlier;
        let beta = 1.0 - kept;
        let noise = 1.0 - later;
        Self {
            from_x0: earlier.sqrt() * beta / noise,
            from_xt: kept.sqrt() * (1.0 - earlier) / noise,
            variance: beta * (1.0 - earlier) / noise,
        }
    }
}

/// Variance tables over times `0..len`, where time 0 is already slightly noisy.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    kind: ScheduleKind,
    beta: Vec<f64>,
    alpha_bar: Vec<f64>,
}

impl Schedule {
    /// With `steps` times, nearly always [`TRAINING_STEPS`]. Other lengths scale the linear β by
    /// 1000 / steps, so that the whole chain destroys the same share of the signal.
    ///
    /// # Errors
    /// [`DiffusionError::ScheduleLength`] below 2 or above 100,000 steps.
    pub fn new(kind: ScheduleKind, steps: usize) -> Result<Self, DiffusionError> {
        if !(2..=MAX_STEPS).contains(&steps) {
            return Err(DiffusionError::ScheduleLength { found: steps });
        }
        Ok(Self::of(kind, steps))
    }

    /// With [`TRAINING_STEPS`] times.
    pub fn training(kind: ScheduleKind) -> Self {
        Self::of(kind, TRAINING_STEPS)
    }

    fn of(kind: ScheduleKind, steps: usize) -> Self {
        let beta: Vec<f64> = match kind {
            ScheduleKind::Linear => {
                let scale = TRAINING_STEPS as f64 / steps as f64;
                let (first, last) = (scale * 1e-4, scale * 0.02);
                let increment = (last - first) / (steps - 1) as f64;
                (0..steps).map(|t| (first + increment * t as f64).min(0.999)).collect()
            }
            ScheduleKind::Cosine => {
                let level = |t: usize| {
                    let tau = t as f64 / steps as f64;
                    ((tau + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2)
                };
                (0..steps).map(|t| (1.0 - level(t + 1) / level(t)).min(0.999)).collect()
            }
        };
        let alpha_bar = beta
            .iter()
            .scan(1.0, |product, b| {
                *product *= 1.0 - b;
                Some(*product)
            })
            .collect();
        Self { kind, beta, alpha_bar }
    }

    pub fn kind(&self) -> ScheduleKind {
        self.kind
    }

    /// Number of times T; the noisiest is T - 1.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.beta.len()
    }

    /// Variance added by each step.
    pub fn beta(&self) -> &[f64] {
        &self.beta
    }

    /// Share of the clean mask's variance that is left at each time, ᾱ; falls strictly.
    pub fn alpha_bar(&self) -> &[f64] {
        &self.alpha_bar
    }

    /// `(√ᾱ, √(1 - ᾱ))`, so that `x_t = a·x_0 + b·noise`.
    ///
    /// # Panics
    /// When `t` is not below [`Self::len`].
    pub fn q_sample_coefficients(&self, t: usize) -> (f64, f64) {
        let alpha_bar = self.alpha_bar[t];
        (alpha_bar.sqrt(), (1.0 - alpha_bar).sqrt())
    }

    /// A clean mask noised to time `t` with the given standard normal noise, value by value.
    ///
    /// # Panics
    /// When `t` is not below [`Self::len`].
    pub fn q_sample(&self, t: usize, x0: &[f32], noise: &[f32]) -> Vec<f32> {
        let (a, b) = self.q_sample_coefficients(t);
        x0.iter().zip(noise).map(|(&x, &n)| (a * f64::from(x) + b * f64::from(n)) as f32).collect()
    }

    /// `q(x_{t-1} | x_t, x_0)`; at `t = 0` the clean mask with variance 0.
    ///
    /// # Panics
    /// When `t` is not below [`Self::len`].
    pub fn posterior(&self, t: usize) -> Posterior {
        let earlier = if t == 0 { 1.0 } else { self.alpha_bar[t - 1] };
        Posterior::between(self.alpha_bar[t], earlier)
    }
}
