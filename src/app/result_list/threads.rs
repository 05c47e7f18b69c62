//! What the list does on other threads: samples compared, put together with later ones, packed.

use super::{Comparing, ResultList};
use crate::app::entries::{Packed, Stored};
use crate::app::shell::Shell;
use crate::app::task::Task;
use crate::app::{BesideResult, Documents, Findings, Layout, Level, ResultEntry};
use crate::inference::Outcome;
use std::sync::Arc;

impl ResultList {
    /// Puts samples that were drawn later to those of a result.
    pub(super) fn join(&mut self, id: u64, later: Arc<Outcome>, shell: &mut Shell) {
        let Some(entry) = self.get(id) else {
            let text = "The result was deleted: the samples that were to be added are gone, too.";
            return shell.note(Level::Warning, text);
        };
        let stored = entry.stored.clone();
        let task = Task::spawn("put samples together", &self.wake, move || {
            let before = Arc::unwrap_or_clone(stored.outcome()?);
            before.joined(Arc::unwrap_or_clone(later)).map_err(|e| e.to_string())
        });
        self.joining = Some((id, task));
    }

    pub(super) fn poll_joining(&mut self, documents: &Documents, shell: &mut Shell) {
        let Some((id, task)) = self.joining.take() else { return };
        // What is being compared or packed is the result as it was.
        let waits = self.comparing.as_ref().is_some_and(|c| c.id == id)
            || self.packing.as_ref().is_some_and(|(of, _)| *of == id);
        if waits {
            self.joining = Some((id, task));
            return;
        }
        match task.take() {
            Err(task) => self.joining = Some((id, task)),
            Ok(Err(text)) => shell.note(Level::Error, text),
            Ok(Ok(outcome)) => {
                let Some(entry) = self.get_mut(id) else { return };
                let more = outcome.members.len().saturating_sub(entry.included.drawn());
                entry.included = entry.included.clone().extended(more);
                entry.findings = None;
                entry.stored = Stored::Whole(Arc::new(outcome));
                if self.chosen == Some(id) {
                    self.compare(id, false, documents);
                }
            }
        }
    }

    /// Whether samples are being added to a result.
    pub fn is_joining(&self) -> bool {
        self.joining.is_some()
    }

    /// Compares the samples of a result that count, to show it. False if its image is not the open
    /// one.
    pub(super) fn compare(&mut self, id: u64, follow: bool, documents: &Documents) -> bool {
        let (Some(document), Some(entry)) = (documents.open(), self.get(id)) else { return false };
        if !document.is_image_of(entry) {
            return false;
        }
        // One under way is looked at when it is there: a person is quicker with ticks.
        if self.comparing.as_ref().is_some_and(|c| c.id == id) {
            return true;
        }
        let (generation, stored) = (document.generation, entry.stored.clone());
        let included = entry.included.clone();
        let task = Task::spawn("compare the samples", &self.wake, move || {
            Findings::compute(stored.outcome()?, included)
        });
        self.comparing = Some(Comparing { generation, id, follow, task });
        true
    }

    pub(in crate::app) fn poll(&mut self, documents: &mut Documents, shell: &mut Shell) {
        self.poll_joining(documents, shell);
        self.poll_comparing(documents, shell);
        self.poll_beside(documents, shell);
        self.poll_packing(shell);
    }

    /// Compares the samples of a result, to show it beside the one that is shown; `None` shows none.
    pub(super) fn put_beside(
        &mut self,
        id: Option<u64>,
        documents: &mut Documents,
        shell: &mut Shell,
    ) {
        self.beside = None;
        documents.put_beside(None);
        let Some(id) = id else { return };
        let (Some(document), Some(entry)) = (documents.open(), self.get(id)) else { return };
        if !document.is_image_of(entry) {
            let text = "The image of this result is not open: open it to see the result.";
            return shell.note(Level::Info, text);
        }
        let (stored, included) = (entry.stored.clone(), entry.included.clone());
        let generation = document.generation;
        let task = Task::spawn("compare the samples", &self.wake, move || {
            Findings::compute(stored.outcome()?, included)
        });
        self.beside = Some((id, generation, task));
    }

    /// A result is no longer what it was.
    pub(super) fn take_from_beside(&mut self, id: u64, documents: &mut Documents) {
        self.beside = self.beside.take().filter(|(of, ..)| *of != id);
        let shown = documents.open().and_then(|d| d.beside_result.as_ref());
        if shown.is_some_and(|b| b.id == id) {
            documents.put_beside(None);
        }
    }

    fn poll_beside(&mut self, documents: &mut Documents, shell: &mut Shell) {
        let Some((id, generation, task)) = self.beside.take() else { return };
        match task.take() {
            Err(task) => self.beside = Some((id, generation, task)),
            Ok(Err(text)) => shell.note(Level::Error, text),
            Ok(Ok(findings)) => {
                if let (Some(entry), Some(_)) = (self.get(id), documents.of_generation(generation))
                {
                    let (model, findings) = (entry.model.clone(), Arc::new(findings));
                    documents.put_beside(Some(BesideResult { id, model, findings }));
                }
            }
        }
    }

    pub(super) fn poll_comparing(&mut self, documents: &mut Documents, shell: &mut Shell) {
        let Some(Comparing { generation, id, follow, task }) = self.comparing.take() else {
            return;
        };
        let findings = match task.take() {
            Err(task) => {
                self.comparing = Some(Comparing { generation, id, follow, task });
                return;
            }
            Ok(Err(text)) => return shell.note(Level::Error, text),
            Ok(Ok(findings)) => Arc::new(findings),
        };
        let Some(entry) = self.get_mut(id) else { return };
        // It is looked at now: as it is, not packed.
        entry.stored = Stored::Whole(findings.outcome.clone());
        if entry.included != findings.included {
            // Ticks were set meanwhile.
            self.compare(id, follow, documents);
            return;
        }
        let Some(document) = documents.of_generation(generation) else { return };
        entry.findings = Some(findings.clone());
        if let Some(slice) = findings.largest_slice.filter(|_| follow)
            && (document.view.axis == 2 || document.view.layout != Layout::One)
            && document.view.time == findings.outcome.time
        {
            document.set_slice_across(2, slice);
        }
        if self.chosen != Some(id) {
            let old = self.choose(Some(id));
            document.take_result(old.as_deref(), &findings);
        }
    }

    /// Packs results that are not looked at, one after the other.
    pub(super) fn poll_packing(&mut self, shell: &mut Shell) {
        if let Some((id, task)) = self.packing.take() {
            match task.take() {
                Err(task) => self.packing = Some((id, task)),
                Ok(packed) => {
                    let shown = self.is_looked_at(id);
                    match (packed, self.get_mut(id)) {
                        (Ok(packed), Some(entry)) if !shown => {
                            entry.stored = Stored::Packed(Arc::new(packed));
                        }
                        (Err(text), Some(entry)) => {
                            entry.packable = false;
                            shell.note(Level::Warning, text);
                        }
                        _ => {}
                    }
                }
            }
        }
        let joins = self.joining.as_ref().map(|(id, _)| *id);
        let waits = |r: &&ResultEntry| {
            joins != Some(r.id) && r.packable && !r.is_packed() && !self.is_looked_at(r.id)
        };
        if self.packing.is_none()
            && let Some(entry) = self.entries.iter().find(waits)
            && let Stored::Whole(outcome) = &entry.stored
        {
            let outcome = outcome.clone();
            let task = Task::spawn("pack a result", &self.wake, move || Packed::new(&outcome));
            self.packing = Some((entry.id, task));
        }
    }
}
