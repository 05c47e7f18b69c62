//! The panel beside the image: model, run, result, overlays.

use super::{input::hint, theme};
use crate::app::{Action, Command, Document, Findings, Panel, Run, Session, wording};
use crate::app::{DeviceChoice, SamplerKind, Start};
use eframe::egui;
use egui::RichText;

pub(super) fn panel_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let frame =
        egui::Frame::new().inner_margin(egui::Margin { left: 14, right: 4, top: 6, bottom: 10 });
    egui::Panel::right("panel").frame(frame).exact_size(336.0).resizable(false).show(ui, |ui| {
        egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            // Room for the scroll bar, so that it never covers a control.
            ui.set_max_width(ui.available_width() - 12.0);
            model_ui(ui, session, commands);
            run_ui(ui, session, commands);
            if let Some(document) = &session.document {
                result_ui(ui, session, document, commands);
                super::labels::table_ui(ui, document, commands);
                overlays_ui(ui, document, commands);
            }
            aside_ui(ui, session, commands);
        });
    });
}

fn model_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    theme::section(ui, "Model");
    let Some(card) = session.card() else {
        ui.label(RichText::new("No model").color(theme::AMBER).strong());
        ui.label(RichText::new(session.weights_hint()).color(theme::WEAK));
        return;
    };
    let mut chosen = card.id.clone();
    let combo = egui::ComboBox::from_id_salt("model")
        .width(ui.available_width())
        .selected_text(&card.title)
        .show_ui(ui, |ui| {
            for card in session.cards() {
                ui.selectable_value(&mut chosen, card.id.clone(), &card.title);
            }
        });
    combo.response.widget_info(|| {
        egui::WidgetInfo::labeled(
            egui::accesskit::Role::ComboBox,
            true,
            format!("Model: {}", card.title),
        )
    });
    if chosen != card.id {
        commands.push(Command::SetModel(chosen));
    }
    theme::card().show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_wrapped(|ui| {
            for class in &card.classes {
                swatch(ui, class.color);
                ui.label(&class.name);
            }
        });
        let input = wording::model_input(card);
        let cost = format!(
            "{} parameters · {:.1} GFLOP per step",
            wording::count(card.parameters),
            card.gflop_per_step
        );
        for line in [input, cost] {
            ui.label(RichText::new(line).size(12.0).color(theme::WEAK));
        }
        let tip = "Training data, results and limits of this model";
        if ui.small_button("Model card").on_hover_text(tip).clicked() {
            commands.push(Command::Show(Panel::Card, !session.is_open(Panel::Card)));
        }
    });
    if let Some(caution) = session.segment_caution() {
        ui.label(RichText::new(caution).size(12.0).color(theme::AMBER));
    }
}

pub(super) fn swatch(ui: &mut egui::Ui, color: [u8; 3]) {
    let (rect, _) = ui.allocate_exact_size(egui::vec2(11.0, 11.0), egui::Sense::hover());
    ui.painter().rect_filled(rect, 3.0, theme::rgb(color));
}

fn device_name(device: DeviceChoice) -> &'static str {
    match device {
        DeviceChoice::Auto => "automatic",
        DeviceChoice::Cpu => "CPU",
        DeviceChoice::Cuda => "CUDA",
        DeviceChoice::Metal => "Metal",
    }
}

fn sampler_name(kind: SamplerKind) -> &'static str {
    match kind {
        SamplerKind::Ddpm => "DDPM",
        SamplerKind::Ddim => "DDIM",
        SamplerKind::Dpmpp => "DPM-Solver++",
    }
}

fn run_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    theme::section(ui, "Run");
    if let Some(run) = &session.run {
        progress_ui(ui, session, run, commands);
        return;
    }
    let mut settings = session.settings.clone();
    egui::Grid::new("settings").num_columns(2).spacing([10.0, 7.0]).show(ui, |ui| {
        let label = ui.label("Samples");
        ui.add(egui::DragValue::new(&mut settings.members).range(1..=50).speed(0.1))
            .labelled_by(label.id)
            .on_hover_text("Masks to draw. Each is one plausible outline; their spread is shown.");
        ui.end_row();
        let label = ui.label("Steps");
        ui.add(egui::DragValue::new(&mut settings.steps).range(1..=1000).speed(0.2))
            .labelled_by(label.id)
            .on_hover_text("Denoising steps per sample");
        ui.end_row();
        let label = ui.label("Seed");
        ui.horizontal(|ui| {
            ui.add(egui::DragValue::new(&mut settings.seed).speed(1.0))
                .labelled_by(label.id)
                .on_hover_text("Same seed, model and settings: same samples");
            if ui.button("Next").on_hover_text("Next seed").clicked() {
                settings.seed = settings.seed.wrapping_add(1);
            }
        });
        ui.end_row();
        let label = ui.label("Sampler");
        let sampler = egui::ComboBox::from_id_salt("sampler")
            .selected_text(sampler_name(settings.sampler))
            .show_ui(ui, |ui| {
                for kind in [SamplerKind::Ddim, SamplerKind::Dpmpp, SamplerKind::Ddpm] {
                    ui.selectable_value(&mut settings.sampler, kind, sampler_name(kind));
                }
            });
        sampler.response.labelled_by(label.id);
        ui.end_row();
        let label = ui.label("Start");
        let start = egui::ComboBox::from_id_salt("start")
            .selected_text(wording::start(settings.start))
            .show_ui(ui, |ui| {
                for start in [Start::Noise, Start::Anchor] {
                    ui.selectable_value(&mut settings.start, start, wording::start(start));
                }
            });
        start.response.labelled_by(label.id).on_hover_text(
            "What a sample condenses from. The direct mask under noise needs fewer steps and gives \
             less spread.",
        );
        ui.end_row();
        let label = ui.label("Device");
        let device = egui::ComboBox::from_id_salt("device")
            .selected_text(device_name(settings.device))
            .show_ui(ui, |ui| {
                for &device in session.devices() {
                    ui.selectable_value(&mut settings.device, device, device_name(device));
                }
            });
        device.response.labelled_by(label.id);
        ui.end_row();
        let volume = session.document.as_ref().is_some_and(|d| !d.volume.geometry().is_2d());
        if volume {
            ui.label("Slices");
            ui.horizontal(|ui| {
                let one = session.one_slice;
                if ui.selectable_label(!one, "all").clicked() {
                    commands.push(Command::SetOneSlice(false));
                }
                if ui.selectable_label(one, "this one").clicked() {
                    commands.push(Command::SetOneSlice(true));
                }
            });
            ui.end_row();
        }
    });
    if settings != session.settings {
        commands.push(Command::SetSettings(settings));
    }
    let blocker = session.segment_blocker();
    let wide = egui::vec2(ui.available_width(), 34.0);
    let button = ui
        .add_enabled_ui(blocker.is_none(), |ui| ui.add_sized(wide, theme::primary("Segment")))
        .inner
        .on_hover_text(hint("Draw the samples", Action::Segment));
    if let Some(why) = &blocker {
        ui.label(RichText::new(why).size(12.0).color(theme::WEAK));
    }
    if button.clicked() {
        commands.push(Command::Do(Action::Segment));
    }
}

fn progress_ui(ui: &mut egui::Ui, session: &Session, run: &Run, commands: &mut Vec<Command>) {
    if session.live_run().is_none() {
        let text = format!("running on {}, which is no longer open", run.image_name);
        ui.label(RichText::new(text).color(theme::AMBER));
    }
    let device = run.started.as_ref().map_or("", |s| s.device.as_str());
    let line = format!("{} samples, {} steps · {device}", run.settings.members, run.settings.steps);
    ui.label(RichText::new(line).size(12.0).color(theme::WEAK));
    let bar = egui::ProgressBar::new(run.fraction)
        .fill(theme::ACCENT.gamma_multiply(0.75))
        .corner_radius(4)
        .desired_height(10.0);
    let text = run.text();
    ui.add(bar).widget_info(|| {
        egui::WidgetInfo::labeled(
            egui::accesskit::Role::ProgressIndicator,
            true,
            format!("Progress of the run, {:.0} %", run.fraction * 100.0),
        )
    });
    ui.label(RichText::new(text));
    let wide = egui::vec2(ui.available_width(), 30.0);
    let button = ui
        .add_enabled_ui(!run.cancelling, |ui| ui.add_sized(wide, egui::Button::new("Cancel")))
        .inner;
    if button.on_hover_text(hint("Finished samples are kept", Action::CancelRun)).clicked() {
        commands.push(Command::Do(Action::CancelRun));
    }
}

fn result_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    if session.is_computing() {
        theme::section(ui, "Result");
        ui.label("comparing the samples");
        return;
    }
    let Some(findings) = &document.findings else {
        if session.run.is_none() {
            let text =
                "No segmentation yet. Samples, their spread and where they part will show here.";
            ui.add_space(6.0);
            ui.label(RichText::new(text).size(12.0).color(theme::WEAK));
        }
        return;
    };
    theme::section(ui, "Result");
    for (index, class) in findings.classes.iter().enumerate() {
        class_ui(ui, document, findings, index, class, commands);
    }
    let (done, depth) = (&findings.outcome.slices, findings.outcome.geometry.shape()[2]);
    if done.len() < depth {
        let text = wording::part_of_scan(done.start, done.len(), depth);
        ui.label(RichText::new(text).size(12.5).color(theme::AMBER));
    }
    let text = wording::not_calibrated(findings.samples());
    ui.label(RichText::new(text).size(12.5).color(theme::TEXT).strong());
    ui.horizontal(|ui| {
        let tip = hint("Masks, maps and provenance as files", Action::ExportPanel);
        if ui.add(theme::primary("Export…")).on_hover_text(tip).clicked() {
            commands.push(Command::Do(Action::ExportPanel));
        }
        if ui.button("Discard").on_hover_text("Remove this result from the image").clicked() {
            commands.push(Command::DiscardResult);
        }
    });
}

fn class_ui(
    ui: &mut egui::Ui,
    document: &Document,
    findings: &Findings,
    index: usize,
    class: &crate::app::ClassFindings,
    commands: &mut Vec<Command>,
) {
    let samples = findings.samples();
    let chosen = document.overlays.class == index;
    let frame = theme::card();
    let frame = if chosen && findings.classes.len() > 1 {
        frame.stroke(egui::Stroke::new(1.0, theme::ACCENT.gamma_multiply(0.6)))
    } else {
        frame
    };
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            swatch(ui, class.color);
            let name = ui.selectable_label(chosen, RichText::new(&class.name).strong());
            let tip = hint("Map and probe of this class", Action::NextClass);
            if name.on_hover_text(tip).clicked() {
                commands.push(Command::SetClass(index));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let mut visible = !document.overlays.hidden_classes.contains(&index);
                let show = ui.checkbox(&mut visible, "show");
                show.widget_info(|| {
                    egui::WidgetInfo::selected(
                        egui::accesskit::Role::CheckBox,
                        true,
                        visible,
                        format!("Show {}", class.name),
                    )
                });
                if show.changed() {
                    commands.push(Command::SetClassVisible(index, visible));
                }
            });
        });
        let measure = wording::measure(findings.extent, &class.spread, samples);
        ui.label(RichText::new(measure).size(13.0));
        if samples > 1 {
            ticks(ui, &class.spread.values, class.color);
        }
        let agreement = wording::agreement(class.mean_dice, samples, class.empty);
        ui.label(RichText::new(agreement).size(12.0).color(theme::WEAK));
    });
}

/// One tick per sample between the least and the greatest.
fn ticks(ui: &mut egui::Ui, values: &[f64], color: [u8; 3]) {
    let (rect, response) =
        ui.allocate_exact_size(egui::vec2(ui.available_width(), 14.0), egui::Sense::hover());
    let (low, high) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    let painter = ui.painter();
    let line = egui::Stroke::new(1.0, theme::LINE);
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

fn overlays_ui(ui: &mut egui::Ui, document: &Document, commands: &mut Vec<Command>) {
    if document.findings.is_none() && document.labels.is_none() {
        return;
    }
    theme::section(ui, "Overlays");
    let overlays = &document.overlays;
    let mut segmentation = overlays.segmentation;
    if ui
        .checkbox(&mut segmentation, "Segmentation")
        .on_hover_text(hint("Masks and agreement lines", Action::ToggleSegmentation))
        .changed()
    {
        commands.push(Command::Do(Action::ToggleSegmentation));
    }
    slider(ui, "Fill", overlays.opacity, "A, D", |v| commands.push(Command::SetOpacity(v)));
    if document.findings.is_none() {
        return;
    }
    let mut heat = overlays.heat;
    if ui
        .checkbox(&mut heat, "Uncertainty map")
        .on_hover_text(hint("Variance of the samples, fixed scale", Action::ToggleHeat))
        .changed()
    {
        commands.push(Command::Do(Action::ToggleHeat));
    }
    slider(ui, "Map", overlays.heat_opacity, "", |v| commands.push(Command::SetHeatOpacity(v)));
    ui.label(RichText::new("Hold H for the bare image").size(12.0).color(theme::WEAK));
}

fn slider(ui: &mut egui::Ui, name: &str, value: f32, keys: &str, mut set: impl FnMut(f32)) {
    ui.horizontal(|ui| {
        ui.add_space(25.0);
        let label = ui.label(RichText::new(name).color(theme::WEAK));
        let mut percent = (value * 100.0).round();
        let slider = egui::Slider::new(&mut percent, 0.0..=100.0).integer().suffix(" %");
        let response = ui.add(slider).labelled_by(label.id);
        let response = if keys.is_empty() {
            response.on_hover_text("Opacity")
        } else {
            response.on_hover_text(format!("Opacity ({keys})"))
        };
        if response.changed() {
            set(percent / 100.0);
        }
    });
}

/// Results whose image is no longer open.
fn aside_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    if session.kept_aside.is_empty() {
        return;
    }
    theme::section(ui, "Results of images no longer open");
    for kept in &session.kept_aside {
        ui.label(format!("{} · {} samples", kept.image_name, kept.outcome.members.len()));
        ui.horizontal(|ui| {
            if ui.button("Export kept result").clicked() {
                commands.push(Command::ShowExportOf(kept.id));
            }
            let tip = format!("Discard the result of {}", kept.image_name);
            if ui.button("Discard kept result").on_hover_text(tip).clicked() {
                commands.push(Command::DiscardKeptAside(kept.id));
            }
        });
    }
}
