//! The tests of a U-Net as a whole; those of its parts stand beside them.

use super::recorded::Plans;
use super::tiling::Axis;
use super::*;
use crate::models::{SliceNetwork, Windows, mirrored};
use crate::nn::SeededInit;
use crate::nn::gradcheck::{noise, values};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn small(padding: Padding, norm: Norm, up: Up) -> Config {
    let preset = Config::preset(Preset::Tiles, 2, 1);
    let side = if padding == Padding::Valid { 204 } else { 32 };
    Config { width: 4, padding, norm, up, side, dropout: 0.0, ..preset }
}

/// Weights of a network by a seed, batch statistics included.
fn weights(config: &Config, dtype: DType) -> std::collections::HashMap<String, Tensor> {
    let init = SeededInit::new(5);
    let vb = VarBuilder::from_backend(Box::new(init.clone()), dtype, Device::Cpu);
    UNet::in_training(config, &vb).unwrap();
    let mut all: std::collections::HashMap<String, Tensor> =
        init.vars().into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect();
    for (i, name) in init.vars().keys().enumerate() {
        let Some(stem) = name.strip_suffix(".weight").filter(|n| n.contains("norm")) else {
            continue;
        };
        let n = all[name].elem_count();
        let value = |seed, scale, shift| {
            noise(&[n], seed).affine(scale, shift).unwrap().to_dtype(dtype).unwrap()
        };
        if config.norm == Norm::Batch {
            all.insert(format!("{stem}.mean"), value(i as u64, 0.1, 0.0));
            all.insert(format!("{stem}.variance"), value(100 + i as u64, 0.5, 1.5));
        }
    }
    all
}

fn runner(config: &Config) -> Runner {
    let vb = VarBuilder::from_tensors(weights(config, DType::F32), DType::F32, &Device::Cpu);
    Runner::new(config, &vb, &Device::Cpu).unwrap()
}

fn picture(channels: usize, [w, h]: [usize; 2]) -> Vec<f32> {
    values(&noise(&[channels * w * h], 9)).into_iter().map(|v| v as f32).collect()
}

#[test]
fn parameters() {
    // Weights with biases, one channel, two logits, transposed doubling.
    for (width, expected) in [(64, 31_030_658), (32, 7_759_554), (16, 1_940_834), (8, 485_682)] {
        let config = Config { width, ..Config::preset(Preset::Paper, 1, 1) };
        let init = SeededInit::new(1);
        let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F32, Device::Cpu);
        UNet::in_training(&config, &vb).unwrap();
        let count = |t: &candle_core::Var| t.elem_count();
        assert_eq!(init.vars().values().map(count).sum::<usize>(), expected);
        if width == 64 {
            let weights = init.vars().into_iter().filter(|(name, _)| name.ends_with("weight"));
            assert_eq!(weights.map(|(_, v)| v.elem_count()).sum::<usize>(), 31_023_808);
            assert!((config.gflop(572) - 301.0).abs() < 1.0, "{}", config.gflop(572));
        }
    }
    let desk = Config { width: 16, norm: Norm::None, ..Config::preset(Preset::Tiles, 1, 1) };
    assert!((desk.gflop(572) - 18.9).abs() < 0.1 && (desk.gflop(444) - 9.8).abs() < 0.1);
}

#[test]
fn a_recorded_network_is_candles() {
    for (padding, norm, up, [h, w]) in [
        (Padding::Same, Norm::Batch, Up::Transpose, [32, 48]),
        (Padding::Same, Norm::Group(2), Up::NearestConv, [48, 16]),
        (Padding::Same, Norm::Instance, Up::Transpose, [32, 32]),
        (Padding::Valid, Norm::None, Up::Transpose, [188, 204]),
        (Padding::Valid, Norm::Batch, Up::NearestConv, [204, 188]),
    ] {
        let config = small(padding, norm, up);
        let vb = VarBuilder::from_tensors(weights(&config, DType::F32), DType::F32, &Device::Cpu);
        let (network, plans) = (UNet::ready(&config, &vb).unwrap(), Plans::default());
        // Of another number the plan is another, and the weights are the same.
        for batch in [2, 1, 2] {
            let images = noise(&[batch, 2, h, w], batch as u64).to_dtype(DType::F32).unwrap();
            let expected = network.logits(&images, &mut Pass::default()).unwrap();
            let found = plans.logits(&network, &images).unwrap();
            assert_eq!(found.dims(), expected.dims());
            let far = (&found - &expected).unwrap().abs().unwrap().max_all().unwrap();
            let most = expected.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            let far = far.to_scalar::<f32>().unwrap() / most;
            assert!(most > 0.0 && far < 1e-4, "{padding:?} {norm:?} {up:?} {batch}: {far}");
        }
    }
}

/// Largest difference of a mask drawn in windows of this output, `step` apart, from the whole.
fn difference(runner: &Runner, size: [usize; 2], output: usize, step: usize) -> f32 {
    let planes = picture(2, size);
    let whole = runner.window(&planes, size, [0; 2], size.map(|s| Axis::new(s, 516).output));
    let whole = whole.unwrap().to_vec3::<f32>().unwrap();
    let mut worst = 0f32;
    for y in (0..size[1]).step_by(step) {
        for x in (0..size[0]).step_by(step) {
            let part = runner.window(&planes, size, [x, y], [output; 2]).unwrap();
            for (r, row) in part.to_vec3::<f32>().unwrap()[0].iter().enumerate() {
                for (c, v) in row.iter().enumerate() {
                    let inside = x + c < size[0] && y + r < size[1];
                    let given =
                        c < step && r < step || x + output >= size[0] || y + output >= size[1];
                    if inside && given {
                        worst = worst.max((v - whole[0][y + r][x + c]).abs());
                    }
                }
            }
        }
    }
    worst
}

#[test]
fn tiles_equal_whole() {
    let size = [149, 131];
    for norm in [Norm::None, Norm::Batch] {
        let runner = runner(&small(Padding::Valid, norm, Up::Transpose));
        for output in [20, 68, 132] {
            let worst = difference(&runner, size, output, output - 4);
            assert!(worst < 1e-5, "{norm:?}, output {output}: {worst:e}");
        }
    }
    // The mean of all orientations as well.
    let config = || small(Padding::Valid, Norm::Batch, Up::Transpose);
    let turned = runner(&Config { orientations: true, ..config() });
    let worst = difference(&turned, [60, 50], 36, 32);
    assert!(worst < 1e-5, "all orientations: {worst:e}");
    // The way that pictures are really drawn, against the same single window.
    let runner = runner(&config());
    let planes = picture(2, size);
    let all = runner.whole(&planes, size).unwrap();
    let whole = runner.window(&planes, size, [0; 2], [516; 2]).unwrap();
    let whole = whole.narrow(1, 0, size[1]).unwrap().narrow(2, 0, size[0]).unwrap();
    let whole = whole.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(all.len(), whole.len());
    assert!(all.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-5));
    let spread = |v: &[f32]| v.iter().fold(0f32, |m, p| m.max((p - v[0]).abs()));
    assert!(spread(&all) > 0.1, "a mask that says nothing equals any other");
}

#[test]
fn phase_matters() {
    let runner = runner(&small(Padding::Valid, Norm::None, Up::Transpose));
    let worst = difference(&runner, [149, 131], 20, 20);
    assert!(worst > 0.1, "windows at any place are exact now: {worst}");
}

#[test]
fn norm_matters() {
    for norm in [Norm::Group(2), Norm::Instance] {
        let config = small(Padding::Valid, norm, Up::Transpose);
        assert!(config.check().unwrap_err().contains("one window only"));
        // And rightly so.
        assert!(difference(&runner(&config), [60, 60], 36, 32) > 1e-3);
        assert_eq!(small(Padding::Same, norm, Up::Transpose).check(), Ok(()));
    }
    let config = small(Padding::Valid, Norm::Batch, Up::NearestConv);
    assert!(config.check().unwrap_err().contains("transpose"));
    for norm in [Norm::None, Norm::Batch] {
        assert_eq!(small(Padding::Valid, norm, Up::Transpose).check(), Ok(()));
    }
    assert!(runner(&small(Padding::Same, Norm::None, Up::Transpose)).windows().is_none());
}

#[test]
fn a_configuration_that_cannot_be_is_named() {
    let good = || Config::preset(Preset::Tiles, 1, 1);
    let refused = |c: Config, why: &str| {
        let error = c.check().unwrap_err();
        assert!(error.contains(why), "{error}");
    };
    refused(Config { side: 350, ..good() }, "348 or 364");
    refused(Config { side: 100, padding: Padding::Same, ..good() }, "multiple of 16");
    refused(Config { dropout: 1.0, ..good() }, "less than 1");
    refused(Config { depth: 9, ..good() }, "1 to 6");
    refused(Config { norm: Norm::Group(5), padding: Padding::Same, ..good() }, "divisor");
    for preset in [Preset::Desk, Preset::Tiles, Preset::Paper] {
        assert_eq!(Config::preset(preset, 3, 2).check(), Ok(()));
    }
}

#[test]
fn init() {
    // Each weight's standard deviation within three of its own error; biases are zero.
    let config = Config { width: 16, norm: Norm::None, ..Config::preset(Preset::Tiles, 1, 1) };
    let vars = SeededInit::new(3);
    let vb = VarBuilder::from_backend(Box::new(vars.clone()), DType::F64, Device::Cpu);
    UNet::in_training(&config, &vb).unwrap();
    for (name, var) in vars.vars() {
        let v = values(var.as_tensor());
        if name.ends_with("bias") {
            assert!(v.iter().all(|v| *v == 0.0), "{name}");
            continue;
        }
        let dims = var.dims();
        let inputs = if name.starts_with("up") { dims[0] } else { dims[1] * dims[2] * dims[3] };
        let expected = (2.0 / inputs as f64).sqrt();
        let found = (v.iter().map(|v| v * v).sum::<f64>() / v.len() as f64).sqrt();
        let error = expected / (2.0 * v.len() as f64).sqrt();
        assert!((found - expected).abs() < 3.0 * error, "{name}: {found} {expected}");
    }
    // Ten layers keep the size of what goes through them.
    let mut x = noise(&[1, 64, 24, 24], 2).affine(3f64.sqrt(), 0.0).unwrap();
    let power = |x: &Tensor| values(&x.sqr().unwrap().mean_all().unwrap())[0];
    let before = power(&x);
    for layer in 0..10 {
        let name = format!("layer{layer}");
        let shape = (64, 64, 3, 3);
        let stdev = (2.0f64 / 576.0).sqrt();
        assert!((stdev - 0.0589).abs() < 1e-4);
        let init = candle_nn::Init::Randn { mean: 0.0, stdev };
        let weight = vb.get_with_hints(shape, &name, init).unwrap();
        let zero = Tensor::zeros(64, DType::F64, &Device::Cpu).unwrap();
        // Mirrored borders: zeros would take away at each layer.
        let wide: Vec<u32> = (-1..25).map(|i| mirrored(i, 24) as u32).collect();
        let wide = Tensor::new(wide, &Device::Cpu).unwrap();
        let padded = x.index_select(&wide, 2).unwrap().index_select(&wide, 3).unwrap();
        x = crate::nn::conv2d(&padded, &weight, &zero, 1, 0).unwrap();
        // He's rule is for inputs of power 1: a layer's sums have variance 2, of which ReLU keeps half.
        x = x.relu().unwrap();
        let power_ratio = power(&x) / before;
        assert!((0.4..2.5).contains(&power_ratio), "layer {layer}: {power_ratio}");
    }
}

#[test]
fn gradient() {
    // Every parameter of a whole network, both ways up and all norms, in f64 differences.
    for (padding, norm, up) in [
        (Padding::Valid, Norm::Batch, Up::Transpose),
        (Padding::Valid, Norm::None, Up::Transpose),
        (Padding::Same, Norm::Group(2), Up::NearestConv),
        (Padding::Same, Norm::Instance, Up::NearestConv),
    ] {
        let side = if padding == Padding::Valid { 44 } else { 8 };
        let config = Config { depth: 2, side, ..small(padding, norm, up) };
        let init = SeededInit::new(7);
        let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F64, Device::Cpu);
        let network = UNet::in_training(&config, &vb).unwrap();
        let x = noise(&[2, 2, side, side], 1);
        let loss = |network: &UNet| {
            let y = network.logits(&x, &mut Pass::default()).unwrap();
            let w = Tensor::arange(1f64, (y.elem_count() + 1) as f64, &Device::Cpu).unwrap();
            let w = w.affine(0.37, 0.1).unwrap().sin().unwrap();
            (y.flatten_all().unwrap() * w).unwrap().sum_all().unwrap()
        };
        let grads = loss(&network).backward().unwrap();
        for (name, var) in init.vars() {
            let gradient = values(grads.get(&var).unwrap_or_else(|| panic!("{name}: no gradient")));
            let at = values(var.as_tensor());
            for j in (0..at.len()).step_by((at.len() / 3).max(1)) {
                let shifted = |by: f64| {
                    let mut v = at.clone();
                    v[j] += by;
                    var.set(&Tensor::from_vec(v, var.dims(), &Device::Cpu).unwrap()).unwrap();
                    values(&loss(&UNet::in_training(&config, &vb).unwrap()))[0]
                };
                // ReLU and pooling have corners: a small step crosses few.
                let eps = 1e-6;
                let numeric = (shifted(eps) - shifted(-eps)) / (2.0 * eps);
                shifted(0.0);
                let error = (numeric - gradient[j]).abs() / (1e-2 + numeric.abs());
                assert!(
                    error < 1e-3,
                    "{name}[{j}]: backward {}, differences {numeric}",
                    gradient[j]
                );
            }
        }
    }
}

#[test]
fn dropout_is_for_training_and_keeps_the_mean() {
    let config = Config { dropout: 0.5, ..small(Padding::Same, Norm::None, Up::Transpose) };
    let all = weights(&config, DType::F32);
    let vb = VarBuilder::from_tensors(all, DType::F32, &Device::Cpu);
    let network = UNet::in_training(&config, &vb).unwrap();
    let x = noise(&[1, 2, 32, 32], 1).to_dtype(DType::F32).unwrap();
    let logits = |seed: Option<u64>| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed.unwrap_or(0));
        let dropout = seed.map(|_| &mut rng);
        values(&network.logits(&x, &mut Pass { dropout, statistics: None }).unwrap())
    };
    assert_eq!(logits(None), logits(None));
    assert_eq!(logits(Some(1)), logits(Some(1)));
    assert_ne!(logits(Some(1)), logits(Some(2)));
    assert_ne!(logits(Some(1)), logits(None));
}

#[test]
fn statistics_of_batches_make_training_and_use_agree() {
    let config = small(Padding::Same, Norm::Batch, Up::Transpose);
    let mut all = weights(&config, DType::F64);
    let vb = VarBuilder::from_tensors(all.clone(), DType::F64, &Device::Cpu);
    let network = UNet::in_training(&config, &vb).unwrap();
    let x = noise(&[3, 2, 32, 32], 1);
    let mut statistics = Statistics::default();
    let mut pass = Pass { dropout: None, statistics: Some(&mut statistics) };
    let seen = network.logits(&x, &mut pass).unwrap();
    all.extend(statistics.tensors().unwrap());
    let vb = VarBuilder::from_tensors(all, DType::F64, &Device::Cpu);
    let ready = UNet::ready(&config, &vb).unwrap();
    crate::nn::gradcheck::close(&ready.logits(&x, &mut Pass::default()).unwrap(), &seen, 1e-9);
}

/// `tests/golden/unet.safetensors`, made by `tests/golden/make_unet.py`.
fn golden() -> std::collections::HashMap<String, Tensor> {
    let bytes = include_bytes!("../../../tests/golden/unet.safetensors");
    candle_core::safetensors::load_buffer(bytes, &Device::Cpu).unwrap()
}

#[test]
fn forward() {
    let all = golden();
    let mut cases = 0;
    for (padding, side) in [(Padding::Valid, 60), (Padding::Same, 16)] {
        for norm in [Norm::None, Norm::Batch, Norm::Group(2), Norm::Instance] {
            for up in [Up::Transpose, Up::NearestConv] {
                let config = Config { depth: 2, side, ..small(padding, norm, up) };
                let word = |v: serde_json::Value| match v {
                    serde_json::Value::String(word) => word,
                    _ => "group".to_owned(),
                };
                let name = [
                    serde_json::to_value(padding).unwrap(),
                    serde_json::to_value(norm).unwrap(),
                    serde_json::to_value(up).unwrap(),
                ]
                .map(word)
                .join("-");
                let prefix = format!("{name}.w.");
                let weights = all.iter().filter_map(|(key, t)| {
                    Some((key.strip_prefix(&prefix)?.to_owned(), t.clone()))
                });
                let vb = VarBuilder::from_tensors(weights.collect(), DType::F32, &Device::Cpu);
                let network = UNet::ready(&config, &vb).unwrap();
                let y = network.logits(&all[&format!("{name}.x")], &mut Pass::default()).unwrap();
                let expected = &all[&format!("{name}.y")];
                assert_eq!(y.dims(), expected.dims());
                let (found, expected) = (values(&y), values(expected));
                let size = expected.iter().fold(0f64, |m, v| m.max(v.abs()));
                for (a, b) in found.iter().zip(&expected) {
                    assert!((a - b).abs() < 1e-4 * size, "{name}: {a} {b}");
                }
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 16);
}
