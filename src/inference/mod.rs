//! From a volume to an ensemble of masks: jobs, events, and the worker thread that owns the device
//! and the loaded models.

mod brain;
mod doubt;
mod draft;
mod engine;
mod error;
mod event;
mod features;
mod input;
mod job;
mod loaded;
#[cfg(test)]
mod networks_tests;
mod objects;
mod overlap_tile;
mod place;
mod placement;
mod prepare;
mod rounds;
mod segmenter;
mod slices;
mod steer;
mod trial;
mod whole_volume;
mod worker;

pub use brain::BrainExtraction;
pub use doubt::{border, doubt};
pub use engine::{Engine, Loader};
pub use error::InferenceError;
pub use event::{Event, Preview, Step, There, Values};
pub use features::features;
pub use input::ModelInput;
pub use job::{DeviceChoice, Job, Member, ModelRef, Outcome, Settings, StageTimes};
pub use loaded::Loaded;
pub use overlap_tile::OverlapTile;
pub use place::{Place, open_device};
pub use placement::{Placement, Taps};
pub use prepare::{PREPROCESSING, Prepared, slice_axis};
pub use rounds::Apart;
pub use segmenter::{Agenda, Estimates, Masks, Request, Segmenter, Sink};
pub use slices::{Scene, SliceSegmenter};
pub use steer::{Click, EditedVoxels, MOST_CLICKS, Refine, Steer, Steering};
pub use whole_volume::{Blended, WholeVolume, input_volume, probability, volume_size};
pub use worker::{Beside, Handle, Work, Worker};
