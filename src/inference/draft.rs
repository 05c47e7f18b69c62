//! The masks of a run as they fill up, its clock, and what the window hears of it.

use super::{
    Agenda, Estimates, Event, Masks, Member, Placement, Prepared, Preview, Sink, StageTimes, Step,
    There, Values,
};
use rayon::prelude::*;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A run that is under way. Soft masks are `[K, model slices, h, w]`, on the region's pixels in the
/// model's directions.
pub(super) struct Draft<'a> {
    prepared: &'a Prepared,
    agenda: &'a Agenda,
    classes: usize,
    cancel: &'a AtomicBool,
    on_event: &'a mut dyn FnMut(Event),
    placement: Placement,
    pub(super) direct: Vec<u8>,
    pub(super) members: Vec<Member>,
    pub(super) times: StageTimes,
    /// Of each slice that the network has looked at.
    pub(super) features: Vec<Vec<f32>>,
    /// Members whose masks of the unit that is being drawn are finished.
    pub(super) members_done: Vec<usize>,
    start: Instant,
    /// Steps of slices.
    done: usize,
    total: usize,
    /// Steps that were heard of.
    heard: usize,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        prepared: &'a Prepared,
        agenda: &'a Agenda,
        classes: usize,
        cancel: &'a AtomicBool,
        on_event: &'a mut dyn FnMut(Event),
    ) -> Self {
        let empty =
            || vec![0; classes * prepared.slices() * prepared.plane().iter().product::<usize>()];
        let member = |(index, &seed)| Member { index, seed, soft: empty() };
        Self {
            prepared,
            agenda,
            classes,
            cancel,
            on_event,
            placement: prepared.stored_placement(),
            direct: empty(),
            members: agenda.seeds.iter().enumerate().map(member).collect(),
            times: StageTimes::default(),
            features: Vec::new(),
            members_done: Vec::new(),
            start: Instant::now(),
            done: 0,
            total: prepared.slices() * agenda.batches().len().max(1) * agenda.steps,
            heard: 0,
        }
    }

    /// What is shown of a step, in the scan's own directions.
    fn previews(&self, members: &[usize], masks: &Masks) -> Vec<Preview> {
        let ([width, height], classes, prepared) =
            (self.placement.size(), self.classes, self.prepared);
        let preview = |(i, values): (usize, Values)| Preview {
            member: members.get(i).copied().unwrap_or(i),
            width,
            height,
            classes,
            values,
        };
        match masks {
            Masks::Here(probability) => {
                let here = |probability: &Vec<f32>| {
                    let seen: Vec<u8> = probability.iter().map(|&p| byte(p)).collect();
                    Values::Here(prepared.stored_canvas(&seen))
                };
                probability.par_iter().map(here).enumerate().map(preview).collect()
            }
            Masks::There(kept, start) => {
                let (first, steps) = prepared.stored_steps();
                let there = |i: usize| {
                    let first = start + i * classes * width * height + first;
                    Values::There(There { kept: kept.clone(), first, steps })
                };
                (0..members.len()).map(there).enumerate().map(preview).collect()
            }
        }
    }

    /// Where the run stands after a step of this unit.
    fn step_of(&self, unit: &Range<usize>, estimates: &Estimates) -> Step {
        let elapsed = self.start.elapsed();
        let left = self.total.saturating_sub(self.done) as f64 / self.done.max(1) as f64;
        Step {
            axis: self.prepared.axis(),
            slice: self.prepared.scan_slice(estimates.slice),
            placement: self.placement,
            slices_done: unit.start,
            slices: self.prepared.slices(),
            step: estimates.step + 1,
            steps: self.agenda.steps,
            whole: self.agenda.whole,
            t: estimates.t,
            // A batch that is begun anew on another device is counted twice.
            fraction: (self.done as f32 / self.total.max(1) as f32).min(1.0),
            elapsed,
            eta: (self.heard >= 2).then(|| Duration::from_secs_f64(elapsed.as_secs_f64() * left)),
            previews: self.previews(&estimates.members, &estimates.masks),
        }
    }

    /// Puts slices `[K, canvas, canvas]` of probabilities on the region's pixels.
    fn put(&mut self, to: Option<usize>, unit: &Range<usize>, probability: &[f32]) {
        let at = Instant::now();
        let soft = match to {
            Some(member) => &mut self.members[member].soft,
            None => &mut self.direct,
        };
        let (area, slices) =
            (self.prepared.plane().iter().product::<usize>(), self.prepared.slices());
        let planes = probability.chunks(probability.len() / (unit.len() * self.classes));
        for (i, plane) in planes.enumerate() {
            let (k, class) = (unit.start + i / self.classes, i % self.classes);
            let restored = self.prepared.enlarge(plane);
            let to = &mut soft[(class * slices + k) * area..][..area];
            to.iter_mut().zip(restored).for_each(|(to, p)| *to = byte(p));
        }
        self.times.restore_s += at.elapsed().as_secs_f64();
    }
}

fn byte(probability: f32) -> u8 {
    (probability * 255.0).round().clamp(0.0, 255.0) as u8
}

impl Sink for Draft<'_> {
    fn step(&mut self, unit: &Range<usize>, estimates: Estimates) -> ControlFlow<()> {
        self.done += unit.len();
        self.heard += 1;
        let step = self.step_of(unit, &estimates);
        (self.on_event)(Event::Step(step));
        if self.cancel.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn late(&mut self, unit: &Range<usize>, estimates: Estimates) {
        let step = self.step_of(unit, &estimates);
        (self.on_event)(Event::Late(step));
    }

    fn direct(&mut self, unit: &Range<usize>, probability: &[f32]) {
        self.members_done.clear();
        self.put(None, unit, probability);
    }

    fn features(&mut self, slices: &[Vec<f32>]) {
        self.features.extend_from_slice(slices);
    }

    fn member(&mut self, index: usize, unit: &Range<usize>, probability: &[f32]) {
        self.put(Some(index), unit, probability);
        self.members_done.push(index);
    }

    fn times(&mut self) -> &mut StageTimes {
        &mut self.times
    }
}
