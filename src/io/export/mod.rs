//! Segmentations in the formats of the clinic: DICOM SEG and RT Structure Set, which refer to the
//! series that they were drawn on.
//!
//! Both carry the identifiers (UIDs) of the source series, or nobody could lay them over it.
//! Patient and study texts are left empty unless [`Authorship::keep_identity`] asks for them.

mod contour;
mod dataset;
mod frame;
mod obstacle;
mod rtstruct;
mod seg;
#[cfg(test)]
mod tests;

pub(in crate::io) use frame::Planes;
pub use obstacle::{rtstruct_obstacle, seg_obstacle};
pub use rtstruct::write_rtstruct;
pub use seg::{SegmentationKind, write_seg};

/// One segment (structure) of an export.
#[derive(Clone, Debug)]
pub struct Segment<'a> {
    /// Name that other software shows, at most 64 characters.
    pub name: &'a str,
    /// The label's number. Segments of a SEG are counted by their place in the list, from 1, as the
    /// standard wants it; the number then stands in the Segment Description.
    pub number: u32,
    /// Display colour, sRGB.
    pub color: [u8; 3],
    /// One value per voxel of the geometry, x fastest: 0 = outside. In a fractional segmentation
    /// 255 is probability 1, otherwise everything but 0 is inside.
    pub values: &'a [u8],
}

/// Who drew the segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlgorithmType {
    /// No voxel was changed by hand.
    Automatic,
    Semiautomatic,
    Manual,
}

impl AlgorithmType {
    fn term(self) -> &'static str {
        match self {
            Self::Automatic => "AUTOMATIC",
            Self::Semiautomatic => "SEMIAUTOMATIC",
            Self::Manual => "MANUAL",
        }
    }
}

/// What an export says of its making. No text from an input.
#[derive(Clone, Debug)]
pub struct Authorship<'a> {
    pub algorithm: AlgorithmType,
    /// Name of the model.
    pub algorithm_name: &'a str,
    /// Version of the model, such as the first digits of the hash of its weights.
    pub algorithm_version: &'a str,
    /// One line, at most 64 characters.
    pub description: &'a str,
    /// How the export was made, for the record inside the file; at most 1024 characters.
    pub provenance: &'a str,
    /// What a reader must know: the mask may not mean what it seems to.
    pub cautions: &'a [&'a str],
    /// Copy patient name, identifier, dates and study texts from the source.
    pub keep_identity: bool,
    /// Replace a file that exists.
    pub overwrite: bool,
}

impl Authorship<'_> {
    /// The cautions as one text of at most `most` characters; `None` if there is none.
    fn caution(&self, most: usize) -> Option<String> {
        /// Room for the line that says how many are left out.
        const REST: usize = 60;
        let mut text = String::new();
        for (i, caution) in self.cautions.iter().enumerate() {
            let line = format!("Caution: {caution}\n");
            let last = i + 1 == self.cautions.len();
            let length = text.chars().count() + line.chars().count();
            if length > most - if last { 0 } else { REST } {
                let rest = self.cautions.len() - i;
                text += &format!("{rest} more: see the record beside the file\n");
                break;
            }
            text += &line;
        }
        text.pop();
        (!text.is_empty()).then_some(text)
    }
}
