//! From a volume to an ensemble of masks: jobs, events, and the worker thread that owns the device
//! and the loaded models.

mod doubt;
mod draft;
mod engine;
mod event;
mod input;
mod job;
mod loaded;
mod placement;
mod prepare;
mod segmenter;
mod slices;
mod whole_volume;
mod worker;

pub use doubt::doubt;
pub use engine::{Engine, Loader, open_device};
pub use event::{Event, Preview, Step};
pub use input::ModelInput;
pub use job::{DeviceChoice, Job, Member, ModelRef, Outcome, Settings, StageTimes};
pub use loaded::Loaded;
pub use placement::{Placement, Taps};
pub use prepare::{Prepared, region_side, slice_axis};
pub use segmenter::{Agenda, Estimates, InferenceError, Request, Segmenter, Sink};
pub use slices::{Scene, SliceSegmenter};
pub use whole_volume::{Blended, Frame, WholeVolume, probability};
pub use worker::{Handle, Work, Worker};
