//! The state behind the window: parts that each answer their own commands and take in what their
//! threads have finished, and what follows in one part from another.

mod action;
mod blockers;
mod compare;
mod plan;
mod report;
mod solid;

use super::calibrations::{Calibrations, Said};
use super::document::Loaded;
use super::documents::Documents;
use super::editing::{Editing, Measured, Saving, session_file};
use super::export::{Beside, Exports};
use super::opening::Opening;
use super::planning::Planning;
use super::preferences::Looked;
use super::result_list::ResultList;
use super::runs::Runs;
use super::shell::Shell;
use super::solids::Solids;
use super::target::Target;
use super::{
    Command, Comparisons, Document, EditedMask, Engine, ExportCommand, Exporter, Fused, FusedLook,
    Level, OpenCommand, Origin, Panel, ResultEntry, Run, RunCommand, ShellCommand, TOUR_DEMO, Tour,
    ViewCommand, Wake,
};
use crate::gpu::Window;
use crate::volume::{Notice, Severity};
use std::path::PathBuf;

/// What a session is given at the start.
pub struct SessionOptions {
    pub engine: Box<dyn Engine>,
    pub exporter: Exporter,
    pub wake: Wake,
    /// Where preferences are kept; `None`: nowhere.
    pub folder: Option<PathBuf>,
    /// Where exports go until one went elsewhere.
    pub exports: PathBuf,
    /// Native dialogs may be tried.
    pub dialogs: bool,
    /// Bytes that results may take, if not as many as usual.
    pub result_budget: Option<u64>,
}

pub struct Session {
    documents: Documents,
    results: ResultList,
    runs: Runs,
    editing: Editing,
    opening: Opening,
    exports: Exports,
    solids: Solids,
    comparisons: Comparisons,
    calibrations: Calibrations,
    tour: Tour,
    planning: Planning,
    shell: Shell,
}

impl Session {
    pub fn new(options: SessionOptions) -> Self {
        let SessionOptions { engine, exporter, wake, folder, exports, dialogs, result_budget } =
            options;
        let shell = Shell::new(folder.as_deref(), exports, dialogs, wake.clone());
        let exports = shell.export_folder().to_owned();
        Self {
            documents: Documents::default(),
            results: ResultList::new(result_budget, wake.clone()),
            runs: Runs::new(engine, wake.clone()),
            editing: Editing::new(Saving::new(folder.as_deref(), wake.clone()), wake.clone()),
            tour: Tour::new(wake.clone()),
            planning: Planning::default(),
            calibrations: Calibrations::new(folder.as_deref(), &wake),
            opening: Opening::new(wake.clone()),
            solids: Solids::new(wake.clone()),
            comparisons: Comparisons::new(wake.clone()),
            exports: Exports::new(exporter, exports, wake),
            shell,
        }
    }

    /// The window is drawn with this device from now on.
    pub fn beside(&mut self, window: Window) {
        self.runs.beside(window);
    }

    /// The open image.
    pub fn document(&self) -> Option<&Document> {
        self.documents.open()
    }

    pub fn results(&self) -> &ResultList {
        &self.results
    }

    pub fn runs(&self) -> &Runs {
        &self.runs
    }

    pub fn editing(&self) -> &Editing {
        &self.editing
    }

    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    pub fn exports(&self) -> &Exports {
        &self.exports
    }

    pub fn tour(&self) -> &Tour {
        &self.tour
    }

    /// The few-view planner.
    pub fn planning(&self) -> &Planning {
        &self.planning
    }

    pub fn calibrations(&self) -> &Calibrations {
        &self.calibrations
    }

    /// What a calibration says of a class of the shown result.
    pub fn calibrated(&self, class: usize) -> Said {
        let (Some(findings), Some(document)) = (self.results.findings(), self.document()) else {
            return Said::Nothing;
        };
        let card = self.runs.cards().iter().find(|c| c.id == findings.outcome.model.id);
        self.calibrations.of(findings, class, card, document.volume.modality)
    }

    /// The surfaces of what is shown.
    pub fn solids(&self) -> &Solids {
        &self.solids
    }

    /// The samples side by side.
    pub fn comparisons(&self) -> &Comparisons {
        &self.comparisons
    }

    pub fn shell(&self) -> &Shell {
        &self.shell
    }

    /// Does what is asked. A wish that makes no sense now changes nothing.
    pub fn apply(&mut self, command: impl Into<Command>) {
        let before = self.document().map(Looked::of);
        self.do_what(command.into());
        let after = self.document().map(Looked::of);
        // WL-5: what the person set, on the image that was open.
        if let (Some(before), Some(after)) = (before, after)
            && before.image == after.image
            && before != after
        {
            self.shell.change_preferences(|p| p.learn(before, after));
        }
    }

    fn do_what(&mut self, command: Command) {
        match command {
            Command::Do(action) => self.act(action),
            Command::Plan(command) => self.planning.apply(command),
            Command::View(command) => {
                if matches!(command, ViewCommand::SetSlice(..) | ViewCommand::StepSlice(..)) {
                    self.runs.stop_following();
                }
                let classes = self.classes();
                self.documents.apply(command, classes);
            }
            Command::Results(command) => {
                use super::ResultCommand::{Compare, Show, ShowMember};
                if matches!(command, Show(_) | ShowMember { .. } | Compare { .. }) {
                    self.editing.hide();
                }
                let (live, target) =
                    (self.live_run().is_some(), self.export_target().map(|e| e.id));
                self.results.apply(command, live, &mut self.documents, &mut self.shell);
                if target.is_some_and(|id| self.results.get(id).is_none()) {
                    self.exports.shut(&mut self.shell);
                }
            }
            Command::Run(command) => match self.segment_blocker() {
                Some(why) if matches!(command, RunCommand::Start | RunCommand::Look) => {
                    self.shell.note(Level::Info, format!("Cannot segment now: {why}."));
                }
                _ if command == RunCommand::Refine => match self.refine_blocker() {
                    Some(why) => {
                        self.shell.note(Level::Info, format!("Cannot refine now: {why}."));
                    }
                    None => {
                        let (document, mask) = (self.documents.open(), self.editing.mask());
                        self.runs.refine(document, mask, &mut self.shell);
                    }
                },
                _ if let RunCommand::More { result, members } = command => {
                    match self.more_blocker(result) {
                        Some(why) => {
                            let text = format!("No more samples can be drawn now: {why}.");
                            self.shell.note(Level::Info, text);
                        }
                        None => {
                            if let Some(entry) = self.results.get(result) {
                                let document = self.documents.open();
                                self.runs.more(document, entry, members, &mut self.shell);
                            }
                        }
                    }
                }
                _ if command == RunCommand::RefineLook => match self.refine_look_blocker() {
                    Some(why) => {
                        self.shell.note(Level::Info, format!("Cannot refine now: {why}."));
                    }
                    None => {
                        if let Some(look) = self.results.findings().cloned() {
                            let document = self.documents.open();
                            self.runs.refine_look(document, &look, &mut self.shell);
                        }
                    }
                },
                _ => self.runs.apply(command, self.documents.open(), &mut self.shell),
            },
            Command::Edit(command) => {
                let findings = self.results.findings().cloned();
                let (documents, shell) = (&mut self.documents, &mut self.shell);
                self.editing.apply(command, documents, findings.as_ref(), shell);
            }
            Command::Open(command) => {
                if let Some(path) = session_file(&command) {
                    self.editing.restore(path.to_owned(), true);
                    return;
                }
                self.opening.apply(command, &mut self.documents, &mut self.shell);
            }
            Command::Export(command) => {
                // What is looked at is what is meant.
                let of_edited = command == ExportCommand::Prepare(None) && self.editing.is_shown();
                let edited = self.edited_mask(&command);
                let beside = self.beside_result(&command);
                self.exports.apply(command, &self.results, edited, beside, &mut self.shell);
                if of_edited {
                    let meant = ExportCommand::Edited(true);
                    let beside = Beside::default();
                    self.exports.apply(meant, &self.results, None, beside, &mut self.shell);
                }
            }
            Command::Shell(ShellCommand::Tour(at)) => {
                if self.tour.go(at) {
                    self.apply(OpenCommand::Demo(TOUR_DEMO.to_owned()));
                }
            }
            Command::Shell(command) => self.shell.apply(command),
        }
    }

    /// Classes to choose from: of the shown result, or of the model that clicks steer.
    fn classes(&self) -> usize {
        let steered = self.runs.card().filter(|_| self.editing.tool() == super::Tool::Prompt);
        self.results.classes().max(steered.map_or(1, |card| card.classes.len()))
    }

    /// Takes in what other threads have finished. `now` is the interface's clock in seconds.
    /// Returns the seconds until it wants to be called again, if it knows.
    pub fn poll(&mut self, now: f64) -> Option<f64> {
        let toast = self.shell.tick(now);
        if let Some(loaded) = self.opening.poll(&self.documents, &mut self.shell) {
            self.accept(loaded);
        }
        self.take_colors();
        if let Some(wanted) = self.runs.look(self.documents.open()) {
            self.apply(wanted);
        }
        if let Some((run, outcome)) = self.runs.poll(&mut self.documents, &mut self.shell) {
            self.results.accept(run, outcome, &self.documents, &mut self.shell);
        }
        for why in self.calibrations.poll().into_iter().chain(self.tour.poll()) {
            self.shell.note(Level::Error, why);
        }
        self.results.poll(&mut self.documents, &mut self.shell);
        self.exports.poll(&mut self.results, &mut self.editing, &mut self.shell);
        let findings = self.results.findings().cloned();
        let keep = self.editing.poll(&mut self.documents, findings.as_ref(), &mut self.shell);
        if let Some(wanted) = self.editing.take_wanted() {
            self.apply(wanted);
        }
        self.plan();
        self.make_solids();
        self.make_comparison();
        match self.shell.poll() {
            Some((Panel::Export, folder)) => self.exports.set_folder(folder),
            Some((Panel::Fuse, path)) => self.apply(OpenCommand::Over(path)),
            Some((_, path)) => self.apply(OpenCommand::path(path)),
            None => {}
        }
        let played = self.documents.play(now);
        let (flicker, turns) = (self.documents.flicker(now), self.documents.turns(now));
        let wakes = [toast, keep, played, flicker, turns, self.runs.next_poll(now)];
        wakes.into_iter().flatten().reduce(f64::min)
    }

    fn accept(&mut self, loaded: Loaded) {
        self.shell.show(Panel::Fuse, false);
        if let Some(document) = self.documents.open().filter(|_| loaded.target != Target::Instead) {
            let name = loaded.origin.short_name();
            let mut fused = Fused::new(&document.volume, name, loaded.volume, loaded.window);
            let beside = fused.look.beside || loaded.target == Target::Beside;
            fused.set_look(FusedLook { beside, ..fused.look });
            self.documents.fuse(fused);
            return;
        }
        if let Origin::File(path) = &loaded.origin {
            self.shell.change_preferences(|p| p.remember(path));
        }
        self.close_document();
        self.shell.draw_recents(false);
        self.shell.show(Panel::Path, false);
        let (preferences, modality) = (self.shell.preferences(), loaded.volume.modality);
        let (window, colors) = (preferences.window_of(modality), preferences.colors_of(modality));
        let document = self.documents.put(loaded, window, colors);
        self.runs.suit(&document.volume);
        self.opening.look_beside(document);
        self.editing.change_image(&mut self.documents);
    }

    /// Lets the image go. Its results stay in the list.
    pub(super) fn close_document(&mut self) {
        self.documents.close();
        self.editing.change_image(&mut self.documents);
        self.results.leave_image();
        self.planning.leave_image();
        self.opening.leave_image();
        self.exports.shut(&mut self.shell);
    }

    /// Whether anything is under way on another thread.
    pub fn is_busy(&self) -> bool {
        self.opening.loading().is_some()
            || self.runs.current().is_some()
            || self.results.is_comparing()
            || self.results.is_joining()
            || self.solids.is_making()
            || self.planning.is_running()
            || self.comparisons.is_making()
            || self.exports.is_writing()
            || self.editing.is_working()
            || self.shell.is_asking()
    }

    /// The run, if it belongs to the open image.
    pub fn live_run(&self) -> Option<&Run> {
        let document = self.document()?;
        self.runs.current().filter(|r| r.generation == document.generation)
    }

    /// What the export panel would write.
    pub fn export_target(&self) -> Option<&ResultEntry> {
        match self.exports.of() {
            Some(id) => self.results.get(id),
            None => self.results.chosen(),
        }
    }

    /// What an export of the edited mask would write.
    fn edited_mask(&self, command: &ExportCommand) -> Option<(u64, u64, EditedMask)> {
        if !matches!(command, ExportCommand::WriteEdited { .. }) {
            return None;
        }
        let (document, work) = (self.document()?, self.editing.work()?);
        let measured = Measured {
            volume: document.volume.clone(),
            time: work.time,
            axis: document.view.axis,
            measurements: work.measurements().clone(),
        };
        let notices = document.volume.notices.clone();
        Some((work.id, work.editor().state(), EditedMask::of(work, notices, Some(measured))))
    }

    /// What the person should know: of the image, then of the label map on it, then what only its
    /// result has to say.
    pub fn notices(&self) -> impl Iterator<Item = &Notice> {
        let result = self.results.findings().map(|f| f.as_ref());
        let fused = self.document().and_then(|d| d.fused.as_ref());
        let own = self.document().into_iter().flat_map(move |d| d.notices(result));
        own.chain(fused.into_iter().flat_map(|f| &f.notices))
    }

    pub fn cautions(&self) -> impl Iterator<Item = &Notice> {
        self.notices().filter(|n| n.severity == Severity::Amber)
    }
}
