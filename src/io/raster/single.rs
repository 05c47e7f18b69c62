//! One picture by itself, upright: grey or RGB of 8 or 16 bits, transparency dropped.

use super::kinds::cmyk;
use super::upright::{is_quarter_turn, upright};
use crate::io::error::{Refusal, one_line};
use crate::io::limits::{PICTURE_BYTES, PICTURE_SIDE, check_expansion, memory_budget};
use crate::volume::{Notice, Voxels};
use image::metadata::Orientation;
use image::{
    ColorType, ExtendedColorType, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
};
use std::io::{BufRead, Seek};

/// More than any colour profile has.
const PROFILE_BYTES: u64 = 64 << 20;

/// One picture, upright; whether width and height changed places for that.
pub(super) fn single(
    bytes: impl BufRead + Seek,
    length: u64,
    format: ImageFormat,
    name: &str,
    notices: &mut Vec<Notice>,
) -> Result<(usize, usize, Voxels, bool), Refusal> {
    let limit = PICTURE_BYTES.min(memory_budget());
    let mut limits = Limits::default();
    limits.max_image_width = Some(PICTURE_SIDE);
    limits.max_image_height = Some(PICTURE_SIDE);
    limits.max_alloc = Some(limit);
    let mut reader = ImageReader::with_format(bytes, format);
    let mut at_first = limits.clone();
    if format == ImageFormat::Png {
        // Colour profiles and texts are inflated before the size of the picture is known.
        at_first.max_alloc = Some(PROFILE_BYTES);
    }
    reader.limits(at_first);
    let mut decoder = reader.into_decoder().map_err(|e| refusal(&e, name))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 || width > PICTURE_SIDE || height > PICTURE_SIDE {
        return Err(Refusal::Limit {
            what: "the picture".into(),
            needs: format!("{width} x {height} pixels"),
            limit: format!("1 to {PICTURE_SIDE} pixels per side"),
        });
    }
    if decoder.total_bytes() > limit {
        return Err(Refusal::limit("the picture", decoder.total_bytes(), limit));
    }
    check_expansion(name, decoder.total_bytes(), length)?;
    // Again, because not every decoder has looked at the limits when it was made.
    decoder.set_limits(limits).map_err(|e| refusal(&e, name))?;
    match decoder.original_color_type() {
        ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16 => return Err(cmyk()),
        ExtendedColorType::L1 | ExtendedColorType::L2 | ExtendedColorType::L4 => {
            notices.push(Notice::note("less than 8 bits per pixel: spread to 0..255"));
        }
        _ => {}
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let color = decoder.color_type();
    let (w, h) = (width as usize, height as usize);
    macro_rules! pixels {
        ($zero:expr) => {{
            let mut v = Vec::new();
            v.try_reserve_exact(w * h)
                .map_err(|_| Refusal::unsupported("there is not enough memory for this picture"))?;
            v.resize(w * h, $zero);
            let raw = bytemuck::cast_slice_mut(v.as_mut_slice());
            decoder.read_image(raw).map_err(|e| refusal(&e, name))?;
            v
        }};
    }
    let voxels = match color {
        ColorType::L8 => Voxels::U8(pixels!(0u8)),
        ColorType::L16 => Voxels::U16(pixels!(0u16)),
        ColorType::Rgb8 => Voxels::Rgb8(pixels!([0u8; 3])),
        ColorType::Rgb16 => Voxels::Rgb16(pixels!([0u16; 3])),
        ColorType::La8 => Voxels::U8(pixels!([0u8; 2]).into_iter().map(|[v, _]| v).collect()),
        ColorType::La16 => Voxels::U16(pixels!([0u16; 2]).into_iter().map(|[v, _]| v).collect()),
        ColorType::Rgba8 => {
            Voxels::Rgb8(pixels!([0u8; 4]).into_iter().map(|[r, g, b, _]| [r, g, b]).collect())
        }
        ColorType::Rgba16 => {
            Voxels::Rgb16(pixels!([0u16; 4]).into_iter().map(|[r, g, b, _]| [r, g, b]).collect())
        }
        _ => {
            return Err(Refusal::unsupported(
                "the picture holds floating-point colours; save it with 8 or 16 bits per channel",
            ));
        }
    };
    if color.has_alpha() {
        notices.push(Notice::note("transparency was dropped"));
    }
    if orientation == Orientation::NoTransforms {
        return Ok((w, h, voxels, false));
    }
    notices.push(Notice::note("shown upright, as the file asks (Exif orientation)"));
    let voxels = match voxels {
        Voxels::U8(v) => Voxels::U8(upright(v, w, orientation)),
        Voxels::U16(v) => Voxels::U16(upright(v, w, orientation)),
        Voxels::Rgb8(v) => Voxels::Rgb8(upright(v, w, orientation)),
        Voxels::Rgb16(v) => Voxels::Rgb16(upright(v, w, orientation)),
        other => other,
    };
    let turned = is_quarter_turn(orientation);
    let (w, h) = if turned { (h, w) } else { (w, h) };
    Ok((w, h, voxels, turned))
}

fn refusal(e: &ImageError, name: &str) -> Refusal {
    match e {
        ImageError::Limits(l) => Refusal::Limit {
            what: format!("the {name} picture"),
            needs: one_line(&l.to_string()),
            limit: format!("{PICTURE_SIDE} pixels per side, {PICTURE_BYTES} bytes"),
        },
        ImageError::Unsupported(u) => Refusal::unsupported(format!("this kind of {name}: {u}")),
        ImageError::IoError(e) => Refusal::damaged(format!("{name}: ends too early ({e})")),
        other => Refusal::damaged(format!("{name}: {other}")),
    }
}
