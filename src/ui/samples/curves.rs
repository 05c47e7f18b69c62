//! Whether more samples would change the summary: curves against their number.

use super::theme;
use super::word::{named, small};
use crate::app::{Comparison, Curve, Findings, Quantity, StopRule, wording};
use eframe::egui;
use egui::{Align2, Color32, FontId, Pos2, Rect, Sense, Shape, Stroke, vec2};

const SIZE: egui::Vec2 = vec2(226.0, 128.0);

pub(super) fn curves_ui(
    ui: &mut egui::Ui,
    findings: &Findings,
    index: usize,
    comparison: &Comparison,
) {
    let (Some(class), Some(compared)) =
        (findings.classes.get(index), comparison.classes.get(index))
    else {
        return;
    };
    let rule = StopRule::default();
    let all: Vec<_> = comparison.classes.iter().map(|c| &c.convergence).collect();
    let text = wording::stopping(&rule, &all, comparison.stops_at);
    ui.label(small(text).strong()).on_hover_text(wording::STABLE);
    if findings.samples() < 2 {
        return;
    }
    egui::Grid::new("curves").num_columns(2).spacing([8.0, 4.0]).show(ui, |ui| {
        for (i, quantity) in Quantity::ALL.into_iter().enumerate() {
            let curve = compared.convergence.curve(quantity);
            let title = wording::quantity(findings.extent, quantity, class.spread.mean);
            let scale = match quantity {
                Quantity::Volume => findings.extent.readable(class.spread.mean).1,
                _ => 1.0,
            };
            let stop = comparison
                .stops_at
                .filter(|_| matches!(quantity, Quantity::Volume | Quantity::Dice));
            curve_ui(ui, &title, curve, scale, rule.window, stop);
            if i % 2 == 1 {
                ui.end_row();
            }
        }
    });
    let text = "Bold: in the order drawn. Field: 20 random orders. Shaded: the last 10 samples.";
    ui.label(small(text).weak());
    if let Some(text) = wording::expected(class) {
        ui.label(small(text).weak());
    }
    ui.label(small(wording::STABLE).weak());
}

fn curve_ui(
    ui: &mut egui::Ui,
    title: &str,
    curve: &Curve,
    scale: f64,
    window: usize,
    stop: Option<usize>,
) {
    let colors = theme::colors(ui);
    let (rect, response) = ui.allocate_exact_size(SIZE, Sense::hover());
    let painter = ui.painter();
    painter.rect_filled(rect, 4.0, colors.raised);
    text(painter, rect.min + vec2(6.0, 3.0), Align2::LEFT_TOP, title, colors.text);
    let plot = Rect::from_min_max(rect.min + vec2(42.0, 22.0), rect.max - vec2(8.0, 18.0));
    let ends = curve.low.iter().chain(&curve.high).copied();
    let (low, high) =
        ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let (Some(&value), true) = (curve.values.last(), low.is_finite() && high.is_finite()) else {
        return;
    };
    let last = curve.first + curve.values.len() - 1;
    let span = if high > low { high - low } else { high.abs().max(1e-9) };
    let at = |n: usize, v: f64| {
        let t = (n - curve.first) as f32 / (last - curve.first).max(1) as f32;
        let up = if high > low { ((v - low) / span) as f32 } else { 0.5 };
        Pos2::new(plot.left() + plot.width() * t, plot.bottom() - plot.height() * up)
    };
    let from = last.saturating_sub(window).max(curve.first);
    let shade = Rect::from_min_max(
        Pos2::new(at(from, low).x, plot.top()),
        Pos2::new(plot.right(), plot.bottom()),
    );
    painter.rect_filled(shade, 0.0, colors.hover);
    let points = |values: &[f64]| -> Vec<Pos2> {
        (curve.first..).zip(values).map(|(n, &v)| at(n, v)).collect()
    };
    let (lower, upper) = (points(&curve.low), points(&curve.high));
    let field = colors.smoke.gamma_multiply(0.45);
    for (l, u) in lower.windows(2).zip(upper.windows(2)) {
        let corners = vec![l[0], l[1], u[1], u[0]];
        painter.add(Shape::convex_polygon(corners, field, Stroke::NONE));
    }
    painter.add(Shape::line(points(&curve.values), Stroke::new(2.2, colors.strong)));
    if let Some(n) = stop.filter(|n| (curve.first..=last).contains(n)) {
        let x = at(n, low).x;
        let line = [Pos2::new(x, plot.top()), Pos2::new(x, plot.bottom())];
        painter.extend(Shape::dashed_line(&line, Stroke::new(1.0, colors.accent), 4.0, 3.0));
    }
    for (v, y) in [(high, plot.top()), (low, plot.bottom())] {
        let at = Pos2::new(plot.left() - 4.0, y);
        text(painter, at, Align2::RIGHT_CENTER, &short(v / scale), colors.weak);
    }
    let ends = [(curve.first, plot.left()), (last, plot.right())];
    for (n, x) in ends {
        let at = Pos2::new(x, plot.bottom() + 3.0);
        text(painter, at, Align2::CENTER_TOP, &n.to_string(), colors.weak);
    }
    let said = format!("{title} after {last} samples: {}", short(value / scale));
    named(&response, &said);
    response.on_hover_text(said);
}

fn text(painter: &egui::Painter, at: Pos2, align: Align2, text: &str, color: Color32) {
    painter.text(at, align, text, FontId::proportional(10.5), color);
}

/// Three significant digits.
fn short(v: f64) -> String {
    let size = v.abs();
    match size {
        0.0 => "0".to_owned(),
        s if s >= 100.0 => format!("{v:.0}"),
        s if s >= 10.0 => format!("{v:.1}"),
        s if s >= 1.0 => format!("{v:.2}"),
        s if s >= 0.001 => format!("{v:.3}"),
        _ => format!("{v:.0e}"),
    }
}
