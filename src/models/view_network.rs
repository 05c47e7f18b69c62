//! What the rooms above know of a network that sees radiographs of a plane, and says what lies in it.
//! It draws planes, not masks of an image that a person opened.

use crate::diffusion::Denoiser;
use crate::projection::{Grid, Rig};
use candle_core::Result;

/// A network from views to the structures of a plane.
pub trait ViewNetwork: Send {
    fn rig(&self) -> &Rig;

    fn grid(&self) -> &Grid;

    /// Looks at line integrals `[views, pixels]` at angles in degrees.
    ///
    /// # Errors
    /// If the network fails, or there are not as many as views.
    fn look(&self, angles: &[f64], lines: &[f32]) -> Result<Box<dyn ViewLook>>;
}

/// Views that a network has looked at.
pub trait ViewLook: Send {
    /// How much the network takes to lie on the rays of each cell, `[n, n]`.
    fn attenuation(&self) -> &[f32];

    /// Values of one state.
    fn state_len(&self) -> usize;

    /// What denoises states under these views; `None` of a network that draws at once.
    fn denoiser(&mut self) -> Option<&mut dyn Denoiser>;

    /// What the network says of clean states, one after another; of a network that draws at once,
    /// once, whatever is given.
    ///
    /// # Errors
    /// If the network fails.
    fn decide(&self, clean: &[f32]) -> Result<Vec<DrawnPlane>>;
}

/// One estimate of a plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DrawnPlane {
    /// Probability of each structure, `[K, n, n]`.
    pub probability: Vec<f32>,
    /// Probability of a centre, `[K, n, n]`, and the height and width of what lies there as shares of the
    /// side, `[2, n, n]`.
    pub heat: Vec<f32>,
    pub size: Vec<f32>,
}
