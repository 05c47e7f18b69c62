//! The only place where a person's wish changes the session.

use super::run::Run;
use super::session::{Dialog, Exporting};
use super::task::Task;
use super::{Action, Command, Document, ExportOptions, Level, Panel, Session};
use crate::inference::{Job, slice_axis};
use crate::volume::{Block, Modality, Window};
use std::path::PathBuf;
use std::time::Instant;

/// Opacity changes by this much per key press.
const OPACITY_STEP: f32 = 0.1;

impl Session {
    /// Does what is asked. A wish that makes no sense now changes nothing.
    pub fn apply(&mut self, command: Command) {
        match command {
            Command::Do(action) => self.act(action),
            Command::Open(path) => self.open(vec![path]),
            Command::OpenTogether(paths) => self.open(paths),
            Command::OpenDemo(name) => self.open_demo(&name),
            Command::CancelLoading => self.cancel_loading(),
            Command::MarkSeries(index) => {
                if let Some(chooser) = &mut self.chooser {
                    chooser.mark(index);
                }
            }
            Command::StepSeries(by) => {
                if let Some(chooser) = &mut self.chooser {
                    chooser.step(by);
                }
            }
            Command::OpenSeries => self.open_marked(),
            Command::ChooseSeries => self.choose_again(),
            Command::OpenSeriesBeside => self.open_series_beside(),
            Command::DismissSeries => self.chooser = None,
            Command::SeparateSeries => self.separate_series(),
            Command::SetRawGeometry(raw) => self.set_raw_geometry(raw),
            Command::LoadLabels => self.take_offered_labels(),
            Command::OpenOffered => self.open_offered(),
            Command::DismissOffer => self.label_offer = None,
            Command::Show(Panel::Export, true) => {
                self.export_of = None;
                self.exported.clear();
                self.panels.insert(Panel::Export);
            }
            Command::Show(panel, true) => {
                self.panels.insert(panel);
            }
            Command::Show(panel, false) => {
                self.panels.remove(&panel);
            }
            Command::ShowResult(id) => self.show_result(id),
            Command::ShowExportOf(id) => {
                self.exported.clear();
                self.export_of = Some(id);
                self.panels.insert(Panel::Export);
            }
            Command::DeleteResult(id) => self.delete_result(id),
            Command::KeepResult => self.asked_to_delete = None,
            Command::Leave => {
                self.leaving = true;
                self.panels.remove(&Panel::Leave);
            }
            Command::SetModel(id) => {
                if self.cards().iter().any(|c| c.id == id) {
                    self.choose_model(Some(id));
                }
            }
            Command::SetSettings(settings) => {
                self.settings = settings;
                self.settings.members = self.settings.members.clamp(1, 50);
                self.settings.steps = self.settings.steps.clamp(1, 1000);
            }
            Command::SetOneSlice(one) => self.one_slice = one,
            Command::Export { folder, options } => self.export(folder, options),
            Command::ExportDialog => self.ask(Panel::Export, true),
            Command::AcknowledgeResearchUse => {
                self.preferences.research_use_acknowledged =
                    Some(env!("CARGO_PKG_VERSION").to_owned());
                self.store.save(&self.preferences);
            }
            Command::ClearRecent => {
                self.preferences.recent.clear();
                self.store.save(&self.preferences);
            }
            Command::DismissToast(id) => self.log.dismiss(id),
            Command::DismissRefusal => self.refused = None,
            Command::StepSlice(n) => {
                self.stop_following();
                if let Some(d) = &mut self.document {
                    let (index, _) = d.slice();
                    d.set_slice(index.saturating_add_signed(n as isize));
                }
            }
            Command::SetSlice(index) => {
                self.stop_following();
                if let Some(d) = &mut self.document {
                    d.set_slice(index);
                }
            }
            view => {
                if let Some(document) = &mut self.document {
                    look(document, &view);
                }
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::OpenDialog => self.ask(Panel::Path, false),
            Action::FolderDialog => self.ask(Panel::Path, true),
            Action::PathField => self.apply(Command::Show(Panel::Path, true)),
            Action::Recent(n) => {
                let chosen =
                    usize::from(n).checked_sub(1).and_then(|i| self.preferences.recent.get(i));
                if let Some(path) = chosen.cloned() {
                    self.open(vec![path]);
                }
            }
            Action::CloseImage => {
                if self.document.is_some() {
                    self.close_document();
                }
            }
            Action::ExportPanel => {
                let open = !self.is_open(Panel::Export);
                self.apply(Command::Show(Panel::Export, open));
            }
            Action::Segment => self.segment(),
            Action::CancelRun => {
                if let Some(run) = &mut self.run {
                    run.cancel();
                }
            }
            Action::SliceUp => self.apply(Command::StepSlice(-1)),
            Action::SliceDown => self.apply(Command::StepSlice(1)),
            Action::FirstSlice => self.apply(Command::SetSlice(0)),
            Action::LastSlice => self.apply(Command::SetSlice(usize::MAX)),
            Action::PreviousTime => self.apply(Command::StepTime(-1)),
            Action::NextTime => self.apply(Command::StepTime(1)),
            Action::Shortcuts => {
                let open = !self.is_open(Panel::Shortcuts);
                self.apply(Command::Show(Panel::Shortcuts, open));
            }
            Action::Messages => {
                let open = !self.is_open(Panel::Log);
                self.apply(Command::Show(Panel::Log, open));
            }
            Action::Escape => self.escape(),
            view => {
                if let Some(document) = &mut self.document {
                    act_on_view(document, view);
                }
            }
        }
    }

    /// Shuts the topmost open thing.
    fn escape(&mut self) {
        if self.loading.is_some() {
            self.cancel_loading();
            return;
        }
        if self.label_offer.take().is_some() || self.asked_to_delete.take().is_some() {
            return;
        }
        let order = [
            Panel::Leave,
            Panel::Path,
            Panel::Shortcuts,
            Panel::About,
            Panel::Log,
            Panel::Card,
            Panel::Export,
        ];
        if let Some(panel) = order.into_iter().find(|p| self.is_open(*p)) {
            self.panels.remove(&panel);
        } else if self.chooser.take().is_some() {
            // Back to the image or the start screen.
        } else if let Some(d) = self.document.as_mut().filter(|d| d.member.is_some()) {
            d.member = None;
        }
    }

    fn stop_following(&mut self) {
        if let Some(run) = &mut self.run {
            run.follow = false;
        }
    }

    fn segment(&mut self) {
        if let Some(why) = self.segment_blocker() {
            self.note(Level::Info, format!("Cannot segment now: {why}."));
            return;
        }
        let (Some(card), Some(document)) = (self.card().cloned(), self.document.as_ref()) else {
            return;
        };
        let mut settings = self.settings.clone();
        if self.one_slice {
            let g = document.volume.geometry();
            let axis = slice_axis(g, &card.input);
            let mut block = Block::whole(g);
            block.origin[axis] = document.view.voxel[axis];
            block.shape[axis] = 1;
            settings.slices = Some(block.along(2));
            settings.roi = (axis != 2).then(|| block.roi());
        }
        let job = Job {
            volume: document.volume.clone(),
            time: document.view.time,
            model: card.id.clone(),
            settings: settings.clone(),
        };
        match self.engine.submit(job) {
            Ok(running) => self.run = Some(Run::new(document, card, settings, running)),
            Err(text) => self.note(Level::Error, format!("The run could not start: {text}")),
        }
    }

    fn export(&mut self, folder: PathBuf, options: ExportOptions) {
        if self.exporting.is_some() {
            return;
        }
        let Some(entry) = self.export_target() else {
            self.note(Level::Info, "There is no result to export yet.");
            return;
        };
        let (id, stored) = (entry.id, entry.stored.clone());
        self.export_folder.clone_from(&folder);
        self.preferences.export_folder = Some(folder.clone());
        self.store.save(&self.preferences);
        self.exported.clear();
        let exporter = self.exporter;
        let task = Task::spawn("export a result", &self.wake, move || {
            exporter(&folder, &*stored.outcome()?, &options)
        });
        self.exporting = Some(Exporting { id, task });
    }

    /// Shows a native dialog on its own thread, or its twin at once when dialogs are off.
    fn ask(&mut self, panel: Panel, folder: bool) {
        if !self.dialogs {
            self.panels.insert(panel);
            return;
        }
        if self.dialog.is_some() {
            return;
        }
        let task = Task::spawn("ask for a path", &self.wake, move || {
            let begin = Instant::now();
            let dialog = rfd::FileDialog::new();
            let chosen = match panel {
                Panel::Export => dialog.set_title("Export folder").pick_folder(),
                _ if folder => dialog.set_title("Open a folder").pick_folder(),
                _ => dialog.set_title("Open an image").pick_file(),
            };
            Ok((chosen, begin.elapsed().as_secs_f64()))
        });
        self.dialog = Some(Dialog { panel, task });
    }
}

/// Commands that change only how the image is looked at.
fn look(document: &mut Document, command: &Command) {
    let view = &mut document.view;
    match *command {
        Command::SetPlane(axis) if axis < 3 && axis != view.axis => {
            view.axis = axis;
            view.zoom = 1.0;
            view.pan = [0.0; 2];
        }
        Command::SetCrosshair(voxel) => {
            view.crosshair = true;
            document.set_crosshair(voxel);
        }
        Command::SetView { zoom, pan }
            if zoom.is_finite() && zoom > 0.0 && pan.iter().all(|p| p.is_finite()) =>
        {
            view.zoom = zoom;
            view.pan = pan;
        }
        Command::SetWindow(window)
            if window.center.is_finite() && window.width.is_finite() && window.width > 0.0 =>
        {
            view.window = window;
        }
        Command::ResetWindow => view.window = document.default_window,
        Command::HideOverlays(hidden) => document.overlays.held_back = hidden,
        Command::SetOpacity(o) if o.is_finite() => document.overlays.opacity = o.clamp(0.0, 1.0),
        Command::SetHeatOpacity(o) if o.is_finite() => {
            document.overlays.heat_opacity = o.clamp(0.0, 1.0);
        }
        Command::SetClass(class) => {
            let count = document.findings.as_ref().map_or(1, |f| f.classes.len());
            document.overlays.class = class.min(count.saturating_sub(1));
        }
        Command::SetClassVisible(class, visible) => {
            document.overlays.hidden_classes.retain(|&c| c != class);
            if !visible {
                document.overlays.hidden_classes.push(class);
            }
        }
        Command::SelectMember(member) => {
            let count = document.findings.as_ref().map_or(0, |f| f.samples());
            document.member = member.filter(|&m| m < count);
            document.overlays.own_labels = false;
        }
        Command::HideCautions => document.cautions_read = true,
        Command::DismissSeriesBeside => {
            if let Some(opened) = &mut document.opened {
                opened.files_of_series = 0;
            }
        }
        Command::RemoveLabels => {
            document.labels = None;
            document.overlays.own_labels = false;
        }
        Command::ShowLabels(shown) => {
            document.overlays.own_labels = shown && document.labels.is_some();
        }
        Command::SetLabelVisible(value, visible) => {
            document.overlays.hidden_labels.retain(|&v| v != value);
            if !visible {
                document.overlays.hidden_labels.push(value);
            }
        }
        Command::HideResult => document.hide_result(),
        Command::SetTime(time) => document.set_time(time),
        Command::StepTime(by) => {
            document.set_time(document.view.time.saturating_add_signed(by as isize));
        }
        // Values out of range change nothing; all other commands were handled by the session.
        _ => {}
    }
}

fn act_on_view(document: &mut Document, action: Action) {
    let classes = document.findings.as_ref().map_or(1, |f| f.classes.len().max(1));
    let samples = document.findings.as_ref().map_or(0, |f| f.samples());
    let overlays = &mut document.overlays;
    match action {
        Action::ToggleSegmentation => overlays.segmentation ^= true,
        Action::ToggleHeat => overlays.heat ^= true,
        Action::OpacityUp => overlays.opacity = (overlays.opacity + OPACITY_STEP).min(1.0),
        Action::OpacityDown => overlays.opacity = (overlays.opacity - OPACITY_STEP).max(0.0),
        Action::HideOverlays => overlays.held_back = true,
        Action::NextClass => overlays.class = (overlays.class + 1) % classes,
        Action::PreviousClass => overlays.class = (overlays.class + classes - 1) % classes,
        // All samples together come between the last and the first one.
        Action::NextMember if samples > 0 => {
            document.member = match document.member {
                None => Some(0),
                Some(m) if m + 1 < samples => Some(m + 1),
                Some(_) => None,
            };
        }
        Action::PreviousMember if samples > 0 => {
            document.member = match document.member {
                None => Some(samples - 1),
                Some(m) => m.checked_sub(1),
            };
        }
        Action::Fit => {
            document.view.zoom = 1.0;
            document.view.pan = [0.0; 2];
        }
        Action::ResetView => {
            document.view.zoom = 1.0;
            document.view.pan = [0.0; 2];
            document.view.window = document.default_window;
            document.view.invert = document.volume.inverted;
        }
        Action::NextPlane if !document.volume.geometry().is_2d() => {
            let axis = (document.view.axis + 2) % 3;
            look(document, &Command::SetPlane(axis));
        }
        Action::Invert => document.view.invert ^= true,
        Action::ToggleCrosshair => document.view.crosshair ^= true,
        Action::AutoWindowSlice => document.view.window = slice_window(document),
        Action::AutoWindowVolume => {
            let (volume, time) = (&document.volume, document.view.time);
            document.view.window = robust(volume.quantiles(time, 0.005, 0.995));
        }
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

fn robust((low, high): (f64, f64)) -> Window {
    if high > low {
        Window::from_range(low, high)
    } else {
        // A constant image shows as mid grey.
        Window { center: low, width: 1.0 }
    }
}

/// 0.5 to 99.5 percentile of the finite values of the shown slice.
fn slice_window(document: &Document) -> Window {
    let plane = document.plane();
    let volume = &document.volume;
    let [columns, rows] = plane.size(volume.geometry());
    let stride = ((columns * rows / 100_000) as f64).sqrt().ceil().max(1.0) as usize;
    let mut values = Vec::new();
    let mut voxel = document.view.voxel;
    for r in (0..rows).step_by(stride) {
        for c in (0..columns).step_by(stride) {
            voxel[plane.right] = c;
            voxel[plane.down] = r;
            for channel in 0..volume.channels() {
                values.push(volume.value(voxel, document.view.time, channel));
            }
        }
    }
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    let at = |q: f64| values.get((values.len().saturating_sub(1) as f64 * q).round() as usize);
    match (at(0.005), at(0.995)) {
        (Some(&low), Some(&high)) => robust((low, high)),
        _ => document.default_window,
    }
}

/// Window presets of the modality, with their names.
pub fn presets(document: &Document) -> Vec<(&'static str, Window)> {
    let w = |width: f64, center: f64| Window { center, width };
    match document.volume.modality {
        Modality::Ct => vec![
            ("soft tissue", w(400.0, 40.0)),
            ("lung", w(1500.0, -600.0)),
            ("bone", w(2500.0, 480.0)),
            ("brain", w(80.0, 40.0)),
            ("liver", w(150.0, 90.0)),
            ("mediastinum", w(350.0, 50.0)),
        ],
        _ => {
            let part = |low, high| robust(document.volume.quantiles(document.view.time, low, high));
            vec![
                ("as opened", document.default_window),
                ("1–99 %", part(0.01, 0.99)),
                ("2–98 %", part(0.02, 0.98)),
                ("5–95 %", part(0.05, 0.95)),
                ("full range", part(0.0, 1.0)),
            ]
        }
    }
}
