//! The window: egui panels that read the session and answer with commands.

mod app;
mod bell;
mod chooser;
mod compared;
mod edit_panel;
mod edit_view;
mod edited_export;
mod estimates;
mod eye;
mod film;
mod fused_panel;
mod grid;
mod input;
mod labels;
mod leftovers;
mod lines;
mod look;
mod marks;
mod navigate;
mod opening;
mod outline;
mod pace;
mod pane_map;
mod panel;
mod panes;
mod pictures;
mod planner;
mod preferences;
mod region;
mod residency;
mod results;
mod run;
mod sample_grid;
mod sample_lines;
mod samples;
mod second;
mod shot;
mod slice_paint;
mod sliders;
mod space;
mod space_scan;
mod start;
mod status;
mod steer_panel;
mod strip;
mod theme;
mod thumbnails;
mod tint;
mod tool_strip;
mod top;
mod tour;
mod view;
mod windows;

pub use app::{SfumatoApp, WindowError};
pub use input::wheel_slices;
pub use run::{Options, run, run_with};
pub use shot::shoot;
pub use theme::install as install_theme;

/// Opens the window on the given files, with the user's own preferences.
///
/// # Errors
/// One line, if no window or graphics adapter can be had.
pub fn open(paths: Vec<std::path::PathBuf>) -> Result<(), String> {
    run(paths, Options::default()).map_err(|e| e.to_string())
}

/// Opens the window on the guided tour.
///
/// # Errors
/// One line, if no window or graphics adapter can be had.
pub fn tour() -> Result<(), String> {
    run::run_tour(Options::default()).map_err(|e| e.to_string())
}
