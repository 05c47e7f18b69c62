//! Elastic deformation of a picture by the displacements of a 3x3 grid over all of it, cubic B-splines
//! through them (U-Net, arXiv 1505.04597), as the package `elasticdeform` 0.5.1 does it.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Fields that are drawn until one does not fold.
const TRIES: usize = 20;
/// Places along an axis where folding is looked for.
const PLACES: usize = 33;

/// A field of displacements over a picture.
pub(super) struct Field {
    size: [usize; 2],
    /// Of the splines, along x and along y: rows of columns.
    coefficients: [[[f64; 3]; 3]; 2],
}

impl Field {
    /// Through these displacements in pixels, of x and of y, at the corners, the middles of the edges
    /// and the centre of a picture of `[width, height]` pixels.
    pub(super) fn new(grid: &[[[f64; 3]; 3]; 2], size: [usize; 2]) -> Self {
        let coefficients = grid.map(|rows| {
            let rows = rows.map(spline);
            let columns: [[f64; 3]; 3] =
                std::array::from_fn(|c| spline(std::array::from_fn(|r| rows[r][c])));
            std::array::from_fn(|r| std::array::from_fn(|c| columns[c][r]))
        });
        Self { size, coefficients }
    }

    /// Normally distributed displacements of this standard deviation in pixels; none if all tries
    /// fold.
    pub(super) fn draw(sigma: f64, size: [usize; 2], rng: &mut ChaCha8Rng) -> Self {
        for _ in 0..TRIES {
            let mut normal = || sigma * rng.sample::<f64, _>(StandardNormal);
            let grid = [(); 2].map(|()| [(); 3].map(|()| [(); 3].map(|()| normal())));
            let field = Self::new(&grid, size);
            if !field.folds() {
                return field;
            }
        }
        Self::new(&[[[0.0; 3]; 3]; 2], size)
    }

    /// Displacement at a place of the picture in pixels (centres); beside it that of its edge.
    pub(super) fn at(&self, x: f64, y: f64) -> [f64; 2] {
        let (wx, wy) = (weights(x, self.size[0]), weights(y, self.size[1]));
        self.coefficients.map(|rows| {
            rows.iter()
                .zip(wy)
                .map(|(row, wy)| wy * row.iter().zip(wx).map(|(c, wx)| c * wx).sum::<f64>())
                .sum()
        })
    }

    /// Whether the map from place to source is not one to one somewhere: its Jacobian is not
    /// positive.
    fn folds(&self) -> bool {
        let place = |i: usize, n: usize| i as f64 * (n.max(2) - 1) as f64 / (PLACES - 1) as f64;
        (0..PLACES * PLACES).any(|i| {
            let (x, y) = (place(i % PLACES, self.size[0]), place(i / PLACES, self.size[1]));
            let step = 0.25;
            let slope = |dx: f64, dy: f64| {
                let (a, b) = (self.at(x + dx, y + dy), self.at(x - dx, y - dy));
                [0, 1].map(|k| (a[k] - b[k]) / (2.0 * step))
            };
            let (along_x, along_y) = (slope(step, 0.0), slope(0.0, step));
            (1.0 + along_x[0]) * (1.0 + along_y[1]) - along_x[1] * along_y[0] <= 0.0
        })
    }
}

/// Coefficients of the cubic B-spline through three values, mirrored at the ends.
fn spline([a, b, c]: [f64; 3]) -> [f64; 3] {
    let middle = 2.0 * b - 0.5 * (a + c);
    [1.5 * a - 0.5 * middle, middle, 1.5 * c - 0.5 * middle]
}

/// Weight of each of the three coefficients at pixel `x` of `n`.
fn weights(x: f64, n: usize) -> [f64; 3] {
    let s = 2.0 * (x / (n.max(2) - 1) as f64).clamp(0.0, 1.0);
    let first = (s as isize).min(1);
    let t = s - first as f64;
    let w = [
        (1.0 - t).powi(3) / 6.0,
        (4.0 - 6.0 * t * t + 3.0 * t.powi(3)) / 6.0,
        (1.0 + 3.0 * t + 3.0 * t * t - 3.0 * t.powi(3)) / 6.0,
        t.powi(3) / 6.0,
    ];
    let mut out = [0.0; 3];
    for (i, w) in w.into_iter().enumerate() {
        out[crate::models::mirrored(first + i as isize - 1, 3)] += w;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_field_passes_through_its_grid_and_does_not_fold() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut value = || rng.sample::<f64, _>(StandardNormal) * 10.0;
        let grid = [(); 2].map(|()| [(); 3].map(|()| [(); 3].map(|()| value())));
        let field = Field::new(&grid, [101, 61]);
        for (r, y) in [0.0, 30.0, 60.0].into_iter().enumerate() {
            for (c, x) in [0.0, 50.0, 100.0].into_iter().enumerate() {
                let found = field.at(x, y);
                assert!((0..2).all(|k| (found[k] - grid[k][r][c]).abs() < 1e-9));
            }
        }
        for seed in 0..50 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            // So much that many fields fold.
            assert!(!Field::draw(20.0, [64, 64], &mut rng).folds());
        }
        let fold = [[[0.0; 3], [60.0, -60.0, 60.0], [0.0; 3]], [[0.0; 3]; 3]];
        assert!(Field::new(&fold, [64, 64]).folds());
    }

    /// Against `elasticdeform`: `tests/golden/unet.safetensors`, made by `tests/golden/make_unet.py`.
    #[test]
    fn elastic() {
        use candle_core::{Device, Tensor};
        let bytes = include_bytes!("../../tests/golden/unet.safetensors");
        let all = candle_core::safetensors::load_buffer(bytes, &Device::Cpu).unwrap();
        let get = |name: &str| -> &Tensor { &all[&format!("elastic.{name}")] };
        let plane = |name: &str| -> Vec<Vec<f32>> { get(name).to_vec2().unwrap() };
        let grid = get("grid").to_vec3::<f32>().unwrap();
        // Theirs are rows first.
        let axis =
            |a: usize| std::array::from_fn(|r| std::array::from_fn(|c| f64::from(grid[a][r][c])));
        let (width, height) = (56, 40);
        let field = Field::new(&[axis(1), axis(0)], [width, height]);
        let place = get("place").to_vec3::<f32>().unwrap();
        let (image, deformed) = (plane("image"), plane("deformed"));
        let (labels, deformed_labels) = (plane("labels"), plane("deformed_labels"));
        let mirrored = |i: f64, n: usize| crate::models::mirrored(i as isize, n);
        let (mut inside, mut same_label) = (0, 0);
        for y in 0..height {
            for x in 0..width {
                let [dx, dy] = field.at(x as f64, y as f64);
                let (sx, sy) = (x as f64 + dx, y as f64 + dy);
                if sx < 0.0 || sy < 0.0 || sx > 55.0 || sy > 39.0 {
                    continue;
                }
                inside += 1;
                let [row, column] = [0, 1].map(|k| f64::from(place[k][y][x]));
                assert!((row - sy).abs() < 1e-2 && (column - sx).abs() < 1e-2, "{x} {y}");
                let at = |dy: f64, dx: f64| {
                    f64::from(image[mirrored(sy.floor() + dy, 40)][mirrored(sx.floor() + dx, 56)])
                };
                let (tx, ty) = (sx.fract(), sy.fract());
                let upper = at(0.0, 0.0) * (1.0 - tx) + at(0.0, 1.0) * tx;
                let lower = at(1.0, 0.0) * (1.0 - tx) + at(1.0, 1.0) * tx;
                let value = upper * (1.0 - ty) + lower * ty;
                assert!((value - f64::from(deformed[y][x])).abs() < 1e-2);
                let label = labels[sy.round() as usize][sx.round() as usize];
                assert!([0.0, 1.0, 2.0].contains(&deformed_labels[y][x]));
                same_label += usize::from(label == deformed_labels[y][x]);
            }
        }
        // Ties of rounding may go either way.
        assert!(inside > 1500 && same_label + 5 >= inside, "{same_label} of {inside}");
    }
}
