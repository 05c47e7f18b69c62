//! The 3-D pane: surfaces and slices in space, turned with the left button, moved with the middle one,
//! zoomed with the wheel, cut open by a slider.

use super::eye::Eye;
use super::pane_map::PaneMap;
use super::residency::Residency;
use super::slice_paint::{interpolation, layered, over_cut};
use super::view::Styles;
use super::{marks, space_scan, theme};
use crate::app::{
    Command, Document, Pane, Session, SolidSet, SpaceView, SurfaceColor, ViewCommand, planes,
    sphere,
};
use crate::render::{self, Cut, MeshId, Projection, SliceMap, SlicePaint, SpacePaint, colormap};
use eframe::{egui, egui_wgpu};
use egui::{Align2, Key, PointerButton, Pos2, Rect, Sense, Stroke, vec2};

/// Of the slider beside the pane.
const SLIDER: f32 = 46.0;
/// Radians per point of dragging.
const TURN: f64 = 0.008;
/// Views of the pane and of its slices; planes have the numbers from 1.
const VIEW: u64 = 100;

/// The surfaces that the graphics device holds.
#[derive(Default)]
pub(super) struct Meshes {
    /// Which set, and coloured how.
    held: Option<(u64, SurfaceColor)>,
    count: u64,
}

fn color_of(set: &SolidSet, k: usize, color: SurfaceColor) -> Vec<[u8; 3]> {
    let solid = &set.solids[k];
    match (&solid.spread, color) {
        (Some(spread), SurfaceColor::Disagreement) => spread
            .iter()
            .map(|s| colormap::cividis((s / SpaceView::MOST_SPREAD_MM).clamp(0.0, 1.0)))
            .collect(),
        _ => vec![solid.color; solid.mesh.vertices.len()],
    }
}

impl Meshes {
    /// Uploads what changed. Returns a message if the device cannot hold it.
    pub(super) fn sync(
        &mut self,
        rs: &egui_wgpu::RenderState,
        session: &Session,
    ) -> Option<String> {
        let color = session.document().map(|d| d.view.space.color).unwrap_or_default();
        let made = session.solids().made();
        let wanted = made.map(|m| (m.id, color));
        if self.held == wanted {
            return None;
        }
        for k in 0..self.count {
            render::remove_mesh(rs, MeshId(k));
        }
        (self.held, self.count) = (wanted, 0);
        let set = made?;
        for k in 0..set.solids.len() {
            let colors = color_of(set, k, color);
            if let Err(e) = render::set_mesh(rs, MeshId(k as u64), &set.solids[k].mesh, &colors) {
                return Some(e.to_string());
            }
            self.count = k as u64 + 1;
        }
        None
    }
}

/// The slice of a plane as it lies in space, and what is over it; nothing where it is seen from its edge.
fn slice(document: &Document, eye: &Eye, axis: usize, styles: &Styles<'_>) -> Vec<SlicePaint> {
    let g = document.volume.geometry();
    let Some(map) = PaneMap::new(document, axis, eye.area) else { return Vec::new() };
    let corner = |at: [f64; 2]| g.world_from_voxel().apply(map.section.voxel(at, map.slice as f64));
    let (zero, right, down) = (corner([0.0; 2]), corner([1.0, 0.0]), corner([0.0, 1.0]));
    let [u, v]: [[f64; 3]; 2] = [right, down].map(|p| std::array::from_fn(|k| p[k] - zero[k]));
    let normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let length = dot(normal, normal).sqrt();
    let facing = dot(normal, eye.turn[2]) / length;
    if facing.abs() < 0.02 {
        return Vec::new();
    }
    // Depth and voxel of a point on the plane are affine: three points tell them.
    let depth = |at: [f64; 2]| {
        let near = eye.place(at, 0.0);
        let toward: [f64; 3] = std::array::from_fn(|k| zero[k] - near[k]);
        dot(normal, toward) / (length * facing) / (2.0 * eye.radius)
    };
    let voxel = |at: [f64; 2]| g.voxel_from_world().apply(eye.place(at, depth(at)));
    let at = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
    let ([d, dx, dy], [p, px, py]) = (at.map(depth), at.map(voxel));
    let rows = std::array::from_fn(|a| [px[a] - p[a], py[a] - p[a], p[a]]);
    let cut =
        Cut { voxel_from_point: rows, step: [0.0; 3], samples: 1, projection: Projection::Mean };
    let base = SlicePaint {
        view: VIEW + 1 + axis as u64,
        image: Residency::image(document),
        axis,
        index: map.slice,
        map: SliceMap { voxel_from_point: [[0.0; 3]; 2] },
        cut: Some(cut),
        in_space: Some([dx - d, dy - d, d, document.view.space.clip]),
        window: document.view.window,
        invert: document.view.invert,
        colors: document.view.colors,
        interpolation: interpolation(document),
        background: [0; 3],
        over: None,
        heat: styles.heat.clone(),
        labels: styles.labels.clone(),
    };
    let over = document.fused_over().map(|fused| over_cut(fused, cut, &base));
    layered(base, over)
}

pub(super) fn space_ui(
    ui: &mut egui::Ui,
    whole: Rect,
    session: &Session,
    residency: &Residency,
    commands: &mut Vec<Command>,
) {
    let Some(document) = session.document() else { return };
    let mut area = whole;
    area.max.x -= SLIDER;
    ui.painter().add(theme::ground(whole, theme::ON_IMAGE.canvas));
    let response = ui.interact(area, ui.scope_id().with("space"), Sense::click_and_drag());
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Canvas, true, "3-D view"));
    let mut view = document.view.space;
    interact(ui, &response, document, &mut view, commands);
    let painter = ui.painter().with_clip_rect(area);
    paint(&painter, session, document, area, (residency, response.dragged()));
    space_scan::scan_ui(ui, area, document, &mut view);
    if area.height() > 110.0 {
        clip_ui(ui, whole, &mut view);
    }
    tools_ui(ui, area, session, &mut view);
    if view != document.view.space {
        commands.push(ViewCommand::SetSpace(view).into());
    }
}

/// Everything in the pane but its tools.
pub(super) fn paint(
    painter: &egui::Painter,
    session: &Session,
    document: &Document,
    area: Rect,
    (residency, coarse): (&Residency, bool),
) {
    let eye = Eye::new(document, area);
    let view = &document.view.space;
    let styles = Styles::of(session, document, residency);
    let slices = if view.slices {
        let of = |axis| slice(document, &eye, axis, &styles);
        planes(document.volume.geometry()).into_iter().flat_map(of).collect()
    } else {
        Vec::new()
    };
    let overlays = &document.overlays;
    let drawn = view.surfaces && overlays.segmentation && !overlays.held_back;
    let hidden = |k: usize, value: u16| match session.shown() {
        crate::app::Shown::Labels(_) => overlays.hidden_labels.contains(&value),
        _ => overlays.hidden_classes.contains(&k),
    };
    let made = session.solids().made().filter(|_| drawn);
    let meshes = made.map_or(Vec::new(), |set| {
        let seen = set.solids.iter().enumerate().filter(|(k, s)| !hidden(*k, s.value));
        seen.map(|(k, _)| MeshId(k as u64)).collect()
    });
    painter.add(
        SpacePaint {
            view: VIEW,
            rows: eye.rows,
            away: view.turn[2],
            clip: view.clip,
            slices,
            meshes,
            ray: space_scan::ray(document, &eye, coarse),
            background: [
                theme::ON_IMAGE.canvas.r(),
                theme::ON_IMAGE.canvas.g(),
                theme::ON_IMAGE.canvas.b(),
            ],
        }
        .shape(area),
    );
    frame(painter, document, &eye);
    let inner = area.shrink(12.0);
    let state = if session.solids().is_making() {
        "3-D · making surfaces"
    } else if made.is_some_and(|set| !set.solids.is_empty()) {
        "3-D"
    } else {
        "3-D · slices"
    };
    marks::text(painter, inner.left_top(), Align2::LEFT_TOP, state, 12.0, theme::ON_IMAGE.text);
    let mapped = made.is_some_and(|set| set.solids.iter().any(|s| s.spread.is_some()));
    if mapped && view.color == SurfaceColor::Disagreement {
        spread_bar(painter, area);
    }
}

/// The edges of the volume, and the patient's directions.
fn frame(painter: &egui::Painter, document: &Document, eye: &Eye) {
    let g = document.volume.geometry();
    let shape = g.shape();
    let corner = |k: usize| {
        let voxel =
            std::array::from_fn(|a| if k >> a & 1 == 1 { shape[a] as f64 - 0.5 } else { -0.5 });
        eye.see(g.world_from_voxel().apply(voxel)).0
    };
    let stroke = Stroke::new(1.0, theme::ON_IMAGE.weak.gamma_multiply(0.35));
    for k in 0..8usize {
        for axis in (0..3).filter(|a| k >> a & 1 == 0) {
            painter.line_segment([corner(k), corner(k | 1 << axis)], stroke);
        }
    }
    if !g.orientation_known() {
        return;
    }
    let (centre, _) = sphere(g);
    let half = g.world_from_voxel().apply(shape.map(|n| n as f64 - 0.5));
    for (axis, letters) in [["L", "R"], ["P", "A"], ["I", "S"]].into_iter().enumerate() {
        let reach = (half[axis] - centre[axis]).abs().max(eye.radius * 0.3) + eye.radius * 0.08;
        for (side, letter) in [-1.0, 1.0].into_iter().zip(letters) {
            let mut at = centre;
            at[axis] += side * reach;
            let (point, depth) = eye.see(at);
            let color = if depth < 0.55 { theme::ON_IMAGE.strong } else { theme::ON_IMAGE.weak };
            marks::text(painter, point, Align2::CENTER_CENTER, letter, 14.0, color);
        }
    }
}

fn interact(
    ui: &egui::Ui,
    response: &egui::Response,
    document: &Document,
    view: &mut SpaceView,
    commands: &mut Vec<Command>,
) {
    let (_, radius) = sphere(document.volume.geometry());
    let side = f64::from(response.rect.width().min(response.rect.height())).max(1.0);
    let scale = side / (2.0 * radius) * view.zoom * 1.15;
    let delta = response.drag_delta();
    let (dx, dy) = (f64::from(delta.x), f64::from(delta.y));
    let space = ui.input(|i| i.key_down(Key::Space));
    if response.double_clicked_by(PointerButton::Primary) {
        let alone = document.view.maximised.is_some();
        commands.push(ViewCommand::Maximise((!alone).then_some(Pane::Space)).into());
    } else if response.dragged_by(PointerButton::Middle)
        || response.dragged_by(PointerButton::Primary) && space
    {
        view.pan = [view.pan[0] + dx / scale, view.pan[1] + dy / scale];
    } else if response.dragged_by(PointerButton::Primary) {
        view.orbit([dx * TURN, dy * TURN]);
    } else if response.dragged_by(PointerButton::Secondary) {
        view.zoom = (view.zoom * (-dy / 200.0).exp()).clamp(0.1, 40.0);
    }
    if response.hovered() {
        let (zoom, scroll) =
            ui.input(|i| (f64::from(i.zoom_delta()), f64::from(i.smooth_scroll_delta.y)));
        let factor = if (zoom - 1.0).abs() > 1e-4 { zoom } else { (scroll / 400.0).exp() };
        if (factor - 1.0).abs() > 1e-4 {
            view.zoom = (view.zoom * factor).clamp(0.1, 40.0);
        }
    }
}

fn clip_ui(ui: &mut egui::Ui, whole: Rect, view: &mut SpaceView) {
    let bar = Rect::from_min_max(Pos2::new(whole.right() - SLIDER, whole.top()), whole.max);
    let mut shown = 1.0 - view.clip;
    let (response, name) = super::sliders::upright(ui, bar, "clip", |ui| {
        ui.add(egui::Slider::new(&mut shown, 0.0..=1.0).vertical().show_value(false))
    });
    let response = response.labelled_by(name.id);
    if response.on_hover_text("Cuts away what lies nearer").changed() {
        view.clip = 1.0 - shown;
    }
}

/// What is shown, and views from the patient's sides.
fn tools_ui(ui: &mut egui::Ui, area: Rect, session: &Session, view: &mut SpaceView) {
    use crate::volume::Plane;
    let row = Rect::from_min_max(Pos2::new(area.left() + 8.0, area.bottom() - 34.0), area.max);
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let mut tools = ui.new_child(egui::UiBuilder::new().layout(layout).max_rect(row));
    tools.spacing_mut().item_spacing.x = 3.0;
    tools.spacing_mut().button_padding = vec2(6.0, 3.0);
    let small = |text: &str| egui::RichText::new(text).size(12.0);
    let toggle = |ui: &mut egui::Ui, on: &mut bool, text: &str, tip: &str| {
        let label = ui.selectable_label(*on, small(text)).on_hover_text(tip);
        label.widget_info(|| {
            let name = format!("3-D {}", text.to_lowercase());
            egui::WidgetInfo::selected(egui::accesskit::Role::CheckBox, true, *on, name)
        });
        if label.clicked() {
            *on = !*on;
        }
    };
    toggle(&mut tools, &mut view.slices, "Slices", "The slices of the planes, where they lie");
    toggle(&mut tools, &mut view.surfaces, "Surfaces", "The surface of each label or class");
    let parts =
        session.solids().made().is_some_and(|s| s.solids.iter().any(|s| s.spread.is_some()));
    if parts {
        let mut by = view.color == SurfaceColor::Disagreement;
        let tip = "Colours of the surfaces: how far the outlines of the samples lie apart, in mm";
        toggle(&mut tools, &mut by, "Disagreement", tip);
        view.color = if by { SurfaceColor::Disagreement } else { SurfaceColor::Label };
    }
    for (plane, text, tip) in [
        (Plane::Axial, "A", "From the feet, as axial slices lie"),
        (Plane::Coronal, "C", "From the front"),
        (Plane::Sagittal, "S", "From the patient's left"),
    ] {
        let button = tools.add(egui::Button::new(small(text)));
        let name = format!("3-D {}", plane.name().to_lowercase());
        button
            .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &name));
        if button.on_hover_text(tip).clicked() {
            view.look_at(plane);
        }
    }
}

/// The scale of the surfaces' colours: fixed, in mm.
fn spread_bar(painter: &egui::Painter, area: Rect) {
    let height = (area.height() * 0.3).clamp(60.0, 160.0);
    let bar =
        Rect::from_min_size(Pos2::new(area.left() + 16.0, area.top() + 38.0), vec2(12.0, height));
    for band in 0..64u8 {
        let t = f32::from(band) / 63.0;
        let top = bar.bottom() - bar.height() * f32::from(band + 1) / 64.0;
        let r = Rect::from_min_size(
            Pos2::new(bar.left(), top),
            vec2(bar.width(), bar.height() / 64.0 + 0.5),
        );
        painter.rect_filled(r, 0.0, theme::rgb(colormap::cividis(t)));
    }
    let at = |t: f32| Pos2::new(bar.right() + 6.0, bar.bottom() - bar.height() * t);
    let most = SpaceView::MOST_SPREAD_MM;
    marks::text(
        painter,
        at(1.0),
        Align2::LEFT_TOP,
        &format!("{most} mm or more"),
        12.0,
        theme::ON_IMAGE.strong,
    );
    marks::text(
        painter,
        at(0.5),
        Align2::LEFT_CENTER,
        &format!("{}", most / 2.0),
        12.0,
        theme::ON_IMAGE.text,
    );
    marks::text(
        painter,
        at(0.0),
        Align2::LEFT_BOTTOM,
        "0: SD of the outlines",
        12.0,
        theme::ON_IMAGE.strong,
    );
}
