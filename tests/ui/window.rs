//! The window with a hand-driven worker, and how a test looks at it.

use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use egui_kittest::{Harness, Node};
use sfumato::app::{
    Command, Engine, ExportCommand, ExportOptions, Exporter, Included, More, OpenCommand, Pane,
    RunCommand, RunningJob, SessionOptions, ShellCommand, Wake, WorkerEngine, export_results,
    pane_name,
};
use sfumato::demo;
use sfumato::diffusion::Start;
use sfumato::inference::{
    DeviceChoice, Event, Job, Loader, Member, ModelRef, Outcome, Placement, Preview, Settings,
    StageTimes, Step, Values,
};
use sfumato::models::{ModelCard, Sampling};
use sfumato::ui::SfumatoApp;
use sfumato::volume::{Class, ClassKind, Modality, Roi};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// An engine whose worker is the test itself.
#[derive(Clone, Default)]
pub(crate) struct Hand(Arc<Mutex<Option<Handed>>>);

pub(crate) struct Handed {
    job: Job,
    events: Sender<Event>,
    cancelled: Arc<AtomicBool>,
}

pub(crate) struct HandEngine {
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
    pub(crate) fn job(&self) -> Job {
        self.0.lock().unwrap().as_ref().expect("a job was submitted").job.clone()
    }

    pub(crate) fn send(&self, event: Event) {
        self.0.lock().unwrap().as_ref().expect("a job").events.send(event).expect("listened to");
    }

    pub(crate) fn cancelled(&self) -> bool {
        self.0.lock().unwrap().as_ref().expect("a job").cancelled.load(Ordering::SeqCst)
    }

    pub(crate) fn start(&self, members: usize) {
        let job = self.job();
        let g = job.volume.geometry();
        self.send(Event::Started {
            device: "test device".to_owned(),
            roi: Roi::full(g),
            slices: job.settings.slices.clone().unwrap_or(0..g.shape()[2]),
            members,
            steps: 10,
            batch: members,
            first: job.settings.first,
        });
    }

    /// Step `step` of 10 on slice `z`: every member's disc grows with the step.
    pub(crate) fn step(&self, members: usize, z: usize, step: usize) {
        let previews = (0..members)
            .map(|member| Preview {
                member,
                width: 64,
                height: 64,
                classes: 2,
                values: Values::Here(discs(64, 64, 1, 4.0 + 2.0 * step as f64 + member as f64)),
            })
            .collect();
        let roi = Roi::full(self.job().volume.geometry());
        self.send(Event::Step(Step {
            axis: 2,
            placement: Placement::new(roi, 64, [1.0; 2], None),
            slice: z,
            slices_done: 0,
            slices: 1,
            step,
            steps: 10,
            whole: false,
            t: Some(1000 - 100 * step),
            fraction: step as f32 / 10.0,
            elapsed: Duration::from_secs(step as u64),
            eta: Some(Duration::from_secs(10 - step as u64)),
            previews,
        }));
    }

    pub(crate) fn outcome(&self, members: usize) -> Arc<Outcome> {
        let job = self.job();
        let g = job.volume.geometry().clone();
        let slices = job.settings.slices.clone().unwrap_or(0..g.shape()[2]);
        let [w, h, _] = g.shape();
        let soft = |m: usize| discs(w, h, slices.len(), 40.0 + 2.0 * m as f64);
        Arc::new(Outcome {
            model: ModelRef { id: job.model.clone(), ..model() },
            settings: job.settings.clone(),
            source: job.volume.source.clone(),
            time: job.time,
            time_points: job.volume.times(),
            notices: job.volume.notices.clone(),
            doubt: None,
            fit: None,
            deterministic: false,
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

pub(crate) fn classes() -> Vec<Class> {
    vec![
        Class { name: "optic disc".into(), label: 1, color: [86, 180, 233] },
        Class { name: "optic cup".into(), label: 2, color: [230, 159, 0] },
    ]
}

pub(crate) fn model() -> ModelRef {
    ModelRef {
        id: "fundus-disc-cup".into(),
        sha256: "0123456789abcdef".repeat(4),
        classes: classes(),
        kind: ClassKind::Regions,
        scaling: None,
        networks: 1,
    }
}

pub(crate) fn card(id: &str, modality: Modality) -> ModelCard {
    ModelCard {
        input: sfumato::models::Contract {
            axes: sfumato::models::Axes::Screen,
            spacing_mm: [None; 3],
            context: sfumato::models::Context::Slice,
            values: sfumato::models::Normalisation::FullRange,
            canvas: None,
            flips: [false; 2],
            region: None,
            shares: Vec::new(),
            borders: Vec::new(),
            pixelwise: false,
        },
        id: id.into(),
        title: format!("Model for {}", modality.name()),
        classes: classes(),
        kind: ClassKind::Regions,
        modality,
        channels: 3,
        volumes: false,
        size: 128,
        sampling: Some(Sampling::default()),
        networks: 1,
        parameters: 4_200_000,
        gflop_per_step: 12.5,
        sha256: "0123456789abcdef".repeat(4).into(),
        markdown: "# Card\nTrained on **phantoms**.".into(),
    }
}

/// Two nested discs around the centre, `[2, slices, h, w]`.
pub(crate) fn discs(w: usize, h: usize, slices: usize, radius: f64) -> Vec<u8> {
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
pub(crate) fn write_result(
    folder: &Path,
    outcome: &Outcome,
    included: &Included,
    options: &ExportOptions,
    _: More,
) -> Result<Vec<PathBuf>, String> {
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    let path = folder.join("result.json");
    if path.exists() && !options.overwrite {
        return Err(format!("'{}' exists: choose another folder or overwrite", path.display()));
    }
    std::fs::write(&path, format!("{} members", included.members(outcome, true).count()))
        .map_err(|e| e.to_string())?;
    Ok(vec![path])
}

/// Stops the threads that read DICOM files where they report progress, so that a test can look at
/// the window in the middle of a reading, however fast that is.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<Held>, Condvar)>);

#[derive(Default)]
struct Held {
    closed: bool,
    waiting: usize,
    permits: usize,
}

impl Gate {
    pub(crate) fn close(&self) {
        self.0.0.lock().unwrap().closed = true;
    }

    pub(crate) fn open(&self) {
        self.0.0.lock().unwrap().closed = false;
        self.0.1.notify_all();
    }

    /// Lets one waiting thread go on, if one waits.
    pub(crate) fn let_one_pass(&self) {
        let mut held = self.0.0.lock().unwrap();
        if held.permits == 0 && held.waiting > 0 {
            held.permits = 1;
            self.0.1.notify_one();
        }
    }

    fn pass(&self) {
        let reads = std::thread::current().name().is_some_and(|n| n.starts_with("dicom-reader"));
        let mut held = self.0.0.lock().unwrap();
        if !reads || !held.closed {
            return;
        }
        held.waiting += 1;
        while held.closed && held.permits == 0 {
            held = self.0.1.wait(held).unwrap();
        }
        held.permits = held.permits.saturating_sub(1);
        held.waiting -= 1;
    }
}

pub(crate) struct Window {
    pub(crate) harness: Harness<'static, SfumatoApp>,
    pub(crate) hand: Hand,
    /// Holds the threads that read files.
    pub(crate) gate: Gate,
    woken: Receiver<()>,
    /// Where exports go.
    _exports: tempfile::TempDir,
}

/// After so many looks at 20 ms or less without a change nothing will come any more.
pub(crate) const MOST_LOOKS: usize = 50_000;

impl Window {
    /// Presses, moves in four steps, lets go.
    pub(crate) fn drag(&mut self, button: egui::PointerButton, from: egui::Pos2, by: egui::Vec2) {
        let event = |pos, pressed| egui::Event::PointerButton {
            pos,
            button,
            pressed,
            modifiers: Modifiers::NONE,
        };
        self.harness.hover_at(from);
        self.harness.event(event(from, true));
        for k in 1..=4u8 {
            self.harness.event(egui::Event::PointerMoved(from + by * f32::from(k) / 4.0));
        }
        self.harness.event(event(from + by, false));
        self.harness.run_steps(3);
    }

    pub(crate) fn new() -> Self {
        Self::with_folder(None)
    }

    pub(crate) fn with_folder(folder: Option<PathBuf>) -> Self {
        Self::by_hand(folder, None)
    }

    /// Where the results may take so many bytes.
    pub(crate) fn with_room_for(bytes: u64) -> Self {
        Self::by_hand(None, Some(bytes))
    }

    fn by_hand(folder: Option<PathBuf>, result_budget: Option<u64>) -> Self {
        let hand = Hand::default();
        let engine = HandEngine {
            hand: hand.clone(),
            cards: vec![
                card("fundus-disc-cup", Modality::Fundus),
                ModelCard {
                    sampling: Some(Sampling { start: Start::Anchor, steps: 5 }),
                    ..card("fetal-head", Modality::Ultrasound)
                },
                card("hippocampus", Modality::Mr),
            ],
        };
        Self::start(folder, hand, write_result, result_budget, |_| Box::new(engine))
    }

    /// A hand-driven worker, and files as people get them.
    pub(crate) fn exporting(folder: Option<PathBuf>) -> Self {
        let hand = Hand::default();
        let cards = vec![card("fundus-disc-cup", Modality::Fundus)];
        let engine = HandEngine { hand: hand.clone(), cards };
        Self::start(folder, hand, export_results, None, |_| Box::new(engine))
    }

    /// With the embedded models on the inference thread, and files as people get them.
    pub(crate) fn real() -> Self {
        let engine = |wake: Wake| -> Box<dyn Engine> { Box::new(WorkerEngine::new(wake)) };
        Self::start(None, Hand::default(), export_results, None, engine)
    }

    /// With these models on the inference thread, and files as people get them.
    pub(crate) fn with_models(cards: Vec<ModelCard>, loader: Loader) -> Self {
        let engine =
            |wake: Wake| -> Box<dyn Engine> { Box::new(WorkerEngine::with(cards, loader, wake)) };
        Self::start(None, Hand::default(), export_results, None, engine)
    }

    /// With an engine of the test's own, and files as people get them.
    pub(crate) fn with_engine(engine: impl FnOnce(Wake) -> Box<dyn Engine> + 'static) -> Self {
        Self::start(None, Hand::default(), export_results, None, engine)
    }

    fn start(
        folder: Option<PathBuf>,
        hand: Hand,
        exporter: Exporter,
        result_budget: Option<u64>,
        engine: impl FnOnce(Wake) -> Box<dyn Engine> + 'static,
    ) -> Self {
        let (wake, woken) = channel();
        let exports = tempfile::tempdir().expect("a temporary folder");
        let export_folder = exports.path().join("sfumato-export");
        let gate = Gate::default();
        let held = gate.clone();
        let mut harness = Harness::builder()
            .with_size(egui::vec2(1280.0, 860.0))
            .with_max_steps(24)
            .wgpu()
            .build_eframe(move |cc| {
                SfumatoApp::new(cc, move |_| {
                    // The test may be over before its last thread is.
                    let wake: Wake = Arc::new(move || {
                        wake.send(()).ok();
                        held.pass();
                    });
                    SessionOptions {
                        engine: engine(wake.clone()),
                        exporter,
                        wake,
                        folder,
                        exports: export_folder,
                        dialogs: false,
                        result_budget,
                    }
                })
                .expect("a graphics adapter")
            });
        harness.step();
        Self { harness, hand, gate, woken, _exports: exports }
    }

    /// Steps until `done` holds; waits for threads by their wake-ups, not by the clock.
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&SfumatoApp) -> bool) {
        let mut looks = 0;
        loop {
            self.harness.step();
            if done(self.harness.state()) {
                break;
            }
            looks += 1;
            assert!(looks < MOST_LOOKS, "never: {what}");
            // A thread that finishes sends; otherwise the next frame looks again.
            self.woken.recv_timeout(Duration::from_millis(20)).ok();
        }
        self.harness.step();
        self.harness.step();
    }

    pub(crate) fn open_demo(&mut self, index: usize) {
        let title = demo::list()[index].title;
        self.click(&format!("Open demo: {title}"));
        self.until("the demo opens", |a| a.session.document().is_some());
    }

    /// Another demo in place of what is open.
    pub(crate) fn open_demo_instead(&mut self, index: usize) {
        let before = self.session().document().map(|d| d.generation);
        self.apply(OpenCommand::Demo(demo::list()[index].name.to_owned()));
        self.until("the demo opens", |a| a.session.document().map(|d| d.generation) != before);
    }

    pub(crate) fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.harness.run_steps(3);
    }

    /// A button that may lie out of sight: as those press it who do not see.
    pub(crate) fn press_button(&mut self, label: &str) {
        self.harness.get_by_label(label).click_accesskit();
        self.harness.run_steps(3);
    }

    pub(crate) fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(3);
    }

    pub(crate) fn has(&self, label: &str) -> bool {
        self.harness.query_all_by_label_contains(label).next().is_some()
    }

    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.session().runs().settings().clone();
        change(&mut settings);
        self.apply(RunCommand::SetSettings(settings));
    }

    /// By the model that is offered; where none fits, by the first all the same.
    pub(crate) fn segment(&mut self, members: usize) {
        let runs = self.session().runs();
        let first = runs.cards()[0].id.clone();
        if runs.card().is_none() {
            self.apply(RunCommand::SetModel(first));
        }
        self.set(|s| s.members = members);
        self.click("Segment");
        self.hand.start(members);
        self.harness.run_steps(2);
    }

    pub(crate) fn finish(&mut self, members: usize) {
        self.finish_with(self.hand.outcome(members));
    }

    pub(crate) fn finish_with(&mut self, outcome: Arc<Outcome>) {
        self.hand.send(Event::Finished(outcome));
        self.until("the result shows", |a| {
            a.session.runs().current().is_none() && !a.session.results().is_comparing()
        });
        assert!(self.session().segmented().result().is_some());
    }

    pub(crate) fn session(&self) -> &sfumato::app::Session {
        &self.harness.state().session
    }

    pub(crate) fn apply(&mut self, command: impl Into<Command>) {
        self.harness.state_mut().session.apply(command);
        self.harness.run_steps(3);
    }

    /// Opens a file or folder in place of what is open.
    pub(crate) fn open(&mut self, path: &Path) {
        let before = self.session().document().map(|d| d.generation);
        self.apply(OpenCommand::path(path.to_owned()));
        self.until("it opens", |a| {
            a.session.opening().loading().is_none()
                && a.session.document().map(|d| d.generation) != before
        });
    }

    /// Writes a result of the list and returns its record.
    pub(crate) fn export(
        &mut self,
        id: u64,
        folder: &Path,
        options: ExportOptions,
    ) -> serde_json::Value {
        self.press_button(&format!("Export result {id}"));
        assert_eq!(self.session().export_target().map(|e| e.id), Some(id));
        self.apply(ExportCommand::Write { result: id, folder: folder.to_owned(), options });
        self.until("files are written", |a| !a.session.exports().is_writing());
        assert!(!self.session().exports().files().is_empty(), "{:?}", self.texts());
        self.apply(ShellCommand::Show(sfumato::app::Panel::Export, false));
        let text = std::fs::read_to_string(folder.join("result.json")).expect("the record");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Demo fundus with a finished result.
    pub(crate) fn with_result(members: usize) -> Self {
        let mut w = Self::new();
        w.open_demo(0);
        w.segment(members);
        w.finish(members);
        w
    }

    /// The whole window; also saved where `SFUMATO_UI_PICTURES` says, to be looked at.
    pub(crate) fn picture(&mut self) -> image::RgbaImage {
        let image = self.harness.render().expect("rendered");
        if let Some(folder) = std::env::var_os("SFUMATO_UI_PICTURES") {
            let name = std::thread::current().name().unwrap_or("test").replace(':', "_");
            image.save(Path::new(&folder).join(format!("{name}.png"))).expect("saved");
        }
        image
    }

    /// Where the active plane lies, or the picture.
    pub(crate) fn view_rect(&self) -> egui::Rect {
        let document = self.session().document().expect("an image is open");
        let g = document.volume.geometry();
        let name = match pane_name(g, Pane::Plane(document.view.axis)) {
            _ if g.is_2d() => "Image view".to_owned(),
            name => format!("{name} view"),
        };
        self.harness.get_by_label(&name).rect()
    }

    /// Colours inside the active plane, every second pixel.
    pub(crate) fn view_pixels(&mut self) -> Vec<[u8; 3]> {
        let rect = self.view_rect();
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

    pub(crate) fn texts(&self) -> Vec<String> {
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

pub(crate) fn difference(a: &[[u8; 3]], b: &[[u8; 3]]) -> usize {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).filter(|(a, b)| (0..3).any(|c| a[c].abs_diff(b[c]) > 24)).count()
}
