//! The series that lie under one name: a list inside the window, for keyboard and mouse. Texts
//! that may name the patient are shown here and go nowhere else.

use super::pictures::Pictures;
use super::theme;
use crate::app::{Chooser, Command, OpenCommand, SeriesInfo, Thumbnail};
use eframe::egui;
use egui::{Align2, FontId, Key, Rect, RichText, Sense, Stroke, StrokeKind, vec2};

const ROW: f32 = 84.0;
/// Of a row that cannot be opened.
const LOW_ROW: f32 = 44.0;
const GAP: f32 = 4.0;
/// So many rows are always there, for screen readers too; more only where they are near the view.
const FEW: usize = 64;
const AROUND: f32 = 600.0;
const THUMBNAIL: f32 = 72.0;
/// Rows that a page key walks.
const PAGE: i64 = 5;

/// Where the columns begin, from the right edge of the list.
struct Columns {
    text: f32,
    modality: f32,
    size: f32,
    slices: f32,
    date: f32,
}

impl Columns {
    fn of(rect: Rect) -> Self {
        let r = rect.right();
        Self {
            text: rect.left() + THUMBNAIL + 22.0,
            modality: r - 400.0,
            size: r - 320.0,
            slices: r - 205.0,
            date: r - 105.0,
        }
    }
}

#[derive(Default)]
pub(super) struct ChooserLocal {
    /// The row that was last scrolled to.
    seen: Option<usize>,
    pictures: Pictures,
}

pub(super) fn chooser_ui(
    ui: &mut egui::Ui,
    chooser: &Chooser,
    local: &mut ChooserLocal,
    commands: &mut Vec<Command>,
) {
    let openable = chooser.list.openable();
    let width = (ui.available_width() - 48.0).clamp(420.0, 1080.0);
    let all = ui.available_rect_before_wrap();
    let place = Rect::from_center_size(all.center(), vec2(width, all.height()));
    let typing = ui.ctx().text_edit_focused();
    let mut on_other_widget = false;
    ui.scope_builder(egui::UiBuilder::new().max_rect(place), |ui| {
        ui.add_space(18.0);
        ui.horizontal(|ui| {
            let title = format!("{openable} series in {}", chooser.name);
            ui.label(RichText::new(title).heading().strong());
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let open = ui.add(theme::primary(ui, "Open series"));
                let cancel = ui.button("Close the list");
                on_other_widget = open.has_focus() || cancel.has_focus();
                if chooser.list.is_joined() {
                    let apart = ui.button("List separately");
                    on_other_widget |= apart.has_focus();
                    let why = "Series were joined because their slices form one stack";
                    if apart.on_hover_text(why).clicked() {
                        commands.push(OpenCommand::SeparateSeries.into());
                    }
                }
                if open.on_hover_text("The marked one (Enter, double click)").clicked() {
                    commands.push(OpenCommand::MarkedSeries.into());
                }
                if cancel.on_hover_text("Open none (Escape)").clicked() {
                    commands.push(OpenCommand::DismissSeries.into());
                }
            });
        });
        if let Some(problem) = &chooser.problem {
            ui.label(RichText::new(problem).color(theme::colors(ui).red));
        }
        head(ui);
        egui::ScrollArea::vertical().auto_shrink([false, false]).show_viewport(ui, |ui, view| {
            rows_ui(ui, view, chooser, local, commands);
        });
    });
    local.pictures.tidy();
    local.seen = Some(chooser.marked);
    if !typing {
        keys(ui, on_other_widget, commands);
    }
}

/// The rows; of very many only those near the view, and the marked one.
fn rows_ui(
    ui: &mut egui::Ui,
    view: Rect,
    chooser: &Chooser,
    local: &mut ChooserLocal,
    commands: &mut Vec<Command>,
) {
    let (rows, openable) = (&chooser.rows, chooser.list.openable());
    // What can be opened comes first, in higher rows.
    let top = |k: usize| {
        k.min(openable) as f32 * (ROW + GAP) + k.saturating_sub(openable) as f32 * (LOW_ROW + GAP)
    };
    ui.set_height(top(rows.len()) + 24.0);
    let area = ui.max_rect();
    for (k, &index) in rows.iter().enumerate() {
        let near = top(k + 1) > view.top() - AROUND && top(k) < view.bottom() + AROUND;
        let marked = chooser.marked == index;
        if rows.len() > FEW && !near && !marked {
            continue;
        }
        let Some(series) = chooser.list.series().get(index) else { continue };
        let place = Rect::from_min_max(
            egui::pos2(area.left(), area.top() + top(k)),
            egui::pos2(area.right(), area.top() + top(k + 1) - GAP),
        );
        ui.scope_builder(egui::UiBuilder::new().id_salt(index).max_rect(place), |ui| {
            row(ui, chooser, series, local, commands);
        });
    }
}

fn keys(ui: &egui::Ui, on_other_widget: bool, commands: &mut Vec<Command>) {
    let walk = [
        (Key::ArrowDown, 1),
        (Key::ArrowUp, -1),
        (Key::PageDown, PAGE),
        (Key::PageUp, -PAGE),
        (Key::Home, -i64::from(u32::MAX)),
        (Key::End, i64::from(u32::MAX)),
    ];
    ui.input(|i| {
        for event in &i.raw.events {
            let egui::Event::Key { key, pressed: true, modifiers, .. } = event else { continue };
            if modifiers.any() {
                continue;
            }
            if let Some((_, by)) = walk.iter().find(|(k, _)| k == key) {
                commands.push(OpenCommand::StepSeries(*by).into());
            }
            // A focused button answers the key itself.
            if *key == Key::Enter && !on_other_widget {
                commands.push(OpenCommand::MarkedSeries.into());
            }
        }
    });
}

fn head(ui: &mut egui::Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::hover());
    let columns = Columns::of(rect);
    for (x, name) in [
        (columns.text, "Description"),
        (columns.modality, "Modality"),
        (columns.size, "Size"),
        (columns.slices, "Slices"),
        (columns.date, "Date"),
    ] {
        let at = egui::pos2(x, rect.center().y);
        let font = FontId::proportional(12.0);
        ui.painter().text(at, Align2::LEFT_CENTER, name, font, theme::colors(ui).weak);
    }
}

fn row(
    ui: &mut egui::Ui,
    chooser: &Chooser,
    series: &SeriesInfo,
    local: &mut ChooserLocal,
    commands: &mut Vec<Command>,
) {
    let colors = theme::colors(ui);
    let enabled = series.has_pixels;
    let marked = enabled && chooser.marked == series.index;
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let height = if enabled { ROW } else { LOW_ROW };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), sense);
    // Only where somebody reads or sees it: there may be very many rows.
    let texts = || (title(series), format!("{} × {}", series.columns, series.rows));
    let kind = if series.modality.is_empty() { "–" } else { &series.modality };
    response.widget_info(|| {
        let ((title, size), slices) = (texts(), slices(series.frames));
        let name = if enabled {
            format!("Series {title}, {kind}, {size}, {slices}")
        } else {
            format!("Series {title}, cannot be opened")
        };
        egui::WidgetInfo::selected(egui::accesskit::Role::ListItem, enabled, marked, name)
    });
    if response.clicked() || response.gained_focus() {
        commands.push(OpenCommand::MarkSeries(series.index).into());
    }
    if response.double_clicked() {
        commands.push(OpenCommand::MarkSeries(series.index).into());
        commands.push(OpenCommand::MarkedSeries.into());
    }
    if marked && local.seen != Some(series.index) {
        response.scroll_to_me(None);
    }
    if !ui.is_rect_visible(rect) {
        return;
    }
    let ((title, size), slices) = (texts(), slices(series.frames));
    let fill = match (marked, response.hovered()) {
        (true, _) => colors.hover,
        (false, true) if enabled => colors.raised,
        _ => colors.panel,
    };
    let edge = if marked { Stroke::new(1.5, colors.accent) } else { Stroke::new(1.0, colors.line) };
    ui.painter().rect(rect, theme::ROUND, fill, edge, StrokeKind::Inside);
    let columns = Columns::of(rect);
    let painter = ui.painter();
    let line = |x: f32, y: f32, text: &str, size: f32, color: egui::Color32, room: f32| {
        let mut job = egui::text::LayoutJob::simple_singleline(
            text.to_owned(),
            FontId::proportional(size),
            color,
        );
        job.wrap = egui::text::TextWrapping::truncate_at_width(room);
        let galley = painter.layout_job(job);
        let at = egui::pos2(x, y - galley.size().y / 2.0);
        painter.galley(at, galley, color);
    };
    let middle = rect.center().y;
    let room = columns.modality - columns.text - 14.0;
    if !enabled {
        let why = series.problem.as_deref().unwrap_or("it holds no picture");
        line(columns.text, middle - 9.0, &title, 13.5, colors.weak, room);
        let wide = rect.right() - columns.text - 12.0;
        line(columns.text, middle + 9.0, why, 12.0, colors.weak, wide);
        return;
    }
    line(columns.text, middle - 10.0, &title, 15.0, colors.strong, room);
    line(columns.text, middle + 11.0, &origin(series), 12.0, colors.weak, room);
    line(columns.modality, middle, kind, 13.5, colors.text, 74.0);
    line(columns.size, middle, &size, 13.5, colors.text, 110.0);
    line(columns.slices, middle, &slices, 13.5, colors.text, 96.0);
    line(columns.date, middle, &date(series.date.reveal()), 13.5, colors.text, 100.0);
    let frame = Rect::from_min_size(rect.min + vec2(6.0, 6.0), vec2(THUMBNAIL, ROW - 12.0));
    painter.rect_filled(frame, 4.0, egui::Color32::BLACK);
    match chooser.list.thumbnail(series.index) {
        Thumbnail::Ready(picture) => {
            local.pictures.paint(ui, &picture, frame);
        }
        waiting => {
            let text = if matches!(waiting, Thumbnail::Waiting) { "…" } else { "no picture" };
            let font = FontId::proportional(11.0);
            painter.text(frame.center(), Align2::CENTER_CENTER, text, font, colors.weak);
        }
    }
}

/// The description, or what else tells it apart.
fn title(series: &SeriesInfo) -> String {
    let description = series.description.reveal().trim();
    match (description.is_empty(), series.number) {
        (false, _) => description.to_owned(),
        (true, Some(n)) => format!("series {n}, no description"),
        (true, None) => "no description".to_owned(),
    }
}

fn origin(series: &SeriesInfo) -> String {
    let number = series.number.map(|n| format!("series {n} · ")).unwrap_or_default();
    let files = if series.files == 1 { "file" } else { "files" };
    format!("{number}{} {files} · {}", series.files, series.kind)
}

fn slices(n: usize) -> String {
    if n == 1 { "1 slice".to_owned() } else { format!("{n} slices") }
}

/// `20240301` as `2024-03-01`; anything else as it stands.
fn date(text: &str) -> String {
    match (text.get(..4), text.get(4..6), text.get(6..8)) {
        (Some(year), Some(month), Some(day))
            if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) =>
        {
            format!("{year}-{month}-{day}")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_readable_and_odd_ones_stay() {
        assert_eq!(date("20240301"), "2024-03-01");
        assert_eq!(date("2024.03.01"), "2024.03.01");
        assert_eq!(date("Märzmärz"), "Märzmärz");
        assert_eq!(date(""), "");
    }
}
