//! Nearest x2 upsampling (candle's gradient overwrites what other users of the same tensor send
//! back), pixel shuffling, and the transposed convolution that is made of it.

use super::element::{Real, by_type};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

/// Each pixel of `[B, C, H, W]` becomes four: `[B, C, 2H, 2W]`.
///
/// # Errors
/// If `x` does not have four axes.
pub fn upsample_nearest2x(x: &Tensor) -> Result<Tensor> {
    let (b, c, h, w) = x.dims4()?;
    if !super::fused(x) {
        let y = x.reshape((b, c, h, 1, w, 1))?.broadcast_as((b, c, h, 2, w, 2))?;
        return y.contiguous()?.reshape((b, c, 2 * h, 2 * w));
    }
    x.contiguous()?.apply_op1(Nearest2x)
}

/// `[B, C, H, W]` to `[B, C·r², H/r, W/r]`, channels ordered as PyTorch's `PixelUnshuffle`.
///
/// # Errors
/// If `r` does not divide both sides.
pub fn pixel_unshuffle(x: &Tensor, r: usize) -> Result<Tensor> {
    let (b, c, h, w) = x.dims4()?;
    if r == 0 || h % r != 0 || w % r != 0 {
        bail!("pixel_unshuffle: {h}x{w} is not a multiple of {r}");
    }
    if super::fused(x) {
        return x.contiguous()?.apply_op1(Shuffle { r, pack: true });
    }
    let x = x.reshape((b, c, h / r, r, w / r, r))?.permute((0, 1, 3, 5, 2, 4))?;
    x.contiguous()?.reshape((b, c * r * r, h / r, w / r))
}

/// The inverse of [`pixel_unshuffle`].
///
/// # Errors
/// If the channels are not a multiple of `r²`.
pub fn pixel_shuffle(x: &Tensor, r: usize) -> Result<Tensor> {
    let (b, c, h, w) = x.dims4()?;
    if r == 0 || c % (r * r) != 0 {
        bail!("pixel_shuffle: {c} channels are not a multiple of {r}²");
    }
    if super::fused(x) {
        return x.contiguous()?.apply_op1(Shuffle { r, pack: false });
    }
    let x = x.reshape((b, c / (r * r), r, r, h, w))?.permute((0, 1, 4, 2, 5, 3))?;
    x.contiguous()?.reshape((b, c / (r * r), h * r, w * r))
}

/// Transposed convolution with kernel 2 and stride 2: `x` `[B, Cin, H, W]`, `weight`
/// `[Cin, Cout, 2, 2]` and `bias` `[Cout]` as in PyTorch; gives `[B, Cout, 2H, 2W]`. Each output
/// pixel sees one tap, so it is a pointwise convolution to four times the channels, shuffled.
///
/// # Errors
/// If the shapes do not fit together.
pub fn up_conv2x2(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (taps, bias) = taps(weight, bias)?;
    pixel_shuffle(&super::conv2d(x, &taps, &bias, 1, 0)?, 2)
}

/// Weight and bias of that pointwise convolution, `[4·Cout, Cin, 1, 1]` and `[4·Cout]`.
///
/// # Errors
/// If the kernel is not of 2x2.
pub fn taps(weight: &Tensor, bias: &Tensor) -> Result<(Tensor, Tensor)> {
    let (ci, co, kh, kw) = weight.dims4()?;
    if (kh, kw) != (2, 2) {
        bail!("up_conv2x2: a kernel of {kh}x{kw}");
    }
    let taps = weight.permute((1, 2, 3, 0))?.contiguous()?.reshape((4 * co, ci, 1, 1))?;
    let bias = bias.reshape((co, 1))?.broadcast_as((co, 4))?.contiguous()?.reshape(4 * co)?;
    Ok((taps, bias))
}

/// Pixels to channels (`pack`), or back; each is the other's gradient.
#[derive(Clone, Copy)]
struct Shuffle {
    r: usize,
    pack: bool,
}

impl CustomOp1 for Shuffle {
    fn name(&self) -> &'static str {
        "pixel-shuffle"
    }
    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> Result<(CpuStorage, Shape)> {
        /// Of one wide plane `[r·h, r·w]` and its `r²` narrow ones `[h, w]`.
        fn run<T: Real>(
            (x, lx): (&CpuStorage, &Layout),
            (h, w): (usize, usize),
            Shuffle { r, pack }: Shuffle,
        ) -> Result<CpuStorage> {
            let x = T::slice(x, lx)?;
            let mut out = vec![T::default(); x.len()];
            let set = r * r * h * w;
            out.par_chunks_mut(set).zip(x.par_chunks(set)).for_each(|(out, x)| {
                for i in 0..r {
                    for j in 0..r {
                        for y in 0..h {
                            let narrow = ((i * r + j) * h + y) * w;
                            let wide = (y * r + i) * w * r + j;
                            for k in 0..w {
                                let (to, from) = if pack {
                                    (narrow + k, wide + k * r)
                                } else {
                                    (wide + k * r, narrow + k)
                                };
                                out[to] = x[from];
                            }
                        }
                    }
                }
            });
            Ok(T::storage(out))
        }
        let ((b, c, h, w), r) = (lx.shape().dims4()?, self.r);
        let (narrow, shape) = if self.pack {
            ((h / r, w / r), (b, c * r * r, h / r, w / r))
        } else {
            ((h, w), (b, c / (r * r), h * r, w * r))
        };
        Ok((by_type!(x, self.name(), run((x, lx), narrow, *self))?, shape.into()))
    }
    fn bwd(&self, _x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let back = Self { pack: !self.pack, ..*self };
        Ok(Some(dy.contiguous()?.apply_op1_no_bwd(&back)?))
    }
}

struct Nearest2x;
struct Nearest2xGradient;

impl CustomOp1 for Nearest2x {
    fn name(&self) -> &'static str {
        "upsample-nearest2x"
    }
    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(x: &CpuStorage, lx: &Layout, w: usize) -> Result<CpuStorage> {
            let x = T::slice(x, lx)?;
            let mut out = vec![T::default(); 4 * x.len()];
            out.par_chunks_mut(4 * w).with_min_len(16).zip(x.par_chunks(w)).for_each(|(o, x)| {
                let (upper, lower) = o.split_at_mut(2 * w);
                for (pair, &v) in upper.chunks_exact_mut(2).zip(x) {
                    pair.fill(v);
                }
                lower.copy_from_slice(upper);
            });
            Ok(T::storage(out))
        }
        let (b, c, h, w) = lx.shape().dims4()?;
        Ok((by_type!(x, self.name(), run(x, lx, w))?, (b, c, 2 * h, 2 * w).into()))
    }
    fn bwd(&self, _x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(dy.contiguous()?.apply_op1_no_bwd(&Nearest2xGradient)?))
    }
}

impl CustomOp1 for Nearest2xGradient {
    fn name(&self) -> &'static str {
        "upsample-nearest2x-gradient"
    }
    fn cpu_fwd(&self, dy: &CpuStorage, ld: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(dy: &CpuStorage, ld: &Layout, w: usize) -> Result<CpuStorage> {
            let dy = T::slice(dy, ld)?;
            let mut out = vec![T::default(); dy.len() / 4];
            out.par_chunks_mut(w).with_min_len(16).zip(dy.par_chunks(4 * w)).for_each(|(o, d)| {
                let (upper, lower) = d.split_at(2 * w);
                for (i, o) in o.iter_mut().enumerate() {
                    *o = upper[2 * i] + upper[2 * i + 1] + lower[2 * i] + lower[2 * i + 1];
                }
            });
            Ok(T::storage(out))
        }
        let (b, c, h, w) = ld.shape().dims4()?;
        Ok((by_type!(dy, self.name(), run(dy, ld, w / 2))?, (b, c, h / 2, w / 2).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::*;

    #[test]
    fn nearest2x_matches_broadcasting_and_differences() {
        let x = noise(&[2, 3, 5, 4], 1);
        let reference = x.reshape((2, 3, 5, 1, 4, 1)).unwrap();
        let reference = reference.broadcast_as((2, 3, 5, 2, 4, 2)).unwrap();
        let reference = reference.contiguous().unwrap().reshape((2, 3, 10, 8)).unwrap();
        close(&upsample_nearest2x(&x).unwrap(), &reference, 0.0);
        check(&[vec![2, 3, 5, 4]], |v| upsample_nearest2x(&v[0]));
    }

    #[test]
    fn a_transposed_convolution_is_candles_and_matches_differences() {
        let shapes = [vec![2, 3, 4, 5], vec![3, 2, 2, 2], vec![2]];
        let v: Vec<Tensor> = (0..3).map(|i| noise(&shapes[i], i as u64)).collect();
        let candle = v[0].conv_transpose2d(&v[1], 0, 0, 2, 1).unwrap();
        let candle = candle.broadcast_add(&v[2].reshape((1, 2, 1, 1)).unwrap()).unwrap();
        close(&up_conv2x2(&v[0], &v[1], &v[2]).unwrap(), &candle, 1e-14);
        check(&shapes, |v| up_conv2x2(&v[0], &v[1], &v[2]));
        assert!(up_conv2x2(&v[0], &noise(&[3, 2, 3, 3], 1), &v[2]).is_err());
    }

    #[test]
    fn shuffling_is_candles_and_undoes_itself() {
        let x = noise(&[2, 3, 6, 4], 1);
        let packed = pixel_unshuffle(&x, 2).unwrap();
        close(&packed, &candle_nn::ops::pixel_unshuffle(&x, 2).unwrap(), 0.0);
        close(&pixel_shuffle(&packed, 2).unwrap(), &x, 0.0);
        check(&[vec![1, 2, 4, 6]], |v| pixel_unshuffle(&v[0], 2));
        check(&[vec![1, 8, 2, 3]], |v| pixel_shuffle(&v[0], 2));
        assert!(pixel_unshuffle(&noise(&[1, 1, 5, 4], 1), 2).is_err());
    }
}
