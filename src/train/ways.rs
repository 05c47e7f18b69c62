//! The four ways to one mask that an evaluation compares.

use serde::Serialize;

/// What is known of one measure in the four ways to a mask: the anchor head's, the first member
/// alone, the mean of the members' soft masks ([`crate::ensemble::Ensemble::mean_mask`]), STAPLE. `None` where it is not
/// defined (STAPLE with fewer than three members).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Ways<T> {
    pub direct: T,
    pub sample: T,
    pub mean: T,
    pub staple: T,
}

impl<T> Ways<T> {
    /// Names and values in the order of tables.
    pub fn each(&self) -> [(&'static str, &T); 4] {
        [
            ("direct", &self.direct),
            ("sample", &self.sample),
            ("mean", &self.mean),
            ("staple", &self.staple),
        ]
    }

    /// The same of each way.
    pub fn map<U>(&self, f: impl Fn(&T) -> U) -> Ways<U> {
        let [direct, sample, mean, staple] = self.each().map(|(_, v)| f(v));
        Ways { direct, sample, mean, staple }
    }
}
