//! Nearest x2 upsampling (candle's gradient overwrites what other users of the same tensor send
//! back) and pixel shuffling.

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
    let x = x.reshape((b, c / (r * r), r, r, h, w))?.permute((0, 1, 4, 2, 5, 3))?;
    x.contiguous()?.reshape((b, c / (r * r), h * r, w * r))
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
