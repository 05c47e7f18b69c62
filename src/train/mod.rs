//! Training and evaluation: data sets, augmentation, losses, the loop, checkpoints.

mod augment;
mod augment3d;
mod checkpoint;
mod config;
mod dataset;
mod diffbev;
mod elastic;
mod evaluate;
mod familiarity;
mod loss;
mod medsegdiff;
mod membranes;
mod objective;
mod objective_config;
mod optimizer;
mod readers;
mod recipe;
mod resnet3d;
mod shares;
mod sizes;
mod splits;
#[cfg(test)]
mod toy_tests;
mod trainer;
mod transfer;
mod unet;
#[cfg(test)]
mod volume_tests;
mod volumes;
mod voxel_size;
mod ways;

pub use config::{Augmentation, TrainConfig};
pub use dataset::{Case, Dataset};
pub use diffbev::{PlannerProgress, PlannerTraining, bent_plane, train_planner};
pub use evaluate::{
    ByMembers, CaseScores, ClassScores, Evaluation, Gain, Scores, VarianceByNetwork, evaluate,
};
pub use familiarity::familiarize;
pub use medsegdiff::{LossWeights, Training};
pub use membranes::evaluate_membranes;
pub use objective_config::ObjectiveConfig;
pub use optimizer::Rule;
pub use readers::{AmongReaders, ErrorsFound, LOOKED_AT};
pub use recipe::Recipe;
pub use resnet3d::VolumeTraining;
pub use shares::ByShare;
pub use sizes::{CaseSizes, case_sizes};
pub use trainer::{Progress, train};
pub use unet::{Borders, Loss, Training as UNetTraining};
pub use ways::Ways;

use std::path::PathBuf;

/// Why training or evaluation stopped.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("{what}: {path}")]
    Data { what: String, path: PathBuf },
    #[error("the training configuration {path} cannot be used: {what}")]
    Config { what: String, path: PathBuf },
    #[error("training cannot start from the model {id}: {what}")]
    Start { id: String, what: String },
    #[error("the loss is not finite at step {step}; the last good checkpoint is {checkpoint}")]
    NotFinite { step: usize, checkpoint: PathBuf },
    #[error(transparent)]
    Io(#[from] crate::io::IoError),
    #[error("the network failed: {}", crate::nn::first_line(.0))]
    Network(#[from] candle_core::Error),
    #[error("the training thread failed: {0}")]
    Thread(String),
    #[error(transparent)]
    Inference(#[from] crate::inference::InferenceError),
    #[error(transparent)]
    Diffusion(#[from] crate::diffusion::DiffusionError),
    #[error("the checkpoint {path} cannot be resumed: {what}")]
    Checkpoint { what: String, path: PathBuf },
}
