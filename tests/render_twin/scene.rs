//! Volumes with labels, heat and settings of every kind, each from a seed.

use super::{HEAT, IMAGE, LABELS};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sfumato::render::{
    Block, ColorMap, Cut, HeatStyle, ImageId, Interpolation, LabelStyle, Palette, Projection,
    SliceMap, SlicePaint, SliceRenderer,
    twin::{self, SliceScene},
};
use sfumato::volume::{Geometry, OwnColors, Volume, Voxels, Window};
use std::sync::Arc;

/// A smooth ramp with a bright ball and noise, 0 to 1, so that flips and swaps cannot go unseen.
fn phantom(rng: &mut ChaCha8Rng, [nx, ny, nz]: [usize; 3]) -> Vec<f64> {
    let mut out = Vec::with_capacity(nx * ny * nz);
    for z in 0..nz {
        for y in 0..ny {
            for x in 0..nx {
                let p = [x as f64 / nx as f64, y as f64 / ny as f64, z as f64 / nz as f64];
                let d = (p[0] - 0.3).hypot(p[1] - 0.4).hypot(p[2] - 0.5);
                let ball = if d < 0.25 { 0.4 } else { 0.0 };
                out.push(
                    0.3 * p[0] + 0.15 * p[1] + 0.1 * p[2] + ball + rng.random_range(0.0..0.05),
                );
            }
        }
    }
    out
}

/// A slanted or thick slice through the middle of the volume.
fn cut(rng: &mut ChaCha8Rng, shape: [usize; 3], size: [f64; 2]) -> Cut {
    let scale = shape.iter().copied().max().unwrap_or(1) as f64 / size[0];
    let mut axis = || -> [f64; 3] { std::array::from_fn(|_| rng.random_range(-1.0..1.0)) };
    let (right, down, step) = (axis(), axis(), axis());
    let voxel_from_point = std::array::from_fn(|a| {
        let [r, d] = [right[a] * scale, down[a] * scale];
        [r, d, shape[a] as f64 / 2.0 - 0.5 * (r * size[0] + d * size[1])]
    });
    let projections = [Projection::Mean, Projection::Maximum, Projection::Minimum];
    let samples = rng.random_range(1..6);
    Cut { voxel_from_point, step, samples, projection: projections[rng.random_range(0..3)] }
}

pub(super) struct Scene {
    pub(super) volume: Volume,
    pub(super) labels: (Block, Vec<u8>),
    pub(super) heat: (Block, Vec<f32>),
    pub(super) paint: SlicePaint,
}

impl Scene {
    pub(super) fn seeded(seed: u64, size: [f64; 2]) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let shape = if seed % 7 == 6 {
            [rng.random_range(2049..2200), rng.random_range(3..40), rng.random_range(1..3)]
        } else {
            std::array::from_fn(|_| rng.random_range(5..40))
        };
        let steps = [[-1.0, 0.0, 0.0], [0.0, -0.8, 0.0], [0.0, 0.0, 2.5]];
        let affine = sfumato::volume::Affine::from_columns(steps, [0.0; 3]);
        let geometry = Geometry::new(shape, affine).expect("valid");
        let unit = phantom(rng, shape);
        let voxels = match seed % 10 {
            0 => Voxels::U8(unit.iter().map(|v| (v * 255.0) as u8).collect()),
            1 => Voxels::I8(unit.iter().map(|v| (v * 255.0 - 128.0) as i8).collect()),
            2 => Voxels::U16(unit.iter().map(|v| (v * 65535.0) as u16).collect()),
            3 => Voxels::I16(unit.iter().map(|v| (v * 3000.0 - 1024.0) as i16).collect()),
            4 => Voxels::U32(unit.iter().map(|v| (v * 1e6) as u32).collect()),
            5 => Voxels::I32(unit.iter().map(|v| (v * 1e6 - 5e5) as i32).collect()),
            6 => Voxels::F32(
                (unit.iter().enumerate())
                    .map(|(i, v)| match i % 97 {
                        3 => f32::NAN,
                        5 => f32::INFINITY,
                        7 => f32::NEG_INFINITY,
                        _ => *v as f32,
                    })
                    .collect(),
            ),
            7 => Voxels::F64(unit.iter().map(|v| 1e6 + v * 1e-3).collect()),
            8 => Voxels::Rgb8(
                unit.iter().map(|v| [0.9, 0.5, 0.2].map(|c| (v * c * 255.0) as u8)).collect(),
            ),
            _ => Voxels::Rgb16(
                unit.iter().map(|v| [0.2, 0.9, 0.6].map(|c| (v * c * 65535.0) as u16)).collect(),
            ),
        };
        let mut volume = Volume::new(geometry, 1, voxels).expect("valid");
        (volume.slope, volume.intercept) =
            [(1.0, 0.0), (0.37, -12.5), (-2.0, 100.0)][rng.random_range(0..3)];
        let (low, high) =
            volume.quantiles(0, rng.random_range(0.0..0.2), rng.random_range(0.8..1.0));
        let axis = rng.random_range(0..3);
        let [u, v] = SliceMap::in_plane(axis);
        let spacing = volume.geometry().spacing();
        let fit = SliceMap::fit(
            size,
            [shape[u], shape[v]],
            [spacing[u], spacing[v]],
            rng.random(),
            [rng.random(), rng.random()],
        );
        // From half the fitting size to eight times.
        let zoom = 0.5 * 16f64.powf(rng.random_range(0.0..1.0));
        let map = fit
            .zoomed(zoom, [rng.random_range(0.0..size[0]), rng.random_range(0.0..size[1])])
            .panned([rng.random_range(-9.0..9.0), rng.random_range(-9.0..9.0)]);
        let block = |rng: &mut ChaCha8Rng| {
            let origin = shape.map(|n| rng.random_range(0..n.div_ceil(3)));
            Block {
                origin,
                shape: [0, 1, 2].map(|a| {
                    rng.random_range((shape[a] - origin[a]).div_ceil(2)..=shape[a] - origin[a])
                }),
            }
        };
        let blob = |block: Block, i: usize| {
            let [nx, ny, _] = block.shape;
            let p = [i % nx, i / nx % ny, i / nx / ny];
            // Single voxels among the bands have corners of every kind.
            if (p[0] * 5 + p[1] * 7 + p[2] * 3).is_multiple_of(23) {
                return 2;
            }
            ((p[0] * 5 / nx + p[1] * 4 / ny) % 4) as u8
        };
        let label_block = block(rng);
        let labels = (0..label_block.len()).map(|i| blob(label_block, i)).collect();
        let heat_block = block(rng);
        let heat = (0..heat_block.len())
            .map(|i| match blob(heat_block, i) {
                0 => 0.0,
                _ if i % 53 == 9 => [f32::NAN, -0.3, f32::INFINITY][i % 3],
                _ => rng.random_range(0.0..0.3),
            })
            .collect();
        let mut palette = Palette::new([(1, [220, 30, 40]), (2, [30, 200, 60])]);
        palette.0[2][3] = 120;
        let own = OwnColors::stretched(
            "own",
            &[[40.0, 0.0, 90.0], [250.0, 120.0, 0.0], [0.0, 200.0, 200.0]],
        );
        let maps = [
            ColorMap::Cividis,
            ColorMap::Viridis,
            ColorMap::Own(own.expect("three rows")),
            ColorMap::Grey,
        ];
        let paint = SlicePaint {
            view: seed,
            image: IMAGE,
            axis,
            index: rng.random_range(0..shape[axis] + 2),
            map,
            in_space: None,
            cut: (seed % 6 >= 3).then(|| cut(rng, shape, size)),
            window: Window::from_range(low, high),
            invert: rng.random(),
            // Of values that single precision cannot tell apart (7) neighbouring colours may change places.
            colors: (!seed.is_multiple_of(3) && seed % 10 != 7).then(|| maps[seed as usize % 4]),
            interpolation: if seed.is_multiple_of(3) {
                Interpolation::Nearest
            } else {
                Interpolation::Linear
            },
            background: rng.random(),
            over: None,
            heat: (seed % 4 != 1).then(|| HeatStyle {
                layer: HEAT,
                max: 0.25,
                opacity: rng.random_range(0.2..1.0),
                map: maps[seed as usize % 3],
            }),
            labels: (seed % 5 != 2).then(|| LabelStyle {
                layer: LABELS,
                palette: Arc::new(palette),
                fill: rng.random_range(0.0..1.0),
                outline: [0.0, 0.3, 1.0, 2.4][rng.random_range(0..4)],
                outline_opacity: rng.random_range(0.3..1.0),
            }),
        };
        Self { volume, labels: (label_block, labels), heat: (heat_block, heat), paint }
    }

    pub(super) fn upload(&self, renderer: &mut SliceRenderer, id: ImageId) {
        renderer.set_image(id, &self.volume, 0).expect("fits");
        renderer.set_labels(id, LABELS, self.labels.0, &self.labels.1).expect("fits");
        renderer.set_heat(id, HEAT, self.heat.0, &self.heat.1).expect("fits");
    }

    pub(super) fn twin(&self, width: usize, height: usize, pixels_per_point: f32) -> Vec<u8> {
        twin::draw(&self.whole(), width, height, pixels_per_point)
    }

    /// Draws it onto such a picture.
    pub(super) fn twin_over(&self, picture: &mut [u8], width: usize, pixels_per_point: f32) {
        twin::draw_over(picture, &self.whole(), width, pixels_per_point);
    }

    fn whole(&self) -> SliceScene<'_> {
        SliceScene {
            volume: &self.volume,
            time: 0,
            paint: &self.paint,
            labels: Some((self.labels.0, &self.labels.1)),
            heat: Some((self.heat.0, &self.heat.1)),
        }
    }
}
