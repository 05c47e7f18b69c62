//! Small pictures as egui textures: the samples of the strip and the demo cards of the start.

use super::estimates::estimate;
use super::theme;
use crate::app::{Document, Outcome, PlaneView, Session, View};
use crate::gpu::Window as CardWindow;
use crate::render::{Estimate, Thumbnail, draw_thumbnail};
use crate::volume::{Block, Class, ClassKind, Volume, Window};
use eframe::egui;
use eframe::egui_wgpu::{RenderState, wgpu};
use egui::load::SizedTexture;
use egui::{Color32, ColorImage, TextureHandle, TextureOptions};
use std::collections::BTreeMap;

/// Height of a thumbnail in texels.
const SIDE: usize = 112;

/// What the strip shows right now; a change of it redraws all thumbnails.
#[derive(Clone, PartialEq)]
struct Key {
    generation: u64,
    result: Option<u64>,
    preview: Option<u64>,
    slice: usize,
    window: Window,
    invert: bool,
    hidden: Vec<usize>,
}

#[derive(Default)]
pub(super) struct Thumbnails {
    key: Option<Key>,
    members: BTreeMap<usize, Shown>,
    demos: Vec<TextureHandle>,
    /// Grows whenever the strip's pictures change.
    pub(super) version: u64,
}

/// One picture: made here, or on the card where its estimate lies.
enum Shown {
    Here(TextureHandle),
    There(wgpu::Texture, egui::TextureId),
}

impl Shown {
    fn free(&self, rs: &RenderState) {
        if let Self::There(_, id) = self {
            rs.renderer.write().free_texture(id);
        }
    }
}

/// Soft masks of one slice of a block: `[classes, height, width]`.
struct Soft<'a> {
    width: usize,
    height: usize,
    channel: usize,
    values: &'a [u8],
    offset: usize,
    /// Where the picture's region lies in the mask: left, top, width, height as fractions.
    region: [f64; 4],
}

impl Thumbnails {
    pub(super) fn member(&self, member: usize) -> Option<SizedTexture> {
        Some(match self.members.get(&member)? {
            Shown::Here(handle) => SizedTexture::from_handle(handle),
            Shown::There(texture, id) => {
                let size = [texture.width(), texture.height()].map(|n| n as f32);
                SizedTexture { id: *id, size: size.into() }
            }
        })
    }

    pub(super) fn demo(&self, index: usize) -> Option<&TextureHandle> {
        self.demos.get(index)
    }

    /// Redraws what is out of date.
    pub(super) fn sync(
        &mut self,
        (ctx, rs, card): (&egui::Context, &RenderState, &CardWindow),
        session: &Session,
    ) {
        let Some(document) = session.document() else {
            self.key = None;
            self.keep(rs, |_| false);
            self.sync_demos(ctx, session);
            return;
        };
        let run = session.live_run();
        let previews = run.filter(|r| r.preview_version > 0);
        let result = session.results().chosen();
        let View { window, invert, voxel, .. } = document.view;
        let key = Key {
            generation: document.generation,
            result: result.map(|r| r.id),
            preview: previews.map(|r| r.preview_version),
            slice: voxel[2],
            window,
            invert,
            hidden: document.overlays.hidden_classes.clone(),
        };
        if self.key.as_ref() == Some(&key) {
            return;
        }
        self.key = Some(key);
        self.version += 1;
        if let Some(run) = previews {
            self.keep(rs, |m| run.previews.contains_key(m));
            let mut base: BTreeMap<usize, Base> = BTreeMap::new();
            for (&member, live) in &run.previews {
                let part = Block::slab(live.placement.roi(), live.axis, live.slice);
                let plane = PlaneView::across(document.volume.geometry(), live.axis);
                let base = base
                    .entry(live.slice)
                    .or_insert_with(|| Base::new(document, &part, live.axis, run.time));
                let p = &live.preview;
                if let Some(estimate) = estimate(card, p) {
                    let of = (live.placement.size(), live.placement.region());
                    let seen = (run.card.classes.as_slice(), run.card.kind);
                    let thumbnail = base.with_estimate(estimate, of, seen, plane);
                    self.put_there(rs, member, &thumbnail);
                    continue;
                }
                let soft = Soft {
                    width: p.width,
                    height: p.height,
                    channel: p.width * p.height,
                    values: p.here().unwrap_or_default(),
                    offset: 0,
                    region: live.placement.region(),
                };
                let image = base.with_mask(&soft, &run.card.classes, run.card.kind, &[]);
                self.put((ctx, rs), member, turned(&image, plane));
            }
        } else if let Some(outcome) = result.and_then(|r| r.outcome()).filter(|_| run.is_none()) {
            self.sync_result((ctx, rs), document, outcome);
        } else {
            self.keep(rs, |_| false);
        }
    }

    /// Lets go of the others.
    fn keep(&mut self, rs: &RenderState, wanted: impl Fn(&usize) -> bool) {
        self.members.retain(|member, shown| {
            let kept = wanted(member);
            if !kept {
                shown.free(rs);
            }
            kept
        });
    }

    fn sync_result(
        &mut self,
        (ctx, rs): (&egui::Context, &RenderState),
        document: &Document,
        outcome: &Outcome,
    ) {
        let z = document.view.voxel[2].clamp(outcome.slices.start, outcome.slices.end.max(1) - 1);
        let base = Base::new(document, &Block::slab(outcome.roi, 2, z), 2, outcome.time);
        let plane = PlaneView::across(document.volume.geometry(), 2);
        let [width, height, depth] = outcome.block_shape();
        self.keep(rs, |m| *m < outcome.members.len());
        for (i, member) in outcome.members.iter().enumerate() {
            let soft = Soft {
                width,
                height,
                channel: width * height * depth,
                values: &member.soft,
                offset: (z - outcome.slices.start) * width * height,
                region: [0.0, 0.0, 1.0, 1.0],
            };
            let image = base.with_mask(
                &soft,
                &outcome.model.classes,
                outcome.model.kind,
                &document.overlays.hidden_classes,
            );
            self.put((ctx, rs), i, turned(&image, plane));
        }
    }

    fn put(&mut self, (ctx, rs): (&egui::Context, &RenderState), member: usize, image: ColorImage) {
        if let Some(Shown::Here(handle)) = self.members.get_mut(&member) {
            handle.set(image, TextureOptions::LINEAR);
            return;
        }
        let name = format!("sample {member}");
        let handle = ctx.load_texture(name, image, TextureOptions::LINEAR);
        if let Some(before) = self.members.insert(member, Shown::Here(handle)) {
            before.free(rs);
        }
    }

    fn put_there(&mut self, rs: &RenderState, member: usize, thumbnail: &Thumbnail) {
        let before = match self.members.get(&member) {
            Some(Shown::There(texture, _)) => Some(texture.clone()),
            _ => None,
        };
        let texture = match draw_thumbnail(rs, thumbnail, before.clone()) {
            Ok(texture) => texture,
            Err(error) => {
                tracing::warn!("a sample is not shown: {error}");
                return;
            }
        };
        if before.as_ref() == Some(&texture) {
            return;
        }
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let linear = wgpu::FilterMode::Linear;
        let id = rs.renderer.write().register_native_texture(&rs.device, &view, linear);
        if let Some(before) = self.members.insert(member, Shown::There(texture, id)) {
            before.free(rs);
        }
    }

    fn sync_demos(&mut self, ctx: &egui::Context, session: &Session) {
        let pictures = session.shell().demo_pictures();
        if self.demos.len() != pictures.len() {
            self.demos = pictures
                .iter()
                .map(|p| {
                    let image = ColorImage::from_rgb([p.width, p.height], &p.rgb);
                    ctx.load_texture("demo", image, TextureOptions::LINEAR)
                })
                .collect();
        }
    }
}

/// A picture of stored columns and rows as the view shows them: left and right, front and back are
/// the same in both.
fn turned(image: &ColorImage, plane: PlaneView) -> ColorImage {
    let [width, height] = image.size;
    let rows_run_right = plane.right > plane.down;
    let [columns, rows] = if rows_run_right { [height, width] } else { [width, height] };
    let mut pixels = Vec::with_capacity(width * height);
    for r in 0..rows {
        let r = if plane.flip_down { rows - 1 - r } else { r };
        for c in 0..columns {
            let c = if plane.flip_right { columns - 1 - c } else { c };
            let (x, y) = if rows_run_right { (r, c) } else { (c, r) };
            pixels.push(image.pixels[x + width * y]);
        }
    }
    ColorImage::new([columns, rows], pixels)
}

/// Opacity of a class where it is certain.
fn strength(kind: ClassKind) -> f32 {
    if kind == ClassKind::Regions { 0.45 } else { 0.5 }
}

/// The image under a thumbnail's mask.
struct Base {
    width: usize,
    pixels: Vec<Color32>,
}

impl Base {
    /// Of one slice across `axis`; columns run along the lower of the other two axes.
    fn new(document: &Document, part: &Block, axis: usize, time: usize) -> Self {
        let volume: &Volume = &document.volume;
        let [a, b] = [[1, 2], [0, 2], [0, 1]][axis.min(2)];
        let spacing = volume.geometry().spacing();
        let [columns, rows] = [part.shape[a], part.shape[b]];
        let aspect = columns as f64 * spacing[a] / (rows.max(1) as f64 * spacing[b]);
        let width = ((SIDE as f64 * aspect.clamp(0.5, 2.0)).round() as usize).max(1);
        let shape = volume.geometry().shape();
        let View { window, invert, .. } = document.view;
        let mut pixels = Vec::with_capacity(width * SIDE);
        for j in 0..SIDE {
            for i in 0..width {
                let mut voxel = part.origin;
                voxel[a] += i * columns / width;
                voxel[b] += j * rows / SIDE;
                let voxel = std::array::from_fn(|k| voxel[k].min(shape[k] - 1));
                let grey = |c: usize| {
                    let g = window.grey(volume.value(voxel, time, c));
                    let g = if g.is_nan() { 0.0 } else { g };
                    let g = if invert { 1.0 - g } else { g };
                    (g * 255.0).round() as u8
                };
                pixels.push(if volume.channels() == 3 {
                    Color32::from_rgb(grey(0), grey(1), grey(2))
                } else {
                    Color32::from_gray(grey(0))
                });
            }
        }
        Self { width, pixels }
    }

    /// Where each column and each row lies on a mask of this size, of which the picture shows a region.
    fn places(&self, size: [usize; 2], [left, top, width, height]: [f64; 4]) -> [Vec<usize>; 2] {
        let along = |n: usize, start: f64, part: f64, texels: usize| {
            let at = |i: usize| {
                let t = start + part * (i as f64 + 0.5) / n as f64;
                ((t * texels as f64).max(0.0) as usize).min(texels.saturating_sub(1))
            };
            (0..n).map(at).collect()
        };
        [along(self.width, left, width, size[0]), along(SIDE, top, height, size[1])]
    }

    /// The same as [`Self::with_mask`] and [`turned`] of an estimate on the card: what is to be drawn there.
    fn with_estimate(
        &self,
        estimate: Estimate,
        (canvas, region): ([usize; 2], [f64; 4]),
        (classes, kind): (&[Class], ClassKind),
        plane: PlaneView,
    ) -> Thumbnail {
        Thumbnail {
            estimate,
            canvas,
            size: [self.width, SIDE],
            base: self.pixels.iter().map(|p| [p.r(), p.g(), p.b()]).collect(),
            colors: classes.iter().map(|c| Some(c.color)).collect(),
            strength: strength(kind),
            places: self.places(canvas, region),
            turned: [plane.right > plane.down, plane.flip_right, plane.flip_down],
        }
    }

    /// Soft masks in the classes' colours, with their half level drawn as a line.
    fn with_mask(
        &self,
        soft: &Soft<'_>,
        classes: &[Class],
        kind: ClassKind,
        hidden: &[usize],
    ) -> ColorImage {
        let mut pixels = self.pixels.clone();
        let [columns, rows] = self.places([soft.width, soft.height], soft.region);
        let at = |class: usize, i: usize, j: usize| -> u8 {
            let (x, y) = (columns[i], rows[j]);
            let index = class * soft.channel + soft.offset + x + soft.width * y;
            soft.values.get(index).copied().unwrap_or(0)
        };
        for (c, class) in classes.iter().enumerate().filter(|(c, _)| !hidden.contains(c)) {
            let color = theme::rgb(class.color);
            let strength = strength(kind);
            for j in 0..SIDE {
                for i in 0..self.width {
                    let q = at(c, i, j);
                    let inside = q >= 128;
                    let edge = inside != (at(c, (i + 1).min(self.width - 1), j) >= 128)
                        || inside != (at(c, i, (j + 1).min(SIDE - 1)) >= 128);
                    let alpha = if edge { 1.0 } else { f32::from(q) / 255.0 * strength };
                    if alpha > 0.02 {
                        let p = &mut pixels[i + self.width * j];
                        *p = theme::mix(*p, color, alpha);
                    }
                }
            }
        }
        ColorImage::new([self.width, SIDE], pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{Affine, Geometry};

    #[test]
    fn nav_5_a_thumbnail_lies_as_the_view_does_in_every_orientation() {
        let (width, height) = (3, 2);
        let pixels = (0..6u8).map(|i| Color32::from_gray(10 * i)).collect();
        let stored = ColorImage::new([width, height], pixels);
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for flips in 0..8usize {
                let mut steps = [[0.0; 3]; 3];
                for (axis, &world) in order.iter().enumerate() {
                    steps[axis][world] = if flips >> axis & 1 == 1 { 1.5 } else { -2.0 };
                }
                let affine = Affine::from_columns(steps, [3.0, -4.0, 5.0]);
                let geometry = Geometry::new([width, height, 4], affine).unwrap();
                let plane = PlaneView::across(&geometry, 2);
                let picture = turned(&stored, plane);
                assert_eq!(picture.size, plane.size(&geometry));
                for (i, pixel) in picture.pixels.iter().enumerate() {
                    let (c, r) = (i % picture.size[0], i / picture.size[0]);
                    let at = [c as f64 + 0.5, r as f64 + 0.5];
                    let [x, y, _] = plane.voxel(&geometry, 0, at).unwrap();
                    assert_eq!(*pixel, stored.pixels[x + width * y], "{}", geometry.orientation());
                }
            }
        }
    }

    /// A device without a window.
    fn device() -> (wgpu::Device, wgpu::Queue) {
        fn wait<T>(future: impl Future<Output = T>) -> T {
            let mut future = std::pin::pin!(future);
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            loop {
                if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
                    return value;
                }
                std::thread::yield_now();
            }
        }
        let instance = wgpu::Instance::default();
        let adapter = |force_fallback_adapter| {
            let options =
                wgpu::RequestAdapterOptions { force_fallback_adapter, ..Default::default() };
            wait(instance.request_adapter(&options))
        };
        let adapter = adapter(true).or_else(|_| adapter(false)).expect("install software Vulkan");
        wait(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap()
    }

    /// What a texture holds.
    fn read(device: &wgpu::Device, queue: &wgpu::Queue, texture: &wgpu::Texture) -> Vec<Color32> {
        let (width, height) = (texture.width(), texture.height());
        let pitch = (4 * width).next_multiple_of(256);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: u64::from(pitch * height),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let layout = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(pitch),
            rows_per_image: None,
        };
        let to = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
        let mut encoder = device.create_command_encoder(&Default::default());
        encoder.copy_texture_to_buffer(texture.as_image_copy(), to, texture.size());
        queue.submit([encoder.finish()]);
        buffer.slice(..).map_async(wgpu::MapMode::Read, |result| result.unwrap());
        device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        let bytes = buffer.slice(..).get_mapped_range().unwrap().to_vec();
        let row = |row: &[u8]| -> Vec<Color32> {
            let row = row[..4 * width as usize].chunks(4);
            row.map(|p| Color32::from_rgb(p[0], p[1], p[2])).collect()
        };
        bytes.chunks(pitch as usize).flat_map(row).collect()
    }

    #[test]
    fn a_thumbnail_of_the_card_is_that_of_the_processor_in_every_orientation() {
        let (device, queue) = device();
        let format = wgpu::TextureFormat::Rgba8Unorm;
        let mut renderer = crate::render::SliceRenderer::new(&device, &queue, format);
        let classes = [[86, 180, 233], [230, 159, 0]].map(|color| Class {
            name: String::new(),
            label: 1,
            color,
        });
        let (mut case, mut texture) = (0usize, None);
        for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0]] {
            for flips in 0..8usize {
                let mut steps = [[0.0; 3]; 3];
                for (axis, &world) in order.iter().enumerate() {
                    steps[axis][world] = if flips >> axis & 1 == 1 { 1.5 } else { -2.0 };
                }
                let affine = Affine::from_columns(steps, [3.0, -4.0, 5.0]);
                let geometry = Geometry::new([3, 2, 4], affine).unwrap();
                let plane = PlaneView::across(&geometry, 2);
                case += 1;
                let (width, canvas) = (57 + 9 * (case % 7), [13 + case, 31 - case]);
                let grey = |i: usize| Color32::from_gray((i * 7 % 256) as u8);
                let base = Base { width, pixels: (0..width * SIDE).map(grey).collect() };
                let [w, h] = canvas;
                let value = |i: usize| {
                    let (x, y) = ((i % w) as f32 / w as f32, (i / w % h) as f32 / h as f32);
                    let far = (x - 0.4).hypot(y - 0.6) * if i < w * h { 3.0 } else { 6.0 };
                    (1.0 - far).clamp(-1.0, 1.0)
                };
                // As the slice is stored; on the card from the last column and row to the first.
                let values: Vec<f32> = (0..2 * w * h).map(value).collect();
                let there: Vec<f32> =
                    values.chunks(w * h).flat_map(|class| class.iter().rev().copied()).collect();
                let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                    label: None,
                    size: 4 * there.len() as u64,
                    usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                });
                queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&there));
                let estimate = Estimate { buffer, first: w * h - 1, steps: [-1, -(w as isize)] };
                let (region, kind) = ([0.1, 0.05, 0.8, 0.9], ClassKind::Regions);
                let thumbnail =
                    base.with_estimate(estimate, (canvas, region), (&classes, kind), plane);
                let drawn = renderer.draw_thumbnail(&thumbnail, texture.take());
                let found = read(&device, &queue, &drawn);
                texture = Some(drawn);
                let bytes: Vec<u8> =
                    values.iter().map(|v| ((v + 1.0) * 127.5).round() as u8).collect();
                let soft =
                    Soft { width: w, height: h, channel: w * h, values: &bytes, offset: 0, region };
                let expected = turned(&base.with_mask(&soft, &classes, kind, &[]), plane);
                assert_eq!(thumbnail.extent(), expected.size);
                let far = |(a, b): (&Color32, &Color32)| {
                    let apart = |k: usize| a[k].abs_diff(b[k]) > 1;
                    (0..3).any(apart)
                };
                let wrong = found.iter().zip(&expected.pixels).filter(|p| far(*p)).count();
                // At a level of one half the last bit of a sum decides.
                assert!(wrong <= 3, "{wrong} pixels, {}", geometry.orientation());
            }
        }
    }
}
