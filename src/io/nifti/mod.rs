//! NIfTI-1, NIfTI-2 and Analyze 7.5: our own bounded reader and writer (the `nifti` crate knows no
//! NIfTI-2, panics on some headers, and writes under other names than it is given).

mod header;
mod orientation;
mod place;
mod read;
mod stream;
mod values;
mod write;

pub(super) use read::{header_of_image, looks_like_nifti, read};
pub use write::{NiftiData, NiftiOptions, write_nifti, write_nifti_with};
pub(super) use write::{Stored, Stream, put};
