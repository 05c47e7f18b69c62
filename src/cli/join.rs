//! `sfumato join`

use super::Failure;
use crate::inference::InferenceError;
use crate::models::join;
use std::path::PathBuf;

/// Write one weights file of several models that were trained by themselves for the same (other
/// seeds, other cases). Members are drawn from them in turn, and the variance between them is told
/// from that within each.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Identifiers of models, or paths of .safetensors files; two or more.
    #[arg(required = true, num_args = 2..)]
    models: Vec<String>,
    /// The weights file to write.
    #[arg(long)]
    out: PathBuf,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let bytes = join(&a.models).map_err(InferenceError::from)?;
    crate::io::write_atomic(&a.out, &bytes).map_err(|e| Failure::Refused(e.to_string()))
}
