//! What floats over the panels: path field, export, shortcuts, messages, model card, notices.

use super::{panel::measure_ui, theme};
use crate::app::{
    BINDINGS, Command, EditCommand, Entry, ExportCommand, ExportOptions, Group, Level, MeshFormat,
    Obstacles, OpenCommand, Panel, Session, ShellCommand, typed_path, wording,
};
use eframe::egui;
use egui::{Align2, RichText, vec2};

/// Text that is being typed. It becomes a command when it is done.
#[derive(Default)]
pub(super) struct WindowsLocal {
    pub(super) start_path: String,
    pub(super) focus_start_path: bool,
    path: String,
    path_was_open: bool,
    folder: String,
    session: String,
    folder_shown: std::path::PathBuf,
    options: ExportOptions,
}

impl WindowsLocal {
    pub(super) fn new(session: &Session) -> Self {
        Self {
            folder: session.exports().folder().display().to_string(),
            folder_shown: session.exports().folder().to_owned(),
            ..Self::default()
        }
    }
}

pub(super) fn windows_ui(
    ctx: &egui::Context,
    session: &Session,
    local: &mut WindowsLocal,
    commands: &mut Vec<Command>,
) {
    path_window(ctx, session, local, commands);
    export_window(ctx, session, local, commands);
    session_window(ctx, session, local, commands);
    shortcuts_window(ctx, session, commands);
    log_window(ctx, session, commands);
    card_window(ctx, session, commands);
    super::samples::window_ui(ctx, session, commands);
    about_window(ctx, session, commands);
    leave_window(ctx, session, commands);
    toasts(ctx, session, commands);
    drop_hint(ctx, session);
}

/// A window of ours: its close button is a command too.
pub(super) fn window(
    ctx: &egui::Context,
    session: &Session,
    panel: Panel,
    title: &str,
    commands: &mut Vec<Command>,
    contents: impl FnOnce(&mut egui::Ui, &mut Vec<Command>),
) {
    if !session.shell().is_open(panel) {
        return;
    }
    let mut open = true;
    egui::Window::new(title)
        .open(&mut open)
        .collapsible(false)
        .resizable(false)
        .anchor(Align2::CENTER_CENTER, vec2(0.0, -20.0))
        .show(ctx, |ui| contents(ui, commands));
    if !open {
        commands.push(ShellCommand::Show(panel, false).into());
    }
}

fn path_window(
    ctx: &egui::Context,
    session: &Session,
    local: &mut WindowsLocal,
    commands: &mut Vec<Command>,
) {
    let over = session.shell().is_open(Panel::Fuse);
    let panel = if over { Panel::Fuse } else { Panel::Path };
    let open = session.shell().is_open(panel);
    // The start screen has its own field.
    if open && session.document().is_none() {
        local.focus_start_path = true;
        commands.push(ShellCommand::Show(panel, false).into());
        return;
    }
    let fresh = open && !local.path_was_open;
    local.path_was_open = open;
    let (title, label, verb) = match panel {
        Panel::Fuse => ("Lay an image over this one", "File or folder of the image", "Lay it over"),
        _ => ("Open by path", "File or folder", "Open this path"),
    };
    window(ctx, session, panel, title, commands, |ui, commands| {
        ui.set_width(520.0);
        let label = ui.label(label);
        let field = egui::TextEdit::singleline(&mut local.path)
            .hint_text("/path/to/image")
            .desired_width(f32::INFINITY);
        let field = ui.add(field).labelled_by(label.id);
        if fresh {
            field.request_focus();
        }
        let enter = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        let path = typed_path(&local.path);
        let (button, beside) = ui
            .horizontal(|ui| {
                let button = ui.add_enabled(path.is_some(), theme::primary(ui, verb));
                let beside = panel == Panel::Fuse
                    && ui
                        .add_enabled(path.is_some(), egui::Button::new("Put it beside"))
                        .on_hover_text("Another study, on the same slices")
                        .clicked();
                (button, beside)
            })
            .inner;
        if let Some(path) = path.clone().filter(|_| beside) {
            commands.push(OpenCommand::Beside(path).into());
        }
        let clicked = button.on_disabled_hover_text("type a path first").clicked();
        if (enter || clicked)
            && let Some(path) = path
        {
            let over = panel == Panel::Fuse;
            commands
                .push(if over { OpenCommand::Over(path) } else { OpenCommand::path(path) }.into());
        }
    });
}

fn export_window(
    ctx: &egui::Context,
    session: &Session,
    local: &mut WindowsLocal,
    commands: &mut Vec<Command>,
) {
    if local.folder_shown != session.exports().folder() {
        local.folder_shown = session.exports().folder().to_owned();
        local.folder = local.folder_shown.display().to_string();
    }
    window(ctx, session, Panel::Export, "Export", commands, |ui, commands| {
        ui.set_width(540.0);
        let edited = session.editing().work().is_some();
        if edited {
            ui.horizontal(|ui| {
                ui.label(small("Write").weak());
                for (of, text) in [(false, "the result"), (true, "the edited mask")] {
                    let chosen = session.exports().is_edited() == of;
                    if ui.selectable_label(chosen, text).clicked() && !chosen {
                        commands.push(ExportCommand::Edited(of).into());
                    }
                }
            });
        }
        if edited && session.exports().is_edited() {
            super::edited_export::edited_ui(
                ui,
                session,
                &mut local.folder,
                &mut local.options,
                commands,
            );
            return;
        }
        let Some(entry) = session.export_target() else {
            ui.label(
                "There is no result to export yet: run a model first, or choose one of the list.",
            );
            return;
        };
        let outcome = entry.about();
        let [what, how, _] = entry.lines();
        ui.label(
            RichText::new(format!("{what} · {}", wording::drawn(outcome, &entry.included)))
                .strong(),
        );
        ui.label(small(&how).weak());
        for notice in wording::ambers(&outcome.notices) {
            ui.label(small(&format!("Caution: {}", notice.text)).color(theme::colors(ui).amber));
        }
        let label = ui.label("Export folder");
        ui.horizontal(|ui| {
            let field = egui::TextEdit::singleline(&mut local.folder)
                .desired_width(ui.available_width() - 100.0);
            ui.add(field).labelled_by(label.id);
            if ui.button("Choose…").on_hover_text("Choose with a file dialog").clicked() {
                commands.push(ExportCommand::ChooseFolder.into());
            }
        });
        let o = &mut local.options;
        let obstacles = Obstacles::of(&outcome.geometry, &outcome.source);
        let from_dicom = outcome.source.dicom.is_some();
        let one = outcome.deterministic;
        let nifti = if one {
            "NIfTI: mask, label names"
        } else {
            "NIfTI: mask, probability, uncertainty map, samples, label names"
        };
        ui.checkbox(&mut o.nifti, nifti);
        if !one {
            ui.horizontal(|ui| {
                ui.add_space(25.0);
                let label = ui.label(small("Map of").weak());
                measure_ui(ui, &mut o.measure).labelled_by(label.id);
                let all = "and all other maps: count, STAPLE";
                ui.add_enabled(o.nifti, egui::Checkbox::new(&mut o.all_maps, all));
            });
            ui.checkbox(&mut o.table, "CSV: the size of each sample");
        }
        let can = session.can_report();
        o.report &= can;
        let page = egui::Checkbox::new(&mut o.report, "Report: one page with pictures (HTML)");
        ui.add_enabled(can, page).on_disabled_hover_text("open the image of the result first");
        let seg = if one { "DICOM SEG: mask" } else { "DICOM SEG: mask and probability" };
        for (flag, text, why) in [
            (&mut o.seg, seg, &obstacles.seg),
            (&mut o.rtstruct, "RT Structure Set: contours of the mask", &obstacles.rtstruct),
        ] {
            *flag &= why.is_none();
            let row = ui.add_enabled(why.is_none(), egui::Checkbox::new(flag, text));
            row.on_disabled_hover_text(why.as_deref().unwrap_or_default());
        }
        // A picture has none, and files chosen for a volume before are not meant for it.
        if outcome.geometry.is_2d() {
            o.surface = None;
        } else {
            surface_choice(ui, &mut o.surface);
        }
        let dicom = o.seg || o.rtstruct || o.report;
        let identity = egui::Checkbox::new(&mut o.keep_identity, "Copy patient name, ID and dates");
        ui.add_enabled(dicom && from_dicom, identity)
            .on_hover_text("Into the DICOM files, so that an archive files them with their study")
            .on_disabled_hover_text("Only DICOM files made from a DICOM scan can hold them");
        let identity = match (dicom, from_dicom, o.keep_identity) {
            (false, ..) | (_, false, _) => "no patient identity",
            (true, true, true) => "the DICOM files and the report hold the patient's identity",
            (true, true, false) => {
                "no patient name, ID or dates; the DICOM files refer to the series by its UIDs"
            }
        };
        let files = format!("result.json holds the provenance; {identity}");
        ui.label(RichText::new(files).size(12.0).weak());
        ui.checkbox(&mut o.overwrite, "Overwrite existing files");
        let m = &outcome.model;
        let provenance = format!(
            "{} ({}), {}, {}",
            m.id,
            m.sha256.get(..12).unwrap_or(&m.sha256),
            wording::settings(outcome, &entry.included),
            wording::RESEARCH_USE_SHORT
        );
        ui.label(RichText::new(provenance).size(12.0).weak());
        ui.add_space(4.0);
        let folder = typed_path(&local.folder);
        let o = local.options;
        let any = o.nifti || o.seg || o.rtstruct || o.table || o.report || o.surface.is_some();
        let ready = folder.is_some() && any && !session.exports().is_writing();
        let button = ui.add_enabled(ready, theme::primary(ui, "Write the files"));
        let why = match (session.exports().is_writing(), any) {
            (true, _) => "writing",
            (_, false) => "choose a format first",
            _ => "type a folder first",
        };
        if button.on_disabled_hover_text(why).clicked()
            && let Some(folder) = folder
        {
            commands.push(
                ExportCommand::Write { result: entry.id, folder, options: local.options }.into(),
            );
        }
        if session.exports().is_writing() {
            ui.label("writing");
        } else if !session.exports().files().is_empty() {
            ui.label(
                RichText::new(format!("{} files written", session.exports().files().len()))
                    .strong(),
            );
            for file in session.exports().files() {
                let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
                ui.label(RichText::new(name).size(12.0).weak());
            }
        }
    });
}

/// Where mask, measurements and view are to be kept.
fn session_window(
    ctx: &egui::Context,
    session: &Session,
    local: &mut WindowsLocal,
    commands: &mut Vec<Command>,
) {
    if local.session.is_empty() {
        let folder = session.exports().folder();
        local.session = folder.with_file_name("session.sfumato").display().to_string();
    }
    window(ctx, session, Panel::Session, "Keep the session", commands, |ui, commands| {
        ui.set_width(520.0);
        ui.label("Mask, measurements and view in one file. Opening it opens the image with them.");
        let label = ui.label("File");
        let field = egui::TextEdit::singleline(&mut local.session).desired_width(f32::INFINITY);
        ui.add(field).labelled_by(label.id);
        let path = typed_path(&local.session).map(|p| p.with_extension("sfumato"));
        let any = session.editing().work().is_some();
        let button =
            ui.add_enabled(path.is_some() && any, theme::primary(ui, "Keep it in this file"));
        let why = if any { "type a path first" } else { "nothing was drawn or measured yet" };
        if button.on_disabled_hover_text(why).clicked()
            && let Some(path) = path
        {
            commands.push(EditCommand::SaveSession(path).into());
            commands.push(ShellCommand::Show(Panel::Session, false).into());
        }
    });
}

fn shortcuts_window(ctx: &egui::Context, session: &Session, commands: &mut Vec<Command>) {
    window(ctx, session, Panel::Shortcuts, "Keyboard and mouse", commands, |ui, _| {
        ui.set_width(700.0);
        let height = (ui.ctx().content_rect().height() - 140.0).max(200.0);
        egui::ScrollArea::vertical()
            .max_height(height)
            .min_scrolled_height(height.min(620.0))
            .show(ui, |ui| {
                ui.columns(2, |columns| {
                    for (i, group) in Group::ALL.into_iter().enumerate() {
                        let ui = &mut columns[usize::from(i >= 4)];
                        theme::section(ui, group.title());
                        egui::Grid::new(group.title()).num_columns(2).spacing([14.0, 3.0]).show(
                            ui,
                            |ui| {
                                for b in BINDINGS.iter().filter(|b| b.group == group) {
                                    ui.label(
                                        RichText::new(b.chord.text())
                                            .color(theme::colors(ui).accent),
                                    );
                                    ui.label(b.title);
                                    ui.end_row();
                                }
                            },
                        );
                    }
                    let ui = &mut columns[1];
                    theme::section(ui, "Mouse");
                    egui::Grid::new("mouse").num_columns(2).spacing([14.0, 3.0]).show(ui, |ui| {
                        for (gesture, meaning) in [
                            ("left", "crosshair and probe"),
                            ("right drag", "window (sideways) and level"),
                            ("middle drag", "pan; also Space and left"),
                            ("wheel", "slice; with Shift five"),
                            ("Ctrl+wheel", "zoom at the pointer"),
                        ] {
                            ui.label(RichText::new(gesture).color(theme::colors(ui).accent));
                            ui.label(meaning);
                            ui.end_row();
                        }
                    });
                });
            });
    });
}

fn log_window(ctx: &egui::Context, session: &Session, commands: &mut Vec<Command>) {
    window(ctx, session, Panel::Log, "Messages of this session", commands, |ui, _| {
        ui.set_width(560.0);
        egui::ScrollArea::vertical().max_height(420.0).show(ui, |ui| {
            if session.shell().log().entries().next().is_none() {
                ui.label(RichText::new("No messages so far.").weak());
            }
            for entry in session.shell().log().entries().rev() {
                ui.horizontal_wrapped(|ui| {
                    let (name, color) = level(ui, entry);
                    ui.label(RichText::new(name).size(12.0).color(color));
                    ui.label(&entry.text);
                });
            }
        });
    });
}

fn card_window(ctx: &egui::Context, session: &Session, commands: &mut Vec<Command>) {
    let Some(card) = session.runs().card() else { return };
    window(ctx, session, Panel::Card, "About this model", commands, |ui, _| {
        ui.set_width(600.0);
        ui.label(RichText::new(&card.title).heading());
        let hash =
            format!("{} · SHA-256 {}", card.id, card.sha256.get(..16).unwrap_or(&card.sha256));
        ui.label(RichText::new(hash).size(12.0).weak());
        ui.separator();
        egui::ScrollArea::vertical().max_height(440.0).show(ui, |ui| markdown(ui, &card.markdown));
    });
}

/// Headings, list points and paragraphs: all that a card holds.
fn markdown(ui: &mut egui::Ui, text: &str) {
    for line in text.lines() {
        let line = line.replace("**", "").replace('`', "");
        if let Some(heading) = line.strip_prefix('#') {
            ui.add_space(6.0);
            ui.label(RichText::new(heading.trim_start_matches('#').trim()).strong());
        } else if line.trim().is_empty() {
            ui.add_space(2.0);
        } else {
            ui.label(line);
        }
    }
}

fn about_window(ctx: &egui::Context, session: &Session, commands: &mut Vec<Command>) {
    window(ctx, session, Panel::About, "About", commands, |ui, _| {
        ui.set_width(420.0);
        ui.label(theme::wordmark(ui, 36.0));
        ui.label(format!("Version {}", env!("CARGO_PKG_VERSION")));
        ui.label(wording::PURPOSE);
        ui.label(wording::RESEARCH_USE);
    });
}

fn small(text: &str) -> RichText {
    RichText::new(text).size(12.0)
}

/// Before results are lost with the window.
fn leave_window(ctx: &egui::Context, session: &Session, commands: &mut Vec<Command>) {
    window(ctx, session, Panel::Leave, "Close Sfumato?", commands, |ui, commands| {
        ui.set_width(420.0);
        let text = match session.results().unexported() {
            0 => None,
            1 => Some("One result was not exported. It is lost if Sfumato closes now.".to_owned()),
            n => {
                Some(format!("{n} results were not exported. They are lost if Sfumato closes now."))
            }
        };
        let edits = match session.editing().unsaved() {
            0 => None,
            1 => Some("What you drew or measured on one image was not exported.".to_owned()),
            n => Some(format!("What you drew or measured on {n} images was not exported.")),
        };
        for text in [text, edits].into_iter().flatten() {
            ui.label(text);
        }
        ui.horizontal(|ui| {
            if ui.add(theme::primary(ui, "Stay")).clicked() {
                commands.push(ShellCommand::Show(Panel::Leave, false).into());
            }
            if ui.button("Close and lose them").clicked() {
                commands.push(ShellCommand::Leave.into());
            }
        });
    });
}

/// First start: a line under the top bar. It does not stand in the way: everything works with it.
pub(super) fn research_use_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    if session.shell().research_use_acknowledged() {
        return;
    }
    let frame = egui::Frame::new()
        .fill(theme::colors(ui).caution)
        .inner_margin(egui::Margin::symmetric(14, 6));
    egui::Panel::top("research use").frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.add(theme::primary(ui, "Understood")).clicked() {
                    commands.push(ShellCommand::AcknowledgeResearchUse.into());
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    let text = RichText::new(wording::RESEARCH_USE).strong();
                    ui.add(egui::Label::new(text).wrap());
                });
            });
        });
    });
}

pub(super) fn popup_frame(ui: &egui::Ui, edge: egui::Color32) -> egui::Frame {
    egui::Frame::new()
        .fill(theme::colors(ui).raised)
        .stroke(egui::Stroke::new(1.0, edge))
        .corner_radius(8)
        .inner_margin(egui::Margin::same(12))
        .shadow(egui::Shadow {
            offset: [0, 4],
            blur: 18,
            spread: 0,
            color: egui::Color32::from_black_alpha(90),
        })
}

fn level(ui: &egui::Ui, entry: &Entry) -> (&'static str, egui::Color32) {
    let colors = theme::colors(ui);
    match entry.level {
        Level::Info => ("note", colors.weak),
        Level::Warning => ("caution", colors.amber),
        Level::Error => ("error", colors.red),
    }
}

fn toasts(ctx: &egui::Context, session: &Session, commands: &mut Vec<Command>) {
    if session.shell().log().toasts().next().is_none() {
        return;
    }
    let side = if session.document().is_some() { 350.0 } else { 0.0 };
    egui::Area::new(egui::Id::unique("toasts"))
        .anchor(Align2::RIGHT_TOP, vec2(-14.0 - side, 58.0))
        .order(egui::Order::Foreground)
        .show(ctx, |ui| {
            for entry in session.shell().log().toasts() {
                let (name, color) = level(ui, entry);
                popup_frame(ui, color).show(ui, |ui| {
                    ui.set_width(360.0);
                    ui.horizontal_top(|ui| {
                        ui.vertical(|ui| {
                            ui.set_width(280.0);
                            ui.label(RichText::new(name).size(12.0).color(color).strong());
                            ui.label(RichText::new(&entry.text).strong());
                        });
                        if ui.small_button("Close").on_hover_text("Close this message").clicked() {
                            commands.push(ShellCommand::DismissToast(entry.id).into());
                        }
                    });
                });
            }
        });
}

/// Says before release what a drop would do.
fn drop_hint(ctx: &egui::Context, session: &Session) {
    let hovering = ctx.input(|i| !i.raw.hovered_files.is_empty());
    if !hovering || session.document().is_none() {
        return;
    }
    let area = ctx.content_rect();
    let painter =
        ctx.layer_painter(egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop")));
    painter.rect_filled(area, 0.0, egui::Color32::from_black_alpha(150));
    painter.text(
        area.center(),
        Align2::CENTER_CENTER,
        "Release to open: image, series or label map",
        egui::FontId::proportional(22.0),
        theme::ON_IMAGE.accent,
    );
}

/// Surfaces as files of one of three formats.
fn surface_choice(ui: &mut egui::Ui, chosen: &mut Option<MeshFormat>) {
    ui.horizontal(|ui| {
        let mut on = chosen.is_some();
        ui.checkbox(&mut on, "Surfaces in mm, LPS, as").on_hover_text(
            "One closed surface for each class; PLY also holds how the samples part",
        );
        if on != chosen.is_some() {
            *chosen = on.then_some(MeshFormat::Stl);
        }
        for format in MeshFormat::ALL {
            let name = format.ending().to_uppercase();
            if ui.selectable_label(*chosen == Some(format), name).clicked() {
                *chosen = Some(format);
            }
        }
    });
}
