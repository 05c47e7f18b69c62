//! NIfTI-1, NIfTI-2 and Analyze 7.5: our own bounded reader (the `nifti` crate knows no NIfTI-2 and
//! panics on some headers) and a writer over that crate.

mod header;
mod orientation;
mod read;
mod values;
mod write;

pub(super) use read::{header_of_image, looks_like_nifti, read};
pub use write::{NiftiData, write_nifti};
