//! A layer with its history. One stroke or one applied tool is one step, whatever it touched.

use super::history::{BUDGET, History, Step};
use super::labels::clean_name;
use super::layer::{Layer, Proposal};
use super::patch::{Builder, Patch};
use super::rule::{Guard, Rule, Values};
use super::{EditLabel, Selection};
use crate::volume::Block;

/// What was done, undone or done again: where to look.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    pub what: String,
    /// What changed and one voxel of it; `None` if no voxel did.
    pub place: Option<(Block, [usize; 3])>,
    pub voxels: usize,
}

impl Done {
    fn of(step: &Step) -> Self {
        let patch = step.patch.as_ref();
        Self {
            what: step.what.clone(),
            place: patch.map(|p| (p.block, p.place)),
            voxels: patch.map_or(0, |p| p.voxels),
        }
    }
}

/// A stroke under way: what it has changed so far, in the order in which it did.
#[derive(Clone, Debug)]
struct Stroke {
    what: String,
    changes: Vec<(usize, u8, u8)>,
}

#[derive(Clone, Debug)]
pub struct Editor {
    layer: Layer,
    history: History,
    stroke: Option<Stroke>,
    /// Grows with every change.
    revision: u64,
    /// What changed last, with the revision that it led to; the newest last.
    dirty: Vec<(u64, Block)>,
}

/// Changes whose place is remembered for those who draw.
const DIRTY: usize = 64;

impl Editor {
    pub fn new(layer: Layer) -> Self {
        Self::with_budget(layer, BUDGET)
    }

    /// `budget` is what the history may take, in bytes.
    pub fn with_budget(layer: Layer, budget: usize) -> Self {
        let history = History::new(budget);
        Self { layer, history, stroke: None, revision: 0, dirty: Vec::new() }
    }

    pub fn layer(&self) -> &Layer {
        &self.layer
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Tells the present state from every other one: the same after undo and redo.
    pub fn state(&self) -> u64 {
        self.history.state()
    }

    pub fn is_in_stroke(&self) -> bool {
        self.stroke.is_some()
    }

    /// Steps that can be undone, and done again.
    pub fn steps(&self) -> [usize; 2] {
        self.history.steps()
    }

    /// What undo and redo would act on.
    pub fn names(&self) -> [Option<&str>; 2] {
        [self.history.last(), self.history.next()].map(|s| s.map(|s| s.what.as_str()))
    }

    pub fn history_bytes(&self) -> usize {
        self.history.bytes()
    }

    /// What changed since a revision: blocks to draw again; `None` if that is not known any more.
    pub fn changed_since(&self, revision: u64) -> Option<impl Iterator<Item = Block> + '_> {
        let oldest = self.dirty.first().map_or(self.revision, |(r, _)| r - 1);
        (revision >= oldest)
            .then(|| self.dirty.iter().filter(move |(r, _)| *r > revision).map(|(_, b)| *b))
    }

    fn touched(&mut self, block: Option<Block>) {
        self.revision += 1;
        if self.dirty.len() == DIRTY {
            self.dirty.remove(0);
        }
        let none = Block { origin: [0; 3], shape: [0; 3] };
        self.dirty.push((self.revision, block.unwrap_or(none)));
    }

    /// Begins a stroke; one under way is ended first.
    pub fn begin_stroke(&mut self, what: impl Into<String>) {
        self.end_stroke();
        self.stroke = Some(Stroke { what: what.into(), changes: Vec::new() });
    }

    /// Each voxel of the selection becomes what `new` makes of its label, where the rule lets it.
    /// Part of the stroke under way; nothing without one.
    pub fn stroke(
        &mut self,
        selection: &Selection,
        new: impl Fn(u8) -> u8,
        rule: &Rule,
        values: Values<'_>,
    ) {
        let Some(mut stroke) = self.stroke.take() else { return };
        let before = stroke.changes.len();
        self.each(
            selection.block,
            rule,
            values,
            |i, at| selection.inside[at].then_some(&new).map(|new| (i, new)),
            |change| stroke.changes.push(change),
        );
        if stroke.changes.len() > before {
            self.touched(Some(selection.block));
        }
        self.stroke = Some(stroke);
    }

    /// The stroke becomes a step; `None` if it changed nothing.
    pub fn end_stroke(&mut self) -> Option<Done> {
        let Stroke { what, mut changes } = self.stroke.take()?;
        // Stable: of several changes of a voxel the first old and the last new value count.
        changes.sort_by_key(|c| c.0);
        let mut builder = Builder::new();
        for same in changes.chunk_by(|a, b| a.0 == b.0) {
            if let ([(i, old, _), ..], [.., (_, _, new)]) = (same, same)
                && old != new
            {
                builder.push(*i, *old, *new);
            }
        }
        let patch = builder.finish(self.layer.lattice());
        self.keep(Step { what, patch, ..Step::default() })
    }

    /// A stroke under way is taken back.
    pub fn cancel_stroke(&mut self) {
        let Some(Stroke { changes, .. }) = self.stroke.take() else { return };
        for &(i, old, _) in changes.iter().rev() {
            self.layer.set(i, old);
        }
        self.touched(Some(self.layer.lattice().whole()));
    }

    /// Runs over a block in rising order of voxels: `pick` gives the new label's maker for flat index
    /// and place in the block.
    fn each<F: Fn(u8) -> u8>(
        &mut self,
        block: Block,
        rule: &Rule,
        values: Values<'_>,
        pick: impl Fn(usize, usize) -> Option<(usize, F)>,
        mut changed: impl FnMut((usize, u8, u8)),
    ) {
        if !self.layer.lattice().whole().contains(&block) {
            return;
        }
        let labels = self.layer.labels().to_vec();
        let guard = Guard::new(rule, &labels, values);
        let mut at = 0;
        for z in block.along(2) {
            for y in block.along(1) {
                let row = self.layer.lattice().index([block.origin[0], y, z]);
                for i in row..row + block.shape[0] {
                    if let Some((i, new)) = pick(i, at) {
                        let old = self.layer.voxels()[i];
                        let new = new(old);
                        if guard.allows(i, old, new) {
                            self.layer.set(i, new);
                            changed((i, old, new));
                        }
                    }
                    at += 1;
                }
            }
        }
    }

    /// Applies a tool as one step: the selection becomes what `new` makes of its labels. `None` if
    /// nothing changes.
    pub fn apply(
        &mut self,
        what: impl Into<String>,
        selection: &Selection,
        new: impl Fn(u8) -> u8,
        rule: &Rule,
        values: Values<'_>,
    ) -> Option<Done> {
        self.end_stroke();
        let mut builder = Builder::new();
        self.each(
            selection.block,
            rule,
            values,
            |i, at| selection.inside[at].then_some(&new).map(|new| (i, new)),
            |(i, old, new)| builder.push(i, old, new),
        );
        let patch = builder.finish(self.layer.lattice());
        self.keep(Step { what: what.into(), patch, ..Step::default() })
    }

    /// Applies a tool that gives the labels of a whole block.
    pub fn apply_labels(
        &mut self,
        what: impl Into<String>,
        block: Block,
        new: &[u8],
        rule: &Rule,
        values: Values<'_>,
    ) -> Option<Done> {
        self.end_stroke();
        if new.len() != block.len() {
            return None;
        }
        let mut builder = Builder::new();
        self.each(
            block,
            rule,
            values,
            |i, at| {
                let label = new[at];
                Some((i, move |_| label))
            },
            |(i, old, new)| builder.push(i, old, new),
        );
        let patch = builder.finish(self.layer.lattice());
        self.keep(Step { what: what.into(), patch, ..Step::default() })
    }

    /// Applies labels of a block that were made under the rule already, and the table that goes with them; only
    /// locked labels hold it back.
    pub fn apply_with_table(
        &mut self,
        what: impl Into<String>,
        block: Block,
        new: &[u8],
        table: Option<Vec<EditLabel>>,
    ) -> Option<Done> {
        self.end_stroke();
        if new.len() != block.len() {
            return None;
        }
        let before = self.layer.labels().to_vec();
        let labels = table.filter(|t| *t != before).map(|t| [before, t]);
        if let Some([_, after]) = &labels {
            self.layer.set_labels(after.clone());
        }
        let mut builder = Builder::new();
        let pick = |i: usize, at: usize| {
            let label = new[at];
            Some((i, move |_| label))
        };
        let rule = Rule::default();
        self.each(block, &rule, &|_| 0.0, pick, |(i, old, new)| builder.push(i, old, new));
        let patch = builder.finish(self.layer.lattice());
        self.keep(Step { what: what.into(), patch, labels, ..Step::default() })
    }

    /// Takes a proposal over: labels, voxels and what changes are counted against. One step (RUN-6).
    pub fn accept(&mut self, what: impl Into<String>, proposal: Proposal) -> Option<Done> {
        self.end_stroke();
        let lattice = self.layer.lattice().clone();
        if proposal.voxels.len() != lattice.len() {
            return None;
        }
        let nothing;
        let base = if self.layer.base().is_empty() {
            nothing = vec![0; lattice.len()];
            &nothing
        } else {
            self.layer.base()
        };
        let origin = [self.layer.origin().map(str::to_owned), Some(proposal.origin)];
        let step = Step {
            what: what.into(),
            patch: Patch::between(&lattice, self.layer.voxels(), &proposal.voxels),
            base: Patch::between(&lattice, base, &proposal.voxels),
            labels: (self.layer.labels() != proposal.labels)
                .then(|| [self.layer.labels().to_vec(), proposal.labels]),
            origin: (origin[0] != origin[1]).then_some(origin),
        };
        step.go(&mut self.layer, true);
        self.keep(step)
    }

    /// Changes the table of labels as one step. Values stay; a row that goes takes its voxels along.
    pub fn set_labels(
        &mut self,
        what: impl Into<String>,
        mut labels: Vec<EditLabel>,
    ) -> Option<Done> {
        self.end_stroke();
        for label in &mut labels {
            label.name = clean_name(&label.name);
        }
        if labels == self.layer.labels() {
            return None;
        }
        let mut stays = [false; 256];
        stays[0] = true;
        for label in &labels {
            stays[usize::from(label.value)] = true;
        }
        let mut builder = Builder::new();
        for (i, &old) in self.layer.voxels().iter().enumerate() {
            if !stays[usize::from(old)] {
                builder.push(i, old, 0);
            }
        }
        let step = Step {
            what: what.into(),
            patch: builder.finish(self.layer.lattice()),
            labels: Some([self.layer.labels().to_vec(), labels]),
            ..Step::default()
        };
        step.go(&mut self.layer, true);
        self.keep(step)
    }

    fn keep(&mut self, step: Step) -> Option<Done> {
        if step.is_empty() {
            return None;
        }
        let done = Done::of(&step);
        self.touched(step.patch.as_ref().map(|p| p.block));
        self.history.push(step);
        Some(done)
    }

    /// Undoes a step, the stroke under way first.
    pub fn undo(&mut self) -> Option<Done> {
        self.end_stroke();
        let step = self.history.undo()?;
        step.go(&mut self.layer, false);
        let done = Done::of(step);
        self.touched(done.place.map(|(block, _)| block));
        Some(done)
    }

    pub fn redo(&mut self) -> Option<Done> {
        self.end_stroke();
        let step = self.history.redo()?;
        step.go(&mut self.layer, true);
        let done = Done::of(step);
        self.touched(done.place.map(|(block, _)| block));
        Some(done)
    }
}
