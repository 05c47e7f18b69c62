//! Steps that can be undone and done again (EDIT-16), within a budget of memory.

use super::EditLabel;
use super::layer::Layer;
use super::patch::Patch;
use std::collections::VecDeque;

/// Bytes that the history may take unless it is told otherwise.
pub const BUDGET: usize = 256 << 20;
/// The newest steps stay whatever they take together.
pub const KEPT_STEPS: usize = 50;

/// What a step changed; parts that it did not change are absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Step {
    /// "brush", "grow": for the menu.
    pub(super) what: String,
    pub(super) patch: Option<Patch>,
    pub(super) base: Option<Patch>,
    pub(super) labels: Option<[Vec<EditLabel>; 2]>,
    pub(super) origin: Option<[Option<String>; 2]>,
}

impl Step {
    pub(super) fn is_empty(&self) -> bool {
        self.patch.is_none()
            && self.base.is_none()
            && self.labels.is_none()
            && self.origin.is_none()
    }

    pub(super) fn bytes(&self) -> usize {
        let row = |l: &EditLabel| size_of::<EditLabel>() + l.name.capacity();
        let labels = self.labels.iter().flatten().flatten().map(row).sum::<usize>();
        let patches = [&self.patch, &self.base].into_iter().flatten().map(Patch::bytes);
        let origin = self.origin.iter().flatten().flatten().map(String::capacity).sum::<usize>();
        size_of::<Self>() + self.what.capacity() + labels + origin + patches.sum::<usize>()
    }

    pub(super) fn go(&self, layer: &mut Layer, forwards: bool) {
        let side = usize::from(forwards);
        // The base first: it counts what differs from it.
        if let Some(base) = &self.base {
            layer.go_base(base, forwards);
        }
        if let Some(patch) = &self.patch {
            layer.go(patch, forwards);
        }
        if let Some(labels) = &self.labels {
            layer.set_labels(labels[side].clone());
        }
        if let Some(origin) = &self.origin {
            layer.set_origin(origin[side].clone());
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct History {
    done: VecDeque<(u64, Step)>,
    undone: Vec<(u64, Step)>,
    bytes: usize,
    pub(super) budget: usize,
    /// Number of the newest step that ever was: no two states share one.
    newest: u64,
    /// The state below the oldest kept step.
    oldest: u64,
}

impl History {
    pub(super) fn new(budget: usize) -> Self {
        Self { done: VecDeque::new(), undone: Vec::new(), bytes: 0, budget, newest: 0, oldest: 0 }
    }

    /// Tells the present state from every other one that ever was.
    pub(super) fn state(&self) -> u64 {
        self.done.back().map_or(self.oldest, |(id, _)| *id)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn steps(&self) -> [usize; 2] {
        [self.done.len(), self.undone.len()]
    }

    pub(super) fn last(&self) -> Option<&Step> {
        self.done.back().map(|(_, s)| s)
    }

    pub(super) fn next(&self) -> Option<&Step> {
        self.undone.last().map(|(_, s)| s)
    }

    /// A new step: what was undone goes, and the oldest ones if they do not fit.
    pub(super) fn push(&mut self, step: Step) {
        for (_, gone) in self.undone.drain(..) {
            self.bytes -= gone.bytes();
        }
        let alone = step.bytes() > self.budget;
        self.bytes += step.bytes();
        self.newest += 1;
        self.done.push_back((self.newest, step));
        let kept = if alone { 1 } else { KEPT_STEPS };
        while self.bytes > self.budget
            && self.done.len() > kept
            && let Some((id, gone)) = self.done.pop_front()
        {
            self.bytes -= gone.bytes();
            self.oldest = id;
        }
    }

    pub(super) fn undo(&mut self) -> Option<&Step> {
        let step = self.done.pop_back()?;
        self.undone.push(step);
        self.next()
    }

    pub(super) fn redo(&mut self) -> Option<&Step> {
        let step = self.undone.pop()?;
        self.done.push_back(step);
        self.last()
    }
}
