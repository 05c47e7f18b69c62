//! The window around the image: messages, open panels, preferences, native dialogs, the demo cards,
//! and whether it may close.

use super::demo_pictures;
use super::task::Task;
use super::{Level, Log, Panel, Picture, Preferences, Recents, ShellCommand, Store, Wake};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A native dialog: what it was asked for, what it answered, and how long it took.
struct Dialog {
    panel: Panel,
    task: Task<(Option<PathBuf>, f64)>,
}

pub struct Shell {
    log: Log,
    preferences: Preferences,
    store: Store,
    /// Panels that are open.
    panels: HashSet<Panel>,
    /// The window may close although results were not exported.
    leaving: bool,
    /// A picture of the panes was asked for.
    shot: bool,
    /// Where exports go until one went elsewhere.
    exports: PathBuf,
    /// Native dialogs may be tried.
    dialogs: bool,
    dialog: Option<Dialog>,
    demo_task: Option<Task<Vec<Picture>>>,
    demo_pictures: Vec<Picture>,
    recents: Recents,
    wake: Wake,
    now: f64,
}

impl Shell {
    /// Preferences are kept in `folder`; `None`: nowhere.
    pub(super) fn new(folder: Option<&Path>, exports: PathBuf, dialogs: bool, wake: Wake) -> Self {
        let (preferences, store, problem) = match folder {
            Some(folder) => Store::open(folder),
            None => (Preferences::default(), Store::nowhere(), None),
        };
        let mut log = Log::default();
        if let Some(problem) = problem {
            log.push(Level::Warning, problem, 0.0);
        }
        let mut recents = Recents::default();
        recents.draw(&preferences.recent, &wake);
        Self {
            recents,
            log,
            preferences,
            store,
            panels: HashSet::new(),
            leaving: false,
            shot: false,
            exports,
            dialogs,
            dialog: None,
            demo_task: Some(Task::spawn("draw the demo cards", &wake, demo_pictures::all)),
            demo_pictures: Vec::new(),
            wake,
            now: 0.0,
        }
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    pub fn preferences(&self) -> &Preferences {
        &self.preferences
    }

    /// Where the last export went, or the first one will.
    pub(super) fn export_folder(&self) -> &Path {
        self.preferences.export_folder.as_ref().unwrap_or(&self.exports)
    }

    pub fn is_open(&self, panel: Panel) -> bool {
        self.panels.contains(&panel)
    }

    pub fn wants_shot(&self) -> bool {
        self.shot
    }

    pub(super) fn want_shot(&mut self, wanted: bool) {
        self.shot = wanted;
    }

    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Pictures for the start screen, empty until they are drawn.
    pub fn demo_pictures(&self) -> &[Picture] {
        &self.demo_pictures
    }

    /// Pictures of the recent files.
    pub fn recents(&self) -> &Recents {
        &self.recents
    }

    /// The start screen is in sight again, or no longer.
    pub(super) fn draw_recents(&mut self, seen: bool) {
        if seen {
            self.recents.draw(&self.preferences.recent, &self.wake);
        } else {
            self.recents.rest();
        }
    }

    pub fn research_use_acknowledged(&self) -> bool {
        self.preferences.research_use_acknowledged.as_deref() == Some(env!("CARGO_PKG_VERSION"))
    }

    /// Whether a native dialog is open.
    pub(super) fn is_asking(&self) -> bool {
        self.dialog.is_some()
    }

    pub(super) fn now(&self) -> f64 {
        self.now
    }

    pub(super) fn note(&mut self, level: Level, text: impl Into<String>) {
        self.log.push(level, text, self.now);
    }

    pub(super) fn show(&mut self, panel: Panel, open: bool) {
        if open {
            self.panels.insert(panel);
        } else {
            self.panels.remove(&panel);
        }
    }

    /// Shuts the topmost open panel, if there is one.
    pub(super) fn shut_topmost(&mut self) -> bool {
        let order = [
            Panel::Leave,
            Panel::Path,
            Panel::Fuse,
            Panel::Shortcuts,
            Panel::Preferences,
            Panel::About,
            Panel::Log,
            Panel::Card,
            Panel::Film,
            Panel::Planner,
            Panel::Samples,
            Panel::Export,
            Panel::Session,
        ];
        order.iter().any(|panel| self.panels.remove(panel))
    }

    pub(super) fn change_preferences(&mut self, change: impl FnOnce(&mut Preferences)) {
        change(&mut self.preferences);
        self.store.save(&self.preferences);
    }

    pub(super) fn apply(&mut self, command: ShellCommand) {
        match command {
            ShellCommand::Show(panel, open) => self.show(panel, open),
            ShellCommand::Leave => {
                self.leaving = true;
                self.show(Panel::Leave, false);
            }
            ShellCommand::AcknowledgeResearchUse => self.change_preferences(|p| {
                p.research_use_acknowledged = Some(env!("CARGO_PKG_VERSION").to_owned());
            }),
            ShellCommand::Prefer(taste) => {
                self.change_preferences(|p| p.taste = taste.sound());
            }
            ShellCommand::ClearRecent => {
                self.recents.forget();
                self.change_preferences(|p| p.recent.clear());
            }
            ShellCommand::DismissToast(id) => self.log.dismiss(id),
            ShellCommand::Report(problem) => self.note(Level::Error, problem),
            ShellCommand::Tell(text) => self.note(Level::Info, text),
            ShellCommand::ShotTaken => self.shot = false,
            // Of the session, which opens its phantom.
            ShellCommand::Tour(_) => {}
        }
    }

    /// Shows a native dialog on its own thread, or its twin at once when dialogs are off.
    pub(super) fn ask(&mut self, panel: Panel, folder: bool) {
        if !self.dialogs {
            self.show(panel, true);
            return;
        }
        if self.dialog.is_some() {
            return;
        }
        let task = Task::spawn("ask for a path", &self.wake, move || {
            let begin = Instant::now();
            let dialog = rfd::FileDialog::new();
            let chosen = match panel {
                Panel::Export => dialog.set_title("Export folder").pick_folder(),
                Panel::Fuse => dialog.set_title("Lay an image over the open one").pick_file(),
                _ if folder => dialog.set_title("Open a folder").pick_folder(),
                _ => dialog.set_title("Open an image").pick_file(),
            };
            Ok((chosen, begin.elapsed().as_secs_f64()))
        });
        self.dialog = Some(Dialog { panel, task });
    }

    /// Begins a round of polling at this time of the interface's clock, in seconds. Returns the
    /// seconds until the next message leaves.
    pub(super) fn tick(&mut self, now: f64) -> Option<f64> {
        self.now = now;
        self.log.expire(now)
    }

    /// Returns the path that was chosen in a dialog, and what it was chosen for.
    pub(super) fn poll(&mut self) -> Option<(Panel, PathBuf)> {
        self.poll_demos();
        self.poll_dialog()
    }

    fn poll_demos(&mut self) {
        let Some(task) = self.demo_task.take() else { return };
        match task.take() {
            Err(task) => self.demo_task = Some(task),
            Ok(Ok(pictures)) => self.demo_pictures = pictures,
            Ok(Err(text)) => self.note(Level::Warning, text),
        }
    }

    fn poll_dialog(&mut self) -> Option<(Panel, PathBuf)> {
        /// A person needs longer than this to cancel a dialog: there was none.
        const TOO_FAST_SECONDS: f64 = 0.2;
        let Dialog { panel, task } = self.dialog.take()?;
        match task.take() {
            Err(task) => self.dialog = Some(Dialog { panel, task }),
            Ok(Ok((Some(path), _))) => return Some((panel, path)),
            Ok(Ok((None, seconds))) => {
                if seconds < TOO_FAST_SECONDS {
                    self.show(panel, true);
                    self.note(
                        Level::Info,
                        "No file dialog could be shown on this desktop: type the path instead.",
                    );
                }
            }
            Ok(Err(text)) => {
                self.show(panel, true);
                self.note(Level::Error, text);
            }
        }
        None
    }
}
