//! The bar over the image: name, what is open, what is drawn, how it is windowed.

use super::{input::hint, theme};
use crate::app::{
    Action, Command, OpenCommand, Panel, Session, ShellCommand, ViewCommand, ViewId, presets,
};
use crate::volume::{Plane, Severity};
use eframe::egui;
use egui::RichText;

pub(super) fn top_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let frame = egui::Frame::new().inner_margin(egui::Margin::symmetric(14, 8));
    egui::Panel::top("top").frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(theme::wordmark(21.0));
            ui.add_space(6.0);
            open_menu(ui, session, commands);
            let Some(document) = session.document() else { return };
            ui.separator();
            ui.label(egui::RichText::new(document.origin.short_name()).color(theme::STRONG));
            if let Some(title) = document.series_title() {
                ui.label(RichText::new(format!("· {title}")).color(theme::TEXT));
            }
            if session.opening().chooser().is_some() {
                return;
            }
            if document.has_siblings()
                && ui.button("Series…").on_hover_text("Choose another series").clicked()
            {
                commands.push(OpenCommand::ChooseSeries.into());
            }
            badge(ui, session, document, commands);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                icon(ui, "?", "Keyboard shortcuts", Action::Shortcuts, commands);
                icon(ui, "Messages", "All messages of this session", Action::Messages, commands);
                ui.separator();
                window_menu(ui, document, commands);
                icon(ui, "Fit", "Show the whole slice", Action::Fit, commands);
                if !document.volume.geometry().is_2d() {
                    planes(ui, document, commands);
                }
            });
        });
    });
}

fn icon(ui: &mut egui::Ui, text: &str, tip: &str, action: Action, commands: &mut Vec<Command>) {
    if ui.button(text).on_hover_text(hint(tip, action)).clicked() {
        commands.push(action.into());
    }
}

fn open_menu(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    ui.menu_button("Open", |ui| {
        ui.set_min_width(230.0);
        for (text, action) in [
            ("Open an image…", Action::OpenDialog),
            ("Open a folder…", Action::FolderDialog),
            ("Open by path…", Action::PathField),
        ] {
            let shortcut = crate::app::chord_text(action).unwrap_or_default();
            if ui.add(egui::Button::new(text).shortcut_text(shortcut)).clicked() {
                commands.push(action.into());
            }
        }
        ui.separator();
        for demo in crate::app::demo_list() {
            if ui.button(format!("Demo: {}", demo.title)).clicked() {
                commands.push(OpenCommand::Demo(demo.name.to_owned()).into());
            }
        }
        if !session.shell().preferences().recent.is_empty() {
            ui.separator();
            for path in session.shell().preferences().recent.iter().take(5) {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                if ui.button(name).on_hover_text(path.display().to_string()).clicked() {
                    commands.push(OpenCommand::path(path.clone()).into());
                }
            }
        }
        ui.separator();
        let shortcut = crate::app::chord_text(Action::SaveSession).unwrap_or_default();
        let keep = egui::Button::new("Keep the session in a file…").shortcut_text(shortcut);
        if ui.add(keep).clicked() {
            commands.push(Action::SaveSession.into());
        }
        let shortcut = crate::app::chord_text(Action::CloseImage).unwrap_or_default();
        if ui.add(egui::Button::new("Close the image").shortcut_text(shortcut)).clicked() {
            commands.push(Action::CloseImage.into());
        }
        if ui.button("About Sfumato").clicked() {
            commands.push(ShellCommand::Show(Panel::About, true).into());
        }
    });
}

/// Amber when the picture may not mean what it seems to.
fn badge(
    ui: &mut egui::Ui,
    session: &Session,
    document: &crate::app::Document,
    commands: &mut Vec<Command>,
) {
    let notices: Vec<_> = session.notices().collect();
    let raw = document.raw_geometry();
    if notices.is_empty() && raw.is_none() {
        return;
    }
    let amber = session.cautions().count();
    let (text, color) = match amber {
        0 if notices.len() == 1 => ("1 note".to_owned(), theme::WEAK),
        0 => (format!("{} notes", notices.len()), theme::WEAK),
        1 => ("1 caution".to_owned(), theme::AMBER),
        n => (format!("{n} cautions"), theme::AMBER),
    };
    ui.menu_button(egui::RichText::new(text).color(color), |ui| {
        ui.set_max_width(420.0);
        if let Some(raw) = raw {
            super::opening::raw_geometry_button(ui, raw, commands);
        }
        for notice in notices {
            let amber = notice.severity == Severity::Amber;
            let color = if amber { theme::AMBER } else { theme::TEXT };
            ui.label(egui::RichText::new(&notice.text).color(color));
        }
    });
}

fn planes(ui: &mut egui::Ui, document: &crate::app::Document, commands: &mut Vec<Command>) {
    let g = document.volume.geometry();
    // Right to left: the slices that the scanner made come first when read.
    for axis in 0..3 {
        let name = if g.orientation_known() {
            match g.plane_across(axis) {
                Plane::Axial => "Axial",
                Plane::Coronal => "Coronal",
                Plane::Sagittal => "Sagittal",
            }
        } else {
            ["Across x", "Across y", "Across z"][axis]
        };
        let response = ui.selectable_label(document.view.axis == axis, name);
        if response.on_hover_text(hint("Show this plane", Action::NextPlane)).clicked() {
            commands.push(ViewCommand::SetPlane(ViewId::Main, axis).into());
        }
    }
    ui.separator();
}

fn window_menu(ui: &mut egui::Ui, document: &crate::app::Document, commands: &mut Vec<Command>) {
    ui.menu_button("Window", |ui| {
        ui.set_min_width(230.0);
        for (i, (name, w)) in presets(document).into_iter().enumerate() {
            let key = crate::app::chord_text(Action::Preset(i as u8 + 1)).unwrap_or_default();
            let text = format!("{name}  {:.0} / {:.0}", w.width, w.center);
            if ui.add(egui::Button::new(text).shortcut_text(key)).clicked() {
                commands.push(ViewCommand::SetWindow(w).into());
            }
        }
        ui.separator();
        for (text, action) in [
            ("Automatic, this slice", Action::AutoWindowSlice),
            ("Automatic, whole scan", Action::AutoWindowVolume),
            ("Invert", Action::Invert),
            ("Reset view and window", Action::ResetView),
        ] {
            let key = crate::app::chord_text(action).unwrap_or_default();
            if ui.add(egui::Button::new(text).shortcut_text(key)).clicked() {
                commands.push(action.into());
            }
        }
    })
    .response
    .on_hover_text("Window and level presets; or drag with the right button");
}
