//! Reproducible noise: each member of an ensemble has a generator of its own, seeded from the run's
//! seed and its number alone.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Which of a member's two independent noise sequences.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    Start = 0,
    Steps = 1,
}

/// Seed of one member: `mix(mix(run_seed) + (member + 1)·φ)` in 64-bit wrapping arithmetic, where
/// `mix` is the finaliser of SplitMix64 (a bijection) and φ = 0x9E3779B97F4A7C15. Members of one
/// run therefore never share a seed. The derivation is part of the file format: results name the
/// run's seed only.
pub fn member_seed(run_seed: u64, member: usize) -> u64 {
    let step = (member as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mix(mix(run_seed).wrapping_add(step))
}

/// Finaliser of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Generator of a member: ChaCha8, whose output is fixed across platforms.
pub(super) fn generator(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}

/// Standard normal noise of `len` values in which the member with this seed starts.
pub fn initial_noise(seed: u64, len: usize) -> Vec<f32> {
    let mut rng = generator(seed, Stream::Start);
    (0..len).map(|_| StandardNormal.sample(&mut rng)).collect()
}
