//! What the samples of a run that count say together: computed once, off the interface thread.

use super::chances::chances;
use super::ratios::ratios;
use super::{Extent, Included, Profile, Ratio, RegionPlace, wording};
use crate::ensemble::{Depths, Ensemble, Measure, Platt, Region, Regions, Spread};
use crate::inference::Outcome;
use rayon::prelude::*;
use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One class over the samples that count.
#[derive(Clone, Debug)]
pub struct ClassFindings {
    pub name: String,
    pub label: u8,
    pub color: [u8; 3],
    /// Area or volume over the samples.
    pub spread: Spread,
    pub mean_dice: Option<f64>,
    /// Samples without a single voxel of this class.
    pub empty: usize,
    /// p(1 - p) summed over each slice: where the samples part.
    pub disagreement: Profile,
    /// Dice of each sample that counts with each, 1 with itself.
    pub dice: Vec<Vec<f64>>,
    /// How central each of these lies; none of one sample.
    pub depths: Option<Depths>,
    /// Dice of each of these with the majority.
    pub with_majority: Vec<f64>,
    /// Share of the variance that lies between the networks that drew the samples, where several did.
    pub between_networks: Option<f64>,
    /// Where to look.
    pub regions: Regions,
}

/// Everything that the panels and views show about a result.
pub struct Findings {
    /// Tells them from all others.
    pub id: u64,
    pub outcome: Arc<Outcome>,
    /// The samples that they are about.
    pub included: Included,
    pub extent: Extent,
    pub classes: Vec<ClassFindings>,
    /// Of certain structures: cup-to-disc ratio, head circumference.
    pub ratios: Vec<Ratio>,
    /// The fused mask, label values.
    pub labels: Vec<u8>,
    /// The slice of the scan with the largest fused mask, the first of several.
    pub largest_slice: Option<usize>,
    /// Voxels of the fused mask in each slice.
    pub profile: Profile,
    ensemble: Ensemble,
    /// Of each class, where the model says how its means are to be taken: 0 to 255.
    calibrated: Vec<Vec<u8>>,
}

impl Findings {
    /// # Errors
    /// If the outcome has no members or its masks do not have the size that they should.
    pub fn compute(outcome: Arc<Outcome>, included: Included) -> Result<Self, String> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let voxels: usize = outcome.block_shape().iter().product();
        let classes = &outcome.model.classes;
        if outcome.members.is_empty() {
            return Err("the run gave no samples: start it again".to_owned());
        }
        if let Some(m) = outcome.members.iter().find(|m| m.soft.len() != voxels * classes.len()) {
            return Err(format!(
                "sample {} holds {} values where {} were expected: the result is not shown",
                m.index,
                m.soft.len(),
                voxels * classes.len()
            ));
        }
        let ensemble = included.ensemble(&outcome).map_err(|e| e.to_string())?;
        let values: Vec<u8> = classes.iter().map(|c| c.label).collect();
        let voxel = Extent::of_voxel(&outcome.geometry);
        let (shape, block) = (outcome.geometry.shape(), outcome.block());
        let regions = classes
            .par_iter()
            .enumerate()
            .map(|(c, _)| ensemble.regions(c, block, &outcome.geometry))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| e.to_string())?;
        let list = classes
            .par_iter()
            .enumerate()
            .zip(regions)
            .map(|((c, class), regions)| ClassFindings {
                regions,
                name: class.name.clone(),
                label: class.label,
                color: class.color,
                spread: ensemble.volumes(c, voxel),
                dice: ensemble.dice_matrix(c),
                depths: ensemble.depths(c),
                with_majority: ensemble.dice_with_majority(c),
                mean_dice: ensemble.mean_pairwise_dice(c),
                between_networks: included
                    .variance_parts(&outcome, &ensemble, c)
                    .and_then(|parts| parts.share_between()),
                empty: ensemble.empty_members(c).len(),
                disagreement: {
                    let (count, n) = (ensemble.count(c), ensemble.n() as f64);
                    Profile::of(shape, block, |i| Measure::Variance.of(f64::from(count[i]) / n))
                },
            })
            .collect();
        let chances = chances(&outcome, &ensemble).map_err(|e| e.to_string())?;
        let byte = |p: &f32| (p * 255.0).round() as u8;
        let calibrated = chances.iter().map(|c| c.iter().map(byte).collect()).collect();
        let labels = ensemble.labels(&values);
        let extent = Extent::of(&outcome.geometry);
        let marked = |slice: &[u8]| slice.iter().filter(|&&l| l > 0).count();
        let areas = labels.chunks(outcome.roi.width * outcome.roi.height).map(marked);
        let largest = (outcome.slices.start..).zip(areas).filter(|&(_, area)| area > 0);
        let largest = largest.max_by_key(|&(z, area)| (area, Reverse(z)));
        let largest_slice = largest.map(|(z, _)| z);
        let profile = Profile::of(shape, block, |i| f64::from(u8::from(labels[i] > 0)));
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let ratios = ratios(&outcome, &ensemble);
        Ok(Self {
            id,
            extent,
            classes: list,
            ratios,
            labels,
            largest_slice,
            profile,
            ensemble,
            calibrated,
            included,
            outcome,
        })
    }

    /// A region of the ranked list of a class.
    pub fn region(&self, (class, rank): RegionPlace) -> Option<&Region> {
        self.classes.get(class)?.regions.ranked.get(rank)
    }

    /// The voxel in the middle of the box round the mask.
    pub fn middle(&self) -> Option<[usize; 3]> {
        let (roi, slices) = (&self.outcome.roi, &self.outcome.slices);
        let origin = [roi.x, roi.y, slices.start];
        let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
        for (i, _) in self.labels.iter().enumerate().filter(|(_, l)| **l > 0) {
            let at = [i % roi.width, i / roi.width % roi.height, i / (roi.width * roi.height)];
            for a in 0..3 {
                (low[a], high[a]) = (low[a].min(at[a]), high[a].max(at[a]));
            }
        }
        (low[0] <= high[0]).then(|| std::array::from_fn(|a| origin[a] + low[a].midpoint(high[a])))
    }

    /// Samples that count.
    pub fn samples(&self) -> usize {
        self.included.count()
    }

    /// Index of a voxel of the scan in the block's vectors.
    pub fn block_index(&self, [x, y, z]: [usize; 3]) -> Option<usize> {
        let roi = self.outcome.roi;
        let x = x.checked_sub(roi.x).filter(|&x| x < roi.width)?;
        let y = y.checked_sub(roi.y).filter(|&y| y < roi.height)?;
        let z = z.checked_sub(self.outcome.slices.start)?;
        (z < self.outcome.slices.len()).then_some(x + roi.width * (y + roi.height * z))
    }

    /// k(v): how many samples include each voxel of the block, 0 to N.
    pub fn count(&self, class: usize) -> &[u16] {
        if class < self.classes.len() { self.ensemble.count(class) } else { &[] }
    }

    /// How far a voxel of the block is inside the fused mask of a class, -1 to 1; outside of it below 0, as of what
    /// there is not.
    pub fn margin(&self, class: usize, voxel: usize) -> f32 {
        let there = class < self.classes.len() && voxel < self.labels.len();
        if there { self.ensemble.margin(class, voxel) } else { -1.0 }
    }

    /// How far the samples part in each voxel of the block.
    pub fn map(&self, class: usize, measure: Measure) -> Option<Vec<f32>> {
        (class < self.classes.len()).then(|| self.ensemble.map(class, measure))
    }

    /// How far in doubt each voxel of the block is by the model's own calibration; none if it has none.
    pub fn calibrated_map(&self, class: usize, measure: Measure) -> Option<Vec<f32>> {
        let table: [f32; 256] = std::array::from_fn(|p| measure.of(p as f64 / 255.0) as f32);
        let chances = self.calibrated.get(class)?;
        Some(chances.iter().map(|&p| table[usize::from(p)]).collect())
    }

    /// Whether the map is of the calibrated chances: as wished, else where these end somewhere. Those of a model that
    /// misses whole structures cover the image.
    pub fn maps_calibrated(&self, wish: Option<bool>) -> bool {
        let scaling = self.outcome.model.scaling.as_ref().filter(|_| !self.calibrated.is_empty());
        scaling.is_some_and(|s| wish.unwrap_or_else(|| s.by_class.iter().all(Platt::fades)))
    }

    /// Whether the model says how its means are to be taken.
    pub fn is_calibrated(&self) -> bool {
        !self.calibrated.is_empty()
    }

    /// Label values of one sample alone, whether it counts or not.
    pub fn member_labels(&self, member: usize) -> Option<Vec<u8>> {
        let values: Vec<u8> = self.classes.iter().map(|c| c.label).collect();
        if let Some(rank) = self.included.rank(member) {
            return Some(self.ensemble.member_labels(rank, &values));
        }
        Some(self.alone(member)?.labels(&values))
    }

    /// A sample as an ensemble of its own.
    pub(super) fn alone(&self, sample: usize) -> Option<Ensemble> {
        let all = Included::all(self.included.drawn());
        let alone = all.contains(sample).then(|| all.only(sample))?;
        alone.ensemble(&self.outcome).ok()
    }

    pub(super) fn ensemble(&self) -> &Ensemble {
        &self.ensemble
    }

    /// Nothing was sampled: there is one mask and no spread.
    pub fn is_deterministic(&self) -> bool {
        self.outcome.deterministic
    }

    /// "7 of 10 samples · p 0.70 · calibrated 0.62 · entropy 0.88 bit" for one class, with the measure whose map is
    /// shown; nothing of one deterministic mask.
    pub fn probe(&self, class: usize, voxel: [usize; 3], map: Option<Measure>) -> Option<String> {
        if self.is_deterministic() {
            return None;
        }
        let i = self.block_index(voxel)?;
        let k = *self.count(class).get(i)?;
        let chance = self.calibrated.get(class).and_then(|p| p.get(i));
        let chance = chance.map(|&p| f64::from(p) / 255.0);
        Some(wording::probe(usize::from(k), self.samples(), chance, map))
    }

    /// Name of the class that the fused mask gives to a voxel.
    pub fn label_name(&self, voxel: [usize; 3]) -> Option<&str> {
        let label = *self.labels.get(self.block_index(voxel)?)?;
        self.classes.iter().find(|c| c.label == label).map(|c| c.name.as_str())
    }
}
