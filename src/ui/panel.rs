//! The panel beside the image: model, run, result, overlays.

use super::{input::hint, results, theme};
use crate::app::{
    Action, Command, Document, Panel, Run, RunCommand, Session, ShellCommand, ViewCommand, wording,
};
use crate::app::{
    DeviceChoice, MOST_SAMPLES, MOST_UNTIL_STABLE, Measure, SamplerKind, Settings, Start,
    TRAINING_STEPS, Tool,
};
use crate::volume::Modality;
use eframe::egui;
use egui::RichText;

pub(super) fn panel_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let frame =
        egui::Frame::new().inner_margin(egui::Margin { left: 14, right: 4, top: 6, bottom: 10 });
    egui::Panel::right("panel").frame(frame).exact_size(336.0).resizable(false).show(ui, |ui| {
        // The next step stays in sight, however long the list above it grows.
        let next = egui::Frame::new().inner_margin(egui::Margin {
            right: 10,
            top: 8,
            ..Default::default()
        });
        egui::Panel::bottom("next").frame(next).resizable(false).show(ui, |ui| {
            next_ui(ui, session, commands);
        });
        // Each way of working has its own place in the panel.
        let editing = !matches!(session.editing().tool(), Tool::Navigate | Tool::Prompt);
        let area = egui::ScrollArea::vertical().id_salt(editing);
        area.auto_shrink([false, false]).show(ui, |ui| {
            // Room for the scroll bar, so that it never covers a control.
            ui.set_max_width(ui.available_width() - 12.0);
            // With a tool in hand, what it does comes first.
            if editing && let Some(document) = session.document() {
                super::edit_panel::panel_ui(ui, session, document, commands);
            }
            // Once there is a result, it comes before the settings of another one.
            let first =
                session.results().findings().is_some() && session.runs().current().is_none();
            if !first {
                model_ui(ui, session, commands);
                settings_ui(ui, session, commands);
            }
            if let Some(document) = session.document() {
                super::steer_panel::steer_ui(ui, session, document, commands);
                results::result_ui(ui, session, document, commands);
                super::look::look_ui(ui, session, document, commands);
                super::samples::panel_ui(ui, session, document, commands);
                if !editing {
                    super::edit_panel::panel_ui(ui, session, document, commands);
                }
                let tables = &session.shell().preferences().color_tables;
                super::fused_panel::fused_ui(ui, document, tables, commands);
                super::labels::table_ui(ui, session, document, commands);
                overlays_ui(ui, session, document, commands);
            }
            results::list_ui(ui, session, commands);
            if first {
                model_ui(ui, session, commands);
                settings_ui(ui, session, commands);
            }
        });
    });
}

fn model_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let colors = theme::colors(ui);
    theme::section(ui, "Model");
    let runs = session.runs();
    if runs.cards().is_empty() {
        ui.label(RichText::new("No model").color(colors.amber).strong());
        ui.label(RichText::new(runs.weights_hint()).weak());
        return;
    }
    let modality = session.document().map_or(Modality::Unknown, |d| d.volume.modality);
    let on_request = runs.on_request(modality);
    let title = match runs.card() {
        Some(card) => card.title.clone(),
        None if modality == Modality::Unknown => "No model for such images".to_owned(),
        None if on_request.is_some() => format!("Choose a model for {}", modality.name()),
        None => format!("No model for {}", modality.name()),
    };
    let mut chosen = runs.card().map(|c| c.id.clone());
    let combo = egui::ComboBox::from_id_salt("model")
        .width(ui.available_width())
        .height(480.0)
        .selected_text(&title)
        .show_ui(ui, |ui| {
            for card in runs.cards() {
                ui.selectable_value(&mut chosen, Some(card.id.clone()), &card.title);
            }
            for how in runs.absent() {
                ui.separator();
                ui.label(RichText::new(how).size(12.0).weak());
            }
        });
    combo.response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, format!("Model: {title}"))
    });
    if let Some(id) = chosen.filter(|id| runs.card().is_none_or(|c| c.id != *id)) {
        commands.push(RunCommand::SetModel(id).into());
    }
    let Some(card) = runs.card() else {
        let others = "There are models for the images in this list. Any of them can be used here all \
                      the same: expect poor masks.";
        let text = match on_request {
            Some(card) => wording::wants_a_place(card),
            None => others.to_owned(),
        };
        ui.label(RichText::new(text).size(12.0).color(colors.amber));
        return;
    };
    theme::card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_wrapped(|ui| {
            for class in &card.classes {
                theme::swatch(ui, class.color);
                ui.label(&class.name);
            }
        });
        let input = wording::model_input(card);
        for line in [input, wording::cost(card)] {
            ui.label(RichText::new(line).size(12.0).weak());
        }
        let tip = "Training data, results and limits of this model";
        if ui.small_button("Model card").on_hover_text(tip).clicked() {
            commands.push(
                ShellCommand::Show(Panel::Card, !session.shell().is_open(Panel::Card)).into(),
            );
        }
    });
    if let Some(caution) = session.segment_caution() {
        ui.label(RichText::new(caution).size(12.0).color(colors.amber));
    }
}

fn device_name(device: DeviceChoice) -> &'static str {
    match device {
        DeviceChoice::Auto => "automatic",
        DeviceChoice::Cpu => "CPU",
        DeviceChoice::Gpu => "graphics card",
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

fn settings_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    if session.runs().current().is_some() {
        return;
    }
    theme::section(ui, "Run");
    let mut settings = session.runs().settings().clone();
    let volumes = session.runs().card().is_some_and(|c| c.volumes);
    egui::Grid::new("settings").num_columns(2).spacing([10.0, 7.0]).show(ui, |ui| {
        // A model of whole volumes draws one mask: there is nothing to choose about samples.
        if !volumes {
            sampling_ui(ui, &mut settings);
        }
        let label = ui.label("Device");
        let device = egui::ComboBox::from_id_salt("device")
            .selected_text(device_name(settings.device))
            .show_ui(ui, |ui| {
                for &device in session.runs().devices() {
                    ui.selectable_value(&mut settings.device, device, device_name(device));
                }
            });
        device.response.labelled_by(label.id);
        ui.end_row();
        let volume = session.document().is_some_and(|d| !d.volume.geometry().is_2d());
        if volume && !volumes {
            ui.label("Slices");
            ui.horizontal(|ui| {
                let one = session.runs().one_slice();
                if ui.selectable_label(!one, "all").clicked() {
                    commands.push(RunCommand::SetOneSlice(false).into());
                }
                if ui.selectable_label(one, "this one").clicked() {
                    commands.push(RunCommand::SetOneSlice(true).into());
                }
            });
            ui.end_row();
        }
        if session.document().is_some() {
            super::region::choice_ui(ui, session, commands);
        }
        if !volumes {
            ui.label("");
            demonstration_ui(ui, session, commands);
            ui.end_row();
        }
    });
    if settings != *session.runs().settings() {
        commands.push(RunCommand::SetSettings(settings).into());
    }
}

/// The button of the next step, or how far the run is.
fn next_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    if let Some(run) = session.runs().current() {
        progress_ui(ui, session, run, commands);
        return;
    }
    let volumes = session.runs().card().is_some_and(|c| c.volumes);
    let blocker = session.segment_blocker();
    let wide = egui::vec2(ui.available_width(), 34.0);
    let (name, tip) = match volumes {
        true => ("Whole volume", "Draw the one mask of all of it: the same every time"),
        false => ("Segment", "Draw the samples"),
    };
    let button = ui
        .add_enabled_ui(blocker.is_none(), |ui| ui.add_sized(wide, theme::primary(ui, name)))
        .inner
        .on_hover_text(hint(tip, Action::Segment));
    if !volumes {
        let tip = "The mask that the model draws at once: the same every time, no samples";
        let look = ui
            .add_enabled_ui(blocker.is_none(), |ui| {
                ui.add_sized(wide, egui::Button::new("Instant look"))
            })
            .inner
            .on_hover_text(hint(tip, Action::InstantLook));
        if look.clicked() {
            commands.push(Action::InstantLook.into());
        }
    }
    if let Some(why) = &blocker {
        ui.label(RichText::new(why).size(12.0).weak());
    }
    if let Some(structure) = session.runs().regions().looking_for() {
        let text = format!("looking for the {structure}");
        ui.label(RichText::new(text).size(12.0).weak());
    } else if session.runs().is_choosing() {
        ui.label(RichText::new("looking which model knows such pictures").size(12.0).weak());
    }
    if button.clicked() {
        commands.push(Action::Segment.into());
    }
}

/// How samples are drawn: rows of a grid of two columns.
fn sampling_ui(ui: &mut egui::Ui, settings: &mut Settings) {
    let label = ui.label("Samples");
    let members = egui::DragValue::new(&mut settings.members).range(1..=MOST_SAMPLES).speed(0.1);
    ui.add_enabled(settings.until.is_none(), members)
        .labelled_by(label.id)
        .on_hover_text("Masks to draw. Each is one plausible outline; their spread is shown.");
    ui.end_row();
    until_ui(ui, settings);
    let label = ui.label("Steps");
    ui.add(egui::DragValue::new(&mut settings.steps).range(1..=TRAINING_STEPS).speed(0.2))
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
}

/// Instead of a number: until more samples would not change the summary.
fn until_ui(ui: &mut egui::Ui, settings: &mut Settings) {
    ui.label("");
    ui.horizontal(|ui| {
        let mut until = settings.until.is_some();
        let tip = "Draw until mean size and mean Dice stay the same over the last 10 samples";
        let tick = ui.checkbox(&mut until, "until stable");
        if tick.on_hover_text(format!("{tip}. {}", wording::STABLE)).changed() {
            settings.until = until.then(Box::default);
        }
    });
    ui.end_row();
    let Some(rule) = &mut settings.until else { return };
    ui.label("At least, at most");
    ui.horizontal(|ui| {
        let ends =
            [(&mut rule.minimum, "Samples at least"), (&mut rule.maximum, "Samples at most")];
        for (end, name) in ends {
            let field = ui.add(egui::DragValue::new(end).range(2..=MOST_UNTIL_STABLE).speed(0.2));
            field.widget_info(|| {
                egui::WidgetInfo::labeled(egui::accesskit::Role::SpinButton, true, name)
            });
        }
    });
    ui.end_row();
}

/// Whether each step stays for a moment.
fn demonstration_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let mut slow = session.runs().demonstrates();
    let tip = "Each step stays for a second, for an audience";
    if ui.checkbox(&mut slow, "Demonstration").on_hover_text(tip).changed() {
        commands.push(RunCommand::Demonstrate(slow).into());
    }
}

fn progress_ui(ui: &mut egui::Ui, session: &Session, run: &Run, commands: &mut Vec<Command>) {
    let colors = theme::colors(ui);
    if session.live_run().is_none() {
        let text = format!("running on {}, which is no longer open", run.image_name);
        ui.label(RichText::new(text).color(colors.amber));
    }
    let device = run.started.as_ref().map_or("", |s| s.device.as_str());
    let (members, steps) = run.drawn();
    let time = match run.time_points {
        1 => String::new(),
        of => format!("{} · ", wording::time_point(run.time, of)),
    };
    let line = match run.card.volumes {
        true => format!("{time}{} · {device}", wording::ONE_MASK),
        false => {
            let round = wording::round(run.first(), members, run.settings.until.as_deref());
            let drawn = round.unwrap_or_else(|| wording::samples(members));
            format!("{time}{drawn}, {steps} steps · {device}")
        }
    };
    ui.label(RichText::new(line).size(12.0).weak());
    let bar = egui::ProgressBar::new(run.fraction)
        .fill(colors.accent.gamma_multiply(0.75))
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
    if !run.card.volumes {
        demonstration_ui(ui, session, commands);
    }
    let wide = egui::vec2(ui.available_width(), 30.0);
    let button = ui
        .add_enabled_ui(!run.cancelling, |ui| ui.add_sized(wide, egui::Button::new("Cancel")))
        .inner;
    if button.on_hover_text(hint("Finished samples are kept", Action::CancelRun)).clicked() {
        commands.push(Action::CancelRun.into());
    }
}

fn overlays_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    let edited = session.editing().mask().is_some();
    if session.results().findings().is_none() && document.labels.is_none() && !edited {
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
        commands.push(Action::ToggleSegmentation.into());
    }
    slider(ui, "Fill", overlays.opacity, "A, D", |v| {
        commands.push(ViewCommand::SetOpacity(v).into());
    });
    let Some(findings) = session.segmented().result().filter(|f| !f.is_deterministic()) else {
        return;
    };
    let mut heat = overlays.heat;
    if ui
        .checkbox(&mut heat, "Uncertainty map")
        .on_hover_text(hint("Where the samples part, on a fixed scale", Action::ToggleHeat))
        .changed()
    {
        commands.push(Action::ToggleHeat.into());
    }
    slider(ui, "Map", overlays.heat_opacity, "", |v| {
        commands.push(ViewCommand::SetHeatOpacity(v).into());
    });
    let mut measure = overlays.measure;
    ui.horizontal(|ui| {
        ui.add_space(25.0);
        let label = ui.label(RichText::new("Measure").weak());
        measure_ui(ui, &mut measure).labelled_by(label.id);
    });
    if measure != overlays.measure {
        commands.push(ViewCommand::SetMeasure(measure).into());
    }
    if findings.is_calibrated() {
        let mut calibrated = findings.maps_calibrated(overlays.calibrated);
        let about = "Of chances that held as often as they say near the lines of the model's validation cases, not of the \
                     samples' votes, which are too sure";
        let shown = ui.horizontal(|ui| {
            ui.add_space(25.0);
            ui.checkbox(&mut calibrated, "Calibrated").on_hover_text(about)
        });
        if shown.inner.changed() {
            commands.push(ViewCommand::SetCalibrated(calibrated).into());
        }
    }
    ui.label(RichText::new("Hold H for the bare image").size(12.0).weak());
}

/// What a map of uncertainty shows.
pub(super) fn measure_ui(ui: &mut egui::Ui, chosen: &mut Measure) -> egui::Response {
    let combo = egui::ComboBox::from_id_salt("measure").selected_text(chosen.name());
    let combo = combo.show_ui(ui, |ui| {
        for measure in Measure::ALL {
            ui.selectable_value(chosen, measure, measure.name());
        }
    });
    combo.response.on_hover_text(chosen.formula())
}

fn slider(ui: &mut egui::Ui, name: &str, value: f32, keys: &str, mut set: impl FnMut(f32)) {
    ui.horizontal(|ui| {
        ui.add_space(25.0);
        let label = ui.label(RichText::new(name).weak());
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
