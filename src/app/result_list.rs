//! The session's list of results: what puts one in, draws it, packs it, and takes it out.

use super::entries::{Packed, Stored, time_of_day};
use super::session::Comparing;
use super::task::Task;
use super::{Findings, Level, Panel, ResultEntry, Run, Session};
use crate::inference::Outcome;
use std::sync::Arc;

impl Session {
    pub fn result(&self, id: u64) -> Option<&ResultEntry> {
        self.results.iter().find(|r| r.id == id)
    }

    /// What the export panel would write.
    pub fn export_target(&self) -> Option<&ResultEntry> {
        let shown = || self.document.as_ref()?.result;
        self.result(self.export_of.or_else(shown)?)
    }

    /// Results that would be lost with the window.
    pub fn unexported(&self) -> usize {
        self.results.iter().filter(|r| !r.exported).count()
    }

    /// Puts a result into the list, and on its image if that is open.
    pub(super) fn accept_outcome(&mut self, run: Run, outcome: Arc<Outcome>) {
        let Run { generation, follow, image_name, card, .. } = run;
        self.next_result += 1;
        let id = self.next_result;
        self.results.push(ResultEntry {
            id,
            generation,
            image_name,
            model: card.title,
            finished: time_of_day(),
            exported: false,
            stored: Stored::Whole(outcome),
            packable: true,
        });
        if !self.compare(id, follow) {
            let name = self.result(id).map_or("", |r| r.image_name.as_str());
            let text = format!(
                "The result belongs to an image no longer open ({name}): it stays in the list for export."
            );
            self.note(Level::Warning, text);
        }
    }

    /// Compares the samples of a result, to show it. False if its image is not the open one.
    fn compare(&mut self, id: u64, follow: bool) -> bool {
        let (Some(document), Some(entry)) = (&self.document, self.result(id)) else { return false };
        if !document.is_image_of(entry) {
            return false;
        }
        let (generation, stored) = (document.generation, entry.stored.clone());
        let task = Task::spawn("compare the samples", &self.wake, move || {
            Findings::compute(stored.outcome()?)
        });
        self.findings = Some(Comparing { generation, id, follow, task });
        true
    }

    pub(super) fn poll_findings(&mut self) {
        let Some(Comparing { generation, id, follow, task }) = self.findings.take() else { return };
        match task.take() {
            Err(task) => self.findings = Some(Comparing { generation, id, follow, task }),
            Ok(Ok(findings)) => {
                // It is looked at now: as it is, not packed.
                if let Some(entry) = self.results.iter_mut().find(|r| r.id == id) {
                    entry.stored = Stored::Whole(findings.outcome.clone());
                }
                if let Some(d) = self.document.as_mut().filter(|d| d.generation == generation) {
                    if let Some(slice) = findings.largest_slice.filter(|_| follow)
                        && d.view.axis == 2
                        && d.view.time == findings.outcome.time
                    {
                        d.set_slice(slice);
                    }
                    d.show_result(id, findings);
                }
            }
            Ok(Err(text)) => self.note(Level::Error, text),
        }
    }

    /// Packs results that are not looked at, one after the other.
    pub(super) fn poll_packing(&mut self) {
        if let Some((id, task)) = self.packing.take() {
            match task.take() {
                Err(task) => self.packing = Some((id, task)),
                Ok(packed) => {
                    let shown = self.is_looked_at(id);
                    let entry = self.results.iter_mut().find(|r| r.id == id);
                    match (packed, entry) {
                        (Ok(packed), Some(entry)) if !shown => {
                            entry.stored = Stored::Packed(Arc::new(packed));
                        }
                        (Err(text), Some(entry)) => {
                            entry.packable = false;
                            self.note(Level::Warning, text);
                        }
                        _ => {}
                    }
                }
            }
        }
        let waits = |r: &&ResultEntry| r.packable && !r.is_packed() && !self.is_looked_at(r.id);
        if self.packing.is_none()
            && let Some(entry) = self.results.iter().find(waits)
            && let Stored::Whole(outcome) = &entry.stored
        {
            let outcome = outcome.clone();
            let task = Task::spawn("pack a result", &self.wake, move || Packed::new(&outcome));
            self.packing = Some((entry.id, task));
        }
    }

    fn is_looked_at(&self, id: u64) -> bool {
        self.document.as_ref().is_some_and(|d| d.result == Some(id))
            || self.findings.as_ref().is_some_and(|c| c.id == id)
    }

    pub(super) fn show_result(&mut self, id: u64) {
        let time = self.result(id).map(|r| r.about().time);
        if self.live_run().is_some() {
            self.note(
                Level::Info,
                "The run comes first: its result can be shown when it has ended.",
            );
        } else if self.document.as_ref().is_some_and(|d| d.result == Some(id))
            || self.compare(id, false)
        {
            if let (Some(d), Some(time)) = (&mut self.document, time) {
                d.set_time(time);
            }
        } else {
            self.note(
                Level::Info,
                "The image of this result is not open: open it to see the result.",
            );
        }
    }

    pub(super) fn delete_result(&mut self, id: u64) {
        let Some(entry) = self.result(id) else { return };
        if !entry.exported && self.asked_to_delete != Some(id) {
            self.asked_to_delete = Some(id);
            return;
        }
        self.asked_to_delete = None;
        if self.export_target().is_some_and(|e| e.id == id) {
            self.export_of = None;
            self.panels.remove(&Panel::Export);
        }
        self.results.retain(|r| r.id != id);
        self.findings = self.findings.take().filter(|c| c.id != id);
        if let Some(d) = self.document.as_mut().filter(|d| d.result == Some(id)) {
            d.hide_result();
        }
    }
}
