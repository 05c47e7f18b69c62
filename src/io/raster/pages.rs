//! The pages of a TIFF file as slices, time points and channels, in their stored type: 1 to 64 bits,
//! signed, floats, each upright.

use super::directories::PAGES;
use super::facts::pixels_per_unit;
use super::kinds::{Kind, orientation, refusal};
use super::stack::{self, Stack};
use super::upright::{is_quarter_turn, upright};
use crate::io::error::Refusal;
use crate::io::limits::{PICTURE_SIDE, check_expansion, checked_size, memory_budget};
use crate::volume::{Notice, Voxels};
use image::metadata::Orientation;
use std::io::{Read, Seek};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;

/// More than any description has.
const DESCRIPTION: usize = 16 << 20;

/// The pixels of a picture, and what its file says of them.
pub(super) struct Pages {
    pub(super) shape: [usize; 3],
    pub(super) times: usize,
    pub(super) voxels: Voxels,
    /// Width and height changed places, but not in the spacing.
    pub(super) turned: bool,
    /// Of columns, rows and slices, from a description.
    pub(super) spacing_mm: [Option<f64>; 3],
}

impl Pages {
    /// Pages of another size or type than the first are left out. A volume has no channels that are
    /// not colours: they follow one another like time points, which a notice says.
    pub(super) fn read(
        bytes: impl Read + Seek,
        length: u64,
        notices: &mut Vec<Notice>,
    ) -> Result<Self, Refusal> {
        let budget = memory_budget();
        let mut limits = Limits::default();
        limits.decoding_buffer_size = usize::try_from(budget).unwrap_or(usize::MAX);
        limits.intermediate_buffer_size = limits.decoding_buffer_size.min(1 << 28);
        let mut d = Decoder::new(bytes).map_err(|e| refusal(&e))?.with_limits(limits);
        let kind = Kind::of(&mut d)?;
        let Kind { width, height, .. } = kind;
        if width > PICTURE_SIDE || height > PICTURE_SIDE {
            return Err(Refusal::Limit {
                what: "the picture".into(),
                needs: format!("{width} x {height} pixels"),
                limit: format!("1 to {PICTURE_SIDE} pixels per side"),
            });
        }
        let first = orientation(&mut d);
        let (description, per_unit) = (description(&mut d), pixels_per_unit(&mut d));
        let (mut alike, mut all) = (vec![0], 1);
        while d.more_images() {
            d.next_image().map_err(|e| refusal(&e))?;
            if Kind::of(&mut d).is_ok_and(|other| other == kind) {
                alike.push(all);
            }
            all += 1;
            if all > PAGES {
                return Err(Refusal::damaged(format!("the file has more than {PAGES} pages")));
            }
        }
        let shown = kind.channels()?;
        let stack =
            stack::read(&description, per_unit, all, shown.max(3 * usize::from(shown == 0)));
        let spacing_mm = stack.as_ref().map_or([None; 3], |s| s.spacing_mm);
        let order = Order::of(stack, alike, all, shown, notices);
        let count = order.planes.len();
        let bits = u64::from(kind.color.bit_depth()).max(8);
        let per_pixel = bits / 8 * if shown == 0 { 3 } else { 1 };
        let size = [width.into(), height.into(), count as u64, per_pixel];
        let decoded = checked_size("the stack of pages", &size, budget)?;
        check_expansion("tiff", decoded as u64, length)?;
        if kind.transparent() {
            notices.push(Notice::note("transparency was dropped"));
        }
        if kind.drops_channels() {
            notices
                .push(Notice::amber("only the colours are shown; further channels are left out"));
        }
        if bits > u64::from(kind.color.bit_depth()) {
            notices.push(Notice::note("less than 8 bits per pixel: spread to 0..255"));
        }
        let (mut out, mut upright_asked) = (None, false);
        for (page, channel) in order.planes {
            d.seek_to_image(page).map_err(|e| refusal(&e))?;
            let way = orientation(&mut d);
            upright_asked |= way != Orientation::NoTransforms;
            append(&mut out, plane(&mut d, &kind, channel, way)?)?;
        }
        if upright_asked {
            notices.push(Notice::note("shown upright, as the file asks (orientation)"));
        }
        let voxels = out.ok_or_else(|| Refusal::damaged("the file has no page"))?;
        let shape = [width as usize, height as usize, order.slices];
        Ok(Self { shape, times: order.times, voxels, turned: is_quarter_turn(first), spacing_mm })
    }
}

/// Page and channel of each slice of the volume, slices fastest, then time points.
struct Order {
    planes: Vec<(usize, usize)>,
    slices: usize,
    times: usize,
}

impl Order {
    /// From what a program wrote of the pages, if that fits them; `alike` are the pages of one kind
    /// out of `all`, `shown` the channels of each, 0 for colours.
    fn of(
        stack: Option<Stack>,
        alike: Vec<usize>,
        all: usize,
        shown: usize,
        notices: &mut Vec<Notice>,
    ) -> Self {
        let own = shown.max(1);
        let mut usable = |s: Stack| {
            let Stack { program, slices, channels, frames, pages, .. } = s;
            let pages = pages.filter(|p| p.iter().all(|p| alike.binary_search(p).is_ok()));
            if pages.is_none() {
                notices.push(Notice::amber(format!(
                    "{program} wrote that the file holds {slices} slices, {channels} channels and \
                     {frames} time points, which its {all} pages do not fit; they are shown as slices"
                )));
            }
            Some((pages?, slices, channels, frames))
        };
        let described = stack.and_then(&mut usable);
        let slices = alike.len();
        let (pages, slices, channels, frames) = described.unwrap_or((alike, slices, 1, 1));
        let rest = all - pages.len();
        if rest > 0 {
            notices.push(Notice::amber(format!(
                "{rest} of {all} pages have another size or type than the first, or belong to another \
                 image, and are left out"
            )));
        }
        let per_channel = slices * frames;
        if channels * own > 1 {
            let many = channels * own;
            notices.push(Notice::amber(if frames == 1 {
                format!("{many} channels, taken at the same time, are shown as {many} time points")
            } else {
                format!(
                    "{many} channels are shown one after another, each as {frames} of the {} time \
                     points",
                    many * frames
                )
            }));
        }
        let of_channel = |c: usize| {
            let pages = pages.iter().skip(c / own * per_channel).take(per_channel);
            pages.map(move |page| (*page, c % own))
        };
        let planes = (0..channels * own).flat_map(of_channel).collect();
        Self { planes, slices, times: channels * own * frames }
    }
}

/// The text of the first page; Latin letters where it is not UTF-8.
fn description(d: &mut Decoder<impl Read + Seek>) -> String {
    let mut ifd = d.image_ifd();
    let length = ifd.find_entry(Tag::ImageDescription).map_or(0, |e| e.count());
    let mut bytes = vec![0; DESCRIPTION.min(usize::try_from(length).unwrap_or(DESCRIPTION))];
    let Ok(Some(_)) = ifd.find_tag_bytes(Tag::ImageDescription, &mut bytes, 0) else {
        return String::new();
    };
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    String::from_utf8(bytes)
        .unwrap_or_else(|e| e.as_bytes().iter().map(|b| char::from(*b)).collect())
}

/// One channel of the page that the decoder is at, or its colours, upright.
fn plane(
    d: &mut Decoder<impl Read + Seek>,
    kind: &Kind,
    channel: usize,
    way: Orientation,
) -> Result<Voxels, Refusal> {
    use DecodingResult as D;
    let (w, h) = d.dimensions().map_err(|e| refusal(&e))?;
    let (w, h) = (w as usize, h as usize);
    let mut data = D::U8(Vec::new());
    let layout = d.read_image_to_buffer(&mut data).map_err(|e| refusal(&e))?;
    let bits = usize::from(kind.color.bit_depth());
    if let (D::U8(packed), 1..8) = (&data, bits) {
        return Ok(Voxels::U8(upright(unpacked(packed, w, bits), w, way)));
    }
    let take = Take { pixels: w * h, planar: layout.planes > 1, channel, width: w, way };
    let colours = kind.channels()? == 0;
    Ok(match data {
        D::U8(v) if colours => Voxels::Rgb8(take.colours(&v)?),
        D::U16(v) if colours => Voxels::Rgb16(take.colours(&v)?),
        _ if colours => return Err(Refusal::unsupported("a TIFF of colours in such numbers")),
        D::U8(v) => Voxels::U8(take.grey(v)?),
        D::I8(v) => Voxels::I8(take.grey(v)?),
        D::U16(v) => Voxels::U16(take.grey(v)?),
        D::I16(v) => Voxels::I16(take.grey(v)?),
        D::U32(v) => Voxels::U32(take.grey(v)?),
        D::I32(v) => Voxels::I32(take.grey(v)?),
        D::F32(v) => Voxels::F32(take.grey(v)?),
        D::F64(v) => Voxels::F64(take.grey(v)?),
        D::F16(v) => Voxels::F32(take.grey(v.into_iter().map(|x| x.to_f32()).collect())?),
        D::U64(v) => Voxels::F64(take.grey(v.into_iter().map(|x| x as f64).collect())?),
        D::I64(v) => Voxels::F64(take.grey(v.into_iter().map(|x| x as f64).collect())?),
    })
}

/// How the numbers of a page become pixels.
struct Take {
    pixels: usize,
    /// Channels lie one behind the other, not pixel by pixel.
    planar: bool,
    channel: usize,
    width: usize,
    way: Orientation,
}

impl Take {
    /// Numbers per pixel.
    fn samples(&self, found: usize, least: usize) -> Result<usize, Refusal> {
        let samples = found / self.pixels.max(1);
        if samples < least || !found.is_multiple_of(self.pixels.max(1)) {
            return Err(Refusal::damaged("a page holds fewer pixels than it declares"));
        }
        Ok(samples)
    }

    /// Where number `channel` of each pixel lies: the first, and from one pixel to the next.
    fn stride(&self, channel: usize, samples: usize) -> (usize, usize) {
        if self.planar { (channel * self.pixels, 1) } else { (channel, samples) }
    }

    fn grey<T: Copy>(&self, v: Vec<T>) -> Result<Vec<T>, Refusal> {
        let samples = self.samples(v.len(), self.channel + 1)?;
        if samples == 1 {
            return Ok(upright(v, self.width, self.way));
        }
        let (first, step) = self.stride(self.channel, samples);
        let own = v.iter().skip(first).step_by(step).take(self.pixels).copied().collect();
        Ok(upright(own, self.width, self.way))
    }

    fn colours<T: Copy>(&self, v: &[T]) -> Result<Vec<[T; 3]>, Refusal> {
        let samples = self.samples(v.len(), 3)?;
        let channel = |c: usize| {
            let (first, step) = self.stride(c, samples);
            v.iter().skip(first).step_by(step).copied()
        };
        let colours = channel(0).zip(channel(1)).zip(channel(2)).map(|((r, g), b)| [r, g, b]);
        Ok(upright(colours.take(self.pixels).collect(), self.width, self.way))
    }
}

/// Rows of pixels of 1, 2 or 4 bits, each row from a new byte on, spread to 0..255.
fn unpacked(packed: &[u8], width: usize, bits: usize) -> Vec<u8> {
    let most = (1u8 << bits) - 1;
    let pixel = |row: &[u8], x: usize| {
        let byte = row.get(x * bits / 8).copied().unwrap_or_default();
        (byte >> (8 - bits - x * bits % 8) & most) * (255 / most)
    };
    let rows = packed.chunks((width * bits).div_ceil(8).max(1));
    rows.flat_map(|row| (0..width).map(move |x| pixel(row, x))).collect()
}

fn append(out: &mut Option<Voxels>, plane: Voxels) -> Result<(), Refusal> {
    use Voxels as V;
    match (out, plane) {
        (Some(V::U8(a)), V::U8(b)) => a.extend(b),
        (Some(V::I8(a)), V::I8(b)) => a.extend(b),
        (Some(V::U16(a)), V::U16(b)) => a.extend(b),
        (Some(V::I16(a)), V::I16(b)) => a.extend(b),
        (Some(V::U32(a)), V::U32(b)) => a.extend(b),
        (Some(V::I32(a)), V::I32(b)) => a.extend(b),
        (Some(V::F32(a)), V::F32(b)) => a.extend(b),
        (Some(V::F64(a)), V::F64(b)) => a.extend(b),
        (Some(V::Rgb8(a)), V::Rgb8(b)) => a.extend(b),
        (Some(V::Rgb16(a)), V::Rgb16(b)) => a.extend(b),
        (out @ None, plane) => *out = Some(plane),
        _ => {
            return Err(Refusal::unsupported("a TIFF whose pages hold different kinds of numbers"));
        }
    }
    Ok(())
}
