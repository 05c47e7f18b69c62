//! The mouse on a slice: crosshair, slices, zoom, pan, window, in each of the schemes.

use super::edit_view::Taken;
use super::input::wheel_slices;
use super::pane_map::PaneMap;
use crate::app::{
    Command, Document, EditCommand, Framing, Pane, RunCommand, Session, ViewCommand, ViewId,
};
use crate::volume::{Voxels, Window};
use eframe::egui;
use egui::{Key, PointerButton, Pos2};

/// Screen points per voxel.
const ZOOM: std::ops::RangeInclusive<f64> = 0.05..=64.0;
/// At least this much of the image stays in sight, in points.
const KEEP_VISIBLE: f64 = 32.0;

/// What the mouse leaves behind for the next frame.
#[derive(Default)]
pub(super) struct Pointer {
    wheel_rest: f32,
    /// Voxel under it.
    pub(super) hovered: Option<[usize; 3]>,
}

/// Mouse on the image, but for what a tool takes and for a double click.
pub(super) fn navigate(
    ui: &egui::Ui,
    response: &egui::Response,
    session: &Session,
    map: &PaneMap,
    taken: Taken,
    local: &mut Pointer,
    commands: &mut Vec<Command>,
) {
    let Some(document) = session.document() else { return };
    let (area, axis) = (map.area, map.axis);
    let (id, slices) = (ViewId::Across(axis), map.section.slices);
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
    if response.double_clicked_by(PointerButton::Primary) && !taken.primary {
        return;
    }
    if panning && delta != egui::Vec2::ZERO {
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
