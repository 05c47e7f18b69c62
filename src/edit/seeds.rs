//! Grow several labels from painted seeds (EDIT-9), after Vezhnevets and Konouchine, "GrowCut" (2005): a
//! voxel yields to the neighbour whose attack, strength · (1 − |Δvalue| / range), is strongest. The
//! state in which nothing changes any more is reached at once by going through voxels in falling
//! order of strength, as shortest paths are found.

use super::components::Connectivity;
use super::rule::Values;
use super::selection::bounds;
use super::{EditLabel, Lattice};
use crate::volume::Block;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Strength of a voxel, from 0 to 1; the earlier voxel first among equals.
#[derive(PartialEq)]
struct Front {
    strength: f64,
    index: usize,
}

impl Eq for Front {}

impl Ord for Front {
    fn cmp(&self, other: &Self) -> Ordering {
        self.strength.total_cmp(&other.strength).then(other.index.cmp(&self.index))
    }
}

impl PartialOrd for Front {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The block that growing works in: that of all seeds, and a tenth of it on every side.
pub fn block(lattice: &Lattice, labels: &[u8]) -> Option<Block> {
    let seeds = bounds(lattice, labels, |l| l != 0)?;
    let (mut origin, mut shape) = (seeds.origin, seeds.shape);
    for a in 0..3 {
        let by = shape[a].div_ceil(10);
        let end = (origin[a] + shape[a] + by).min(lattice.shape()[a]);
        origin[a] = origin[a].saturating_sub(by);
        shape[a] = end - origin[a];
    }
    Some(Block { origin, shape })
}

/// Strengths and labels of all voxels of the block once growth has come to rest. Labels are the seeds.
pub fn grow(
    lattice: &Lattice,
    block: Block,
    labels: &[u8],
    values: Values<'_>,
) -> (Vec<f64>, Vec<u8>) {
    let mut index = Vec::with_capacity(block.len());
    for z in block.along(2) {
        for y in block.along(1) {
            let row = lattice.index([block.origin[0], y, z]);
            index.extend(row..row + block.shape[0]);
        }
    }
    let value: Vec<f64> = index.iter().map(|&i| values(i)).collect();
    let finite = value.iter().filter(|v| v.is_finite());
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    let range = if high > low { high - low } else { 1.0 };
    let mut out: Vec<u8> = index.iter().map(|&i| labels[i]).collect();
    let mut strength: Vec<f64> = out.iter().map(|&l| f64::from(u8::from(l != 0))).collect();
    let mut heap: BinaryHeap<Front> = (0..out.len())
        .filter(|&i| out[i] != 0)
        .map(|index| Front { strength: 1.0, index })
        .collect();
    let [nx, ny, nz] = block.shape;
    let steps = Connectivity::Six.steps();
    while let Some(Front { strength: s, index: i }) = heap.pop() {
        if s < strength[i] {
            continue;
        }
        let at = [i % nx, i / nx % ny, i / (nx * ny)];
        for step in &steps {
            let x = at[0].wrapping_add_signed(step[0]);
            let y = at[1].wrapping_add_signed(step[1]);
            let z = at[2].wrapping_add_signed(step[2]);
            if x >= nx || y >= ny || z >= nz {
                continue;
            }
            let j = x + nx * (y + ny * z);
            // What is not a number yields to nobody.
            let attack = s * (1.0 - (value[i] - value[j]).abs() / range);
            if attack > strength[j] {
                strength[j] = attack;
                out[j] = out[i];
                heap.push(Front { strength: attack, index: j });
            }
        }
    }
    (strength, out)
}

/// Whether there is something to part: two labels or more with voxels.
pub fn enough(labels: &[EditLabel], count: impl Fn(u8) -> u64) -> bool {
    labels.iter().filter(|l| count(l.value) > 0).count() >= 2
}
