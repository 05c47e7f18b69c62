//! A small network of whole volumes through training, weights file, registry and engine.

use super::TrainConfig;
use super::trainer::tests::{go, scores};
use crate::io::NiftiData;
use crate::volume::{Affine, Geometry};
use candle_core::Device;
use serde_json::{Value, json};
use std::path::Path;

/// Bright balls of 1.5 mm voxels in every second slot of the axes, some stored the other way round.
fn data(folder: &Path) {
    for sub in ["images", "labels"] {
        std::fs::create_dir(folder.join(sub)).unwrap();
    }
    let mut splits = "name,split\n".to_owned();
    for i in 0..6usize {
        let (shape, flip) = ([18 + i, 20, 17], if i % 2 == 0 { 1.0 } else { -1.0 });
        let steps = [[flip, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let geometry = Geometry::new(shape, Affine::from_columns(steps, [0.0; 3])).unwrap();
        let inside = |v: usize| {
            let at = [v % shape[0], v / shape[0] % shape[1], v / (shape[0] * shape[1])];
            let off = [at[0] as f64 - 6.0 - i as f64, at[1] as f64 - 9.0, at[2] as f64 - 8.0];
            off.iter().map(|o| o * o).sum::<f64>() < 26.0
        };
        let n = geometry.voxel_count();
        let image: Vec<u8> =
            (0..n).map(|v| if inside(v) { 200 } else { 40 + (v * 7 % 50) as u8 }).collect();
        let label: Vec<u8> = (0..n).map(|v| u8::from(inside(v))).collect();
        for (sub, voxels) in [("images", image), ("labels", label)] {
            let path = folder.join(sub).join(format!("{i}.nii"));
            crate::io::write_nifti(&path, &geometry, NiftiData::U8(&voxels), 1, false).unwrap();
        }
        splits += &format!("{i},{}\n", if i < 4 { "train" } else { "val" });
    }
    std::fs::write(folder.join("splits.csv"), splits).unwrap();
}

fn config(data: &Path, steps: usize) -> TrainConfig {
    let text = include_str!("../../assets/training/hippocampus-3d.json");
    let mut value: Value = serde_json::from_str(text).unwrap();
    value["data"] = json!(data);
    value["classes"] = json!([{ "name": "ball", "label": 1, "color": [1, 2, 3] }]);
    value["objective"]["patch"] = json!([16, 16, 16]);
    value["objective"]["encoder"] = json!({ "base_channels": 8, "num_stages": 2 });
    for key in ["steps", "validate_every"] {
        value[key] = json!(steps);
    }
    (value["warmup"], value["learning_rate"]) = (json!(3), json!(0.01));
    TrainConfig::from_json(value).unwrap()
}

#[test]
fn a_small_network_of_volumes_learns_and_segments_whole_scans() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    let config = config(folder.path(), 60);
    config.check().unwrap();
    let out = folder.path().join("run");
    let losses = go(&config, &out, false, usize::MAX);
    assert!(losses[59] < 0.5 * losses[0], "{losses:?}");
    let result = scores(folder.path(), &config.readers, &out, (3, 4));
    let dice = &result.classes[0].dice;
    assert!(dice.direct.unwrap() > 0.85, "{dice:?}");
    assert_eq!((dice.direct, result.members), (dice.sample, 1));
    // Every weight has moved, the first and the last of the way as well.
    let init = crate::nn::SeededInit::new(config.seed);
    let vb = candle_nn::VarBuilder::from_backend(
        Box::new(init.clone()),
        candle_core::DType::F32,
        Device::Cpu,
    );
    config.network().unwrap().build(&vb, &Device::Cpu).unwrap();
    let path = out.join("model.safetensors").display().to_string();
    let trained = crate::models::load_weights(&path, &Device::Cpu).unwrap();
    assert_eq!(init.vars().len(), trained.len());
    for (name, start) in init.vars() {
        let moved = (start.as_tensor() - &trained[&name]).unwrap().abs().unwrap();
        assert!(
            moved.flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap() > 1e-4,
            "{name}"
        );
    }
}

#[test]
fn ten_steps_are_five_and_five_more() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    let mut config = config(folder.path(), 10);
    config.checkpoint_every = 5;
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let all = go(&config, &whole, false, usize::MAX);
    let mut halves = go(&config, &parts, false, 5);
    halves.extend(go(&config, &parts, true, usize::MAX));
    assert_eq!(all, halves);
}

#[test]
fn classes_that_contain_one_another_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), 2);
    config.kind = crate::volume::ClassKind::Regions;
    assert!(config.check().unwrap_err().contains("exclusive"));
}
