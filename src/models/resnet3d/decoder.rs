//! From the stages back to the volume. The source is an encoder; these are LinkNet's way (Chaurasia
//! and Culurciello 2017), U-Net's, a feature pyramid's, and MedicalNet's, all of our choosing.

use super::blocks::{ConvNorm, weight};
use super::config::Encoder;
use super::encoder::Stages;
use crate::nn::{
    Norm3d, Steps, add_channel_bias, conv_transpose3d, conv3d, init_uniform_fan_in, relu,
    resize_linear3d,
};
use crate::plan::{Recorder, VolumeLayer, VolumeValue};
use candle_core::{Result, Tensor, bail};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

/// The ways back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decoder {
    /// Squeezes, enlarges by a transposed convolution, widens, adds the stage above.
    #[default]
    LinkNet,
    /// U-Net's: enlarges, puts the stage above beside it, two convolutions.
    #[serde(rename = "unet")]
    Concat,
    /// Brings all stages to one width, enlarges and sums them.
    Fpn,
    /// Enlarges the last stage alone.
    MedNet,
}

/// Width of a feature pyramid, and of MedicalNet's head.
const PYRAMID: usize = 32;

pub(super) enum Network {
    LinkNet { ups: Vec<Up>, head: Head },
    Concat { ups: Vec<[ConvNorm; 2]>, head: Head },
    Fpn { sides: Vec<ConvNorm>, head: Head },
    MedNet { up: Transposed, conv: ConvNorm, out: Biased },
}

impl Decoder {
    /// For stages of `encoder` and an output of so many channels.
    pub(super) fn build(
        self,
        encoder: &Encoder,
        out: usize,
        vb: &VarBuilder<'_>,
    ) -> Result<Network> {
        let norm = encoder.norm;
        let kind = (norm, 1.0, true);
        let mut widths = vec![encoder.base_channels];
        widths.extend(encoder.widths());
        let strides = encoder.stage_strides();
        // From the last stage to the first: its width, the width above it, its stride.
        let steps = || (0..strides.len()).rev().map(|i| (widths[i + 1], widths[i], strides[i]));
        let head = |width: usize| Head::new(encoder, width, out, &vb.pp("head"));
        let cubic = ([3; 3], Steps::same([3; 3]));
        Ok(match self {
            Self::LinkNet => {
                let up = |(j, (from, to, stride))| {
                    Up::new(from, to, stride, norm, &vb.pp(format!("up{j}")))
                };
                let ups = steps().enumerate().map(up).collect::<Result<_>>()?;
                Network::LinkNet { ups, head: head(widths[0])? }
            }
            Self::Concat => {
                let up = |(j, (from, to, _)): (usize, (usize, usize, [usize; 3]))| {
                    let vb = vb.pp(format!("up{j}"));
                    let first = ConvNorm::new((from + to, to), cubic, kind, &vb.pp("conv1"))?;
                    Ok([first, ConvNorm::new((to, to), cubic, kind, &vb.pp("conv2"))?])
                };
                let ups = steps().enumerate().map(up).collect::<Result<_>>()?;
                Network::Concat { ups, head: head(widths[0])? }
            }
            Self::Fpn => {
                let side = |(i, &width)| {
                    let point = ([1; 3], Steps::same([1; 3]));
                    ConvNorm::new((width, PYRAMID), point, kind, &vb.pp(format!("side{i}")))
                };
                let sides = widths.iter().enumerate().map(side).collect::<Result<_>>()?;
                Network::Fpn { sides, head: head(PYRAMID)? }
            }
            Self::MedNet => {
                let last = widths[widths.len() - 1];
                Network::MedNet {
                    up: Transposed::new((last, PYRAMID), [2; 3], [2; 3], &vb.pp("up"))?,
                    conv: ConvNorm::new((PYRAMID, PYRAMID), cubic, kind, &vb.pp("conv"))?,
                    out: Biased::new((PYRAMID, out), [1; 3], &vb.pp("out"))?,
                }
            }
        })
    }

    /// Multiplications of the whole way for a volume of so many voxels, of which the encoder makes
    /// stages `share` as large.
    pub(super) fn products(self, encoder: &Encoder, out: usize, voxels: f64) -> f64 {
        let size = |s: [usize; 3]| s.iter().product::<usize>() as f64;
        let [stem, pool] = encoder.stem_strides();
        let mut widths = vec![encoder.base_channels as f64];
        widths.extend(encoder.widths().iter().map(|&w| w as f64));
        let mut at = vec![voxels / size(stem) / size(pool)];
        for stride in encoder.stage_strides() {
            at.push(at[at.len() - 1] / size(stride));
        }
        let head = |w: f64| {
            let half = (w / 2.0).max(1.0);
            voxels / size(pool) * 27.0 * half * half
                + at[0] * 27.0 * w * half
                + voxels * half * out as f64
        };
        let up = |i: usize| -> f64 {
            let (from, to, q) = (widths[i + 1], widths[i], widths[i + 1] / 4.0);
            match self {
                Self::LinkNet => at[i + 1] * (from * q + 27.0 * q * q) + at[i] * q * to,
                Self::Concat => at[i] * 27.0 * to * (from + 2.0 * to),
                Self::Fpn | Self::MedNet => 0.0,
            }
        };
        let sides: f64 = at.iter().zip(&widths).map(|(n, w)| n * w * PYRAMID as f64).sum();
        let (p, last) = (PYRAMID as f64, at.len() - 1);
        match self {
            Self::LinkNet | Self::Concat => (0..last).map(up).sum::<f64>() + head(widths[0]),
            Self::Fpn => sides + head(p),
            Self::MedNet => 8.0 * at[last] * (widths[last] * p + 27.0 * p * p + p * out as f64),
        }
    }
}

impl Network {
    /// Logits `[B, out, D, H, W]` of volumes of `size`.
    pub(super) fn forward(&self, stages: &Stages, size: [usize; 3]) -> Result<Tensor> {
        let levels: Vec<&Tensor> = std::iter::once(&stages.stem).chain(&stages.outputs).collect();
        let last = levels[levels.len() - 1];
        let above = || levels.iter().rev().skip(1);
        match self {
            Self::LinkNet { ups, head } => {
                let mut x = last.clone();
                for (up, &skip) in ups.iter().zip(above()) {
                    x = (cropped(&up.forward(&x)?, skip)? + skip)?;
                }
                head.forward(&x, size)
            }
            Self::Concat { ups, head } => {
                let mut x = last.clone();
                for ([first, second], &skip) in ups.iter().zip(above()) {
                    let (_, _, d, h, w) = skip.dims5()?;
                    let beside = Tensor::cat(&[&resize_linear3d(&x, [d, h, w])?, skip], 1)?;
                    x = second.forward(&first.forward(&beside)?)?;
                }
                head.forward(&x, size)
            }
            Self::Fpn { sides, head } => {
                let mut x: Option<Tensor> = None;
                for (side, level) in sides.iter().zip(&levels).rev() {
                    let own = side.forward(level)?;
                    let (_, _, d, h, w) = own.dims5()?;
                    x = Some(match x {
                        Some(x) => (resize_linear3d(&x, [d, h, w])? + own)?,
                        None => own,
                    });
                }
                let Some(x) = x else { candle_core::bail!("a pyramid without stages") };
                head.forward(&x, size)
            }
            Self::MedNet { up, conv, out } => {
                let y = out.forward(&conv.forward(&relu(&up.forward(last)?)?)?)?;
                resize_linear3d(&y, size)
            }
        }
    }
}

impl Network {
    /// [`Self::forward`] as a plan, of levels from the stem on.
    ///
    /// # Errors
    /// If it is not LinkNet's, or a size is not a multiple of the strides.
    pub(super) fn record(&self, r: &mut Recorder, levels: &[VolumeValue]) -> Result<VolumeValue> {
        let (Self::LinkNet { ups, head }, Some(&last)) = (self, levels.last()) else {
            bail!("plan: only LinkNet's decoder is recorded");
        };
        let mut x = last;
        for (up, &skip) in ups.iter().zip(levels.iter().rev().skip(1)) {
            let wide = up.record(r, x)?;
            x = r.add(wide, skip, false)?;
        }
        head.record(r, x)
    }
}

/// `x` without what lies beyond the size of `like`.
fn cropped(x: &Tensor, like: &Tensor) -> Result<Tensor> {
    let mut x = x.clone();
    for axis in 2..5 {
        x = x.narrow(axis, 0, like.dim(axis)?)?;
    }
    Ok(x)
}

/// A step of LinkNet.
pub(super) struct Up {
    squeeze: ConvNorm,
    enlarge: Transposed,
    norm: Norm3d,
    widen: ConvNorm,
}

impl Up {
    fn new(
        from: usize,
        to: usize,
        stride: [usize; 3],
        norm: crate::nn::NormKind,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let middle = from / 4;
        let (kind, point) = ((norm, 1.0, true), ([1; 3], Steps::same([1; 3])));
        Ok(Self {
            squeeze: ConvNorm::new((from, middle), point, kind, &vb.pp("squeeze"))?,
            enlarge: Transposed::unbiased((middle, middle), [3; 3], stride, &vb.pp("enlarge"))?,
            norm: Norm3d::new(norm, middle, 1.0, &vb.pp("enlarge").pp("bn"))?,
            widen: ConvNorm::new((middle, to), point, kind, &vb.pp("widen"))?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.enlarge.forward(&self.squeeze.forward(x)?)?;
        self.widen.forward(&relu(&self.norm.forward(&x)?)?)
    }

    fn record(&self, r: &mut Recorder, x: VolumeValue) -> Result<VolumeValue> {
        let x = self.squeeze.record(r, x)?;
        let x = r.volume_conv(self.enlarge.layer(), x, Some(&self.norm), true)?;
        self.widen.record(r, x)
    }
}

/// From the first level to the volume: what the stem's stride and pool took is given back.
pub(super) struct Head {
    first: Transposed,
    norms: [Norm3d; 2],
    second: Biased,
    last: Transposed,
}

impl Head {
    fn new(encoder: &Encoder, width: usize, out: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let [stem, pool] = encoder.stem_strides();
        let half = (width / 2).max(1);
        let norm = |name: &str| Norm3d::new(encoder.norm, half, 1.0, &vb.pp(name).pp("bn"));
        Ok(Self {
            first: Transposed::new((width, half), [3; 3], stem, &vb.pp("first"))?,
            norms: [norm("first")?, norm("second")?],
            second: Biased::new((half, half), [3; 3], &vb.pp("second"))?,
            last: Transposed::new((half, out), pool, pool, &vb.pp("last"))?,
        })
    }

    fn forward(&self, x: &Tensor, [d, h, w]: [usize; 3]) -> Result<Tensor> {
        let x = relu(&self.norms[0].forward(&self.first.forward(x)?)?)?;
        let x = relu(&self.norms[1].forward(&self.second.forward(&x)?)?)?;
        let y = self.last.forward(&x)?;
        y.narrow(2, 0, d)?.narrow(3, 0, h)?.narrow(4, 0, w)
    }

    fn record(&self, r: &mut Recorder, x: VolumeValue) -> Result<VolumeValue> {
        let x = r.volume_conv(self.first.layer(), x, Some(&self.norms[0]), true)?;
        let x = r.volume_conv(self.second.layer(), x, Some(&self.norms[1]), true)?;
        r.volume_conv(self.last.layer(), x, None, false)
    }
}

/// A convolution that keeps the size, with bias.
pub(super) struct Biased {
    weight: Tensor,
    bias: Tensor,
    kernel: [usize; 3],
}

impl Biased {
    fn new((from, to): (usize, usize), kernel: [usize; 3], vb: &VarBuilder<'_>) -> Result<Self> {
        let vb = vb.pp("conv");
        let init = init_uniform_fan_in(from * kernel.iter().product::<usize>());
        let bias = vb.get_with_hints(to, "bias", init)?.reshape((1, to, 1, 1, 1))?;
        Ok(Self { weight: weight((to, from), kernel, &vb)?, bias, kernel })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        add_channel_bias(&conv3d(x, &self.weight, Steps::same(self.kernel))?, &self.bias)
    }

    fn layer(&self) -> VolumeLayer<'_> {
        VolumeLayer {
            weight: &self.weight,
            bias: Some(&self.bias),
            steps: Steps::same(self.kernel),
            transposed: None,
        }
    }
}

/// A transposed convolution that enlarges by its stride.
pub(super) struct Transposed {
    weight: Tensor,
    bias: Option<Tensor>,
    kernel: [usize; 3],
    stride: [usize; 3],
}

impl Transposed {
    fn unbiased(
        (from, to): (usize, usize),
        kernel: [usize; 3],
        stride: [usize; 3],
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let weight = weight((from, to), kernel, &vb.pp("conv"))?;
        Ok(Self { weight, bias: None, kernel, stride })
    }

    fn new(
        (from, to): (usize, usize),
        kernel: [usize; 3],
        stride: [usize; 3],
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let init = init_uniform_fan_in(to * kernel.iter().product::<usize>());
        let bias = vb.pp("conv").get_with_hints(to, "bias", init)?.reshape((1, to, 1, 1, 1))?;
        Ok(Self { bias: Some(bias), ..Self::unbiased((from, to), kernel, stride, vb)? })
    }

    /// Padding, and how much longer than the least the output is: an axis of n becomes n · stride.
    fn padding(&self) -> ([usize; 3], [usize; 3]) {
        if self.kernel == self.stride {
            return ([0; 3], [0; 3]);
        }
        let pad = self.kernel.map(|k| k.saturating_sub(1) / 2);
        // Kernels of 3 need one more voxel at the end of strided axes, kernels as long as the stride
        // none.
        let more = |a: usize| (self.stride[a] + 2 * pad[a]).saturating_sub(self.kernel[a]);
        (pad, std::array::from_fn(more))
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (pad, more) = self.padding();
        let y = conv_transpose3d(x, &self.weight, self.stride, pad, more)?;
        match &self.bias {
            Some(bias) => add_channel_bias(&y, bias),
            None => Ok(y),
        }
    }

    fn layer(&self) -> VolumeLayer<'_> {
        let (pad, more) = self.padding();
        VolumeLayer {
            weight: &self.weight,
            bias: self.bias.as_ref(),
            steps: Steps { stride: self.stride, pad, dilation: [1; 3] },
            transposed: Some(more),
        }
    }
}
