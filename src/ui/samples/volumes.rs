//! How the sizes of the samples are spread: a histogram with a tick per sample, the direct mask and a
//! reference where there are any.

use super::theme;
use super::word::{named, small};
use crate::app::{ClassComparison, ClassFindings, Findings, wording};
use eframe::egui;
use egui::{Align2, Color32, FontId, Pos2, Rect, Sense, Shape, Stroke, vec2};

const SIZE: egui::Vec2 = vec2(440.0, 190.0);

pub(super) fn volumes_ui(
    ui: &mut egui::Ui,
    findings: &Findings,
    class: &ClassFindings,
    compared: &ClassComparison,
) {
    let colors = theme::colors(ui);
    let extent = findings.extent;
    ui.label(small(wording::volumes(extent, class)));
    let values = &class.spread.values;
    let mut marks = vec![("direct mask".to_owned(), compared.direct)];
    marks.extend(compared.reference.iter().map(|(n, v)| (format!("label map: {n}"), *v)));
    let all = values.iter().copied().chain(marks.iter().map(|m| m.1));
    let (low, high) =
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if !(low.is_finite() && high.is_finite()) {
        return;
    }
    let room = if high > low { (high - low) * 0.06 } else { high.abs().max(1.0) * 0.05 };
    let (low, high) = (low - room, high + room);
    let (rect, response) = ui.allocate_exact_size(SIZE, Sense::hover());
    let painter = ui.painter();
    let plot = Rect::from_min_max(rect.min + vec2(4.0, 40.0), rect.max - vec2(4.0, 30.0));
    let x = |v: f64| plot.left() + plot.width() * ((v - low) / (high - low)) as f32;
    let counts = histogram(values, low, high);
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let width = plot.width() / counts.len() as f32;
    for (i, &count) in counts.iter().enumerate() {
        let height = (plot.height() - 10.0) * count as f32 / most as f32;
        let left = plot.left() + i as f32 * width;
        let bar = Rect::from_min_max(
            Pos2::new(left + 1.0, plot.bottom() - height),
            Pos2::new(left + width - 1.0, plot.bottom()),
        );
        painter.rect_filled(bar, 2.0, theme::rgb(class.color).gamma_multiply(0.45));
        if count > 0 {
            let at = Pos2::new(bar.center().x, bar.top() - 2.0);
            text(painter, at, Align2::CENTER_BOTTOM, &count.to_string(), colors.text);
        }
    }
    painter.line_segment([plot.left_bottom(), plot.right_bottom()], Stroke::new(1.0, colors.weak));
    for &v in values {
        let at = Pos2::new(x(v), plot.bottom());
        painter.line_segment([at, at + vec2(0.0, 6.0)], Stroke::new(1.5, theme::rgb(class.color)));
    }
    for (v, align) in [(low + room, Align2::LEFT_TOP), (high - room, Align2::RIGHT_TOP)] {
        let at = Pos2::new(x(v), plot.bottom() + 10.0);
        text(painter, at, align, &wording::size(extent, v), colors.text);
    }
    let mut said = Vec::new();
    for (i, (name, v)) in marks.iter().enumerate() {
        let top = rect.top() + 2.0 + 16.0 * i as f32;
        let line = [Pos2::new(x(*v), top + 14.0), Pos2::new(x(*v), plot.bottom())];
        let stroke = Stroke::new(1.6, colors.strong);
        if i == 0 {
            painter.extend(Shape::dashed_line(&line, stroke, 5.0, 3.0));
        } else {
            painter.line_segment(line, stroke);
        }
        let align = if x(*v) > plot.center().x { Align2::RIGHT_TOP } else { Align2::LEFT_TOP };
        let words = format!("{name} {}", wording::size(extent, *v));
        text(painter, Pos2::new(x(*v), top), align, &words, colors.text);
        said.push(words);
    }
    let said = said.join("; ");
    named(&response, &format!("Histogram of the sizes of {} samples; {said}", values.len()));
    let tip =
        "One tick per sample. Dashed: the mask that the model draws at once. Solid: the label map.";
    response.on_hover_text(tip);
}

fn text(painter: &egui::Painter, at: Pos2, align: Align2, text: &str, color: Color32) {
    painter.text(at, align, text, FontId::proportional(11.5), color);
}

/// How many values fall into each of equal bins, the root of their number and one more; the last bin is
/// closed.
fn histogram(values: &[f64], low: f64, high: f64) -> Vec<usize> {
    let bins = ((values.len() as f64).sqrt().ceil() as usize + 1).min(20);
    let mut counts = vec![0; bins];
    for v in values {
        let bin = ((v - low) / (high - low) * bins as f64) as usize;
        counts[bin.min(bins - 1)] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_value_falls_into_one_bin() {
        let counts = super::histogram(&[1.0, 2.0, 2.0, 5.0], 1.0, 5.0);
        assert_eq!(counts, [3, 0, 1]);
    }
}
