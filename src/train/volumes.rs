//! Whole volumes for training: every case as the network sees it, pieces of one size from them, and
//! the validation of a network that sees all of a case at once.

use super::augment3d::{Changes, Example, augment};
use super::dataset::Case;
use super::{TrainConfig, TrainError};
use crate::inference::{ModelInput, Prepared, input_volume, probability, volume_size};
use crate::metrics::{Counts, EmptyRule};
use crate::models::VolumeNetwork;
use crate::volume::Block;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::ops::ControlFlow;

/// One case on the network's lattice.
struct Example3d {
    /// `[channels, depth, height, width]`, -1…1.
    image: Vec<f32>,
    /// Class of each voxel, counted from 1, by each reader.
    labels: Vec<Vec<u8>>,
    size: [usize; 3],
    /// Share of the image that each class covers, by each reader.
    shares: Vec<Vec<f64>>,
}

/// The cases of a split.
pub(super) struct Volumes {
    classes: usize,
    cases: Vec<Example3d>,
}

impl Volumes {
    /// # Errors
    /// Names the file that cannot be read or holds a label outside the classes.
    pub(super) fn read(cases: &[Case], config: &TrainConfig) -> Result<Self, TrainError> {
        let side = config.network().map_or(1, |n| n.shape().side);
        let read = |case: &Case| -> Result<Example3d, TrainError> {
            let (image, labels) = case.open()?;
            let readers = case.masks(&labels, &config.classes, config.kind)?;
            let whole = Block::whole(image.geometry());
            let prepared = Prepared::new(image.geometry(), &whole, &config.input, side);
            let (size, channels) = (volume_size(&prepared), config.image_channels);
            let input = ModelInput::new(&image, 0, &prepared, &config.input, channels);
            let label = |masks: &Vec<Vec<bool>>| -> Vec<u8> {
                let mut label = vec![0; size.iter().product()];
                for (c, mask) in masks.iter().enumerate() {
                    let planes = (0..prepared.slices()).flat_map(|k| prepared.mask_canvas(mask, k));
                    for (l, share) in label.iter_mut().zip(planes) {
                        if share >= 0.5 {
                            *l = c as u8 + 1;
                        }
                    }
                }
                label
            };
            let share = |m: &Vec<bool>| m.iter().filter(|v| **v).count() as f64 / m.len() as f64;
            Ok(Example3d {
                image: input_volume(&prepared, &input, channels),
                labels: readers.iter().map(label).collect(),
                size,
                shares: readers.iter().map(|r| r.iter().map(share).collect()).collect(),
            })
        };
        let cases = cases.par_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { classes: config.classes.len(), cases })
    }

    pub(super) fn count(&self) -> usize {
        self.cases.len()
    }

    /// The least and the most of the image that each class covers in a case, by any reader.
    pub(super) fn shares(&self) -> Vec<[f64; 2]> {
        let of = |c: usize| {
            let own = self.cases.iter().flat_map(|e| &e.shares).map(|s| s[c]);
            own.fold([1f64, 0.0], |[low, high], s| [low.min(s), high.max(s)])
        };
        (0..self.classes).map(of).collect()
    }

    /// A warped piece of a case, and the masks of its classes, `[K, ..patch]`.
    pub(super) fn piece(
        &self,
        case: usize,
        patch: [usize; 3],
        changes: Changes<'_>,
        seed: u64,
    ) -> (Vec<f32>, Vec<f32>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let Example3d { image, labels, size, .. } = &self.cases[case];
        let label = &labels[rng.random_range(0..labels.len())];
        let example = Example { image, label, size: *size };
        let (image, label) = augment(&example, patch, changes, &mut rng);
        let class =
            |c: usize| label.iter().map(move |&l| f32::from(u8::from(usize::from(l) == c + 1)));
        (image, (0..self.classes).flat_map(class).collect())
    }

    /// Mean Dice per class over the cases, on the network's lattice.
    pub(super) fn validate(&self, network: &dyn VolumeNetwork) -> Result<Vec<f64>, TrainError> {
        let mut sums = vec![0.0; self.classes];
        for case in &self.cases {
            let go_on = |_: usize, _: &_| ControlFlow::Continue(());
            let seen = probability(network, &case.image, case.size, go_on)?.unwrap_or_default();
            let voxels = case.size.iter().product::<usize>();
            for (c, sum) in sums.iter_mut().enumerate() {
                let mut counts = Counts::default();
                for (p, &l) in seen[c * voxels..(c + 1) * voxels].iter().zip(&case.labels[0]) {
                    counts.add(*p >= 0.5, usize::from(l) == c + 1);
                }
                // Two empty masks agree.
                *sum += counts.overlap(EmptyRule::MetricsReloaded).dice.unwrap_or(1.0);
            }
        }
        Ok(sums.iter().map(|s| s / self.cases.len() as f64).collect())
    }
}
