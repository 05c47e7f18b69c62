//! The session's list of results: what puts one in, draws it, packs it, and takes it out.

use super::entries::{BUDGET, Packed, Stored, time_of_day};
use super::shell::Shell;
use super::task::Task;
use super::{Documents, Findings, Level, ResultCommand, ResultEntry, Run, Wake};
use crate::inference::Outcome;
use std::sync::Arc;

/// A result whose samples are compared, to be shown.
struct Comparing {
    generation: u64,
    id: u64,
    /// The person has not chosen a slice: the view goes where the most was found.
    follow: bool,
    task: Task<Findings>,
}

/// The result that lies on the open image.
struct Chosen {
    id: u64,
    findings: Arc<Findings>,
}

pub struct ResultList {
    /// The oldest first. A result goes only if the person deletes it.
    entries: Vec<ResultEntry>,
    chosen: Option<Chosen>,
    comparing: Option<Comparing>,
    packing: Option<(u64, Task<Packed>)>,
    /// The result that is to be deleted without having been exported: the person is asked.
    asked_to_delete: Option<u64>,
    /// Memory that results may take before the next run waits for the person to let some go.
    budget: u64,
    /// Number of the newest result.
    newest: u64,
    wake: Wake,
}

impl ResultList {
    pub(super) fn new(budget: Option<u64>, wake: Wake) -> Self {
        Self {
            entries: Vec::new(),
            chosen: None,
            comparing: None,
            packing: None,
            asked_to_delete: None,
            budget: budget.unwrap_or(BUDGET),
            newest: 0,
            wake,
        }
    }

    /// What finished runs gave, the oldest first.
    pub fn entries(&self) -> &[ResultEntry] {
        &self.entries
    }

    pub fn get(&self, id: u64) -> Option<&ResultEntry> {
        self.entries.iter().find(|r| r.id == id)
    }

    /// The result that lies on the open image.
    pub fn chosen(&self) -> Option<&ResultEntry> {
        self.get(self.chosen.as_ref()?.id)
    }

    /// What the samples of the chosen result say together.
    pub fn findings(&self) -> Option<&Arc<Findings>> {
        self.chosen.as_ref().map(|c| &c.findings)
    }

    /// Classes of the chosen result.
    pub(super) fn classes(&self) -> usize {
        self.findings().map_or(1, |f| f.classes.len())
    }

    /// Whether samples are being compared: what they say is to come.
    pub fn is_comparing(&self) -> bool {
        self.comparing.is_some()
    }

    /// The result that the person is asked about before it is deleted.
    pub fn asked_to_delete(&self) -> Option<u64> {
        self.asked_to_delete
    }

    /// Results that would be lost with the window.
    pub fn unexported(&self) -> usize {
        self.entries.iter().filter(|r| !r.exported).count()
    }

    /// Memory that the masks take.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(ResultEntry::bytes).sum()
    }

    /// Whether no further result fits.
    pub fn is_full(&self) -> bool {
        self.bytes() > self.budget
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut ResultEntry> {
        self.entries.iter_mut().find(|r| r.id == id)
    }

    pub(super) fn mark_exported(&mut self, id: u64) {
        if let Some(entry) = self.get_mut(id) {
            entry.exported = true;
        }
    }

    /// `live` is whether a run on the open image is under way.
    pub(super) fn apply(
        &mut self,
        command: ResultCommand,
        live: bool,
        documents: &mut Documents,
        shell: &mut Shell,
    ) {
        match command {
            ResultCommand::Show(_) if live => shell.note(
                Level::Info,
                "The run comes first: its result can be shown when it has ended.",
            ),
            ResultCommand::Show(id) => {
                let drawn = self.chosen().is_some_and(|r| r.id == id);
                if drawn || self.compare(id, false, documents) {
                    if let (Some(d), Some(entry)) = (documents.open_mut(), self.get(id)) {
                        d.set_time(entry.about().time);
                    }
                } else {
                    shell.note(
                        Level::Info,
                        "The image of this result is not open: open it to see the result.",
                    );
                }
            }
            ResultCommand::Hide(id) => self.hide(id, documents),
            ResultCommand::ShowMember { result, member } => {
                if let Some(Chosen { id, findings }) = &self.chosen
                    && *id == result
                    && let Some(d) = documents.open_mut()
                {
                    d.member = member.filter(|&m| m < findings.samples());
                    d.overlays.own_labels = false;
                }
            }
            ResultCommand::Delete(id) => self.delete(id, documents),
            ResultCommand::Keep => self.asked_to_delete = None,
        }
    }

    /// Answers the open question with no. False if there is none.
    pub(super) fn keep(&mut self) -> bool {
        self.asked_to_delete.take().is_some()
    }

    /// The image is closed: nothing lies on it any more.
    pub(super) fn leave_image(&mut self) {
        self.chosen = None;
        self.comparing = None;
    }

    fn hide(&mut self, id: u64, documents: &mut Documents) {
        if self.chosen.as_ref().is_some_and(|c| c.id == id) {
            self.chosen = None;
            if let Some(d) = documents.open_mut() {
                d.member = None;
            }
        }
    }

    fn delete(&mut self, id: u64, documents: &mut Documents) {
        let Some(entry) = self.get(id) else { return };
        if !entry.exported && self.asked_to_delete != Some(id) {
            self.asked_to_delete = Some(id);
            return;
        }
        self.asked_to_delete = None;
        self.hide(id, documents);
        self.comparing = self.comparing.take().filter(|c| c.id != id);
        self.entries.retain(|r| r.id != id);
    }

    /// Puts a result into the list, and on its image if that is open.
    pub(super) fn accept(
        &mut self,
        run: Run,
        outcome: Arc<Outcome>,
        documents: &Documents,
        shell: &mut Shell,
    ) {
        let Run { generation, follow, image_name, card, .. } = run;
        self.newest += 1;
        let id = self.newest;
        let text = format!(
            "The result belongs to an image no longer open ({image_name}): it stays in the list for export."
        );
        self.entries.push(ResultEntry {
            id,
            generation,
            image_name,
            model: card.title,
            finished: time_of_day(),
            exported: false,
            stored: Stored::Whole(outcome),
            packable: true,
        });
        if !self.compare(id, follow, documents) {
            shell.note(Level::Warning, text);
        }
    }

    /// Compares the samples of a result, to show it. False if its image is not the open one.
    fn compare(&mut self, id: u64, follow: bool, documents: &Documents) -> bool {
        let (Some(document), Some(entry)) = (documents.open(), self.get(id)) else { return false };
        if !document.is_image_of(entry) {
            return false;
        }
        let (generation, stored) = (document.generation, entry.stored.clone());
        let task = Task::spawn("compare the samples", &self.wake, move || {
            Findings::compute(stored.outcome()?)
        });
        self.comparing = Some(Comparing { generation, id, follow, task });
        true
    }

    pub(super) fn poll(&mut self, documents: &mut Documents, shell: &mut Shell) {
        self.poll_comparing(documents, shell);
        self.poll_packing(shell);
    }

    fn poll_comparing(&mut self, documents: &mut Documents, shell: &mut Shell) {
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
        // It is looked at now: as it is, not packed.
        if let Some(entry) = self.get_mut(id) {
            entry.stored = Stored::Whole(findings.outcome.clone());
        }
        let Some(document) = documents.of_generation(generation) else { return };
        if let Some(slice) = findings.largest_slice.filter(|_| follow)
            && document.view.axis == 2
            && document.view.time == findings.outcome.time
        {
            document.set_slice(slice);
        }
        let old = self.chosen.replace(Chosen { id, findings: findings.clone() });
        document.take_result(old.as_ref().map(|c| c.findings.as_ref()), &findings);
    }

    /// Packs results that are not looked at, one after the other.
    fn poll_packing(&mut self, shell: &mut Shell) {
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
        let waits = |r: &&ResultEntry| r.packable && !r.is_packed() && !self.is_looked_at(r.id);
        if self.packing.is_none()
            && let Some(entry) = self.entries.iter().find(waits)
            && let Stored::Whole(outcome) = &entry.stored
        {
            let outcome = outcome.clone();
            let task = Task::spawn("pack a result", &self.wake, move || Packed::new(&outcome));
            self.packing = Some((entry.id, task));
        }
    }

    fn is_looked_at(&self, id: u64) -> bool {
        self.chosen.as_ref().is_some_and(|c| c.id == id)
            || self.comparing.as_ref().is_some_and(|c| c.id == id)
    }
}
