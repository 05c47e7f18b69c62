//! The shown result with its table, and the list of all results.

use super::{input::hint, theme};
use crate::app::{
    Action, ClassFindings, Command, Document, ExportCommand, Findings, Panel, ResultCommand,
    ResultEntry, RunCommand, Said, Session, ShellCommand, Shown, ViewCommand, wording,
};
use eframe::egui;
use egui::RichText;

/// More classes than that of one mask stand in a table.
const FEW: usize = 3;

fn small(text: impl Into<String>) -> RichText {
    RichText::new(text).size(12.0)
}

pub(super) fn result_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    let colors = theme::colors(ui);
    let findings = match session.segmented() {
        Shown::Result(findings) => findings,
        Shown::Comparing => {
            theme::section(ui, "Result");
            ui.label("comparing the samples");
            return;
        }
        _ if session.runs().current().is_some() => return,
        _ => {
            let volumes = session.runs().card().is_some_and(|c| c.volumes);
            let text = match volumes {
                true => "No segmentation is shown. The mask and its volumes will show here.",
                false => {
                    "No segmentation is shown. Samples, their spread and where they part will show here."
                }
            };
            ui.add_space(6.0);
            ui.label(small(text).weak());
            return;
        }
    };
    theme::section(ui, "Result");
    let outcome = &findings.outcome;
    if outcome.time_points > 1 {
        time_ui(ui, document, findings, commands);
    }
    if outcome.deterministic && findings.classes.len() > FEW {
        table_ui(ui, document, findings, commands);
    } else {
        for (index, class) in findings.classes.iter().enumerate() {
            class_ui(ui, session, document, (index, class), commands);
        }
    }
    for ratio in &findings.ratios {
        ui.label(small(wording::ratio(ratio)));
    }
    let (done, depth) = (&outcome.slices, outcome.geometry.shape()[2]);
    if done.len() < depth {
        let text = wording::part_of_scan(done.start, done.len(), depth);
        ui.label(RichText::new(text).size(12.5).color(colors.amber));
    }
    // The doubt stands with each class already.
    let doubt = outcome.doubt.as_deref();
    for notice in wording::ambers(&outcome.notices).filter(|n| Some(n.text.as_str()) != doubt) {
        ui.label(small(format!("Caution: {}", notice.text)).color(colors.amber));
    }
    if let Some(text) = wording::fit_of(outcome) {
        ui.label(small(text).weak());
    }
    if let Some(text) = wording::mask(outcome, &findings.included) {
        ui.label(small(text).weak());
    }
    let text = wording::statement(outcome, &findings.included);
    let calibrated =
        (0..findings.classes.len()).all(|c| matches!(session.calibrated(c), Said::Interval(..)));
    ui.horizontal(|ui| {
        let text = match (calibrated, findings.is_calibrated()) {
            (true, _) => wording::counted(&findings.included),
            // The chances that the map shows are.
            (false, true) => format!("sizes: {text}"),
            (false, false) => text,
        };
        ui.label(RichText::new(text).size(12.5).strong());
        if !findings.included.is_all()
            && let Some(entry) = session.results().chosen()
        {
            let tip = "Count every sample again";
            if ui.small_button("Include all").on_hover_text(tip).clicked() {
                commands.push(ResultCommand::IncludeAll(entry.id).into());
            }
        }
    });
    super::edit_panel::proposal_ui(ui, commands);
    steps_ui(ui, session, commands);
    if findings.is_deterministic() {
        look_ui(ui, session, findings, commands);
    }
    let tip = hint("Masks, maps and provenance as files", Action::ExportPanel);
    if ui.add(theme::primary(ui, "Export…")).on_hover_text(tip).clicked() {
        commands.push(Action::ExportPanel.into());
    }
}

/// What one mask may be the beginning of.
fn look_ui(ui: &mut egui::Ui, session: &Session, findings: &Findings, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        let blocker = session.refine_look_blocker();
        let refine = egui::Button::new("Refine with samples");
        let refine = ui.add_enabled(blocker.is_none(), refine);
        let refine =
            refine.on_hover_text("Samples that start from this mask, to see where they part");
        if refine.on_disabled_hover_text(blocker.unwrap_or_default()).clicked() {
            commands.push(RunCommand::RefineLook.into());
        }
        let middle = findings.middle();
        let frame = ui.add_enabled(middle.is_some(), egui::Button::new("Frame its place"));
        let frame = frame.on_hover_text(
            "Next time only this place is segmented, as large as the model knows it",
        );
        if frame.on_disabled_hover_text("the mask is empty").clicked()
            && let Some(voxel) = middle
        {
            commands.push(RunCommand::FrameRegionRound(voxel).into());
        }
    });
}

/// The way to the steps of a result's run.
fn steps_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    if session.film().is_none() {
        return;
    }
    let tip = "Every step of every sample again, and as an animated picture";
    if ui.button("Watch the steps…").on_hover_text(tip).clicked() {
        let open = !session.shell().is_open(Panel::Film);
        commands.push(ShellCommand::Show(Panel::Film, open).into());
    }
}

/// Which time point the result belongs to, and the way there if another one is shown.
fn time_ui(
    ui: &mut egui::Ui,
    document: &Document,
    findings: &Findings,
    commands: &mut Vec<Command>,
) {
    let outcome = &findings.outcome;
    let text = format!("of {}", wording::time_point(outcome.time, outcome.time_points));
    if document.view.time == outcome.time {
        ui.label(RichText::new(text).strong());
        return;
    }
    ui.label(
        RichText::new(format!("{text}, which is not shown now")).color(theme::colors(ui).amber),
    );
    if ui.button("Show its time point").clicked() {
        commands.push(ViewCommand::SetTime(outcome.time).into());
    }
}

/// The classes of one mask, one row each: colour and name, size, whether it is shown.
fn table_ui(
    ui: &mut egui::Ui,
    document: &Document,
    findings: &Findings,
    commands: &mut Vec<Command>,
) {
    theme::card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        for (index, class) in findings.classes.iter().enumerate() {
            ui.horizontal(|ui| {
                theme::swatch(ui, class.color);
                let chosen = document.overlays.class == index;
                let name = ui.selectable_label(chosen, RichText::new(&class.name).size(13.0));
                let tip = hint("Map and probe of this class", Action::NextClass);
                if name.on_hover_text(tip).clicked() {
                    commands.push(ViewCommand::SetClass(index).into());
                }
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    show_ui(ui, document, index, "", class, commands);
                    let size = wording::size(findings.extent, class.spread.mean);
                    let text = if class.empty > 0 { "none".to_owned() } else { size };
                    ui.label(RichText::new(text).size(13.0));
                });
            });
        }
        let doubt = findings.outcome.doubt.as_ref();
        if let Some(doubt) = doubt {
            ui.label(small(format!("Caution: {doubt}")).color(theme::colors(ui).amber));
        }
    });
}

/// Whether a class is drawn on the image.
fn show_ui(
    ui: &mut egui::Ui,
    document: &Document,
    index: usize,
    text: &str,
    class: &ClassFindings,
    commands: &mut Vec<Command>,
) {
    let mut visible = !document.overlays.hidden_classes.contains(&index);
    let show = ui.checkbox(&mut visible, text);
    show.widget_info(|| {
        egui::WidgetInfo::selected(
            egui::accesskit::Role::CheckBox,
            true,
            visible,
            format!("Show {}", class.name),
        )
    });
    if show.changed() {
        commands.push(ViewCommand::SetClassVisible(index, visible).into());
    }
}

fn class_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    (index, class): (usize, &ClassFindings),
    commands: &mut Vec<Command>,
) {
    let colors = theme::colors(ui);
    let Shown::Result(findings) = session.segmented() else { return };
    let outcome = &findings.outcome;
    let chosen = document.overlays.class == index;
    let frame = theme::card(ui);
    let frame = if chosen && findings.classes.len() > 1 {
        frame.stroke(egui::Stroke::new(1.0, colors.accent.gamma_multiply(0.6)))
    } else {
        frame
    };
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            theme::swatch(ui, class.color);
            let name = ui.selectable_label(chosen, RichText::new(&class.name).strong());
            let tip = hint("Map and probe of this class", Action::NextClass);
            if name.on_hover_text(tip).clicked() {
                commands.push(ViewCommand::SetClass(index).into());
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                show_ui(ui, document, index, "show", class, commands);
            });
        });
        let measure = wording::measure_of(findings.extent, &class.spread, outcome);
        ui.label(RichText::new(measure).size(13.0));
        if findings.samples() > 1 && !outcome.deterministic {
            ticks(ui, &class.spread.values, class.color);
        }
        match session.calibrated(index) {
            Said::Nothing => {}
            Said::Interval(found, file) => {
                ui.label(small(wording::conformal(findings.extent, &found, &file)));
            }
            Said::NotUsed(why) => {
                ui.label(small(format!("Calibration: {why}")).weak());
            }
        }
        if let Some(text) =
            wording::agreement_of(outcome, findings.samples(), class.mean_dice, class.empty)
        {
            ui.label(small(text).weak());
        }
        if let Some(text) = wording::networks(outcome, class) {
            ui.label(small(text).weak()).on_hover_text(wording::NETWORKS);
        }
        if let Some(doubt) = &outcome.doubt {
            ui.label(small(format!("Caution: {doubt}")).color(colors.amber));
        }
    });
}

/// One tick per sample between the least and the greatest.
fn ticks(ui: &mut egui::Ui, values: &[f64], color: [u8; 3]) {
    let (rect, response) =
        ui.allocate_exact_size(egui::vec2(ui.available_width(), 14.0), egui::Sense::hover());
    let (low, high) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    let painter = ui.painter();
    let line = egui::Stroke::new(1.0, theme::colors(ui).line);
    painter.line_segment([rect.left_center(), rect.right_center()], line);
    for &v in values {
        let t = if high > low { (v - low) / (high - low) } else { 0.5 };
        let x = rect.left() + 2.0 + (rect.width() - 4.0) * t as f32;
        let stroke = egui::Stroke::new(2.0, theme::rgb(color));
        painter.line_segment(
            [egui::pos2(x, rect.top() + 2.0), egui::pos2(x, rect.bottom() - 2.0)],
            stroke,
        );
    }
    let _shown = response.on_hover_text("One tick per sample, from the smallest to the largest");
}

/// All results, the newest first.
pub(super) fn list_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    if session.results().entries().is_empty() {
        return;
    }
    theme::section(ui, "All results");
    for entry in session.results().entries().iter().rev() {
        entry_ui(ui, session, entry, commands);
    }
    let held = session.results().bytes();
    let mut text = "A result goes only if you delete it.".to_owned();
    if held >= 1_000_000 {
        text += &format!(" They take {:.0} MB of memory.", held as f64 / 1e6);
    }
    ui.label(small(text).weak());
}

fn entry_ui(
    ui: &mut egui::Ui,
    session: &Session,
    entry: &ResultEntry,
    commands: &mut Vec<Command>,
) {
    let colors = theme::colors(ui);
    let document = session.document();
    let shown = session.results().chosen().is_some_and(|r| r.id == entry.id);
    let frame = theme::card(ui);
    let frame = if shown {
        frame.stroke(egui::Stroke::new(1.0, colors.accent.gamma_multiply(0.6)))
    } else {
        frame
    };
    // Names for those who do not see which row a button stands in.
    let named = |button: egui::Response, text: &str| {
        let name = format!("{text} result {}", entry.id);
        let enabled = button.enabled();
        button.widget_info(|| {
            egui::WidgetInfo::labeled(egui::accesskit::Role::Button, enabled, &name)
        });
        button
    };
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        let [what, how, when] = entry.lines();
        ui.label(RichText::new(what).size(13.0).strong());
        ui.label(small(how));
        ui.label(small(when).weak());
        let cautions = wording::ambers(&entry.about().notices).count();
        if cautions > 0 {
            ui.label(small(wording::cautions(cautions)).color(colors.amber));
        }
        if session.results().asked_to_delete() == Some(entry.id) {
            ui.label(small("It was not exported: delete it for good?").color(colors.amber));
            ui.horizontal(|ui| {
                if named(ui.button("Delete for good"), "Delete for good").clicked() {
                    commands.push(ResultCommand::Delete(entry.id).into());
                }
                if named(ui.button("Keep"), "Keep").clicked() {
                    commands.push(ResultCommand::Keep.into());
                }
            });
            return;
        }
        ui.horizontal(|ui| {
            if shown {
                let tip = "Take it off the image; it stays in this list";
                if named(ui.button("Hide"), "Hide").on_hover_text(tip).clicked() {
                    commands.push(ResultCommand::Hide(entry.id).into());
                }
            } else {
                let here = document.is_some_and(|d| d.is_image_of(entry));
                let ready = here && session.live_run().is_none();
                let button = ui.add_enabled(ready, egui::Button::new("Show"));
                let why = if here { "a run is under way" } else { "its image is not open" };
                if named(button, "Show").on_disabled_hover_text(why).clicked() {
                    commands.push(ResultCommand::Show(entry.id).into());
                }
            }
            let beside = document.and_then(|d| d.beside_result.as_ref());
            let is_beside = beside.is_some_and(|b| b.id == entry.id);
            if !shown && document.is_some_and(|d| d.is_image_of(entry)) {
                let button = ui.add(egui::Button::selectable(is_beside, "Beside"));
                let tip = hint("Beside the shown one; in turns with it", Action::Turns);
                if named(button, "Beside").on_hover_text(tip).clicked() {
                    let id = (!is_beside).then_some(entry.id);
                    commands.push(ResultCommand::Beside(id).into());
                }
            }
            if named(ui.button("Export…"), "Export").clicked() {
                commands.push(ExportCommand::Prepare(Some(entry.id)).into());
            }
            if named(ui.button("Delete"), "Delete").clicked() {
                commands.push(ResultCommand::Delete(entry.id).into());
            }
        });
    });
}
