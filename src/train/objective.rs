//! What training makes small. The trainer knows nothing of networks but this.

use super::TrainError;
use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;

/// Images `[B, C, S, S]` in -1…1 and their masks `[B, K, S, S]`, 0 to 1; of volumes `[B, C, D, H, W]`
/// and `[B, K, D, H, W]`.
pub(super) struct Batch {
    pub(super) image: Tensor,
    pub(super) mask: Tensor,
}

/// A network in training.
pub(super) trait Objective {
    /// The loss of a batch, a scalar; what it draws at random it draws from `rng`.
    fn loss(&self, batch: &Batch, rng: &mut ChaCha8Rng) -> Result<Tensor, TrainError>;
}
