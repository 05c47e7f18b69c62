//! A label map of another program: the question whether a file is one, and its table of labels.

use super::theme;
use crate::app::{Command, Document, LabelLayer, OpenCommand, Session, ViewCommand, wording};
use crate::render::Palette;
use eframe::egui;
use egui::{Align2, RichText, vec2};
use std::sync::Arc;

/// Most labels with a row of their own; more would bury the panel.
const LISTED: usize = 40;

/// A file that is a label map by its numbers: the person says what was meant.
pub(super) fn offer_ui(ctx: &egui::Context, session: &Session, commands: &mut Vec<Command>) {
    let Some(offer) = session.opening().label_offer() else { return };
    let layer = &offer.layer;
    egui::Window::new("Label map or image?")
        .collapsible(false)
        .resizable(false)
        .anchor(Align2::CENTER_CENTER, vec2(0.0, -20.0))
        .show(ctx, |ui| {
            ui.set_width(440.0);
            ui.label(RichText::new(&layer.name).strong());
            let n = layer.mask.table.0.len();
            let labels = if n == 1 { "one label".to_owned() } else { format!("{n} labels") };
            ui.label(format!("It holds {labels} and lies where the open image lies."));
            for notice in &layer.mask.notices {
                ui.label(RichText::new(&notice.text).size(12.5).color(theme::colors(ui).amber));
            }
            ui.horizontal(|ui| {
                let load = ui.add(theme::primary(ui, "Load as label map"));
                if ui.memory(|m| m.focused().is_none()) {
                    load.request_focus();
                }
                if load.clicked() {
                    commands.push(OpenCommand::OfferedLabels.into());
                }
                if ui.button("Open as image").clicked() {
                    commands.push(OpenCommand::OfferedImage.into());
                }
                if ui.button("Do neither").clicked() {
                    commands.push(OpenCommand::DismissOffer.into());
                }
            });
        });
}

/// Colours of the labels; hidden ones are transparent.
pub(super) fn palette(layer: &LabelLayer, hidden: &[u16]) -> Arc<Palette> {
    let value = |v: u16| u8::try_from(v).ok();
    let table = &layer.mask.table.0;
    let mut palette = Palette::new(table.iter().filter_map(|l| Some((value(l.value)?, l.color))));
    for v in hidden {
        if let Some(entry) = palette.0.get_mut(usize::from(*v)) {
            entry[3] = 0;
        }
    }
    Arc::new(palette)
}

/// The table in the panel.
pub(super) fn table_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    let Some(layer) = &document.labels else { return };
    theme::section(ui, "Label map");
    ui.horizontal(|ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let tip = "Take the label map off the image; no file is touched";
            if ui.small_button("Remove").on_hover_text(tip).clicked() {
                commands.push(ViewCommand::RemoveLabels(layer.id).into());
            }
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                ui.add(egui::Label::new(RichText::new(&layer.name).strong()).truncate());
            });
        });
    });
    if session.results().findings().is_some() {
        ui.horizontal(|ui| {
            let own = document.overlays.own_labels;
            ui.label(RichText::new("Draw").weak());
            if ui.selectable_label(!own, "the result").clicked() {
                commands.push(ViewCommand::ShowLabels(false).into());
            }
            if ui.selectable_label(own, "the label map").clicked() {
                commands.push(ViewCommand::ShowLabels(true).into());
            }
        });
    }
    theme::card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 3.0;
        for (label, size) in layer.mask.table.0.iter().zip(&layer.sizes).take(LISTED) {
            ui.horizontal(|ui| {
                theme::swatch(ui, label.color);
                let mut visible = !document.overlays.hidden_labels.contains(&label.value);
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let show = ui.checkbox(&mut visible, "");
                    show.widget_info(|| {
                        let name = format!("Show label {}", label.name);
                        let role = egui::accesskit::Role::CheckBox;
                        egui::WidgetInfo::selected(role, true, visible, name)
                    });
                    if show.changed() {
                        commands.push(
                            ViewCommand::SetLabelVisible {
                                labels: layer.id,
                                value: label.value,
                                visible,
                            }
                            .into(),
                        );
                    }
                    let text = wording::size(layer.extent, *size);
                    ui.label(RichText::new(text).size(12.0).weak());
                    ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                        ui.add(egui::Label::new(&label.name).truncate());
                    });
                });
            });
        }
        let more = layer.mask.table.0.len().saturating_sub(LISTED);
        if more > 0 {
            ui.label(RichText::new(format!("and {more} more labels")).weak());
        }
        if layer.mask.table.0.is_empty() {
            ui.label(RichText::new("It holds no label: all of it is background.").weak());
        }
    });
}
