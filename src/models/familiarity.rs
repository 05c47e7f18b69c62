//! Whether a picture is one like those that a model learnt from: the Mahalanobis distance of what the
//! network's first half says of it (Lee et al. 2018, arXiv 1807.03888), with a shrunk covariance.

use serde::{Deserialize, Serialize};

/// Principal axes that are kept; along all others the training pictures are taken to vary as little as
/// the shrinkage says.
const AXES: usize = 16;
/// Share of the identity in the correlation matrix.
const SHRINKAGE: f64 = 0.3;
/// Parts of the training cases; each is measured by what the others look like.
const FOLDS: usize = 5;
/// Rounds of the orthogonal iteration that finds the axes.
const ROUNDS: usize = 60;
/// Shares of the training pictures whose distances are kept.
const SHARES: [f64; 8] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.98, UNLIKE, 1.0];
/// A picture further away than this share of the training pictures is unlike them.
const UNLIKE: f64 = 0.998;
/// Fewest pictures that say what pictures look like.
const FEWEST: usize = 10;

/// What the training pictures of a model look like, in features of its network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Familiarity {
    mean: Vec<f32>,
    deviation: Vec<f32>,
    /// Directions of the greatest variance of the standardised features, and the variance there.
    axes: Vec<Vec<f32>>,
    variances: Vec<f32>,
    /// Distances of these shares of the training pictures, each from the others.
    quantiles: Vec<[f64; 2]>,
}

/// Where a scan stands among the pictures that a model learnt from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// 1 is a picture whose features deviate as much as those of the training on average.
    pub distance: f64,
    /// Share of the training pictures that are closer.
    pub further_than: f64,
    /// Further than almost all.
    pub unlike: bool,
}

impl Familiarity {
    /// Of the features of pictures, all as long, each of a case. `None` of too few pictures, or of
    /// features that are none.
    pub fn learn(pictures: &[(usize, Vec<f32>)]) -> Option<Self> {
        let mut known = Self::of(pictures.iter().map(|(_, f)| f.as_slice()))?;
        let mut distances: Vec<f64> = Vec::with_capacity(pictures.len());
        for fold in 0..FOLDS {
            let own = |p: &&(usize, Vec<f32>)| p.0 % FOLDS == fold;
            let others = pictures.iter().filter(|p| !own(p)).map(|(_, f)| f.as_slice());
            // Of one case there are no others: it is measured by itself.
            let measure = Self::of(others);
            let measure = measure.as_ref().unwrap_or(&known);
            distances.extend(pictures.iter().filter(own).filter_map(|(_, f)| measure.distance(f)));
        }
        distances.sort_by(f64::total_cmp);
        let last = distances.len().checked_sub(1)?;
        let at = |share: f64| distances[(share * last as f64).round() as usize];
        known.quantiles = SHARES.map(|share| [share, rounded(at(share))]).to_vec();
        Some(known)
    }

    fn of<'a>(pictures: impl Iterator<Item = &'a [f32]>) -> Option<Self> {
        let pictures: Vec<&[f32]> = pictures.collect();
        let count = pictures.first()?.len();
        if pictures.len() < FEWEST || count == 0 || pictures.iter().any(|p| p.len() != count) {
            return None;
        }
        let n = pictures.len() as f64;
        let over =
            |value: &dyn Fn(&[f32]) -> f64| pictures.iter().map(|p| value(p)).sum::<f64>() / n;
        let mean: Vec<f64> = (0..count).map(|i| over(&|p| f64::from(p[i]))).collect();
        let spread = |i: usize| over(&|p| (f64::from(p[i]) - mean[i]).powi(2)).sqrt();
        // A feature that never varies may still vary by its rounding.
        let deviation: Vec<f64> =
            (0..count).map(|i| spread(i).max(1e-6 * (1.0 + mean[i].abs()))).collect();
        let standard: Vec<Vec<f64>> = pictures
            .iter()
            .map(|p| (0..count).map(|i| (f64::from(p[i]) - mean[i]) / deviation[i]).collect())
            .collect();
        let (axes, variances) = principal(&standard, AXES.min(count));
        let short = |v: &[f64]| v.iter().map(|&v| rounded(v) as f32).collect();
        Some(Self {
            mean: short(&mean),
            deviation: short(&deviation),
            axes: axes.iter().map(|a| short(a)).collect(),
            variances: short(&variances),
            quantiles: Vec::new(),
        })
    }

    /// Root mean square of the features' deviations, each measured by how much the training pictures
    /// vary in its direction. `None` of as many features as the training had not.
    fn distance(&self, features: &[f32]) -> Option<f64> {
        if features.len() != self.mean.len() {
            return None;
        }
        let standard = |i: usize| f64::from((features[i] - self.mean[i]) / self.deviation[i]);
        let z: Vec<f64> = (0..features.len()).map(standard).collect();
        let mut sum = dot(&z, &z) / SHRINKAGE;
        for (axis, &variance) in self.axes.iter().zip(&self.variances) {
            let along: f64 = axis.iter().zip(&z).map(|(&a, z)| f64::from(a) * z).sum();
            let shrunk = (1.0 - SHRINKAGE) * f64::from(variance) + SHRINKAGE;
            sum += along * along * (1.0 / shrunk - 1.0 / SHRINKAGE);
        }
        // Rounding may leave less than nothing; what is not a number stays none.
        let sum = if sum < 0.0 { 0.0 } else { sum };
        Some((sum / z.len() as f64).sqrt())
    }

    /// Where a scan of these slices stands: its median slice counts. `None` of features that are not
    /// those of the training.
    pub fn fit(&self, slices: &[Vec<f32>]) -> Option<Fit> {
        let mut distances: Vec<f64> = slices.iter().filter_map(|s| self.distance(s)).collect();
        distances.sort_by(f64::total_cmp);
        let distance = *distances.get(distances.len() / 2)?;
        let limit = self.quantiles.iter().find(|q| q[0] >= UNLIKE)?[1];
        let further_than = self.share(distance);
        Some(Fit { distance, further_than, unlike: distance > limit || distance.is_nan() })
    }

    /// Share of the training pictures that are closer, between the kept ones by a straight line.
    fn share(&self, distance: f64) -> f64 {
        let above = self.quantiles.iter().position(|q| distance <= q[1]);
        match above {
            None => 1.0,
            Some(0) => 0.0,
            Some(i) => {
                let ([s0, d0], [s1, d1]) = (self.quantiles[i - 1], self.quantiles[i]);
                s0 + (s1 - s0) * (distance - d0) / (d1 - d0).max(f64::MIN_POSITIVE)
            }
        }
    }

    /// Whether it can be used.
    ///
    /// # Errors
    /// Says why not.
    pub(super) fn check(&self) -> Result<(), String> {
        let n = self.mean.len();
        let finite = |v: &[f32]| v.iter().all(|v| v.is_finite());
        let even = self.deviation.len() == n && self.axes.iter().all(|a| a.len() == n);
        if !even || self.variances.len() != self.axes.len() || self.axes.len() > n {
            return Err(format!(
                "familiarity of {n} features with {} deviations and {} axes of {} variances",
                self.deviation.len(),
                self.axes.len(),
                self.variances.len()
            ));
        }
        let positive = self.deviation.iter().all(|v| *v > 0.0);
        let rising = self.quantiles.windows(2).all(|w| w[0][0] <= w[1][0] && w[0][1] <= w[1][1]);
        let numbers = finite(&self.mean) && finite(&self.deviation) && finite(&self.variances);
        if !(numbers && self.axes.iter().all(|a| finite(a)) && positive && rising) {
            return Err("familiarity with numbers that are none, or do not rise".to_owned());
        }
        Ok(())
    }
}

/// To four digits: what a header needs.
fn rounded(v: f64) -> f64 {
    if v == 0.0 || !v.is_finite() {
        return 0.0;
    }
    let scale = 10f64.powi(3 - v.abs().log10().floor() as i32);
    (v * scale).round() / scale
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The first `count` principal axes of rows whose mean is 0, and the variance along each, by
/// orthogonal iteration (Golub and Van Loan, Matrix Computations, 8.2.4).
fn principal(rows: &[Vec<f64>], count: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    let width = rows.first().map_or(0, Vec::len);
    // Fixed directions, each of another frequency, that no axis of real features is orthogonal to.
    let mut axes: Vec<Vec<f64>> = (0..count)
        .map(|k| (0..width).map(|i| ((i * (k + 1)) as f64 * 0.7 + k as f64).sin() + 1e-3).collect())
        .collect();
    let mut variances = vec![0.0; count];
    for _ in 0..ROUNDS {
        orthonormalise(&mut axes);
        let turned: Vec<Vec<f64>> = axes
            .iter()
            .map(|axis| {
                let mut sum = vec![0.0; width];
                for row in rows {
                    let along = dot(row, axis);
                    sum.iter_mut().zip(row).for_each(|(s, r)| *s += along * r);
                }
                sum.iter_mut().for_each(|s| *s /= rows.len() as f64);
                sum
            })
            .collect();
        for ((variance, axis), turned) in variances.iter_mut().zip(&axes).zip(&turned) {
            *variance = dot(axis, turned);
        }
        axes = turned;
    }
    orthonormalise(&mut axes);
    (axes, variances)
}

/// Gram and Schmidt; what is left of nothing stays nothing.
fn orthonormalise(axes: &mut [Vec<f64>]) {
    for k in 0..axes.len() {
        let (before, rest) = axes.split_at_mut(k);
        let axis = &mut rest[0];
        // Twice is enough (Kahan).
        for other in before.iter().chain(before.iter()) {
            let along = dot(axis, other);
            axis.iter_mut().zip(other).for_each(|(a, o)| *a -= along * o);
        }
        let length = dot(axis, axis).sqrt();
        let scale = if length > 1e-12 { 1.0 / length } else { 0.0 };
        axis.iter_mut().for_each(|a| *a *= scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    /// Pictures of `count` features that are a mixture of two, and a little noise.
    fn pictures(n: usize, count: usize, seed: u64) -> Vec<(usize, Vec<f32>)> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = move || rng.sample::<f64, _>(StandardNormal);
        (0..n)
            .map(|k| {
                let (a, b) = (normal(), normal());
                let feature = |i: usize, noise: f64| {
                    let (u, v) = ((i as f64 * 0.9).sin(), (i as f64 * 0.4).cos());
                    (5.0 + 2.0 * a * u + 0.7 * b * v + 0.05 * noise) as f32
                };
                (k, (0..count).map(|i| feature(i, normal())).collect())
            })
            .collect()
    }

    #[test]
    fn with_all_axes_the_distance_is_that_of_the_shrunk_correlation() {
        // Three features, all axes kept: against the inverse matrix by Cramer's rule.
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let rows: Vec<(usize, Vec<f32>)> = (0..400)
            .map(|k| {
                let [a, b, c]: [f64; 3] = std::array::from_fn(|_| rng.sample(StandardNormal));
                (k, vec![(1.0 + a) as f32, (2.0 * a + b) as f32, (0.5 * c - b) as f32])
            })
            .collect();
        let known = Familiarity::learn(&rows).unwrap();
        let n = rows.len() as f64;
        let mean: Vec<f64> =
            (0..3).map(|i| rows.iter().map(|r| f64::from(r.1[i])).sum::<f64>() / n).collect();
        let deviation = |i: usize, j: usize| {
            rows.iter()
                .map(|r| (f64::from(r.1[i]) - mean[i]) * (f64::from(r.1[j]) - mean[j]))
                .sum::<f64>()
                / n
        };
        let correlation = |i: usize, j: usize| {
            let r = deviation(i, j) / (deviation(i, i) * deviation(j, j)).sqrt();
            if i == j { 1.0 } else { (1.0 - SHRINKAGE) * r }
        };
        let m: [[f64; 3]; 3] = std::array::from_fn(|i| std::array::from_fn(|j| correlation(i, j)));
        let determinant = |m: &[[f64; 3]; 3]| {
            m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
                - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
                + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
        };
        for point in [[1.0f32, 0.0, 0.0], [3.0, -2.0, 1.0], [-1.0, 4.0, 0.3]] {
            let z: [f64; 3] =
                std::array::from_fn(|i| (f64::from(point[i]) - mean[i]) / deviation(i, i).sqrt());
            // x = M⁻¹ z, then zᵀx.
            let solved = (0..3).map(|column| {
                let mut replaced = m;
                (0..3).for_each(|row| replaced[row][column] = z[row]);
                determinant(&replaced) / determinant(&m)
            });
            let expected = (solved.zip(z).map(|(x, z)| x * z).sum::<f64>() / 3.0).sqrt();
            let found = known.distance(&point).unwrap();
            assert!((found / expected - 1.0).abs() < 5e-3, "{point:?}: {found} {expected}");
        }
    }

    #[test]
    fn own_pictures_fit_and_others_do_not() {
        let known = Familiarity::learn(&pictures(300, 40, 1)).unwrap();
        known.check().unwrap();
        let own = pictures(400, 40, 2);
        let fits: Vec<Fit> =
            own.iter().map(|(_, f)| known.fit(std::slice::from_ref(f)).unwrap()).collect();
        let unlike = fits.iter().filter(|f| f.unlike).count();
        assert!(unlike <= 8, "{unlike} of 400");
        let half = fits.iter().filter(|f| f.further_than > 0.5).count();
        assert!((140..260).contains(&half), "{half} of 400 are further than half");
        // The same spread in each feature, but none of their agreement.
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        for _ in 0..50 {
            let apart: Vec<f32> =
                (0..40).map(|_| 5.0 + 1.5 * rng.sample::<f32, _>(StandardNormal)).collect();
            let fit = known.fit(&[apart]).unwrap();
            assert!(fit.unlike && fit.further_than == 1.0, "{fit:?}");
        }
        // The median of a scan's slices counts.
        let far = vec![100.0; 40];
        assert!(!known.fit(&[own[0].1.clone(), own[1].1.clone(), far.clone()]).unwrap().unlike);
        assert!(known.fit(&[own[0].1.clone(), far.clone(), far]).unwrap().unlike);
        assert!(known.fit(&[vec![f32::NAN; 40]]).unwrap().unlike);
        assert_eq!(known.fit(&[vec![0.0; 7]]), None);
        assert_eq!(known.fit(&[]), None);
    }

    #[test]
    fn axes_are_those_of_the_greatest_variance() {
        let known = Familiarity::learn(&pictures(500, 30, 4)).unwrap();
        // Two mixtures explain all but the noise; the sum of all variances is the count.
        let two: f32 = known.variances[..2].iter().sum();
        assert!(two > 29.0 && two <= 30.1 && known.variances[2] < 0.2, "{:?}", known.variances);
        let unit: f32 = known.axes[0].iter().map(|v| v * v).sum();
        assert!((unit - 1.0).abs() < 1e-2);
    }

    #[test]
    fn few_pictures_say_nothing_and_nonsense_is_named() {
        assert_eq!(Familiarity::learn(&pictures(9, 5, 1)), None);
        assert_eq!(Familiarity::learn(&[]), None);
        let known = Familiarity::learn(&pictures(40, 5, 1)).unwrap();
        let json = serde_json::to_string(&known).unwrap();
        assert_eq!(serde_json::from_str::<Familiarity>(&json).unwrap(), known);
        let refused = |change: &dyn Fn(&mut Familiarity)| {
            let mut bad = known.clone();
            change(&mut bad);
            bad.check().is_err()
        };
        assert!(refused(&|f| f.deviation[0] = 0.0));
        assert!(refused(&|f| f.mean.push(1.0)));
        assert!(refused(&|f| f.axes[0].truncate(2)));
        assert!(refused(&|f| f.quantiles.reverse()));
    }
}
