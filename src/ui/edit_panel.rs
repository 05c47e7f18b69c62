//! The panel's part for editing: the mask's labels, how the tools work, operations, and measurements.

use super::edit_view::short;
use super::{input::hint, theme};
use crate::app::{
    Action, Command, Disputed, Document, EditCommand, EditLabel, ExportCommand, Extent,
    LabelCommand, Logic, MeasureCommand, Operation, PaintOver, Session, Status, Tool, ToolOptions,
    Work, wording,
};
use crate::volume::LengthUnit;
use eframe::egui;
use egui::RichText;

fn small(text: impl Into<String>) -> RichText {
    RichText::new(text).size(12.0)
}

/// Under a result: it is a proposal until a person takes it over (RUN-6).
pub(super) fn proposal_ui(ui: &mut egui::Ui, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        let tip = "Take this mask over and change it by hand; the result itself stays as it is";
        if ui.button("Edit this mask").on_hover_text(tip).clicked() {
            commands.push(EditCommand::Accept { edit: true }.into());
        }
        let tip = "Take this mask over as the edited mask, without a tool in hand";
        if ui.button("Accept").on_hover_text(tip).clicked() {
            commands.push(EditCommand::Accept { edit: false }.into());
        }
    });
}

pub(super) fn panel_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    let colors = theme::colors(ui);
    theme::section(ui, "Edited mask");
    let editing = session.editing();
    let Some(work) = editing.mask() else {
        ui.horizontal(|ui| {
            let tip = "Draw a mask by hand, from nothing";
            if ui.button("New mask").on_hover_text(tip).clicked() {
                commands.push(EditCommand::Begin.into());
            }
        });
        options_ui(ui, session, None, commands);
        measurements_ui(ui, session, commands);
        return;
    };
    ui.horizontal(|ui| {
        ui.label(RichText::new(work.by_hand()).strong());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let mut shown = editing.is_shown();
            if ui.checkbox(&mut shown, "Draw it").changed() {
                commands.push(EditCommand::Show(shown).into());
            }
        });
    });
    if work.time != document.view.time {
        let text = format!("of {}", wording::time_point(work.time, document.volume.times()));
        ui.label(small(text).color(colors.amber));
    }
    labels_ui(ui, session, work, commands);
    prepared_ui(ui, session, commands);
    options_ui(ui, session, Some(work), commands);
    operations_ui(ui, session, document, work, commands);
    ui.horizontal(|ui| {
        let tip = "The edited mask and the measurements as files";
        if ui.button("Export the edited mask…").on_hover_text(tip).clicked() {
            commands.push(ExportCommand::Prepare(None).into());
            commands.push(ExportCommand::Edited(true).into());
        }
        if ui.button("Discard…").on_hover_text("Let the edited mask go").clicked() {
            commands.push(EditCommand::Discard.into());
        }
    });
    readings_ui(ui, session, document, commands);
    if editing.is_asked_to_discard() {
        ui.label(small("It was not exported: discard it for good?").color(colors.amber));
        ui.horizontal(|ui| {
            if ui.button("Discard for good").clicked() {
                commands.push(EditCommand::Discard.into());
            }
            if ui.button("Keep it").clicked() {
                commands.push(EditCommand::KeepMask.into());
            }
        });
    }
    measurements_ui(ui, session, commands);
}

fn labels_ui(ui: &mut egui::Ui, session: &Session, work: &Work, commands: &mut Vec<Command>) {
    let layer = work.layer();
    let (extent, voxel) = (Extent::of(layer.geometry()), Extent::of_voxel(layer.geometry()));
    theme::card(ui).inner_margin(8).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing = egui::vec2(6.0, 4.0);
        for label in layer.labels() {
            ui.horizontal(|ui| {
                label_row(ui, work, label, extent, voxel, commands);
            });
            if session.editing().asked_label() == Some(label.value) {
                ui.label(
                    small("It has voxels: delete it with them?").color(theme::colors(ui).amber),
                );
                ui.horizontal(|ui| {
                    if ui.button("Delete it").clicked() {
                        let command = LabelCommand::Delete(label.value);
                        commands.push(EditCommand::Label(command).into());
                    }
                    if ui.button("Keep the label").clicked() {
                        commands.push(EditCommand::Label(LabelCommand::Keep).into());
                    }
                });
            }
        }
        let tip = hint("A label more, with a colour of its own", Action::NewLabel);
        if ui.small_button("New label").on_hover_text(tip).clicked() {
            commands.push(EditCommand::Label(LabelCommand::Add).into());
        }
    });
}

fn label_row(
    ui: &mut egui::Ui,
    work: &Work,
    label: &EditLabel,
    extent: Extent,
    voxel: f64,
    commands: &mut Vec<Command>,
) {
    let (mut rows, mut deleted) = (Vec::new(), false);
    let named = |r: &egui::Response, on: bool, text: &str| {
        let name = format!("{text} {}", label.name);
        r.widget_info(|| {
            egui::WidgetInfo::selected(egui::accesskit::Role::CheckBox, true, on, &name)
        });
    };
    let mut color = label.color;
    let swatch = ui.color_edit_button_srgb(&mut color);
    let name = format!("Colour of {}", label.name);
    swatch.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::ColorWell, true, &name));
    if color != label.color {
        rows.push(EditLabel { color, ..label.clone() });
    }
    let active = work.active == label.value;
    let mut picked = false;
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        ui.menu_button("…", |ui| {
            ui.set_min_width(190.0);
            let id = ui.scope_id().with(("name", label.value));
            let mut name = ui.data(|d| d.get_temp::<String>(id)).unwrap_or(label.name.clone());
            let title = ui.label("Name");
            let field = ui.add(egui::TextEdit::singleline(&mut name)).labelled_by(title.id);
            ui.data_mut(|d| d.insert_temp(id, name.clone()));
            if field.lost_focus() && name != label.name && !name.trim().is_empty() {
                ui.data_mut(|d| d.remove_temp::<String>(id));
                rows.push(EditLabel { name, ..label.clone() });
            }
            for status in Status::ALL {
                if ui.selectable_label(label.status == status, status.name()).clicked() {
                    rows.push(EditLabel { status, ..label.clone() });
                }
            }
            ui.separator();
            let delete = egui::Button::new(format!("Delete {}", label.name));
            if ui.add_enabled(!label.locked, delete).clicked() {
                deleted = true;
                ui.close();
            }
        })
        .response
        .on_hover_text(format!("More of {}", label.name));
        let mut locked = label.locked;
        let lock = ui.checkbox(&mut locked, "lock");
        named(&lock, locked, "Lock");
        if lock.on_hover_text("No tool changes it").changed() {
            rows.push(EditLabel { locked, ..label.clone() });
        }
        let mut visible = label.visible;
        let show = ui.checkbox(&mut visible, "show");
        named(&show, visible, "Draw");
        if show.changed() {
            rows.push(EditLabel { visible, ..label.clone() });
        }
        ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
            let size = wording::size(extent, work.layer().voxels_of(label.value) as f64 * voxel);
            let text = RichText::new(&label.name);
            let text = if active { text.strong().color(theme::colors(ui).accent) } else { text };
            let row = ui.add(egui::Button::selectable(active, text).truncate());
            let (gained, lost) = work.layer().changed(label.value);
            let status = label.status.name();
            let tip = format!("{size} · +{gained} −{lost} voxels by hand · {status}");
            row.widget_info(|| {
                let role = egui::accesskit::Role::RadioButton;
                egui::WidgetInfo::selected(role, true, active, format!("Paint {}", label.name))
            });
            picked = row.on_hover_text(tip).clicked();
        });
    });
    commands.extend(rows.into_iter().map(|r| EditCommand::Label(LabelCommand::Change(r)).into()));
    if deleted {
        commands.push(EditCommand::Label(LabelCommand::Delete(label.value)).into());
    }
    if picked {
        commands.push(EditCommand::SetActive(label.value).into());
    }
}

/// What the labels measure, once it is asked for.
fn readings_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    let tip = "Volume, surface, longest diameter in a slice, and values of each label";
    if ui.button("Measure the labels").on_hover_text(tip).clicked() {
        commands.push(EditCommand::MeasureLabels.into());
    }
    let Some(readings) = session.editing().readings() else { return };
    let flat = document.volume.geometry().is_2d();
    let (size, edge, powers) =
        if flat { ("area", "perimeter", ["²", ""]) } else { ("volume", "surface", ["³", "²"]) };
    for (name, r) in readings {
        let unit = r.unit;
        let mut lines = vec![
            format!("{size} {:.1} {unit}{} ({} voxels)", r.volume, powers[0], r.voxels),
            format!("{edge} {:.1} {unit}{}", r.surface, powers[1]),
        ];
        if let Some(d) = r.longest_diameter {
            lines.push(format!("longest diameter in a slice {d:.1} {unit}"));
        }
        if let Some(v) = &r.values {
            let sd = v.sd.map_or_else(String::new, |s| format!(" ± {s:.2}"));
            lines.push(format!("values {:.2}{sd}, {:.2} to {:.2}", v.mean, v.min, v.max));
        }
        ui.label(small(name.as_str()).strong());
        for line in lines {
            ui.label(small(line).weak());
        }
    }
}

/// What an operation would change, and the word that applies it.
fn prepared_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    if session.editing().is_working() {
        ui.label(small("working on the mask").weak());
    }
    let Some(prepared) = session.editing().prepared() else { return };
    theme::card(ui).stroke(egui::Stroke::new(1.0, theme::colors(ui).accent)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.label(RichText::new(format!("{}, not applied yet", prepared.what)).strong());
        for line in &prepared.lines {
            ui.label(small(line.as_str()));
        }
        ui.horizontal(|ui| {
            let apply = ui.add(theme::primary(ui, "Apply"));
            if apply.on_hover_text(hint("Apply", Action::Apply)).clicked() {
                commands.push(EditCommand::ApplyShown.into());
            }
            if ui.button("Drop").on_hover_text("Leave the mask as it is (Escape)").clicked() {
                commands.push(EditCommand::DropShown.into());
            }
        });
    });
}

fn options_ui(
    ui: &mut egui::Ui,
    session: &Session,
    work: Option<&Work>,
    commands: &mut Vec<Command>,
) {
    let editing = session.editing();
    let (tool, mut o) = (editing.tool(), *editing.options());
    let Some(document) = session.document() else { return };
    let g = document.volume.geometry();
    let unit = if g.unit() == LengthUnit::Millimetre { " mm" } else { " px" };
    if !tool.edits() {
        return;
    }
    egui::Grid::new("tool options").num_columns(2).spacing([10.0, 6.0]).show(ui, |ui| {
        if tool.is_brush() {
            let label = ui.label("Diameter");
            let slider = egui::Slider::new(&mut o.diameter, 0.5..=200.0).logarithmic(true);
            ui.add(slider.suffix(unit).custom_formatter(|v, _| format!("{v:.1}")))
                .labelled_by(label.id)
                .on_hover_text("[ and ], or Shift and the wheel");
            ui.end_row();
            if !g.is_2d() {
                ui.label("Shape");
                ui.horizontal(|ui| {
                    ui.selectable_value(&mut o.ball, false, "disc");
                    ui.selectable_value(&mut o.ball, true, "ball");
                });
                ui.end_row();
            }
        }
        if matches!(tool, Tool::Fill | Tool::Grow | Tool::Threshold) && !g.is_2d() {
            ui.label("Within");
            ui.horizontal(|ui| {
                ui.selectable_value(&mut o.in_slice, true, "this slice");
                ui.selectable_value(&mut o.in_slice, false, "the scan");
            });
            ui.end_row();
        }
        if tool == Tool::Grow {
            let label = ui.label("Tolerance");
            let speed = document.robust_range / 300.0;
            ui.add(egui::DragValue::new(&mut o.tolerance).range(0.0..=f64::MAX).speed(speed))
                .labelled_by(label.id);
            ui.end_row();
        }
        if tool == Tool::Threshold {
            range_ui(ui, "Range", &mut o.range, document.robust_range);
            ui.end_row();
        }
        if tool == Tool::Scissors {
            ui.label("Cut away");
            ui.horizontal(|ui| {
                ui.selectable_value(&mut o.cut_inside, true, "inside");
                ui.selectable_value(&mut o.cut_inside, false, "outside");
            });
            ui.end_row();
        }
        rule_ui(ui, &mut o, work, document.robust_range);
    });
    if tool == Tool::Threshold {
        ui.horizontal(|ui| {
            if ui.button("Show what it takes").clicked() {
                commands.push(EditCommand::Run(Operation::Threshold).into());
            }
            if ui.button("Otsu").on_hover_text("Otsu's threshold as a start").clicked() {
                commands.push(EditCommand::SuggestRange.into());
                commands.push(EditCommand::Run(Operation::Threshold).into());
            }
        });
    }
    if o != *editing.options() {
        commands.push(EditCommand::SetOptions(o).into());
    }
}

fn range_ui(ui: &mut egui::Ui, name: &str, range: &mut [f64; 2], whole: f64) {
    let label = ui.label(name);
    ui.horizontal(|ui| {
        let [low, high] = range;
        let speed = whole / 300.0;
        let field = |v| egui::DragValue::new(v).speed(speed).max_decimals(3);
        ui.add(field(low)).labelled_by(label.id);
        let to = ui.label("to");
        ui.add(field(high)).labelled_by(to.id);
    });
}

/// One rule for all tools (EDIT-4, EDIT-5).
fn rule_ui(ui: &mut egui::Ui, o: &mut ToolOptions, work: Option<&Work>, whole: f64) {
    let label = ui.label("Paint over");
    let labels = work.map_or(&[][..], |w| w.layer().labels());
    let name = |over: PaintOver| match over {
        PaintOver::Everything => "everything".to_owned(),
        PaintOver::Background => "background only".to_owned(),
        PaintOver::Visible => "what is shown".to_owned(),
        PaintOver::Label(v) => {
            let row = labels.iter().find(|l| l.value == v);
            row.map_or_else(|| "a label".to_owned(), |l| format!("{} only", l.name))
        }
    };
    let combo = egui::ComboBox::from_id_salt("paint over").selected_text(name(o.rule.over));
    let combo = combo.show_ui(ui, |ui| {
        let fixed = [PaintOver::Everything, PaintOver::Background, PaintOver::Visible];
        let of_label = labels.iter().map(|l| PaintOver::Label(l.value));
        for over in fixed.into_iter().chain(of_label) {
            ui.selectable_value(&mut o.rule.over, over, name(over));
        }
    });
    combo.response.labelled_by(label.id).on_hover_text("For all tools. Locked labels never change");
    ui.end_row();
    let label = ui.label("Limit");
    let mut limited = o.rule.limit.is_some();
    ui.horizontal(|ui| {
        let tick = ui.checkbox(&mut limited, "values").labelled_by(label.id);
        tick.on_hover_text("Only voxels with values in a range change; they are tinted");
    });
    if limited != o.rule.limit.is_some() {
        o.rule.limit = limited.then_some(o.range);
    }
    ui.end_row();
    if let Some(limit) = &mut o.rule.limit {
        range_ui(ui, "From", limit, whole);
        ui.end_row();
    }
}

fn operations_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    work: &Work,
    commands: &mut Vec<Command>,
) {
    let mut o = *session.editing().options();
    let g = document.volume.geometry();
    let unit = if g.unit() == LengthUnit::Millimetre { "mm" } else { "px" };
    let mut run = |operation: Operation| commands.push(EditCommand::Run(operation).into());
    let active = work.layer().label(work.active).map_or("label", |l| l.name.as_str());
    ui.horizontal_wrapped(|ui| {
        ui.menu_button("Shape", |ui| {
            ui.set_min_width(240.0);
            ui.label(small(format!("Of {active}; seen before it is applied")).weak());
            ui.horizontal(|ui| {
                let label = ui.label("Length");
                let field = egui::DragValue::new(&mut o.length).range(-50.0..=50.0).speed(0.1);
                ui.add(field.suffix(format!(" {unit}"))).labelled_by(label.id);
            });
            for (text, operation) in [
                ("Margin (negative: shrink)", Operation::Margin),
                ("Shell", Operation::Shell),
                ("Smooth all labels together", Operation::Smooth),
                ("Median", Operation::Median),
                ("Opening", Operation::Opening),
                ("Closing", Operation::Closing),
            ] {
                if ui.button(text).clicked() {
                    run(operation);
                    ui.close();
                }
            }
        });
        ui.menu_button("Parts", |ui| {
            ui.set_min_width(240.0);
            ui.label(small(format!("Of {active}")).weak());
            for (text, operation) in [
                ("Keep the largest island", Operation::KeepLargest),
                ("Keep the island at the crosshair", Operation::KeepAt(document.view.voxel)),
                ("Split into islands", Operation::Split),
                ("Fill holes", Operation::Holes),
            ] {
                if ui.button(text).clicked() {
                    run(operation);
                    ui.close();
                }
            }
            ui.horizontal(|ui| {
                if ui.button("Drop islands below").clicked() {
                    run(Operation::DropSmall);
                    ui.close();
                }
                let power = if g.is_2d() { "²" } else { "³" };
                let field = egui::DragValue::new(&mut o.island).range(0.0..=1e9).speed(1.0);
                let size = ui.add(field.suffix(format!(" {unit}{power}")));
                size.widget_info(|| {
                    let role = egui::accesskit::Role::SpinButton;
                    egui::WidgetInfo::labeled(role, true, "Size of islands that are dropped")
                });
            });
        });
        ui.menu_button("Between", |ui| {
            ui.set_min_width(240.0);
            if !g.is_2d() && ui.button(format!("Interpolate {active} between slices")).clicked() {
                run(Operation::Interpolate);
                ui.close();
            }
            if ui.button("Grow all labels from what is painted").clicked() {
                run(Operation::GrowSeeds);
                ui.close();
            }
            let others = || work.layer().labels().iter().filter(|l| l.value != work.active);
            for logic in Logic::ALL {
                if logic == Logic::Invert {
                    if ui.button(format!("Invert {active}")).clicked() {
                        run(Operation::Combine(logic, 0));
                        ui.close();
                    }
                    continue;
                }
                if others().next().is_none() {
                    continue;
                }
                ui.menu_button(format!("{active}: {}", logic.name()), |ui| {
                    for other in others() {
                        if ui.button(&other.name).clicked() {
                            run(Operation::Combine(logic, other.value));
                            ui.close();
                        }
                    }
                });
            }
        });
        samples_ui(ui, session, document, &mut run);
    });
    if o != *session.editing().options() {
        commands.push(EditCommand::SetOptions(o).into());
    }
}

/// In the uncertain region at the crosshair the person decides (EDIT-15).
fn samples_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    run: &mut dyn FnMut(Operation),
) {
    let Some(findings) = session.results().findings().filter(|f| !f.is_deterministic()) else {
        return;
    };
    let class = document.overlays.class;
    // The region that was chosen from the list, else the one at the crosshair.
    let chosen = session.results().chosen().and_then(|e| e.review.chosen(findings.id));
    let chosen = chosen.filter(|(c, _)| *c == class).map(|(_, rank)| rank);
    let region = chosen.map_or(Disputed::At(document.view.voxel), Disputed::Ranked);
    let name = findings.classes.get(class).map_or("", |c| c.name.as_str());
    ui.menu_button("Samples", |ui| {
        ui.set_min_width(250.0);
        let text = match chosen {
            Some(rank) => format!("{name}, in region {} of the list", rank + 1),
            None => format!("{name}, in the region at the crosshair where the samples part"),
        };
        ui.label(small(text).weak());
        let n = findings.samples();
        ui.horizontal_wrapped(|ui| {
            ui.label("At least");
            for samples in 1..=n {
                let button = ui.small_button(samples.to_string());
                button.widget_info(|| {
                    let name = format!("At least {samples} of {n}");
                    egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, name)
                });
                if button.clicked() {
                    run(Operation::AtLeast { class, samples, region });
                    ui.close();
                }
            }
            ui.label(format!("of {n}"));
        });
        ui.horizontal_wrapped(|ui| {
            ui.label("As sample");
            for member in 0..findings.included.drawn() {
                let button = ui.small_button((member + 1).to_string());
                button.widget_info(|| {
                    let name = format!("As sample {}", member + 1);
                    egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, name)
                });
                if button.clicked() {
                    run(Operation::Member { class, member, region });
                    ui.close();
                }
            }
        });
    });
}

fn measurements_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let Some(work) = session.editing().work() else { return };
    let list = work.measurements().list();
    if list.is_empty() {
        return;
    }
    theme::section(ui, "Measurements");
    theme::card(ui).inner_margin(8).show(ui, |ui| {
        ui.set_width(ui.available_width());
        for m in list {
            ui.horizontal(|ui| {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let gone = ui.small_button("×");
                    gone.widget_info(|| {
                        let name = format!("Delete {}", m.name);
                        egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, name)
                    });
                    if gone.clicked() {
                        let command = MeasureCommand::Remove(m.id);
                        commands.push(EditCommand::Measure(command).into());
                    }
                    ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                        let text = format!("{}: {}", m.name, short(&m.reading));
                        let row = egui::Label::new(small(text)).truncate();
                        let row = ui.add(row.sense(egui::Sense::click()));
                        if row.on_hover_text("Show where it lies").clicked() {
                            let (axis, slice) = (m.shape.axis, m.shape.slice);
                            let view = crate::app::ViewId::Main;
                            use crate::app::ViewCommand;
                            commands.push(ViewCommand::SetPlane(view, axis).into());
                            commands.push(ViewCommand::SetSlice(view, slice).into());
                        }
                    });
                });
            });
        }
    });
    if session.editing().mask().is_none() && ui.button("Export the measurements…").clicked() {
        commands.push(ExportCommand::Prepare(None).into());
        commands.push(ExportCommand::Edited(true).into());
    }
}
