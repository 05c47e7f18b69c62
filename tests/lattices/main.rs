//! One patient, many files: whatever the order, direction and spacing of the voxels, a model sees
//! the same and its mask lies at the same place in the world.
//!
//! The scans are made here; where the data set of the hippocampus lies beside the repository its
//! volumes are taken too.

#![allow(clippy::unwrap_used, clippy::panic_in_result_fn, reason = "a test program: it may panic")]

mod orders;
mod phantom;
mod pictures;
mod series;
mod sets;
mod spacing;

use sfumato::inference::{DeviceChoice, Engine, Job, Outcome, Settings};
use sfumato::volume::{Geometry, Volume};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const HIPPOCAMPUS: &str = "hippocampus-mri";

/// The data sets beside the repository; `None`, and said, where they are not.
fn data(test: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/hippocampus_mri");
    if !folder.is_dir() {
        eprintln!("SKIPPED {test}: the data set is not there");
        return None;
    }
    Some(folder)
}

/// A run of one model on the CPU.
fn segment(engine: &mut Engine, model: &str, volume: Volume, members: usize) -> Outcome {
    let settings = Settings { members, steps: 2, device: DeviceChoice::Cpu, ..Settings::default() };
    let (volume, model) = (Arc::new(volume), model.to_owned());
    let job = Job { volume, time: 0, model, settings };
    let (outcome, cancelled) = engine.run(&job, &AtomicBool::new(false), &mut |_| {}).unwrap();
    assert!(!cancelled);
    outcome.unwrap()
}

/// Soft masks at the places that they have in the world: values of all members and the direct mask,
/// class by class, on `onto`, by the nearest voxel.
fn in_the_world(outcome: &Outcome, onto: &Geometry) -> Vec<u8> {
    let g = &outcome.geometry;
    let n: usize = outcome.block_shape().iter().product();
    assert_eq!(n, g.voxel_count(), "the whole scan");
    let to_own = g.voxel_from_world().compose(onto.world_from_voxel());
    let [nx, ny, _] = onto.shape();
    let [mx, my, mz] = g.shape();
    let index: Vec<usize> = (0..onto.voxel_count())
        .map(|i| to_own.apply([i % nx, i / nx % ny, i / nx / ny].map(|v| v as f64)))
        .map(|p| p.map(|v| (v + 1e-6).round()))
        .map(|[x, y, z]| {
            let inside = |v: f64, n: usize| (v as usize).min(n - 1);
            inside(x, mx) + mx * (inside(y, my) + my * inside(z, mz))
        })
        .collect();
    let soft = outcome.members.iter().map(|m| &m.soft).chain([&outcome.direct]);
    soft.flat_map(|s| s.chunks(n)).flat_map(|c| index.iter().map(|&i| c[i])).collect()
}

fn dice(a: &[bool], b: &[bool]) -> f64 {
    let both = a.iter().zip(b).filter(|(a, b)| **a && **b).count();
    let count = |m: &[bool]| m.iter().filter(|v| **v).count();
    2.0 * both as f64 / (count(a) + count(b)).max(1) as f64
}
