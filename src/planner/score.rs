//! How well planes are told: overlap over a whole set, and average precision of centres.

use super::STRUCTURES;
use super::centres::{centre_targets, centres};
use super::spread::entropy;
use crate::metrics::{Counts, EmptyRule};
use crate::models::DrawnPlane;

/// A centre so many cells from the true one is right.
const NEAR_CELLS: f32 = 2.0;
/// Centres less likely than this are not looked at.
const LEAST: f32 = 0.05;

/// Over a set of planes.
#[derive(Clone, Debug)]
pub struct Scores {
    counts: Vec<Counts>,
    /// Score and truth of each found centre, by structure, and how many there are to be found.
    found: Vec<Vec<(f32, bool)>>,
    objects: Vec<usize>,
    entropies: Vec<f64>,
}

impl Default for Scores {
    fn default() -> Self {
        let k = STRUCTURES.len();
        Self {
            counts: vec![Counts::default(); k],
            found: vec![Vec::new(); k],
            objects: vec![0; k],
            entropies: Vec::new(),
        }
    }
}

/// The structure of each cell: that with the highest probability, the background's included.
fn chosen(probability: &[f32], cells: usize, i: usize) -> Option<usize> {
    let classes = probability.len() / cells;
    let (mut best, mut most) =
        (None, 1.0 - (0..classes).map(|k| probability[k * cells + i]).sum::<f32>());
    for k in 0..classes {
        let p = probability[k * cells + i];
        if p > most {
            (best, most) = (Some(k), p);
        }
    }
    best
}

impl Scores {
    /// One more plane: probabilities or masks `[K, n, n]` against true masks.
    pub fn add(&mut self, probability: &[f32], truth: &[f32]) {
        let cells = truth.len() / STRUCTURES.len();
        for i in 0..cells {
            let told = chosen(probability, cells, i);
            for (k, counts) in self.counts.iter_mut().enumerate() {
                counts.add(told == Some(k), truth[k * cells + i] > 0.5);
            }
        }
        let all = entropy(probability, STRUCTURES.len());
        self.entropies.push(all.iter().map(|e| f64::from(*e)).sum::<f64>() / cells as f64);
    }

    /// The centres of the same plane, by the mean heat and size of its members.
    pub fn add_centres(&mut self, members: &[DrawnPlane], truth: &[f32]) {
        let Some(first) = members.first() else { return };
        let cells = truth.len() / STRUCTURES.len();
        let n = cells.isqrt();
        let mean = |part: fn(&DrawnPlane) -> &Vec<f32>| -> Vec<f32> {
            let value = |i: usize| members.iter().map(|m| part(m)[i]).sum::<f32>();
            (0..part(first).len()).map(|i| value(i) / members.len() as f32).collect()
        };
        let drawn = centres(&mean(|m| &m.heat), &mean(|m| &m.size), STRUCTURES.len(), n, LEAST);
        let objects = centre_targets(truth, STRUCTURES.len(), n).objects;
        let mut taken = vec![false; objects.len()];
        for c in &drawn {
            let apart = |o: usize| {
                (0..2).map(|a| (objects[o].middle[a] - c.middle[a]).powi(2)).sum::<f32>().sqrt()
            };
            let free =
                |o: &usize| objects[*o].class == c.class && !taken[*o] && apart(*o) <= NEAR_CELLS;
            let near =
                (0..objects.len()).filter(free).min_by(|a, b| apart(*a).total_cmp(&apart(*b)));
            if let Some(o) = near {
                taken[o] = true;
            }
            self.found[c.class].push((c.score, near.is_some()));
        }
        objects.iter().for_each(|o| self.objects[o.class] += 1);
    }

    /// Intersection over union of each structure, over the whole set.
    pub fn iou(&self) -> Vec<Option<f64>> {
        self.counts.iter().map(|c| c.overlap(EmptyRule::MetricsReloaded).iou).collect()
    }

    /// Dice of each structure, over the whole set.
    pub fn dice(&self) -> Vec<Option<f64>> {
        self.counts.iter().map(|c| c.overlap(EmptyRule::MetricsReloaded).dice).collect()
    }

    /// Mean over the structures that are there.
    pub fn mean_iou(&self) -> Option<f64> {
        mean(&self.iou())
    }

    /// Mean average precision over the structures that have objects.
    pub fn mean_precision(&self) -> Option<f64> {
        let each = self.found.iter().zip(&self.objects);
        let each: Vec<_> = each.map(|(found, n)| average_precision(found, *n)).collect();
        mean(&each)
    }

    /// Mean of the planes' mean entropies.
    pub fn entropy(&self) -> Option<f64> {
        mean(&self.entropies.iter().map(|e| Some(*e)).collect::<Vec<_>>())
    }
}

fn mean(values: &[Option<f64>]) -> Option<f64> {
    let there: Vec<f64> = values.iter().flatten().copied().collect();
    (!there.is_empty()).then(|| there.iter().sum::<f64>() / there.len() as f64)
}

/// Area under precision against recall, where precision is the best at that recall or a higher one;
/// of scores and whether each is right, with so many objects. `None` without objects.
pub fn average_precision(found: &[(f32, bool)], objects: usize) -> Option<f64> {
    if objects == 0 {
        return None;
    }
    let mut found = found.to_vec();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut right = 0;
    let mut curve: Vec<(f64, f64)> = found
        .iter()
        .enumerate()
        .map(|(i, (_, true_one))| {
            right += usize::from(*true_one);
            (right as f64 / objects as f64, right as f64 / (i + 1) as f64)
        })
        .collect();
    for i in (1..curve.len()).rev() {
        curve[i - 1].1 = curve[i - 1].1.max(curve[i].1);
    }
    let mut before = 0.0;
    let mut area = 0.0;
    for (recall, precision) in curve {
        area += (recall - before) * precision;
        before = recall;
    }
    Some(area)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_precision_in_closed_form() {
        assert_eq!(average_precision(&[], 0), None);
        assert_eq!(average_precision(&[], 3), Some(0.0));
        assert_eq!(average_precision(&[(0.9, true), (0.8, true)], 2), Some(1.0));
        // Right, wrong, right of two objects: 1/2 · 1 + 1/2 · 2/3.
        let found = [(0.2, true), (0.9, true), (0.5, false)];
        assert!((average_precision(&found, 2).unwrap() - 5.0 / 6.0).abs() < 1e-12);
        // One of four objects is found.
        assert_eq!(average_precision(&[(0.9, true)], 4), Some(0.25));
    }

    #[test]
    fn overlap_is_counted_over_the_set() {
        let (mut scores, cells) = (Scores::default(), 4);
        let mut truth = vec![0.0; 5 * cells];
        truth[..2].copy_from_slice(&[1.0, 1.0]);
        let mut told = vec![0.0; 5 * cells];
        (told[0], told[cells + 1]) = (0.9, 0.6);
        scores.add(&told, &truth);
        assert_eq!(scores.iou()[0], Some(0.5));
        assert_eq!(scores.iou()[1], Some(0.0));
        assert_eq!(scores.iou()[2], None);
        assert_eq!(scores.mean_iou(), Some(0.25));
    }
}
