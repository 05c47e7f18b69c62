//! Boxes of a lattice.

use super::{Geometry, Roi};
use std::ops::Range;

/// A box of voxels of an image, in x, y, z. Its values run x fastest, then y, then z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub origin: [usize; 3],
    pub shape: [usize; 3],
}

impl Block {
    /// The whole image.
    pub fn whole(geometry: &Geometry) -> Self {
        Self { origin: [0; 3], shape: geometry.shape() }
    }

    /// One slice across `axis`: `roi` counts along the other two, the lower one as columns.
    pub fn slab(roi: Roi, axis: usize, slice: usize) -> Self {
        let Roi { x, y, width, height } = roi;
        match axis {
            0 => Self { origin: [slice, x, y], shape: [1, width, height] },
            1 => Self { origin: [x, slice, y], shape: [width, 1, height] },
            _ => Self { origin: [x, y, slice], shape: [width, height, 1] },
        }
    }

    /// Its columns and rows.
    pub fn roi(&self) -> Roi {
        let ([x, y, _], [width, height, _]) = (self.origin, self.shape);
        Roi { x, y, width, height }
    }

    /// The indices that it covers along an axis.
    pub fn along(&self, axis: usize) -> Range<usize> {
        self.origin[axis]..self.origin[axis] + self.shape[axis]
    }

    /// Voxels in it; saturates.
    pub fn len(&self) -> usize {
        self.shape.iter().fold(1, |n: usize, &s| n.saturating_mul(s))
    }

    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// Whether `other` is not empty and lies inside.
    pub fn contains(&self, other: &Self) -> bool {
        !other.is_empty()
            && (0..3).all(|a| {
                other.origin[a] >= self.origin[a]
                    && (other.origin[a] - self.origin[a])
                        .checked_add(other.shape[a])
                        .is_some_and(|end| end <= self.shape[a])
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_contain_what_lies_inside_them() {
        let outer = Block { origin: [2, 3, 4], shape: [5, 6, 7] };
        assert!(outer.contains(&outer));
        assert!(outer.contains(&Block { origin: [6, 8, 10], shape: [1, 1, 1] }));
        assert!(!outer.contains(&Block { origin: [1, 3, 4], shape: [1, 1, 1] }));
        assert!(!outer.contains(&Block { origin: [2, 3, 4], shape: [6, 1, 1] }));
        assert!(!outer.contains(&Block { origin: [2, 3, 4], shape: [0, 1, 1] }));
        assert!(!outer.contains(&Block { origin: [2, 3, 4], shape: [usize::MAX, 1, 1] }));
    }

    #[test]
    fn a_slab_has_its_columns_along_the_lower_axis() {
        let roi = Roi { x: 1, y: 2, width: 3, height: 4 };
        let of = |axis| (Block::slab(roi, axis, 9).origin, Block::slab(roi, axis, 9).shape);
        assert_eq!(of(0), ([9, 1, 2], [1, 3, 4]));
        assert_eq!(of(1), ([1, 9, 2], [3, 1, 4]));
        assert_eq!(of(2), ([1, 2, 9], [3, 4, 1]));
        assert_eq!(Block::slab(roi, 2, 9).roi(), roi);
    }
}
