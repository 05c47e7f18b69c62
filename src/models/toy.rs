//! A network as small as one can be: a class is where a weighted sum of the channels is high. It shows
//! what a new kind takes (`ARCHITECTURE.md`); tests train it, write it, and segment with it.

use super::{Look, Shape, SliceNetwork};
use crate::diffusion::Denoiser;
use crate::nn::Conv2d;
use candle_core::{Device, Module, Result, Tensor};
use candle_nn::{VarBuilder, ops::sigmoid};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    pub side: usize,
    pub channels: usize,
    pub classes: usize,
}

pub(crate) struct Toy {
    config: Config,
    layer: Conv2d,
}

impl Config {
    pub(crate) fn shape(&self) -> Shape {
        let Self { side, channels, classes } = *self;
        let values = side * side * classes;
        let gflop = 2e-9 * (values * channels) as f64;
        Shape { channels, classes, side, margin: 0, bytes: 4 * values, gflop }
    }

    pub(crate) fn build(self, vb: &VarBuilder<'_>) -> Result<Toy> {
        let layer = Conv2d::new(self.channels, self.classes, 1, 1, &vb.pp("layer"))?;
        Ok(Toy { config: self, layer })
    }
}

impl Toy {
    pub(crate) fn logits(&self, images: &Tensor) -> Result<Tensor> {
        self.layer.forward(images)
    }
}

impl SliceNetwork for Toy {
    fn look(&self, images: &[f32]) -> Result<Box<dyn Look>> {
        let Config { side, channels, .. } = self.config;
        let shape = (images.len() / (channels * side * side), channels, side, side);
        let images = Tensor::from_slice(images, shape, &Device::Cpu)?;
        let probability = sigmoid(&self.logits(&images)?)?;
        Ok(Box::new(Drawn(probability.flatten_all()?.to_vec1()?)))
    }
}

struct Drawn(Vec<f32>);

impl Look for Drawn {
    fn direct(&self) -> &[f32] {
        &self.0
    }

    fn denoiser(&mut self) -> Option<&mut dyn Denoiser> {
        None
    }
}
