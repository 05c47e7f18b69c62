//! The statistics of an ensemble on the screen: heat map and contours of the shader against the numbers
//! themselves, pixel by pixel.

use super::gpu::{Gpu, RGBA};
use super::{HEAT, IMAGE, LABELS, compare};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sfumato::ensemble::{Ensemble, Measure};
use sfumato::render::contour::iso_lines;
use sfumato::render::{
    Block, ColorMap, HeatStyle, Interpolation, LabelStyle, Palette, SliceMap, SlicePaint, colormap,
    twin::{self, SliceScene},
};
use sfumato::volume::{ClassKind, Geometry, Volume, Voxels, Window};
use std::sync::Arc;

/// N soft discs of a seed on a picture of this size, each a little elsewhere.
fn samples(rng: &mut ChaCha8Rng, n: usize, [w, h]: [usize; 2]) -> Vec<Vec<u8>> {
    let middle = [w as f64 * rng.random_range(0.3..0.7), h as f64 * rng.random_range(0.3..0.7)];
    let radius = w.min(h) as f64 * rng.random_range(0.15..0.35);
    (0..n)
        .map(|_| {
            let [x, y] = middle.map(|m| m + rng.random_range(-3.0..3.0));
            let r = radius + rng.random_range(-3.0..3.0);
            let soft = |i: usize| {
                let d = ((i % w) as f64 - x).hypot((i / w) as f64 - y);
                ((r - d) * 60.0 + 127.5).clamp(0.0, 255.0).round() as u8
            };
            (0..w * h).map(soft).collect()
        })
        .collect()
}

/// Whether a point lies inside closed lines: the even-odd rule.
fn inside(lines: &[Vec<[f32; 2]>], [x, y]: [f32; 2]) -> bool {
    let crossed = |p: &[[f32; 2]]| {
        let ([ax, ay], [bx, by]) = (p[0], p[1]);
        (ay > y) != (by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax)
    };
    lines.iter().flat_map(|l| l.windows(2)).filter(|p| crossed(p)).count() % 2 == 1
}

#[test]
fn gpu_equals_cpu_for_the_heat_maps_and_contours_of_twenty_ensembles() {
    let gpu = Gpu::new();
    for seed in 0..20u64 {
        let rng = &mut ChaCha8Rng::seed_from_u64(900 + seed);
        let [w, h] = [rng.random_range(24..48), rng.random_range(24..40)];
        let n = [1, 2, 3, 5, 8, 10, 25][seed as usize % 7];
        let soft = samples(rng, n, [w, h]);
        let soft: Vec<&[u8]> = soft.iter().map(Vec::as_slice).collect();
        let ensemble = Ensemble::from_soft(&soft, 1, ClassKind::Regions, w * h).expect("sound");
        let measure = Measure::ALL[seed as usize % 3];
        let map = ensemble.map(0, measure);
        let level = n.div_ceil(2);
        let mask: Vec<u8> = ensemble.at_least(0, level).into_iter().map(u8::from).collect();

        let geometry = Geometry::picture(w, h, 1).expect("valid");
        let block = Block::whole(&geometry);
        let grey = (0..w * h).map(|i| (i * 7 % 200) as u8).collect();
        let volume = Volume::new(geometry, 1, Voxels::U8(grey)).expect("valid");
        let size = [192, 128];
        let pixels_per_point = [1.0, 2.0][seed as usize % 2];
        let points = size.map(|s| f64::from(s) / f64::from(pixels_per_point));
        let red = [220, 30, 40];
        let paint = SlicePaint {
            view: seed,
            image: IMAGE,
            axis: 2,
            index: 0,
            map: SliceMap::fit(points, [w, h], [1.0; 2], false, [false; 2]),
            cut: None,
            in_space: None,
            window: Window { center: 128.0, width: 255.0 },
            invert: false,
            colors: None,
            interpolation: Interpolation::Nearest,
            background: [0; 3],
            over: None,
            heat: Some(HeatStyle {
                layer: HEAT,
                max: measure.max() as f32,
                opacity: 0.8,
                map: ColorMap::Cividis,
            }),
            labels: Some(LabelStyle {
                layer: LABELS,
                palette: Arc::new(Palette::new([(1, red)])),
                fill: 0.0,
                outline: 1.0,
                outline_opacity: 1.0,
            }),
        };
        let mut renderer = gpu.renderer(RGBA);
        renderer.set_image(IMAGE, &volume, 0).expect("fits");
        renderer.set_labels(IMAGE, LABELS, block, &mask).expect("fits");
        renderer.set_heat(IMAGE, HEAT, block, &map).expect("fits");
        let place = [(&paint, [0, 0, size[0], size[1]])];
        let drawn = gpu.draw(&mut renderer, RGBA, size, &place, pixels_per_point);

        // The twin, in double precision.
        let scene = SliceScene {
            volume: &volume,
            time: 0,
            paint: &paint,
            labels: Some((block, &mask)),
            heat: Some((block, &map)),
        };
        let [width, height] = size.map(|s| s as usize);
        let expected = twin::draw(&scene, width, height, pixels_per_point);
        compare(&format!("ensemble {seed}"), &drawn, &expected, width);

        // And the numbers: p from the samples, the scale fixed, no colour where all agree.
        let lines = iso_lines(
            &ensemble.count(0).iter().map(|&k| f32::from(k)).collect::<Vec<_>>(),
            w,
            h,
            level as f32 - 0.5,
        );
        let mut outlined = 0;
        for (i, pixel) in drawn.chunks_exact(4).enumerate() {
            let at = [i % width, i / width].map(|v| (v as f64 + 0.5) / f64::from(pixels_per_point));
            let [u, v] = paint.map.voxel_at(at).map(|v| (v + 0.5).floor());
            if !((0.0..w as f64).contains(&u) && (0.0..h as f64).contains(&v)) {
                continue;
            }
            let voxel = u as usize + w * v as usize;
            if pixel[..3] == red {
                outlined += 1;
                assert!(
                    inside(&lines, [u as f32, v as f32]),
                    "ensemble {seed}: outline at a centre outside the contour"
                );
                continue;
            }
            let k = soft.iter().filter(|s| s[voxel] >= 128).count();
            let p = k as f64 / n as f64;
            let entropy = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
            let value = match measure {
                Measure::Variance => p * (1.0 - p),
                Measure::StandardDeviation => (p * (1.0 - p)).sqrt(),
                Measure::Entropy => entropy(p) + entropy(1.0 - p),
            };
            let share = value / measure.max();
            let below = ((voxel * 7 % 200) as f64 - 128.0) / 255.0 + 0.5;
            let over = colormap::color(ColorMap::Cividis, share as f32);
            for c in 0..3 {
                let alpha = 0.8 * share;
                let color = f64::from(over[c]) / 255.0 * alpha + below * (1.0 - alpha);
                let found = f64::from(pixel[c]) / 255.0;
                assert!(
                    (found - color).abs() <= 1.01 / 255.0,
                    "ensemble {seed}, voxel {u} {v}: {found} for {color}"
                );
            }
        }
        let size = ensemble.sizes(0).iter().sum::<usize>();
        assert!(outlined > 50 && size > 0, "ensemble {seed}: {outlined} pixels of outline");
    }
}
