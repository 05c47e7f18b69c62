//! Smoothing (EDIT-12): all labels together without gaps between neighbours, the median, opening and
//! closing.

use super::margin::margin;
use super::selection::bounds;
use super::{Lattice, Selection};
use crate::volume::Block;

/// All labels at once: each becomes a soft mask by a Gaussian of this standard deviation (along the voxel
/// axes), and a voxel goes to the strongest; to the one that it has among equals. The block that may
/// change, and its labels; `None` if there is no label.
pub fn joint(lattice: &Lattice, labels: &[u8], sigma: f64) -> Option<(Block, Vec<u8>)> {
    let block = lattice.grown(bounds(lattice, labels, |l| l != 0)?, 3.0 * sigma.max(0.0));
    let mut now = Vec::with_capacity(block.len());
    for z in block.along(2) {
        for y in block.along(1) {
            let row = lattice.index([block.origin[0], y, z]);
            now.extend_from_slice(&labels[row..row + block.shape[0]]);
        }
    }
    let spacing = lattice.spacing();
    let kernels: Vec<Vec<f32>> = (0..3).map(|a| kernel(sigma / spacing[a])).collect();
    let soft = |label: u8| {
        let mut f: Vec<f32> = now.iter().map(|&l| f32::from(u8::from(l == label))).collect();
        for a in 0..3 {
            convolve(&mut f, block.shape, a, &kernels[a]);
        }
        f
    };
    let mut present = [false; 256];
    now.iter().for_each(|&l| present[usize::from(l)] = true);
    // The present label of a voxel has a head start that rounding cannot take.
    let (mut best, mut out) = (vec![f32::NEG_INFINITY; now.len()], now.clone());
    for label in (0..=255u8).filter(|&l| present[usize::from(l)]) {
        for (i, s) in soft(label).into_iter().enumerate() {
            let s = if now[i] == label { s + 1e-6 } else { s };
            if s > best[i] {
                (best[i], out[i]) = (s, label);
            }
        }
    }
    Some((block, out))
}

/// Weights of a Gaussian out to three standard deviations, the middle one in the middle.
fn kernel(sigma: f64) -> Vec<f32> {
    let reach = (3.0 * sigma).ceil().max(0.0) as i64;
    let weight = |k: i64| if sigma > 0.0 { (-0.5 * (k as f64 / sigma).powi(2)).exp() } else { 1.0 };
    let sum: f64 = (-reach..=reach).map(weight).sum();
    (-reach..=reach).map(|k| (weight(k) / sum) as f32).collect()
}

/// Along one axis; what lies beyond the edge is like the edge.
fn convolve(values: &mut [f32], shape: [usize; 3], axis: usize, kernel: &[f32]) {
    let n = shape[axis];
    if n < 2 || kernel.len() < 2 {
        return;
    }
    let reach = kernel.len() / 2;
    let strides = [1, shape[0], shape[0] * shape[1]];
    let [b, c] = super::outline::in_plane(axis);
    let mut line = vec![0.0f32; n + 2 * reach];
    for j in 0..shape[c] {
        for i in 0..shape[b] {
            let start = i * strides[b] + j * strides[c];
            for (k, slot) in line.iter_mut().enumerate() {
                *slot = values[start + k.saturating_sub(reach).min(n - 1) * strides[axis]];
            }
            for k in 0..n {
                let sum: f32 = line[k..].iter().zip(kernel).map(|(v, w)| v * w).sum();
                values[start + k * strides[axis]] = sum;
            }
        }
    }
}

/// A voxel is inside if more than half of the voxels within `radius` of it are; those beyond the edge of
/// the volume do not vote.
pub fn median(lattice: &Lattice, selection: &Selection, radius: f64) -> Selection {
    if selection.is_empty() {
        return selection.clone();
    }
    let ball = lattice.ball(radius);
    let block = lattice.grown(selection.block, radius);
    Selection::of(block, |voxel| {
        let (mut votes, mut of) = (0, 0);
        for step in &ball {
            if let Some(v) = lattice.moved(voxel, *step) {
                of += 1;
                votes += usize::from(selection.contains(v));
            }
        }
        2 * votes > of
    })
}

/// Shrinks, then grows again: thin parts go.
pub fn opening(lattice: &Lattice, selection: &Selection, radius: f64) -> Selection {
    margin(lattice, &margin(lattice, selection, -radius), radius)
}

/// Grows, then shrinks again: narrow gaps go.
pub fn closing(lattice: &Lattice, selection: &Selection, radius: f64) -> Selection {
    margin(lattice, &margin(lattice, selection, radius), -radius)
}
