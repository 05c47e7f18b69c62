//! Cases on other lattices: the same patient with smaller, larger and thicker voxels at other
//! places, brought to the network by the code that brings a person's scan there. What a model has
//! seen of one voxel size only, it draws worse on any other.

use super::TrainError;
use crate::diffusion::member_seed;
use crate::inference::Taps;
use crate::volume::{Affine, Geometry, Volume, Voxels};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A random lattice over the same space.
pub(super) struct OtherLattice {
    geometry: Geometry,
    taps: [Taps; 3],
}

impl OtherLattice {
    /// Its voxels are up to e^`log_spacing` times larger or smaller, slices and pixels each in their
    /// own way or, half of the time, alike.
    pub(super) fn draw(
        own: &Geometry,
        log_spacing: f64,
        seed: (u64, usize),
    ) -> Result<Self, TrainError> {
        let mut rng = ChaCha8Rng::seed_from_u64(member_seed(seed.0, seed.1));
        let mut factor = || ((rng.random::<f64>() * 2.0 - 1.0) * log_spacing).exp();
        let (pixel, slice) = (factor(), factor());
        let slice = if rng.random() { pixel } else { slice };
        let scale = [pixel, pixel, slice];
        let shape = own.shape();
        // As many whole voxels as there is room for, beginning anywhere in the rest.
        let count: [usize; 3] =
            std::array::from_fn(|a| ((shape[a] as f64 / scale[a]).floor() as usize).max(1));
        let start: [f64; 3] = std::array::from_fn(|a| {
            let room = shape[a] as f64 - count[a] as f64 * scale[a];
            rng.random::<f64>() * room
        });
        let taps = std::array::from_fn(|a| Taps::new(count[a], scale[a], start[a], 0, shape[a]));
        let affine = own.world_from_voxel();
        let steps = std::array::from_fn(|a| affine.column(a).map(|v| v * scale[a]));
        let first = std::array::from_fn(|a| start[a] + 0.5 * scale[a] - 0.5);
        let affine = Affine::from_columns(steps, affine.apply(first));
        let geometry = Geometry::new(count, affine)
            .map_err(|e| TrainError::Data { what: e.to_string(), path: "another lattice".into() })?
            .with_unit(own.unit())
            .with_orientation_known(own.orientation_known());
        Ok(Self { geometry, taps })
    }

    /// Values `[z, y, x]` of the own lattice on this one.
    fn resampled(&self, values: Vec<f32>, mut shape: [usize; 3]) -> Vec<f32> {
        let mut values = values;
        for (axis, taps) in self.taps.iter().enumerate() {
            values = taps.along(&values, shape, axis);
            shape[axis] = self.geometry.shape()[axis];
        }
        values
    }

    /// The first time point and channel of a volume.
    pub(super) fn volume(&self, volume: &Volume) -> Result<Volume, TrainError> {
        let own = volume.geometry();
        let slices = (0..own.shape()[2]).flat_map(|z| {
            let mut slice = volume.slice_f32(z, 0);
            slice.truncate(own.slice_len());
            slice
        });
        let values = self.resampled(slices.collect(), own.shape());
        let mut out = Volume::new(self.geometry.clone(), 1, Voxels::F32(values)).map_err(|e| {
            TrainError::Data { what: e.to_string(), path: "another lattice".into() }
        })?;
        out.modality = volume.modality;
        out.inverted = volume.inverted;
        Ok(out)
    }

    /// A mask: the voxels of which it covers half or more.
    pub(super) fn mask(&self, mask: &[bool], shape: [usize; 3]) -> Vec<bool> {
        let share = mask.iter().map(|&v| f32::from(u8::from(v))).collect();
        self.resampled(share, shape).into_iter().map(|s| s >= 0.5).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_sizes_are_kept_on_every_lattice() {
        let steps = [[-1.0, 0.0, 0.0], [0.0, 0.0, 1.2], [0.0, 2.0, 0.0]];
        let own =
            Geometry::new([30, 28, 20], Affine::from_columns(steps, [9.0, -3.0, 4.0])).unwrap();
        // Brightness is the place along R, so that it can be checked anywhere.
        let values = (0..own.voxel_count())
            .map(|i| own.world_from_voxel().apply([(i % 30) as f64, 0.0, 0.0])[0] as f32)
            .collect();
        let volume = Volume::new(own.clone(), 1, Voxels::F32(values)).unwrap();
        let centre = [14.0, 13.0, 9.0];
        let inside = |i: usize| {
            let v = [i % 30, i / 30 % 28, i / 840];
            (0..3).map(|a| (v[a] as f64 - centre[a]).powi(2) * [1.0, 1.2, 2.0][a]).sum::<f64>()
                < 64.0
        };
        let mask: Vec<bool> = (0..own.voxel_count()).map(inside).collect();
        let size =
            |m: &[bool], g: &Geometry| m.iter().filter(|v| **v).count() as f64 * g.voxel_volume();
        let mut spacings = Vec::new();
        for n in 0..8 {
            let other = OtherLattice::draw(&own, 0.4, (5, n)).unwrap();
            let there = other.volume(&volume).unwrap();
            let g = there.geometry();
            spacings.push(g.spacing());
            let [nx, ny, nz] = g.shape();
            for (x, y, z) in [(nx / 2, 3, 1), (nx / 3, ny - 4, nz - 2)] {
                let at = g.world_from_voxel().apply([x as f64, y as f64, z as f64])[0];
                assert!((there.value([x, y, z], 0, 0) - at).abs() < 0.05, "{n}");
            }
            let found = size(&other.mask(&mask, own.shape()), g) / size(&mask, &own);
            assert!((found - 1.0).abs() < 0.06, "{n}: {found}");
        }
        assert!(spacings.iter().any(|s| s[0] < 0.9) && spacings.iter().any(|s| s[0] > 1.1));
        assert!(spacings.iter().any(|s| (s[2] / s[0] - 2.0).abs() > 0.1), "thicker slices too");
    }
}
