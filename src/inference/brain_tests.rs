//! Nearest voxels, boxes and statistics by hand; both passes on a real head against the Python package.

use super::*;
use crate::inference::{DeviceChoice, Engine, Event, Job, Settings};
use crate::models::{Network, cards, deepbet, load};
use crate::volume::{Affine, Block, Geometry, Volume, Voxels};
use candle_core::Device;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[test]
fn positions_are_the_nearest_ones() {
    assert_eq!(nearest(4, 4), [0, 1, 2, 3]);
    assert_eq!(nearest(2, 8), [2, 6]);
    assert_eq!(nearest(6, 3), [0, 0, 1, 1, 2, 2]);
    // floor((i + 0.5) * 10 / 4)
    assert_eq!(nearest(4, 10), [1, 3, 6, 8]);
}

#[test]
fn quantiles_lie_between_neighbours_and_values_get_their_mean_and_deviation() {
    let mut v: Vec<f32> = (0..201).map(|i| ((i * 37) % 201) as f32).collect();
    assert!((quantile(&mut v.clone(), 0.005) - 1.0).abs() < 1e-5);
    assert!((quantile(&mut v.clone(), 0.3333) - 66.66).abs() < 1e-3);
    assert_eq!(quantile(&mut v.clone(), 1.0), 200.0);
    normalise(&mut v, (50.0, 150.0));
    let n = v.len() as f64;
    let mean = v.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let square = v.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / (n - 1.0);
    assert!((mean - 0.449).abs() < 1e-6 && (square.sqrt() - 0.226).abs() < 1e-6);
    // A scan of one value is no division by nothing.
    let mut flat = vec![3.0; 8];
    normalise(&mut flat, (3.0, 3.0));
    assert!(flat.iter().all(|v| v.is_finite()));
}

#[test]
fn the_box_grows_by_a_tenth_on_each_side_within_the_scan() {
    const SIDE: usize = 20;
    let inside = |i: usize| {
        let at = [i / (SIDE * SIDE), i / SIDE % SIDE, i % SIDE];
        (5..15).contains(&at[0]) && (0..10).contains(&at[1]) && (4..9).contains(&at[2])
    };
    let mut mask: Vec<bool> = (0..SIDE.pow(3)).map(inside).collect();
    // A speck covers too little of its planes.
    mask[SIDE.pow(3) - 1] = true;
    let found = head_box(&mask, SIDE, [40, 20, 30]).unwrap();
    // Middles 20, 5 and 9.75 → 10; sizes 24, 12 and 9.
    assert_eq!(found, [8..32, 0..11, 5..14]);
    assert_eq!(head_box(&vec![false; SIDE.pow(3)], SIDE, [9; 3]), None);
}

/// The head and the mask of the package for it (`scripts/check-brain` makes both).
fn head() -> Option<[PathBuf; 2]> {
    let folder = std::env::var_os("SFUMATO_HEAD").map(PathBuf::from)?;
    let files = ["t1_crop.nii.gz", "t1_crop_deepbet.nii.gz"].map(|name| folder.join(name));
    files.iter().all(|f| f.is_file()).then_some(files)
}

/// A NIfTI-1 of bytes, little-endian, with its third matrix.
fn read_bytes(path: &Path) -> (Geometry, Vec<u8>) {
    let mut raw = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut raw).unwrap();
    let short = |at: usize| i16::from_le_bytes([raw[at], raw[at + 1]]);
    let real = |at: usize| f32::from_le_bytes(raw[at..at + 4].try_into().unwrap());
    assert_eq!((short(70), real(112)), (2, 1.0), "bytes without a scale");
    let shape = [42, 44, 46].map(|at| short(at) as usize);
    let row = |r: usize| [0, 1, 2, 3].map(|c| f64::from(real(280 + 16 * r + 4 * c)));
    let rows = [row(0), row(1), row(2)];
    let steps = [0, 1, 2].map(|c| rows.map(|r| r[c]));
    let geometry = Geometry::new(shape, Affine::from_columns(steps, rows.map(|r| r[3]))).unwrap();
    let from = real(108) as usize;
    (geometry, raw.split_off(from))
}

#[test]
fn deepbet_on_a_real_head() {
    let (Some([scan, theirs]), true) = (head(), deepbet::is_here()) else {
        eprintln!(
            "SKIPPED deepbet_on_a_real_head: set SFUMATO_HEAD to a folder with t1_crop.nii.gz and \
             t1_crop_deepbet.nii.gz (scripts/check-brain makes both). {}",
            deepbet::how()
        );
        return;
    };
    let (geometry, voxels) = read_bytes(&scan);
    let (_, expected) = read_bytes(&theirs);
    let volume = Arc::new(Volume::new(geometry.clone(), 1, Voxels::U8(voxels)).unwrap());
    // The first pass alone.
    let card = cards().iter().find(|c| c.id == deepbet::ID).unwrap();
    let prepared = Prepared::new(&geometry, &Block::whole(&geometry), &card.input, card.size);
    let input = ModelInput::new(&volume, 0, &prepared, &card.input, 1);
    let head = Head::read(&prepared, &input);
    let mut small = head.cube(&head.size.map(|n| 0..n), 128);
    let range = (quantile(&mut small.clone(), 0.005), quantile(&mut small.clone(), 0.995));
    normalise(&mut small, range);
    let Network::BoxThenBrain([first, _]) = load(deepbet::ID, &Device::Cpu).unwrap().network else {
        panic!("two networks")
    };
    let seen = first.probability(&small, [128; 3]).unwrap();
    let share = seen.iter().filter(|&&p| p > 0.5).count() as f64 / seen.len() as f64;
    let millilitres = share * geometry.voxel_count() as f64 * 1e-3;
    assert!((share - 0.0926).abs() < 0.001, "{share}");
    assert!((millilitres - 1554.0).abs() < 15.0, "{millilitres} mL");
    // Both.
    let settings = Settings { device: DeviceChoice::Cpu, ..Settings::default() };
    let job = Job { volume, time: 0, model: deepbet::ID.to_owned(), settings };
    let mut steps = Vec::new();
    let on_event = &mut |event| {
        if let Event::Step(step) = event {
            steps.push((step.step, step.steps));
        }
    };
    let (outcome, _) = Engine::new().run(&job, &AtomicBool::new(false), on_event).unwrap();
    let outcome = outcome.unwrap();
    assert!(outcome.deterministic);
    assert_eq!(steps, [(1, 2), (2, 2)]);
    let (mut both, mut ours, mut own) = (0, 0, 0);
    for (&p, &e) in outcome.direct.iter().zip(&expected) {
        both += usize::from(p >= 128 && e > 0);
        ours += usize::from(p >= 128);
        own += usize::from(e > 0);
    }
    let dice = 2.0 * both as f64 / (ours + own) as f64;
    assert!(dice >= 0.999, "{dice}: {ours} and {own} voxels");
}
