//! Simulated radiographs of a plane of a CT, and ways back into the plane: geometry, line integrals
//! (Siddon, Med. Phys. 12:252, 1985), lifting (Lift, Splat, Shoot, arXiv 2008.05711), filtered
//! backprojection and SIRT.
//!
//! Points are in millimetres of a [`Frame`]: towards the patient's left, front and head, from the
//! isocentre, which lies on the plane. Angle 0 has the source in front; it rises to the patient's
//! left. Not modelled: scatter, beam hardening, blur, motion, table, limits of rotation.

mod attenuation;
mod body;
mod driving;
mod frame;
#[cfg(test)]
mod golden;
mod grid;
mod lifting;
mod reconstruct;
mod rig;
mod siddon;
#[cfg(test)]
mod tests;

pub use attenuation::{WATER, attenuation, counted};
pub use body::Body;
pub use driving::{Camera, Reading};
pub use frame::Frame;
pub use grid::Grid;
pub use lifting::{Lifting, Pooling, Splat};
pub use reconstruct::{filtered_backprojection, ramp, sirt, system};
pub use rig::{Beam, Ray, Rig};
pub use siddon::crossings;
