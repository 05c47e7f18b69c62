//! What is written over a pane: crosshair, letters, scale, the words in the corners, the colour bar.

use super::pane_map::PaneMap;
use super::{compared, lines, theme};
use crate::app::{Compared, Document, Findings, Shown, wording};
use crate::render::{ColorMap, colormap};
use crate::volume::{LengthUnit, Modality, Volume, Window};
use eframe::egui;
use egui::{Align2, Color32, FontId, Pos2, Rect, Sense, Stroke, vec2};

pub(super) fn crosshair(painter: &egui::Painter, document: &Document, map: &PaneMap) {
    let at = map.point(document.view.place(document.volume.geometry()));
    let area = map.area;
    let stroke = Stroke::new(1.0, theme::ON_IMAGE.accent.gamma_multiply(0.8));
    // A gap leaves the crossed voxel itself in sight.
    const HOLE: f32 = 9.0;
    for (a, b) in [
        (Pos2::new(area.left(), at.y), Pos2::new(at.x - HOLE, at.y)),
        (Pos2::new(at.x + HOLE, at.y), Pos2::new(area.right(), at.y)),
        (Pos2::new(at.x, area.top()), Pos2::new(at.x, at.y - HOLE)),
        (Pos2::new(at.x, at.y + HOLE), Pos2::new(at.x, area.bottom())),
    ] {
        painter.line_segment([a, b], stroke);
    }
}

/// Text with a dark rim, readable on any picture.
pub(super) fn text(
    painter: &egui::Painter,
    at: Pos2,
    align: Align2,
    text: &str,
    size: f32,
    color: Color32,
) -> Rect {
    let font = FontId::proportional(size);
    for shift in [vec2(1.0, 1.0), vec2(-1.0, 1.0), vec2(1.0, -1.0), vec2(-1.0, -1.0)] {
        painter.text(at + shift, align, text, font.clone(), Color32::from_black_alpha(170));
    }
    painter.text(at, align, text, font, color)
}

pub(super) fn edge_letters(painter: &egui::Painter, document: &Document, map: &PaneMap) {
    let g = document.volume.geometry();
    let Some([left, right, top, bottom]) = map.section.edge_letters(g) else { return };
    let inner = map.area.shrink(12.0);
    for (at, align, letters) in [
        (inner.left_center(), Align2::LEFT_CENTER, left),
        (inner.right_center(), Align2::RIGHT_CENTER, right),
        (inner.center_top(), Align2::CENTER_TOP, top),
        (inner.center_bottom(), Align2::CENTER_BOTTOM, bottom),
    ] {
        text(painter, at, align, &letters, 15.0, theme::ON_IMAGE.strong);
    }
}

pub(super) fn corner_text(
    painter: &egui::Painter,
    shown: Shown<'_>,
    document: &Document,
    map: &PaneMap,
) {
    let inner = map.area.shrink(12.0);
    let g = document.volume.geometry();
    let mut lines = Vec::new();
    if g.orientation_known() {
        let name = g.plane_across(map.axis).name();
        let side = if document.view.neurological { "neurological" } else { "radiological" };
        let straight = if map.section.across.is_none() { " · straight" } else { "" };
        lines.push(format!("{name} · {side}{straight}"));
    } else if !g.is_2d() {
        lines.push("orientation unknown".to_owned());
    }
    if map.section.slices > 1 {
        lines.push(format!("slice {} of {}", map.slice + 1, map.section.slices));
    }
    if let Some(slab) = document.view.slab {
        let unit = if g.unit() == LengthUnit::Millimetre { "mm" } else { "px" };
        lines.push(slab.text(unit));
    }
    if document.volume.times() > 1 {
        lines.push(wording::time_point(document.view.time, document.volume.times()));
    }
    let w = document.view.window;
    let digits = usize::from(w.width < 20.0) * 2;
    lines.push(format!("W {:.digits$}  L {:.digits$}", w.width, w.center));
    lines.push(format!("{:.0} %", map.points_per_voxel() * 100.0));
    let mut at = inner.left_top();
    let mut room = inner.width();
    for line in &lines {
        let r = text(painter, at, Align2::LEFT_TOP, line, 12.0, theme::ON_IMAGE.text);
        at.y = r.bottom() + 3.0;
        room = room.min(inner.right() - r.right() - 10.0);
    }
    // What does not fit beside them stands below.
    let mut below = at;
    let mut at = inner.right_top();
    let mut right = |line: &str, color: Color32| {
        for part in wrapped(painter, line, room) {
            let (place, align) = match width(painter, &part) <= room {
                true => (&mut at, Align2::RIGHT_TOP),
                false => (&mut below, Align2::LEFT_TOP),
            };
            let r = text(painter, *place, align, &part, 12.0, color);
            place.y = r.bottom() + 3.0;
        }
    };
    if let Some(step) = shown.live().and_then(|r| r.step.as_ref()) {
        right(&format!("preview, step {} of {}", step.step, step.steps), theme::ON_IMAGE.accent);
    }
    if let Shown::Edited(work) = shown {
        right(&work.by_hand(), theme::ON_IMAGE.accent);
        right(wording::RESEARCH_USE_SHORT, theme::ON_IMAGE.weak);
    }
    if let Some(findings) = shown.result() {
        let drawn = document.overlays.segmentation && !document.overlays.held_back;
        match document.member {
            _ if findings.is_deterministic() => right(wording::ONE_MASK, theme::ON_IMAGE.text),
            Some(m) => {
                let excluded = if findings.included.contains(m) { "" } else { ", excluded" };
                let text =
                    format!("sample {} of {} alone{excluded}", m + 1, findings.included.drawn());
                right(&text, theme::ON_IMAGE.accent);
            }
            None if document.compared() != Compared::Agreement => {
                for line in compared::legend(document, findings) {
                    right(&line, theme::ON_IMAGE.text);
                }
            }
            None => {
                // A pane too small for it has larger ones beside it.
                let legend = lines::legend(findings);
                let fits =
                    wrapped(painter, &legend, room).iter().all(|l| width(painter, l) <= room);
                if drawn && fits {
                    right(&legend, theme::ON_IMAGE.text);
                }
            }
        }
        right(wording::RESEARCH_USE_SHORT, theme::ON_IMAGE.weak);
    }
}

/// A list in lines that are no wider than `room`, cut behind its commas where that can be.
fn wrapped(painter: &egui::Painter, list: &str, room: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in list.split_inclusive(", ") {
        if let Some(last) = lines.last_mut() {
            let longer = format!("{last}{part}");
            if width(painter, &longer) <= room {
                *last = longer;
                continue;
            }
        }
        lines.push(part.to_owned());
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

fn width(painter: &egui::Painter, line: &str) -> f32 {
    let font = FontId::proportional(12.0);
    painter.layout_no_wrap(line.trim_end().to_owned(), font, Color32::WHITE).size().x
}

/// A round length below a third of the view, only where a spacing is known.
pub(super) fn scale_bar(painter: &egui::Painter, document: &Document, map: &PaneMap) {
    let g = document.volume.geometry();
    if g.unit() != LengthUnit::Millimetre {
        return;
    }
    let (area, points_per_mm) = (map.area, map.scale);
    let longest = f64::from(area.width()) / 4.0 / points_per_mm;
    let power = 10f64.powf(longest.log10().floor());
    let length =
        [5.0, 2.0, 1.0].into_iter().map(|m| m * power).find(|l| *l <= longest).unwrap_or(power);
    let points = (length * points_per_mm) as f32;
    let right = area.right_bottom() - vec2(14.0, 16.0);
    let left = right - vec2(points, 0.0);
    for (width, color) in [(4.0, Color32::from_black_alpha(160)), (1.6, theme::ON_IMAGE.strong)] {
        let stroke = Stroke::new(width, color);
        painter.line_segment([left, right], stroke);
        for end in [left, right] {
            painter.line_segment([end - vec2(0.0, 4.0), end + vec2(0.0, 4.0)], stroke);
        }
    }
    let label =
        if length >= 10.0 { format!("{} cm", length / 10.0) } else { format!("{length} mm") };
    text(
        painter,
        right - vec2(points / 2.0, 8.0),
        Align2::CENTER_BOTTOM,
        &label,
        12.0,
        theme::ON_IMAGE.strong,
    );
}

/// Of every map that is drawn: the one of the samples, and an image over the open one.
pub(super) fn color_bars(
    ui: &egui::Ui,
    painter: &egui::Painter,
    area: Rect,
    document: &Document,
    mapped: Option<&Findings>,
) {
    let mut left = area.left() + 16.0;
    if let Some(findings) = mapped
        && let Some(class) = findings.classes.get(document.overlays.class)
    {
        let measure = document.overlays.measure;
        let [end, half] = [1.0, 0.5].map(|t| wording::mark(measure, t * measure.max()));
        let calibrated = findings.maps_calibrated(document.overlays.calibrated);
        let half_of = match calibrated {
            true => "by the model's calibration the pixel is as likely inside as outside",
            false => "half of the samples include the pixel",
        };
        let about = format!(
            "{} over the samples. {end}: {half_of}. The scale never follows the data.",
            measure.formula()
        );
        let bar = wording::bar(measure, findings.samples(), calibrated);
        let caption = format!("{} · {bar}", class.name);
        let marks = ["0".to_owned(), half, end];
        let bar = ColorBar { map: ColorMap::Cividis, marks, caption, about };
        left = bar.paint(ui, painter, area, left) + 24.0;
    }
    if let Some(fused) = document.fused_over() {
        let about =
            "The image over the open one. What is no more than the lower value is not drawn.";
        let look = fused.look;
        let bar = of_values(&fused.volume, look.window, look.colors, about);
        bar.paint(ui, painter, area, left);
    } else if let Some(colors) = document.view.colors.filter(|_| mapped.is_none()) {
        let about =
            "The colours of the image. While a map of the samples is seen the image is grey.";
        let mut bar = of_values(&document.volume, document.view.window, colors, about);
        if document.view.invert {
            bar.marks.reverse();
        }
        bar.paint(ui, painter, area, left);
    }
}

/// Of an image in colours.
fn of_values(volume: &Volume, w: Window, map: ColorMap, about: &str) -> ColorBar {
    let value = |t: f64| number(w.center + (t - 0.5) * w.width);
    let unit = volume.value_unit.as_deref().unwrap_or_default();
    ColorBar {
        map,
        marks: [value(0.0), value(0.5), value(1.0)],
        // Not the file's name: it may hold the patient's, and pictures are passed on.
        caption: format!("{} {unit}", kind(volume.modality)).trim_end().to_owned(),
        about: about.to_owned(),
    }
}

/// " · CT", or nothing.
pub(super) fn of_kind(modality: Modality) -> String {
    match modality {
        Modality::Unknown => String::new(),
        known => format!(" · {}", known.name()),
    }
}

fn kind(modality: Modality) -> &'static str {
    match modality {
        Modality::Unknown => "image",
        known => known.name(),
    }
}

fn number(v: f64) -> String {
    match v.abs() {
        a if a >= 100.0 || v == v.round() => format!("{v:.0}"),
        a if a >= 1.0 => format!("{v:.1}"),
        _ => format!("{v:.3}"),
    }
}

/// A map's colours beside their values.
struct ColorBar {
    map: ColorMap,
    /// At the lower end, in the middle, at the upper end.
    marks: [String; 3],
    caption: String,
    about: String,
}

impl ColorBar {
    /// Returns how far it and its words reach to the right.
    fn paint(self, ui: &egui::Ui, painter: &egui::Painter, area: Rect, left: f32) -> f32 {
        let height = (area.height() * 0.34).clamp(90.0, 240.0);
        let bar =
            Rect::from_min_size(Pos2::new(left, area.bottom() - 40.0 - height), vec2(14.0, height));
        painter.rect_filled(bar.expand(1.5), 2.0, Color32::from_black_alpha(200));
        const BANDS: usize = 64;
        for band in 0..BANDS {
            let t = band as f32 / (BANDS - 1) as f32;
            let top = bar.bottom() - bar.height() * (band + 1) as f32 / BANDS as f32;
            let r = Rect::from_min_size(
                Pos2::new(bar.left(), top),
                vec2(bar.width(), bar.height() / BANDS as f32 + 0.5),
            );
            painter.rect_filled(r, 0.0, theme::rgb(colormap::color(self.map, t)));
        }
        painter.rect_stroke(
            bar,
            1.0,
            Stroke::new(1.0, theme::ON_IMAGE.weak),
            egui::StrokeKind::Outside,
        );
        let at = |t: f32| Pos2::new(bar.right() + 7.0, bar.bottom() - bar.height() * t);
        let [low, half, high] = &self.marks;
        let below = Pos2::new(bar.left(), bar.bottom() + 8.0);
        let words = [
            (at(1.0), Align2::LEFT_TOP, high, theme::ON_IMAGE.strong),
            (at(0.5), Align2::LEFT_CENTER, half, theme::ON_IMAGE.text),
            (at(0.0), Align2::LEFT_BOTTOM, low, theme::ON_IMAGE.strong),
            (below, Align2::LEFT_TOP, &self.caption, theme::ON_IMAGE.strong),
        ];
        let ends = words
            .map(|(at, align, words, color)| text(painter, at, align, words, 12.0, color).right());
        // Painted text is invisible to screen readers: name the bar for them.
        let id = ui.scope_id().with(("colour bar", left as i32));
        let response = ui.interact(bar, id, Sense::hover());
        let label = format!("Colour bar: {}, {low} to {high}", self.caption);
        response
            .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, &label));
        let _shown = response.on_hover_text(self.about);
        ends.into_iter().fold(bar.right(), f32::max)
    }
}
