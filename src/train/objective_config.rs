//! The kinds of objectives: one per kind of network.

use super::objective::Objective;
use super::{medsegdiff, resnet3d, unet};
use crate::models::{NetworkConfig, Sampling};
use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

/// What is trained, and how it is judged: a training configuration's part that only one kind of
/// network has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ObjectiveConfig {
    MedSegDiff(medsegdiff::Training),
    ResNet3d(resnet3d::VolumeTraining),
    UNet(unet::Training),
    #[cfg(test)]
    Toy(crate::models::toy::Config),
}

impl ObjectiveConfig {
    /// The kind of network and the preset named by a person, with its own values for everything else.
    ///
    /// # Errors
    /// If there is no such kind or preset.
    pub(super) fn new(kind: &str, preset: &str, batch: usize) -> std::result::Result<Self, String> {
        match kind {
            "medsegdiff" => medsegdiff::Training::new(preset, batch).map(Self::MedSegDiff),
            "unet" => unet::Training::new(preset).map(Self::UNet),
            _ => Err(format!("a network {kind:?}, expected medsegdiff or unet")),
        }
    }

    /// The network for images of so many channels and masks of so many classes, which may be regions
    /// that hold one another.
    ///
    /// # Errors
    /// Says what cannot be built.
    pub fn network(
        &self,
        channels: usize,
        classes: usize,
        nested: bool,
    ) -> std::result::Result<NetworkConfig, String> {
        match self {
            Self::MedSegDiff(training) => {
                training.setup(channels, classes).map(NetworkConfig::MedSegDiff)
            }
            Self::ResNet3d(training) => {
                training.config(channels, classes).map(NetworkConfig::ResNet3d)
            }
            Self::UNet(training) => {
                training.config(channels, classes, nested).map(NetworkConfig::UNet)
            }
            #[cfg(test)]
            Self::Toy(toy) => Ok(NetworkConfig::Toy(*toy)),
        }
    }

    /// Whether batches of this size can be trained on.
    pub(super) fn check(&self, batch: usize) -> std::result::Result<(), String> {
        match self {
            Self::MedSegDiff(training) => training.check(batch),
            Self::ResNet3d(_) => Ok(()),
            Self::UNet(training) => training.check(),
            #[cfg(test)]
            Self::Toy(_) => Ok(()),
        }
    }

    /// Takes over what the weights of `network` depend on; `side` of the image unless given.
    pub(super) fn follow(&mut self, network: &NetworkConfig, side: Option<usize>) {
        match (self, network) {
            (Self::MedSegDiff(training), NetworkConfig::MedSegDiff(setup)) => {
                training.follow(setup, side);
            }
            (Self::UNet(training), NetworkConfig::UNet(config)) => training.follow(config, side),
            _ => {}
        }
    }

    /// Sets the side of the network's image.
    pub(super) fn resize(&mut self, side: usize) {
        match self {
            Self::MedSegDiff(training) => training.resize(side),
            Self::ResNet3d(training) => training.patch = [side; 3],
            Self::UNet(training) => training.resize(side),
            #[cfg(test)]
            Self::Toy(toy) => toy.side = side,
        }
    }

    /// How ensembles of the network are drawn, if it draws any.
    pub fn sample_by(&mut self, sampling: Sampling) {
        match self {
            Self::MedSegDiff(training) => training.sampling = sampling,
            Self::ResNet3d(_) | Self::UNet(_) => {}
            #[cfg(test)]
            Self::Toy(_) => {}
        }
    }

    /// Size of the pieces of volumes that a step sees, and the deviation of their bias field; `None`
    /// of networks that see slices.
    pub(super) fn pieces(&self) -> Option<([usize; 3], f64)> {
        match self {
            Self::ResNet3d(training) => Some((training.patch, training.bias_field)),
            _ => None,
        }
    }

    /// The network with the weights of `vb`, in training on batches of this size.
    pub(super) fn build(
        &self,
        network: &NetworkConfig,
        batch: usize,
        vb: &VarBuilder<'_>,
        device: &Device,
    ) -> Result<Box<dyn Objective>> {
        match (self, network) {
            (Self::MedSegDiff(training), NetworkConfig::MedSegDiff(setup)) => {
                Ok(Box::new(medsegdiff::InTraining::new(training, setup, batch, vb, device)?))
            }
            (Self::ResNet3d(training), NetworkConfig::ResNet3d(config)) => {
                let network = config.build(vb)?;
                let (dice, balance) = (training.dice, training.balance);
                Ok(Box::new(resnet3d::InTraining { network, dice, balance }))
            }
            (Self::UNet(training), NetworkConfig::UNet(config)) => {
                Ok(Box::new(unet::InTraining::new(training, config, vb, device)?))
            }
            #[cfg(test)]
            (Self::Toy(_), NetworkConfig::Toy(toy)) => Ok(Box::new(toy.build(vb)?)),
            _ => candle_core::bail!("the objective is of another network"),
        }
    }
}

/// A weight of one network as another takes it over: itself where the kinds differ.
pub(super) fn fitted(
    name: &str,
    weight: &Tensor,
    source: &NetworkConfig,
    target: &NetworkConfig,
) -> Result<Tensor> {
    match (source, target) {
        (NetworkConfig::MedSegDiff(source), NetworkConfig::MedSegDiff(target)) => {
            medsegdiff::fitted(name, weight, &source.network, &target.network)
        }
        _ => Ok(weight.clone()),
    }
}
