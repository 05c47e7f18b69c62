//! What can go wrong when an image is handed to the graphics device.

use super::{Block, ImageId, LayerId};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error("drawing is not set up: there is no graphics device in this window")]
    NotInstalled,
    #[error(
        "an image of {}x{}x{} voxels is too large to be shown: this graphics device takes {max_3d} voxels along each axis, or {max_2d}x{max_2d} pixels in up to {max_layers} slices; crop or resample it first",
        shape[0], shape[1], shape[2]
    )]
    TooLarge { shape: [usize; 3], max_3d: u32, max_2d: u32, max_layers: u32 },
    #[error("the graphics device has no room for {} MiB; close another image first", bytes >> 20)]
    OutOfMemory { bytes: u64 },
    #[error("time point {time} was asked for, but the image has {times} (0 to {})", times - 1)]
    Time { time: usize, times: usize },
    #[error("image {} was not uploaded", id.0)]
    UnknownImage { id: ImageId },
    #[error("layer {} of image {} was not uploaded", layer.0, id.0)]
    UnknownLayer { id: ImageId, layer: LayerId },
    #[error(
        "a block of {:?} voxels at {:?} does not fit into one of {:?} at {:?}",
        block.shape, block.origin, outer.shape, outer.origin
    )]
    Outside { block: Block, outer: Block },
    #[error(
        "a surface of {vertices} points needs as many colours and normals, but {found} were given"
    )]
    Colors { vertices: usize, found: usize },
    #[error(
        "a surface of {triangles} triangles needs {bytes} bytes at once, and this graphics device takes {most}: smooth or crop the label"
    )]
    LargeSurface { triangles: usize, bytes: u64, most: u64 },
    #[error("a block of {:?} voxels needs {} values, but {found} were given", block.shape, block.len())]
    Length { block: Block, found: usize },
    #[error("rays are cast through images of one channel, and this one holds colours")]
    RayOfColours,
}
