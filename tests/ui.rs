//! The real window without a display: panels, keys, worker events and shaders, driven by hand.
//! Widgets are found by their accessible names only. Test names carry the behaviour's identifier.

#![allow(clippy::unwrap_used, reason = "a test program: it may panic")]

use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use egui_kittest::{Harness, Node};
use sfumato::app::{
    Action, Command, Engine, ExportOptions, Exporter, Level, Panel, RunningJob, SessionOptions,
    Wake, WorkerEngine, export_results, wording,
};
use sfumato::demo;
use sfumato::inference::{
    DeviceChoice, Event, Job, Member, ModelRef, Outcome, Preview, StageTimes, Step,
};
use sfumato::models::ModelCard;
use sfumato::ui::SfumatoApp;
use sfumato::volume::{Class, ClassKind, Modality, Roi};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An engine whose worker is the test itself.
#[derive(Clone, Default)]
struct Hand(Arc<Mutex<Option<Handed>>>);

struct Handed {
    job: Job,
    events: Sender<Event>,
    cancelled: Arc<AtomicBool>,
}

struct HandEngine {
    hand: Hand,
    cards: Vec<ModelCard>,
}

impl Engine for HandEngine {
    fn cards(&self) -> &[ModelCard] {
        &self.cards
    }

    fn devices(&self) -> &[DeviceChoice] {
        &[DeviceChoice::Auto, DeviceChoice::Cpu]
    }

    fn weights_hint(&self) -> String {
        "put weights in the models folder".to_owned()
    }

    fn submit(&mut self, job: Job) -> Result<RunningJob, String> {
        let (events, receiver) = channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let flag = cancelled.clone();
        *self.hand.0.lock().unwrap() = Some(Handed { job, events, cancelled });
        Ok(RunningJob {
            events: receiver,
            cancel: Box::new(move || flag.store(true, Ordering::SeqCst)),
        })
    }
}

impl Hand {
    fn job(&self) -> Job {
        self.0.lock().unwrap().as_ref().expect("a job was submitted").job.clone()
    }

    fn send(&self, event: Event) {
        self.0.lock().unwrap().as_ref().expect("a job").events.send(event).expect("listened to");
    }

    fn cancelled(&self) -> bool {
        self.0.lock().unwrap().as_ref().expect("a job").cancelled.load(Ordering::SeqCst)
    }

    fn start(&self, members: usize) {
        let job = self.job();
        let g = job.volume.geometry();
        self.send(Event::Started {
            device: "test device".to_owned(),
            roi: Roi::full(g),
            slices: job.settings.slices.clone().unwrap_or(0..g.shape()[2]),
            members,
            steps: 10,
            batch: members,
        });
    }

    /// Step `step` of 10 on slice `z`: every member's disc grows with the step.
    fn step(&self, members: usize, z: usize, step: usize) {
        let previews = (0..members)
            .map(|member| Preview {
                member,
                width: 64,
                height: 64,
                classes: 2,
                probability: discs(64, 64, 1, 4.0 + 2.0 * step as f64 + member as f64),
            })
            .collect();
        self.send(Event::Step(Step {
            slice: z,
            slices_done: 0,
            slices: 1,
            step,
            steps: 10,
            t: 1000 - 100 * step,
            fraction: step as f32 / 10.0,
            elapsed: Duration::from_secs(step as u64),
            eta: Some(Duration::from_secs(10 - step as u64)),
            previews,
        }));
    }

    fn outcome(&self, members: usize) -> Arc<Outcome> {
        let job = self.job();
        let g = job.volume.geometry().clone();
        let slices = job.settings.slices.clone().unwrap_or(0..g.shape()[2]);
        let [w, h, _] = g.shape();
        let soft = |m: usize| discs(w, h, slices.len(), 40.0 + 2.0 * m as f64);
        Arc::new(Outcome {
            model: model(),
            settings: job.settings.clone(),
            source: job.volume.source.clone(),
            roi: Roi::full(&g),
            geometry: g,
            slices: slices.clone(),
            members: (0..members)
                .map(|index| Member { index, seed: index as u64, soft: soft(index) })
                .collect(),
            direct: soft(0),
            device: "test device".to_owned(),
            times: StageTimes::default(),
        })
    }
}

fn classes() -> Vec<Class> {
    vec![
        Class { name: "optic disc".into(), label: 1, color: [86, 180, 233] },
        Class { name: "optic cup".into(), label: 2, color: [230, 159, 0] },
    ]
}

fn model() -> ModelRef {
    ModelRef {
        id: "fundus-disc-cup".into(),
        sha256: "0123456789abcdef".repeat(4),
        classes: classes(),
        kind: ClassKind::Regions,
    }
}

fn card(id: &str, modality: Modality) -> ModelCard {
    ModelCard {
        context: sfumato::models::Context::Slice,
        id: id.into(),
        title: format!("Model for {}", modality.name()),
        classes: classes(),
        kind: ClassKind::Regions,
        modality,
        channels: 3,
        size: 128,
        parameters: 4_200_000,
        gflop_per_step: 12.5,
        sha256: "0123456789abcdef".repeat(4),
        markdown: "# Card\nTrained on **phantoms**.".into(),
    }
}

/// Two nested discs around the centre, `[2, slices, h, w]`.
fn discs(w: usize, h: usize, slices: usize, radius: f64) -> Vec<u8> {
    let (cx, cy) = ((w - 1) as f64 / 2.0, (h - 1) as f64 / 2.0);
    let mut out = Vec::with_capacity(2 * slices * w * h);
    for r in [radius, radius / 2.0] {
        for _ in 0..slices {
            for y in 0..h {
                for x in 0..w {
                    let d = (x as f64 - cx).hypot(y as f64 - cy);
                    out.push(if d <= r { 255 } else { 0 });
                }
            }
        }
    }
    out
}

/// Stands for the real export, whose files have their own tests.
fn write_result(
    folder: &Path,
    outcome: &Outcome,
    options: &ExportOptions,
) -> Result<Vec<PathBuf>, String> {
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    let path = folder.join("result.json");
    if path.exists() && !options.overwrite {
        return Err(format!("'{}' exists: choose another folder or overwrite", path.display()));
    }
    std::fs::write(&path, format!("{} members", outcome.members.len()))
        .map_err(|e| e.to_string())?;
    Ok(vec![path])
}

struct Window {
    harness: Harness<'static, SfumatoApp>,
    hand: Hand,
    woken: Receiver<()>,
}

impl Window {
    fn new() -> Self {
        Self::with_folder(None)
    }

    fn with_folder(folder: Option<PathBuf>) -> Self {
        let hand = Hand::default();
        let engine = HandEngine {
            hand: hand.clone(),
            cards: vec![
                card("fundus-disc-cup", Modality::Fundus),
                card("fetal-head", Modality::Ultrasound),
            ],
        };
        Self::start(folder, hand, write_result, |_| Box::new(engine))
    }

    /// With the embedded models on the inference thread, and files as people get them.
    fn real() -> Self {
        let engine = |wake: Wake| -> Box<dyn Engine> { Box::new(WorkerEngine::new(wake)) };
        Self::start(None, Hand::default(), export_results, engine)
    }

    fn start(
        folder: Option<PathBuf>,
        hand: Hand,
        exporter: Exporter,
        engine: impl FnOnce(Wake) -> Box<dyn Engine> + 'static,
    ) -> Self {
        let (wake, woken) = channel();
        let mut harness = Harness::builder()
            .with_size(egui::vec2(1280.0, 860.0))
            .with_max_steps(24)
            .wgpu()
            .build_eframe(move |cc| {
                SfumatoApp::new(cc, move |_| {
                    // The test may be over before its last thread is.
                    let wake: Wake = Arc::new(move || {
                        wake.send(()).ok();
                    });
                    SessionOptions {
                        engine: engine(wake.clone()),
                        exporter,
                        wake,
                        folder,
                        dialogs: false,
                    }
                })
                .expect("a graphics adapter")
            });
        harness.step();
        Self { harness, hand, woken }
    }

    /// Steps until `done` holds; waits for threads by their wake-ups, not by the clock.
    fn until(&mut self, what: &str, done: impl Fn(&SfumatoApp) -> bool) {
        let begin = Instant::now();
        loop {
            self.harness.step();
            if done(self.harness.state()) {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "never: {what}");
            // A thread that finishes sends; otherwise the next frame looks again.
            self.woken.recv_timeout(Duration::from_millis(20)).ok();
        }
        self.harness.step();
        self.harness.step();
    }

    fn open_demo(&mut self, index: usize) {
        let title = demo::list()[index].title;
        self.click(&format!("Open demo: {title}"));
        self.until("the demo opens", |a| a.session.document.is_some());
    }

    fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.harness.run_steps(3);
    }

    fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(3);
    }

    fn has(&self, label: &str) -> bool {
        self.harness.query_all_by_label_contains(label).next().is_some()
    }

    fn segment(&mut self, members: usize) {
        self.harness.state_mut().session.settings.members = members;
        self.click("Segment");
        self.hand.start(members);
        self.harness.run_steps(2);
    }

    fn finish(&mut self, members: usize) {
        self.hand.send(Event::Finished(self.hand.outcome(members)));
        self.until("the result shows", |a| {
            a.session.document.as_ref().is_some_and(|d| d.findings.is_some())
        });
    }

    /// Demo fundus with a finished result.
    fn with_result(members: usize) -> Self {
        let mut w = Self::new();
        w.open_demo(0);
        w.segment(members);
        w.finish(members);
        w
    }

    /// The whole window; also saved where `SFUMATO_UI_PICTURES` says, to be looked at.
    fn picture(&mut self) -> image::RgbaImage {
        let image = self.harness.render().expect("rendered");
        if let Some(folder) = std::env::var_os("SFUMATO_UI_PICTURES") {
            let name = std::thread::current().name().unwrap_or("test").replace(':', "_");
            image.save(Path::new(&folder).join(format!("{name}.png"))).expect("saved");
        }
        image
    }

    /// Colours inside the image view, every second pixel.
    fn view_pixels(&mut self) -> Vec<[u8; 3]> {
        let rect = self.harness.get_by_label("Image view").rect();
        let image = self.picture();
        let mut out = Vec::new();
        for y in (rect.top() as u32..rect.bottom() as u32).step_by(2) {
            for x in (rect.left() as u32..rect.right() as u32).step_by(2) {
                let p = image.get_pixel(x, y).0;
                out.push([p[0], p[1], p[2]]);
            }
        }
        out
    }

    fn texts(&self) -> Vec<String> {
        fn walk(node: &Node<'_>, out: &mut Vec<String>) {
            let ak = node.accesskit_node();
            out.extend(ak.label());
            out.extend(ak.value());
            for child in node.children() {
                walk(&child, out);
            }
        }
        let mut out = Vec::new();
        walk(&self.harness.root(), &mut out);
        out
    }
}

fn difference(a: &[[u8; 3]], b: &[[u8; 3]]) -> usize {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).filter(|(a, b)| (0..3).any(|c| a[c].abs_diff(b[c]) > 24)).count()
}

#[test]
fn start_screen_lists_three_demos_and_says_what_it_is() {
    let mut w = Window::new();
    w.until("the cards are drawn", |a| a.session.demo_pictures().len() == 3);
    w.harness.run();
    for demo in demo::list() {
        w.harness.get_by_label(&format!("Open demo: {}", demo.title));
    }
    assert!(w.has(wording::PURPOSE));
    assert!(w.has("not a medical device"));
    // Each card holds a picture: many colours, not one.
    let rect = w.harness.get_by_label(&format!("Open demo: {}", demo::list()[0].title)).rect();
    let image = w.picture();
    let colours: std::collections::HashSet<_> = (rect.left() as u32..rect.right() as u32)
        .map(|x| image.get_pixel(x, rect.center().y as u32).0)
        .collect();
    assert!(colours.len() > 40, "{} colours", colours.len());
    // USE-1: the notice does not stand in the way, and goes when understood.
    w.click("Understood");
    assert!(w.harness.state().session.research_use_acknowledged());
    assert!(w.harness.query_by_label("Understood").is_none());
}

#[test]
fn opening_a_demo_shows_its_image() {
    let mut w = Window::new();
    w.open_demo(0);
    w.harness.run();
    // A fundus is red: far more so than any panel colour.
    let red = w.view_pixels().iter().filter(|p| i32::from(p[0]) > i32::from(p[2]) + 60).count();
    assert!(red > 15_000, "{red} red pixels");
    assert_eq!(w.harness.state().session.model.as_deref(), Some("fundus-disc-cup"));
}

#[test]
fn run_3_previews_change_the_strip_and_never_enter_a_result() {
    let mut w = Window::new();
    w.open_demo(0);
    w.segment(3);
    let mut pictures = Vec::new();
    for step in 1..=6 {
        w.hand.step(3, 0, step);
        w.harness.run_steps(3);
        let rect = w.harness.get_by_label(&format!("Sample 2, step {step}")).rect();
        let image = w.picture();
        let tile = image::imageops::crop_imm(
            &image,
            rect.left() as u32,
            rect.top() as u32,
            rect.width() as u32,
            80,
        )
        .to_image();
        pictures.push(tile);
    }
    for pair in pictures.windows(2) {
        let changed = pair[0].pixels().zip(pair[1].pixels()).filter(|(a, b)| a != b).count();
        assert!(changed > 50, "only {changed} pixels of the strip changed");
    }
    let session = &w.harness.state().session;
    let run = session.live_run().expect("running");
    assert_eq!(run.text(), "step 6 of 10 · about 5 s left");
    assert!(session.document.as_ref().is_some_and(|d| d.findings.is_none()));
    assert!(w.has("Progress of the run, 60 %"));
}

#[test]
fn run_2_the_bar_never_goes_back() {
    let mut w = Window::new();
    w.open_demo(0);
    w.segment(2);
    w.hand.step(2, 0, 7);
    w.hand.step(2, 0, 3);
    w.harness.run_steps(3);
    assert!(w.has("Progress of the run, 70 %"));
}

#[test]
fn a_finished_run_shows_the_table_with_its_spread() {
    let mut w = Window::with_result(8);
    w.harness.run();
    // Discs of radius 40, 42, … 54 pixels.
    let areas: Vec<f64> = (0..8)
        .map(|m| discs(256, 256, 1, 40.0 + 2.0 * f64::from(m)))
        .map(|soft| soft[..256 * 256].iter().filter(|&&q| q == 255).count() as f64)
        .collect();
    let mean = areas.iter().sum::<f64>() / 8.0;
    let sd = (areas.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / 7.0).sqrt();
    let line = format!("area {mean:.0} px² ± {sd:.0} ({:.0}–{:.0}), N = 8", areas[0], areas[7]);
    assert!(w.has(&line), "{line} not in {:?}", w.texts());
    assert!(w.has("spread of 8 samples, not calibrated"));
    assert!(w.has("mean Dice of 28 pairs, 8 samples"));
    // One sample alone, and back.
    w.click("Sample 3");
    assert_eq!(w.harness.state().session.document.as_ref().unwrap().member, Some(2));
    w.press(Modifiers::NONE, Key::Escape);
    assert_eq!(w.harness.state().session.document.as_ref().unwrap().member, None);
}

#[test]
fn ovl_3_the_heat_map_comes_with_its_bar_and_ovl_2_hides_while_held() {
    let mut w = Window::with_result(5);
    let plain = w.view_pixels();
    assert!(!w.has("Colour bar"));
    w.press(Modifiers::NONE, Key::U);
    let heat = w.view_pixels();
    let changed = difference(&plain, &heat);
    assert!(changed > 1500, "{changed} pixels changed");
    assert!(w.has("Colour bar: optic disc · variance of 5 samples · fixed scale, 0 to 0.25"));
    w.harness.key_down(Key::H);
    w.harness.run_steps(2);
    let bare = w.view_pixels();
    assert!(!w.has("Colour bar"));
    w.harness.key_up(Key::H);
    w.harness.run_steps(2);
    assert!(w.has("Colour bar"));
    assert!(difference(&bare, &plain) > 300, "the outline was still drawn");
    assert!(difference(&w.view_pixels(), &heat) < 50, "released: as before");
}

#[test]
fn export_by_path_field_writes_files() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let target = folder.path().join("out");
    let mut w = Window::with_result(3);
    w.press(Modifiers::COMMAND, Key::E);
    assert!(w.has("seed 1"), "provenance is in sight");
    w.harness.get_by_label("Export folder").focus();
    w.harness.run_steps(2);
    w.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    w.harness.get_by_label("Export folder").type_text(&target.display().to_string());
    w.harness.run_steps(2);
    w.click("Write the files");
    w.until("files are written", |a| !a.session.exported.is_empty());
    assert_eq!(std::fs::read_to_string(target.join("result.json")).unwrap(), "3 members");
    assert!(w.has("1 files written"));
    // A second time without "overwrite": refused, said, nothing lost.
    w.click("Write the files");
    w.until("the refusal is said", |a| a.session.log.toasts().any(|t| t.level == Level::Error));
    assert!(w.has("choose another folder or overwrite"));
}

#[test]
fn the_main_job_runs_through_the_real_model_to_real_files() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let target = folder.path().join("out");
    let mut w = Window::real();
    w.open_demo(0);
    let settings = &mut w.harness.state_mut().session.settings;
    (settings.members, settings.steps) = (2, 2);
    w.click("Segment");
    w.until("the model finishes", |a| {
        a.session.document.as_ref().is_some_and(|d| d.findings.is_some())
    });
    assert!(w.has("spread of 2 samples, not calibrated"));
    w.harness
        .state_mut()
        .session
        .apply(Command::Export { folder: target.clone(), options: ExportOptions::default() });
    w.until("files are written", |a| a.session.exported.len() == 7);
    let mask = sfumato::io::open(&target.join("mask.nii.gz")).expect("the mask opens");
    let truth = demo::make(demo::list()[0].name, 1).expect("the demo").truth;
    assert_eq!(mask.geometry().shape(), truth.geometry.shape());
    let disc: Vec<bool> =
        (0..truth.labels.len()).map(|i| mask.voxels().stored(i, 0) > 0.0).collect();
    let known: Vec<bool> = truth.labels.iter().map(|&l| l > 0).collect();
    let both = disc.iter().zip(&known).filter(|(a, b)| **a && **b).count();
    let all = disc.iter().chain(&known).filter(|v| **v).count();
    let dice = 2.0 * both as f64 / all as f64;
    assert!(dice > 0.8, "the disc of the phantom is found with Dice {dice:.3}");
}

#[test]
fn key_4_no_plain_shortcut_fires_while_typing() {
    let mut w = Window::with_result(2);
    w.press(Modifiers::COMMAND, Key::L);
    assert!(w.harness.state().session.is_open(Panel::Path));
    let before = w.harness.state().session.document.as_ref().unwrap().overlays.clone();
    w.press(Modifiers::NONE, Key::U);
    w.press(Modifiers::NONE, Key::S);
    let session = &w.harness.state().session;
    assert_eq!(session.document.as_ref().unwrap().overlays, before);
    // Escape counts while typing.
    w.press(Modifiers::NONE, Key::Escape);
    w.press(Modifiers::NONE, Key::Escape);
    assert!(!w.harness.state().session.is_open(Panel::Path));
    w.press(Modifiers::NONE, Key::U);
    assert!(w.harness.state().session.document.as_ref().unwrap().overlays.heat);
}

#[test]
fn open_13_a_failed_open_keeps_the_old_image_and_stays_readable() {
    let mut w = Window::new();
    w.open_demo(1);
    let generation = w.harness.state().session.document.as_ref().unwrap().generation;
    w.harness.state_mut().session.apply(Command::Open("/nowhere/scan.nii.gz".into()));
    w.until("the error shows", |a| a.session.log.toasts().next().is_some());
    let session = &w.harness.state().session;
    assert_eq!(session.document.as_ref().unwrap().generation, generation);
    assert!(session.preferences.recent.is_empty());
    assert!(w.has("/nowhere/scan.nii.gz"));
    // An hour later it is still there, until it is closed; the log keeps it.
    w.harness.input_mut().time = Some(3600.0);
    w.harness.run_steps(2);
    assert!(w.has("/nowhere/scan.nii.gz"));
    w.click("Close");
    assert!(!w.has("/nowhere/scan.nii.gz"));
    w.press(Modifiers::COMMAND, Key::M);
    assert!(w.has("/nowhere/scan.nii.gz"));
}

#[test]
fn open_2_an_unknown_file_is_refused_in_words_on_the_start_screen() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("letter.png");
    std::fs::write(&path, "Dear reader, this is not a picture.").expect("written");
    let mut w = Window::new();
    w.harness.input_mut().dropped_files.push(egui_file(&path));
    w.until("the refusal shows", |a| a.session.refused.is_some());
    assert!(w.has("The file could not be opened"));
    assert!(w.has("letter.png"));
    w.click("Dismiss");
    assert!(!w.has("The file could not be opened"));
}

fn egui_file(path: &Path) -> egui::DroppedFileHandle {
    #[derive(Debug)]
    struct Dropped(PathBuf);
    impl egui::DroppedFile for Dropped {
        fn path(&self) -> &Path {
            &self.0
        }
        fn bytes(&self) -> Result<Vec<u8>, String> {
            std::fs::read(&self.0).map_err(|e| e.to_string())
        }
    }
    Arc::new(Dropped(path.to_owned()))
}

#[test]
fn open_1_a_dropped_picture_opens_and_is_remembered() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("grey.png");
    let picture = image::GrayImage::from_fn(40, 30, |x, y| image::Luma([(x * 5 + y) as u8]));
    picture.save(&path).expect("saved");
    let preferences = folder.path().join("preferences");
    {
        let mut w = Window::with_folder(Some(preferences.clone()));
        w.harness.input_mut().dropped_files.push(egui_file(&path));
        w.until("the picture opens", |a| a.session.document.is_some());
        let shape = w.harness.state().session.document.as_ref().unwrap().volume.geometry().shape();
        assert_eq!(shape, [40, 30, 1]);
    }
    let mut w = Window::with_folder(Some(preferences));
    w.click("Open recent: grey.png");
    w.until("the picture opens again", |a| a.session.document.is_some());
}

#[test]
fn run_4_cancel_keeps_finished_samples() {
    let mut w = Window::new();
    w.open_demo(0);
    w.segment(6);
    w.hand.step(6, 0, 2);
    w.harness.run_steps(2);
    w.click("Cancel");
    assert!(w.hand.cancelled());
    assert!(w.has("cancelling after this step"));
    w.hand.send(Event::Cancelled(Some(w.hand.outcome(2))));
    w.until("the two samples show", |a| {
        a.session.document.as_ref().is_some_and(|d| d.findings.is_some())
    });
    let said = "Cancelled: 2 of 6 samples are kept.";
    // The toast may have gone by simulated time; the log keeps it.
    assert!(w.harness.state().session.log.entries().any(|e| e.text == said));
    assert!(w.has("spread of 2 samples, not calibrated"));
}

#[test]
fn run_5_a_result_of_another_image_is_kept_aside() {
    let mut w = Window::new();
    w.open_demo(0);
    w.segment(2);
    let outcome = w.hand.outcome(2);
    w.harness.state_mut().session.apply(Command::OpenDemo(demo::list()[1].name.to_owned()));
    w.until("the second demo", |a| {
        a.session.document.as_ref().is_some_and(|d| d.volume.modality == Modality::Ultrasound)
    });
    assert!(w.has("which is no longer open"));
    w.hand.send(Event::Finished(outcome));
    w.until("the run ends", |a| a.session.run.is_none());
    let session = &w.harness.state().session;
    assert!(session.document.as_ref().unwrap().findings.is_none());
    assert_eq!(session.kept_aside.len(), 1);
    w.click("Export kept result");
    assert!(w.has(&format!("{} · 2 samples", demo::list()[0].title)));
}

#[test]
fn run_1_the_button_says_why_it_is_disabled() {
    let mut w = Window::new();
    assert_eq!(w.harness.state().session.segment_blocker().as_deref(), Some("open an image first"));
    // Asked for by key all the same: said, not ignored.
    w.press(Modifiers::COMMAND, Key::Enter);
    assert!(w.has("Cannot segment now: open an image first."));
    w.open_demo(2);
    assert!(w.has("made for"), "a model for another modality is named as such");
}

#[test]
fn nav_wheel_walks_slices_and_drag_changes_the_window() {
    let mut w = Window::new();
    w.open_demo(2);
    let document = |w: &Window| {
        let d = w.harness.state().session.document.as_ref().unwrap();
        (d.slice().0, d.view.clone())
    };
    let (slice, view) = document(&w);
    let centre = w.harness.get_by_label("Image view").rect().center();
    w.harness.hover_at(centre);
    w.harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Line,
        delta: egui::vec2(0.0, -1.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    w.harness.run_steps(3);
    assert_eq!(document(&w).0, slice + 1);
    assert_eq!(document(&w).1.zoom, view.zoom);
    // Right drag.
    let button = |pos: egui::Pos2, pressed: bool| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Secondary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    w.harness.event(button(centre, true));
    w.harness.step();
    for i in 1..=6u8 {
        let by = 10.0 * f32::from(i);
        w.harness.event(egui::Event::PointerMoved(centre + egui::vec2(by, by)));
        w.harness.step();
    }
    w.harness.event(button(centre + egui::vec2(60.0, 60.0), false));
    w.harness.run_steps(2);
    let new = document(&w).1.window;
    assert!(new.width > view.window.width && new.center > view.window.center);
    // A left click sets the crosshair and shows it.
    assert!(!document(&w).1.crosshair);
    w.harness.get_by_label("Image view").click();
    w.harness.run_steps(3);
    assert!(document(&w).1.crosshair);
    // Home and End reach the ends; the window comes back with R.
    w.press(Modifiers::NONE, Key::End);
    assert_eq!(document(&w).0, 39);
    w.press(Modifiers::NONE, Key::Home);
    assert_eq!(document(&w).0, 0);
    w.press(Modifiers::NONE, Key::R);
    assert_eq!(document(&w).1.window, view.window);
}

#[test]
fn nav_5_letters_appear_for_ct_and_every_plane_is_reachable() {
    let mut w = Window::new();
    w.open_demo(2);
    let axial = w.view_pixels();
    w.click("Coronal");
    let session = &w.harness.state().session;
    assert_eq!(session.document.as_ref().unwrap().view.axis, 1);
    let coronal = w.view_pixels();
    assert!(difference(&axial, &coronal) > 5000);
    w.press(Modifiers::NONE, Key::V);
    assert_eq!(w.harness.state().session.document.as_ref().unwrap().view.axis, 0);
}

#[test]
fn use_2_no_panel_says_more_than_the_samples_do() {
    for members in [1, 2, 5, 10] {
        let mut w = Window::with_result(members);
        w.press(Modifiers::NONE, Key::U);
        w.press(Modifiers::COMMAND, Key::E);
        let texts = w.texts();
        for text in &texts {
            let lower = text.to_lowercase();
            for word in wording::FORBIDDEN {
                // "uncertainty" is the map's name; the bare claim is what is forbidden.
                let bare = lower.replace("uncertain", "");
                assert!(!bare.contains(word), "'{text}' says '{word}'");
            }
        }
        assert!(texts.iter().any(|t| *t == wording::not_calibrated(members)), "N = {members}");
        assert!(texts.iter().any(|t| t.contains("research use only")));
    }
}

#[test]
fn err_1_every_table_action_is_harmless_at_any_time() {
    let mut start = Window::new();
    let mut full = Window::with_result(2);
    for binding in sfumato::app::BINDINGS {
        for w in [&mut start, &mut full] {
            if matches!(binding.action, Action::CloseImage | Action::Segment) {
                continue;
            }
            w.harness.state_mut().session.apply(Command::Do(binding.action));
            w.harness.run_steps(2);
        }
    }
    assert!(full.harness.state().session.document.is_some());
}
