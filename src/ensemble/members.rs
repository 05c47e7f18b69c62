//! The ensemble itself: built once from soft masks, kept as integers, so that no result depends
//! on the order of threads.

use super::EnsembleError;
use crate::volume::ClassKind;
use rayon::prelude::*;

/// `round(255 · q)` from which a voxel is inside: q ≥ 0.5.
pub(super) const INSIDE: u8 = 128;

/// Voxels per unit of parallel work.
const CHUNK: usize = 1 << 14;

/// Binary members of one class, without the voxels on which all agree.
pub(super) struct ClassMembers {
    /// k(v): how many members include voxel v.
    pub(super) count: Vec<u16>,
    /// Σ of the soft values 0 to 255 over members.
    pub(super) soft_sum: Vec<u32>,
    /// Voxels inside, per member.
    pub(super) sizes: Vec<usize>,
    /// Voxels that all members include.
    pub(super) common: usize,
    /// Voxels with 0 < k < N, ascending.
    pub(super) disputed: Vec<u32>,
    /// Per member, one bit per disputed voxel.
    pub(super) bits: Vec<Vec<u64>>,
}

/// An ensemble of masks on one lattice.
pub struct Ensemble {
    pub(super) members: usize,
    pub(super) voxels: usize,
    pub(super) kind: ClassKind,
    pub(super) classes: Vec<ClassMembers>,
    /// Of exclusive classes: Σ over members of what the largest class leaves of 255.
    pub(super) outside: Vec<u32>,
    pub(super) direct: Option<Direct>,
}

/// The direct mask's part in the fused one.
pub(super) struct Direct {
    /// Above 0, at most 1.
    pub(super) share: f64,
    /// [`Layout::soft`] of it, `[class][voxel]`.
    pub(super) soft: Vec<Vec<u8>>,
}

/// How soft masks are read.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) classes: usize,
    pub(super) voxels: usize,
    pub(super) kind: ClassKind,
}

impl Layout {
    /// Refuses members of another length, and numbers beyond the counters.
    pub(super) fn check(self, members: &[&[u8]]) -> Result<(), EnsembleError> {
        if members.is_empty() {
            return Err(EnsembleError::NoMembers);
        }
        if members.len() > usize::from(u16::MAX) {
            return Err(EnsembleError::TooManyMembers { found: members.len() });
        }
        if !(1..=255).contains(&self.classes) {
            return Err(EnsembleError::Classes { found: self.classes });
        }
        let expected = self.classes.saturating_mul(self.voxels);
        match members.iter().position(|m| m.len() != expected) {
            None => Ok(()),
            Some(member) => Err(EnsembleError::Length {
                member,
                classes: self.classes,
                voxels: self.voxels,
                expected,
                found: members[member].len(),
            }),
        }
    }

    /// What one member says of voxel `v`: 0 for background, else 1 + class. In nested regions
    /// this is the innermost class.
    pub(super) fn decision(self, soft: &[u8], v: usize) -> usize {
        match self.kind {
            ClassKind::Regions => (0..self.classes)
                .rev()
                .find(|c| soft[c * self.voxels + v] >= INSIDE)
                .map_or(0, |c| c + 1),
            ClassKind::Exclusive => {
                let (mut best, mut value) = (0, INSIDE - 1);
                for c in 0..self.classes {
                    if soft[c * self.voxels + v] > value {
                        (best, value) = (c + 1, soft[c * self.voxels + v]);
                    }
                }
                best
            }
        }
    }

    /// Whether a decision puts the voxel into `class`.
    pub(super) fn includes(self, decision: usize, class: usize) -> bool {
        match self.kind {
            ClassKind::Regions => decision > class,
            ClassKind::Exclusive => decision == class + 1,
        }
    }

    /// Soft value of `class`; in nested regions at least that of the regions within it, so that
    /// it is 128 or more exactly inside.
    pub(super) fn soft(self, soft: &[u8], class: usize, v: usize) -> u8 {
        match self.kind {
            ClassKind::Regions => {
                (class..self.classes).map(|c| soft[c * self.voxels + v]).max().unwrap_or(0)
            }
            ClassKind::Exclusive => soft[class * self.voxels + v],
        }
    }

    fn largest(self, soft: &[u8], v: usize) -> u8 {
        (0..self.classes).map(|c| soft[c * self.voxels + v]).max().unwrap_or(0)
    }
}

/// Counts of one range of voxels: `[class][voxel]`, `[class][voxel]`, `[class][member]`, `[voxel]`.
type ChunkCounts = (Vec<Vec<u16>>, Vec<Vec<u32>>, Vec<Vec<usize>>, Vec<u32>);

fn count_chunk(layout: Layout, members: &[&[u8]], start: usize, end: usize) -> ChunkCounts {
    let n = end - start;
    let mut count = vec![vec![0u16; n]; layout.classes];
    let mut soft_sum = vec![vec![0u32; n]; layout.classes];
    let mut sizes = vec![vec![0usize; members.len()]; layout.classes];
    let mut outside = vec![0; if layout.kind == ClassKind::Exclusive { n } else { 0 }];
    for (m, soft) in members.iter().enumerate() {
        for v in start..end {
            let decision = layout.decision(soft, v);
            for c in 0..layout.classes {
                if layout.includes(decision, c) {
                    count[c][v - start] += 1;
                    sizes[c][m] += 1;
                }
                soft_sum[c][v - start] += u32::from(layout.soft(soft, c, v));
            }
            if let Some(sum) = outside.get_mut(v - start) {
                *sum += u32::from(255 - layout.largest(soft, v));
            }
        }
    }
    (count, soft_sum, sizes, outside)
}

impl Ensemble {
    /// From the soft masks of all members, each `[classes, voxels]` of `round(255 · q)`; inside
    /// where q ≥ 0.5.
    ///
    /// * `Regions`: class c holds the voxels where its channel or that of any later (inner) class
    ///   is inside.
    /// * `Exclusive`: the class with the largest channel, if that is inside; the earlier on a tie.
    ///
    /// # Errors
    /// No member, too many, no class, or a member of another length.
    pub fn from_soft(
        members: &[&[u8]],
        classes: usize,
        kind: ClassKind,
        voxels: usize,
    ) -> Result<Self, EnsembleError> {
        let layout = Layout { classes, voxels, kind };
        layout.check(members)?;
        if u32::try_from(voxels).is_err() {
            return Err(EnsembleError::Shape {
                shape: [voxels, 1, 1],
                expected: u32::MAX as usize,
                found: voxels,
            });
        }
        let chunks: Vec<ChunkCounts> = (0..voxels.div_ceil(CHUNK))
            .into_par_iter()
            .map(|i| count_chunk(layout, members, i * CHUNK, ((i + 1) * CHUNK).min(voxels)))
            .collect();
        let n = members.len();
        let outside = chunks.iter().flat_map(|(.., outside)| outside).copied().collect();
        let classes = (0..classes)
            .map(|c| {
                let mut count = Vec::with_capacity(voxels);
                let mut soft_sum = Vec::with_capacity(voxels);
                let mut sizes = vec![0; n];
                for (chunk_count, chunk_soft, chunk_sizes, _) in &chunks {
                    count.extend_from_slice(&chunk_count[c]);
                    soft_sum.extend_from_slice(&chunk_soft[c]);
                    for (total, part) in sizes.iter_mut().zip(&chunk_sizes[c]) {
                        *total += part;
                    }
                }
                let common = count.iter().filter(|&&k| usize::from(k) == n).count();
                let disputed: Vec<u32> = (0u32..)
                    .zip(&count)
                    .filter(|&(_, &k)| k > 0 && usize::from(k) < n)
                    .map(|(v, _)| v)
                    .collect();
                let bits = members
                    .par_iter()
                    .map(|soft| {
                        let mut words = vec![0u64; disputed.len().div_ceil(64)];
                        for (i, &v) in disputed.iter().enumerate() {
                            let decision = layout.decision(soft, v as usize);
                            if layout.includes(decision, c) {
                                words[i / 64] |= 1 << (i % 64);
                            }
                        }
                        words
                    })
                    .collect();
                ClassMembers { count, soft_sum, sizes, common, disputed, bits }
            })
            .collect();
        Ok(Self { members: n, voxels, kind, classes, outside, direct: None })
    }

    /// With the direct mask (its soft values as those of one member) in the fused mask: `share` of it is the
    /// direct one's, the rest is the members'. Counts and maps are of the members alone.
    ///
    /// # Errors
    /// If the mask is of another length.
    pub fn with_direct(mut self, soft: &[u8], share: f64) -> Result<Self, EnsembleError> {
        let layout = Layout { classes: self.classes.len(), voxels: self.voxels, kind: self.kind };
        layout.check(&[soft])?;
        let of = |c: usize| (0..self.voxels).map(|v| layout.soft(soft, c, v)).collect();
        let direct =
            || Direct { share: share.min(1.0), soft: (0..layout.classes).map(of).collect() };
        self.direct = (share > 0.0).then(direct);
        Ok(self)
    }

    /// Number of members, N.
    pub fn n(&self) -> usize {
        self.members
    }

    pub fn classes(&self) -> usize {
        self.classes.len()
    }

    pub fn voxels(&self) -> usize {
        self.voxels
    }

    /// Whether there is any spread to show: with one member, variance and entropy mean nothing.
    pub fn has_spread(&self) -> bool {
        self.members >= 2
    }

    /// k(v): how many members include each voxel in class `c`, 0 to N.
    ///
    /// # Panics
    /// As every method here that takes a class: if there is no class `c`.
    pub fn count(&self, c: usize) -> &[u16] {
        &self.classes[c].count
    }

    /// Voxels inside, per member.
    pub fn sizes(&self, c: usize) -> &[usize] {
        &self.classes[c].sizes
    }

    /// Members without a single voxel of class `c`; to be named wherever agreement is shown.
    pub fn empty_members(&self, c: usize) -> Vec<usize> {
        self.sizes(c).iter().enumerate().filter(|(_, n)| **n == 0).map(|(m, _)| m).collect()
    }

    /// Refuses a block with another number of voxels.
    pub(super) fn check_shape(&self, shape: [usize; 3]) -> Result<(), EnsembleError> {
        let found = shape.iter().fold(1usize, |n, s| n.saturating_mul(*s));
        if found == self.voxels {
            Ok(())
        } else {
            Err(EnsembleError::Shape { shape, expected: self.voxels, found })
        }
    }

    /// The binary mask of one member.
    ///
    /// # Panics
    /// If there is no such class or member.
    pub fn member_mask(&self, member: usize, c: usize) -> Vec<bool> {
        let class = &self.classes[c];
        let mut mask: Vec<bool> =
            class.count.iter().map(|&k| usize::from(k) == self.members).collect();
        for (i, &v) in class.disputed.iter().enumerate() {
            mask[v as usize] = class.bits[member][i / 64] >> (i % 64) & 1 == 1;
        }
        mask
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A one-class ensemble from binary masks.
    pub(crate) fn binary(masks: &[Vec<bool>]) -> Ensemble {
        let soft: Vec<Vec<u8>> =
            masks.iter().map(|m| m.iter().map(|&b| 255 * u8::from(b)).collect()).collect();
        let members: Vec<&[u8]> = soft.iter().map(Vec::as_slice).collect();
        Ensemble::from_soft(&members, 1, ClassKind::Regions, masks[0].len()).expect("valid")
    }

    /// The first `n` of `total` voxels.
    pub(crate) fn first(n: usize, total: usize) -> Vec<bool> {
        (0..total).map(|v| v < n).collect()
    }

    #[test]
    fn regions_nest_and_exclusive_classes_do_not() {
        // Channels of two classes over four voxels; voxel 2 is inside the inner class only.
        let soft = [200, 128, 10, 127, 20, 130, 200, 127];
        let e = Ensemble::from_soft(&[&soft], 2, ClassKind::Regions, 4).expect("valid");
        assert_eq!(e.count(0), [1, 1, 1, 0]);
        assert_eq!(e.count(1), [0, 1, 1, 0]);
        assert_eq!(e.sizes(0), [3]);
        let e = Ensemble::from_soft(&[&soft], 2, ClassKind::Exclusive, 4).expect("valid");
        assert_eq!(e.count(0), [1, 0, 0, 0]);
        assert_eq!(e.count(1), [0, 1, 1, 0]);
    }

    #[test]
    fn member_masks_come_back() {
        let masks = vec![first(3, 200), first(0, 200), first(150, 200), first(3, 200)];
        let e = binary(&masks);
        for (m, mask) in masks.iter().enumerate() {
            assert_eq!(&e.member_mask(m, 0), mask);
        }
        assert_eq!(e.sizes(0), [3, 0, 150, 3]);
        assert_eq!(e.empty_members(0), [1]);
    }

    #[test]
    fn maps_exclude() {
        use crate::ensemble::Measure;
        let soft: Vec<Vec<u8>> = (0..20u32)
            .map(|m| {
                (0..6000u32).map(|v| (v.wrapping_mul(2_654_435_761 + m) >> 24) as u8).collect()
            })
            .collect();
        let without = [0, 3, 4, 9, 11, 17, 19];
        let rest: Vec<&[u8]> =
            (0..20).filter(|m| !without.contains(m)).map(|m| soft[m].as_slice()).collect();
        let thirteen: Vec<Vec<u8>> = rest.iter().map(|m| m.to_vec()).collect();
        let thirteen: Vec<&[u8]> = thirteen.iter().map(Vec::as_slice).collect();
        let build = |m: &[&[u8]]| Ensemble::from_soft(m, 2, ClassKind::Exclusive, 3000);
        let (a, b) = (build(&rest).expect("valid"), build(&thirteen).expect("valid"));
        let all: Vec<&[u8]> = soft.iter().map(Vec::as_slice).collect();
        let all = build(&all).expect("valid");
        for c in 0..2 {
            // Counts of all, less those of the seven, are those of the others.
            let left: Vec<u16> = (0..3000)
                .map(|v| {
                    let out = without.iter().filter(|&&m| all.member_mask(m, c)[v]).count();
                    all.count(c)[v] - out as u16
                })
                .collect();
            assert_eq!(a.count(c), left);
            assert_eq!((a.n(), a.sizes(c)), (13, b.sizes(c)));
            for measure in Measure::ALL {
                assert_eq!(a.map(c, measure), b.map(c, measure));
            }
            assert_eq!(a.soft_mean(c), b.soft_mean(c));
        }
    }

    #[test]
    fn counts_do_not_depend_on_threads() {
        let soft: Vec<Vec<u8>> = (0..5u32)
            .map(|m| {
                (0..100_000u32).map(|v| (v.wrapping_mul(2_654_435_761 + m) >> 24) as u8).collect()
            })
            .collect();
        let members: Vec<&[u8]> = soft.iter().map(Vec::as_slice).collect();
        let build = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("threads")
                .install(|| Ensemble::from_soft(&members, 2, ClassKind::Exclusive, 50_000))
                .expect("valid")
        };
        let (a, b) = (build(1), build(4));
        for c in 0..2 {
            assert_eq!(a.count(c), b.count(c));
            assert_eq!(a.sizes(c), b.sizes(c));
            assert_eq!(a.mean_pairwise_dice(c), b.mean_pairwise_dice(c));
        }
    }

    #[test]
    fn wrong_input_is_named() {
        let soft = [0u8; 6];
        let build = |m: &[&[u8]], c, v| Ensemble::from_soft(m, c, ClassKind::Regions, v);
        assert!(matches!(build(&[], 1, 6), Err(EnsembleError::NoMembers)));
        assert!(matches!(build(&[&soft], 0, 6), Err(EnsembleError::Classes { found: 0 })));
        let Err(EnsembleError::Length { member: 1, expected: 6, found: 5, .. }) =
            build(&[&soft, &soft[..5]], 2, 3)
        else {
            panic!("a short member must be refused");
        };
        assert_eq!(build(&[&soft], 2, 3).expect("valid").n(), 1);
    }
}
