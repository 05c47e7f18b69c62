//! Summaries of one number per member (volume, area, ratio).

use super::{Ensemble, EnsembleError};

/// Percentile with linear interpolation between order statistics at position (n − 1)·q ("type 7",
/// NumPy's default). `sorted` ascending; NaN if it is empty.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = last as f64 * q.clamp(0.0, 1.0);
    let low = position.floor() as usize;
    let high = (low + 1).min(last);
    sorted[low] + (position - low as f64) * (sorted[high] - sorted[low])
}

/// Values of all members and what sums them up. It is the spread of the sampler, not a statement
/// about the patient.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// In member order.
    pub values: Vec<f64>,
    pub mean: f64,
    /// Standard deviation with divisor n − 1; `None` for one value.
    pub sd: Option<f64>,
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub p10: f64,
    pub p90: f64,
}

impl Spread {
    /// `None` if there are no values, or one is not finite. Ratios are to be formed per member and
    /// summed up here, never formed from two summaries.
    pub fn of(values: Vec<f64>) -> Option<Self> {
        if values.is_empty() || values.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            mean,
            sd: (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()),
            median: quantile(&sorted, 0.5),
            min: quantile(&sorted, 0.0),
            max: quantile(&sorted, 1.0),
            p10: quantile(&sorted, 0.1),
            p90: quantile(&sorted, 0.9),
            values,
        })
    }
}

impl Ensemble {
    /// Volume of class `c` per member, in the unit of `voxel_volume` (mm³, or mm² or px² of a
    /// picture).
    pub fn volumes(&self, c: usize, voxel_volume: f64) -> Spread {
        let values: Vec<f64> = self.sizes(c).iter().map(|&n| n as f64 * voxel_volume).collect();
        let fallback = values.clone();
        // An ensemble has a member and a geometry a finite voxel; anything else shows as NaN.
        Spread::of(values).unwrap_or(Spread {
            values: fallback,
            mean: f64::NAN,
            sd: None,
            median: f64::NAN,
            min: f64::NAN,
            max: f64::NAN,
            p10: f64::NAN,
            p90: f64::NAN,
        })
    }

    /// Voxels that each member's class `c` reaches along x, y, z (its bounding box), 0 for an empty
    /// member. For ratios such as the vertical one of optic cup to disc.
    ///
    /// # Errors
    /// A class that does not exist, or a `shape` with another number of voxels.
    pub fn extents(&self, c: usize, shape: [usize; 3]) -> Result<Vec<[usize; 3]>, EnsembleError> {
        let class = self
            .classes
            .get(c)
            .ok_or(EnsembleError::NoSuchClass { class: c, classes: self.classes.len() })?;
        self.check_shape(shape)?;
        let at = |v: usize| [v % shape[0], v / shape[0] % shape[1], v / (shape[0] * shape[1])];
        let mut common = Reach::default();
        for (v, _) in
            class.count.iter().enumerate().filter(|(_, k)| usize::from(**k) == self.members)
        {
            common.add(at(v));
        }
        let reach = |bits: &Vec<u64>| {
            let mut reach = common.clone();
            for (i, &v) in class.disputed.iter().enumerate() {
                if bits[i / 64] >> (i % 64) & 1 == 1 {
                    reach.add(at(v as usize));
                }
            }
            reach.voxels()
        };
        Ok(class.bits.iter().map(reach).collect())
    }
}

/// The bounding box of the voxels added so far: least and greatest index along each axis.
#[derive(Clone, Default)]
struct Reach(Option<[(usize, usize); 3]>);

impl Reach {
    fn add(&mut self, at: [usize; 3]) {
        let old = self.0.unwrap_or(at.map(|v| (v, v)));
        self.0 = Some(std::array::from_fn(|a| (old[a].0.min(at[a]), old[a].1.max(at[a]))));
    }

    fn voxels(&self) -> [usize; 3] {
        self.0.map_or([0; 3], |sides| sides.map(|(low, high)| high - low + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::members::tests::{binary, first};
    use super::*;
    use crate::volume::{Affine, Geometry};
    use rand::{Rng, SeedableRng};

    #[test]
    fn volume_quantiles() {
        let s = Spread::of((1..=10).rev().map(|v| f64::from(v) * 10.0).collect()).expect("values");
        assert!((s.p10 - 19.0).abs() < 1e-9 && (s.p90 - 91.0).abs() < 1e-9);
        assert_eq!((s.median, s.mean, s.min, s.max), (55.0, 55.0, 10.0, 100.0));
        assert!((s.sd.expect("sd") - 916.666_666_667_f64.sqrt()).abs() < 1e-6);
        assert_eq!(s.values[0], 100.0, "values stay in member order");
        let one = Spread::of(vec![3.0]).expect("value");
        assert_eq!((one.sd, one.p10, one.p90), (None, 3.0, 3.0));
        assert_eq!(Spread::of(vec![]), None);
        assert_eq!(Spread::of(vec![1.0, f64::NAN]), None);
    }

    /// If samples are exchangeable, min to max of N holds one more with probability (N − 1)/(N + 1).
    #[test]
    fn spread_coverage() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(9);
        let draws = 200_000;
        let held = (0..draws)
            .filter(|_| {
                let values: Vec<f64> = (0..10).map(|_| rng.random::<f64>()).collect();
                let spread = Spread::of(values).expect("values");
                (spread.min..=spread.max).contains(&rng.random::<f64>())
            })
            .count();
        let share = held as f64 / f64::from(draws);
        assert!((share - 9.0 / 11.0).abs() <= 0.005, "{share}");
    }

    #[test]
    fn volume_identity() {
        let sheared = Affine([
            [0.9, -0.3, 0.2, 0.0],
            [0.2, 1.7, -0.4, 0.0],
            [-0.1, 0.5, 3.0, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ]);
        let g = Geometry::new([10, 9, 8], sheared).expect("valid");
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        let masks: Vec<Vec<bool>> =
            (0..7).map(|_| (0..g.voxel_count()).map(|_| rng.random_bool(0.4)).collect()).collect();
        let e = binary(&masks);
        let from_map: f64 =
            e.count(0).iter().map(|&k| f64::from(k) / 7.0).sum::<f64>() * g.voxel_volume();
        let spread = e.volumes(0, g.voxel_volume());
        assert!((from_map - spread.mean).abs() < 1e-9 * from_map);
        let n0 = masks[0].iter().filter(|b| **b).count() as f64;
        assert_eq!(spread.values[0], n0 * g.voxel_volume());
    }

    #[test]
    fn extents_are_those_of_each_member() {
        let at = |points: &[[usize; 3]]| {
            let mut mask = vec![false; 6 * 5 * 4];
            points.iter().for_each(|p| mask[p[0] + 6 * (p[1] + 5 * p[2])] = true);
            mask
        };
        let core = [2, 1, 1];
        let masks = [at(&[core]), at(&[core, [5, 1, 1]]), at(&[core, [2, 4, 3], [1, 1, 1]])];
        let shape = [6, 5, 4];
        let e = binary(&masks);
        assert_eq!(e.extents(0, shape).expect("valid"), [[1, 1, 1], [4, 1, 1], [2, 4, 3]]);
        let e = binary(&[first(0, 120), masks[1].clone()]);
        assert_eq!(e.extents(0, shape).expect("valid"), [[0; 3], [4, 1, 1]]);
        assert!(e.extents(0, [6, 5, 5]).is_err() && e.extents(1, shape).is_err());
    }
}
