//! Another order and direction of a lattice's axes: the same voxels as somebody reads them who
//! expects columns, rows and slices to run elsewhere in the patient. Nothing is resampled.

use super::{Block, Geometry, PlaneView};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where three axes run in the patient: three letters, one of R/L, A/P and S/I each, as `RAS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AxisCodes([(usize, bool); 3]);

/// Letters of the world axes, towards which they fall and grow.
const LETTERS: [[char; 2]; 3] = [['L', 'R'], ['P', 'A'], ['I', 'S']];

impl AxisCodes {
    /// World axis (0 = R/L, 1 = A/P, 2 = S/I) of each axis, and whether it grows with it.
    pub fn directions(self) -> [(usize, bool); 3] {
        self.0
    }
}

impl fmt::Display for AxisCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&(w, up)| write!(f, "{}", LETTERS[w][usize::from(up)]))
    }
}

impl From<AxisCodes> for String {
    fn from(codes: AxisCodes) -> Self {
        codes.to_string()
    }
}

impl TryFrom<String> for AxisCodes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refuse = || format!("axes {text:?}, expected one of R/L, A/P and S/I each, as \"RAS\"");
        let of = |letter: char| {
            (0..3).find_map(|w| {
                let at = LETTERS[w].iter().position(|&l| l == letter)?;
                Some((w, at == 1))
            })
        };
        let found: Vec<_> = text.chars().map(of).collect::<Option<_>>().ok_or_else(refuse)?;
        let codes: [(usize, bool); 3] = found.try_into().map_err(|_| refuse())?;
        let all = (0..3).all(|w| codes.iter().any(|c| c.0 == w));
        if all { Ok(Self(codes)) } else { Err(refuse()) }
    }
}

/// How the axes of a turned lattice run along those of the stored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The stored axis of each turned axis.
    pub axis: [usize; 3],
    /// The turned index falls where the stored one grows.
    pub flip: [bool; 3],
}

impl Turn {
    /// As stored.
    pub const NONE: Self = Self { axis: [0, 1, 2], flip: [false; 3] };

    /// So that the axes run as `codes` says, as nearly as the lattice's own axes do.
    pub fn to_patient(geometry: &Geometry, codes: AxisCodes) -> Self {
        let own = geometry.axis_directions();
        let mut turn = Self::NONE;
        for (m, (world, up)) in codes.directions().into_iter().enumerate() {
            let found = own.iter().enumerate().find(|(_, (w, _))| *w == world);
            if let Some((v, &(_, sign))) = found {
                turn.axis[m] = v;
                turn.flip[m] = (sign > 0.0) != up;
            }
        }
        turn
    }

    /// So that columns and rows of the slices across stored `axis` lie as they do on the screen
    /// ([`PlaneView`]).
    pub fn to_screen(geometry: &Geometry, axis: usize) -> Self {
        let p = PlaneView::across(geometry, axis);
        Self { axis: [p.right, p.down, p.axis], flip: [p.flip_right, p.flip_down, false] }
    }

    /// What is said of the stored axes, of the turned ones.
    pub fn reorder<T: Copy>(&self, stored: [T; 3]) -> [T; 3] {
        self.axis.map(|a| stored[a])
    }

    /// A box of a lattice of `shape` in the turned axes.
    pub fn block(&self, shape: [usize; 3], block: &Block) -> Block {
        let along = |m: usize| {
            let a = self.axis[m];
            let far = shape[a] - block.origin[a] - block.shape[a];
            if self.flip[m] { far } else { block.origin[a] }
        };
        Block { origin: [along(0), along(1), along(2)], shape: self.reorder(block.shape) }
    }

    /// The box of a lattice of `shape` that [`Self::block`] made `turned` of.
    pub fn stored_block(&self, shape: [usize; 3], turned: &Block) -> Block {
        let mut out = Block { origin: [0; 3], shape: [0; 3] };
        for (m, &a) in self.axis.iter().enumerate() {
            let far = shape[a] - turned.origin[m] - turned.shape[m];
            out.origin[a] = if self.flip[m] { far } else { turned.origin[m] };
            out.shape[a] = turned.shape[m];
        }
        out
    }

    /// Flat index in a stored lattice of `shape` of turned voxel 0, and what a step along each
    /// turned axis adds.
    pub fn strides(&self, shape: [usize; 3]) -> (usize, [isize; 3]) {
        let stored = [1, shape[0], shape[0] * shape[1]];
        let mut start = 0;
        let mut steps = [0; 3];
        for (m, &a) in self.axis.iter().enumerate() {
            let step = stored[a] as isize;
            if self.flip[m] {
                start += (shape[a] - 1) * stored[a];
            }
            steps[m] = if self.flip[m] { -step } else { step };
        }
        (start, steps)
    }

    /// Flat index in a stored lattice of `shape` of the turned voxel with a flat index.
    pub fn index(&self, shape: [usize; 3], turned: usize) -> usize {
        let (start, [sx, sy, sz]) = self.strides(shape);
        let [nx, ny, _] = self.reorder(shape);
        let [x, y, z] = [turned % nx, turned / nx % ny, turned / nx / ny].map(|v| v as isize);
        start.wrapping_add_signed(x * sx + y * sy + z * sz)
    }

    /// Flat indices in a stored lattice of `shape` of all turned voxels, the turned first axis
    /// fastest.
    pub fn indices(&self, shape: [usize; 3]) -> impl Iterator<Item = usize> {
        let (start, [sx, sy, sz]) = self.strides(shape);
        let [nx, ny, nz] = self.reorder(shape).map(|n| n as isize);
        (0..nz).flat_map(move |z| {
            (0..ny).flat_map(move |y| {
                (0..nx).map(move |x| start.wrapping_add_signed(x * sx + y * sy + z * sz))
            })
        })
    }

    /// Values of a turned lattice in the stored order of one of `shape`.
    pub fn undo<T: Copy + Default>(&self, shape: [usize; 3], turned: &[T]) -> Vec<T> {
        if *self == Self::NONE {
            return turned.to_vec();
        }
        let mut out = vec![T::default(); turned.len()];
        for (&v, i) in turned.iter().zip(self.indices(shape)) {
            out[i] = v;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    fn codes(text: &str) -> AxisCodes {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn letters_are_read_and_written_and_nonsense_is_refused() {
        for text in ["RAS", "LPS", "PIR", "SAL"] {
            assert_eq!(codes(text).to_string(), text);
        }
        for text in ["", "RA", "RAR", "RLS", "ras", "XYZ", "RASL"] {
            assert!(AxisCodes::try_from(text.to_owned()).unwrap_err().contains("RAS"), "{text}");
        }
    }

    /// All 48 orders: a voxel of the turned lattice lies where the turn says, in the world.
    #[test]
    fn a_turned_lattice_grows_along_the_letters_and_comes_back() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for flips in 0..8usize {
                let mut steps = [[0.0; 3]; 3];
                for (axis, &world) in order.iter().enumerate() {
                    steps[axis][world] = if flips >> axis & 1 == 1 { 1.5 } else { -2.0 };
                }
                let g = Geometry::new([2, 3, 4], Affine::from_columns(steps, [3.0, -4.0, 5.0]))
                    .unwrap();
                let turn = Turn::to_patient(&g, codes("PIR"));
                let [nx, ny, _] = g.shape();
                let world: Vec<[f64; 3]> = (0..24)
                    .map(|i| [i % nx, i / nx % ny, i / nx / ny].map(|v| v as f64))
                    .map(|v| g.world_from_voxel().apply(v))
                    .collect();
                let indices: Vec<usize> = turn.indices(g.shape()).collect();
                let one_by_one: Vec<usize> = (0..24).map(|i| turn.index(g.shape(), i)).collect();
                assert_eq!(indices, one_by_one);
                let [tx, ty, _] = turn.reorder(g.shape());
                let step = |i: usize, j: usize, axis: usize| {
                    world[indices[j]][axis] - world[indices[i]][axis]
                };
                assert!(step(0, 1, 1) < 0.0, "columns run to P");
                assert!(step(0, tx, 2) < 0.0, "rows run to I");
                assert!(step(0, tx * ty, 0) > 0.0, "slices run to R");
                assert_eq!(turn.undo(g.shape(), &indices), (0..24).collect::<Vec<_>>());
                let block = Block { origin: [1, 0, 2], shape: [1, 2, 1] };
                let there = turn.block(g.shape(), &block);
                assert_eq!(turn.stored_block(g.shape(), &there), block);
            }
        }
    }

    #[test]
    fn an_unknown_orientation_is_shown_and_seen_as_stored() {
        let g = Geometry::picture(4, 3, 2).unwrap();
        assert_eq!(Turn::to_screen(&g, 2), Turn::NONE);
    }
}
