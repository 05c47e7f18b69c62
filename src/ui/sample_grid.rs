//! All samples beside each other, large: each on the same slice of the active plane, with the same zoom,
//! window and crosshair, its own outline on it. While a tile's name is held down the outline of the
//! fused mask takes its place.

use super::edit_view::Taken;
use super::navigate::navigate;
use super::pane_map::PaneMap;
use super::residency::Residency;
use super::sample_lines::Of;
use super::slice_paint::slice;
use super::view::{self, ViewLocal};
use super::{marks, theme};
use crate::app::{Command, Findings, ResultCommand, ResultEntry, Session, ViewCommand};
use eframe::egui;
use egui::{Align2, Rect, Sense, Stroke, StrokeKind, vec2};
use std::sync::Arc;

/// Between two tiles, in points.
const GAP: f32 = 2.0;
/// Height of a tile's name.
const NAME: f32 = 20.0;
/// Told apart from the planes and what lies over them.
const FIRST_VIEW: u64 = 1000;

/// What the grid would show, if it is asked for and there is something: a result of several samples.
pub(super) fn shown(session: &Session) -> Option<(&ResultEntry, &Arc<Findings>)> {
    session.document().filter(|d| d.view.sample_grid)?;
    let findings = session.shown().result().filter(|f| f.included.drawn() > 1)?;
    Some((session.results().chosen()?, findings))
}

pub(super) fn grid_ui(
    ui: &mut egui::Ui,
    area: Rect,
    session: &Session,
    local: &mut ViewLocal,
    residency: &Residency,
    commands: &mut Vec<Command>,
) {
    let (Some(document), Some((entry, findings))) = (session.document(), shown(session)) else {
        return;
    };
    let axis = document.view.axis;
    let order = findings.ordered(document.overlays.class, document.order);
    ui.painter().add(theme::ground(area, theme::ON_IMAGE.line));
    let aspect = document.view.section(document.volume.geometry(), axis).map_or(1.0, |s| {
        let [w, h] = s.size;
        (w / h.max(1e-9)).clamp(0.2, 5.0) as f32
    });
    let places = places(area, order.len() + 1, aspect);
    // All samples together come first.
    if let Some(place) = places.first()
        && let Some(map) = PaneMap::new(document, axis, picture(*place))
    {
        let name = match document.member {
            None => "All samples".to_owned(),
            Some(sample) => format!("Sample {} as everywhere", sample + 1),
        };
        let tile = Tile { place: *place, name, remark: "", chosen: false };
        let responses = tile.ui(ui, session, &map, local, commands);
        let painter = ui.painter().with_clip_rect(map.area);
        view::paint_layers(&painter, session, document, &map, local, residency);
        tile.paint(ui, &responses);
    }
    for (k, (&sample, &place)) in order.iter().zip(places.iter().skip(1)).enumerate() {
        let Some(map) = PaneMap::new(document, axis, picture(place)) else { continue };
        local.grid.sync(findings, &map);
        let counted = findings.included.contains(sample);
        let remark = findings.remark(document.overlays.class, sample).unwrap_or("");
        let tile = Tile {
            place,
            name: format!("Sample {}", sample + 1),
            remark: if counted { remark } else { "excluded" },
            chosen: document.member == Some(sample),
        };
        let responses = tile.ui(ui, session, &map, local, commands);
        let painter = ui.painter().with_clip_rect(map.area);
        painter.add(slice(document, &map, FIRST_VIEW + k as u64).shape(map.area));
        let held = responses[1].is_pointer_button_down_on();
        if document.overlays.segmentation && !document.overlays.held_back {
            let of = if held { Of::Fused } else { Of::Sample(sample) };
            local.grid.paint(&painter, &map, (findings, document), of);
        }
        if document.view.crosshair && !document.overlays.held_back {
            marks::crosshair(&painter, document, &map);
        }
        if held {
            let at = map.area.left_top() + vec2(8.0, 6.0);
            let accent = theme::ON_IMAGE.accent;
            marks::text(&painter, at, Align2::LEFT_TOP, "the mask", 12.0, accent);
        }
        tile.paint(ui, &responses);
        if responses[0].double_clicked() {
            let alone = ResultCommand::ShowMember { result: entry.id, member: Some(sample) };
            commands.push(alone.into());
            commands.push(ViewCommand::ShowSampleGrid(false).into());
        }
    }
}

/// A place with its name below the picture.
struct Tile {
    place: Rect,
    name: String,
    remark: &'static str,
    chosen: bool,
}

fn picture(place: Rect) -> Rect {
    Rect::from_min_max(place.min, place.max - vec2(0.0, NAME))
}

impl Tile {
    fn text(&self) -> String {
        match self.remark {
            "" => self.name.clone(),
            remark => format!("{}, {remark}", self.name),
        }
    }

    /// The responses of picture and name.
    fn ui(
        &self,
        ui: &egui::Ui,
        session: &Session,
        map: &PaneMap,
        local: &mut ViewLocal,
        commands: &mut Vec<Command>,
    ) -> [egui::Response; 2] {
        let id = ui.scope_id().with(("tile", &self.name));
        let response = ui.interact(map.area, id, Sense::click_and_drag());
        let text = format!("{} in the grid", self.text());
        response
            .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Canvas, true, &text));
        let pointer = &mut local.pointer;
        navigate(ui, &response, session, map, Taken::default(), pointer, commands);
        let below = Rect::from_min_max(map.area.left_bottom(), self.place.max);
        let name = ui.interact(below, id.with("name"), Sense::click());
        let text = format!("The mask in place of {}", self.name.to_lowercase());
        name.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &text));
        [response, name]
    }

    fn paint(&self, ui: &egui::Ui, [_, name]: &[egui::Response; 2]) {
        let colors = theme::ON_IMAGE;
        let below = name.rect;
        ui.painter().rect_filled(below, 0.0, colors.panel);
        let color = if self.chosen || name.hovered() { colors.accent } else { colors.text };
        let font = egui::FontId::proportional(12.0);
        let at = below.left_center() + vec2(8.0, 0.0);
        ui.painter().text(at, Align2::LEFT_CENTER, self.text(), font, color);
        if self.chosen {
            let stroke = Stroke::new(2.0, colors.accent);
            ui.painter().rect_stroke(self.place, 0.0, stroke, StrokeKind::Inside);
        }
    }
}

/// So many tiles, each as large as it can be for pictures of this width over height.
fn places(area: Rect, tiles: usize, aspect: f32) -> Vec<Rect> {
    let scale = |columns: usize| {
        let rows = tiles.div_ceil(columns);
        let width = area.width() / columns as f32;
        let height = area.height() / rows as f32 - NAME;
        (width / aspect).min(height)
    };
    let columns = (1..=tiles).max_by(|&a, &b| scale(a).total_cmp(&scale(b))).unwrap_or(1);
    let rows = tiles.div_ceil(columns);
    // All of one size: whole points, what is left stays at the end.
    let size = vec2(area.width() / columns as f32, area.height() / rows as f32).floor();
    let place = |k: usize| {
        let at = vec2((k % columns) as f32, (k / columns) as f32) * size;
        Rect::from_min_size(area.min.ceil() + at, size - vec2(GAP, GAP))
    };
    (0..tiles).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::Pos2;

    #[test]
    fn ovl_5_tiles_fill_their_area_never_overlap_and_have_room_for_a_name() {
        let area = Rect::from_min_max(Pos2::new(3.0, 41.0), Pos2::new(903.0, 641.0));
        for tiles in [1, 2, 3, 11, 26, 101] {
            for aspect in [0.4, 1.0, 2.5] {
                let all = places(area, tiles, aspect);
                assert_eq!(all.len(), tiles);
                for (k, a) in all.iter().enumerate() {
                    assert!(area.contains_rect(*a) && a.height() > NAME, "{a:?}");
                    assert!(all[..k].iter().all(|b| !a.intersect(*b).is_positive()));
                }
                let used: f32 = all.iter().map(|r| r.area()).sum();
                assert!(used > 0.4 * area.area(), "{tiles} tiles use {used}");
            }
        }
        // Wide pictures lie below each other, narrow ones beside each other.
        assert_eq!(places(area, 2, 2.5)[1].left(), area.left());
        assert_eq!(places(area, 2, 0.4)[1].top(), area.top());
    }
}
