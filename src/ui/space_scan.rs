//! An image in the 3-D pane, seen through by one of the presets of its kind: the scan, or what lies over it.

use super::eye::Eye;
use super::residency::{self, Residency};
use super::theme;
use crate::app::{Document, SpaceView, Through, Transfer, transfers};
use crate::render::{ImageId, RayPaint, TransferTable};
use crate::volume::{Volume, Window};
use eframe::egui;
use egui::{Pos2, Rect};
use std::sync::Arc;

/// What can be seen through.
struct Source<'a> {
    over: bool,
    image: ImageId,
    volume: &'a Volume,
    window: Window,
}

/// The scan, and the image over it. Colours are not seen through.
fn sources(document: &Document) -> Vec<Source<'_>> {
    let scan = Source {
        over: false,
        image: Residency::image(document),
        volume: &document.volume,
        window: document.view.window,
    };
    let over = document.fused_over().map(|fused| Source {
        over: true,
        image: residency::fused_id(fused.id),
        volume: &fused.volume,
        window: fused.look.window,
    });
    let grey = |s: &Source<'_>| s.volume.channels() == 1;
    std::iter::once(scan).chain(over).filter(grey).collect()
}

impl Source<'_> {
    fn presets(&self) -> &'static [Transfer] {
        transfers(self.volume.modality)
    }
}

/// The image between the surfaces; `coarse` while it is turned.
pub(super) fn ray(document: &Document, eye: &Eye, coarse: bool) -> Option<RayPaint> {
    let through = document.view.space.scan?;
    let source = sources(document).into_iter().find(|s| s.over == through.over)?;
    let transfer = source.presets().get(through.preset)?;
    let g = source.volume.geometry();
    let finest = g.spacing().into_iter().fold(f64::INFINITY, f64::min);
    let step = (finest * if coarse { 2.5 } else { 0.8 }).max(eye.radius / 800.0);
    let base = document.volume.geometry().voxel_from_world();
    let voxel = |world: [f64; 3]| match document.fused_over().filter(|_| source.over) {
        Some(fused) => fused.place(base.apply(world)),
        None => base.apply(world),
    };
    let at = |x: f64, y: f64, depth: f64| voxel(eye.place([x, y], depth));
    let [zero, right, down, deep] =
        [at(0.0, 0.0, 0.0), at(1.0, 0.0, 0.0), at(0.0, 1.0, 0.0), at(0.0, 0.0, 1.0)];
    let rows = std::array::from_fn(|a| {
        [right[a] - zero[a], down[a] - zero[a], deep[a] - zero[a], zero[a]]
    });
    let world = g.voxel_from_world();
    let columns = [0, 1, 2].map(|c| world.column(c));
    Some(RayPaint {
        image: source.image,
        voxel_from_view: rows,
        voxel_from_world: std::array::from_fn(|a| columns.map(|c| c[a])),
        step: step / (2.0 * eye.radius),
        step_length: step,
        window: transfer.window(source.window),
        table: Arc::new(TransferTable(transfer.table())),
        maximum: transfer.maximum,
    })
}

/// Which image is seen through, and by which preset.
pub(super) fn scan_ui(ui: &mut egui::Ui, area: Rect, document: &Document, view: &mut SpaceView) {
    let sources = sources(document);
    if sources.is_empty() {
        return;
    }
    let row = Rect::from_min_max(
        Pos2::new(area.right() - 190.0, area.top() + 6.0),
        Pos2::new(area.right() - 8.0, area.top() + 32.0),
    );
    let layout = egui::Layout::right_to_left(egui::Align::Center);
    let mut tools = ui.new_child(egui::UiBuilder::new().layout(layout).max_rect(row));
    let name = |source: &Source<'_>, transfer: &Transfer| match source.over {
        true => format!("{} over it", transfer.name),
        false => transfer.name.to_owned(),
    };
    let of = |through: Through| {
        let source = sources.iter().find(|s| s.over == through.over)?;
        Some(name(source, source.presets().get(through.preset)?))
    };
    let now = view.scan.and_then(of).unwrap_or_else(|| "Scan: not drawn".to_owned());
    let combo = egui::ComboBox::from_id_salt("3-D scan")
        .selected_text(egui::RichText::new(&now).size(12.0))
        .show_ui(&mut tools, |ui| {
            ui.selectable_value(&mut view.scan, None, "Scan: not drawn");
            for source in &sources {
                if source.over {
                    theme::section(ui, "The image over it");
                }
                for (preset, transfer) in source.presets().iter().enumerate() {
                    let through = Through { over: source.over, preset };
                    ui.selectable_value(&mut view.scan, Some(through), name(source, transfer));
                }
            }
        });
    combo.response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, format!("3-D scan: {now}"))
    });
}
