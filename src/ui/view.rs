//! A plane of the image: mouse, overlays, and what is written over them.

use super::compared::{ComparedLines, Drawn};
use super::edit_view::{self, Canvas, EditLocal};
use super::input::wheel_slices;
use super::lines::Lines;
use super::outline::Outline;
use super::pane_map::PaneMap;
use super::residency::{self, Residency};
use super::{marks, sliders, theme};
use crate::app::{
    Command, Compared, Document, EditCommand, Findings, Framing, Fused, Pane, RunCommand, Session,
    Shown, Tool, ViewCommand, ViewId, pane_name,
};
use crate::render::{
    ColorMap, Cut, HeatStyle, Interpolation, LabelStyle, Over, SliceMap, SlicePaint,
};
use crate::volume::{Voxels, Window};
use eframe::egui;
use egui::{Key, PointerButton, Pos2, Rect, Sense};
use std::sync::Arc;

/// Screen points per voxel.
const ZOOM: std::ops::RangeInclusive<f64> = 0.05..=64.0;
/// At least this much of the image stays in sight, in points.
const KEEP_VISIBLE: f64 = 32.0;
/// Of the slider beside a plane.
const SLIDER: f32 = 46.0;

/// What the views remember between frames; nothing that the session needs.
#[derive(Default)]
pub(super) struct ViewLocal {
    wheel_rest: f32,
    lines: [Lines; 3],
    outlines: [Outline; 3],
    compared: [ComparedLines; 3],
    edit: [EditLocal; 3],
    /// Voxel under the pointer.
    pub(super) hovered: Option<[usize; 3]>,
}

/// One plane with its slider, in `whole`.
pub(super) fn plane_ui(
    ui: &mut egui::Ui,
    whole: Rect,
    axis: usize,
    session: &Session,
    local: &mut ViewLocal,
    residency: &Residency,
    commands: &mut Vec<Command>,
) {
    let Some(document) = session.document() else { return };
    let g = document.volume.geometry();
    let (_, slices) = document.view.slice(g, axis);
    let mut area = whole;
    if slices > 1 {
        area.max.x -= SLIDER;
        let bar = Rect::from_min_max(Pos2::new(area.right(), area.top()), whole.max);
        ui.painter().add(theme::ground(bar, theme::CANVAS));
        sliders::slice_ui(ui, bar, session, document, axis, commands);
    }
    let Some(map) = PaneMap::new(document, axis, area) else { return };
    let alone = g.is_2d() || !document.view.panes(g).contains(&Pane::Space);
    let name = match pane_name(g, Pane::Plane(axis)) {
        _ if g.is_2d() => "Image view".to_owned(),
        name => format!("{name} view"),
    };
    let response = ui.interact(area, ui.scope_id().with(("plane", axis)), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Canvas, true, &name));
    interact(ui, &response, session, document, &map, local, commands);
    let painter = ui.painter().with_clip_rect(area);
    let heat = paint(&painter, session, document, &map, local, residency);
    marks::color_bars(ui, &painter, area, document, heat.map(Arc::as_ref));
    if !document.overlays.held_back {
        let canvas = Canvas { map: &map, document };
        edit_view::paint(ui, &painter, &response, &canvas, session, &mut local.edit[axis]);
    }
    if !document.overlays.held_back
        && session.editing().tool() == Tool::Navigate
        && let Some(slice_map) = map.slice_map()
    {
        super::region::frame_ui(ui, &map, &slice_map, document, session, commands);
    }
    if !alone && document.view.axis == axis {
        let stroke = egui::Stroke::new(1.0, theme::ACCENT.gamma_multiply(0.6));
        painter.rect_stroke(whole.shrink(0.5), 0.0, stroke, egui::StrokeKind::Inside);
    }
}

/// The slice with everything on it but what can be grabbed. Returns the findings whose map is drawn.
pub(super) fn paint<'a>(
    painter: &egui::Painter,
    session: &'a Session,
    document: &Document,
    map: &PaneMap,
    local: &mut ViewLocal,
    residency: &Residency,
) -> Option<&'a Arc<Findings>> {
    let area = map.area;
    let held = document.overlays.held_back;
    let shown = session.shown();
    let styles = Styles::of(session, document, residency);
    let (heat, lines) = (styles.mapped, styles.lined);
    let base = SlicePaint {
        view: 1 + map.axis as u64,
        image: Residency::image(document),
        axis: map.axis,
        index: map.slice,
        map: map.slice_map().unwrap_or(SliceMap { voxel_from_point: [[0.0; 3]; 2] }),
        cut: cut(document, map),
        in_space: None,
        window: document.view.window,
        invert: document.view.invert,
        interpolation: Interpolation::Linear,
        background: [theme::CANVAS.r(), theme::CANVAS.g(), theme::CANVAS.b()],
        over: None,
        heat: styles.heat,
        labels: styles.labels,
    };
    match document.fused.as_ref().filter(|f| f.look.shown && !held) {
        None => painter.add(base.shape(area)),
        Some(fused) => {
            // Masks and maps lie over both images.
            let layers =
                SlicePaint { view: base.view + 20, over: Some(Over::Layers), ..base.clone() };
            let bare = SlicePaint { heat: None, labels: None, ..base };
            let over = fused_paint(fused, document, map, &bare);
            painter.add(bare.shape(area));
            painter.add(over.shape(area));
            painter.add(layers.shape(area))
        }
    };
    if let Some(findings) = lines {
        let lines = &mut local.lines[map.axis];
        lines.sync(findings, map);
        lines.paint(painter, map, findings, document);
    }
    if let Some(findings) = styles.compared {
        local.compared[map.axis].paint(painter, map, session, document, findings);
    }
    if !held {
        local.outlines[map.axis].paint(painter, map, session, document);
    }
    if document.view.crosshair && !held {
        marks::crosshair(painter, document, map);
    }
    marks::edge_letters(painter, document, map);
    marks::corner_text(painter, shown, document, map);
    marks::scale_bar(painter, document, map);
    heat
}

/// What lies over the image now, and how it is drawn.
pub(super) struct Styles<'a> {
    pub(super) heat: Option<HeatStyle>,
    pub(super) labels: Option<LabelStyle>,
    /// The result whose map is drawn, and the one whose agreement lines are.
    pub(super) mapped: Option<&'a Arc<Findings>>,
    lined: Option<&'a Arc<Findings>>,
    /// The result of which two samples are compared, or all as a box plot.
    compared: Option<&'a Arc<Findings>>,
}

impl<'a> Styles<'a> {
    pub(super) fn of(session: &'a Session, document: &Document, residency: &Residency) -> Self {
        let held = document.overlays.held_back;
        let shown = session.shown();
        let sampled = shown.result().filter(|f| !f.is_deterministic());
        let mapped = sampled.filter(|_| document.overlays.heat && residency.has_heat() && !held);
        let masks = document.overlays.segmentation && !held;
        // Agreement lines stand for the outline of all samples together.
        let compares = document.compared() != Compared::Agreement;
        let lines = sampled.filter(|_| document.member.is_none() && !compares);
        let compared = sampled.filter(|_| compares && masks);
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
                palette: match Drawn::of(session, document, f).palette() {
                    Some(palette) => palette,
                    None => residency::palette(
                        &f.outcome.model.classes,
                        &document.overlays.hidden_classes,
                    ),
                },
                fill: match compared {
                    Some(_) => document.overlays.opacity.max(0.35),
                    None => document.overlays.opacity,
                },
                outline: if lines.is_some() || compared.is_some() { 0.0 } else { 2.0 },
                outline_opacity: 1.0,
            }),
        };
        let heat = mapped.map(|_| HeatStyle {
            layer: residency::HEAT,
            max: document.overlays.measure.max() as f32,
            opacity: document.overlays.heat_opacity,
            map: ColorMap::Cividis,
        });
        Self { heat, labels, mapped, lined: lines.filter(|_| masks), compared }
    }
}

/// The image over the open one, cut where the pane shows it.
fn fused_paint(fused: &Fused, document: &Document, map: &PaneMap, base: &SlicePaint) -> SlicePaint {
    let rows = map.rows();
    let column = |c: usize| std::array::from_fn(|a| rows[a][c]);
    let (right, down) = (fused.step(column(0)), fused.step(column(1)));
    let corner = fused.place(column(2));
    let slab = document.view.slab;
    let look = fused.look;
    SlicePaint {
        view: base.view + 10,
        image: residency::fused_id(fused.id),
        cut: Some(Cut {
            voxel_from_point: std::array::from_fn(|a| [right[a], down[a], corner[a]]),
            step: fused.step(map.section.step()),
            samples: slab.map_or(1, |s| s.samples(map.section.distance)),
            projection: slab.map(|s| s.projection).unwrap_or_default(),
        }),
        window: look.window,
        invert: false,
        over: Some(Over::Image { map: theme::fused_map(look.colors), opacity: look.opacity }),
        ..base.clone()
    }
}

/// Where the slice runs between the voxels or is thick.
fn cut(document: &Document, map: &PaneMap) -> Option<Cut> {
    let slab = document.view.slab;
    if map.section.across.is_some() && slab.is_none() {
        return None;
    }
    Some(Cut {
        voxel_from_point: map.rows(),
        step: map.section.step(),
        samples: slab.map_or(1, |s| s.samples(map.section.distance)),
        projection: slab.map(|s| s.projection).unwrap_or_default(),
    })
}

/// Mouse on the image.
fn interact(
    ui: &egui::Ui,
    response: &egui::Response,
    session: &Session,
    document: &Document,
    map: &PaneMap,
    local: &mut ViewLocal,
    commands: &mut Vec<Command>,
) {
    let (area, axis) = (map.area, map.axis);
    let (id, slices) = (ViewId::Across(axis), map.section.slices);
    let canvas = Canvas { map, document };
    let taken = edit_view::pointer(ui, response, &canvas, session, &mut local.edit[axis], commands);
    let under = |pos: Pos2| map.voxel_in(pos, &document.volume);
    let crosshair_to = |pos: Pos2, commands: &mut Vec<Command>| {
        let Some(voxel) = under(pos) else { return };
        if document.view.straight {
            commands.push(ViewCommand::SetPlace(map.voxel(pos)).into());
        } else if voxel != document.view.voxel || !document.view.crosshair {
            commands.push(ViewCommand::SetCrosshair(voxel).into());
        }
    };
    if let Some(pos) = response.hover_pos() {
        local.hovered = under(pos);
    }
    let (space, window_key, ctrl) =
        ui.input(|i| (i.key_down(Key::Space), i.key_down(Key::L), i.modifiers.command));
    let touched = response.is_pointer_button_down_on() || response.clicked();
    let framing = document.view.framing[axis];
    let zoom_by = |factor: f64, at: Pos2, commands: &mut Vec<Command>| {
        let now = map.points_per_voxel();
        let factor = (now * factor).clamp(*ZOOM.start(), *ZOOM.end()) / now;
        // The point under the pointer stays where it is.
        let fixed = map.place(at);
        let middle = [0, 1].map(|i| fixed[i] + (framing.middle[i] - fixed[i]) / factor);
        let framing = Framing { zoom: framing.zoom * factor, middle };
        commands.push(ViewCommand::Frame(id, framing).into());
    };
    let mut walked = 0;
    if response.hovered() {
        let (zoom, shift) = ui.input(|i| (i.zoom_delta(), i.modifiers.shift));
        if let Some(pos) = response.hover_pos()
            && (zoom - 1.0).abs() > 1e-4
        {
            zoom_by(f64::from(zoom), pos, commands);
        } else if !ctrl && (slices > 1 || document.volume.times() > 1 || taken.shift_wheel) {
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
                _ => commands.push(ViewCommand::StepSlice(id, walked).into()),
            }
        }
        // The crosshair follows the pointer, and with it the other planes.
        let follows =
            shift && ui.input(|i| !i.pointer.any_down() && i.pointer.delta() != egui::Vec2::ZERO);
        let follows = follows && slices > 1 && !taken.primary;
        if let Some(pos) = response.hover_pos().filter(|_| follows) {
            crosshair_to(pos, commands);
        }
    }
    if (touched || walked != 0) && document.view.axis != axis {
        commands.push(ViewCommand::Activate(Pane::Plane(axis)).into());
    }
    let delta = response.drag_delta();
    let panning = response.dragged_by(PointerButton::Middle)
        || response.dragged_by(PointerButton::Primary) && space;
    let scheme = session.shell().preferences().taste.mouse;
    let right = response.dragged_by(PointerButton::Secondary) && !taken.secondary;
    let left = response.dragged_by(PointerButton::Primary) && !taken.primary;
    let windowing = right && !ctrl && scheme.right_sets_window()
        || left && !ctrl && !space && !scheme.left_leads()
        || response.dragged_by(PointerButton::Primary) && window_key;
    if response.double_clicked_by(PointerButton::Primary)
        && !taken.primary
        && !document.volume.geometry().is_2d()
    {
        let alone = document.view.maximised.is_some();
        commands.push(ViewCommand::Maximise((!alone).then_some(Pane::Plane(axis))).into());
    } else if panning && delta != egui::Vec2::ZERO {
        let middle = std::array::from_fn(|i| {
            let (by, pane) = ([delta.x, delta.y][i], [area.width(), area.height()][i]);
            let most = map.section.size[i] / 2.0
                + (f64::from(pane) / 2.0 - KEEP_VISIBLE).max(0.0) / map.scale;
            (framing.middle[i] - f64::from(by) / map.scale).clamp(-most, most)
        });
        commands.push(ViewCommand::Frame(id, Framing { middle, ..framing }).into());
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
    } else if right && (ctrl || !scheme.right_sets_window()) && delta.y != 0.0 {
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
        && (response.clicked() || left && scheme.left_leads())
        && let Some(pos) = response.interact_pointer_pos()
    {
        crosshair_to(pos, commands);
    }
}

/// One stored step, or a thousandth of the range where values are continuous.
fn least_width(document: &Document) -> f64 {
    match document.volume.voxels() {
        Voxels::F32(_) | Voxels::F64(_) => document.robust_range / 1000.0,
        _ => document.volume.slope.abs().max(f64::MIN_POSITIVE),
    }
}
