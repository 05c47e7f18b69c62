//! Values of a sample that are known beforehand. At each step they take the place of what the network
//! says, noised to that step's level (RePaint, arXiv 2201.09865, without its resampling), so that
//! the rest is drawn to suit them; the finished sample has them exactly.

use super::initial_noise;

/// Places in one sample, and the clean value of each, -1…1. The noise that is laid over a value is
/// the member's own at that place: along the way it keeps to one path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hold(Vec<(usize, f32)>);

impl Hold {
    /// Of a place that comes twice the later value counts.
    pub fn new(known: Vec<(usize, f32)>) -> Self {
        Self(known)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With the noise of the member with this seed, for samples of `len` values.
    pub(super) fn of_member(&self, seed: u64, len: usize) -> HeldValues {
        if self.is_empty() {
            return HeldValues(Vec::new());
        }
        let noise = initial_noise(seed, len);
        let known = self.0.iter().filter(|(place, _)| *place < len);
        HeldValues(known.map(|&(place, clean)| (place, clean, noise[place])).collect())
    }
}

/// Place, clean value, noise.
pub(super) struct HeldValues(Vec<(usize, f32, f32)>);

impl HeldValues {
    /// Puts the known values where they belong, at noise level ᾱ; 1 is clean.
    pub(super) fn put(&self, sample: &mut [f32], alpha_bar: f64) {
        let (signal, deviation) = (alpha_bar.sqrt(), (1.0 - alpha_bar).max(0.0).sqrt());
        for &(place, clean, noise) in &self.0 {
            sample[place] = if deviation == 0.0 {
                clean
            } else {
                (signal * f64::from(clean) + deviation * f64::from(noise)) as f32
            };
        }
    }
}
