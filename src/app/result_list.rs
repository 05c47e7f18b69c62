//! The session's list of results: what puts one in, draws it, packs it, and takes it out.

mod threads;

use super::entries::{BUDGET, Packed, Stored, time_of_day};
use super::shell::Shell;
use super::task::Task;
use super::{
    Documents, Findings, Included, Level, RegionPlace, ResultCommand, ResultEntry, Review, Run,
    Wake,
};
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

pub struct ResultList {
    /// The oldest first. A result goes only if the person deletes it.
    entries: Vec<ResultEntry>,
    /// The result that lies on the open image.
    chosen: Option<u64>,
    comparing: Option<Comparing>,
    packing: Option<(u64, Task<Packed>)>,
    /// A result that is to be seen beside the shown one, of this document.
    beside: Option<(u64, u64, Task<Findings>)>,
    /// A result to which samples are added.
    joining: Option<(u64, Task<Outcome>)>,
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
            beside: None,
            joining: None,
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
        self.get(self.chosen?)
    }

    /// What the samples of the chosen result say together; nothing while that is being found out.
    pub fn findings(&self) -> Option<&Arc<Findings>> {
        self.chosen()?.findings.as_ref()
    }

    /// Classes of the chosen result.
    pub(super) fn classes(&self) -> usize {
        self.findings().map_or(1, |f| f.classes.len())
    }

    /// Whether samples are being compared: what they say is to come.
    pub fn is_comparing(&self) -> bool {
        self.comparing.is_some() || self.beside.is_some()
    }

    /// The result that the person is asked about before it is deleted.
    pub fn asked_to_delete(&self) -> Option<u64> {
        self.asked_to_delete
    }

    /// Results that would be lost with the window.
    pub fn unexported(&self) -> usize {
        self.entries.iter().filter(|r| !r.is_exported()).count()
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

    /// Files were written of these samples.
    pub(super) fn mark_exported(&mut self, id: u64, included: Included) {
        if let Some(entry) = self.get_mut(id) {
            entry.exported = Some(included);
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
                if self.chosen == Some(id) || self.compare(id, false, documents) {
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
            ResultCommand::Beside(id) => self.put_beside(id, documents, shell),
            ResultCommand::Hide(id) => self.hide(id, documents),
            ResultCommand::ShowMember { result, member } => {
                if let Some(entry) = self.chosen().filter(|r| r.id == result)
                    && let Some(d) = documents.open_mut()
                {
                    d.member = member.filter(|&m| m < entry.included.drawn());
                    d.overlays.own_labels = false;
                }
            }
            ResultCommand::Include { result, member, included } => {
                self.include(result, documents, |i| i.with(member, included));
            }
            ResultCommand::IncludeAll(result) => {
                self.include(result, documents, |i| Included::all(i.drawn()));
            }
            ResultCommand::IncludeOnly { result, member } => {
                self.include(result, documents, |i| i.only(member));
            }
            ResultCommand::Pair { result, pair } => {
                if let Some(entry) = self.chosen().filter(|r| r.id == result)
                    && let Some(d) = documents.open_mut()
                {
                    let drawn = entry.included.drawn();
                    d.pair = pair.filter(|p| p[0] != p[1] && p.iter().all(|&m| m < drawn));
                }
            }
            ResultCommand::Compare { result, compared } => {
                if let Some(entry) = self.chosen().filter(|r| r.id == result)
                    && let Some(d) = documents.open_mut()
                {
                    let usual =
                        entry.findings.as_ref().and_then(|f| f.usual_pair(d.overlays.class));
                    d.pair = d.pair.or(usual);
                    d.compared = compared;
                    d.member = None;
                    d.overlays.own_labels = false;
                    d.overlays.segmentation = true;
                }
            }
            ResultCommand::ShowRegion { result, region } => {
                if self.chosen == Some(result) {
                    self.show_region(result, region, documents);
                }
            }
            ResultCommand::Review { result, region, reviewed } => {
                if let Some(entry) = self.get_mut(result)
                    && let Some(findings) = &entry.findings
                    && findings.region(region).is_some()
                {
                    entry.review.tick(&findings.included, region, reviewed);
                }
            }
            ResultCommand::Delete(id) => self.delete(id, documents),
            ResultCommand::Keep => self.asked_to_delete = None,
        }
    }

    fn show_region(&mut self, id: u64, place: Option<RegionPlace>, documents: &mut Documents) {
        let (Some(entry), Some(document)) = (self.get_mut(id), documents.open_mut()) else {
            return;
        };
        let Some(findings) = &entry.findings else { return };
        let region = place.and_then(|p| findings.region(p));
        entry.review.choose(findings.id, place.filter(|_| region.is_some()));
        if let (Some((class, _)), Some(region)) = (place, region) {
            document.overlays.class = class;
            document.set_time(findings.outcome.time);
            document.view.crosshair = true;
            document.set_crosshair(region.target);
        }
    }

    /// Answers the open question with no. False if there is none.
    pub(super) fn keep(&mut self) -> bool {
        self.asked_to_delete.take().is_some()
    }

    /// The image is closed: nothing lies on it any more.
    pub(super) fn leave_image(&mut self) {
        self.choose(None);
        self.comparing = None;
        self.beside = None;
    }

    /// Returns the findings of what was chosen before.
    fn choose(&mut self, id: Option<u64>) -> Option<Arc<Findings>> {
        let old = std::mem::replace(&mut self.chosen, id)?;
        self.get_mut(old)?.findings.take()
    }

    /// What was said of other samples goes at once; what these say is found out off this thread.
    fn include(
        &mut self,
        id: u64,
        documents: &mut Documents,
        change: impl FnOnce(Included) -> Included,
    ) {
        self.take_from_beside(id, documents);
        let Some(entry) = self.get_mut(id) else { return };
        let included = change(entry.included.clone());
        if included != entry.included {
            entry.included = included;
            entry.findings = None;
            if self.chosen == Some(id) {
                self.compare(id, false, documents);
            }
        }
    }

    fn hide(&mut self, id: u64, documents: &mut Documents) {
        if self.chosen == Some(id) {
            self.choose(None);
            if let Some(d) = documents.open_mut() {
                d.member = None;
            }
        }
    }

    fn delete(&mut self, id: u64, documents: &mut Documents) {
        let Some(entry) = self.get(id) else { return };
        if !entry.is_exported() && self.asked_to_delete != Some(id) {
            self.asked_to_delete = Some(id);
            return;
        }
        self.asked_to_delete = None;
        self.hide(id, documents);
        self.take_from_beside(id, documents);
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
        let Run { generation, follow, image_name, card, more_of, recorder, .. } = run;
        if let Some(id) = more_of {
            return self.join(id, outcome, shell);
        }
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
            included: Included::all(outcome.members.len()),
            review: Review::default(),
            findings: None,
            film: Some(recorder.film().clone()),
            exported: None,
            stored: Stored::Whole(outcome),
            packable: true,
        });
        if !self.compare(id, follow, documents) {
            shell.note(Level::Warning, text);
        }
    }

    fn is_looked_at(&self, id: u64) -> bool {
        self.chosen == Some(id) || self.comparing.as_ref().is_some_and(|c| c.id == id)
    }
}
