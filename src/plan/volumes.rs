//! How networks of volumes record their operations. Triples are depth, height, width.

use super::op::{Buffer, Norm, Op, Sets};
use super::recorder::Recorder;
use super::volume_op::{Add, VolumeConv, VolumePool};
use super::weights::Use;
use crate::nn::{Norm3d, Steps};
use candle_core::{Result, Tensor, bail};

/// What an operation on a volume gives.
#[derive(Clone, Copy, Debug)]
pub struct VolumeValue {
    pub buffer: Buffer,
    pub channels: usize,
    pub size: [usize; 3],
}

impl VolumeValue {
    pub fn len(&self) -> usize {
        self.channels * self.size.iter().product::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A convolution: its weight `[co, ci, kernel]`, transposed `[ci, co, kernel]`.
#[derive(Clone, Copy)]
pub struct VolumeLayer<'a> {
    pub weight: &'a Tensor,
    pub bias: Option<&'a Tensor>,
    pub steps: Steps,
    pub transposed: Option<[usize; 3]>,
}

impl Recorder {
    fn volume(&mut self, channels: usize, size: [usize; 3]) -> VolumeValue {
        let buffer = self.buffer(channels * size.iter().product::<usize>());
        VolumeValue { buffer, channels, size }
    }

    /// A volume that is written from outside.
    pub fn volume_input(&mut self, channels: usize, size: [usize; 3]) -> VolumeValue {
        let value = self.volume(channels, size);
        self.keep(value.buffer);
        value
    }

    /// A convolution, normalised, then ReLU. Norms whose statistics are known are part of it.
    ///
    /// # Errors
    /// If the sizes do not fit.
    pub fn volume_conv(
        &mut self,
        layer: VolumeLayer<'_>,
        x: VolumeValue,
        norm: Option<&Norm3d>,
        relu: bool,
    ) -> Result<VolumeValue> {
        let (a, b, kd, kh, kw) = layer.weight.dims5()?;
        let (ci, co) = if layer.transposed.is_some() { (a, b) } else { (b, a) };
        let (kernel, steps) = ([kd, kh, kw], layer.steps);
        let output = side(layer, x.size, kernel)?;
        if ci != x.channels {
            bail!("plan: a convolution of {ci} channels on {} of a volume", x.channels);
        }
        let role = Use::Volume { transposed: layer.transposed.is_some() };
        let fixed = norm.and_then(Norm3d::fixed);
        let (weight, bias) = match fixed {
            None => {
                let weight = self.weight(&[layer.weight], role, "", || Ok(layer.weight.clone()))?;
                (weight, layer.bias.map(|b| self.plain(b)).transpose()?)
            }
            Some((scale, shift)) => {
                let weight = self.weight(&[layer.weight, scale], role, "normed", || {
                    let along = if layer.transposed.is_some() { 1 } else { 0 };
                    let mut shape = [1; 5];
                    shape[along] = co;
                    layer.weight.broadcast_mul(&scale.reshape(&shape[..])?)
                })?;
                let known: Vec<&Tensor> =
                    [Some(shift), Some(scale), layer.bias].into_iter().flatten().collect();
                let bias = self.weight(&known, Use::Plain, "normed", || match layer.bias {
                    None => Ok(shift.clone()),
                    Some(bias) => {
                        (bias.flatten_all()? * scale.flatten_all()?)? + shift.flatten_all()?
                    }
                })?;
                (weight, Some(bias))
            }
        };
        let y = self.volume(co, output);
        let groups = norm.and_then(Norm3d::groups);
        self.push(Op::VolumeConv(VolumeConv {
            x: x.buffer,
            y: y.buffer,
            weight,
            bias,
            channels: [ci, co],
            input: x.size,
            output,
            kernel,
            steps,
            transposed: layer.transposed,
            relu: relu && groups.is_none(),
        }));
        let Some((gamma, beta, groups)) = groups else { return Ok(y) };
        let (gamma, beta) = (self.plain(gamma)?, self.plain(beta)?);
        let normed = self.volume(co, output);
        self.push(Op::Norm(Norm {
            x: y.buffer,
            y: normed.buffer,
            gamma,
            beta,
            modulation: None,
            sets: Sets::Groups { groups, run: output.iter().product() },
            batch: 1,
            channels: co,
            silu: false,
            relu,
        }));
        Ok(normed)
    }

    /// The largest voxels under a kernel.
    ///
    /// # Errors
    /// If the kernel does not fit, or would lie outside alone.
    pub fn volume_pool(
        &mut self,
        x: VolumeValue,
        kernel: [usize; 3],
        stride: [usize; 3],
        pad: [usize; 3],
    ) -> Result<VolumeValue> {
        let fits = |a: usize| {
            let room = x.size[a] + 2 * pad[a];
            stride[a] > 0 && kernel[a] > 0 && room >= kernel[a] && 2 * pad[a] <= kernel[a]
        };
        if !(0..3).all(fits) {
            bail!("plan: pooling of {:?} by {kernel:?}, {stride:?}, {pad:?}", x.size);
        }
        let output = std::array::from_fn(|a| (x.size[a] + 2 * pad[a] - kernel[a]) / stride[a] + 1);
        let y = self.volume(x.channels, output);
        let (channels, input) = (x.channels, x.size);
        let (x, to) = (x.buffer, y.buffer);
        self.push(Op::VolumePool(VolumePool {
            x,
            y: to,
            channels,
            input,
            output,
            kernel,
            stride,
            pad,
        }));
        Ok(y)
    }

    /// Both together, then ReLU if wanted.
    ///
    /// # Errors
    /// If they are of different sizes.
    pub fn add(&mut self, x: VolumeValue, other: VolumeValue, relu: bool) -> Result<VolumeValue> {
        if (x.channels, x.size) != (other.channels, other.size) {
            bail!("plan: {other:?} added to {x:?}");
        }
        let y = self.volume(x.channels, x.size);
        let (add, len) = (other.buffer, x.len());
        self.push(Op::Add(Add { x: x.buffer, add, y: y.buffer, len, relu }));
        Ok(y)
    }
}

/// The size that a layer makes of a size.
fn side(layer: VolumeLayer<'_>, input: [usize; 3], kernel: [usize; 3]) -> Result<[usize; 3]> {
    let Steps { stride, pad, dilation } = layer.steps;
    let mut output = [0; 3];
    for a in 0..3 {
        let reach = dilation[a] * kernel[a].saturating_sub(1) + 1;
        let long = match layer.transposed {
            None => (input[a] + 2 * pad[a]).checked_sub(reach).map(|n| n / stride[a].max(1) + 1),
            Some(more) => (input[a].saturating_sub(1) * stride[a] + reach + more[a])
                .checked_sub(2 * pad[a])
                .filter(|&n| n > 0),
        };
        let Some(long) = long.filter(|_| stride[a] > 0 && input[a] > 0) else {
            bail!("plan: a convolution of {input:?} by {kernel:?}, {:?}", layer.steps);
        };
        output[a] = long;
    }
    Ok(output)
}
