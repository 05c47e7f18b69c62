//! A sampler's way as numbers: every step of every sampler is linear in the state, the estimates and
//! fresh noise, so that it can be taken wherever the state lies.

use super::seed::{Stream, generator};
use super::{Plan, Posterior, SamplerKind};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Samples to be drawn together, and how.
#[derive(Clone, Copy)]
pub struct Course<'a> {
    pub kind: SamplerKind,
    pub plan: &'a Plan,
    /// One per sample.
    pub seeds: &'a [u64],
    /// The first state of each, one after another.
    pub states: &'a [f32],
}

/// `next = estimate · x0 + state · x + noise · z + before · x0'`, where `x0'` is the estimate of the
/// step before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Move {
    pub estimate: f64,
    pub state: f64,
    pub noise: f64,
    pub before: f64,
}

/// The noise of one sample's steps, as its sampler draws it.
pub struct StepNoise(ChaCha8Rng);

impl StepNoise {
    pub fn new(seed: u64) -> Self {
        Self(generator(seed, Stream::Steps))
    }

    /// The next step's.
    pub fn fill(&mut self, z: &mut [f32]) {
        for z in z {
            let v: f64 = StandardNormal.sample(&mut self.0);
            *z = v as f32;
        }
    }
}

impl SamplerKind {
    /// Step `i` of the plan, as [`SamplerKind::sampler`] takes it.
    pub fn moves(self, plan: &Plan, i: usize) -> Move {
        if plan.is_last(i) {
            return Move { estimate: 1.0, ..Move::default() };
        }
        let (now, next) = (plan.alpha_bar(i), plan.alpha_bar(i + 1));
        let lambda = |alpha_bar: f64| 0.5 * (alpha_bar / (1.0 - alpha_bar)).ln();
        match self {
            Self::Ddpm => {
                let q = Posterior::between(now, next);
                let noise = q.variance.sqrt();
                Move { estimate: q.from_x0, state: q.from_xt, noise, before: 0.0 }
            }
            Self::Ddim => {
                let state = ((1.0 - next) / (1.0 - now)).sqrt();
                Move { estimate: next.sqrt() - state * now.sqrt(), state, ..Move::default() }
            }
            Self::Dpmpp => {
                let h = lambda(next) - lambda(now);
                let state = ((1.0 - next) / (1.0 - now)).sqrt();
                let ahead = -next.sqrt() * (-h).exp_m1();
                let w = match i.checked_sub(1) {
                    Some(last) => 0.5 * h / (lambda(now) - lambda(plan.alpha_bar(last))),
                    None => 0.0,
                };
                let (estimate, before) = (ahead * (1.0 + w), -ahead * w);
                Move { estimate, state, noise: 0.0, before }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Schedule, ScheduleKind, initial_noise};
    use super::*;

    #[test]
    fn every_sampler_takes_its_linear_steps() {
        let schedule = Schedule::new(ScheduleKind::Linear, 1000).unwrap();
        let plan = Plan::new(&schedule, 6).unwrap();
        for kind in [SamplerKind::Ddpm, SamplerKind::Ddim, SamplerKind::Dpmpp] {
            let (mut x, seed) = (initial_noise(3, 50), 9);
            let mut linear = x.clone();
            let (mut sampler, mut noise) = (kind.sampler(&plan, seed), StepNoise::new(seed));
            let (mut before, mut z) = (vec![0.0; 50], vec![0.0; 50]);
            for i in 0..plan.steps() {
                let x0: Vec<f32> = x.iter().map(|v| (v * 0.7 + 0.1).clamp(-1.0, 1.0)).collect();
                sampler.step(i, &mut x, &x0);
                let m = kind.moves(&plan, i);
                if m.noise != 0.0 {
                    noise.fill(&mut z);
                }
                for k in 0..50 {
                    let terms = [
                        m.estimate * f64::from(x0[k]),
                        m.state * f64::from(linear[k]),
                        m.noise * f64::from(z[k]),
                        m.before * f64::from(before[k]),
                    ];
                    linear[k] = terms.iter().sum::<f64>() as f32;
                    assert!((linear[k] - x[k]).abs() < 1e-5, "{kind:?} {i}: {linear:?} {x:?}");
                }
                before = x0;
                linear.clone_from(&x);
            }
        }
    }
}
