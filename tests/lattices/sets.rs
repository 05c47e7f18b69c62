//! Evaluation and training on one set, stored in several ways.

use super::HIPPOCAMPUS;
use super::phantom::{labels, reorder, scan, stored};
use serde_json::{Value, json};
use sfumato::inference::{DeviceChoice, Engine, Settings};
use sfumato::io::{NiftiData, convert, write_nifti};
use sfumato::train::{TrainConfig, evaluate, train};
use sfumato::volume::{Affine, Geometry, Volume, Voxels};
use std::ops::ControlFlow;
use std::path::Path;

const AS_IT_IS: ([usize; 3], [bool; 3]) = ([0, 1, 2], [false; 3]);

/// How the files of a set are stored.
struct Storage {
    name: &'static str,
    image: ([usize; 3], [bool; 3]),
    label: ([usize; 3], [bool; 3]),
    /// Labels reach no further than the structure.
    crop: bool,
    /// Labels are stored threefold, with a factor of a third.
    factor: bool,
}

const WAYS: [Storage; 5] = [
    Storage { name: "as made", image: AS_IT_IS, label: AS_IT_IS, crop: false, factor: false },
    Storage {
        name: "as DICOM stores it",
        image: ([0, 1, 2], [true, true, false]),
        label: ([0, 1, 2], [true, true, false]),
        crop: false,
        factor: false,
    },
    Storage {
        name: "image on its side, cropped labels",
        image: ([1, 2, 0], [true, true, false]),
        label: AS_IT_IS,
        crop: true,
        factor: false,
    },
    Storage {
        name: "labels on their side with a factor",
        image: ([2, 0, 1], [false, true, true]),
        label: ([1, 0, 2], [false, false, true]),
        crop: true,
        factor: true,
    },
    Storage { name: "a factor", image: AS_IT_IS, label: AS_IT_IS, crop: false, factor: true },
];

/// The smallest box round the labels.
fn cropped(g: &Geometry, labels: &[u8]) -> (Geometry, Vec<u8>) {
    let [nx, ny, _] = g.shape();
    let voxel = |i: usize| [i % nx, i / nx % ny, i / nx / ny];
    let inside: Vec<[usize; 3]> = (0..labels.len()).filter(|&i| labels[i] > 0).map(voxel).collect();
    let low: [usize; 3] = std::array::from_fn(|a| inside.iter().map(|v| v[a]).min().unwrap());
    let high: [usize; 3] = std::array::from_fn(|a| inside.iter().map(|v| v[a]).max().unwrap());
    let shape: [usize; 3] = std::array::from_fn(|a| high[a] + 1 - low[a]);
    let steps = std::array::from_fn(|a| g.world_from_voxel().column(a));
    let origin = g.world_from_voxel().apply(low.map(|v| v as f64));
    let part = (0..shape.iter().product())
        .map(|i: usize| [i % shape[0], i / shape[0] % shape[1], i / shape[0] / shape[1]])
        .map(|v| labels[low[0] + v[0] + nx * (low[1] + v[1] + ny * (low[2] + v[2]))])
        .collect();
    (Geometry::new(shape, Affine::from_columns(steps, origin)).unwrap(), part)
}

fn write_set(folder: &Path, way: &Storage) {
    for sub in ["images", "labels"] {
        std::fs::create_dir_all(folder.join(sub)).unwrap();
    }
    let mut splits = "name,split\n".to_owned();
    for (i, split) in ["train", "train", "val"].into_iter().enumerate() {
        let made = scan([1.0; 3]);
        // Three cases that differ in brightness only.
        let Voxels::I16(values) = made.voxels() else { panic!("16-bit values") };
        let values = values.iter().map(|v| v + (*v * v / 400) * i as i16 / 4).collect();
        let mut volume = Volume::new(made.geometry().clone(), 1, Voxels::I16(values)).unwrap();
        volume.modality = made.modality;
        let (axis, flip) = way.image;
        let image = stored(&volume, axis, flip);
        convert(&folder.join(format!("images/{i}.nii")), &image, true).unwrap();

        let mut map = labels(&made);
        let mut g = made.geometry().clone();
        if way.crop {
            (g, map) = cropped(&g, &map);
        }
        let (axis, flip) = way.label;
        let (g, index) = reorder(&g, axis, flip);
        let factor = if way.factor { 3 } else { 1 };
        let map: Vec<u8> = index.iter().map(|&i| map[i] * factor).collect();
        let path = folder.join(format!("labels/{i}.nii"));
        write_nifti(&path, &g, NiftiData::U8(&map), 1, true).unwrap();
        if way.factor {
            // scl_slope; a third is no exact number.
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[112..116].copy_from_slice(&(1f32 / 3.0).to_le_bytes());
            std::fs::write(&path, bytes).unwrap();
        }
        splits += &format!("{i},{split}\n");
    }
    std::fs::write(folder.join("splits.csv"), splits).unwrap();
}

/// Two records agree in all figures.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(k, v)| k == "seconds_per_case" || b.get(k).is_some_and(|w| same(v, w)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-9 * a.abs().max(1.0)
        }
        _ => a == b,
    }
}

#[test]
fn evaluation_gives_the_same_figures_however_a_set_is_stored() {
    let mut engine = Engine::new();
    let mut figures = |way: &Storage| {
        let folder = tempfile::tempdir().unwrap();
        write_set(folder.path(), way);
        let settings =
            Settings { members: 3, steps: 2, device: DeviceChoice::Cpu, ..Settings::default() };
        let readers = ["labels".to_owned()];
        let data = (folder.path(), readers.as_slice());
        let result =
            evaluate(&mut engine, HIPPOCAMPUS, data, "val", &settings, &mut |_, _| {}).unwrap();
        serde_json::to_value(&result).unwrap()
    };
    let expected = figures(&WAYS[0]);
    assert!(expected["classes"][0]["dice"]["mean"].as_f64().unwrap() > 0.2, "{expected}");
    for way in &WAYS[1..] {
        let found = figures(way);
        assert!(same(&found, &expected), "{}:\n{found:#}\n{expected:#}", way.name);
    }
}

#[test]
fn training_sees_the_same_however_a_set_is_stored() {
    let text = include_str!("../../assets/training/hippocampus-mri.json");
    let losses = |way: &Storage| -> Vec<f64> {
        let folder = tempfile::tempdir().unwrap();
        write_set(folder.path(), way);
        let mut value: Value = serde_json::from_str(text).unwrap();
        value["data"] = json!(folder.path());
        value["objective"]["network"] = json!({
            "image_size": 16, "width": 8, "groups": 4, "multipliers": [1, 2], "time_width": 16,
            "former_blocks": 1, "filter_blocks": 2, "filter_width": 4
        });
        for (key, v) in [("steps", 3), ("batch", 4), ("validate_every", 3), ("warmup", 1)] {
            value[key] = json!(v);
        }
        let config: TrainConfig = serde_json::from_value(value).unwrap();
        let mut losses = Vec::new();
        train(&config, &folder.path().join("run"), false, DeviceChoice::Cpu, &mut |p| {
            losses.push(p.loss);
            losses.extend(p.validation.iter().flat_map(|v| v.0.iter().chain(&v.1)));
            ControlFlow::Continue(())
        })
        .unwrap();
        losses
    };
    let expected = losses(&WAYS[0]);
    assert_eq!(expected.len(), 3 + 4);
    for way in &WAYS[1..] {
        assert_eq!(losses(way), expected, "{}", way.name);
    }
}
