//! Against the package's own models (`tests/golden/make_deepbet.py`). What needs the weights is skipped
//! by name where they were not fetched.

use super::*;
use crate::models::resnet3d::tests::number;
use serde_json::Value;
use std::collections::BTreeMap;

fn golden() -> Vec<Value> {
    let text = include_str!("../../../../tests/golden/deepbet.json");
    serde_json::from_str(text).unwrap()
}

/// Where the package's name of a weight stands in ours.
fn ours(theirs: &str) -> String {
    let parts: Vec<&str> = theirs.split('.').collect();
    match parts[..] {
        ["init", ..] => "backbone.conv1.conv.weight".to_owned(),
        ["tp_conv1", .., kind] => format!("decoder.head.first.conv.{kind}"),
        ["conv", .., kind] => format!("decoder.head.second.conv.{kind}"),
        ["tp_conv2", kind] => format!("decoder.head.last.conv.{kind}"),
        [up, part, ..] if up.starts_with("up") => {
            let part = match part {
                "conv1" => "squeeze",
                "tp_conv" => "enlarge",
                _ => "widen",
            };
            format!("decoder.{up}.{part}.conv.weight")
        }
        [down, block, part, index, _] => {
            let stage: usize = down.trim_start_matches("down").parse().unwrap();
            let block: usize = block.trim_start_matches("block").parse().unwrap();
            let part = match (part, index) {
                ("downsample", _) => "downsample",
                (_, "0") => "conv1",
                _ => "conv2",
            };
            format!("backbone.layer{}.{}.{part}.conv.weight", stage + 1, block - 1)
        }
        _ => panic!("{theirs}"),
    }
}

#[test]
fn every_storage_has_its_name_and_shape_and_every_part_its_count() {
    let parts = [
        ("init", 5_488),
        ("down0", 27_648),
        ("down1", 97_280),
        ("down2", 389_120),
        ("down3", 1_556_480),
        ("up0", 33_792),
        ("up1", 8_448),
        ("up2", 2_112),
        ("up3", 560),
        ("head", 5_330),
    ];
    for model in golden() {
        let rows = model["storages"].as_array().unwrap();
        let table = table();
        assert_eq!(rows.len(), table.len());
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for row in rows {
            let (i, theirs) = (row[0].as_u64().unwrap() as usize, row[1].as_str().unwrap());
            let shape: Vec<usize> = serde_json::from_value(row[2].clone()).unwrap();
            assert_eq!(table[i], (ours(theirs), shape.clone()), "{theirs}");
            let part = theirs.split('.').next().unwrap();
            let part = if part.contains("conv") { "head" } else { part };
            *counts.entry(part.to_owned()).or_default() += shape.iter().product::<usize>();
        }
        let expected: BTreeMap<String, usize> =
            parts.iter().map(|&(name, n)| (name.to_owned(), n)).collect();
        assert_eq!(counts, expected);
        assert_eq!(counts.values().sum::<usize>() * 2, card().parameters);
    }
    // The network asks for these and no others.
    let tensors: HashMap<String, Tensor> = table()
        .into_iter()
        .map(|(name, shape)| (name, Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()))
        .collect();
    let vb = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    config().check().unwrap();
    config().build(&vb).unwrap();
    assert!((card().gflop_per_step - 66.3).abs() < 2.0, "{}", card().gflop_per_step);
}

#[test]
fn both_models_give_the_packages_probabilities() {
    const SIDE: usize = 64;
    let Some(path) = place().filter(|p| p.is_file()) else {
        eprintln!("SKIPPED both_models_give_the_packages_probabilities: {}", how());
        return;
    };
    let noise = number("deepbet", SIDE.pow(3));
    let value = |i: usize| {
        let at = [i / (SIDE * SIDE), i / SIDE % SIDE, i % SIDE].map(|v| v as f64 - 31.5);
        let [x, y, z] = [at[0], 1.3 * at[1], at[2] + 4.0];
        let r = (x * x + y * y + z * z).sqrt();
        let inner = if r < 22.0 { 0.35 } else { 0.0 };
        let shell = if r > 24.0 && r < 27.0 { 0.9 } else { 0.0 };
        (0.35 + inner + shell + 0.05 * noise[i]) as f32
    };
    let volume: Vec<f32> = (0..SIDE.pow(3)).map(value).collect();
    let passes = networks(&path, &Device::Cpu).unwrap();
    for (network, golden) in passes.iter().zip(golden()) {
        let seen = network.probability(&volume, [SIDE; 3]).unwrap();
        let expected: Vec<f32> = serde_json::from_value(golden["values"].clone()).unwrap();
        let step = golden["step"].as_u64().unwrap() as usize;
        let pairs = seen.iter().step_by(step).zip(&expected);
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "{}: {worst}", golden["model"]);
    }
}

#[test]
fn another_file_in_its_place_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(WHEEL);
    std::fs::write(&path, b"PK\x03\x04 something else").unwrap();
    let why = networks(&path, &Device::Cpu).err().unwrap().to_string();
    assert!(why.contains("SHA-256") && why.contains(SHA256), "{why}");
    assert!(how().contains("scripts/fetch-brain-model") && how().contains("MIT"));
}
