//! `sfumato info`

use super::Failure;
use std::path::PathBuf;

/// Say what a file or folder holds.
#[derive(clap::Args)]
pub(super) struct Arguments {
    input: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let info = crate::io::ImageInfo::from(&crate::io::open(&a.input)?);
    if a.json {
        println!("{}", serde_json::to_string_pretty(&info)?);
    }
    Ok(())
}
