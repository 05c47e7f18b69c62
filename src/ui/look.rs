//! Where to look: the ranked regions of disagreement, what a person has reviewed, and what may be done
//! in the chosen one.

use super::{input::hint, theme};
use crate::app::{
    Action, ClassFindings, Command, Disputed, Document, EditCommand, Extent, Findings, Operation,
    ResultCommand, ResultEntry, Session, Tool, wording,
};
use eframe::egui;
use egui::RichText;

/// Of the list; more are scrolled to.
const HEIGHT: f32 = 176.0;

fn small(text: impl Into<String>) -> RichText {
    RichText::new(text).size(12.0)
}

pub(super) fn look_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    let Some(findings) = session.segmented().result().filter(|f| !f.is_deterministic()) else {
        return;
    };
    let Some(entry) = session.results().chosen() else { return };
    let index = document.overlays.class;
    let Some(class) = findings.classes.get(index) else { return };
    theme::section(ui, &format!("Where to look: {}", class.name));
    let count = class.regions.ranked.len();
    if count == 0 {
        ui.label(small(wording::nowhere(findings.samples())).weak());
        return;
    }
    let voxel = Extent::of_voxel(&findings.outcome.geometry);
    ui.horizontal(|ui| {
        let done = entry.review.reviewed(&findings.included, index);
        ui.label(RichText::new(wording::reviewed(done, count)).strong());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let tip = hint("The next region", Action::NextRegion);
            if ui.small_button("Next region").on_hover_text(tip).clicked() {
                commands.push(Action::NextRegion.into());
            }
        });
    });
    let text = wording::stake(findings.extent, voxel, findings.samples(), &class.regions);
    ui.label(small(text).weak());
    theme::card(ui).inner_margin(6).show(ui, |ui| {
        ui.set_width(ui.available_width());
        let area = egui::ScrollArea::vertical().id_salt("regions").max_height(HEIGHT);
        area.auto_shrink([false, true]).show(ui, |ui| {
            for rank in 0..count {
                row_ui(ui, entry, findings, class, (index, rank), voxel, commands);
            }
        });
    });
    if let Some(text) = wording::rest(findings.extent, voxel, &class.regions) {
        ui.label(small(text).weak());
    }
    if let Some((_, rank)) = entry.review.chosen(findings.id).filter(|(c, _)| *c == index) {
        region_ui(ui, session, findings, index, rank, commands);
    }
}

fn row_ui(
    ui: &mut egui::Ui,
    entry: &ResultEntry,
    findings: &Findings,
    class: &ClassFindings,
    place: (usize, usize),
    voxel: f64,
    commands: &mut Vec<Command>,
) {
    let Some(region) = class.regions.ranked.get(place.1) else { return };
    let chosen = entry.review.chosen(findings.id) == Some(place);
    let number = place.1 + 1;
    ui.horizontal(|ui| {
        let mut reviewed = entry.review.is_reviewed(&findings.included, place);
        let tick = ui.checkbox(&mut reviewed, "");
        tick.widget_info(|| {
            let role = egui::accesskit::Role::CheckBox;
            egui::WidgetInfo::selected(role, true, reviewed, format!("Region {number} reviewed"))
        });
        if tick.on_hover_text(wording::REVIEWED).changed() {
            let (result, region) = (entry.id, place);
            commands.push(ResultCommand::Review { result, region, reviewed }.into());
        }
        let geometry = &findings.outcome.geometry;
        let text = wording::region(findings.extent, voxel, geometry, region);
        let text = format!("{number}  {text}");
        let row = ui.add(egui::Button::selectable(chosen, small(text.as_str())).truncate());
        row.widget_info(|| {
            let role = egui::accesskit::Role::Button;
            egui::WidgetInfo::selected(role, true, chosen, format!("Region {text}"))
        });
        let tip = format!(
            "Go there. Mean variance {:.3}; {} voxels where the samples part.",
            region.mean_variance,
            region.voxels.len()
        );
        if row.on_hover_text(tip).clicked() {
            let (result, region) = (entry.id, (!chosen).then_some(place));
            commands.push(ResultCommand::ShowRegion { result, region }.into());
        }
    });
}

/// What may be done in the chosen region (EDIT-15). It asks for an edited mask first.
fn region_ui(
    ui: &mut egui::Ui,
    session: &Session,
    findings: &Findings,
    class: usize,
    rank: usize,
    commands: &mut Vec<Command>,
) {
    let region = Disputed::Ranked(rank);
    let n = findings.samples();
    let here = |operation: &Operation| match *operation {
        Operation::AtLeast { class: c, region: r, .. }
        | Operation::Member { class: c, region: r, .. } => (c, r) == (class, region),
        _ => false,
    };
    let now = session.editing().operation().filter(|o| here(o));
    let mut wanted = None;
    ui.label(small(format!("In region {}", rank + 1)).strong());
    ui.horizontal(|ui| {
        let label = ui.label(small("At least"));
        let mut samples = match now {
            Some(Operation::AtLeast { samples, .. }) => *samples,
            _ => n.div_ceil(2),
        };
        ui.spacing_mut().slider_width = 120.0;
        let slider = egui::Slider::new(&mut samples, 1..=n).integer();
        let slider = ui.add(slider).labelled_by(label.id);
        if slider.on_hover_text("Inside is what so many samples include").changed() {
            wanted = Some(Operation::AtLeast { class, samples, region });
        }
        ui.label(small(format!("of {n}")));
    });
    ui.horizontal(|ui| {
        let text = match now {
            Some(Operation::Member { member, .. }) => format!("As sample {}", member + 1),
            _ => "As one sample…".to_owned(),
        };
        egui::ComboBox::from_id_salt("as sample").selected_text(text).show_ui(ui, |ui| {
            for member in 0..findings.included.drawn() {
                if ui.selectable_label(false, format!("Sample {}", member + 1)).clicked() {
                    wanted = Some(Operation::Member { class, member, region });
                }
            }
        });
        let tip = "Take the mask over and change it by hand";
        if ui.button("Brush").on_hover_text(tip).clicked() {
            commands.push(EditCommand::SetTool(Tool::Brush).into());
        }
    });
    if let Some(operation) = wanted {
        if session.editing().mask().is_none() {
            commands.push(EditCommand::Accept { edit: false }.into());
        }
        commands.push(EditCommand::Run(operation).into());
    }
    if let Some(prepared) = session.editing().prepared().filter(|_| now.is_some()) {
        for line in &prepared.lines {
            ui.label(small(line.as_str()));
        }
        ui.horizontal(|ui| {
            let apply = ui.add(theme::primary(ui, "Apply here"));
            if apply.on_hover_text(hint("Apply", Action::Apply)).clicked() {
                commands.push(EditCommand::ApplyShown.into());
            }
            if ui.button("Leave it").on_hover_text("Leave the mask as it is (Escape)").clicked() {
                commands.push(EditCommand::DropShown.into());
            }
        });
    }
}
