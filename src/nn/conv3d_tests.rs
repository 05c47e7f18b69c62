//! The fused operations against their plain compositions, differences, and themselves.

use super::super::gradcheck::{check, close, noise, values};
use super::*;
use candle_core::{DType, Var};

fn steps(stride: [usize; 3], pad: [usize; 3], dilation: [usize; 3]) -> Steps {
    Steps { stride, pad, dilation }
}

/// Channels in and out, volume, kernel, steps.
type Case = (usize, usize, [usize; 3], [usize; 3], Steps);

/// Strides, paddings and dilations per axis; odd and even sizes; Winograd's kernels and others.
fn cases() -> Vec<Case> {
    let same = Steps::same;
    vec![
        (2, 3, [4, 5, 6], [3, 3, 3], same([3; 3])),
        (9, 8, [3, 6, 5], [3, 3, 3], same([3; 3])),
        (8, 9, [5, 4, 9], [1, 3, 3], same([1, 3, 3])),
        (8, 8, [1, 5, 4], [3, 3, 3], same([3; 3])),
        (3, 2, [5, 4, 6], [3, 1, 1], same([3, 1, 1])),
        (4, 3, [3, 4, 5], [1, 1, 1], same([1; 3])),
        (3, 4, [5, 6, 7], [1, 1, 1], same([1; 3]).by([2, 2, 2])),
        (2, 3, [5, 6, 7], [3, 3, 3], same([3; 3]).by([2, 2, 2])),
        (2, 2, [6, 5, 8], [3, 3, 3], same([3; 3]).by([1, 2, 3])),
        (1, 2, [7, 8, 9], [7, 7, 7], same([7; 3]).by([2, 2, 2])),
        (2, 2, [3, 8, 7], [1, 7, 7], same([1, 7, 7]).by([1, 2, 2])),
        (2, 2, [6, 8, 7], [5, 7, 7], same([5, 7, 7]).by([2, 2, 2])),
        (1, 8, [5, 6, 9], [5, 7, 7], same([5, 7, 7]).by([2, 2, 2])),
        (9, 9, [3, 4, 11], [1, 3, 5], same([1, 3, 5])),
        (2, 8, [4, 5, 12], [2, 1, 7], steps([1, 2, 3], [1, 0, 2], [2, 1, 1])),
        (2, 3, [5, 7, 8], [3, 3, 3], steps([1; 3], [1, 2, 2], [1, 2, 2])),
        (2, 2, [9, 7, 8], [3, 3, 3], steps([1; 3], [4; 3], [4; 3])),
        (2, 2, [6, 7, 8], [3, 2, 3], steps([2, 1, 2], [0, 1, 2], [2, 1, 1])),
        (8, 8, [4, 6, 5], [3, 3, 3], steps([1; 3], [0, 1, 1], [1; 3])),
    ]
}

#[test]
fn conv3d_matches_its_composition_and_differences() {
    for (ci, co, [d, h, w], [kd, kh, kw], steps) in cases() {
        let shapes = [vec![2, ci, d, h, w], vec![co, ci, kd, kh, kw]];
        let (x, k) = (noise(&shapes[0], 1), noise(&shapes[1], 2));
        close(&conv3d(&x, &k, steps).unwrap(), &plain::conv3d(&x, &k, steps).unwrap(), 1e-12);
        check(&shapes, |v| conv3d(&v[0], &v[1], steps));
    }
}

#[test]
fn conv_transpose3d_matches_its_composition_and_differences() {
    for (ci, co, [d, h, w], [kd, kh, kw], stride, pad, more) in [
        (3, 2, [3, 4, 2], [3; 3], [2; 3], [1; 3], [1; 3]),
        (2, 3, [3, 4, 2], [3; 3], [1; 3], [1; 3], [0; 3]),
        (8, 9, [3, 4, 2], [3; 3], [1; 3], [1; 3], [0; 3]),
        (3, 2, [2, 3, 4], [2; 3], [2; 3], [0; 3], [0; 3]),
        (2, 2, [4, 3, 3], [3; 3], [1, 2, 2], [1; 3], [0, 1, 1]),
        (2, 3, [3, 2, 3], [3, 2, 4], [2, 1, 3], [0, 1, 1], [1, 0, 2]),
    ] {
        let shapes = [vec![2, ci, d, h, w], vec![ci, co, kd, kh, kw]];
        let (x, k) = (noise(&shapes[0], 1), noise(&shapes[1], 2));
        let op = Transposed { steps: steps(stride, pad, [1; 3]), more };
        let ours = conv_transpose3d(&x, &k, stride, pad, more).unwrap();
        close(&ours, &plain::transposed(&x, &k, &op).unwrap(), 1e-12);
        check(&shapes, |v| conv_transpose3d(&v[0], &v[1], stride, pad, more));
    }
}

#[test]
fn f32_with_the_fastest_kernels_is_close_to_f64_in_many_blocks_and_tiles() {
    for (b, ci, co, [d, h, w], kernel, steps) in [
        (2, 16, 24, [37, 30, 21], [3; 3], Steps::same([3; 3])),
        (1, 40, 72, [9, 13, 50], [3; 3], Steps::same([3; 3])),
        (1, 8, 8, [3, 70, 66], [1, 3, 3], Steps::same([1, 3, 3])),
        (1, 1, 16, [40, 41, 42], [7; 3], Steps::same([7; 3]).by([2; 3])),
        (2, 9, 24, [9, 10, 21], [7; 3], Steps::same([7; 3])),
        (2, 12, 20, [20, 21, 40], [3; 3], Steps::same([3; 3]).by([2; 3])),
    ] {
        let [kd, kh, kw] = kernel;
        let x = noise(&[b, ci, d, h, w], 1);
        let k = noise(&[co, ci, kd, kh, kw], 2);
        let exact = [x, k].map(|t| Var::from_tensor(&t).unwrap());
        let single =
            exact.each_ref().map(|t| Var::from_tensor(&t.to_dtype(DType::F32).unwrap()).unwrap());
        let run = |v: &[Var; 2]| {
            let y = conv3d(&v[0], &v[1], steps).unwrap();
            let weight = Tensor::arange(0f64, y.elem_count() as f64, y.device()).unwrap();
            let weight = weight.affine(0.7, 0.2).unwrap().sin().unwrap();
            let weight = weight.reshape(y.shape()).unwrap().to_dtype(y.dtype()).unwrap();
            let grads = (&y * weight).unwrap().sum_all().unwrap().backward().unwrap();
            [y, grads.get(&v[0]).unwrap().clone(), grads.get(&v[1]).unwrap().clone()]
        };
        for (found, expected) in run(&single).iter().zip(&run(&exact)) {
            let (found, expected) = (values(found), values(expected));
            let size = expected.iter().map(|v| v * v).sum::<f64>() / expected.len() as f64;
            let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 5e-5 * size.sqrt(), "{ci} {co} {kernel:?}: {worst} of {}", size.sqrt());
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads_or_batch() {
    let float = |shape: &[usize], seed| noise(shape, seed).to_dtype(DType::F32).unwrap();
    for (kernel, stride) in [([3, 3, 3], [1; 3]), ([3, 3, 3], [2; 3])] {
        let x = float(&[3, 24, 9, 14, 11], 1);
        let k = float(&[20, 24, kernel[0], kernel[1], kernel[2]], 2);
        let steps = Steps::same(kernel).by(stride);
        let run = |x: &Tensor, threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (x, k) = (Var::from_tensor(x).unwrap(), Var::from_tensor(&k).unwrap());
                let y = conv3d(&x, &k, steps).unwrap();
                let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
                [&y, grads.get(&x).unwrap(), grads.get(&k).unwrap()].map(values)
            })
        };
        let one = run(&x, 1);
        for threads in [2, 3, 5] {
            assert!(run(&x, threads) == one, "{threads} threads");
        }
        let each: Vec<f64> =
            (0..3).flat_map(|i| run(&x.narrow(0, i, 1).unwrap(), 2)[0].clone()).collect();
        assert!(each == one[0]);
    }
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let x = noise(&[1, 3, 4, 4, 4], 1);
    let same = Steps::same([3; 3]);
    assert!(conv3d(&x, &noise(&[2, 4, 3, 3, 3], 2), same).is_err());
    assert!(conv3d(&x, &noise(&[2, 3, 7, 3, 3], 2), same).is_err());
    assert!(conv3d(&x, &noise(&[2, 3, 3, 3], 2), same).is_err());
    assert!(conv3d(&x, &noise(&[2, 3, 3, 3, 3], 2), same.by([1, 0, 1])).is_err());
    let wrong = conv_transpose3d(&x, &noise(&[2, 3, 3, 3, 3], 2), [2; 3], [1; 3], [1; 3]);
    assert!(wrong.is_err());
    assert!(conv_transpose3d(&x, &noise(&[3, 2, 3, 3, 3], 2), [2; 3], [1; 3], [2; 3]).is_err());
}
