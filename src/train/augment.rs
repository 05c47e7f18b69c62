//! Seeded augmentation: flip, rotation, zoom, shift and elastic deformation in one resampling, then
//! gamma, gain, blur and speckle. The elastic grid is 3x3 with bicubic interpolation, as in U-Net
//! (arXiv 1505.04597), over the square, or over the whole canvas ([`super::elastic`]).

use super::Augmentation;
use super::elastic::Field;
use crate::models::mirrored;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Sides in pixels of the canvas that is given and of the square that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides {
    pub canvas: usize,
    pub square: usize,
    /// So much of the square on each side is surroundings, which may lie beside the canvas; there the
    /// picture is mirrored.
    pub margin: usize,
}

/// A warped square, all of the canvas or at a random place of it, of an image
/// `[channels, canvas, canvas]` (-1…1) and its masks `[classes, canvas, canvas]` (cut at one half).
/// Without a margin the image is black outside the canvas and the mask empty, as round a region that
/// is not square.
pub(super) fn augment(
    image: &[f32],
    mask: &[f32],
    Sides { canvas: size, square, margin }: Sides,
    (settings, flips): (&Augmentation, [bool; 2]),
    rng: &mut ChaCha8Rng,
) -> (Vec<f32>, Vec<f32>) {
    let warp = Warp::draw(settings, flips, rng);
    let share = square as f64 / size as f64;
    let room = 1.0 - square.saturating_sub(2 * margin) as f64 / size as f64;
    let mut middle = || if room > 0.0 { symmetric(rng, room) } else { 0.0 };
    let middle = [middle(), middle()];
    let deform = settings.deform > 0.0;
    let field = deform.then(|| Field::draw(settings.deform, [size; 2], rng));
    let plane = size * size;
    let mut points = Vec::with_capacity(square * square);
    for y in 0..square {
        for x in 0..square {
            let [u, v] = warp.source(x, y, square);
            let place = |p: f64, m: f64| ((p * share + m + 1.0) * size as f64 - 1.0) * 0.5;
            let (x, y) = (place(u, middle[0]), place(v, middle[1]));
            let [dx, dy] = field.as_ref().map_or([0.0; 2], |field| field.at(x, y));
            points.push((x + dx, y + dy));
        }
    }
    let within = |i: i64| (0..size as i64).contains(&i);
    let pixel = |plane: &[f32], x: i64, y: i64, outside: f32| {
        if within(x) && within(y) {
            plane[y as usize * size + x as usize]
        } else if margin > 0 {
            plane[mirrored(y as isize, size) * size + mirrored(x as isize, size)]
        } else {
            outside
        }
    };
    let gamma = symmetric(rng, settings.log_gamma).exp();
    let blur = settings.blur * rng.random::<f64>();
    let grain = settings.speckle * rng.random::<f64>();
    let mut warped = Vec::with_capacity(image.len());
    for channel in image.chunks(plane) {
        let gain = 1.0 + symmetric(rng, settings.gain);
        let mut plane: Vec<f64> = points
            .iter()
            .map(|&(x, y)| {
                let v = bilinear(x, y, |ix, iy| pixel(channel, ix, iy, -1.0));
                let unit = f64::from((v + 1.0) * 0.5).clamp(1e-3, 1.0);
                unit.powf(gamma) * gain
            })
            .collect();
        if blur > 0.05 {
            plane = gaussian_blur(&plane, square, blur);
        }
        warped.extend(plane.into_iter().map(|v| {
            let grainy = if grain > 0.0 {
                v * (1.0 + grain * rng.sample::<f64, _>(StandardNormal))
            } else {
                v
            };
            (grainy.clamp(0.0, 1.0) * 2.0 - 1.0) as f32
        }));
    }
    let mut masks = Vec::with_capacity(mask.len());
    for class in mask.chunks(plane) {
        let at = |x: i64, y: i64| pixel(class, x, y, 0.0);
        let inside = |&(x, y): &(f64, f64)| {
            // Nearest, so that every pixel keeps one class of several.
            let share =
                if deform { at(x.round() as i64, y.round() as i64) } else { bilinear(x, y, at) };
            share > 0.5
        };
        masks.extend(points.iter().map(|p| f32::from(u8::from(inside(p)))));
    }
    (warped, masks)
}

/// Separable, cut off at three standard deviations, mirrored at the edge.
fn gaussian_blur(plane: &[f64], size: usize, sigma: f64) -> Vec<f64> {
    let reach = (3.0 * sigma).ceil() as i64;
    let weight = |d: i64| (-0.5 * (d as f64 / sigma).powi(2)).exp();
    let sum: f64 = (-reach..=reach).map(weight).sum();
    let taps: Vec<(i64, f64)> = (-reach..=reach).map(|d| (d, weight(d) / sum)).collect();
    let pass = |from: &[f64], at: &dyn Fn(usize, usize) -> usize| -> Vec<f64> {
        let mut out = vec![0.0; from.len()];
        for line in 0..size {
            for i in 0..size {
                out[at(line, i)] =
                    taps.iter().map(|&(d, w)| w * from[at(line, mirror(i as i64 + d, size))]).sum();
            }
        }
        out
    };
    let rows = pass(plane, &|y, x| y * size + x);
    pass(&rows, &|x, y| y * size + x)
}

/// Uniform within ±`bound`.
pub(super) fn symmetric(rng: &mut ChaCha8Rng, bound: f64) -> f64 {
    (rng.random::<f64>() * 2.0 - 1.0) * bound
}

/// From output to source positions, both -1…1 over the image.
struct Warp {
    matrix: [[f64; 2]; 2],
    shift: [f64; 2],
    /// Displacements of the 3x3 grid, x and y.
    grid: [[[f64; 3]; 3]; 2],
}

impl Warp {
    /// `flips`: mirrored left to right, and top to bottom, half of the time.
    fn draw(settings: &Augmentation, flips: [bool; 2], rng: &mut ChaCha8Rng) -> Self {
        let (sin, cos) = symmetric(rng, settings.rotation_degrees.to_radians()).sin_cos();
        let zoom = symmetric(rng, settings.log_scale).exp();
        let [across, down] = flips.map(|may| if may && rng.random() { -1.0 } else { 1.0 });
        let shift = [(); 2].map(|()| symmetric(rng, 2.0 * settings.shift));
        let mut normal = || rng.sample::<f64, _>(StandardNormal) * 2.0 * settings.elastic;
        let grid = [(); 2].map(|()| [(); 3].map(|()| [(); 3].map(|()| normal())));
        let matrix =
            [[cos / zoom * across, -sin / zoom * down], [sin / zoom * across, cos / zoom * down]];
        Self { matrix, shift, grid }
    }

    /// Source position of an output pixel, -1…1.
    fn source(&self, x: usize, y: usize, size: usize) -> [f64; 2] {
        let unit = |i: usize| (2.0 * i as f64 + 1.0) / size as f64 - 1.0;
        let (u, v) = (unit(x), unit(y));
        let at = |row: usize| {
            let m = self.matrix[row];
            let elastic = cubic_surface(&self.grid[row], u, v);
            m[0] * u + m[1] * v + self.shift[row] + elastic
        };
        [at(0), at(1)]
    }
}

/// A 3x3 grid of values at -1, 0, 1 between which Catmull-Rom splines run; ends are repeated.
fn cubic_surface(grid: &[[f64; 3]; 3], u: f64, v: f64) -> f64 {
    let rows: [f64; 3] = std::array::from_fn(|r| cubic(&grid[r], u));
    cubic(&rows, v)
}

pub(super) fn cubic(p: &[f64; 3], u: f64) -> f64 {
    let s = (u + 1.0).clamp(0.0, 2.0);
    let i = (s as usize).min(1);
    let t = s - i as f64;
    let [a, b, c, d] = if i == 0 { [p[0], p[0], p[1], p[2]] } else { [p[0], p[1], p[2], p[2]] };
    b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
}

/// Mirrors an index into the image (edge pixels repeat once).
fn mirror(i: i64, size: usize) -> usize {
    let n = size as i64;
    let m = i.rem_euclid(2 * n);
    (if m < n { m } else { 2 * n - 1 - m }) as usize
}

fn bilinear(x: f64, y: f64, at: impl Fn(i64, i64) -> f32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy) = (fx as i64, fy as i64);
    let (tx, ty) = ((x - fx) as f32, (y - fy) as f32);
    let upper = at(ix, iy) * (1.0 - tx) + at(ix + 1, iy) * tx;
    let lower = at(ix, iy + 1) * (1.0 - tx) + at(ix + 1, iy + 1) * tx;
    upper * (1.0 - ty) + lower * ty
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const NOTHING: Augmentation = Augmentation {
        rotation_degrees: 0.0,
        log_scale: 0.0,
        shift: 0.0,
        elastic: 0.0,
        deform: 0.0,
        lattices: 0,
        log_spacing: 0.0,
        log_gamma: 0.0,
        gain: 0.0,
        blur: 0.0,
        speckle: 0.0,
    };

    const NO: [bool; 2] = [false; 2];

    fn whole(size: usize) -> Sides {
        Sides { canvas: size, square: size, margin: 0 }
    }

    #[test]
    fn a_square_of_a_larger_canvas_is_a_piece_of_it_and_every_place_is_drawn() {
        let (canvas, square) = (32, 8);
        let image: Vec<f32> = (0..canvas * canvas).map(|i| i as f32 / 600.0 - 0.85).collect();
        let mask: Vec<f32> = (0..canvas * canvas).map(|i| (i % 2) as f32).collect();
        let (mut low, mut high) = (f32::MAX, f32::MIN);
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let sides = Sides { canvas, square, margin: 0 };
            let (piece, _) = augment(&image, &mask, sides, (&NOTHING, NO), &mut rng);
            assert_eq!(piece.len(), square * square);
            // A step to the right is 1/600 and a step down 32/600, wherever the square lies.
            for i in (0..square * (square - 1)).filter(|i| i % square != square - 1) {
                assert!((piece[i + 1] - piece[i] - 1.0 / 600.0).abs() < 1e-4);
                assert!((piece[i + square] - piece[i] - 32.0 / 600.0).abs() < 1e-4);
            }
            low = piece.iter().copied().fold(low, f32::min);
            high = piece.iter().copied().fold(high, f32::max);
        }
        assert!(low < -0.75 && high > 0.75, "{low} {high}");
    }

    #[test]
    fn no_change_is_the_identity_and_seeds_repeat() {
        let image: Vec<f32> = (0..3 * 64).map(|i| (i % 100) as f32 / 50.0 - 0.99).collect();
        let mask: Vec<f32> = (0..64).map(|i| f32::from(u8::from(i % 3 == 0))).collect();
        let rng = || ChaCha8Rng::seed_from_u64(1);
        let (i, m) = augment(&image, &mask, whole(8), (&NOTHING, NO), &mut rng());
        assert_eq!(m, mask);
        assert!(i.iter().zip(&image).all(|(a, b)| (a - b).abs() < 2e-3));
        let strong = Augmentation { rotation_degrees: 40.0, elastic: 0.05, ..NOTHING };
        let once = augment(&image, &mask, whole(8), (&strong, [true, false]), &mut rng());
        assert_eq!(once, augment(&image, &mask, whole(8), (&strong, [true, false]), &mut rng()));
        assert_ne!(once.0, image);
    }

    #[test]
    fn pictures_are_mirrored_as_the_contract_allows() {
        let image: Vec<f32> = (0..16).map(|i| i as f32 / 10.0 - 0.8).collect();
        let mask = vec![0.0; 16];
        let mirrored = |flips: [bool; 2]| {
            let seen = |seed| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let (piece, _) = augment(&image, &mask, whole(4), (&NOTHING, flips), &mut rng);
                (piece[0] > piece[3], piece[0] > piece[12])
            };
            (0..40).map(seen).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(mirrored(NO), [(false, false)].into());
        assert_eq!(mirrored([true, false]), [(false, false), (true, false)].into());
        assert_eq!(mirrored([true; 2]).len(), 4);
    }

    #[test]
    fn image_and_mask_move_together() {
        let size = 64;
        let mask: Vec<f32> = (0..size * size)
            .map(|i| f32::from(u8::from((20..40).contains(&(i % size)) && i / size < 30)))
            .collect();
        let image: Vec<f32> = mask.iter().map(|v| v * 1.9 - 0.95).collect();
        let strong = Augmentation {
            rotation_degrees: 45.0,
            log_scale: 0.2,
            shift: 0.1,
            elastic: 0.03,
            ..NOTHING
        };
        for seed in 0..10 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (i, m) = augment(&image, &mask, whole(size), (&strong, [true; 2]), &mut rng);
            let inner = |k: usize| {
                (4..size - 4).contains(&(k % size)) && (4..size - 4).contains(&(k / size))
            };
            let wrong =
                (0..size * size).filter(|&k| inner(k) && (m[k] > 0.5) != (i[k] > 0.0)).count();
            assert!(wrong <= 8, "seed {seed}: mask and object differ in {wrong} pixels");
        }
    }

    #[test]
    fn the_elastic_surface_passes_through_its_grid() {
        let g = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.5]];
        for (r, v) in [-1.0, 0.0, 1.0].into_iter().enumerate() {
            for (c, u) in [-1.0, 0.0, 1.0].into_iter().enumerate() {
                assert!((cubic_surface(&g, u, v) - g[r][c]).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn blur_keeps_the_mean_and_spreads_a_point_as_a_gaussian() {
        let (size, sigma) = (33, 1.5);
        let mut point = vec![0.0; size * size];
        point[16 * size + 16] = 1.0;
        let soft = gaussian_blur(&point, size, sigma);
        assert!((soft.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let variance: f64 =
            (0..size * size).map(|i| soft[i] * ((i % size) as f64 - 16.0).powi(2)).sum();
        // A Gaussian cut off at three deviations has 1.3 % less variance.
        assert!((variance / sigma.powi(2) - 1.0).abs() < 0.03, "{variance}");
    }

    #[test]
    fn speckle_grows_with_brightness() {
        let size = 64;
        let image: Vec<f32> =
            (0..size * size).map(|i| if i < size * size / 2 { -0.6 } else { 0.2 }).collect();
        let mask = vec![0.0; size * size];
        let grain = Augmentation { speckle: 0.2, ..NOTHING };
        let (noisy, _) =
            augment(&image, &mask, whole(size), (&grain, NO), &mut ChaCha8Rng::seed_from_u64(5));
        let deviation = |part: &[f32]| {
            let mean = part.iter().sum::<f32>() / part.len() as f32;
            (part.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / part.len() as f32).sqrt()
        };
        let (dark, bright) = noisy.split_at(size * size / 2);
        let ratio = deviation(bright) / deviation(dark);
        // Brightness 0.6 against 0.2.
        assert!((ratio - 3.0).abs() < 0.3, "{ratio}");
    }
}
