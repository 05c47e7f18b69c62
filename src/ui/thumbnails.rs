//! Small pictures as egui textures: the samples of the strip and the demo cards of the start.

use super::theme;
use crate::app::{Document, Outcome, PlaneView, Session, View};
use crate::volume::{Block, Class, ClassKind, Volume, Window};
use eframe::egui;
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
    members: BTreeMap<usize, TextureHandle>,
    demos: Vec<TextureHandle>,
    /// Grows whenever the strip's pictures change.
    pub(super) version: u64,
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
    pub(super) fn member(&self, member: usize) -> Option<&TextureHandle> {
        self.members.get(&member)
    }

    pub(super) fn demo(&self, index: usize) -> Option<&TextureHandle> {
        self.demos.get(index)
    }

    /// Redraws what is out of date.
    pub(super) fn sync(&mut self, ctx: &egui::Context, session: &Session) {
        let Some(document) = session.document() else {
            self.key = None;
            self.members.clear();
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
            self.members.retain(|m, _| run.previews.contains_key(m));
            let mut base: BTreeMap<usize, Base> = BTreeMap::new();
            for (&member, live) in &run.previews {
                let part = Block::slab(live.placement.roi(), live.axis, live.slice);
                let plane = PlaneView::across(document.volume.geometry(), live.axis);
                let base = base
                    .entry(live.slice)
                    .or_insert_with(|| Base::new(document, &part, live.axis, run.time));
                let p = &live.preview;
                let soft = Soft {
                    width: p.width,
                    height: p.height,
                    channel: p.width * p.height,
                    values: &p.probability,
                    offset: 0,
                    region: live.placement.region(),
                };
                let image = base.with_mask(&soft, &run.card.classes, run.card.kind, &[]);
                self.put(ctx, member, turned(&image, plane));
            }
        } else if let Some(outcome) = result.and_then(|r| r.outcome()).filter(|_| run.is_none()) {
            self.sync_result(ctx, document, outcome);
        } else {
            self.members.clear();
        }
    }

    fn sync_result(&mut self, ctx: &egui::Context, document: &Document, outcome: &Outcome) {
        let z = document.view.voxel[2].clamp(outcome.slices.start, outcome.slices.end.max(1) - 1);
        let base = Base::new(document, &Block::slab(outcome.roi, 2, z), 2, outcome.time);
        let plane = PlaneView::across(document.volume.geometry(), 2);
        let [width, height, depth] = outcome.block_shape();
        self.members.retain(|m, _| *m < outcome.members.len());
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
            self.put(ctx, i, turned(&image, plane));
        }
    }

    fn put(&mut self, ctx: &egui::Context, member: usize, image: ColorImage) {
        match self.members.get_mut(&member) {
            Some(handle) => handle.set(image, TextureOptions::LINEAR),
            None => {
                let name = format!("sample {member}");
                self.members.insert(member, ctx.load_texture(name, image, TextureOptions::LINEAR));
            }
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

    /// Soft masks in the classes' colours, with their half level drawn as a line.
    fn with_mask(
        &self,
        soft: &Soft<'_>,
        classes: &[Class],
        kind: ClassKind,
        hidden: &[usize],
    ) -> ColorImage {
        let mut pixels = self.pixels.clone();
        let at = |class: usize, i: usize, j: usize| -> u8 {
            let [left, top, width, height] = soft.region;
            let along = |i: usize, n: usize, start: f64, part: f64, texels: usize| {
                let t = start + part * (i as f64 + 0.5) / n as f64;
                ((t * texels as f64).max(0.0) as usize).min(texels.saturating_sub(1))
            };
            let x = along(i, self.width, left, width, soft.width);
            let y = along(j, SIDE, top, height, soft.height);
            let index = class * soft.channel + soft.offset + x + soft.width * y;
            soft.values.get(index).copied().unwrap_or(0)
        };
        for (c, class) in classes.iter().enumerate().filter(|(c, _)| !hidden.contains(c)) {
            let color = theme::rgb(class.color);
            let strength = if kind == ClassKind::Regions { 0.45 } else { 0.5 };
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
}
