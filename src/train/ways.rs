//! The five ways to one mask that an evaluation compares.

use serde::Serialize;

/// What is known of one measure in the five ways to a mask: the anchor head's, the first member
/// alone, the fused mask that a person is shown ([`crate::ensemble::Ensemble::fused_mask`]: the mean of the members'
/// soft masks, and the direct mask's share if the model gives it one), where the mean as the model
/// calibrates it ([`crate::ensemble::Ensemble::calibrated`]) is at least one half, STAPLE. `None` where it is not
/// defined (a model that is not calibrated; STAPLE with fewer than three members).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Ways<T> {
    pub direct: T,
    pub sample: T,
    pub mean: T,
    pub calibrated: T,
    pub staple: T,
}

impl<T> Ways<T> {
    /// Names and values in the order of tables.
    pub fn each(&self) -> [(&'static str, &T); 5] {
        [
            ("direct", &self.direct),
            ("sample", &self.sample),
            ("mean", &self.mean),
            ("calibrated", &self.calibrated),
            ("staple", &self.staple),
        ]
    }

    /// The same of each way.
    pub fn map<U>(&self, f: impl Fn(&T) -> U) -> Ways<U> {
        let [direct, sample, mean, calibrated, staple] = self.each().map(|(_, v)| f(v));
        Ways { direct, sample, mean, calibrated, staple }
    }

    /// The same of each way, if it succeeds of all.
    ///
    /// # Errors
    /// The first of `f`.
    pub fn try_map<U, E>(&self, f: impl Fn(&T) -> Result<U, E>) -> Result<Ways<U>, E> {
        let Ways { direct, sample, mean, calibrated, staple } = self.map(f);
        Ok(Ways {
            direct: direct?,
            sample: sample?,
            mean: mean?,
            calibrated: calibrated?,
            staple: staple?,
        })
    }
}
