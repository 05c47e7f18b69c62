//! `sfumato segment`

use super::Failure;
use crate::inference::InferenceError;
use std::path::{Path, PathBuf};

/// Segment an image or volume and write masks, maps and a record of the run.
#[derive(clap::Args)]
pub(super) struct Arguments {
    input: PathBuf,
}

pub(super) fn run(_a: Arguments) -> Result<(), Failure> {
    Err(Failure::Internal("not yet".into()))
}

/// Makes the folder for results.
pub(super) fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|e| {
        Failure::Refused(format!("the folder cannot be made ({e}): {}", path.display()))
    })
}

/// Wrong settings are wrong use, an unknown model too; the rest is ours.
pub(super) fn inference_failure(error: &InferenceError) -> Failure {
    match error {
        InferenceError::Settings { .. } | InferenceError::Model(_) | InferenceError::Device(..) => {
            Failure::Usage(error.to_string())
        }
        InferenceError::Diffusion(_) => Failure::Usage(error.to_string()),
        InferenceError::Network(_) => Failure::Internal(error.to_string()),
    }
}
