//! DICOM (PS3.3, PS3.5, PS3.10): single files, series in folders, multi-frame objects. Our own
//! prescan bounds the structure, dicom-rs parses the header and supplies the codecs; uncompressed
//! pixels and everything about space are ours.

mod file;
mod fragments;
mod layout;
mod origin;
mod pixels;
mod plane;
mod prescan;
mod segmentation;
mod series;
mod stack;
#[cfg(test)]
mod tests;

pub(super) use file::looks_like_bare_data_set;
pub(super) use segmentation::read_segmentation;
pub use series::SeriesInfo;
pub(super) use series::{list, open_folder, read_file};
