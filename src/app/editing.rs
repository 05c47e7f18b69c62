//! Editing a mask: the tools in hand, what they do to the mask of the open image, and the masks of other
//! images, which are kept aside until they are opened again.

mod kept;
mod leftover;
mod operation;
mod reading;
mod readings;
mod saving;
mod table;
mod tools;
mod uncertain;
mod work;

pub use kept::Header as KeptHeader;
use kept::is_kept_work;
pub(super) use leftover::session_file;
pub use operation::Prepared;
pub(super) use operation::values as editing_values;
pub(super) use readings::Measured;
pub use saving::{Leftover, Saving};
pub use work::{ImageKey, Work};

use super::task::Task;
use super::{Documents, EditCommand, Findings, Level, Operation, Shell, Tool, ToolOptions, Wake};
use crate::edit::brush::DIAMETERS;
use crate::edit::{EditLabel, Layer, Rule, fresh_color, threshold};
use crate::volume::Volume;
use std::sync::Arc;

/// A stroke under way.
#[derive(Clone, Copy)]
struct Path {
    axis: usize,
    slice: usize,
    at: [f64; 3],
    erase: bool,
    any: bool,
}

/// What labels measured, and the revision of the mask that they did.
type Readings = (u64, Vec<(String, super::LabelReading)>);

pub struct Editing {
    /// Masks of this session, whatever became of their images.
    works: Vec<Work>,
    /// Of the open image.
    open: Option<u64>,
    newest: u64,
    /// The edited mask is drawn.
    shown: bool,
    tool: Tool,
    last_tool: Tool,
    options: ToolOptions,
    path: Option<Path>,
    task: Option<Task<Prepared>>,
    /// Asked for while another one was under way.
    next: Option<Operation>,
    operation: Option<Operation>,
    prepared: Option<Prepared>,
    /// The label that is to be deleted although it has voxels: the person is asked.
    asked_label: Option<u8>,
    asked_discard: bool,
    saving: Saving,
    reading: Option<reading::Reading>,
    measuring: Option<Task<Readings>>,
    readings: Option<Readings>,
    wanted: Option<super::OpenCommand>,
    wake: Wake,
}

impl Editing {
    pub(super) fn new(saving: Saving, wake: Wake) -> Self {
        let options = ToolOptions {
            diameter: 10.0,
            ball: false,
            rule: Rule::default(),
            range: [0.0, 0.0],
            in_slice: true,
            tolerance: 10.0,
            cut_inside: true,
            length: 2.0,
            island: 100.0,
        };
        Self {
            works: Vec::new(),
            open: None,
            newest: 0,
            shown: false,
            tool: Tool::Navigate,
            last_tool: Tool::Brush,
            options,
            path: None,
            task: None,
            next: None,
            operation: None,
            prepared: None,
            asked_label: None,
            asked_discard: false,
            saving,
            reading: None,
            measuring: None,
            readings: None,
            wanted: None,
            wake,
        }
    }

    /// What was made on the open image.
    pub fn work(&self) -> Option<&Work> {
        self.works.iter().find(|w| Some(w.id) == self.open)
    }

    /// The edited mask of the open image, if there is one.
    pub fn mask(&self) -> Option<&Work> {
        self.work().filter(|w| !w.layer().labels().is_empty())
    }

    pub fn works(&self) -> &[Work] {
        &self.works
    }

    pub fn is_shown(&self) -> bool {
        self.shown && self.mask().is_some()
    }

    pub fn tool(&self) -> Tool {
        self.tool
    }

    pub fn options(&self) -> &ToolOptions {
        &self.options
    }

    /// What an operation would change, to be seen before it is applied.
    pub fn prepared(&self) -> Option<&Prepared> {
        self.prepared.as_ref()
    }

    /// What was asked for last, shown or under way.
    pub fn operation(&self) -> Option<&Operation> {
        self.operation.as_ref().filter(|_| self.prepared.is_some() || self.task.is_some())
    }

    pub fn is_working(&self) -> bool {
        self.task.is_some()
    }

    pub fn asked_label(&self) -> Option<u8> {
        self.asked_label
    }

    pub fn is_asked_to_discard(&self) -> bool {
        self.asked_discard
    }

    /// Masks and measurements that no file holds.
    pub fn unsaved(&self) -> usize {
        self.works.iter().filter(|w| w.is_unsaved()).count()
    }

    pub fn saving(&self) -> &Saving {
        &self.saving
    }

    fn work_mut(&mut self) -> Option<&mut Work> {
        let open = self.open;
        self.works.iter_mut().find(|w| Some(w.id) == open)
    }

    /// Files hold this state of a work.
    pub(super) fn mark_exported(&mut self, work: u64, state: u64) {
        if let Some(work) = self.works.iter_mut().find(|w| w.id == work) {
            work.exported = Some(state);
            work.measurements.mark_written();
        }
        self.saving.forget(Some(work));
    }

    pub(super) fn hide(&mut self) {
        self.shown = false;
    }

    /// The image was closed or another one is open: its mask is put aside, and what was made on the new one
    /// comes back.
    pub(super) fn change_image(&mut self, documents: &mut Documents) {
        if let Some(work) = self.work_mut() {
            work.editor.end_stroke();
        }
        (self.path, self.task, self.next, self.operation) = (None, None, None, None);
        (self.prepared, self.asked_label, self.asked_discard) = (None, None, false);
        (self.measuring, self.readings) = (None, None);
        self.open = None;
        self.shown = false;
        self.tool = Tool::Navigate;
        // Nothing was made: nothing is kept.
        self.works.retain(|w| {
            let measured = !(w.measurements.list().is_empty() && w.unread.is_empty());
            measured || !w.layer().labels().is_empty()
        });
        if let Some(document) = documents.open_mut() {
            let volume = &document.volume;
            self.options.diameter = usual_diameter(volume);
            let range = document.robust_range;
            self.options.tolerance = range / 20.0;
            let low = document.view.window.center;
            self.options.range = [low, low + range];
            self.options.rule = Rule::default();
            self.options.length = 2.0 * volume.geometry().spacing()[0].max(0.5);
            if let Some(work) = self.works.iter_mut().find(|w| w.image.is(document)) {
                self.open = Some(work.id);
                self.shown = !work.layer().labels().is_empty();
                work.come_back(document);
            }
        }
    }

    /// The open image's work, made if there is none.
    fn work_on(&mut self, documents: &Documents) -> Option<&mut Work> {
        let document = documents.open()?;
        if self.work().is_none() {
            self.newest += 1;
            let layer = Layer::empty(document.volume.geometry().clone());
            self.works.push(Work::new(self.newest, document, layer));
            self.open = Some(self.newest);
        }
        self.work_mut()
    }

    pub(super) fn apply(
        &mut self,
        command: EditCommand,
        documents: &mut Documents,
        findings: Option<&Arc<Findings>>,
        shell: &mut Shell,
    ) {
        match command {
            EditCommand::Begin => {
                self.begin(documents);
                self.set_tool(Tool::Brush);
            }
            EditCommand::Accept { edit } => self.accept(edit, documents, findings, shell),
            EditCommand::Show(shown) => self.shown = shown && self.mask().is_some(),
            EditCommand::SetTool(tool) => {
                // A tool for masks needs one: the result that is there, or a new one.
                if tool.edits() && self.mask().is_none() {
                    match findings {
                        Some(_) => self.accept(false, documents, findings, shell),
                        None => self.begin(documents),
                    }
                }
                self.set_tool(tool);
            }
            EditCommand::SwapTools => self.set_tool(self.last_tool),
            EditCommand::SetOptions(options) => self.set_options(options, documents, findings),
            EditCommand::StepSize(by) => {
                let factor = 1.2f64.powi(by.clamp(-20, 20));
                self.options.diameter =
                    (self.options.diameter * factor).clamp(DIAMETERS[0], DIAMETERS[1]);
            }
            EditCommand::SetActive(value) => {
                if let Some(work) = self.work_mut()
                    && work.layer().label(value).is_some()
                {
                    work.active = value;
                }
            }
            EditCommand::Label(command) => self.label(command),
            EditCommand::Stroke(stroke) => self.stroke(stroke, documents, shell),
            EditCommand::Run(operation) => self.run(operation, documents, findings, shell),
            EditCommand::ApplyShown => self.apply_shown(),
            EditCommand::DropShown => self.drop_shown(),
            EditCommand::SuggestRange => {
                let Some(document) = documents.open() else { return };
                let volume = &document.volume;
                let (low, high) = volume.quantiles(document.view.time, 0.005, 0.995);
                let value = editing_values(volume, document.view.time);
                // Every so many voxels: a threshold does not hang on a few.
                let n = volume.geometry().voxel_count();
                let all = (0..n).step_by(n.div_ceil(1 << 20)).map(value);
                if let Some(cut) = threshold::otsu(all, low, high) {
                    let options = ToolOptions { range: [cut, f64::MAX.min(high)], ..self.options };
                    self.set_options(options, documents, findings);
                }
            }
            EditCommand::Undo | EditCommand::Redo => {
                self.drop_shown();
                let undo = command == EditCommand::Undo;
                let Some(work) = self.work_mut() else { return };
                let done = if undo { work.editor.undo() } else { work.editor.redo() };
                if work.layer().label(work.active).is_none() {
                    work.active = work.layer().labels().first().map_or(1, |l| l.value);
                }
                self.shown = self.mask().is_some();
                match done {
                    Some(done) => documents.jump(&done),
                    None => {
                        let what = if undo { "undo" } else { "do again" };
                        shell.note(Level::Info, format!("There is nothing to {what}."));
                    }
                }
            }
            EditCommand::Discard => {
                let Some(work) = self.mask() else { return };
                if work.is_unsaved() && !self.asked_discard {
                    self.asked_discard = true;
                    return;
                }
                self.asked_discard = false;
                let open = self.open.take();
                self.saving.forget(open);
                self.works.retain(|w| Some(w.id) != open);
                self.prepared = None;
                self.tool = Tool::Navigate;
            }
            EditCommand::KeepMask => self.asked_discard = false,
            EditCommand::Measure(command) => self.measure(command, documents),
            EditCommand::MeasureLabels => self.measure_labels(documents),
            EditCommand::Leftover(command) => self.leftover(command, shell),
            EditCommand::SaveSession(path) => self.keep_session(path, documents),
        }
    }

    /// An empty mask with one label, if there is none.
    fn begin(&mut self, documents: &Documents) {
        let Some(work) = self.work_on(documents) else { return };
        if work.layer().labels().is_empty() {
            let first = EditLabel::new(1, "label 1", fresh_color(&[]));
            work.editor.set_labels("new mask", vec![first]);
            work.active = 1;
        }
        self.shown = true;
    }

    fn set_tool(&mut self, tool: Tool) {
        if self.tool != tool {
            self.last_tool = std::mem::replace(&mut self.tool, tool);
            self.drop_shown();
        }
        if tool.edits() && self.mask().is_some() {
            self.shown = true;
        }
    }

    fn set_options(
        &mut self,
        mut options: ToolOptions,
        documents: &Documents,
        findings: Option<&Arc<Findings>>,
    ) {
        options.diameter = options.diameter.clamp(DIAMETERS[0], DIAMETERS[1]);
        let changed = options != self.options;
        self.options = options;
        // What is shown follows what it was made with.
        if changed
            && self.prepared.is_some()
            && let Some(operation) = self.operation.clone()
        {
            self.start(operation, documents, findings);
        }
    }
}

/// A twentieth of the image's smaller side, as a round number.
fn usual_diameter(volume: &Volume) -> f64 {
    let (shape, spacing) = (volume.geometry().shape(), volume.geometry().spacing());
    let side = (shape[0] as f64 * spacing[0]).min(shape[1] as f64 * spacing[1]);
    (side / 20.0).round().clamp(1.0, 50.0)
}
