//! What a step sees: planes of phantoms that no other step sees, or bent ones of a scan, with views at
//! angles of their own.

use super::bent::bent_plane;
use crate::demo::{HALF_HEIGHT_MM, Thorax};
use crate::models::diffbev::Config;
use crate::planner::{LabelledScan, Section, centre_targets};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Attenuation per mm that counts as 1 in the depth target.
const FULL: f32 = 0.04;

/// One plane and its views.
pub(super) struct Example {
    pub(super) angles: Vec<f64>,
    /// `[views, W]`
    pub(super) lines: Vec<f32>,
    /// Attenuation along the rays, 0 to 1, `[views, D, W]`.
    pub(super) depth: Vec<f32>,
    /// `[K, n, n]`
    pub(super) masks: Vec<f32>,
    pub(super) heat: Vec<f32>,
    pub(super) size: Vec<f32>,
    pub(super) at: Vec<f32>,
}

/// Angles at random, or evenly spread from a random start.
fn angles(views: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let start: f64 = rng.random_range(0.0..360.0);
    if rng.random::<f64>() < 0.5 {
        let turn = if rng.random::<f64>() < 0.5 { 180.0 } else { 360.0 };
        return (0..views).map(|v| start + turn * v as f64 / views as f64).collect();
    }
    (0..views).map(|_| rng.random_range(0.0..360.0)).collect()
}

impl Example {
    /// Of a phantom, or every second time of the scan if there is one.
    pub(super) fn new(
        config: &Config,
        scan: Option<&LabelledScan>,
        views: usize,
        seed: u64,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let section = match scan.filter(|_| seed.is_multiple_of(2)) {
            Some(scan) => bent_plane(scan, config, &mut rng),
            None => {
                let reach = 0.8 * HALF_HEIGHT_MM;
                let (chest, head) = (Thorax::new(rng.random()), rng.random_range(-reach..reach));
                Section::of_phantom(&chest, head, &config.grid)
            }
        };
        let (rig, angles) = (&config.rig, angles(views, &mut rng));
        let reach = config.grid.reach();
        let profile = |&angle: &f64| section.body.profile(rig, angle, reach, config.bins);
        let target = centre_targets(&section.masks, config.classes, config.grid.cells);
        Self {
            lines: section.body.radiographs(rig, &angles, reach, rng.random()),
            depth: angles.iter().flat_map(profile).map(|v| (v / FULL).clamp(0.0, 1.0)).collect(),
            angles,
            masks: section.masks,
            heat: target.heat,
            size: target.size,
            at: target.at,
        }
    }

    /// As many as there are seeds.
    pub(super) fn batch(
        config: &Config,
        scan: Option<&LabelledScan>,
        views: usize,
        seeds: &[u64],
    ) -> Vec<Self> {
        seeds.par_iter().map(|&seed| Self::new(config, scan, views, seed)).collect()
    }
}
