//! Reading and writing files. The type of a file is decided by its content, every number in it is
//! checked against a limit before anything is allocated, and what is written appears atomically.

mod atomic;
mod color_table;
mod convert;
mod dicom;
mod error;
pub mod export;
mod file_set;
pub mod info;
mod label_table;
mod leftover;
mod limits;
mod mask;
mod nifti;
mod raster;
mod read_mask;
mod sniff;
mod source;
mod watch;

pub use atomic::write_atomic;
pub use color_table::{is_color_table, read_color_table};
pub use convert::convert;
pub use dicom::{Listing, Private, SeriesChoice, SeriesInfo, files_of_series};
pub use error::{IoError, Refusal};
pub use file_set::FileSet;
pub use info::ImageInfo;
pub use label_table::{read_label_table, write_label_table};
pub use limits::memory_budget;
pub use mask::Mask;
pub use nifti::{NiftiData, NiftiOptions, write_nifti, write_nifti_with};
pub use read_mask::read_mask;
pub use source::sha256_of_file;
pub use watch::{Progress, Watch};

use crate::volume::Volume;
use sniff::Kind;
use std::path::Path;

/// How something is opened; the default is what [`open`] does.
#[derive(Clone, Default)]
pub struct OpenOptions<'a> {
    /// Which DICOM series, where there are several.
    pub series: Option<SeriesChoice>,
    /// DICOM slices as they are stored: a tilted or unevenly spaced series is not resampled.
    pub raw_geometry: bool,
    /// DICOM series as their identifiers have them: none is joined with another.
    pub separate: bool,
    pub watch: Watch<'a>,
}

/// Opens a picture, a NIfTI or Analyze image, a DICOM file, or a folder, zip archive or disc index
/// (DICOMDIR) that holds one DICOM series.
///
/// # Errors
/// If the file cannot be read, is damaged, too large, or of an unknown kind; if there are several
/// series with pixels (then [`Listing`] lists them and [`OpenOptions::series`] chooses).
pub fn open(path: &Path) -> Result<Volume, IoError> {
    open_with(path, &OpenOptions::default())
}

/// Opens with options; see [`open`].
///
/// # Errors
/// As [`open`], and [`Refusal::Cancelled`].
pub fn open_with(path: &Path, options: &OpenOptions<'_>) -> Result<Volume, IoError> {
    let dicom = || {
        let mut listing = Listing::scan(&[path.to_path_buf()], options.watch)?;
        if options.separate {
            listing = listing.separated();
        }
        listing.open(options.series.as_ref(), options.raw_geometry, options.watch)
    };
    let refused = |why| IoError::new(why, path);
    if path.is_dir() {
        return dicom();
    }
    match sniff::kind_of(path).map_err(refused)? {
        Kind::Dicom | Kind::Zip => dicom(),
        _ if options.series.is_some() => {
            Err(refused(Refusal::Choose("a series was chosen, but this is not DICOM".into())))
        }
        kind => open_other(path, kind).map_err(refused),
    }
}

/// Opens what is not DICOM.
fn open_other(path: &Path, kind: Kind) -> Result<Volume, Refusal> {
    match kind {
        Kind::Raster(format) => raster::read(path, format),
        Kind::Nifti => nifti::read(path),
        Kind::Dicom | Kind::Zip => Err(Refusal::unsupported("DICOM where another image is meant")),
        Kind::Other(name) => Err(Refusal::Unsupported(format!(
            "{name} is not an image that can be opened; \
             PNG, JPEG, TIFF, BMP, NIfTI, Analyze and DICOM are"
        ))),
    }
}

/// Whether [`Listing::scan`] is the way to look into `path`: a folder, zip archive or DICOM file.
///
/// # Errors
/// If it cannot be read.
pub fn may_hold_series(path: &Path) -> Result<bool, IoError> {
    if path.is_dir() {
        return Ok(true);
    }
    let kind = sniff::kind_of(path).map_err(|why| IoError::new(why, path))?;
    Ok(matches!(kind, Kind::Dicom | Kind::Zip))
}

/// Whether a file is a picture with a palette, whose indices may be labels.
pub fn is_indexed_picture(path: &Path) -> bool {
    matches!(sniff::kind_of(path), Ok(Kind::Raster(format))
        if matches!(raster::with_grey_palette(path, format), Ok(Some(_))))
}

/// The DICOM series under a path, in a fixed order. The position in the list is the index for
/// [`open_series`].
///
/// # Errors
/// If it cannot be read.
pub fn list(path: &Path) -> Result<Vec<SeriesInfo>, IoError> {
    Ok(Listing::scan(&[path.to_path_buf()], Watch::default())?.series().to_vec())
}

/// Opens one series by its index in [`list`].
///
/// # Errors
/// As [`open`], and if there is no such index.
pub fn open_series(path: &Path, index: usize) -> Result<Volume, IoError> {
    let series = Some(SeriesChoice::Index(index));
    open_with(path, &OpenOptions { series, ..OpenOptions::default() })
}
