//! Statistics over the members of an ensemble of masks, class by class: how many members include
//! a voxel, how they agree, their volumes, and one fused mask.
//!
//! The spread shows what is ambiguous in the image as one trained network learnt it, plus
//! sampling noise. It says nothing about what the network does not know; where several networks drew
//! the members, their differences say a part of that.
//!
//! | file | holds |
//! |---|---|
//! | `members` | [`Ensemble`]: integer counts and compact members, from soft masks |
//! | `measure` | [`Measure`]: variance, standard deviation, entropy, with their scales |
//! | `platt` | [`Platt`]: a mean that holds as often as it says |
//! | `networks` | [`VarianceParts`]: variance within and between networks |
//! | `maps` | fraction, soft mean, mutual information per voxel |
//! | `fused` | the fused mask, majority, label maps, members as label maps |
//! | `staple` | fusion with estimated sensitivity and specificity |
//! | `staple_labels` | the same over several labels at once |
//! | `agreement` | pairwise Dice, depth of a member |
//! | `band_depth` | [`BoxPlot`]: contour box plots |
//! | `convergence` | [`Convergence`]: curves against the number of members, [`StopRule`] |
//! | `spread` | summaries of one number per member |
//! | `levels` | levels of agreement in whole members |
//! | `regions` | [`Regions`]: where to look, ranked |
//! | `shell` | disputed voxels split where they are thick |

mod agreement;
mod band_depth;
mod convergence;
mod fused;
mod levels;
mod maps;
mod measure;
mod members;
mod networks;
mod platt;
mod regions;
mod shell;
mod spread;
mod staple;
mod staple_labels;

pub use agreement::{Depths, PairwiseDice};
pub use band_depth::BoxPlot;
pub use convergence::{Convergence, Curve, Quantity, StopRule, forecast};
pub use levels::agreement_levels;
pub use maps::{SoftMaps, soft_maps};
pub use measure::Measure;
pub use members::Ensemble;
pub use networks::VarianceParts;
pub use platt::{Platt, beyond_doubt};
pub use regions::{MOST_REGIONS, Region, Regions};
pub use spread::{Spread, quantile};
pub use staple::Staple;
pub use staple_labels::StapleLabels;

#[derive(Debug, thiserror::Error)]
pub enum EnsembleError {
    #[error("an ensemble needs at least one member, none was given: run the model first")]
    NoMembers,
    #[error("an ensemble holds at most {max} members, {found} were given: ask for fewer", max = u16::MAX)]
    TooManyMembers { found: usize },
    #[error("an ensemble has 1 to 255 classes, {found} were given: check the model's class list")]
    Classes { found: usize },
    #[error(
        "member {member} holds {found} values, but {classes} classes of {voxels} voxels need {expected}: it belongs to another image or model"
    )]
    Length { member: usize, classes: usize, voxels: usize, expected: usize, found: usize },
    #[error("class {class} was asked for, but the ensemble has {classes}, counted from 0")]
    NoSuchClass { class: usize, classes: usize },
    #[error(
        "the shape {shape:?} has {found} voxels, but the ensemble was built with {expected}: give the shape of the block that was segmented"
    )]
    Shape { shape: [usize; 3], expected: usize, found: usize },
    #[error(
        "STAPLE needs 3 samples and there are {found}: two cannot show which of them is right; use the majority or draw more"
    )]
    StapleTooFew { found: usize },
    #[error(
        "STAPLE took foreground for background (mean of sensitivity + specificity is {sum:.3}, expected at least 1): use the majority"
    )]
    StapleSwapped { sum: f64 },
    #[error(
        "STAPLE's likelihood fell from {before} to {after} in round {round}, which it cannot: an internal error, use the majority"
    )]
    StapleDiverged { round: usize, before: f64, after: f64 },
}
