//! What the rooms above know of a network of whole volumes, and of a network of any kind.

use super::{SliceNetwork, ViewNetwork};
use crate::plan::Processor;
use candle_core::Result;
use std::sync::Arc;

/// A network that sees a volume as one. It draws at once: there is nothing random in it.
pub trait VolumeNetwork: Send {
    /// What the sides of a volume are multiples of; depth, height, width.
    fn stride(&self) -> [usize; 3];

    /// The largest volume that it was trained on, where that is smaller than what it is for: the sums that a
    /// norm is over must be of volumes like those of the training.
    fn window(&self) -> Option<[usize; 3]> {
        None
    }

    /// Has it run its plans there from now on; `false` of one that has none.
    fn run_on(&mut self, _processor: &Arc<dyn Processor>) -> bool {
        false
    }

    /// Memory that a pass takes, bytes per voxel.
    fn bytes_per_voxel(&self) -> usize;

    /// Probability of the classes, `[K, D, H, W]`, in a volume `[C, D, H, W]` (-1…1) of this size
    /// (depth, height, width), each a multiple of the stride.
    ///
    /// # Errors
    /// If the network fails.
    fn probability(&self, volume: &[f32], size: [usize; 3]) -> Result<Vec<f32>>;

    /// The same, and what kind of picture it is.
    ///
    /// # Errors
    /// If the network fails.
    fn look(&self, volume: &[f32], size: [usize; 3]) -> Result<VolumeLook> {
        Ok(VolumeLook { probability: self.probability(volume, size)?, features: Vec::new() })
    }
}

/// A volume that a network has looked at.
pub struct VolumeLook {
    /// Probability of the classes, `[K, D, H, W]`.
    pub probability: Vec<f32>,
    /// What kind of picture each of some slabs is, in as many numbers ([`crate::models::Familiarity`]); none of
    /// a network that does not say.
    pub features: Vec<Vec<f32>>,
}

/// A network, by what it sees at once.
pub enum Network {
    Slices(Box<dyn SliceNetwork>),
    Volumes(Box<dyn VolumeNetwork>),
    /// Two of one scan: the first finds the box that the second sees.
    BoxThenBrain([Box<dyn VolumeNetwork>; 2]),
    /// Sees radiographs of a plane, no image.
    Views(Box<dyn ViewNetwork>),
}

impl Network {
    /// The network of slices that it is.
    ///
    /// # Errors
    /// If it sees whole volumes.
    pub fn slices(&self) -> Result<&dyn SliceNetwork> {
        match self {
            Self::Slices(network) => Ok(network.as_ref()),
            Self::Volumes(_) | Self::BoxThenBrain(_) => {
                candle_core::bail!("the network sees whole volumes, expected slices")
            }
            Self::Views(_) => candle_core::bail!("the network sees radiographs, expected slices"),
        }
    }
}
