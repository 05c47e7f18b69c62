//! What candle's own gradients get right and wrong, by finite differences in f64.
//!
//! `src/nn` goes around the faults listed here, each with an operation of its own. They are
//! asserted *as faults*: a candle release that mends one makes its test fail, and then the
//! work-around may go. What the networks do use of candle is asserted to be right.

#![allow(clippy::unwrap_used, reason = "a test program: it may panic")]

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{Module, ops};
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// Outcome of one comparison of gradients.
#[derive(Debug)]
enum Check {
    /// Largest error relative to the larger of the two derivatives.
    Error(f64),
    /// Backward succeeds, and this input gets no gradient.
    NoGradient(usize),
    ForwardRefused,
    BackwardRefused,
}

const STEP: f64 = 1e-5;
/// Coordinates that are tried per input.
const PROBES: usize = 40;

fn draw(shape: &[usize], seed: u64) -> Var {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f64> =
        (0..shape.iter().product()).map(|_| StandardNormal.sample(&mut rng)).collect();
    Var::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// `Σ yᵢ wᵢ` with uneven weights: a plain sum hides the errors of norms and softmax.
fn loss(y: &Tensor) -> Result<Tensor> {
    let weights: Vec<f64> =
        (0..y.elem_count()).map(|i| (0.37 * (i + 1) as f64 + 0.1).sin()).collect();
    (y * Tensor::from_vec(weights, y.shape(), &Device::Cpu)?)?.sum_all()
}

fn check_at(inputs: &[Var], f: &dyn Fn(&[Var]) -> Result<Tensor>) -> Check {
    let Ok(y) = f(inputs) else { return Check::ForwardRefused };
    let Ok(gradients) = loss(&y).unwrap().backward() else { return Check::BackwardRefused };
    let mut worst = 0f64;
    for (k, input) in inputs.iter().enumerate() {
        let Some(gradient) = gradients.get(input) else { return Check::NoGradient(k) };
        assert_eq!(gradient.dims(), input.dims());
        let gradient: Vec<f64> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        let x: Vec<f64> = input.flatten_all().unwrap().to_vec1().unwrap();
        for j in (0..x.len()).step_by((x.len() / PROBES).max(1)) {
            let moved = |by: f64| {
                let mut x = x.clone();
                x[j] += by;
                let mut inputs = inputs.to_vec();
                inputs[k] = Var::from_vec(x, input.dims(), &Device::Cpu).unwrap();
                loss(&f(&inputs).unwrap()).unwrap().to_scalar::<f64>().unwrap()
            };
            let numeric = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let scale = 1e-3 + numeric.abs().max(gradient[j].abs());
            worst = worst.max((numeric - gradient[j]).abs() / scale);
        }
    }
    Check::Error(worst)
}

fn check(shapes: &[&[usize]], f: impl Fn(&[Var]) -> Result<Tensor>) -> Check {
    let inputs: Vec<Var> = shapes.iter().enumerate().map(|(k, s)| draw(s, 17 + k as u64)).collect();
    check_at(&inputs, &f)
}

#[track_caller]
fn right(name: &str, shapes: &[&[usize]], f: impl Fn(&[Var]) -> Result<Tensor>) {
    let found = check(shapes, f);
    assert!(matches!(found, Check::Error(e) if e < 1e-5), "{name}: {found:?}");
}

/// A fault that is still there.
#[track_caller]
fn wrong(name: &str, shapes: &[&[usize]], f: impl Fn(&[Var]) -> Result<Tensor>) {
    let found = check(shapes, f);
    assert!(
        matches!(found, Check::Error(e) if e > 1e-2),
        "{name}: {found:?}; candle has mended this: see whether src/nn still needs its own"
    );
}

#[track_caller]
fn cut_off(name: &str, shapes: &[&[usize]], f: impl Fn(&[Var]) -> Result<Tensor>) {
    let found = check(shapes, f);
    assert!(matches!(found, Check::NoGradient(_)), "{name}: {found:?}; candle has mended this");
}

#[track_caller]
fn refused(name: &str, shapes: &[&[usize]], f: impl Fn(&[Var]) -> Result<Tensor>) {
    let found = check(shapes, f);
    assert!(
        matches!(found, Check::ForwardRefused | Check::BackwardRefused),
        "{name}: {found:?}; candle has mended this"
    );
}

#[test]
fn the_check_finds_a_wrong_gradient() {
    // Twice x forward, once x backward.
    let f = |v: &[Var]| v[0].as_tensor() + v[0].as_tensor().detach();
    assert!(matches!(check(&[&[3, 4]], f), Check::Error(e) if e > 0.4));
    assert!(matches!(check(&[&[3]], |v| Ok(v[0].as_tensor().detach())), Check::NoGradient(0)));
    assert!(matches!(
        check(&[&[3], &[2]], |v| v[0].as_tensor() + v[1].as_tensor()),
        Check::ForwardRefused
    ));
}

#[test]
fn convolutions_are_right() {
    // (kernel, padding, stride, dilation, side)
    for (k, p, s, dilation, n) in [
        (3, 1, 1, 1, 8),
        (3, 0, 1, 1, 8),
        (3, 1, 2, 1, 8),
        (3, 1, 2, 1, 7),
        (1, 0, 2, 1, 8),
        (1, 0, 2, 1, 7),
        (7, 3, 2, 1, 16),
        (7, 3, 2, 1, 15),
        (3, 2, 1, 2, 9),
        (2, 0, 2, 1, 8),
    ] {
        let name = format!("conv2d kernel {k}, padding {p}, stride {s}, dilation {dilation}, {n}");
        let shapes: [&[usize]; 2] = [&[2, 3, n, n], &[4, 3, k, k]];
        right(&name, &shapes, |v| v[0].conv2d(&v[1], p, s, dilation, 1));
    }
    right("conv2d, 2 groups", &[&[2, 4, 6, 6], &[4, 2, 3, 3]], |v| v[0].conv2d(&v[1], 1, 1, 1, 2));
    right("conv2d, kernel 3 x 1", &[&[2, 3, 8, 5], &[4, 3, 3, 1]], |v| {
        v[0].conv2d(&v[1], 0, 1, 1, 1)
    });
    for (k, p, extra, s) in [(2, 0, 0, 2), (3, 1, 1, 2), (4, 1, 0, 2), (3, 1, 0, 1)] {
        let name = format!("conv_transpose2d kernel {k}, padding {p}, {extra}, stride {s}");
        let shapes: [&[usize]; 2] = [&[2, 3, 5, 5], &[3, 4, k, k]];
        right(&name, &shapes, |v| v[0].conv_transpose2d(&v[1], p, extra, s, 1));
    }
}

#[test]
fn fault_conv1d_gradient_is_wrong() {
    wrong("conv1d", &[&[2, 3, 12], &[4, 3, 7]], |v| v[0].conv1d(&v[1], 3, 1, 1, 1));
}

#[test]
fn fault_conv2d_with_stride_two_refuses_unequal_parity() {
    refused("conv2d 7 x 6", &[&[1, 2, 7, 6], &[3, 2, 3, 3]], |v| v[0].conv2d(&v[1], 1, 2, 1, 1));
}

#[test]
fn fault_nearest_upsampling_overwrites_what_others_sent_back() {
    right("nearest alone", &[&[1, 2, 3, 3]], |v| v[0].upsample_nearest2d(6, 6));
    let flat = |t: Result<Tensor>| t?.flatten_all();
    let up = |v: &[Var]| flat(v[0].upsample_nearest2d(6, 6));
    let other = |v: &[Var]| flat(v[0].affine(2.0, 0.0));
    let first = check(&[&[1, 2, 3, 3]], |v| Tensor::cat(&[up(v)?, other(v)?], 0));
    let second = check(&[&[1, 2, 3, 3]], |v| Tensor::cat(&[other(v)?, up(v)?], 0));
    let is_wrong = |c: &Check| matches!(c, Check::Error(e) if *e > 1e-2);
    assert!(is_wrong(&first) || is_wrong(&second), "mended: {first:?} {second:?}");
}

#[test]
fn fault_max_pooling_scales_its_gradient() {
    wrong("max_pool2d 2", &[&[1, 2, 6, 6]], |v| v[0].max_pool2d(2));
    refused("max_pool2d 3, stride 2", &[&[1, 2, 7, 7]], |v| v[0].max_pool2d_with_stride(3, 2));
    refused("avg_pool2d 3, stride 2", &[&[1, 2, 7, 7]], |v| v[0].avg_pool2d_with_stride(3, 2));
    let x = Var::from_vec(vec![1f64, 2.0, 3.0, 4.0], (1, 1, 2, 2), &Device::Cpu).unwrap();
    let gradients = x.max_pool2d(2).unwrap().sum_all().unwrap().backward().unwrap();
    let g: Vec<f64> = gradients.get(&x).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(g, [0.0, 0.0, 0.0, 0.25], "1 would be right");
}

#[test]
fn fault_fused_normalisations_let_no_gradient_through() {
    cut_off("softmax_last_dim", &[&[3, 7]], |v| ops::softmax_last_dim(&v[0]));
    // These two know f32 only.
    let f32 = |v: &Var| v.to_dtype(DType::F32);
    cut_off("layer_norm", &[&[3, 7], &[7], &[7]], |v| {
        ops::layer_norm(&f32(&v[0])?, &f32(&v[1])?, &f32(&v[2])?, 1e-5)?.to_dtype(DType::F64)
    });
    cut_off("rms_norm", &[&[3, 7], &[7]], |v| {
        ops::rms_norm(&f32(&v[0])?, &f32(&v[1])?, 1e-5)?.to_dtype(DType::F64)
    });
    cut_off("LayerNorm", &[&[3, 7], &[7], &[7]], |v| {
        candle_nn::LayerNorm::new(f32(&v[1])?, f32(&v[2])?, 1e-5)
            .forward(&f32(&v[0])?)?
            .to_dtype(DType::F64)
    });
    right("softmax", &[&[3, 7]], |v| ops::softmax(&v[0], D::Minus1));
    right("layer_norm_slow", &[&[3, 7], &[7], &[7]], |v| {
        ops::layer_norm_slow(&v[0], &v[1], &v[2], 1e-5)
    });
}

/// Their gradients stand in each other's place: what `scatter` overwrites still gets one, and what
/// `scatter_add` adds to gets none.
#[test]
fn fault_scatter_and_scatter_add_have_swapped_gradients() {
    let places = Tensor::new(&[[0u32, 2, 1], [2, 1, 0]], &Device::Cpu).unwrap();
    let shapes: [&[usize]; 2] = [&[2, 3], &[2, 3]];
    wrong("scatter_add", &shapes, |v| v[0].scatter_add(&places, &v[1], 1));
    let some = Tensor::new(&[[0u32, 2], [2, 1]], &Device::Cpu).unwrap();
    let shapes: [&[usize]; 2] = [&[2, 3], &[2, 2]];
    refused("scatter_add of fewer", &shapes, |v| v[0].scatter_add(&some, &v[1], 1));
    wrong("scatter", &shapes, |v| v[0].scatter(&some, &v[1], 1));
}

#[test]
fn fault_there_is_no_seed_on_the_cpu() {
    assert!(Device::Cpu.set_seed(1).is_err(), "mended: noise may come from candle");
}

#[test]
fn pooling_padding_and_indexing_are_right() {
    let image: [&[usize]; 1] = [&[1, 2, 6, 6]];
    right("avg_pool2d", &image, |v| v[0].avg_pool2d(2));
    right("max by reshape", &image, |v| v[0].reshape((1, 2, 3, 2, 3, 2))?.max(5)?.max(3));
    right("pad_with_zeros", &image, |v| v[0].pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 0, 2));
    right("pad_with_same", &image, |v| v[0].pad_with_same(2, 1, 1));
    right("narrow and cat", &image, |v| {
        Tensor::cat(&[v[0].narrow(2, 1, 4)?, v[0].narrow(2, 0, 3)?], 2)
    });
    let ids = Tensor::new(&[0u32, 2, 2, 1, 4], &Device::Cpu).unwrap();
    right("index_add", &[&[5, 3]], |v| {
        Tensor::zeros((6, 3), DType::F64, &Device::Cpu)?.index_add(&ids, &v[0], 0)
    });
    right("index_select", &[&[5, 3]], |v| v[0].index_select(&ids, 0));
    let places = Tensor::new(&[[0u32, 2, 1], [2, 2, 0], [1, 0, 3]], &Device::Cpu).unwrap();
    right("gather", &[&[4, 3]], |v| v[0].gather(&places, 0));
    right("gather along the last axis", &[&[3, 4]], |v| v[0].gather(&places, 1));
    let mask = Tensor::new(&[[1u8, 0, 1], [0, 0, 1]], &Device::Cpu).unwrap();
    right("where_cond", &[&[2, 3], &[2, 3]], |v| mask.where_cond(&v[0], &v[1]));
}

#[test]
fn products_and_elementwise_operations_are_right() {
    right("matmul", &[&[4, 5], &[5, 3]], |v| v[0].matmul(&v[1]));
    right("matmul, batched", &[&[2, 4, 5], &[2, 5, 3]], |v| v[0].matmul(&v[1]));
    right("matmul, transposed", &[&[2, 5, 4], &[2, 3, 5]], |v| v[0].t()?.matmul(&v[1].t()?));
    right("broadcast_matmul", &[&[2, 4, 5], &[5, 3]], |v| v[0].broadcast_matmul(&v[1]));
    right("matmul with itself", &[&[4, 4]], |v| v[0].matmul(&v[0]));
    right("broadcast_add and broadcast_mul", &[&[2, 3, 4], &[3, 1]], |v| {
        v[0].broadcast_add(&v[1])?.broadcast_mul(&v[1])
    });
    right("cumsum", &[&[3, 6]], |v| v[0].cumsum(1));
    right("powf", &[&[3, 5]], |v| v[0].exp()?.powf(1.7));
    right("powf of 2, either sign", &[&[3, 5]], |v| v[0].powf(2.0));
    right("pow", &[&[3, 5], &[3, 5]], |v| v[0].exp()?.pow(v[1].as_tensor()));
    right("silu", &[&[3, 7]], |v| v[0].silu());
    right("gelu", &[&[3, 7]], |v| v[0].gelu());
    right("gelu_erf", &[&[3, 7]], |v| v[0].gelu_erf());
    right("sigmoid", &[&[3, 7]], |v| ops::sigmoid(&v[0]));
    right("log_sum_exp", &[&[3, 7]], |v| v[0].log_sum_exp(1));
    right("maximum", &[&[3, 7], &[3, 7]], |v| v[0].maximum(v[1].as_tensor()));
    right("clamp", &[&[3, 7]], |v| v[0].clamp(-0.5, 0.7));
    right("norm by hand", &[&[3, 7]], |v| {
        let centred = v[0].broadcast_sub(&v[0].mean_keepdim(1)?)?;
        let deviation = (centred.sqr()?.mean_keepdim(1)? + 1e-5)?.sqrt()?;
        centred.broadcast_div(&deviation)
    });
}

#[test]
fn group_and_batch_norm_are_right() {
    let shapes: [&[usize]; 3] = [&[2, 6, 3, 4], &[6], &[6]];
    right("GroupNorm", &shapes, |v| {
        let [w, b] = [v[1].as_tensor().clone(), v[2].as_tensor().clone()];
        candle_nn::GroupNorm::new(w, b, 6, 3, 1e-5)?.forward(&v[0])
    });
    let constants = |value: f64| Tensor::full(value, 6, &Device::Cpu);
    right("BatchNorm in training", &shapes, |v| {
        let [w, b] = [v[1].as_tensor().clone(), v[2].as_tensor().clone()];
        let norm = candle_nn::BatchNorm::new(6, constants(0.0)?, constants(1.0)?, w, b, 1e-5)?;
        norm.forward_train(&v[0])
    });
}
