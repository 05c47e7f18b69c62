//! Seeded noise, soft edges and Gaussian blur: the building blocks of the phantoms.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Smooth value noise over space, fully determined by its key.
pub(super) struct Noise {
    key: u64,
}

impl Noise {
    pub(super) fn new(rng: &mut ChaCha8Rng) -> Self {
        Self { key: rng.random() }
    }

    /// -1 to 1 at a lattice point (the finaliser of SplitMix64 over the mixed coordinates).
    fn lattice(&self, p: [i64; 3]) -> f64 {
        let mut h = self.key;
        for v in p {
            h = h.wrapping_add(v as u64).wrapping_add(0x9E37_79B9_7F4A_7C15);
            h = (h ^ (h >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            h = (h ^ (h >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            h ^= h >> 31;
        }
        (h >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// -1 to 1, features of about one unit.
    pub(super) fn at(&self, p: [f64; 3]) -> f64 {
        let cell = p.map(|v| v.floor() as i64);
        let f: [f64; 3] = std::array::from_fn(|a| {
            let t = p[a] - p[a].floor();
            t * t * (3.0 - 2.0 * t)
        });
        let mut sum = 0.0;
        for corner in 0..8 {
            let mut weight = 1.0;
            let mut q = cell;
            for a in 0..3 {
                if corner >> a & 1 == 1 {
                    weight *= f[a];
                    q[a] += 1;
                } else {
                    weight *= 1.0 - f[a];
                }
            }
            sum += weight * self.lattice(q);
        }
        sum
    }

    /// Octaves of [`Self::at`], each half as strong and half as wide; about -1 to 1.
    pub(super) fn fractal(&self, p: [f64; 3], octaves: u32) -> f64 {
        let (mut sum, mut weight, mut total, mut scale) = (0.0, 1.0, 0.0, 1.0);
        for octave in 0..octaves {
            let shift = 17.3 * f64::from(octave);
            sum += weight * self.at(p.map(|v| v * scale + shift));
            total += weight;
            weight *= 0.5;
            scale *= 2.0;
        }
        sum / total
    }
}

/// 1 well inside (`signed` below zero), ½ on the border, 0 outside; 12-88 % over `4 · width`.
pub(super) fn inside(signed: f64, width: f64) -> f64 {
    1.0 / (1.0 + (signed / width).exp())
}

pub(super) fn mix(a: f64, b: f64, t: f64) -> f64 {
    a + (b - a) * t
}

pub(super) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    rng.sample(StandardNormal)
}

/// Independent standard normal values.
pub(super) fn white(rng: &mut ChaCha8Rng, n: usize) -> Vec<f64> {
    (0..n).map(|_| normal(rng)).collect()
}

/// Gaussian blur of a `[height, width]` plane; beyond the border the edge value goes on.
pub(super) fn blur(plane: &[f64], width: usize, sigma: [f64; 2]) -> Vec<f64> {
    if width == 0 {
        return plane.to_vec();
    }
    let height = plane.len() / width;
    let along_x = convolve(plane, [width, height], [1, width], sigma[0]);
    convolve(&along_x, [height, width], [width, 1], sigma[1])
}

/// Blurs along the first of two axes of lengths `n` and strides `stride`.
fn convolve(plane: &[f64], n: [usize; 2], stride: [usize; 2], sigma: f64) -> Vec<f64> {
    let reach = (3.0 * sigma).ceil() as i64;
    let mut kernel: Vec<f64> =
        (-reach..=reach).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = kernel.iter().sum();
    kernel.iter_mut().for_each(|k| *k /= sum);
    let mut out = vec![0.0; plane.len()];
    for line in 0..n[1] {
        for i in 0..n[0] {
            let mut acc = 0.0;
            for (k, weight) in kernel.iter().enumerate() {
                let j = (i as i64 + k as i64 - reach).clamp(0, n[0] as i64 - 1) as usize;
                acc += weight * plane[line * stride[1] + j * stride[0]];
            }
            out[line * stride[1] + i * stride[0]] = acc;
        }
    }
    out
}

/// Standard normal noise with a Gaussian correlation of `sigma` pixels, unit variance again.
pub(super) fn correlated(
    rng: &mut ChaCha8Rng,
    width: usize,
    height: usize,
    sigma: [f64; 2],
) -> Vec<f64> {
    let mut plane = blur(&white(rng, width * height), width, sigma);
    let mean = plane.iter().sum::<f64>() / plane.len() as f64;
    let variance = plane.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / plane.len() as f64;
    let scale = 1.0 / variance.max(f64::MIN_POSITIVE).sqrt();
    plane.iter_mut().for_each(|v| *v = (*v - mean) * scale);
    plane
}

/// An ellipse in a plane.
pub(super) struct Ellipse {
    pub(super) centre: [f64; 2],
    pub(super) semi: [f64; 2],
    /// Of the first semi-axis, radians.
    pub(super) angle: f64,
}

impl Ellipse {
    /// Offset from the centre along the two semi-axes.
    pub(super) fn local(&self, p: [f64; 2]) -> [f64; 2] {
        let (sin, cos) = self.angle.sin_cos();
        let d = [p[0] - self.centre[0], p[1] - self.centre[1]];
        [d[0] * cos + d[1] * sin, d[1] * cos - d[0] * sin]
    }

    /// Distance to the border to first order (exact sign), negative inside.
    pub(super) fn signed(&self, p: [f64; 2]) -> f64 {
        let q = self.local(p);
        let rho = (q[0] / self.semi[0]).hypot(q[1] / self.semi[1]);
        let gradient = (q[0] / self.semi[0].powi(2)).hypot(q[1] / self.semi[1].powi(2));
        if gradient < 1e-9 {
            return -self.semi[0].min(self.semi[1]);
        }
        (rho - 1.0) * rho / gradient
    }

    /// Outward unit normal of the level line through `p`.
    pub(super) fn normal(&self, p: [f64; 2]) -> [f64; 2] {
        let q = self.local(p);
        let g = [q[0] / self.semi[0].powi(2), q[1] / self.semi[1].powi(2)];
        let n = g[0].hypot(g[1]).max(1e-12);
        let (sin, cos) = self.angle.sin_cos();
        [(g[0] * cos - g[1] * sin) / n, (g[0] * sin + g[1] * cos) / n]
    }
}
