//! The large image: mouse, overlays, colour bar and the words around it.

use super::edit_view::{self, Canvas, EditLocal};
use super::input::wheel_slices;
use super::lines::{self, Lines};
use super::residency::{self, Residency};
use super::{sliders, theme};
use crate::app::{
    Command, Document, EditCommand, Findings, RunCommand, Session, Shown, ViewCommand, ViewId,
    wording,
};
use crate::render::{
    ColorMap, HeatStyle, Interpolation, LabelStyle, SliceMap, SlicePaint, colormap,
};
use crate::volume::{LengthUnit, Voxels, Window};
use eframe::egui;
use egui::{Align2, Color32, FontId, Key, PointerButton, Pos2, Rect, Sense, Stroke, vec2};

/// Screen points per voxel.
const ZOOM: std::ops::RangeInclusive<f64> = 0.05..=64.0;
/// At least this much of the image stays in sight, in points.
const KEEP_VISIBLE: f32 = 32.0;

/// What the view remembers between frames; nothing that the session needs.
#[derive(Default)]
pub(super) struct ViewLocal {
    wheel_rest: f32,
    lines: Lines,
    edit: EditLocal,
    /// Voxel under the pointer.
    pub(super) hovered: Option<[usize; 3]>,
}

/// The map of the shown plane, with zoom and pan.
fn slice_map(document: &Document, size: egui::Vec2) -> SliceMap {
    let plane = document.plane();
    let g = document.volume.geometry();
    let [u, v] = SliceMap::in_plane(plane.axis);
    let (shape, spacing) = (g.shape(), g.spacing());
    // A margin keeps edge letters and corner text off the picture.
    let fit = SliceMap::fit(
        [f64::from(size.x), f64::from(size.y)],
        [shape[u], shape[v]],
        [spacing[u], spacing[v]],
        plane.right != u,
        [plane.flip_right, plane.flip_down],
    );
    let [px, py] = document.view.pan;
    fit.zoomed(f64::from(document.view.zoom), [f64::from(size.x) / 2.0, f64::from(size.y) / 2.0])
        .panned([f64::from(px), f64::from(py)])
}

pub(super) fn view_ui(
    ui: &mut egui::Ui,
    session: &Session,
    local: &mut ViewLocal,
    residency: &Residency,
    commands: &mut Vec<Command>,
) {
    let Some(document) = session.document() else { return };
    let (_, slices) = document.slice();
    let mut area = ui.available_rect_before_wrap();
    let whole = area;
    if document.volume.times() > 1 {
        area.max.y -= 40.0;
        let bar = Rect::from_min_max(Pos2::new(whole.left(), area.bottom()), whole.max);
        ui.painter().add(theme::ground(bar, theme::CANVAS));
        sliders::time_ui(ui, bar, document, commands);
    }
    if slices > 1 {
        area.max.x -= 52.0;
        let bar = Rect::from_min_max(
            Pos2::new(area.right(), area.top()),
            Pos2::new(whole.right(), area.bottom()),
        );
        ui.painter().add(theme::ground(bar, theme::CANVAS));
        sliders::slice_ui(ui, bar, document, commands);
    }
    let response = ui.allocate_rect(area, Sense::click_and_drag());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::accesskit::Role::Canvas, true, "Image view")
    });
    let map = slice_map(document, area.size());
    interact(ui, &response, area, session, document, &map, local, commands);

    let held = document.overlays.held_back;
    let shown = session.shown();
    let sampled = shown.result().filter(|f| !f.is_deterministic());
    let heat = sampled.filter(|_| document.overlays.heat && residency.has_heat() && !held);
    let masks = document.overlays.segmentation && !held;
    // Agreement lines stand for the outline of all samples together.
    let lines = sampled.filter(|_| document.member.is_none());
    let labels = match shown {
        _ if !masks => None,
        Shown::Nothing | Shown::Comparing => None,
        Shown::Live(run) => residency.has_preview().then(|| LabelStyle {
            layer: residency::PREVIEW,
            palette: residency::palette(&run.card.classes, &[]),
            fill: document.overlays.opacity,
            outline: 1.0,
            outline_opacity: 1.0,
        }),
        Shown::Labels(layer) => residency.has_own_labels().then(|| LabelStyle {
            layer: residency::OWN_LABELS,
            palette: super::labels::palette(layer, &document.overlays.hidden_labels),
            fill: document.overlays.opacity,
            outline: 2.0,
            outline_opacity: 1.0,
        }),
        Shown::Edited(work) => residency.has_edited().then(|| LabelStyle {
            layer: residency::EDITED,
            palette: residency::edited_palette(work.layer().labels()),
            fill: document.overlays.opacity,
            outline: 2.0,
            outline_opacity: 1.0,
        }),
        Shown::Result(f) => residency.has_mask().then(|| LabelStyle {
            layer: residency::MASK,
            palette: residency::palette(
                &f.outcome.model.classes,
                &document.overlays.hidden_classes,
            ),
            fill: document.overlays.opacity,
            outline: if lines.is_some() { 0.0 } else { 2.0 },
            outline_opacity: 1.0,
        }),
    };
    let (index, _) = document.slice();
    let painter = ui.painter().with_clip_rect(area);
    painter.add(
        SlicePaint {
            view: 1,
            image: Residency::image(document),
            axis: document.view.axis,
            index,
            map,
            window: document.view.window,
            invert: document.view.invert,
            interpolation: Interpolation::Linear,
            background: [theme::CANVAS.r(), theme::CANVAS.g(), theme::CANVAS.b()],
            heat: heat.map(|_| HeatStyle {
                layer: residency::HEAT,
                max: document.overlays.measure.max() as f32,
                opacity: document.overlays.heat_opacity,
                map: ColorMap::Cividis,
            }),
            labels,
        }
        .shape(area),
    );
    if let Some(findings) = lines.filter(|_| masks) {
        local.lines.sync(findings, document);
        local.lines.paint(&painter, area.min, &map, findings, document);
    }
    if document.view.crosshair && !held {
        crosshair(&painter, area, document, &map);
    }
    if !held {
        let canvas = Canvas { area, map: &map, document };
        edit_view::paint(ui, &painter, &response, &canvas, session, &mut local.edit);
    }
    edge_letters(&painter, area, document);
    corner_text(&painter, area, shown, document, &map);
    scale_bar(&painter, area, document, &map);
    if let Some(findings) = heat {
        color_bar(ui, &painter, area, document, findings);
    }
    if !held && session.editing().tool() == crate::app::Tool::Navigate {
        super::region::frame_ui(ui, area, &map, document, session, commands);
    }
}

/// Mouse on the image.
fn interact(
    ui: &egui::Ui,
    response: &egui::Response,
    area: Rect,
    session: &Session,
    document: &Document,
    map: &SliceMap,
    local: &mut ViewLocal,
    commands: &mut Vec<Command>,
) {
    let canvas = Canvas { area, map, document };
    let taken = edit_view::pointer(ui, response, &canvas, session, &mut local.edit, commands);
    let (index, slices) = document.slice();
    let under = |pos: Pos2| {
        let [u, v] = map.voxel_at([f64::from(pos.x - area.left()), f64::from(pos.y - area.top())]);
        voxel_at(document, index, u, v)
    };
    local.hovered = response.hover_pos().and_then(under);
    let (space, window_key, ctrl) =
        ui.input(|i| (i.key_down(Key::Space), i.key_down(Key::L), i.modifiers.command));
    let pan = [document.view.pan[0], document.view.pan[1]];
    let zoom_by = |factor: f64, at: Pos2, commands: &mut Vec<Command>| {
        let now = map.points_per_voxel();
        let factor = (now * factor).clamp(*ZOOM.start(), *ZOOM.end()) / now;
        let f = factor as f32;
        let c = at - area.center();
        // The point under the pointer stays where it is.
        let pan = [c.x - f * (c.x - pan[0]), c.y - f * (c.y - pan[1])];
        commands.push(
            ViewCommand::SetZoom { view: ViewId::Main, zoom: document.view.zoom * f, pan }.into(),
        );
    };
    if response.hovered() {
        let (zoom, shift) = ui.input(|i| (i.zoom_delta(), i.modifiers.shift));
        if let Some(pos) = response.hover_pos()
            && (zoom - 1.0).abs() > 1e-4
        {
            zoom_by(f64::from(zoom), pos, commands);
        } else if !ctrl && (slices > 1 || document.volume.times() > 1 || taken.shift_wheel) {
            let mut walked = 0;
            ui.input(|i| {
                for event in &i.raw.events {
                    if let egui::Event::MouseWheel { unit, delta, .. } = event {
                        // Some systems turn Shift+wheel into sideways scrolling.
                        let along = if delta.y == 0.0 { delta.x } else { delta.y };
                        walked += wheel_slices(&mut local.wheel_rest, *unit, along);
                    }
                }
            });
            if shift && taken.shift_wheel && walked != 0 {
                commands.push(EditCommand::StepSize(-walked as i32).into());
                walked = 0;
            }
            let walked = if shift { 5 * walked } else { walked };
            // A clip has no slices: the wheel walks through its time.
            match slices {
                _ if walked == 0 => {}
                1 if document.volume.times() == 1 => {}
                1 => commands.push(ViewCommand::StepTime(walked).into()),
                _ => commands.push(ViewCommand::StepSlice(ViewId::Main, walked).into()),
            }
        }
    }
    let delta = response.drag_delta();
    let panning = response.dragged_by(PointerButton::Middle)
        || response.dragged_by(PointerButton::Primary) && space;
    let windowing = response.dragged_by(PointerButton::Secondary) && !ctrl && !taken.secondary
        || response.dragged_by(PointerButton::Primary) && window_key;
    if panning && delta != egui::Vec2::ZERO {
        let limit = |p: f32, size: f32, half: f32| {
            let most = (half + size / 2.0 - KEEP_VISIBLE).max(0.0);
            p.clamp(-most, most)
        };
        let extent = picture_size(document, map);
        commands.push(
            ViewCommand::SetZoom {
                view: ViewId::Main,
                zoom: document.view.zoom,
                pan: [
                    limit(pan[0] + delta.x, extent.x, area.width() / 2.0),
                    limit(pan[1] + delta.y, extent.y, area.height() / 2.0),
                ],
            }
            .into(),
        );
    } else if windowing && delta != egui::Vec2::ZERO {
        let step = document.robust_range / 512.0;
        let least = least_width(document);
        let w = document.view.window;
        commands.push(
            ViewCommand::SetWindow(Window {
                width: (w.width + f64::from(delta.x) * step).max(least),
                center: w.center + f64::from(delta.y) * step,
            })
            .into(),
        );
    } else if response.dragged_by(PointerButton::Secondary)
        && ctrl
        && delta.y != 0.0
        && !taken.secondary
    {
        let at = ui.input(|i| i.pointer.press_origin()).unwrap_or(area.center());
        zoom_by(f64::from(-delta.y / 200.0).exp(), at, commands);
    } else if ctrl
        && !taken.primary
        && response.clicked()
        && let Some(voxel) = response.interact_pointer_pos().and_then(under)
    {
        commands.push(RunCommand::FrameRegionRound(voxel).into());
    } else if !space
        && !window_key
        && !ctrl
        && !taken.primary
        && (response.clicked() || response.dragged_by(PointerButton::Primary))
        && let Some(voxel) = response.interact_pointer_pos().and_then(under)
        && (voxel != document.view.voxel || !document.view.crosshair)
    {
        commands.push(ViewCommand::SetCrosshair(voxel).into());
    }
}

/// One stored step, or a thousandth of the range where values are continuous.
fn least_width(document: &Document) -> f64 {
    match document.volume.voxels() {
        Voxels::F32(_) | Voxels::F64(_) => document.robust_range / 1000.0,
        _ => document.volume.slope.abs().max(f64::MIN_POSITIVE),
    }
}

fn voxel_at(document: &Document, index: usize, u: f64, v: f64) -> Option<[usize; 3]> {
    let axis = document.view.axis;
    let shape = document.volume.geometry().shape();
    let [iu, iv] = SliceMap::in_plane(axis);
    let (u, v) = ((u + 0.5).floor(), (v + 0.5).floor());
    if !(u >= 0.0 && v >= 0.0 && u < shape[iu] as f64 && v < shape[iv] as f64) {
        return None;
    }
    let mut voxel = [0; 3];
    voxel[axis] = index;
    voxel[iu] = u as usize;
    voxel[iv] = v as usize;
    Some(voxel)
}

/// Screen place of a voxel's centre.
fn place(document: &Document, map: &SliceMap, area: Rect, voxel: [f64; 3]) -> Option<Pos2> {
    let [u, v] = SliceMap::in_plane(document.view.axis);
    let [x, y] = map.point_at([voxel[u], voxel[v]])?;
    Some(area.min + vec2(x as f32, y as f32))
}

fn picture_size(document: &Document, map: &SliceMap) -> egui::Vec2 {
    let shape = document.volume.geometry().shape();
    let [u, v] = SliceMap::in_plane(document.view.axis);
    let corner = |a: f64, b: f64| map.point_at([a, b]).unwrap_or([0.0; 2]);
    let a = corner(-0.5, -0.5);
    let b = corner(shape[u] as f64 - 0.5, shape[v] as f64 - 0.5);
    vec2((a[0] - b[0]).abs() as f32, (a[1] - b[1]).abs() as f32)
}

fn crosshair(painter: &egui::Painter, area: Rect, document: &Document, map: &SliceMap) {
    let Some(at) = place(document, map, area, document.view.voxel.map(|v| v as f64)) else {
        return;
    };
    let stroke = Stroke::new(1.0, theme::ACCENT.gamma_multiply(0.8));
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
fn text(
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

fn edge_letters(painter: &egui::Painter, area: Rect, document: &Document) {
    let Some([left, right, top, bottom]) =
        document.plane().edge_letters(document.volume.geometry())
    else {
        return;
    };
    let inner = area.shrink(12.0);
    for (at, align, letters) in [
        (inner.left_center(), Align2::LEFT_CENTER, left),
        (inner.right_center(), Align2::RIGHT_CENTER, right),
        (inner.center_top(), Align2::CENTER_TOP, top),
        (inner.center_bottom(), Align2::CENTER_BOTTOM, bottom),
    ] {
        text(painter, at, align, &letters, 15.0, theme::STRONG);
    }
}

fn corner_text(
    painter: &egui::Painter,
    area: Rect,
    shown: Shown<'_>,
    document: &Document,
    map: &SliceMap,
) {
    let inner = area.shrink(12.0);
    let g = document.volume.geometry();
    let (index, slices) = document.slice();
    let mut lines = Vec::new();
    if g.orientation_known() {
        lines.push(format!("{} · radiological", g.plane_across(document.view.axis).name()));
    } else if !g.is_2d() {
        lines.push("orientation unknown".to_owned());
    }
    if slices > 1 {
        lines.push(format!("slice {} of {slices}", index + 1));
    }
    if document.volume.times() > 1 {
        lines.push(wording::time_point(document.view.time, document.volume.times()));
    }
    let w = document.view.window;
    let digits = usize::from(w.width < 20.0) * 2;
    lines.push(format!("W {:.digits$}  L {:.digits$}", w.width, w.center));
    lines.push(format!("{:.0} %", map.points_per_voxel() * 100.0));
    let mut at = inner.left_top();
    for line in &lines {
        let r = text(painter, at, Align2::LEFT_TOP, line, 12.0, theme::TEXT);
        at.y = r.bottom() + 3.0;
    }
    let mut at = inner.right_top();
    let mut right = |line: &str, color: Color32| {
        let r = text(painter, at, Align2::RIGHT_TOP, line, 12.0, color);
        at.y = r.bottom() + 3.0;
    };
    if let Some(step) = shown.live().and_then(|r| r.step.as_ref()) {
        right(&format!("preview, step {} of {}", step.step, step.steps), theme::ACCENT);
    }
    if let Shown::Edited(work) = shown {
        right(&work.by_hand(), theme::ACCENT);
        right(wording::RESEARCH_USE_SHORT, theme::WEAK);
    }
    if let Some(findings) = shown.result() {
        let drawn = document.overlays.segmentation && !document.overlays.held_back;
        match document.member {
            _ if findings.is_deterministic() => right(wording::ONE_MASK, theme::TEXT),
            Some(m) => {
                let excluded = if findings.included.contains(m) { "" } else { ", excluded" };
                let text =
                    format!("sample {} of {} alone{excluded}", m + 1, findings.included.drawn());
                right(&text, theme::ACCENT);
            }
            None if drawn => right(&lines::legend(findings.samples()), theme::TEXT),
            None => {}
        }
        right(wording::RESEARCH_USE_SHORT, theme::WEAK);
    }
}

/// A round length below a third of the view, only where a spacing is known.
fn scale_bar(painter: &egui::Painter, area: Rect, document: &Document, map: &SliceMap) {
    let g = document.volume.geometry();
    if g.unit() != LengthUnit::Millimetre {
        return;
    }
    let plane = document.plane();
    let width = picture_size(document, map).x;
    let mm = plane.size(g)[0] as f64 * plane.spacing(g)[0];
    let points_per_mm = f64::from(width) / mm;
    if !(points_per_mm.is_finite() && points_per_mm > 0.0) {
        return;
    }
    let longest = f64::from(area.width()) / 4.0 / points_per_mm;
    let power = 10f64.powf(longest.log10().floor());
    let length =
        [5.0, 2.0, 1.0].into_iter().map(|m| m * power).find(|l| *l <= longest).unwrap_or(power);
    let points = (length * points_per_mm) as f32;
    let right = area.right_bottom() - vec2(14.0, 16.0);
    let left = right - vec2(points, 0.0);
    for (width, color) in [(4.0, Color32::from_black_alpha(160)), (1.6, theme::STRONG)] {
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
        theme::STRONG,
    );
}

/// Always with the map: name, end values, N, "fixed scale".
fn color_bar(
    ui: &egui::Ui,
    painter: &egui::Painter,
    area: Rect,
    document: &Document,
    findings: &Findings,
) {
    let Some(class) = findings.classes.get(document.overlays.class) else { return };
    let height = (area.height() * 0.34).clamp(90.0, 240.0);
    let bar = Rect::from_min_size(
        Pos2::new(area.left() + 16.0, area.bottom() - 40.0 - height),
        vec2(14.0, height),
    );
    painter.rect_filled(bar.expand(1.5), 2.0, Color32::from_black_alpha(200));
    const BANDS: usize = 64;
    for band in 0..BANDS {
        let t = band as f32 / (BANDS - 1) as f32;
        let top = bar.bottom() - bar.height() * (band + 1) as f32 / BANDS as f32;
        let r = Rect::from_min_size(
            Pos2::new(bar.left(), top),
            vec2(bar.width(), bar.height() / BANDS as f32 + 0.5),
        );
        painter.rect_filled(r, 0.0, theme::rgb(colormap::cividis(t)));
    }
    painter.rect_stroke(bar, 1.0, Stroke::new(1.0, theme::WEAK), egui::StrokeKind::Outside);
    let at = |t: f32| Pos2::new(bar.right() + 7.0, bar.bottom() - bar.height() * t);
    let measure = document.overlays.measure;
    let [end, half] = [1.0, 0.5].map(|t| wording::mark(measure, t * measure.max()));
    text(painter, at(1.0), Align2::LEFT_TOP, &end, 12.0, theme::STRONG);
    text(painter, at(0.5), Align2::LEFT_CENTER, &half, 12.0, theme::TEXT);
    text(painter, at(0.0), Align2::LEFT_BOTTOM, "0", 12.0, theme::STRONG);
    let caption = format!("{} · {}", class.name, wording::bar(measure, findings.samples()));
    text(
        painter,
        Pos2::new(bar.left(), bar.bottom() + 8.0),
        Align2::LEFT_TOP,
        &caption,
        12.0,
        theme::STRONG,
    );
    // Painted text is invisible to screen readers: name the bar for them.
    let response = ui.interact(bar, ui.scope_id().with("colour bar"), Sense::hover());
    let label = format!("Colour bar: {caption}, 0 to {end}");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, &label));
    let _shown = response.on_hover_text(format!(
        "{} over the samples. {end}: half of the samples include the pixel. The scale never follows the data.",
        measure.formula()
    ));
}
