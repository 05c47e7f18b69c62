//! Connected parts of a selection, with 4 neighbours in a slice and 6, 18 or 26 in space.

use super::Selection;

/// Which voxels touch: by faces, by faces and edges, or by corners too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connectivity {
    Six,
    Eighteen,
    #[default]
    TwentySix,
}

impl Connectivity {
    pub(super) fn steps(self) -> Vec<[isize; 3]> {
        let most = match self {
            Self::Six => 1,
            Self::Eighteen => 2,
            Self::TwentySix => 3,
        };
        let mut out = Vec::new();
        for z in -1..=1_isize {
            for y in -1..=1_isize {
                for x in -1..=1_isize {
                    if (1..=most).contains(&(x.abs() + y.abs() + z.abs())) {
                        out.push([x, y, z]);
                    }
                }
            }
        }
        out
    }
}

/// The parts of a selection: number of each voxel's part from 1 (0 outside) and their sizes, in the order
/// in which their first voxels come.
pub(super) fn parts(selection: &Selection, connectivity: Connectivity) -> (Vec<u32>, Vec<usize>) {
    let [nx, ny, nz] = selection.block.shape;
    let steps = connectivity.steps();
    let mut part = vec![0u32; selection.inside.len()];
    let mut sizes = Vec::new();
    let mut stack = Vec::new();
    for first in 0..part.len() {
        if !selection.inside[first] || part[first] != 0 {
            continue;
        }
        let number = sizes.len() as u32 + 1;
        let mut size = 0;
        part[first] = number;
        stack.push(first);
        while let Some(i) = stack.pop() {
            size += 1;
            let at = [i % nx, i / nx % ny, i / (nx * ny)];
            for step in &steps {
                let x = at[0].wrapping_add_signed(step[0]);
                let y = at[1].wrapping_add_signed(step[1]);
                let z = at[2].wrapping_add_signed(step[2]);
                if x < nx && y < ny && z < nz {
                    let j = x + nx * (y + ny * z);
                    if selection.inside[j] && part[j] == 0 {
                        part[j] = number;
                        stack.push(j);
                    }
                }
            }
        }
        sizes.push(size);
    }
    (part, sizes)
}

/// The part of a selection that a voxel belongs to; nothing if it is not in it.
pub fn part_at(selection: &Selection, voxel: [usize; 3], connectivity: Connectivity) -> Selection {
    let (part, _) = parts(selection, connectivity);
    let Some(number) = selection.at(voxel).map(|i| part[i]).filter(|&p| p > 0) else {
        return Selection::none();
    };
    let inside = part.iter().map(|&p| p == number).collect();
    Selection { block: selection.block, inside }
}
