//! Reading and writing files. The type of a file is decided by its content, every number in it is
//! checked against a limit before anything is allocated, and what is written appears atomically.

mod atomic;
mod convert;
mod dicom;
mod error;
pub mod export;
#[cfg(test)]
mod hostile;
pub mod info;
mod label_table;
mod limits;
mod mask;
mod nifti;
mod options;
mod raster;
mod sniff;
mod source;

pub use atomic::write_atomic;
pub use convert::convert;
pub use dicom::SeriesInfo;
pub use error::{IoError, Refusal};
pub use info::ImageInfo;
pub use label_table::{read_label_table, write_label_table};
pub use limits::memory_budget;
pub use mask::{Mask, read_mask};
pub use nifti::{NiftiData, NiftiOptions, write_nifti, write_nifti_with};
pub use options::{OpenOptions, SeriesChoice};
pub use source::sha256_of_file;

use crate::volume::Volume;
use sniff::Kind;
use std::path::Path;

/// Opens a picture, a NIfTI or Analyze image, a DICOM file, or a folder that holds one DICOM series.
///
/// # Errors
/// If the file cannot be read, is damaged, too large, or of an unknown kind; if a folder holds
/// several series with pixels (then [`list`] and [`open_series`] choose).
pub fn open(path: &Path) -> Result<Volume, IoError> {
    open_with(path, &OpenOptions::default())
}

/// As [`open`], with a choice among several series and of how an uneven lattice is treated.
///
/// # Errors
/// As [`open`], and if there is no such series.
pub fn open_with(path: &Path, options: &OpenOptions) -> Result<Volume, IoError> {
    if path.is_dir() {
        return dicom::open_folder(path, options.series.as_ref());
    }
    if !matches!(options.series, None | Some(SeriesChoice::Index(0))) {
        let why = Refusal::Choose("this is a single file; a series is chosen in a folder".into());
        return Err(IoError::new(why, path));
    }
    open_file(path).map_err(|why| IoError::new(why, path))
}

fn open_file(path: &Path) -> Result<Volume, Refusal> {
    match sniff::kind_of(path)? {
        Kind::Raster(format) => raster::read(path, format),
        Kind::Nifti => nifti::read(path),
        Kind::Dicom => dicom::read_file(path),
        Kind::Other(name) => Err(Refusal::Unsupported(format!(
            "{name} is not an image that can be opened; \
             PNG, JPEG, TIFF, BMP, NIfTI, Analyze and DICOM are"
        ))),
    }
}

/// The DICOM series of a folder (searched to depth 16), in a fixed order. The position in the list
/// is the index for [`open_series`].
///
/// # Errors
/// If the folder cannot be read or holds no DICOM.
pub fn list(folder: &Path) -> Result<Vec<SeriesInfo>, IoError> {
    dicom::list(folder)
}

/// Opens one series of a folder by its index in [`list`].
///
/// # Errors
/// As [`open`], and if there is no such index.
pub fn open_series(folder: &Path, index: usize) -> Result<Volume, IoError> {
    dicom::open_folder(folder, Some(&SeriesChoice::Index(index)))
}
