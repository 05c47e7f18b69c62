//! `sfumato convert`

use super::Failure;
use crate::io::{OpenOptions, SeriesChoice};
use crate::volume::Severity;
use std::path::PathBuf;

/// Write what was read as one NIfTI volume: values after rescale, true affine.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A picture, NIfTI volume, DICOM file or folder.
    input: PathBuf,
    /// A name that ends in .nii or .nii.gz.
    output: PathBuf,
    /// Which series of a folder: its number in `sfumato info`, or its Series Instance UID.
    #[arg(long, value_name = "N|UID")]
    series: Option<SeriesChoice>,
    /// Keep tilted or unevenly spaced slices as they lie; do not resample them.
    #[arg(long)]
    raw_geometry: bool,
    /// Replace the output if it exists.
    #[arg(long)]
    overwrite: bool,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let options = OpenOptions {
        series: a.series.clone(),
        raw_geometry: a.raw_geometry,
        ..OpenOptions::default()
    };
    let volume = crate::io::open_with(&a.input, &options)?;
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
