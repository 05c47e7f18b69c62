//! The open image: which one it is, and every change of how it is looked at.

use super::document::Loaded;
use super::{
    Action, BesideResult, Document, FLICKER_S, Flicker, Fused, LabelLayer, View, ViewCommand,
    presets, window_presets,
};
use crate::edit::Done;
use crate::volume::{ColorMap, Window};
use std::sync::Arc;

/// Opacity changes by this much per key press.
const OPACITY_STEP: f32 = 0.1;

#[derive(Default)]
pub struct Documents {
    open: Option<Document>,
    /// Of the newest document.
    generation: u64,
    /// When the next time point is shown, on the interface's clock.
    due: f64,
}

impl Documents {
    pub fn open(&self) -> Option<&Document> {
        self.open.as_ref()
    }

    /// The document of this generation, if it is still open.
    pub(super) fn of_generation(&mut self, generation: u64) -> Option<&mut Document> {
        self.open.as_mut().filter(|d| d.generation == generation)
    }

    pub(super) fn open_mut(&mut self) -> Option<&mut Document> {
        self.open.as_mut()
    }

    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// `window` and `colors` are the person's own for such images.
    pub(super) fn put(
        &mut self,
        loaded: Loaded,
        window: Option<Window>,
        colors: Option<ColorMap>,
    ) -> &Document {
        self.generation += 1;
        let document = self.open.insert(Document::new(self.generation, loaded));
        if let Some(window) = window {
            document.view.window = window;
        }
        document.view.colors = colors.filter(|_| document.volume.channels() == 1);
        document
    }

    /// The view goes to what an edit changed, unless it shows some of it.
    pub(super) fn jump(&mut self, done: &Done) {
        let (Some((block, place)), Some(document)) = (done.place, &mut self.open) else { return };
        if !block.along(document.view.axis).contains(&document.slice().0) {
            document.set_crosshair(place);
        }
    }

    /// Draws an image over the open one.
    pub(super) fn fuse(&mut self, fused: Fused) {
        if let Some(document) = &mut self.open {
            document.fused = Some(fused);
        }
    }

    /// Draws a label map that was read for the open image.
    pub(super) fn show_labels(&mut self, layer: Arc<LabelLayer>) {
        if let Some(document) = &mut self.open {
            document.show_labels(layer);
        }
    }

    /// The next time point where they are played and it is due. Returns the seconds until the one after.
    pub(super) fn play(&mut self, now: f64) -> Option<f64> {
        let document = self.open.as_mut()?;
        let Some(speed) = document.view.playing else {
            self.due = now;
            return None;
        };
        if now >= self.due {
            let next = (document.view.time + 1) % document.volume.times();
            document.set_time(next);
            // A slow window shows fewer of them and never runs behind.
            self.due = (self.due + 1.0 / speed).max(now);
        }
        Some((self.due - now).max(0.0))
    }

    /// The other one of two samples where they are seen in turns. Returns the seconds until the next turn.
    pub(super) fn flicker(&mut self, now: f64) -> Option<f64> {
        let document = self.open.as_mut()?;
        let (flicker, [a, b]) = (document.flicker.as_mut()?, document.pair?);
        let turns = (now - *flicker.since.get_or_insert(now)) / FLICKER_S;
        document.member = Some(if turns.floor() % 2.0 == 0.0 { b } else { a });
        Some((1.0 - turns.fract()) * FLICKER_S)
    }

    /// The image or the second where they are seen in turns. Returns the seconds until the next turn.
    pub(super) fn turns(&mut self, now: f64) -> Option<f64> {
        Some(self.open.as_mut()?.turns.as_mut()?.go(now))
    }

    /// Another result is seen beside that of the open image, or none.
    pub(super) fn put_beside(&mut self, result: Option<BesideResult>) {
        if let Some(document) = &mut self.open {
            document.beside_result = result;
        }
    }

    /// `classes` is how many the chosen result has. Values out of range change nothing.
    pub(super) fn apply(&mut self, command: ViewCommand, classes: usize) {
        let Some(document) = &mut self.open else { return };
        let compares = document.second().is_some();
        let (view, overlays) = (&mut document.view, &mut document.overlays);
        let geometry = document.volume.geometry();
        match command {
            ViewCommand::SetPlane(_, axis) if axis < 3 => view.show_plane(axis),
            ViewCommand::SetSlice(of, index) => view.set_slice(geometry, view.axis_of(of), index),
            ViewCommand::StepSlice(of, by) => {
                let axis = view.axis_of(of);
                let (index, _) = view.slice(geometry, axis);
                view.set_slice(geometry, axis, index.saturating_add_signed(by as isize));
            }
            ViewCommand::SetCrosshair(voxel) => {
                view.crosshair = true;
                document.set_crosshair(voxel);
            }
            ViewCommand::SetPlace(place) => {
                view.crosshair = true;
                view.set_place(geometry, place);
            }
            ViewCommand::Activate(pane) => view.activate(pane),
            ViewCommand::Maximise(pane) => view.maximised = pane,
            ViewCommand::SetLayout(layout) => view.set_layout(layout),
            ViewCommand::ShowSampleGrid(on) => view.sample_grid = on,
            ViewCommand::SetSpace(space) if space.is_usable() => view.space = space,
            ViewCommand::SetSlab(slab) => {
                view.slab = slab.filter(|s| s.thickness.is_finite() && s.thickness > 0.0);
            }
            ViewCommand::Frame(of, framing) => view.frame(view.axis_of(of), framing),
            ViewCommand::SetFused(look) if look.window.width > 0.0 => {
                if let Some(fused) = &mut document.fused {
                    fused.set_look(look);
                }
            }
            ViewCommand::SetFused(_) => {}
            ViewCommand::RemoveFused => document.fused = None,
            ViewCommand::SetWindow(window)
                if window.center.is_finite() && window.width.is_finite() && window.width > 0.0 =>
            {
                view.window = window;
            }
            ViewCommand::Smooth(smooth) => view.smooth = smooth,
            ViewCommand::SetColors(colors) if document.volume.channels() == 1 => {
                view.colors = colors.filter(|c| *c != ColorMap::Grey);
            }
            ViewCommand::ResetWindow => view.window = document.default_window,
            ViewCommand::HideOverlays(hidden) => overlays.held_back = hidden,
            ViewCommand::SetOpacity(o) if o.is_finite() => overlays.opacity = o.clamp(0.0, 1.0),
            ViewCommand::SetHeatOpacity(o) if o.is_finite() => {
                overlays.heat_opacity = o.clamp(0.0, 1.0);
            }
            ViewCommand::SetMeasure(measure) => overlays.measure = measure,
            ViewCommand::SetCalibrated(wish) => overlays.calibrated = Some(wish),
            ViewCommand::SetClass(class) => overlays.class = class.min(classes.saturating_sub(1)),
            ViewCommand::SetClassVisible(class, visible) => {
                set_visible(&mut overlays.hidden_classes, class, visible);
            }
            ViewCommand::SetOrder(order) => document.order = order,
            ViewCommand::Flicker(true) if document.pair.is_some() => {
                let before = document.member;
                document.flicker.get_or_insert(Flicker { since: None, before });
            }
            ViewCommand::Flicker(false) => {
                if let Some(flicker) = document.flicker.take() {
                    document.member = flicker.before;
                }
            }
            ViewCommand::Turns(true) if compares => {
                document.turns.get_or_insert_default();
            }
            ViewCommand::Turns(false) => document.turns = None,
            ViewCommand::HideCautions => document.cautions_read = true,
            ViewCommand::RemoveLabels(id)
                if document.labels.as_ref().is_some_and(|l| l.id == id) =>
            {
                document.labels = None;
                overlays.own_labels = false;
            }
            ViewCommand::ShowLabels(shown) => {
                overlays.own_labels = shown && document.labels.is_some();
            }
            ViewCommand::SetLabelVisible { labels, value, visible }
                if document.labels.as_ref().is_some_and(|l| l.id == labels) =>
            {
                set_visible(&mut overlays.hidden_labels, value, visible);
            }
            ViewCommand::Play(speed) => {
                view.play(speed.filter(|_| document.volume.times() > 1));
            }
            ViewCommand::SetTime(time) => document.set_time(time),
            ViewCommand::StepTime(by) => {
                document.set_time(document.view.time.saturating_add_signed(by as isize));
            }
            _ => {}
        }
    }

    /// The actions that change only how the image is looked at.
    pub(super) fn act(&mut self, action: Action, classes: usize) {
        let Some(document) = &mut self.open else { return };
        let (view, overlays) = (&mut document.view, &mut document.overlays);
        let classes = classes.max(1);
        match action {
            Action::ToggleSegmentation => overlays.segmentation ^= true,
            Action::ToggleHeat => overlays.heat ^= true,
            Action::OpacityUp => overlays.opacity = (overlays.opacity + OPACITY_STEP).min(1.0),
            Action::OpacityDown => overlays.opacity = (overlays.opacity - OPACITY_STEP).max(0.0),
            Action::HideOverlays => overlays.held_back = true,
            Action::NextClass => overlays.class = (overlays.class + 1) % classes,
            Action::PreviousClass => overlays.class = (overlays.class + classes - 1) % classes,
            Action::Fit => view.fit(),
            Action::ResetView => {
                view.fit();
                view.window = document.default_window;
                view.invert = document.volume.inverted;
            }
            Action::NextPlane if !document.volume.geometry().is_2d() => {
                view.show_plane((view.axis + 2) % 3);
            }
            Action::Show(layout) if !document.volume.geometry().is_2d() => view.set_layout(layout),
            Action::Play if document.volume.times() > 1 => {
                view.play(view.playing.is_none().then_some(View::SPEED));
            }
            Action::Maximise => view.toggle_maximised(),
            Action::SampleGrid => view.sample_grid ^= true,
            Action::SwitchSides => view.neurological ^= true,
            Action::NextSlab => view.next_slab(),
            Action::Thicken => view.thicken(),
            Action::Straighten => view.straight ^= true,
            Action::Centre => view.centre(document.volume.geometry()),
            Action::Invert => view.invert ^= true,
            Action::ToggleCrosshair => view.crosshair ^= true,
            Action::AutoWindowSlice => document.view.window = window_presets::of_slice(document),
            Action::AutoWindowVolume => document.view.window = window_presets::of_volume(document),
            Action::Preset(n) => {
                if let Some((_, window)) =
                    usize::from(n).checked_sub(1).and_then(|i| presets(document).into_iter().nth(i))
                {
                    document.view.window = window;
                }
            }
            Action::Move(right, down) => {
                let plane = document.plane();
                let mut voxel = document.view.voxel;
                let shift = |v: usize, by: i8, flip: bool| {
                    let by = isize::from(by);
                    v.saturating_add_signed(if flip { -by } else { by })
                };
                voxel[plane.right] = shift(voxel[plane.right], right, plane.flip_right);
                voxel[plane.down] = shift(voxel[plane.down], down, plane.flip_down);
                document.view.crosshair = true;
                document.set_crosshair(voxel);
            }
            _ => {}
        }
    }
}

fn set_visible<T: PartialEq>(hidden: &mut Vec<T>, what: T, visible: bool) {
    hidden.retain(|h| *h != what);
    if !visible {
        hidden.push(what);
    }
}
