//! What both U-Nets are made of: residual blocks, encoder, decoder.

use super::Config;
use crate::nn::{Conv2d, GroupNorm, Linear, pixel_shuffle, upsample_nearest2x};
use crate::plan::{Heads, Recorder, Value};
use candle_core::{D, Module, Result, Tensor};
use candle_nn::VarBuilder;

/// GroupNorm-SiLU-conv (+time) -GroupNorm-SiLU-conv, added to the input (Ho, Jain and Abbeel 2020;
/// the time scales and shifts the second norm as in Dhariwal and Nichol 2021).
#[derive(Clone, Debug)]
pub(super) struct ResBlock {
    norm_in: GroupNorm,
    conv_in: Conv2d,
    norm_out: GroupNorm,
    conv_out: Conv2d,
    time: Option<Linear>,
    /// 1x1 convolution where the channels change.
    skip: Option<Conv2d>,
}

impl ResBlock {
    pub(super) fn new(
        channels_in: usize,
        channels_out: usize,
        config: &Config,
        timed: bool,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let time = timed.then(|| Linear::new(config.time_width, 2 * channels_out, &vb.pp("time")));
        let skip = (channels_in != channels_out)
            .then(|| Conv2d::new(channels_in, channels_out, 1, 1, &vb.pp("skip")));
        Ok(Self {
            norm_in: GroupNorm::new(channels_in, config.groups, &vb.pp("norm_in"))?,
            conv_in: Conv2d::new(channels_in, channels_out, 3, 1, &vb.pp("conv_in"))?,
            norm_out: GroupNorm::new(channels_out, config.groups, &vb.pp("norm_out"))?,
            conv_out: Conv2d::zero(channels_out, channels_out, 3, &vb.pp("conv_out"))?,
            time: time.transpose()?,
            skip: skip.transpose()?,
        })
    }

    /// `x` `[B, Cin, h, w]`, `time` `[1 or B, time_width]` (already through SiLU).
    pub(super) fn forward(&self, x: &Tensor, time: Option<&Tensor>) -> Result<Tensor> {
        let h = self.conv_in.forward(&self.norm_in.silu(x)?)?;
        let h = match (&self.time, time) {
            (Some(layer), Some(time)) => {
                let both = layer.forward(time)?;
                let (scale, shift) = halves(&both)?;
                self.norm_out.modulated_silu(&h, &scale, &shift)?
            }
            _ => self.norm_out.silu(&h)?,
        };
        let h = self.conv_out.forward(&h)?;
        match &self.skip {
            Some(skip) => skip.forward(x)? + h,
            None => x + h,
        }
    }

    /// The same in a plan; `heads` hold what [`Self::time`] gives.
    fn record(&self, r: &mut Recorder, x: Value, heads: Option<&Heads>) -> Result<Value> {
        let h = r.group_silu(&self.norm_in, x, None)?;
        let h = r.conv(&self.conv_in, h, None)?;
        let time = match (&self.time, heads) {
            (Some(layer), Some(heads)) => Some(heads.of(layer)?),
            _ => None,
        };
        let h = r.group_silu(&self.norm_out, h, time)?;
        let x = match &self.skip {
            Some(skip) => r.conv(skip, x, None)?,
            None => x,
        };
        r.conv(&self.conv_out, h, Some(x))
    }
}

/// The two halves of the last axis.
pub(super) fn halves(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let n = x.dim(D::Minus1)? / 2;
    Ok((x.narrow(D::Minus1, 0, n)?.contiguous()?, x.narrow(D::Minus1, n, n)?.contiguous()?))
}

/// The downward path after its first convolution.
#[derive(Clone, Debug)]
pub(super) struct Encoder {
    blocks: Vec<ResBlock>,
    downs: Vec<Conv2d>,
    middle: ResBlock,
}

impl Encoder {
    pub(super) fn new(config: &Config, timed: bool, vb: &VarBuilder<'_>) -> Result<Self> {
        let (mut blocks, mut downs) = (Vec::new(), Vec::new());
        let mut c = config.width;
        let levels = config.multipliers.len();
        for level in 0..levels {
            let next = config.channels(level);
            blocks.push(ResBlock::new(c, next, config, timed, &vb.pp(format!("block{level}")))?);
            c = next;
            if level + 1 < levels {
                downs.push(Conv2d::new(c, c, 3, 2, &vb.pp(format!("down{level}")))?);
            }
        }
        Ok(Self { blocks, downs, middle: ResBlock::new(c, c, config, timed, &vb.pp("middle"))? })
    }

    /// The deepest feature, and the skips from the first level down.
    pub(super) fn forward(
        &self,
        x: Tensor,
        time: Option<&Tensor>,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let mut h = x;
        let mut skips = Vec::with_capacity(self.blocks.len());
        for (level, block) in self.blocks.iter().enumerate() {
            h = block.forward(&h, time)?;
            skips.push(h.clone());
            if let Some(down) = self.downs.get(level) {
                h = down.forward(&h)?;
            }
        }
        Ok((self.middle.forward(&h, time)?, skips))
    }

    /// The layers that see the time.
    pub(super) fn time_layers(&self) -> impl Iterator<Item = &Linear> {
        self.blocks.iter().chain([&self.middle]).filter_map(|block| block.time.as_ref())
    }

    /// [`Self::forward`] in a plan.
    pub(super) fn record(
        &self,
        r: &mut Recorder,
        x: Value,
        heads: Option<&Heads>,
    ) -> Result<(Value, Vec<Value>)> {
        let (mut h, mut skips) = (x, Vec::with_capacity(self.blocks.len()));
        for (level, block) in self.blocks.iter().enumerate() {
            h = block.record(r, h, heads)?;
            skips.push(h);
            if let Some(down) = self.downs.get(level) {
                h = r.conv(down, h, None)?;
            }
        }
        Ok((self.middle.record(r, h, heads)?, skips))
    }
}

/// The upward path with its head.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    /// From the deepest level up.
    blocks: Vec<ResBlock>,
    norm: GroupNorm,
    head: Conv2d,
    stem: usize,
}

impl Decoder {
    pub(super) fn new(config: &Config, timed: bool, vb: &VarBuilder<'_>) -> Result<Self> {
        let levels = config.multipliers.len();
        let mut blocks = Vec::new();
        let mut c = config.channels(levels - 1);
        for level in (0..levels).rev() {
            let skip = config.channels(level);
            let vb = vb.pp(format!("block{level}"));
            blocks.push(ResBlock::new(c + skip, skip, config, timed, &vb)?);
            c = skip;
        }
        Ok(Self {
            blocks,
            norm: GroupNorm::new(c, config.groups, &vb.pp("norm"))?,
            head: Conv2d::new(c, config.stemmed(config.classes), 3, 1, &vb.pp("head"))?,
            stem: config.stem,
        })
    }

    /// `[B, K, S, S]` from the head, and the last feature `[B, width, S/stem, S/stem]`.
    pub(super) fn forward(
        &self,
        deepest: Tensor,
        skips: &[Tensor],
        time: Option<&Tensor>,
    ) -> Result<(Tensor, Tensor)> {
        let mut h = deepest;
        for (i, (block, skip)) in self.blocks.iter().zip(skips.iter().rev()).enumerate() {
            if i > 0 {
                h = upsample_nearest2x(&h)?;
            }
            h = block.forward(&Tensor::cat(&[&h, skip], 1)?, time)?;
        }
        let out = self.head.forward(&self.norm.silu(&h)?)?;
        let out = if self.stem > 1 { pixel_shuffle(&out, self.stem)? } else { out };
        Ok((out, h))
    }

    /// The layers that see the time.
    pub(super) fn time_layers(&self) -> impl Iterator<Item = &Linear> {
        self.blocks.iter().filter_map(|block| block.time.as_ref())
    }

    /// [`Self::forward`] in a plan.
    pub(super) fn record(
        &self,
        r: &mut Recorder,
        deepest: Value,
        skips: &[Value],
        heads: Option<&Heads>,
    ) -> Result<(Value, Value)> {
        let mut h = deepest;
        for (i, (block, skip)) in self.blocks.iter().zip(skips.iter().rev()).enumerate() {
            let beside = r.beside(&[(h, if i > 0 { 2 } else { 1 }), (*skip, 1)])?;
            h = block.record(r, beside, heads)?;
        }
        let normed = r.group_silu(&self.norm, h, None)?;
        let out = r.conv(&self.head, normed, None)?;
        Ok((r.unpack(out, self.stem)?, h))
    }
}
