//! A small U-Net that is told the diffusion time in each block.

use crate::nn::{Conv2d, GroupNorm, Linear, crop_cat, time_embedding, upsample_nearest2x};
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

/// Of the time.
const EMBEDDED: usize = 32;

/// Norm, SiLU, convolution, twice, beside a way past; the second norm is moved by the time.
struct Block {
    norms: [GroupNorm; 2],
    convs: [Conv2d; 2],
    time: Linear,
    past: Option<Conv2d>,
}

impl Block {
    fn new(from: usize, to: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            norms: [
                GroupNorm::new(from, 4, &vb.pp("norm0"))?,
                GroupNorm::new(to, 4, &vb.pp("norm1"))?,
            ],
            convs: [
                Conv2d::new(from, to, 3, 1, &vb.pp("conv0"))?,
                Conv2d::new(to, to, 3, 1, &vb.pp("conv1"))?,
            ],
            time: Linear::new(EMBEDDED, 2 * to, &vb.pp("time"))?,
            past: (from != to).then(|| Conv2d::new(from, to, 1, 1, &vb.pp("past"))).transpose()?,
        })
    }

    /// `time` `[B, EMBEDDED]`.
    fn forward(&self, x: &Tensor, time: &Tensor) -> Result<Tensor> {
        let y = self.convs[0].forward(&self.norms[0].silu(x)?)?;
        let moved = self.time.forward(time)?.chunk(2, 1)?;
        let y =
            self.norms[1].modulated_silu(&y, &moved[0].contiguous()?, &moved[1].contiguous()?)?;
        let y = self.convs[1].forward(&y)?;
        match &self.past {
            Some(past) => past.forward(x)? + y,
            None => x + y,
        }
    }
}

pub(super) struct UNetStack {
    time: [Linear; 2],
    down: Vec<Block>,
    shrink: Vec<Conv2d>,
    middle: Block,
    up: Vec<Block>,
    norm: GroupNorm,
    last: Conv2d,
}

impl UNetStack {
    pub(super) fn new(
        from: usize,
        widths: [usize; 3],
        out: usize,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let [a, b, c] = widths;
        let block = |name: &str, from, to| Block::new(from, to, &vb.pp(name));
        let time = |name: &str| Linear::new(EMBEDDED, EMBEDDED, &vb.pp(name));
        Ok(Self {
            time: [time("time0")?, time("time1")?],
            down: vec![block("down0", from, a)?, block("down1", a, b)?, block("down2", b, c)?],
            shrink: vec![
                Conv2d::new(a, a, 3, 2, &vb.pp("shrink0"))?,
                Conv2d::new(b, b, 3, 2, &vb.pp("shrink1"))?,
            ],
            middle: block("middle", c, c)?,
            up: vec![block("up0", a + b, a)?, block("up1", b + c, b)?],
            norm: GroupNorm::new(a, 4, &vb.pp("norm"))?,
            last: Conv2d::new(a, out, 3, 1, &vb.pp("last"))?,
        })
    }

    /// `[B, out, n, n]` of `[B, from, n, n]` at the diffusion time of each.
    pub(super) fn forward(&self, x: &Tensor, times: &[usize]) -> Result<Tensor> {
        let time = time_embedding(times, EMBEDDED, x.dtype(), x.device())?;
        let time = self.time[1].forward(&self.time[0].forward(&time)?.silu()?)?.silu()?;
        let fine = self.down[0].forward(x, &time)?;
        let half = self.down[1].forward(&self.shrink[0].forward(&fine)?, &time)?;
        let coarse = self.down[2].forward(&self.shrink[1].forward(&half)?, &time)?;
        let coarse = self.middle.forward(&coarse, &time)?;
        let half = self.up[1].forward(&crop_cat(&half, &upsample_nearest2x(&coarse)?)?, &time)?;
        let fine = self.up[0].forward(&crop_cat(&fine, &upsample_nearest2x(&half)?)?, &time)?;
        self.last.forward(&self.norm.silu(&fine)?)
    }
}
