//! The samples one by one, sorted as one likes.

use super::word::small;
use crate::app::{
    Command, Document, Findings, MemberOrder, ResultCommand, Session, ViewCommand, wording,
};
use eframe::egui;

const HEIGHT: f32 = 330.0;

pub(super) fn list_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    findings: &Findings,
    index: usize,
    commands: &mut Vec<Command>,
) {
    let Some(entry) = session.results().chosen() else { return };
    let (result, count) = (entry.id, entry.included.count());
    ui.horizontal(|ui| {
        let label = ui.label(small("Sorted by").weak());
        let mut order = document.order;
        let combo = egui::ComboBox::from_id_salt("order").width(200.0).selected_text(order.name());
        let combo = combo.show_ui(ui, |ui| {
            for each in MemberOrder::ALL {
                ui.selectable_value(&mut order, each, each.name());
            }
        });
        combo.response.labelled_by(label.id).on_hover_text("The strip below is sorted likewise");
        if order != document.order {
            commands.push(ViewCommand::SetOrder(order).into());
        }
    });
    egui::ScrollArea::vertical().max_height(HEIGHT).auto_shrink([false, true]).show(ui, |ui| {
        for sample in findings.ordered(index, document.order) {
            ui.horizontal(|ui| {
                let mut included = entry.included.contains(sample);
                let last = included && count == 1;
                let tick = ui.add_enabled(!last, egui::Checkbox::without_text(&mut included));
                tick.widget_info(|| {
                    let role = egui::accesskit::Role::CheckBox;
                    let name = format!("Count sample {}", sample + 1);
                    egui::WidgetInfo::selected(role, !last, included, name)
                });
                if tick.on_disabled_hover_text("At least one sample counts").changed() {
                    let command = ResultCommand::Include { result, member: sample, included };
                    commands.push(command.into());
                }
                let chosen = document.member == Some(sample);
                let text = wording::member(findings, index, sample);
                let row = ui.add(egui::Button::selectable(chosen, small(text)).truncate());
                if row.on_hover_text("Show this sample alone").clicked() {
                    let member = (!chosen).then_some(sample);
                    commands.push(ResultCommand::ShowMember { result, member }.into());
                }
            });
        }
    });
    ui.label(small(wording::DEPTH).weak());
}
