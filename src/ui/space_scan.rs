//! The scan in the 3-D pane: seen through by one of the presets of its kind.

use super::eye::Eye;
use super::residency::Residency;

use crate::app::{Document, SpaceView, transfers};
use crate::render::{RayPaint, TransferTable};
use eframe::egui;
use egui::{Pos2, Rect};
use std::sync::Arc;

/// The scan between the surfaces; `coarse` while it is turned. Colours are not seen through.
pub(super) fn ray(document: &Document, eye: &Eye, coarse: bool) -> Option<RayPaint> {
    let volume = &document.volume;
    let transfer = transfers(volume.modality).get(document.view.space.scan?)?;
    if volume.channels() > 1 {
        return None;
    }
    let g = volume.geometry();
    let finest = g.spacing().into_iter().fold(f64::INFINITY, f64::min);
    let step = (finest * if coarse { 2.5 } else { 0.8 }).max(eye.radius / 800.0);
    let at = |x: f64, y: f64, depth: f64| g.voxel_from_world().apply(eye.place([x, y], depth));
    let [zero, right, down, deep] =
        [at(0.0, 0.0, 0.0), at(1.0, 0.0, 0.0), at(0.0, 1.0, 0.0), at(0.0, 0.0, 1.0)];
    let rows = std::array::from_fn(|a| {
        [right[a] - zero[a], down[a] - zero[a], deep[a] - zero[a], zero[a]]
    });
    let world = g.voxel_from_world();
    let columns = [0, 1, 2].map(|c| world.column(c));
    Some(RayPaint {
        image: Residency::image(document),
        voxel_from_view: rows,
        voxel_from_world: std::array::from_fn(|a| columns.map(|c| c[a])),
        step: step / (2.0 * eye.radius),
        step_length: step,
        window: transfer.window(document.view.window),
        table: Arc::new(TransferTable(transfer.table())),
        maximum: transfer.maximum,
    })
}

/// Which preset the scan is seen through by.
pub(super) fn scan_ui(ui: &mut egui::Ui, area: Rect, document: &Document, view: &mut SpaceView) {
    if document.volume.channels() > 1 {
        return;
    }
    let presets = transfers(document.volume.modality);
    let row = Rect::from_min_max(
        Pos2::new(area.right() - 190.0, area.top() + 6.0),
        Pos2::new(area.right() - 8.0, area.top() + 32.0),
    );
    let layout = egui::Layout::right_to_left(egui::Align::Center);
    let mut tools = ui.new_child(egui::UiBuilder::new().layout(layout).max_rect(row));
    let now = view.scan.and_then(|k| presets.get(k)).map_or("Scan: not drawn", |t| t.name);
    let combo = egui::ComboBox::from_id_salt("3-D scan")
        .selected_text(egui::RichText::new(now).size(12.0))
        .show_ui(&mut tools, |ui| {
            ui.selectable_value(&mut view.scan, None, "Scan: not drawn");
            for (k, preset) in presets.iter().enumerate() {
                ui.selectable_value(&mut view.scan, Some(k), preset.name);
            }
        });
    combo.response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, format!("3-D scan: {now}"))
    });
}
