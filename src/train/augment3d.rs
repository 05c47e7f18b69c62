//! Seeded augmentation of volumes: mirror, rotation, zoom, shift and elastic deformation (a 3x3x3
//! grid, Catmull-Rom between) in one resampling, then gamma, gain, a smooth bias field and grain.

use super::Augmentation;
use super::augment::{cubic, symmetric};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// A volume `[channels, ..size]` (-1…1; depth, height, width) and the class of each voxel, 0 none.
pub(super) struct Example<'a> {
    pub(super) image: &'a [f32],
    pub(super) label: &'a [u8],
    pub(super) size: [usize; 3],
}

/// What may change.
#[derive(Clone, Copy)]
pub(super) struct Changes<'a> {
    pub(super) settings: &'a Augmentation,
    /// Mirrored along the columns, and along the rows, half of the time.
    pub(super) flips: [bool; 2],
    /// Standard deviation of the bias field's logarithm.
    pub(super) bias_field: f64,
}

/// A warped piece of `patch` voxels, from a random place where the volume is larger: its image, and
/// the class of each voxel. Outside the volume its edge goes on, without a class.
pub(super) fn augment(
    example: &Example<'_>,
    patch: [usize; 3],
    changes: Changes<'_>,
    rng: &mut ChaCha8Rng,
) -> (Vec<f32>, Vec<u8>) {
    let Changes { settings, flips, bias_field } = changes;
    let Example { image, label, size } = *example;
    let warp = Warp::draw(size, patch, settings, flips, rng);
    let bias = grid(bias_field, rng);
    let gamma = symmetric(rng, settings.log_gamma).exp();
    let grain = settings.speckle * rng.random::<f64>();
    let voxels: usize = size.iter().product();
    let channels = image.len() / voxels;
    let gains: Vec<f64> = (0..channels).map(|_| 1.0 + symmetric(rng, settings.gain)).collect();
    let count = patch.iter().product();
    let (mut warped, mut classes) = (vec![0.0; channels * count], vec![0; count]);
    let splines = patch.map(splines);
    for i in 0..count {
        let at = [i / (patch[1] * patch[2]), i / patch[2] % patch[1], i % patch[2]];
        let weights: [&[f64; 3]; 3] = std::array::from_fn(|a| &splines[a][at[a]]);
        let source = warp.source(at, weights);
        let (low, part) = corner(source, size);
        let field = if bias_field > 0.0 { surface(&bias, weights).exp() } else { 1.0 };
        for (c, gain) in gains.iter().enumerate() {
            let v = trilinear(&image[c * voxels..], size, low, part);
            let unit = ((v + 1.0) * 0.5).clamp(1e-3, 1.0).powf(gamma) * gain * field;
            let noise =
                if grain > 0.0 { grain * rng.sample::<f64, _>(StandardNormal) } else { 0.0 };
            warped[c * count + i] = ((unit * (1.0 + noise)).clamp(0.0, 1.0) * 2.0 - 1.0) as f32;
        }
        let nearest = source.map(|s| s.round());
        if (0..3).all(|a| nearest[a] >= 0.0 && nearest[a] < size[a] as f64) {
            let [z, y, x] = nearest.map(|s| s as usize);
            classes[i] = label[(z * size[1] + y) * size[2] + x];
        }
    }
    (warped, classes)
}

/// The voxel below a place, and the rest; both within the volume.
fn corner(source: [f64; 3], size: [usize; 3]) -> ([usize; 3], [f64; 3]) {
    let inside: [f64; 3] = std::array::from_fn(|a| source[a].clamp(0.0, (size[a] - 1) as f64));
    (inside.map(|s| s as usize), inside.map(f64::fract))
}

fn trilinear(image: &[f32], size: [usize; 3], low: [usize; 3], part: [f64; 3]) -> f64 {
    let high: [usize; 3] = std::array::from_fn(|a| (low[a] + 1).min(size[a] - 1));
    let row = |z: usize, y: usize| {
        let row = &image[(z * size[1] + y) * size[2]..];
        let (a, b) = (f64::from(row[low[2]]), f64::from(row[high[2]]));
        a + (b - a) * part[2]
    };
    let slice = |z: usize| {
        let (a, b) = (row(z, low[1]), row(z, high[1]));
        a + (b - a) * part[1]
    };
    let (a, b) = (slice(low[0]), slice(high[0]));
    a + (b - a) * part[0]
}

/// Values at -1, 0 and 1 along each axis.
type Grid = [[[f64; 3]; 3]; 3];

fn grid(deviation: f64, rng: &mut ChaCha8Rng) -> Grid {
    let mut value = || rng.sample::<f64, _>(StandardNormal) * deviation;
    [(); 3].map(|()| [(); 3].map(|()| [(); 3].map(|()| value())))
}

/// How much each of three grid values counts at each of `n` voxels.
fn splines(n: usize) -> Vec<[f64; 3]> {
    let at = |i: usize| {
        let u = (2.0 * i as f64 + 1.0) / n as f64 - 1.0;
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|p| cubic(&p, u))
    };
    (0..n).map(at).collect()
}

/// A grid's value where its splines count so much.
fn surface(grid: &Grid, [wz, wy, wx]: [&[f64; 3]; 3]) -> f64 {
    let mut sum = 0.0;
    for (plane, wz) in grid.iter().zip(wz) {
        for (row, wy) in plane.iter().zip(wy) {
            let along: f64 = row.iter().zip(wx).map(|(v, w)| v * w).sum();
            sum += wz * wy * along;
        }
    }
    sum
}

/// From voxels of the patch to places in the volume.
struct Warp {
    matrix: [[f64; 3]; 3],
    /// Middle of the patch, and where it lies in the volume.
    middle: [f64; 3],
    place: [f64; 3],
    /// Displacements along each axis, voxels.
    elastic: [Grid; 3],
}

impl Warp {
    fn draw(
        size: [usize; 3],
        patch: [usize; 3],
        settings: &Augmentation,
        flips: [bool; 2],
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let [a, b, c] = [(); 3].map(|()| symmetric(rng, settings.rotation_degrees.to_radians()));
        let zoom = symmetric(rng, settings.log_scale).exp();
        let [across, down] = flips.map(|may| if may && rng.random() { -1.0 } else { 1.0 });
        // Turns about the width, the height and the depth, one after another.
        let about = |first: usize, second: usize, angle: f64| {
            let (sin, cos) = angle.sin_cos();
            let mut m = [[0.0; 3]; 3];
            for (i, row) in m.iter_mut().enumerate() {
                row[i] = 1.0;
            }
            (m[first][first], m[first][second]) = (cos, -sin);
            (m[second][first], m[second][second]) = (sin, cos);
            m
        };
        let turned = product(&product(&about(0, 1, a), &about(0, 2, b)), &about(1, 2, c));
        let mirror = [1.0, down, across];
        let matrix =
            std::array::from_fn(|i| std::array::from_fn(|j| turned[i][j] * mirror[j] / zoom));
        let middle = patch.map(|n| (n as f64 - 1.0) * 0.5);
        let place = std::array::from_fn(|i| {
            let room = size[i].saturating_sub(patch[i]) as f64 * 0.5;
            let shift = settings.shift * patch[i] as f64;
            (size[i] as f64 - 1.0) * 0.5 + symmetric(rng, room + shift)
        });
        let elastic = patch.map(|n| grid(settings.elastic * n as f64, rng));
        Self { matrix, middle, place, elastic }
    }

    fn source(&self, at: [usize; 3], weights: [&[f64; 3]; 3]) -> [f64; 3] {
        let off: [f64; 3] = std::array::from_fn(|a| at[a] as f64 - self.middle[a]);
        std::array::from_fn(|i| {
            let m = self.matrix[i];
            let turned = m[0] * off[0] + m[1] * off[1] + m[2] * off[2];
            self.place[i] + turned + surface(&self.elastic[i], weights)
        })
    }
}

fn product(a: &[[f64; 3]; 3], b: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
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

    fn run(
        (image, label): (&[f32], &[u8]),
        size: [usize; 3],
        patch: [usize; 3],
        changes: Changes<'_>,
        seed: u64,
    ) -> (Vec<f32>, Vec<u8>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        augment(&Example { image, label, size }, patch, changes, &mut rng)
    }

    #[test]
    fn no_change_is_the_identity_and_a_larger_patch_goes_on_at_the_edge() {
        let size = [4, 5, 6];
        let image: Vec<f32> = (0..120).map(|i| i as f32 / 60.0 - 0.99).collect();
        let label: Vec<u8> = (0..120).map(|i| (i % 3) as u8).collect();
        let none = Changes { settings: &NOTHING, flips: [false; 2], bias_field: 0.0 };
        let (i, l) = run((&image, &label), size, size, none, 1);
        assert_eq!(l, label);
        assert!(i.iter().zip(&image).all(|(a, b)| (a - b).abs() < 2e-3));
        let (i, l) = run((&image, &label), size, [6, 5, 6], none, 1);
        assert!(l[..30].iter().all(|&v| v == 0) && l[30..150] == label);
        assert!(i[..30].iter().zip(&image[..30]).all(|(a, b)| (a - b).abs() < 2e-3));
    }

    #[test]
    fn mirroring_is_along_the_columns_only_where_the_contract_allows_no_more() {
        let image: Vec<f32> = (0..64).map(|i| i as f32 / 40.0 - 0.8).collect();
        let label = vec![0; 64];
        let seen = |flips: [bool; 2]| {
            let changes = Changes { settings: &NOTHING, flips, bias_field: 0.0 };
            let order = |seed| {
                let (i, _) = run((&image, &label), [4; 3], [4; 3], changes, seed);
                (i[0] > i[3], i[0] > i[12], i[0] > i[48])
            };
            (0..40).map(order).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(seen([false; 2]), [(false, false, false)].into());
        assert_eq!(seen([true, false]), [(false, false, false), (true, false, false)].into());
        assert_eq!(seen([true; 2]).len(), 4);
    }

    #[test]
    fn image_and_classes_move_together_and_seeds_repeat() {
        let size = [20, 24, 28];
        let inside = |i: usize| {
            let at = [i / 672, i / 28 % 24, i % 28];
            (5..14).contains(&at[0]) && (6..18).contains(&at[1]) && (8..20).contains(&at[2])
        };
        let label: Vec<u8> = (0..13440).map(|i| u8::from(inside(i))).collect();
        let image: Vec<f32> = label.iter().map(|&l| f32::from(l) * 1.8 - 0.9).collect();
        let settings = Augmentation {
            rotation_degrees: 20.0,
            log_scale: 0.15,
            shift: 0.05,
            elastic: 0.02,
            ..NOTHING
        };
        let changes = Changes { settings: &settings, flips: [true, false], bias_field: 0.1 };
        let mut pieces = Vec::new();
        for seed in 0..5 {
            let (i, l) = run((&image, &label), size, [16, 24, 24], changes, seed);
            let wrong = i.iter().zip(&l).filter(|&(&v, &l)| (v > 0.0) != (l == 1)).count();
            assert!(wrong < i.len() / 50, "seed {seed}: {wrong}");
            assert_eq!(run((&image, &label), size, [16, 24, 24], changes, seed), (i.clone(), l));
            pieces.push(i);
        }
        assert!(pieces.windows(2).all(|w| w[0] != w[1]));
    }
}
