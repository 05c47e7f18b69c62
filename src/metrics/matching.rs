//! IoU of two families of masks, matched one to one as well as possible (Kohl et al. 2019, "A
//! Hierarchical Probabilistic U-Net", arXiv 1905.13077): unlike the energy distance it does not
//! reward spread for its own sake.

use super::{MetricsError, check_length};

/// Mean IoU of the best one-to-one matching of samples and references, each family repeated until
/// both have as many; two empty masks have IoU 1.
///
/// # Errors
/// An empty list, or masks of different lengths.
pub fn matched_iou(samples: &[&[bool]], references: &[&[bool]]) -> Result<f64, MetricsError> {
    let first = samples.first().ok_or(MetricsError::NoMasks("the list of samples"))?;
    if references.is_empty() {
        return Err(MetricsError::NoMasks("the list of references"));
    }
    for mask in samples.iter().chain(references) {
        check_length("mask", mask.len(), first.len())?;
    }
    let lost: Vec<Vec<f64>> =
        samples.iter().map(|s| references.iter().map(|r| 1.0 - iou(s, r)).collect()).collect();
    let n = samples.len() * references.len() / divisor(samples.len(), references.len());
    let cost = |i: usize, j: usize| lost[i % samples.len()][j % references.len()];
    let matched = assign(n, cost);
    let sum: f64 = matched.iter().enumerate().map(|(j, &i)| cost(i, j)).sum();
    Ok(1.0 - sum / n as f64)
}

fn iou(a: &[bool], b: &[bool]) -> f64 {
    let (mut both, mut either) = (0usize, 0usize);
    for (&a, &b) in a.iter().zip(b) {
        both += usize::from(a && b);
        either += usize::from(a || b);
    }
    if either == 0 { 1.0 } else { both as f64 / either as f64 }
}

/// Greatest common divisor.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// The row of each column in an assignment of least cost, by shortest augmenting paths with
/// potentials (the Hungarian method after Jonker and Volgenant), O(n³).
fn assign(n: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    // Row and column 0 are the start of a path; real ones count from 1.
    let (mut of_row, mut of_column) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    let mut row_of = vec![0usize; n + 1];
    for row in 1..=n {
        row_of[0] = row;
        let mut column = 0;
        let (mut least, mut from) = (vec![f64::INFINITY; n + 1], vec![0; n + 1]);
        let mut used = vec![false; n + 1];
        while row_of[column] != 0 {
            used[column] = true;
            let (i, mut step, mut next) = (row_of[column], f64::INFINITY, 0);
            for j in (1..=n).filter(|&j| !used[j]) {
                let reduced = cost(i - 1, j - 1) - of_row[i] - of_column[j];
                if reduced < least[j] {
                    (least[j], from[j]) = (reduced, column);
                }
                if least[j] < step {
                    (step, next) = (least[j], j);
                }
            }
            for j in 0..=n {
                if used[j] {
                    of_row[row_of[j]] += step;
                    of_column[j] -= step;
                } else {
                    least[j] -= step;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[from[column]];
            column = from[column];
        }
    }
    row_of[1..].iter().map(|&row| row - 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching_is_one_to_one_and_takes_repeats() {
        let (a, b, none) = ([true, false, false], [false, true, true], [false; 3]);
        assert_eq!(matched_iou(&[&a, &b], &[&b, &a]).unwrap(), 1.0);
        // Both samples say a: one of the two references stays unmatched.
        assert_eq!(matched_iou(&[&a, &a], &[&a, &b]).unwrap(), 0.5);
        // A reader who sees nothing is met by an empty member.
        assert_eq!(matched_iou(&[&none, &a], &[&a, &none]).unwrap(), 1.0);
        // Three members, two readers: each twice and thrice.
        let uneven = matched_iou(&[&a, &a, &b], &[&a, &b]).unwrap();
        assert!((uneven - 5.0 / 6.0).abs() < 1e-12, "{uneven}");
        assert!(matched_iou(&[], &[&a]).is_err());
        assert!(matched_iou(&[&a], &[]).is_err());
        assert!(matched_iou(&[&a], &[&[true][..]]).is_err());
    }

    #[test]
    fn an_assignment_costs_the_least_of_all() {
        fn least(n: usize, cost: &[f64], row: usize, used: &mut Vec<bool>) -> f64 {
            if row == n {
                return 0.0;
            }
            let mut best = f64::INFINITY;
            for j in 0..n {
                if !used[j] {
                    used[j] = true;
                    best = best.min(cost[row * n + j] + least(n, cost, row + 1, used));
                    used[j] = false;
                }
            }
            best
        }
        for seed in 0..40u64 {
            let n = 1 + seed as usize % 6;
            let value = |k: usize| ((k as f64 + 1.0) * 12.9898 + seed as f64 * 78.233).sin().abs();
            let cost: Vec<f64> = (0..n * n).map(|k| (value(k) * 8.0).round() / 8.0).collect();
            let rows = assign(n, |i, j| cost[i * n + j]);
            let sum: f64 = rows.iter().enumerate().map(|(j, &i)| cost[i * n + j]).sum();
            let best = least(n, &cost, 0, &mut vec![false; n]);
            assert!((sum - best).abs() < 1e-12, "{n} rows: {sum}, least {best}");
        }
    }

    /// Against numpy and scipy: `tests/golden/make_metrics.py`.
    #[test]
    fn figures_of_readers_are_those_of_numpy() {
        #[derive(serde::Deserialize)]
        struct Case {
            members: Vec<String>,
            readers: Vec<String>,
            ged: f64,
            matched_iou: f64,
            score: Vec<f32>,
            errors: String,
            shares: Vec<f64>,
            found: Vec<f64>,
        }
        let mask = |s: &String| s.bytes().map(|b| b == b'1').collect::<Vec<bool>>();
        let text = include_str!("../../tests/golden/metrics.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert_eq!(cases.len(), 5);
        for case in cases {
            let [members, readers] =
                [&case.members, &case.readers].map(|f| f.iter().map(mask).collect::<Vec<_>>());
            let [members, readers] =
                [&members, &readers].map(|f| f.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let ged = super::super::ged_squared(&members, &readers).unwrap();
            let matched = matched_iou(&members, &readers).unwrap();
            assert!((ged - case.ged).abs() < 1e-12, "{ged}, numpy {}", case.ged);
            assert!((matched - case.matched_iou).abs() < 1e-12, "{matched}, {}", case.matched_iou);
            let errors = mask(&case.errors);
            let found = super::super::errors_found(&case.score, &errors, &case.shares);
            for (ours, theirs) in found.unwrap().unwrap().iter().zip(&case.found) {
                assert!((ours - theirs).abs() < 1e-9, "{ours}, numpy {theirs}");
            }
        }
    }
}
