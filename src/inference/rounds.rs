//! Members after members: until more of them would not change the summary, or some more to those that
//! there are. Members are numbered on, each with the seed that it has in one large run.

use super::{Engine, Event, InferenceError, Job, Member, Outcome, Settings, StageTimes};
use crate::ensemble::{Ensemble, EnsembleError, StopRule};
use std::sync::atomic::AtomicBool;

/// Members that are drawn between two looks at the rule.
const ROUND: usize = 5;

/// Why two outcomes are not one ensemble.
#[derive(Debug, thiserror::Error)]
#[error("the samples cannot be put together: {0} differs; draw them anew with the same settings")]
pub struct Apart(&'static str);

impl Outcome {
    /// One outcome with the members of this one and those of a later one, which were drawn as these.
    ///
    /// # Errors
    /// If the two differ in more than their members: model, image, region, or how they were drawn.
    pub fn joined(mut self, later: Self) -> Result<Self, Apart> {
        let how = |s: &Settings| Settings { members: 0, first: 0, until: None, ..s.clone() };
        let differs = [
            (self.model.sha256 != later.model.sha256, "the model"),
            (self.source != later.source || self.time != later.time, "the image"),
            ((self.roi, &self.slices) != (later.roi, &later.slices), "the region"),
            (how(&self.settings) != how(&later.settings), "the way of drawing"),
            (self.members.len() != later.settings.first, "the number of samples before"),
            (self.deterministic || later.deterministic, "one deterministic mask, which"),
        ];
        if let Some((_, what)) = differs.into_iter().find(|(differs, _)| *differs) {
            return Err(Apart(what));
        }
        self.members.extend(later.members);
        self.settings.members = self.members.len();
        self.settings.until = None;
        for notice in later.notices {
            if !self.notices.contains(&notice) {
                self.notices.push(notice);
            }
        }
        self.doubt = self.doubt.or(later.doubt);
        let (a, b) = (self.times, later.times);
        self.times = StageTimes {
            load_s: a.load_s + b.load_s,
            prepare_s: a.prepare_s + b.prepare_s,
            condition_s: a.condition_s + b.condition_s,
            sample_s: a.sample_s + b.sample_s,
            restore_s: a.restore_s + b.restore_s,
            total_s: a.total_s + b.total_s,
        };
        Ok(self)
    }

    /// The first number of members after which drawing may stop.
    ///
    /// # Errors
    /// If the masks do not have the size that they should.
    pub fn stops_at(&self, rule: &StopRule) -> Result<Option<usize>, EnsembleError> {
        let classes = self.model.classes.len();
        let voxels = self.block_shape().iter().product();
        let all = Ensemble::from_soft(&self.soft_members(), classes, self.model.kind, voxels)?;
        // In voxels: the rule knows relative changes alone.
        let curves: Vec<_> = (0..classes).map(|c| all.convergence_as_drawn(c, 1.0)).collect();
        Ok(rule.stops_at(&curves))
    }
}

impl Engine {
    /// Draws until the rule holds or allows no more. Members beyond the one at which it held are not
    /// kept, so that the result does not depend on how many were drawn at once.
    pub(super) fn run_until(
        &mut self,
        job: &Job,
        rule: &StopRule,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(Option<Outcome>, bool), InferenceError> {
        let most = rule.maximum.max(1);
        let mut sum: Option<Outcome> = None;
        loop {
            let first = sum.as_ref().map_or(0, |o| o.members.len());
            let wanted = if first == 0 { rule.minimum.max(1) } else { ROUND };
            let members = wanted.min(most - first);
            let mut round = job.clone();
            round.settings = Settings { members, first, until: None, ..job.settings.clone() };
            let on_round = &mut |event| on_event(of_whole(event, first, members, most));
            let (drawn, cancelled) = self.run_once(&round, cancel, on_round)?;
            let Some(mut drawn) = drawn else { return Ok((sum, cancelled)) };
            if drawn.deterministic {
                return Ok((Some(drawn), cancelled));
            }
            drawn.members.iter_mut().for_each(|m: &mut Member| m.index += first);
            let mut outcome = match sum.take() {
                None => drawn,
                // A round that was cancelled half-way through a scan has fewer slices.
                Some(before) if cancelled && before.slices != drawn.slices => before,
                Some(before) => before.joined(drawn).map_err(|e| refused(&e.to_string()))?,
            };
            outcome.settings.until = Some(Box::new(rule.clone()));
            let stop = outcome.stops_at(rule).map_err(|e| refused(&e.to_string()))?;
            if let Some(stop) = stop {
                outcome.members.truncate(stop);
                outcome.settings.members = stop;
            }
            if cancelled || stop.is_some() || outcome.members.len() >= most {
                return Ok((Some(outcome), cancelled));
            }
            sum = Some(outcome);
        }
    }
}

fn refused(what: &str) -> InferenceError {
    InferenceError::Settings {
        what: "members",
        found: what.to_owned(),
        expected: "samples of one kind".to_owned(),
    }
}

/// An event of a round as one of the whole: how far it is of the most that may be drawn, which never
/// falls; how long it takes nobody knows.
fn of_whole(event: Event, first: usize, members: usize, most: usize) -> Event {
    match event {
        Event::Step(mut step) => {
            let done = first as f32 + step.fraction * members as f32;
            step.fraction = done / most as f32;
            step.eta = None;
            Event::Step(step)
        }
        other => other,
    }
}
