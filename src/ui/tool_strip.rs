//! The tools, beside the image: one picture each, drawn with lines, with its name and key as tooltip.

use super::{input::hint, theme};
use crate::app::{Action, Command, Session, Tool};
use eframe::egui;
use egui::{Color32, Pos2, Rect, Sense, Stroke, StrokeKind, vec2};

const SIDE: f32 = 34.0;

pub(super) fn strip_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let frame =
        egui::Frame::new().inner_margin(egui::Margin { left: 7, right: 5, top: 8, bottom: 8 });
    egui::Panel::left("tools").frame(frame).exact_size(SIDE + 12.0).resizable(false).show(
        ui,
        |ui| {
            egui::ScrollArea::vertical().auto_shrink([true, false]).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 3.0;
                for tool in Tool::ALL {
                    if tool == Tool::Brush || tool == Tool::Ruler {
                        ui.add_space(5.0);
                    }
                    let chosen = session.editing().tool() == tool;
                    let action = Action::Tool(tool);
                    let response = button(ui, tool.name(), chosen, true, |painter, rect, color| {
                        icon(painter, rect, tool, color);
                    });
                    if response.on_hover_text(hint(tool.name(), action)).clicked() {
                        commands.push(action.into());
                    }
                }
                ui.add_space(5.0);
                let editor = session.editing().work().map(|w| w.editor());
                let names = editor.map_or([None, None], |e| e.names());
                for (name, action, what) in
                    [("Undo", Action::Undo, names[0]), ("Do again", Action::Redo, names[1])]
                {
                    let response =
                        button(ui, name, false, what.is_some(), |painter, rect, color| {
                            arrow(painter, rect, action == Action::Redo, color);
                        });
                    let text = match what {
                        Some(what) => hint(&format!("{name}: {what}"), action),
                        None => hint(name, action),
                    };
                    if response.on_hover_text(text).clicked() && what.is_some() {
                        commands.push(action.into());
                    }
                }
            });
        },
    );
}

fn button(
    ui: &mut egui::Ui,
    name: &str,
    chosen: bool,
    enabled: bool,
    draw: impl FnOnce(&egui::Painter, Rect, Color32),
) -> egui::Response {
    let colors = theme::colors(ui);
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(SIDE, SIDE - 4.0), sense);
    response.widget_info(|| {
        let role = egui::accesskit::Role::Button;
        egui::WidgetInfo::selected(role, enabled, chosen, format!("Tool: {name}"))
    });
    let painter = ui.painter();
    if chosen {
        painter.rect_filled(rect, 6.0, colors.raised);
        let edge = Stroke::new(1.0, colors.accent);
        painter.rect_stroke(rect, 6.0, edge, StrokeKind::Inside);
    } else if enabled && (response.hovered() || response.has_focus()) {
        painter.rect_filled(rect, 6.0, colors.hover);
    }
    let color = match (chosen, enabled) {
        (true, _) => colors.accent,
        (_, true) => colors.text,
        (_, false) => colors.line,
    };
    let middle = Rect::from_center_size(rect.center(), vec2(18.0, 18.0));
    draw(painter, middle, color);
    response
}

/// In a square of 18 points; places go from 0 to 1.
fn icon(painter: &egui::Painter, rect: Rect, tool: Tool, color: Color32) {
    let at = |x: f32, y: f32| rect.min + vec2(x, y) * rect.size();
    let stroke = Stroke::new(1.5, color);
    let line = |points: &[[f32; 2]]| {
        let points: Vec<Pos2> = points.iter().map(|[x, y]| at(*x, *y)).collect();
        painter.line(points, stroke);
    };
    let dot = |x: f32, y: f32| painter.circle_filled(at(x, y), 2.0, color);
    match tool {
        Tool::Navigate => {
            line(&[[0.5, 0.0], [0.5, 0.36]]);
            line(&[[0.5, 0.64], [0.5, 1.0]]);
            line(&[[0.0, 0.5], [0.36, 0.5]]);
            line(&[[0.64, 0.5], [1.0, 0.5]]);
        }
        Tool::Prompt => {
            line(&[[0.05, 0.3], [0.55, 0.3]]);
            line(&[[0.3, 0.05], [0.3, 0.55]]);
            line(&[[0.5, 0.8], [0.98, 0.8]]);
        }
        Tool::Brush => {
            line(&[[0.95, 0.05], [0.48, 0.56]]);
            painter.circle_filled(at(0.3, 0.74), 4.4, color);
            line(&[[0.3, 0.8], [0.02, 1.0]]);
        }
        Tool::Eraser => {
            line(&[[0.05, 0.62], [0.6, 0.07], [0.95, 0.42], [0.4, 0.97], [0.05, 0.62]]);
            line(&[[0.3, 0.37], [0.65, 0.72]]);
        }
        Tool::Fill => {
            line(&[[0.1, 0.5], [0.5, 0.1], [0.85, 0.45], [0.45, 0.85], [0.1, 0.5]]);
            line(&[[0.1, 0.5], [0.8, 0.5]]);
            dot(0.95, 0.85);
        }
        Tool::Polygon | Tool::Area => {
            line(&[[0.1, 0.35], [0.55, 0.05], [0.95, 0.4], [0.75, 0.95], [0.2, 0.85], [0.1, 0.35]]);
            if tool == Tool::Area {
                line(&[[0.3, 0.5], [0.7, 0.5]]);
                line(&[[0.5, 0.32], [0.5, 0.7]]);
            } else {
                for (x, y) in [(0.1, 0.35), (0.55, 0.05), (0.95, 0.4), (0.75, 0.95), (0.2, 0.85)] {
                    dot(x, y);
                }
            }
        }
        Tool::Threshold => {
            line(&[[0.0, 0.95], [0.2, 0.6], [0.4, 0.75], [0.65, 0.15], [0.85, 0.5], [1.0, 0.95]]);
            line(&[[0.5, 0.0], [0.5, 1.0]]);
        }
        Tool::Grow => {
            dot(0.5, 0.5);
            painter.circle_stroke(at(0.5, 0.5), 5.0, stroke);
            painter.circle_stroke(at(0.5, 0.5), 8.6, Stroke::new(1.0, color));
        }
        Tool::Scissors => {
            painter.circle_stroke(at(0.2, 0.82), 3.0, stroke);
            painter.circle_stroke(at(0.8, 0.82), 3.0, stroke);
            line(&[[0.3, 0.68], [0.8, 0.02]]);
            line(&[[0.7, 0.68], [0.2, 0.02]]);
        }
        Tool::Ruler => {
            line(&[[0.05, 0.95], [0.95, 0.05]]);
            for k in [0.05, 0.35, 0.65, 0.95] {
                line(&[[k - 0.09, 1.0 - k - 0.09], [k + 0.09, 1.0 - k + 0.09]]);
            }
        }
        Tool::Angle => {
            line(&[[0.95, 0.9], [0.05, 0.9], [0.75, 0.1]]);
            line(&[[0.5, 0.9], [0.47, 0.66], [0.36, 0.55]]);
        }
        Tool::Rectangle => {
            painter.rect_stroke(rect.shrink2(vec2(0.0, 2.5)), 0.0, stroke, StrokeKind::Inside);
        }
        Tool::Ellipse => {
            let ring = |k: usize| {
                let t = k as f32 / 28.0 * std::f32::consts::TAU;
                at(0.5 + 0.5 * t.cos(), 0.5 + 0.36 * t.sin())
            };
            painter.line((0..=28).map(ring).collect(), stroke);
        }
    }
}

fn arrow(painter: &egui::Painter, rect: Rect, forward: bool, color: Color32) {
    let at = |x: f32, y: f32| {
        let x = if forward { 1.0 - x } else { x };
        rect.min + vec2(x, y) * rect.size()
    };
    let stroke = Stroke::new(1.6, color);
    let bend = |k: usize| {
        let t = k as f32 / 16.0 * std::f32::consts::PI;
        at(0.58 + 0.36 * t.sin(), 0.58 - 0.3 * t.cos())
    };
    let mut points = vec![at(0.1, 0.28)];
    points.extend((0..=16).map(bend));
    points.push(at(0.3, 0.88));
    painter.line(points, stroke);
    painter.line(vec![at(0.34, 0.02), at(0.08, 0.28), at(0.34, 0.54)], stroke);
}
