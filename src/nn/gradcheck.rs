//! Central differences against the gradients that candle's backward pass gives, in `f64`.

use candle_core::{DType, Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};

/// Seeded values in -1 to 1.
pub(crate) fn noise(shape: &[usize], seed: u64) -> Tensor {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let n = shape.iter().product();
    let v: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_vec(v, shape, &Device::Cpu).unwrap()
}

pub(crate) fn values(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Asserts equal shapes and a largest difference of at most `tolerance`.
pub(crate) fn close(a: &Tensor, b: &Tensor, tolerance: f64) {
    assert_eq!(a.dims(), b.dims());
    let worst = values(a).iter().zip(values(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst <= tolerance, "differs by {worst:e}, allowed {tolerance:e}");
}

/// Σ yᵢ·wᵢ with fixed uneven weights: a plain sum would hide errors of softmax and norms.
fn loss(y: &Tensor) -> Result<Tensor> {
    let n = y.elem_count();
    let w = Tensor::arange(1f64, (n + 1) as f64, y.device())?.affine(0.37, 0.1)?.sin()?;
    (y.flatten_all()? * w)?.sum_all()
}

/// Checks every input of `f` at 40 or more coordinates: as it is, through a transposed (so not
/// contiguous) view, and with each input used a second time, before and after.
pub(crate) fn check(shapes: &[Vec<usize>], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
    check_scalar(shapes, |v| loss(&f(v)?));
    check_scalar(shapes, |v| {
        let mut t = Vec::new();
        for x in v {
            let last = x.rank() - 1;
            t.push(x.transpose(0, last)?.contiguous()?.transpose(0, last)?);
        }
        loss(&f(&t)?)
    });
    for first in [true, false] {
        check_scalar(shapes, |v| {
            let again = |v: &[Tensor]| -> Result<Tensor> {
                let mut sum = loss(&v[0].affine(2.0, 0.5)?)?;
                for x in &v[1..] {
                    sum = (sum + loss(&x.affine(-1.5, 0.0)?)?)?;
                }
                Ok(sum)
            };
            if first { again(v)? + loss(&f(v)?)? } else { loss(&f(v)?)? + again(v)? }
        });
    }
}

/// Checks the gradient of a scalar function of inputs with the given shapes.
pub(crate) fn check_scalar(shapes: &[Vec<usize>], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
    let vars: Vec<Var> = shapes
        .iter()
        .enumerate()
        .map(|(i, s)| Var::from_tensor(&noise(s, 10 + i as u64)).unwrap())
        .collect();
    let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let grads = f(&tensors).unwrap().backward().unwrap();
    let eps = 1e-5;
    for (i, var) in vars.iter().enumerate() {
        let gradient = values(grads.get(var).unwrap_or_else(|| panic!("input {i}: no gradient")));
        let at = values(var.as_tensor());
        for j in (0..at.len()).step_by((at.len() / 40).max(1)) {
            let shifted = |by: f64| {
                let mut x = at.clone();
                x[j] += by;
                let mut v = tensors.clone();
                v[i] = Tensor::from_vec(x, var.dims(), &Device::Cpu).unwrap();
                values(&f(&v).unwrap())[0]
            };
            let numeric = (shifted(eps) - shifted(-eps)) / (2.0 * eps);
            let error =
                (numeric - gradient[j]).abs() / (1e-3 + numeric.abs().max(gradient[j].abs()));
            assert!(
                error < 1e-4,
                "input {i}, coordinate {j}: backward {}, differences {numeric}",
                gradient[j]
            );
        }
    }
}
