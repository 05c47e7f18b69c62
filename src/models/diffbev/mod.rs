//! A few simulated radiographs to the structures of the plane that they cross: DiffBEV (Zou et al.,
//! WACV 2024) with attenuation along X-rays in place of depth before cameras. Views are lifted into
//! the plane, a conditional diffusion model draws what they leave open, attention brings both
//! together, heads name structures and find their centres. It is used through
//! [`ViewNetwork`](crate::models::ViewNetwork): it segments no image that a person opens.
//!
//! The paper's diffusion half was never published as code. Open in it, and chosen here: what is
//! noised ([`Clean`]), schedule and sampler, the denoiser's widths, the loss weights (all 1), what the
//! head sees in training (the estimate of one step).

mod attention;
mod config;
mod denoiser;
mod head;
mod network;
mod runner;
#[cfg(test)]
mod tests;
mod transform;
mod view_encoder;

pub use config::{
    Clean, Condition, Config, Depth, DepthPath, Encoding, Fusion, Modulation, Process, Transform,
};
pub use network::{DiffBev, Given, Lifted};
pub(crate) use runner::{Runner, STATISTICS, from_state, to_state};
pub use transform::Views;
