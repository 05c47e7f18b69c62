//! Voxels that a tool has chosen: a block and one flag for each of its voxels.

use super::Lattice;
use crate::volume::Block;

#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    pub block: Block,
    /// x fastest, as in the block.
    pub inside: Vec<bool>,
}

impl Selection {
    /// Nothing chosen.
    pub fn none() -> Self {
        Self { block: Block { origin: [0; 3], shape: [0; 3] }, inside: Vec::new() }
    }

    /// The voxels of a block for which `inside` holds.
    pub fn of(block: Block, mut inside: impl FnMut([usize; 3]) -> bool) -> Self {
        let mut flags = Vec::with_capacity(block.len());
        for z in block.along(2) {
            for y in block.along(1) {
                flags.extend(block.along(0).map(|x| inside([x, y, z])));
            }
        }
        Self { block, inside: flags }
    }

    /// The voxels of a label, in the smallest block that holds them.
    pub fn of_label(lattice: &Lattice, labels: &[u8], label: u8) -> Self {
        match bounds(lattice, labels, |l| l == label) {
            Some(block) => Self::of(block, |v| labels[lattice.index(v)] == label),
            None => Self::none(),
        }
    }

    pub fn count(&self) -> usize {
        self.inside.iter().filter(|&&i| i).count()
    }

    pub fn is_empty(&self) -> bool {
        !self.inside.contains(&true)
    }

    /// Place of a voxel of the lattice in `inside`.
    pub fn at(&self, voxel: [usize; 3]) -> Option<usize> {
        let Block { origin, shape } = self.block;
        let mut p = [0; 3];
        for a in 0..3 {
            p[a] = voxel[a].checked_sub(origin[a]).filter(|&v| v < shape[a])?;
        }
        Some(p[0] + shape[0] * (p[1] + shape[1] * p[2]))
    }

    pub fn contains(&self, voxel: [usize; 3]) -> bool {
        self.at(voxel).is_some_and(|i| self.inside[i])
    }

    /// The same voxels in a larger or smaller block.
    pub fn within(&self, block: Block) -> Self {
        Self::of(block, |v| self.contains(v))
    }

    /// The chosen voxels, in order.
    pub fn voxels(&self) -> impl Iterator<Item = [usize; 3]> + '_ {
        let Block { origin: o, shape: [nx, ny, _] } = self.block;
        let chosen = self.inside.iter().enumerate().filter(|(_, inside)| **inside);
        chosen.map(move |(i, _)| [o[0] + i % nx, o[1] + i / nx % ny, o[2] + i / (nx * ny)])
    }
}

/// The smallest block with all voxels whose label is wanted.
pub(super) fn bounds(
    lattice: &Lattice,
    labels: &[u8],
    wanted: impl Fn(u8) -> bool,
) -> Option<Block> {
    let [nx, ny, _] = lattice.shape();
    let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
    for (row, values) in labels.chunks(nx).enumerate() {
        let Some(first) = values.iter().position(|&l| wanted(l)) else { continue };
        let last = values.iter().rposition(|&l| wanted(l)).unwrap_or(first);
        for (a, (l, h)) in
            [(first, last), (row % ny, row % ny), (row / ny, row / ny)].into_iter().enumerate()
        {
            low[a] = low[a].min(l);
            high[a] = high[a].max(h);
        }
    }
    (low[0] != usize::MAX)
        .then(|| Block { origin: low, shape: std::array::from_fn(|a| high[a] - low[a] + 1) })
}
