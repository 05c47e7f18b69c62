//! What a person should know about a model before running it.

use super::{Contract, Digest, Sampling};
use crate::volume::{Class, ClassKind, Modality};
use serde::{Deserialize, Serialize};

/// Facts about one set of weights, taken from the header of its safetensors file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Stable identifier, such as `fundus-disc-cup`.
    pub id: String,
    /// One line for the model picker.
    pub title: String,
    pub classes: Vec<Class>,
    pub kind: ClassKind,
    /// What it was trained on.
    pub modality: Modality,
    /// Channels of the image it sees (1 grey, 3 RGB) and the side of the square canvas on which it
    /// sees the region, in pixels.
    pub channels: usize,
    /// Whether it sees a scan as one volume, and draws one mask of all of it.
    #[serde(default)]
    pub volumes: bool,
    /// What it sees of a scan.
    pub input: Contract,
    pub size: usize,
    /// Of a model that samples.
    pub sampling: Option<Sampling>,
    /// Networks that its members are drawn from in turn, each trained by itself.
    #[serde(default = "super::header::one_network")]
    pub networks: usize,
    /// Of all of them.
    pub parameters: usize,
    /// 10⁹ floating-point operations of one denoising step of one member (FLOP = 2 × MAC); of a model
    /// that does not sample, of its one mask; of one that sees volumes of any size, of a cube of
    /// `size` voxels.
    pub gflop_per_step: f64,
    /// Of the weights file.
    pub sha256: Digest,
    /// The whole card: data, licence, training, results, limits. Markdown.
    pub markdown: String,
}
