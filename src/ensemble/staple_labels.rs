//! STAPLE over several labels at once, with the full confusion matrix of each member (Warfield, Zou,
//! Wells, IEEE TMI 2004; specification of the numbers, section 3.2).

use super::staple::{MAX_ROUNDS, TOLERANCE, domain};
use super::{Ensemble, EnsembleError};
use std::collections::BTreeMap;
use std::ops::Range;

/// More labels than these take each its own binary STAPLE: a matrix of so many says nothing.
const MOST_LABELS: usize = 16;
/// Added to every entry of the first confusion, so that none is 0.
const SOFTENED: f64 = 1e-3;

/// One label per voxel, and how each member confuses labels. Label 0 is the background, label c + 1 the
/// class c.
#[derive(Clone, Debug, PartialEq)]
pub struct StapleLabels {
    /// The label of the largest W, the smaller one of equals; 0 beyond the domain.
    pub labels: Vec<u8>,
    /// W per label (background first) and voxel, 0 to 1; beyond the domain 1 for the background.
    pub probability: Vec<Vec<f32>>,
    /// θ[member][decision][truth]; columns sum to 1, those of labels that no member holds are 0.
    pub confusion: Vec<Vec<Vec<f64>>>,
    /// Share of each label over all members in the domain.
    pub prior: Vec<f64>,
    /// Box of voxels it was computed on (x, y, z).
    pub domain: [Range<usize>; 3],
    pub rounds: usize,
    pub converged: bool,
}

impl Ensemble {
    /// On a block of `shape` voxels along x, y, z. In nested regions a voxel's label is the innermost.
    ///
    /// # Errors
    /// Fewer than three members, more than 16 classes, or a shape that does not fit.
    pub fn staple_labels(&self, shape: [usize; 3]) -> Result<StapleLabels, EnsembleError> {
        self.check_shape(shape)?;
        let n = self.members;
        let labels = self.classes.len() + 1;
        if n < 3 {
            return Err(EnsembleError::StapleTooFew { found: n });
        }
        if labels > MOST_LABELS + 1 {
            return Err(EnsembleError::Classes { found: self.classes.len() });
        }
        let values: Vec<u8> = (1..=self.classes.len() as u8).collect();
        let decisions: Vec<Vec<u8>> = (0..n).map(|m| self.member_labels(m, &values)).collect();
        let held: Vec<u16> = (0..self.voxels)
            .map(|v| decisions.iter().filter(|d| d[v] > 0).count() as u16)
            .collect();
        let Some(domain) = domain(&held, shape) else {
            let mut probability = vec![vec![0.0; self.voxels]; labels];
            probability[0].fill(1.0);
            return Ok(StapleLabels {
                labels: vec![0; self.voxels],
                probability,
                confusion: vec![vec![vec![0.0; labels]; labels]; n],
                prior: (0..labels).map(|l| f64::from(u8::from(l == 0))).collect(),
                domain: [0..0, 0..0, 0..0],
                rounds: 0,
                converged: true,
            });
        };
        // Voxels with the same decisions have the same W; sorted, so that every sum has one order.
        let mut places: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for z in domain[2].clone() {
            for y in domain[1].clone() {
                for x in domain[0].clone() {
                    let v = x + shape[0] * (y + shape[1] * z);
                    places.entry(decisions.iter().map(|d| d[v]).collect()).or_default().push(v);
                }
            }
        }
        let patterns: Vec<(&Vec<u8>, f64)> =
            places.iter().map(|(d, v)| (d, v.len() as f64)).collect();
        let fit = fit(&patterns, n, labels);
        let mut out = StapleLabels {
            labels: vec![0; self.voxels],
            probability: vec![vec![0.0; self.voxels]; labels],
            confusion: fit.confusion,
            prior: fit.prior,
            domain,
            rounds: fit.rounds,
            converged: fit.converged,
        };
        out.probability[0].fill(1.0);
        for (weight, voxels) in fit.weight.iter().zip(places.values()) {
            let best = (0..labels).fold(0, |b, l| if weight[l] > weight[b] { l } else { b });
            for &v in voxels {
                out.labels[v] = best as u8;
                for (l, w) in weight.iter().enumerate() {
                    out.probability[l][v] = *w as f32;
                }
            }
        }
        Ok(out)
    }
}

struct Fit {
    /// W per pattern and label.
    weight: Vec<Vec<f64>>,
    confusion: Vec<Vec<Vec<f64>>>,
    prior: Vec<f64>,
    rounds: usize,
    converged: bool,
}

/// Expectation maximisation over patterns of decisions with their numbers of voxels.
fn fit(patterns: &[(&Vec<u8>, f64)], members: usize, labels: usize) -> Fit {
    let total: f64 = patterns.iter().map(|(_, n)| n).sum();
    let mut prior = vec![0.0; labels];
    for (decisions, n) in patterns {
        for &d in *decisions {
            prior[usize::from(d)] += n / (total * members as f64);
        }
    }
    // Against the majority: the label of most members, the smaller one of equals.
    let majority = |decisions: &[u8]| -> Vec<f64> {
        let votes = |l: usize| decisions.iter().filter(|d| usize::from(**d) == l).count();
        let best = (0..labels).fold(0, |b, l| if votes(l) > votes(b) { l } else { b });
        (0..labels).map(|l| f64::from(u8::from(l == best))).collect()
    };
    let mut weight: Vec<Vec<f64>> = patterns.iter().map(|(d, _)| majority(d)).collect();
    let mut confusion = rates(patterns, &weight, members, labels, SOFTENED);
    let (mut rounds, mut converged) = (0, false);
    while rounds < MAX_ROUNDS && !converged {
        rounds += 1;
        for ((decisions, _), w) in patterns.iter().zip(&mut weight) {
            let log: Vec<f64> = (0..labels)
                .map(|l| {
                    let of = |(j, d): (usize, &u8)| confusion[j][usize::from(*d)][l].ln();
                    prior[l].ln() + decisions.iter().enumerate().map(of).sum::<f64>()
                })
                .collect();
            let top = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = log.iter().map(|v| (v - top).exp()).sum();
            w.iter_mut().zip(&log).for_each(|(w, v)| *w = (v - top).exp() / sum);
        }
        let next = rates(patterns, &weight, members, labels, 0.0);
        let change = next
            .iter()
            .flatten()
            .flatten()
            .zip(confusion.iter().flatten().flatten())
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        confusion = next;
        converged = change <= TOLERANCE;
    }
    Fit { weight, confusion, prior, rounds, converged }
}

/// θ[member][decision][truth] from W; a label without any weight has a column of zeros.
fn rates(
    patterns: &[(&Vec<u8>, f64)],
    weight: &[Vec<f64>],
    members: usize,
    labels: usize,
    added: f64,
) -> Vec<Vec<Vec<f64>>> {
    let mut out = vec![vec![vec![0.0; labels]; labels]; members];
    for ((decisions, n), w) in patterns.iter().zip(weight) {
        for (j, &d) in decisions.iter().enumerate() {
            for l in 0..labels {
                out[j][usize::from(d)][l] += n * w[l];
            }
        }
    }
    for of in &mut out {
        for l in 0..labels {
            let sum: f64 = of.iter().map(|row| row[l]).sum();
            if sum > 0.0 {
                let whole: f64 = of.iter().map(|row| row[l] / sum + added).sum();
                of.iter_mut().for_each(|row| row[l] = (row[l] / sum + added) / whole);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::members::tests::{binary, first};
    use super::*;
    use crate::volume::ClassKind;
    use rand::{Rng, SeedableRng};

    #[test]
    fn staple_two_label() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(6);
        let shape = [20, 20, 1];
        let masks: Vec<Vec<bool>> = (0..5)
            .map(|_| (0..400).map(|v| (v % 20 < 8) != rng.random_bool(0.15)).collect())
            .collect();
        let e = binary(&masks);
        let (one, many) =
            (e.staple(0, shape).expect("fits"), e.staple_labels(shape).expect("fits"));
        assert!(one.converged && many.converged);
        for (a, b) in one.probability.iter().zip(&many.probability[1]) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        assert_eq!(one.mask, many.labels.iter().map(|&l| l == 1).collect::<Vec<_>>());
        for (j, theta) in many.confusion.iter().enumerate() {
            let [a, b] = [one.sensitivity[j], one.specificity[j]].map(|r| r.expect("measured"));
            assert!((theta[1][1] - a).abs() < 1e-5 && (theta[0][0] - b).abs() < 1e-5);
            assert!((theta[0][1] + theta[1][1] - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn three_labels_are_found_by_raters_that_err_now_and_then() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        let truth: Vec<usize> = (0..900).map(|v| v % 30 / 10).collect();
        let soft: Vec<Vec<u8>> = (0..5)
            .map(|_| {
                let mut out = vec![0; 2 * 900];
                for (v, &t) in truth.iter().enumerate() {
                    let said = if rng.random_bool(0.1) { (t + 1) % 3 } else { t };
                    if said > 0 {
                        out[(said - 1) * 900 + v] = 255;
                    }
                }
                out
            })
            .collect();
        let members: Vec<&[u8]> = soft.iter().map(Vec::as_slice).collect();
        let e = Ensemble::from_soft(&members, 2, ClassKind::Exclusive, 900).expect("valid");
        let found = e.staple_labels([30, 30, 1]).expect("fits");
        let right =
            found.labels.iter().zip(&truth).filter(|(l, t)| usize::from(**l) == **t).count();
        assert!(right > 890, "{right}");
        for v in 0..900 {
            let sum: f32 = found.probability.iter().map(|p| p[v]).sum();
            assert!((sum - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn what_no_member_holds_is_left_out_and_empty_members_are_no_trouble() {
        let e = binary(&[first(0, 60), first(0, 60), first(0, 60)]);
        let found = e.staple_labels([10, 6, 1]).expect("fits");
        assert!(found.labels.iter().all(|&l| l == 0) && found.probability[0] == vec![1.0; 60]);
        let soft = [255u8, 255, 0, 0, /* a class that nobody has */ 0, 0, 0, 0];
        let e = Ensemble::from_soft(&[&soft, &soft, &soft], 2, ClassKind::Exclusive, 4);
        let found = e.expect("valid").staple_labels([4, 1, 1]).expect("fits");
        assert_eq!((found.labels, found.prior[2]), (vec![1, 1, 0, 0], 0.0));
        assert!(found.probability.iter().flatten().all(|p| p.is_finite()));
        let two = binary(&[first(3, 9), first(4, 9)]);
        let few = two.staple_labels([3, 3, 1]);
        assert!(matches!(few, Err(EnsembleError::StapleTooFew { found: 2 })));
        assert!(binary(&[first(1, 4), first(1, 4), first(1, 4)]).staple_labels([5, 1, 1]).is_err());
    }
}
