//! The panel's part for steering: clicks inside and outside of a class, and drawing the samples anew from the
//! edited mask.

use super::{input::hint, theme};
use crate::app::{Action, Click, Command, Document, PromptCommand, RunCommand, Session, Tool};
use eframe::egui;
use egui::RichText;

fn small(text: impl Into<String>) -> RichText {
    RichText::new(text).size(12.0)
}

/// Seen while it is of use: with the prompt tool in hand, clicks on the image, or an edited mask.
pub(super) fn steer_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    let (runs, editing) = (session.runs(), session.editing());
    let Some(card) = runs.card().filter(|c| !c.volumes) else { return };
    let tool = editing.tool() == Tool::Prompt;
    let prompts = runs.prompts();
    let wanted = tool || !prompts.clicks().is_empty();
    if runs.current().is_some() || !(wanted || editing.mask().is_some()) {
        return;
    }
    theme::section(ui, "Steer");
    if wanted {
        let class = document.overlays.class.min(card.classes.len().saturating_sub(1));
        let name = card.classes.get(class).map_or("", |c| c.name.as_str());
        ui.horizontal(|ui| {
            ui.label(small("Clicks for").weak());
            ui.label(small(name).strong());
        });
        ui.horizontal(|ui| {
            for (inside, text) in [(true, "+ inside"), (false, "− outside")] {
                let tip = "A click at the crosshair. Every sample keeps to it.";
                let button = ui.button(text).on_hover_text(tip);
                let name =
                    if inside { "Inside at the crosshair" } else { "Outside at the crosshair" };
                button.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, name)
                });
                if button.clicked() {
                    let click = Click { voxel: document.view.voxel, class, inside };
                    commands.push(RunCommand::Prompt(PromptCommand::Add(click)).into());
                }
            }
            let any = !prompts.clicks().is_empty();
            let back = ui.add_enabled(any, egui::Button::new("Take back"));
            if back.on_hover_text("The last click").clicked() {
                commands.push(RunCommand::Prompt(PromptCommand::Undo).into());
            }
            let clear = ui.add_enabled(any, egui::Button::new("Clear"));
            if clear.on_hover_text("All clicks").clicked() {
                commands.push(RunCommand::Prompt(PromptCommand::Clear).into());
            }
        });
        let text = match prompts.clicks().len() {
            0 => "Click on the image: left inside, right outside.".to_owned(),
            _ => format!("{}; Segment draws the samples to suit them.", prompts.text()),
        };
        ui.label(small(text).weak());
    }
    if editing.mask().is_some() {
        refine_ui(ui, session, commands);
    }
}

fn refine_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let blocker = session.refine_blocker();
    ui.horizontal(|ui| {
        let label = ui.label("May change");
        let mut percent = (session.runs().prompts().strength() * 100.0).round();
        let slider = egui::Slider::new(&mut percent, 0.0..=100.0).integer().suffix(" %");
        let slider = ui.add(slider).labelled_by(label.id);
        if slider.on_hover_text("0 gives the mask back, 100 begins at noise").changed() {
            let strength = PromptCommand::SetStrength(percent / 100.0);
            commands.push(RunCommand::Prompt(strength).into());
        }
    });
    let tip = "Draw the samples anew from the edited mask; what was changed by hand is held";
    let button = ui
        .add_enabled(blocker.is_none(), egui::Button::new("Refine from here"))
        .on_hover_text(hint(tip, Action::Refine));
    if button.clicked() {
        commands.push(Action::Refine.into());
    }
    if let Some(why) = blocker {
        ui.label(small(why).weak());
    }
}
