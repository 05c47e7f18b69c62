//! How an image over the open one is drawn: colours, window, opacity.

use super::{input::hint, theme};
use crate::app::{Action, Command, Document, ViewCommand};
use crate::volume::{ColorMap, Window};
use eframe::egui;
use egui::RichText;

pub(super) fn fused_ui(
    ui: &mut egui::Ui,
    document: &Document,
    tables: &[ColorMap],
    commands: &mut Vec<Command>,
) {
    let Some(fused) = &document.fused else { return };
    theme::section(ui, if fused.look.beside { "Image beside it" } else { "Image over it" });
    let mut look = fused.look;
    ui.horizontal(|ui| {
        ui.add_space(25.0);
        let over =
            ui.add_enabled(fused.is_placed(), egui::Button::selectable(!look.beside, "over"));
        let why = "It does not say where it lies in the patient";
        if over.on_disabled_hover_text(why).clicked() {
            look.beside = false;
        }
        if ui.selectable_label(look.beside, "beside").clicked() {
            look.beside = true;
        }
        ui.label(RichText::new(hint("in turns", Action::Turns)).size(12.0).weak());
    });
    ui.horizontal(|ui| {
        ui.checkbox(&mut look.shown, "");
        ui.add(egui::Label::new(&fused.name).truncate()).on_hover_text(
            "Laid over by its place in the patient. Where it holds no more than the lower value it is not seen.",
        );
    });
    row(ui, "Colours", |ui| {
        egui::ComboBox::from_id_salt("fused colours")
            .selected_text(look.colors.name())
            .show_ui(ui, |ui| {
                for colors in ColorMap::BUILT_IN.iter().chain(tables) {
                    ui.selectable_value(&mut look.colors, *colors, colors.name());
                }
            })
            .response
    });
    let [mut low, mut high] = [
        look.window.center - look.window.width / 2.0,
        look.window.center + look.window.width / 2.0,
    ];
    let speed = fused.default_window.width / 200.0;
    let mut changed = row(ui, "From", |ui| ui.add(egui::DragValue::new(&mut low).speed(speed)));
    changed |= row(ui, "to", |ui| ui.add(egui::DragValue::new(&mut high).speed(speed)));
    if changed && high > low {
        look.window = Window { center: (low + high) / 2.0, width: high - low };
    }
    let mut percent = (look.opacity * 100.0).round();
    row(ui, "Opacity", |ui| {
        ui.add(egui::Slider::new(&mut percent, 0.0..=100.0).integer().suffix(" %"))
    });
    look.opacity = percent / 100.0;
    ui.horizontal(|ui| {
        ui.add_space(25.0);
        if ui.button("Take it off").clicked() {
            commands.push(ViewCommand::RemoveFused.into());
        }
    });
    if look != fused.look {
        commands.push(ViewCommand::SetFused(look).into());
    }
}

fn row(ui: &mut egui::Ui, name: &str, add: impl FnOnce(&mut egui::Ui) -> egui::Response) -> bool {
    ui.horizontal(|ui| {
        ui.add_space(25.0);
        let label = ui.label(RichText::new(name).weak());
        add(ui).labelled_by(label.id).changed()
    })
    .inner
}
