//! How much the members agree with each other, by Dice over all pairs.

use super::{Ensemble, quantile};
use rayon::prelude::*;

/// Dice over all pairs of members; two empty members agree (1), an empty and a filled do not (0).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairwiseDice {
    pub mean: f64,
    pub min: f64,
    /// 10th percentile of the pairs.
    pub p10: f64,
    pub pairs: usize,
    /// Members without a voxel; to be shown beside the mean.
    pub empty: usize,
}

/// How central each member lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Depths {
    /// Mean Dice with the other members, per member.
    pub depth: Vec<f64>,
    /// The deepest member, the first of equals.
    pub typical: usize,
    /// Members below Q1 − 1.5 · IQR; none are named when there are fewer than 8.
    pub unusual: Vec<usize>,
}

impl Ensemble {
    /// Dice of member `i` with every later member.
    fn dice_row(&self, c: usize, i: usize) -> Vec<f64> {
        let class = &self.classes[c];
        (i + 1..self.members)
            .map(|j| {
                let disputed: usize = class.bits[i]
                    .iter()
                    .zip(&class.bits[j])
                    .map(|(a, b)| (a & b).count_ones() as usize)
                    .sum();
                let total = class.sizes[i] + class.sizes[j];
                match total {
                    0 => 1.0,
                    _ => 2.0 * (class.common + disputed) as f64 / total as f64,
                }
            })
            .collect()
    }

    fn dice_rows(&self, c: usize) -> Vec<Vec<f64>> {
        (0..self.members).into_par_iter().map(|i| self.dice_row(c, i)).collect()
    }

    /// Dice of each member with each, in member order; 1 with itself.
    pub fn dice_matrix(&self, c: usize) -> Vec<Vec<f64>> {
        let rows = self.dice_rows(c);
        let dice = |i: usize, j: usize| match i.cmp(&j) {
            std::cmp::Ordering::Less => rows[i][j - i - 1],
            std::cmp::Ordering::Equal => 1.0,
            std::cmp::Ordering::Greater => rows[j][i - j - 1],
        };
        let n = self.members;
        (0..n).map(|i| (0..n).map(|j| dice(i, j)).collect()).collect()
    }

    /// Dice of each member with the majority mask: how near it lies to what they say together.
    pub fn dice_with_majority(&self, c: usize) -> Vec<f64> {
        let class = &self.classes[c];
        let half = self.members.div_ceil(2);
        let mut bits = vec![0u64; class.disputed.len().div_ceil(64)];
        let mut size = class.common;
        for (i, &v) in class.disputed.iter().enumerate() {
            if usize::from(class.count[v as usize]) >= half {
                bits[i / 64] |= 1 << (i % 64);
                size += 1;
            }
        }
        let both = |own: &[u64]| -> usize {
            own.iter().zip(&bits).map(|(a, b)| (a & b).count_ones() as usize).sum()
        };
        (0..self.members)
            .map(|m| match class.sizes[m] + size {
                0 => 1.0,
                total => 2.0 * (class.common + both(&class.bits[m])) as f64 / total as f64,
            })
            .collect()
    }

    /// Mean Dice over all pairs of members, or `None` for one member.
    pub fn mean_pairwise_dice(&self, c: usize) -> Option<f64> {
        self.pairwise_dice(c).map(|d| d.mean)
    }

    /// Summary of Dice over all pairs of members, or `None` for one member.
    pub fn pairwise_dice(&self, c: usize) -> Option<PairwiseDice> {
        if !self.has_spread() {
            return None;
        }
        let mut pairs = self.dice_rows(c).concat();
        let mean = pairs.iter().sum::<f64>() / pairs.len() as f64;
        pairs.sort_by(f64::total_cmp);
        Some(PairwiseDice {
            mean,
            min: pairs[0],
            p10: quantile(&pairs, 0.1),
            pairs: pairs.len(),
            empty: self.empty_members(c).len(),
        })
    }

    /// How central each member lies, or `None` for one member.
    pub fn depths(&self, c: usize) -> Option<Depths> {
        if !self.has_spread() {
            return None;
        }
        let mut depth = vec![0.0; self.members];
        for (i, row) in self.dice_rows(c).iter().enumerate() {
            for (j, dice) in (i + 1..).zip(row) {
                depth[i] += dice;
                depth[j] += dice;
            }
        }
        depth.iter_mut().for_each(|d| *d /= (self.members - 1) as f64);
        let typical =
            (0..self.members).fold(0, |best, i| if depth[i] > depth[best] { i } else { best });
        let mut sorted = depth.clone();
        sorted.sort_by(f64::total_cmp);
        let (q1, q3) = (quantile(&sorted, 0.25), quantile(&sorted, 0.75));
        let fence = q1 - 1.5 * (q3 - q1);
        let unusual = match self.members {
            0..8 => Vec::new(),
            _ => (0..self.members).filter(|&i| depth[i] < fence).collect(),
        };
        Some(Depths { depth, typical, unusual })
    }
}

#[cfg(test)]
mod tests {
    use super::super::members::tests::{binary, first};
    use rand::{Rng, SeedableRng};

    #[test]
    fn pairwise_nested() {
        let e = binary(&[100, 200, 300, 400].map(|n| first(n, 500)));
        let d = e.pairwise_dice(0).expect("pairs");
        assert!((d.mean - 0.648413).abs() < 1e-6, "{d:?}");
        assert!((d.min - 0.4).abs() < 1e-12);
        assert_eq!((d.pairs, d.empty), (6, 0));
    }

    #[test]
    fn pairwise_empty() {
        let e = binary(&[first(0, 50), first(0, 50), first(20, 50)]);
        assert_eq!(e.dice_rows(0), [vec![1.0, 0.0], vec![0.0], vec![]]);
        let d = e.pairwise_dice(0).expect("pairs");
        assert!((d.mean - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!((d.min, d.empty), (0.0, 2));
        assert_eq!(binary(&[first(3, 50)]).pairwise_dice(0), None);
    }

    #[test]
    fn bit_sets_agree_with_plain_counting() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let masks: Vec<Vec<bool>> =
            (0..6).map(|_| (0..1000).map(|v| v < 300 || rng.random_bool(0.3)).collect()).collect();
        let e = binary(&masks);
        for (i, row) in e.dice_rows(0).iter().enumerate() {
            for (j, dice) in (i + 1..).zip(row) {
                let both = masks[i].iter().zip(&masks[j]).filter(|(a, b)| **a && **b).count();
                let sum = masks[i].iter().chain(&masks[j]).filter(|b| **b).count();
                assert_eq!(*dice, 2.0 * both as f64 / sum as f64);
            }
        }
    }

    #[test]
    fn the_matrix_and_the_majority_are_dice_by_the_definition() {
        let e = binary(&[100, 200, 300, 400].map(|n| first(n, 500)));
        let m = e.dice_matrix(0);
        for (i, row) in m.iter().enumerate() {
            for (j, dice) in row.iter().enumerate() {
                let [a, b] = [i.min(j) + 1, i.max(j) + 1].map(|n| 100.0 * n as f64);
                assert!((dice - 2.0 * a / (a + b)).abs() < 1e-12, "{i} {j}");
            }
        }
        // Two of four include 300: the majority.
        let with: Vec<f64> = [100.0, 200.0, 300.0, 300.0]
            .iter()
            .zip([400.0, 500.0, 600.0, 700.0])
            .map(|(both, sum)| 2.0 * both / sum)
            .collect();
        assert_eq!(e.dice_with_majority(0), with);
        assert_eq!(binary(&[first(0, 9), first(0, 9)]).dice_with_majority(0), [1.0, 1.0]);
    }

    #[test]
    fn the_odd_one_out_is_unusual_and_the_middle_typical() {
        let mut sizes = vec![96, 97, 98, 99, 100, 101, 102, 103, 104];
        sizes.push(20);
        let e = binary(&sizes.iter().map(|&n| first(n, 200)).collect::<Vec<_>>());
        let d = e.depths(0).expect("depths");
        assert_eq!(d.unusual, [9]);
        assert!((3..=5).contains(&d.typical), "{}", d.typical);
        let few = binary(&sizes[5..].iter().map(|&n| first(n, 200)).collect::<Vec<_>>());
        assert!(few.depths(0).expect("depths").unusual.is_empty());
    }
}
