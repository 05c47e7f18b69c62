//! Runs plans ([`crate::plan`]) on any graphics card through wgpu: one compute program per kind of
//! operation (`shaders/compute/`), each with its twin in `plan::Cpu`. All buffers of a plan live on
//! the card; weights are uploaded once; steps are handed over without waiting for the one before.
//!
//! Where there is a window the device is the window's ([`Window`]), so that it can draw what lies there
//! ([`CardValues`]); errors are caught call by call on the thread that segments and never become the window's. A
//! card that is lost, out of memory or refuses a program is a [`Fault`], upon which the caller goes on on the CPU.

mod card;
mod device;
mod dispatch;
mod kept;
mod kernel;
mod prepared;
#[cfg(test)]
mod tests;
mod told;
mod upload;
mod window;

pub use crate::plan::Fault;
pub use device::{Gpu, Options};
pub use kept::CardValues;
pub use window::Window;
