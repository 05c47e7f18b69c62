//! What the tools in hand do to the mask: strokes at once, operations off the interface thread.

use super::operation::{Prepared, Snapshot};
use super::{Editing, Path, editing_values};
use crate::app::task::Task;
use crate::app::{Documents, Findings, Level, Operation, Shell, Stroke, Tool};
use crate::edit::Done;
use crate::edit::brush::Brush;
use std::sync::Arc;

impl Editing {
    pub(super) fn stroke(&mut self, stroke: Stroke, documents: &Documents, shell: &mut Shell) {
        let Some(document) = documents.open() else { return };
        self.drop_shown();
        let brush = Brush { radius: self.options.diameter / 2.0, ball: self.options.ball };
        let (rule, path) = (self.options.rule, self.path);
        let Some(work) = self.work_mut() else { return };
        let active = work.active;
        let (from, path) = match (stroke, path) {
            (Stroke::Begin { axis, slice, at, erase, any }, _) => {
                if work.layer().labels().is_empty() {
                    return;
                }
                if !any
                    && let Some(label) = work.layer().label(active)
                    && label.locked
                {
                    let text = format!("{} is locked: unlock it to change it.", label.name);
                    return shell.note(Level::Info, text);
                }
                work.editor.begin_stroke(if erase { "erase" } else { "brush" });
                (at, Path { axis, slice, at, erase, any })
            }
            (Stroke::To(at), Some(path)) => (path.at, Path { at, ..path }),
            (Stroke::End, _) => {
                work.editor.end_stroke();
                self.path = None;
                return;
            }
            (Stroke::Cancel, _) => {
                work.editor.cancel_stroke();
                self.path = None;
                return;
            }
            (Stroke::To(_), None) => return,
        };
        let swept = brush.sweep(work.layer().lattice(), path.axis, path.slice, from, path.at);
        let value = editing_values(&document.volume, document.view.time);
        let new = |old: u8| match (path.erase, path.any) {
            (true, false) if old != active => old,
            (true, _) => 0,
            (false, _) => active,
        };
        work.editor.stroke(&swept, new, &rule, &value);
        self.path = Some(path);
    }

    pub(super) fn run(
        &mut self,
        operation: Operation,
        documents: &Documents,
        findings: Option<&Arc<Findings>>,
        shell: &mut Shell,
    ) {
        let locked = self.mask().and_then(|w| w.layer().label(w.active)).filter(|l| l.locked);
        if let Some(label) = locked {
            let text = format!("{} is locked: unlock it to change it.", label.name);
            return shell.note(Level::Info, text);
        }
        self.drop_shown();
        self.start(operation, documents, findings);
    }

    pub(super) fn start(
        &mut self,
        operation: Operation,
        documents: &Documents,
        findings: Option<&Arc<Findings>>,
    ) {
        if self.task.is_some() {
            self.next = Some(operation);
            return;
        }
        let options = self.options;
        let (Some(document), Some(work)) = (documents.open(), self.work_mut()) else { return };
        work.editor.end_stroke();
        let revision = work.editor.revision();
        let layer = work.layer().without_proposal();
        let snapshot = Snapshot {
            layer,
            active: work.active,
            options,
            volume: document.volume.clone(),
            time: document.view.time,
            slice: (document.view.axis, document.slice().0),
            findings: findings.cloned(),
        };
        let what = operation.clone();
        self.operation = Some(operation);
        self.task = Some(Task::spawn("edit a mask", &self.wake, move || {
            let mut prepared = snapshot.run(&what)?;
            prepared.revision = revision;
            Ok(prepared)
        }));
    }

    pub(super) fn apply_shown(&mut self) {
        let Some(prepared) = self.prepared.take() else { return };
        self.operation = None;
        self.put(prepared);
    }

    /// As one step.
    fn put(&mut self, prepared: Prepared) -> Option<Done> {
        let work = self.work_mut()?;
        let Prepared { what, block, labels, table, .. } = prepared;
        work.editor.apply_with_table(what, block, &labels, table)
    }

    pub(in crate::app) fn drop_shown(&mut self) {
        self.prepared = None;
        self.operation = None;
        self.next = None;
        // One under way answers to nobody.
        self.task = None;
    }

    /// Escape: drops what is shown, a stroke, or the tool.
    pub(in crate::app) fn escape(&mut self) -> bool {
        if self.prepared.is_some() || self.task.is_some() {
            self.drop_shown();
        } else if self.path.take().is_some() {
            if let Some(work) = self.work_mut() {
                work.editor.cancel_stroke();
            }
        } else if self.asked_discard || self.asked_label.is_some() {
            (self.asked_discard, self.asked_label) = (false, None);
        } else if self.tool != Tool::Navigate {
            self.set_tool(Tool::Navigate);
        } else {
            return false;
        }
        true
    }

    /// Seconds until it wants to be called again, if it knows.
    pub(in crate::app) fn poll(
        &mut self,
        documents: &mut Documents,
        findings: Option<&Arc<Findings>>,
        shell: &mut Shell,
    ) -> Option<f64> {
        if let Some(task) = self.task.take() {
            match task.take() {
                Err(task) => self.task = Some(task),
                Ok(Err(text)) => {
                    (self.operation, self.prepared) = (None, None);
                    shell.note(Level::Info, text);
                }
                Ok(Ok(prepared)) => self.take_in(prepared, documents, shell),
            }
            if self.task.is_none()
                && let Some(next) = self.next.take()
            {
                self.start(next, documents, findings);
            }
        }
        self.poll_reading(shell);
        self.poll_measuring(shell);
        let view = documents.open().map(|d| (d.view.axis, d.view.voxel));
        let open = self.open.zip(view);
        self.saving.poll(&mut self.works, open, shell)
    }

    fn take_in(&mut self, prepared: Prepared, documents: &mut Documents, shell: &mut Shell) {
        let Some(work) = self.work() else { return };
        if work.editor.revision() != prepared.revision {
            let text =
                format!("{}: the mask changed meanwhile, so it was not applied.", prepared.what);
            return shell.note(Level::Info, text);
        }
        if self.operation.as_ref().is_some_and(Operation::is_shown_first) {
            self.prepared = Some(prepared);
        } else {
            self.operation = None;
            if let Some(done) = self.put(prepared) {
                documents.jump(&done);
            }
        }
    }
}
