//! The outline of the chosen region of disagreement, with its number in the list.

use super::grid::{self, Grid, Key, Points};
use super::pane_map::PaneMap;
use super::{marks, theme};
use crate::app::{Document, Findings, RegionPlace, Session};
use eframe::egui;
use egui::{Align2, Color32, Pos2, Shape, Stroke, vec2};

/// Lines of the last drawn slice of a pane.
#[derive(Default)]
pub(super) struct Outline {
    key: Option<(Key, RegionPlace)>,
    lines: Vec<Points>,
}

impl Outline {
    /// Draws the region if there is one in this slice, also while the mask is edited there.
    pub(super) fn paint(
        &mut self,
        painter: &egui::Painter,
        map: &PaneMap,
        session: &Session,
        document: &Document,
    ) {
        let Some(entry) = session.results().chosen() else { return };
        let Some(findings) = &entry.findings else { return };
        let Some(place) = entry.review.chosen(findings.id) else { return };
        if findings.outcome.time != document.view.time {
            return;
        }
        let key = (grid::key(findings, map), place);
        if self.key != Some(key) {
            self.key = Some(key);
            self.lines = trace(findings, map, place);
        }
        for (i, line) in self.lines.iter().enumerate() {
            let points: Vec<Pos2> = line.iter().map(|&p| map.point(p)).collect();
            let top = points.iter().copied().reduce(|a, b| if b.y < a.y { b } else { a });
            let rim = Stroke::new(3.0, Color32::from_black_alpha(150));
            painter.add(Shape::line(points.clone(), rim));
            painter.add(Shape::line(points, Stroke::new(1.2, theme::ON_IMAGE.strong)));
            if let (0, Some(top)) = (i, top) {
                let text = (place.1 + 1).to_string();
                let at = top - vec2(0.0, 4.0);
                marks::text(
                    painter,
                    at,
                    Align2::CENTER_BOTTOM,
                    &text,
                    12.0,
                    theme::ON_IMAGE.strong,
                );
            }
        }
    }
}

fn trace(findings: &Findings, map: &PaneMap, place: RegionPlace) -> Vec<Points> {
    let (Some(region), Some(grid)) = (findings.region(place), Grid::of(findings, map)) else {
        return Vec::new();
    };
    let inside = |i: usize| u32::try_from(i).is_ok_and(|i| region.voxels.binary_search(&i).is_ok());
    grid.lines(&grid.values(|i| f32::from(u8::from(inside(i)))), 0.5)
}
