//! What every way of writing a result needs: which files are wanted, what can go wrong, and where the masks
//! lie on the scan.

use crate::ensemble::{EnsembleError, Measure};
use crate::inference::Outcome;
use crate::io::IoError;
use crate::mesh::MeshFormat;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    #[error(transparent)]
    Io(#[from] IoError),
    #[error("the ensemble cannot be summarised: {0}")]
    Ensemble(#[from] EnsembleError),
    #[error("the folder cannot be made ({0}): {1}")]
    Folder(std::io::Error, PathBuf),
    #[error("the record of the run cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the table of samples cannot be written: {0}")]
    Table(String),
}

/// Which files are written, and what they may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    pub nifti: bool,
    /// What the map of uncertainty among the NIfTI files shows.
    pub measure: Measure,
    /// DICOM SEG, binary and fractional.
    pub seg: bool,
    pub rtstruct: bool,
    /// Every map of the samples: count, all measures, STAPLE.
    pub all_maps: bool,
    /// The size of each sample, as a table.
    pub table: bool,
    /// One page with pictures: a file that is made of the image, see [`More`].
    pub report: bool,
    /// The surface of each class.
    pub surface: Option<MeshFormat>,
    /// Copy patient and study texts of a DICOM source into SEG and RT Structure Set. NIfTI files
    /// never hold any.
    pub keep_identity: bool,
    pub overwrite: bool,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            nifti: true,
            measure: Measure::default(),
            seg: false,
            rtstruct: false,
            all_maps: false,
            table: false,
            report: false,
            surface: None,
            keep_identity: false,
            overwrite: false,
        }
    }
}

/// A block's values on the grid of the whole scan, the default value elsewhere.
pub(super) fn on_scan<T: Copy + Default>(outcome: &Outcome, block: &[T]) -> Vec<T> {
    let [nx, ny, _] = outcome.geometry.shape();
    let mut out = vec![T::default(); outcome.geometry.voxel_count()];
    let roi = outcome.roi;
    for (i, row) in block.chunks(roi.width).enumerate() {
        let (y, z) = (roi.y + i % roi.height, outcome.slices.start + i / roi.height);
        let at = roi.x + nx * (y + ny * z);
        out[at..at + roi.width].copy_from_slice(row);
    }
    out
}
