//! The CPU twin of `shaders/slice.wgsl`: the same picture in double precision, written from the
//! definitions and not from the shader. Tests hold the shader to it; pictures without a graphics
//! device are made with it.

use super::{
    Block, Cut, HeatStyle, Interpolation, LabelStyle, Over, Projection, SliceMap, SlicePaint,
    colormap,
};
use crate::volume::Volume;

/// A view together with the data that it shows; the data of layers run as their [`Block`] says.
pub struct SliceScene<'a> {
    pub volume: &'a Volume,
    pub time: usize,
    pub paint: &'a SlicePaint,
    pub labels: Option<(Block, &'a [u8])>,
    pub heat: Option<(Block, &'a [f32])>,
}

type Rgb = [f64; 3];

/// RGBA bytes, `[height, width]`, alpha 255. The view's points lie `pixels_per_point` apart.
pub fn draw(scene: &SliceScene<'_>, width: usize, height: usize, pixels_per_point: f32) -> Vec<u8> {
    let [r, g, b] = scene.paint.background;
    let mut out = [r, g, b, u8::MAX].repeat(width * height);
    draw_over(&mut out, scene, width, pixels_per_point);
    out
}

/// Draws onto such bytes: what the view does not cover stays as it is.
pub fn draw_over(picture: &mut [u8], scene: &SliceScene<'_>, width: usize, pixels_per_point: f32) {
    let view = Twin::new(scene, pixels_per_point);
    for (i, pixel) in picture.chunks_exact_mut(4).enumerate() {
        let at = [i % width, i / width].map(|v| v as f64 + 0.5);
        let Some(layer) = view.layer(at) else { continue };
        for (p, c) in pixel.iter_mut().zip(layer.color) {
            let below = f64::from(*p) / 255.0;
            *p = ((c + below * (1.0 - layer.cover)) * 255.0).round() as u8;
        }
    }
}

/// Colour times cover, and how much of what lies beneath is covered.
pub(super) struct Layered {
    pub(super) color: Rgb,
    pub(super) cover: f64,
}

impl Layered {
    fn add(&mut self, over: [u8; 3], alpha: f64) {
        blend(&mut self.color, over, alpha);
        self.cover += (1.0 - self.cover) * alpha;
    }
}

pub(super) struct Twin<'a> {
    scene: &'a SliceScene<'a>,
    pixels_per_point: f64,
    axis: usize,
    index: usize,
    /// In-plane voxel axes and the number of voxels along them.
    plane: [usize; 2],
    extent: [i64; 2],
    heat: Option<(&'a HeatStyle, Block, &'a [f32])>,
    labels: Option<(&'a LabelStyle, Block, &'a [u8])>,
    outline: f64,
}

impl<'a> Twin<'a> {
    pub(super) fn new(scene: &'a SliceScene<'a>, pixels_per_point: f32) -> Self {
        let axis = scene.paint.axis.min(2);
        let shape = scene.volume.geometry().shape();
        let plane = SliceMap::in_plane(axis);
        let labels =
            scene.paint.labels.as_ref().zip(scene.labels).map(|(style, (b, v))| (style, b, v));
        let heat = scene.paint.heat.as_ref().zip(scene.heat).map(|(style, (b, v))| (style, b, v));
        Self {
            scene,
            pixels_per_point: f64::from(pixels_per_point),
            axis,
            index: scene.paint.index.min(shape[axis] - 1),
            plane,
            extent: plane.map(|a| shape[a] as i64),
            heat: heat.filter(|(style, ..)| {
                style.max > 0.0 && !matches!(scene.paint.over, Some(Over::Image { .. }))
            }),
            labels,
            outline: labels
                .map_or(0.0, |(style, ..)| f64::from(style.outline_pixels(pixels_per_point))),
        }
    }

    /// Continuous in-plane voxel coordinates of a place in pixels.
    fn place(&self, pixel: [f64; 2]) -> [f64; 2] {
        self.scene.paint.map.voxel_at(pixel.map(|v| v / self.pixels_per_point))
    }

    fn cell(&self, pixel: [f64; 2]) -> [i64; 2] {
        self.place(pixel).map(|v| (v + 0.5).floor() as i64)
    }

    /// `None` beyond the image.
    pub(super) fn layer(&self, pixel: [f64; 2]) -> Option<Layered> {
        let paint = self.scene.paint;
        let values = match &paint.cut {
            Some(cut) => self.through(cut, pixel),
            None => self.voxel(self.cell(pixel)).map(|_| self.image(pixel)),
        };
        let color = values?.map(|v| {
            let grey = paint.window.grey(v);
            if paint.invert { 1.0 - grey } else { grey }
        });
        let mut out = Layered { color: [0.0; 3], cover: 0.0 };
        match paint.over {
            None => {
                let seen = paint
                    .colors
                    .filter(|_| self.heat.is_none() && self.scene.volume.channels() < 3);
                let color = seen.map_or(color, |map| {
                    colormap::color(map, color[0] as f32).map(|v| f64::from(v) / 255.0)
                });
                out = Layered { color, cover: 1.0 };
            }
            Some(Over::Layers) => {}
            Some(Over::Image { opacity, .. }) if self.scene.volume.channels() >= 3 => {
                let cover = f64::from(opacity.clamp(0.0, 1.0));
                out = Layered { color: color.map(|c| c * cover), cover };
            }
            Some(Over::Image { map, opacity }) => {
                let cover = (4.0 * color[0]).min(1.0) * f64::from(opacity.clamp(0.0, 1.0));
                out.add(colormap::color(map, color[0] as f32), cover);
            }
        }
        let voxel = self.shown(pixel);
        if let Some((style, block, values)) = self.heat {
            let index = voxel.and_then(|v| in_block(block, v));
            let value = index.and_then(|i| values.get(i)).copied().unwrap_or(0.0);
            // A NaN is no more than 0 either.
            if value > 0.0 {
                let share = (f64::from(value) / f64::from(style.max)).min(1.0);
                let over = colormap::color(style.map, share as f32);
                out.add(over, share * f64::from(style.opacity.clamp(0.0, 1.0)));
            }
        }
        if let Some((style, ..)) = self.labels {
            let label = self.label(pixel);
            if label > 0 {
                let [r, g, b, a] = style.palette.0[usize::from(label)];
                let alpha = f64::from(a) / 255.0;
                out.add([r, g, b], alpha * f64::from(style.fill.clamp(0.0, 1.0)));
                if self.near_other_label(pixel, label) {
                    let opacity = f64::from(style.outline_opacity.clamp(0.0, 1.0));
                    out.add([r, g, b], alpha * opacity);
                }
            }
        }
        Some(out)
    }

    /// The voxel of an in-plane cell, if it lies in the image.
    fn voxel(&self, cell: [i64; 2]) -> Option<[usize; 3]> {
        let mut voxel = [0; 3];
        voxel[self.axis] = self.index;
        for ((&axis, &c), &n) in self.plane.iter().zip(&cell).zip(&self.extent) {
            voxel[axis] = usize::try_from(c).ok().filter(|_| c < n)?;
        }
        Some(voxel)
    }

    /// Rescaled value of each channel (NaN as the lowest) at the in-plane cell nearest to `cell` in the image.
    fn sample(&self, cell: [i64; 2]) -> Rgb {
        let inside = [0, 1].map(|a| cell[a].clamp(0, self.extent[a] - 1));
        self.values(self.voxel(inside).unwrap_or_default())
    }

    fn values(&self, voxel: [usize; 3]) -> Rgb {
        let volume = self.scene.volume;
        let last = volume.channels() - 1;
        // Far enough to be black or white in any window, and finite, so that weights of 0 stay 0.
        let far = 1e300;
        [0, 1, 2].map(|channel| {
            let v = volume.value(voxel, self.scene.time, channel.min(last));
            if v.is_nan() { -far } else { v.clamp(-far, far) }
        })
    }

    /// The voxel that a pixel shows, if it lies in the image.
    fn shown(&self, pixel: [f64; 2]) -> Option<[usize; 3]> {
        match &self.scene.paint.cut {
            Some(cut) => self.inside(self.point(cut, pixel)),
            None => self.voxel(self.cell(pixel)),
        }
    }

    /// Continuous voxel coordinates of a pixel of a cut.
    fn point(&self, cut: &Cut, pixel: [f64; 2]) -> [f64; 3] {
        let [x, y] = pixel.map(|v| v / self.pixels_per_point);
        cut.voxel_from_point.map(|r| r[0] * x + r[1] * y + r[2])
    }

    fn inside(&self, place: [f64; 3]) -> Option<[usize; 3]> {
        let shape = self.scene.volume.geometry().shape();
        let mut out = [0; 3];
        for ((slot, v), n) in out.iter_mut().zip(place).zip(shape) {
            let v = (v + 0.5).floor();
            *slot = (0.0..n as f64).contains(&v).then_some(v as usize)?;
        }
        Some(out)
    }

    /// Values of the voxel nearest to a place, taken into the image.
    fn nearest(&self, place: [f64; 3]) -> Rgb {
        let shape = self.scene.volume.geometry().shape();
        self.values(std::array::from_fn(|a| {
            (place[a] + 0.5).floor().clamp(0.0, shape[a] as f64 - 1.0) as usize
        }))
    }

    /// A thick or slanted slice; `None` where no sample of it lies in the image.
    fn through(&self, cut: &Cut, pixel: [f64; 2]) -> Option<Rgb> {
        let n = cut.samples();
        let samples: Vec<Rgb> = (0..n)
            .filter_map(|k| {
                let by = f64::from(k) - 0.5 * f64::from(n - 1);
                let shifted = |at: [f64; 3]| std::array::from_fn(|a| at[a] + by * cut.step[a]);
                self.inside(shifted(self.point(cut, pixel)))?;
                let taps = self.scene.paint.taps(self.pixels_per_point);
                let mut sum = [0.0; 3];
                let mut add = |weight: f64, values: Rgb| {
                    for (s, v) in sum.iter_mut().zip(values) {
                        *s += weight * v;
                    }
                };
                let place: [f64; 3] = shifted(self.point(cut, pixel));
                if taps > 1 {
                    let t = f64::from(taps);
                    let offset = |i: i32| (f64::from(i) + 0.5) / t - 0.5;
                    for (i, j) in (0..taps * taps).map(|k| (k % taps, k / taps)) {
                        let at = [pixel[0] + offset(i), pixel[1] + offset(j)];
                        add(1.0 / (t * t), self.nearest(shifted(self.point(cut, at))));
                    }
                } else if self.scene.paint.interpolation == Interpolation::Nearest {
                    add(1.0, self.nearest(place));
                } else {
                    for corner in 0..8usize {
                        let up = |a: usize| corner >> a & 1 == 1;
                        let weight: f64 = (0..3)
                            .map(|a| {
                                let f = place[a] - place[a].floor();
                                if up(a) { f } else { 1.0 - f }
                            })
                            .product();
                        let at = std::array::from_fn(|a| {
                            place[a].floor() + if up(a) { 1.0 } else { 0.0 }
                        });
                        add(weight, self.nearest(at));
                    }
                }
                Some(sum)
            })
            .collect();
        let count = samples.len() as f64;
        samples
            .into_iter()
            .reduce(|a, b| {
                std::array::from_fn(|c| match cut.projection {
                    Projection::Mean => a[c] + b[c],
                    Projection::Maximum => a[c].max(b[c]),
                    Projection::Minimum => a[c].min(b[c]),
                })
            })
            .map(|sum| match cut.projection {
                Projection::Mean => sum.map(|v| v / count),
                _ => sum,
            })
    }

    fn image(&self, pixel: [f64; 2]) -> Rgb {
        let taps = self.scene.paint.taps(self.pixels_per_point);
        // Weighted cells of the image, whose weights add up to 1.
        let mut samples = Vec::with_capacity(16);
        if taps > 1 {
            let n = f64::from(taps);
            let offset = |i: i32| (f64::from(i) + 0.5) / n - 0.5;
            for (i, j) in (0..taps * taps).map(|k| (k % taps, k / taps)) {
                let cell = self.cell([pixel[0] + offset(i), pixel[1] + offset(j)]);
                samples.push((1.0 / (n * n), cell));
            }
        } else if self.scene.paint.interpolation == Interpolation::Nearest {
            samples.push((1.0, self.cell(pixel)));
        } else {
            let [u, v] = self.place(pixel);
            let (fu, fv) = (u - u.floor(), v - v.floor());
            for (du, wu) in [(0, 1.0 - fu), (1, fu)] {
                for (dv, wv) in [(0, 1.0 - fv), (1, fv)] {
                    samples.push((wu * wv, [u.floor() as i64 + du, v.floor() as i64 + dv]));
                }
            }
        }
        let mut sum = [0.0; 3];
        for (weight, cell) in samples {
            for (s, v) in sum.iter_mut().zip(self.sample(cell)) {
                *s += weight * v;
            }
        }
        sum
    }

    fn label(&self, pixel: [f64; 2]) -> u8 {
        let Some((_, block, labels)) = self.labels else { return 0 };
        self.shown(pixel)
            .and_then(|voxel| in_block(block, voxel))
            .and_then(|i| labels.get(i).copied())
            .unwrap_or(0)
    }

    /// Whether one of eight places at the outline's width has another label.
    fn near_other_label(&self, pixel: [f64; 2], label: u8) -> bool {
        self.outline > 0.0
            && (0..8).any(|k| {
                let (sin, cos) = (f64::from(k) * std::f64::consts::FRAC_PI_4).sin_cos();
                let at = [pixel[0] + self.outline * cos, pixel[1] + self.outline * sin];
                self.label(at) != label
            })
    }
}

fn blend(color: &mut Rgb, over: [u8; 3], alpha: f64) {
    for (c, o) in color.iter_mut().zip(over) {
        *c += (f64::from(o) / 255.0 - *c) * alpha;
    }
}

/// Index of a voxel in the values of a block.
fn in_block(block: Block, voxel: [usize; 3]) -> Option<usize> {
    let mut local = [0; 3];
    for a in 0..3 {
        local[a] = voxel[a].checked_sub(block.origin[a]).filter(|&i| i < block.shape[a])?;
    }
    Some(local[0] + block.shape[0] * (local[1] + block.shape[1] * local[2]))
}
