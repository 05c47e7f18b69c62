//! DICOM (PS3.3, PS3.5, PS3.10): single files, series in folders, multi-frame objects. Our own
//! prescan bounds the structure, dicom-rs parses the header and supplies the codecs; uncompressed
//! pixels and everything about space are ours.

mod beside;
mod build;
mod bytes;
mod charset;
mod course;
#[cfg(test)]
mod course_tests;
mod file;
mod fragments;
mod group;
mod identity;
#[cfg(test)]
mod identity_tests;
mod join;
mod jpeg_extended;
mod jpeg_ls;
mod layout;
mod listing;
mod mosaic;
#[cfg(test)]
mod object_tests;
mod origin;
mod pixels;
mod place;
mod plane;
mod prescan;
#[cfg(test)]
mod real_series_tests;
mod reference;
mod resample;
mod rle;
mod segmentation;
#[cfg(test)]
mod source_tests;
mod stack;
mod tables;
#[cfg(test)]
mod tests;
mod zip;

pub use beside::files_of_series;
pub(super) use file::looks_like_bare_data_set;
pub(super) use listing::open;
pub use listing::{Listing, Private, SeriesChoice, SeriesInfo};
pub(super) use segmentation::read_segmentation;
