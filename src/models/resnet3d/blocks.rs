//! Residual blocks in three dimensions (He et al. 2016), and attention over all voxels.

use super::config::{InflateStyle, Style};
use crate::nn::{
    Norm3d, NormKind, Steps, add_channel_bias, add_relu, conv3d, init_uniform_fan_in, max_pool3d,
    relu, softmax_last,
};
use crate::plan::{Recorder, VolumeLayer, VolumeValue};
use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

/// The weights `[out, in, kernel]` of a convolution.
pub(super) fn weight(
    (channels_out, channels_in): (usize, usize),
    kernel: [usize; 3],
    vb: &VarBuilder<'_>,
) -> Result<Tensor> {
    let [d, h, w] = kernel;
    let init = init_uniform_fan_in(channels_in * d * h * w);
    vb.get_with_hints((channels_out, channels_in, d, h, w), "weight", init)
}

/// A convolution without bias, normalised.
pub(super) struct ConvNorm {
    weight: Tensor,
    steps: Steps,
    norm: Norm3d,
    relu: bool,
}

impl ConvNorm {
    /// `channels`: in and out; the norm's gain starts at `gain`.
    pub(super) fn new(
        (channels_in, channels_out): (usize, usize),
        (kernel, steps): ([usize; 3], Steps),
        (norm, gain, relu): (NormKind, f64, bool),
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let weight = weight((channels_out, channels_in), kernel, &vb.pp("conv"))?;
        let own = vb.pp("bn");
        if norm == NormKind::Batch {
            // Counted by PyTorch, used by nobody: there so that its files fit.
            own.get_with_hints((), "num_batches_tracked", Init::Const(0.0))?;
        }
        Ok(Self { weight, steps, norm: Norm3d::new(norm, channels_out, gain, &own)?, relu })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.norm.forward(&conv3d(x, &self.weight, self.steps)?)?;
        if self.relu { relu(&y) } else { Ok(y) }
    }

    pub(super) fn record(&self, r: &mut Recorder, x: VolumeValue) -> Result<VolumeValue> {
        let layer =
            VolumeLayer { weight: &self.weight, bias: None, steps: self.steps, transposed: None };
        r.volume_conv(layer, x, Some(&self.norm), self.relu)
    }
}

/// What one block of a stage is built from.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) channels_in: usize,
    /// Of the middle.
    pub(super) planes: usize,
    pub(super) expansion: usize,
    pub(super) stride: [usize; 3],
    pub(super) dilation: [usize; 3],
    pub(super) shortcut: bool,
    pub(super) inflate: bool,
    pub(super) style: Style,
    pub(super) inflate_style: InflateStyle,
    pub(super) norm: NormKind,
    /// Of the last norm.
    pub(super) gain: f64,
}

/// One convolution of a block: channels in and out, kernel, steps.
pub(super) type Conv = (usize, usize, [usize; 3], Steps);

impl Plan {
    /// The convolutions on the residual's way, in order.
    pub(super) fn convolutions(&self) -> Vec<Conv> {
        let &Self { channels_in, planes, stride, dilation, .. } = self;
        let deep = |inflated: bool| if inflated { 3 } else { 1 };
        if self.expansion == 1 {
            let kernel = [deep(self.inflate), 3, 3];
            let first = Steps {
                stride,
                dilation,
                pad: [kernel[0] / 2 * dilation[0], dilation[1], dilation[2]],
            };
            return vec![
                (channels_in, planes, kernel, first),
                (planes, planes, kernel, Steps::same(kernel)),
            ];
        }
        let first_deep = self.inflate && self.inflate_style == InflateStyle::First;
        let second_deep = self.inflate && self.inflate_style == InflateStyle::Second;
        let (k1, k2) = ([deep(first_deep), 1, 1], [deep(second_deep), 3, 3]);
        let (s1, s2) = match self.style {
            Style::Pytorch => ([1; 3], stride),
            Style::Caffe => (stride, [1; 3]),
        };
        let pad = [k2[0] / 2 * dilation[0], dilation[1], dilation[2]];
        vec![
            (channels_in, planes, k1, Steps::same(k1).by(s1)),
            (planes, planes, k2, Steps { stride: s2, dilation, pad }),
            (planes, planes * self.expansion, [1; 3], Steps::same([1; 3])),
        ]
    }
}

/// Convolutions, the way round them, their sum through ReLU.
pub(super) struct Block {
    convolutions: Vec<ConvNorm>,
    shortcut: Option<ConvNorm>,
    attention: Option<Attention>,
}

impl Block {
    pub(super) fn new(
        plan: Plan,
        attention: Option<(bool, bool)>,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let specs = plan.convolutions();
        let last = specs.len() - 1;
        let mut convolutions = Vec::with_capacity(specs.len());
        for (i, (from, to, kernel, steps)) in specs.into_iter().enumerate() {
            let kind = (plan.norm, if i == last { plan.gain } else { 1.0 }, i < last);
            let vb = vb.pp(format!("conv{}", i + 1));
            convolutions.push(ConvNorm::new((from, to), (kernel, steps), kind, &vb)?);
        }
        let out = plan.planes * plan.expansion;
        let way_round = || {
            let steps = Steps::same([1; 3]).by(plan.stride);
            let kind = (plan.norm, 1.0, false);
            ConvNorm::new((plan.channels_in, out), ([1; 3], steps), kind, &vb.pp("downsample"))
        };
        let attend = |(sub_sample, scale)| {
            Attention::new(out, sub_sample, scale, plan.norm, &vb.pp("non_local_block"))
        };
        Ok(Self {
            convolutions,
            shortcut: plan.shortcut.then(way_round).transpose()?,
            attention: attention.map(attend).transpose()?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut y = x.clone();
        for convolution in &self.convolutions {
            y = convolution.forward(&y)?;
        }
        let round = match &self.shortcut {
            Some(shortcut) => shortcut.forward(x)?,
            None => x.clone(),
        };
        let y = add_relu(&y, &round)?;
        match &self.attention {
            Some(attention) => attention.forward(&y),
            None => Ok(y),
        }
    }

    /// # Errors
    /// If the block attends to all voxels: that is not recorded.
    pub(super) fn record(&self, r: &mut Recorder, x: VolumeValue) -> Result<VolumeValue> {
        if self.attention.is_some() {
            candle_core::bail!("plan: attention over all voxels is not recorded");
        }
        let mut y = x;
        for convolution in &self.convolutions {
            y = convolution.record(r, y)?;
        }
        let round = match &self.shortcut {
            Some(shortcut) => shortcut.record(r, x)?,
            None => x,
        };
        r.add(y, round, true)
    }
}

/// Non-local block, embedded Gaussian (Wang et al. 2018).
struct Attention {
    /// θ, φ, g: weights and biases.
    maps: [(Tensor, Tensor); 3],
    out: ConvNorm,
    width: usize,
    sub_sample: bool,
    scale: bool,
}

impl Attention {
    fn new(
        channels: usize,
        sub_sample: bool,
        scale: bool,
        norm: NormKind,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let width = channels / 2;
        let pooled = if sub_sample { ".0" } else { "" };
        let map = |name: String| -> Result<(Tensor, Tensor)> {
            let vb = vb.pp(name).pp("conv");
            let weight = weight((width, channels), [1; 3], &vb)?;
            Ok((weight, vb.get_with_hints(width, "bias", init_uniform_fan_in(channels))?))
        };
        let maps =
            [map("theta".to_owned())?, map(format!("phi{pooled}"))?, map(format!("g{pooled}"))?];
        let kind = (norm, 0.0, false);
        let point = ([1; 3], Steps::same([1; 3]));
        let out = ConvNorm::new((width, channels), point, kind, &vb.pp("conv_out"))?;
        Ok(Self { maps, out, width, sub_sample, scale })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (b, _, d, h, w) = x.dims5()?;
        let map = |i: usize| -> Result<Tensor> {
            let (weight, bias) = &self.maps[i];
            let y = add_channel_bias(&conv3d(x, weight, Steps::same([1; 3]))?, bias)?;
            let y = if i > 0 && self.sub_sample {
                max_pool3d(&y, [1, 2, 2], [1, 2, 2], [0; 3])?
            } else {
                y
            };
            y.flatten_from(2)
        };
        let (theta, phi, g) = (map(0)?, map(1)?, map(2)?);
        let mut affinity = theta.transpose(1, 2)?.contiguous()?.matmul(&phi)?;
        if self.scale {
            affinity = affinity.affine((self.width as f64).sqrt().recip(), 0.0)?;
        }
        let seen = softmax_last(&affinity)?.matmul(&g.transpose(1, 2)?.contiguous()?)?;
        let seen = seen.transpose(1, 2)?.contiguous()?.reshape((b, self.width, d, h, w))?;
        x + self.out.forward(&seen)?
    }
}
