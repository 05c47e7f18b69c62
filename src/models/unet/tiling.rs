//! Exact overlap-tile: windows of a picture that together give the very mask that one window of the
//! whole would.
//!
//! Pooling makes the network shift-equivariant only for shifts by multiples of 2^depth, and every
//! legal output is 4 more than one. So windows lie `output − 4` apart, each gives its first
//! `output − 4` rows and columns, and the last of a row or column all. Beside the picture it is
//! mirrored without repeating the edge pixel.

use super::sizes::loss;
use crate::models::mirrored;

/// The windows along one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// Side of each window's output.
    pub(super) output: usize,
    /// First pixel and number of pixels that each window gives.
    pub(super) parts: Vec<(usize, usize)>,
}

impl Axis {
    /// Of outputs of this side (more than 4) on a picture of `side` pixels.
    pub(super) fn new(side: usize, output: usize) -> Self {
        let step = output - 4;
        let more = side.saturating_sub(output).div_ceil(step);
        let part = |i: usize| {
            let first = i * step;
            (first, if i < more { step } else { side - first })
        };
        Self { output, parts: (0..=more).map(part).collect() }
    }

    /// The windows of least work, none with an output above `most`.
    pub(super) fn cheapest(side: usize, depth: usize, most: usize) -> Self {
        let unit = 1 << depth;
        let work = |output: &usize| {
            let count = Self::new(side, *output).parts.len();
            (count * (output + loss(depth)), *output)
        };
        let most = most.min(4 + side.div_ceil(unit) * unit);
        let best = (4 + unit..=most).step_by(unit).min_by_key(work).unwrap_or(4 + unit);
        Self::new(side, best)
    }
}

/// Planes `[n, height, width]` as a window of `shape` at `origin` (columns, rows) sees them.
pub(super) fn cut(
    planes: &[f32],
    [width, height]: [usize; 2],
    origin: [isize; 2],
    shape: [usize; 2],
) -> Vec<f32> {
    let columns: Vec<usize> =
        (0..shape[0]).map(|x| mirrored(origin[0] + x as isize, width)).collect();
    let mut out = Vec::with_capacity(planes.len() / (width * height).max(1) * shape[0] * shape[1]);
    for plane in planes.chunks(width * height) {
        for y in 0..shape[1] {
            let row = &plane[mirrored(origin[1] + y as isize, height) * width..][..width];
            out.extend(columns.iter().map(|&x| row[x]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_is_a_triangle_wave() {
        let known = [(-1, 1), (-3, 3), (-4, 2), (4, 2), (6, 0), (7, 1)];
        assert!(known.iter().all(|&(i, expected)| mirrored(i, 4) == expected));
        for n in 1..=5 {
            // A direct walk to the right from 0, turning at the ends; and to the left by symmetry.
            let (mut at, mut step) = (0isize, 1isize);
            for i in 0..40 {
                assert_eq!(mirrored(i, n), at as usize, "n = {n}, i = {i}");
                assert_eq!(mirrored(-i, n), at as usize, "n = {n}, i = -{i}");
                if n > 1 {
                    if !(0..n as isize).contains(&(at + step)) {
                        step = -step;
                    }
                    at += step;
                }
            }
        }
    }

    #[test]
    fn every_pixel_is_given_once_and_windows_are_aligned() {
        for (side, output) in [(1, 20), (20, 20), (21, 20), (36, 20), (37, 20), (512, 132)] {
            let axis = Axis::new(side, output);
            let mut next = 0;
            for &(first, count) in &axis.parts {
                assert_eq!(first, next);
                assert!(first % 16 == 0 && count > 0 && count <= output);
                next += count;
            }
            assert_eq!(next, side);
        }
        // The smallest output for so many windows, as listed in the specification.
        for (side, list) in [(512, [516, 260, 180, 132, 116]), (1024, [1028, 516, 356, 260, 212])] {
            for (k, o) in list.into_iter().enumerate() {
                assert_eq!(Axis::new(side, o).parts.len(), k + 1);
                assert!(Axis::new(side, o - 16).parts.len() > k + 1);
            }
        }
        // One window of 700 is less work than any other cut of 512.
        assert_eq!(Axis::cheapest(512, 4, 2000).output, 516);
        assert_eq!(Axis::cheapest(512, 4, 300).output, 260);
    }

    #[test]
    fn a_window_sees_the_picture_mirrored() {
        let picture: Vec<f32> = (0..6).map(|v| v as f32).collect();
        let seen = cut(&picture, [3, 2], [-2, -1], [7, 4]);
        let row0 = [2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0];
        let row1 = row0.map(|v| v + 3.0);
        assert_eq!(seen, [row1, row0, row1, row0].concat());
    }
}
