//! The few-view planner: a dial of sources round the patient's section, the radiographs, what they say of
//! the plane, and which further angle would leave the least open.

use super::input::hint;
use super::pictures::Pictures;
use super::theme;
use crate::app::{
    Action, Command, MOST_DIALLED, Method, NOT_MODELLED, ONE_SUBJECT, Panel, PlanCommand, Planning,
    SPREAD, Session, ShellCommand, WATERMARK, no_reference,
};
use eframe::egui;
use egui::{Color32, Pos2, Rect, RichText, Sense, Stroke, vec2};

const DIAL: f32 = 190.0;
const PLANE: f32 = 390.0;
const HANDLE: f32 = 9.0;

#[derive(Default)]
pub(super) struct PlannerLocal {
    pictures: Pictures,
    /// The handle that is dragged.
    dragged: Option<usize>,
}

pub(super) fn planner_window(
    ctx: &egui::Context,
    session: &Session,
    local: &mut PlannerLocal,
    commands: &mut Vec<Command>,
) {
    if session.shell().is_open(Panel::Planner) && session.document().is_some() {
        let mut open = true;
        egui::Window::new("Few-view planner")
            .open(&mut open)
            .collapsible(true)
            .resizable(false)
            .default_pos([84.0, 60.0])
            .show(ctx, |ui| contents_ui(ui, session.planning(), local, commands));
        if !open {
            commands.push(ShellCommand::Show(Panel::Planner, false).into());
        }
    }
    local.pictures.tidy();
}

fn contents_ui(
    ui: &mut egui::Ui,
    planning: &Planning,
    local: &mut PlannerLocal,
    commands: &mut Vec<Command>,
) {
    let colors = theme::colors(ui);
    ui.set_width(PLANE + DIAL + 30.0);
    ui.label(RichText::new(WATERMARK).color(colors.amber).strong());
    ui.horizontal_top(|ui| {
        ui.vertical(|ui| {
            ui.set_width(DIAL);
            dial_ui(ui, planning, local, commands);
            views_ui(ui, planning, commands);
            next_angle_ui(ui, planning, commands);
        });
        ui.vertical(|ui| {
            shown_ui(ui, planning, commands);
            plane_ui(ui, planning, local);
            scores_ui(ui, planning);
        });
    });
    let small = RichText::new(format!("Not modelled: {NOT_MODELLED}")).size(11.0);
    ui.label(small.color(colors.weak));
}

/// Where a source stands: 0 degrees above, which is in front, 90 on the right, the patient's left.
fn on_dial(middle: Pos2, radius: f32, angle: f64) -> Pos2 {
    let (sin, cos) = angle.to_radians().sin_cos();
    middle + radius * vec2(sin as f32, -cos as f32)
}

fn dial_ui(
    ui: &mut egui::Ui,
    planning: &Planning,
    local: &mut PlannerLocal,
    commands: &mut Vec<Command>,
) {
    let colors = theme::colors(ui);
    let (area, response) = ui.allocate_exact_size(vec2(DIAL, DIAL), Sense::click_and_drag());
    response.widget_info(|| {
        let text = "Angles of the sources, front above, patient's left on the right";
        egui::WidgetInfo::labeled(egui::accesskit::Role::Group, true, text)
    });
    let (middle, radius) = (area.center(), 0.5 * DIAL - 14.0);
    let painter = ui.painter();
    painter.circle_stroke(middle, radius, Stroke::new(1.0, colors.weak));
    let body = Rect::from_center_size(middle, vec2(1.1, 0.75) * radius);
    painter.add(egui::Shape::ellipse_stroke(
        body.center(),
        0.5 * body.size(),
        Stroke::new(1.0, colors.weak),
    ));
    for (angle, letter) in [(0.0, "A"), (90.0, "L"), (180.0, "P"), (270.0, "R")] {
        let at = on_dial(middle, radius - 16.0, angle);
        let font = egui::FontId::proportional(11.0);
        painter.text(at, egui::Align2::CENTER_CENTER, letter, font, colors.weak);
    }
    for &angle in planning.angles() {
        let at = on_dial(middle, radius, angle);
        painter.line_segment([at, middle], Stroke::new(1.0, colors.accent.gamma_multiply(0.4)));
        painter.circle_filled(at, HANDLE - 2.0, colors.accent);
    }
    let pointer = response.interact_pointer_pos();
    if response.drag_started()
        && let Some(at) = ui.input(|i| i.pointer.press_origin())
    {
        let far = |angle: &f64| on_dial(middle, radius, *angle).distance(at);
        let near =
            planning.angles().iter().enumerate().min_by(|a, b| far(a.1).total_cmp(&far(b.1)));
        local.dragged = near.filter(|(_, angle)| far(angle) <= 2.0 * HANDLE).map(|(v, _)| v);
    }
    if let (Some(view), Some(at), true) = (local.dragged, pointer, response.dragged()) {
        let d = at - middle;
        let angle = f64::from(d.x).atan2(f64::from(-d.y)).to_degrees();
        commands.push(PlanCommand::Turn { view, angle: angle.round() }.into());
    }
    if response.drag_stopped() {
        local.dragged = None;
    }
}

fn views_ui(ui: &mut egui::Ui, planning: &Planning, commands: &mut Vec<Command>) {
    let several = planning.angles().len() > 1;
    for (view, &angle) in planning.angles().iter().enumerate() {
        ui.horizontal(|ui| {
            let label = ui.label(format!("View {}", view + 1));
            let mut turned = angle;
            let field = egui::DragValue::new(&mut turned).speed(1.0).suffix("°").max_decimals(1);
            if ui.add(field).labelled_by(label.id).changed() {
                commands.push(PlanCommand::Turn { view, angle: turned }.into());
            }
            let remove = ui.add_enabled(several, egui::Button::new("Remove"));
            if remove.on_hover_text(format!("View {} away", view + 1)).clicked() {
                commands.push(PlanCommand::Remove(view).into());
            }
        });
    }
    let more = planning.angles().len() < MOST_DIALLED;
    let add = ui.add_enabled(more, egui::Button::new("Add a view"));
    if add.on_hover_text("Into the largest gap between the lines of sight").clicked() {
        commands.push(PlanCommand::Add(widest(planning.angles())).into());
    }
}

/// The middle of the largest gap between lines, whichever way they run.
fn widest(angles: &[f64]) -> f64 {
    let mut lines: Vec<f64> = angles.iter().map(|a| a.rem_euclid(180.0)).collect();
    lines.sort_by(f64::total_cmp);
    let gap = |i: usize| match lines.get(i + 1) {
        Some(next) => next - lines[i],
        None => lines[0] + 180.0 - lines[i],
    };
    let largest = (0..lines.len()).max_by(|a, b| gap(*a).total_cmp(&gap(*b)));
    largest.map_or(0.0, |i| (lines[i] + 0.5 * gap(i)).rem_euclid(180.0))
}

fn shown_ui(ui: &mut egui::Ui, planning: &Planning, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        let label = ui.label("Told from");
        let mut method = planning.method();
        let combo = egui::ComboBox::from_id_salt("plan method").width(230.0);
        let combo = combo.selected_text(method.name()).show_ui(ui, |ui| {
            for other in Method::ALL {
                ui.selectable_value(&mut method, other, other.name());
            }
        });
        combo.response.labelled_by(label.id);
        if method != planning.method() {
            commands.push(PlanCommand::By(method).into());
        }
    });
    ui.horizontal(|ui| {
        let mut truth = planning.shows_truth();
        let tip = hint("The plane as it is in the CT", Action::TrueSlice);
        if ui.checkbox(&mut truth, "Show the true slice").on_hover_text(tip).changed() {
            commands.push(PlanCommand::Truth(truth).into());
        }
        let count = planning.plan().map_or(0, |p| p.members.len());
        if planning.method() == Method::Members && count > 1 {
            let mut member = planning.member().map_or(0, |m| m + 1);
            let label = ui.label("Sample");
            let slider = egui::Slider::new(&mut member, 0..=count).custom_formatter(|v, _| {
                if v < 1.0 { "all".to_owned() } else { format!("{v:.0}") }
            });
            if ui.add(slider).labelled_by(label.id).changed() {
                commands.push(PlanCommand::Member(member.checked_sub(1)).into());
            }
        }
    });
}

fn plane_ui(ui: &mut egui::Ui, planning: &Planning, local: &mut PlannerLocal) {
    let colors = theme::colors(ui);
    let (area, _) = ui.allocate_exact_size(vec2(PLANE, PLANE), Sense::hover());
    ui.painter().rect_filled(area, 2.0, theme::ON_IMAGE.canvas);
    let (plane, views) = planning.pictures();
    if let Some(plane) = plane {
        local.pictures.paint(ui, plane, area);
    }
    let text = match (planning.why(), planning.is_running()) {
        (Some(why), _) => why.to_owned(),
        (None, true) => {
            let count = planning.plan().map_or(0, |p| p.members.len());
            format!("Drawing samples: {count} so far")
        }
        (None, false) if planning.shows_truth() => "The true slice of the CT".to_owned(),
        (None, false) => format!("{} views, {}", planning.angles().len(), planning.method().name()),
    };
    let color = if planning.why().is_some() { colors.amber } else { colors.text };
    ui.label(RichText::new(text).color(color));
    ui.horizontal(|ui| {
        for (name, color) in Planning::structures() {
            theme::swatch(ui, color);
            ui.label(RichText::new(name).size(11.0).color(colors.weak));
        }
    });
    if let Some(views) = views {
        let height = (PLANE * views.height as f32 / views.width.max(1) as f32).min(110.0);
        let (area, _) = ui.allocate_exact_size(vec2(PLANE, height), Sense::hover());
        local.pictures.paint(ui, views, area);
    }
}

fn scores_ui(ui: &mut egui::Ui, planning: &Planning) {
    let colors = theme::colors(ui);
    if !planning.has_reference() {
        ui.label(RichText::new(no_reference()).color(colors.weak));
    } else if let Some(dice) = planning.dice() {
        let each = dice.iter().map(|(name, d)| match d {
            Some(d) => format!("{name} {d:.2}"),
            None => format!("{name} –"),
        });
        ui.label(format!("Dice: {}", each.collect::<Vec<_>>().join("  ")));
        ui.label(RichText::new(ONE_SUBJECT).size(11.0).color(colors.weak));
    }
    if let Some(plan) = planning.plan().filter(|p| !p.members.is_empty()) {
        let text = format!("Mean entropy {:.3} ({SPREAD})", plan.spread.mean_entropy);
        ui.label(RichText::new(text).size(11.0).color(colors.weak));
    }
    if let Some(seen) = planning.estimate().and_then(|e| e.truncated) {
        let text = format!("The detector cuts the body off beyond {seen:.0} mm.");
        ui.label(RichText::new(text).color(colors.amber));
    }
}

fn next_angle_ui(ui: &mut egui::Ui, planning: &Planning, commands: &mut Vec<Command>) {
    ui.separator();
    let tip = "Simulates further views and draws a few samples with each";
    if ui.button("Try further angles").on_hover_text(tip).clicked() {
        commands.push(PlanCommand::NextAngle.into());
    }
    let tried = planning.tried();
    if tried.len() < 2 {
        return;
    }
    let (area, response) = ui.allocate_exact_size(vec2(DIAL, 84.0), Sense::hover());
    response.widget_info(|| {
        let text = format!("Mean entropy of {} further angles", tried.len());
        egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, text)
    });
    ui.painter().rect_filled(area, 2.0, theme::ON_IMAGE.canvas);
    let curve = |value: &dyn Fn(usize) -> f64, color: Color32| {
        let all = (0..tried.len()).map(value);
        let (low, high) =
            (all.clone().fold(f64::MAX, f64::min), all.clone().fold(f64::MIN, f64::max));
        let place = |(i, v): (usize, f64)| {
            let share = if high > low { (v - low) / (high - low) } else { 0.5 };
            let x = area.left() + 6.0 + (area.width() - 12.0) * (tried[i].angle / 180.0) as f32;
            Pos2::new(x, area.bottom() - 6.0 - (area.height() - 12.0) * share as f32)
        };
        let points: Vec<Pos2> = all.enumerate().map(place).collect();
        ui.painter().add(egui::Shape::line(points, Stroke::new(1.5, color)));
    };
    curve(&|i| tried[i].entropy, theme::ON_IMAGE.accent);
    curve(&|i| tried[i].gap, theme::ON_IMAGE.weak);
    let text = "0° to 180°. Bright: mean entropy with that view. Grey: distance to the nearest line of \
                sight. Chosen with the CT known; a curve, no advice.";
    ui.label(RichText::new(text).size(11.0).color(theme::colors(ui).weak));
}
