//! Max-pooling of volumes, axis by axis: the maximum over a box is the maximum along rows of maxima
//! along columns of maxima along the depth. Of equal values the first counts, as in PyTorch, and it
//! alone gets the gradient.

use super::element::{Real, by_type};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

/// As `torch.nn.functional.max_pool3d` of `x` `[B, C, D, H, W]`: what lies in the padding never is
/// the maximum; an axis of n becomes ⌊(n + 2·pad − kernel) / stride⌋ + 1.
///
/// # Errors
/// If the kernel does not fit, or a window would lie in the padding alone.
pub fn max_pool3d(
    x: &Tensor,
    kernel: [usize; 3],
    stride: [usize; 3],
    pad: [usize; 3],
) -> Result<Tensor> {
    let op = MaxPool { kernel, stride, pad };
    if !super::fused(x) {
        return op.plain(x);
    }
    x.contiguous()?.apply_op1(op)
}

#[derive(Clone, Copy, Debug)]
struct MaxPool {
    kernel: [usize; 3],
    stride: [usize; 3],
    pad: [usize; 3],
}

/// One axis: `[outer, from, inner]` to `[outer, to, inner]`.
#[derive(Clone, Copy)]
struct Pass {
    from: usize,
    to: usize,
    inner: usize,
    kernel: usize,
    stride: usize,
    pad: usize,
}

impl MaxPool {
    /// The passes (width first), and the shape after them.
    fn passes(&self, x: &Shape) -> Result<([Pass; 3], Vec<usize>)> {
        let mut shape = x.dims().to_vec();
        if shape.len() != 5 {
            bail!("max_pool3d: input {x:?}, expected five axes");
        }
        let mut pass = |a: usize| -> Result<Pass> {
            let (kernel, stride, pad) = (self.kernel[a], self.stride[a], self.pad[a]);
            let from = shape[a + 2];
            if stride == 0 || from + 2 * pad < kernel || 2 * pad > kernel || kernel == 0 {
                bail!("max_pool3d: input {x:?} and {self:?} do not fit");
            }
            let to = (from + 2 * pad - kernel) / stride + 1;
            shape[a + 2] = to;
            let inner = shape[a + 3..].iter().product();
            Ok(Pass { from, to, inner, kernel, stride, pad })
        };
        let passes = [pass(2)?, pass(1)?, pass(0)?];
        Ok((passes, shape))
    }

    /// The same in plain tensor operations.
    fn plain(&self, x: &Tensor) -> Result<Tensor> {
        let (passes, _) = self.passes(x.shape())?;
        let mut y = x.clone();
        for (pass, axis) in passes.iter().zip([4, 3, 2]) {
            let mut best: Option<Tensor> = None;
            for k in 0..pass.kernel {
                // Outside, the nearest voxel stands in: it is in the window as well.
                let at = |o: usize| {
                    let at = (o * pass.stride + k).max(pass.pad) - pass.pad;
                    at.min(pass.from - 1) as u32
                };
                let places: Vec<u32> = (0..pass.to).map(at).collect();
                let places = Tensor::from_vec(places, pass.to, x.device())?;
                let tap = y.contiguous()?.index_select(&places, axis)?;
                best = Some(match best {
                    None => tap,
                    Some(best) => best.maximum(&tap)?,
                });
            }
            y = best.unwrap_or(y);
        }
        Ok(y)
    }
}

impl Pass {
    /// Input positions of the window of output `o`.
    fn window(&self, o: usize) -> std::ops::Range<usize> {
        let start = o * self.stride;
        start.saturating_sub(self.pad)..(start + self.kernel - self.pad).min(self.from)
    }

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        let mut y = vec![T::default(); x.len() / self.from * self.to];
        let (from, to) = (self.from * self.inner, self.to * self.inner);
        y.par_chunks_mut(to).zip(x.par_chunks(from)).for_each(|(y, x)| {
            for (o, y) in y.chunks_mut(self.inner).enumerate() {
                let window = self.window(o);
                y.copy_from_slice(&x[window.start * self.inner..][..self.inner]);
                for i in window.skip(1) {
                    let x = &x[i * self.inner..][..self.inner];
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x > *y { x } else { *y });
                }
            }
        });
        y
    }

    /// Gives `dy` to the first of the largest values of each window.
    fn backward<T: Real>(&self, x: &[T], dy: &[T]) -> Vec<T> {
        let mut dx = vec![T::default(); x.len()];
        let (from, to) = (self.from * self.inner, self.to * self.inner);
        let chunks = dx.par_chunks_mut(from).zip(x.par_chunks(from)).zip(dy.par_chunks(to));
        chunks.for_each(|((dx, x), dy)| {
            for (o, dy) in dy.chunks(self.inner).enumerate() {
                for (j, &dy) in dy.iter().enumerate() {
                    let window = self.window(o);
                    let mut best = window.start;
                    for i in window.skip(1) {
                        if x[i * self.inner + j] > x[best * self.inner + j] {
                            best = i;
                        }
                    }
                    dx[best * self.inner + j] += dy;
                }
            }
        });
        dx
    }
}

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max-pool3d"
    }
    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(x: &CpuStorage, lx: &Layout, passes: [Pass; 3]) -> Result<CpuStorage> {
            let [first, rest @ ..] = passes;
            let y = first.forward(T::slice(x, lx)?);
            Ok(T::storage(rest.iter().fold(y, |y, pass| pass.forward(&y))))
        }
        let (passes, shape) = self.passes(lx.shape())?;
        Ok((by_type!(x, self.name(), run(x, lx, passes))?, shape.into()))
    }
    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dx = x.apply_op2_no_bwd(&dy.contiguous()?, &MaxPoolGradient(*self))?;
        Ok(Some(dx))
    }
}

struct MaxPoolGradient(MaxPool);

impl CustomOp2 for MaxPoolGradient {
    fn name(&self) -> &'static str {
        "max-pool3d-gradient"
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        dy: &CpuStorage,
        ld: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            (x, lx): (&CpuStorage, &Layout),
            (dy, ld): (&CpuStorage, &Layout),
            [width, height, depth]: [Pass; 3],
        ) -> Result<CpuStorage> {
            let x = T::slice(x, lx)?;
            let rows = width.forward(x);
            let slices = height.forward(&rows);
            let dy = depth.backward(&slices, T::slice(dy, ld)?);
            let dy = height.backward(&rows, &dy);
            Ok(T::storage(width.backward(x, &dy)))
        }
        let (passes, _) = self.0.passes(lx.shape())?;
        Ok((by_type!(x, self.name(), run((x, lx), (dy, ld), passes))?, lx.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise, values};
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn max_pool3d_matches_its_composition_and_differences() {
        for ([d, h, w], kernel, stride, pad) in [
            ([4, 6, 5], [1, 3, 3], [1, 2, 2], [0, 1, 1]),
            ([5, 6, 7], [3, 3, 3], [2, 2, 2], [1, 1, 1]),
            ([5, 4, 6], [2, 1, 1], [2, 1, 1], [0; 3]),
            ([4, 4, 4], [2, 2, 2], [2, 2, 2], [0; 3]),
            ([3, 5, 4], [3, 2, 3], [1, 1, 2], [1, 0, 1]),
        ] {
            let shape = vec![2, 3, d, h, w];
            let x = noise(&shape, 1);
            let op = MaxPool { kernel, stride, pad };
            let ours = max_pool3d(&x, kernel, stride, pad).unwrap();
            close(&ours, &op.plain(&x).unwrap(), 0.0);
            check(&[shape], |v| max_pool3d(&v[0], kernel, stride, pad));
        }
    }

    #[test]
    fn the_first_of_equal_values_gets_all_of_the_gradient() {
        let x = Var::from_tensor(
            &Tensor::zeros((1, 1, 2, 2, 2), candle_core::DType::F64, &Device::Cpu).unwrap(),
        )
        .unwrap();
        let y = max_pool3d(&x, [2; 3], [2; 3], [0; 3]).unwrap();
        let grads = y.sum_all().unwrap().backward().unwrap();
        assert_eq!(values(grads.get(&x).unwrap()), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn pools_that_do_not_fit_are_errors() {
        let x = noise(&[1, 1, 1, 4, 4], 1);
        // Half of a depth of 1 would be nothing.
        assert!(max_pool3d(&x, [2, 1, 1], [2, 1, 1], [0; 3]).is_err());
        assert!(max_pool3d(&x, [1, 3, 3], [1, 0, 1], [0; 3]).is_err());
        assert!(max_pool3d(&x, [1, 3, 3], [1, 1, 1], [0, 2, 2]).is_err());
    }
}
