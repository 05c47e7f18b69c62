//! What each label of a mask measures (MEAS-4). On a large volume it takes seconds: not for the interface thread.

use super::operation::values;
use crate::app::Measurements;
use crate::edit::EditLabel;
use crate::measure::{LabelReading, label_reading};
use crate::volume::Volume;
use std::sync::Arc;

/// A mask, its image and what was measured on that.
#[derive(Clone)]
pub(in crate::app) struct Measured {
    pub(in crate::app) volume: Arc<Volume>,
    pub(in crate::app) time: usize,
    /// Diameters are looked for in slices across it.
    pub(in crate::app) axis: usize,
    pub(in crate::app) measurements: Measurements,
}

impl Measured {
    /// One per row of the table.
    pub(in crate::app) fn labels(
        &self,
        labels: &[EditLabel],
        voxels: &[u8],
    ) -> Vec<(String, LabelReading)> {
        let value = values(&self.volume, self.time.min(self.volume.times() - 1));
        let one = |l: &EditLabel| {
            let inside: Vec<bool> = voxels.iter().map(|&v| v == l.value).collect();
            let g = self.volume.geometry();
            (l.name.clone(), label_reading(g, &inside, self.axis, &value))
        };
        labels.iter().map(one).collect()
    }

    /// Measurements and labels as CSV; `None` if there is neither.
    pub(in crate::app) fn csv(&self, labels: &[EditLabel], voxels: &[u8]) -> Option<String> {
        if labels.is_empty() && self.measurements.list().is_empty() {
            return None;
        }
        let unit = self.volume.value_unit.as_deref().unwrap_or_default();
        Some(self.measurements.csv(&self.labels(labels, voxels), unit))
    }
}
