//! Islands (EDIT-11): keep the largest or the one pointed at, drop the small, split into labels.

use super::components::{Connectivity, parts};
use super::{Lattice, Selection};

/// Which islands of a label stay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Keep {
    /// The first of several that are equally large.
    Largest,
    /// The one with this voxel; nothing is dropped if it is not of the label.
    At([usize; 3]),
    /// Those of this size or more, in unit³.
    AtLeast(f64),
}

/// What is to be dropped of the label.
pub fn dropped(
    lattice: &Lattice,
    labels: &[u8],
    label: u8,
    connectivity: Connectivity,
    keep: Keep,
) -> Selection {
    let all = Selection::of_label(lattice, labels, label);
    let (part, sizes) = parts(&all, connectivity);
    let stays: Vec<bool> = match keep {
        Keep::Largest => {
            let most = sizes.iter().max().copied().unwrap_or(0);
            let first = sizes.iter().position(|&n| n == most);
            (0..sizes.len()).map(|i| Some(i) == first).collect()
        }
        Keep::At(voxel) => match all.at(voxel).map(|i| part[i]) {
            Some(p) if p > 0 => (1..=sizes.len() as u32).map(|i| i == p).collect(),
            _ => return Selection::none(),
        },
        Keep::AtLeast(size) => {
            let enough = |&n: &usize| n as f64 * lattice.voxel_volume() >= size * (1.0 - 1e-12);
            sizes.iter().map(enough).collect()
        }
    };
    let inside = part.iter().map(|&p| p > 0 && !stays[p as usize - 1]).collect();
    Selection { block: all.block, inside }
}

/// The islands of a label, the largest first, at most `most`.
pub fn split(
    lattice: &Lattice,
    labels: &[u8],
    label: u8,
    connectivity: Connectivity,
    most: usize,
) -> Vec<Selection> {
    let all = Selection::of_label(lattice, labels, label);
    let (part, sizes) = parts(&all, connectivity);
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(sizes[i]));
    let island = |&i: &usize| {
        let inside = part.iter().map(|&p| p as usize == i + 1).collect();
        Selection { block: all.block, inside }
    };
    order.iter().take(most).map(island).collect()
}
