//! What is read off the fused features: structures cell by cell (the paper's residual head of eight
//! blocks), and the centres and sizes of objects (CenterPoint, arXiv 2006.11275, on one plane).

use crate::nn::{Conv2d, GroupNorm};
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

const BLOCKS: usize = 8;
/// Objects are rare: their logit begins at that of one cell in a hundred.
const RARE: f64 = -4.6;

pub(super) struct Head {
    blocks: Vec<(Conv2d, GroupNorm)>,
    last: Conv2d,
}

impl Head {
    pub(super) fn new(channels: usize, classes: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let block = |i: usize| {
            let vb = vb.pp(format!("block{i}"));
            let conv = Conv2d::new(channels, channels, 3, 1, &vb.pp("conv"))?;
            Ok((conv, GroupNorm::new(channels, 4, &vb.pp("norm"))?))
        };
        Ok(Self {
            blocks: (0..BLOCKS).map(block).collect::<Result<_>>()?,
            last: Conv2d::new(channels, classes + 1, 1, 1, &vb.pp("last"))?,
        })
    }

    /// Logits `[B, K + 1, n, n]`, the background first.
    pub(super) fn forward(&self, plane: &Tensor) -> Result<Tensor> {
        let mut x = plane.clone();
        for pair in self.blocks.chunks(2) {
            let mut y = x.clone();
            for (conv, norm) in pair {
                y = norm.silu(&conv.forward(&y)?)?;
            }
            x = (x + y)?;
        }
        self.last.forward(&x)
    }
}

pub(super) struct CentreHead {
    conv: Conv2d,
    norm: GroupNorm,
    heat: Conv2d,
    size: Conv2d,
}

impl CentreHead {
    pub(super) fn new(channels: usize, classes: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            conv: Conv2d::new(channels, channels, 3, 1, &vb.pp("conv"))?,
            norm: GroupNorm::new(channels, 4, &vb.pp("norm"))?,
            heat: Conv2d::new(channels, classes, 1, 1, &vb.pp("heat"))?,
            size: Conv2d::new(channels, 2, 1, 1, &vb.pp("size"))?,
        })
    }

    /// Logits of centres `[B, K, n, n]`, and height and width there as shares of the plane's side,
    /// `[B, 2, n, n]`.
    pub(super) fn forward(&self, plane: &Tensor) -> Result<(Tensor, Tensor)> {
        let x = self.norm.silu(&self.conv.forward(plane)?)?;
        Ok(((self.heat.forward(&x)? + RARE)?, self.size.forward(&x)?))
    }
}
