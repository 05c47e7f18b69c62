//! Networks that are none of ours, through worker, session, findings, window and export: what the
//! rooms above know of a model is what these give.

use crate::window::{Window, card};
use sfumato::app::{ExportOptions, RunCommand};
use sfumato::diffusion::{Denoiser, DiffusionError, ScheduleKind};
use sfumato::inference::{
    Agenda, DeviceChoice, Engine, Estimates, Event, InferenceError, Job, Loaded, Loader, Masks,
    OverlapTile, Request, Segmenter, Settings, Sink, SliceSegmenter, Work, Worker,
};
use sfumato::io::NiftiData;
use sfumato::models::{
    Diffusion, Look, ModelCard, ModelError, Sampling, Shape, SliceNetwork, Window as Part, Windows,
};
use sfumato::volume::{Class, ClassKind, Geometry, Modality, Volume, Voxels};
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

const SIDE: usize = 16;
const SLICES: usize = 6;
const SAMPLED: &str = "slice-diffusion";
const TILED: &str = "tiler";
const WHOLE: &str = "whole-volume";
const PARTS: &str = "windows";

/// A bright core (255) in a grey rim (150) on black; the rim grows with the slice.
fn voxel(x: usize, y: usize, z: usize) -> u8 {
    let off = x.abs_diff(8).max(y.abs_diff(8));
    match off {
        0..=2 => 255,
        _ if off <= 2 + z / 2 => 150,
        _ => 0,
    }
}

fn voxels() -> Vec<u8> {
    let at = |i: usize| voxel(i % SIDE, i / SIDE % SIDE, i / (SIDE * SIDE));
    (0..SIDE * SIDE * SLICES).map(at).collect()
}

/// Samples: each member takes the core alone or the rim as well, as its first noise says.
struct Sampled;

struct SampledLook {
    images: Vec<f32>,
    direct: Vec<f32>,
    /// Threshold of each state, known from the first step on.
    thresholds: Vec<f32>,
}

impl SliceNetwork for Sampled {
    fn look(&self, images: &[f32]) -> candle_core::Result<Box<dyn Look>> {
        let direct = images.iter().map(|&v| f32::from(u8::from(v > 0.5))).collect();
        Ok(Box::new(SampledLook { images: images.to_vec(), direct, thresholds: Vec::new() }))
    }
}

impl Look for SampledLook {
    fn direct(&self) -> &[f32] {
        &self.direct
    }

    fn denoiser(&mut self) -> Option<&mut dyn Denoiser> {
        Some(self)
    }
}

impl Denoiser for SampledLook {
    fn estimate(&mut self, states: &[f32], _: usize, _: f64) -> Result<Vec<f32>, DiffusionError> {
        let area = SIDE * SIDE;
        if self.thresholds.is_empty() {
            let threshold = |s: &[f32]| if s[0] > 0.0 { 0.5 } else { 0.0 };
            self.thresholds = states.chunks(area).map(threshold).collect();
        }
        let members = states.len() / self.images.len();
        let of = |(row, threshold): (usize, &f32)| -> Vec<f32> {
            let image = &self.images[row / members * area..][..area];
            image.iter().map(|v| if v > threshold { 1.0 } else { -1.0 }).collect()
        };
        Ok(self.thresholds.iter().enumerate().flat_map(of).collect())
    }
}

/// Draws each slice at once.
struct Tiler;

/// Needs the whole volume: a pixel is inside if it is bright in most slices.
struct WholeVolume;

/// Draws a picture in four windows.
struct Quarters;

impl SliceNetwork for Quarters {
    fn look(&self, _: &[f32]) -> candle_core::Result<Box<dyn Look>> {
        candle_core::bail!("it draws windows")
    }

    fn windows(&self) -> Option<&dyn Windows> {
        Some(self)
    }
}

impl Windows for Quarters {
    fn plan(&self, [width, height]: [usize; 2]) -> Vec<Part> {
        let half = [width / 2, height / 2];
        let at = |i: usize| [i % 2 * half[0], i / 2 * half[1]];
        (0..4).map(|i| Part { origin: at(i), shape: half, output: half }).collect()
    }

    fn draw(
        &self,
        planes: &[f32],
        [width, _]: [usize; 2],
        part: &Part,
    ) -> candle_core::Result<Vec<f32>> {
        let pixel = |i: usize| {
            let (x, y) = (part.origin[0] + i % part.shape[0], part.origin[1] + i / part.shape[0]);
            f32::from(u8::from(planes[y * width + x] > 0.0))
        };
        Ok((0..part.shape[0] * part.shape[1]).map(pixel).collect())
    }
}

/// One mask per unit, and a step that shows it.
fn draw(unit: &Range<usize>, masks: &[f32], sink: &mut dyn Sink) -> ControlFlow<()> {
    sink.direct(unit, masks);
    let probability = vec![masks[..SIDE * SIDE].to_vec()];
    sink.step(
        unit,
        Estimates {
            step: 0,
            t: None,
            members: vec![0],
            slice: unit.start,
            masks: Masks::Here(probability),
        },
    )
}

impl Segmenter for Tiler {
    fn plan(&self, request: &Request<'_>) -> Result<Agenda, InferenceError> {
        Ok(Agenda::deterministic((0..request.prepared.slices()).map(|k| k..k + 1).collect()))
    }

    fn draw(
        &mut self,
        request: &Request<'_>,
        _: &Agenda,
        unit: &Range<usize>,
        sink: &mut dyn Sink,
    ) -> Result<ControlFlow<()>, InferenceError> {
        let slice = request.input.slice(unit.start);
        let mask: Vec<f32> = slice.iter().map(|&v| f32::from(u8::from(v > 0.0))).collect();
        Ok(draw(unit, &mask, sink))
    }
}

impl Segmenter for WholeVolume {
    fn plan(&self, request: &Request<'_>) -> Result<Agenda, InferenceError> {
        Ok(Agenda::deterministic(std::iter::once(0..request.prepared.slices()).collect()))
    }

    fn draw(
        &mut self,
        request: &Request<'_>,
        _: &Agenda,
        unit: &Range<usize>,
        sink: &mut dyn Sink,
    ) -> Result<ControlFlow<()>, InferenceError> {
        let slices: Vec<Vec<f32>> = unit.clone().map(|k| request.input.slice(k)).collect();
        let bright = |i: usize| slices.iter().filter(|s| s[i] > 0.0).count();
        let inside = |i: usize| f32::from(u8::from(2 * bright(i) > slices.len()));
        let mask: Vec<f32> = (0..SIDE * SIDE).map(inside).collect();
        Ok(draw(unit, &mask.repeat(slices.len()), sink))
    }
}

fn cards() -> Vec<ModelCard> {
    let classes = vec![Class { name: "core".into(), label: 1, color: [86, 180, 233] }];
    [SAMPLED, TILED, WHOLE, PARTS]
        .map(|id| ModelCard {
            id: id.into(),
            classes: classes.clone(),
            kind: ClassKind::Regions,
            channels: 1,
            size: SIDE,
            sampling: (id == SAMPLED).then(Sampling::default),
            ..card(id, Modality::Unknown)
        })
        .into()
}

fn loader() -> Loader {
    Arc::new(|id, _| {
        let card = cards().into_iter().find(|c| c.id == id);
        let card = card.ok_or_else(|| ModelError::Unknown(id.to_owned(), SAMPLED.to_owned()))?;
        let segmenter: Box<dyn Segmenter> = match id {
            TILED => Box::new(Tiler),
            WHOLE => Box::new(WholeVolume),
            PARTS => match OverlapTile::new(Box::new(Quarters)) {
                Ok(windows) => Box::new(windows),
                Err(_) => panic!("it has windows"),
            },
            _ => {
                let shape = Shape {
                    channels: 1,
                    classes: 1,
                    side: SIDE,
                    margin: 0,
                    bytes: 1 << 10,
                    gflop: 0.1,
                };
                let sampling = Sampling::default();
                let diffusion = Diffusion { schedule: ScheduleKind::Linear, sampling };
                Box::new(SliceSegmenter::new(vec![Box::new(Sampled)], shape, Some(diffusion), SIDE))
            }
        };
        Ok(Loaded { card, scaling: None, familiarity: None, segmenter })
    })
}

/// The exported file's values, first volume first.
fn exported(folder: &Path, name: &str) -> Vec<Vec<bool>> {
    let volume = sfumato::io::open(&folder.join(name)).expect("it opens");
    let n = SIDE * SIDE * SLICES;
    let values = |t: usize| (0..n).map(|i| volume.voxels().stored(i + t * n, 0) > 0.0).collect();
    (0..volume.times()).map(values).collect()
}

#[test]
fn any_segmenter_goes_from_the_button_to_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let scan = folder.path().join("scan.nii.gz");
    let geometry = Geometry::picture(SIDE, SIDE, SLICES).unwrap();
    let brightness = voxels();
    sfumato::io::write_nifti(&scan, &geometry, NiftiData::U8(&brightness), 1, false).unwrap();
    let mut w = Window::with_models(cards(), loader());
    w.open(&scan);
    let above = |least: u8| -> Vec<bool> { brightness.iter().map(|&v| v >= least).collect() };
    // Bright in four of six slices or more: the rim of the third slice on.
    let column = |x, y| 2 * (0..SLICES).filter(|&z| voxel(x, y, z) >= 150).count() > SLICES;
    let whole: Vec<bool> =
        (0..brightness.len()).map(|i| column(i % SIDE, i / SIDE % SIDE)).collect();
    assert_ne!(whole, above(150));

    for (number, (model, expected)) in [(TILED, above(150)), (WHOLE, whole)].into_iter().enumerate()
    {
        w.apply(RunCommand::SetModel(model.to_owned()));
        w.set(|s| (s.members, s.steps) = (5, 3));
        w.click("Segment");
        let count = number + 1;
        w.until("it is drawn", move |a| {
            a.session.results().entries().len() == count && !a.session.results().is_comparing()
        });
        assert!(w.has("one deterministic mask") && !w.has("spread of"), "{model}");
        let out = folder.path().join(model);
        let record = w.export(count as u64, &out, ExportOptions::default());
        assert_eq!(record["deterministic"], true);
        assert_eq!(exported(&out, "mask.nii.gz"), [expected], "{model}");
        assert!(!out.join("members.nii.gz").exists());
    }

    w.apply(RunCommand::SetModel(SAMPLED.to_owned()));
    w.set(|s| (s.members, s.steps) = (5, 3));
    w.click("Segment");
    w.until("it is drawn", |a| {
        a.session.results().entries().len() == 3 && !a.session.results().is_comparing()
    });
    assert!(w.has("spread of 5 samples, not calibrated"), "{:?}", w.texts());
    let out = folder.path().join(SAMPLED);
    w.export(3, &out, ExportOptions::default());
    let members = exported(&out, "members.nii.gz");
    let (core, rim) = (above(255), above(150));
    assert!(members.iter().all(|m| *m == core || *m == rim));
    let wide = members.iter().filter(|m| **m == rim).count();
    assert!(0 < wide && wide < 5, "{wide} of 5 took the rim");
    let majority = if 2 * wide >= 5 { rim } else { core };
    assert_eq!(exported(&out, "mask.nii.gz"), [majority]);
    // The spread that the window counts is that of these members.
    let findings = w.session().results().findings().expect("findings");
    let count = |m: &Vec<bool>| m.iter().filter(|v| **v).count();
    let least = members.iter().map(count).min().unwrap();
    let votes = findings.count(0);
    assert_eq!(votes.iter().filter(|v| **v == 5).count(), least);
}

#[test]
fn a_picture_in_windows_stops_between_two_of_them_and_keeps_no_half_of_a_slice() {
    let geometry = Geometry::picture(SIDE, SIDE, SLICES).unwrap();
    let volume = Arc::new(Volume::new(geometry, 1, Voxels::U8(voxels())).unwrap());
    let settings = Settings { device: DeviceChoice::Cpu, ..<_>::default() };
    let job = Job { volume, time: 0, model: PARTS.to_owned(), settings };
    let mut engine = Engine::with(loader());
    let expected: Vec<bool> = voxels().iter().map(|&v| v >= 150).collect();
    // Told to stop at the second window of the third slice, of four each.
    for stop in [None, Some(10), Some(1)] {
        let (cancel, mut steps) = (AtomicBool::new(false), 0);
        let (outcome, cancelled) = engine
            .run(&job, &cancel, &mut |event| {
                steps += usize::from(matches!(event, Event::Step(_)));
                cancel.store(stop == Some(steps), Ordering::Relaxed);
            })
            .unwrap();
        assert_eq!(cancelled, stop.is_some());
        assert_eq!(steps, stop.unwrap_or(4 * SLICES), "it stops at once");
        let whole = outcome.map(|o| o.direct.iter().map(|&v| v >= 128).collect::<Vec<_>>());
        let slices = stop.map_or(SLICES, |s| s / 4);
        let kept = (slices > 0).then(|| expected[..slices * SIDE * SIDE].to_vec());
        assert_eq!(whole, kept);
    }
}

/// Work that is no segmentation: looks from one angle after another, then ranks them.
struct Views(usize);

#[derive(Debug, PartialEq)]
enum ViewEvent {
    Looked(usize),
    Ranked(Vec<usize>),
    Stopped(usize),
    Failed(String),
}

impl Work for Views {
    type Event = ViewEvent;

    fn run(
        self,
        _: &mut Engine,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(ViewEvent),
    ) -> ViewEvent {
        assert!(self.0 < 100, "too many views");
        for view in 0..self.0 {
            if cancel.load(Ordering::Relaxed) {
                return ViewEvent::Stopped(view);
            }
            on_event(ViewEvent::Looked(view));
        }
        ViewEvent::Ranked((0..self.0).rev().collect())
    }

    fn failed(why: String) -> ViewEvent {
        ViewEvent::Failed(why)
    }
}

#[test]
fn work_with_events_of_its_own_shares_the_thread_and_survives_a_panic() {
    let (wake, woken) = channel();
    let mut worker = Worker::with(loader(), move || wake.send(()).unwrap_or(())).unwrap();
    let geometry = Geometry::picture(SIDE, SIDE, SLICES).unwrap();
    let volume = Arc::new(Volume::new(geometry, 1, Voxels::U8(voxels())).unwrap());
    let settings = Settings { members: 2, steps: 2, device: DeviceChoice::Cpu, ..<_>::default() };
    let job = Job { volume, time: 0, model: TILED.to_owned(), settings };
    let first = worker.submit(job.clone());
    let views = worker.submit(Views(3));
    let broken = worker.submit(Views(100));
    let stopped = worker.submit(Views(5));
    stopped.cancel();
    let last = worker.submit(job);
    let patience = Duration::from_secs(120);
    let finished = |handle: &sfumato::inference::Handle<Event>| loop {
        match handle.events.recv_timeout(patience).unwrap() {
            Event::Finished(outcome) => break outcome,
            Event::Started { .. } | Event::Step(_) => {}
            other => panic!("{other:?}"),
        }
    };
    let next = |handle: &sfumato::inference::Handle<ViewEvent>| {
        handle.events.recv_timeout(patience).unwrap()
    };
    let mask = finished(&first);
    for view in 0..3 {
        assert_eq!(next(&views), ViewEvent::Looked(view));
    }
    assert_eq!(next(&views), ViewEvent::Ranked(vec![2, 1, 0]));
    assert!(matches!(next(&broken), ViewEvent::Failed(why) if why.contains("internal error")));
    assert_eq!(next(&stopped), ViewEvent::Stopped(0));
    // The models are loaded again after the panic.
    assert_eq!(finished(&last).direct, mask.direct);
    assert!(woken.try_iter().count() >= 6);
}
