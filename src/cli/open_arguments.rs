//! How an image is opened, for every command that reads a DICOM series.

use crate::io::{OpenOptions, SeriesChoice};

#[derive(clap::Args)]
pub(super) struct OpenArguments {
    /// Which series of a folder: its number in `sfumato info`, or its Series Instance UID.
    #[arg(long, value_name = "N|UID")]
    series: Option<SeriesChoice>,
    /// Keep tilted or unevenly spaced slices as they lie; do not resample them.
    #[arg(long)]
    raw_geometry: bool,
    /// Keep series apart that are joined because their slices form one stack.
    #[arg(long)]
    separate: bool,
}

impl OpenArguments {
    pub(super) fn options(&self) -> OpenOptions<'_> {
        OpenOptions {
            series: self.series.clone(),
            raw_geometry: self.raw_geometry,
            separate: self.separate,
            ..OpenOptions::default()
        }
    }
}
