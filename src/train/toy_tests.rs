//! The toy network through everything: training, weights file, registry, engine.

use super::loss::cross_entropy;
use super::objective::{Batch, Objective};
use super::trainer::tests::{config, data, go, scores};
use super::{ObjectiveConfig, TrainError};
use crate::models::toy::{Config, Toy};
use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;

impl Objective for Toy {
    fn loss(&self, batch: &Batch, _: &mut ChaCha8Rng) -> Result<Tensor, TrainError> {
        Ok(cross_entropy(&self.logits(&batch.image)?, &batch.mask)?.mean_all()?)
    }
}

#[test]
fn a_new_kind_of_network_is_trained_kept_and_used_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    let mut config = config(folder.path(), 150);
    config.objective = ObjectiveConfig::Toy(Config { side: 16, channels: 1, classes: 1 });
    config.learning_rate = 0.1;
    let out = folder.path().join("run");
    go(&config, &out, false, usize::MAX);
    let header = crate::models::header(&out.join("model.safetensors").display().to_string());
    assert!(header.unwrap().network.diffusion().is_none());
    let result = scores(folder.path(), &config.readers, &out, (3, 4));
    let dice = &result.classes[0].dice;
    assert!(dice.direct.unwrap() > 0.9, "{dice:?}");
    assert_eq!((dice.direct, result.members), (dice.mean, 1));
}
