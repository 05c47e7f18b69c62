//! Which kinds of TIFF pages are read, and what the others are called when they are refused.

use super::upright::is_quarter_turn;
use crate::io::error::Refusal;
use image::metadata::Orientation;
use std::io::{Read, Seek};
use tiff::decoder::Decoder;
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

pub(super) fn cmyk() -> Refusal {
    Refusal::unsupported("the picture is in printing colours (CMYK); save it as RGB or grey")
}

/// What decides how the pixels of a page are read; pages of one stack have it in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// As shown, upright.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) color: ColorType,
    /// `SampleFormat`: 1 whole, 2 signed, 3 floating point.
    format: u16,
    /// Numbers per pixel, and how many of them are transparency.
    samples: u16,
    pub(super) alpha: usize,
}

impl Kind {
    /// Of the page that the decoder is at.
    pub(super) fn of(d: &mut Decoder<impl Read + Seek>) -> Result<Self, Refusal> {
        let number = |d: &mut Decoder<_>, tag: Tag, usual: u16| {
            d.find_tag_unsigned::<u16>(tag).ok().flatten().unwrap_or(usual)
        };
        let compression = number(d, Tag::Compression, 1);
        let photometric = number(d, Tag::PhotometricInterpretation, 1);
        if let Some(name) = compression_name(compression) {
            return Err(Refusal::unsupported(format!(
                "a TIFF compressed as {name} (compression {compression}); save it uncompressed or \
                 with LZW, Deflate or PackBits"
            )));
        }
        if photometric == 5 {
            return Err(cmyk());
        }
        if let Some(name) = colour_name(photometric, compression) {
            return Err(Refusal::unsupported(format!(
                "a TIFF of {name} (photometric interpretation {photometric}); save it as grey or RGB"
            )));
        }
        let (width, height) = d.dimensions().map_err(|e| refusal(&e))?;
        let color = d.colortype().map_err(|e| refusal(&e))?;
        let format = d.find_tag_unsigned_vec::<u16>(Tag::SampleFormat).ok().flatten();
        let format = format.and_then(|f| f.first().copied()).unwrap_or(1);
        let extra = d.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten();
        let alpha = extra.unwrap_or_default().iter().filter(|e| matches!(e, 1 | 2)).count();
        let samples = number(d, Tag::SamplesPerPixel, 1);
        let (width, height) =
            if is_quarter_turn(orientation(d)) { (height, width) } else { (width, height) };
        let kind = Self { width, height, color, format, samples, alpha };
        kind.channels().map(|_| kind)
    }

    /// Channels that are shown one by one; 0 for colours.
    pub(super) fn channels(&self) -> Result<usize, Refusal> {
        let numbers = match self.format {
            1 => "whole numbers",
            2 => "signed numbers",
            3 => "floating-point numbers",
            5 | 6 => return Err(Refusal::unsupported("a TIFF of complex numbers")),
            _ => "numbers of an unknown kind",
        };
        match (self.color, self.format) {
            (ColorType::Gray(8), 1 | 2 | 4)
            | (ColorType::Gray(1 | 2 | 4), 1)
            | (ColorType::Gray(16 | 32 | 64), 1..=4) => Ok(1),
            (ColorType::Multiband { bit_depth: 8 | 16 | 32 | 64, num_samples }, 1..=4) => {
                Ok(usize::from(num_samples).saturating_sub(self.alpha).max(1))
            }
            (ColorType::RGB(8 | 16) | ColorType::RGBA(8 | 16), 1) => Ok(0),
            (color, _) => Err(Refusal::unsupported(format!(
                "a TIFF of {} {} per pixel in {numbers} of {} bits; save it as grey, or as RGB of 8 \
                 or 16 bits",
                self.samples,
                if self.samples == 1 { "channel" } else { "channels" },
                color.bit_depth()
            ))),
        }
    }

    /// Whether more lies behind the colours than is shown.
    pub(super) fn drops_channels(&self) -> bool {
        let colours = matches!(self.color, ColorType::RGB(_) | ColorType::RGBA(_));
        colours && usize::from(self.samples) > 3 + self.alpha.max(self.rgba())
    }

    fn rgba(&self) -> usize {
        usize::from(matches!(self.color, ColorType::RGBA(_)))
    }

    pub(super) fn transparent(&self) -> bool {
        self.alpha > 0 || self.rgba() > 0
    }
}

/// Tag 274 of the page that the decoder is at.
pub(super) fn orientation(d: &mut Decoder<impl Read + Seek>) -> Orientation {
    let value = d.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
    value.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
}

/// The name of a compression that cannot be decoded.
fn compression_name(number: u16) -> Option<&'static str> {
    Some(match number {
        0 | 1 | 4 | 5 | 7 | 8 | 32_773 | 32_946 => return None,
        2 => "CCITT run lengths",
        3 => "CCITT fax, group 3",
        6 => "JPEG of the old style",
        9 | 10 | 34_661 => "JBIG",
        32_809 => "ThunderScan",
        33_003 | 33_004 | 33_005 | 34_712 => "JPEG 2000",
        34_887 => "LERC",
        34_892 => "lossy JPEG of raw cameras",
        34_925 => "LZMA",
        34_926 | 50_000 => "Zstandard",
        34_927 | 50_001 => "WebP",
        34_933 => "PNG",
        34_934 | 22_610 => "JPEG XR",
        50_002 | 52_546 => "JPEG XL",
        _ => "something unknown",
    })
}

/// The name of colours that are neither grey nor RGB.
fn colour_name(photometric: u16, compression: u16) -> Option<&'static str> {
    Some(match photometric {
        0..=2 => return None,
        3 => "palette colours",
        4 => "transparency alone",
        6 if compression == 7 => "YCbCr colours compressed as JPEG",
        6 => "YCbCr colours",
        8..=10 => "L*a*b* colours",
        32_803 | 34_892 => "raw colours of a camera",
        32_844 | 32_845 => "logarithmic colours",
        _ => "unknown colours",
    })
}

/// In our words: those of the decoder print its own structures.
pub(super) fn refusal(e: &TiffError) -> Refusal {
    use tiff::TiffUnsupportedError as U;
    match e {
        TiffError::UnsupportedError(u) => Refusal::unsupported(match u {
            U::UnknownInterpretation => "a TIFF of colours of an unknown kind",
            U::InconsistentBitsPerSample(_) => {
                "a TIFF whose channels have different numbers of bits"
            }
            U::UnsupportedSampleFormat(_) => {
                "a TIFF whose channels hold different kinds of numbers"
            }
            U::HorizontalPredictor(_) | U::FloatingPointPredictor(_) => {
                "a TIFF whose predictor does not go with its kind of numbers"
            }
            U::MisalignedTileBoundaries => "a TIFF of tiles that share bytes",
            _ => "a TIFF of this kind",
        }),
        TiffError::LimitsExceeded => Refusal::damaged("tiff: declares more than can be read"),
        other => Refusal::damaged(format!("tiff: {other}")),
    }
}
