//! `sfumato familiarize`

use super::Failure;
use crate::train::{Case, familiarize};
use std::path::PathBuf;

/// Write a model with what its training pictures look like in its header, so that a run can say
/// whether a scan is like them. Training does this by itself.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Identifier of a model, or the path of a .safetensors file.
    #[arg(long)]
    model: String,
    /// Folder with the images, labels and splits.csv that it was trained on.
    #[arg(long)]
    data: PathBuf,
    /// Folders of labels, one per reader.
    #[arg(long, value_delimiter = ',', default_value = "labels")]
    readers: Vec<String>,
    /// The weights file to write.
    #[arg(long)]
    out: PathBuf,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let report = &mut |done, all| tracing::info!("{done} of {all} cases");
    let (cases, _) = Case::list_training(&a.data, &a.readers)?;
    let bytes = familiarize(&a.model, &cases, report)?;
    crate::io::write_atomic(&a.out, &bytes).map_err(|e| Failure::Refused(e.to_string()))
}
