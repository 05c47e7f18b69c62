//! A sparse product with values that are made on the way: at each place of each ray the ray's features
//! times the place's weight. They are many more than what goes in or comes out, and are never kept.

use super::Sparse;
use super::element::{Real, by_type};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::sync::Arc;

/// `[rows, C]`: `matrix` times features `rays` `[P, C]`, each weighted at its `S` places by `weights`
/// `[P, S]`; column `p·S + s` of the matrix is place `s` of ray `p`. On the CPU.
///
/// # Errors
/// If the shapes do not fit together.
pub fn lift(matrix: &Arc<Sparse>, rays: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let ((p, _), (q, s)) = (rays.dims2()?, weights.dims2()?);
    if p != q || p * s != matrix.columns() {
        let columns = matrix.columns();
        bail!("lift: {:?} and {:?} against {columns} columns", rays.shape(), weights.shape());
    }
    rays.contiguous()?.apply_op2(&weights.contiguous()?, Lift(matrix.clone()))
}

struct Lift(Arc<Sparse>);
struct ToRays(Arc<Sparse>);
struct ToWeights(Arc<Sparse>);

/// Adds `by` times `x` to `y`.
#[inline(always)]
fn add<T: Real>(y: &mut [T], by: T, x: &[T]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y += by * x);
}

fn real<T: Real>(v: f32) -> T {
    T::from_f64(f64::from(v))
}

impl CustomOp2 for Lift {
    fn name(&self) -> &'static str {
        "lift"
    }

    fn cpu_fwd(
        &self,
        rays: &CpuStorage,
        lr: &Layout,
        weights: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            matrix: &Sparse,
            (rays, lr): (&CpuStorage, &Layout),
            (weights, lw): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let ((_, c), (_, s)) = (lr.shape().dims2()?, lw.shape().dims2()?);
            let (rays, weights) = (T::slice(rays, lr)?, T::slice(weights, lw)?);
            let mut out = vec![T::default(); matrix.rows() * c];
            out.par_chunks_mut(c).enumerate().with_min_len(64).for_each(|(i, y)| {
                for &(j, share) in matrix.row(i) {
                    let ray = j as usize / s;
                    add(y, real::<T>(share) * weights[j as usize], &rays[ray * c..][..c]);
                }
            });
            Ok(T::storage(out))
        }
        let shape = Shape::from((self.0.rows(), lr.shape().dims2()?.1));
        let matrix = &self.0;
        Ok((by_type!(rays, self.name(), run(matrix, (rays, lr), (weights, lw)))?, shape))
    }

    fn bwd(
        &self,
        rays: &Tensor,
        weights: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dy, rays, weights) = (dy.contiguous()?, rays.contiguous()?, weights.contiguous()?);
        let to_rays = weights.apply_op2_no_bwd(&dy, &ToRays(self.0.clone()))?;
        let to_weights = rays.apply_op2_no_bwd(&dy, &ToWeights(self.0.clone()))?;
        Ok((Some(to_rays), Some(to_weights)))
    }
}

impl CustomOp2 for ToRays {
    fn name(&self) -> &'static str {
        "lift-to-rays"
    }

    fn cpu_fwd(
        &self,
        weights: &CpuStorage,
        lw: &Layout,
        dy: &CpuStorage,
        ld: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            matrix: &Sparse,
            (weights, lw): (&CpuStorage, &Layout),
            (dy, ld): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let ((p, s), (_, c)) = (lw.shape().dims2()?, ld.shape().dims2()?);
            let (weights, dy) = (T::slice(weights, lw)?, T::slice(dy, ld)?);
            let mut out = vec![T::default(); p * c];
            out.par_chunks_mut(c).enumerate().for_each(|(ray, y)| {
                for j in ray * s..(ray + 1) * s {
                    for &(i, share) in matrix.column(j) {
                        add(y, real::<T>(share) * weights[j], &dy[i as usize * c..][..c]);
                    }
                }
            });
            Ok(T::storage(out))
        }
        let shape = Shape::from((lw.shape().dims2()?.0, ld.shape().dims2()?.1));
        let matrix = &self.0;
        Ok((by_type!(weights, self.name(), run(matrix, (weights, lw), (dy, ld)))?, shape))
    }
}

impl CustomOp2 for ToWeights {
    fn name(&self) -> &'static str {
        "lift-to-weights"
    }

    fn cpu_fwd(
        &self,
        rays: &CpuStorage,
        lr: &Layout,
        dy: &CpuStorage,
        ld: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            matrix: &Sparse,
            (rays, lr): (&CpuStorage, &Layout),
            (dy, ld): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let (p, c) = lr.shape().dims2()?;
            let (rays, dy) = (T::slice(rays, lr)?, T::slice(dy, ld)?);
            let s = matrix.columns() / p.max(1);
            let mut out = vec![T::default(); p * s];
            out.par_chunks_mut(s).enumerate().for_each(|(ray, y)| {
                let features = &rays[ray * c..][..c];
                for (k, y) in y.iter_mut().enumerate() {
                    for &(i, share) in matrix.column(ray * s + k) {
                        let back = &dy[i as usize * c..][..c];
                        let dot: T = features.iter().zip(back).map(|(&a, &b)| a * b).sum();
                        *y += real::<T>(share) * dot;
                    }
                }
            });
            Ok(T::storage(out))
        }
        let p = lr.shape().dims2()?.0;
        let shape = Shape::from((p, self.0.columns() / p.max(1)));
        let matrix = &self.0;
        Ok((by_type!(rays, self.name(), run(matrix, (rays, lr), (dy, ld)))?, shape))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::super::sparse;
    use super::*;

    #[test]
    fn v4_lift_is_its_composition_and_matches_differences() {
        let (rays, places, channels) = (5, 4, 3);
        let entries: Vec<_> =
            (0..60u32).map(|i| (i * 5 % 7, i * 3 % 20, (i as f32 * 0.7).sin())).collect();
        let matrix = Arc::new(Sparse::new(7, 20, &entries));
        let composed = |v: &[Tensor]| {
            let all = v[0].t()?.unsqueeze(2)?.broadcast_mul(&v[1].unsqueeze(0)?)?;
            sparse(&matrix, &all.reshape((channels, rays * places))?)?.t()
        };
        let inputs = [noise(&[rays, channels], 1), noise(&[rays, places], 2)];
        let found = lift(&matrix, &inputs[0], &inputs[1]).unwrap();
        close(&found, &composed(&inputs).unwrap(), 1e-13);
        check(&[vec![rays, channels], vec![rays, places]], |v| lift(&matrix, &v[0], &v[1]));
        assert!(lift(&matrix, &inputs[1], &inputs[0]).is_err());
    }
}
