//! Maps per voxel. Their scales are fixed by definition and never stretched to the data.

use super::measure::entropy_bits;
use super::members::Layout;
use super::{Ensemble, EnsembleError, Measure};
use crate::volume::ClassKind;

impl Ensemble {
    /// A map that depends on k only: one value per k = 0…N.
    fn by_count(&self, c: usize, value: impl Fn(f64) -> f64) -> Vec<f32> {
        let n = self.members as f64;
        let table: Vec<f32> = (0..=self.members).map(|k| value(k as f64 / n) as f32).collect();
        self.count(c).iter().map(|&k| table[usize::from(k)]).collect()
    }

    /// p = k/N, 0 to 1.
    pub fn fraction(&self, c: usize) -> Vec<f32> {
        self.by_count(c, |p| p)
    }

    /// Per voxel, 0 to [`Measure::max`]; not to be shown for one member ([`Self::has_spread`]).
    pub fn map(&self, c: usize, measure: Measure) -> Vec<f32> {
        self.by_count(c, |p| measure.of(p))
    }

    /// p(1 − p), 0 to 0.25.
    pub fn variance(&self, c: usize) -> Vec<f32> {
        self.map(c, Measure::Variance)
    }

    /// Mean of the soft masks, 0 to 1; in nested regions a region is at least as high as those
    /// within it.
    pub fn soft_mean(&self, c: usize) -> Vec<f32> {
        let scale = 1.0 / (255.0 * self.members as f64);
        self.classes[c].soft_sum.iter().map(|&s| (f64::from(s) * scale) as f32).collect()
    }
}

/// What the soft masks of one class say beyond the binary ones.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftMaps {
    /// m = mean of q, 0 to 1.
    pub mean: Vec<f32>,
    /// Mean of (q − m)², 0 to 0.25.
    pub variance: Vec<f32>,
    /// Mean of H(q), 0 to 1 bit.
    pub mean_entropy: Vec<f32>,
    /// H(m) − mean of H(q), 0 to 1 bit.
    pub mutual_information: Vec<f32>,
}

/// Soft maps of class `c`; arguments as in [`Ensemble::from_soft`].
///
/// # Errors
/// As [`Ensemble::from_soft`], or if there is no class `c`.
pub fn soft_maps(
    members: &[&[u8]],
    classes: usize,
    kind: ClassKind,
    voxels: usize,
    c: usize,
) -> Result<SoftMaps, EnsembleError> {
    let layout = Layout { classes, voxels, kind };
    layout.check(members)?;
    if c >= classes {
        return Err(EnsembleError::NoSuchClass { class: c, classes });
    }
    let bits: Vec<f64> = (0..=255u8).map(|q| entropy_bits(f64::from(q) / 255.0)).collect();
    let n = members.len() as f64;
    let mut maps = SoftMaps {
        mean: Vec::with_capacity(voxels),
        variance: Vec::with_capacity(voxels),
        mean_entropy: Vec::with_capacity(voxels),
        mutual_information: Vec::with_capacity(voxels),
    };
    for v in 0..voxels {
        let (mut sum, mut squares, mut h) = (0u64, 0u64, 0.0);
        for soft in members {
            let q = layout.soft(soft, c, v);
            sum += u64::from(q);
            squares += u64::from(q).pow(2);
            h += bits[usize::from(q)];
        }
        let mean = sum as f64 / (255.0 * n);
        // Exact in integers: N Σq² − (Σq)² is never negative.
        let count = members.len() as u64;
        let variance = (count * squares - sum * sum) as f64 / (255.0 * n).powi(2);
        let h = h / n;
        maps.mean.push(mean as f32);
        maps.variance.push(variance as f32);
        maps.mean_entropy.push(h as f32);
        // Concavity of H makes it 0 or more; rounding may not.
        maps.mutual_information.push((entropy_bits(mean) - h).max(0.0) as f32);
    }
    Ok(maps)
}

#[cfg(test)]
mod tests {
    use super::super::members::tests::{binary, first};
    use super::*;
    use rand::{Rng, SeedableRng};

    #[test]
    fn maps_closed_form() {
        // Nested members of 1 to 5 voxels: voxel v is in 5 - v of them.
        let e = binary(&(1..=5).map(|n| first(n, 6)).collect::<Vec<_>>());
        assert_eq!(e.count(0), [5, 4, 3, 2, 1, 0]);
        let close = |a: Vec<f32>, b: [f32; 6]| {
            a.iter().zip(b).for_each(|(x, y)| assert!((x - y).abs() < 1e-6, "{a:?}"));
        };
        close(e.fraction(0), [1.0, 0.8, 0.6, 0.4, 0.2, 0.0]);
        close(e.soft_mean(0), [1.0, 0.8, 0.6, 0.4, 0.2, 0.0]);
    }

    #[test]
    fn a_map_holds_the_measure_of_each_voxel() {
        let e = binary(&(1..=5).map(|n| first(n, 6)).collect::<Vec<_>>());
        let expected: [[f32; 6]; 3] = [
            [0.0, 0.16, 0.24, 0.24, 0.16, 0.0],
            [0.0, 0.4, 0.489_898, 0.489_898, 0.4, 0.0],
            [0.0, 0.721_928, 0.970_951, 0.970_951, 0.721_928, 0.0],
        ];
        for (measure, expected) in Measure::ALL.into_iter().zip(expected) {
            let map = e.map(0, measure);
            assert!(map.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{map:?}");
        }
    }

    #[test]
    fn one_member_has_no_spread() {
        let e = binary(&[first(2, 4)]);
        assert!(!e.has_spread());
        assert_eq!(e.fraction(0), [1.0, 1.0, 0.0, 0.0]);
        for measure in Measure::ALL {
            assert!(e.map(0, measure).iter().all(|&v| v == 0.0));
        }
    }

    #[test]
    fn maps_bounds() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        for n in [1, 2, 3, 10] {
            let soft: Vec<Vec<u8>> =
                (0..n)
                    .map(|_| {
                        (0..2500)
                            .map(|v| {
                                if v % 5 == 0 { 255 * rng.random_range(0..2) } else { rng.random() }
                            })
                            .collect()
                    })
                    .collect();
            let members: Vec<&[u8]> = soft.iter().map(Vec::as_slice).collect();
            let maps = soft_maps(&members, 1, ClassKind::Exclusive, 2500, 0).expect("valid");
            let e = Ensemble::from_soft(&members, 1, ClassKind::Exclusive, 2500).expect("valid");
            assert_eq!(maps.mean, e.soft_mean(0));
            for v in 0..2500 {
                let (m, s2) = (f64::from(maps.mean[v]), f64::from(maps.variance[v]));
                assert!(s2 >= 0.0 && s2 <= m * (1.0 - m) + 1e-7 && s2 <= 0.25);
                let q: Vec<f64> = members.iter().map(|s| f64::from(s[v]) / 255.0).collect();
                let direct = q.iter().map(|q| (q - m).powi(2)).sum::<f64>() / n as f64;
                assert!((direct - s2).abs() < 1e-6);
                let mi = f64::from(maps.mutual_information[v]);
                assert!(mi >= 0.0 && mi <= entropy_bits(m) + 1e-6);
                if v % 5 == 0 {
                    assert!((mi - entropy_bits(m)).abs() < 1e-6, "binary: all of it is spread");
                }
            }
        }
    }
}
