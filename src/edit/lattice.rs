//! Distances between voxels of a lattice, however it lies: d² = ΔᵀGΔ with G the Gram matrix of its
//! steps. Right for anisotropic, oblique and sheared (tilted) lattices.

use crate::volume::{Block, Geometry};

#[derive(Clone, Debug, PartialEq)]
pub struct Lattice {
    shape: [usize; 3],
    gram: [[f64; 3]; 3],
    /// How far a ball of radius 1 reaches along each voxel axis, in voxels.
    reach: [f64; 3],
    volume: f64,
}

impl Lattice {
    pub fn of(geometry: &Geometry) -> Self {
        let a = geometry.world_from_voxel();
        let dot = |p: [f64; 3], q: [f64; 3]| p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
        let gram = std::array::from_fn(|i| std::array::from_fn(|j| dot(a.column(i), a.column(j))));
        let inverse = geometry.voxel_from_world().0;
        let reach = std::array::from_fn(|i| {
            let row = [inverse[i][0], inverse[i][1], inverse[i][2]];
            dot(row, row).sqrt()
        });
        Self { shape: geometry.shape(), gram, reach, volume: geometry.voxel_volume() }
    }

    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn whole(&self) -> Block {
        Block { origin: [0; 3], shape: self.shape }
    }

    /// Unit³ of one voxel.
    pub fn voxel_volume(&self) -> f64 {
        self.volume
    }

    pub fn spacing(&self) -> [f64; 3] {
        std::array::from_fn(|a| self.gram[a][a].sqrt())
    }

    pub fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        x + self.shape[0] * (y + self.shape[1] * z)
    }

    pub fn voxel(&self, index: usize) -> [usize; 3] {
        let [nx, ny, _] = self.shape;
        [index % nx, index / nx % ny, index / (nx * ny)]
    }

    pub fn contains(&self, voxel: [usize; 3]) -> bool {
        (0..3).all(|a| voxel[a] < self.shape[a])
    }

    /// Scalar product of two steps given in voxels.
    pub fn dot(&self, p: [f64; 3], q: [f64; 3]) -> f64 {
        (0..3).map(|i| (0..3).map(|j| p[i] * self.gram[i][j] * q[j]).sum::<f64>()).sum()
    }

    /// Squared length of a step given in voxels.
    pub fn length_squared(&self, step: [f64; 3]) -> f64 {
        self.dot(step, step)
    }

    /// Whether the axes stand upright on each other: distances then part into axes.
    pub fn is_orthogonal(&self) -> bool {
        let s = self.spacing();
        [(0, 1), (0, 2), (1, 2)].iter().all(|&(i, j)| self.gram[i][j].abs() < 1e-6 * s[i] * s[j])
    }

    /// Most voxels along an axis that a ball of this radius reaches from its centre.
    pub fn reach(&self, radius: f64, axis: usize) -> f64 {
        radius * self.reach[axis]
    }

    /// The smallest block with the points `from` and `to` (in voxels) and all within `radius` of
    /// them; `None` if that lies outside.
    pub fn around(&self, from: [f64; 3], to: [f64; 3], radius: f64) -> Option<Block> {
        let (mut origin, mut shape) = ([0; 3], [0; 3]);
        for a in 0..3 {
            let reach = self.reach(radius, a);
            let low = (from[a].min(to[a]) - reach).floor().max(0.0);
            let high = (from[a].max(to[a]) + reach).ceil().min(self.shape[a] as f64 - 1.0);
            // Also where a place is not a number.
            if low.partial_cmp(&high).is_none_or(std::cmp::Ordering::is_gt) {
                return None;
            }
            origin[a] = low as usize;
            shape[a] = high as usize - low as usize + 1;
        }
        Some(Block { origin, shape })
    }

    /// The block made larger by a length, within the lattice.
    pub fn grown(&self, block: Block, radius: f64) -> Block {
        let (mut origin, mut shape) = (block.origin, block.shape);
        for a in 0..3 {
            let by = self.reach(radius, a).ceil().min(self.shape[a] as f64) as usize;
            let end = (block.origin[a] + block.shape[a] + by).min(self.shape[a]);
            origin[a] = block.origin[a].saturating_sub(by);
            shape[a] = end - origin[a];
        }
        Block { origin, shape }
    }

    /// Steps to all voxels within `radius` of one, itself among them.
    pub fn ball(&self, radius: f64) -> Vec<[isize; 3]> {
        let reach: [isize; 3] = std::array::from_fn(|a| self.reach(radius, a).floor() as isize);
        let limit = radius * radius * (1.0 + 1e-12);
        let mut out = Vec::new();
        for z in -reach[2]..=reach[2] {
            for y in -reach[1]..=reach[1] {
                for x in -reach[0]..=reach[0] {
                    if self.length_squared([x, y, z].map(|v| v as f64)) <= limit {
                        out.push([x, y, z]);
                    }
                }
            }
        }
        out
    }

    /// A voxel moved by a step, if that stays inside.
    pub fn moved(&self, voxel: [usize; 3], step: [isize; 3]) -> Option<[usize; 3]> {
        let mut out = [0; 3];
        for a in 0..3 {
            out[a] = voxel[a].checked_add_signed(step[a]).filter(|&v| v < self.shape[a])?;
        }
        Some(out)
    }
}
