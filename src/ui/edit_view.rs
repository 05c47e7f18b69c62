//! Editing and measuring on the image: what the pointer does with a tool in hand, the outline of the brush, what
//! an operation would change, and the shapes that were measured.

use super::pane_map::PaneMap;
use super::theme;
use crate::app::{
    Brush, Click, Command, Document, EditCommand, Kind, MeasureCommand, Operation, PromptCommand,
    Reading, RunCommand, Selection, Session, Shape, Stroke, Tool,
};
use crate::render::SliceMap;
use eframe::egui;
use egui::{Color32, Key, Pos2, vec2};

/// Points between the pointer and the first corner that closes an outline.
const CLOSES: f32 = 9.0;
/// Points that a lasso goes between two of its corners.
const LASSO: f32 = 3.0;

/// What is under way and not yet a command.
#[derive(Default)]
pub(super) struct EditLocal {
    /// Corners in voxels of the slice that they were set on.
    corners: Vec<[f64; 3]>,
    on: Option<(Tool, usize, usize)>,
    /// A stroke is under way.
    stroke: bool,
    /// A drag set the corners so far.
    lasso: bool,
    pub(super) tint: super::tint::Tint,
}

/// What of the mouse a tool takes for itself.
#[derive(Clone, Copy, Default)]
pub(super) struct Taken {
    pub(super) primary: bool,
    pub(super) secondary: bool,
    pub(super) shift_wheel: bool,
}

/// A slice on the screen.
pub(super) struct Canvas<'a> {
    pub(super) map: &'a PaneMap,
    pub(super) document: &'a Document,
}

impl Canvas<'_> {
    /// The voxel axis that the slice lies across; `None` where it is cut straight, between the voxels.
    fn axis(&self) -> Option<usize> {
        self.map.section.across
    }

    fn whole(&self, at: Pos2) -> Option<[usize; 3]> {
        self.map.voxel_in(at, &self.document.volume)
    }
}

/// The mouse with a tool in hand. What it returns is not for others.
pub(super) fn pointer(
    ui: &egui::Ui,
    response: &egui::Response,
    canvas: &Canvas<'_>,
    session: &Session,
    local: &mut EditLocal,
    commands: &mut Vec<Command>,
) -> Taken {
    let tool = session.editing().tool();
    // Tools work on voxels: a slice between them has none of its own.
    let Some(axis) = canvas.axis() else { return Taken::default() };
    let slice = canvas.map.slice;
    if local.on != Some((tool, axis, slice)) {
        local.corners.clear();
        local.lasso = false;
        local.on = Some((tool, axis, slice));
    }
    let space = ui.input(|i| i.key_down(Key::Space) || i.key_down(Key::L));
    let ready = session.live_run().is_none() && !canvas.document.overlays.held_back;
    match tool {
        Tool::Navigate => Taken::default(),
        Tool::Brush | Tool::Eraser => {
            if session.editing().mask().is_none() {
                return Taken::default();
            }
            brush(ui, response, canvas, session, local, commands, ready && !space);
            Taken { primary: !space, secondary: true, shift_wheel: true }
        }
        Tool::Fill | Tool::Grow => {
            if session.editing().mask().is_none() {
                return Taken::default();
            }
            if ready
                && !space
                && response.clicked()
                && let Some(at) = response.interact_pointer_pos().and_then(|p| canvas.whole(p))
            {
                let operation =
                    if tool == Tool::Fill { Operation::Fill(at) } else { Operation::Grow(at) };
                commands.push(EditCommand::Run(operation).into());
            }
            Taken { primary: !space, ..Taken::default() }
        }
        Tool::Threshold => Taken::default(),
        Tool::Prompt => {
            if !space && ready {
                prompt(ui, response, canvas, session, commands);
            }
            Taken { primary: !space, secondary: true, ..Taken::default() }
        }
        _ => {
            if tool.edits() && session.editing().mask().is_none() {
                return Taken::default();
            }
            if !space {
                corners(ui, response, canvas, tool, local, commands);
            }
            Taken { primary: !space, ..Taken::default() }
        }
    }
}

/// Clicks inside with the left button, outside with the right one or Ctrl.
fn prompt(
    ui: &egui::Ui,
    response: &egui::Response,
    canvas: &Canvas<'_>,
    session: &Session,
    commands: &mut Vec<Command>,
) {
    let (left, right) = (response.clicked(), response.secondary_clicked());
    let at = response.interact_pointer_pos().and_then(|p| canvas.whole(p));
    let (Some(voxel), Some(card), true) = (at, session.runs().card(), left || right) else {
        return;
    };
    let inside = left && !ui.input(|i| i.modifiers.command);
    let class = canvas.document.overlays.class.min(card.classes.len().saturating_sub(1));
    let click = Click { voxel, class, inside };
    commands.push(RunCommand::Prompt(PromptCommand::Add(click)).into());
}

/// The clicks of this slice, as + and −.
fn prompts(painter: &egui::Painter, canvas: &Canvas<'_>, session: &Session) {
    let (axis, slice) = (canvas.map.axis, canvas.map.slice);
    for click in session.runs().prompts().clicks().iter().filter(|c| c.voxel[axis] == slice) {
        let at = canvas.map.point(click.voxel.map(|v| v as f64));
        let color = if click.inside { theme::ON_IMAGE.accent } else { theme::ON_IMAGE.smoke };
        painter.circle(at, 8.0, color, egui::Stroke::new(1.6, Color32::from_black_alpha(200)));
        let stroke = egui::Stroke::new(2.0, theme::ON_IMAGE.accent_text);
        painter.line_segment([at - vec2(4.5, 0.0), at + vec2(4.5, 0.0)], stroke);
        if click.inside {
            painter.line_segment([at - vec2(0.0, 4.5), at + vec2(0.0, 4.5)], stroke);
        }
    }
}

fn brush(
    ui: &egui::Ui,
    response: &egui::Response,
    canvas: &Canvas<'_>,
    session: &Session,
    local: &mut EditLocal,
    commands: &mut Vec<Command>,
    ready: bool,
) {
    let (axis, slice) = (canvas.map.axis, canvas.map.slice);
    let eraser = session.editing().tool() == Tool::Eraser;
    let mut send = |s: Stroke| commands.push(EditCommand::Stroke(s).into());
    ui.input(|i| {
        for event in &i.events {
            match event {
                egui::Event::PointerButton { pos, button, pressed: true, modifiers }
                    if ready && !local.stroke && response.contains_pointer() =>
                {
                    let secondary = *button == egui::PointerButton::Secondary;
                    if !(secondary || *button == egui::PointerButton::Primary)
                        || !canvas.map.area.contains(*pos)
                    {
                        continue;
                    }
                    // What is held at the press counts until the release (KEY-7).
                    let invert = secondary || modifiers.command;
                    local.stroke = true;
                    send(Stroke::Begin {
                        axis,
                        slice,
                        at: canvas.map.voxel(*pos),
                        erase: eraser != invert,
                        any: eraser && modifiers.shift,
                    });
                }
                egui::Event::PointerMoved(pos) if local.stroke => {
                    send(Stroke::To(canvas.map.voxel(*pos)));
                }
                egui::Event::PointerButton { pressed: false, button, .. }
                    if local.stroke && *button != egui::PointerButton::Middle =>
                {
                    local.stroke = false;
                    send(Stroke::End);
                }
                egui::Event::PointerGone if local.stroke => {
                    local.stroke = false;
                    send(Stroke::End);
                }
                _ => {}
            }
        }
    });
}

fn corners(
    ui: &egui::Ui,
    response: &egui::Response,
    canvas: &Canvas<'_>,
    tool: Tool,
    local: &mut EditLocal,
    commands: &mut Vec<Command>,
) {
    let at = response.interact_pointer_pos();
    let by = egui::PointerButton::Primary;
    let (enter, escape) = ui.input(|i| (i.key_pressed(Key::Enter), i.key_pressed(Key::Escape)));
    if escape {
        local.corners.clear();
        local.lasso = false;
    }
    if response.drag_started_by(by)
        && let Some(origin) = ui.input(|i| i.pointer.press_origin())
        && local.corners.is_empty()
    {
        local.corners.push(canvas.map.voxel(origin));
        local.lasso = true;
    }
    if local.lasso
        && response.dragged_by(by)
        && let Some(at) = at
    {
        if tool.is_outline() {
            let last = local.corners.last().map(|&c| canvas.map.point(c));
            if last.is_none_or(|l| l.distance(at) >= LASSO) {
                local.corners.push(canvas.map.voxel(at));
            }
        } else {
            local.corners.truncate(1);
            local.corners.push(canvas.map.voxel(at));
        }
    }
    if local.lasso && response.drag_stopped_by(by) {
        local.lasso = false;
        if tool != Tool::Angle || local.corners.len() >= 3 {
            return done(canvas, tool, local, commands);
        }
    }
    if response.clicked_by(by)
        && let Some(at) = at
    {
        let first = local.corners.first().map(|&c| canvas.map.point(c));
        if tool.is_outline()
            && local.corners.len() >= 3
            && first.is_some_and(|f| f.distance(at) <= CLOSES)
        {
            return done(canvas, tool, local, commands);
        }
        local.corners.push(canvas.map.voxel(at));
        let wanted = match tool {
            Tool::Angle => 3,
            _ if tool.is_outline() => usize::MAX,
            _ => 2,
        };
        if local.corners.len() >= wanted {
            return done(canvas, tool, local, commands);
        }
    }
    if enter && tool.is_outline() && local.corners.len() >= 3 {
        done(canvas, tool, local, commands);
    }
}

/// The corners become a command.
fn done(canvas: &Canvas<'_>, tool: Tool, local: &mut EditLocal, commands: &mut Vec<Command>) {
    let corners = std::mem::take(&mut local.corners);
    local.lasso = false;
    let (axis, slice) = (canvas.map.axis, canvas.map.slice);
    let [u, v] = SliceMap::in_plane(axis);
    let flat = || corners.iter().map(|p| [p[u], p[v]]).collect();
    let kind = match tool {
        Tool::Polygon => return commands.push(EditCommand::Run(Operation::Polygon(flat())).into()),
        Tool::Scissors => {
            return commands.push(EditCommand::Run(Operation::Scissors(flat())).into());
        }
        Tool::Ruler => Kind::Ruler,
        Tool::Angle => Kind::Angle,
        Tool::Rectangle => Kind::Rectangle,
        Tool::Ellipse => Kind::Ellipse,
        _ => Kind::Polygon,
    };
    let (g, time) = (canvas.document.volume.geometry(), canvas.document.view.time);
    let shape = Shape::on_slice(g, kind, &corners, axis, slice, time);
    if shape.is_complete() {
        commands.push(EditCommand::Measure(MeasureCommand::Add(shape)).into());
    }
}

/// Everything that editing draws over the image.
pub(super) fn paint(
    ui: &egui::Ui,
    painter: &egui::Painter,
    response: &egui::Response,
    canvas: &Canvas<'_>,
    session: &Session,
    local: &mut EditLocal,
) {
    let editing = session.editing();
    if canvas.axis().is_none() {
        return;
    }
    local.tint.paint(ui.ctx(), painter, canvas.map, session);
    measured(painter, canvas, session);
    prompts(painter, canvas, session);
    let at = response.hover_pos();
    let tool = editing.tool();
    if tool.is_brush()
        && let (Some(work), Some(at)) = (editing.mask(), at)
    {
        let (axis, slice) = (canvas.map.axis, canvas.map.slice);
        let o = editing.options();
        // The part of a ball that lies in the slice is the disc.
        let brush = Brush { radius: o.diameter / 2.0, ball: false };
        let p = canvas.map.voxel(at);
        let covered = brush.sweep(work.layer().lattice(), axis, slice, p, p);
        let erase = (tool == Tool::Eraser) != ui.input(|i| i.modifiers.command);
        let color = match work.layer().label(work.active) {
            Some(label) if !erase => theme::rgb(label.color),
            _ => theme::ON_IMAGE.strong,
        };
        outline(painter, canvas, &covered, color);
        ui.ctx().set_cursor_icon(egui::CursorIcon::Crosshair);
    }
    if !local.corners.is_empty() {
        let mut points: Vec<Pos2> = local.corners.iter().map(|&c| canvas.map.point(c)).collect();
        for p in &points {
            painter.circle_filled(*p, 2.5, theme::ON_IMAGE.accent);
        }
        if !local.lasso {
            points.extend(at);
        }
        let shape = match tool {
            Tool::Rectangle | Tool::Ellipse => local.preview(canvas, tool, at),
            _ => points,
        };
        double(painter, &shape, theme::ON_IMAGE.accent);
    }
}

impl EditLocal {
    fn preview(&self, canvas: &Canvas<'_>, tool: Tool, at: Option<Pos2>) -> Vec<Pos2> {
        let last = match (self.corners.get(1), at) {
            (Some(&c), _) => c,
            (None, Some(at)) => canvas.map.voxel(at),
            _ => return Vec::new(),
        };
        ring(canvas, &[self.corners[0], last], tool == Tool::Ellipse)
    }
}

/// A rectangle or the ellipse in it, by two opposite corners.
fn ring(canvas: &Canvas<'_>, corners: &[[f64; 3]], ellipse: bool) -> Vec<Pos2> {
    let [u, v] = SliceMap::in_plane(canvas.map.axis);
    let [a, b] = [corners[0], corners[1]];
    let place = |s: f64, t: f64| {
        let mut p = a;
        p[u] = a[u] + s * (b[u] - a[u]);
        p[v] = a[v] + t * (b[v] - a[v]);
        canvas.map.point(p)
    };
    if ellipse {
        let around = (0..=48).map(|k| f64::from(k) / 48.0 * std::f64::consts::TAU);
        return around.map(|t| place(0.5 + 0.5 * t.cos(), 0.5 + 0.5 * t.sin())).collect();
    }
    let ends = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)];
    ends.into_iter().map(|(s, t)| place(s, t)).collect()
}

/// A line that stands out on any ground.
fn double(painter: &egui::Painter, points: &[Pos2], color: Color32) {
    for (width, color) in [(3.4, Color32::from_black_alpha(170)), (1.6, color)] {
        painter.line(points.to_vec(), egui::Stroke::new(width, color));
    }
}

/// The edge of the chosen voxels of the slice.
fn outline(painter: &egui::Painter, canvas: &Canvas<'_>, covered: &Selection, color: Color32) {
    let [u, v] = SliceMap::in_plane(canvas.map.axis);
    let beside = |voxel: [usize; 3], a: usize, by: isize| {
        let mut next = voxel;
        let Some(to) = voxel[a].checked_add_signed(by) else { return false };
        next[a] = to;
        covered.contains(next)
    };
    let mut shapes = [Vec::new(), Vec::new()];
    for voxel in covered.voxels() {
        for (a, b) in [(u, v), (v, u)] {
            for by in [-1isize, 1] {
                if beside(voxel, a, by) {
                    continue;
                }
                let end = |side: f64| {
                    let mut p = voxel.map(|x| x as f64);
                    p[a] += 0.5 * by as f64;
                    p[b] += 0.5 * side;
                    canvas.map.point(p)
                };
                let edge = [end(-1.0), end(1.0)];
                let dark = egui::Stroke::new(2.6, Color32::from_black_alpha(150));
                shapes[0].push(egui::Shape::line_segment(edge, dark));
                let light = egui::Stroke::new(1.2, color);
                shapes[1].push(egui::Shape::line_segment(edge, light));
            }
        }
    }
    shapes.into_iter().for_each(|s| painter.extend(s));
}

/// What was measured on this slice.
fn measured(painter: &egui::Painter, canvas: &Canvas<'_>, session: &Session) {
    let Some(work) = session.editing().work() else { return };
    let document = canvas.document;
    let (axis, slice) = (canvas.map.axis, canvas.map.slice);
    for m in work.measurements().list() {
        let s = &m.shape;
        if (s.axis, s.slice, s.time) != (axis, slice, document.view.time) {
            continue;
        }
        let voxels = s.voxels(document.volume.geometry());
        let mut points: Vec<Pos2> = match s.kind {
            Kind::Rectangle | Kind::Ellipse => ring(canvas, &voxels, s.kind == Kind::Ellipse),
            _ => voxels.iter().map(|&v| canvas.map.point(v)).collect(),
        };
        if s.kind == Kind::Polygon {
            points.extend(points.first().copied());
        }
        double(painter, &points, theme::ON_IMAGE.accent);
        let Some(at) = points.iter().copied().reduce(|a, b| if b.y > a.y { b } else { a }) else {
            continue;
        };
        let text = format!("{}  {}", m.name, short(&m.reading));
        let font = egui::FontId::proportional(12.0);
        let at = at + vec2(6.0, 4.0);
        for by in [vec2(1.0, 1.0), vec2(-1.0, 1.0), vec2(1.0, -1.0), vec2(-1.0, -1.0)] {
            let dark = Color32::from_black_alpha(170);
            painter.text(at + by, egui::Align2::LEFT_TOP, &text, font.clone(), dark);
        }
        painter.text(at, egui::Align2::LEFT_TOP, &text, font, theme::ON_IMAGE.accent);
    }
}

/// "12.3 mm", "45.0°", "210 mm² · mean 34.2": what a shape says in one line.
pub(super) fn short(r: &Reading) -> String {
    let mut parts = Vec::new();
    if let Some(degrees) = r.degrees {
        parts.push(format!("{degrees:.1}°"));
    }
    if let Some(area) = r.area {
        parts.push(format!("{} {}²", digits(area), r.unit));
    } else if let Some(length) = r.length {
        parts.push(format!("{} {}", digits(length), r.unit));
    }
    if let Some(v) = &r.values {
        let sd = v.sd.map_or_else(String::new, |s| format!(" ± {}", digits(s)));
        parts.push(format!("mean {}{sd}", digits(v.mean)));
    }
    parts.join(" · ")
}

fn digits(v: f64) -> String {
    match v.abs() {
        a if a >= 1000.0 => format!("{v:.0}"),
        a if a >= 100.0 => format!("{v:.1}"),
        _ => format!("{v:.2}"),
    }
}
