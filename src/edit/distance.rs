//! Exact squared distances to the nearest chosen voxel. Where the axes stand upright on each other, axis
//! by axis (Felzenszwalb and Huttenlocher, "Distance transforms of sampled functions", 2012); on
//! sheared lattices against every chosen voxel that has one beside it that is not.

use super::{Lattice, Selection};

/// One line: the lower envelope of parabolas of width `step`.
fn line(f: &[f64], step: f64, out: &mut [f64], hull: &mut Vec<(usize, f64)>) {
    hull.clear();
    let square = step * step;
    for (q, &fq) in f.iter().enumerate() {
        if fq == f64::INFINITY {
            continue;
        }
        let mut from = f64::NEG_INFINITY;
        while let Some(&(p, start)) = hull.last() {
            let (pf, qf) = (p as f64, q as f64);
            let cut = ((fq / square + qf * qf) - (f[p] / square + pf * pf)) / (2.0 * (qf - pf));
            if cut > start {
                from = cut;
                break;
            }
            hull.pop();
        }
        hull.push((q, from));
    }
    let mut k = 0;
    for (x, slot) in out.iter_mut().enumerate() {
        while k + 1 < hull.len() && hull[k + 1].1 <= x as f64 {
            k += 1;
        }
        *slot = hull.get(k).map_or(f64::INFINITY, |&(p, _)| {
            let d = x as f64 - p as f64;
            f[p] + square * d * d
        });
    }
}

/// Squared distance of each voxel of the block to the nearest voxel for which `inside` holds; infinite if
/// there is none.
pub(super) fn squared(lattice: &Lattice, selection: &Selection, inside: bool) -> Vec<f64> {
    let shape = selection.block.shape;
    let mut d: Vec<f64> =
        selection.inside.iter().map(|&i| if i == inside { 0.0 } else { f64::INFINITY }).collect();
    if d.iter().all(|&v| v > 0.0) {
        return d;
    }
    let flat = shape.iter().filter(|&&n| n > 1).count() < 2;
    if !(flat || lattice.is_orthogonal()) {
        return against_all(lattice, selection, inside);
    }
    let spacing = lattice.spacing();
    let strides = [1, shape[0], shape[0] * shape[1]];
    let longest = shape.into_iter().max().unwrap_or(0);
    let (mut f, mut g, mut hull) = (vec![0.0; longest], vec![0.0; longest], Vec::new());
    for a in 0..3 {
        let n = shape[a];
        if n < 2 {
            continue;
        }
        let [b, c] = super::outline::in_plane(a);
        for j in 0..shape[c] {
            for i in 0..shape[b] {
                let start = i * strides[b] + j * strides[c];
                for k in 0..n {
                    f[k] = d[start + k * strides[a]];
                }
                line(&f[..n], spacing[a], &mut g[..n], &mut hull);
                for k in 0..n {
                    d[start + k * strides[a]] = g[k];
                }
            }
        }
    }
    d
}

fn against_all(lattice: &Lattice, selection: &Selection, inside: bool) -> Vec<f64> {
    let edge = edge_of(selection, inside);
    let [nx, ny, _] = selection.block.shape;
    let place = |i: usize| [i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64);
    let edge: Vec<[f64; 3]> = edge.into_iter().map(place).collect();
    (0..selection.inside.len())
        .map(|i| {
            if selection.inside[i] == inside {
                return 0.0;
            }
            let p = place(i);
            let to = |q: &[f64; 3]| lattice.length_squared(std::array::from_fn(|a| p[a] - q[a]));
            edge.iter().map(to).fold(f64::INFINITY, f64::min)
        })
        .collect()
}

/// Voxels of the block that are `inside` and have one beside them (by corners too) that is not.
pub(super) fn edge_of(selection: &Selection, inside: bool) -> Vec<usize> {
    let [nx, ny, nz] = selection.block.shape;
    let steps = super::components::Connectivity::TwentySix.steps();
    (0..selection.inside.len())
        .filter(|&i| {
            selection.inside[i] == inside
                && steps.iter().any(|step| {
                    let x = (i % nx).wrapping_add_signed(step[0]);
                    let y = (i / nx % ny).wrapping_add_signed(step[1]);
                    let z = (i / (nx * ny)).wrapping_add_signed(step[2]);
                    x < nx && y < ny && z < nz && selection.inside[x + nx * (y + ny * z)] != inside
                })
        })
        .collect()
}
