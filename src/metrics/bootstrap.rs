//! Interval of a mean over cases by the percentile bootstrap (Efron and Tibshirani 1993).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RESAMPLES: usize = 2000;

/// `None` of no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// 95 % interval of the mean of `values`: 2.5 and 97.5 percentile of the means of 2,000 resamples
/// with a fixed seed. `None` for fewer than two values.
pub fn mean_interval(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len();
    if n < 2 {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(0x0B00_7572);
    let mut mean = || (0..n).map(|_| values[rng.random_range(0..n)]).sum::<f64>() / n as f64;
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| mean()).collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[((RESAMPLES - 1) as f64 * share).round() as usize];
    Some((at(0.025), at(0.975)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_many_values_is_the_normal_one() {
        // 0, 1, …, 199: mean 99.5, standard error of the mean 57.734/√200.
        let values: Vec<f64> = (0..200).map(f64::from).collect();
        let (low, high) = mean_interval(&values).unwrap();
        let half = 1.96 * 57.734 / 200f64.sqrt();
        assert!((low - (99.5 - half)).abs() < 0.8, "{low}");
        assert!((high - (99.5 + half)).abs() < 0.8, "{high}");
        assert_eq!(mean_interval(&values), mean_interval(&values));
    }

    #[test]
    fn one_value_has_no_interval_and_equal_values_have_a_point() {
        assert_eq!(mean_interval(&[0.5]), None);
        assert_eq!(mean_interval(&[0.5, 0.5, 0.5]), Some((0.5, 0.5)));
    }
}
