//! Work that an earlier session did not finish, on the start screen (SAVE-3). Nothing is deleted before the
//! person says so.

use super::theme;
use crate::app::{Command, EditCommand, KeptHeader, LeftoverCommand, Session, wording};
use eframe::egui;
use egui::RichText;

/// What it was drawn on.
fn name(header: &KeptHeader) -> String {
    match (&header.demo, header.paths.split_first()) {
        (Some(title), _) => title.clone(),
        (None, Some((first, rest))) => {
            let name = first.file_name().unwrap_or(first.as_os_str()).to_string_lossy();
            if rest.is_empty() {
                name.into_owned()
            } else {
                format!("{name} and {} more", rest.len())
            }
        }
        (None, None) => "an image".to_owned(),
    }
}

pub(super) fn leftovers_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let all = session.editing().saving().leftovers();
    for left in all {
        let h = &left.header;
        theme::card(ui).stroke(egui::Stroke::new(1.0, theme::colors(ui).amber)).show(ui, |ui| {
            ui.set_width(ui.available_width());
            let text = format!("Unsaved work from {} on {}", wording::moment(h.written), name(h));
            ui.label(RichText::new(text).strong());
            let labels: Vec<&str> = h.labels.iter().map(|l| l.name.as_str()).collect();
            let measured = match h.measurements.len() {
                0 => String::new(),
                1 => " · 1 measurement".to_owned(),
                n => format!(" · {n} measurements"),
            };
            let text = format!("{} voxels by hand · {}{measured}", h.changed, labels.join(", "));
            ui.label(RichText::new(text).size(12.0).weak());
            ui.horizontal(|ui| {
                for (text, tip, command) in [
                    (
                        "Restore",
                        "Open its image with it",
                        LeftoverCommand::Restore(left.path.clone()),
                    ),
                    (
                        "Save the mask",
                        "Write the mask as NIfTI beside the exports, without the image",
                        LeftoverCommand::Save(left.path.clone()),
                    ),
                    ("Discard it", "Delete it", LeftoverCommand::Discard(left.path.clone())),
                ] {
                    if ui.button(text).on_hover_text(tip).clicked() {
                        commands.push(EditCommand::Leftover(command).into());
                    }
                }
            });
        });
    }
    if !all.is_empty() {
        ui.add_space(8.0);
    }
}
