//! The window of preferences: what is set once for all images.

use super::theme;
use crate::app::{Command, Look, MouseScheme, Panel, Session, ShellCommand, Taste};
use eframe::egui;
use egui::RichText;

pub(super) fn preferences_window(
    ctx: &egui::Context,
    session: &Session,
    commands: &mut Vec<Command>,
) {
    let now = session.shell().preferences().taste;
    super::windows::window(
        ctx,
        session,
        Panel::Preferences,
        "Preferences",
        commands,
        |ui, commands| {
            ui.set_width(440.0);
            let mut taste = now;
            theme::section(ui, "Mouse");
            for scheme in MouseScheme::ALL {
                ui.radio_value(&mut taste.mouse, scheme, scheme.name());
                ui.horizontal_wrapped(|ui| {
                    ui.add_space(25.0);
                    ui.label(RichText::new(scheme.help()).size(12.0).weak());
                });
            }
            theme::section(ui, "Size of everything");
            ui.horizontal_wrapped(|ui| {
                for scale in Taste::SCALES {
                    let text = format!("{:.0} %", scale * 100.0);
                    ui.selectable_value(&mut taste.scale, scale, text);
                }
            });
            theme::section(ui, "Panels");
            ui.horizontal_wrapped(|ui| {
                for look in Look::ALL {
                    ui.selectable_value(&mut taste.look, look, look.name());
                }
            });
            ui.label(RichText::new("An image lies on dark ground in each.").size(12.0).weak());
            ui.add_space(6.0);
            let keep = "Kept on this computer, for the next start too.";
            ui.horizontal(|ui| {
                if ui.button("As it was at first").clicked() {
                    taste = Taste::default();
                }
                ui.label(RichText::new(keep).size(12.0).weak());
            });
            if taste != now {
                commands.push(ShellCommand::Prefer(taste).into());
            }
        },
    );
}
