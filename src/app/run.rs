//! A segmentation that is under way, as the window sees it.

use super::{Document, Recorder, RunningJob, wording};
use crate::inference::{Event, Outcome, Placement, Preview, Settings, Step};
use crate::models::ModelCard;
use crate::volume::Roi;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;

/// Screen updates of the previews are at least this far apart, in seconds.
const PREVIEW_INTERVAL: f64 = 0.1;

/// What the worker said when it began.
#[derive(Clone, Debug)]
pub struct Started {
    pub device: String,
    pub roi: Roi,
    pub slices: Range<usize>,
    pub members: usize,
    pub steps: usize,
    /// Number of the first member, from 0.
    pub first: usize,
}

/// A member's newest estimate and where it belongs.
#[derive(Clone, Debug)]
pub struct LivePreview {
    /// The slice of the scan, and the axis of its voxels that it lies across.
    pub axis: usize,
    pub slice: usize,
    pub placement: Placement,
    pub step: usize,
    pub preview: Arc<Preview>,
}

pub struct Run {
    /// The document that it was started on.
    pub generation: u64,
    pub image_name: String,
    pub card: ModelCard,
    pub settings: Settings,
    /// The time point that is segmented, and how many the scan has.
    pub time: usize,
    pub time_points: usize,
    pub started: Option<Started>,
    /// Of the whole run, 0 to 1, never falling.
    pub fraction: f32,
    /// The newest step, its previews taken out.
    pub step: Option<Step>,
    pub cancelling: bool,
    /// The result that the samples are added to.
    pub more_of: Option<u64>,
    /// The view goes with the slice that is worked on until the person scrolls.
    pub follow: bool,
    /// What is on the screen, by member.
    pub previews: BTreeMap<usize, LivePreview>,
    /// Grows with every change of `previews`.
    pub preview_version: u64,
    waiting: BTreeMap<usize, LivePreview>,
    steps_seen: u64,
    shown_at: f64,
    /// Its steps, to be looked at again.
    pub(super) recorder: Recorder,
    /// For an audience: a step stays so many seconds.
    pace: Option<f64>,
    next_step: f64,
    /// A step that came before its time.
    early: Option<Event>,
    job: RunningJob,
}

/// How a run ended.
pub(super) enum End {
    Finished(Arc<Outcome>),
    Cancelled(Option<Arc<Outcome>>),
    Failed(String),
}

impl Run {
    pub(super) fn new(
        document: &Document,
        card: ModelCard,
        settings: Settings,
        job: RunningJob,
    ) -> Self {
        Self {
            generation: document.generation,
            image_name: document.origin.short_name(),
            recorder: Recorder::new(&card),
            pace: None,
            next_step: f64::NEG_INFINITY,
            early: None,
            card,
            settings,
            time: document.view.time,
            time_points: document.volume.times(),
            started: None,
            fraction: 0.0,
            step: None,
            cancelling: false,
            more_of: None,
            follow: true,
            previews: BTreeMap::new(),
            preview_version: 0,
            waiting: BTreeMap::new(),
            steps_seen: 0,
            shown_at: f64::NEG_INFINITY,
            job,
        }
    }

    /// Each step stays so many seconds on the screen, or as long as it takes.
    pub(super) fn set_pace(&mut self, pace: Option<f64>) {
        self.pace = pace;
    }

    pub(super) fn cancel(&mut self) {
        self.cancelling = true;
        (self.job.cancel)();
    }

    /// Takes in what the worker has said.
    pub(super) fn poll(&mut self, now: f64) -> Option<End> {
        loop {
            let event = match self.early.take() {
                Some(event) => Ok(event),
                None => self.job.events.try_recv(),
            };
            if let (Ok(Event::Step(_)), Some(pace), false) = (&event, self.pace, self.cancelling) {
                if now < self.next_step {
                    self.early = event.ok();
                    break;
                }
                self.next_step = now + pace;
            }
            match event {
                Ok(Event::Started { device, roi, slices, members, steps, first, .. }) => {
                    // Of the members before nothing more is heard.
                    self.waiting.clear();
                    self.started = Some(Started { device, roi, slices, members, steps, first });
                }
                Ok(Event::Step(step)) => self.take_step(step),
                Ok(Event::Late(mut step)) => {
                    for preview in std::mem::take(&mut step.previews) {
                        self.recorder.take(&step, Arc::new(preview));
                    }
                }
                Ok(Event::Finished(outcome)) => return Some(End::Finished(outcome)),
                Ok(Event::Cancelled(outcome)) => return Some(End::Cancelled(outcome)),
                Ok(Event::Failed(text)) => return Some(End::Failed(text)),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    let text = "the worker ended without an answer: start the run again; if it happens twice, choose the CPU or fewer members";
                    return Some(End::Failed(text.to_owned()));
                }
            }
        }
        if !self.waiting.is_empty() && now - self.shown_at >= PREVIEW_INTERVAL {
            self.previews.append(&mut self.waiting);
            self.preview_version += 1;
            self.shown_at = now;
        }
        None
    }

    /// Seconds until waiting previews may be shown.
    pub(super) fn next_poll(&self, now: f64) -> Option<f64> {
        let shown = (!self.waiting.is_empty()).then_some(self.shown_at + PREVIEW_INTERVAL);
        let step = self.early.as_ref().map(|_| self.next_step);
        shown.into_iter().chain(step).map(|at| (at - now).max(0.0)).reduce(f64::min)
    }

    fn take_step(&mut self, mut step: Step) {
        self.steps_seen += 1;
        if step.fraction.is_finite() {
            self.fraction = self.fraction.max(step.fraction.clamp(0.0, 1.0));
        }
        for preview in std::mem::take(&mut step.previews) {
            // A worker's slip must not become a wrong picture.
            let there = preview.there().is_some();
            if there || preview.here().is_some_and(|values| !values.is_empty()) {
                let member = preview.member;
                let preview = Arc::new(preview);
                if !there {
                    self.recorder.take(&step, preview.clone());
                }
                let Step { axis, slice, placement, step, .. } = step;
                let live = LivePreview { axis, slice, placement, step, preview };
                self.waiting.insert(member, live);
            }
        }
        self.step = Some(step);
    }

    /// The preview of the slice that is worked on.
    pub fn newest_preview(&self) -> Option<&LivePreview> {
        let slice = self.step.as_ref()?.slice;
        let of_slice = self.previews.values().find(|p| p.slice == slice);
        of_slice.or_else(|| self.previews.values().next_back())
    }

    /// Members and steps: what the worker draws, or what it was asked for.
    pub fn drawn(&self) -> (usize, usize) {
        let asked = (self.settings.members, self.settings.steps);
        self.started.as_ref().map_or(asked, |s| (s.members, s.steps))
    }

    /// Number of the first member that is drawn now, from 0.
    pub fn first(&self) -> usize {
        self.started.as_ref().map_or(self.settings.first, |s| s.first)
    }

    /// One line for the one bar.
    pub fn text(&self) -> String {
        if self.cancelling {
            return match self.card.volumes {
                true => "cancelling after this window".to_owned(),
                false => "cancelling after this step, finished samples are kept".to_owned(),
            };
        }
        let Some(step) = &self.step else {
            return match &self.started {
                None => "waiting for the model".to_owned(),
                Some(s) if self.card.volumes => wording::windows(1, s.steps),
                Some(_) => "looking at the image".to_owned(),
            };
        };
        let mut text = match step.whole {
            true => wording::windows(step.step, step.steps),
            false => wording::progress(step.slices_done, step.slices, step.step, step.steps),
        };
        if let Some(eta) = wording::eta(step.eta, self.steps_seen) {
            text.push_str(" · ");
            text.push_str(&eta);
        }
        text
    }
}
