//! Softmax over the last axis. candle's own lets no gradient through.

use super::element::{Real, best_of, by_type, lane_sum};
use super::team::each_piece;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

/// Softmax over the last axis of `x`.
///
/// # Errors
/// If `x` is a scalar.
pub fn softmax_last(x: &Tensor) -> Result<Tensor> {
    if !super::fused(x) {
        let e = x.broadcast_sub(&x.max_keepdim(D::Minus1)?)?.exp()?;
        return e.broadcast_div(&e.sum_keepdim(D::Minus1)?);
    }
    x.contiguous()?.apply_op1(Softmax)
}

struct Softmax;
struct SoftmaxGradient;

#[inline(always)]
fn softmax_row<T: Real>(row: &mut [T]) {
    let max = row.iter().copied().fold(row[0], |a, b| if b > a { b } else { a });
    row.iter_mut().for_each(|v| *v = (*v - max).exp());
    let sum = lane_sum(row, |v| v);
    row.iter_mut().for_each(|v| *v = *v / sum);
}
best_of!(best_softmax_row = softmax_row(row: &mut [T]));

/// Softmax of each `n` values of `x`, times `scale`, to as many of `y`, on so many threads.
pub fn softmax_to(y: &mut [f32], x: &[f32], n: usize, scale: f32, threads: usize) {
    each_piece(threads, y, n, 4096usize.div_ceil(n), |i, y| {
        y.iter_mut().zip(&x[i * n..]).for_each(|(y, x)| *y = x * scale);
        best_softmax_row(y);
    });
}

fn last(shape: &Shape) -> Result<usize> {
    match shape.dims().last() {
        Some(&n) if n > 0 => Ok(n),
        _ => bail!("softmax: needs a last axis that is not empty, found {shape:?}"),
    }
}

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }
    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(x: &CpuStorage, lx: &Layout) -> Result<CpuStorage> {
            let n = last(lx.shape())?;
            let mut out = T::slice(x, lx)?.to_vec();
            out.par_chunks_mut(n).with_min_len(64).for_each(best_softmax_row);
            Ok(T::storage(out))
        }
        Ok((by_type!(x, self.name(), run(x, lx))?, lx.shape().clone()))
    }
    fn bwd(&self, _x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(y.apply_op2_no_bwd(&dy.contiguous()?, &SoftmaxGradient)?))
    }
}

impl CustomOp2 for SoftmaxGradient {
    fn name(&self) -> &'static str {
        "softmax-gradient"
    }
    fn cpu_fwd(
        &self,
        y: &CpuStorage,
        ly: &Layout,
        dy: &CpuStorage,
        ld: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            (y, ly): (&CpuStorage, &Layout),
            (dy, ld): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let n = last(ly.shape())?;
            let mut out = T::slice(dy, ld)?.to_vec();
            let y = T::slice(y, ly)?;
            out.par_chunks_mut(n).zip(y.par_chunks(n)).with_min_len(64).for_each(|(d, y)| {
                let dot: T = d.iter().zip(y).map(|(&d, &y)| d * y).sum();
                d.iter_mut().zip(y).for_each(|(d, &y)| *d = y * (*d - dot));
            });
            Ok(T::storage(out))
        }
        Ok((by_type!(y, self.name(), run((y, ly), (dy, ld)))?, ly.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::*;

    #[test]
    fn rows_elsewhere_are_the_tensors() {
        let x =
            noise(&[6, 40], 2).affine(3.0, 0.0).unwrap().to_dtype(candle_core::DType::F32).unwrap();
        let mut found = vec![0.0; 240];
        let from: Vec<f32> = x.flatten_all().unwrap().to_vec1().unwrap();
        softmax_to(&mut found, &from, 40, 0.5, 2);
        let expected = softmax_last(&x.affine(0.5, 0.0).unwrap()).unwrap();
        assert_eq!(found, expected.flatten_all().unwrap().to_vec1::<f32>().unwrap());
    }

    #[test]
    fn softmax_matches_its_composition_and_differences() {
        for shape in [vec![2, 3, 7], vec![5, 40]] {
            let x = noise(&shape, 1).affine(3.0, 0.0).unwrap();
            let e = x.exp().unwrap();
            let reference = e.broadcast_div(&e.sum_keepdim(D::Minus1).unwrap()).unwrap();
            close(&softmax_last(&x).unwrap(), &reference, 1e-14);
            check(&[shape], |v| softmax_last(&v[0]));
        }
    }
}
