//! Surfaces of labels: triangles round the voxels of a mask, how the samples part along their normals,
//! and the files that other programs read them from.

mod cases;
mod extract;
mod files;
mod mesh;
mod spread;

pub use extract::extract;
pub use files::{MeshFormat, World, bytes};
pub use mesh::{Measures, Mesh};
pub use spread::{REACH_MM, outline_spread};
