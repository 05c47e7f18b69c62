//! A label map of another program on the open image.

use super::{Extent, Profile};
use crate::io::Mask;
use crate::volume::{Block, Label, Volume};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A mask on the lattice of the image that it was read for, with the size of each label.
pub struct LabelLayer {
    /// Tells it from every other one.
    pub id: u64,
    pub name: String,
    pub mask: Mask,
    pub extent: Extent,
    /// Area or volume of each entry of the label table, in the unit of `extent`.
    pub sizes: Vec<f64>,
    /// Labelled voxels of each slice.
    pub profile: Profile,
}

impl LabelLayer {
    pub(super) fn new(path: &Path, mask: Mask) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut count = [0u64; 256];
        for &label in &mask.map.labels {
            count[usize::from(label)] += 1;
        }
        let voxel = Extent::of_voxel(&mask.map.geometry);
        let size = |l: &Label| {
            let n = count.get(usize::from(l.value)).copied().unwrap_or(0);
            n as f64 * voxel
        };
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let sizes = mask.table.0.iter().map(size).collect();
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let (geometry, labels) = (&mask.map.geometry, &mask.map.labels);
        let profile = Profile::of(geometry.shape(), Block::whole(geometry), |i| {
            f64::from(u8::from(labels[i] > 0))
        });
        Self { id, name, extent: Extent::of(geometry), sizes, profile, mask }
    }

    /// Name of the label at a voxel of the image.
    pub fn label_name(&self, [x, y, z]: [usize; 3]) -> Option<&str> {
        let [nx, ny, _] = self.mask.map.geometry.shape();
        let value = *self.mask.map.labels.get(x + nx * (y + ny * z))?;
        let label = self.mask.table.0.iter().find(|l| l.value == u16::from(value))?;
        Some(label.name.as_str())
    }
}

/// A file that fits on the open image as a label map: the person says what it is.
pub struct LabelOffer {
    pub layer: Arc<LabelLayer>,
    pub(super) path: PathBuf,
    /// The image that it was read for.
    pub(super) image: Arc<Volume>,
}

impl LabelOffer {
    /// Whether it was read for this image.
    pub(super) fn is_for(&self, image: &Arc<Volume>) -> bool {
        Arc::ptr_eq(&self.image, image)
    }
}
