//! Samplers behind one trait: DDPM with respaced steps (arXiv 2006.11239, 2102.09672), DDIM
//! (2010.02502) and DPM-Solver++ 2M (2211.01095, algorithm 2).

use super::seed::{Stream, generator};
use super::{Plan, Posterior, Prediction};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// How a sample is drawn from the denoiser.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum SamplerKind {
    /// Ancestral sampling with respaced steps (the paper's). The default: fresh noise at each step
    /// lets a member forget its early errors, and on the validation split the mean of four is
    /// better than DDIM's.
    #[default]
    Ddpm,
    /// Deterministic after the first noise (η = 0).
    Ddim,
    /// DPM-Solver++ 2M.
    Dpmpp,
}

impl SamplerKind {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddpm => "DDPM",
            Self::Ddim => "DDIM",
            Self::Dpmpp => "DPM-Solver++ 2M",
        }
    }

    /// A sampler for one member, whose noise depends on `seed` only.
    pub fn sampler(self, plan: &Plan, seed: u64) -> Box<dyn Sampler> {
        match self {
            Self::Ddpm => Box::new(Ddpm::new(plan, seed)),
            Self::Ddim => Box::new(Ddim::new(plan, 0.0, seed)),
            Self::Dpmpp => Box::new(DpmSolver::new(plan)),
        }
    }
}

/// One member's way from noise to a mask.
pub trait Sampler: Send {
    /// Moves the state `x` from time `i` of the plan to the next one, given the network's estimate
    /// `x0` of the clean mask there. The last step leaves `x = x0`. Steps come in order,
    /// `i = 0..plan.steps()`; a sampler is good for one sample.
    fn step(&mut self, i: usize, x: &mut [f32], x0: &[f32]);
}

/// Draws from `q(x_s | x_t, x_0)` of the chain that visits only the plan's times.
pub struct Ddpm {
    plan: Plan,
    rng: ChaCha8Rng,
}

impl Ddpm {
    pub fn new(plan: &Plan, seed: u64) -> Self {
        Self { plan: plan.clone(), rng: generator(seed, Stream::Steps) }
    }
}

impl Sampler for Ddpm {
    fn step(&mut self, i: usize, x: &mut [f32], x0: &[f32]) {
        if self.plan.is_last(i) {
            x.copy_from_slice(x0);
            return;
        }
        let q = Posterior::between(self.plan.alpha_bar(i), self.plan.alpha_bar(i + 1));
        let deviation = q.variance.sqrt();
        for (x, &x0) in x.iter_mut().zip(x0) {
            let z: f64 = StandardNormal.sample(&mut self.rng);
            *x = (q.from_x0 * f64::from(x0) + q.from_xt * f64::from(*x) + deviation * z) as f32;
        }
    }
}

/// DDIM: η = 0 follows the probability-flow equation (first order), η = 1 is DDPM.
pub struct Ddim {
    plan: Plan,
    eta: f64,
    rng: ChaCha8Rng,
}

impl Ddim {
    /// `eta` from 0 to 1, clamped.
    pub fn new(plan: &Plan, eta: f64, seed: u64) -> Self {
        let eta = eta.clamp(0.0, 1.0);
        Self { plan: plan.clone(), eta, rng: generator(seed, Stream::Steps) }
    }
}

impl Sampler for Ddim {
    fn step(&mut self, i: usize, x: &mut [f32], x0: &[f32]) {
        if self.plan.is_last(i) {
            x.copy_from_slice(x0);
            return;
        }
        let (now, next) = (self.plan.alpha_bar(i), self.plan.alpha_bar(i + 1));
        let deviation = self.eta * Posterior::between(now, next).variance.sqrt();
        let signal = next.sqrt();
        let noise = (1.0 - next - deviation * deviation).max(0.0).sqrt();
        for (x, &x0) in x.iter_mut().zip(x0) {
            let mut value = signal * f64::from(x0) + noise * Prediction::noise_of(x0, *x, now);
            if deviation > 0.0 {
                let z: f64 = StandardNormal.sample(&mut self.rng);
                value += deviation * z;
            }
            *x = value as f32;
        }
    }
}

/// DPM-Solver++ 2M: second order in `λ = ln(√ᾱ / √(1-ᾱ))` from the last two estimates; the first
/// step has one estimate only and the last one ends where λ is infinite, so these two are of first
/// order.
pub struct DpmSolver {
    plan: Plan,
    /// Estimate and λ of the step before.
    before: Option<(Vec<f32>, f64)>,
}

impl DpmSolver {
    pub fn new(plan: &Plan) -> Self {
        Self { plan: plan.clone(), before: None }
    }
}

impl Sampler for DpmSolver {
    fn step(&mut self, i: usize, x: &mut [f32], x0: &[f32]) {
        if self.plan.is_last(i) {
            x.copy_from_slice(x0);
            return;
        }
        let (now, next) = (self.plan.alpha_bar(i), self.plan.alpha_bar(i + 1));
        let lambda = |alpha_bar: f64| 0.5 * (alpha_bar / (1.0 - alpha_bar)).ln();
        let h = lambda(next) - lambda(now);
        let from_x = ((1.0 - next) / (1.0 - now)).sqrt();
        let from_x0 = -next.sqrt() * (-h).exp_m1();
        match &self.before {
            None => {
                for (x, &x0) in x.iter_mut().zip(x0) {
                    *x = (from_x * f64::from(*x) + from_x0 * f64::from(x0)) as f32;
                }
            }
            Some((previous, previous_lambda)) => {
                let w = 0.5 * h / (lambda(now) - previous_lambda);
                for ((x, &x0), &previous) in x.iter_mut().zip(x0).zip(previous) {
                    let ahead = (1.0 + w) * f64::from(x0) - w * f64::from(previous);
                    *x = (from_x * f64::from(*x) + from_x0 * ahead) as f32;
                }
            }
        }
        self.before = Some((x0.to_vec(), lambda(now)));
    }
}
