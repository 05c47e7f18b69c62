//! Runs one job: prepare, condition, sample, restore; slice by slice.

use super::doubt;
use super::sampling::{StepCache, sample};
use super::{
    DeviceChoice, Event, Job, Member, ModelInput, ModelRef, Outcome, Prepared, Preview, Scene,
    StageTimes, Step,
};
use crate::diffusion::{DiffusionError, Plan, Start, member_seed};
use crate::models::{LoadedModel, ModelError, load};
use crate::volume::{Block, Notice, Roi};
use candle_core::Device;
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Memory that the activations of a batch may take.
const BATCH_BYTES: usize = 2 << 30;
/// Diffusion time to which the direct mask is noised ([`Start::Anchor`]): late enough that members
/// still differ, early enough that few steps suffice.
const ANCHOR_TIME: usize = 400;

#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("the settings cannot be used: {what} is {found}, expected {expected}")]
    Settings { what: &'static str, found: String, expected: String },
    #[error("the device {0} cannot be used: {1}")]
    Device(&'static str, String),
    #[error("the sampler failed: {0}")]
    Diffusion(#[from] DiffusionError),
    #[error("the network failed: {}", crate::nn::first_line(.0))]
    Network(#[from] candle_core::Error),
}

/// Owns the loaded models; one per worker thread.
#[derive(Default)]
pub struct Engine {
    loaded: HashMap<(String, DeviceChoice), (LoadedModel, StepCache)>,
}

/// A job after its settings were checked.
struct Checked {
    roi: Roi,
    slices: Range<usize>,
    plan: Plan,
    seeds: Vec<u64>,
    batch: usize,
}

/// The soft masks of a job as they fill up, `[classes, model slices, h, w]` each, on the region's
/// pixels in the model's directions.
struct Masks<'a> {
    prepared: &'a Prepared,
    classes: usize,
}

impl Masks<'_> {
    fn area(&self) -> usize {
        self.prepared.plane().iter().product()
    }

    fn empty(&self) -> Vec<u8> {
        vec![0; self.classes * self.prepared.slices() * self.area()]
    }

    /// Puts one slice `[classes, S, S]` of probabilities on the region's pixels.
    fn put(&self, to: &mut [u8], k: usize, probability: &[f32]) {
        let area = self.area();
        for (c, plane) in probability.chunks(probability.len() / self.classes).enumerate() {
            let at = (c * self.prepared.slices() + k) * area;
            let restored = self.prepared.enlarge(plane);
            for (to, p) in to[at..at + area].iter_mut().zip(restored) {
                *to = byte(p);
            }
        }
    }
}

fn byte(probability: f32) -> u8 {
    (probability * 255.0).round().clamp(0.0, 255.0) as u8
}

/// The device, and its name in words.
///
/// # Errors
/// If this binary or machine has no such device.
pub fn open_device(choice: DeviceChoice) -> Result<(Device, String), InferenceError> {
    let fail = |name: &'static str, e: &candle_core::Error| {
        InferenceError::Device(name, crate::nn::first_line(e))
    };
    let cpu = || (Device::Cpu, format!("CPU, {} threads", rayon::current_num_threads()));
    match choice {
        DeviceChoice::Cpu => Ok(cpu()),
        DeviceChoice::Cuda => {
            Device::new_cuda(0).map(|d| (d, "CUDA 0".to_owned())).map_err(|e| fail("cuda", &e))
        }
        DeviceChoice::Metal => {
            Device::new_metal(0).map(|d| (d, "Metal 0".to_owned())).map_err(|e| fail("metal", &e))
        }
        DeviceChoice::Auto => Ok(Device::new_cuda(0)
            .map(|d| (d, "CUDA 0".to_owned()))
            .or_else(|_| Device::new_metal(0).map(|d| (d, "Metal 0".to_owned())))
            .unwrap_or_else(|_| cpu())),
    }
}

impl Checked {
    fn block(&self) -> Block {
        let Roi { x, y, width, height } = self.roi;
        Block { origin: [x, y, self.slices.start], shape: [width, height, self.slices.len()] }
    }
}

impl Engine {
    pub fn new() -> Self {
        Self::default()
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
        let start = Instant::now();
        let mut times = StageTimes::default();
        let (device, device_name) = open_device(job.settings.device)?;
        let key = (job.model.clone(), job.settings.device);
        if !self.loaded.contains_key(&key) {
            let model = load(&job.model, &device)?;
            self.loaded.insert(key.clone(), (model, StepCache::default()));
        }
        let Some((model, cache)) = self.loaded.get_mut(&key) else {
            return Ok((None, false));
        };
        times.load_s = start.elapsed().as_secs_f64();
        let checked = check(job, model)?;
        on_event(Event::Started {
            device: device_name.clone(),
            roi: checked.roi,
            slices: checked.slices.clone(),
            members: checked.seeds.len(),
            steps: checked.plan.steps(),
            batch: checked.batch,
        });
        let config = model.network.config().clone();
        let s = model.header.canvas();
        let contract = &model.header.input;
        let geometry = job.volume.geometry();
        let prepared = Prepared::new(geometry, &checked.block(), contract, s);
        let input =
            ModelInput::new(&job.volume, job.time, &prepared, contract, config.image_channels);
        let masks = Masks { prepared: &prepared, classes: config.classes };
        let mut direct = masks.empty();
        let mut members: Vec<Member> = checked
            .seeds
            .iter()
            .enumerate()
            .map(|(index, &seed)| Member { index, seed, soft: masks.empty() })
            .collect();
        let mut clock = Clock::new(&checked, &prepared, (s, config.classes));
        let (mut slices_done, mut members_done) = (0, 0);
        'slices: for k in 0..prepared.slices() {
            let at = Instant::now();
            let pixels = input.slice(k);
            times.prepare_s += at.elapsed().as_secs_f64();
            let at = Instant::now();
            let scene = Scene::new(&model.network, &pixels, s, &device)?;
            times.condition_s += at.elapsed().as_secs_f64();
            masks.put(&mut direct, k, &scene.direct);
            members_done = 0;
            for (b, seeds) in checked.seeds.chunks(checked.batch).enumerate() {
                let at = Instant::now();
                let kind = (job.settings.sampler, job.settings.start);
                let on_step = |i: usize, estimates: &[Vec<f32>]| {
                    let first = b * checked.batch;
                    on_event(Event::Step(clock.step(k, i, first, estimates)));
                    if cancel.load(Ordering::Relaxed) {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                };
                let drawn =
                    sample(&model.network, &scene, &checked.plan, kind, seeds, cache, on_step)?;
                times.sample_s += at.elapsed().as_secs_f64();
                let Some(drawn) = drawn else { break 'slices };
                let at = Instant::now();
                for (member, x0) in members[b * checked.batch..].iter_mut().zip(drawn) {
                    let probability: Vec<f32> = x0.iter().map(|v| (v + 1.0) * 0.5).collect();
                    masks.put(&mut member.soft, k, &probability);
                    members_done += 1;
                }
                times.restore_s += at.elapsed().as_secs_f64();
            }
            slices_done += 1;
        }
        let cancelled = slices_done < prepared.slices();
        // Of a single slice the members that were finished are kept, else the slices.
        let mut whole = slices_done;
        if cancelled && prepared.slices() == 1 && members_done > 0 {
            members.truncate(members_done);
            whole = 1;
        }
        let Some(finished) = prepared.finished(whole) else { return Ok((None, cancelled)) };
        let at = Instant::now();
        direct = prepared.restore(&direct, whole);
        for member in &mut members {
            member.soft = prepared.restore(&member.soft, whole);
        }
        times.restore_s += at.elapsed().as_secs_f64();
        times.total_s = start.elapsed().as_secs_f64();
        let whole = !cancelled && !members.is_empty();
        let found = if whole { doubt::shares(&members, config.classes) } else { Vec::new() };
        let doubt = doubt::doubt(&model.card, &job.volume)
            .or_else(|| doubt::implausible(&model.card, &found));
        let mut notices = job.volume.notices.clone();
        notices.extend(prepared.notices.iter().cloned());
        notices.extend(doubt.as_ref().map(Notice::amber));
        let outcome = Outcome {
            model: ModelRef {
                id: model.card.id.clone(),
                sha256: model.card.sha256.clone(),
                classes: model.header.classes.clone(),
                kind: model.header.kind,
                temperatures: model.header.temperatures.clone(),
            },
            settings: job.settings.clone(),
            source: job.volume.source.clone(),
            time: job.time,
            time_points: job.volume.times(),
            notices,
            doubt,
            deterministic: !config.diffusion,
            geometry: geometry.clone(),
            roi: finished.roi(),
            slices: finished.along(2),
            members,
            direct,
            device: device_name,
            times,
        };
        Ok((Some(outcome), cancelled))
    }
}

fn check(job: &Job, model: &LoadedModel) -> Result<Checked, InferenceError> {
    let refuse = |what, found: String, expected: String| {
        Err(InferenceError::Settings { what, found, expected })
    };
    let s = &job.settings;
    let geometry = job.volume.geometry();
    let [_, _, depth] = geometry.shape();
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
        let [w, h, _] = geometry.shape();
        let Roi { x, y, width, height } = roi;
        let found = format!("{width} x {height} pixels from {x}, {y}");
        return refuse("region", found, format!("a part of {w} x {h} pixels"));
    }
    let first = match s.start {
        Start::Noise => model.schedule.len() - 1,
        Start::Anchor => ANCHOR_TIME.min(model.schedule.len() - 1),
    };
    let config = model.network.config();
    // Without a diffusion part there is nothing to repeat.
    let (members, steps) = if config.diffusion { (s.members, s.steps) } else { (1, 1) };
    let plan = Plan::starting_at(&model.schedule, steps, first)?;
    let side = config.image_size / config.stem;
    // About 24 features of the first level are alive at once, skips included.
    let per_member = 24 * config.width * side * side * 4;
    Ok(Checked {
        roi,
        slices,
        plan,
        seeds: (0..members).map(|k| member_seed(s.seed, k)).collect(),
        batch: (BATCH_BYTES / per_member.max(1)).clamp(1, members),
    })
}

/// Counts steps and time, and puts the estimates where the scan is.
struct Clock<'a> {
    prepared: &'a Prepared,
    /// Side of the canvas, and classes.
    canvas: (usize, usize),
    start: Instant,
    done: usize,
    total: usize,
    steps: usize,
    times: Vec<usize>,
}

impl<'a> Clock<'a> {
    fn new(checked: &Checked, prepared: &'a Prepared, canvas: (usize, usize)) -> Self {
        let batches = checked.seeds.len().div_ceil(checked.batch);
        let steps = checked.plan.steps();
        Self {
            prepared,
            canvas,
            start: Instant::now(),
            done: 0,
            total: prepared.slices() * batches * steps,
            steps,
            times: checked.plan.times().to_vec(),
        }
    }

    fn step(&mut self, k: usize, i: usize, first_member: usize, estimates: &[Vec<f32>]) -> Step {
        self.done += 1;
        let elapsed = self.start.elapsed();
        let left = (self.total - self.done) as f64 / self.done as f64;
        let (side, classes) = self.canvas;
        let preview = |(m, x0): (usize, &Vec<f32>)| {
            let seen: Vec<u8> = x0.iter().map(|v| byte((v + 1.0) * 0.5)).collect();
            Preview {
                member: first_member + m,
                width: side,
                height: side,
                classes,
                probability: self.prepared.stored_canvas(&seen),
            }
        };
        Step {
            axis: self.prepared.axis(),
            slice: self.prepared.scan_slice(k),
            placement: self.prepared.stored_placement(),
            slices_done: k,
            slices: self.prepared.slices(),
            step: i + 1,
            steps: self.steps,
            t: self.times[i],
            fraction: self.done as f32 / self.total as f32,
            elapsed,
            eta: (self.done >= 2).then(|| Duration::from_secs_f64(elapsed.as_secs_f64() * left)),
            previews: estimates.iter().enumerate().map(preview).collect(),
        }
    }
}

/// The events that end a job, from what [`Engine::run`] gave.
pub(super) fn last_event(result: Result<(Option<Outcome>, bool), InferenceError>) -> Event {
    match result {
        Ok((Some(outcome), false)) => Event::Finished(Arc::new(outcome)),
        Ok((outcome, _)) => Event::Cancelled(outcome.map(Arc::new)),
        Err(error) => Event::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::Settings;
    use crate::volume::{Geometry, Modality, Volume, Voxels};

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

    #[test]
    fn steps_count_up_and_previews_show_every_member() {
        let (mut fractions, mut started) = (Vec::new(), false);
        let job = job(picture(64, 64, 3), 2, 2);
        let on_event = &mut |event| match event {
            Event::Started { steps: 2, members: 2, .. } => started = true,
            Event::Step(step) => {
                assert_eq!(step.previews.len(), 2);
                fractions.push(step.fraction);
            }
            _ => {}
        };
        let mut engine = Engine::new();
        let (outcome, _) = engine.run(&job, &AtomicBool::new(false), on_event).unwrap();
        assert!(started && fractions.len() == 6);
        assert!(fractions.windows(2).all(|w| w[0] < w[1]) && fractions[5] == 1.0);
        let outcome = outcome.unwrap();
        // Equal slices and shared noise give equal masks.
        let slice = 64 * 64;
        let soft = &outcome.members[1].soft;
        assert_eq!(soft[..slice], soft[slice..2 * slice]);
    }

    #[test]
    fn cancelling_ends_within_a_step_and_keeps_finished_slices() {
        let cancel = AtomicBool::new(false);
        let mut steps = 0;
        let on_event = &mut |event| {
            if let Event::Step(_) = event {
                steps += 1;
                cancel.store(steps == 3, Ordering::Relaxed);
            }
        };
        let mut engine = Engine::new();
        let (outcome, cancelled) =
            engine.run(&job(picture(64, 64, 3), 2, 2), &cancel, on_event).unwrap();
        assert!(cancelled);
        let outcome = outcome.unwrap();
        assert_eq!(outcome.slices, 0..1);
        assert_eq!(outcome.members[0].soft.len(), 2 * 64 * 64);
        assert_eq!(steps, 3);
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
