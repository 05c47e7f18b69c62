//! The encoder against OpenMMLab's own code and torchvision's (`tests/golden/make_resnet3d.py`), the
//! whole network at every size.

use super::*;
use crate::models::VolumeNetwork;
use crate::nn::gradcheck::{close, values};
use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

fn golden(part: &str) -> Vec<Value> {
    let all: Value =
        serde_json::from_str(include_str!("../../../tests/golden/resnet3d.json")).unwrap();
    all[part].as_array().unwrap().clone()
}

/// Element i of a tensor of this name, -1…1, as the script computes it.
pub(super) fn number(name: &str, count: usize) -> Vec<f64> {
    let h = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let one = |i: u64| {
        let mut u = (i * 2_654_435_761 + (h & 0xffff_ffff)) & 0xffff_ffff;
        u ^= u >> 16;
        u = (u * 0x45d_9f3b) & 0xffff_ffff;
        u ^= u >> 16;
        u as f64 / f64::from(1u32 << 31) - 1.0
    };
    (0..count as u64).map(one).collect()
}

/// Weights by their names: all the same to the script.
#[derive(Clone, Default)]
struct Formula {
    /// Nothing but zeros, for counting.
    empty: bool,
    names: Arc<Mutex<BTreeMap<String, Shape>>>,
}

impl SimpleBackend for Formula {
    fn get(&self, s: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        self.names.lock().unwrap().insert(name.to_owned(), s.clone());
        if self.empty {
            return Tensor::zeros(s, dtype, device);
        }
        let scale = match s.dims() {
            [_, fan @ ..] if s.rank() == 5 => (6.0 / fan.iter().product::<usize>() as f64).sqrt(),
            _ => 0.1,
        };
        let value = |v: f64| match name {
            _ if name.ends_with("running_var") => 1.0 + 0.3 * v,
            _ if name.ends_with("bn.weight") => 1.0 + 0.2 * v,
            _ => scale * v,
        };
        let v: Vec<f32> =
            number(name, s.elem_count()).into_iter().map(|v| value(v) as f32).collect();
        Tensor::from_vec(v, s, device)?.to_dtype(dtype)
    }
    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle_core::bail!("{name} without a shape")
    }
    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

fn builder(formula: &Formula) -> VarBuilder<'static> {
    in_type(formula, DType::F32)
}

fn in_type(formula: &Formula, dtype: DType) -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(formula.clone()), dtype, Device::Cpu)
}

fn volume(shape: &[usize]) -> Tensor {
    let v = number("input", shape.iter().product()).into_iter().map(|v| v as f32 * 1.7);
    Tensor::from_vec(v.collect::<Vec<_>>(), shape, &Device::Cpu).unwrap()
}

fn encoder(value: &Value) -> Encoder {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn counts_and_names_are_openmmlabs() {
    for case in golden("counts") {
        let formula = Formula { empty: true, ..Formula::default() };
        let encoder = encoder(&case["encoder"]);
        encoder.check().unwrap();
        encoder.build(&builder(&formula)).unwrap();
        let names = formula.names.lock().unwrap();
        let learnt =
            |name: &str| !name.contains("running_") && !name.ends_with("num_batches_tracked");
        let count: usize =
            names.iter().filter(|(n, _)| learnt(n)).map(|(_, s)| s.elem_count()).sum();
        assert_eq!(count, case["parameters"], "{}", case["encoder"]);
        assert_eq!(names.len(), case["entries"]);
        let line = |(name, shape): (&String, &Shape)| {
            let sides: Vec<String> = shape.dims().iter().map(ToString::to_string).collect();
            format!("{name} {}", sides.join("x"))
        };
        let mut lines: Vec<String> = names.iter().map(line).collect();
        lines.sort();
        let digest = Sha256::digest(lines.join("\n").as_bytes());
        let digest: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(digest, case["names"].as_str().unwrap(), "{}", case["encoder"]);
    }
    // What the source says, so that the golden file itself is checked.
    let expected = [33_166_272, 33_185_088, 33_166_272, 33_185_088, 63_475_904];
    let found: Vec<u64> =
        golden("counts").iter().take(5).map(|c| c["parameters"].as_u64().unwrap()).collect();
    assert_eq!(found, expected);
}

#[test]
fn stages_equal_oracle_and_torchvision_r3d() {
    let cases = golden("stages");
    assert!(cases.len() >= 13);
    for case in cases {
        let encoder = encoder(&case["encoder"]);
        // In f64: attention turns the rounding of f32 into more than the tolerance.
        let network = encoder.build(&in_type(&Formula::default(), DType::F64)).unwrap();
        let shape: Vec<usize> = serde_json::from_value(case["input"].clone()).unwrap();
        let stages = network.forward(&volume(&shape).to_dtype(DType::F64).unwrap()).unwrap();
        let expected = case["outputs"].as_array().unwrap();
        assert_eq!(stages.outputs.len(), expected.len());
        for (found, expected) in stages.outputs.iter().zip(expected) {
            let shape: Vec<usize> = serde_json::from_value(expected["shape"].clone()).unwrap();
            assert_eq!(found.dims(), shape, "{}", case["encoder"]);
            let found = values(found);
            let some: Vec<f64> = serde_json::from_value(expected["values"].clone()).unwrap();
            let size = some.iter().fold(0f64, |m, v| m.max(v.abs()));
            assert!(size > 1e-3, "nothing came through: {}", case["encoder"]);
            for (a, b) in found.iter().step_by((found.len() / 48).max(1)).zip(&some) {
                assert!((a - b).abs() < 1e-6 * size, "{a}, {b} of {size}: {}", case["encoder"]);
            }
        }
    }
}

#[test]
fn shapes_are_the_source_pages() {
    for pool2 in [false, true] {
        let source =
            Encoder { base_channels: 4, with_pool2: pool2, ..preset("source", 3).unwrap() };
        let network = source.build(&builder(&Formula::default())).unwrap();
        for [t, h, w] in [[16, 320, 256], [13, 317, 253]] {
            let stages = network.forward(&volume(&[1, 3, t, h, w])).unwrap();
            assert_eq!(stages.stem.dims(), [1, 4, 4, 80, 64]);
            let t = if pool2 { 2 } else { 4 };
            let found: Vec<&[usize]> = stages.outputs.iter().map(Tensor::dims).collect();
            let expected =
                [[1, 16, t, 80, 64], [1, 32, t, 40, 32], [1, 64, t, 20, 16], [1, 128, t, 10, 8]];
            assert_eq!(found, expected);
        }
    }
}

/// Kernels of frames, repeated along the depth and divided by it: a film of one frame gives what the
/// frame gives, as far from its ends as the network reaches.
#[test]
fn inflation_identity() {
    for depth in [18, 50] {
        let film = Encoder {
            depth,
            base_channels: 4,
            conv1_kernel: [5, 7, 7],
            with_pool2: false,
            ..Encoder::default()
        };
        let frame = Encoder {
            conv1_kernel: [1, 7, 7],
            inflate: vec![Blocks::All(false); 4],
            ..film.clone()
        };
        let flat = Formula::default();
        let still = frame.build(&builder(&flat)).unwrap();
        let deep = Formula { empty: true, ..Formula::default() };
        film.build(&builder(&deep)).unwrap();
        let mut weights = std::collections::HashMap::new();
        for (name, shape) in deep.names.lock().unwrap().iter() {
            let shape_2d = flat.names.lock().unwrap()[name].clone();
            let w = flat.get(shape_2d, name, Init::Const(0.0), DType::F32, &Device::Cpu).unwrap();
            let w = match shape.dims() {
                &[_, _, kd, ..] if kd > 1 => {
                    (w.repeat((1, 1, kd, 1, 1)).unwrap() / kd as f64).unwrap()
                }
                _ => w,
            };
            weights.insert(name.clone(), w);
        }
        let vb = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
        let moving = film.build(&vb).unwrap();
        let picture = volume(&[1, 3, 1, 32, 32]);
        let expected = still.forward(&picture).unwrap();
        let film = moving.forward(&picture.repeat((1, 1, 40, 1, 1)).unwrap()).unwrap();
        for (found, expected) in film.outputs.iter().zip(&expected.outputs) {
            let size = values(expected).iter().fold(0f64, |m, v| m.max(v.abs()));
            for t in [18, 20, 21] {
                close(&found.narrow(2, t, 1).unwrap(), expected, 2e-4 * size);
            }
            let first = (found.narrow(2, 0, 1).unwrap() - expected).unwrap();
            let off = values(&first).iter().fold(0f64, |m, v| m.max(v.abs()));
            assert!(off > 1e-3 * size, "the first frame feels the end");
        }
    }
}

/// Every decoder and preset gives back the size that it was given.
#[test]
fn every_decoder_returns_to_the_volume() {
    for name in PRESETS {
        for decoder in [Decoder::LinkNet, Decoder::Concat, Decoder::Fpn, Decoder::MedNet] {
            let encoder = Encoder { base_channels: 8, ..preset(name, 1).unwrap() };
            let config = Config { encoder, decoder, classes: 2, window: None };
            config.check().unwrap();
            let network = config.build(&builder(&Formula::default())).unwrap();
            let stride = network.stride();
            let size = stride.map(|s| 2 * s);
            let x: Vec<f32> =
                number("input", size.iter().product()).into_iter().map(|v| v as f32).collect();
            let p = network.probability(&x, size).unwrap();
            assert_eq!(p.len(), 2 * x.len(), "{name} {decoder:?}");
            assert!(p.iter().all(|p| (0.0..=1.0).contains(p)), "{name} {decoder:?}");
            let spread = p.iter().fold([1f32, 0.0], |[a, b], &p| [a.min(p), b.max(p)]);
            assert!(spread[1] - spread[0] > 1e-3, "{name} {decoder:?}: {spread:?}");
        }
    }
}

/// Each plane of a level is a picture in as many numbers, and knows a volume of another kind.
#[test]
fn a_look_says_what_kind_of_picture_each_slab_is() {
    use crate::models::Familiarity;
    let config = Config {
        encoder: Encoder { base_channels: 8, ..preset("small", 1).unwrap() },
        decoder: Decoder::LinkNet,
        classes: 2,
        window: None,
    };
    let network = config.build(&builder(&Formula::default())).unwrap();
    let size = network.stride().map(|s| 4 * s);
    let smooth = |seed: usize| -> Vec<f32> {
        let at = |i: usize| [i % size[2], i / size[2] % size[1], i / (size[1] * size[2])];
        let value = |i: usize| {
            let [x, y, z] = at(i).map(|v| (v + seed) as f32 * 0.2);
            0.6 * (x.sin() + y.cos() + z.sin()) / 3.0
        };
        (0..size.iter().product()).map(value).collect()
    };
    let look = network.look(&smooth(0), size).unwrap();
    assert_eq!(look.probability, network.probability(&smooth(0), size).unwrap());
    // The second level lies two strides down: half as many planes, 16 channels and the image.
    assert_eq!(look.features.len(), size[0] / 2);
    assert!(look.features.iter().all(|f| f.len() == 2 * (16 + 1)));
    let mean =
        smooth(0)[..size[1] * size[2] * 2].iter().sum::<f32>() / (size[1] * size[2] * 2) as f32;
    assert!((look.features[0][0] - mean).abs() < 1e-5);
    let learnt: Vec<_> = (0..12)
        .flat_map(|s| {
            network.look(&smooth(s), size).unwrap().features.into_iter().map(move |f| (s, f))
        })
        .collect();
    let known = Familiarity::learn(&learnt).unwrap();
    assert!(!known.fit(&network.look(&smooth(30), size).unwrap().features).unwrap().unlike);
    let noise: Vec<f32> =
        number("input", size.iter().product()).into_iter().map(|v| v as f32).collect();
    assert!(known.fit(&network.look(&noise, size).unwrap().features).unwrap().unlike);
}

#[test]
fn the_work_that_is_told_is_that_of_the_convolutions() {
    // Section 7 of the encoder's account: 8.8 GFLOP of `small` on 40 x 56 x 40.
    let small = Config {
        encoder: preset("small", 1).unwrap(),
        decoder: Decoder::MedNet,
        classes: 2,
        window: None,
    };
    let voxels = (40 * 56 * 40) as f64;
    let whole = small.shape().gflop * voxels / f64::from(64 * 64 * 64);
    let last = voxels / 512.0;
    let decoder = 8.0 * last * (128.0 * 32.0 + 27.0 * 32.0 * 32.0 + 32.0 * 3.0) * 2e-9;
    assert!((whole - decoder - 8.8).abs() < 0.1, "{}", whole - decoder);
    let formula = Formula { empty: true, ..Formula::default() };
    small.encoder.build(&builder(&formula)).unwrap();
    let count: usize = formula.names.lock().unwrap().values().map(Shape::elem_count).sum();
    assert_eq!(count, 2_073_360);
}

#[test]
fn encoders_that_cannot_be_built_are_named() {
    let refused = |change: &dyn Fn(&mut Encoder)| {
        let mut encoder = preset("small", 1).unwrap();
        change(&mut encoder);
        encoder.check().unwrap_err()
    };
    assert!(refused(&|e| e.depth = 20).contains("20"));
    assert!(refused(&|e| e.num_stages = 5).contains("5 stages"));
    assert!(refused(&|e| e.spatial_strides = vec![1, 2]).contains("spatial_strides"));
    assert!(refused(&|e| e.inflate[1] = Blocks::Each(vec![true; 3])).contains("stage 2"));
    assert!(refused(&|e| e.conv1_kernel = [3, 4, 3]).contains("stem kernel of 4"));
    assert!(refused(&|e| e.base_channels = 6).contains("6 base"));
    let deep_only = |e: &mut Encoder| e.temporal_strides = vec![2, 2, 2, 2];
    assert!(refused(&deep_only).contains("along the depth alone"));
    assert!(preset("tiny", 1).unwrap_err().contains("small"));
    // Half of a depth of one would be nothing: an error, no panic.
    let pooled = Encoder { base_channels: 4, ..Encoder::default() };
    let network = pooled.build(&builder(&Formula::default())).unwrap();
    assert!(network.forward(&volume(&[1, 3, 1, 32, 32])).is_err());
}
