//! Split conformal intervals for a size, on the quantiles of an ensemble (Romano, Patterson and Candès
//! 2019, conformalised quantile regression; Angelopoulos and Bates, tutorial). Ranks are exact
//! integers: the risk α is given in thousandths.

use super::MetricsError;
use serde::{Deserialize, Serialize};

/// Scores are differences of sizes, or of their logarithms.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Space {
    Linear,
    /// Needs sizes above 0.
    #[default]
    Log,
}

/// How far the reference lies outside of the ensemble's quantiles (below 0: inside), for one
/// calibration case.
///
/// # Errors
/// If a size is not finite, or not above 0 where logarithms are taken.
pub fn conformal_score(
    [low, high]: [f64; 2],
    reference: f64,
    space: Space,
) -> Result<f64, MetricsError> {
    let all = [low, high, reference];
    let fits = |v: &f64| v.is_finite() && (space == Space::Linear || *v > 0.0);
    if !all.iter().all(fits) {
        return Err(MetricsError::Size { low, high, reference });
    }
    let [l, u, v] = if space == Space::Log { all.map(f64::ln) } else { all };
    Ok((l - v).max(v - u))
}

/// Which score, by size from 1, is the correction: ⌈(n + 1)(1 − α)⌉ of n.
///
/// # Errors
/// If there are too few cases, or α is not between 0 and 1.
pub fn conformal_rank(n: usize, alpha_thousandths: u32) -> Result<usize, MetricsError> {
    let alpha = alpha_thousandths as usize;
    if !(1..1000).contains(&alpha) {
        return Err(MetricsError::Risk { thousandths: alpha_thousandths });
    }
    let rank = ((n + 1) * (1000 - alpha)).div_ceil(1000);
    if rank > n {
        return Err(MetricsError::FewCases { needed: 1000usize.div_ceil(alpha) - 1, found: n });
    }
    Ok(rank)
}

/// The score of that rank.
///
/// # Errors
/// As [`conformal_rank`].
pub fn conformal_correction(scores: &[f64], alpha_thousandths: u32) -> Result<f64, MetricsError> {
    let rank = conformal_rank(scores.len(), alpha_thousandths)?;
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(sorted[rank - 1])
}

/// An interval for the size. Where the correction takes more than there is, both ends are the middle
/// and it is empty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizeInterval {
    pub low: f64,
    pub high: f64,
    pub empty: bool,
}

impl SizeInterval {
    /// The ensemble's quantiles, corrected.
    ///
    /// # Errors
    /// As [`conformal_score`].
    pub fn new([low, high]: [f64; 2], correction: f64, space: Space) -> Result<Self, MetricsError> {
        conformal_score([low, high], high, space)?;
        let (low, high) = match space {
            Space::Linear => ((low - correction).max(0.0), high + correction),
            Space::Log => ((low.ln() - correction).exp(), (high.ln() + correction).exp()),
        };
        if low > high {
            let middle = match space {
                Space::Linear => 0.5 * (low + high),
                Space::Log => (low * high).sqrt(),
            };
            return Ok(Self { low: middle, high: middle, empty: true });
        }
        Ok(Self { low, high, empty: false })
    }

    pub fn contains(&self, size: f64) -> bool {
        !self.empty && (self.low..=self.high).contains(&size)
    }
}

/// Where the coverage lies for 90 % of calibration sets of `n` cases: 5 and 95 % quantiles of
/// Beta(n + 1 − l, l) with l = ⌊(n + 1)α⌋. `None` if there are too few cases.
pub fn coverage_range(n: usize, alpha_thousandths: u32) -> Option<[f64; 2]> {
    conformal_rank(n, alpha_thousandths).ok()?;
    let l = (n + 1) * alpha_thousandths as usize / 1000;
    Some([0.05, 0.95].map(|q| beta_quantile(n + 1 - l, l, q)))
}

/// The same for the share counted in `m` further cases: 5 and 95 % quantiles of the beta-binomial
/// distribution.
pub fn counted_coverage_range(n: usize, alpha_thousandths: u32, m: usize) -> Option<[f64; 2]> {
    conformal_rank(n, alpha_thousandths).ok()?;
    let l = (n + 1) * alpha_thousandths as usize / 1000;
    let (a, b) = ((n + 1 - l) as f64, l as f64);
    let beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let mass = |k: usize| {
        let (k, m) = (k as f64, m as f64);
        let choose = ln_gamma(m + 1.0) - ln_gamma(k + 1.0) - ln_gamma(m - k + 1.0);
        (choose + beta(k + a, m - k + b) - beta(a, b)).exp()
    };
    let quantile = |q: f64| {
        let mut sum = 0.0;
        let reached = (0..=m).find(|&k| {
            sum += mass(k);
            sum >= q
        });
        reached.unwrap_or(m) as f64 / m.max(1) as f64
    };
    Some([0.05, 0.95].map(quantile))
}

/// Of whole parameters, by bisection: P(X ≤ x) = P(Binomial(a + b − 1, x) ≥ a).
fn beta_quantile(a: usize, b: usize, q: f64) -> f64 {
    let n = a + b - 1;
    let below = |x: f64| -> f64 {
        let term = |k: usize| {
            let (k, m) = (k as f64, n as f64);
            let choose = ln_gamma(m + 1.0) - ln_gamma(k + 1.0) - ln_gamma(m - k + 1.0);
            (choose + k * x.ln() + (m - k) * (-x).ln_1p()).exp()
        };
        (a..=n).map(term).sum()
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if below(middle) < q { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// ln Γ(x) for x above 0: Stirling's series, from 8 upwards.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 8.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r / 1680.0))) / x;
    shift + (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn conformal_rank_is_exact() {
        let scores: Vec<f64> = (1..=19).rev().map(f64::from).collect();
        assert_eq!(conformal_correction(&scores, 100), Ok(18.0));
        assert_eq!(conformal_correction(&scores[..9], 100), Ok(19.0), "the largest");
        let few = conformal_correction(&scores[..8], 100).unwrap_err();
        assert!(few.to_string().contains("at least 9 cases"), "{few}");
        // In floating point 0.9 · 20 or 0.7 · 10 may come out above a whole number.
        assert_eq!(conformal_rank(9, 300), Ok(7));
        assert_eq!(conformal_rank(99, 100), Ok(90));
        assert_eq!(conformal_rank(999, 1), Ok(999));
        assert_eq!(conformal_rank(998, 1).unwrap_err().to_string().matches("999").count(), 1);
        for alpha in [0, 1000, 2000] {
            assert!(conformal_rank(50, alpha).is_err());
        }
    }

    #[test]
    fn intervals_grow_shrink_and_say_when_they_are_empty() {
        let at = |q, space| SizeInterval::new([4.0, 9.0], q, space).unwrap();
        assert_eq!(at(1.0, Space::Linear), SizeInterval { low: 3.0, high: 10.0, empty: false });
        assert_eq!(at(5.0, Space::Linear).low, 0.0, "no size is below 0");
        let log = at(2f64.ln(), Space::Log);
        assert!((log.low - 2.0).abs() < 1e-12 && (log.high - 18.0).abs() < 1e-12);
        let empty = at(-3.0, Space::Linear);
        assert!(empty.empty && empty.low == 6.5 && !empty.contains(6.5));
        assert!((at(-1.0, Space::Log).low - 6.0).abs() < 1e-12);
        assert_eq!(conformal_score([4.0, 9.0], 12.0, Space::Linear), Ok(3.0));
        assert_eq!(conformal_score([4.0, 9.0], 5.0, Space::Linear), Ok(-1.0));
        assert!(conformal_score([0.0, 9.0], 5.0, Space::Log).is_err());
        assert!(conformal_score([0.0, 9.0], f64::NAN, Space::Linear).is_err());
    }

    #[test]
    fn coverage_ranges_are_those_of_the_beta_distribution() {
        let close = |n, [low, high]: [f64; 2]| {
            let found = coverage_range(n, 100).unwrap();
            assert!((found[0] - low).abs() < 0.005 && (found[1] - high).abs() < 0.005, "{found:?}");
        };
        close(19, [0.77, 0.98]);
        close(99, [0.85, 0.94]);
        assert_eq!(coverage_range(8, 100), None);
        // ln Γ at whole and half numbers.
        assert!((ln_gamma(11.0) - 3_628_800f64.ln()).abs() < 1e-9);
        assert!((ln_gamma(0.5) - 0.5 * std::f64::consts::PI.ln()).abs() < 1e-9);
    }

    /// Sizes that the quantiles know badly: the coverage is what was asked for all the same, and
    /// lies in its range for as many calibration sets as it should.
    #[test]
    fn coverage_is_what_was_asked_for() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let (n, further, sets) = (59, 400, 400);
        let mut case = || {
            let truth = rng.random_range(20.0..200.0);
            let (bias, width) = (rng.random_range(0.8..1.05), rng.random_range(0.01..0.06));
            ([truth * (bias - width), truth * (bias + width)], truth)
        };
        for space in [Space::Linear, Space::Log] {
            let (mut coverage, mut within) = (0.0, 0);
            let range = coverage_range(n, 100).unwrap();
            for _ in 0..sets {
                let score = |(lu, v)| conformal_score(lu, v, space).unwrap();
                let scores: Vec<f64> = (0..n).map(|_| score(case())).collect();
                let q = conformal_correction(&scores, 100).unwrap();
                let inside = |(lu, v)| SizeInterval::new(lu, q, space).unwrap().contains(v);
                let hits = (0..further).filter(|_| inside(case())).count();
                let own = hits as f64 / f64::from(further);
                coverage += own / f64::from(sets);
                within += i32::from(own >= range[0] && own <= range[1]);
            }
            assert!((coverage - 0.9).abs() < 0.008, "{coverage}");
            let share = f64::from(within) / f64::from(sets);
            assert!((share - 0.9).abs() < 0.06, "{share} of the sets");
        }
        let [low, high] = counted_coverage_range(99, 100, 50).unwrap();
        assert!((0.80..0.86).contains(&low) && (0.94..=0.98).contains(&high), "{low} {high}");
    }
}
