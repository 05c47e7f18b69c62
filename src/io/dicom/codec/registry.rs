//! The codecs of dicom-rs: JPEG baseline, progressive and lossless, and JPEG 2000.

use super::{jpeg, jpeg_2000};
use crate::io::dicom::layout::{Layout, Photometric};
use crate::io::dicom::syntax::syntax_name;
use crate::io::error::{Refusal, chain};
use dicom::core::value::C;
use dicom::encoding::adapters::{PixelDataObject, RawPixelData};
use dicom::encoding::{Codec, TransferSyntaxIndex};
use dicom::transfer_syntax::TransferSyntaxRegistry;
use std::borrow::Cow;

/// One frame as interleaved little-endian samples, and how its colours are then to be read.
pub(super) fn decode(
    mut stream: Vec<u8>,
    layout: &Layout,
    syntax: &str,
) -> Result<(Vec<u8>, Photometric), Refusal> {
    let not_here = || Refusal::unsupported(format!("pixels compressed as {}", syntax_name(syntax)));
    let entry = TransferSyntaxRegistry.get(syntax).ok_or_else(not_here)?;
    let Codec::EncapsulatedPixelData(Some(reader), _) = entry.codec() else {
        return Err(not_here());
    };
    if !matches!(layout.allocated, 1 | 8 | 16) {
        return Err(Refusal::unsupported(format!(
            "{}-bit pixels compressed as {}",
            layout.allocated,
            syntax_name(syntax)
        )));
    }
    let mut photometric = layout.photometric;
    if let Some(code) = jpeg_2000::code_stream(&stream) {
        jpeg_2000::check(code, layout)?;
        if photometric == Photometric::YbrWavelet || jpeg_2000::mixes_components(code) {
            photometric = Photometric::Rgb;
        }
    } else {
        jpeg::check(&stream, layout)?;
        if layout.samples == 3 {
            jpeg::mark_colours(&mut stream, layout.photometric);
            photometric = Photometric::Rgb;
        }
    }
    let size = layout.pixels() * layout.samples * layout.allocated.div_ceil(8) as usize;
    let one = OneFrame { stream, layout, syntax };
    let mut out = Vec::new();
    reader
        .decode_frame(&one, 0, &mut out)
        .map_err(|e| Refusal::damaged(format!("a frame cannot be decoded ({})", chain(&e))))?;
    if out.len() < size {
        return Err(Refusal::damaged(format!(
            "a frame decodes to {} bytes, expected {size}",
            out.len()
        )));
    }
    out.truncate(size);
    if layout.samples == 1 {
        photometric = layout.photometric;
    }
    Ok((out, photometric))
}

/// What a codec of dicom-rs wants to know, for a single frame in a single fragment.
struct OneFrame<'a> {
    stream: Vec<u8>,
    layout: &'a Layout,
    syntax: &'a str,
}

impl PixelDataObject for OneFrame<'_> {
    fn transfer_syntax_uid(&self) -> &str {
        self.syntax
    }
    fn rows(&self) -> Option<u16> {
        u16::try_from(self.layout.rows).ok()
    }
    fn cols(&self) -> Option<u16> {
        u16::try_from(self.layout.columns).ok()
    }
    fn samples_per_pixel(&self) -> Option<u16> {
        u16::try_from(self.layout.samples).ok()
    }
    fn bits_allocated(&self) -> Option<u16> {
        // 1-bit pixels come as bytes.
        u16::try_from(self.layout.allocated.max(8)).ok()
    }
    fn bits_stored(&self) -> Option<u16> {
        u16::try_from(self.layout.stored).ok()
    }
    fn photometric_interpretation(&self) -> Option<&str> {
        Some(match self.layout.photometric {
            Photometric::Monochrome1 => "MONOCHROME1",
            Photometric::Monochrome2 => "MONOCHROME2",
            Photometric::Palette => "PALETTE COLOR",
            Photometric::Rgb => "RGB",
            Photometric::YbrFull => "YBR_FULL",
            Photometric::YbrFull422 => "YBR_FULL_422",
            Photometric::YbrWavelet => "YBR_RCT",
        })
    }
    fn number_of_frames(&self) -> Option<u32> {
        Some(1)
    }
    fn number_of_fragments(&self) -> Option<u32> {
        Some(1)
    }
    fn fragment(&self, fragment: usize) -> Option<Cow<'_, [u8]>> {
        (fragment == 0).then_some(Cow::Borrowed(self.stream.as_slice()))
    }
    fn offset_table(&self) -> Option<Cow<'_, [u32]>> {
        None
    }
    fn raw_pixel_data(&self) -> Option<RawPixelData> {
        Some(RawPixelData {
            fragments: C::from_elem(self.stream.clone(), 1),
            offset_table: C::new(),
        })
    }
}
