//! 3-D convolution and its transpose, `[B, C, D, H, W]`: 3x3x3 and 1x3x3 "same" kernels by
//! [`super::winograd3d`], long ones by [`super::direct3d`], all others by [`super::columns3d`].
//!
//! The transposed convolution is the input gradient of the convolution with the same weights, and
//! the other way round, so that both share three functions.

use super::columns3d::{self, Sizes};
use super::direct3d;
use super::element::{Real, by_type};
use super::winograd_kernels::{Kernels, Winograd};
use super::winograd3d;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

/// How a kernel goes over a volume; depth, height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    pub stride: [usize; 3],
    pub pad: [usize; 3],
    pub dilation: [usize; 3],
}

impl Steps {
    /// One voxel at a time, zeros round the volume so that its size stays.
    pub fn same(kernel: [usize; 3]) -> Self {
        Self { stride: [1; 3], pad: kernel.map(|k| k / 2), dilation: [1; 3] }
    }

    /// The same with strides.
    #[must_use]
    pub fn by(self, stride: [usize; 3]) -> Self {
        Self { stride, ..self }
    }
}

/// Cross-correlation as `torch.nn.functional.conv3d`: `x` `[B, Cin, D, H, W]`, `weight` `[Cout, Cin,
/// kd, kh, kw]`, zero padding, no bias; gives `[B, Cout, D', H', W']`.
///
/// # Errors
/// If the shapes do not fit together.
pub fn conv3d(x: &Tensor, weight: &Tensor, steps: Steps) -> Result<Tensor> {
    if !super::fused(x) {
        return plain::conv3d(x, weight, steps);
    }
    x.contiguous()?.apply_op2(&weight.contiguous()?, Conv3d(steps))
}

/// As `torch.nn.functional.conv_transpose3d` with dilation 1: `x` `[B, Cin, D, H, W]`, `weight`
/// `[Cin, Cout, kd, kh, kw]`; an axis of n becomes (n - 1)·stride - 2·pad + kernel + `more`.
///
/// # Errors
/// If the shapes do not fit together.
pub fn conv_transpose3d(
    x: &Tensor,
    weight: &Tensor,
    stride: [usize; 3],
    pad: [usize; 3],
    more: [usize; 3],
) -> Result<Tensor> {
    let op = Transposed { steps: Steps { stride, pad, dilation: [1; 3] }, more };
    if !super::fused(x) {
        return plain::transposed(x, weight, &op);
    }
    x.contiguous()?.apply_op2(&weight.contiguous()?, op)
}

#[derive(Clone, Copy)]
pub(super) struct Conv3d(pub(super) Steps);

#[derive(Clone, Copy)]
struct Transposed {
    steps: Steps,
    more: [usize; 3],
}

/// Sizes of a convolution from a volume to a volume, if it leads there.
fn sizes(steps: Steps, x: &Shape, k: &Shape) -> Result<Sizes> {
    let (&[b, ci, d, h, w], &[co, ki, kd, kh, kw]) = (x.dims(), k.dims()) else {
        bail!("conv3d: input {x:?} and kernel {k:?}, expected five axes each");
    };
    let Steps { stride, pad, dilation } = steps;
    let (input, kernel) = ([d, h, w], [kd, kh, kw]);
    let mut output = [0; 3];
    for a in 0..3 {
        let reach = dilation[a] * kernel[a].saturating_sub(1) + 1;
        let room = input[a] + 2 * pad[a];
        let good = kernel[a] > 0 && stride[a] > 0 && dilation[a] > 0 && input[a] > 0;
        if !good || room < reach || ci != ki || ci == 0 {
            bail!("conv3d: input {x:?}, kernel {k:?}, {steps:?} do not fit");
        }
        output[a] = (room - reach) / stride[a] + 1;
    }
    Ok(Sizes { b, ci, co, input, kernel, output, stride, pad, dilation })
}

impl Transposed {
    /// Sizes of the convolution that goes back from the output to `x`.
    fn sizes(&self, x: &Shape, k: &Shape) -> Result<Sizes> {
        let (&[b, ci, d, h, w], &[ki, co, kd, kh, kw]) = (x.dims(), k.dims()) else {
            bail!("conv_transpose3d: input {x:?} and kernel {k:?}, expected five axes each");
        };
        let (output, kernel) = ([d, h, w], [kd, kh, kw]);
        let Steps { stride, pad, dilation } = self.steps;
        let mut input = [0; 3];
        for a in 0..3 {
            let grown = output[a].saturating_sub(1) * stride[a] + kernel[a] + self.more[a];
            let good = stride[a] > 0 && kernel[a] > 0 && output[a] > 0 && self.more[a] < stride[a];
            if !good || ci != ki || grown <= 2 * pad[a] {
                let (steps, more) = (self.steps, self.more);
                bail!(
                    "conv_transpose3d: input {x:?}, kernel {k:?}, {steps:?}, {more:?} do not fit"
                );
            }
            input[a] = grown - 2 * pad[a];
        }
        Ok(Sizes { b, ci: co, co: ci, input, kernel, output, stride, pad, dilation })
    }
}

/// Sizes and kernels for [`winograd3d`], where it pays.
fn winograd<T: Winograd>(s: &Sizes) -> Option<(winograd3d::Sizes, Kernels<T>)> {
    let [kd, kh, kw] = s.kernel;
    let [d, h, w] = s.input;
    let own = winograd3d::Sizes { b: s.b, ci: s.ci, co: s.co, d, h, w, kd };
    let kind = [1, 3].contains(&kd) && [kh, kw] == [3; 2] && s.dilation == [1; 3];
    let same = s.stride == [1; 3] && s.pad == [kd / 2, 1, 1];
    (kind && same && own.pay()).then(T::kernels).flatten().map(|kernels| (own, kernels))
}

/// Kernels for [`direct3d`], where it pays.
fn direct<T: Winograd>(s: &Sizes) -> Option<Kernels<T>> {
    direct3d::pays(s).then(T::kernels).flatten()
}

fn forward<T: Winograd>(x: &[T], k: &[T], s: &Sizes) -> Vec<T> {
    match winograd(s) {
        Some((own, kernels)) => winograd3d::convolve(x, k, own, &kernels),
        None => match direct::<T>(s) {
            Some(kernels) => direct3d::forward(x, k, s, &kernels),
            None => columns3d::forward(x, k, s),
        },
    }
}

fn weight_gradient<T: Winograd>(x: &[T], dy: &[T], s: &Sizes) -> Vec<T> {
    match winograd(s) {
        Some((own, kernels)) => winograd3d::weight_gradient(x, dy, own, &kernels),
        None => match direct::<T>(s) {
            Some(kernels) => direct3d::weight_gradient(x, dy, s, &kernels),
            None => columns3d::weight_gradient(x, dy, s),
        },
    }
}

fn input_gradient<T: Winograd>(dy: &[T], k: &[T], s: &Sizes) -> Vec<T> {
    let reach: [usize; 3] = std::array::from_fn(|a| s.dilation[a] * (s.kernel[a] - 1));
    if s.stride == [1; 3] && reach == s.pad.map(|p| 2 * p) {
        let back = Sizes { ci: s.co, co: s.ci, ..*s };
        return forward(dy, &flipped(k, s), &back);
    }
    columns3d::input_gradient(dy, k, s)
}

/// Kernels `[co, ci, ..]` as `[ci, co, ..]`, each read backwards.
fn flipped<T: Real>(k: &[T], s: &Sizes) -> Vec<T> {
    let taps = s.taps();
    let mut out = Vec::with_capacity(k.len());
    for i in 0..s.ci {
        for o in 0..s.co {
            out.extend(k[(o * s.ci + i) * taps..][..taps].iter().rev());
        }
    }
    out
}

/// One of the three functions of a convolution, from two tensors to one.
struct Part {
    name: &'static str,
    sizes: Sizes,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Forward,
    InputGradient,
    WeightGradient,
}

impl Part {
    /// On two tensors that may be computed with no further.
    fn on(name: &'static str, what: What, sizes: Sizes, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        a.contiguous()?.apply_op2_no_bwd(&b.contiguous()?, &Self { name, sizes, what })
    }
}

impl CustomOp2 for Part {
    fn name(&self) -> &'static str {
        self.name
    }
    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Winograd>(
            (a, la): (&CpuStorage, &Layout),
            (b, lb): (&CpuStorage, &Layout),
            part: &Part,
        ) -> Result<CpuStorage> {
            let (a, b, s) = (T::slice(a, la)?, T::slice(b, lb)?, &part.sizes);
            Ok(T::storage(match part.what {
                What::Forward => forward(a, b, s),
                What::InputGradient => input_gradient(a, b, s),
                What::WeightGradient => weight_gradient(a, b, s),
            }))
        }
        let s = &self.sizes;
        let volume = |c: usize, [d, h, w]: [usize; 3]| Shape::from(vec![s.b, c, d, h, w]);
        let [kd, kh, kw] = s.kernel;
        let shape = match self.what {
            What::Forward => volume(s.co, s.output),
            What::InputGradient => volume(s.ci, s.input),
            What::WeightGradient => Shape::from(vec![s.co, s.ci, kd, kh, kw]),
        };
        Ok((by_type!(a, self.name, run((a, la), (b, lb), self))?, shape))
    }
}

/// `f` of a tensor that needs a gradient.
fn wanted(t: &Tensor, f: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
    t.track_op().then(f).transpose()
}

impl CustomOp2 for Conv3d {
    fn name(&self) -> &'static str {
        "conv3d"
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        k: &CpuStorage,
        lk: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = sizes(self.0, lx.shape(), lk.shape())?;
        Part { name: self.name(), sizes, what: What::Forward }.cpu_fwd(x, lx, k, lk)
    }
    fn bwd(
        &self,
        x: &Tensor,
        k: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let s = sizes(self.0, x.shape(), k.shape())?;
        let (input, weight) = ("conv3d-input-gradient", "conv3d-weight-gradient");
        Ok((
            wanted(x, || Part::on(input, What::InputGradient, s, dy, k))?,
            wanted(k, || Part::on(weight, What::WeightGradient, s, x, dy))?,
        ))
    }
}

impl CustomOp2 for Transposed {
    fn name(&self) -> &'static str {
        "conv-transpose3d"
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        k: &CpuStorage,
        lk: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = self.sizes(lx.shape(), lk.shape())?;
        Part { name: self.name(), sizes, what: What::InputGradient }.cpu_fwd(x, lx, k, lk)
    }
    fn bwd(
        &self,
        x: &Tensor,
        k: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let s = self.sizes(x.shape(), k.shape())?;
        let (input, weight) =
            ("conv-transpose3d-input-gradient", "conv-transpose3d-weight-gradient");
        Ok((
            wanted(x, || Part::on(input, What::Forward, s, dy, k))?,
            wanted(k, || Part::on(weight, What::WeightGradient, s, dy, x))?,
        ))
    }
}

/// The same in plain tensor operations, for other devices and as the reference of the tests.
pub(super) mod plain {
    use super::{Steps, Transposed, sizes};
    use candle_core::{Result, Tensor};

    /// Each tap's voxels, multiplied by its weights, summed.
    pub(in super::super) fn conv3d(x: &Tensor, weight: &Tensor, steps: Steps) -> Result<Tensor> {
        let s = sizes(steps, x.shape(), weight.shape())?;
        let mut padded = x.clone();
        for a in 0..3 {
            padded = padded.pad_with_zeros(a + 2, s.pad[a], s.pad[a])?;
        }
        let pick = |x: &Tensor, a: usize, k: usize| -> Result<Tensor> {
            let at = |o: usize| (o * s.stride[a] + k * s.dilation[a]) as u32;
            let places: Vec<u32> = (0..s.output[a]).map(at).collect();
            let x = x.contiguous()?;
            x.index_select(&Tensor::from_vec(places, s.output[a], x.device())?, a + 2)
        };
        let (n, [kd, kh, kw], [d, h, w]) = (s.outputs(), s.kernel, s.output);
        let weight = weight.reshape((s.co, s.ci, s.taps()))?;
        let mut sum = None;
        for z in 0..kd {
            let slices = pick(&padded, 0, z)?;
            for y in 0..kh {
                let rows = pick(&slices, 1, y)?;
                for x in 0..kw {
                    let voxels = pick(&rows, 2, x)?.reshape((s.b, s.ci, n))?;
                    let tap = weight.narrow(2, (z * kh + y) * kw + x, 1)?.squeeze(2)?;
                    let part = tap.unsqueeze(0)?.broadcast_matmul(&voxels)?;
                    sum = Some(match sum {
                        None => part,
                        Some(sum) => (sum + part)?,
                    });
                }
            }
        }
        match sum {
            Some(sum) => sum.reshape(vec![s.b, s.co, d, h, w]),
            None => candle_core::bail!("conv3d: a kernel without taps"),
        }
    }

    /// Zeros between the voxels, then a convolution with the kernel read backwards.
    pub(super) fn transposed(x: &Tensor, weight: &Tensor, op: &Transposed) -> Result<Tensor> {
        let s = op.sizes(x.shape(), weight.shape())?;
        let mut wide = x.clone();
        for a in 0..3 {
            let axis = a + 2;
            let mut shape = wide.dims().to_vec();
            shape[axis] *= s.stride[a];
            wide = wide.unsqueeze(axis + 1)?.pad_with_zeros(axis + 1, 0, s.stride[a] - 1)?;
            wide = wide.reshape(shape)?;
            // The zeros after the last voxel count as padding.
            let (left, right) = (s.kernel[a] - 1, s.kernel[a] - 1 + op.more[a]);
            wide = wide.narrow(axis, 0, wide.dim(axis)? + 1 - s.stride[a])?;
            wide = wide.pad_with_zeros(axis, left, right)?;
            let length = s.input[a] + s.kernel[a] - 1;
            wide = wide.narrow(axis, s.pad[a], length)?;
        }
        let kernel = weight.transpose(0, 1)?.contiguous()?.flip(&[2, 3, 4])?;
        conv3d(&wide, &kernel, Steps { stride: [1; 3], pad: [0; 3], dilation: [1; 3] })
    }
}

#[cfg(test)]
#[path = "conv3d_tests.rs"]
mod tests;
