//! What each pixel of a radiograph saw, with its neighbours along the row.

use crate::nn::{GroupNorm, conv2d, init_uniform_fan_in};
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// Taps along the row.
const TAPS: usize = 7;
const LAYERS: usize = 4;
/// Line integrals of a chest are about 4.
const TYPICAL: f64 = 4.0;

pub(super) struct ViewEncoder {
    layers: Vec<(Tensor, Tensor, GroupNorm)>,
    last: (Tensor, Tensor),
}

/// Line integrals `[N, 1, 1, W]` as the networks see them.
pub(super) fn normalised(lines: &Tensor) -> Result<Tensor> {
    lines.affine(1.0 / TYPICAL, -0.5)
}

impl ViewEncoder {
    pub(super) fn new(width: usize, out: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let mut layers = Vec::new();
        let weights = |from: usize, to: usize, taps: usize, vb: &VarBuilder<'_>| {
            let init = init_uniform_fan_in(from * taps);
            let weight = vb.get_with_hints((to, from, 1, taps), "weight", init)?;
            Ok::<_, candle_core::Error>((weight, vb.get_with_hints(to, "bias", init)?))
        };
        for i in 0..LAYERS {
            let vb = vb.pp(format!("layer{i}"));
            let (w, b) = weights(if i == 0 { 1 } else { width }, width, TAPS, &vb)?;
            layers.push((w, b, GroupNorm::new(width, 4, &vb.pp("norm"))?));
        }
        Ok(Self { layers, last: weights(width, out, 1, &vb.pp("last"))? })
    }

    /// Features `[N, out, 1, W]` of line integrals `[N, 1, 1, W]`.
    pub(super) fn forward(&self, lines: &Tensor) -> Result<Tensor> {
        let mut x = normalised(lines)?;
        for (weight, bias, norm) in &self.layers {
            let wide = x.pad_with_zeros(3, TAPS / 2, TAPS / 2)?;
            x = norm.silu(&conv2d(&wide, weight, bias, 1, 0)?)?;
        }
        conv2d(&x, &self.last.0, &self.last.1, 1, 0)
    }
}
