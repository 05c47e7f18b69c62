//! What the samples of a run say together: computed once, off the interface thread.

use super::wording::{self, Extent};
use crate::ensemble::{Ensemble, Spread};
use crate::inference::Outcome;
use crate::volume::ClassKind;
use std::sync::Arc;

/// One class over all samples. Vectors cover the outcome's block, x fastest.
#[derive(Clone, Debug)]
pub struct ClassFindings {
    pub name: String,
    pub label: u8,
    pub color: [u8; 3],
    /// Samples that include the voxel, 0 to N.
    pub count: Vec<u16>,
    /// Population variance p(1 - p), 0 to 0.25.
    pub variance: Vec<f32>,
    /// Area or volume over the samples.
    pub spread: Spread,
    pub mean_dice: Option<f64>,
    /// Samples without a single voxel of this class.
    pub empty: usize,
}

/// Everything that the panels and views show about a result.
#[derive(Clone)]
pub struct Findings {
    pub outcome: Arc<Outcome>,
    pub extent: Extent,
    pub classes: Vec<ClassFindings>,
    /// Majority mask, label values.
    pub labels: Vec<u8>,
}

impl Findings {
    /// # Errors
    /// If the outcome has no members or its masks do not have the size that they should.
    pub fn compute(outcome: Arc<Outcome>) -> Result<Self, String> {
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
        let samples = outcome.soft_members();
        let ensemble =
            Ensemble::from_soft(&samples, classes.len(), outcome.model.kind, voxels)
                .map_err(|e| e.to_string())?;
        let values: Vec<u8> = classes.iter().map(|c| c.label).collect();
        let voxel = Extent::of_voxel(&outcome.geometry);
        let list = classes
            .iter()
            .enumerate()
            .map(|(c, class)| ClassFindings {
                name: class.name.clone(),
                label: class.label,
                color: class.color,
                count: ensemble.count(c),
                variance: ensemble.variance(c),
                spread: ensemble.volumes(c, voxel),
                mean_dice: ensemble.mean_pairwise_dice(c),
                empty: ensemble.empty(c),
            })
            .collect();
        let labels = ensemble.labels(&values);
        Ok(Self {
            extent: Extent::of(&outcome.geometry),
            classes: list,
            labels,
            outcome,
        })
    }

    pub fn samples(&self) -> usize {
        self.outcome.members.len()
    }

    /// Index of a voxel of the scan in the block's vectors.
    pub fn block_index(&self, [x, y, z]: [usize; 3]) -> Option<usize> {
        let roi = self.outcome.roi;
        let x = x.checked_sub(roi.x).filter(|&x| x < roi.width)?;
        let y = y.checked_sub(roi.y).filter(|&y| y < roi.height)?;
        let z = z.checked_sub(self.outcome.slices.start)?;
        (z < self.outcome.slices.len()).then_some(x + roi.width * (y + roi.height * z))
    }

    /// Label values of one sample alone.
    pub fn member_labels(&self, position: usize) -> Option<Vec<u8>> {
        let member = self.outcome.members.get(position)?;
        Some(labels_from_soft(
            &member.soft,
            self.labels.len(),
            self.outcome.model.kind,
            &self.outcome.model.classes.iter().map(|c| c.label).collect::<Vec<_>>(),
        ))
    }

    /// "7 of 10 samples · p 0.70 · entropy 0.88 bit" for one class.
    pub fn probe(&self, class: usize, voxel: [usize; 3]) -> Option<String> {
        let i = self.block_index(voxel)?;
        let k = *self.classes.get(class)?.count.get(i)?;
        Some(wording::probe(usize::from(k), self.samples()))
    }

    /// Name of the class that the majority gives to a voxel.
    pub fn label_name(&self, voxel: [usize; 3]) -> Option<&str> {
        let label = *self.labels.get(self.block_index(voxel)?)?;
        self.classes.iter().find(|c| c.label == label).map(|c| c.name.as_str())
    }
}

/// Hard labels of one soft mask `[classes, voxels]`, inside from 128: the innermost region, or the
/// strongest exclusive class.
pub fn labels_from_soft(soft: &[u8], voxels: usize, kind: ClassKind, values: &[u8]) -> Vec<u8> {
    let mut labels = vec![0; voxels];
    let mut best = vec![127u8; voxels];
    for (channel, &value) in soft.chunks_exact(voxels.max(1)).zip(values) {
        for ((q, b), label) in channel.iter().zip(&mut best).zip(&mut labels) {
            let inside = match kind {
                ClassKind::Regions => *q >= 128,
                ClassKind::Exclusive => q > b,
            };
            if inside {
                *label = value;
                *b = *q;
            }
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_keep_the_innermost_and_exclusive_classes_the_strongest() {
        let soft = [200, 200, 0, 127, 140, 0, 255, 128];
        let regions = labels_from_soft(&soft, 4, ClassKind::Regions, &[1, 2]);
        assert_eq!(regions, [2, 1, 2, 2]);
        let exclusive = labels_from_soft(&soft, 4, ClassKind::Exclusive, &[1, 2]);
        assert_eq!(exclusive, [1, 1, 2, 2]);
    }
}
