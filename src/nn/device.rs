//! Operations away from the CPU. candle records each tensor operation and goes back through it one by
//! one: a training step of many small ones then waits for launches, not for arithmetic. Here a
//! result is worked out without a record, and its gradient is one formula.

use candle_core::{
    CpuStorage, CudaStorage, CustomOp3, Device, Layout, Result, Shape, Storage, Tensor,
};

/// While it is alive, this thread sends the shapes and strides that kernels are launched with to a
/// CUDA device once, not at every launch.
pub struct LaunchCache {
    _guard: Option<Box<dyn std::any::Any>>,
}

impl LaunchCache {
    #[cfg(feature = "cuda")]
    pub fn new(device: &Device) -> Self {
        let guard = device.as_cuda_device().ok().map(|d| d.enable_cuda_graph_htod_cache());
        Self { _guard: guard.map(|g| Box::new(g) as _) }
    }

    #[cfg(not(feature = "cuda"))]
    pub fn new(_: &Device) -> Self {
        Self { _guard: None }
    }
}

/// Gradients of three inputs.
pub(super) type Gradients = [Tensor; 3];

/// The result `y` of an operation on `inputs`, worked out on detached tensors, with a gradient:
/// `gradient` turns that of `y` into those of the inputs.
pub(super) fn with_gradient(
    y: Tensor,
    inputs: [&Tensor; 3],
    gradient: impl Fn(&Tensor) -> Result<Gradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    if !inputs.iter().any(|x| x.track_op()) {
        return Ok(y);
    }
    let [a, b, c] = inputs;
    a.apply_op3(b, c, Known { y: y.contiguous()?, gradient })
}

struct Known<F> {
    y: Tensor,
    gradient: F,
}

impl<F: Fn(&Tensor) -> Result<Gradients> + Send + Sync> CustomOp3 for Known<F> {
    fn name(&self) -> &'static str {
        "known"
    }
    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        match &*self.y.storage_and_layout().0 {
            Storage::Cpu(y) => Ok((y.clone(), self.y.shape().clone())),
            _ => candle_core::bail!("inputs lie on different devices"),
        }
    }
    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        use candle_core::backend::BackendStorage;
        let (storage, layout) = self.y.storage_and_layout();
        match &*storage {
            Storage::Cuda(y) => Ok((y.try_clone(layout)?, self.y.shape().clone())),
            _ => candle_core::bail!("inputs lie on different devices"),
        }
    }
    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = (self.gradient)(&dy.contiguous()?.detach())?;
        Ok((Some(a), Some(b), Some(c)))
    }
}

/// `x` `[B, S, K, R]`: every set of `K·R` values gets mean 0 and variance 1, then `· gamma + beta`
/// (of one shape, 1 on the axes along which they are the same), then SiLU if `silu`.
pub(super) fn normalise(
    x: &Tensor,
    (gamma, beta): (&Tensor, &Tensor),
    eps: f64,
    silu: bool,
) -> Result<Tensor> {
    let shape = x.dims4()?;
    let sets = (shape.0, shape.1, shape.2 * shape.3);
    let rows = x.detach().reshape(sets)?;
    let centred = rows.broadcast_sub(&rows.mean_keepdim(2)?)?;
    let r = (centred.sqr()?.mean_keepdim(2)? + eps)?.sqrt()?.recip()?;
    let unit = centred.broadcast_mul(&r)?;
    let scale = gamma.detach();
    let y = unit.reshape(shape)?.broadcast_mul(&scale)?.broadcast_add(&beta.detach())?;
    let z = if silu { y.silu()? } else { y.clone() };
    let affine = gamma.shape().clone();
    with_gradient(z, [x, gamma, beta], move |dz| {
        let mut dy = dz.clone();
        if silu {
            let s = (y.neg()?.exp()? + 1.0)?.recip()?;
            let slope = ((&y * s.affine(-1.0, 1.0)?)?.affine(1.0, 1.0)? * s)?;
            dy = (dy * slope)?;
        }
        let shaped = unit.reshape(shape)?;
        let dgamma = sum_to(&(&dy * &shaped)?, &affine)?;
        let dbeta = sum_to(&dy, &affine)?;
        let d = dy.broadcast_mul(&scale)?.reshape(sets)?;
        let along = (&d * &unit)?.mean_keepdim(2)?;
        let dx = (d.broadcast_sub(&d.mean_keepdim(2)?)? - unit.broadcast_mul(&along)?)?;
        Ok([dx.broadcast_mul(&r)?.reshape(shape)?, dgamma, dbeta])
    })
}

/// Summed over the axes on which `shape` has 1.
fn sum_to(x: &Tensor, shape: &Shape) -> Result<Tensor> {
    let axes: Vec<usize> =
        (0..x.rank()).filter(|&a| shape.dims()[a] == 1 && x.dims()[a] != 1).collect();
    if axes.is_empty() { Ok(x.clone()) } else { x.sum_keepdim(axes) }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::*;

    #[test]
    fn the_device_norms_have_the_gradient_of_differences_and_of_the_fused_ones() {
        for (shape, rows, groups, silu) in
            [([2, 4, 3, 5], 1, 2, true), ([2, 4, 3, 5], 2, 2, false), ([1, 6, 2, 2], 1, 6, true)]
        {
            let [b, c, h, w] = shape;
            let four = move |v: &[Tensor]| -> Result<Tensor> {
                let affine = |t: &Tensor| t.reshape((rows, groups, c / groups, 1));
                let x = v[0].reshape((b, groups, c / groups, h * w))?;
                normalise(&x, (&affine(&v[1])?, &affine(&v[2])?), 1e-5, silu)?
                    .reshape(shape.to_vec())
            };
            let shapes = [shape.to_vec(), vec![rows, c], vec![rows, c]];
            let v: Vec<Tensor> = (0..3).map(|i| noise(&shapes[i], i as u64)).collect();
            let fused = super::super::group_norm(&v[0], &v[1], &v[2], groups, silu).unwrap();
            close(&four(&v).unwrap(), &fused, 1e-12);
            check(&shapes, four);
        }
        // Layer norm: sets along the last axis, an affine per feature.
        let shapes = [vec![2, 3, 5], vec![2, 5], vec![2, 5]];
        let layers = |v: &[Tensor]| -> Result<Tensor> {
            let affine = |t: &Tensor| t.reshape((2, 1, 5, 1));
            let x = v[0].reshape((2, 3, 5, 1))?;
            normalise(&x, (&affine(&v[1])?, &affine(&v[2])?), 1e-5, true)?.reshape((2, 3, 5))
        };
        let v: Vec<Tensor> = (0..3).map(|i| noise(&shapes[i], i as u64)).collect();
        let fused = super::super::layer_norm(&v[0], &v[1], &v[2], true).unwrap();
        close(&layers(&v).unwrap(), &fused, 1e-12);
        check(&shapes, layers);
    }
}
