//! Ratios and sizes that people ask of certain structures: the cup-to-disc ratio of a fundus and the
//! circumference of a fetal head. Of one mask each; of an ensemble, each member has its own.

use super::shape::unit;
use crate::volume::Geometry;
use serde::Serialize;

/// Cup-to-disc ratio of a picture, vertical and by area. The disc holds the cup. The vertical diameter of a
/// mask is the number of rows from its first to its last. `None` without a disc.
pub fn cup_to_disc(width: usize, disc: &[bool], cup: &[bool]) -> Option<[f64; 2]> {
    let within = |i: usize| disc[i] || cup[i];
    let area = |of: &dyn Fn(usize) -> bool| (0..disc.len()).filter(|&i| of(i)).count() as f64;
    let height = |of: &dyn Fn(usize) -> bool| {
        let mut rows = (0..disc.len()).filter(|&i| of(i)).map(|i| i / width.max(1));
        let first = rows.next()?;
        Some((rows.last().unwrap_or(first) - first + 1) as f64)
    };
    let whole = height(&within)?;
    let vertical = height(&|i| cup[i]).unwrap_or(0.0) / whole;
    Some([vertical, area(&|i| cup[i]) / area(&within)])
}

/// The ellipse that a head's mask is like: it has the same area moments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HeadEllipse {
    /// "mm" or "px".
    pub unit: &'static str,
    /// Its half axes, the longer one first.
    pub half_axes: [f64; 2],
    /// By Ramanujan's second formula.
    pub circumference: f64,
}

/// Of a picture; `None` of fewer than three pixels.
pub fn head_ellipse(g: &Geometry, inside: &[bool]) -> Option<HeadEllipse> {
    let width = g.shape()[0];
    let (mut n, mut sum) = (0.0, [0.0; 2]);
    let pixels = || {
        let chosen = inside.iter().enumerate().filter(|(_, i)| **i);
        chosen.map(|(i, _)| [(i % width) as f64, (i / width) as f64])
    };
    // In the plane, along the rows and upright to them.
    let (a, b) = (g.world_from_voxel().column(0), g.world_from_voxel().column(1));
    let dot = |p: [f64; 3], q: [f64; 3]| (0..3).map(|i| p[i] * q[i]).sum::<f64>();
    let along = dot(a, a).sqrt();
    let (skew, up) = (dot(a, b) / along, g.pixel_area() / along);
    let place = |[x, y]: [f64; 2]| [x * along + y * skew, y * up];
    for p in pixels().map(place) {
        n += 1.0;
        sum = [sum[0] + p[0], sum[1] + p[1]];
    }
    if n < 3.0 {
        return None;
    }
    let mean = sum.map(|s| s / n);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for p in pixels().map(place) {
        let d = [p[0] - mean[0], p[1] - mean[1]];
        xx += d[0] * d[0] / n;
        xy += d[0] * d[1] / n;
        yy += d[1] * d[1] / n;
    }
    // A pixel has a size: its own moments belong to the mask's.
    xx += (along * along + skew * skew) / 12.0;
    xy += skew * up / 12.0;
    yy += up * up / 12.0;
    let (half, apart) = ((xx + yy) / 2.0, ((xx - yy) / 2.0).hypot(xy));
    // A filled ellipse has the moments a²/4 and b²/4 along its axes.
    let half_axes = [half + apart, (half - apart).max(0.0)].map(|m| 2.0 * m.sqrt());
    let [p, q] = half_axes;
    let h = ((p - q) / (p + q)).powi(2);
    let around = std::f64::consts::PI * (p + q) * (1.0 + 3.0 * h / (10.0 + (4.0 - 3.0 * h).sqrt()));
    Some(HeadEllipse { unit: unit(g), half_axes, circumference: around })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    /// By adding up very many chords.
    fn around(p: f64, q: f64) -> f64 {
        let n = 100_000;
        let at = |k: usize| {
            let t = k as f64 / n as f64 * std::f64::consts::TAU;
            [p * t.cos(), q * t.sin()]
        };
        (0..n).map(|k| (at(k + 1)[0] - at(k)[0]).hypot(at(k + 1)[1] - at(k)[1])).sum()
    }

    #[test]
    fn a_turned_ellipse_on_a_skewed_lattice_has_its_circumference() {
        let steps = [[0.3, 0.0, 0.0], [0.08, 0.25, 0.0], [0.0, 0.0, 1.0]];
        let g = Geometry::new([500, 500, 1], Affine::from_columns(steps, [0.0; 3])).expect("valid");
        let middle = g.world_from_voxel().apply([250.0, 250.0, 0.0]);
        for (p, q, turn) in [(48.0, 36.0, 0.6f64), (30.0, 30.0, 0.0), (52.0, 20.0, 2.2)] {
            let inside: Vec<bool> = (0..250_000)
                .map(|i| {
                    let w = g.world_from_voxel().apply([(i % 500) as f64, (i / 500) as f64, 0.0]);
                    let d = [w[0] - middle[0], w[1] - middle[1]];
                    let u = d[0] * turn.cos() + d[1] * turn.sin();
                    let v = d[1] * turn.cos() - d[0] * turn.sin();
                    (u / p).powi(2) + (v / q).powi(2) <= 1.0
                })
                .collect();
            let e = head_ellipse(&g, &inside).expect("a head");
            assert!((e.circumference / around(p, q) - 1.0).abs() < 1e-3, "{e:?}");
            assert!(
                (e.half_axes[0] - p).abs() < 0.05 && (e.half_axes[1] - q).abs() < 0.05,
                "{e:?}"
            );
            assert_eq!(e.unit, "mm");
        }
        assert!(head_ellipse(&g, &vec![false; 250_000]).is_none());
    }

    #[test]
    fn the_cup_is_part_of_the_disc() {
        let at = |i: usize| [i % 20, i / 20];
        let disc: Vec<bool> =
            (0..400).map(|i| (4..14).contains(&at(i)[1]) && at(i)[0] < 8).collect();
        let cup: Vec<bool> =
            (0..400).map(|i| (6..12).contains(&at(i)[1]) && at(i)[0] < 4).collect();
        assert_eq!(cup_to_disc(20, &disc, &cup), Some([0.6, 24.0 / 80.0]));
        // A disc that was given as its rim only.
        let rim: Vec<bool> = (0..400).map(|i| disc[i] && !cup[i]).collect();
        assert_eq!(cup_to_disc(20, &rim, &cup), Some([0.6, 0.3]));
        assert_eq!(cup_to_disc(20, &disc, &[false; 400]), Some([0.0, 0.0]));
        assert_eq!(cup_to_disc(20, &[false; 400], &[false; 400]), None);
    }
}
