//! From Hounsfield units to what a detector counts.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};

/// Attenuation of water, per mm.
pub const WATER: f64 = 0.02;
/// Quanta that reach a detector pixel through nothing.
const QUANTA: f64 = 1e5;

/// Attenuation per mm of a value in HU; air and padding give 0.
pub fn attenuation(hu: f64) -> f64 {
    (WATER * (hu + 1000.0) / 1000.0).max(0.0)
}

/// Line integrals as a detector of 10⁵ quanta per pixel would give them; at least one quantum is
/// taken as counted, so that nothing is above ln 10⁵ = 11.5. The noise of a pixel depends on the
/// seed, the view's number and the pixel alone.
pub fn counted(integrals: &[f32], seed: u64, view: usize) -> Vec<f32> {
    let of_view = (view as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ of_view);
    let count = |(pixel, &line): (usize, &f32)| {
        rng.set_stream(pixel as u64);
        rng.set_word_pos(0);
        let mean = QUANTA * f64::from(-line).exp();
        let n = Poisson::new(mean.max(1e-9)).map_or(0.0, |p| p.sample(&mut rng));
        (-(n.max(1.0) / QUANTA).ln()) as f32
    };
    integrals.iter().enumerate().map(count).collect()
}
