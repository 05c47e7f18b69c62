//! DICOM (PS3.3, PS3.5, PS3.10): single files, series in folders, multi-frame objects. Our own
//! prescan bounds the structure, dicom-rs parses the header and supplies the codecs; uncompressed
//! pixels and everything about space are ours.

mod beside;
mod build;
mod bytes;
mod charset;
mod codec;
mod course;
#[cfg(test)]
mod course_tests;
mod element;
mod file;
mod fill;
mod finish;
mod fragments;
mod group;
mod identity;
#[cfg(test)]
mod identity_tests;
mod join;
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
mod read;
#[cfg(test)]
mod real_series_tests;
mod reference;
mod resample;
mod scanned;
mod segmentation;
mod series;
#[cfg(test)]
mod source_tests;
mod stack;
mod syntax;
mod tables;
#[cfg(test)]
mod tests;
mod threads;
mod uptake;
mod zip;

pub use beside::files_of_series;
pub use listing::Listing;
pub use scanned::Private;
pub(super) use segmentation::read_segmentation;
pub use series::{SeriesChoice, SeriesInfo};
pub(super) use syntax::looks_like_bare_data_set;
