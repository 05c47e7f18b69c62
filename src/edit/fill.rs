//! Fill and holes (EDIT-6).

use super::components::{Connectivity, parts};
use super::selection::bounds;
use super::{Lattice, Selection};
use crate::volume::Block;

/// One slice across `axis`, or the whole lattice.
pub fn extent(lattice: &Lattice, slice: Option<(usize, usize)>) -> Block {
    let mut block = lattice.whole();
    if let Some((axis, index)) = slice {
        (block.origin[axis], block.shape[axis]) = (index, 1);
    }
    block
}

/// The region of equal label round a voxel: 4-connected in the slice, else 6-connected.
pub fn region(
    lattice: &Lattice,
    labels: &[u8],
    seed: [usize; 3],
    slice: Option<usize>,
) -> Selection {
    if !lattice.contains(seed) {
        return Selection::none();
    }
    let label = labels[lattice.index(seed)];
    let block = extent(lattice, slice.map(|axis| (axis, seed[axis])));
    connected(lattice, block, seed, |i| labels[i] == label, usize::MAX)
}

/// What is connected by faces with the seed inside a block, as far as `inside` holds; breadth first, at
/// most `most` voxels.
pub(super) fn connected(
    lattice: &Lattice,
    block: Block,
    seed: [usize; 3],
    inside: impl Fn(usize) -> bool,
    most: usize,
) -> Selection {
    let mut found = Selection { block, inside: vec![false; block.len()] };
    let Some(first) = found.at(seed).filter(|_| inside(lattice.index(seed))) else {
        return Selection::none();
    };
    found.inside[first] = true;
    let mut queue = std::collections::VecDeque::from([seed]);
    let mut count = 1;
    while let Some(at) = queue.pop_front() {
        for step in Connectivity::Six.steps() {
            if let Some(next) = lattice.moved(at, step)
                && let Some(i) = found.at(next)
                && !found.inside[i]
                && count < most
                && inside(lattice.index(next))
            {
                found.inside[i] = true;
                count += 1;
                queue.push_back(next);
            }
        }
    }
    found
}

/// Holes of a label: what is not the label and not connected (by faces) to the edge of the slice or of
/// the volume.
pub fn holes(
    lattice: &Lattice,
    labels: &[u8],
    label: u8,
    slice: Option<(usize, usize)>,
) -> Selection {
    let Some(mut block) = bounds(lattice, labels, |l| l == label) else {
        return Selection::none();
    };
    let mut flat = None;
    if let Some((axis, index)) = slice {
        if !block.along(axis).contains(&index) {
            return Selection::none();
        }
        (block.origin[axis], block.shape[axis]) = (index, 1);
        flat = Some(axis);
    }
    // Outside its bounding block there is no hole: what reaches an edge of the block is open.
    let background = Selection::of(block, |v| labels[lattice.index(v)] != label);
    let (part, sizes) = parts(&background, Connectivity::Six);
    let mut open = vec![false; sizes.len() + 1];
    open[0] = true;
    let Block { origin, shape } = block;
    for (i, &p) in part.iter().enumerate() {
        let at = [i % shape[0], i / shape[0] % shape[1], i / (shape[0] * shape[1])];
        // A volume of one slice has no edge across it.
        let edge = (0..3).any(|a| {
            flat != Some(a) && (lattice.shape()[a] > 1) && (at[a] == 0 || at[a] + 1 == shape[a])
        });
        if edge {
            open[p as usize] = true;
        }
    }
    let inside = part.iter().map(|&p| !open[p as usize]).collect();
    Selection { block: Block { origin, shape }, inside }
}
