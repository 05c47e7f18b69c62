//! Whether more members would change the summary: curves against their number, and the rule by which
//! drawing may stop (specification of the numbers, section 9). "Stable" is not "right".

use super::{Ensemble, quantile};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Random orders of the members, for the band round the curve of the actual one.
const ORDERS: u64 = 20;

/// What is drawn against the number of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Mean volume.
    Volume,
    /// Mean pairwise Dice.
    Dice,
    /// (P90 − P10) / max(median, one voxel) of the volumes.
    Band,
    /// Mean absolute change of the fraction over the disputed voxels.
    Change,
}

impl Quantity {
    pub const ALL: [Self; 4] = [Self::Volume, Self::Dice, Self::Band, Self::Change];
}

/// When drawing may stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StopRule {
    /// Members that are drawn in any case, and at most.
    pub minimum: usize,
    pub maximum: usize,
    /// Over so many members before.
    pub window: usize,
    /// Relative change below which a quantity counts as stable.
    pub threshold: f64,
    /// Whether the mean volume must be, and the mean pairwise Dice.
    pub volume: bool,
    pub dice: bool,
}

impl Default for StopRule {
    fn default() -> Self {
        Self { minimum: 20, maximum: 100, window: 10, threshold: 0.001, volume: true, dice: true }
    }
}

/// One quantity against the number of members.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The number of members that the first value is of: 1, or 2 where one has none.
    pub first: usize,
    /// In the order in which the members were drawn.
    pub values: Vec<f64>,
    /// The least and the greatest of random orders, one each per value.
    pub low: Vec<f64>,
    pub high: Vec<f64>,
}

/// The curves of one class.
#[derive(Clone, Debug, PartialEq)]
pub struct Convergence {
    pub volume: Curve,
    pub dice: Curve,
    pub band: Curve,
    pub change: Curve,
    /// Volume of one voxel: what a change of the mean volume is measured by at least.
    pub voxel: f64,
    /// Every member is empty.
    pub all_empty: bool,
}

impl StopRule {
    /// Δ(n): the largest change of `values[m − first]` to that of n over the window before n, as a
    /// share of that of n or of `least`. Infinite while there are not so many members.
    pub fn change(&self, curve: &[f64], first: usize, n: usize, least: f64) -> f64 {
        let at = |m: usize| m.checked_sub(first).and_then(|i| curve.get(i)).copied();
        let (Some(now), Some(from)) = (at(n), n.checked_sub(self.window)) else {
            return f64::INFINITY;
        };
        (from..n)
            .map(|m| at(m).map_or(f64::INFINITY, |then| (then - now).abs()))
            .fold(0.0, f64::max)
            / now.abs().max(least)
    }

    /// Whether drawing may stop after `n` members: enough, and all classes stable.
    pub fn holds(&self, classes: &[Convergence], n: usize) -> bool {
        n >= self.minimum
            && classes.iter().all(|c| {
                let stable = |curve: &Curve, least: f64| {
                    self.change(&curve.values, curve.first, n, least) < self.threshold
                };
                (!self.volume || stable(&c.volume, c.voxel))
                    && (!self.dice || stable(&c.dice, 1e-6))
            })
    }

    /// The first number of members at which drawing may stop.
    pub fn stops_at(&self, classes: &[Convergence]) -> Option<usize> {
        let n = classes.iter().map(|c| c.volume.values.len()).min().unwrap_or(0);
        (self.minimum.max(1)..=n).find(|&n| self.holds(classes, n))
    }
}

/// An upper guide to the number of independent members after which the mean volume is stable by the
/// default rule, from the coefficient of variation of the volumes.
pub fn forecast(cv: f64) -> f64 {
    (10.0 + (100.0 + 4e7 * cv * cv).sqrt()) / 2.0
}

impl Convergence {
    pub fn curve(&self, quantity: Quantity) -> &Curve {
        match quantity {
            Quantity::Volume => &self.volume,
            Quantity::Dice => &self.dice,
            Quantity::Band => &self.band,
            Quantity::Change => &self.change,
        }
    }
}

impl Ensemble {
    /// The curves of class `c`; `voxel` is the volume of one.
    pub fn convergence(&self, c: usize, voxel: f64) -> Convergence {
        self.convergence_in(c, voxel, ORDERS)
    }

    /// The same without the band of other orders: all that the rule needs.
    pub fn convergence_as_drawn(&self, c: usize, voxel: f64) -> Convergence {
        self.convergence_in(c, voxel, 0)
    }

    fn convergence_in(&self, c: usize, voxel: f64, orders: u64) -> Convergence {
        let dice = self.dice_matrix(c);
        let drawn: Vec<usize> = (0..self.members).collect();
        let mut all = vec![drawn.clone()];
        all.extend((0..orders).map(|seed| shuffled(&drawn, seed)));
        let curves: Vec<[Vec<f64>; 4]> =
            all.par_iter().map(|order| self.curves(c, voxel, &dice, order)).collect();
        let curve = |q: usize, first: usize| {
            let ends = |pick: fn(f64, f64) -> f64| {
                let mut out = curves[0][q].clone();
                for other in &curves[1..] {
                    for (end, v) in out.iter_mut().zip(&other[q]) {
                        *end = pick(*end, *v);
                    }
                }
                out
            };
            Curve { first, values: curves[0][q].clone(), low: ends(f64::min), high: ends(f64::max) }
        };
        Convergence {
            volume: curve(0, 1),
            dice: curve(1, 2),
            band: curve(2, 1),
            change: curve(3, 2),
            voxel,
            all_empty: self.sizes(c).iter().all(|&n| n == 0),
        }
    }

    /// Volume, Dice, band and change in one order.
    fn curves(&self, c: usize, voxel: f64, dice: &[Vec<f64>], order: &[usize]) -> [Vec<f64>; 4] {
        let class = &self.classes[c];
        let mut out: [Vec<f64>; 4] = Default::default();
        let (mut sum, mut pairs, mut sorted) = (0.0, 0.0, Vec::<f64>::new());
        let mut count = vec![0u16; class.disputed.len()];
        for (i, &m) in order.iter().enumerate() {
            let n = (i + 1) as f64;
            let volume = class.sizes[m] as f64 * voxel;
            sum += volume;
            out[0].push(sum / n);
            let place = sorted.partition_point(|v| *v < volume);
            sorted.insert(place, volume);
            let width = quantile(&sorted, 0.9) - quantile(&sorted, 0.1);
            out[2].push(width / quantile(&sorted, 0.5).max(voxel));
            pairs += order[..i].iter().map(|&j| dice[m][j]).sum::<f64>();
            if i > 0 {
                out[1].push(pairs / (n * (n - 1.0) / 2.0));
            }
            // |k/n − k'/(n − 1)|, summed in integers: it is that times n (n − 1).
            let mut moved = 0u64;
            for (v, k) in count.iter_mut().enumerate() {
                let held = class.bits[m][v / 64] >> (v % 64) & 1 == 1;
                let before = u64::from(*k);
                *k += u16::from(held);
                moved += (u64::from(*k) * i as u64).abs_diff(before * (i as u64 + 1));
            }
            if i > 0 {
                let voxels = count.len().max(1) as f64;
                out[3].push(moved as f64 / (voxels * n * (n - 1.0)));
            }
        }
        out
    }
}

/// Fisher and Yates, with the generator of Steele, Lea and Flood (SplitMix64): the same everywhere.
fn shuffled(items: &[usize], seed: u64) -> Vec<usize> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut out = items.to_vec();
    for i in (1..out.len()).rev() {
        out.swap(i, (next() % (i as u64 + 1)) as usize);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::members::tests::{binary, first};
    use super::*;
    use rand::{Rng, SeedableRng};

    fn nested(sizes: &[usize], total: usize) -> Ensemble {
        binary(&sizes.iter().map(|&n| first(n, total)).collect::<Vec<_>>())
    }

    fn stop(sizes: &[usize]) -> Option<usize> {
        let e = nested(sizes, 400);
        let rule = StopRule { maximum: 200, dice: false, ..StopRule::default() };
        rule.stops_at(&[e.convergence_as_drawn(0, 1.0)])
    }

    #[test]
    fn stop_rule() {
        assert_eq!(stop(&[100; 200]), Some(20));
        let alternating: Vec<usize> = (0..200).map(|i| if i % 2 == 0 { 110 } else { 90 }).collect();
        assert_eq!(stop(&alternating), Some(101));
        let rising: Vec<usize> = (1..=200).map(|n| 100 + n).collect();
        assert_eq!(stop(&rising), None, "runs to the maximum");
    }

    #[test]
    fn stop_rule_of_empty_members_stops_at_the_minimum() {
        let c = nested(&[0; 25], 10).convergence(0, 1.0);
        assert!(c.all_empty);
        assert_eq!(StopRule::default().stops_at(std::slice::from_ref(&c)), Some(20));
        // The least stable class decides, and a minimum below the window waits for it.
        let unstable = nested(&(0..25).collect::<Vec<_>>(), 30).convergence(0, 1.0);
        assert_eq!(StopRule::default().stops_at(&[c.clone(), unstable]), None);
        let early = StopRule { minimum: 3, ..StopRule::default() };
        assert_eq!(early.stops_at(&[c]), Some(12), "Dice needs two members");
    }

    #[test]
    fn the_last_point_of_every_curve_is_the_summary() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let masks: Vec<Vec<bool>> =
            (0..9).map(|_| (0..300).map(|v| v < 90 || rng.random_bool(0.3)).collect()).collect();
        let e = binary(&masks);
        let c = e.convergence(0, 2.0);
        let spread = e.volumes(0, 2.0);
        let last = |q| c.curve(q).values.last().copied().expect("values");
        assert!((last(Quantity::Volume) - spread.mean).abs() < 1e-9);
        let dice = e.mean_pairwise_dice(0).expect("pairs");
        assert!((last(Quantity::Dice) - dice).abs() < 1e-12);
        let band = (spread.p90 - spread.p10) / spread.median;
        assert!((last(Quantity::Band) - band).abs() < 1e-12);
        // Over the voxels that any two members part on.
        let part: Vec<usize> =
            (0..300).filter(|&v| (1..9).contains(&masks.iter().filter(|m| m[v]).count())).collect();
        let p = |n: usize, v: usize| masks[..n].iter().filter(|m| m[v]).count() as f64 / n as f64;
        let moved: f64 = part.iter().map(|&v| (p(9, v) - p(8, v)).abs()).sum();
        assert!((last(Quantity::Change) - moved / part.len() as f64).abs() < 1e-12);
        for q in Quantity::ALL {
            let curve = c.curve(q);
            assert_eq!(curve.values.len() + curve.first, 10);
            let (low, high) = (&curve.low, &curve.high);
            for (i, v) in curve.values.iter().enumerate() {
                assert!(low[i] <= *v && *v <= high[i]);
            }
            if q != Quantity::Change {
                let end = curve.values.len() - 1;
                assert!((high[end] - low[end]).abs() < 1e-9, "all orders end alike");
            }
        }
    }

    #[test]
    fn the_forecast_is_that_of_the_table() {
        for (cv, n) in [(0.01, 37.0), (0.05, 163.0), (0.1, 321.0)] {
            assert_eq!(forecast(cv).round(), n);
        }
    }

    #[test]
    fn an_order_is_a_permutation() {
        let items: Vec<usize> = (0..50).collect();
        let mut one = shuffled(&items, 1);
        assert_ne!(one, shuffled(&items, 2));
        one.sort_unstable();
        assert_eq!(one, items);
    }
}
