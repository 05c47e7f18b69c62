//! Runs one job: load, check, prepare, draw unit after unit, restore.

use super::doubt;
use super::draft::Draft;
use super::{
    DeviceChoice, Event, InferenceError, Job, Loaded, Member, ModelInput, ModelRef, Outcome, Place,
    Prepared, Request, StageTimes, Steering,
};
use crate::diffusion::member_seed;
use crate::gpu::Window;
use crate::models::ModelError;
use crate::volume::{Block, Notice, Roi};
use candle_core::Device;
use rayon::prelude::*;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Where models come from: an identifier, and the device that they run on.
pub type Loader = Arc<dyn Fn(&str, &Device) -> Result<Loaded, ModelError> + Send + Sync>;

/// Owns the loaded models; one per worker thread.
pub struct Engine {
    loader: Loader,
    /// The window that is drawn beside the runs, if one is.
    window: Option<Window>,
    places: HashMap<DeviceChoice, Place>,
    /// By identifier, and the name of the device; with whether they run on its processor.
    loaded: HashMap<(String, String), (Loaded, bool)>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::with(Arc::new(Loaded::from_registry))
    }
}

impl Engine {
    pub fn new() -> Self {
        Self::default()
    }

    /// With models from elsewhere than the registry.
    pub fn with(loader: Loader) -> Self {
        Self { loader, window: None, places: HashMap::new(), loaded: HashMap::new() }
    }

    /// A new one with models from the same place, beside the same window.
    pub fn renewed(&self) -> Self {
        Self { window: self.window.clone(), ..Self::with(self.loader.clone()) }
    }

    /// Runs on graphics cards share this window's device from now on, if a card draws it.
    pub fn beside(&mut self, window: Window) {
        self.window = Some(window);
        self.leave(DeviceChoice::Gpu);
        // A choice that has come to the CPU stays there.
        if self.places.get(&DeviceChoice::Auto).is_some_and(|place| place.processor.is_some()) {
            self.leave(DeviceChoice::Auto);
        }
    }

    /// From now on this choice means that place.
    pub fn put(&mut self, choice: DeviceChoice, place: Place) {
        self.leave(choice);
        self.places.insert(choice, place);
    }

    /// The loaded model, where it runs, and a line if that is not where it should.
    fn model(
        &mut self,
        id: &str,
        choice: DeviceChoice,
    ) -> Result<(&mut Loaded, Place, Option<Notice>), InferenceError> {
        let place = match self.places.entry(choice) {
            Entry::Occupied(e) => e.into_mut(),
            Entry::Vacant(e) => e.insert(Place::open_beside(choice, self.window.as_ref())?),
        };
        let (loaded, on_processor) = match self.loaded.entry((id.to_owned(), place.name.clone())) {
            Entry::Occupied(e) => e.into_mut(),
            Entry::Vacant(e) => {
                let mut loaded = (self.loader)(id, &place.device)?;
                let processor = place.processor.as_ref();
                let on_processor = processor.is_some_and(|p| loaded.segmenter.run_on(p));
                e.insert((loaded, on_processor))
            }
        };
        let mut place = place.clone();
        let stayed = if *on_processor { None } else { place.stay() };
        Ok((loaded, place, stayed))
    }

    /// Lets go of a place that failed, so that a later run opens it anew.
    fn leave(&mut self, choice: DeviceChoice) {
        if let Some(place) = self.places.remove(&choice) {
            self.loaded.retain(|(_, name), _| *name != place.name);
        }
    }

    /// Whether a model says what its training pictures look like, so that a run tells the [`Fit`] of a scan.
    ///
    /// # Errors
    /// If it cannot be loaded.
    ///
    /// [`Fit`]: crate::models::Fit
    pub fn is_familiar(&mut self, id: &str) -> Result<bool, InferenceError> {
        Ok(self.model(id, DeviceChoice::default())?.0.familiarity.is_some())
    }

    /// Runs `job`; tells `on_event` of the start and each step. Ends with the outcome and whether it
    /// was cancelled; a cancelled one holds the slices that were finished, or of a single slice
    /// the members, and is `None` if there are none.
    ///
    /// # Errors
    /// If the settings do not fit the volume or the model, or the network fails.
    pub fn run(
        &mut self,
        job: &Job,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(Option<Outcome>, bool), InferenceError> {
        match &job.settings.until {
            Some(rule) if !job.settings.instant => self.run_until(job, rule, cancel, on_event),
            _ => {
                let (mut outcome, cancelled) = self.run_once(job, cancel, on_event)?;
                let first = job.settings.first;
                let members = outcome.iter_mut().flat_map(|o| &mut o.members);
                members.for_each(|m| m.index += first);
                Ok((outcome, cancelled))
            }
        }
    }

    /// Members of a given number, numbered from 0.
    pub(super) fn run_once(
        &mut self,
        job: &Job,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(Option<Outcome>, bool), InferenceError> {
        let start = Instant::now();
        let (Loaded { card, scaling, familiarity, segmenter, .. }, place, stayed) =
            self.model(&job.model, job.settings.device)?;
        let load_s = start.elapsed().as_secs_f64();
        let (roi, slices) = check(job)?;
        let block = Block {
            origin: [roi.x, roi.y, slices.start],
            shape: [roi.width, roi.height, slices.len()],
        };
        let geometry = job.volume.geometry();
        let prepared = Prepared::new(geometry, &block, &card.input, card.size);
        let input = ModelInput::new(&job.volume, job.time, &prepared, &card.input, card.channels);
        let steer = &job.settings.steer;
        steer.check(geometry, &block, card.classes.len())?;
        let steering = (!steer.is_empty()).then(|| {
            let classes = (card.classes.as_slice(), card.kind);
            Steering::new(steer, (geometry, &block), &prepared, classes, |refine| {
                refine.time(segmenter.schedule())
            })
        });
        let request = Request {
            prepared: &prepared,
            input: &input,
            settings: &job.settings,
            steering: steering.as_ref(),
        };
        let agenda = segmenter.plan(&request)?;
        if agenda.is_deterministic() && steering.is_some() {
            return Err(InferenceError::Settings {
                what: "steering",
                found: "one mask drawn at once".to_owned(),
                expected: "samples, which a model with a diffusion part draws".to_owned(),
            });
        }
        on_event(Event::Started {
            device: place.name.clone(),
            roi,
            slices,
            members: agenda.seeds.len().max(1),
            steps: agenda.steps,
            batch: agenda.batch,
            first: job.settings.first,
        });
        let classes = card.classes.len();
        let mut draft = Draft::new(&prepared, &agenda, classes, cancel, on_event);
        let mut done = 0;
        for unit in &agenda.units {
            if segmenter.draw(&request, &agenda, unit, &mut draft)?.is_break() {
                break;
            }
            done = unit.end;
        }
        let Draft { mut direct, mut members, mut times, features, members_done, .. } = draft;
        let cancelled = done < prepared.slices();
        // Of a single slice the members that were finished are kept, else the slices.
        if cancelled && prepared.slices() == 1 && !members_done.is_empty() {
            members.retain(|m| members_done.contains(&m.index));
            done = 1;
        }
        let Some(finished) = prepared.finished(done) else { return Ok((None, cancelled)) };
        let at = Instant::now();
        direct = prepared.restore(&direct, done);
        members.par_iter_mut().for_each(|member| {
            member.soft = prepared.restore(&member.soft, done);
            if let Some(steering) = &steering {
                steering.put(&mut member.soft, &finished);
            }
        });
        if agenda.is_deterministic() {
            let seed = member_seed(job.settings.seed, 0);
            members.push(Member { index: 0, seed, soft: direct.clone() });
        }
        times.restore_s += at.elapsed().as_secs_f64();
        times = StageTimes { load_s, total_s: start.elapsed().as_secs_f64(), ..times };
        let fit = familiarity.as_ref().and_then(|f| f.fit(&features));
        let mut doubts: Vec<String> = doubt::doubt(card, &job.volume).into_iter().collect();
        doubts.extend(fit.as_ref().and_then(doubt::unlike));
        if !cancelled {
            let majority = doubt::Majority::new(&members, classes, finished.shape, prepared.axis());
            doubts.extend(doubt::implausible(card, &majority));
        }
        let mut notices = job.volume.notices.clone();
        notices.extend(prepared.notices.iter().chain(&agenda.notices).cloned());
        notices.extend(steer.words().map(Notice::note));
        notices.extend(doubts.iter().map(Notice::amber));
        let (device, fell) = place.after();
        notices.extend(stayed.into_iter().chain(fell.clone()));
        let outcome = Outcome {
            model: ModelRef {
                id: card.id.clone(),
                sha256: card.sha256.to_string(),
                classes: card.classes.clone(),
                kind: card.kind,
                scaling: scaling.clone(),
                networks: agenda.networks,
            },
            settings: job.settings.clone(),
            source: job.volume.source.clone(),
            time: job.time,
            time_points: job.volume.times(),
            notices,
            doubt: doubts.into_iter().next(),
            fit,
            deterministic: agenda.is_deterministic(),
            geometry: geometry.clone(),
            roi: finished.roi(),
            slices: finished.along(2),
            members,
            direct,
            device,
            times,
        };
        if fell.is_some() {
            let choice = job.settings.device;
            self.leave(choice);
            if choice == DeviceChoice::Auto {
                // A card that nobody asked for is not tried again.
                self.places.insert(choice, Place::open(DeviceChoice::Cpu)?);
            }
        }
        Ok((Some(outcome), cancelled))
    }
}

/// The region of a job whose settings fit the volume.
fn check(job: &Job) -> Result<(Roi, Range<usize>), InferenceError> {
    let refuse = |what, found: String, expected: String| {
        Err(InferenceError::Settings { what, found, expected })
    };
    let s = &job.settings;
    let geometry = job.volume.geometry();
    let [w, h, depth] = geometry.shape();
    if s.members == 0 || s.members > 1000 {
        return refuse("members", s.members.to_string(), "1 to 1000".to_owned());
    }
    if job.time >= job.volume.times() {
        let expected = format!("0 to {}", job.volume.times() - 1);
        return refuse("time point", job.time.to_string(), expected);
    }
    let slices = s.slices.clone().unwrap_or(0..depth);
    if slices.is_empty() || slices.end > depth {
        let found = format!("{} to {}", slices.start, slices.end);
        return refuse("slices", found, format!("a part of 0 to {depth}"));
    }
    let roi = s.roi.unwrap_or_else(|| Roi::full(geometry));
    if !roi.fits(geometry) {
        let Roi { x, y, width, height } = roi;
        let found = format!("{width} x {height} pixels from {x}, {y}");
        return refuse("region", found, format!("a part of {w} x {h} pixels"));
    }
    Ok((roi, slices))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::Settings;
    use crate::volume::{Geometry, Modality, Volume, Voxels};
    use std::sync::atomic::Ordering;

    const MODEL: &str = "fundus-disc-cup";

    /// A bright disc with a brighter middle on a darker ground, on `slices` slices.
    fn picture(width: usize, height: usize, slices: usize) -> Arc<Volume> {
        let pixel = |i: usize| {
            let (x, y) = ((i % width) as f64, (i / width % height) as f64);
            let r = (x - width as f64 * 0.5).hypot(y - height as f64 * 0.5) / height as f64;
            match r {
                r if r < 0.12 => [235, 190, 120],
                r if r < 0.27 => [215, 125, 60],
                _ => [130, 65, 30],
            }
        };
        let pixels = (0..width * height * slices).map(pixel).collect();
        let geometry = Geometry::picture(width, height, slices).unwrap();
        let mut volume = Volume::new(geometry, 1, Voxels::Rgb8(pixels)).unwrap();
        volume.modality = Modality::Fundus;
        Arc::new(volume)
    }

    fn job(volume: Arc<Volume>, members: usize, steps: usize) -> Job {
        let settings =
            Settings { members, steps, device: DeviceChoice::Cpu, ..Settings::default() };
        Job { volume, time: 0, model: MODEL.to_owned(), settings }
    }

    fn run(engine: &mut Engine, job: &Job) -> Outcome {
        let (outcome, cancelled) = engine.run(job, &AtomicBool::new(false), &mut |_| {}).unwrap();
        assert!(!cancelled);
        outcome.unwrap()
    }

    #[test]
    fn a_member_is_the_same_alone_in_a_batch_and_again() {
        let mut engine = Engine::new();
        let image = picture(96, 80, 1);
        let three = run(&mut engine, &job(image.clone(), 3, 2));
        assert_eq!(three.block_shape(), [96, 80, 1]);
        assert_eq!(three.members[0].soft.len(), 2 * 96 * 80);
        assert_ne!(three.members[0].soft, three.members[1].soft);
        let one = run(&mut engine, &job(image.clone(), 1, 2));
        let apart = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(apart(&one.members[0].soft, &three.members[0].soft) <= Some(1));
        let again = run(&mut Engine::new(), &job(image, 3, 2));
        for (a, b) in three.members.iter().zip(&again.members) {
            assert_eq!(a.soft, b.soft);
        }
        assert_eq!(three.direct, again.direct);
    }

    /// More slices than are drawn together.
    const MANY: usize = 24;

    #[test]
    fn slices_are_drawn_together_and_previews_show_every_member() {
        let (mut fractions, mut started, mut units) = (Vec::new(), false, Vec::new());
        let job = job(picture(64, 64, MANY), 2, 2);
        let on_event = &mut |event| match event {
            Event::Started { steps: 2, members: 2, .. } => started = true,
            Event::Step(step) => {
                assert_eq!(step.previews.len(), 2);
                assert!(step.slices_done <= step.slice && step.slice < MANY);
                fractions.push(step.fraction);
                units.push(step.slices_done);
            }
            _ => {}
        };
        let mut engine = Engine::new();
        let (outcome, _) = engine.run(&job, &AtomicBool::new(false), on_event).unwrap();
        assert!(started && fractions.windows(2).all(|w| w[0] < w[1]));
        assert_eq!(fractions.last(), Some(&1.0));
        assert_eq!(units.len() % 2, 0);
        units.dedup();
        assert!(1 < units.len() && units.len() < MANY, "{units:?}");
        let outcome = outcome.unwrap();
        // Equal slices and shared noise give equal masks, drawn together or not.
        let slice = 64 * 64;
        let soft = &outcome.members[1].soft[..slice * MANY];
        assert!(soft.chunks(slice).all(|s| *s == soft[..slice]));
    }

    #[test]
    fn cancelling_ends_within_a_step_and_keeps_finished_slices() {
        let cancel = AtomicBool::new(false);
        let (mut steps, mut finished) = (0, 0);
        let on_event = &mut |event| {
            if let Event::Step(step) = event {
                steps += 1;
                finished = step.slices_done;
                cancel.store(steps == 3, Ordering::Relaxed);
            }
        };
        let mut engine = Engine::new();
        let (outcome, cancelled) =
            engine.run(&job(picture(64, 64, MANY), 2, 2), &cancel, on_event).unwrap();
        assert!(cancelled && finished > 0);
        let outcome = outcome.unwrap();
        assert_eq!(outcome.slices, 0..finished);
        assert_eq!(outcome.members[0].soft.len(), 2 * 64 * 64 * finished);
        assert_eq!(steps, 3);
    }

    /// Float sums depend on how many are drawn together, so a value may differ by one of 255.
    fn alike(a: &Outcome, b: &Outcome) {
        assert_eq!(a.members.len(), b.members.len());
        for (a, b) in a.members.iter().zip(&b.members) {
            assert_eq!((a.index, a.seed), (b.index, b.seed));
            assert!(a.soft.iter().zip(&b.soft).all(|(a, b)| a.abs_diff(*b) <= 1), "{}", a.index);
        }
    }

    #[test]
    fn members_that_are_added_later_are_those_of_one_larger_run() {
        let mut engine = Engine::new();
        let all = job(picture(64, 64, 1), 5, 2);
        let larger = run(&mut engine, &all);
        let part = |engine: &mut Engine, first, members| {
            let mut job = all.clone();
            (job.settings.first, job.settings.members) = (first, members);
            run(engine, &job)
        };
        let three = part(&mut engine, 0, 3);
        let joined = three.clone().joined(part(&mut engine, 3, 2)).unwrap();
        alike(&joined, &larger);
        assert_eq!(joined.settings, larger.settings);
        // Two that do not belong together are not joined.
        let wrong = part(&mut engine, 2, 2);
        assert!(three.clone().joined(wrong).unwrap_err().to_string().contains("samples before"));
        let mut other = all.clone();
        other.settings = Settings { first: 3, members: 1, steps: 3, ..other.settings };
        let other = run(&mut engine, &other);
        assert!(three.joined(other).unwrap_err().to_string().contains("way of drawing"));
    }

    #[test]
    fn drawing_until_stable_stops_by_the_rule_and_at_the_most() {
        use crate::ensemble::StopRule;
        let mut engine = Engine::new();
        let mut job = job(picture(48, 48, 1), 1, 1);
        let loose = StopRule { minimum: 4, window: 3, threshold: 10.0, ..StopRule::default() };
        job.settings.until = Some(Box::new(loose.clone()));
        let mut fractions = Vec::new();
        let on_event = &mut |event| {
            if let Event::Step(step) = event {
                fractions.push(step.fraction);
            }
        };
        let (outcome, cancelled) = engine.run(&job, &AtomicBool::new(false), on_event).unwrap();
        let outcome = outcome.unwrap();
        // Dice is defined from two members on: a window of three has its first value at five.
        assert_eq!((outcome.members.len(), outcome.settings.members, cancelled), (5, 5, false));
        assert!(fractions.windows(2).all(|w| w[0] < w[1]), "{fractions:?}");
        let mut fixed = job.clone();
        fixed.settings = Settings { members: 5, until: None, ..job.settings.clone() };
        alike(&outcome, &run(&mut engine, &fixed));
        job.settings.until = Some(Box::new(StopRule { threshold: -1.0, maximum: 7, ..loose }));
        assert_eq!(run(&mut engine, &job).members.len(), 7);
    }

    #[test]
    fn settings_that_do_not_fit_are_named() {
        let mut engine = Engine::new();
        let good = job(picture(64, 64, 1), 1, 1);
        let mut refused = |change: &dyn Fn(&mut Job)| {
            let mut job = good.clone();
            change(&mut job);
            let result = engine.run(&job, &AtomicBool::new(false), &mut |_| {});
            result.err().unwrap().to_string()
        };
        assert!(refused(&|j| j.settings.members = 0).contains("members"));
        assert!(refused(&|j| j.settings.steps = 5000).contains("5000"));
        assert!(refused(&|j| j.settings.slices = Some(0..9)).contains("0 to 9"));
        let far = Roi { x: 60, y: 0, width: 10, height: 10 };
        assert!(refused(&|j| j.settings.roi = Some(far)).contains("region"));
        assert!(refused(&|j| j.time = 1).contains("time"));
        assert!(refused(&|j| j.model = "nothing".to_owned()).contains("nothing"));
    }
}
