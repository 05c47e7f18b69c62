//! The objective of the U-Net: softmax cross entropy, weighted pixel by pixel, with Dice beside it if
//! wanted (arXiv 1505.04597, section 3).

mod loss;
#[cfg(test)]
mod tests;
mod weight_map;

pub use weight_map::Borders;

use super::TrainError;
use super::objective::{Batch, Objective};
use crate::models::unet::{Config, Norm, Pass, Preset, Statistics, UNet};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use weight_map::objects;

/// Batches whose statistics a batch norm is used with.
const STATISTICS_BATCHES: usize = 16;

/// How such a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    pub preset: Preset,
    /// Fields of the preset to replace.
    #[serde(default)]
    pub network: Map<String, Value>,
    #[serde(default)]
    pub loss: Loss,
    /// Weight of borders between objects; as much as anything else unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borders: Option<Borders>,
    /// Classes count by the inverse of their frequency in the training data, 1 on average.
    #[serde(default)]
    pub class_weights: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    #[default]
    SoftmaxCe,
    /// Cross entropy and Dice in equal parts.
    CeDice,
}

impl Training {
    /// # Errors
    /// If there is no such preset.
    pub(super) fn new(preset: &str) -> Result<Self, String> {
        let preset: Preset =
            serde_json::from_value(json!(preset)).map_err(|e| format!("preset: {e}"))?;
        let (network, borders) = (Map::new(), None);
        Ok(Self { preset, network, loss: Loss::CeDice, borders, class_weights: false })
    }

    /// The network: the preset with the replaced fields.
    ///
    /// # Errors
    /// If a field is unknown or the network cannot be built.
    pub(super) fn config(
        &self,
        channels: usize,
        classes: usize,
        nested: bool,
    ) -> Result<Config, String> {
        let preset = Config { nested, ..Config::preset(self.preset, channels, classes) };
        let mut value = serde_json::to_value(preset).map_err(|e| e.to_string())?;
        if let Some(fields) = value.as_object_mut() {
            fields.extend(self.network.clone());
        }
        let config: Config = serde_json::from_value(value).map_err(|e| format!("network: {e}"))?;
        config.check()?;
        Ok(config)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.borders.map_or(Ok(()), Borders::check)
    }

    /// Takes over what the weights of `config` depend on.
    pub(super) fn follow(&mut self, config: &Config, side: Option<usize>) {
        let Ok(Value::Object(fields)) = serde_json::to_value(config) else { return };
        let own =
            |key: &str| ["classes", "nested"].contains(&key) || (key == "side" && side.is_some());
        self.network.extend(fields.into_iter().filter(|(key, _)| !own(key)));
    }

    pub(super) fn resize(&mut self, side: usize) {
        self.network.insert("side".to_owned(), json!(side));
    }
}

/// The network with its loss.
pub(super) struct InTraining {
    training: Training,
    network: UNet,
    device: Device,
    /// Of the background and each class.
    class_weights: Vec<f64>,
}

impl InTraining {
    pub(super) fn new(
        training: &Training,
        config: &Config,
        vb: &VarBuilder<'_>,
        device: &Device,
    ) -> candle_core::Result<Self> {
        Ok(Self {
            training: training.clone(),
            network: UNet::in_training(config, vb)?,
            device: device.clone(),
            class_weights: vec![1.0; config.classes + 1],
        })
    }

    /// Label of each pixel (0 is background) of one sample's masks `[K, h, w]`.
    fn labels(&self, masks: &[f32], pixels: usize) -> Vec<u8> {
        let planes = || masks.chunks(pixels).enumerate();
        let label = |i: usize| {
            let mut inside = planes().filter(|(_, plane)| plane[i] >= 0.5).map(|(c, _)| c + 1);
            // Of nested regions the innermost.
            let own = if self.network.config().nested { inside.next_back() } else { inside.next() };
            own.unwrap_or(0) as u8
        };
        (0..pixels).map(label).collect()
    }

    /// The weight of each pixel of a label map.
    fn weights(&self, labels: &[u8], width: usize) -> Vec<f32> {
        let classes = labels.iter().map(|&l| self.class_weights[usize::from(l)]);
        match self.training.borders {
            None => classes.map(|w| w as f32).collect(),
            Some(borders) => {
                let term = borders.map(&objects(labels, width), width);
                classes.zip(term).map(|(a, b)| (a + b) as f32).collect()
            }
        }
    }

    /// One at the label of each pixel, and the pixels' weights, for the middle `[h, w]` of the masks.
    fn target(&self, mask: &Tensor, [h, w]: [usize; 2]) -> Result<(Tensor, Tensor), TrainError> {
        let (b, k, mh, mw) = mask.dims4()?;
        let middle = mask.narrow(2, (mh - h) / 2, h)?.narrow(3, (mw - w) / 2, w)?;
        let values = middle.flatten_all()?.to_device(&Device::Cpu)?.to_vec1::<f32>()?;
        let (target, weights): (Vec<_>, Vec<_>) = values
            .par_chunks(k * h * w)
            .map(|masks| {
                let labels = self.labels(masks, h * w);
                let mut target = vec![0f32; (k + 1) * h * w];
                for (i, &label) in labels.iter().enumerate() {
                    target[usize::from(label) * h * w + i] = 1.0;
                }
                (target, self.weights(&labels, w))
            })
            .unzip();
        let tensor = |v: Vec<Vec<f32>>, channels: usize| {
            Tensor::from_vec(v.concat(), (b, channels, h, w), &Device::Cpu)?.to_device(&self.device)
        };
        Ok((tensor(target, k + 1)?, tensor(weights, 1)?))
    }
}

impl Objective for InTraining {
    fn meet(&mut self, masks: &[Vec<Vec<f32>>]) {
        if !self.training.class_weights {
            return;
        }
        let mut counts = vec![0usize; self.class_weights.len()];
        for masks in masks.iter().flatten() {
            let pixels = masks.len() / self.network.config().classes;
            self.labels(masks, pixels).into_iter().for_each(|l| counts[usize::from(l)] += 1);
        }
        self.class_weights = inverse_frequencies(&counts);
    }

    fn loss(&self, batch: &Batch, rng: &mut ChaCha8Rng) -> Result<Tensor, TrainError> {
        let mut pass = Pass { dropout: Some(rng), statistics: None };
        let logits = self.network.logits(&batch.image, &mut pass)?;
        let (_, _, h, w) = logits.dims4()?;
        let (target, weights) = self.target(&batch.mask, [h, w])?;
        let entropy = loss::cross_entropy(&logits, &target, &weights)?;
        Ok(match self.training.loss {
            Loss::SoftmaxCe => entropy,
            Loss::CeDice => (entropy + loss::dice(&logits, &target)?)?,
        })
    }

    fn settle(
        &self,
        weights: &BTreeMap<String, Tensor>,
        batches: &mut dyn FnMut(usize) -> Result<Batch, TrainError>,
    ) -> Result<BTreeMap<String, Tensor>, TrainError> {
        if self.network.config().norm != Norm::Batch {
            return Ok(BTreeMap::new());
        }
        let weights = weights.iter().map(|(name, t)| (name.clone(), t.clone())).collect();
        let vb = VarBuilder::from_tensors(weights, DType::F32, &self.device);
        let network = UNet::in_training(self.network.config(), &vb)?;
        let mut statistics = Statistics::default();
        for i in 0..STATISTICS_BATCHES {
            let mut pass = Pass { dropout: None, statistics: Some(&mut statistics) };
            network.logits(&batches(i)?.image, &mut pass)?;
        }
        Ok(statistics.tensors()?)
    }
}

/// 1 on average over the labels that occur; those that do not count nothing.
fn inverse_frequencies(counts: &[usize]) -> Vec<f64> {
    let inverse = |&n: &usize| if n == 0 { 0.0 } else { 1.0 / n as f64 };
    let sum: f64 = counts.iter().map(inverse).sum();
    let present = counts.iter().filter(|n| **n > 0).count() as f64;
    counts.iter().map(|n| inverse(n) * present / sum.max(f64::MIN_POSITIVE)).collect()
}
