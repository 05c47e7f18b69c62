//! From noise to samples: what a sampler asks of a network, and the loop over the steps.

use super::{Course, DiffusionError, Hold, Plan, SamplerKind};
use rayon::prelude::*;
use std::any::Any;
use std::ops::ControlFlow;

/// The estimates of a step, of all samples one after another.
#[derive(Clone, Copy)]
pub enum Glimpse<'a> {
    Here(&'a [f32]),
    /// They stay where the network runs; what this is that place knows.
    There(&'a (dyn Any + Send + Sync)),
    /// Of a step that was told of before, come here after the last one.
    Late(&'a [f32]),
}

/// A network under a condition that it has seen before.
pub trait Denoiser {
    /// What the clean states are, -1…1, of which `states` (one after another) are noised versions at
    /// diffusion time `t`, whose ᾱ is `alpha_bar`.
    ///
    /// # Errors
    /// If the network fails, or answers values that are not finite.
    fn estimate(
        &mut self,
        states: &[f32],
        t: usize,
        alpha_bar: f64,
    ) -> Result<Vec<f32>, DiffusionError>;

    /// Draws whole samples where the network runs, so that no state comes here between the steps.
    /// `on_step` sees the estimates there, and after the last step as many of them as were kept. `None` of
    /// one that does not, or that failed and would go on otherwise: then each step is asked for.
    fn draw(
        &mut self,
        _course: &Course<'_>,
        _on_step: &mut dyn FnMut(usize, Glimpse<'_>) -> ControlFlow<()>,
    ) -> Option<Result<Option<Vec<f32>>, DiffusionError>> {
        None
    }
}

impl SamplerKind {
    /// Draws one sample per seed, all in one batch, from the `first` states, which are of one
    /// length. After each step `on_step` sees the step's index and all estimates; a break ends it with
    /// `None`.
    ///
    /// # Errors
    /// As [`Denoiser::estimate`].
    pub fn draw(
        self,
        denoiser: &mut dyn Denoiser,
        plan: &Plan,
        seeds: &[u64],
        first: &[Vec<f32>],
        on_step: impl FnMut(usize, Glimpse<'_>) -> ControlFlow<()>,
    ) -> Result<Option<Vec<f32>>, DiffusionError> {
        self.draw_holding(denoiser, plan, seeds, first, &[], on_step)
    }

    /// The same with values that are known beforehand: none, or those of each sample.
    ///
    /// # Errors
    /// As [`Denoiser::estimate`].
    pub fn draw_holding(
        self,
        denoiser: &mut dyn Denoiser,
        plan: &Plan,
        seeds: &[u64],
        first: &[Vec<f32>],
        known: &[Hold],
        mut on_step: impl FnMut(usize, Glimpse<'_>) -> ControlFlow<()>,
    ) -> Result<Option<Vec<f32>>, DiffusionError> {
        let len = first.first().map_or(0, Vec::len);
        let mut states = first.concat();
        let expected = len * seeds.len();
        if states.len() != expected {
            return Err(DiffusionError::Length { expected, found: states.len() });
        }
        if !known.is_empty() && known.len() != seeds.len() {
            return Err(DiffusionError::Length { expected: seeds.len(), found: known.len() });
        }
        if known.iter().all(Hold::is_empty) {
            let course = Course { kind: self, plan, seeds, states: &states };
            if let Some(drawn) = denoiser.draw(&course, &mut on_step) {
                return drawn;
            }
        }
        let known: Vec<_> =
            known.iter().zip(seeds).map(|(hold, &seed)| hold.of_member(seed, len)).collect();
        let hold = |values: &mut [f32], alpha_bar: f64| {
            let samples = values.chunks_mut(len.max(1));
            samples.zip(&known).for_each(|(sample, held)| held.put(sample, alpha_bar));
        };
        hold(&mut states, plan.alpha_bar(0));
        let mut samplers: Vec<_> = seeds.iter().map(|&seed| self.sampler(plan, seed)).collect();
        for i in 0..plan.steps() {
            let mut estimates = denoiser.estimate(&states, plan.time(i), plan.alpha_bar(i))?;
            if estimates.len() != expected {
                return Err(DiffusionError::Length { expected, found: estimates.len() });
            }
            hold(&mut estimates, 1.0);
            states
                .par_chunks_mut(len.max(1))
                .zip(estimates.par_chunks(len.max(1)))
                .zip(&mut samplers)
                .for_each(|((x, x0), sampler)| sampler.step(i, x, x0));
            hold(&mut states, plan.alpha_bar(i + 1));
            if on_step(i, Glimpse::Here(&estimates)).is_break() {
                return Ok(None);
            }
        }
        // The last step ends at its estimate.
        Ok(Some(states))
    }
}
