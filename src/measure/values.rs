//! Statistics of the values of a region (MEAS-3).

use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueStatistics {
    /// Finite values.
    pub n: usize,
    pub mean: f64,
    /// With n − 1; `None` of fewer than two.
    pub sd: Option<f64>,
    pub min: f64,
    pub max: f64,
    pub median: f64,
    /// Linear between ranks, as NumPy's default.
    pub p5: f64,
    pub p95: f64,
}

impl ValueStatistics {
    /// Values that are no numbers are left out; `None` if nothing is left.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut all: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        all.sort_by(f64::total_cmp);
        let (&min, &max) = (all.first()?, all.last()?);
        let n = all.len();
        let mean = all.iter().sum::<f64>() / n as f64;
        let squares: f64 = all.iter().map(|v| (v - mean).powi(2)).sum();
        let quantile = |q: f64| {
            let rank = q * (n - 1) as f64;
            let (low, part) = (rank.floor() as usize, rank.fract());
            all[low] + part * (all[(low + 1).min(n - 1)] - all[low])
        };
        Some(Self {
            n,
            mean,
            sd: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()),
            min,
            max,
            median: quantile(0.5),
            p5: quantile(0.05),
            p95: quantile(0.95),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NumPy 1.26: a = arange(1, 12)**2; mean, std(ddof=1), median, percentile 5 and 95.
    #[test]
    fn meas_3_statistics_are_numpys() {
        let s = ValueStatistics::of((1..=11).rev().map(|i| f64::from(i * i))).expect("values");
        assert_eq!((s.n, s.min, s.max, s.mean, s.median), (11, 1.0, 121.0, 46.0, 36.0));
        assert!((s.sd.expect("several") - 40.863_186_366_214_76).abs() < 1e-9, "{s:?}");
        assert!((s.p5 - 2.5).abs() < 1e-12 && (s.p95 - 110.5).abs() < 1e-12);
        assert_eq!(ValueStatistics::of([f64::NAN, f64::INFINITY]), None);
        let one = ValueStatistics::of([3.0, f64::NAN]).expect("one");
        assert_eq!((one.n, one.sd, one.p95), (1, None, 3.0));
    }
}
