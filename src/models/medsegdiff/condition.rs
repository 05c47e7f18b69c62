//! The condition model E^I: a U-Net on the image alone. It never sees x_t or t, so it runs once per
//! image, for all steps and all members.

use super::Config;
use super::blocks::{Decoder, Encoder};
use crate::nn::{Conv2d, pixel_unshuffle};
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

#[derive(Clone, Debug)]
pub(super) struct ConditionNet {
    conv_in: Conv2d,
    encoder: Encoder,
    decoder: Decoder,
    stem: usize,
}

/// What the image alone says; the same for all steps and members.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The anchor head's mask logits, `[B, K, S, S]`: the *direct* baseline.
    pub logits: Tensor,
    /// What the diffusion U-Net is told, if there is one.
    pub(super) guide: Option<Guide>,
}

/// The image's share of every denoising step.
#[derive(Clone, Debug)]
pub(super) struct Guide {
    /// c⁰, the deepest feature, as tokens `[B, n, d]` after projection and position.
    pub(super) tokens: Option<Tensor>,
    /// `1 + sigmoid(conv1x1(f_anc))`, `[B, 1, S/stem, S/stem]`.
    pub(super) gate: Option<Tensor>,
    /// The image's share of the first diffusion convolution with its bias, `[B or 1, width, ..]`.
    pub(super) first: Tensor,
}

/// The features of the condition U-Net.
pub(super) struct Features {
    /// From the first level down.
    skips: Vec<Tensor>,
    pub(super) deepest: Tensor,
    pub(super) last: Tensor,
    pub(super) logits: Tensor,
}

impl Features {
    /// Mean and standard deviation over the pixels of each channel that the encoder made, from the
    /// first level down, `[B, F]`: what kind of picture this is.
    pub(super) fn summary(&self) -> Result<Tensor> {
        let levels = self.skips.iter().chain([&self.deepest]);
        Tensor::cat(&levels.map(moments).collect::<Result<Vec<_>>>()?, 1)
    }
}

impl ConditionNet {
    pub(super) fn new(config: &Config, vb: &VarBuilder<'_>) -> Result<Self> {
        let channels = config.stemmed(config.image_channels);
        Ok(Self {
            conv_in: Conv2d::new(channels, config.width, 3, 1, &vb.pp("conv_in"))?,
            encoder: Encoder::new(config, false, &vb.pp("encoder"))?,
            decoder: Decoder::new(config, false, &vb.pp("decoder"))?,
            stem: config.stem,
        })
    }

    pub(super) fn forward(&self, image: &Tensor) -> Result<Features> {
        let x = pack(image, self.stem)?;
        let (deepest, skips) = self.encoder.forward(self.conv_in.forward(&x)?, None)?;
        let (logits, last) = self.decoder.forward(deepest.clone(), &skips, None)?;
        Ok(Features { skips, deepest, last, logits })
    }
}

/// Mean and standard deviation of each channel, `[B, 2C]`.
fn moments(x: &Tensor) -> Result<Tensor> {
    let x = x.detach().flatten_from(2)?;
    let mean = x.mean(2)?;
    let deviation = x.broadcast_sub(&mean.unsqueeze(2)?)?.sqr()?.mean(2)?.sqrt()?;
    Tensor::cat(&[mean, deviation], 1)
}

/// The stem: `stem`x`stem` pixels into channels.
pub(super) fn pack(x: &Tensor, stem: usize) -> Result<Tensor> {
    if stem > 1 { pixel_unshuffle(x, stem) } else { Ok(x.clone()) }
}
