//! Segmentations of a plane into many objects: the foreground-restricted Rand and information scores
//! of the ISBI 2012 challenge (Arganda-Carreras et al. 2015), and SEG of the Cell Tracking Challenge
//! (Maška et al. 2014).

use super::{MetricsError, check_length};
use std::collections::HashMap;

/// What pairs of segments have in common, summed over slices; segments of different slices differ.
///
/// Counted over the pixels of reference segments only. A pixel there that no predicted segment holds
/// (label 0) counts as a segment of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SegmentScores {
    /// Sums of squares over common parts, reference segments, and predicted ones.
    both: f64,
    reference: f64,
    predicted: f64,
    /// The same of n·ln n, and the number of pixels.
    log_both: f64,
    log_reference: f64,
    log_predicted: f64,
    pixels: f64,
}

impl SegmentScores {
    /// One slice more: a segment's number for each pixel, 0 for none.
    ///
    /// # Errors
    /// If the slices differ in size.
    pub fn add(&mut self, predicted: &[u32], reference: &[u32]) -> Result<(), MetricsError> {
        check_length("prediction", predicted.len(), reference.len())?;
        let mut both: HashMap<(u32, u32), f64> = HashMap::new();
        let (mut own, mut theirs): (HashMap<u32, f64>, HashMap<u32, f64>) = Default::default();
        for (&p, &r) in predicted.iter().zip(reference).filter(|(_, r)| **r > 0) {
            *own.entry(r).or_default() += 1.0;
            self.pixels += 1.0;
            if p > 0 {
                *both.entry((r, p)).or_default() += 1.0;
                *theirs.entry(p).or_default() += 1.0;
            } else {
                self.both += 1.0;
                self.predicted += 1.0;
            }
        }
        // Sorted, so that the last bits do not depend on the order of a hash table.
        let sums = |values: Vec<f64>| {
            let mut values = values;
            values.sort_by(f64::total_cmp);
            let log = values.iter().map(|n| n * n.ln()).sum::<f64>();
            (values.iter().map(|n| n * n).sum::<f64>(), log)
        };
        for (square, log, values) in [
            (&mut self.both, &mut self.log_both, both.into_values().collect()),
            (&mut self.reference, &mut self.log_reference, own.into_values().collect()),
            (&mut self.predicted, &mut self.log_predicted, theirs.into_values().collect()),
        ] {
            let (s, l) = sums(values);
            *square += s;
            *log += l;
        }
        Ok(())
    }

    /// V_Rand, the F score of pairs of pixels that lie in one segment; `None` without a reference.
    pub fn rand(&self) -> Option<f64> {
        let all = self.reference + self.predicted;
        (all > 0.0).then(|| 2.0 * self.both / all)
    }

    /// V_Info, twice the mutual information over the sum of the entropies; 1 where both are one
    /// segment, `None` without a reference.
    pub fn information(&self) -> Option<f64> {
        if self.pixels == 0.0 {
            return None;
        }
        let entropy = |log: f64| self.pixels.ln() - log / self.pixels;
        let (own, theirs) = (entropy(self.log_reference), entropy(self.log_predicted));
        let common = own + theirs - entropy(self.log_both);
        Some(if own + theirs > 1e-12 { 2.0 * common / (own + theirs) } else { 1.0 })
    }
}

/// SEG: the mean over reference objects of their Jaccard index with the one predicted object that
/// covers more than half of them, 0 if there is none; `None` without a reference object.
///
/// # Errors
/// If the slices differ in size.
pub fn seg(predicted: &[u32], reference: &[u32]) -> Result<Option<f64>, MetricsError> {
    check_length("prediction", predicted.len(), reference.len())?;
    let mut both: HashMap<(u32, u32), usize> = HashMap::new();
    let (mut own, mut theirs): (HashMap<u32, usize>, HashMap<u32, usize>) = Default::default();
    for (&p, &r) in predicted.iter().zip(reference) {
        *own.entry(r).or_default() += 1;
        *theirs.entry(p).or_default() += 1;
        *both.entry((r, p)).or_default() += 1;
    }
    let mut scores: Vec<f64> = Vec::new();
    for (r, size) in own.iter().filter(|(r, _)| **r > 0) {
        let best = theirs.iter().filter(|(p, _)| **p > 0).find_map(|(p, of)| {
            let common = *both.get(&(*r, *p))?;
            (2 * common > *size).then(|| common as f64 / (size + of - common) as f64)
        });
        scores.push(best.unwrap_or(0.0));
    }
    scores.sort_by(f64::total_cmp);
    let n = scores.len();
    Ok((n > 0).then(|| scores.iter().sum::<f64>() / n as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    fn scores(p: &[u32], r: &[u32]) -> (f64, f64) {
        let mut s = SegmentScores::default();
        s.add(p, r).unwrap();
        (s.rand().unwrap(), s.information().unwrap())
    }

    #[test]
    fn closed_forms() {
        // Two cells of 4 and 2 pixels taken as one: 16 + 4 of 36 pairs, over 20 + 36.
        let (rand, info) = scores(&[1; 6], &[1, 1, 1, 1, 2, 2]);
        assert!((rand - 40.0 / 56.0).abs() < 1e-12 && info.abs() < 1e-12);
        // One cell split in halves: 2·(4 + 4)/(16 + 8).
        assert!((scores(&[1, 1, 2, 2], &[7; 4]).0 - 16.0 / 24.0).abs() < 1e-12);
        // A quarter of a cell left out counts by itself: 2·(9 + 1)/(16 + 10).
        assert!((scores(&[1, 1, 1, 0], &[7; 4]).0 - 20.0 / 26.0).abs() < 1e-12);
        // What lies on the reference's membrane does not count.
        assert_eq!(scores(&[1, 1, 9, 2, 2], &[1, 1, 0, 2, 2]), (1.0, 1.0));
        assert_eq!(SegmentScores::default().rand(), None);
        assert!(SegmentScores::default().add(&[1], &[1, 2]).is_err());
    }

    #[test]
    fn random_partitions_against_pairs_and_sums() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        for _ in 0..20 {
            let n = 60;
            let mut draw = |k: u32| (0..n).map(|_| rng.random_range(0..k)).collect::<Vec<u32>>();
            let (p, r) = (draw(5), draw(4));
            let inside: Vec<usize> = (0..n).filter(|&i| r[i] > 0).collect();
            let same = |v: &[u32], i: usize, j: usize| i == j || (v[i] == v[j] && v[i] > 0);
            let pairs = |f: &dyn Fn(usize, usize) -> bool| {
                let each = inside.iter().map(|&i| inside.iter().filter(|&&j| f(i, j)).count());
                each.sum::<usize>() as f64
            };
            let both = pairs(&|i, j| same(&p, i, j) && same(&r, i, j));
            let (own, theirs) = (pairs(&|i, j| same(&r, i, j)), pairs(&|i, j| same(&p, i, j)));
            let (rand, info) = scores(&p, &r);
            assert!((rand - 2.0 * both / (own + theirs)).abs() < 1e-12);
            // Entropies as the mean of −ln of each pixel's segment's share.
            let entropy = |f: &dyn Fn(usize, usize) -> bool| {
                let share = |&i: &usize| inside.iter().filter(|&&j| f(i, j)).count() as f64;
                let all = inside.len() as f64;
                inside.iter().map(|i| -(share(i) / all).ln()).sum::<f64>() / all
            };
            let (a, b) = (entropy(&|i, j| same(&r, i, j)), entropy(&|i, j| same(&p, i, j)));
            let joint = entropy(&|i, j| same(&p, i, j) && same(&r, i, j));
            assert!((info - 2.0 * (a + b - joint) / (a + b)).abs() < 1e-9);
        }
    }

    #[test]
    fn seg_needs_more_than_half() {
        let reference = [1, 1, 1, 1, 2, 2, 0, 3];
        // Object 1: 3 of 4 and one pixel of the ground, 3/5; 2: exactly half; 3: nothing.
        let predicted = [5, 5, 5, 0, 6, 0, 5, 0];
        let found = seg(&predicted, &reference).unwrap().unwrap();
        assert!((found - 3.0 / 5.0 / 3.0).abs() < 1e-12, "{found}");
        assert_eq!(seg(&reference, &reference).unwrap(), Some(1.0));
        assert_eq!(seg(&[1, 1], &[0, 0]).unwrap(), None);
    }
}
