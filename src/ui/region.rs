//! The part of the image that the model is shown: its frame on the slice, which a person may move and
//! resize, and the choice of it.

use super::pane_map::PaneMap;
use super::theme;
use crate::app::{Command, Document, RegionChoice, RunCommand, Session};
use crate::render::SliceMap;
use crate::volume::Block;
use eframe::egui::{self, Align2, Color32, CursorIcon, FontId, Pos2, Rect, Sense, Stroke, Vec2};

/// Side of what can be grabbed, in points.
const GRIP: f32 = 14.0;

/// What is framed: the region of the run, or the one that the next run takes.
fn framed(session: &Session) -> Option<(Block, String)> {
    if let Some(run) = session.live_run() {
        let (started, what) = (run.started.as_ref()?, run.settings.region.clone()?);
        let (roi, slices) = (started.roi, &started.slices);
        let origin = [roi.x, roi.y, slices.start];
        let shape = [roi.width, roi.height, slices.len()];
        return Some((Block { origin, shape }, what));
    }
    let (block, what) = session.runs().regions().chosen()?;
    Some((block, what.to_owned()))
}

/// The frame on the shown slice.
struct Frame<'a> {
    area: Rect,
    map: &'a SliceMap,
    block: Block,
    /// Axes of columns and rows.
    plane: [usize; 2],
}

impl Frame<'_> {
    /// A place on the block, 0 and 1 its edges, on the screen.
    fn point(&self, at: [f64; 2]) -> Option<Pos2> {
        let voxel: [f64; 2] = std::array::from_fn(|i| {
            let a = self.plane[i];
            self.block.origin[a] as f64 + at[i] * self.block.shape[a] as f64 - 0.5
        });
        let [x, y] = self.map.point_at(voxel)?;
        Some(self.area.min + egui::vec2(x as f32, y as f32))
    }

    /// The block with the edges that `side` names (-1 the lower, 1 the upper, 0 none; both 0: all
    /// of it) moved from one place on the screen to another.
    fn dragged(&self, side: [i8; 2], from: Pos2, to: Pos2, limits: [usize; 3]) -> Block {
        let voxel = |p: Pos2| {
            self.map.voxel_at([f64::from(p.x - self.area.left()), f64::from(p.y - self.area.top())])
        };
        let (a, b) = (voxel(from), voxel(to));
        let mut block = self.block;
        for i in 0..2 {
            let axis = self.plane[i];
            let by = (b[i] - a[i]).round() as i64;
            let (low, size) = (block.origin[axis] as i64, block.shape[axis] as i64);
            let (high, most) = (low + size, limits[axis] as i64);
            let (low, high) = match (side, side[i]) {
                ([0, 0], _) => {
                    let low = (low + by).clamp(0, most - size);
                    (low, low + size)
                }
                (_, -1) => ((low + by).clamp(0, high - 1), high),
                (_, 1) => (low, (high + by).clamp(low + 1, most)),
                _ => (low, high),
            };
            block.origin[axis] = low as usize;
            block.shape[axis] = (high - low) as usize;
        }
        block
    }
}

/// Draws the frame where the shown slice cuts the region, with grips unless a model runs.
pub(super) fn frame_ui(
    ui: &mut egui::Ui,
    pane: &PaneMap,
    map: &SliceMap,
    document: &Document,
    session: &Session,
    commands: &mut Vec<Command>,
) {
    let Some((block, what)) = framed(session) else { return };
    let (area, axis, slice) = (pane.area, pane.axis, pane.slice);
    if !block.along(axis).contains(&slice) {
        return;
    }
    let frame = Frame { area, map, block, plane: SliceMap::in_plane(axis) };
    let corners = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]];
    let points = corners.map(|c| frame.point(c));
    let Some(points) = points.into_iter().collect::<Option<Vec<Pos2>>>() else { return };
    let painter = ui.painter().with_clip_rect(area);
    painter.extend(egui::Shape::dashed_line(&points, Stroke::new(3.0, Color32::BLACK), 9.0, 6.0));
    painter.extend(egui::Shape::dashed_line(
        &points,
        Stroke::new(1.6, theme::ON_IMAGE.accent),
        9.0,
        6.0,
    ));
    // On the right: the words of the corner stand on the left.
    let top = Rect::from_points(&points).right_top() + egui::vec2(-2.0, -4.0);
    let (font, side) = (FontId::proportional(13.0), Align2::RIGHT_BOTTOM);
    painter.text(top + Vec2::splat(1.0), side, &what, font.clone(), Color32::BLACK);
    let name = painter.text(top, side, &what, font, theme::ON_IMAGE.accent);
    if session.live_run().is_some() {
        return;
    }
    let limits = document.volume.geometry().shape();
    let mut grip = |rect: Rect, side: [i8; 2], cursor: CursorIcon, label: &str| {
        if !area.contains(rect.center()) {
            return;
        }
        let response = ui.interact(rect, ui.scope_id().with(("region", axis, side)), Sense::drag());
        response
            .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Slider, true, label));
        if response.hovered() || response.dragged() {
            ui.ctx().set_cursor_icon(cursor);
        }
        let (delta, at) = (response.drag_delta(), response.interact_pointer_pos());
        if response.drag_started() || delta == Vec2::ZERO {
            return;
        }
        // From where the grip lies, so that small movements add up to whole voxels.
        if let Some(at) = at {
            let moved = frame.dragged(side, rect.center(), at, limits);
            if moved != block {
                commands.push(RunCommand::FrameRegion(moved).into());
            }
        }
    };
    grip(name.expand(3.0), [0, 0], CursorIcon::Move, "Move the region");
    for (side, cursor, label) in [
        ([-1, -1], CursorIcon::ResizeNorthWest, "Region, upper left corner"),
        ([1, -1], CursorIcon::ResizeNorthEast, "Region, upper right corner"),
        ([-1, 1], CursorIcon::ResizeSouthWest, "Region, lower left corner"),
        ([1, 1], CursorIcon::ResizeSouthEast, "Region, lower right corner"),
        ([-1, 0], CursorIcon::ResizeWest, "Region, left edge"),
        ([1, 0], CursorIcon::ResizeEast, "Region, right edge"),
        ([0, -1], CursorIcon::ResizeNorth, "Region, upper edge"),
        ([0, 1], CursorIcon::ResizeSouth, "Region, lower edge"),
    ] {
        let at = side.map(|s| f64::from(s + 1) / 2.0);
        if let Some(place) = frame.point(at) {
            painter.rect_filled(
                Rect::from_center_size(place, Vec2::splat(6.0)),
                1.0,
                theme::ON_IMAGE.accent,
            );
            grip(Rect::from_center_size(place, Vec2::splat(GRIP)), side, cursor, label);
        }
    }
}

/// The row of the run's settings.
pub(super) fn choice_ui(ui: &mut egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let regions = session.runs().regions();
    ui.label("Region");
    ui.vertical(|ui| {
        let mut row = |ui: &mut egui::Ui, text: &str, tip: &str, choice: RegionChoice| {
            let label = ui.selectable_label(regions.choice() == choice, text).on_hover_text(tip);
            label.widget_info(|| {
                let name = format!("Region: {text}");
                egui::WidgetInfo::labeled(egui::accesskit::Role::RadioButton, true, name)
            });
            if label.clicked() && regions.choice() != choice {
                commands.push(RunCommand::SetRegion(choice).into());
            }
        };
        for (index, found) in regions.found().iter().enumerate() {
            let tip = format!("Found by a small network, sure to {:.0} %", found.score * 100.0);
            row(ui, &found.what, &tip, RegionChoice::Found(index));
        }
        ui.horizontal(|ui| {
            row(ui, "whole image", "All of it is shown to the model", RegionChoice::Whole);
            row(ui, "own", "A frame to move by its name and resize by its edges; Ctrl+click on the image puts it there", RegionChoice::Own);
        });
    });
    ui.end_row();
}
