//! The fourth pane.

use super::theme;
use crate::app::{Command, Session};
use eframe::egui;
use egui::Rect;

pub(super) fn space_ui(
    ui: &mut egui::Ui,
    area: Rect,
    session: &Session,
    _commands: &mut Vec<Command>,
) {
    let Some(document) = session.document() else { return };
    ui.painter().add(theme::ground(area, theme::CANVAS));
    let g = document.volume.geometry();
    let ([x, y, z], [a, b, c]) = (g.shape(), g.spacing());
    let response = ui.interact(area, ui.scope_id().with("space"), egui::Sense::click_and_drag());
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Canvas, true, "3-D view"));
    let text = format!("{x} x {y} x {z} voxels\n{a:.2} x {b:.2} x {c:.2} mm");
    let painter = ui.painter().with_clip_rect(area);
    super::marks::text(
        &painter,
        area.center(),
        egui::Align2::CENTER_CENTER,
        &text,
        13.0,
        theme::WEAK,
    );
}
