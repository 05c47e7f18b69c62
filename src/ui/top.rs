//! The bar over the image: name, what is open, what is drawn, how it is windowed.

use super::{input::hint, theme};
use crate::app::{
    Action, Command, Document, Layout, OpenCommand, Pane, Panel, Session, ShellCommand,
    ViewCommand, ViewId, pane_name, presets,
};
use crate::volume::{ColorMap, LengthUnit, Severity};
use eframe::egui;
use egui::RichText;

/// Width that the tools on the right take.
const TOOLS: f32 = 560.0;

pub(super) fn top_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let frame = egui::Frame::new().inner_margin(egui::Margin::symmetric(14, 8));
    egui::Panel::top("top").frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(theme::wordmark(ui, 21.0));
            ui.add_space(6.0);
            open_menu(ui, session, commands);
            let Some(document) = session.document() else { return };
            ui.separator();
            title(ui, session, document);
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
                let tables = &session.shell().preferences().color_tables;
                window_menu(ui, document, tables, commands);
                view_menu(ui, session, document, commands);
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
        let shortcut = crate::app::chord_text(Action::FuseDialog).unwrap_or_default();
        let over =
            egui::Button::new("Lay an image over or beside this one…").shortcut_text(shortcut);
        let over = ui.add_enabled(session.document().is_some(), over);
        if over.on_hover_text("PET on CT, a map on its scan: by its place in the patient").clicked()
        {
            commands.push(Action::FuseDialog.into());
        }
        let shortcut = crate::app::chord_text(Action::SaveSession).unwrap_or_default();
        let keep = egui::Button::new("Keep the session in a file…").shortcut_text(shortcut);
        if ui.add(keep).clicked() {
            commands.push(Action::SaveSession.into());
        }
        let shortcut = crate::app::chord_text(Action::CloseImage).unwrap_or_default();
        if ui.add(egui::Button::new("Close the image").shortcut_text(shortcut)).clicked() {
            commands.push(Action::CloseImage.into());
        }
        let shortcut = crate::app::chord_text(Action::Preferences).unwrap_or_default();
        if ui.add(egui::Button::new("Preferences…").shortcut_text(shortcut)).clicked() {
            commands.push(Action::Preferences.into());
        }
        if ui.button("Guided tour").on_hover_text("Seven cards over a phantom").clicked() {
            commands.push(ShellCommand::Tour(Some(0)).into());
        }
        if ui.button("About Sfumato").clicked() {
            commands.push(ShellCommand::Show(Panel::About, true).into());
        }
    });
}

/// Amber when the picture may not mean what it seems to.
fn badge(ui: &mut egui::Ui, session: &Session, document: &Document, commands: &mut Vec<Command>) {
    let colors = theme::colors(ui);
    let notices: Vec<_> = session.notices().collect();
    let raw = document.raw_geometry();
    if notices.is_empty() && raw.is_none() {
        return;
    }
    let amber = session.cautions().count();
    let (text, color) = match amber {
        0 if notices.len() == 1 => ("1 note".to_owned(), colors.weak),
        0 => (format!("{} notes", notices.len()), colors.weak),
        1 => ("1 caution".to_owned(), colors.amber),
        n => (format!("{n} cautions"), colors.amber),
    };
    ui.menu_button(egui::RichText::new(text).color(color), |ui| {
        ui.set_max_width(420.0);
        if let Some(raw) = raw {
            super::opening::raw_geometry_button(ui, raw, commands);
        }
        for notice in notices {
            let amber = notice.severity == Severity::Amber;
            let color = if amber { colors.amber } else { colors.text };
            ui.label(egui::RichText::new(&notice.text).color(color));
        }
    });
}

/// What is open. Gives way to the tools on its right.
fn title(ui: &mut egui::Ui, session: &Session, document: &Document) {
    let chooser = session.opening().chooser().is_some();
    let tools = if chooser { 0.0 } else { TOOLS };
    let width = (ui.available_width() - tools).max(60.0);
    ui.scope(|ui| {
        ui.set_max_width(width);
        let name = document.origin.short_name();
        let text = RichText::new(&name).strong();
        ui.add(egui::Label::new(text).truncate()).on_hover_text(name);
        if let Some(series) = document.series_title() {
            let text = RichText::new(format!("· {series}"));
            ui.add(egui::Label::new(text).truncate());
        }
    });
}

/// Planes and layouts.
fn planes(ui: &mut egui::Ui, document: &Document, commands: &mut Vec<Command>) {
    let g = document.volume.geometry();
    for layout in Layout::ALL.into_iter().rev() {
        let chosen = document.view.layout == layout && document.view.maximised.is_none();
        if layout_button(ui, layout, chosen).clicked() {
            commands.push(Action::Show(layout).into());
        }
    }
    ui.separator();
    // Right to left: axial comes first when read.
    for axis in crate::app::planes(g).into_iter().rev() {
        let name = pane_name(g, Pane::Plane(axis));
        let response = ui.selectable_label(document.view.axis == axis, name);
        let tip = "Keys and menus act on this plane; large where one is";
        if response.on_hover_text(hint(tip, Action::NextPlane)).clicked() {
            commands.push(ViewCommand::SetPlane(ViewId::Main, axis).into());
        }
    }
    ui.separator();
}

/// The layout itself, in small.
fn layout_button(ui: &mut egui::Ui, layout: Layout, chosen: bool) -> egui::Response {
    let colors = theme::colors(ui);
    let (rect, response) = ui.allocate_exact_size(egui::vec2(28.0, 26.0), egui::Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::accesskit::Role::Button, true, chosen, layout.title())
    });
    let lit = response.hovered() || response.has_focus();
    let color = match (chosen, lit) {
        (true, _) => colors.accent,
        (_, true) => colors.strong,
        _ => colors.weak,
    };
    let area = egui::Rect::from_center_size(rect.center(), egui::vec2(17.0, 14.0));
    let panes = if layout == Layout::One { 1 } else { 4 };
    for place in super::panes::places(area, panes, layout) {
        ui.painter().rect_filled(place, 1.0, color);
    }
    response.on_hover_text(hint(layout.title(), Action::Show(layout)))
}

/// How the planes are shown.
fn view_menu(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    let g = document.volume.geometry();
    let view = &document.view;
    ui.menu_button("View", |ui| {
        ui.set_min_width(270.0);
        let mut row = |ui: &mut egui::Ui, text: &str, action: Action, on: Option<bool>| {
            let key = crate::app::chord_text(action).unwrap_or_default();
            let button = egui::Button::new(text).shortcut_text(key);
            if ui.add(button.selected(on == Some(true))).clicked() {
                commands.push(action.into());
            }
        };
        row(ui, "Fit the image", Action::Fit, None);
        row(ui, "Centre on the crosshair", Action::Centre, None);
        row(ui, "Reset view and window", Action::ResetView, None);
        row(ui, "Crosshair", Action::ToggleCrosshair, Some(view.crosshair));
        row(ui, "All samples in a grid", Action::SampleGrid, Some(view.sample_grid));
        row(ui, "Picture of the panes", Action::Screenshot, None);
        if g.is_2d() {
            return;
        }
        ui.separator();
        for layout in Layout::ALL {
            row(ui, layout.title(), Action::Show(layout), Some(view.layout == layout));
        }
        let alone = Some(view.maximised.is_some());
        row(ui, "The active pane alone", Action::Maximise, alone);
        if g.orientation_known() {
            ui.separator();
            let sides = Some(view.neurological);
            row(ui, "Neurological: patient left on the left", Action::SwitchSides, sides);
            row(ui, "Straight in the patient", Action::Straighten, Some(view.straight));
        }
        ui.separator();
        let planning = session.planning();
        row(
            ui,
            "Few-view planner…",
            Action::Planner,
            Some(session.shell().is_open(Panel::Planner)),
        );
        row(ui, "Planner: the true slice", Action::TrueSlice, Some(planning.shows_truth()));
        let unit = if g.unit() == LengthUnit::Millimetre { "mm" } else { "px" };
        let slab = view.slab.map_or("none".to_owned(), |s| s.text(unit));
        row(ui, &format!("Thick slices: {slab}"), Action::NextSlab, Some(view.slab.is_some()));
        if view.slab.is_some() {
            row(ui, "Thicker", Action::Thicken, None);
        }
    })
    .response
    .on_hover_text("Layout, sides, thick slices");
}

/// The colours of a grey image.
fn colors_menu(
    ui: &mut egui::Ui,
    document: &Document,
    tables: &[ColorMap],
    commands: &mut Vec<Command>,
) {
    let now = document.view.colors.unwrap_or(ColorMap::Grey);
    ui.menu_button(format!("Colours: {}", now.name()), |ui| {
        for colors in ColorMap::BUILT_IN.iter().chain(tables) {
            if ui.selectable_label(now == *colors, colors.name()).clicked() {
                commands.push(ViewCommand::SetColors(Some(*colors)).into());
                ui.close();
            }
        }
        ui.separator();
        let tip = "A table of ImageJ (.lut), FSLeyes (.cmap) or 3D Slicer (.ctbl); or drop it on the window";
        if ui.button("From a file…").on_hover_text(tip).clicked() {
            commands.push(Action::OpenDialog.into());
        }
    });
}

fn window_menu(
    ui: &mut egui::Ui,
    document: &Document,
    tables: &[ColorMap],
    commands: &mut Vec<Command>,
) {
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
        let mut smooth = document.view.smooth;
        let tip = "Off, every voxel is seen as it is. Labels and maps are never smoothed";
        if ui.checkbox(&mut smooth, "Smooth between voxels").on_hover_text(tip).changed() {
            commands.push(ViewCommand::Smooth(smooth).into());
        }
        if document.volume.channels() == 1 {
            colors_menu(ui, document, tables, commands);
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
