//! The few-view planner: radiographs of a CT that is open are simulated at chosen angles, and a network
//! says which structures of an axial plane they pin down and which they leave open. It is no
//! reconstruction of a patient: the CT is known, its true slice can always be shown, and everything
//! here bears [`WATERMARK`].
//!
//! | file | holds |
//! |---|---|
//! | `section` | a plane with its true structures, of a phantom or of a scan with labels |
//! | `job` | what is asked for |
//! | `plan` | what comes of it: views, baselines, members, spread |
//! | `next_angle` | which further angle would leave the least open |
//! | `threshold` | structures without training, from a reconstruction |
//! | `spread` | mean and entropy of members |
//! | `centres` | objects: their centres and sizes |
//! | `scan` | a plane of a scan that is open |
//! | `picture` | pictures with the watermark |
//! | `score` | overlap and average precision over many planes |
//! | `embedded` | the network that comes with the program |
//! | `wording` | what must be said |

mod centres;
mod embedded;
mod job;
mod next_angle;
mod picture;
mod plan;
mod scan;
mod score;
mod section;
mod spread;
#[cfg(test)]
mod tests;
mod threshold;
mod wording;

pub use crate::demo::COLORS;
pub use centres::{Centre, CentreTargets, centre_targets, centres};
pub use embedded::{STRUCTURES, embedded};
pub use job::{PlanError, PlanJob};
pub use next_angle::{Candidate, candidates, gap};
pub use picture::{Picture, plane_picture, views_picture};
pub use plan::{Estimate, Method, Plan, PlanEvent, run};
pub use scan::{blocker, heights, plane_of};
pub use score::{Scores, average_precision};
pub use section::{LabelledScan, Section, classes_of};
pub use spread::{Spread, entropy, spread};
pub use threshold::thresholded;
pub use wording::{NOT_MODELLED, ONE_SUBJECT, SPREAD, WATERMARK, no_reference};
