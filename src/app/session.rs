//! The state behind the window, and what arrives from other threads.

use super::beside::Search;
use super::demo_pictures;
use super::entries::{BUDGET, Packed};
use super::label_layer::LabelOffer;
use super::opening::Loading;
use super::run::End;
use super::series::Chooser;
use super::task::Task;
use super::{
    Command, Document, Engine, Exporter, Findings, Level, Log, Panel, Picture, Preferences,
    ResultEntry, Run, Store, Wake,
};
use crate::inference::{DeviceChoice, Settings, doubt};
use crate::models::ModelCard;
use std::collections::HashSet;
use std::path::PathBuf;

/// What a session is given at the start.
pub struct SessionOptions {
    pub engine: Box<dyn Engine>,
    pub exporter: Exporter,
    pub wake: Wake,
    /// Where preferences are kept; `None`: nowhere.
    pub folder: Option<PathBuf>,
    /// Native dialogs may be tried.
    pub dialogs: bool,
}

/// A result whose samples are compared, to be shown.
pub(super) struct Comparing {
    pub generation: u64,
    /// Its place in the list.
    pub id: u64,
    /// The person has not chosen a slice: the view goes where the most was found.
    pub follow: bool,
    pub task: Task<Findings>,
}

pub(super) struct Exporting {
    pub id: u64,
    pub task: Task<Vec<PathBuf>>,
}

/// What a native dialog answered, and how long it took.
pub(super) struct Dialog {
    pub panel: Panel,
    pub task: Task<(Option<PathBuf>, f64)>,
}

pub struct Session {
    pub document: Option<Document>,
    pub run: Option<Run>,
    /// What finished runs gave, the oldest first. A result goes only if the person deletes it.
    pub results: Vec<ResultEntry>,
    /// The result that is to be deleted without having been exported: the person is asked.
    pub asked_to_delete: Option<u64>,
    /// Memory that results may take before the next run waits for the person to let some go.
    pub result_budget: u64,
    pub settings: Settings,
    /// Segment the shown slice only.
    pub one_slice: bool,
    pub model: Option<String>,
    pub log: Log,
    pub preferences: Preferences,
    /// Panels that are open.
    pub panels: HashSet<Panel>,
    /// The last refused file: what went wrong, shown until something else is opened.
    pub refused: Option<String>,
    /// Series to choose from. Stays behind what is being opened, to come back to.
    pub chooser: Option<Chooser>,
    /// A file that can be opened as a label map of the image.
    pub label_offer: Option<LabelOffer>,
    /// Files of the last export.
    pub exported: Vec<PathBuf>,
    pub export_folder: PathBuf,
    /// What the export panel writes: this result of the list, or the shown one.
    pub export_of: Option<u64>,
    /// The window may close although results were not exported.
    pub leaving: bool,
    pub(super) engine: Box<dyn Engine>,
    pub(super) exporter: Exporter,
    pub(super) wake: Wake,
    pub(super) store: Store,
    pub(super) dialogs: bool,
    pub(super) loading: Option<Loading>,
    pub(super) beside: Option<Search>,
    pub(super) findings: Option<Comparing>,
    pub(super) exporting: Option<Exporting>,
    pub(super) dialog: Option<Dialog>,
    demo_task: Option<Task<Vec<Picture>>>,
    demo_pictures: Vec<Picture>,
    pub(super) generation: u64,
    pub(super) next_result: u64,
    pub(super) packing: Option<(u64, Task<Packed>)>,
    pub(super) now: f64,
}

impl Session {
    pub fn new(options: SessionOptions) -> Self {
        let (preferences, store, problem) = match &options.folder {
            Some(folder) => Store::open(folder),
            None => (Preferences::default(), Store::nowhere(), None),
        };
        let mut log = Log::default();
        if let Some(problem) = problem {
            log.push(Level::Warning, problem, 0.0);
        }
        let first = options.engine.cards().first().map(|c| c.id.clone());
        let settings = Settings {
            device: options.engine.devices().first().copied().unwrap_or_default(),
            ..Settings::default()
        };
        let export_folder = preferences.export_folder.clone().unwrap_or_else(|| {
            directories::UserDirs::new()
                .map_or_else(|| PathBuf::from("."), |d| d.home_dir().to_owned())
                .join("sfumato-export")
        });
        let mut session = Self {
            document: None,
            run: None,
            results: Vec::new(),
            asked_to_delete: None,
            result_budget: BUDGET,
            settings,
            one_slice: false,
            model: None,
            log,
            preferences,
            panels: HashSet::new(),
            refused: None,
            chooser: None,
            label_offer: None,
            exported: Vec::new(),
            export_folder,
            export_of: None,
            leaving: false,
            demo_task: Some(Task::spawn("draw the demo cards", &options.wake, demo_pictures::all)),
            demo_pictures: Vec::new(),
            engine: options.engine,
            exporter: options.exporter,
            wake: options.wake,
            store,
            dialogs: options.dialogs,
            loading: None,
            beside: None,
            findings: None,
            exporting: None,
            dialog: None,
            generation: 0,
            next_result: 0,
            packing: None,
            now: 0.0,
        };
        session.choose_model(first);
        session
    }

    /// Takes in what other threads have finished. `now` is the interface's clock in seconds.
    /// Returns the seconds until it wants to be called again, if it knows.
    pub fn poll(&mut self, now: f64) -> Option<f64> {
        self.now = now;
        self.poll_loading();
        self.poll_beside();
        self.poll_run();
        self.poll_findings();
        self.poll_packing();
        self.poll_export();
        self.poll_dialog();
        self.poll_demos();
        let toast = self.log.expire(now);
        let preview = self.run.as_ref().and_then(|r| r.next_poll(now));
        match (toast, preview) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    pub fn cards(&self) -> &[ModelCard] {
        self.engine.cards()
    }

    pub fn card(&self) -> Option<&ModelCard> {
        let id = self.model.as_ref()?;
        self.engine.cards().iter().find(|c| &c.id == id)
    }

    /// Takes a model, and its own way of sampling.
    pub(super) fn choose_model(&mut self, id: Option<String>) {
        self.model = id;
        if let Some(sampling) = self.card().and_then(|c| c.sampling) {
            self.settings.start = sampling.start;
            self.settings.steps = sampling.steps;
        }
    }

    pub fn devices(&self) -> &[DeviceChoice] {
        self.engine.devices()
    }

    pub fn weights_hint(&self) -> String {
        self.engine.weights_hint()
    }

    pub fn is_open(&self, panel: Panel) -> bool {
        self.panels.contains(&panel)
    }

    /// Name of what is being loaded.
    pub fn loading_name(&self) -> Option<&str> {
        self.loading.as_ref().map(|l| l.name.as_str())
    }

    pub fn is_exporting(&self) -> bool {
        self.exporting.is_some()
    }

    pub fn is_computing(&self) -> bool {
        self.findings.is_some()
    }

    /// Whether anything is under way on another thread.
    pub fn is_busy(&self) -> bool {
        self.loading.is_some()
            || self.run.is_some()
            || self.findings.is_some()
            || self.exporting.is_some()
            || self.dialog.is_some()
    }

    pub fn research_use_acknowledged(&self) -> bool {
        self.preferences.research_use_acknowledged.as_deref() == Some(env!("CARGO_PKG_VERSION"))
    }

    /// The run, if it belongs to the open image.
    pub fn live_run(&self) -> Option<&Run> {
        let document = self.document.as_ref()?;
        self.run.as_ref().filter(|r| r.generation == document.generation)
    }

    /// Why the Segment button is disabled.
    pub fn segment_blocker(&self) -> Option<String> {
        if self.run.is_some() {
            return Some("a run is under way: wait for it or cancel it".to_owned());
        }
        if self.loading.is_some() {
            return Some("an image is being loaded".to_owned());
        }
        if self.document.is_none() {
            return Some("open an image first".to_owned());
        }
        if self.card().is_none() {
            return Some(format!("no model: {}", self.weights_hint()));
        }
        let held: u64 = self.results.iter().map(ResultEntry::bytes).sum();
        if held > self.result_budget {
            return Some(format!(
                "earlier results take {:.1} GB of memory: delete some of the list below first",
                held as f64 / 1e9
            ));
        }
        None
    }

    /// Something that the person should know before the run, not a reason to refuse it.
    pub fn segment_caution(&self) -> Option<String> {
        doubt(self.card()?, &self.document.as_ref()?.volume)
    }

    pub(super) fn note(&mut self, level: Level, text: impl Into<String>) {
        self.log.push(level, text, self.now);
    }

    /// Pictures for the start screen, empty until they are drawn.
    pub fn demo_pictures(&self) -> &[Picture] {
        &self.demo_pictures
    }

    fn poll_demos(&mut self) {
        let Some(task) = self.demo_task.take() else { return };
        match task.take() {
            Err(task) => self.demo_task = Some(task),
            Ok(Ok(pictures)) => self.demo_pictures = pictures,
            Ok(Err(text)) => self.note(Level::Warning, text),
        }
    }

    /// Lets the image go. Its results stay in the list.
    pub(super) fn close_document(&mut self) {
        self.document = None;
        self.findings = None;
        self.label_offer = None;
        self.panels.remove(&Panel::Export);
        self.exported.clear();
    }

    fn poll_run(&mut self) {
        let now = self.now;
        let Some(run) = &mut self.run else { return };
        let end = run.poll(now);
        let (generation, follow) = (run.generation, run.follow);
        let at = run.step.as_ref().map(|s| (s.axis, s.slice));
        if let (Some(document), Some((axis, slice))) = (&mut self.document, at)
            && follow
            && document.generation == generation
        {
            // The model may look across another plane than the one that is open.
            document.view.axis = axis;
            document.set_slice(slice);
        }
        let Some(end) = end else { return };
        let Some(run) = self.run.take() else { return };
        match end {
            End::Finished(outcome) => self.accept_outcome(run, outcome),
            End::Cancelled(Some(outcome)) => {
                let (have, wanted) = (outcome.members.len(), outcome.settings.members);
                self.note(Level::Info, format!("Cancelled: {have} of {wanted} samples are kept."));
                self.accept_outcome(run, outcome);
            }
            End::Cancelled(None) => {
                self.note(Level::Info, "Cancelled before the first sample was finished.");
            }
            End::Failed(text) => self.note(Level::Error, format!("The run failed: {text}")),
        }
    }

    fn poll_export(&mut self) {
        let Some(Exporting { id, task }) = self.exporting.take() else { return };
        match task.take() {
            Err(task) => self.exporting = Some(Exporting { id, task }),
            Ok(Ok(files)) => {
                if let Some(entry) = self.results.iter_mut().find(|r| r.id == id) {
                    entry.exported = true;
                }
                self.note(
                    Level::Info,
                    format!("Exported {} files to {}", files.len(), self.export_folder.display()),
                );
                self.exported = files;
            }
            Ok(Err(text)) => self.note(Level::Error, format!("The export failed: {text}")),
        }
    }

    fn poll_dialog(&mut self) {
        /// A person needs longer than this to cancel a dialog: there was none.
        const TOO_FAST_SECONDS: f64 = 0.2;
        let Some(Dialog { panel, task }) = self.dialog.take() else { return };
        match task.take() {
            Err(task) => self.dialog = Some(Dialog { panel, task }),
            Ok(Ok((Some(path), _))) => match panel {
                Panel::Export => self.export_folder = path,
                _ => self.apply(Command::Open(path)),
            },
            Ok(Ok((None, seconds))) => {
                if seconds < TOO_FAST_SECONDS {
                    self.panels.insert(panel);
                    self.note(
                        Level::Info,
                        "No file dialog could be shown on this desktop: type the path instead.",
                    );
                }
            }
            Ok(Err(text)) => {
                self.panels.insert(panel);
                self.note(Level::Error, text);
            }
        }
    }
}
