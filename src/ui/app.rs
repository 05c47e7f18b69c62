//! The window's frame: asks the session what is new, lets the panels draw, applies their commands.

use super::bell::Bell;
use super::chooser::{ChooserLocal, chooser_ui};
use super::film::FilmLocal;
use super::pace::Pace;
use super::pictures::Pictures;
use super::planner::{PlannerLocal, planner_window};
use super::residency::Residency;
use super::space::Meshes;
use super::thumbnails::Thumbnails;
use super::view::ViewLocal;
use super::windows::WindowsLocal;
use super::{
    film, input, labels, opening, panel, panes, preferences, shot, start, status, strip, theme,
    tool_strip, top, tour, windows,
};
use crate::app::{
    Look, Panel, Session, SessionOptions, ShellCommand, Taste, Wake, free_name, save_picture,
};
use crate::gpu::Window;
use crate::render;
use eframe::{egui, egui_wgpu};
use std::time::{Duration, Instant};

#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    #[error(
        "the window could not be opened ({0}): check DISPLAY or WAYLAND_DISPLAY and that a Vulkan driver is installed (Debian: mesa-vulkan-drivers)"
    )]
    Window(String),
}

/// Width that the panel takes beside the panes.
const PANEL_AND_BARS: f32 = 336.0;

/// How long news from other threads waits for a frame where the processor draws.
const SOFTWARE_PATIENCE: Duration = Duration::from_millis(250);

/// The whole window. State lives in [`Session`]; the rest can be rebuilt from it at any time.
pub struct SfumatoApp {
    pub session: Session,
    render_state: egui_wgpu::RenderState,
    /// The device, whose loss is watched.
    window: Window,
    residency: Residency,
    meshes: Meshes,
    thumbnails: Thumbnails,
    view: ViewLocal,
    windows: WindowsLocal,
    film: FilmLocal,
    planner: PlannerLocal,
    chooser: ChooserLocal,
    /// Pictures of what is being opened.
    arriving: Pictures,
    pace: Pace,
    adapter: String,
    /// Size and look of everything, as they were last set.
    scale: f32,
    look: Look,
}

impl SfumatoApp {
    /// Writes the picture that was asked for, two pixels to the point, into the export folder.
    fn shoot(&mut self, ui: &egui::Ui) {
        let area = ui.available_rect_before_wrap();
        let size = [area.width() - PANEL_AND_BARS, area.height()].map(|v| v.max(300.0) as u32);
        let folder = self.session.exports().folder().to_owned();
        let saved = shot::take((&self.render_state, Some(&self.window)), &self.session, size, 2)
            .and_then(|shot| {
                std::fs::create_dir_all(&folder).map_err(|e| {
                    format!("the folder cannot be made ({e}): {}", folder.display())
                })?;
                let path = free_name(&folder).ok_or("no free name is left for a picture")?;
                save_picture(&path, shot.size, &shot.rgba, false)?;
                Ok(format!("Picture saved: {}", path.display()))
            });
        self.session.apply(ShellCommand::ShotTaken);
        self.session.apply(match saved {
            Ok(text) => ShellCommand::Tell(text),
            Err(text) => ShellCommand::Report(format!("No picture was saved: {text}")),
        });
    }

    /// The device that draws it.
    pub(super) fn window(&self) -> Window {
        self.window.clone()
    }

    /// Whether that is gone.
    pub(super) fn is_lost(&self) -> bool {
        self.window.lost().is_some()
    }

    /// `make` gets the function that wakes this window.
    ///
    /// # Errors
    /// If the window was made without wgpu.
    pub fn new(
        cc: &eframe::CreationContext<'_>,
        make: impl FnOnce(Wake) -> SessionOptions,
    ) -> Result<Self, WindowError> {
        let bell = Bell::default();
        Self::on(cc, Session::new(make(bell.wake())), &bell)
    }

    /// A window on a session that rings this bell.
    pub(super) fn on(
        cc: &eframe::CreationContext<'_>,
        mut session: Session,
        bell: &Bell,
    ) -> Result<Self, WindowError> {
        let render_state = cc
            .wgpu_render_state
            .clone()
            .ok_or_else(|| WindowError::Window("no graphics adapter".to_owned()))?;
        render::install(&render_state);
        theme::install(&cc.egui_ctx);
        let info = render_state.adapter.get_info();
        let software = info.device_type == egui_wgpu::wgpu::DeviceType::Cpu;
        let adapter =
            if software { format!("software drawing ({})", info.name) } else { info.name };
        // Drawn by the processor, a frame takes as long as a denoising step: news may wait for
        // company, so that keys are answered at once and the model gets on. Keys do not wait.
        let patience = if software { SOFTWARE_PATIENCE } else { Duration::ZERO };
        bell.hang(&cc.egui_ctx, patience);
        let egui_wgpu::RenderState { adapter: card, device, queue, .. } = &render_state;
        let awake = bell.clone();
        let window = Window::new(card, device, queue, move || awake.ring());
        session.beside(window.clone());
        Ok(Self {
            windows: WindowsLocal::new(&session),
            film: FilmLocal::default(),
            planner: PlannerLocal::default(),
            session,
            render_state,
            window,
            residency: Residency::default(),
            meshes: Meshes::default(),
            thumbnails: Thumbnails::default(),
            view: ViewLocal::default(),
            chooser: ChooserLocal::default(),
            arriving: Pictures::default(),
            pace: Pace::default(),
            adapter,
            scale: 1.0,
            look: Look::Dark,
        })
    }
}

impl eframe::App for SfumatoApp {
    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let begin = Instant::now();
        let Taste { scale, look, .. } = self.session.shell().preferences().taste;
        if self.scale != scale {
            // Said once: Ctrl and plus may change it meanwhile.
            self.scale = scale;
            ui.ctx().set_zoom_factor(scale);
        }
        if self.look != look {
            self.look = look;
            ui.ctx().set_theme(theme::preference(look));
            // The style of this frame was taken before.
            ui.set_style(ui.ctx().global_style());
        }
        let canvas = theme::colors(ui).canvas;
        ui.painter().add(theme::ground(ui.max_rect(), ui.visuals().panel_fill));
        let now = ui.input(|i| i.time);
        if let Some(seconds) = self.session.poll(now) {
            ui.ctx().request_repaint_after(Duration::from_secs_f64(seconds.clamp(0.0, 60.0)));
        }
        // Keys and drops count at once, so that this very frame shows what they do.
        let mut commands = Vec::new();
        input::keys(ui, &self.session, &mut commands);
        input::drops(ui, &mut commands);
        for command in commands.drain(..) {
            self.session.apply(command);
        }

        if let Some(problem) =
            self.residency.sync((&self.render_state, Some(&self.window)), &self.session)
        {
            self.session.apply(ShellCommand::Report(problem));
        }
        if let Some(problem) = self.meshes.sync(&self.render_state, &self.session) {
            self.session.apply(ShellCommand::Report(problem));
        }
        self.thumbnails.sync((ui.ctx(), &self.render_state, &self.window), &self.session);

        if self.session.shell().wants_shot() {
            self.shoot(ui);
        }
        let session = &self.session;
        let picture_arriving = session.opening().loading().filter(|l| l.picture().is_some());
        if let Some(chooser) = session.opening().chooser() {
            top::top_ui(ui, session, &mut commands);
            windows::research_use_ui(ui, session, &mut commands);
            status::status_ui(ui, session, &self.view, &self.adapter);
            egui::CentralPanel::default().frame(egui::Frame::NONE).show(ui, |ui| {
                ui.painter().add(theme::ground(ui.max_rect(), canvas));
                chooser_ui(ui, chooser, &mut self.chooser, &mut commands);
            });
        } else if let Some(document) = session.document() {
            top::top_ui(ui, session, &mut commands);
            windows::research_use_ui(ui, session, &mut commands);
            opening::cautions_ui(ui, session, document, &mut commands);
            opening::series_beside_ui(ui, session, &mut commands);
            status::status_ui(ui, session, &self.view, &self.adapter);
            panel::panel_ui(ui, session, &mut commands);
            tool_strip::strip_ui(ui, session, &mut commands);
            strip::strip_ui(ui, session, &self.thumbnails, &mut commands);
            egui::CentralPanel::default().frame(egui::Frame::NONE).show(ui, |ui| {
                theme::on_image(ui);
                panes::panes_ui(ui, session, &mut self.view, &self.residency, &mut commands);
            });
            opening::loading_card(ui.ctx(), session, &mut self.arriving, &mut commands);
        } else if let Some(loading) = picture_arriving {
            status::status_ui(ui, session, &self.view, &self.adapter);
            egui::CentralPanel::default().frame(egui::Frame::NONE).show(ui, |ui| {
                theme::on_image(ui);
                ui.painter().add(theme::ground(ui.max_rect(), theme::ON_IMAGE.canvas));
                opening::first_slice_ui(ui, loading, &mut self.arriving, &mut commands);
            });
        } else {
            windows::research_use_ui(ui, session, &mut commands);
            status::status_ui(ui, session, &self.view, &self.adapter);
            egui::CentralPanel::default().frame(egui::Frame::NONE).show(ui, |ui| {
                ui.painter().add(theme::ground(ui.max_rect(), canvas));
                let (thumbnails, arriving) = (&self.thumbnails, &mut self.arriving);
                start::start_ui(
                    ui,
                    session,
                    thumbnails,
                    &mut self.windows,
                    arriving,
                    &mut commands,
                );
            });
        }
        labels::offer_ui(ui.ctx(), session, &mut commands);
        windows::windows_ui(ui.ctx(), session, &mut self.windows, &mut commands);
        tour::tour_ui(ui.ctx(), session, &mut self.arriving, &mut commands);
        film::film_window(ui.ctx(), session, &mut self.film, &mut commands);
        planner_window(ui.ctx(), session, &mut self.planner, &mut commands);
        preferences::preferences_window(ui.ctx(), session, &mut commands);

        self.arriving.tidy();
        // Results go only with the person's word.
        if ui.input(|i| i.viewport().close_requested())
            && self.session.results().unexported() + self.session.editing().unsaved() > 0
            && !self.session.shell().is_leaving()
        {
            ui.ctx().send_viewport_cmd(egui::ViewportCommand::CancelClose);
            commands.push(ShellCommand::Show(Panel::Leave, true).into());
        }
        // What a panel asks for is drawn in the next frame.
        if !commands.is_empty() {
            ui.ctx().request_repaint();
        }
        for command in commands {
            self.session.apply(command);
        }
        if self.session.shell().is_leaving() {
            ui.ctx().send_viewport_cmd(egui::ViewportCommand::Close);
        }
        self.pace.frame(&self.session, begin, frame.info().cpu_usage);
    }

    /// The ground of the panels, which have none of their own: nothing is painted twice.
    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}
