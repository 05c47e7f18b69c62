//! Polygon, lasso and scissors (EDIT-14): what an outline holds, by the even-odd rule on voxel centres.

use super::{Lattice, Selection};
use crate::volume::Block;

/// In-plane axes of a slice across `axis`, the lower one first.
pub fn in_plane(axis: usize) -> [usize; 2] {
    match axis {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    }
}

/// The voxels of slice `slice` across `axis` whose centres lie inside. Points are in voxels along the
/// two in-plane axes; the outline closes by itself.
pub fn polygon(lattice: &Lattice, axis: usize, slice: usize, points: &[[f64; 2]]) -> Selection {
    let [u, v] = in_plane(axis);
    let shape = lattice.shape();
    let finite = points.iter().flatten().all(|p| p.is_finite());
    if points.len() < 3 || !finite || slice >= shape[axis] {
        return Selection::none();
    }
    let range = |c: usize, n: usize| {
        let low = points.iter().map(|p| p[c]).fold(f64::INFINITY, f64::min).ceil().max(0.0);
        let high = points.iter().map(|p| p[c]).fold(f64::NEG_INFINITY, f64::max).floor();
        let high = high.min(n as f64 - 1.0);
        (low <= high).then(|| (low as usize, high as usize - low as usize + 1))
    };
    let (Some((u0, nu)), Some((v0, nv))) = (range(0, shape[u]), range(1, shape[v])) else {
        return Selection::none();
    };
    let (mut origin, mut size) = ([slice; 3], [1; 3]);
    (origin[u], size[u], origin[v], size[v]) = (u0, nu, v0, nv);
    // Where each row of the slice crosses the outline, from left to right.
    let crossings: Vec<Vec<f64>> = (v0..v0 + nv)
        .map(|row| {
            let y = row as f64;
            let mut cuts: Vec<f64> = (0..points.len())
                .filter_map(|i| {
                    let ([ax, ay], [bx, by]) = (points[i], points[(i + 1) % points.len()]);
                    ((ay > y) != (by > y)).then(|| ax + (y - ay) / (by - ay) * (bx - ax))
                })
                .collect();
            cuts.sort_by(f64::total_cmp);
            cuts
        })
        .collect();
    Selection::of(Block { origin, shape: size }, |voxel| {
        let x = voxel[u] as f64;
        crossings[voxel[v] - v0].iter().filter(|&&cut| cut > x).count() % 2 == 1
    })
}

/// The voxels of all slices across `axis` inside the outline, or outside of it.
pub fn scissors(lattice: &Lattice, axis: usize, points: &[[f64; 2]], inside: bool) -> Selection {
    let cut = polygon(lattice, axis, 0, points);
    let mut block = if inside { cut.block } else { lattice.whole() };
    if inside && cut.inside.is_empty() {
        return Selection::none();
    }
    (block.origin[axis], block.shape[axis]) = (0, lattice.shape()[axis]);
    Selection::of(block, |mut voxel| {
        voxel[axis] = 0;
        cut.contains(voxel) == inside
    })
}
