//! Brush and eraser (EDIT-1): every voxel whose centre is within the radius of the path of the pointer,
//! in the slice or in space; at least the voxel under it.

use super::{Lattice, Selection};
use crate::volume::Block;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brush {
    /// In the unit of the lattice.
    pub radius: f64,
    /// In space, not in the slice alone.
    pub ball: bool,
}

/// Least and greatest diameter.
pub const DIAMETERS: [f64; 2] = [0.5, 200.0];

impl Brush {
    /// The voxels of the way between two places of the pointer, in voxels of slice `slice` across
    /// `axis`.
    pub fn sweep(
        &self,
        lattice: &Lattice,
        axis: usize,
        slice: usize,
        mut from: [f64; 3],
        mut to: [f64; 3],
    ) -> Selection {
        (from[axis], to[axis]) = (slice as f64, slice as f64);
        let block = lattice.around(from, to, self.radius).map(|mut b| {
            if !self.ball {
                (b.origin[axis], b.shape[axis]) = (slice, 1);
            }
            b
        });
        let way: [f64; 3] = std::array::from_fn(|a| to[a] - from[a]);
        let length = lattice.length_squared(way);
        let limit = self.radius * self.radius * (1.0 + 1e-12);
        let near = |voxel: [usize; 3]| {
            let off: [f64; 3] = std::array::from_fn(|a| voxel[a] as f64 - from[a]);
            let along =
                if length > 0.0 { (lattice.dot(off, way) / length).clamp(0.0, 1.0) } else { 0.0 };
            let rest = std::array::from_fn(|a| off[a] - along * way[a]);
            lattice.length_squared(rest) <= limit
        };
        let selection = match block.filter(|_| slice < lattice.shape()[axis]) {
            Some(block) => Selection::of(block, near),
            None => return Selection::none(),
        };
        with_path(selection, lattice, from, to)
    }
}

/// Adds the voxels that the path itself goes through: a brush smaller than a voxel leaves no gap.
fn with_path(selection: Selection, lattice: &Lattice, from: [f64; 3], to: [f64; 3]) -> Selection {
    let shape = lattice.shape();
    let longest = (0..3).map(|a| (to[a] - from[a]).abs()).fold(0.0, f64::max);
    let steps = (2.0 * longest).ceil().max(1.0);
    let mut path = Vec::new();
    for k in 0..=steps as usize {
        let t = k as f64 / steps;
        let p: [f64; 3] = std::array::from_fn(|a| (from[a] + t * (to[a] - from[a]) + 0.5).floor());
        if (0..3).all(|a| p[a] >= 0.0 && p[a] < shape[a] as f64) {
            let voxel = p.map(|v| v as usize);
            if path.last() != Some(&voxel) {
                path.push(voxel);
            }
        }
    }
    if path.iter().all(|&v| selection.contains(v)) {
        return selection;
    }
    let mut low = selection.block.origin;
    let mut end: [usize; 3] = std::array::from_fn(|a| low[a] + selection.block.shape[a]);
    for v in &path {
        for a in 0..3 {
            low[a] = low[a].min(v[a]);
            end[a] = end[a].max(v[a] + 1);
        }
    }
    let block = Block { origin: low, shape: std::array::from_fn(|a| end[a] - low[a]) };
    let mut wider = selection.within(block);
    for v in path {
        if let Some(i) = wider.at(v) {
            wider.inside[i] = true;
        }
    }
    wider
}
