//! What tools may change (EDIT-4, EDIT-5): one rule for all of them.

use super::EditLabel;
use serde::{Deserialize, Serialize};

/// What may be painted over. Locked labels never change, whatever it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaintOver {
    #[default]
    Everything,
    Background,
    Label(u8),
    /// Background and labels that are shown.
    Visible,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub over: PaintOver,
    /// Only voxels whose rescaled value lies in this range change, ends included.
    pub limit: Option<[f64; 2]>,
}

/// Image values by flat index.
pub type Values<'a> = &'a dyn Fn(usize) -> f64;

/// A [`Rule`] with the labels that it is about.
pub(super) struct Guard<'a> {
    paintable: [bool; 256],
    locked: [bool; 256],
    limit: Option<([f64; 2], Values<'a>)>,
}

impl<'a> Guard<'a> {
    pub(super) fn new(rule: &Rule, labels: &[EditLabel], values: Values<'a>) -> Self {
        let (mut locked, mut visible) = ([false; 256], [true; 256]);
        for label in labels {
            locked[usize::from(label.value)] = label.locked;
            visible[usize::from(label.value)] = label.visible;
        }
        let paintable = std::array::from_fn(|old| match rule.over {
            PaintOver::Everything => true,
            PaintOver::Background => old == 0,
            PaintOver::Label(only) => old == usize::from(only),
            PaintOver::Visible => visible[old],
        });
        Self { paintable, locked, limit: rule.limit.map(|range| (range, values)) }
    }

    /// Whether voxel `i` may turn from `old` to `new`. What may be painted over does not hold back an
    /// eraser, which has a rule of its own (EDIT-3).
    pub(super) fn allows(&self, i: usize, old: u8, new: u8) -> bool {
        let [from, to] = [old, new].map(usize::from);
        from != to
            && !self.locked[from]
            && !self.locked[to]
            && (new == 0 || self.paintable[from])
            && self.limit.is_none_or(|([low, high], values)| (low..=high).contains(&values(i)))
    }
}
