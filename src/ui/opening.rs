//! What is on its way, and what the person should know about what has arrived.

use super::pictures::Pictures;
use super::{input::hint, theme};
use crate::app::{Action, Command, Document, Loading, OpenCommand, Session, ViewCommand};
use eframe::egui;
use egui::{Align2, Rect, RichText, vec2};

/// Longest line of a caution that is still easy to read, in points.
const READABLE: f32 = 900.0;

/// The bar with its count, and the way to stop it.
pub(super) fn progress_ui(ui: &mut egui::Ui, loading: &Loading, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let cancel = ui.button("Cancel loading");
            if cancel.on_hover_text(hint("What is open stays open", Action::Escape)).clicked() {
                commands.push(OpenCommand::Cancel.into());
            }
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let text = RichText::new(format!("Loading {}", loading.name)).strong();
                ui.add(egui::Label::new(text).truncate());
            });
        });
    });
    let stage = loading.stage();
    let text = stage.text();
    let bar = egui::ProgressBar::new(stage.fraction().unwrap_or(0.0))
        .fill(theme::colors(ui).accent.gamma_multiply(0.75))
        .corner_radius(4)
        .desired_height(10.0);
    ui.add(bar).widget_info(|| {
        let role = egui::accesskit::Role::ProgressIndicator;
        egui::WidgetInfo::labeled(role, true, format!("Progress of loading, {text}"))
    });
    ui.label(RichText::new(text).size(12.0).weak());
}

/// Where nothing is open yet: the middle slice fills the window, long before the rest is there.
pub(super) fn first_slice_ui(
    ui: &mut egui::Ui,
    loading: &Loading,
    pictures: &mut Pictures,
    commands: &mut Vec<Command>,
) {
    let area = ui.max_rect();
    let bottom = Rect::from_min_max(egui::pos2(area.left(), area.bottom() - 96.0), area.max);
    let above = Rect::from_min_max(area.min, egui::pos2(area.right(), bottom.top()));
    if let Some(picture) = loading.picture() {
        let place = pictures.paint(ui, &picture, above.shrink(12.0));
        let id = ui.scope_id().with("first slice");
        ui.interact(place, id, egui::Sense::hover()).widget_info(|| {
            let name = "Middle slice, the others are being decoded";
            egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, name)
        });
    }
    let width = 560f32.min(area.width() - 32.0);
    let place = Rect::from_center_size(bottom.center(), vec2(width, 76.0));
    let mut inside = ui.new_child(egui::UiBuilder::new().max_rect(place));
    progress_ui(&mut inside, loading, commands);
}

/// Beside an open image: it stays until the new one is complete.
pub(super) fn loading_card(
    ctx: &egui::Context,
    session: &Session,
    pictures: &mut Pictures,
    commands: &mut Vec<Command>,
) {
    let Some(loading) = session.opening().loading() else { return };
    egui::Area::new(egui::Id::unique("loading"))
        .anchor(Align2::LEFT_BOTTOM, vec2(16.0, -44.0))
        .order(egui::Order::Foreground)
        .show(ctx, |ui| {
            super::windows::popup_frame(ui, theme::colors(ui).line).show(ui, |ui| {
                ui.set_width(360.0);
                if let Some(picture) = loading.picture() {
                    let (area, _) =
                        ui.allocate_exact_size(vec2(360.0, 200.0), egui::Sense::hover());
                    pictures.paint(ui, &picture, area);
                }
                progress_ui(ui, loading, commands);
            });
        });
}

/// Cautions under the top bar, in full, until they were read. The badge keeps them.
pub(super) fn cautions_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    let colors = theme::colors(ui);
    let raw = document.raw_geometry();
    if document.cautions_read || session.cautions().next().is_none() {
        return;
    }
    let frame =
        egui::Frame::new().fill(colors.caution).inner_margin(egui::Margin::symmetric(14, 6));
    egui::Panel::top("cautions").frame(frame).show(ui, |ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
            let tip = "The badge beside the name keeps them";
            if ui.button("Hide cautions").on_hover_text(tip).clicked() {
                commands.push(ViewCommand::HideCautions.into());
            }
            if let Some(raw) = raw {
                raw_geometry_button(ui, raw, commands);
            }
            ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
                ui.set_max_width(READABLE.min(ui.available_width()));
                egui::ScrollArea::vertical().max_height(92.0).show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 3.0;
                    for notice in session.cautions() {
                        let text = format!("Caution: {}", notice.text);
                        ui.add(egui::Label::new(RichText::new(text).color(colors.amber)).wrap());
                    }
                });
            });
        });
    });
}

/// Above a single slice of a series whose other files lie beside it.
pub(super) fn series_beside_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let files = session.opening().files_beside();
    if files < 2 {
        return;
    }
    let frame = egui::Frame::new()
        .fill(theme::colors(ui).raised)
        .inner_margin(egui::Margin::symmetric(14, 6));
    egui::Panel::top("series beside").frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            let text = format!("This is 1 of {files} files of its series in this folder.");
            ui.label(RichText::new(text).strong());
            if ui.button("Open the series").clicked() {
                commands.push(OpenCommand::SeriesBeside.into());
            }
            if ui.button("Only this slice").clicked() {
                commands.push(OpenCommand::DismissSeriesBeside.into());
            }
        });
    });
}

/// Between the slices as stored and the rectangular grid that they were resampled onto.
pub(super) fn raw_geometry_button(ui: &mut egui::Ui, raw: bool, commands: &mut Vec<Command>) {
    let (text, tip) = if raw {
        ("Resample the slices", "Onto a rectangular grid, so that angles and distances are true")
    } else {
        ("Show slices as stored", "No value is interpolated; distances between slices may be false")
    };
    if ui.button(text).on_hover_text(tip).clicked() {
        commands.push(OpenCommand::SetRawGeometry(!raw).into());
    }
}
