//! One mask out of many: what the members' soft masks say in the mean, and label maps.

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

    /// How far a voxel is said to be inside a class, 0 to 1: the mean of the members' soft masks, and the direct
    /// mask's part.
    fn said(&self, c: usize, v: usize) -> f64 {
        let mean = f64::from(self.classes[c].soft_sum[v]) / (255.0 * self.members as f64);
        match &self.direct {
            None => mean,
            Some(d) => (1.0 - d.share) * mean + d.share * f64::from(d.soft[c][v]) / 255.0,
        }
    }

    /// How far a voxel is said to be outside of all exclusive classes: what each mask's largest class leaves of 1.
    fn said_outside(&self, v: usize) -> f64 {
        let mean = f64::from(self.outside[v]) / (255.0 * self.members as f64);
        let Some(d) = &self.direct else { return mean };
        let largest = d.soft.iter().map(|soft| soft[v]).max().unwrap_or(0);
        (1.0 - d.share) * mean + d.share * f64::from(255 - largest) / 255.0
    }

    /// The class that the fused mask has at a voxel: of regions the innermost one that is said by half at least, of
    /// exclusive ones that which is said most, if the background is not said more; of equals the earlier.
    fn fused(&self, v: usize) -> Option<usize> {
        let classes = 0..self.classes.len();
        match self.kind {
            ClassKind::Regions => classes.rev().find(|&c| self.said(c, v) >= 0.5),
            ClassKind::Exclusive => {
                let (mut best, mut most) = (None, self.said_outside(v));
                for c in classes {
                    let said = self.said(c, v);
                    if said > most || best.is_none() && said == most {
                        (best, most) = (Some(c), said);
                    }
                }
                best
            }
        }
    }

    /// Where the fused mask has class c, an outer region with those within it.
    pub fn fused_mask(&self, c: usize) -> Vec<bool> {
        let inside = |v: usize| match self.kind {
            ClassKind::Regions => self.said(c, v) >= 0.5,
            ClassKind::Exclusive => self.fused(v) == Some(c),
        };
        (0..self.voxels).into_par_iter().with_min_len(1 << 14).map(inside).collect()
    }

    /// How far a voxel is inside the fused mask of class c, -1 to 1, below 0 outside of it: for lines along its
    /// edge. At 0 several are said equally.
    pub fn margin(&self, c: usize, v: usize) -> f32 {
        let own = self.said(c, v);
        if own == 0.0 {
            // Nearly everywhere, and all that the others say.
            return -1.0;
        }
        let others = match self.kind {
            ClassKind::Regions => 1.0 - own,
            ClassKind::Exclusive => {
                let others = (0..self.classes.len()).filter(|&k| k != c).map(|k| self.said(k, v));
                others.fold(self.said_outside(v), f64::max)
            }
        };
        (own - others) as f32
    }

    /// The fused mask as a label map; `values[c]` is the label of class c, 0 the background. Of one member it is
    /// that member's.
    ///
    /// # Panics
    /// If `values` has fewer entries than there are classes.
    pub fn labels(&self, values: &[u8]) -> Vec<u8> {
        let label = |v: usize| self.fused(v).map_or(0, |c| values[c]);
        (0..self.voxels).into_par_iter().with_min_len(1 << 14).map(label).collect()
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
    fn the_innermost_region_wins() {
        let a = [255, 255, 255, 0, /* inner */ 255, 0, 0, 0];
        let b = [255, 255, 0, 0, /* inner */ 255, 255, 0, 0];
        let c = [255, 255, 0, 0, /* inner */ 0, 0, 0, 0];
        let e = Ensemble::from_soft(&[&a, &b, &c], 2, ClassKind::Regions, 4).expect("valid");
        assert_eq!(e.labels(&[1, 2]), [2, 1, 0, 0]);
        assert_eq!(e.member_labels(0, &[1, 2]), [2, 1, 1, 0]);
        assert_eq!(e.member_labels(1, &[1, 2]), [2, 2, 0, 0]);
    }

    #[test]
    fn exclusive_classes_are_said_beside_what_each_members_largest_one_leaves() {
        // Two members that part at the first voxel, doubt at the second, and are two to three at the third.
        let a = [200, 102, 0, /* second */ 0, 102, 153];
        let b = [0, 102, 255, /* second */ 160, 102, 0];
        let e = Ensemble::from_soft(&[&a, &b], 2, ClassKind::Exclusive, 3).expect("valid");
        // Said: .39, .31, outside .29; .4, .4, .6; .5, .3, .2.
        assert_eq!(e.labels(&[1, 2]), [1, 0, 1]);
        assert_eq!(e.fused_mask(0), [true, false, true]);
        assert_eq!(e.fused_mask(1), [false; 3]);
        let near = |m: f32, to: f64| assert!((f64::from(m) - to).abs() < 1e-6, "{m} {to}");
        near(e.margin(0, 0), 40.0 / 510.0);
        near(e.margin(1, 0), -40.0 / 510.0);
        near(e.margin(0, 1), -0.2);
        near(e.margin(1, 2), -0.2);
    }

    #[test]
    fn the_mean_of_soft_masks_is_cut_at_a_half_and_one_member_is_itself() {
        // Five of ten a little inside, five not at all: the votes have it, the mean has not.
        let (a, b) = ([140u8, 255, 127, 128], [0u8, 0, 127, 128]);
        let e = Ensemble::from_soft(&[&a, &b], 1, ClassKind::Regions, 4).expect("valid");
        assert_eq!(e.majority(0), [true, true, false, true]);
        assert_eq!(e.fused_mask(0), [false, true, false, true]);
        for kind in [ClassKind::Regions, ClassKind::Exclusive] {
            let soft: Vec<u8> =
                (0..3000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            let one = Ensemble::from_soft(&[&soft], 3, kind, 1000).expect("valid");
            assert_eq!(one.labels(&[1, 2, 3]), one.member_labels(0, &[1, 2, 3]));
            for c in 0..3 {
                let mask = one.fused_mask(c);
                assert_eq!(mask, one.member_mask(0, c));
                let sides = (0..1000).map(|v| one.margin(c, v));
                assert!(mask.iter().zip(sides).all(|(&m, s)| if m { s >= 0.0 } else { s <= 0.0 }));
            }
        }
    }

    #[test]
    fn the_direct_mask_has_its_share_of_the_fused_one() {
        let (a, direct) = ([255u8, 0, 153, 0], [0u8, 255, 102, 0]);
        let at = |share: f64| {
            let e = Ensemble::from_soft(&[&a, &a], 1, ClassKind::Regions, 4).expect("valid");
            let e = e.with_direct(&direct, share).expect("as long");
            assert_eq!(e.count(0), [2, 0, 2, 0], "counts are of the members");
            e.fused_mask(0)
        };
        assert_eq!(at(0.0), [true, false, true, false]);
        assert_eq!(at(0.4), [true, false, true, false], "0.52 is said of the third");
        assert_eq!(at(0.5), [true, true, true, false], "a tie is included");
        assert_eq!(at(0.6), [false, true, false, false]);
        // Alone it is the direct mask itself, of either kind.
        let soft: Vec<u8> =
            (0..600u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for kind in [ClassKind::Regions, ClassKind::Exclusive] {
            let of = |soft: &[u8]| Ensemble::from_soft(&[soft], 2, kind, 300).expect("valid");
            let e = of(&[9; 600]).with_direct(&soft, 1.0).expect("as long");
            assert_eq!(e.labels(&[1, 2]), of(&soft).labels(&[1, 2]));
        }
        let e = Ensemble::from_soft(&[&a], 1, ClassKind::Regions, 4).expect("valid");
        assert!(e.with_direct(&direct[..3], 0.5).is_err());
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
