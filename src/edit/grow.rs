//! Grow from a seed by likeness to it (EDIT-8): |value − mean of the seed's 3 × 3 × 3 patch| ≤ tolerance,
//! connected by faces.

use super::fill::{connected, extent};
use super::rule::Values;
use super::{Lattice, Selection};

/// Mean of the finite values of the patch round a voxel: 3 × 3 in the slice, or 3 × 3 × 3.
pub fn seed_mean(
    lattice: &Lattice,
    seed: [usize; 3],
    slice: Option<usize>,
    values: Values<'_>,
) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for z in -1..=1_isize {
        for y in -1..=1_isize {
            for x in -1..=1_isize {
                let step = [x, y, z];
                if slice.is_some_and(|axis| step[axis] != 0) {
                    continue;
                }
                if let Some(v) = lattice.moved(seed, step).map(|v| values(lattice.index(v)))
                    && v.is_finite()
                {
                    (sum, n) = (sum + v, n + 1.0);
                }
            }
        }
    }
    sum / n
}

/// What grows from the seed, nearest first, up to `most` voxels; in the slice across `slice` alone or in
/// space. Nothing if the seed itself is not like its surroundings.
pub fn grow(
    lattice: &Lattice,
    seed: [usize; 3],
    slice: Option<usize>,
    tolerance: f64,
    most: usize,
    values: Values<'_>,
) -> Selection {
    if !lattice.contains(seed) {
        return Selection::none();
    }
    let mean = seed_mean(lattice, seed, slice, values);
    let block = extent(lattice, slice.map(|axis| (axis, seed[axis])));
    connected(lattice, block, seed, |i| (values(i) - mean).abs() <= tolerance, most)
}
