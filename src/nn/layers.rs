//! Layers that hold weights: thin wrappers over the operations of this room.

use super::init::init_uniform_fan_in;
use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};

/// 2-D convolution with bias, "same" padding.
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    stride: usize,
    pad: usize,
}

impl Conv2d {
    /// A `kernel`x`kernel` convolution.
    ///
    /// # Errors
    /// If the weights are missing or of another shape.
    pub fn new(
        channels_in: usize,
        channels_out: usize,
        kernel: usize,
        stride: usize,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let init = init_uniform_fan_in(channels_in * kernel * kernel);
        Self::with_init(channels_in, channels_out, kernel, stride, init, vb)
    }

    /// One whose output starts at zero.
    ///
    /// # Errors
    /// If the weights are missing or of another shape.
    pub fn zero(
        channels_in: usize,
        channels_out: usize,
        kernel: usize,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        Self::with_init(channels_in, channels_out, kernel, 1, Init::Const(0.0), vb)
    }

    fn with_init(
        channels_in: usize,
        channels_out: usize,
        kernel: usize,
        stride: usize,
        init: Init,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        Ok(Self {
            weight: vb.get_with_hints(
                (channels_out, channels_in, kernel, kernel),
                "weight",
                init,
            )?,
            bias: vb.get_with_hints(channels_out, "bias", init)?,
            stride,
            pad: kernel / 2,
        })
    }

    /// The part of the output that input channels `start..start + x.channels` give, without bias.
    ///
    /// # Errors
    /// If there are no such channels.
    pub fn forward_channels(&self, x: &Tensor, start: usize) -> Result<Tensor> {
        let weight = self.weight.narrow(1, start, x.dim(1)?)?;
        super::conv2d(x, &weight, &self.bias.zeros_like()?, self.stride, self.pad)
    }

    /// Weight `[Cout, Cin, k, k]`, bias `[Cout]`, stride and padding.
    pub fn parts(&self) -> (&Tensor, &Tensor, usize, usize) {
        (&self.weight, &self.bias, self.stride, self.pad)
    }

    /// The bias, `[1, Cout, 1, 1]`.
    ///
    /// # Errors
    /// Never in practice.
    pub fn bias_map(&self) -> Result<Tensor> {
        self.bias.reshape((1, self.bias.elem_count(), 1, 1))
    }
}

impl Module for Conv2d {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        super::conv2d(x, &self.weight, &self.bias, self.stride, self.pad)
    }
}

/// Group normalisation with learnt scale and shift.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    gamma: Tensor,
    beta: Tensor,
    groups: usize,
}

impl GroupNorm {
    /// # Errors
    /// If the weights are missing or of another shape.
    pub fn new(channels: usize, groups: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            gamma: vb.get_with_hints((1, channels), "weight", Init::Const(1.0))?,
            beta: vb.get_with_hints((1, channels), "bias", Init::Const(0.0))?,
            groups,
        })
    }

    /// Scale and shift `[1, C]`, and the groups.
    pub fn parts(&self) -> (&Tensor, &Tensor, usize) {
        (&self.gamma, &self.beta, self.groups)
    }

    /// Normalises, then SiLU.
    ///
    /// # Errors
    /// If the channels do not fit.
    pub fn silu(&self, x: &Tensor) -> Result<Tensor> {
        super::group_norm(x, &self.gamma, &self.beta, self.groups, true)
    }

    /// Normalises, then `· (1 + scale) + shift` (each `[B, C]`), then SiLU.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn modulated_silu(&self, x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
        let (gamma, beta) = modulate(&self.gamma, &self.beta, scale, shift)?;
        super::group_norm(x, &gamma, &beta, self.groups, true)
    }
}

/// Layer normalisation over the last axis of `[B, M, D]`, with learnt scale and shift.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    gamma: Tensor,
    beta: Tensor,
}

impl LayerNorm {
    /// # Errors
    /// If the weights are missing or of another shape.
    pub fn new(width: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            gamma: vb.get_with_hints((1, width), "weight", Init::Const(1.0))?,
            beta: vb.get_with_hints((1, width), "bias", Init::Const(0.0))?,
        })
    }

    /// Scale and shift `[1, D]`.
    pub fn parts(&self) -> (&Tensor, &Tensor) {
        (&self.gamma, &self.beta)
    }

    /// Scale and shift after a further `· (1 + scale) + shift` (each `[B, D]`).
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn modulated(&self, scale: &Tensor, shift: &Tensor) -> Result<(Tensor, Tensor)> {
        modulate(&self.gamma, &self.beta, scale, shift)
    }
}

impl Module for LayerNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        super::layer_norm(x, &self.gamma, &self.beta, false)
    }
}

/// `(x̂γ + β)(1 + scale) + shift` as one affine per sample.
fn modulate(
    gamma: &Tensor,
    beta: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let scale = (scale + 1.0)?;
    Ok((scale.broadcast_mul(gamma)?, (scale.broadcast_mul(beta)? + shift)?))
}

/// `x·Wᵀ + b` over the last axis, any number of leading axes.
#[derive(Clone, Debug)]
pub struct Linear {
    pub(super) weight: Tensor,
    pub(super) bias: Option<Tensor>,
}

impl Linear {
    /// # Errors
    /// If the weights are missing or of another shape.
    pub fn new(width_in: usize, width_out: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let init = init_uniform_fan_in(width_in);
        Ok(Self {
            weight: vb.get_with_hints((width_out, width_in), "weight", init)?,
            bias: Some(vb.get_with_hints(width_out, "bias", init)?),
        })
    }

    /// Without a bias.
    ///
    /// # Errors
    /// If the weights are missing or of another shape.
    pub fn unbiased(width_in: usize, width_out: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let init = init_uniform_fan_in(width_in);
        Ok(Self { weight: vb.get_with_hints((width_out, width_in), "weight", init)?, bias: None })
    }

    /// Weight `[out, in]`, and bias `[out]` if there is one.
    pub fn parts(&self) -> (&Tensor, Option<&Tensor>) {
        (&self.weight, self.bias.as_ref())
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (width_out, width_in) = self.weight.dims2()?;
        let mut shape = x.dims().to_vec();
        let rows = x.elem_count() / width_in;
        let y = x.contiguous()?.reshape((rows, width_in))?.matmul(&self.weight.t()?)?;
        let y = match &self.bias {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        };
        if let Some(last) = shape.last_mut() {
            *last = width_out;
        }
        y.reshape(shape)
    }
}

/// Sinusoidal embedding of diffusion times (Ho, Jain and Abbeel 2020): `[U, width]`, cosines then
/// sines of `t · 10000^(-i / (width/2))`.
///
/// # Errors
/// If the tensor cannot be placed on the device.
pub fn time_embedding(
    times: &[usize],
    width: usize,
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    let v: Vec<f64> = times.iter().flat_map(|&t| sinusoids(t, width)).collect();
    let shape = (times.len(), width / 2 * 2);
    Tensor::from_vec(v, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
}

/// One row of [`time_embedding`].
pub fn sinusoids(t: usize, width: usize) -> Vec<f64> {
    let half = width / 2;
    let angle = |i: usize| t as f64 * (-(10_000f64.ln()) * i as f64 / half as f64).exp();
    (0..half).map(|i| angle(i).cos()).chain((0..half).map(|i| angle(i).sin())).collect()
}
