//! What a training run is told. Everything needed to repeat it is here and goes into the header of
//! the weights.

use super::{ObjectiveConfig, Rule, TrainError};
use crate::models::{Contract, NetworkConfig, check_canvas, check_pixelwise};
use crate::volume::{Class, ClassKind, Modality};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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
    /// The network, and what is trained.
    pub objective: ObjectiveConfig,
    pub seed: u64,
    /// Optimiser steps.
    pub steps: usize,
    pub batch: usize,
    #[serde(default, skip_serializing_if = "is_default")]
    pub optimizer: Rule,
    /// Peak learning rate, reached after `warmup` steps, then cosine decay to 0.
    pub learning_rate: f64,
    pub warmup: usize,
    pub weight_decay: f64,
    /// Largest gradient norm.
    pub clip: f64,
    /// Decay of the moving average of the weights.
    pub ema: f64,
    pub augment: Augmentation,
    /// Train on so many cases only, spread evenly over the split; on all unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_cases: Option<usize>,
    /// Steps between checkpoints, and between validations.
    pub checkpoint_every: usize,
    pub validate_every: usize,
    /// Cases of the split `val` that each validation looks at.
    pub validate_cases: usize,
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
    /// Standard deviation, in pixels of the canvas, of the displacements of a 3x3 grid over all of it,
    /// cubic B-splines between (the U-Net's own, arXiv 1505.04597): the square is cut from a deformed
    /// canvas, masks by the nearest pixel. A field that folds is drawn again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deform: f64,
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

fn is_default<T: Default + PartialEq>(v: &T) -> bool {
    *v == T::default()
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
        let value = serde_json::from_str(&text).map_err(|e| refuse(e.to_string()))?;
        let config = Self::from_json(value).map_err(refuse)?;
        config.check().map_err(refuse)?;
        Ok(config)
    }

    /// Of this or an older version.
    pub(super) fn from_json(value: Value) -> Result<Self, String> {
        serde_json::from_value(current(value)).map_err(|e| e.to_string())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let network = self.network()?;
        check_canvas(self.input.canvas.unwrap_or(network.shape().side), &network)?;
        self.input.check(self.image_channels, self.classes.len())?;
        check_pixelwise(&self.input, &network)?;
        for (name, v) in [
            ("steps", self.steps),
            ("batch", self.batch),
            ("checkpoint_every", self.checkpoint_every),
            ("validate_every", self.validate_every),
        ] {
            if v == 0 {
                return Err(format!("{name} is 0, expected at least 1"));
            }
        }
        self.objective.check(self.batch)?;
        let volumes = self.objective.pieces().is_some();
        if volumes && self.kind != ClassKind::Exclusive {
            return Err("classes that contain one another, expected exclusive ones".to_owned());
        }
        self.optimizer.check()?;
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

    /// The network to train.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn network(&self) -> Result<NetworkConfig, String> {
        let nested = self.kind == ClassKind::Regions;
        self.objective.network(self.image_channels, self.classes.len(), nested)
    }

    /// Learning rate of a step counted from 0.
    pub fn learning_rate_at(&self, step: usize) -> f64 {
        let warm = ((step + 1) as f64 / self.warmup.max(1) as f64).min(1.0);
        let done = (step as f64 / self.steps as f64).min(1.0);
        self.learning_rate * warm * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
    }
}

/// A configuration as it is written today: older ones have what belongs to MedSegDiff beside the rest.
fn current(mut config: Value) -> Value {
    let Some(fields) = config.as_object_mut() else { return config };
    if !fields.contains_key("objective") {
        let mut objective = json!({ "kind": "medsegdiff" });
        for part in ["preset", "network", "schedule", "times_per_batch", "loss", "sampling"] {
            if let Some(value) = fields.remove(part) {
                objective[part] = value;
            }
        }
        fields.insert("objective".to_owned(), objective);
    }
    config
}
