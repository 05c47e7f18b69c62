//! The plane that a scan opens on.

use crate::volume::Volume;

/// Pictures and single-slice stacks open on their slices; so do volumes, on the plane that the
/// scanner made.
pub(super) fn best_axis(volume: &Volume) -> usize {
    let shape = volume.geometry().shape();
    // A volume with one voxel along x or y is a picture that lies on its side.
    (0..3).rev().find(|&a| shape[a] == 1).unwrap_or(2)
}
