//! Which regions of disagreement a person has looked at, and which one is chosen.

use super::Included;
use std::collections::{BTreeMap, BTreeSet};

/// A region by its class and its place in the ranked list, both from 0.
pub type RegionPlace = (usize, usize);

/// Of one result. Ticks belong to the samples that counted when they were set: with others the regions
/// are others, and the ticks come back with the samples.
#[derive(Clone, Debug, Default)]
pub struct Review {
    ticks: BTreeMap<Included, BTreeSet<RegionPlace>>,
    /// The findings that the choice is about, and the region.
    chosen: Option<(u64, RegionPlace)>,
}

impl Review {
    pub fn is_reviewed(&self, included: &Included, place: RegionPlace) -> bool {
        self.ticks.get(included).is_some_and(|t| t.contains(&place))
    }

    /// Regions of a class that are ticked.
    pub fn reviewed(&self, included: &Included, class: usize) -> usize {
        self.ticks.get(included).map_or(0, |t| t.iter().filter(|(c, _)| *c == class).count())
    }

    /// The chosen region of these findings.
    pub fn chosen(&self, findings: u64) -> Option<RegionPlace> {
        self.chosen.filter(|(of, _)| *of == findings).map(|(_, place)| place)
    }

    pub(super) fn choose(&mut self, findings: u64, place: Option<RegionPlace>) {
        self.chosen = place.map(|p| (findings, p));
    }

    pub(super) fn tick(&mut self, included: &Included, place: RegionPlace, reviewed: bool) {
        let ticks = self.ticks.entry(included.clone()).or_default();
        if reviewed {
            ticks.insert(place);
        } else {
            ticks.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_belong_to_the_samples_and_the_choice_to_the_findings() {
        let (all, fewer) = (Included::all(3), Included::all(3).with(1, false));
        let mut review = Review::default();
        review.tick(&all, (0, 2), true);
        review.tick(&all, (1, 0), true);
        review.choose(7, Some((0, 2)));
        assert!(review.is_reviewed(&all, (0, 2)) && !review.is_reviewed(&fewer, (0, 2)));
        assert_eq!((review.reviewed(&all, 0), review.reviewed(&fewer, 0)), (1, 0));
        assert_eq!((review.chosen(7), review.chosen(8)), (Some((0, 2)), None));
        review.tick(&all, (0, 2), false);
        assert_eq!((review.reviewed(&all, 0), review.reviewed(&all, 1)), (0, 1));
    }
}
