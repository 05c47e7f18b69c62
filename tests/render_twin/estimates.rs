//! Labels that the device makes of a run's estimates, against their twin on the CPU and the window's own way.

use super::gpu::{Gpu, RGBA};
use super::{IMAGE, LABELS, wgpu};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sfumato::app::mean_preview;
use sfumato::inference::{Placement, Preview, Values};
use sfumato::render::{
    Block, Estimate, Estimates, Interpolation, LabelStyle, LayerId, Palette, RenderError, SliceMap,
    SlicePaint, estimates_twin,
};
use sfumato::volume::{Class, Geometry, Roi, Volume, Voxels, Window};
use std::sync::Arc;

const TWIN: LayerId = LayerId(9);

/// Soft discs, one in the other, -1…1, and some noise, as a network leaves them.
fn discs(rng: &mut ChaCha8Rng, [w, h]: [usize; 2], classes: usize) -> Vec<f32> {
    let middle = [w, h].map(|n| n as f64 * rng.random_range(0.35..0.65));
    let mut out = Vec::new();
    for class in 0..classes {
        let radius = w.min(h) as f64 * (0.4 - 0.12 * class as f64);
        for i in 0..w * h {
            let d = ((i % w) as f64 - middle[0]).hypot((i / w) as f64 - middle[1]);
            let noise = rng.random_range(-0.3..0.3);
            out.push((0.5 * (radius - d) + noise).clamp(-1.0, 1.0) as f32);
        }
    }
    out
}

fn buffer(gpu: &Gpu, values: &[f32]) -> wgpu::Buffer {
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 4 * values.len() as u64,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(values));
    buffer
}

/// First value and steps of a canvas that lies turned and flipped.
fn laid([w, h]: [usize; 2], turned: bool, flips: [bool; 2]) -> (usize, [isize; 2]) {
    let apart = if turned { [h, 1] } else { [1, w] };
    let first = [0, 1].map(|a| if flips[a] { ([w, h][a] - 1) * apart[a] } else { 0 });
    let steps = [0, 1].map(|a| if flips[a] { -(apart[a] as isize) } else { apart[a] as isize });
    (first[0] + first[1], steps)
}

#[test]
fn labels_of_estimates_are_those_of_the_twin_whatever_the_sizes_and_directions() {
    let gpu = Gpu::new();
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let palette = Arc::new(Palette::new([(3, [255, 0, 0]), (7, [0, 255, 0]), (9, [0, 0, 255])]));
    let mut shown = 0;
    for case in 0..24usize {
        let shape: [usize; 3] = std::array::from_fn(|_| rng.random_range(9..61));
        // A picture that is too wide for a texture in space.
        let shape = if case % 8 == 7 { [2051, 37, 2] } else { shape };
        let axis = if case % 8 == 7 { 2 } else { case % 3 };
        let [a, b] = [[1, 2], [0, 2], [0, 1]][axis];
        let corner = [a, b].map(|k| rng.random_range(0..shape[k] / 3));
        let size =
            [0, 1].map(|k| rng.random_range(shape[[a, b][k]] / 2..=shape[[a, b][k]]) - corner[k]);
        let roi = Roi { x: corner[0], y: corner[1], width: size[0], height: size[1] };
        let placement = match case % 3 {
            0 => Placement::pixelwise(roi, [1.0, 1.3], Some(1.7)),
            1 => Placement::new(roi, 17, [1.0, 0.6], None),
            _ => Placement::new(roi, 96, [1.0; 2], None),
        };
        let canvas = placement.size();
        let classes = 1 + case % 3;
        let (turned, flips) = (case & 1 == 1, [case & 2 == 2, case & 4 == 4]);
        let (first, steps) = laid(canvas, turned, flips);
        // Two batches: the first with a slice before the one that is shown, which is no round number of bytes off.
        let own = canvas.iter().product::<usize>() * classes;
        let mut batches: Vec<Vec<f32>> = Vec::new();
        let mut members = Vec::new();
        for (count, before) in [(2, 1), (1, 0)] {
            let mut values = vec![9.0; before * own];
            for _ in 0..count {
                values.extend(discs(rng, canvas, classes));
            }
            let buffer = buffer(&gpu, &values);
            for m in 0..count {
                let first = (before + m) * own + first;
                members.push(Estimate { buffer: buffer.clone(), first, steps });
                batches.push(values.clone());
            }
        }
        let labels = [3, 7, 9][..classes].to_vec();
        let estimates = Estimates { members, canvas, labels, weights: placement.weights() };
        let values: Vec<&[f32]> = batches.iter().map(Vec::as_slice).collect();
        let twin = estimates_twin::labels(&estimates, &values);
        shown += twin.iter().filter(|l| **l != 0).count();

        let geometry = Geometry::picture(shape[0], shape[1], shape[2]).expect("valid");
        let volume = Volume::new(geometry, 1, Voxels::U8(vec![40; shape.iter().product()]));
        let mut renderer = gpu.renderer(RGBA);
        renderer.set_image(IMAGE, &volume.expect("valid"), 0).expect("an image");
        let index = shape[axis] / 2;
        let slab = Block::slab(roi, axis, index);
        let whole = Block { origin: [0; 3], shape };
        let none = vec![0; shape.iter().product()];
        let (drawn, expected) = (LABELS, TWIN);
        let unknown = renderer.show_estimates((IMAGE, drawn), (slab, axis), &estimates);
        assert_eq!(unknown, Err(RenderError::UnknownLayer { id: IMAGE, layer: drawn }));
        for layer in [drawn, expected] {
            renderer.set_labels(IMAGE, layer, whole, &none).expect("a layer");
        }
        renderer.show_estimates((IMAGE, drawn), (slab, axis), &estimates).expect("labels");
        renderer.update_labels(IMAGE, expected, slab, &twin).expect("labels");
        let picture = |renderer: &mut _, layer| {
            let paint = SlicePaint {
                view: 0,
                image: IMAGE,
                axis,
                index,
                map: SliceMap::fit(
                    [128.0, 64.0],
                    [shape[a], shape[b]],
                    [1.0; 2],
                    false,
                    [false; 2],
                ),
                cut: None,
                in_space: None,
                window: Window { center: 128.0, width: 255.0 },
                invert: false,
                colors: None,
                interpolation: Interpolation::Nearest,
                background: [0; 3],
                over: None,
                heat: None,
                labels: Some(LabelStyle {
                    layer,
                    palette: palette.clone(),
                    fill: 1.0,
                    outline: 0.0,
                    outline_opacity: 1.0,
                }),
            };
            gpu.draw(renderer, RGBA, [128, 64], &[(&paint, [0, 0, 128, 64])], 1.0)
        };
        let (drawn, expected) = (picture(&mut renderer, drawn), picture(&mut renderer, expected));
        let apart = drawn.chunks(4).zip(expected.chunks(4)).filter(|(a, b)| a != b).count();
        // Where a mean is one half the order of a sum decides.
        assert!(
            apart <= 2,
            "case {case}: {apart} pixels of {shape:?} across {axis}, canvas {canvas:?}"
        );

        // What the window shows of estimates that are here, but for their 8 bits.
        let classes: Vec<Class> = (0..classes)
            .map(|c| Class { name: String::new(), label: [3, 7, 9][c], color: [255; 3] })
            .collect();
        let preview = |(member, values): (usize, &&[f32])| {
            let Estimate { first, steps: [x, y], .. } = estimates.members[member];
            let area = canvas[0] * canvas[1];
            let byte = |i: usize| {
                let (column, row) =
                    ((i % canvas[0]) as isize, (i / canvas[0] % canvas[1]) as isize);
                let at = (first + i / area * area).wrapping_add_signed(column * x + row * y);
                ((values[at] + 1.0) * 127.5).round() as u8
            };
            let values = Values::Here((0..own).map(byte).collect());
            Preview { member, width: canvas[0], height: canvas[1], classes: classes.len(), values }
        };
        let previews: Vec<Preview> = values.iter().enumerate().map(preview).collect();
        let known = mean_preview(previews.iter(), &placement, &classes);
        let apart = known.iter().zip(&twin).filter(|(a, b)| a != b).count();
        assert!(apart * 50 <= known.len(), "case {case}: {apart} of {} labels", known.len());
    }
    assert!(shown > 1000, "{shown}");
}
