//! Structures of a reconstructed plane without training: fixed thresholds on attenuation, and how deep
//! under the skin a cell lies. The aorta cannot be told so.

use super::STRUCTURES;
use crate::projection::{Grid, WATER};

/// Shares of water's attenuation.
const AIR: f64 = 0.08;
const LUNG: f64 = 0.6;
const SOFT: f64 = 0.88;
const BONE: f64 = 1.15;
/// Soft tissue so deep is taken for heart.
const DEEP_MM: f64 = 45.0;
/// Bone so near to the skin is taken for ribs.
const NEAR_MM: f64 = 30.0;

/// Masks `[K, n, n]` of attenuation per mm `[n, n]`.
pub fn thresholded(plane: &[f32], grid: &Grid) -> Vec<f32> {
    let (n, len) = (grid.cells, grid.len());
    let share = |i: usize| f64::from(plane[i]) / WATER;
    // Air that reaches the border of the plane is outside.
    let mut depth: Vec<Option<usize>> = vec![None; len];
    let mut shell: Vec<usize> =
        (0..len).filter(|i| i / n == 0 || i % n == 0 || i / n == n - 1 || i % n == n - 1).collect();
    shell.iter().for_each(|&i| depth[i] = Some(0));
    let beside = |i: usize| {
        let up = (i >= n).then(|| i - n);
        let down = (i + n < len).then_some(i + n);
        let left = (!i.is_multiple_of(n)).then(|| i - 1);
        let right = (!(i + 1).is_multiple_of(n)).then_some(i + 1);
        [up, down, left, right].into_iter().flatten()
    };
    let mut open = shell.clone();
    while let Some(i) = open.pop() {
        for j in beside(i) {
            if depth[j].is_none() && share(j) < AIR {
                depth[j] = Some(0);
                shell.push(j);
                open.push(j);
            }
        }
    }
    // From there inwards, cell by cell.
    let mut level = 0;
    while !shell.is_empty() {
        level += 1;
        let mut next = Vec::new();
        for i in shell {
            for j in beside(i) {
                if depth[j].is_none() {
                    depth[j] = Some(level);
                    next.push(j);
                }
            }
        }
        shell = next;
    }
    let mut masks = vec![0.0; STRUCTURES.len() * len];
    for i in 0..len {
        let (value, deep) = (share(i), depth[i].unwrap_or(0) as f64 * grid.cell_mm);
        let structure = match value {
            _ if deep == 0.0 => None,
            v if v < LUNG => Some(0),
            v if v >= BONE => Some(if deep < NEAR_MM { 4 } else { 3 }),
            v if v >= SOFT && deep >= DEEP_MM => Some(1),
            _ => None,
        };
        if let Some(s) = structure {
            masks[s * len + i] = 1.0;
        }
    }
    masks
}
