//! From a volume to an ensemble of masks: jobs, events, and the worker thread that owns the device
//! and the loaded models.

mod event;
mod job;

pub use event::{Event, Preview, StageTimes, Step};
pub use job::{DeviceChoice, Job, Member, ModelRef, Outcome, Settings};
