//! Two lung nodules that readers draw differently for a known reason, in a crop of a CT as
//! `lung-nodule-ct` wants it.
//!
//! Known ambiguity: one has a solid core in a ground-glass halo, and half of its readers draw the
//! core, half of them all of it (**uncertain extent**). The other fades into the lung as a step
//! that was blurred by a Gaussian, and each reader draws it down to a threshold of their own, spread
//! so that their share at a distance d outside of the half-way line is 1 - Φ(d/σ) (**blurred
//! border**).

use super::texture::{correlated, mix};
use super::{Demo, finish, label};
use crate::volume::{Affine, Geometry, Modality, Voxels};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SIDE: usize = 80;
const MM: f64 = 0.7;
const LUNG_HU: f64 = -850.0;
const HALO_HU: f64 = -560.0;
const SOLID_HU: f64 = 30.0;
const NOISE_HU: f64 = 25.0;
/// Of the blurred border, millimetres.
const SIGMA_MM: f64 = 1.4;
const EXTENT_READERS: usize = 4;
const BLUR_READERS: usize = 20;

/// A lump that is not quite round.
struct Lump {
    centre: [f64; 2],
    radius: f64,
    bumps: [(f64, f64); 3],
}

impl Lump {
    fn new(rng: &mut ChaCha8Rng) -> Self {
        let middle = 0.5 * SIDE as f64 * MM;
        Self {
            centre: [0; 2].map(|_| middle + rng.random_range(-2.0..2.0)),
            radius: rng.random_range(8.0..10.5),
            bumps: [0; 3].map(|_| (rng.random_range(0.0..0.06), rng.random_range(0.0..6.3))),
        }
    }

    /// Millimetres outside of the border, negative inside, along the ray from the centre.
    fn outside(&self, [x, y]: [usize; 2]) -> f64 {
        let d = [x, y].map(|v| (v as f64 + 0.5) * MM);
        let (dx, dy) = (d[0] - self.centre[0], d[1] - self.centre[1]);
        let angle = dy.atan2(dx);
        let bump = |(k, (size, phase)): (usize, &(f64, f64))| {
            size * ((k as f64 + 2.0) * angle + phase).sin()
        };
        dx.hypot(dy) - self.radius * (1.0 + self.bumps.iter().enumerate().map(bump).sum::<f64>())
    }
}

/// Solid to so much of its radius, a halo around.
pub(super) fn extent(seed: u64) -> Option<Demo> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0E7);
    let lump = Lump::new(&mut rng);
    let halo = rng.random_range(3.0..4.5);
    let value = |d: f64| match d {
        d if d < -halo => SOLID_HU,
        d if d < 0.0 => HALO_HU,
        _ => LUNG_HU,
    };
    let edges: Vec<f64> =
        (0..EXTENT_READERS).map(|k| if 2 * k < EXTENT_READERS { -halo } else { 0.0 }).collect();
    make(rng, &lump, value, -0.5 * halo, &edges)
}

/// Fading into the lung.
pub(super) fn blurred(seed: u64) -> Option<Demo> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xB1);
    let lump = Lump::new(&mut rng);
    let value = |d: f64| mix(SOLID_HU, LUNG_HU, normal_share(d / SIGMA_MM));
    let edge = |k: usize| SIGMA_MM * normal_quantile((k as f64 + 0.5) / BLUR_READERS as f64);
    let edges: Vec<f64> = (0..BLUR_READERS).map(edge).collect();
    make(rng, &lump, value, 0.0, &edges)
}

/// Readers draw all that lies less far outside than their edge.
fn make(
    mut rng: ChaCha8Rng,
    lump: &Lump,
    value: impl Fn(f64) -> f64,
    truth: f64,
    edges: &[f64],
) -> Option<Demo> {
    let outside: Vec<f64> = (0..SIDE * SIDE).map(|i| lump.outside([i % SIDE, i / SIDE])).collect();
    let noise = correlated(&mut rng, SIDE, SIDE, [0.7, 0.7]);
    let grey = outside.iter().zip(&noise).map(|(d, n)| (value(*d) + NOISE_HU * n).round() as i16);
    let drawn = |edge: f64| outside.iter().map(|d| u8::from(*d < edge)).collect::<Vec<u8>>();
    let steps = [[-MM, 0.0, 0.0], [0.0, -MM, 0.0], [0.0, 0.0, 2.5]];
    let geometry = Geometry::new([SIDE, SIDE, 1], Affine::from_columns(steps, [0.0; 3])).ok()?;
    let labels = vec![label(1, "nodule", [86, 180, 233])];
    let demo = finish(geometry, Voxels::I16(grey.collect()), Modality::Ct, drawn(truth), labels)?;
    Some(demo.read_by(edges.iter().map(|e| drawn(*e)).collect()))
}

/// Φ(z), by the series and the continued fraction of Abramowitz and Stegun 26.2.10 and 26.2.14.
pub(super) fn normal_share(z: f64) -> f64 {
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    if z.abs() < 3.0 {
        let (mut term, mut sum) = (z, z);
        for k in 1..60 {
            term *= z * z / f64::from(2 * k + 1);
            sum += term;
        }
        return 0.5 + density * sum;
    }
    let tail = density / (1..40).rev().fold(z.abs(), |f, k| z.abs() + f64::from(k) / f);
    if z > 0.0 { 1.0 - tail } else { tail }
}

/// Its inverse, by halving.
fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if normal_share(middle) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_has_its_known_values() {
        // Abramowitz and Stegun, table 26.1.
        for (z, share) in
            [(0.0, 0.5), (1.0, 0.841_344_746), (2.0, 0.977_249_868), (3.5, 0.999_767_371)]
        {
            assert!((normal_share(z) - share).abs() < 1e-9, "{z}");
            assert!((normal_share(-z) - (1.0 - share)).abs() < 1e-9, "{z}");
        }
        assert!((normal_quantile(0.975) - 1.959_963_985).abs() < 1e-8);
    }

    #[test]
    fn uncertain_extent_is_one_half_in_the_halo_and_nothing_elsewhere() {
        for seed in 0..6 {
            let demo = extent(seed).unwrap();
            let (expected, values) = (demo.expected(), demo.volume.voxels());
            let mut halves = 0;
            for i in 0..expected.len() {
                let hu = values.stored(i, 0);
                let by_value = match hu {
                    h if h > 0.5 * (SOLID_HU + HALO_HU) => 1.0,
                    h if h > 0.5 * (HALO_HU + LUNG_HU) => 0.5,
                    _ => 0.0,
                };
                // Two steps of noise and more lie between the three.
                assert_eq!(expected[i], by_value, "{hu}");
                halves += usize::from(expected[i] == 0.5);
            }
            assert!(halves > 150, "{halves}");
        }
    }

    #[test]
    fn a_blurred_border_has_the_share_of_a_normal_distribution() {
        for seed in 0..6 {
            let demo = blurred(seed).unwrap();
            let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xB1);
            let lump = Lump::new(&mut rng);
            let expected = demo.expected();
            for (i, p) in expected.iter().enumerate() {
                let d = lump.outside([i % SIDE, i / SIDE]);
                let exact = 1.0 - normal_share(d / SIGMA_MM);
                // Of 20 readers at the middles of 20 equal shares.
                let off = (f64::from(*p) - exact).abs();
                assert!(off <= 0.5 / BLUR_READERS as f64 + 1e-6, "{d}: {p} {exact}");
            }
            let known = |p: f32| expected.iter().filter(|e| (**e - p).abs() < 1e-6).count();
            assert!(known(0.5) > 5 && known(0.05) > 5 && known(0.95) > 5);
        }
    }
}
