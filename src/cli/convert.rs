//! `sfumato convert`

use super::Failure;
use super::open_arguments::OpenArguments;
use crate::volume::Severity;
use std::path::PathBuf;

/// Write what was read as one NIfTI volume: values after rescale, true affine.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A picture, NIfTI volume, DICOM file or folder.
    input: PathBuf,
    /// A name that ends in .nii or .nii.gz.
    output: PathBuf,
    #[command(flatten)]
    opening: OpenArguments,
    /// Replace the output if it exists.
    #[arg(long)]
    overwrite: bool,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let volume = crate::io::open_with(&a.input, &a.opening.options())?;
    if same_file(&a.input, &a.output) {
        return Err(Failure::Usage("the output is the input; choose another name".to_owned()));
    }
    crate::io::convert(&a.output, &volume, a.overwrite)?;
    for notice in volume.notices.iter().filter(|n| n.severity == Severity::Amber) {
        eprintln!("sfumato: warning: {}", notice.text);
    }
    super::print(&a.output.display().to_string())
}

fn same_file(a: &std::path::Path, b: &std::path::Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
