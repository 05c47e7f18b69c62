//! The pages of a TIFF file as slices, in their stored type: 8 to 32 bits, signed, floats.

use super::directories::PAGES;
use crate::io::error::Refusal;
use crate::io::limits::{PICTURE_SIDE, checked_size, memory_budget};
use crate::volume::{Notice, Voxels};
use std::io::{Read, Seek};
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;

fn refusal(e: &tiff::TiffError) -> Refusal {
    match e {
        tiff::TiffError::UnsupportedError(u) => Refusal::unsupported(format!("this TIFF: {u}")),
        other => Refusal::damaged(format!("tiff: {other}")),
    }
}

/// Width, height, pages and voxels. Pages of another size or type than the first are left out.
pub(super) fn read(
    bytes: impl Read + Seek,
    length: u64,
    notices: &mut Vec<Notice>,
) -> Result<(usize, usize, usize, Voxels), Refusal> {
    let budget = memory_budget();
    let mut limits = Limits::default();
    limits.decoding_buffer_size = usize::try_from(budget).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size.min(1 << 28);
    let mut d = Decoder::new(bytes).map_err(|e| refusal(&e))?.with_limits(limits);
    let kind = |d: &mut Decoder<_>| -> Result<_, Refusal> {
        let size = d.dimensions().map_err(|e| refusal(&e))?;
        let color = d.colortype().map_err(|e| refusal(&e))?;
        let planes =
            d.find_tag_unsigned::<u16>(Tag::PlanarConfiguration).map_err(|e| refusal(&e))?;
        Ok((size, color, planes.unwrap_or(1)))
    };
    let first = kind(&mut d)?;
    let ((width, height), color, planes) = first;
    if width == 0 || height == 0 || width > PICTURE_SIDE || height > PICTURE_SIDE {
        return Err(Refusal::damaged(format!("the first page has {width} x {height} pixels")));
    }
    let samples = match color {
        ColorType::Gray(8 | 16 | 32 | 64) => 1,
        ColorType::RGB(8 | 16) if planes == 1 => 3,
        ColorType::RGBA(8 | 16) if planes == 1 => 4,
        other => {
            return Err(Refusal::unsupported(format!(
                "a TIFF stack of {other:?}; save its pages as grey or RGB of 8 or 16 bits"
            )));
        }
    };
    let (mut pages, mut all) = (vec![0], 1);
    while d.more_images() {
        d.next_image().map_err(|e| refusal(&e))?;
        if kind(&mut d)? == first {
            pages.push(all);
        }
        all += 1;
        if all > PAGES {
            return Err(Refusal::damaged(format!("the file has more than {PAGES} pages")));
        }
    }
    let per_pixel = u64::from(color.bit_depth() / 8) * samples;
    let size = [width.into(), height.into(), pages.len() as u64, per_pixel];
    let decoded = checked_size("the stack of pages", &size, budget)?;
    super::check_length("tiff", decoded as u64, length)?;
    if pages.len() < all {
        notices.push(Notice::amber(format!(
            "{} of {all} pages have another size or type than the first and are left out",
            all - pages.len()
        )));
    }
    if samples == 4 {
        notices.push(Notice::note("transparency was dropped"));
    }
    let mut out: Option<Voxels> = None;
    for &page in &pages {
        d.seek_to_image(page).map_err(|e| refusal(&e))?;
        let data = d.read_image().map_err(|e| refusal(&e))?;
        append(&mut out, data, samples as usize)?;
    }
    let voxels = out.ok_or_else(|| Refusal::damaged("the file has no page"))?;
    if voxels.len() as u64 != u64::from(width) * u64::from(height) * pages.len() as u64 {
        return Err(Refusal::damaged("a page holds fewer pixels than it declares"));
    }
    Ok((width as usize, height as usize, pages.len(), voxels))
}

fn colours<T: Copy>(v: &[T], samples: usize) -> impl Iterator<Item = [T; 3]> {
    v.chunks_exact(samples).filter_map(|c| c.first_chunk::<3>().copied())
}

fn append(out: &mut Option<Voxels>, data: DecodingResult, samples: usize) -> Result<(), Refusal> {
    use DecodingResult as D;
    let rgb = samples > 1;
    match (out.as_mut(), data) {
        (Some(Voxels::U8(a)), D::U8(b)) if !rgb => a.extend(b),
        (Some(Voxels::I8(a)), D::I8(b)) if !rgb => a.extend(b),
        (Some(Voxels::U16(a)), D::U16(b)) if !rgb => a.extend(b),
        (Some(Voxels::I16(a)), D::I16(b)) if !rgb => a.extend(b),
        (Some(Voxels::U32(a)), D::U32(b)) if !rgb => a.extend(b),
        (Some(Voxels::I32(a)), D::I32(b)) if !rgb => a.extend(b),
        (Some(Voxels::F32(a)), D::F32(b)) if !rgb => a.extend(b),
        (Some(Voxels::F64(a)), D::F64(b)) if !rgb => a.extend(b),
        (Some(Voxels::Rgb8(a)), D::U8(b)) if rgb => a.extend(colours(&b, samples)),
        (Some(Voxels::Rgb16(a)), D::U16(b)) if rgb => a.extend(colours(&b, samples)),
        (None, D::U8(b)) if rgb => *out = Some(Voxels::Rgb8(colours(&b, samples).collect())),
        (None, D::U16(b)) if rgb => *out = Some(Voxels::Rgb16(colours(&b, samples).collect())),
        (None, D::U8(b)) => *out = Some(Voxels::U8(b)),
        (None, D::I8(b)) => *out = Some(Voxels::I8(b)),
        (None, D::U16(b)) => *out = Some(Voxels::U16(b)),
        (None, D::I16(b)) => *out = Some(Voxels::I16(b)),
        (None, D::U32(b)) => *out = Some(Voxels::U32(b)),
        (None, D::I32(b)) => *out = Some(Voxels::I32(b)),
        (None, D::F32(b)) => *out = Some(Voxels::F32(b)),
        (None, D::F64(b)) => *out = Some(Voxels::F64(b)),
        _ => return Err(Refusal::unsupported("a TIFF stack of this kind of numbers")),
    }
    Ok(())
}
