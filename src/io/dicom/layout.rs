//! How the pixels of an object are laid out (PS3.3 C.7.6.3), checked before anything is decoded.

use super::element::{number, text};
use super::mosaic::Mosaic;
use crate::io::error::Refusal;
use crate::io::limits::{DICOM_FRAMES, checked_size, memory_budget};
use crate::volume::Notice;
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Photometric {
    Monochrome1,
    Monochrome2,
    Palette,
    Rgb,
    /// Luminance and two colour differences per pixel.
    YbrFull,
    /// The differences for every second pixel of a row only.
    YbrFull422,
    /// JPEG 2000's own transforms, undone by its decoder.
    YbrWavelet,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) frames: usize,
    pub(super) samples: usize,
    pub(super) allocated: u32,
    pub(super) stored: u32,
    /// Bits that the stored ones are shifted up by.
    pub(super) shift: u32,
    pub(super) signed: bool,
    pub(super) planar: bool,
    pub(super) photometric: Photometric,
    /// If set, `rows` and `columns` are those of a tile.
    pub(super) mosaic: Option<Mosaic>,
}

impl Layout {
    pub(super) fn of(o: &InMemDicomObject, notices: &mut Vec<Notice>) -> Result<Self, Refusal> {
        let whole = |tag, name: &str| -> Result<Option<u32>, Refusal> {
            match o.get(tag) {
                None => Ok(None),
                Some(_) => number(o, tag)
                    .filter(|n| n.fract() == 0.0 && (0.0..=2e9).contains(n))
                    .map(|n| Some(n as u32))
                    .ok_or_else(|| Refusal::damaged(format!("{name} is not a whole number"))),
            }
        };
        let need = |tag, name: &str| {
            whole(tag, name)?.ok_or_else(|| Refusal::damaged(format!("{name} is missing")))
        };
        let rows = need(tags::ROWS, "Rows")?;
        let columns = need(tags::COLUMNS, "Columns")?;
        if !(1..=65_535).contains(&rows) || !(1..=65_535).contains(&columns) {
            return Err(Refusal::damaged(format!(
                "the picture has {columns} x {rows} pixels, expected 1 to 65535 per side"
            )));
        }
        let frames = match o.get(tags::NUMBER_OF_FRAMES) {
            None => 1,
            Some(_) => match whole(tags::NUMBER_OF_FRAMES, "Number of Frames")? {
                Some(n @ 1..) => n as usize,
                _ => return Err(Refusal::damaged("Number of Frames is 0")),
            },
        };
        if frames > DICOM_FRAMES {
            return Err(Refusal::damaged(format!(
                "Number of Frames is {frames}, limit {DICOM_FRAMES}"
            )));
        }
        let samples = whole(tags::SAMPLES_PER_PIXEL, "Samples per Pixel")?.unwrap_or(1) as usize;
        let float = o.get(tags::BITS_STORED).is_none();
        let allocated = need(tags::BITS_ALLOCATED, "Bits Allocated")?;
        let (stored, high) = if float {
            (allocated, allocated.saturating_sub(1))
        } else {
            let stored = need(tags::BITS_STORED, "Bits Stored")?;
            let high = whole(tags::HIGH_BIT, "High Bit")?;
            (stored, high.unwrap_or(stored.saturating_sub(1)))
        };
        if !matches!(allocated, 1 | 8 | 16 | 32 | 64) || (allocated == 64 && !float) {
            return Err(Refusal::unsupported(format!("Bits Allocated is {allocated}")));
        }
        if stored == 0 || stored > allocated || high >= allocated || high + 1 < stored {
            return Err(Refusal::damaged(format!(
                "Bits Stored {stored} and High Bit {high} do not fit Bits Allocated {allocated}"
            )));
        }
        let shift = high + 1 - stored;
        if shift > 0 {
            notices.push(Notice::amber(format!(
                "the pixels do not use the lowest {shift} bits; they were shifted"
            )));
        }
        let photometric = match text(o, tags::PHOTOMETRIC_INTERPRETATION).as_deref() {
            Some("MONOCHROME1") => Photometric::Monochrome1,
            Some("MONOCHROME2") => Photometric::Monochrome2,
            Some("PALETTE COLOR") => Photometric::Palette,
            Some("RGB") => Photometric::Rgb,
            Some("YBR_FULL") => Photometric::YbrFull,
            Some("YBR_FULL_422") => Photometric::YbrFull422,
            Some("YBR_RCT" | "YBR_ICT") => Photometric::YbrWavelet,
            None if samples == 1 => {
                notices.push(Notice::amber(
                    "the photometric interpretation is missing; MONOCHROME2 is assumed",
                ));
                Photometric::Monochrome2
            }
            Some(
                known @ ("ARGB" | "CMYK" | "HSV" | "XYB" | "YBR_PARTIAL_420" | "YBR_PARTIAL_422"),
            ) => {
                return Err(Refusal::unsupported(format!(
                    "the photometric interpretation {known}"
                )));
            }
            // Not repeated: in a damaged file any text may stand here, the patient's name too.
            Some(_) => {
                return Err(Refusal::unsupported(
                    "a photometric interpretation that is not of the standard",
                ));
            }
            None => return Err(Refusal::damaged("the photometric interpretation is missing")),
        };
        let colour = !matches!(
            photometric,
            Photometric::Monochrome1 | Photometric::Monochrome2 | Photometric::Palette
        );
        if samples != if colour { 3 } else { 1 } {
            return Err(Refusal::damaged(format!(
                "{samples} samples per pixel do not fit its photometric interpretation"
            )));
        }
        if colour && !matches!((allocated, photometric), (8 | 16, _) | (32, Photometric::Rgb)) {
            return Err(Refusal::unsupported(format!("colours of {allocated} bits")));
        }
        let layout = Self {
            rows: rows as usize,
            columns: columns as usize,
            frames,
            samples,
            allocated,
            stored,
            shift,
            signed: number(o, tags::PIXEL_REPRESENTATION) == Some(1.0),
            planar: samples == 3 && number(o, tags::PLANAR_CONFIGURATION) == Some(1.0),
            photometric,
            mosaic: None,
        };
        // Palette indices become three 16-bit values.
        let per_pixel = layout.bytes_per_pixel();
        checked_size(
            "the image",
            &[u64::from(rows), u64::from(columns), frames as u64, per_pixel],
            memory_budget(),
        )?;
        Ok(layout)
    }

    /// The layout of the slices: of the tiles, if the picture is a mosaic.
    pub(super) fn of_slices(&self, o: &InMemDicomObject) -> Self {
        let mut slices = self.clone();
        slices.mosaic = Mosaic::of(o, self.rows, self.columns).filter(|_| self.frames == 1);
        if let Some(m) = slices.mosaic {
            slices.rows /= m.side;
            slices.columns /= m.side;
        }
        slices
    }

    pub(super) fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    /// Of the decoded picture.
    pub(super) fn bytes_per_pixel(&self) -> u64 {
        match self.photometric {
            Photometric::Palette => 6,
            _ => self.samples as u64 * u64::from(self.allocated.div_ceil(8)),
        }
    }

    /// Bits of one uncompressed frame.
    pub(super) fn frame_bits(&self) -> u64 {
        let samples = match self.photometric {
            // Two luminances and one pair of differences for two pixels.
            Photometric::YbrFull422 => 2,
            _ => self.samples as u64,
        };
        self.pixels() as u64 * samples * u64::from(self.allocated)
    }
}
