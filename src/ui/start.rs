//! The first screen: what this is, three scans to try, recent files, and where to drop a file.

use super::pictures::Pictures;
use super::thumbnails::Thumbnails;
use super::windows::WindowsLocal;
use super::{input::hint, theme};
use crate::app::{
    Action, Command, OpenCommand, RECENTS_SHOWN, Recent, Session, ShellCommand, chord_text,
    typed_path, wording,
};
use eframe::egui;
use egui::{Color32, Pos2, Rect, Sense, Stroke, StrokeKind, vec2};

const CARD: egui::Vec2 = vec2(232.0, 150.0);
/// Of a recent file, with its name.
const RECENT: egui::Vec2 = vec2(168.0, 132.0);

pub(super) fn start_ui(
    ui: &mut egui::Ui,
    session: &Session,
    thumbnails: &Thumbnails,
    local: &mut WindowsLocal,
    pictures: &mut Pictures,
    commands: &mut Vec<Command>,
) {
    smoke(ui);
    egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        let width = (3.0 * CARD.x + 2.0 * 16.0).min(ui.available_width() - 32.0);
        let side = ((ui.available_width() - width) / 2.0).max(0.0);
        ui.horizontal(|ui| {
            ui.add_space(side);
            ui.vertical(|ui| {
                ui.set_width(width);
                ui.add_space((ui.ctx().content_rect().height() * 0.07).max(16.0));
                ui.label(theme::wordmark(ui, 58.0));
                ui.label(egui::RichText::new(wording::PURPOSE).size(16.0));
                ui.add_space(14.0);
                refusal(ui, session, commands);
                super::leftovers::leftovers_ui(ui, session, commands);
                opening(ui, session, local, commands);
                super::results::list_ui(ui, session, commands);
                ui.add_space(16.0);
                demos(ui, session, thumbnails, commands);
                ui.add_space(14.0);
                recent(ui, session, pictures, commands);
                ui.add_space(24.0);
            });
        });
    });
}

/// A soft light from above: the one ornament.
fn smoke(ui: &egui::Ui) {
    let colors = theme::colors(ui);
    let area = ui.max_rect();
    let painter = ui.painter();
    let mut mesh = egui::Mesh::default();
    let center = area.center_top() + vec2(-area.width() * 0.18, area.height() * 0.1);
    let rings = [(0.0, 34.0), (0.25, 22.0), (0.55, 9.0), (1.0, 0.0)];
    const SPOKES: u32 = 48;
    let reach = area.width().max(area.height()) * 0.45;
    for (radius, light) in rings {
        for s in 0..SPOKES {
            let a = s as f32 / SPOKES as f32 * std::f32::consts::TAU;
            let p = center + reach * radius * vec2(a.cos(), a.sin() * 0.7);
            let color = theme::mix(colors.accent, colors.smoke, radius.min(1.0) * 1.6);
            mesh.colored_vertex(
                p,
                Color32::from_rgba_unmultiplied(color.r(), color.g(), color.b(), light as u8),
            );
        }
    }
    for ring in 0..3u32 {
        for s in 0..SPOKES {
            let (a, b) = (ring * SPOKES + s, ring * SPOKES + (s + 1) % SPOKES);
            mesh.add_triangle(a, b, a + SPOKES);
            mesh.add_triangle(b, a + SPOKES, b + SPOKES);
        }
    }
    painter.add(mesh);
}

fn refusal(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let colors = theme::colors(ui);
    let Some(text) = session.opening().refused() else { return };
    egui::Frame::new()
        .fill(colors.refusal)
        .stroke(Stroke::new(1.0, colors.red))
        .corner_radius(theme::ROUND)
        .inner_margin(egui::Margin::same(12))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.label(
                egui::RichText::new("The file could not be opened").color(colors.red).strong(),
            );
            ui.label(egui::RichText::new(text).strong());
            if ui.button("Dismiss").clicked() {
                commands.push(OpenCommand::DismissRefusal.into());
            }
        });
    ui.add_space(6.0);
}

/// Drop area with the path field in it.
fn opening(
    ui: &mut egui::Ui,
    session: &Session,
    local: &mut WindowsLocal,
    commands: &mut Vec<Command>,
) {
    let colors = theme::colors(ui);
    let hovering = ui.input(|i| !i.raw.hovered_files.is_empty());
    let frame = theme::card(ui).fill(if hovering { colors.hover } else { colors.panel });
    let frame = if hovering { frame.stroke(Stroke::new(2.0, colors.accent)) } else { frame };
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        if let Some(loading) = session.opening().loading() {
            super::opening::progress_ui(ui, loading, commands);
            return;
        }
        let drop = if hovering {
            "Release to open"
        } else {
            "Drop files or a folder here: DICOM (also zip, DICOMDIR), NIfTI, PNG, JPEG, TIFF or BMP"
        };
        ui.label(egui::RichText::new(drop).color(if hovering {
            colors.accent
        } else {
            colors.text
        }));
        ui.horizontal(|ui| {
            let open = theme::primary(ui, "Open…");
            if ui.add(open).on_hover_text(hint("Open an image", Action::OpenDialog)).clicked() {
                commands.push(Action::OpenDialog.into());
            }
            let folder = ui.button("Folder…");
            let tip = hint("Open a folder of DICOM files", Action::FolderDialog);
            if folder.on_hover_text(tip).clicked() {
                commands.push(Action::FolderDialog.into());
            }
            let field = egui::TextEdit::singleline(&mut local.start_path)
                .hint_text("or type a path and press Enter")
                .desired_width((ui.available_width() - 90.0).max(80.0));
            let field = ui.add(field);
            if local.focus_start_path {
                field.request_focus();
                local.focus_start_path = false;
            }
            let enter = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
            let path = typed_path(&local.start_path);
            let button = ui.add_enabled(path.is_some(), egui::Button::new("Open path"));
            let clicked = button.on_disabled_hover_text("type a path first").clicked();
            if (enter || clicked)
                && let Some(path) = path
            {
                commands.push(OpenCommand::path(path).into());
            }
        });
    });
}

fn demos(
    ui: &mut egui::Ui,
    session: &Session,
    thumbnails: &Thumbnails,
    commands: &mut Vec<Command>,
) {
    let colors = theme::colors(ui);
    ui.label(
        egui::RichText::new("Demo scans: computed phantoms whose true outline is known").weak(),
    );
    ui.add_space(2.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 16.0;
        for (i, demo) in crate::app::demo_list().iter().enumerate() {
            ui.vertical(|ui| {
                ui.set_width(CARD.x);
                let (rect, response) = ui.allocate_exact_size(CARD, Sense::click());
                let enabled = session.opening().loading().is_none();
                response.widget_info(|| {
                    egui::WidgetInfo::labeled(
                        egui::accesskit::Role::Button,
                        enabled,
                        format!("Open demo: {}", demo.title),
                    )
                });
                let painter = ui.painter();
                match thumbnails.demo(i) {
                    Some(p) => {
                        egui::Image::from_texture((p.id(), p.size_vec2()))
                            .corner_radius(8)
                            .paint_at(ui, rect);
                    }
                    None => {
                        painter.rect_filled(rect, 8.0, colors.raised);
                    }
                }
                let lit = response.hovered() || response.has_focus();
                let stroke = if lit {
                    Stroke::new(2.0, colors.accent)
                } else {
                    Stroke::new(1.0, colors.line)
                };
                ui.painter().rect_stroke(rect, 8.0, stroke, StrokeKind::Outside);
                if response.clicked() && enabled {
                    commands.push(OpenCommand::Demo(demo.name.to_owned()).into());
                }
                ui.label(egui::RichText::new(demo.title).strong());
                ui.label(egui::RichText::new(demo.description).size(12.0).weak());
            });
        }
    });
}

fn recent(
    ui: &mut egui::Ui,
    session: &Session,
    pictures: &mut Pictures,
    commands: &mut Vec<Command>,
) {
    let recent = &session.shell().preferences().recent;
    if recent.is_empty() {
        return;
    }
    ui.horizontal(|ui| {
        ui.label(egui::RichText::new("Recent files").weak());
        if ui.small_button("Clear").on_hover_text("Forget the list; no file is touched").clicked() {
            commands.push(ShellCommand::ClearRecent.into());
        }
    });
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(14.0, 10.0);
        for (i, path) in recent.iter().take(RECENTS_SHOWN).enumerate() {
            let key = u8::try_from(i + 1).ok().and_then(|n| chord_text(Action::Recent(n)));
            if recent_card(ui, session, pictures, path, key.as_deref()).clicked() {
                commands.push(OpenCommand::path(path.clone()).into());
            }
        }
    });
}

/// Picture, name and key of a recent file.
fn recent_card(
    ui: &mut egui::Ui,
    session: &Session,
    pictures: &mut Pictures,
    path: &std::path::Path,
    key: Option<&str>,
) -> egui::Response {
    let colors = theme::colors(ui);
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let (rect, response) = ui.allocate_exact_size(RECENT, Sense::click());
    response.widget_info(|| {
        let name = format!("Open recent: {name}");
        egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, name)
    });
    let place = Rect::from_min_max(rect.min, rect.max - vec2(0.0, 22.0));
    let painter = ui.painter().with_clip_rect(rect.expand(2.0));
    painter.rect_filled(place, 6.0, theme::ON_IMAGE.canvas);
    let font = egui::FontId::proportional(12.5);
    let known = session.shell().recents().of(path);
    let words = match &known {
        Recent::Ready(picture) => {
            pictures.paint(ui, picture, place.shrink(3.0));
            ""
        }
        Recent::Waiting => "reading",
        Recent::Bare => "no picture",
        Recent::Missing => "not found",
    };
    let center = egui::Align2::CENTER_CENTER;
    painter.text(place.center(), center, words, font.clone(), theme::ON_IMAGE.weak);
    let lit = response.hovered() || response.has_focus();
    let edge = if lit { Stroke::new(2.0, colors.accent) } else { Stroke::new(1.0, colors.line) };
    painter.rect_stroke(place, 6.0, edge, StrokeKind::Outside);
    let color = if known == Recent::Missing { colors.weak } else { colors.text };
    let mut job = egui::text::LayoutJob::simple_singleline(name.into_owned(), font.clone(), color);
    let room = if key.is_some() { 46.0 } else { 0.0 };
    job.wrap = egui::text::TextWrapping::truncate_at_width(rect.width() - room);
    let text = painter.layout_job(job);
    painter.galley(Pos2::new(rect.left(), place.bottom() + 4.0), text, color);
    let at = Pos2::new(rect.right(), place.bottom() + 4.0);
    painter.text(at, egui::Align2::RIGHT_TOP, key.unwrap_or(""), font, colors.weak);
    response.on_hover_text(path.display().to_string())
}
