//! Labels as sets (EDIT-13): what becomes of one label when another is added, taken away or compared.

use super::selection::bounds;
use super::{Lattice, Selection};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    /// The label also gets the other's voxels.
    Add,
    /// Nothing of it stays within the other.
    Subtract,
    /// Only what is within the other stays.
    Intersect,
    /// It becomes everything that it was not.
    Invert,
}

impl Logic {
    pub const ALL: [Self; 4] = [Self::Add, Self::Subtract, Self::Intersect, Self::Invert];

    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Intersect => "keep within",
            Self::Invert => "invert",
        }
    }
}

/// The label's voxels afterwards. As a voxel has one label, `other` is a selection: that of another label, with
/// a margin, or of a member of the ensemble.
pub fn combine(
    lattice: &Lattice,
    labels: &[u8],
    label: u8,
    logic: Logic,
    other: &Selection,
) -> Selection {
    let is = |v: [usize; 3]| labels[lattice.index(v)] == label;
    let own = bounds(lattice, labels, |l| l == label);
    match logic {
        Logic::Add => match own {
            None => other.clone(),
            Some(_) => Selection::of(lattice.whole(), |v| is(v) || other.contains(v)),
        },
        Logic::Invert => Selection::of(lattice.whole(), |v| !is(v)),
        Logic::Subtract | Logic::Intersect => match own {
            None => Selection::none(),
            Some(block) => Selection::of(block, |v| {
                is(v) && (other.contains(v) == (logic == Logic::Intersect))
            }),
        },
    }
}

/// The labels of a block when one label's voxels become `wanted` there: others lose what it gains, and what it
/// loses becomes background.
pub fn replaced(lattice: &Lattice, labels: &[u8], label: u8, wanted: &Selection) -> Vec<u8> {
    let block = wanted.block;
    let mut out = Vec::with_capacity(block.len());
    let mut at = 0;
    for z in block.along(2) {
        for y in block.along(1) {
            for x in block.along(0) {
                let now = labels[lattice.index([x, y, z])];
                out.push(match (wanted.inside[at], now == label) {
                    (true, _) => label,
                    (false, true) => 0,
                    (false, false) => now,
                });
                at += 1;
            }
        }
    }
    out
}
