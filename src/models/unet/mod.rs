//! The U-Net (Ronneberger, Fischer and Brox, MICCAI 2015, arXiv 1505.04597): a mask at once, and with
//! the paper's "valid" convolutions exactly the same one however a picture is cut into windows.

mod config;
mod network;
mod orientations;
mod recorded;
mod runner;
mod sizes;
#[cfg(test)]
mod tests;
mod tiling;

pub use config::{Config, Norm, Padding, Preset, Up};
pub use network::{Pass, Statistics, UNet};
pub(super) use runner::Runner;
pub use sizes::{loss, out};
