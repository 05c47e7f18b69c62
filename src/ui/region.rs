//! The part of the image that the model is shown: its frame on the slice, and the choice of it.

use super::theme;
use crate::app::{Command, RunCommand, Session};
use crate::render::SliceMap;
use crate::volume::Block;
use eframe::egui::{self, Align2, Color32, FontId, Pos2, Rect, Stroke};

/// What is framed: the region of the run, or the one that the next run takes.
fn framed(session: &Session) -> Option<(Block, String)> {
    if let Some(run) = session.live_run() {
        let (started, what) = (run.started.as_ref()?, run.settings.region.clone()?);
        let (roi, slices) = (started.roi, &started.slices);
        let origin = [roi.x, roi.y, slices.start];
        let shape = [roi.width, roi.height, slices.len()];
        return Some((Block { origin, shape }, what));
    }
    let (_, found) = session.runs().regions().chosen()?;
    Some((found.block, found.what.clone()))
}

/// Draws the frame where the shown slice cuts the region.
pub(super) fn paint(
    painter: &egui::Painter,
    area: Rect,
    map: &SliceMap,
    (axis, slice): (usize, usize),
    session: &Session,
) {
    let Some((block, what)) = framed(session) else { return };
    if !block.along(axis).contains(&slice) {
        return;
    }
    let [u, v] = SliceMap::in_plane(axis);
    let edge = |a: usize, far: bool| {
        let voxels = block.origin[a] + if far { block.shape[a] } else { 0 };
        voxels as f64 - 0.5
    };
    let corner = |far: [bool; 2]| {
        let [x, y] = map.point_at([edge(u, far[0]), edge(v, far[1])])?;
        Some(area.min + egui::vec2(x as f32, y as f32))
    };
    let corners = [[false, false], [true, false], [true, true], [false, true], [false, false]];
    let Some(points) = corners.map(corner).into_iter().collect::<Option<Vec<Pos2>>>() else {
        return;
    };
    painter.extend(egui::Shape::dashed_line(&points, Stroke::new(3.0, Color32::BLACK), 9.0, 6.0));
    painter.extend(egui::Shape::dashed_line(&points, Stroke::new(1.6, theme::ACCENT), 9.0, 6.0));
    let top = Rect::from_points(&points).left_top() + egui::vec2(2.0, -4.0);
    let font = FontId::proportional(13.0);
    let at = |shift: f32| top + egui::vec2(shift, shift);
    painter.text(at(1.0), Align2::LEFT_BOTTOM, &what, font.clone(), Color32::BLACK);
    painter.text(top, Align2::LEFT_BOTTOM, &what, font, theme::ACCENT);
}

/// The row of the run's settings, where there is something to choose.
pub(super) fn choice_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let regions = session.runs().regions();
    if regions.found().is_empty() {
        return;
    }
    let chosen = regions.chosen().map(|(index, _)| index);
    ui.label("Region");
    ui.vertical(|ui| {
        let mut row = |text: &str, tip: String, region: Option<usize>| {
            let label = ui.selectable_label(chosen == region, text).on_hover_text(tip);
            label.widget_info(|| {
                let name = format!("Region: {text}");
                egui::WidgetInfo::labeled(egui::accesskit::Role::RadioButton, true, name)
            });
            if label.clicked() && chosen != region {
                commands.push(RunCommand::SetRegion(region).into());
            }
        };
        for (index, found) in regions.found().iter().enumerate() {
            let tip = format!("Found by a small network, sure to {:.0} %", found.score * 100.0);
            row(&found.what, tip, Some(index));
        }
        row("whole image", "All of it is shown to the model".to_owned(), None);
    });
    ui.end_row();
}
