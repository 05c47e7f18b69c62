//! Draws members of one image: the samplers on the CPU, the network on its device.

use super::InferenceError;
use crate::diffusion::{Plan, Prediction, SamplerKind, Start};
use crate::models::medsegdiff::{Condition, MedSegDiff, StepContext};
use candle_core::{DType, Device, Tensor};
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

/// Draws one sample `[K·S·S]` in -1…1 per seed, all in one batch; `condition` is of one image.
/// `anchor` is the anchor head's mask in -1…1, for [`Start::Anchor`]. After each step `on_step` sees
/// the step's index and the estimates of all members; a break ends it with `None`.
///
/// # Errors
/// If the network fails or gives values that are not finite.
pub fn sample(
    network: &MedSegDiff,
    condition: &Condition,
    plan: &Plan,
    (kind, start): (SamplerKind, Start),
    anchor: &[f32],
    seeds: &[u64],
    cache: &mut StepCache,
    mut on_step: impl FnMut(usize, &[Vec<f32>]) -> ControlFlow<()>,
) -> Result<Option<Vec<Vec<f32>>>, InferenceError> {
    let config = network.config();
    let (k, s) = (config.classes, config.image_size);
    let len = k * s * s;
    let device = condition.logits.device();
    let mut states: Vec<Vec<f32>> = seeds
        .iter()
        .map(|&seed| match start {
            Start::Noise => plan.start_from_noise(seed, len),
            Start::Anchor => plan.start_from_anchor(seed, anchor),
        })
        .collect();
    let mut samplers: Vec<_> = seeds.iter().map(|&seed| kind.sampler(plan, seed)).collect();
    let mut estimates = Vec::new();
    for i in 0..plan.steps() {
        let step = cache.at(network, plan.time(i))?;
        let x = Tensor::from_vec(states.concat(), (seeds.len(), k, s, s), &Device::Cpu)?;
        let output = network.denoise(&x.to_device(device)?, condition, step)?;
        let output: Vec<f32> = output.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        estimates = clean_all(config.predict, &output, &states, plan.alpha_bar(i))?;
        for ((sampler, x), x0) in samplers.iter_mut().zip(&mut states).zip(&estimates) {
            sampler.step(i, x, x0);
        }
        if on_step(i, &estimates).is_break() {
            return Ok(None);
        }
    }
    Ok(Some(estimates))
}

fn clean_all(
    predict: Prediction,
    output: &[f32],
    states: &[Vec<f32>],
    alpha_bar: f64,
) -> Result<Vec<Vec<f32>>, InferenceError> {
    let len = states.first().map_or(1, Vec::len);
    let each = states.iter().zip(output.chunks(len));
    Ok(each.map(|(x, o)| predict.clean(o, x, alpha_bar)).collect::<Result<_, _>>()?)
}
