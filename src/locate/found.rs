//! What a locator says of a scan.

use super::Extent;
use crate::models::ModelError;
use crate::volume::{Block, Geometry, Volume};

/// A structure in a scan.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// In words, such as `left hippocampus`.
    pub what: String,
    /// The part of the scan to segment, as large round the structure as in the training of the
    /// models for it; inside the scan, not empty.
    pub block: Block,
    /// Middle of the structure, in voxels: 0 is the centre of the first one.
    pub centre: [f64; 3],
    /// What the structure itself spans along each axis, in voxels.
    pub extent: [f64; 3],
    /// 0 to 1: how sure the network is of the voxels that it gave to the structure.
    pub score: f32,
}

/// What a locator says of a scan. The reasons are for a person to read.
#[derive(Clone, Debug, PartialEq)]
pub enum Located {
    /// Regions, the surest first; at least one.
    Found(Vec<Found>),
    /// The scan is such a region already.
    Whole { why: String },
    /// There is none in it, or it is no scan that the locator knows.
    NotFound { why: String },
}

/// Why a locator could not even look.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("time point {0} of {1}")]
    Time(usize, usize),
    #[error("the network failed: {}", crate::nn::first_line(.0))]
    Network(#[from] candle_core::Error),
}

/// Finds one kind of structure in whole scans.
pub trait Locator: Sync {
    /// What it looks for, as in [`Found::what`] or a word for all of them.
    fn structure(&self) -> &'static str;

    /// How large the regions usually are in such a scan: for a place that a person shows.
    fn usual(&self, geometry: &Geometry) -> Extent;

    /// Looks at one time point. Takes less than a second; call it off the window's thread.
    ///
    /// # Errors
    /// If there is no such time point, or the network fails.
    fn locate(&self, volume: &Volume, time: usize) -> Result<Located, LocateError>;
}
