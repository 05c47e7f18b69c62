//! What a plan is, beside what its operations compute: that is tested against candle where networks
//! are recorded.

use super::*;
use crate::nn::gradcheck::{noise, values};
use crate::nn::{Conv2d, SeededInit, conv2d};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use std::sync::Arc;

fn layers(n: usize) -> Vec<Conv2d> {
    let vb = VarBuilder::from_backend(Box::new(SeededInit::new(3)), DType::F32, Device::Cpu);
    (0..n).map(|i| Conv2d::new(8, 8, 3, 1, &vb.pp(i.to_string())).unwrap()).collect()
}

/// A chain of convolutions with one long skip: input, plan, output.
fn chain(layers: &[Conv2d], weights: Arc<Weights>, batch: usize) -> (Buffer, Plan, Buffer) {
    let mut r = Recorder::new(weights);
    let x = r.input([batch, 8, 9, 7]);
    let first = r.conv(&layers[0], x, None).unwrap();
    let mut h = first;
    for layer in &layers[1..] {
        h = r.conv(layer, h, None).unwrap();
    }
    let last = r.conv(&layers[0], h, Some(first)).unwrap();
    let (mut from, mut to) = (x.buffer, last.buffer);
    let plan = r.finish(&mut [&mut from, &mut to]);
    (from, plan, to)
}

#[test]
fn memory_is_shared_in_turn_and_a_skip_outlives_what_comes_between() {
    let layers = layers(6);
    let (from, plan, to) = chain(&layers, Arc::default(), 2);
    // Input, output, the skip, and two for the chain; each convolution by itself would have one.
    assert!(plan.slots.len() <= 5, "{:?}", plan.slots);
    let x = noise(&[2, 8, 9, 7], 1).to_dtype(DType::F32).unwrap();
    let conv = |x: &Tensor, layer: &Conv2d| {
        let (weight, bias, stride, pad) = layer.parts();
        conv2d(x, weight, bias, stride, pad).unwrap()
    };
    let first = conv(&x, &layers[0]);
    let h = layers[1..].iter().fold(first.clone(), |h, layer| conv(&h, layer));
    let expected = (conv(&h, &layers[0]) + first).unwrap();
    let mut room = Cpu::default().prepare(&Arc::new(plan)).unwrap();
    let x = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    // Twice: what is left in shared memory changes nothing.
    for _ in 0..2 {
        room.write(from, &x).unwrap();
        room.run(0).unwrap();
        let found = room.read(to, x.len()).unwrap();
        let exact = values(&expected.to_dtype(DType::F64).unwrap());
        let apart = found.iter().zip(&exact).map(|(a, b)| (f64::from(*a) - b).abs());
        assert!(apart.fold(0.0, f64::max) < 1e-5);
    }
}

#[test]
fn plans_of_other_batches_have_the_same_weights() {
    let layers = layers(3);
    let (_, one, _) = chain(&layers, Arc::default(), 1);
    let (_, two, _) = chain(&layers, one.weights.clone(), 2);
    assert!(Arc::ptr_eq(&one.weights, &two.weights));
    assert_eq!(one.weights.list().len(), 6);
    assert!(two.bytes() > one.bytes());
    let work = one.work(0);
    let taps = 4 * 2 * 8 * 8 * 9 * 9 * 7;
    assert!((work.flop - f64::from(taps)).abs() < 1.0, "{work:?}");
}

#[test]
fn what_does_not_fit_is_an_error_when_it_is_recorded() {
    let layers = layers(1);
    let mut r = Recorder::new(Arc::default());
    let x = r.input([1, 7, 9, 7]);
    assert!(r.conv(&layers[0], x, None).unwrap_err().to_string().contains("convolution"));
    assert!(r.pack(x, 2).unwrap_err().to_string().contains("multiple"));
    let skip = r.input([1, 3, 8, 7]);
    assert!(r.beside(&[(x, 1), (skip, 1)]).is_err());
    assert!(r.pool(x).unwrap_err().to_string().contains("odd"));
}
