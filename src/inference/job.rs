//! What is asked of the worker, and what comes back.

use super::Steer;
use crate::diffusion::{SamplerKind, Start};
use crate::ensemble::StopRule;
use crate::models::{Fit, Scaling};
use crate::volume::{Block, Class, ClassKind, Geometry, Notice, Roi, Source, Volume};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// Where the network runs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The fastest device that this binary was built for and this machine has.
    #[default]
    Auto,
    Cpu,
    /// Any graphics card, through our own programs; what they do not know is done on the CPU.
    Gpu,
    Cuda,
    Metal,
}

/// How the ensemble is drawn. Member `k` depends on `(seed, k)` only, never on how many there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub members: usize,
    /// Denoising steps per member.
    pub steps: usize,
    pub sampler: SamplerKind,
    #[serde(default)]
    pub start: Start,
    pub seed: u64,
    pub device: DeviceChoice,
    /// The mask that the model draws at once, and no samples: the same every time.
    #[serde(default)]
    pub instant: bool,
    /// Slices to segment, `None` for all.
    pub slices: Option<Range<usize>>,
    /// Rectangle of each slice that is shown to the model, `None` for the whole slice.
    pub roi: Option<Roi>,
    /// What was found there, if the region was proposed and not chosen by hand.
    #[serde(default)]
    pub region: Option<String>,
    /// What a person says of the masks before they are drawn.
    #[serde(default)]
    pub steer: Steer,
    /// Number of the first member: those before it are there already.
    #[serde(default)]
    pub first: usize,
    /// Draw until more members would not change the summary, instead of `members` of them.
    #[serde(default)]
    pub until: Option<Box<StopRule>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            members: 8,
            steps: 10,
            sampler: SamplerKind::default(),
            start: Start::default(),
            seed: 1,
            device: DeviceChoice::Auto,
            instant: false,
            slices: None,
            roi: None,
            region: None,
            steer: Steer::default(),
            first: 0,
            until: None,
        }
    }
}

/// A request to segment one time point of a volume.
#[derive(Clone, Debug)]
pub struct Job {
    pub volume: Arc<Volume>,
    pub time: usize,
    /// Identifier in the model registry.
    pub model: String,
    pub settings: Settings,
}

/// Seconds spent per stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageTimes {
    pub load_s: f64,
    pub prepare_s: f64,
    pub condition_s: f64,
    pub sample_s: f64,
    pub restore_s: f64,
    pub total_s: f64,
}

/// The model that made an outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRef {
    pub id: String,
    /// SHA-256 of the weights file.
    pub sha256: String,
    pub classes: Vec<Class>,
    pub kind: ClassKind,
    #[serde(default)]
    pub scaling: Option<Scaling>,
    /// Trained networks that the members are drawn from in turn: member k from the k-th, counted on
    /// from the first again.
    #[serde(default = "crate::models::one_network")]
    pub networks: usize,
}

/// One finished sample on the scan's grid.
#[derive(Clone, Debug)]
pub struct Member {
    pub index: usize,
    pub seed: u64,
    /// Soft masks of the block, `[classes, z, y, x]`, `round(255·q)`; inside where q ≥ 0.5 (≥ 128).
    pub soft: Vec<u8>,
}

/// The ensemble of a finished (or cancelled) job, on the block `roi × slices` of the scan's grid.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub model: ModelRef,
    pub settings: Settings,
    /// The scan that was segmented.
    pub source: Source,
    /// The time point that was segmented, from 0, and how many the scan has.
    pub time: usize,
    pub time_points: usize,
    /// What a reader of the result should know: what was noticed of the scan while reading it, then
    /// what was noticed while bringing it to the model. Every place that shows or writes the result
    /// shows or writes the amber ones.
    pub notices: Vec<Notice>,
    /// Why the model was not made for such a picture, if that is known (it stands among `notices`
    /// too, with whatever else is doubted): agreement between samples says nothing then.
    pub doubt: Option<String>,
    /// Where the scan stands among the pictures that the model learnt from, if it knows.
    pub fit: Option<Fit>,
    /// The network has no diffusion part: there is one member, the direct mask itself, and nothing
    /// varies between samples.
    pub deterministic: bool,
    /// Lattice of the whole scan.
    pub geometry: Geometry,
    pub roi: Roi,
    pub slices: Range<usize>,
    pub members: Vec<Member>,
    /// The anchor head's own mask, no diffusion; same layout as [`Member::soft`].
    pub direct: Vec<u8>,
    /// The device that ran it, in words.
    pub device: String,
    pub times: StageTimes,
}

impl Outcome {
    /// The part of the scan that was segmented.
    pub fn block(&self) -> Block {
        let origin = [self.roi.x, self.roi.y, self.slices.start];
        Block { origin, shape: self.block_shape() }
    }

    /// Voxels of the block along x, y, z.
    pub fn block_shape(&self) -> [usize; 3] {
        [self.roi.width, self.roi.height, self.slices.len()]
    }

    /// Which network drew each member.
    pub fn networks(&self) -> Vec<usize> {
        self.members.iter().map(|m| m.index % self.model.networks.max(1)).collect()
    }

    /// Soft masks of all members, in member order.
    pub fn soft_members(&self) -> Vec<&[u8]> {
        self.members.iter().map(|m| m.soft.as_slice()).collect()
    }
}
