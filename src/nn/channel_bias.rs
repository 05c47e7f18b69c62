//! One number per channel added to all its positions, with a gradient in one pass: candle sums the
//! gradient of a broadcast position by position.

use super::element::{Real, by_type, lane_sum};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

/// `x` `[B, C, ..]` plus `bias` of C elements, whatever its shape.
///
/// # Errors
/// If the number of channels differs, or nothing follows them.
pub fn add_channel_bias(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (c, _) = channels(x.shape())?;
    if bias.elem_count() != c {
        bail!("channel bias: {} values for {c} channels", bias.elem_count());
    }
    let bias = bias.flatten_all()?;
    if !super::fused(x) {
        let mut shape = vec![1; x.rank()];
        shape[1] = c;
        return x.broadcast_add(&bias.reshape(shape)?);
    }
    x.contiguous()?.apply_op2(&bias.contiguous()?, Add)
}

/// Channels, and positions of each.
fn channels(shape: &Shape) -> Result<(usize, usize)> {
    match shape.dims() {
        [_, c, positions @ ..] if !positions.is_empty() => Ok((*c, positions.iter().product())),
        _ => bail!("channel bias: {shape:?}, expected a batch, channels and positions"),
    }
}

struct Add;
/// Sum of each channel over batch and positions.
pub(super) struct BiasGradient;

impl CustomOp2 for Add {
    fn name(&self) -> &'static str {
        "channel-bias"
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        bias: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            (x, lx): (&CpuStorage, &Layout),
            (bias, lb): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let (c, positions) = channels(lx.shape())?;
            let (x, bias) = (T::slice(x, lx)?, T::slice(bias, lb)?);
            let mut out = x.to_vec();
            if positions > 0 {
                out.par_chunks_mut(positions).enumerate().for_each(|(i, plane)| {
                    plane.iter_mut().for_each(|v| *v += bias[i % c]);
                });
            }
            Ok(T::storage(out))
        }
        Ok((by_type!(x, self.name(), run((x, lx), (bias, lb)))?, lx.shape().clone()))
    }
    fn bwd(
        &self,
        _x: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let sums = bias.track_op().then(|| dy.apply_op1_no_bwd(&BiasGradient)).transpose()?;
        Ok((Some(dy), sums))
    }
}

impl CustomOp1 for BiasGradient {
    fn name(&self) -> &'static str {
        "channel-bias-gradient"
    }
    fn cpu_fwd(&self, dy: &CpuStorage, ld: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(dy: &CpuStorage, ld: &Layout) -> Result<CpuStorage> {
            let (c, positions) = channels(ld.shape())?;
            let planes: Vec<T> = T::slice(dy, ld)?
                .par_chunks(positions.max(1))
                .map(|plane| lane_sum(plane, |v| v))
                .collect();
            let mut sums = vec![T::default(); c];
            for (i, v) in planes.into_iter().enumerate() {
                sums[i % c] += v;
            }
            Ok(T::storage(sums))
        }
        let (c, _) = channels(ld.shape())?;
        Ok((by_type!(dy, self.name(), run(dy, ld))?, c.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::*;

    #[test]
    fn it_matches_candles_broadcast_and_differences() {
        for shape in [vec![2, 3, 4], vec![2, 3, 2, 3, 2]] {
            let (x, bias) = (noise(&shape, 1), noise(&[3], 2));
            let mut wide = vec![1; shape.len()];
            wide[1] = 3;
            let expected = x.broadcast_add(&bias.reshape(wide.as_slice()).unwrap()).unwrap();
            close(&add_channel_bias(&x, &bias).unwrap(), &expected, 0.0);
            check(&[shape.clone(), wide], |v| add_channel_bias(&v[0], &v[1]));
            assert!(add_channel_bias(&x, &noise(&[2], 2)).is_err());
        }
        assert!(add_channel_bias(&noise(&[2, 3], 1), &noise(&[3], 2)).is_err());
    }
}
