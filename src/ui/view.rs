//! A plane of the image: mouse, overlays, and what is written over them.

use super::compared::{ComparedLines, Drawn};
use super::edit_view::{self, Canvas, EditLocal};
use super::lines::Lines;
use super::navigate::{Pointer, navigate};
use super::outline::Outline;
use super::pane_map::PaneMap;
use super::residency::{self, Residency};
use super::sample_lines::SampleLines;
use super::second::{self, SecondLines};
use super::slice_paint::{fused_paint, layered, slice};
use super::{marks, sliders, theme};
use crate::app::{
    Command, Compared, Document, Findings, Pane, Session, Shown, Tool, ViewCommand, pane_name,
};
use crate::render::{ColorMap, HeatStyle, LabelStyle, SlicePaint};
use eframe::egui;
use egui::{PointerButton, Pos2, Rect, Sense};
use std::sync::Arc;

/// Of the slider beside a plane.
const SLIDER: f32 = 46.0;

/// What the views remember between frames; nothing that the session needs.
#[derive(Default)]
pub(super) struct ViewLocal {
    pub(super) pointer: Pointer,
    lines: [Lines; 3],
    outlines: [Outline; 3],
    compared: [ComparedLines; 3],
    edit: [EditLocal; 3],
    pub(super) grid: SampleLines,
    pub(super) second: SecondLines,
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
    if document.is_beside() {
        let [own, beside] = second::halves(whole, if slices > 1 { SLIDER } else { 0.0 });
        area = own;
        let local = (&mut local.pointer, &mut local.second);
        second::second_ui(ui, beside, axis, session, local, commands);
    }
    let whole = area;
    if slices > 1 {
        area.max.x -= SLIDER;
        let bar = Rect::from_min_max(Pos2::new(area.right(), area.top()), whole.max);
        ui.painter().add(theme::ground(bar, theme::ON_IMAGE.canvas));
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
    let canvas = Canvas { map: &map, document };
    let edit = &mut local.edit[axis];
    let taken = edit_view::pointer(ui, &response, &canvas, session, edit, commands);
    navigate(ui, &response, session, &map, taken, &mut local.pointer, commands);
    if response.double_clicked_by(PointerButton::Primary) && !taken.primary && !g.is_2d() {
        let alone = document.view.maximised.is_some();
        commands.push(ViewCommand::Maximise((!alone).then_some(Pane::Plane(axis))).into());
    }
    let painter = ui.painter().with_clip_rect(area);
    let heat = paint(&painter, session, document, &map, local, residency);
    marks::color_bars(ui, &painter, area, document, heat.map(Arc::as_ref));
    if !document.overlays.held_back {
        edit_view::paint(ui, &painter, &response, &canvas, session, &mut local.edit[axis]);
    }
    if !document.overlays.held_back
        && session.editing().tool() == Tool::Navigate
        && let Some(slice_map) = map.slice_map()
    {
        super::region::frame_ui(ui, &map, &slice_map, document, session, commands);
    }
    if !alone && document.view.axis == axis {
        let stroke = egui::Stroke::new(1.0, theme::ON_IMAGE.accent.gamma_multiply(0.6));
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
    let heat = paint_layers(painter, session, document, map, local, residency);
    marks::edge_letters(painter, document, map);
    marks::corner_text(painter, session.shown(), document, map);
    marks::scale_bar(painter, document, map);
    heat
}

/// The slice with masks, maps, lines and crosshair, and no word on it.
pub(super) fn paint_layers<'a>(
    painter: &egui::Painter,
    session: &'a Session,
    document: &Document,
    map: &PaneMap,
    local: &mut ViewLocal,
    residency: &Residency,
) -> Option<&'a Arc<Findings>> {
    if let Some(second) = document.second().filter(|_| document.turns.is_some_and(|t| t.second)) {
        second::paint(painter, document, second, map, &mut local.second);
        return None;
    }
    let area = map.area;
    let held = document.overlays.held_back;
    let styles = Styles::of(session, document, residency);
    let (heat, lines) = (styles.mapped, styles.lined);
    let bare = slice(document, map, 1 + map.axis as u64);
    let base = SlicePaint { heat: styles.heat, labels: styles.labels, ..bare };
    let over = document.fused_over().map(|f| fused_paint(f, document, map, &base));
    for paint in layered(base, over) {
        painter.add(paint.shape(area));
    }
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
