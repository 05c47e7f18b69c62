//! Several networks in one file: members are drawn from them in turn.

use super::{DeviceChoice, Engine, Job, Outcome, Settings};
use crate::models::{join, load_bytes};
use crate::volume::{Geometry, Modality, Volume, Voxels};
use safetensors::SafeTensors;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const MODEL: &str = "fundus-disc-cup";

/// Another network of the same kind: the first one's weights in half precision, with the last bit of
/// each flipped where that is a lot (each value 1 + 2⁻⁵ times as large).
fn other(folder: &Path) -> PathBuf {
    let bytes = include_bytes!("../../assets/weights/fundus-disc-cup.safetensors");
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let changed: Vec<(String, Vec<u8>, Vec<usize>, safetensors::Dtype)> = tensors
        .tensors()
        .into_iter()
        .map(|(name, t)| {
            let halves = t.data().chunks(2).map(|h| u16::from_le_bytes([h[0], h[1]]) ^ 0x20);
            let data = halves.flat_map(u16::to_le_bytes).collect();
            (name, data, t.shape().to_vec(), t.dtype())
        })
        .collect();
    let views = changed.iter().map(|(name, data, shape, dtype)| {
        let view = safetensors::tensor::TensorView::new(*dtype, shape.clone(), data).unwrap();
        (name.as_str(), view)
    });
    let bytes = safetensors::serialize(views, metadata.metadata().clone()).unwrap();
    let path = folder.join("other.safetensors");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn run(model: &str, members: usize, first: usize) -> Outcome {
    let pixel = |i: usize| {
        let r = ((i % 64) as f64 - 32.0).hypot((i / 64) as f64 - 30.0);
        if r < 16.0 { [215, 125, 60] } else { [130, 65, 30] }
    };
    let voxels = Voxels::Rgb8((0..64 * 60).map(pixel).collect());
    let mut volume = Volume::new(Geometry::picture(64, 60, 1).unwrap(), 1, voxels).unwrap();
    volume.modality = Modality::Fundus;
    let settings =
        Settings { members, first, steps: 2, device: DeviceChoice::Cpu, ..Settings::default() };
    let job = Job { volume: Arc::new(volume), time: 0, model: model.to_owned(), settings };
    Engine::new().run(&job, &AtomicBool::new(false), &mut |_| {}).unwrap().0.unwrap()
}

#[test]
fn members_are_drawn_from_several_networks_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let other = other(folder.path()).to_string_lossy().into_owned();
    let joined = folder.path().join("both.safetensors");
    std::fs::write(&joined, join(&[MODEL.to_owned(), other.clone()]).unwrap()).unwrap();
    let joined = joined.to_string_lossy().into_owned();
    let (one, two, both) = (run(MODEL, 4, 0), run(&other, 4, 0), run(&joined, 4, 0));
    assert_eq!((both.model.networks, both.networks()), (2, vec![0, 1, 0, 1]));
    let far = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(far(&one.members[1].soft, &two.members[1].soft) > 5, "the networks differ");
    for (k, member) in both.members.iter().enumerate() {
        let own = [&one, &two][k % 2];
        assert_eq!((member.index, member.seed), (k, own.members[k].seed));
        assert!(far(&member.soft, &own.members[k].soft) <= 1, "member {k}");
    }
    for ((a, b), mean) in one.direct.iter().zip(&two.direct).zip(&both.direct) {
        assert!((f64::from(*a) + f64::from(*b) - 2.0 * f64::from(*mean)).abs() <= 3.0);
    }
    // Members that are added later come from the networks that it is their turn of.
    let later = run(&joined, 2, 3);
    assert_eq!(later.networks(), [1, 0]);
    assert!(far(&later.members[0].soft, &both.members[3].soft) <= 1);
}

#[test]
fn networks_for_other_tasks_are_not_joined() {
    let why = |models: &[&str]| {
        join(&models.iter().map(|m| (*m).to_owned()).collect::<Vec<_>>()).unwrap_err().to_string()
    };
    assert!(why(&[MODEL]).contains("two or more"));
    assert!(why(&[MODEL, "fetal-head-us"]).contains("not that of fundus-disc-cup"));
    assert!(why(&[MODEL, "membrane-em"]).contains("samples"));
    let twice = join(&[MODEL.to_owned(), MODEL.to_owned()]).unwrap();
    let loaded = load_bytes("twice", &twice, &candle_core::Device::Cpu).unwrap();
    let one = crate::models::card(MODEL).unwrap();
    assert_eq!((loaded.card.networks, loaded.card.parameters), (2, 2 * one.parameters));
    assert_eq!((loaded.others.len(), loaded.header.scaling), (1, None));
}
