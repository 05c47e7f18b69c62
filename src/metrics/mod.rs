//! A mask against a reference, after Metrics Reloaded (Maier-Hein et al., Nature Methods 2024).
//!
//! Everything works on plain slices, x fastest, with a shape along x, y, z. What is undefined is
//! `None`, never 0 and never NaN; which empty masks are defined is an [`EmptyRule`].
//!
//! | file | holds |
//! |---|---|
//! | `overlap` | Dice, IoU, sensitivity, PPV, relative volume error |
//! | `surface` | Hausdorff distances, ASSD, MASD, surface Dice |
//! | `energy` | generalised energy distance between two families of masks |
//! | `matching` | IoU of two families of masks, matched one to one |
//! | `error_finding` | share of the errors that doubt points at |
//! | `calibration` | ECE, Brier score near the border |
//! | `conformal` | intervals for a size that hold as often as they say |
//! | `components` | 4-connected objects of a plane |
//! | `segments` | Rand and information scores of many objects, SEG |
//! | `thin` | cells grown until lines part them |
//! | `warping` | errors of topology |
//! | `membranes` | the figures of the ISBI 2012 challenge |
//! | `bootstrap` | interval of a mean over cases |
//! | `report` | all measures of one pair of masks, in the order of a table |

mod bootstrap;
mod calibration;
mod components;
mod conformal;
mod energy;
mod error_finding;
mod matching;
mod membranes;
mod overlap;
mod report;
mod segments;
mod surface;
mod thin;
mod warping;

pub use crate::volume::squared_distance_transform;
pub use bootstrap::{mean, mean_interval};
pub use calibration::{Bin, Calibration, boundary_band, calibration, expected_error};
pub use components::components;
pub use conformal::{
    SizeInterval, Space, conformal_correction, conformal_rank, conformal_score,
    counted_coverage_range, coverage_range,
};
pub use energy::{ged_squared, ged_squared_labels};
pub use error_finding::errors_found;
pub use matching::matched_iou;
pub use membranes::{MembraneFigures, Slice, membranes};
pub use overlap::{Counts, Overlap, overlap};
pub use report::{Measures, cell, compare};
pub use segments::{SegmentScores, seg};
pub use surface::{SurfaceDistances, surface, surface_distances};
pub use thin::thinned;
pub use warping::{Warped, warp};

/// What is said of masks without a voxel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptyRule {
    /// Two empty masks agree: Dice and NSD 1, distances 0.
    #[default]
    MetricsReloaded,
    /// Two empty masks are undefined and left out of means.
    NnUnet,
}

impl EmptyRule {
    /// To be shown beside each mean.
    pub fn name(self) -> &'static str {
        match self {
            Self::MetricsReloaded => "Metrics Reloaded",
            Self::NnUnet => "nnU-Net",
        }
    }
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MetricsError {
    #[error(
        "the {what} has {found} voxels, expected {expected}: both masks must lie on the same lattice, resample one of them first"
    )]
    Length { what: &'static str, expected: usize, found: usize },
    #[error("the spacing {0:?} is not positive and finite along every axis")]
    Spacing([f64; 3]),
    #[error("the {what} {value} must be 0 or more and finite")]
    Distance { what: &'static str, value: f64 },
    #[error("{0} holds no mask: at least one sample and one reference are needed")]
    NoMasks(&'static str),
    #[error("a count of {found} votes exceeds the {members} members")]
    Count { found: u16, members: usize },
    #[error(
        "a size of {reference} with quantiles {low} and {high}: expected finite ones, above 0 in logarithms; the linear space takes 0"
    )]
    Size { low: f64, high: f64, reference: f64 },
    #[error("a risk of {thousandths} thousandths: expected 1 to 999")]
    Risk { thousandths: u32 },
    #[error("{found} cases: the interval needs at least {needed} cases")]
    FewCases { needed: usize, found: usize },
}

/// Refuses a slice of the wrong length.
fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), MetricsError> {
    if found == expected { Ok(()) } else { Err(MetricsError::Length { what, expected, found }) }
}

fn check_lattice(
    lengths: [(&'static str, usize); 2],
    shape: [usize; 3],
    spacing: [f64; 3],
) -> Result<(), MetricsError> {
    let voxels = shape.iter().fold(1usize, |n, s| n.saturating_mul(*s));
    for (what, found) in lengths {
        check_length(what, found, voxels)?;
    }
    if spacing.iter().all(|s| s.is_finite() && *s > 0.0) {
        Ok(())
    } else {
        Err(MetricsError::Spacing(spacing))
    }
}
