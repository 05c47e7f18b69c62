//! STAPLE: the mask that best explains the members, with a sensitivity and a specificity for each
//! (Warfield, Zou, Wells, IEEE TMI 2004), without a spatial term; start, prior and tolerance are
//! those of ITK's filter.
//!
//! The members are samples of one network and exchangeable, so the two rates describe chance and
//! are never used to rank members.

use super::{Ensemble, EnsembleError};
use std::ops::Range;

/// Voxels added round the union of all members on each side.
const MARGIN: usize = 5;
pub(super) const TOLERANCE: f64 = 1e-7;
pub(super) const MAX_ROUNDS: usize = 200;
const RATE_MIN: f64 = 1e-10;

/// The result of STAPLE for one class.
#[derive(Clone, Debug, PartialEq)]
pub struct Staple {
    /// W(v), 0 to 1, on the whole lattice; 0 beyond the domain.
    pub probability: Vec<f32>,
    /// W ≥ 0.5.
    pub mask: Vec<bool>,
    /// Per member, `None` where no foreground exists to measure it by.
    pub sensitivity: Vec<Option<f64>>,
    /// Per member, `None` where no background exists to measure it by.
    pub specificity: Vec<Option<f64>>,
    /// Box of voxels it was computed on (x, y, z): the result depends on how much agreed
    /// background lies in it.
    pub domain: [Range<usize>; 3],
    /// Prior probability of foreground: the share of votes in the domain.
    pub prior: f64,
    pub rounds: usize,
    pub converged: bool,
    /// Members without a voxel.
    pub empty_members: Vec<usize>,
}

/// Voxels on which the members decided alike.
#[derive(Clone, Debug)]
struct Pattern {
    /// Bit j of word j / 64: member j includes these voxels.
    votes: Vec<u64>,
    voxels: f64,
}

impl Pattern {
    fn includes(&self, member: usize) -> bool {
        self.votes[member / 64] >> (member % 64) & 1 == 1
    }

    fn count(&self) -> f64 {
        self.votes.iter().map(|w| f64::from(w.count_ones())).sum()
    }
}

struct Fit {
    /// W per pattern.
    weight: Vec<f64>,
    sensitivity: Vec<f64>,
    specificity: Vec<f64>,
    rounds: usize,
    converged: bool,
}

/// Share of votes over all voxels of the patterns.
fn vote_share(patterns: &[Pattern], members: usize) -> f64 {
    let votes: f64 = patterns.iter().map(|p| p.voxels * p.count()).sum();
    votes / (members as f64 * patterns.iter().map(|p| p.voxels).sum::<f64>())
}

/// Expectation maximisation over patterns; `prior` strictly between 0 and 1.
fn fit(patterns: &[Pattern], members: usize, prior: f64) -> Result<Fit, EnsembleError> {
    let n = members as f64;
    let mut weight: Vec<f64> = patterns.iter().map(|p| p.count() / n).collect();
    let (mut sensitivity, mut specificity) = (vec![0.0; members], vec![0.0; members]);
    let mut likelihood = f64::NEG_INFINITY;
    let (mut rounds, mut converged) = (0, false);
    while rounds < MAX_ROUNDS && !converged {
        rounds += 1;
        // Rates from weights.
        let foreground: f64 = patterns.iter().zip(&weight).map(|(p, w)| p.voxels * w).sum();
        let background: f64 = patterns.iter().zip(&weight).map(|(p, w)| p.voxels * (1.0 - w)).sum();
        let mut change: f64 = 0.0;
        for j in 0..members {
            let (mut hit, mut rejected) = (0.0, 0.0);
            for (p, w) in patterns.iter().zip(&weight) {
                if p.includes(j) {
                    hit += p.voxels * w;
                } else {
                    rejected += p.voxels * (1.0 - w);
                }
            }
            let rate = |part: f64, whole: f64| {
                let r = if whole > 0.0 { part / whole } else { 0.5 };
                r.clamp(RATE_MIN, 1.0 - RATE_MIN)
            };
            let (a, b) = (rate(hit, foreground), rate(rejected, background));
            change = change.max((a - sensitivity[j]).abs()).max((b - specificity[j]).abs());
            (sensitivity[j], specificity[j]) = (a, b);
        }
        // Weights from rates.
        let mut next = 0.0;
        for (p, w) in patterns.iter().zip(&mut weight) {
            let (mut alpha, mut beta) = (prior.ln(), (1.0 - prior).ln());
            for j in 0..members {
                if p.includes(j) {
                    alpha += sensitivity[j].ln();
                    beta += (1.0 - specificity[j]).ln();
                } else {
                    alpha += (1.0 - sensitivity[j]).ln();
                    beta += specificity[j].ln();
                }
            }
            *w = 1.0 / (1.0 + (beta - alpha).exp());
            let top = alpha.max(beta);
            next += p.voxels * (top + ((alpha - top).exp() + (beta - top).exp()).ln());
        }
        if next < likelihood - 1e-9 * likelihood.abs() {
            return Err(EnsembleError::StapleDiverged {
                round: rounds,
                before: likelihood,
                after: next,
            });
        }
        likelihood = next;
        converged = rounds > 1 && change <= TOLERANCE;
    }
    let sum = sensitivity.iter().zip(&specificity).map(|(a, b)| a + b).sum::<f64>() / n;
    if sum < 1.0 {
        return Err(EnsembleError::StapleSwapped { sum });
    }
    Ok(Fit { weight, sensitivity, specificity, rounds, converged })
}

/// The box round all voxels with a vote, grown and clipped; `None` if there is no vote.
pub(super) fn domain(count: &[u16], shape: [usize; 3]) -> Option<[Range<usize>; 3]> {
    let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
    for (v, _) in count.iter().enumerate().filter(|(_, k)| **k > 0) {
        let at = [v % shape[0], v / shape[0] % shape[1], v / (shape[0] * shape[1])];
        for a in 0..3 {
            low[a] = low[a].min(at[a]);
            high[a] = high[a].max(at[a]);
        }
    }
    (low[0] != usize::MAX).then(|| {
        std::array::from_fn(|a| low[a].saturating_sub(MARGIN)..(high[a] + 1 + MARGIN).min(shape[a]))
    })
}

impl Ensemble {
    /// STAPLE of class `c` on a block of `shape` voxels along x, y, z.
    ///
    /// # Errors
    /// Fewer than three members, a shape that does not fit, or a solution that has swapped
    /// foreground and background; keep the majority then.
    pub fn staple(&self, c: usize, shape: [usize; 3]) -> Result<Staple, EnsembleError> {
        let class = self
            .classes
            .get(c)
            .ok_or(EnsembleError::NoSuchClass { class: c, classes: self.classes.len() })?;
        self.check_shape(shape)?;
        let n = self.members;
        if n < 3 {
            return Err(EnsembleError::StapleTooFew { found: n });
        }
        let empty_members = self.empty_members(c);
        let uniform = |value: bool, domain, prior| Staple {
            probability: vec![f32::from(u8::from(value)); self.voxels],
            mask: vec![value; self.voxels],
            sensitivity: vec![value.then_some(1.0); n],
            specificity: vec![(!value).then_some(1.0); n],
            domain,
            prior,
            rounds: 0,
            converged: true,
            empty_members: empty_members.clone(),
        };
        let Some(domain) = domain(&class.count, shape) else {
            return Ok(uniform(false, [0..0, 0..0, 0..0], 0.0));
        };
        let size: usize = domain.iter().map(ExactSizeIterator::len).product();
        if class.common == size {
            // All full: the domain then is the whole block, for its margin would be empty.
            return Ok(uniform(true, domain, 1.0));
        }

        // Patterns: nobody, everybody, and the distinct votes of disputed voxels in sorted order,
        // so that every sum has a fixed order.
        let words = n.div_ceil(64);
        let votes_of = |i: usize| {
            let mut votes = vec![0u64; words];
            for (j, bits) in class.bits.iter().enumerate() {
                votes[j / 64] |= (bits[i / 64] >> (i % 64) & 1) << (j % 64);
            }
            votes
        };
        let mut order: Vec<(Vec<u64>, u32)> =
            class.disputed.iter().enumerate().map(|(i, &v)| (votes_of(i), v)).collect();
        order.sort_unstable();
        let mut everybody = vec![0u64; words];
        (0..n).for_each(|j| everybody[j / 64] |= 1 << (j % 64));
        let agreed_background = size - class.common - class.disputed.len();
        let mut patterns = vec![
            Pattern { votes: vec![0; words], voxels: agreed_background as f64 },
            Pattern { votes: everybody, voxels: class.common as f64 },
        ];
        let mut pattern_of = Vec::with_capacity(order.len());
        for (votes, v) in order {
            let new = patterns.len() == 2 || patterns[patterns.len() - 1].votes != votes;
            if new {
                patterns.push(Pattern { votes, voxels: 0.0 });
            }
            let last = patterns.len() - 1;
            patterns[last].voxels += 1.0;
            pattern_of.push((v, last));
        }

        let prior = vote_share(&patterns, n);
        let fit = fit(&patterns, n, prior)?;
        let mut weight = vec![0.0; self.voxels];
        for z in domain[2].clone() {
            for y in domain[1].clone() {
                let row = shape[0] * (y + shape[1] * z);
                for v in row + domain[0].start..row + domain[0].end {
                    let all = usize::from(class.count[v]) == n;
                    weight[v] = fit.weight[usize::from(all)];
                }
            }
        }
        for (v, pattern) in pattern_of {
            weight[v as usize] = fit.weight[pattern];
        }
        Ok(Staple {
            mask: weight.iter().map(|&w| w >= 0.5).collect(),
            probability: weight.iter().map(|&w| w as f32).collect(),
            sensitivity: fit.sensitivity.into_iter().map(Some).collect(),
            specificity: fit.specificity.into_iter().map(Some).collect(),
            domain,
            prior,
            rounds: fit.rounds,
            converged: fit.converged,
            empty_members,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::members::tests::{binary, first};
    use super::*;

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b}");
    }

    /// 111: 513 voxels, each 110-type: 137, each 100-type: 113, 000: 737.
    fn three_raters() -> Vec<Pattern> {
        (0..8u64)
            .map(|votes| Pattern {
                votes: vec![votes],
                voxels: [737.0, 113.0, 137.0, 513.0][votes.count_ones() as usize],
            })
            .collect()
    }

    #[test]
    fn staple_fixed_point() {
        let fit = fit(&three_raters(), 3, 0.5).expect("fit");
        assert!(fit.converged);
        for j in 0..3 {
            close(fit.sensitivity[j], 0.8, 1e-6);
            close(fit.specificity[j], 0.9, 1e-6);
        }
        for (votes, w) in
            [(7, 512.0 / 513.0), (3, 128.0 / 137.0), (4, 32.0 / 113.0), (0, 8.0 / 737.0)]
        {
            close(fit.weight[votes], w, 1e-6);
        }
    }

    #[test]
    fn staple_mean_prior() {
        let patterns = three_raters();
        let prior = vote_share(&patterns, 3);
        close(prior, 0.45, 1e-12);
        let fit = fit(&patterns, 3, prior).expect("fit");
        for j in 0..3 {
            close(fit.sensitivity[j], 0.819718, 1e-5);
            close(fit.specificity[j], 0.883475, 1e-5);
        }
        for (votes, w) in [(7, 0.996501), (3, 0.892035), (4, 0.193334), (0, 0.006904)] {
            close(fit.weight[votes], w, 1e-5);
        }
    }

    /// Ten nested members: 1000 voxels in all, then nine shells of 100.
    fn nested_mask_size(background: f64) -> f64 {
        let mut patterns = vec![
            Pattern { votes: vec![0], voxels: background },
            Pattern { votes: vec![1023], voxels: 1000.0 },
        ];
        for shell in 1..10 {
            patterns.push(Pattern { votes: vec![1023 & (1023 << shell)], voxels: 100.0 });
        }
        let fit = fit(&patterns, 10, vote_share(&patterns, 10)).expect("fit");
        patterns.iter().zip(&fit.weight).filter(|(_, w)| **w >= 0.5).map(|(p, _)| p.voxels).sum()
    }

    #[test]
    fn staple_background() {
        assert_eq!(nested_mask_size(10_000.0), 1600.0);
        assert_eq!(nested_mask_size(100_000.0), 1700.0);
        let e = binary(&(0..10).map(|i| first(1000 + 100 * i, 2500)).collect::<Vec<_>>());
        assert_eq!(e.majority(0).iter().filter(|b| **b).count(), 1500);
    }

    #[test]
    fn the_voxel_path_is_the_pattern_path() {
        // The same three raters laid out as voxels: a line has no margin to add at its start.
        let mut masks = vec![Vec::new(); 3];
        for p in three_raters() {
            for (j, mask) in masks.iter_mut().enumerate() {
                mask.extend(std::iter::repeat_n(p.includes(j), p.voxels as usize));
            }
        }
        let e = binary(&masks);
        let s = e.staple(0, [2000, 1, 1]).expect("staple");
        // 000 comes first, so the domain leaves out all but 5 of its 737 voxels.
        assert_eq!(s.domain, [732..2000, 0..1, 0..1]);
        close(s.prior, 2700.0 / (3.0 * 1268.0), 1e-12);
        let mut patterns = three_raters();
        patterns[0].voxels = 5.0;
        let fit = fit(&patterns, 3, s.prior).expect("fit");
        let mut v = 732;
        for (p, w) in patterns.iter().zip(&fit.weight) {
            for _ in 0..p.voxels as usize {
                close(f64::from(s.probability[v]), *w, 1e-6);
                assert_eq!(s.mask[v], s.probability[v] >= 0.5);
                v += 1;
            }
        }
        assert!(s.probability[..732].iter().all(|&w| w == 0.0));
    }

    #[test]
    fn domain_is_the_grown_box_clipped() {
        let mut mask = vec![false; 30 * 20 * 4];
        mask[12 + 30 * (2 + 20)] = true;
        mask[14 + 30 * (9 + 20 * 2)] = true;
        let e = binary(&[mask.clone(), mask.clone(), mask]);
        let s = e.staple(0, [30, 20, 4]).expect("staple");
        assert_eq!(s.domain, [7..20, 0..15, 0..4]);
    }

    #[test]
    fn staple_degenerate() {
        let all = |n: usize, mask: &Vec<bool>| vec![mask.clone(); n];
        let finite = |s: &Staple| {
            assert!(s.probability.iter().all(|w| w.is_finite()));
            let rates = s.sensitivity.iter().chain(&s.specificity).flatten();
            rates.for_each(|r| assert!((0.0..=1.0).contains(r)));
        };
        for n in [1, 2] {
            let e = binary(&all(n, &first(3, 20)));
            let Err(EnsembleError::StapleTooFew { found }) = e.staple(0, [20, 1, 1]) else {
                panic!("{n} members must be refused");
            };
            assert_eq!(found, n);
        }
        let equal = binary(&all(4, &first(8, 20))).staple(0, [20, 1, 1]).expect("equal");
        finite(&equal);
        assert_eq!(equal.mask, first(8, 20));
        assert_eq!((equal.rounds, equal.converged), (2, true));
        assert!(equal.probability.iter().all(|&w| w == 0.0 || w == 1.0 || w < 1e-12));

        let empty = binary(&all(3, &first(0, 20))).staple(0, [20, 1, 1]).expect("empty");
        assert!(empty.mask.iter().all(|b| !b));
        assert_eq!((empty.sensitivity[0], empty.specificity[0]), (None, Some(1.0)));
        assert_eq!(empty.empty_members, [0, 1, 2]);

        let full = binary(&all(3, &first(20, 20))).staple(0, [20, 1, 1]).expect("full");
        assert!(full.mask.iter().all(|b| *b));
        assert_eq!((full.sensitivity[0], full.specificity[0]), (Some(1.0), None));

        let mut masks = all(4, &first(8, 20));
        masks[2] = first(0, 20);
        let one_empty = binary(&masks).staple(0, [20, 1, 1]).expect("one empty");
        finite(&one_empty);
        assert_eq!(one_empty.mask, first(8, 20));
        assert_eq!(one_empty.empty_members, [2]);
        assert!(one_empty.sensitivity[2].expect("rate") < 1e-6);
    }

    #[test]
    fn many_members_and_a_wrong_shape() {
        // 130 members need three words per vote.
        let e = binary(&(0..130).map(|i| first(50 + i % 7, 100)).collect::<Vec<_>>());
        let s = e.staple(0, [100, 1, 1]).expect("staple");
        assert!(s.converged && s.mask[..50].iter().all(|b| *b) && !s.mask[60]);
        assert!(matches!(e.staple(0, [10, 9, 1]), Err(EnsembleError::Shape { .. })));
        assert!(matches!(e.staple(1, [100, 1, 1]), Err(EnsembleError::NoSuchClass { .. })));
    }
}
