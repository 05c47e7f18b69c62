//! The sliders beside the image: its slices, its time points.

use super::input::hint;

use crate::app::{Action, Command, Document, Pane, Session, View, ViewCommand, ViewId, pane_name};
use eframe::egui;
use egui::{Color32, Rect, Sense, vec2};

/// What the tracks beside a slider stand for, with their colours.
const TRACKS: [(&str, Color32); 3] = [
    ("label map", Color32::from_rgb(120, 190, 140)),
    ("result", Color32::from_rgb(110, 170, 235)),
    ("disagreement", Color32::from_rgb(232, 197, 128)),
];
const TRACK_WIDTH: f32 = 4.0;
/// Width of a slider, in points.
const RAIL: f32 = 22.0;

/// What is drawn over the slices across an axis: label map, result, disagreement.
fn tracks<'a>(session: &'a Session, document: &'a Document, axis: usize) -> [Option<&'a [f64]>; 3] {
    let findings = session.segmented().result();
    let class = findings.and_then(|f| f.classes.get(document.overlays.class));
    let sampled = findings.is_some_and(|f| !f.is_deterministic());
    [
        document.labels.as_ref().map(|l| l.profile.across(axis)),
        findings.map(|f| f.profile.across(axis)),
        class.filter(|_| sampled).map(|c| c.disagreement.across(axis)),
    ]
}

/// A vertical slider in the middle of a bar, with a word below it, and room for tracks on both sides.
/// Returns the responses of the slider and of the word.
pub(super) fn upright(
    ui: &mut egui::Ui,
    bar: Rect,
    below: &str,
    slider: impl FnOnce(&mut egui::Ui) -> egui::Response,
) -> (egui::Response, egui::Response) {
    let bar = bar.shrink2(vec2(0.0, 10.0));
    let mut rail = bar.shrink2(vec2((bar.width() - RAIL) / 2.0, 0.0));
    rail.max.y -= 20.0;
    let mut child = ui.new_child(egui::UiBuilder::new().max_rect(rail));
    child.spacing_mut().slider_width = rail.height().max(30.0);
    child.spacing_mut().interact_size.y = RAIL;
    let response = slider(&mut child);
    let word = Rect::from_min_max(egui::pos2(bar.left(), rail.bottom()), bar.max);
    let text = egui::RichText::new(below).size(11.0).weak();
    (response, ui.put(word, egui::Label::new(text).extend()))
}

pub(super) fn slice_ui(
    ui: &mut egui::Ui,
    rect: Rect,
    session: &Session,
    document: &Document,
    axis: usize,
    commands: &mut Vec<Command>,
) {
    let g = document.volume.geometry();
    let (index, slices) = document.view.slice(g, axis);
    // The first slice is at the top, as the wheel turns down towards the last.
    let mut from_bottom = slices - 1 - index.min(slices - 1);
    let count = format!("{}/{slices}", index + 1);
    let (response, _) = upright(ui, rect, &count, |ui| {
        let slider = egui::Slider::new(&mut from_bottom, 0..=slices - 1);
        ui.add(slider.vertical().show_value(false))
    });
    let name = format!("{} slice", pane_name(g, Pane::Plane(axis)));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name.as_str()));
    let id = ViewId::Across(axis);
    let rail = response.rect;
    if response.on_hover_text("Slice (wheel, PgUp, PgDn)").changed() {
        commands.push(ViewCommand::SetSlice(id, slices - 1 - from_bottom).into());
    }
    // Tracks follow the slices as they are stored.
    if document.view.section(g, axis).is_none_or(|s| s.across.is_none()) {
        return;
    }
    let known = tracks(session, document, axis);
    for (k, (values, (what, color))) in known.into_iter().zip(TRACKS).enumerate() {
        let Some(values) = values else { continue };
        // Two on the left of the rail, one on its right.
        let x = match k {
            0 => rail.left() - 2.0 * TRACK_WIDTH - 2.0,
            1 => rail.left() - TRACK_WIDTH,
            _ => rail.right() + 1.0,
        };
        let track = Rect::from_min_max(
            egui::pos2(x, rail.top()),
            egui::pos2(x + TRACK_WIDTH, rail.bottom()),
        );
        let response =
            ui.interact(track, ui.scope_id().with(("track", axis, k)), Sense::click_and_drag());
        let name = format!("{} slices with {what}", pane_name(g, Pane::Plane(axis)));
        response
            .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, &name));
        paint_track(ui, track, values, color);
        if let Some(pos) =
            response.interact_pointer_pos().filter(|_| response.clicked() || response.dragged())
        {
            let part = f64::from((pos.y - track.top()) / track.height()).clamp(0.0, 1.0);
            let slice = ((part * slices as f64) as usize).min(slices - 1);
            commands.push(ViewCommand::SetSlice(id, slice).into());
        }
        response
            .on_hover_text(format!("Where the {what} is: brighter means more; click goes there"));
    }
}

/// One point of height may stand for several slices: the largest of them counts.
fn paint_track(ui: &egui::Ui, track: Rect, values: &[f64], color: Color32) {
    let most = values.iter().copied().fold(0.0, f64::max);
    if most <= 0.0 {
        return;
    }
    let rows = (track.height().floor().max(1.0) as usize).min(values.len());
    let mut mesh = egui::Mesh::default();
    for row in 0..rows {
        let (from, to) = (row * values.len() / rows, (row + 1) * values.len() / rows);
        let value = values[from..to.max(from + 1)].iter().copied().fold(0.0, f64::max);
        if value <= 0.0 {
            continue;
        }
        let y = |row: usize| track.top() + track.height() * row as f32 / rows as f32;
        let rect = Rect::from_x_y_ranges(track.x_range(), y(row)..=y(row + 1));
        let strength = 0.25 + 0.75 * (value / most).sqrt();
        mesh.add_colored_rect(rect, color.gamma_multiply(strength as f32));
    }
    ui.painter().add(mesh);
}

/// Below the image, where there is more than one time point.
pub(super) fn time_ui(
    ui: &mut egui::Ui,
    rect: Rect,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    let (time, times) = (document.view.time, document.volume.times());
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let mut row =
        ui.new_child(egui::UiBuilder::new().layout(layout).max_rect(rect.shrink2(vec2(14.0, 4.0))));
    let text = format!("Time point {}/{times}", time + 1);
    let name = row.add(egui::Label::new(egui::RichText::new(text).size(12.0)).extend());
    for (sign, tip, action) in [
        ("<", "Previous time point", Action::PreviousTime),
        (">", "Next time point", Action::NextTime),
    ] {
        let button = row.add(egui::Button::new(sign).small());
        button.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, tip));
        if button.on_hover_text(hint(tip, action)).clicked() {
            commands.push(action.into());
        }
    }
    let playing = document.view.playing;
    let word = if playing.is_some() { "Stop" } else { "Play" };
    let button = row.add(egui::Button::new(word).small().min_size(vec2(44.0, 0.0)));
    if button.on_hover_text(hint("One time point after the other", Action::Play)).clicked() {
        commands.push(Action::Play.into());
    }
    if let Some(mut speed) = playing {
        let drag = egui::DragValue::new(&mut speed).range(View::SPEEDS).speed(0.2).suffix(" /s");
        let response = row.add(drag.max_decimals(0));
        row.ctx().accesskit_node_builder(response.id, |n| n.set_label("Time points per second"));
        if response.changed() {
            commands.push(ViewCommand::Play(Some(speed)).into());
        }
    }
    row.spacing_mut().slider_width = (row.available_width() - 20.0).max(60.0);
    let mut chosen = time;
    let slider = egui::Slider::new(&mut chosen, 0..=times - 1).show_value(false);
    let response = row.add(slider).labelled_by(name.id);
    if response.on_hover_text("Time point (Shift+PgUp, Shift+PgDn)").changed() {
        commands.push(ViewCommand::SetTime(chosen).into());
    }
}
