//! The kinds of networks that a weights file can hold.
//!
//! A new kind is an arm of [`NetworkConfig`], a folder of its own, and an objective in `train`.

use super::{Diffusion, Network, Sampling, Shape, diffbev, medsegdiff, resnet3d, unet};
use crate::nn::SeededInit;
use crate::plan::Plan;
use candle_core::{DType, Device, Result};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Everything that fixes a network and how it is used, by kind. In the header of weights; one
/// without `kind` is MedSegDiff.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum NetworkConfig {
    /// Sees radiographs of a plane: no image is segmented with it.
    DiffBev(diffbev::Config),
    MedSegDiff(medsegdiff::Setup),
    ResNet3d(resnet3d::Config),
    UNet(unet::Config),
    #[cfg(test)]
    Toy(super::toy::Config),
}

impl NetworkConfig {
    /// Whether such a network can be built and used.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self) -> std::result::Result<(), String> {
        match self {
            Self::DiffBev(config) => config.check(),
            Self::MedSegDiff(setup) => setup.check(),
            Self::ResNet3d(config) => config.check(),
            Self::UNet(config) => config.check(),
            #[cfg(test)]
            Self::Toy(_) => Ok(()),
        }
    }

    pub fn shape(&self) -> Shape {
        match self {
            Self::DiffBev(config) => config.shape(),
            Self::MedSegDiff(setup) => setup.network.shape(),
            Self::ResNet3d(config) => config.shape(),
            Self::UNet(config) => config.shape(),
            #[cfg(test)]
            Self::Toy(toy) => toy.shape(),
        }
    }

    /// Whether it sees a scan as one volume, not slice by slice.
    pub fn sees_volumes(&self) -> bool {
        matches!(self, Self::ResNet3d(_))
    }

    /// Of a network that samples.
    pub fn diffusion(&self) -> Option<Diffusion> {
        match self {
            Self::DiffBev(config) => config.diffusion(),
            Self::MedSegDiff(setup) => setup.diffusion(),
            Self::ResNet3d(_) | Self::UNet(_) => None,
            #[cfg(test)]
            Self::Toy(_) => None,
        }
    }

    /// The same network with its ensembles drawn otherwise, if it draws any.
    #[must_use]
    pub fn sampled(mut self, by: Sampling) -> Self {
        match &mut self {
            Self::DiffBev(config) => config.sampling_steps = by.steps,
            Self::MedSegDiff(setup) => setup.sampling = by,
            Self::ResNet3d(_) | Self::UNet(_) => {}
            #[cfg(test)]
            Self::Toy(_) => {}
        }
        self
    }

    /// The network with the weights of `vb`, on `device`.
    ///
    /// # Errors
    /// If weights are missing or of another shape.
    pub fn build(&self, vb: &VarBuilder<'_>, device: &Device) -> Result<Network> {
        Ok(match self {
            Self::DiffBev(config) => {
                Network::Views(Box::new(diffbev::Runner::new(config, vb, device)?))
            }
            Self::MedSegDiff(setup) => {
                Network::Slices(Box::new(medsegdiff::Runner::new(&setup.network, vb, device)?))
            }
            Self::ResNet3d(config) => Network::Volumes(Box::new(config.build(vb)?)),
            Self::UNet(config) => Network::Slices(Box::new(unet::Runner::new(config, vb, device)?)),
            #[cfg(test)]
            Self::Toy(toy) => Network::Slices(Box::new(toy.build(vb)?)),
        })
    }
}

/// Plans of a denoising step, for so many masks each, of a network of the size of those that come with the
/// program, its weights drawn by a seed: what a processor is tried with.
///
/// # Errors
/// If memory runs out.
pub fn sample_plans([more, fewer]: [usize; 2]) -> Result<[Arc<Plan>; 2]> {
    let init = SeededInit::new(1);
    let vb = VarBuilder::from_backend(Box::new(init), DType::F32, Device::Cpu);
    let config = medsegdiff::Config::preset(medsegdiff::Preset::Desk, 1, 1);
    let network = medsegdiff::MedSegDiff::new(&config, &vb)?;
    Ok([network.plan(more)?, network.plan(fewer)?])
}
