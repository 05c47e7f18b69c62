//! The panes of a layout: where each lies, and the time slider below them.

use super::residency::Residency;
use super::view::{self, ViewLocal};
use super::{sample_grid, sliders, space, theme};
use crate::app::{Command, Layout, Pane, Session};
use eframe::egui;
use egui::{Pos2, Rect, vec2};

/// Between two panes, in points.
const GAP: f32 = 2.0;

pub(super) fn panes_ui(
    ui: &mut egui::Ui,
    session: &Session,
    local: &mut ViewLocal,
    residency: &Residency,
    commands: &mut Vec<Command>,
) {
    let Some(document) = session.document() else { return };
    let whole = ui.available_rect_before_wrap();
    let mut area = whole;
    if document.volume.times() > 1 {
        area.max.y -= 40.0;
        let bar = Rect::from_min_max(Pos2::new(whole.left(), area.bottom()), whole.max);
        ui.painter().add(theme::ground(bar, theme::ON_IMAGE.canvas));
        sliders::time_ui(ui, bar, document, commands);
    }
    local.pointer.hovered = None;
    if sample_grid::shown(session).is_some() {
        sample_grid::grid_ui(ui, area, session, local, residency, commands);
        return;
    }
    let panes = document.view.panes(document.volume.geometry());
    if panes.len() > 1 {
        ui.painter().add(theme::ground(area, theme::ON_IMAGE.line));
    }
    for (pane, rect) in panes.iter().zip(places(area, panes.len(), document.view.layout)) {
        match pane {
            Pane::Plane(axis) => {
                view::plane_ui(ui, rect, *axis, session, local, residency, commands);
            }
            Pane::Space => space::space_ui(ui, rect, session, residency, commands),
        }
    }
}

/// Where so many panes of a layout lie in an area, on whole points.
pub(super) fn places(area: Rect, panes: usize, layout: Layout) -> Vec<Rect> {
    if panes == 1 {
        return vec![area];
    }
    let cut = |from: f32, length: f32, part: f32| (from + length * part).round();
    let pane =
        |x: [f32; 2], y: [f32; 2]| Rect::from_min_max(Pos2::new(x[0], y[0]), Pos2::new(x[1], y[1]));
    match layout {
        Layout::OneAndThree => {
            let middle = cut(area.left(), area.width(), 2.0 / 3.0);
            let mut all = vec![pane([area.left(), middle - GAP], [area.top(), area.bottom()])];
            for k in 0..3u8 {
                let top = cut(area.top(), area.height(), f32::from(k) / 3.0);
                let bottom = cut(area.top(), area.height(), f32::from(k + 1) / 3.0);
                let bottom = if k == 2 { area.bottom() } else { bottom - GAP };
                all.push(pane([middle, area.right()], [top, bottom]));
            }
            all
        }
        Layout::One | Layout::Four => {
            let middle =
                area.min + vec2((area.width() / 2.0).round(), (area.height() / 2.0).round());
            let (left, right) = ([area.left(), middle.x - GAP], [middle.x, area.right()]);
            let (top, bottom) = ([area.top(), middle.y - GAP], [middle.y, area.bottom()]);
            vec![pane(left, top), pane(right, top), pane(left, bottom), pane(right, bottom)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nav_1_panes_fill_their_area_and_never_overlap() {
        let area = Rect::from_min_max(Pos2::new(0.0, 41.0), Pos2::new(687.0, 603.5));
        for layout in Layout::ALL {
            let n = if layout == Layout::One { 1 } else { 4 };
            let all = places(area, n, layout);
            assert_eq!(all.len(), n);
            let sum: f32 = all.iter().map(Rect::area).sum();
            assert!(sum > 0.98 * area.area() && sum <= area.area(), "{layout:?} {sum}");
            for (i, a) in all.iter().enumerate() {
                assert!(area.contains_rect(*a) && a.width() > 100.0 && a.height() > 100.0);
                assert!(all[i + 1..].iter().all(|b| !a.intersect(*b).is_positive()));
            }
        }
    }
}
