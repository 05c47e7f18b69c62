//! How the world is seen in the 3-D pane: from a point of the pane and a depth to a place, and back.

use crate::app::{Document, sphere};
use eframe::egui;
use egui::{Pos2, Rect, vec2};

/// How the world is seen in an area.
pub(super) struct Eye {
    pub(super) area: Rect,
    pub(super) rows: [[f64; 4]; 3],
    pub(super) turn: [[f64; 3]; 3],
    /// Points per unit.
    scale: f64,
    pub(super) radius: f64,
}

impl Eye {
    pub(super) fn new(document: &Document, area: Rect) -> Self {
        let g = document.volume.geometry();
        let (_, radius) = sphere(g);
        let view = &document.view.space;
        let side = f64::from(area.width().min(area.height())).max(1.0);
        let scale = side / (2.0 * radius) * view.zoom * 1.15;
        let [right, down, depth] = view.rows(g);
        let half = [area.width(), area.height()].map(|v| f64::from(v) / 2.0);
        let points = |row: [f64; 4], half: f64| {
            let [a, b, c, d] = row.map(|v| v * scale);
            [a, b, c, d + half]
        };
        let rows = [points(right, half[0]), points(down, half[1]), depth];
        Self { area, rows, turn: view.turn, scale, radius }
    }

    fn row(&self, i: usize, p: [f64; 3]) -> f64 {
        let [a, b, c, d] = self.rows[i];
        a * p[0] + b * p[1] + c * p[2] + d
    }

    /// Where a place in the world is seen, and how deep.
    pub(super) fn see(&self, p: [f64; 3]) -> (Pos2, f64) {
        let at = vec2(self.row(0, p) as f32, self.row(1, p) as f32);
        (self.area.min + at, self.row(2, p))
    }

    /// The place in the world at a point of the area (from its corner) and a depth.
    pub(super) fn place(&self, [x, y]: [f64; 2], depth: f64) -> [f64; 3] {
        // The rows are perpendicular: each part of the place follows from one of them.
        let parts = [
            (x - self.rows[0][3]) / self.scale,
            (y - self.rows[1][3]) / self.scale,
            (depth - self.rows[2][3]) * 2.0 * self.radius,
        ];
        std::array::from_fn(|k| (0..3).map(|i| self.turn[i][k] * parts[i]).sum())
    }
}
