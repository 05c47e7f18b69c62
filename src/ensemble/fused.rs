//! One mask out of many: majority votes and label maps.

use super::Ensemble;
use crate::volume::ClassKind;
use rayon::prelude::*;

impl Ensemble {
    /// Voxels that at least `least` members include.
    pub fn at_least(&self, c: usize, least: usize) -> Vec<bool> {
        self.count(c).iter().map(|&k| usize::from(k) >= least).collect()
    }

    /// k ≥ ⌈N/2⌉: ties of an even N are included.
    pub fn majority(&self, c: usize) -> Vec<bool> {
        self.at_least(c, self.members.div_ceil(2))
    }

    /// The mean of the soft masks as one mask: of regions where it is at least one half; of exclusive
    /// classes where the class has the largest mean, the background's being what the classes leave
    /// of 1; ties go to the smaller index, the background last.
    pub fn mean_mask(&self, c: usize) -> Vec<bool> {
        let whole = 255 * self.members as u64;
        let sum = |k: usize, v: usize| u64::from(self.classes[k].soft_sum[v]);
        let inside = |v: usize| match self.kind {
            ClassKind::Regions => 2 * sum(c, v) >= whole,
            ClassKind::Exclusive => {
                let (own, n) = (sum(c, v), self.classes.len());
                let all: u64 = (0..n).map(|k| sum(k, v)).sum();
                let first = (0..n).all(|k| if k < c { sum(k, v) < own } else { sum(k, v) <= own });
                own > 0 && first && own + all >= whole
            }
        };
        (0..self.voxels).map(inside).collect()
    }

    /// The fused label map; `values[c]` is the label of class c, 0 the background.
    ///
    /// * `Regions`: the innermost class with a majority.
    /// * `Exclusive`: the class with the largest k, ties by the larger soft mean, then by the
    ///   smaller index; background only where it alone has most votes, so that with one class
    ///   this is the majority.
    ///
    /// # Panics
    /// If `values` has fewer entries than there are classes.
    pub fn labels(&self, values: &[u8]) -> Vec<u8> {
        let half = self.members.div_ceil(2);
        (0..self.voxels)
            .into_par_iter()
            .with_min_len(1 << 14)
            .map(|v| match self.kind {
                ClassKind::Regions => (0..self.classes.len())
                    .rev()
                    .find(|&c| usize::from(self.classes[c].count[v]) >= half)
                    .map_or(0, |c| values[c]),
                ClassKind::Exclusive => {
                    let (mut best, mut best_votes, mut inside) = (0, (0, 0), 0);
                    for (c, class) in self.classes.iter().enumerate() {
                        let votes = (usize::from(class.count[v]), class.soft_sum[v]);
                        inside += votes.0;
                        if votes > best_votes {
                            (best, best_votes) = (c, votes);
                        }
                    }
                    let background = self.members - inside;
                    if best_votes.0 > 0 && best_votes.0 >= background { values[best] } else { 0 }
                }
            })
            .collect()
    }

    /// One member as a label map, with labels as in [`Self::labels`].
    ///
    /// # Panics
    /// If there is no such member, or `values` is too short.
    pub fn member_labels(&self, member: usize, values: &[u8]) -> Vec<u8> {
        let mut labels = vec![0; self.voxels];
        // Inner regions come later and overwrite the outer ones.
        for (c, &value) in values.iter().enumerate().take(self.classes.len()) {
            for (label, inside) in labels.iter_mut().zip(self.member_mask(member, c)) {
                if inside {
                    *label = value;
                }
            }
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::super::members::tests::{binary, first};
    use super::*;

    #[test]
    fn majority_includes_ties() {
        let e = binary(&[first(1, 4), first(2, 4), first(3, 4), first(3, 4)]);
        assert_eq!(e.count(0), [4, 3, 2, 0]);
        assert_eq!(e.majority(0), [true, true, true, false]);
        let e = binary(&[first(1, 4), first(2, 4), first(3, 4)]);
        assert_eq!(e.majority(0), [true, true, false, false]);
        assert_eq!(e.labels(&[9]), [9, 9, 0, 0]);
    }

    #[test]
    fn innermost_majority_wins_in_regions() {
        let a = [255, 255, 255, 0, /* inner */ 255, 0, 0, 0];
        let b = [255, 255, 0, 0, /* inner */ 255, 255, 0, 0];
        let c = [255, 255, 0, 0, /* inner */ 0, 0, 0, 0];
        let e = Ensemble::from_soft(&[&a, &b, &c], 2, ClassKind::Regions, 4).expect("valid");
        assert_eq!(e.labels(&[1, 2]), [2, 1, 0, 0]);
        assert_eq!(e.member_labels(0, &[1, 2]), [2, 1, 1, 0]);
        assert_eq!(e.member_labels(1, &[1, 2]), [2, 2, 0, 0]);
    }

    #[test]
    fn the_mean_of_exclusive_classes_is_the_largest_share_with_the_background() {
        // Shares of two classes at four voxels: the background keeps the rest.
        let a = [102, 102, 102, 26, /* second */ 77, 102, 26, 26];
        let e = Ensemble::from_soft(&[&a, &a], 2, ClassKind::Exclusive, 4).expect("valid");
        // .4/.3/.3, .4/.4/.2, .4/.1/.5, .1/.1/.8
        assert_eq!(e.mean_mask(0), [true, true, false, false]);
        assert_eq!(e.mean_mask(1), [false; 4]);
        let e = Ensemble::from_soft(&[&a, &a], 2, ClassKind::Regions, 4);
        assert_eq!(e.map(|e| e.mean_mask(0)).ok(), Some(vec![false; 4]));
        let b = [128, 127, 255, 0];
        let e = Ensemble::from_soft(&[&b], 1, ClassKind::Regions, 4).expect("valid");
        assert_eq!(e.mean_mask(0), [true, false, true, false]);
    }

    #[test]
    fn exclusive_ties_go_by_soft_mean_then_by_index() {
        // Two members, two classes, four voxels: tie by soft mean both ways, exact tie, background.
        let a = [200, 160, 200, 0, /* second */ 0, 0, 0, 0];
        let b = [0, 0, 0, 0, /* second */ 150, 240, 200, 0];
        let e = Ensemble::from_soft(&[&a, &b], 2, ClassKind::Exclusive, 4).expect("valid");
        assert_eq!(e.labels(&[5, 7]), [5, 7, 5, 0]);
        assert_eq!(e.member_labels(1, &[5, 7]), [7, 7, 7, 0]);
    }

    #[test]
    fn background_wins_only_with_most_votes() {
        let on = [255u8, 0];
        let off = [0u8, 0];
        let e = Ensemble::from_soft(&[&on, &off], 1, ClassKind::Exclusive, 2).expect("valid");
        assert_eq!(e.labels(&[1]), [1, 0], "a tie is included, as in the majority");
        let e = Ensemble::from_soft(&[&on, &off, &off], 1, ClassKind::Exclusive, 2).expect("valid");
        assert_eq!(e.labels(&[1]), [0, 0]);
    }
}
