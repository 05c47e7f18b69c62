//! Which samples of a result count: every figure, map, line and file follows these.

use crate::ensemble::{Ensemble, EnsembleError, VarianceParts};
use crate::inference::{Member, Outcome};

/// At least one does. Samples are named by their place in the outcome.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Included(Vec<bool>);

impl Included {
    pub fn all(samples: usize) -> Self {
        Self(vec![true; samples])
    }

    pub fn contains(&self, sample: usize) -> bool {
        self.0.get(sample).is_some_and(|&included| included)
    }

    /// Samples that count.
    pub fn count(&self) -> usize {
        self.0.iter().filter(|&&included| included).count()
    }

    /// Samples that were drawn.
    pub fn drawn(&self) -> usize {
        self.0.len()
    }

    pub fn is_all(&self) -> bool {
        self.count() == self.drawn()
    }

    /// Where a sample stands among those that count.
    pub fn rank(&self, sample: usize) -> Option<usize> {
        self.contains(sample).then(|| self.0.iter().take(sample).filter(|&&i| i).count())
    }

    /// The sample at a place among those that count.
    pub fn sample(&self, rank: usize) -> Option<usize> {
        let counted = self.0.iter().enumerate().filter(|(_, included)| **included);
        counted.map(|(sample, _)| sample).nth(rank)
    }

    /// The samples of `outcome` that count, or those that do not, in member order.
    pub fn members<'a>(
        &'a self,
        outcome: &'a Outcome,
        included: bool,
    ) -> impl Iterator<Item = &'a Member> {
        let marked = outcome.members.iter().zip(&self.0);
        marked.filter(move |(_, i)| **i == included).map(|(member, _)| member)
    }

    /// What the samples of `outcome` that count say together.
    ///
    /// # Errors
    /// If a mask does not have the size that it should.
    pub fn ensemble(&self, outcome: &Outcome) -> Result<Ensemble, EnsembleError> {
        let samples: Vec<&[u8]> = self.members(outcome, true).map(|m| m.soft.as_slice()).collect();
        let voxels = outcome.block_shape().iter().product();
        let (classes, kind) = (outcome.model.classes.len(), outcome.model.kind);
        let ensemble = Ensemble::from_soft(&samples, classes, kind, voxels)?;
        match self.direct_share(outcome) {
            0.0 => Ok(ensemble),
            share => ensemble.with_direct(&outcome.direct, share),
        }
    }

    /// The direct mask's share of their fused mask: the model's own, unless a person chose among the samples or
    /// told them where to draw, which the direct mask knows nothing of.
    pub fn direct_share(&self, outcome: &Outcome) -> f64 {
        let asis = self.is_all() && outcome.settings.steer.is_empty() && !outcome.deterministic;
        outcome.model.scaling.as_ref().filter(|_| asis).map_or(0.0, |s| s.direct_share)
    }

    /// The variance of class `c` of their `ensemble`, within and between the networks that drew them;
    /// `None` where one network drew all.
    pub fn variance_parts(
        &self,
        outcome: &Outcome,
        ensemble: &Ensemble,
        c: usize,
    ) -> Option<VarianceParts> {
        let networks = outcome.networks().into_iter().zip(&self.0);
        let counted: Vec<usize> = networks.filter(|(_, i)| **i).map(|(n, _)| n).collect();
        ensemble.variance_parts(c, &counted)
    }

    /// With a sample counted or left out; the last one that counts stays.
    pub fn with(mut self, sample: usize, included: bool) -> Self {
        if self.contains(sample) != included
            && (included || self.count() > 1)
            && let Some(place) = self.0.get_mut(sample)
        {
            *place = included;
        }
        self
    }

    /// With so many samples more, which count.
    pub fn extended(mut self, more: usize) -> Self {
        self.0.extend(std::iter::repeat_n(true, more));
        self
    }

    /// With one sample only, if there is such a one.
    pub fn only(self, sample: usize) -> Self {
        if sample < self.drawn() {
            Self((0..self.drawn()).map(|s| s == sample).collect())
        } else {
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sample_stays_and_what_is_not_there_changes_nothing() {
        let all = Included::all(3);
        let two = all.clone().with(1, false);
        assert_eq!((two.count(), two.drawn(), two.is_all()), (2, 3, false));
        assert_eq!((two.rank(0), two.rank(1), two.rank(2)), (Some(0), None, Some(1)));
        let one = two.clone().with(0, false);
        assert_eq!(one.clone().with(2, false), one, "one stays");
        assert_eq!(one, all.clone().only(2));
        assert_eq!(two.with(1, true), all);
        assert_eq!((all.clone().with(3, false), all.clone().only(3)), (all.clone(), all));
    }
}
