//! Contour box plots: how deep each member lies in the bands that pairs of members span (Whitaker,
//! Mirzargar and Kirby, "Contour boxplots", IEEE TVCG 2013).
//!
//! A member lies in the band of two others if it holds what both hold and holds nothing that neither
//! does. Of few members hardly any does exactly; then a share of its voxels may lie outside, so large
//! that a sixth of all bands hold their member, as in the paper.

use super::{Ensemble, quantile};
use rayon::prelude::*;

/// The deepest member, the central half and those far outside, by band depth.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxPlot {
    /// Share of the pairs of others whose band holds the member, 0 to 1, per member.
    pub depth: Vec<f64>,
    /// The share of voxels that may lie outside of a band, 0 to 1.
    pub tolerance: f64,
    /// The deepest member, the first of equals.
    pub median: usize,
    /// The deeper half of the members, ascending.
    pub central: Vec<usize>,
    /// Below Q1 − 1.5 · IQR of the depths, ascending; none are named of fewer than 8 members.
    pub outliers: Vec<usize>,
}

/// Of so many members at most: the work grows with their third power.
const MOST_MEMBERS: usize = 200;

impl Ensemble {
    /// The contour box plot of class `c`: `None` of fewer than 3 members, which span no band about
    /// another, and of more than 200.
    pub fn box_plot(&self, c: usize) -> Option<BoxPlot> {
        let n = self.members;
        if !(3..=MOST_MEMBERS).contains(&n) {
            return None;
        }
        let outside: Vec<Vec<f64>> =
            (0..n).into_par_iter().map(|i| self.outside_of_bands(c, i)).collect();
        let mut all = outside.concat();
        all.sort_by(f64::total_cmp);
        let tolerance = all[all.len().div_ceil(6) - 1];
        let within = |shares: &Vec<f64>| {
            shares.iter().filter(|s| **s <= tolerance).count() as f64 / shares.len() as f64
        };
        let depth: Vec<f64> = outside.iter().map(within).collect();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| depth[b].total_cmp(&depth[a]).then(a.cmp(&b)));
        let mut central = order[..n.div_ceil(2)].to_vec();
        central.sort_unstable();
        let mut sorted = depth.clone();
        sorted.sort_by(f64::total_cmp);
        let (q1, q3) = (quantile(&sorted, 0.25), quantile(&sorted, 0.75));
        let fence = q1 - 1.5 * (q3 - q1);
        let outliers = match n {
            0..8 => Vec::new(),
            _ => (0..n).filter(|&i| depth[i] < fence).collect(),
        };
        Some(BoxPlot { median: order[0], depth, tolerance, central, outliers })
    }

    /// Of member `i`, for each pair of others: the larger of the shares of what both hold that it
    /// lacks, and of its own that neither holds.
    fn outside_of_bands(&self, c: usize, i: usize) -> Vec<f64> {
        let class = &self.classes[c];
        let own = &class.bits[i];
        let others: Vec<usize> = (0..self.members).filter(|&j| j != i).collect();
        let share = |part: usize, whole: usize| match whole {
            0 => 0.0,
            _ => part as f64 / whole as f64,
        };
        let mut shares = Vec::with_capacity(others.len() * (others.len() - 1) / 2);
        for (a, &j) in others.iter().enumerate() {
            for &k in &others[a + 1..] {
                let (mut both, mut lacking, mut alone) = (class.common, 0, 0);
                for ((s, x), y) in own.iter().zip(&class.bits[j]).zip(&class.bits[k]) {
                    both += (x & y).count_ones() as usize;
                    lacking += (x & y & !s).count_ones() as usize;
                    alone += (s & !(x | y)).count_ones() as usize;
                }
                shares.push(share(lacking, both).max(share(alone, class.sizes[i])));
            }
        }
        shares
    }

    /// What any of these members includes, and what all of them do.
    ///
    /// # Panics
    /// If there is no such class or member.
    pub fn union_and_common(&self, c: usize, members: &[usize]) -> [Vec<bool>; 2] {
        let class = &self.classes[c];
        let all = self.members;
        let agreed: Vec<bool> = class.count.iter().map(|&k| usize::from(k) == all).collect();
        let (mut any, mut every) = (agreed.clone(), agreed);
        for (i, &v) in class.disputed.iter().enumerate() {
            let held = |m: &usize| class.bits[*m][i / 64] >> (i % 64) & 1 == 1;
            any[v as usize] = members.iter().any(held);
            every[v as usize] = !members.is_empty() && members.iter().all(held);
        }
        [any, every]
    }
}

#[cfg(test)]
mod tests {
    use super::super::members::tests::{binary, first};
    use rand::{Rng, SeedableRng};

    #[test]
    fn of_nested_members_the_middle_one_is_the_median() {
        let e = binary(&(1..=9).map(|i| first(10 * i, 100)).collect::<Vec<_>>());
        let plot = e.box_plot(0).expect("enough members");
        // Nested: member i lies in the band of one smaller and one larger.
        let exact = |i: usize| (i * (8 - i)) as f64 / 28.0;
        assert_eq!(plot.tolerance, 0.0, "more than a sixth lie inside exactly");
        for (i, depth) in plot.depth.iter().enumerate() {
            assert!((depth - exact(i)).abs() < 1e-12, "{i}");
        }
        assert_eq!((plot.median, plot.central), (4, vec![2, 3, 4, 5, 6]));
        let [any, every] = e.union_and_common(0, &[2, 3, 4, 5, 6]);
        assert_eq!((any, every), (first(70, 100), first(30, 100)));
    }

    #[test]
    fn of_ragged_members_a_sixth_of_all_bands_hold_theirs_and_the_stranger_is_outside() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let mut masks: Vec<Vec<bool>> = (0..11)
            .map(|_| (0..400).map(|v| v < 200 || v < 260 && rng.random_bool(0.5)).collect())
            .collect();
        masks.push((0..400).map(|v| (150..300).contains(&v)).collect());
        let e = binary(&masks);
        let plot = e.box_plot(0).expect("enough members");
        assert!(plot.tolerance > 0.0);
        let mean = plot.depth.iter().sum::<f64>() / 12.0;
        assert!((1.0 / 6.0..0.2).contains(&mean), "{mean}");
        assert_eq!(plot.depth[11], 0.0);
        assert!(plot.median != 11 && !plot.central.contains(&11));
    }

    #[test]
    fn the_bands_are_those_of_the_masks_themselves() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(8);
        let masks: Vec<Vec<bool>> =
            (0..5).map(|_| (0..130).map(|v| v < 20 || rng.random_bool(0.4)).collect()).collect();
        let e = binary(&masks);
        let size = |held: &dyn Fn(usize) -> bool| (0..130).filter(|&v| held(v)).count() as f64;
        for i in 0..5 {
            let mut expected = Vec::new();
            for j in (0..5).filter(|&j| j != i) {
                for k in (j + 1..5).filter(|&k| k != i) {
                    let (s, x, y) = (&masks[i], &masks[j], &masks[k]);
                    let lacking = size(&|v| x[v] && y[v] && !s[v]) / size(&|v| x[v] && y[v]);
                    let alone = size(&|v| s[v] && !x[v] && !y[v]) / size(&|v| s[v]);
                    expected.push(lacking.max(alone));
                }
            }
            assert_eq!(e.outside_of_bands(0, i), expected);
        }
    }

    #[test]
    fn few_or_empty_members_are_no_trouble() {
        assert_eq!(binary(&[first(3, 9), first(4, 9)]).box_plot(0), None);
        let plot = binary(&[first(0, 9), first(0, 9), first(0, 9)]).box_plot(0).expect("three");
        assert_eq!((plot.depth, plot.outliers.len()), (vec![1.0; 3], 0));
    }
}
