//! An editable label map on a lattice: its labels, what it was proposed as, and what was changed since,
//! counted as it happens (EDIT-18).

use super::patch::Patch;
use super::{EditLabel, Lattice};
use crate::volume::Geometry;

/// What a model proposed and a person took over.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    pub labels: Vec<EditLabel>,
    /// One per voxel of the lattice.
    pub voxels: Vec<u8>,
    /// Where it came from, one line for records.
    pub origin: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    geometry: Geometry,
    lattice: Lattice,
    voxels: Vec<u8>,
    labels: Vec<EditLabel>,
    /// The proposal as it was taken over; empty: it began with nothing.
    base: Vec<u8>,
    origin: Option<String>,
    /// Voxels of each label.
    counts: Vec<u64>,
    /// Voxels that each label gained and lost against the base.
    gained: Vec<u64>,
    lost: Vec<u64>,
}

impl Layer {
    pub fn empty(geometry: Geometry) -> Self {
        let lattice = Lattice::of(&geometry);
        let n = lattice.len();
        let mut counts = vec![0; 256];
        counts[0] = n as u64;
        Self {
            geometry,
            lattice,
            voxels: vec![0; n],
            labels: Vec::new(),
            base: Vec::new(),
            origin: None,
            counts,
            gained: vec![0; 256],
            lost: vec![0; 256],
        }
    }

    /// As it was kept: `base` is empty or of the same length.
    ///
    /// # Errors
    /// If a map does not have one value per voxel.
    pub fn restored(
        geometry: Geometry,
        labels: Vec<EditLabel>,
        voxels: Vec<u8>,
        base: Vec<u8>,
        origin: Option<String>,
    ) -> Result<Self, String> {
        let mut layer = Self::empty(geometry);
        for (what, map) in [("mask", &voxels), ("proposal", &base)] {
            if map.len() != layer.voxels.len() && !(what == "proposal" && map.is_empty()) {
                return Err(format!(
                    "the {what} holds {} voxels where {} were expected",
                    map.len(),
                    layer.voxels.len()
                ));
            }
        }
        layer.labels = labels;
        layer.origin = origin;
        layer.base = base;
        layer.voxels = voxels;
        layer.count();
        Ok(layer)
    }

    /// The mask alone: as if it had begun with nothing.
    #[must_use]
    pub fn without_proposal(&self) -> Self {
        let mut layer = Self {
            geometry: self.geometry.clone(),
            lattice: self.lattice.clone(),
            voxels: self.voxels.clone(),
            labels: self.labels.clone(),
            base: Vec::new(),
            origin: None,
            counts: self.counts.clone(),
            gained: self.counts.clone(),
            lost: vec![0; 256],
        };
        layer.gained[0] = 0;
        layer.lost[0] = layer.gained.iter().sum();
        layer
    }

    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    pub fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    pub fn voxels(&self) -> &[u8] {
        &self.voxels
    }

    pub fn labels(&self) -> &[EditLabel] {
        &self.labels
    }

    pub fn label(&self, value: u8) -> Option<&EditLabel> {
        self.labels.iter().find(|l| l.value == value)
    }

    /// The proposal as it was taken over; empty if it began with nothing.
    pub fn base(&self) -> &[u8] {
        &self.base
    }

    /// Where the proposal came from; `None`: all of it was drawn by hand.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Counts everything anew.
    fn count(&mut self) {
        self.counts = vec![0; 256];
        self.recount_changes();
        for &label in &self.voxels {
            self.counts[usize::from(label)] += 1;
        }
    }

    /// Voxels of a label.
    pub fn voxels_of(&self, label: u8) -> u64 {
        self.counts[usize::from(label)]
    }

    /// Voxels that a label gained and lost since the proposal was taken over.
    pub fn changed(&self, label: u8) -> (u64, u64) {
        (self.gained[usize::from(label)], self.lost[usize::from(label)])
    }

    /// Voxels that differ from the proposal.
    pub fn changed_voxels(&self) -> u64 {
        self.gained.iter().sum()
    }

    pub(super) fn set(&mut self, i: usize, new: u8) {
        let old = std::mem::replace(&mut self.voxels[i], new);
        let base = self.base.get(i).copied().unwrap_or(0);
        let [o, n, b] = [old, new, base].map(usize::from);
        self.counts[o] -= 1;
        self.counts[n] += 1;
        if o != b {
            self.gained[o] -= 1;
            self.lost[b] -= 1;
        }
        if n != b {
            self.gained[n] += 1;
            self.lost[b] += 1;
        }
    }

    /// Goes a patch forwards or back.
    pub(super) fn go(&mut self, patch: &Patch, forwards: bool) {
        for run in patch.runs() {
            let value = if forwards { run.new } else { run.old };
            for i in run.start..run.start + run.len {
                self.set(i, value);
            }
        }
    }

    pub(super) fn set_labels(&mut self, labels: Vec<EditLabel>) {
        self.labels = labels;
    }

    pub(super) fn set_origin(&mut self, origin: Option<String>) {
        self.origin = origin;
    }

    /// Goes a patch of the base.
    pub(super) fn go_base(&mut self, patch: &Patch, forwards: bool) {
        if self.base.is_empty() {
            self.base = vec![0; self.voxels.len()];
        }
        for run in patch.runs() {
            let value = if forwards { run.new } else { run.old };
            self.base[run.start..run.start + run.len].fill(value);
        }
        if self.base.iter().all(|&b| b == 0) {
            self.base = Vec::new();
        }
        self.recount_changes();
    }

    fn recount_changes(&mut self) {
        (self.gained, self.lost) = (vec![0; 256], vec![0; 256]);
        for (i, &now) in self.voxels.iter().enumerate() {
            let base = self.base.get(i).copied().unwrap_or(0);
            if now != base {
                self.gained[usize::from(now)] += 1;
                self.lost[usize::from(base)] += 1;
            }
        }
    }
}
