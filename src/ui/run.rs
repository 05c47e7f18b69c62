//! Opens the window, and opens it again with the same session if the graphics card that draws it is lost.

use super::app::{SfumatoApp, WindowError};
use super::bell::Bell;
use crate::app::{Command, OpenCommand, Session, SessionOptions, ShellCommand, Wake};
use crate::gpu::Window;
use eframe::{egui, egui_wgpu};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How the window is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Native file dialogs may be tried; each has a twin without one.
    pub dialogs: bool,
    /// Folder of the preferences, `None` for the user's own.
    pub preferences: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { dialogs: true, preferences: None }
    }
}

/// A card that is lost so soon after the window was opened is not one to go on with for ever.
const SOON: Duration = Duration::from_secs(20);
const TRIES: usize = 3;
/// A driver that resets a card needs a moment.
const PAUSE: Duration = Duration::from_millis(500);
/// Moments after which a window that broke was not broken by its card.
const LOOKS: usize = 4;

/// What outlives a window.
#[derive(Default)]
struct Kept {
    session: Option<Session>,
    /// The device of the last window.
    window: Option<Window>,
}

/// A window that leaves its session behind.
struct Opened {
    app: Option<SfumatoApp>,
    kept: Rc<RefCell<Kept>>,
}

impl eframe::App for Opened {
    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let Some(app) = &mut self.app else { return };
        if app.is_lost() {
            // Nothing is drawn any more: egui's painter stops the program if it cannot upload.
            ui.ctx().send_viewport_cmd(egui::ViewportCommand::Close);
            return;
        }
        app.ui(ui, frame);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(app) = self.app.take() {
            self.kept.borrow_mut().session = Some(app.session);
        }
    }
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// If no window or graphics adapter can be had.
pub fn run_with(
    paths: Vec<PathBuf>,
    make: impl FnOnce(Wake) -> SessionOptions + 'static,
) -> Result<(), WindowError> {
    run_first(make, OpenCommand::Paths(paths).into())
}

/// Opens the window, where this is done first.
fn run_first(make: impl FnOnce(Wake) -> SessionOptions, first: Command) -> Result<(), WindowError> {
    let bell = Bell::default();
    let kept = Rc::new(RefCell::new(Kept::default()));
    let mut session = Session::new(make(bell.wake()));
    session.apply(first);
    kept.borrow_mut().session = Some(session);
    // Losses one soon after the other, and attempts since the last window.
    let (mut tries, mut failed) = (0, 0);
    loop {
        let opened = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| open(&kept, &bell)));
        let window = kept.borrow_mut().window.take();
        let mut why = window.as_ref().and_then(Window::lost);
        for _ in 0..LOOKS {
            // egui's painter stops on a device that is going: it tells so when its last work is done.
            if why.is_some() || ended.is_ok() {
                break;
            }
            std::thread::sleep(PAUSE);
            why = window.as_ref().and_then(Window::lost);
        }
        // One that was not opened again after a loss may be, a moment later: an event loop that was broken off ends
        // once more, and a driver may still be at it.
        failed = if window.is_none() { failed + 1 } else { 0 };
        if tries > 0 && (1..=TRIES).contains(&failed) {
            if let Ok(Err(error)) = &ended {
                tracing::warn!("{error}");
            }
            std::thread::sleep(PAUSE);
            continue;
        }
        let Some(why) = why else {
            match ended {
                Ok(ended) => return ended,
                Err(panic) => resume_unwind(panic),
            }
        };
        tries = if opened.elapsed() < SOON { tries + 1 } else { 1 };
        tracing::warn!("the graphics card that draws the window was lost: {why}");
        if tries > TRIES {
            let why = format!("the graphics card stopped again and again: {why}");
            return Err(WindowError::Window(why));
        }
        if let Some(session) = &mut kept.borrow_mut().session {
            session.apply(ShellCommand::Report(format!(
                "The graphics card stopped ({why}): the window was opened again, and nothing is lost."
            )));
        }
        std::thread::sleep(PAUSE);
    }
}

/// One window on the session that is kept.
fn open(kept: &Rc<RefCell<Kept>>, bell: &Bell) -> Result<(), WindowError> {
    let mut options = eframe::NativeOptions {
        renderer: eframe::Renderer::Wgpu,
        viewport: egui::ViewportBuilder::default()
            .with_title("Sfumato")
            .with_app_id("sfumato")
            .with_inner_size([1280.0, 860.0])
            .with_min_inner_size([760.0, 520.0])
            .with_drag_and_drop(true),
        // It costs software drawing a noise per pixel, and a dark window without gradients little.
        dithering: false,
        ..Default::default()
    };
    // A queued second frame would only show an older answer later.
    options.wgpu_options.surface = egui_wgpu::SurfaceConfig::LOW_LATENCY;
    if let egui_wgpu::WgpuSetup::CreateNew(setup) = &mut options.wgpu_options.wgpu_setup {
        let own = setup.device_descriptor.clone();
        setup.device_descriptor = Arc::new(move |adapter| {
            let mut wanted = own(adapter);
            wanted.required_limits = Window::limits(&wanted.required_limits, &adapter.limits());
            wanted
        });
    }
    let (kept, bell) = (kept.clone(), bell.clone());
    eframe::run_native(
        "Sfumato",
        options,
        Box::new(move |cc| {
            let gone = || WindowError::Window("the session is gone".to_owned());
            // Taken only now: it stays where there is no device.
            let session = kept.borrow_mut().session.take().ok_or_else(gone)?;
            let app = SfumatoApp::on(cc, session, &bell)?;
            let window = app.window();
            window.tell_errors();
            kept.borrow_mut().window = Some(window);
            Ok(Box::new(Opened { app: Some(app), kept }))
        }),
    )
    .map_err(|e| WindowError::Window(e.to_string()))
}

/// The window with the models of this build.
///
/// # Errors
/// If no window or graphics adapter can be had.
pub fn run(paths: Vec<PathBuf>, options: Options) -> Result<(), WindowError> {
    run_with(paths, session_options(options))
}

/// The same on the guided tour.
///
/// # Errors
/// If no window or graphics adapter can be had.
pub fn run_tour(options: Options) -> Result<(), WindowError> {
    run_first(session_options(options), ShellCommand::Tour(Some(0)).into())
}

/// The models of this build.
fn session_options(options: Options) -> impl FnOnce(Wake) -> SessionOptions {
    move |wake| SessionOptions {
        engine: Box::new(crate::app::WorkerEngine::new(wake.clone())),
        exporter: crate::app::export_results,
        wake,
        folder: options.preferences.or_else(crate::app::Store::user_folder),
        exports: crate::app::Exports::usual_folder(),
        dialogs: options.dialogs,
        result_budget: None,
    }
}
