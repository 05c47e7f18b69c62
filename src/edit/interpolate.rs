//! Interpolation between drawn slices (EDIT-10): signed distances are blended linearly by position and cut
//! at zero (Raya and Udupa, "Shape-based interpolation", 1990). Drawn slices stay as they are.

use super::distance::squared;
use super::selection::bounds;
use super::{Lattice, Selection};
use crate::volume::Block;

/// What was interpolated, and whether shapes had to be moved onto each other because they do not overlap.
#[derive(Clone, Debug, PartialEq)]
pub struct Interpolated {
    pub selection: Selection,
    pub moved: bool,
}

/// Signed distance of a slice of the label: negative inside, to the nearest voxel of the other kind.
fn signed(lattice: &Lattice, slice: &Selection) -> Vec<f64> {
    let outside = squared(lattice, slice, true);
    let inside = squared(lattice, slice, false);
    // A slice that is full has nothing outside: no farther than its own diagonal.
    let most = lattice.length_squared(slice.block.shape.map(|n| n as f64)).sqrt();
    outside.iter().zip(inside).map(|(o, i)| o.sqrt() - i.sqrt().min(most)).collect()
}

fn centroid(slice: &Selection) -> [f64; 3] {
    let (mut sum, mut n) = ([0.0; 3], 0.0);
    for v in slice.voxels() {
        (0..3).for_each(|a| sum[a] += v[a] as f64);
        n += 1.0;
    }
    sum.map(|s| s / n)
}

/// The empty slices across `axis` between each two neighbouring ones that carry the label.
pub fn between(lattice: &Lattice, labels: &[u8], label: u8, axis: usize) -> Interpolated {
    let nothing = Interpolated { selection: Selection::none(), moved: false };
    let Some(all) = bounds(lattice, labels, |l| l == label) else { return nothing };
    // A rim, so that the nearest voxel outside is known wherever there is one.
    let mut rim = all;
    for a in (0..3).filter(|&a| a != axis) {
        let end = (all.origin[a] + all.shape[a] + 1).min(lattice.shape()[a]);
        rim.origin[a] = all.origin[a].saturating_sub(1);
        rim.shape[a] = end - rim.origin[a];
    }
    let slice = |k: usize| {
        let mut block = rim;
        (block.origin[axis], block.shape[axis]) = (k, 1);
        Selection::of(block, |v| labels[lattice.index(v)] == label)
    };
    let drawn: Vec<(usize, Selection)> =
        all.along(axis).map(|k| (k, slice(k))).filter(|(_, s)| !s.is_empty()).collect();
    let mut out = Selection { block: rim, inside: vec![false; rim.len()] };
    let mut moved = false;
    for pair in drawn.windows(2) {
        let [(k0, a), (k1, b)] = pair else { continue };
        if k1 - k0 < 2 {
            continue;
        }
        let apart = !a.inside.iter().zip(&b.inside).any(|(&a, &b)| a && b);
        moved |= apart;
        let shift: [f64; 3] = if apart {
            let (ca, cb) = (centroid(a), centroid(b));
            std::array::from_fn(|i| if i == axis { 0.0 } else { cb[i] - ca[i] })
        } else {
            [0.0; 3]
        };
        fill(lattice, &mut out, axis, [(*k0, a), (*k1, b)], shift);
    }
    Interpolated { selection: out, moved }
}

/// Writes the slices between two drawn ones; `shift` is from the first shape's centroid to the second's.
fn fill(
    lattice: &Lattice,
    out: &mut Selection,
    axis: usize,
    [(k0, a), (k1, b)]: [(usize, &Selection); 2],
    shift: [f64; 3],
) {
    let [da, db] = [signed(lattice, a), signed(lattice, b)];
    // Beyond what is known of a slice: as at its edge, and the way there.
    let at = |d: &[f64], of: &Selection, p: [f64; 3], k: usize| {
        let Block { origin, shape } = of.block;
        let (mut voxel, mut beyond) = (origin, [0.0; 3]);
        for i in (0..3).filter(|&i| i != axis) {
            let (low, high) = (origin[i] as f64, (origin[i] + shape[i] - 1) as f64);
            let held = p[i].clamp(low, high);
            beyond[i] = p[i] - held;
            voxel[i] = (held + 0.5).floor() as usize;
        }
        voxel[axis] = k;
        let known = of.at(voxel).map_or(f64::INFINITY, |i| d[i]);
        known + lattice.length_squared(beyond).sqrt()
    };
    for k in k0 + 1..k1 {
        let t = (k - k0) as f64 / (k1 - k0) as f64;
        let mut block: Block = out.block;
        (block.origin[axis], block.shape[axis]) = (k, 1);
        let blended = Selection::of(block, |v| {
            let pa = std::array::from_fn(|i| v[i] as f64 - t * shift[i]);
            let pb = std::array::from_fn(|i| v[i] as f64 + (1.0 - t) * shift[i]);
            (1.0 - t) * at(&da, a, pa, k0) + t * at(&db, b, pb, k1) <= 1e-9
        });
        for v in blended.voxels() {
            if let Some(i) = out.at(v) {
                out.inside[i] = true;
            }
        }
    }
}
