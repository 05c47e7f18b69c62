//! What a training run is told. Everything needed to repeat it is here and goes into the header of
//! the weights.

use super::TrainError;
use crate::diffusion::ScheduleKind;
use crate::models::medsegdiff::{Config, Preset};
use crate::models::{Contract, Sampling, check_canvas};
use crate::volume::{Class, ClassKind, Modality};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A training run, read from a JSON file. Paths in it are relative to the working folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Identifier of the model in the registry.
    pub id: String,
    /// One line for the model picker.
    pub title: String,
    pub modality: Modality,
    /// Folder with `images`, `labels` and `splits.csv`.
    pub data: PathBuf,
    /// What the data are and under which licence, for the header of the weights.
    pub data_statement: String,
    pub classes: Vec<Class>,
    pub kind: ClassKind,
    /// What the network sees of an image. With a canvas larger than the network's input a step sees
    /// one random square of it, a validation all of it.
    pub input: Contract,
    pub image_channels: usize,
    /// Folders of label maps in the data folder, one per reader. A step draws one of them for each
    /// image, so that members learn to differ as readers do.
    #[serde(default = "one_reader")]
    pub readers: Vec<String>,
    /// Model to start from (identifier or path) instead of random weights: fine-tuning. What has
    /// another shape there starts anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    pub preset: Preset,
    /// Fields of the preset to replace.
    #[serde(default)]
    pub network: serde_json::Map<String, serde_json::Value>,
    pub schedule: ScheduleKind,
    pub seed: u64,
    /// Optimiser steps.
    pub steps: usize,
    pub batch: usize,
    /// Distinct diffusion times in a batch: each needs its own NBP filters.
    pub times_per_batch: usize,
    /// Peak learning rate, reached after `warmup` steps, then cosine decay to 0.
    pub learning_rate: f64,
    pub warmup: usize,
    pub weight_decay: f64,
    /// Largest gradient norm.
    pub clip: f64,
    /// Decay of the moving average of the weights.
    pub ema: f64,
    pub loss: LossWeights,
    pub augment: Augmentation,
    /// How ensembles of the trained model are drawn unless a person asks for something else.
    #[serde(default)]
    pub sampling: Sampling,
    /// Train on so many cases only, spread evenly over the split; on all unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_cases: Option<usize>,
    /// Steps between checkpoints, and between validations.
    pub checkpoint_every: usize,
    pub validate_every: usize,
    /// Cases of the split `val` that each validation looks at.
    pub validate_cases: usize,
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

/// Largest changes; each image draws its own within them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    pub rotation_degrees: f64,
    /// Natural logarithm of the zoom.
    pub log_scale: f64,
    /// Shift as a share of the side.
    pub shift: f64,
    /// Standard deviation of the displacements of a 3x3 grid (bicubic between), as a share of
    /// the side (U-Net, arXiv 1505.04597).
    pub elastic: f64,
    /// How many other lattices each training volume is also seen on, and the natural logarithm of
    /// how much larger or smaller their voxels are at most.
    #[serde(default)]
    pub lattices: usize,
    #[serde(default)]
    pub log_spacing: f64,
    /// Natural logarithm of the gamma.
    pub log_gamma: f64,
    /// Gain per channel.
    pub gain: f64,
    /// Standard deviation of a Gaussian blur, in pixels of the network's grid.
    #[serde(default)]
    pub blur: f64,
    /// Standard deviation of multiplicative grain, as of ultrasound.
    #[serde(default)]
    pub speckle: f64,
}

fn one_reader() -> Vec<String> {
    vec!["labels".to_owned()]
}

impl TrainConfig {
    /// # Errors
    /// If the file cannot be read, is not such a configuration, or describes an impossible run.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let refuse = |what: String| TrainError::Config { what, path: path.into() };
        let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
        let config: Self = serde_json::from_str(&text).map_err(|e| refuse(e.to_string()))?;
        config.check().map_err(refuse)?;
        Ok(config)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let network = self.network()?;
        check_canvas(self.input.canvas.unwrap_or(network.image_size), &network)?;
        self.input.check(self.image_channels, self.classes.len())?;
        self.sampling.check()?;
        for (name, v) in [
            ("steps", self.steps),
            ("batch", self.batch),
            ("times_per_batch", self.times_per_batch),
            ("checkpoint_every", self.checkpoint_every),
            ("validate_every", self.validate_every),
            ("loss.anchor_every", self.loss.anchor_every),
        ] {
            if v == 0 {
                return Err(format!("{name} is 0, expected at least 1"));
            }
        }
        if !self.batch.is_multiple_of(self.times_per_batch) {
            return Err(format!(
                "batch is {}, expected a multiple of times_per_batch ({})",
                self.batch, self.times_per_batch
            ));
        }
        if self.readers.is_empty() {
            return Err("readers is empty, expected at least one folder of labels".to_owned());
        }
        if self.classes.is_empty() || self.classes.iter().any(|c| c.label == 0) {
            return Err("classes need at least one entry, with labels from 1 to 255".to_owned());
        }
        if !self.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') || self.id.is_empty() {
            return Err(format!("id is {:?}, expected letters, digits and dashes", self.id));
        }
        Ok(())
    }

    /// The network: the preset with the replaced fields.
    ///
    /// # Errors
    /// If a field is unknown or the network cannot be built.
    pub fn network(&self) -> Result<Config, String> {
        let preset = Config::preset(self.preset, self.image_channels, self.classes.len());
        let mut value = serde_json::to_value(preset).map_err(|e| e.to_string())?;
        if let Some(fields) = value.as_object_mut() {
            fields.extend(self.network.clone());
        }
        let config: Config = serde_json::from_value(value).map_err(|e| format!("network: {e}"))?;
        config.check().map_err(|e| e.to_string())?;
        Ok(config)
    }

    /// Learning rate of a step counted from 0.
    pub fn learning_rate_at(&self, step: usize) -> f64 {
        let warm = ((step + 1) as f64 / self.warmup.max(1) as f64).min(1.0);
        let done = (step as f64 / self.steps as f64).min(1.0);
        self.learning_rate * warm * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
    }
}
