//! The objective of ResNet3D: cross entropy of the softmax over background and classes, and Dice of
//! each class over the batch.

use super::TrainError;
use super::objective::{Batch, Objective};
use crate::models::resnet3d::{Config, Decoder, Encoder, ResNet3d, preset};
use crate::nn::NormKind;
use candle_core::{Result, Tensor};
use candle_nn::ops::log_softmax;
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
        let config = Config { encoder, decoder: self.decoder, classes };
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
        Ok(loss(&logits, &batch.mask, self.dice, self.balance)?)
    }
}

/// Of logits `[B, K + 1, ..]` against masks `[B, K, ..]` that do not overlap: the mean cross entropy,
/// background and classes of n voxels weighted by n^-`balance`, and `dice` times 1 minus the mean soft
/// Dice of the classes, each summed over the batch with 1 added above and below.
fn loss(logits: &Tensor, mask: &Tensor, dice: f64, balance: f64) -> Result<Tensor> {
    let (logits, mask) = (logits.flatten_from(2)?, mask.flatten_from(2)?);
    let log = log_softmax(&logits, 1)?;
    let background = mask.sum_keepdim(1)?.affine(-1.0, 1.0)?;
    let target = Tensor::cat(&[&background, &mask], 1)?;
    let counts = target.sum((0, 2))?;
    // A class that is not there has no voxel to weigh.
    let weights = counts.maximum(1.0)?.powf(-balance)?;
    let entropy = ((&target * &log)?.sum((0, 2))? * &weights)?.sum_all()?.neg()?;
    let entropy = (entropy / (counts * weights)?.sum_all()?)?;
    let p = log.narrow(1, 1, mask.dim(1)?)?.exp()?;
    let both = (&p * &mask)?.sum((0, 2))?;
    let all = (p + mask)?.sum((0, 2))?;
    let overlap = (both.affine(2.0, 1.0)? / (all + 1.0)?)?.mean_all()?;
    entropy + overlap.affine(-dice, dice)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::gradcheck::{check, noise, values};
    use candle_core::Device;

    fn masks() -> Tensor {
        // One of three, or none.
        let of = |c: usize| (0..24).map(move |i| f64::from(u8::from(i * 7 % 4 == c + 1)));
        let v: Vec<f64> = (0..2).flat_map(|_| (0..3).flat_map(of)).collect();
        Tensor::from_vec(v, vec![2, 3, 2, 3, 4], &Device::Cpu).unwrap()
    }

    #[test]
    fn the_loss_is_its_closed_form_and_its_gradient_matches_differences() {
        for balance in [0.0, 0.5, 1.0] {
            closed_form(balance);
        }
    }

    fn closed_form(balance: f64) {
        let (y, z) = (masks(), noise(&[2, 4, 2, 3, 4], 1));
        let (truth, logits) = (values(&y), values(&z));
        let weight = |n: usize| (n as f64).powf(-balance);
        // Of the 48 voxels each class has its share, the background the rest.
        let voxels = |c: usize| {
            (0..2)
                .map(|b| (0..24).filter(|i| truth[(b * 3 + c) * 24 + i] > 0.5).count())
                .sum::<usize>()
        };
        let counts: [usize; 3] = std::array::from_fn(voxels);
        let rest = 48 - counts.iter().sum::<usize>();
        let total: f64 = counts.iter().chain([&rest]).map(|&n| n as f64 * weight(n)).sum();
        let (mut entropy, mut both, mut all) = (0.0, [0.0; 3], [0.0; 3]);
        for b in 0..2 {
            for i in 0..24 {
                let at = |c: usize| logits[(b * 4 + c) * 24 + i].exp();
                let sum: f64 = (0..4).map(at).sum();
                let mut none = 1.0;
                for c in 0..3 {
                    let (t, p) = (truth[(b * 3 + c) * 24 + i], at(c + 1) / sum);
                    entropy -= t * p.ln() * weight(counts[c]);
                    none -= t;
                    both[c] += t * p;
                    all[c] += t + p;
                }
                entropy -= none * (at(0) / sum).ln() * weight(rest);
            }
        }
        let dice: f64 = (0..3).map(|c| (2.0 * both[c] + 1.0) / (all[c] + 1.0)).sum::<f64>() / 3.0;
        let expected = entropy / total + 0.7 * (1.0 - dice);
        assert!((values(&loss(&z, &y, 0.7, balance).unwrap())[0] - expected).abs() < 1e-12);
        check(&[vec![2, 4, 2, 3, 4]], |v| loss(&v[0], &y, 0.7, balance)?.reshape(1));
    }

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
