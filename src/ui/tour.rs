//! The card of the guided tour, over the lower left of the image.

use super::pictures::Pictures;
use super::theme;
use crate::app::{Command, Session, ShellCommand, TOUR, TourStep};
use eframe::egui;
use egui::RichText;

pub(super) fn tour_ui(
    ctx: &egui::Context,
    session: &Session,
    pictures: &mut Pictures,
    commands: &mut Vec<Command>,
) {
    let tour = session.tour();
    let Some((at, card)) = tour.at().and_then(|at| Some((at, TOUR.get(at)?))) else { return };
    let mut go = |to: Option<usize>| commands.push(ShellCommand::Tour(to).into());
    let mut step = None;
    let window = egui::Window::new("Guided tour")
        .anchor(egui::Align2::LEFT_BOTTOM, [62.0, -172.0])
        .collapsible(false)
        .resizable(false)
        .title_bar(false);
    window.show(ctx, |ui| {
        ui.set_width(330.0);
        let place = format!("{} of {}", at + 1, TOUR.len());
        ui.horizontal(|ui| {
            ui.label(RichText::new(card.title).size(16.0).strong().color(theme::colors(ui).accent));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(RichText::new(place).size(12.0).weak());
            });
        });
        ui.label(card.text);
        if at == 0
            && let Some(picture) = tour.picture()
        {
            let (area, response) =
                ui.allocate_exact_size(egui::vec2(330.0, 230.0), egui::Sense::hover());
            response.widget_info(|| {
                let role = egui::accesskit::Role::Image;
                egui::WidgetInfo::labeled(role, true, "The cup as two readers draw it")
            });
            pictures.paint(ui, picture, area);
        }
        if let Some((name, what)) = card.step
            && ui.add(theme::primary(ui, name)).clicked()
        {
            step = Some(what);
        }
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            // Other things have a next one, too.
            let named = |button: egui::Response, name: &str| {
                let enabled = button.enabled();
                let role = egui::accesskit::Role::Button;
                button.widget_info(|| egui::WidgetInfo::labeled(role, enabled, name));
                button.clicked()
            };
            if named(ui.add_enabled(at > 0, egui::Button::new("Back")), "Card before") {
                go(Some(at - 1));
            }
            if at + 1 < TOUR.len() && named(ui.button("Next"), "Next card") {
                go(Some(at + 1));
            }
            if ui.button("Close the tour").clicked() {
                go(None);
            }
        });
    });
    commands.extend(step.map(|step| match step {
        TourStep::Do(action) => action.into(),
        TourStep::Show(panel) => ShellCommand::Show(panel, true).into(),
    }));
}
