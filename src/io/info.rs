//! What `sfumato info --json` prints about an image.

use crate::volume::Volume;
use serde::Serialize;

/// A summary of a [`Volume`]; numbers are after rescale.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImageInfo {
    pub format: String,
    pub modality: String,
    /// Voxels along x, y, z, and time points.
    pub shape: [usize; 4],
    pub channels: usize,
    /// Distance between voxels in mm; for a picture without spacing, 1 (one unit is one pixel).
    pub spacing_mm: [f64; 3],
    /// World from voxel, RAS+, mm, row by row.
    pub affine: [[f64; 4]; 4],
    /// Letters towards which x, y, z increase, or `unknown`.
    pub orientation: String,
    pub dtype: String,
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    pub notices: Vec<String>,
}

impl From<&Volume> for ImageInfo {
    fn from(volume: &Volume) -> Self {
        let g = volume.geometry();
        let [x, y, z] = g.shape();
        let statistics = volume.statistics();
        Self {
            format: volume.source.format.clone(),
            modality: volume.modality.name().into(),
            shape: [x, y, z, volume.times()],
            channels: volume.channels(),
            spacing_mm: g.spacing(),
            affine: g.world_from_voxel().0,
            orientation: if g.orientation_known() { g.orientation() } else { "unknown".into() },
            dtype: volume.voxels().dtype().into(),
            min: statistics.min,
            max: statistics.max,
            mean: statistics.mean,
            notices: volume.notices.iter().map(|n| n.text.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{Affine, Geometry, Notice, Voxels};

    #[test]
    fn the_json_has_exactly_the_agreed_shape() {
        let steps = [[-2.0, 0.0, 0.0], [0.0, -3.0, 0.0], [0.0, 0.0, 4.0]];
        let g = Geometry::new([2, 1, 1], Affine::from_columns(steps, [1.0, 2.0, 3.0])).expect("ok");
        let mut v = Volume::new(g, 1, Voxels::I16(vec![1, 3])).expect("ok");
        v.source.format = "nifti-1".into();
        v.slope = 2.0;
        v.notices.push(Notice::amber("be careful"));
        let json = serde_json::to_value(ImageInfo::from(&v)).expect("serialises");
        let expected = serde_json::json!({
            "format": "nifti-1", "modality": "unknown", "shape": [2, 1, 1, 1], "channels": 1,
            "spacing_mm": [2.0, 3.0, 4.0],
            "affine": [[-2.0, 0.0, 0.0, 1.0], [0.0, -3.0, 0.0, 2.0], [0.0, 0.0, 4.0, 3.0],
                       [0.0, 0.0, 0.0, 1.0]],
            "orientation": "LPS", "dtype": "int16", "min": 2.0, "max": 6.0, "mean": 4.0,
            "notices": ["be careful"],
        });
        assert_eq!(json, expected);
    }
}
