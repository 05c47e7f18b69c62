//! What a label measures (MEAS-4): voxels, area or volume, surface, longest diameter in a slice, values.
//!
//! The surface is the integral of the gradient of the softened mask (the co-area formula): right on
//! anisotropic and oblique lattices and free of the steps of voxels, an estimate for what is only a
//! few voxels thick. The diameter is the longest distance between centres of two voxels of one slice, as
//! Feret's.

use super::ValueStatistics;
use super::shape::{planes, unit};
use crate::volume::Geometry;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelReading {
    /// "mm" or "px": sizes are in its powers.
    pub unit: &'static str,
    pub voxels: usize,
    /// Of pictures the area.
    pub volume: f64,
    /// Of pictures the perimeter.
    pub surface: f64,
    /// `None` without a voxel.
    pub longest_diameter: Option<f64>,
    pub values: Option<ValueStatistics>,
}

/// `inside` is one per voxel of the lattice, x fastest; `value` gives the rescaled value by flat index.
/// Diameters are looked for in slices across `axis`.
pub fn label_reading(
    g: &Geometry,
    inside: &[bool],
    axis: usize,
    value: impl Fn(usize) -> f64,
) -> LabelReading {
    let voxels = inside.iter().filter(|&&i| i).count();
    let size = if g.is_2d() { g.pixel_area() } else { g.voxel_volume() };
    let chosen = inside.iter().enumerate().filter(|(_, i)| **i);
    LabelReading {
        unit: unit(g),
        voxels,
        volume: voxels as f64 * size,
        surface: surface(g, inside, size),
        longest_diameter: longest(g, inside, if g.is_2d() { 2 } else { axis }),
        values: ValueStatistics::of(chosen.map(|(i, _)| value(i))),
    }
}

/// The part of the lattice that holds the label, with a rim of `rim` voxels beyond it, as numbers; what lies
/// outside of the lattice is outside of the label.
fn cut(g: &Geometry, inside: &[bool], rim: usize) -> Option<([usize; 3], Vec<f32>)> {
    let [nx, ny, nz] = g.shape();
    let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
    for (row, flags) in inside.chunks(nx).enumerate() {
        let Some(first) = flags.iter().position(|&i| i) else { continue };
        let last = flags.iter().rposition(|&i| i).unwrap_or(first);
        for (a, [l, h]) in [[first, last], [row % ny; 2], [row / ny; 2]].into_iter().enumerate() {
            (low[a], high[a]) = (low[a].min(l), high[a].max(h));
        }
    }
    if low[0] == usize::MAX {
        return None;
    }
    // A picture has no neighbours above and below.
    let rims = [rim, rim, if nz == 1 { 0 } else { rim }];
    let shape: [usize; 3] = std::array::from_fn(|a| high[a] - low[a] + 1 + 2 * rims[a]);
    let mut out = vec![0.0; shape.iter().product()];
    for z in low[2]..=high[2] {
        for y in low[1]..=high[1] {
            for x in low[0]..=high[0] {
                let p = [x - low[0] + rims[0], y - low[1] + rims[1], z - low[2] + rims[2]];
                if inside[x + nx * (y + ny * z)] {
                    out[p[0] + shape[0] * (p[1] + shape[1] * p[2])] = 1.0;
                }
            }
        }
    }
    Some((shape, out))
}

fn surface(g: &Geometry, inside: &[bool], size: f64) -> f64 {
    // Softened by a binomial of deviation 1 voxel along each axis: (1 4 6 4 1) / 16.
    const SOFT: [f32; 5] = [0.0625, 0.25, 0.375, 0.25, 0.0625];
    let Some((shape, mut f)) = cut(g, inside, 4) else { return 0.0 };
    let strides = [1, shape[0], shape[0] * shape[1]];
    for a in (0..3).filter(|&a| shape[a] > 1) {
        let from = f.clone();
        for (i, slot) in f.iter_mut().enumerate() {
            let at = i / strides[a] % shape[a];
            *slot = (0..5)
                .filter(|k| (2..shape[a] + 2).contains(&(at + k)))
                .map(|k| SOFT[k] * from[i + k * strides[a] - 2 * strides[a]])
                .sum();
        }
    }
    // World gradient = (voxel from world)ᵀ · voxel gradient.
    let inverse = g.voxel_from_world().0;
    let mut sum = 0.0;
    for i in 0..f.len() {
        let mut d = [0.0; 3];
        for a in 0..3 {
            let at = i / strides[a] % shape[a];
            if shape[a] > 1 && at > 0 && at + 1 < shape[a] {
                d[a] = f64::from(f[i + strides[a]] - f[i - strides[a]]) / 2.0;
            }
        }
        let world = (0..3).map(|r| (0..3).map(|a| inverse[a][r] * d[a]).sum::<f64>());
        sum += world.map(|v| v * v).sum::<f64>().sqrt();
    }
    sum * size
}

fn longest(g: &Geometry, inside: &[bool], axis: usize) -> Option<f64> {
    let shape = g.shape();
    let [u, v] = planes(axis);
    let strides = [1, shape[0], shape[0] * shape[1]];
    let mut best: Option<f64> = None;
    for slice in 0..shape[axis] {
        // Ends of each row are enough: what lies between is nearer to everything.
        let mut ends = Vec::new();
        for row in 0..shape[v] {
            let at = |x: usize| inside[slice * strides[axis] + row * strides[v] + x * strides[u]];
            if let Some(first) = (0..shape[u]).find(|&x| at(x)) {
                let last = (0..shape[u]).rev().find(|&x| at(x)).unwrap_or(first);
                for x in [first, last] {
                    let mut p = [slice as f64; 3];
                    (p[u], p[v]) = (x as f64, row as f64);
                    ends.push(g.world_from_voxel().apply(p));
                }
            }
        }
        for (i, a) in ends.iter().enumerate() {
            for b in &ends[i..] {
                let d = (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
                best = Some(best.map_or(d, |m| m.max(d)));
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    fn lattices(shape: [usize; 3]) -> Vec<Geometry> {
        let (s, c) = (0.5f64.sin(), 0.5f64.cos());
        [
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            [[0.8, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.6]],
            [[0.9 * c, 0.9 * s, 0.0], [-1.1 * s, 1.1 * c, 0.0], [0.2, 0.0, 1.4]],
        ]
        .map(|steps| Geometry::new(shape, Affine::from_columns(steps, [0.0; 3])).expect("valid"))
        .into()
    }

    fn ball(g: &Geometry, radius: f64) -> Vec<bool> {
        let [nx, ny, nz] = g.shape();
        let middle = g.world_from_voxel().apply([nx, ny, nz].map(|n| (n - 1) as f64 / 2.0));
        (0..nx * ny * nz)
            .map(|i| {
                let v = [i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64);
                let p = g.world_from_voxel().apply(v);
                (0..3).map(|a| (p[a] - middle[a]).powi(2)).sum::<f64>() <= radius * radius
            })
            .collect()
    }

    #[test]
    fn meas_4_a_ball_has_the_surface_and_diameter_of_a_ball() {
        for g in lattices([63, 55, 45]) {
            for radius in [8.0, 14.0, 20.0] {
                let reading = label_reading(&g, &ball(&g, radius), 2, |i| i as f64);
                let pi = std::f64::consts::PI;
                let off = |found: f64, truth: f64| found / truth - 1.0;
                let surface = off(reading.surface, 4.0 * pi * radius * radius);
                // Softening takes (σ / r)² of it: σ is a voxel, 1.6 mm at most.
                let most = if radius < 10.0 { 0.03 } else { 0.015 };
                assert!(surface.abs() < most, "surface off by {surface} at {radius}");
                let volume = off(reading.volume, 4.0 / 3.0 * pi * radius.powi(3));
                assert!(volume.abs() < 0.02, "{volume}");
                let longest = reading.longest_diameter.expect("voxels");
                assert!(
                    longest <= 2.0 * radius + 1e-9 && longest > 2.0 * radius - 2.2,
                    "{longest}"
                );
            }
        }
    }

    #[test]
    fn meas_4_a_disc_in_a_picture_has_a_perimeter_in_pixels() {
        let g = Geometry::picture(80, 90, 1).expect("valid");
        let reading = label_reading(&g, &ball(&g, 25.0), 0, |_| 4.0);
        let around = 2.0 * std::f64::consts::PI * 25.0;
        assert!((reading.surface / around - 1.0).abs() < 0.01, "{}", reading.surface);
        let longest = reading.longest_diameter.expect("pixels");
        assert!(reading.unit == "px" && longest > 49.0 && longest <= 50.0, "{longest}");
        let values = reading.values.expect("values");
        assert_eq!((values.mean, values.sd), (4.0, Some(0.0)));
        let none = label_reading(&g, &vec![false; 7200], 2, |_| 0.0);
        assert_eq!((none.surface, none.volume, none.longest_diameter), (0.0, 0.0, None));
    }

    /// At the edge of the image the label ends there.
    #[test]
    fn meas_4_the_diameter_is_that_of_all_pairs() {
        let g = &lattices([9, 8, 3])[2];
        let inside: Vec<bool> = (0..216).map(|i| i * 7919 % 13 < 3).collect();
        for axis in 0..3 {
            let place = |i: usize| [i % 9, i / 9 % 8, i / 72];
            let mut best = 0.0f64;
            for i in (0..216).filter(|&i| inside[i]) {
                for j in (0..216).filter(|&j| inside[j] && place(i)[axis] == place(j)[axis]) {
                    let [p, q] =
                        [i, j].map(|k| g.world_from_voxel().apply(place(k).map(|v| v as f64)));
                    best = best.max((0..3).map(|a| (p[a] - q[a]).powi(2)).sum::<f64>().sqrt());
                }
            }
            let found = label_reading(g, &inside, axis, |_| 0.0).longest_diameter.expect("voxels");
            assert!((found - best).abs() < 1e-12, "{found} {best}");
        }
    }
}
