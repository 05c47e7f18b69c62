//! What a stream holds against what the header says of the picture: length, size, components, depth.

use crate::io::dicom::layout::Layout;
use crate::io::error::Refusal;
use std::fmt::Display;

/// A decoded picture: `samples` interleaved components per pixel, rows from the top.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) components: usize,
    pub(super) samples: Vec<u16>,
}

impl Picture {
    /// Samples of a decoded picture in the layout's bytes, after a check of its size.
    pub(super) fn into_bytes(self, layout: &Layout) -> Result<Vec<u8>, Refusal> {
        check_shape([self.columns, self.rows], self.components, layout)?;
        match layout.allocated {
            8 if self.samples.iter().all(|&v| v < 256) => {
                Ok(self.samples.iter().map(|&v| v as u8).collect())
            }
            16 => Ok(self.samples.iter().flat_map(|v| v.to_le_bytes()).collect()),
            n => Err(differs("bits that do not fit", "more", n)),
        }
    }
}

/// Refuses a stream of another size, or with other components, than the header says.
pub(super) fn check_shape(
    [columns, rows]: [usize; 2],
    components: usize,
    layout: &Layout,
) -> Result<(), Refusal> {
    if (columns, rows) != (layout.columns, layout.rows) {
        let expected = format!("{} x {}", layout.columns, layout.rows);
        return Err(differs("size", format!("{columns} x {rows}"), expected));
    }
    if components != layout.samples {
        return Err(differs("components", components, layout.samples));
    }
    Ok(())
}

/// Refuses a stream that is too short for its picture before space is taken for that: the process
/// cannot make more than `most` samples of a byte.
pub(super) fn check_length(stream: &[u8], layout: &Layout, most: usize) -> Result<(), Refusal> {
    let samples = layout.pixels() * layout.samples;
    if samples > stream.len().saturating_mul(most) {
        return Err(Refusal::damaged(format!(
            "a compressed frame of {} bytes cannot hold {samples} samples",
            stream.len()
        )));
    }
    Ok(())
}

pub(super) fn differs(what: &str, found: impl Display, expected: impl Display) -> Refusal {
    Refusal::damaged(format!("a compressed frame has {what} {found}, the header says {expected}"))
}

/// The layout of a small picture, for the tests of the codecs.
#[cfg(test)]
pub(super) fn layout_of([columns, rows]: [usize; 2], samples: usize, allocated: u32) -> Layout {
    use crate::io::dicom::layout::Photometric;
    Layout {
        rows,
        columns,
        frames: 1,
        samples,
        allocated,
        stored: allocated,
        shift: 0,
        signed: false,
        planar: false,
        photometric: if samples == 3 { Photometric::Rgb } else { Photometric::Monochrome2 },
        mosaic: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_is_not_as_the_header_says_is_refused() {
        let of = |samples: &[u16], allocated: u32| {
            let picture = Picture { columns: 2, rows: 1, components: 1, samples: samples.into() };
            picture.into_bytes(&layout_of([2, 1], 1, allocated)).ok()
        };
        assert_eq!(of(&[1, 255], 8), Some(vec![1, 255]));
        assert_eq!(of(&[1, 0x203], 16), Some(vec![1, 0, 3, 2]));
        assert_eq!(of(&[1, 256], 8), None);
        assert_eq!(of(&[1, 2], 32), None);
        let layout = layout_of([2, 3], 3, 8);
        assert!(check_shape([2, 3], 3, &layout).is_ok());
        let said = |e: Result<(), Refusal>| e.expect_err("refused").to_string();
        assert!(
            said(check_shape([3, 2], 3, &layout)).contains("size 3 x 2, the header says 2 x 3")
        );
        assert!(said(check_shape([2, 3], 1, &layout)).contains("components 1"));
        assert!(check_length(&[0; 2], &layout, 9).is_ok());
        assert!(said(check_length(&[0; 2], &layout, 8)).contains("cannot hold 18 samples"));
    }
}
