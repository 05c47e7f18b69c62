//! The sliders beside the image: its slices, its time points.

use super::input::hint;
use super::theme;
use crate::app::{Action, Command, Document, ViewCommand, ViewId};
use eframe::egui;
use egui::{Rect, vec2};

pub(super) fn slice_ui(
    ui: &mut egui::Ui,
    rect: Rect,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    let (index, slices) = document.slice();
    let layout = egui::Layout::top_down(egui::Align::Center);
    let mut builder =
        ui.new_child(egui::UiBuilder::new().layout(layout).max_rect(rect.shrink2(vec2(4.0, 34.0))));
    builder.spacing_mut().slider_width = (rect.height() - 120.0).max(60.0);
    // The first slice is at the top, as the wheel turns down towards the last.
    let mut from_bottom = slices - 1 - index.min(slices - 1);
    let slider = egui::Slider::new(&mut from_bottom, 0..=slices - 1).vertical().show_value(false);
    let response = builder.add(slider);
    let count = egui::RichText::new(format!("{}/{slices}", index + 1)).size(11.0);
    let name = builder.add(egui::Label::new(count.color(theme::WEAK)).extend());
    let response = response.labelled_by(name.id).on_hover_text("Slice (wheel, PgUp, PgDn)");
    if response.changed() {
        commands.push(ViewCommand::SetSlice(ViewId::Main, slices - 1 - from_bottom).into());
    }
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
    row.spacing_mut().slider_width = (row.available_width() - 20.0).max(60.0);
    let mut chosen = time;
    let slider = egui::Slider::new(&mut chosen, 0..=times - 1).show_value(false);
    let response = row.add(slider).labelled_by(name.id);
    if response.on_hover_text("Time point (Shift+PgUp, Shift+PgDn)").changed() {
        commands.push(ViewCommand::SetTime(chosen).into());
    }
}
