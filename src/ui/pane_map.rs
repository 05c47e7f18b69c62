//! Which voxel lies at which point of a pane: the section that it shows, with zoom and pan.

use crate::app::Document;
use crate::render::SliceMap;
use crate::volume::{Section, Volume};
use eframe::egui;
use egui::{Pos2, Rect, vec2};

/// The slice of a plane in a pane.
pub(super) struct PaneMap {
    pub(super) area: Rect,
    pub(super) axis: usize,
    pub(super) section: Section,
    pub(super) slice: usize,
    /// Points per millimetre (or pixel).
    pub(super) scale: f64,
    /// The place in the middle of the pane.
    middle: [f64; 2],
}

impl PaneMap {
    pub(super) fn new(document: &Document, axis: usize, area: Rect) -> Option<Self> {
        let g = document.volume.geometry();
        let section = document.view.section(g, axis)?;
        let (slice, _) = document.view.slice(g, axis);
        let framing = document.view.framing[axis];
        let scale = fit(&section, area) * framing.zoom;
        Some(Self { area, axis, section, slice, scale, middle: framing.middle })
    }

    /// Where a point of the window lies on the section.
    pub(super) fn place(&self, at: Pos2) -> [f64; 2] {
        let d = at - self.area.center();
        [self.middle[0] + f64::from(d.x) / self.scale, self.middle[1] + f64::from(d.y) / self.scale]
    }

    /// Continuous voxel coordinates under a point.
    pub(super) fn voxel(&self, at: Pos2) -> [f64; 3] {
        self.section.voxel(self.place(at), self.slice as f64)
    }

    /// The voxel under a point, if it lies in the image.
    pub(super) fn voxel_in(&self, at: Pos2, volume: &Volume) -> Option<[usize; 3]> {
        nearest_in(self.voxel(at), volume)
    }

    /// Where a voxel (continuous) is seen, whatever slice it lies on.
    pub(super) fn point(&self, voxel: [f64; 3]) -> Pos2 {
        let ([right, down], _) = self.section.place(voxel);
        let [x, y] =
            [(right, 0), (down, 1)].map(|(p, i)| ((p - self.middle[i]) * self.scale) as f32);
        self.area.center() + vec2(x, y)
    }

    /// The map of the slice as it is stored, from points of the pane; `None` where it is cut straight.
    pub(super) fn slice_map(&self) -> Option<SliceMap> {
        let [u, v] = SliceMap::in_plane(self.section.across?);
        let rows = self.rows();
        Some(SliceMap { voxel_from_point: [rows[u], rows[v]] })
    }

    /// Voxel coordinates from points of the pane: rows x, y, z; columns right, down, 1.
    pub(super) fn rows(&self) -> [[f64; 3]; 3] {
        let [right, down] = self.section.in_plane();
        let corner = self.voxel(self.area.min);
        std::array::from_fn(|a| [right[a] / self.scale, down[a] / self.scale, corner[a]])
    }

    /// Points per voxel, the mean over the plane.
    pub(super) fn points_per_voxel(&self) -> f64 {
        let [right, down] = self.section.in_plane();
        let cross = [
            right[1] * down[2] - right[2] * down[1],
            right[2] * down[0] - right[0] * down[2],
            right[0] * down[1] - right[1] * down[0],
        ];
        // Voxels per square millimetre of the cut.
        let voxels = cross.iter().map(|c| c * c).sum::<f64>().sqrt();
        self.scale / voxels.sqrt()
    }
}

/// Points per millimetre at which the whole section fits.
pub(super) fn fit(section: &Section, area: Rect) -> f64 {
    let [w, h] = section.size;
    let scale = (f64::from(area.width()) / w).min(f64::from(area.height()) / h);
    if scale.is_finite() && scale > 0.0 { scale } else { 1.0 }
}

pub(super) fn nearest_in(voxel: [f64; 3], volume: &Volume) -> Option<[usize; 3]> {
    let shape = volume.geometry().shape();
    let mut out = [0; 3];
    for a in 0..3 {
        let v = (voxel[a] + 0.5).floor();
        if !(0.0..shape[a] as f64).contains(&v) {
            return None;
        }
        out[a] = v as usize;
    }
    Some(out)
}
