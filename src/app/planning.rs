//! The few-view planner beside the open CT: which views, what they say of the plane under the crosshair,
//! and how it is looked at. Every change runs the job again; it ends by itself where nothing changes.

use super::engine::{Engine, RunningJob};
use super::{Document, Origin, Picture};
use crate::demo;
use crate::planner::{
    COLORS, Candidate, Estimate, Method, Plan, PlanEvent, PlanJob, STRUCTURES, Scores, blocker,
    classes_of, embedded, plane_of, plane_picture, views_picture,
};
use crate::projection::{Body, Rig, WATER};
use crate::volume::{Label, LabelTable, Window};
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;

/// Views on the dial at most.
pub const MOST_DIALLED: usize = 12;
const MEMBERS: usize = 10;
const STEPS: usize = 8;
const CANDIDATES: usize = 18;
/// Heights nearer than this are the same plane, mm.
const SAME_MM: f64 = 0.05;

/// What a person asks of the planner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PlanCommand {
    /// A view from this angle, degrees.
    Add(f64),
    Turn {
        view: usize,
        angle: f64,
    },
    Remove(usize),
    /// From what the plane is told.
    By(Method),
    /// The true slice in place of the estimate.
    Truth(bool),
    /// One sample alone, or their mean.
    Member(Option<usize>),
    /// Tries further angles.
    NextAngle,
}

/// What a plane is made of, in the words of the phantom or of a label map.
struct Known {
    body: Arc<Body>,
    /// Masks, and which structures are known.
    reference: Option<(Vec<f32>, Vec<bool>)>,
}

pub struct Planning {
    angles: Vec<f64>,
    method: Method,
    truth: bool,
    member: Option<usize>,
    next_angle: bool,
    rig: Option<Rig>,
    /// Image, labels and height that `known` is of.
    place: Option<(u64, usize, f64)>,
    known: Option<Known>,
    /// The job is not what was asked for any more.
    stale: bool,
    running: Option<RunningJob<PlanEvent>>,
    estimate: Option<Arc<Estimate>>,
    plan: Option<Arc<Plan>>,
    tried: Vec<Candidate>,
    why: Option<String>,
    shown: Option<Arc<Picture>>,
    views: Option<Arc<Picture>>,
}

impl Default for Planning {
    fn default() -> Self {
        Self {
            angles: vec![0.0, 90.0],
            method: Method::default(),
            truth: false,
            member: None,
            next_angle: false,
            rig: None,
            place: None,
            known: None,
            stale: true,
            running: None,
            estimate: None,
            plan: None,
            tried: Vec::new(),
            why: None,
            shown: None,
            views: None,
        }
    }
}

impl Planning {
    /// Degrees.
    pub fn angles(&self) -> &[f64] {
        &self.angles
    }

    pub fn method(&self) -> Method {
        self.method
    }

    /// Whether the true slice is shown.
    pub fn shows_truth(&self) -> bool {
        self.truth
    }

    /// The sample that is shown alone.
    pub fn member(&self) -> Option<usize> {
        self.member
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Why there is nothing to see.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    pub fn estimate(&self) -> Option<&Arc<Estimate>> {
        self.estimate.as_ref()
    }

    /// Further angles that were tried for the present views.
    pub fn tried(&self) -> &[Candidate] {
        &self.tried
    }

    /// The plane as it is shown, with the watermark, and the radiographs.
    pub fn pictures(&self) -> (Option<&Arc<Picture>>, Option<&Arc<Picture>>) {
        (self.shown.as_ref(), self.views.as_ref())
    }

    /// Dice of each structure that the labels know and of the mean, by the shown method; `None`
    /// without labels, or before there is anything.
    pub fn dice(&self) -> Option<Vec<(&'static str, Option<f64>)>> {
        let (masks, known) = self.known.as_ref()?.reference.as_ref()?;
        let told = self.told()?;
        let mut scores = Scores::default();
        scores.add(&told, masks);
        let all = scores.dice().into_iter().zip(STRUCTURES).zip(known);
        Some(all.filter(|(_, known)| **known).map(|((d, name), _)| (name, d)).collect())
    }

    /// Names and colours of what the plane is told apart into.
    pub fn structures() -> impl Iterator<Item = (&'static str, [u8; 3])> {
        STRUCTURES.into_iter().zip(COLORS)
    }

    /// Whether labels say what is there.
    pub fn has_reference(&self) -> bool {
        self.known.as_ref().is_some_and(|k| k.reference.is_some())
    }

    /// Probabilities or masks of the shown method.
    fn told(&self) -> Option<Vec<f32>> {
        match self.method {
            Method::Members => {
                let plan = self.plan.as_ref()?;
                match self.member.and_then(|m| plan.members.get(m)) {
                    Some(member) => Some(member.probability.clone()),
                    None => Some(plan.spread.mean.clone()).filter(|m| !m.is_empty()),
                }
            }
            method => self.estimate.as_ref()?.thresholded(method),
        }
    }

    pub(super) fn apply(&mut self, command: PlanCommand) {
        let changed = match command {
            PlanCommand::Add(angle) if self.angles.len() < MOST_DIALLED && angle.is_finite() => {
                self.angles.push(angle.rem_euclid(360.0));
                true
            }
            PlanCommand::Turn { view, angle } if angle.is_finite() => {
                match self.angles.get_mut(view) {
                    Some(slot) => std::mem::replace(slot, angle.rem_euclid(360.0)) != angle,
                    None => false,
                }
            }
            PlanCommand::Remove(view) if self.angles.len() > 1 && view < self.angles.len() => {
                self.angles.remove(view);
                true
            }
            PlanCommand::By(method) => {
                self.method = method;
                false
            }
            PlanCommand::Truth(on) => {
                self.truth = on;
                false
            }
            PlanCommand::Member(member) => {
                self.member = member;
                false
            }
            PlanCommand::NextAngle => {
                (self.next_angle, self.stale) = (true, true);
                false
            }
            PlanCommand::Add(_) | PlanCommand::Turn { .. } | PlanCommand::Remove(_) => false,
        };
        if changed {
            self.stale = true;
            self.tried.clear();
        }
        self.draw();
    }

    /// Lets everything go that belongs to an image.
    pub(super) fn leave_image(&mut self) {
        let (angles, method) = (std::mem::take(&mut self.angles), self.method);
        self.stop();
        *self = Self { angles, method, rig: self.rig, ..Self::default() };
    }

    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            (running.cancel)();
        }
    }

    /// The plane under the crosshair, if it is another one.
    fn follow(&mut self, document: &Document) -> Result<(), String> {
        let labels = document.labels.as_ref().map_or(0, |l| Arc::as_ptr(l) as usize);
        let head = document.view.world[2];
        let same = |(g, l, h): (u64, usize, f64)| {
            g == document.generation && l == labels && (h - head).abs() < SAME_MM
        };
        if self.place.is_some_and(same) {
            return Ok(());
        }
        self.place = Some((document.generation, labels, head));
        (self.known, self.stale) = (None, true);
        (self.plan, self.estimate, self.shown, self.views) = (None, None, None, None);
        self.tried.clear();
        if let Some(why) = blocker(&document.volume) {
            return Err(why.to_owned());
        }
        let network = embedded().map_err(|e| e.to_string())?;
        let (rig, grid) = (*network.rig(), *network.grid());
        let (frame, body) = plane_of(&document.volume, document.view.time, head, &rig)?;
        let reference = match (&document.labels, &document.truth, &document.origin) {
            (Some(layer), ..) => {
                Some(classes_of(&layer.mask.map, &layer.mask.table, &frame, &grid))
            }
            (None, Some(truth), Origin::Demo(title)) if is_thorax(title) => {
                Some(classes_of(truth, &phantom_table(), &frame, &grid))
            }
            _ => None,
        };
        let reference = reference.filter(|(_, known)| known.contains(&true));
        self.known = Some(Known { body: Arc::new(body), reference });
        self.rig = Some(rig);
        Ok(())
    }

    /// Starts what is to be seen now, unless it is under way.
    pub(super) fn run(&mut self, document: &Document, engine: &mut dyn Engine) {
        if let Err(why) = self.follow(document) {
            self.stop();
            self.why = Some(why);
            self.stale = false;
        }
        let Some(known) = self.known.as_ref().filter(|_| self.stale) else { return };
        let candidates = if std::mem::take(&mut self.next_angle) { CANDIDATES } else { 0 };
        let job = PlanJob {
            body: known.body.clone(),
            angles: self.angles.clone(),
            members: MEMBERS,
            steps: STEPS,
            seed: 1,
            candidates,
        };
        self.stop();
        if candidates > 0 {
            self.tried.clear();
        }
        self.stale = false;
        match engine.plan(job) {
            Ok(running) => (self.running, self.why) = (Some(running), None),
            Err(why) => self.why = Some(why),
        }
    }

    /// Takes in what the job has found; whether anything is new.
    pub(super) fn poll(&mut self) {
        let mut fresh = false;
        while let Some(running) = &self.running {
            let event = match running.events.try_recv() {
                Ok(event) => event,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => PlanEvent::Cancelled,
            };
            fresh = true;
            match event {
                PlanEvent::Lifted(estimate) => {
                    self.views =
                        self.rig.map(|rig| picture(&views_picture(&estimate.lines, rig.pixels)));
                    self.estimate = Some(estimate);
                }
                PlanEvent::Members(plan) => self.plan = Some(plan),
                PlanEvent::Tried(candidate) => self.tried.push(candidate),
                PlanEvent::Finished(plan) => (self.plan, self.running) = (Some(plan), None),
                PlanEvent::Cancelled => self.running = None,
                PlanEvent::Failed(why) => (self.why, self.running) = (Some(why), None),
            }
        }
        if fresh {
            self.draw();
        }
    }

    /// The picture of what is to be shown.
    fn draw(&mut self) {
        let Some(estimate) = self.estimate.clone() else { return };
        let tissue = Window::from_range(0.0, 1.6 * WATER);
        let told = self.told().unwrap_or_default();
        let drawn = if self.truth {
            plane_picture(&estimate.truth, tissue, &[], &[], &[])
        } else {
            match self.method {
                Method::Lifted => {
                    plane_picture(&estimate.lifted, Window::from_range(0.0, 1.0), &[], &[], &[])
                }
                Method::Fbp => plane_picture(&estimate.fbp, tissue, &told, &COLORS, &[]),
                Method::Sirt => plane_picture(&estimate.sirt, tissue, &told, &COLORS, &[]),
                Method::Members => {
                    let all = self.plan.as_ref().filter(|_| self.member.is_none());
                    let doubt = all.map_or(&[][..], |p| &p.spread.entropy);
                    plane_picture(&estimate.sirt, tissue, &told, &COLORS, doubt)
                }
            }
        };
        self.shown = Some(picture(&drawn));
    }
}

fn picture(drawn: &crate::planner::Picture) -> Arc<Picture> {
    let [width, height] = drawn.size;
    let rgb = drawn.rgba.chunks(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    Arc::new(Picture { width, height, rgb })
}

fn is_thorax(title: &str) -> bool {
    demo::all().iter().any(|d| d.name == "thorax" && d.title == title)
}

/// The phantom's own labels.
fn phantom_table() -> LabelTable {
    let label = |(i, name): (usize, &&str)| Label {
        value: i as u16 + 1,
        number: i as u32 + 1,
        name: (*name).to_owned(),
        color: COLORS[i],
    };
    LabelTable(STRUCTURES.iter().enumerate().map(label).collect())
}
