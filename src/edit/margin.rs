//! Margins (EDIT-13): grow or shrink by a length, by exact distance between voxel centres, and the hollow
//! shell between.

use super::distance::{edge_of, squared};
use super::{Lattice, Selection};

/// Everything within `by` of the selection (`by` > 0), or what of it is farther than −`by` from everything
/// else (`by` < 0). Beyond the edge of the volume nothing is known: it shrinks nothing.
pub fn margin(lattice: &Lattice, selection: &Selection, by: f64) -> Selection {
    if selection.is_empty() || by == 0.0 || !by.is_finite() {
        return selection.clone();
    }
    let wide = selection.within(lattice.grown(selection.block, by.abs()));
    if by > 0.0 {
        let near = within(lattice, &wide, true, by);
        return Selection { block: wide.block, inside: near };
    }
    let near = within(lattice, &wide, false, -by);
    let inside = wide.inside.iter().zip(near).map(|(&i, near)| i && !near).collect();
    Selection { block: wide.block, inside }
}

/// What lies between the selection and itself with a margin.
pub fn shell(lattice: &Lattice, selection: &Selection, by: f64) -> Selection {
    let other = margin(lattice, selection, by);
    Selection::of(other.block, |v| other.contains(v) != selection.contains(v))
}

/// Which voxels of the block lie within `radius` of one that is `inside`.
fn within(lattice: &Lattice, wide: &Selection, inside: bool, radius: f64) -> Vec<bool> {
    let limit = radius * radius * (1.0 + 1e-12);
    if lattice.is_orthogonal() {
        return squared(lattice, wide, inside).into_iter().map(|d| d <= limit).collect();
    }
    // A ball round every voxel at the edge: exact on any lattice.
    let mut out: Vec<bool> = wide.inside.iter().map(|&i| i == inside).collect();
    let ball = lattice.ball(radius);
    let [nx, ny, nz] = wide.block.shape;
    for i in edge_of(wide, inside) {
        let at = [i % nx, i / nx % ny, i / (nx * ny)];
        for step in &ball {
            let x = at[0].wrapping_add_signed(step[0]);
            let y = at[1].wrapping_add_signed(step[1]);
            let z = at[2].wrapping_add_signed(step[2]);
            if x < nx && y < ny && z < nz {
                out[x + nx * (y + ny * z)] = true;
            }
        }
    }
    out
}
