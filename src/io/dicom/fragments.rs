//! Compressed frames: which fragments make a frame (PS3.5 A.4), and the codecs, ours and those of
//! dicom-rs, behind a check that the stream has the size the header says.

use super::bytes::{Bytes, Window};
use super::file::{chain, syntax_name};
use super::jpeg_ls::Picture;
use super::layout::{Layout, Photometric};
use super::{jpeg_extended, jpeg_ls, rle};
use crate::io::error::Refusal;
use crate::volume::Notice;
use dicom::core::value::C;
use dicom::encoding::adapters::{PixelDataObject, RawPixelData};
use dicom::encoding::{Codec, TransferSyntaxIndex};
use dicom::transfer_syntax::TransferSyntaxRegistry;
use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

const RLE: &str = "1.2.840.10008.1.2.5";
const JPEG_LS: [&str; 2] = ["1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"];
/// Each frame deflated by itself (PS3.5 A.4.13).
const DEFLATED_FRAMES: &str = "1.2.840.10008.1.2.8.1";

/// Samples per byte of JPEG: a block of 64 takes at least one bit.
const DCT: usize = 8 * 64;

/// Whether `syntax` is one that we decode without dicom-rs.
pub(super) fn is_ours(syntax: &str) -> bool {
    syntax == RLE || syntax == DEFLATED_FRAMES || JPEG_LS.contains(&syntax)
}

/// The byte ranges that make each frame; fewer frames than declared if the file was cut off.
pub(super) fn frames(
    data: &Bytes,
    offset_table: &Range<usize>,
    fragments: &[Range<usize>],
    declared: usize,
    notices: &mut Vec<Notice>,
) -> Result<Vec<Vec<Range<usize>>>, Refusal> {
    if fragments.is_empty() {
        return Err(Refusal::damaged("the compressed pixel data hold no fragment"));
    }
    if declared == 1 {
        return Ok(vec![fragments.to_vec()]);
    }
    let single = |f: &[Range<usize>]| f.iter().map(|r| vec![r.clone()]).collect();
    if fragments.len() == declared {
        return Ok(single(fragments));
    }
    let first = fragments.first().map_or(0, |r| r.start.saturating_sub(8));
    let table = data.read(offset_table.clone()).unwrap_or_default();
    let table: Vec<usize> = table
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| first.saturating_add(u32::from_le_bytes(*b) as usize + 8))
        .collect();
    let starts_frame = |start: usize| table.binary_search(&start).is_ok();
    if table.len() == declared
        && table.is_sorted_by(|a, b| a < b)
        && table.iter().all(|t| fragments.binary_search_by_key(t, |f| f.start).is_ok())
    {
        return Ok(grouped(fragments, |f| starts_frame(f.start)));
    }
    // No usable table: frames begin where a code stream does.
    let mut window = Window::default();
    let by_marker = grouped(fragments, |f| {
        matches!(data.array::<2>(f.start, &mut window), Some([0xff, 0xd8 | 0x4f]))
    });
    if by_marker.len() == declared {
        notices.push(Notice::amber(
            "the table of frames is missing or wrong; frames were found by their markers",
        ));
        return Ok(by_marker);
    }
    if fragments.len() < declared {
        return Ok(single(fragments));
    }
    Err(Refusal::damaged(format!(
        "{} fragments cannot be shared out among {declared} frames",
        fragments.len()
    )))
}

fn grouped(
    fragments: &[Range<usize>],
    mut starts: impl FnMut(&Range<usize>) -> bool,
) -> Vec<Vec<Range<usize>>> {
    let mut out: Vec<Vec<Range<usize>>> = Vec::new();
    for f in fragments {
        match out.last_mut() {
            Some(frame) if !starts(f) => frame.push(f.clone()),
            _ => out.push(vec![f.clone()]),
        }
    }
    out
}

/// Refuses a stream that is too short for its picture before space is taken for that: the process
/// cannot make more than `most` samples of a byte.
fn check_length(stream: &[u8], layout: &Layout, most: usize) -> Result<(), Refusal> {
    let samples = layout.pixels() * layout.samples;
    if samples > stream.len().saturating_mul(most) {
        return Err(Refusal::damaged(format!(
            "a compressed frame of {} bytes cannot hold {samples} samples",
            stream.len()
        )));
    }
    Ok(())
}

/// One frame as interleaved little-endian samples, and how its colours are then to be read.
pub(super) fn decode(
    stream: Vec<u8>,
    layout: &Layout,
    syntax: &str,
) -> Result<(Vec<u8>, Photometric), Refusal> {
    let size = layout.pixels() * layout.samples * layout.allocated.div_ceil(8) as usize;
    if syntax == RLE {
        // Runs of 128 in two bytes; eight pixels per byte of them where a pixel is a bit.
        check_length(&stream, layout, 512)?;
        return Ok((rle::decode(&stream, layout)?, layout.photometric));
    }
    if syntax == DEFLATED_FRAMES {
        return Ok((inflated(&stream, layout)?, layout.photometric));
    }
    let limit = layout.pixels() * layout.samples;
    if JPEG_LS.contains(&syntax) {
        // T.87 A.7.1.2: a bit stands for a run of at most 2^15.
        check_length(&stream, layout, 8 << 15)?;
        let picture = jpeg_ls::decode(&stream, limit)?;
        return Ok((bytes_of(&picture, layout)?, layout.photometric));
    }
    // 12-bit DCT, which the codecs of dicom-rs refuse.
    if is_12_bit(&stream) {
        check_length(&stream, layout, DCT)?;
        let picture = jpeg_extended::decode(&stream, limit)?;
        return Ok((bytes_of(&picture, layout)?, layout.photometric));
    }
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
    let mut stream = stream;
    let mut photometric = layout.photometric;
    if let Some(at) = stream.windows(4).position(|w| w == [0xff, 0x4f, 0xff, 0x51]) {
        check_wavelet(stream.get(at..).unwrap_or_default(), layout)?;
        let transformed = wavelet_mixes_components(stream.get(at..).unwrap_or_default());
        if photometric == Photometric::YbrWavelet || transformed {
            photometric = Photometric::Rgb;
        }
    } else {
        check_jpeg(&stream, layout)?;
        check_length(&stream, layout, DCT)?;
        if layout.samples == 3 {
            mark_colours(&mut stream, layout.photometric);
            photometric = Photometric::Rgb;
        }
    }
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

/// Samples of a decoded picture in the layout's bytes, after a check of its size.
fn bytes_of(p: &Picture, layout: &Layout) -> Result<Vec<u8>, Refusal> {
    if (p.columns, p.rows) != (layout.columns, layout.rows) {
        let expected = format!("{} x {}", layout.columns, layout.rows);
        return Err(differs("size", format!("{} x {}", p.columns, p.rows), expected));
    }
    if p.components != layout.samples {
        return Err(differs("components", p.components, layout.samples));
    }
    match layout.allocated {
        8 if p.samples.iter().all(|&v| v < 256) => Ok(p.samples.iter().map(|&v| v as u8).collect()),
        16 => Ok(p.samples.iter().flat_map(|v| v.to_le_bytes()).collect()),
        n => Err(differs("bits that do not fit", "more", n)),
    }
}

fn inflated(stream: &[u8], layout: &Layout) -> Result<Vec<u8>, Refusal> {
    let needed = layout.frame_bits().div_ceil(8);
    let mut out = Vec::new();
    flate2::read::DeflateDecoder::new(stream)
        .take(needed)
        .read_to_end(&mut out)
        .map_err(|e| Refusal::damaged(format!("a deflated frame is broken ({e})")))?;
    if (out.len() as u64) < needed {
        return Err(Refusal::damaged(format!(
            "a deflated frame has {} bytes, expected {needed}",
            out.len()
        )));
    }
    if layout.allocated == 1 {
        return Ok((0..layout.pixels())
            .map(|i| out.get(i / 8).map_or(0, |b| b >> (i % 8) & 1))
            .collect());
    }
    Ok(out)
}

/// Whether the frame header (SOF0, SOF1) says 12 bits.
fn is_12_bit(stream: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xff, marker, h, l]) = stream.get(at..at + 4) {
        match marker {
            0xff => at += 1,
            0xc0 | 0xc1 => return stream.get(at + 4) == Some(&12),
            0xda => return false,
            _ => at += 2 + usize::from(u16::from_be_bytes([h, l])).max(2),
        }
    }
    false
}

fn differs(what: &str, found: impl std::fmt::Display, expected: impl std::fmt::Display) -> Refusal {
    Refusal::damaged(format!("a compressed frame has {what} {found}, the header says {expected}"))
}

/// Size, components and depth in the start-of-frame segment (ITU T.81 B.2.2).
fn check_jpeg(stream: &[u8], layout: &Layout) -> Result<(), Refusal> {
    let broken = || Refusal::damaged("a compressed frame is not a JPEG stream");
    let mut at = 2;
    loop {
        let Some(&[0xff, marker]) = stream.get(at..at + 2) else { return Err(broken()) };
        if marker == 0xff {
            at += 1;
            continue;
        }
        if matches!(marker, 0xc0..=0xcf | 0xf7) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let Some(&[p, h1, h0, w1, w0, n]) = stream.get(at + 4..at + 10) else {
                return Err(broken());
            };
            let (h, w) = (u16::from_be_bytes([h1, h0]), u16::from_be_bytes([w1, w0]));
            if (usize::from(w), usize::from(h)) != (layout.columns, layout.rows) {
                let expected = format!("{} x {}", layout.columns, layout.rows);
                return Err(differs("size", format!("{w} x {h}"), expected));
            }
            if usize::from(n) != layout.samples {
                return Err(differs("components", n, layout.samples));
            }
            if matches!(marker, 0xc0..=0xc2) && p != 8 {
                return Err(Refusal::unsupported(format!("{p}-bit JPEG")));
            }
            if (p > 8) != (layout.allocated == 16) {
                return Err(differs("bits", p, layout.allocated));
            }
            return Ok(());
        }
        let Some(&[l1, l0]) = stream.get(at + 2..at + 4) else { return Err(broken()) };
        at += 2 + usize::from(u16::from_be_bytes([l1, l0])).max(2);
    }
}

/// A three-component stream without any colour marker would be taken for YCbCr: says what the
/// header says, in an Adobe marker (ITU T.872 6.5.3).
fn mark_colours(stream: &mut Vec<u8>, photometric: Photometric) {
    let mut at = 2;
    while let Some(&[0xff, marker, l1, l0]) = stream.get(at..at + 4) {
        match marker {
            // A shorter Adobe marker than 14 bytes is none.
            0xe0 => return,
            0xee if l1 > 0 || l0 >= 14 => return,
            0xda | 0xc0..=0xc3 => break,
            _ => at += 2 + usize::from(u16::from_be_bytes([l1, l0])).max(2),
        }
    }
    let transform = u8::from(photometric != Photometric::Rgb);
    let marker = [0xff, 0xee, 0, 14, b'A', b'd', b'o', b'b', b'e', 0, 100, 0, 0, 0, 0, transform];
    if stream.len() > 2 {
        stream.splice(2..2, marker);
    }
}

/// Size, components and depth in the SIZ segment (ITU T.800 A.5.1).
fn check_wavelet(stream: &[u8], layout: &Layout) -> Result<(), Refusal> {
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_be_bytes(stream.get(at..at + 4)?.try_into().ok()?))
    };
    let size = || {
        let (x1, y1, x0, y0) = (word(8)?, word(12)?, word(16)?, word(20)?);
        let n = u16::from_be_bytes(stream.get(40..42)?.try_into().ok()?);
        Some((x1.checked_sub(x0)?, y1.checked_sub(y0)?, usize::from(n)))
    };
    let (w, h, n) = size().ok_or_else(|| Refusal::damaged("a JPEG 2000 frame has no size"))?;
    if (w as usize, h as usize) != (layout.columns, layout.rows) {
        let expected = format!("{} x {}", layout.columns, layout.rows);
        return Err(differs("size", format!("{w} x {h}"), expected));
    }
    if n != layout.samples {
        return Err(differs("components", n, layout.samples));
    }
    for c in 0..n {
        let at = 42 + 3 * c;
        let Some(&[depth, dx, dy]) = stream.get(at..at + 3) else {
            return Err(Refusal::damaged("a JPEG 2000 frame describes too few components"));
        };
        let bits = u32::from(depth & 0x7f) + 1;
        if bits > layout.allocated {
            return Err(differs("bits", bits, layout.allocated));
        }
        if (dx, dy) != (1, 1) {
            return Err(Refusal::unsupported("JPEG 2000 with subsampled components"));
        }
    }
    Ok(())
}

/// Whether the COD segment asks for a component transform, which the decoder then undoes.
fn wavelet_mixes_components(stream: &[u8]) -> bool {
    let cod = stream.windows(2).position(|w| w == [0xff, 0x52]);
    cod.and_then(|at| stream.get(at + 8)).is_some_and(|&mct| mct == 1)
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
