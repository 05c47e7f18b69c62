//! The window: egui panels that read the session and answer with commands.

mod app;
mod input;
mod lines;
mod panel;
mod residency;
mod start;
mod status;
mod strip;
mod theme;
mod thumbnails;
mod top;
mod view;
mod windows;

pub use app::{Options, SfumatoApp, WindowError, run, run_with};
pub use input::wheel_slices;
pub use theme::install as install_theme;
