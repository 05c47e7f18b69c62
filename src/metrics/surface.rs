//! Distances between the surfaces of two masks, by voxel centres, as the Metrics Reloaded code
//! defines them. Mesh-based tools give other values, so the definition is to be shown with the
//! number.

use super::{EmptyRule, MetricsError, check_lattice, squared_distance_transform};
use rayon::prelude::*;

/// Words to print beside a surface distance.
pub(super) const DEFINITION: &str =
    "between centres of surface voxels (6-neighbour rule, 4 in 2-D), Metrics Reloaded";

/// Voxels of the mask with at least one 6-neighbour outside it (4-neighbour where `shape[2]` is
/// 1); beyond the image is outside.
///
/// # Panics
/// If `mask` has not the length of `shape`.
pub fn surface(mask: &[bool], shape: [usize; 3]) -> Vec<bool> {
    surface_in(mask, shape, shape[2] == 1)
}

/// `flat`: the picture is 2-D. Not to be told from the shape of a box cut out of a volume.
fn surface_in(mask: &[bool], shape: [usize; 3], flat: bool) -> Vec<bool> {
    let [nx, ny, nz] = shape;
    assert_eq!(mask.len(), nx * ny * nz, "the mask must fill the shape");
    let mut border = vec![false; mask.len()];
    if mask.is_empty() {
        return border;
    }
    let (row, slice) = (nx, nx * ny);
    border.par_chunks_mut(slice).enumerate().for_each(|(z, plane)| {
        for y in 0..ny {
            for x in 0..nx {
                let v = x + row * y + slice * z;
                if !mask[v] {
                    continue;
                }
                let enclosed = x > 0
                    && x + 1 < nx
                    && y > 0
                    && y + 1 < ny
                    && mask[v - 1]
                    && mask[v + 1]
                    && mask[v - row]
                    && mask[v + row]
                    && (flat || (z > 0 && z + 1 < nz && mask[v - slice] && mask[v + slice]));
                plane[x + row * y] = !enclosed;
            }
        }
    });
    border
}

/// The box of voxels that holds both masks, grown by `margin` voxels and clipped.
pub(super) fn common_box(
    masks: [&[bool]; 2],
    shape: [usize; 3],
    margin: [usize; 3],
) -> Option<[std::ops::Range<usize>; 3]> {
    let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
    let [nx, ny, nz] = shape;
    for mask in masks {
        for z in 0..nz {
            for y in 0..ny {
                let start = nx * (y + ny * z);
                let line = &mask[start..start + nx];
                let Some(first) = line.iter().position(|b| *b) else { continue };
                let last = line.iter().rposition(|b| *b).unwrap_or(first);
                for (a, (from, to)) in [(first, last), (y, y), (z, z)].into_iter().enumerate() {
                    low[a] = low[a].min(from);
                    high[a] = high[a].max(to);
                }
            }
        }
    }
    (low[0] != usize::MAX).then(|| {
        std::array::from_fn(|a| {
            low[a].saturating_sub(margin[a])..high[a].saturating_add(margin[a] + 1).min(shape[a])
        })
    })
}

pub(super) fn cut(
    mask: &[bool],
    shape: [usize; 3],
    part: &[std::ops::Range<usize>; 3],
) -> Vec<bool> {
    let mut out = Vec::with_capacity(part.iter().map(ExactSizeIterator::len).product());
    for z in part[2].clone() {
        for y in part[1].clone() {
            let row = shape[0] * (y + shape[1] * z);
            out.extend_from_slice(&mask[row + part[0].start..row + part[0].end]);
        }
    }
    out
}

/// How far the surfaces of a prediction and a reference are from each other.
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceDistances {
    /// From each surface voxel of the prediction to the nearest of the reference, ascending.
    pub to_reference: Vec<f64>,
    /// From each surface voxel of the reference to the nearest of the prediction, ascending.
    pub to_prediction: Vec<f64>,
    rule: EmptyRule,
}

/// Surface distances of two masks of the same lattice, in the unit of `spacing`.
///
/// The lattice must be rectangular: `spacing` cannot describe a sheared one.
///
/// # Errors
/// If a mask has not the length of `shape`, or a spacing is not positive.
pub fn surface_distances(
    prediction: &[bool],
    reference: &[bool],
    shape: [usize; 3],
    spacing: [f64; 3],
    rule: EmptyRule,
) -> Result<SurfaceDistances, MetricsError> {
    let lengths = [("prediction", prediction.len()), ("reference", reference.len())];
    check_lattice(lengths, shape, spacing)?;
    let mut out = SurfaceDistances { to_reference: Vec::new(), to_prediction: Vec::new(), rule };
    // All surface voxels lie in the box of both masks, so nothing outside it matters.
    let Some(part) = common_box([prediction, reference], shape, [0; 3]) else { return Ok(out) };
    let size = std::array::from_fn(|a| part[a].len());
    let flat = shape[2] == 1;
    let border = |mask| surface_in(&cut(mask, shape, &part), size, flat);
    let (p, r) = (border(prediction), border(reference));
    let gather = |from: &[bool], to: &[bool]| {
        let squared = squared_distance_transform(to, size, spacing);
        let mut list: Vec<f64> =
            from.iter().zip(&squared).filter(|(b, _)| **b).map(|(_, d)| d.sqrt()).collect();
        list.par_sort_by(f64::total_cmp);
        list
    };
    out.to_reference = gather(&p, &r);
    out.to_prediction = gather(&r, &p);
    Ok(out)
}

/// Linear interpolation at position (n − 1)·q of an ascending list ("type 7"); 0 if it is empty.
fn percentile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let position = last as f64 * q;
    let low = position.floor() as usize;
    let high = (low + 1).min(last);
    sorted[low] + (position - low as f64) * (sorted[high] - sorted[low])
}

impl SurfaceDistances {
    /// `value` if both masks have voxels, `empty` if neither has and the rule defines that.
    fn defined(&self, empty: f64, value: impl Fn(&[f64], &[f64]) -> f64) -> Option<f64> {
        let (x, y) = (self.to_reference.as_slice(), self.to_prediction.as_slice());
        match (x.is_empty(), y.is_empty()) {
            (false, false) => Some(value(x, y)),
            (true, true) => (self.rule == EmptyRule::MetricsReloaded).then_some(empty),
            _ => None,
        }
    }

    /// Hausdorff distance: the larger of the two directed maxima.
    pub fn hd(&self) -> Option<f64> {
        self.defined(0.0, |x, y| percentile(x, 1.0).max(percentile(y, 1.0)))
    }

    /// The larger of the two directed 95th percentiles, not that of the pooled list.
    pub fn hd95(&self) -> Option<f64> {
        self.defined(0.0, |x, y| percentile(x, 0.95).max(percentile(y, 0.95)))
    }

    /// Average symmetric surface distance: the mean of the pooled list.
    pub fn assd(&self) -> Option<f64> {
        self.defined(0.0, |x, y| {
            (x.iter().sum::<f64>() + y.iter().sum::<f64>()) / (x.len() + y.len()) as f64
        })
    }

    /// Mean average surface distance: the mean of the two directed means.
    pub fn masd(&self) -> Option<f64> {
        let mean = |d: &[f64]| d.iter().sum::<f64>() / d.len() as f64;
        self.defined(0.0, |x, y| 0.5 * (mean(x) + mean(y)))
    }

    /// Normalised surface Dice at tolerance `tau`: the share of surface voxels that lie within
    /// `tau` of the other surface. 0 if only one mask is empty.
    ///
    /// # Errors
    /// If `tau` is negative or not finite.
    pub fn nsd(&self, tau: f64) -> Result<Option<f64>, MetricsError> {
        if !(tau.is_finite() && tau >= 0.0) {
            return Err(MetricsError::Distance {
                what: "tolerance of the surface Dice",
                value: tau,
            });
        }
        if self.to_reference.is_empty() != self.to_prediction.is_empty() {
            return Ok(Some(0.0));
        }
        // A distance of three steps of 0.1 mm is meant to be within 0.3 mm.
        let reach = tau * (1.0 + 1e-12);
        Ok(self.defined(1.0, |x, y| {
            let near = x.iter().chain(y).filter(|d| **d <= reach).count();
            near as f64 / (x.len() + y.len()) as f64
        }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::metrics::{compare, overlap};
    use rand::{Rng, SeedableRng};

    /// A mask where `inside` says so.
    pub(crate) fn mask(shape: [usize; 3], inside: impl Fn([usize; 3]) -> bool) -> Vec<bool> {
        let [nx, ny, nz] = shape;
        (0..nx * ny * nz).map(|v| inside([v % nx, v / nx % ny, v / (nx * ny)])).collect()
    }

    fn close(found: Option<f64>, expected: f64) {
        let found = found.expect("defined");
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    fn distances(p: &[bool], r: &[bool], shape: [usize; 3], spacing: [f64; 3]) -> SurfaceDistances {
        surface_distances(p, r, shape, spacing, EmptyRule::default()).expect("valid")
    }

    fn nsd(d: &SurfaceDistances, tau: f64) -> Option<f64> {
        d.nsd(tau).expect("tolerance")
    }

    #[test]
    fn surf_single() {
        let shape = [4, 5, 6];
        let p = mask(shape, |v| v == [1, 1, 1]);
        let r = mask(shape, |v| v == [2, 3, 4]);
        let d = distances(&p, &r, shape, [0.5, 1.0, 2.0]);
        for found in [d.hd(), d.hd95(), d.assd(), d.masd()] {
            close(found, 40.25_f64.sqrt());
        }
    }

    #[test]
    fn surf_shift() {
        for axis in 0..3 {
            let shape = [20, 20, 20];
            let boxed = |from: usize| {
                mask(shape, move |v| {
                    (0..3).all(|a| {
                        let start = if a == axis { from } else { 4 };
                        (start..start + 10).contains(&v[a])
                    })
                })
            };
            let (p, r) = (boxed(4), boxed(7));
            let mut spacing = [1.0; 3];
            spacing[axis] = 2.0;
            let o = overlap(&p, &r, EmptyRule::default()).expect("valid");
            close(o.dice, 0.7);
            close(o.iou, 0.538462);
            let d = distances(&p, &r, shape, spacing);
            close(d.hd(), 6.0);
            close(d.hd95(), 6.0);
            close(d.assd(), 1.918033);
            close(nsd(&d, 2.0), 0.688525);
            close(nsd(&d, 6.0), 1.0);
        }
    }

    #[test]
    fn surf_concentric() {
        let shape = [18, 18, 18];
        let cube =
            |from: usize, to: usize| mask(shape, |v| v.iter().all(|c| (from..to).contains(c)));
        let (p, r) = (cube(4, 14), cube(2, 16));
        let d = distances(&p, &r, shape, [1.0; 3]);
        close(d.hd(), 3.464102);
        close(d.hd95(), 2.828427);
        close(d.assd(), 2.134686);
        close(d.masd(), 2.099689);
        for axis in 0..3 {
            let mut spacing = [1.0; 3];
            spacing[axis] = 3.0;
            let d = distances(&p, &r, shape, spacing);
            close(d.hd(), 6.633250);
            close(d.hd95(), 6.324555);
            close(d.assd(), 3.382137);
            close(d.masd(), 3.150791);
        }
    }

    #[test]
    fn surf_directed() {
        let shape = [40, 44, 1];
        let square = |v: [usize; 3]| (10..30).contains(&v[0]) && (10..30).contains(&v[1]);
        let p = mask(shape, square);
        let r =
            mask(shape, |v| square(v) || ((30..36).contains(&v[1]) && (18..22).contains(&v[0])));
        let d = distances(&p, &r, shape, [1.0; 3]);
        close(d.hd(), 6.0);
        close(d.hd95(), 5.0);
        close(d.assd(), 0.363138);
        close(d.masd(), 0.345719);
        close(nsd(&d, 1.0), 0.913580);
        // What the definition guards against: the percentile of the pooled list.
        let mut pooled = [d.to_reference, d.to_prediction].concat();
        pooled.sort_by(f64::total_cmp);
        assert!((percentile(&pooled, 0.95) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn surf_balls() {
        let shape = [64, 64, 64];
        let ball = |radius: i64| {
            mask(shape, |v| {
                v.iter().map(|&c| (c as i64 - 32).pow(2)).sum::<i64>() <= radius * radius
            })
        };
        let (p, r) = (ball(20), ball(25));
        let o = overlap(&p, &r, EmptyRule::default()).expect("valid");
        assert_eq!(o.predicted, 33_401);
        close(o.dice, 0.677038);
        let d = distances(&p, &r, shape, [1.0; 3]);
        close(d.hd(), 5.385165);
        close(d.hd95(), 5.099020);
        close(d.assd(), 4.797212);
    }

    #[test]
    fn surf_edge() {
        let full = vec![true; 216];
        assert_eq!(surface(&full, [6, 6, 6]).iter().filter(|b| **b).count(), 152);
        // A picture has no neighbours across: only its rim is surface.
        assert_eq!(surface(&full[..36], [6, 6, 1]).iter().filter(|b| **b).count(), 20);
    }

    #[test]
    fn a_flat_mask_in_a_volume_is_all_surface() {
        // The box cut round it has one slice, but the volume has not.
        let shape = [9, 9, 5];
        let p = mask(shape, |v| v[2] == 2 && v[0] < 5 && v[1] < 5);
        let d = distances(&p, &p, shape, [1.0; 3]);
        assert_eq!(d.to_reference.len(), 25);
    }

    #[test]
    fn surf_properties() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
        for round in 0..30 {
            let shape: [usize; 3] = std::array::from_fn(|_| rng.random_range(5..14));
            let spacing: [f64; 3] = std::array::from_fn(|_| rng.random_range(0.3..3.0));
            let mut blob = || {
                let c: [f64; 3] = std::array::from_fn(|a| rng.random_range(0.0..shape[a] as f64));
                let radius = rng.random_range(1.5..6.0);
                let holes = rng.random_range(0.0..0.3);
                let keep: Vec<bool> = (0..shape.iter().product::<usize>())
                    .map(|_| rng.random_bool(1.0 - holes))
                    .collect();
                let ball = mask(shape, |v| {
                    (0..3).map(|a| (v[a] as f64 - c[a]).powi(2)).sum::<f64>() < radius * radius
                });
                ball.iter().zip(keep).map(|(b, k)| *b && k).collect::<Vec<bool>>()
            };
            let (p, r) = (blob(), blob());
            if !p.contains(&true) || !r.contains(&true) {
                continue;
            }
            let d = distances(&p, &r, shape, spacing);
            let all = |d: &SurfaceDistances| {
                [d.hd(), d.hd95(), d.assd(), d.masd(), nsd(d, 1.0)].map(|v| v.expect("defined"))
            };
            let same = |a: [f64; 5], b: [f64; 5]| {
                a.iter().zip(b).for_each(|(x, y)| assert!((x - y).abs() < 1e-9, "round {round}"));
            };
            same(all(&d), all(&distances(&r, &p, shape, spacing)));
            assert!(d.hd() >= d.hd95());
            // Brute force over all pairs of surface voxels.
            let points = |m: &[bool]| -> Vec<[f64; 3]> {
                surface(m, shape)
                    .iter()
                    .enumerate()
                    .filter(|(_, b)| **b)
                    .map(|(v, _)| {
                        let at = [v % shape[0], v / shape[0] % shape[1], v / (shape[0] * shape[1])];
                        std::array::from_fn(|a| at[a] as f64 * spacing[a])
                    })
                    .collect()
            };
            let (ps, rs) = (points(&p), points(&r));
            let nearest = |from: &[[f64; 3]], to: &[[f64; 3]]| {
                let mut list: Vec<f64> = from
                    .iter()
                    .map(|x| {
                        to.iter()
                            .map(|y| (0..3).map(|a| (x[a] - y[a]).powi(2)).sum::<f64>())
                            .fold(f64::INFINITY, f64::min)
                            .sqrt()
                    })
                    .collect();
                list.sort_by(f64::total_cmp);
                list
            };
            for (found, expected) in
                [(&d.to_reference, nearest(&ps, &rs)), (&d.to_prediction, nearest(&rs, &ps))]
            {
                assert_eq!(found.len(), expected.len());
                found.iter().zip(expected).for_each(|(x, y)| assert!((x - y).abs() < 1e-9));
            }
            // Scaling.
            let scaled = distances(&p, &r, shape, spacing.map(|s| s * 2.5));
            for (x, y) in all(&d)[..4].iter().zip(&all(&scaled)[..4]) {
                assert!((2.5 * x - y).abs() < 1e-9);
            }
            // Axes in another order.
            let turned = [shape[2], shape[0], shape[1]];
            let turn = |m: &[bool]| mask(turned, |[z, x, y]| m[x + shape[0] * (y + shape[1] * z)]);
            let turned_spacing = [spacing[2], spacing[0], spacing[1]];
            same(all(&d), all(&distances(&turn(&p), &turn(&r), turned, turned_spacing)));
        }
    }

    #[test]
    fn wrong_input_is_named() {
        let m = vec![true; 8];
        let rule = EmptyRule::default();
        assert!(matches!(
            surface_distances(&m, &m[1..], [2, 2, 2], [1.0; 3], rule),
            Err(MetricsError::Length { what: "reference", expected: 8, found: 7 })
        ));
        assert!(surface_distances(&m, &m, [2, 2, 2], [1.0, 0.0, 1.0], rule).is_err());
        assert!(surface_distances(&m, &m, [2, 2, 2], [1.0, f64::NAN, 1.0], rule).is_err());
        assert!(distances(&m, &m, [2, 2, 2], [1.0; 3]).nsd(-1.0).is_err());
        assert!(compare(&m, &m, [2, 2, 2], [1.0; 3], f64::NAN, rule).is_err());
    }
}
