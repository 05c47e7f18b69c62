//! Draws members of one image: the samplers on the CPU, the network on its device.

use super::{InferenceError, Scene};
use crate::diffusion::{Plan, SamplerKind, Start};
use crate::models::medsegdiff::{MedSegDiff, StepContext};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Time embeddings and NBP filters by diffusion time. They depend on nothing else, so they are kept
/// for all steps, members, slices and jobs of one model.
#[derive(Default)]
pub struct StepCache(HashMap<usize, StepContext>);

impl StepCache {
    fn at(&mut self, network: &MedSegDiff, t: usize) -> candle_core::Result<&StepContext> {
        use std::collections::hash_map::Entry;
        Ok(match self.0.entry(t) {
            Entry::Occupied(e) => e.into_mut(),
            Entry::Vacant(e) => e.insert(network.step_context(&[t])?),
        })
    }
}

/// Draws one sample `[K, canvas, canvas]` in -1…1 per seed, all in one batch. After each step
/// `on_step` sees the step's index and the estimates of all members; a break ends it with `None`.
/// A network without a diffusion part has one sample, its direct mask.
///
/// # Errors
/// If the network fails or gives values that are not finite.
pub fn sample(
    network: &MedSegDiff,
    scene: &Scene,
    plan: &Plan,
    (kind, start): (SamplerKind, Start),
    seeds: &[u64],
    cache: &mut StepCache,
    mut on_step: impl FnMut(usize, &[Vec<f32>]) -> ControlFlow<()>,
) -> Result<Option<Vec<Vec<f32>>>, InferenceError> {
    let predict = network.config().predict;
    let anchor: Vec<f32> = scene.direct.iter().map(|p| p * 2.0 - 1.0).collect();
    if !network.config().diffusion {
        let direct = vec![anchor; seeds.len()];
        let stopped = (0..plan.steps()).any(|i| on_step(i, &direct).is_break());
        return Ok((!stopped).then_some(direct));
    }
    let mut states: Vec<Vec<f32>> = seeds
        .iter()
        .map(|&seed| match start {
            Start::Noise => plan.start_from_noise(seed, anchor.len()),
            Start::Anchor => plan.start_from_anchor(seed, &anchor),
        })
        .collect();
    let mut samplers: Vec<_> = seeds.iter().map(|&seed| kind.sampler(plan, seed)).collect();
    let mut estimates = Vec::new();
    for i in 0..plan.steps() {
        let step = cache.at(network, plan.time(i))?;
        estimates = scene.denoise(network, &states, step, |output, x| {
            predict.clean(output, x, plan.alpha_bar(i)).map_err(InferenceError::from)
        })?;
        for ((sampler, x), x0) in samplers.iter_mut().zip(&mut states).zip(&estimates) {
            sampler.step(i, x, x0);
        }
        if on_step(i, &estimates).is_break() {
            return Ok(None);
        }
    }
    Ok(Some(estimates))
}
