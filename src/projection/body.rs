//! What the rays go through: attenuation on any lattice.

use super::{Frame, Grid, Rig, attenuation, counted, crossings};
use crate::volume::{Affine, Volume};
use rayon::prelude::*;

/// Attenuation per mm of voxels, x fastest; outside of them there is nothing.
#[derive(Clone, Debug)]
pub struct Body {
    shape: [usize; 3],
    /// Voxels from millimetres of the frame.
    voxel: Affine,
    values: Vec<f32>,
}

impl Body {
    /// The part of a scan in HU that rays can meet which stay within `slab_mm` of the plane.
    ///
    /// # Errors
    /// If the scan does not reach there.
    pub fn of_scan(
        volume: &Volume,
        time: usize,
        frame: &Frame,
        reach: f64,
        slab_mm: f64,
    ) -> Result<Self, String> {
        let geometry = volume.geometry();
        let voxel = geometry.voxel_from_world().compose(frame.world());
        // The voxels about the corners of the slab.
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for corner in 0..8 {
            let side = |bit: usize, half: f64| if corner >> bit & 1 == 0 { -half } else { half };
            let at = voxel.apply([side(0, reach), side(1, reach), side(2, slab_mm)]);
            for a in 0..3 {
                low[a] = low[a].min(at[a]);
                high[a] = high[a].max(at[a]);
            }
        }
        let all = geometry.shape();
        let first: [usize; 3] = std::array::from_fn(|a| (low[a] + 0.5).floor().max(0.0) as usize);
        let end: [usize; 3] = std::array::from_fn(|a| {
            ((high[a] + 0.5).floor().max(-1.0) + 1.0).min(all[a] as f64) as usize
        });
        if (0..3).any(|a| first[a] >= end[a]) {
            return Err("the plane lies outside of the scan".to_owned());
        }
        let shape: [usize; 3] = std::array::from_fn(|a| end[a] - first[a]);
        let mut values = Vec::with_capacity(shape.iter().product());
        for z in first[2]..end[2] {
            for y in first[1]..end[1] {
                let hu = |x| volume.value([x, y, z], time, 0);
                values.extend((first[0]..end[0]).map(|x| attenuation(hu(x)) as f32));
            }
        }
        let mut shift = Affine::IDENTITY;
        (0..3).for_each(|a| shift.0[a][3] = -(first[a] as f64));
        Ok(Self { shape, voxel: shift.compose(&voxel), values })
    }

    /// A plane that is the same at every height.
    ///
    /// # Panics
    /// When there are not as many values as cells.
    pub fn of_plane(grid: &Grid, values: Vec<f32>) -> Self {
        assert_eq!(values.len(), grid.len(), "one value for each cell");
        let (n, per_mm) = (grid.cells, 1.0 / grid.cell_mm);
        let middle = 0.5 * (n as f64 - 1.0);
        let steps = [[per_mm, 0.0, 0.0], [0.0, -per_mm, 0.0], [0.0, 0.0, 1e-9]];
        Self { shape: [n, n, 1], voxel: Affine::from_columns(steps, [middle, middle, 0.0]), values }
    }

    /// A lattice whose voxels lie where `voxel` says, from millimetres of the frame.
    ///
    /// # Panics
    /// When there are not as many values as voxels.
    pub fn new(shape: [usize; 3], voxel: Affine, values: Vec<f32>) -> Self {
        assert_eq!(values.len(), shape.iter().product::<usize>(), "one value for each voxel");
        Self { shape, voxel, values }
    }

    fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        x + self.shape[0] * (y + self.shape[1] * z)
    }

    /// The integral along the line between two points of the frame.
    pub fn line(&self, from: [f64; 3], to: [f64; 3]) -> f64 {
        let mut sum = 0.0;
        let ends = [from, to].map(|p| self.voxel.apply(p));
        let add = |v, share| sum += share * f64::from(self.values[self.index(v)]);
        crossings(self.shape, ends[0], ends[1], add);
        let length = (0..3).map(|a| (to[a] - from[a]).powi(2)).sum::<f64>().sqrt();
        sum * length
    }

    /// The value of the voxel that holds a point; 0 outside.
    pub fn at(&self, point: [f64; 3]) -> f32 {
        let p = self.voxel.apply(point).map(|v| (v + 0.5).floor());
        let inside = (0..3).all(|a| p[a] >= 0.0 && p[a] < self.shape[a] as f64);
        if inside { self.values[self.index(p.map(|v| v as usize))] } else { 0.0 }
    }

    /// One radiograph: for each pixel the mean line integral over the rows. Without noise.
    pub fn radiograph(&self, rig: &Rig, angle: f64, reach: f64) -> Vec<f32> {
        let far = 2.0 * rig.source_mm.max(rig.detector_mm);
        let pixel = |p: usize| {
            let row = |row| {
                let ray = rig.row_ray(angle, p as f64, row, reach);
                self.line(ray.origin, ray.at(far))
            };
            ((0..rig.rows).map(row).sum::<f64>() / rig.rows as f64) as f32
        };
        (0..rig.pixels).into_par_iter().map(pixel).collect()
    }

    /// Radiographs at several angles, one after another, as they are counted.
    pub fn radiographs(&self, rig: &Rig, angles: &[f64], reach: f64, seed: u64) -> Vec<f32> {
        let view =
            |(v, &angle): (usize, &f64)| counted(&self.radiograph(rig, angle, reach), seed, v);
        angles.iter().enumerate().flat_map(view).collect()
    }

    /// Attenuation along each pixel's ray in the plane, in `bins` of the same depth that cover
    /// `reach` mm before and behind the isocentre: `[bins, pixels]`.
    pub fn profile(&self, rig: &Rig, angle: f64, reach: f64, bins: usize) -> Vec<f32> {
        let rays: Vec<_> = (0..rig.pixels).map(|p| rig.ray(angle, p as f64)).collect();
        let depth = |b: usize| rig.source_mm - reach + (b as f64 + 0.5) * 2.0 * reach / bins as f64;
        (0..bins)
            .flat_map(|b| rays.iter().map(move |r| r.at(depth(b))))
            .map(|p| self.at(p))
            .collect()
    }

    /// The mean of each cell over 3 x 3 points.
    pub fn plane(&self, grid: &Grid) -> Vec<f32> {
        let third = grid.cell_mm / 3.0;
        let cell = |i: usize| {
            let [left, front] = grid.point([i / grid.cells, i % grid.cells]);
            let at = |k: usize| {
                let (dx, dy) = ((k % 3) as f64 - 1.0, (k / 3) as f64 - 1.0);
                self.at([left + dx * third, front + dy * third, 0.0])
            };
            (0..9).map(at).sum::<f32>() / 9.0
        };
        (0..grid.len()).into_par_iter().map(cell).collect()
    }
}
