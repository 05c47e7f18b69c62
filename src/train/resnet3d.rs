//! The objective of ResNet3D: cross entropy of the softmax over background and classes, and Dice of
//! each class over the batch.

use super::TrainError;
use super::objective::{Batch, Objective};
use crate::models::resnet3d::{Config, Decoder, Encoder, ResNet3d, preset};
use crate::nn::{ClassLoss, NormKind};
use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How such a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeTraining {
    /// Encoder by name: `iso`, `thick` or `small`.
    pub preset: String,
    /// Fields of the encoder to replace.
    #[serde(default)]
    pub encoder: Map<String, Value>,
    #[serde(default)]
    pub decoder: Decoder,
    /// Size of the pieces that a step sees, voxels; depth, height, width.
    pub patch: [usize; 3],
    /// Weight of Dice beside the cross entropy.
    pub dice: f64,
    /// How far the cross entropy makes up for what is small: a class of n voxels weighs n^-balance
    /// per voxel; at 0 all voxels count alike, at 1 all classes of a batch.
    #[serde(default)]
    pub balance: f64,
    /// Standard deviation of the logarithm of a smooth field that the brightness is multiplied by.
    #[serde(default)]
    pub bias_field: f64,
}

impl VolumeTraining {
    /// # Errors
    /// If a field is unknown, or the network cannot be built or trained.
    pub fn config(&self, channels: usize, classes: usize) -> std::result::Result<Config, String> {
        let start = preset(&self.preset, channels)?;
        let mut value = serde_json::to_value(start).map_err(|e| e.to_string())?;
        if let Some(fields) = value.as_object_mut() {
            fields.extend(self.encoder.clone());
        }
        let encoder: Encoder =
            serde_json::from_value(value).map_err(|e| format!("encoder: {e}"))?;
        let mut config = Config { encoder, decoder: self.decoder, classes, window: None };
        config.check()?;
        if config.encoder.norm == NormKind::Batch {
            return Err("batch norm cannot be trained on batches of one or two volumes, expected \
                 {\"group\": 8} or \"instance\""
                .to_owned());
        }
        let stride = config.stride();
        if (0..3).any(|a| self.patch[a] == 0 || !self.patch[a].is_multiple_of(stride[a])) {
            return Err(format!(
                "a patch of {:?}, expected multiples of the network's stride {stride:?}",
                self.patch
            ));
        }
        config.window = Some(self.patch);
        Ok(config)
    }
}

/// The network in training.
pub(super) struct InTraining {
    pub(super) network: ResNet3d,
    pub(super) dice: f64,
    pub(super) balance: f64,
}

impl Objective for InTraining {
    fn loss(&self, batch: &Batch, _: &mut ChaCha8Rng) -> std::result::Result<Tensor, TrainError> {
        let logits = self.network.logits(&batch.image)?;
        let loss = ClassLoss { dice: self.dice, balance: self.balance };
        Ok(loss.of(&logits, &batch.mask)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_that_cannot_be_trained_are_named() {
        let good = VolumeTraining {
            preset: "small".to_owned(),
            encoder: Map::new(),
            decoder: Decoder::LinkNet,
            patch: [16, 24, 16],
            dice: 1.0,
            balance: 0.0,
            bias_field: 0.0,
        };
        assert_eq!(good.config(1, 2).unwrap().classes, 2);
        let refused = |change: &dyn Fn(&mut VolumeTraining)| {
            let mut other = good.clone();
            change(&mut other);
            other.config(1, 2).unwrap_err()
        };
        assert!(refused(&|t| t.patch = [16, 20, 16]).contains("[16, 20, 16]"));
        assert!(refused(&|t| t.preset = "huge".to_owned()).contains("huge"));
        assert!(refused(&|t| t.preset = "source".to_owned()).contains("batch norm"));
        let deep = Value::from(19);
        assert!(
            refused(&|t| drop(t.encoder.insert("depth".to_owned(), deep.clone()))).contains("19")
        );
    }
}
