//! The CPU twin of `shaders/ray.wgsl`: the same rays in double precision, written from the definitions.

use super::{RayPaint, SpacePaint};
use crate::volume::Volume;

/// An image and what a view asks of it.
pub struct RayScene<'a> {
    pub volume: &'a Volume,
    pub time: usize,
    pub paint: &'a RayPaint,
}

/// Colour times cover, and cover, of the ray of a pixel that ends at this depth.
pub(super) fn cast(
    scene: &RayScene<'_>,
    view: &SpacePaint,
    pixel: [f64; 2],
    pixels_per_point: f64,
    stop: f64,
) -> ([f64; 3], f64) {
    let paint = scene.paint;
    let [x, y] = pixel.map(|v| v / pixels_per_point);
    let from = paint.voxel_from_view.map(|r| r[0] * x + r[1] * y + r[3]);
    let along = paint.voxel_from_view.map(|r| if r[2].abs() < 1e-6 { 1e-6 } else { r[2] });
    let shape = scene.volume.geometry().shape();
    let (mut start, mut end) = (view.clip, stop);
    for a in 0..3 {
        let ends = [-0.5, shape[a] as f64 - 0.5].map(|v| (v - from[a]) / along[a]);
        start = start.max(ends[0].min(ends[1]));
        end = end.min(ends[0].max(ends[1]));
    }
    let mut k = (start / paint.step - 0.5).ceil();
    let (mut color, mut cover, mut most) = ([0.0; 3], 0.0, -1.0f64);
    for _ in 0..2048 {
        let depth = (k + 0.5) * paint.step;
        if depth >= end || cover > 0.99 {
            break;
        }
        let at: [f64; 3] = std::array::from_fn(|a| from[a] + along[a] * depth);
        let t = value(scene, at);
        if paint.maximum {
            most = most.max(t);
        } else {
            let (own, opacity) = entry(paint, t);
            if opacity > 0.0 {
                let alpha = (1.0 - cover) * (1.0 - (1.0 - opacity).powf(paint.step_length));
                let light = light(scene, view, at);
                for (c, own) in color.iter_mut().zip(own) {
                    *c += alpha * own * light;
                }
                cover += alpha;
            }
        }
        k += 1.0;
    }
    if paint.maximum && most >= 0.0 {
        let (own, opacity) = entry(paint, most);
        return (own.map(|c| c * opacity), opacity);
    }
    (color, cover)
}

/// Where the interpolated value lies in the table; beyond the image the nearest voxel counts.
fn value(scene: &RayScene<'_>, at: [f64; 3]) -> f64 {
    let (volume, shape) = (scene.volume, scene.volume.geometry().shape());
    let mut sum = 0.0;
    for corner in 0..8usize {
        let (mut weight, mut voxel) = (1.0, [0; 3]);
        for a in 0..3 {
            let (low, part) = (at[a].floor(), at[a] - at[a].floor());
            let high = corner >> a & 1 == 1;
            weight *= if high { part } else { 1.0 - part };
            let i = low + f64::from(u8::from(high));
            voxel[a] = i.clamp(0.0, shape[a] as f64 - 1.0) as usize;
        }
        let v = volume.value(voxel, scene.time, 0);
        // As in slices: NaN is the lowest, and nothing is so large that sums are lost.
        let v = if v.is_nan() { -1e300 } else { v.clamp(-1e300, 1e300) };
        sum += weight * v;
    }
    scene.paint.window.grey(sum)
}

fn entry(paint: &RayPaint, t: f64) -> ([f64; 3], f64) {
    let at = t * 255.0;
    let low = (at as usize).min(254);
    let part = at - low as f64;
    let [a, b] = [low, low + 1].map(|i| paint.table.0[i]);
    let mix = |a: f64, b: f64| a * (1.0 - part) + b * part;
    let color = std::array::from_fn(|c| mix(f64::from(a.0[c]), f64::from(b.0[c])) / 255.0);
    let opacity = |v: f32| f64::from(v.clamp(0.0, 1.0));
    (color, mix(opacity(a.1), opacity(b.1)))
}

fn light(scene: &RayScene<'_>, view: &SpacePaint, at: [f64; 3]) -> f64 {
    let gradient: [f64; 3] = std::array::from_fn(|a| {
        let moved = |by: f64| {
            let mut at = at;
            at[a] += by;
            value(scene, at)
        };
        moved(1.0) - moved(-1.0)
    });
    let m = scene.paint.voxel_from_world;
    let n: [f64; 3] = std::array::from_fn(|k| (0..3).map(|a| m[a][k] * gradient[a]).sum());
    let length = |v: [f64; 3]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let facing = (0..3).map(|k| n[k] * view.away[k]).sum::<f64>().abs() / length(n).max(1e-6);
    let weight = (length(gradient) * 8.0).min(1.0);
    1.0 - weight + weight * (0.25 + 0.75 * facing)
}
