//! The objective of MedSegDiff-V2: the denoising loss, Dice on the estimate of the clean mask, and the
//! anchor head's own loss (specification section 4; paper, equation 3).

mod transfer;

pub(super) use transfer::fitted;

use super::TrainError;
use super::loss::{anchor, soft_dice, weighted_mean};
use super::objective::{Batch, Objective};
use crate::diffusion::{Schedule, ScheduleKind, TRAINING_STEPS};
use crate::models::Sampling;
use crate::models::medsegdiff::{Condition, Config, Former, MedSegDiff, Preset, Setup};
use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How such a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    pub preset: Preset,
    /// Fields of the preset to replace.
    #[serde(default)]
    pub network: Map<String, Value>,
    pub schedule: ScheduleKind,
    /// Distinct diffusion times in a batch: each needs its own NBP filters.
    pub times_per_batch: usize,
    pub loss: LossWeights,
    /// How ensembles of the trained model are drawn unless a person asks for something else.
    #[serde(default)]
    pub sampling: Sampling,
}

/// L = L_n + `clean_dice`·Dice(x̂0) + [t ≡ 0 mod `anchor_every`]·(`anchor_dice`·L_dice +
/// `anchor_ce`·L_ce); the last two on the anchor head. The paper: 0, 5, 1, 10.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossWeights {
    pub clean_dice: f64,
    pub anchor_every: usize,
    pub anchor_dice: f64,
    pub anchor_ce: f64,
    /// Share of the steps whose noisy mask is made from the model's own estimate instead of the
    /// truth ("recycling", arXiv 2303.06040).
    pub recycling: f64,
}

impl Training {
    /// Without the SS-Former where the network is small: in equal time it gained nothing for one
    /// outline (`assets/report/ablation.md`; where readers differ it may).
    ///
    /// # Errors
    /// If there is no such preset.
    pub(super) fn new(preset: &str, batch: usize) -> Result<Self, String> {
        let preset = serde_json::from_value(json!(preset)).map_err(|e| format!("preset: {e}"))?;
        let mut network = Map::new();
        if preset == Preset::Desk {
            network.insert("former".to_owned(), json!(Former::None));
        }
        Ok(Self {
            preset,
            network,
            schedule: ScheduleKind::Linear,
            times_per_batch: if batch.is_multiple_of(2) { 2 } else { 1 },
            loss: LossWeights {
                clean_dice: 0.5,
                anchor_every: 1,
                anchor_dice: 0.2,
                anchor_ce: 0.2,
                recycling: 0.25,
            },
            sampling: Sampling::default(),
        })
    }

    /// The network: the preset with the replaced fields.
    ///
    /// # Errors
    /// If a field is unknown or the network cannot be built.
    pub fn setup(&self, channels: usize, classes: usize) -> Result<Setup, String> {
        let preset = Config::preset(self.preset, channels, classes);
        let mut value = serde_json::to_value(preset).map_err(|e| e.to_string())?;
        if let Some(fields) = value.as_object_mut() {
            fields.extend(self.network.clone());
        }
        let network = serde_json::from_value(value).map_err(|e| format!("network: {e}"))?;
        let setup = Setup { network, schedule: self.schedule, sampling: self.sampling };
        setup.check()?;
        Ok(setup)
    }

    pub(super) fn check(&self, batch: usize) -> Result<(), String> {
        let (times, every) = (self.times_per_batch, self.loss.anchor_every);
        for (name, v) in [("times_per_batch", times), ("loss.anchor_every", every)] {
            if v == 0 {
                return Err(format!("{name} is 0, expected at least 1"));
            }
        }
        if !batch.is_multiple_of(times) {
            return Err(format!(
                "batch is {batch}, expected a multiple of times_per_batch ({times})"
            ));
        }
        Ok(())
    }

    /// Takes over what the weights of `setup` depend on.
    pub(super) fn follow(&mut self, setup: &Setup, side: Option<usize>) {
        self.schedule = setup.schedule;
        let fields = match serde_json::to_value(&setup.network) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let own = |key: &str| key == "classes" || (key == "image_size" && side.is_some());
        self.network.extend(fields.into_iter().filter(|(key, _)| !own(key)));
    }

    pub(super) fn resize(&mut self, side: usize) {
        self.network.insert("image_size".to_owned(), json!(side));
    }
}

/// The network with its losses.
pub(super) struct InTraining {
    training: Training,
    network: MedSegDiff,
    schedule: Schedule,
    batch: usize,
    device: Device,
}

impl InTraining {
    pub(super) fn new(
        training: &Training,
        setup: &Setup,
        batch: usize,
        vb: &VarBuilder<'_>,
        device: &Device,
    ) -> candle_core::Result<Self> {
        Ok(Self {
            training: training.clone(),
            network: MedSegDiff::new(&setup.network, vb)?,
            schedule: Schedule::training(setup.schedule),
            batch,
            device: device.clone(),
        })
    }

    /// One value per sample, `[B, 1, 1, 1]`.
    fn column(&self, v: &[f64]) -> Result<Tensor, TrainError> {
        let v: Vec<f32> = v.iter().map(|&v| v as f32).collect();
        Ok(Tensor::from_vec(v, (self.batch, 1, 1, 1), &Device::Cpu)?.to_device(&self.device)?)
    }

    /// L_n, and Dice on the estimate, of masks `[B, K, S, S]` noised to the batch's `times`.
    fn denoising(
        &self,
        mask: &Tensor,
        condition: &Condition,
        times: &[usize],
        rng: &mut ChaCha8Rng,
    ) -> Result<Tensor, TrainError> {
        let each = self.batch / times.len();
        let index: Vec<u32> = (0..self.batch).map(|i| (i / each) as u32).collect();
        let t: Vec<usize> = index.iter().map(|&i| times[i as usize]).collect();
        let context = self.network.step_context(times)?.select(&index)?;

        let clean = mask.affine(2.0, -1.0)?;
        let recycle = rng.random::<f64>() < self.training.loss.recycling;
        let source = if recycle {
            let noisier: Vec<usize> = times
                .iter()
                .map(|&t| (t + rng.random_range(1..TRAINING_STEPS)).min(TRAINING_STEPS - 1))
                .collect();
            let noise = self.noise(&clean, rng)?;
            let context = self.network.step_context(&noisier)?.select(&index)?;
            let t: Vec<usize> = index.iter().map(|&i| noisier[i as usize]).collect();
            let x = self.noised(&clean, &noise, &t)?;
            let output = self.network.denoise(&x, &condition.detach(), &context)?.detach();
            self.clean_estimate(&output, &x, &t)?
        } else {
            clean.clone()
        };
        let noise = self.noise(&clean, rng)?;
        let x = self.noised(&source, &noise, &t)?;
        let output = self.network.denoise(&x, condition, &context)?;

        let predict = self.network.config().predict;
        let targets: Vec<(f64, f64)> =
            t.iter().map(|&t| predict.target_coefficients(self.schedule.alpha_bar()[t])).collect();
        let part = |f: fn(&(f64, f64)) -> f64| targets.iter().map(f).collect::<Vec<_>>();
        let target = (clean.broadcast_mul(&self.column(&part(|c| c.0))?)?
            + noise.broadcast_mul(&self.column(&part(|c| c.1))?)?)?;
        let mut loss = (output.clone() - target)?.sqr()?.mean_all()?;
        if self.training.loss.clean_dice > 0.0 {
            let probability = self.clean_estimate(&output, &x, &t)?.affine(0.5, 0.5)?;
            let dice = soft_dice(&probability, mask)?.mean_all()?;
            loss = (loss + dice.affine(self.training.loss.clean_dice, 0.0)?)?;
        }
        Ok(loss)
    }

    fn noise(&self, like: &Tensor, rng: &mut ChaCha8Rng) -> Result<Tensor, TrainError> {
        let v: Vec<f32> = (0..like.elem_count()).map(|_| rng.sample(StandardNormal)).collect();
        Ok(Tensor::from_vec(v, like.shape(), &Device::Cpu)?.to_device(&self.device)?)
    }

    /// `√ᾱ·x + √(1−ᾱ)·ε`, per sample.
    fn noised(&self, x: &Tensor, noise: &Tensor, t: &[usize]) -> Result<Tensor, TrainError> {
        let (signal, spread): (Vec<f64>, Vec<f64>) =
            t.iter().map(|&t| self.schedule.q_sample_coefficients(t)).unzip();
        let signal = x.broadcast_mul(&self.column(&signal)?)?;
        Ok((signal + noise.broadcast_mul(&self.column(&spread)?)?)?)
    }

    /// x̂0 from the network's output, clipped to -1…1.
    fn clean_estimate(
        &self,
        output: &Tensor,
        x: &Tensor,
        t: &[usize],
    ) -> Result<Tensor, TrainError> {
        let predict = self.network.config().predict;
        let (from_x, from_output): (Vec<f64>, Vec<f64>) =
            t.iter().map(|&t| predict.clean_coefficients(self.schedule.alpha_bar()[t])).unzip();
        let estimate = (x.broadcast_mul(&self.column(&from_x)?)?
            + output.broadcast_mul(&self.column(&from_output)?)?)?;
        Ok(estimate.clamp(-1f32, 1f32)?)
    }
}

impl Objective for InTraining {
    fn loss(&self, batch: &Batch, rng: &mut ChaCha8Rng) -> Result<Tensor, TrainError> {
        let loss = &self.training.loss;
        let times: Vec<usize> = (0..self.training.times_per_batch)
            .map(|_| rng.random_range(0..TRAINING_STEPS))
            .collect();
        let condition = self.network.condition(&batch.image)?;
        let each = self.batch / times.len();
        let supervised: Vec<f32> = (0..self.batch)
            .map(|i| times[i / each].is_multiple_of(loss.anchor_every))
            .map(|yes| f32::from(u8::from(yes)))
            .collect();
        let weights = Tensor::new(supervised, &self.device)?;
        let anchored = anchor(&condition.logits, &batch.mask, loss.anchor_dice, loss.anchor_ce)?;
        let anchored = weighted_mean(&anchored, &weights)?;
        if !self.network.config().diffusion {
            return Ok(anchored);
        }
        Ok((anchored + self.denoising(&batch.mask, &condition, &times, rng)?)?)
    }
}
