//! How a network sees a canvas larger than its own input: in squares that overlap by a quarter at
//! least, blended with weights that fall towards a square's edges.

use rayon::prelude::*;

/// The network's squares on a canvas.
#[derive(Clone, Debug, PartialEq)]
pub struct Tiles {
    canvas: usize,
    side: usize,
    /// First row or column of each square, along one axis.
    starts: Vec<usize>,
    /// Weight of each row or column of a square.
    weights: Vec<f32>,
}

impl Tiles {
    /// Squares of `side` that cover a square of `canvas` (at least `side`) evenly.
    pub fn new(canvas: usize, side: usize) -> Self {
        let room = canvas.saturating_sub(side);
        let gaps = room.div_ceil((side * 3 / 4).max(1));
        let starts = (0..=gaps).map(|i| room * i / gaps.max(1)).collect();
        let ramp = (side / 4).max(1);
        let edge = |i: usize| i.min(side - 1 - i) + 1;
        let weights = (0..side).map(|i| edge(i).min(ramp) as f32 / ramp as f32).collect();
        Self { canvas, side, starts, weights }
    }

    /// Number of squares.
    pub fn count(&self) -> usize {
        self.starts.len() * self.starts.len()
    }

    /// Left and top corner of a square.
    fn corner(&self, tile: usize) -> (usize, usize) {
        let n = self.starts.len();
        (self.starts[tile % n], self.starts[tile / n])
    }

    /// Square `tile` of planes `[n, canvas, canvas]`, `[n, side, side]`.
    pub fn cut(&self, planes: &[f32], tile: usize) -> Vec<f32> {
        let (left, top) = self.corner(tile);
        let area = self.canvas * self.canvas;
        let mut square = Vec::with_capacity(planes.len() / area * self.side * self.side);
        for plane in planes.chunks(area) {
            for y in top..top + self.side {
                square.extend_from_slice(&plane[y * self.canvas + left..][..self.side]);
            }
        }
        square
    }

    /// The planes `[n, canvas, canvas]` of which `squares` are estimates, in order of the tiles,
    /// `[n, side, side]` each.
    pub fn blend(&self, squares: &[Vec<f32>]) -> Vec<f32> {
        if let [only] = squares {
            return only.clone();
        }
        let (area, square) = (self.canvas * self.canvas, self.side * self.side);
        let planes = squares.first().map_or(0, |s| s.len() / square);
        let add = |sum: &mut [f32], tile: usize, value: &dyn Fn(usize) -> f32| {
            let (left, top) = self.corner(tile);
            for (y, wy) in self.weights.iter().enumerate() {
                let row = &mut sum[(top + y) * self.canvas + left..][..self.side];
                for (x, (to, wx)) in row.iter_mut().zip(&self.weights).enumerate() {
                    *to += wy * wx * value(y * self.side + x);
                }
            }
        };
        let mut total = vec![0f32; area];
        (0..squares.len()).for_each(|tile| add(&mut total, tile, &|_| 1.0));
        let mut sum = vec![0f32; planes * area];
        sum.par_chunks_mut(area).enumerate().for_each(|(p, plane)| {
            for (tile, values) in squares.iter().enumerate() {
                let values = &values[p * square..][..square];
                add(plane, tile, &|i| values[i]);
            }
            plane.iter_mut().zip(&total).for_each(|(v, w)| *v /= w);
        });
        sum
    }
}

/// The pixel of `n` that stands at place `i`, which may lie beside the picture: it is mirrored there,
/// edges not repeated.
pub fn mirrored(i: isize, n: usize) -> usize {
    if n == 1 {
        return 0;
    }
    let period = 2 * (n - 1);
    let j = i.rem_euclid(period as isize) as usize;
    if j >= n { period - j } else { j }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_square_is_the_canvas_itself() {
        let tiles = Tiles::new(8, 8);
        let planes: Vec<f32> = (0..128).map(|v| v as f32 * 0.1).collect();
        assert_eq!(tiles.count(), 1);
        assert_eq!(tiles.cut(&planes, 0), planes);
        assert_eq!(tiles.blend(std::slice::from_ref(&planes)), planes);
    }

    #[test]
    fn squares_cover_the_canvas_overlap_by_a_quarter_and_blend_back() {
        for (canvas, side) in [(32, 16), (33, 16), (40, 16), (512, 128), (17, 16)] {
            let tiles = Tiles::new(canvas, side);
            assert_eq!((tiles.starts[0], *tiles.starts.last().unwrap()), (0, canvas - side));
            assert!(tiles.starts.windows(2).all(|w| w[1] > w[0] && w[1] - w[0] <= side * 3 / 4));
            let planes: Vec<f32> = (0..2 * canvas * canvas).map(|i| (i % 101) as f32).collect();
            let squares: Vec<_> = (0..tiles.count()).map(|t| tiles.cut(&planes, t)).collect();
            let back = tiles.blend(&squares);
            assert!(back.iter().zip(&planes).all(|(a, b)| (a - b).abs() < 1e-3));
        }
    }

    #[test]
    fn squares_that_disagree_change_over_gradually() {
        let (canvas, side) = (28, 16);
        let tiles = Tiles::new(canvas, side);
        let left = |t: usize| tiles.corner(t).0 == 0;
        let squares: Vec<Vec<f32>> = (0..tiles.count())
            .map(|t| vec![if left(t) { 0.0 } else { 1.0 }; side * side])
            .collect();
        let row = &tiles.blend(&squares)[14 * canvas..15 * canvas];
        assert_eq!((row[0], row[canvas - 1]), (0.0, 1.0));
        assert!(row.windows(2).all(|w| w[1] >= w[0] && w[1] - w[0] < 0.35), "{row:?}");
    }
}
