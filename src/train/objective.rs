//! What training makes small. The trainer knows nothing of networks but this.

use super::TrainError;
use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Images `[B, C, S, S]` in -1…1 and their masks `[B, K, S, S]`, 0 to 1; of volumes `[B, C, D, H, W]`
/// and `[B, K, D, H, W]`.
pub(super) struct Batch {
    pub(super) image: Tensor,
    pub(super) mask: Tensor,
}

/// A network in training.
pub(super) trait Objective {
    /// Sees the masks of the training data, `[K, h, w]` per slice and reader, once, before the first
    /// step.
    fn meet(&mut self, _masks: &[Vec<Vec<f32>>]) {}

    /// The loss of a batch, a scalar; what it draws at random it draws from `rng`.
    fn loss(&self, batch: &Batch, rng: &mut ChaCha8Rng) -> Result<Tensor, TrainError>;

    /// What the network's use needs beside these weights: found on training batches, of which there
    /// are as many as wanted.
    fn settle(
        &self,
        _weights: &BTreeMap<String, Tensor>,
        _batches: &mut dyn FnMut(usize) -> Result<Batch, TrainError>,
    ) -> Result<BTreeMap<String, Tensor>, TrainError> {
        Ok(BTreeMap::new())
    }
}
