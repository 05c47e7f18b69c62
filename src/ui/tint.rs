//! Voxels of the shown slice under a colour: what an operation would change, and where the intensity limit
//! lets tools work (EDIT-5, EDIT-7). One small texture, made anew only when what it shows changes.

use super::pane_map::PaneMap;
use crate::app::{Document, Prepared, Session};
use crate::render::SliceMap;
use eframe::egui;
use egui::{Color32, Pos2};

/// What a picture was made of.
#[derive(Clone, Copy, PartialEq)]
struct Key {
    axis: usize,
    slice: usize,
    revision: u64,
    /// Of the prepared change, by its address in the session: it is replaced, never altered.
    prepared: Option<(usize, usize)>,
    limit: Option<[f64; 2]>,
    time: usize,
}

#[derive(Default)]
pub(super) struct Tint {
    shown: Option<(Key, egui::TextureHandle)>,
}

const GAINED: u8 = 150;
const LOST: Color32 = Color32::from_rgba_premultiplied(150, 40, 40, 170);
const ALLOWED: Color32 = Color32::from_rgba_premultiplied(20, 60, 66, 60);

impl Tint {
    pub(super) fn paint(
        &mut self,
        ctx: &egui::Context,
        painter: &egui::Painter,
        map: &PaneMap,
        session: &Session,
    ) {
        let (Some(document), Some(work)) = (session.document(), session.editing().mask()) else {
            self.shown = None;
            return;
        };
        let editing = session.editing();
        let prepared = editing.prepared();
        let limit = editing.options().rule.limit.filter(|_| editing.tool().is_brush());
        if prepared.is_none() && limit.is_none() || document.overlays.held_back {
            self.shown = None;
            return;
        }
        let (axis, slice) = (map.axis, map.slice);
        let key = Key {
            axis,
            slice,
            revision: work.editor().revision(),
            prepared: prepared.map(|p| (p.labels.as_ptr() as usize, p.labels.len())),
            limit,
            time: document.view.time,
        };
        if self.shown.as_ref().is_none_or(|(k, _)| *k != key) {
            let image = picture(document, session, [axis, slice], prepared, limit);
            let options = egui::TextureOptions::NEAREST;
            self.shown = Some((key, ctx.load_texture("tint", image, options)));
        }
        let Some((_, texture)) = &self.shown else { return };
        let [u, v] = SliceMap::in_plane(axis);
        let shape = document.volume.geometry().shape();
        let end = |n: usize, high: bool| if high { n as f64 - 0.5 } else { -0.5 };
        let mut mesh = egui::Mesh::with_texture(texture.id());
        for (right, down) in [(false, false), (true, false), (true, true), (false, true)] {
            let at = [end(shape[u], right), end(shape[v], down)];
            let mut voxel = [slice as f64; 3];
            (voxel[u], voxel[v]) = (at[0], at[1]);
            let pos = map.point(voxel);
            let uv = Pos2::new(f32::from(u8::from(right)), f32::from(u8::from(down)));
            mesh.vertices.push(egui::epaint::Vertex { pos, uv, color: Color32::WHITE });
        }
        mesh.add_triangle(0, 1, 2);
        mesh.add_triangle(0, 2, 3);
        painter.add(mesh);
    }
}

fn picture(
    document: &Document,
    session: &Session,
    [axis, slice]: [usize; 2],
    prepared: Option<&Prepared>,
    limit: Option<[f64; 2]>,
) -> egui::ColorImage {
    let [u, v] = SliceMap::in_plane(axis);
    let shape = document.volume.geometry().shape();
    let mut image = egui::ColorImage::filled([shape[u], shape[v]], Color32::TRANSPARENT);
    let Some(work) = session.editing().mask() else { return image };
    let layer = work.layer();
    let mut colors = [Color32::TRANSPARENT; 256];
    let table = prepared.and_then(|p| p.table.as_deref()).unwrap_or(layer.labels());
    for label in table {
        let [r, g, b] = label.color;
        colors[usize::from(label.value)] = Color32::from_rgba_unmultiplied(r, g, b, GAINED);
    }
    let volume = &document.volume;
    let mut at = 0;
    for y in 0..shape[v] {
        for x in 0..shape[u] {
            let mut voxel = [slice; 3];
            (voxel[u], voxel[v]) = (x, y);
            if let Some(p) = prepared
                && let Some(i) = inside(p, voxel)
            {
                let (now, then) = (layer.voxels()[layer.lattice().index(voxel)], p.labels[i]);
                if now != then {
                    image.pixels[at] = if then == 0 { LOST } else { colors[usize::from(then)] };
                }
            } else if let Some([low, high]) = limit {
                let n = volume.channels();
                let value = |c| volume.value(voxel, document.view.time, c);
                let mean = (0..n).map(value).sum::<f64>() / n as f64;
                if (low..=high).contains(&mean) {
                    image.pixels[at] = ALLOWED;
                }
            }
            at += 1;
        }
    }
    image
}

fn inside(p: &Prepared, voxel: [usize; 3]) -> Option<usize> {
    let mut at = [0; 3];
    for a in 0..3 {
        at[a] = voxel[a].checked_sub(p.block.origin[a]).filter(|&i| i < p.block.shape[a])?;
    }
    Some(at[0] + p.block.shape[0] * (at[1] + p.block.shape[1] * at[2]))
}
