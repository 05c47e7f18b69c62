//! The mask's beginnings, its table of labels, and the list of measurements.

use super::Editing;
use super::readings::Measured;
use crate::app::task::Task;
use crate::app::{
    Documents, Findings, LabelCommand, LabelReading, Level, MeasureCommand, Measurements, Shell,
    Tool, record, results,
};
use crate::edit::{EditLabel, Proposal, fresh_color};
use std::sync::Arc;

impl Editing {
    pub(super) fn accept(
        &mut self,
        edit: bool,
        documents: &Documents,
        findings: Option<&Arc<Findings>>,
        shell: &mut Shell,
    ) {
        let Some(findings) = findings else {
            return shell.note(Level::Info, "There is no result to take over yet.");
        };
        let outcome = findings.outcome.clone();
        let proposal = Proposal {
            labels: outcome
                .model
                .classes
                .iter()
                .map(|c| EditLabel::new(c.label, &c.name, c.color))
                .collect(),
            voxels: results::on_scan(&outcome, &findings.labels),
            origin: record::provenance(&outcome, &findings.included),
        };
        let Some(work) = self.work_on(documents) else { return };
        let replaces = work.layer().changed_voxels() > 0;
        work.time = outcome.time;
        if work.editor.accept("take the result over", proposal).is_none() {
            shell.note(Level::Info, "The edited mask is this result already.");
        } else if replaces {
            let text = "The result took the place of the edited mask: undo brings that back.";
            shell.note(Level::Info, text);
        }
        let Some(work) = self.work_mut() else { return };
        work.active = work.layer().labels().first().map_or(1, |l| l.value);
        self.shown = true;
        if edit {
            self.set_tool(Tool::Brush);
        }
    }

    pub(super) fn label(&mut self, command: LabelCommand) {
        let asked = self.asked_label.take();
        let Some(work) = self.work_mut() else { return };
        let mut table = work.layer().labels().to_vec();
        match command {
            LabelCommand::Add => {
                let taken: Vec<[u8; 3]> = table.iter().map(|l| l.color).collect();
                let free = (1..=255).find(|v| table.iter().all(|l| l.value != *v));
                let Some(value) = free else { return };
                table.push(EditLabel::new(value, format!("label {value}"), fresh_color(&taken)));
                work.editor.set_labels("new label", table);
                work.active = value;
                self.shown = true;
            }
            LabelCommand::Change(row) => {
                let Some(old) = table.iter_mut().find(|l| l.value == row.value) else { return };
                *old = row;
                work.editor.set_labels("label", table);
            }
            LabelCommand::Delete(value) => {
                let Some(row) = work.layer().label(value) else { return };
                if row.locked {
                    return;
                }
                if work.layer().voxels_of(value) > 0 && asked != Some(value) {
                    self.asked_label = Some(value);
                    return;
                }
                table.retain(|l| l.value != value);
                work.editor.set_labels("delete a label", table);
                if work.active == value {
                    work.active = work.layer().labels().first().map_or(1, |l| l.value);
                }
            }
            LabelCommand::Keep => {}
        }
    }

    pub(super) fn measure(&mut self, command: MeasureCommand, documents: &Documents) {
        match command {
            MeasureCommand::Add(shape) => {
                let Some(document) = documents.open() else { return };
                let volume = document.volume.clone();
                if let Some(work) = self.work_on(documents) {
                    work.measurements.add(shape, &volume);
                }
            }
            MeasureCommand::Remove(id) => {
                if let Some(work) = self.work_mut() {
                    work.measurements.remove(id);
                }
            }
            MeasureCommand::Rename(id, name) => {
                if let Some(work) = self.work_mut() {
                    work.measurements.rename(id, &name);
                }
            }
        }
    }

    /// Measures the labels of the mask, off the interface thread.
    pub(super) fn measure_labels(&mut self, documents: &Documents) {
        let (Some(document), Some(work)) = (documents.open(), self.mask()) else { return };
        let measured = Measured {
            volume: document.volume.clone(),
            time: work.time,
            axis: document.view.axis,
            measurements: Measurements::default(),
        };
        let (layer, revision) = (work.layer(), work.editor.revision());
        let (labels, voxels) = (layer.labels().to_vec(), layer.voxels().to_vec());
        self.measuring = Some(Task::spawn("measure the labels", &self.wake, move || {
            Ok((revision, measured.labels(&labels, &voxels)))
        }));
    }

    /// What the labels measure, as long as the mask is as it was then.
    pub fn readings(&self) -> Option<&[(String, LabelReading)]> {
        let revision = self.mask()?.editor.revision();
        let (of, readings) = self.readings.as_ref()?;
        (*of == revision).then_some(readings)
    }

    pub(super) fn poll_measuring(&mut self, shell: &mut Shell) {
        let Some(task) = self.measuring.take() else { return };
        match task.take() {
            Err(task) => self.measuring = Some(task),
            Ok(Err(text)) => shell.note(Level::Error, text),
            Ok(Ok(readings)) => self.readings = Some(readings),
        }
    }
}
