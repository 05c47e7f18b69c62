//! Drawing a slice of an image with its overlays: wgpu shaders for the window, CPU twins of them
//! for tests and for pictures without a GPU.
//!
//! An image and its layers (label maps, heat maps) are uploaded once and kept under an [`ImageId`];
//! a [`SlicePaint`] says how one view shows them and becomes an egui shape. The shaders lie in
//! `shaders/`. Agreement lines are found on the CPU ([`contour`]), because dashes must follow them.

mod callback;
mod compute;
pub mod contour;
mod error;
mod estimate;
mod estimates;
pub mod estimates_twin;
mod ground;
mod map;
mod pass;
mod ray;
pub mod ray_twin;
mod scene;
mod space;
mod space_pictures;
pub mod space_twin;
mod texture;
mod thumbnail;
pub mod twin;
mod uniform;

pub use crate::volume::colormap::{self, ColorMap};
pub use crate::volume::{Block, Projection};
pub use callback::{
    draw_thumbnail, ground, install, remove_heat, remove_image, remove_labels, remove_mesh,
    set_heat, set_image, set_labels, set_mesh, show_estimates, update_heat, update_labels,
};
pub use error::RenderError;
pub use estimate::Estimate;
pub use estimates::{Estimates, Weights};
pub use map::SliceMap;
pub use pass::{SliceRenderer, shader_sources};
pub use scene::{
    Cut, HeatStyle, ImageId, Interpolation, LabelStyle, LayerId, MeshId, Over, Palette, RayPaint,
    SlicePaint, SpacePaint, TransferTable,
};
pub use thumbnail::Thumbnail;
