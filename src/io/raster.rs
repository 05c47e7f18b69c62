//! PNG, JPEG, TIFF and BMP: grey or RGB, 8 or 16 bits, one picture per file.

use super::error::Refusal;
use super::limits::{PICTURE_BYTES, PICTURE_SIDE, memory_budget};
use super::source::{read_whole, sha256};
use crate::volume::{Geometry, Modality, Notice, Volume, Voxels};
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    metadata::Orientation,
};
use std::io::Cursor;
use std::path::Path;

pub(super) fn read(path: &Path, format: ImageFormat) -> Result<Volume, Refusal> {
    let bytes = read_whole(path, PICTURE_BYTES)?;
    decode(&bytes, format)
}

/// Decodes one picture; pixels stay as stored.
pub(super) fn decode(bytes: &[u8], format: ImageFormat) -> Result<Volume, Refusal> {
    let name = match format {
        ImageFormat::Png => "png",
        ImageFormat::Jpeg => "jpeg",
        ImageFormat::Tiff => "tiff",
        _ => "bmp",
    };
    if format == ImageFormat::Jpeg && jpeg_components(bytes) == Some(4) {
        return Err(cmyk());
    }
    let limit = PICTURE_BYTES.min(memory_budget());
    let mut limits = Limits::default();
    limits.max_image_width = Some(PICTURE_SIDE);
    limits.max_image_height = Some(PICTURE_SIDE);
    limits.max_alloc = Some(limit);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());
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
    // Again, because not every decoder has looked at the limits when it was made.
    decoder.set_limits(limits).map_err(|e| refusal(&e, name))?;
    let mut notices = Vec::new();
    match decoder.original_color_type() {
        ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16 => return Err(cmyk()),
        ExtendedColorType::L1 | ExtendedColorType::L2 | ExtendedColorType::L4 => {
            notices.push(Notice::note("less than 8 bits per pixel: spread to 0..255"));
        }
        _ => {}
    }
    if !matches!(decoder.orientation(), Ok(Orientation::NoTransforms) | Err(_)) {
        notices.push(Notice::note(
            "the file asks to be shown rotated or mirrored (Exif); the pixels are kept as stored",
        ));
    }
    let frames = match format {
        ImageFormat::Tiff => tiff_has_more_pages(bytes),
        ImageFormat::Png => bytes.get(..4096).unwrap_or(bytes).windows(4).any(|w| w == b"acTL"),
        _ => false,
    };
    if frames {
        notices.push(Notice::amber("the file holds several pictures; only the first is shown"));
    }
    let picture = DynamicImage::from_decoder(decoder).map_err(|e| refusal(&e, name))?;
    let alpha = picture.color().has_alpha();
    let voxels = match picture {
        DynamicImage::ImageLuma8(p) => Voxels::U8(p.into_raw()),
        DynamicImage::ImageLuma16(p) => Voxels::U16(p.into_raw()),
        DynamicImage::ImageLumaA8(p) => Voxels::U8(p.pixels().map(|p| p.0[0]).collect()),
        DynamicImage::ImageLumaA16(p) => Voxels::U16(p.pixels().map(|p| p.0[0]).collect()),
        DynamicImage::ImageRgb8(p) => Voxels::Rgb8(p.pixels().map(|p| p.0).collect()),
        DynamicImage::ImageRgb16(p) => Voxels::Rgb16(p.pixels().map(|p| p.0).collect()),
        DynamicImage::ImageRgba8(p) => {
            Voxels::Rgb8(p.pixels().map(|p| [p.0[0], p.0[1], p.0[2]]).collect())
        }
        DynamicImage::ImageRgba16(p) => {
            Voxels::Rgb16(p.pixels().map(|p| [p.0[0], p.0[1], p.0[2]]).collect())
        }
        _ => {
            return Err(Refusal::unsupported(
                "the picture holds floating-point colours; save it with 8 or 16 bits per channel",
            ));
        }
    };
    if alpha {
        notices.push(Notice::note("transparency was dropped"));
    }
    notices.push(Notice::note("a picture without spacing: lengths are in pixels"));
    let geometry = Geometry::picture(width as usize, height as usize, 1)
        .map_err(|e| Refusal::damaged(e.to_string()))?;
    let mut volume =
        Volume::new(geometry, 1, voxels).map_err(|e| Refusal::damaged(e.to_string()))?;
    // A picture does not say what it shows; whoever opens it may know better and set it.
    volume.modality = Modality::Unknown;
    volume.notices = notices;
    volume.source.format = name.into();
    volume.source.sha256 = sha256(bytes);
    Ok(volume)
}

fn cmyk() -> Refusal {
    Refusal::unsupported("the picture is in printing colours (CMYK); save it as RGB or grey")
}

fn refusal(e: &ImageError, name: &str) -> Refusal {
    match e {
        ImageError::Limits(l) => Refusal::Limit {
            what: format!("the {name} picture"),
            needs: super::error::one_line(&l.to_string()),
            limit: format!("{PICTURE_SIDE} pixels per side, {PICTURE_BYTES} bytes"),
        },
        ImageError::Unsupported(u) => Refusal::unsupported(format!("this kind of {name}: {u}")),
        ImageError::IoError(e) => Refusal::damaged(format!("{name}: ends too early ({e})")),
        other => Refusal::damaged(format!("{name}: {other}")),
    }
}

/// Number of colour components in the start-of-frame segment of a JPEG file (ITU T.81 B.2.2).
fn jpeg_components(bytes: &[u8]) -> Option<u8> {
    let mut at = 2;
    loop {
        let &[0xff, marker] = bytes.get(at..at + 2)? else { return None };
        if marker == 0xff {
            at += 1; // a fill byte
            continue;
        }
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return bytes.get(at + 9).copied();
        }
        let &[high, low] = bytes.get(at + 2..at + 4)? else { return None };
        at += 2 + usize::from(u16::from_be_bytes([high, low])).max(2);
    }
}

/// Whether the first directory of a classic TIFF file points to a second (TIFF 6.0 section 2).
fn tiff_has_more_pages(bytes: &[u8]) -> bool {
    let big_endian = bytes.starts_with(b"MM");
    let number = |at: usize, n: usize| -> Option<usize> {
        let field = bytes.get(at..at.checked_add(n)?)?;
        let fold = |a: usize, &b: &u8| a << 8 | usize::from(b);
        Some(if big_endian { field.iter().fold(0, fold) } else { field.iter().rev().fold(0, fold) })
    };
    let next = || {
        let directory = number(4, 4)?;
        let entries = number(directory, 2)?;
        number(directory.checked_add(2 + 12 * entries)?, 4)
    };
    number(2, 2) == Some(42) && next().is_some_and(|offset| offset != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, Luma, LumaA, Rgb, Rgba};

    fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        picture.into().write_to(&mut out, format).expect("can be written");
        out.into_inner()
    }

    #[test]
    fn grey_and_colour_of_8_and_16_bits_keep_their_values() {
        let grey8 = ImageBuffer::from_fn(3, 2, |x, y| Luma([(10 * y + x) as u8]));
        let grey16 = ImageBuffer::from_fn(3, 2, |x, y| Luma([(30_000 + 10 * y + x) as u16]));
        let rgb8 = ImageBuffer::from_fn(3, 2, |x, y| Rgb([x as u8, y as u8, 200]));
        let rgb16 = ImageBuffer::from_fn(3, 2, |x, y| Rgb([x as u16, 999, 60_000 + y as u16]));
        for (format, name) in [(ImageFormat::Png, "png"), (ImageFormat::Tiff, "tiff")] {
            let v = decode(&encoded(grey8.clone(), format), format).expect("opens");
            assert_eq!(v.voxels(), &Voxels::U8(vec![0, 1, 2, 10, 11, 12]));
            assert_eq!(v.geometry().shape(), [3, 2, 1]);
            assert_eq!(v.source.format, name);
            let v = decode(&encoded(grey16.clone(), format), format).expect("opens");
            assert_eq!(v.value([2, 1, 0], 0, 0), 30_012.0);
            let v = decode(&encoded(rgb8.clone(), format), format).expect("opens");
            assert_eq!(v.voxels().channels(), 3);
            assert_eq!(v.value([2, 1, 0], 0, 0), 2.0);
            assert_eq!(v.value([2, 1, 0], 0, 2), 200.0);
            let v = decode(&encoded(rgb16.clone(), format), format).expect("opens");
            assert_eq!(v.value([0, 1, 0], 0, 2), 60_001.0);
        }
        let v = decode(&encoded(rgb8, ImageFormat::Bmp), ImageFormat::Bmp).expect("opens");
        assert_eq!(v.value([2, 1, 0], 0, 1), 1.0);
    }

    #[test]
    fn transparency_is_dropped_and_said() {
        let rgba = ImageBuffer::from_pixel(2, 2, Rgba([1u8, 2, 3, 0]));
        let v = decode(&encoded(rgba, ImageFormat::Png), ImageFormat::Png).expect("opens");
        assert_eq!(v.voxels(), &Voxels::Rgb8(vec![[1, 2, 3]; 4]));
        assert!(v.notices.iter().any(|n| n.text.contains("transparency")));
        let la = ImageBuffer::from_pixel(2, 2, LumaA([7u16, 0]));
        let v = decode(&encoded(la, ImageFormat::Png), ImageFormat::Png).expect("opens");
        assert_eq!(v.voxels(), &Voxels::U16(vec![7; 4]));
    }

    #[test]
    fn a_jpeg_is_close_to_what_was_saved() {
        let grey = ImageBuffer::from_pixel(16, 16, Luma([90u8]));
        let bytes = encoded(grey, ImageFormat::Jpeg);
        assert_eq!(jpeg_components(&bytes), Some(1));
        let v = decode(&bytes, ImageFormat::Jpeg).expect("opens");
        assert!((v.statistics().mean - 90.0).abs() < 2.0);
        // The same stream declared to have four components is CMYK, whatever follows.
        let sof = bytes.windows(2).position(|w| w == [0xff, 0xc0]).expect("baseline");
        let mut cmyk = bytes;
        cmyk[sof + 9] = 4;
        let e = decode(&cmyk, ImageFormat::Jpeg).expect_err("refused").to_string();
        assert!(e.contains("CMYK"), "{e}");
    }

    #[test]
    fn a_png_bomb_is_refused_by_its_header() {
        let mut bytes = encoded(ImageBuffer::from_pixel(1, 1, Luma([0u8])), ImageFormat::Png);
        bytes[16..20].copy_from_slice(&40_000u32.to_be_bytes());
        bytes[20..24].copy_from_slice(&40_000u32.to_be_bytes());
        // The checksum of IHDR must fit, or that is what is complained about.
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        let e = decode(&bytes, ImageFormat::Png).expect_err("refused");
        assert!(matches!(e, Refusal::Limit { .. }), "{e}");
    }

    #[test]
    fn a_second_page_is_noticed() {
        // Little-endian classic TIFF: directory at 8 with no entries, next directory at 14.
        let mut bytes = b"II\x2a\0\x08\0\0\0\0\0\x0e\0\0\0".to_vec();
        assert!(tiff_has_more_pages(&bytes));
        bytes[10] = 0;
        assert!(!tiff_has_more_pages(&bytes));
    }
}
