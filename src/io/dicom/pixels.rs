//! Frames to voxels: bytes, bits, signs, colour spaces and palettes (PS3.3 C.7.6.3, PS3.5 8).
//! Uncompressed pixels never pass through dicom-rs, which gets several of these wrong.

use super::file::DicomFile;
use super::layout::{Layout, Photometric};
use super::prescan::Pixels;
use super::tables::{ModalityTable, Palette};
use super::{codec, fragments};
use crate::io::error::Refusal;
use crate::volume::{Notice, Voxels};
use dicom::core::Tag;
use std::borrow::Cow;
use std::ops::Range;

const FLOAT: Tag = Tag(0x7fe0, 0x0008);
const DOUBLE: Tag = Tag(0x7fe0, 0x0009);

/// The frames of one file, ready to be decoded one by one.
pub(super) struct Frames<'a> {
    file: &'a DicomFile,
    layout: Layout,
    palette: Option<Palette>,
    modality: Option<ModalityTable>,
    place: Place,
    /// Whole frames that are present.
    pub(super) count: usize,
}

enum Place {
    Native { start: usize, tag: Tag, swap_bytes: bool },
    Compressed(Vec<Vec<Range<usize>>>),
}

impl<'a> Frames<'a> {
    /// Finds the frames; says so if fewer are there than declared.
    pub(super) fn of(
        file: &'a DicomFile,
        mut layout: Layout,
        notices: &mut Vec<Notice>,
    ) -> Result<Self, Refusal> {
        let Some(pixels) = &file.pixels else {
            return Err(Refusal::unsupported("there are no pixel data"));
        };
        let palette = match layout.photometric {
            Photometric::Palette => Some(Palette::of(&file.object, layout.signed)?),
            _ => None,
        };
        let grey =
            matches!(layout.photometric, Photometric::Monochrome1 | Photometric::Monochrome2);
        let modality =
            if grey { ModalityTable::of(&file.object, layout.signed).transpose()? } else { None };
        let (place, count) = match pixels {
            Pixels::Native { tag, range, declared, words } => {
                let big_endian = file.encoding.big_endian;
                if !fits_tag(*tag, layout.allocated) {
                    return Err(Refusal::damaged("the pixel data are not of the declared type"));
                }
                if layout.allocated == 1 && layout.samples != 1 {
                    return Err(Refusal::unsupported("coloured 1-bit pixels"));
                }
                let bits = (range.len() as u64).saturating_mul(8);
                let all = layout.frames as u64;
                let full = layout.pixels() as u64 * 3 * u64::from(layout.allocated);
                if layout.photometric == Photometric::YbrFull422 && bits >= full.saturating_mul(all)
                {
                    notices.push(Notice::amber(
                        "the colours are said to be subsampled, but their size says they are not",
                    ));
                    layout.photometric = Photometric::YbrFull;
                }
                let odd_row = !layout.columns.is_multiple_of(2);
                if layout.photometric == Photometric::YbrFull422 && (odd_row || layout.planar) {
                    return Err(Refusal::damaged("subsampled colours need an even row length"));
                }
                let needed = layout.frame_bits().saturating_mul(all);
                if *declared > needed.div_ceil(8) + 1 {
                    notices.push(Notice::amber(format!(
                        "the pixel data are {} bytes longer than the picture; the rest is ignored",
                        declared - needed.div_ceil(8)
                    )));
                }
                let count = (bits / layout.frame_bits().max(1)).min(all) as usize;
                let swap_bytes = big_endian && layout.allocated <= 8 && *words;
                (Place::Native { start: range.start, tag: *tag, swap_bytes }, count)
            }
            Pixels::Encapsulated { offset_table, fragments, complete } => {
                let frames =
                    fragments::frames(&file.data, offset_table, fragments, layout.frames, notices)?;
                if !complete && layout.frames == 1 {
                    return Err(Refusal::damaged("the file ends inside its only frame"));
                }
                let count = frames.len().min(layout.frames);
                (Place::Compressed(frames), count)
            }
        };
        if count == 0 {
            return Err(Refusal::damaged(format!(
                "the pixel data end before the first of {} frames is complete: needs {} bytes",
                layout.frames,
                layout.frame_bits().div_ceil(8)
            )));
        }
        if count < layout.frames {
            notices.push(Notice::amber(format!(
                "the file is cut off: {count} of {} frames are shown",
                layout.frames
            )));
        }
        Ok(Self { file, layout, palette, modality, place, count })
    }

    /// The voxels of one frame.
    pub(super) fn decode(&self, frame: usize) -> Result<Voxels, Refusal> {
        let l = &self.layout;
        let missing = || Refusal::damaged(format!("frame {} is missing", frame + 1));
        let data = &self.file.data;
        let (bytes, photometric) = match &self.place {
            Place::Native { start, tag, swap_bytes } => {
                let bits = l.frame_bits() as usize;
                let range = (frame * bits / 8)..((frame + 1) * bits).div_ceil(8);
                let mut bytes: Cow<'_, [u8]> = if *swap_bytes {
                    // Pairs of bytes count from the start of all frames.
                    let even = range.start & !1..range.end.next_multiple_of(2);
                    let end = (start + even.end).min(data.len());
                    let mut pairs = data.read(start + even.start..end)?.into_owned();
                    pairs.as_chunks_mut::<2>().0.iter_mut().for_each(|p| p.reverse());
                    let skip = range.start - even.start;
                    pairs.get(skip..skip + range.len()).ok_or_else(missing)?.to_vec().into()
                } else {
                    data.read(start + range.start..start + range.end)?
                };
                if l.allocated == 1 {
                    let first = frame * bits % 8;
                    return Ok(Voxels::U8(
                        (first..first + bits)
                            .map(|i| bytes.get(i / 8).map_or(0, |b| b >> (i % 8) & 1))
                            .collect(),
                    ));
                }
                if self.file.encoding.big_endian && l.allocated > 8 {
                    let width = (l.allocated / 8) as usize;
                    bytes.to_mut().chunks_exact_mut(width).for_each(<[u8]>::reverse);
                }
                if *tag == FLOAT {
                    let v = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
                    return Ok(Voxels::F32(v.collect()));
                }
                if *tag == DOUBLE {
                    let v = bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b));
                    return Ok(Voxels::F64(v.collect()));
                }
                if l.planar {
                    bytes = interleave(&bytes, (l.allocated / 8) as usize).into();
                }
                (bytes, l.photometric)
            }
            Place::Compressed(frames) => {
                let mut stream = Vec::new();
                for range in frames.get(frame).ok_or_else(missing)? {
                    stream.extend_from_slice(&data.read(range.clone())?);
                }
                let (bytes, photometric) = codec::decode(stream, l, &self.file.transfer_syntax)?;
                (bytes.into(), photometric)
            }
        };
        let values = samples(&bytes, l);
        let values = match &self.modality {
            Some(table) => table.apply(&values),
            None => values,
        };
        Ok(self.colours(values, photometric))
    }

    fn colours(&self, values: Voxels, photometric: Photometric) -> Voxels {
        let top = ((1u64 << self.layout.stored.min(16)) - 1) as f64;
        match photometric {
            Photometric::Monochrome1 | Photometric::Monochrome2 => values,
            Photometric::Palette => match &self.palette {
                Some(p) => p.apply(&values),
                None => values,
            },
            Photometric::Rgb | Photometric::YbrWavelet => triples(&values, |t| t),
            Photometric::YbrFull => triples(&values, |t| rgb_from_ybr(t, top)),
            Photometric::YbrFull422 => expand_422(&values, top),
        }
    }
}

/// The most frames that the bytes of a file can hold, of those that it declares; at least one, which
/// says what is wrong when it is opened. Many small files that each declare many frames would fill
/// the memory with their places alone.
pub(super) fn frames_within(file: &DicomFile, layout: &Layout) -> usize {
    let most = match &file.pixels {
        Some(Pixels::Native { range, .. }) => {
            // Of a mosaic the layout is that of its tiles.
            (range.len() as u64).saturating_mul(8) / layout.frame_bits().max(1)
        }
        // Each takes at least an item without content.
        _ => file.data.len() as u64 / 8,
    };
    layout.frames.min(usize::try_from(most).unwrap_or(usize::MAX)).max(1)
}

fn fits_tag(tag: Tag, allocated: u32) -> bool {
    match tag {
        FLOAT => allocated == 32,
        DOUBLE => allocated == 64,
        _ => allocated <= 32,
    }
}

/// Three planes to interleaved triples of `width`-byte samples.
fn interleave(planes: &[u8], width: usize) -> Vec<u8> {
    let n = planes.len() / 3;
    let mut out = Vec::with_capacity(planes.len());
    for i in (0..n).step_by(width) {
        for plane in 0..3 {
            let at = plane * n + i;
            out.extend_from_slice(planes.get(at..at + width).unwrap_or_default());
        }
    }
    out
}

/// Stored values: shifted down, masked to the stored bits, sign extended.
fn samples(bytes: &[u8], l: &Layout) -> Voxels {
    let (shift, unused) = (l.shift, 32 - l.stored.min(32));
    let unsigned = |v: u32| (v >> shift) << unused >> unused;
    let signed = |v: u32| ((v >> shift) << unused) as i32 >> unused;
    let words = || bytes.as_chunks::<2>().0.iter().map(|b| u32::from(u16::from_le_bytes(*b)));
    let longs = || bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b));
    let octets = || bytes.iter().map(|&b| u32::from(b));
    let signed_values = l.signed && l.samples == 1;
    match (l.allocated, signed_values) {
        (0..=8, false) => Voxels::U8(octets().map(|v| unsigned(v) as u8).collect()),
        (0..=8, true) => Voxels::I8(octets().map(|v| signed(v) as i8).collect()),
        (9..=16, false) => Voxels::U16(words().map(|v| unsigned(v) as u16).collect()),
        (9..=16, true) => Voxels::I16(words().map(|v| signed(v) as i16).collect()),
        (_, false) => Voxels::U32(longs().map(unsigned).collect()),
        (_, true) => Voxels::I32(longs().map(signed).collect()),
    }
}

fn rgb_from_ybr([y, b, r]: [f64; 3], top: f64) -> [f64; 3] {
    let half = (top + 1.0) / 2.0;
    let (b, r) = (b - half, r - half);
    // PS3.3 C.7.6.3.1.2, inverted.
    [y + 1.402 * r, y - 0.344_136 * b - 0.714_136 * r, y + 1.772 * b]
        .map(|v| v.round().clamp(0.0, top))
}

fn triples(values: &Voxels, convert: impl Fn([f64; 3]) -> [f64; 3]) -> Voxels {
    match values {
        Voxels::U8(v) => Voxels::Rgb8(
            v.as_chunks::<3>()
                .0
                .iter()
                .map(|t| convert(t.map(f64::from)).map(|x| x as u8))
                .collect(),
        ),
        Voxels::U16(v) => Voxels::Rgb16(
            v.as_chunks::<3>()
                .0
                .iter()
                .map(|t| convert(t.map(f64::from)).map(|x| x as u16))
                .collect(),
        ),
        // 32-bit colours keep their upper halves.
        Voxels::U32(v) => Voxels::Rgb16(
            v.as_chunks::<3>().0.iter().map(|t| t.map(|x| (x >> 16) as u16)).collect(),
        ),
        other => other.clone(),
    }
}

/// Y1 Y2 Cb Cr for each pair of pixels.
fn expand_422(values: &Voxels, top: f64) -> Voxels {
    let pair =
        |[y1, y2, b, r]: [f64; 4]| [rgb_from_ybr([y1, b, r], top), rgb_from_ybr([y2, b, r], top)];
    match values {
        Voxels::U8(v) => Voxels::Rgb8(
            v.as_chunks::<4>()
                .0
                .iter()
                .flat_map(|q| pair(q.map(f64::from)))
                .map(|t| t.map(|x| x as u8))
                .collect(),
        ),
        Voxels::U16(v) => Voxels::Rgb16(
            v.as_chunks::<4>()
                .0
                .iter()
                .flat_map(|q| pair(q.map(f64::from)))
                .map(|t| t.map(|x| x as u16))
                .collect(),
        ),
        other => other.clone(),
    }
}
