//! Volumes of every thickness, in windows, in all orders of storage.

use super::*;
use crate::inference::{DeviceChoice, Engine, Event, Job, Loaded, Loader, Outcome, Settings};
use crate::models::{Contract, ModelCard, Normalisation};
use crate::volume::{Affine, Class, ClassKind, Geometry, Modality, Volume, Voxels};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bright voxels, one class.
struct Bright;

impl VolumeNetwork for Bright {
    fn stride(&self) -> [usize; 3] {
        [4, 8, 8]
    }
    fn bytes_per_voxel(&self) -> usize {
        64
    }
    fn probability(&self, volume: &[f32], size: [usize; 3]) -> candle_core::Result<Vec<f32>> {
        let whole = size.iter().zip(self.stride()).all(|(n, s)| n.is_multiple_of(s));
        if !whole || volume.len() != size.iter().product::<usize>() {
            candle_core::bail!("{} voxels as {size:?}", volume.len());
        }
        Ok(volume.iter().map(|v| (v + 1.0) * 0.5).collect())
    }
}

const AXES: &str = r#"{"axes":"RAS","spacing_mm":[1.0,1.0,1.0],"pixelwise":true,"values":{"window":{"low":0.0,"high":100.0}}}"#;

fn engine(most: usize) -> Engine {
    let loader: Loader = Arc::new(move |id, _| {
        let contract: Contract = serde_json::from_str(AXES).unwrap();
        assert!(matches!(contract.values, Normalisation::Window { .. }));
        let card = ModelCard {
            id: id.to_owned(),
            title: String::new(),
            classes: vec![Class { name: "bright".to_owned(), label: 1, color: [1, 2, 3] }],
            kind: ClassKind::Exclusive,
            modality: Modality::Unknown,
            channels: 1,
            volumes: true,
            input: contract,
            size: 64,
            sampling: None,
            networks: 1,
            parameters: 0,
            gflop_per_step: 0.0,
            sha256: String::new().into(),
            markdown: String::new(),
        };
        let segmenter = WholeVolume::new(Box::new(Bright), 1).in_passes_of(most);
        Ok(Loaded { card, scaling: None, familiarity: None, segmenter: Box::new(segmenter) })
    });
    Engine::with(loader)
}

const SIDES: [usize; 3] = [13, 18, 11];

/// Brightness at a place of the patient, 0 to 100.
fn brightness([x, y, z]: [f64; 3]) -> f64 {
    50.0 + 25.0 * (x * 0.31).sin() + 15.0 * (y * 0.23 + z * 0.4).cos() + 9.0 * (z * 0.5).sin()
}

/// The same box of the patient, its axes stored in this order, some backwards.
fn stored(order: [usize; 3], flip: [bool; 3]) -> Volume {
    let shape = order.map(|a| SIDES[a]);
    let (mut steps, mut origin) = ([[0.0; 3]; 3], [-5.0, 3.0, 7.0]);
    for (stored, &a) in order.iter().enumerate() {
        steps[stored][a] = if flip[a] { -1.0 } else { 1.0 };
        if flip[a] {
            origin[a] += SIDES[a] as f64 - 1.0;
        }
    }
    let geometry = Geometry::new(shape, Affine::from_columns(steps, origin)).unwrap();
    let value = |i: usize| {
        let v = [i % shape[0], i / shape[0] % shape[1], i / (shape[0] * shape[1])];
        brightness(geometry.world_from_voxel().apply(v.map(|v| v as f64))) as f32
    };
    let voxels = (0..geometry.voxel_count()).map(value).collect();
    Volume::new(geometry, 1, Voxels::F32(voxels)).unwrap()
}

fn run(engine: &mut Engine, volume: Volume) -> Result<Outcome, String> {
    let settings = Settings { device: DeviceChoice::Cpu, ..Settings::default() };
    let job = Job { volume: Arc::new(volume), time: 0, model: "bright".to_owned(), settings };
    let run = engine.run(&job, &AtomicBool::new(false), &mut |_| {});
    run.map(|(outcome, _)| outcome.unwrap()).map_err(|e| e.to_string())
}

fn orders() -> Vec<([usize; 3], [bool; 3])> {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let flips = (0..8).map(|f| [f & 1 == 1, f & 2 == 2, f & 4 == 4]);
    flips.flat_map(|flip| orders.map(|order| (order, flip))).collect()
}

#[test]
fn geometry_a_mask_lies_on_the_scan_in_all_48_orders_of_storage_and_its_volume_stays() {
    let mut engine = engine(usize::MAX);
    let mut volumes = std::collections::BTreeSet::new();
    assert_eq!(orders().len(), 48);
    for (order, flip) in orders() {
        let volume = stored(order, flip);
        let geometry = volume.geometry().clone();
        let settings = Settings { device: DeviceChoice::Cpu, ..Settings::default() };
        let job = Job { volume: Arc::new(volume), time: 0, model: "bright".to_owned(), settings };
        let mut seen = None;
        let on_event = &mut |event| {
            if let Event::Step(step) = event {
                seen = Some(step);
            }
        };
        let (outcome, _) = engine.run(&job, &AtomicBool::new(false), on_event).unwrap();
        let outcome = outcome.unwrap();
        assert!(outcome.deterministic && outcome.members.len() == 1);
        assert_eq!(outcome.block_shape(), geometry.shape());
        let [w, h, _] = geometry.shape();
        // What is shown while it runs lies where the result does.
        let step = seen.unwrap();
        let shown: Vec<f32> =
            step.previews[0].here().unwrap().iter().map(|&p| f32::from(p)).collect();
        let shown = step.placement.enlarge(&shown);
        let plane: Vec<u8> = (0..outcome.direct.len())
            .filter(|i| [i % w, i / w % h, i / (w * h)][step.axis] == step.slice)
            .map(|i| outcome.direct[i])
            .collect();
        assert_eq!(shown.len(), plane.len());
        for (a, &b) in shown.iter().zip(&plane) {
            assert!((a - f32::from(b)).abs() <= 1.0, "{order:?} {flip:?}: {a} shown, {b} drawn");
        }
        for (i, &soft) in outcome.direct.iter().enumerate() {
            let v = [i % w, i / w % h, i / (w * h)].map(|v| v as f64);
            let expected = brightness(geometry.world_from_voxel().apply(v)) * 2.55;
            assert!(
                (f64::from(soft) - expected).abs() <= 0.51,
                "{order:?} {flip:?}: {soft} {expected}"
            );
        }
        volumes.insert(outcome.direct.iter().filter(|&&p| p >= 128).count());
    }
    assert_eq!(volumes.len(), 1, "{volumes:?}");
}

#[test]
fn windows_are_blended_back_progress_is_told_by_window_and_cancelling_ends_it() {
    let whole = run(&mut engine(usize::MAX), stored([0, 1, 2], [false; 3])).unwrap();
    let mut small = engine(16 * 16 * 8);
    let pieces = run(&mut small, stored([0, 1, 2], [false; 3])).unwrap();
    let worst = whole.direct.iter().zip(&pieces.direct).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(1), "{worst:?}");
    let notices = |o: &Outcome| o.notices.iter().map(|n| n.text.clone()).collect::<String>();
    assert!(notices(&pieces).contains("blended") && !notices(&whole).contains("blended"));

    let settings = Settings { device: DeviceChoice::Cpu, ..Settings::default() };
    let volume = Arc::new(stored([0, 1, 2], [false; 3]));
    let job = Job { volume, time: 0, model: "bright".to_owned(), settings };
    let (cancel, mut fractions) = (AtomicBool::new(false), Vec::new());
    let on_event = &mut |event| {
        if let Event::Step(step) = event {
            fractions.push(step.fraction);
            cancel.store(fractions.len() == 2, Ordering::Relaxed);
        }
    };
    let (outcome, cancelled) = small.run(&job, &cancel, on_event).unwrap();
    assert!(cancelled && outcome.is_none());
    assert!(fractions.len() == 2 && fractions[0] < fractions[1] && fractions[1] < 1.0);
}

#[test]
fn thin() {
    for slices in 1..9 {
        let geometry = Geometry::new(
            [12, 20, slices],
            Affine::from_columns([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [0.0; 3]),
        )
        .unwrap();
        let voxels = (0..geometry.voxel_count()).map(|i| (i % 97) as f32).collect();
        let volume = Volume::new(geometry, 1, Voxels::F32(voxels)).unwrap();
        match run(&mut engine(usize::MAX), volume) {
            Ok(outcome) => {
                assert!(slices >= 4);
                assert_eq!(outcome.block_shape(), [12, 20, slices]);
                let mirrored = outcome.notices.iter().any(|n| n.text.contains("mirrored"));
                assert_eq!(mirrored, slices < 8 || 12 < 16);
            }
            Err(why) => {
                assert!(slices < 4, "{slices}: {why}");
                assert!(why.contains("slices") && why.contains("single slices"), "{why}");
            }
        }
    }
}

#[test]
fn windows_cover_the_volume_at_multiples_of_the_stride() {
    for (size, stride, most, largest) in [
        ([37, 50, 61], [8, 8, 8], 24 * 24 * 24, None),
        ([9, 130, 64], [4, 32, 32], 64 * 64 * 8, None),
        ([40, 40, 40], [8, 8, 8], 1, None),
        ([100, 128, 104], [16, 16, 16], usize::MAX, Some([64, 80, 64])),
        ([30, 128, 104], [16, 16, 16], 40 * 80 * 64, Some([64, 80, 64])),
    ] {
        let w = Windows::new(size, stride, most, largest);
        let most = largest.unwrap_or(w.padded);
        assert!((0..3).all(|a| w.window[a] <= most[a]));
        let mut seen = vec![0; w.padded.iter().product()];
        for offset in &w.offsets {
            assert!((0..3).all(|a| offset[a].is_multiple_of(stride[a])));
            assert!((0..3).all(|a| offset[a] + w.window[a] <= w.padded[a]));
            for z in offset[0]..offset[0] + w.window[0] {
                for y in offset[1]..offset[1] + w.window[1] {
                    let row = (z * w.padded[1] + y) * w.padded[2] + offset[2];
                    seen[row..row + w.window[2]].iter_mut().for_each(|n| *n += 1);
                }
            }
        }
        assert!(seen.iter().all(|&n| n > 0));
        assert!((0..3).all(|a| w.padded[a] >= size[a] && w.window[a] >= 2 * stride[a]));
    }
}
