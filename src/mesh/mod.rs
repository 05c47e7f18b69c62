//! Surfaces of labels: triangles round the voxels of a mask, how the samples part along their normals,
//! and the files that other programs read them from.

mod cases;
mod extract;
mod files;
mod spread;
mod triangles;

pub use extract::extract;
pub use files::{MeshFormat, World, bytes};
pub use spread::{REACH_MM, outline_spread};
pub use triangles::{Measures, Mesh};
