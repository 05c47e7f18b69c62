//! 2-D convolution away from the CPU. The forward pass is candle's; its input gradient is a plain
//! kernel that takes most of a training step, and fails for odd sizes at stride 2. Here the input
//! gradient is a convolution too, and the weight gradient one matrix product.

use super::device::with_gradient;
use candle_core::{Result, Shape, Tensor};

/// As [`super::conv2d`] on any device (on Metal with candle's own gradient).
pub(super) fn conv2d(
    x: &Tensor,
    k: &Tensor,
    bias: &Tensor,
    stride: usize,
    pad: usize,
) -> Result<Tensor> {
    let wide = |b: &Tensor| b.reshape((1, b.elem_count(), 1, 1));
    if x.device().is_metal() {
        return x.conv2d(k, pad, stride, 1, 1)?.broadcast_add(&wide(bias)?);
    }
    let (x0, k0) = (x.detach(), k.detach());
    let y = x0.conv2d(&k0, pad, stride, 1, 1)?.broadcast_add(&wide(&bias.detach())?)?;
    let (conv, image) = (Conv { stride, pad }, x.track_op());
    with_gradient(y, [x, k, bias], move |dy| {
        // The picture itself needs none.
        let dx = if image { conv.input_gradient(x0.shape(), &k0, dy)? } else { x0.zeros_like()? };
        Ok([dx, conv.weight_gradient(&x0, k0.shape(), dy)?, dy.sum((0, 2, 3))?])
    })
}

#[derive(Clone, Copy)]
struct Conv {
    stride: usize,
    pad: usize,
}

impl Conv {
    /// The convolution of the output's gradient, `stride - 1` zeros between its elements, with the
    /// kernel turned by 180 degrees.
    fn input_gradient(self, x: &Shape, k: &Tensor, dy: &Tensor) -> Result<Tensor> {
        let ((b, _, h, w), (_, _, kh, kw)) = (x.dims4()?, k.dims4()?);
        let (_, co, oh, ow) = dy.dims4()?;
        let s = self.stride;
        let mut spread = dy.clone();
        if s > 1 {
            spread = dy.reshape((b, co, oh, 1, ow, 1))?;
            spread = spread.pad_with_zeros(3, 0, s - 1)?.pad_with_zeros(5, 0, s - 1)?;
            spread = spread.reshape((b, co, oh * s, ow * s))?;
            spread = spread.narrow(2, 0, (oh - 1) * s + 1)?.narrow(3, 0, (ow - 1) * s + 1)?;
        }
        // As much round it as makes the result the input's size; a kernel smaller than the padding
        // never saw the outermost gradient.
        for (axis, size, kernel) in [(2, h, kh), (3, w, kw)] {
            let have = spread.dim(axis)?;
            let before = kernel as isize - 1 - self.pad as isize;
            let after = (size + kernel - 1) as isize - before - have as isize;
            let cut = |n: isize| n.min(0).unsigned_abs();
            let kept = have - cut(before) - cut(after);
            spread = spread.narrow(axis, cut(before), kept)?;
            spread = spread.pad_with_zeros(axis, before.max(0) as usize, after.max(0) as usize)?;
        }
        let turned = k.contiguous()?.flip(&[2, 3])?.transpose(0, 1)?.contiguous()?;
        spread.contiguous()?.conv2d(&turned, 0, 1, 1, 1)
    }

    /// The product of the output's gradient `[Cout, B·H'·W']` with the shifted inputs, one per tap.
    fn weight_gradient(self, x: &Tensor, k: &Shape, dy: &Tensor) -> Result<Tensor> {
        let (co, ci, kh, kw) = k.dims4()?;
        let (b, _, oh, ow) = dy.dims4()?;
        if self.stride > 1 {
            let (x, dy) = (x.transpose(0, 1)?, dy.transpose(0, 1)?);
            let all = x.contiguous()?.conv2d(&dy.contiguous()?, self.pad, 1, self.stride, 1)?;
            return all.narrow(2, 0, kh)?.narrow(3, 0, kw)?.transpose(0, 1)?.contiguous();
        }
        let (p, n) = (self.pad, b * oh * ow);
        let x = x.transpose(0, 1)?.pad_with_zeros(2, p, p)?.pad_with_zeros(3, p, p)?;
        let mut taps = Vec::with_capacity(kh * kw);
        for ky in 0..kh {
            for kx in 0..kw {
                let shifted = x.narrow(2, ky, oh)?.narrow(3, kx, ow)?;
                taps.push(shifted.contiguous()?.reshape((ci, n))?);
            }
        }
        let columns = Tensor::cat(&taps, 0)?;
        let dy = dy.transpose(0, 1)?.contiguous()?.reshape((co, n))?;
        let sums = dy.matmul(&columns.t()?)?.reshape((co, kh, kw, ci))?;
        sums.permute((0, 3, 1, 2))?.contiguous()
    }
}

#[cfg(test)]
mod tests {
    use super::super::conv::tests::CASES;
    use super::super::gradcheck::{check, close, noise};
    use super::*;

    #[test]
    fn the_device_convolution_has_the_gradient_of_differences_and_of_the_fused_one() {
        for [b, ci, co, h, w, kh, kw, stride, pad] in CASES {
            let shapes = [vec![b, ci, h, w], vec![co, ci, kh, kw], vec![co]];
            let [x, k, bias] = [0, 1, 2].map(|i| noise(&shapes[i], i as u64));
            let fused = super::super::conv2d(&x, &k, &bias, stride, pad).unwrap();
            close(&conv2d(&x, &k, &bias, stride, pad).unwrap(), &fused, 1e-12);
            check(&shapes, |v| conv2d(&v[0], &v[1], &v[2], stride, pad));
        }
    }
}
