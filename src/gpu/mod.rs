//! Runs plans ([`crate::plan`]) on any graphics card through wgpu: one compute program per kind of
//! operation (`shaders/compute/`), each with its twin in `plan::Cpu`. All buffers of a plan live on
//! the card; weights are uploaded once; steps are handed over without waiting for the one before.
//!
//! The device is one of its own on the thread that segments, so that a fault of the one never stops
//! the window's; a card that is lost, out of memory or refuses a program is a [`Fault`], upon which
//! the caller goes on on the CPU.

mod card;
mod device;
mod dispatch;
mod kernel;
mod prepared;
#[cfg(test)]
mod tests;
mod upload;

pub use crate::plan::Fault;
pub use device::{Gpu, Options};
