//! ReLU, alone and of a sum (the end of a residual block), each one pass forward and back.

use super::element::{Real, by_type};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Elements of one task.
const CHUNK: usize = 1 << 15;

/// max(x, 0).
///
/// # Errors
/// Never in practice.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if !super::fused(x) {
        return x.relu();
    }
    x.contiguous()?.apply_op1(Relu)
}

/// max(a + b, 0) of two tensors of one shape.
///
/// # Errors
/// If the shapes differ.
pub fn add_relu(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.shape() != b.shape() {
        candle_core::bail!("add_relu: {:?} and {:?}, expected one shape", a.shape(), b.shape());
    }
    if !super::fused(a) {
        return (a + b)?.relu();
    }
    a.contiguous()?.apply_op2(&b.contiguous()?, AddRelu)
}

struct Relu;
struct AddRelu;
/// `dy` where `y` is above 0.
struct Passed;

/// One value per element of two equal tensors.
fn each<T: Real>(a: &[T], b: &[T], f: impl Fn(T, T) -> T + Sync) -> Vec<T> {
    let mut out = vec![T::default(); a.len()];
    let parts = out.par_chunks_mut(CHUNK).zip(a.par_chunks(CHUNK)).zip(b.par_chunks(CHUNK));
    parts.for_each(|((o, a), b)| {
        for ((o, &a), &b) in o.iter_mut().zip(a).zip(b) {
            *o = f(a, b);
        }
    });
    out
}

fn positive<T: Real>(v: T) -> T {
    if v > T::default() { v } else { T::default() }
}

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }
    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(x: &CpuStorage, lx: &Layout) -> Result<CpuStorage> {
            let x = T::slice(x, lx)?;
            Ok(T::storage(each(x, x, |v, _| positive(v))))
        }
        Ok((by_type!(x, self.name(), run(x, lx))?, lx.shape().clone()))
    }
    fn bwd(&self, _x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(dy.contiguous()?.apply_op2_no_bwd(y, &Passed)?))
    }
}

impl CustomOp2 for AddRelu {
    fn name(&self) -> &'static str {
        "add-relu"
    }
    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            (a, la): (&CpuStorage, &Layout),
            (b, lb): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            Ok(T::storage(each(T::slice(a, la)?, T::slice(b, lb)?, |a, b| positive(a + b))))
        }
        Ok((by_type!(a, self.name(), run((a, la), (b, lb)))?, la.shape().clone()))
    }
    fn bwd(
        &self,
        _a: &Tensor,
        _b: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let d = dy.contiguous()?.apply_op2_no_bwd(y, &Passed)?;
        Ok((Some(d.clone()), Some(d)))
    }
}

impl CustomOp2 for Passed {
    fn name(&self) -> &'static str {
        "relu-gradient"
    }
    fn cpu_fwd(
        &self,
        dy: &CpuStorage,
        ld: &Layout,
        y: &CpuStorage,
        ly: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            (dy, ld): (&CpuStorage, &Layout),
            (y, ly): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let passed = |dy: T, y: T| if y > T::default() { dy } else { T::default() };
            Ok(T::storage(each(T::slice(dy, ld)?, T::slice(y, ly)?, passed)))
        }
        Ok((by_type!(dy, self.name(), run((dy, ld), (y, ly)))?, ld.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::*;

    #[test]
    fn both_match_candles_and_differences() {
        let shape = vec![2, 3, 4, 5];
        let (a, b) = (noise(&shape, 1), noise(&shape, 2));
        close(&relu(&a).unwrap(), &a.relu().unwrap(), 0.0);
        close(&add_relu(&a, &b).unwrap(), &(&a + &b).unwrap().relu().unwrap(), 0.0);
        check(std::slice::from_ref(&shape), |v| relu(&v[0]));
        check(&[shape.clone(), shape], |v| add_relu(&v[0], &v[1]));
        assert!(add_relu(&a, &noise(&[2, 3], 1)).is_err());
    }
}
