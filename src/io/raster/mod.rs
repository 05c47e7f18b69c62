//! PNG, JPEG, TIFF and BMP: grey or RGB, 8 or 16 bits; the pages of a TIFF file as a stack.

mod directories;
mod facts;
mod kinds;
mod pages;
mod palette;
mod single;
mod stack;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tiff_tests;
mod upright;

use super::error::Refusal;
use super::limits::PICTURE_BYTES;
use super::source::{HashingReader, hex, open_regular};
use crate::volume::{Affine, Geometry, LengthUnit, Modality, Notice, Volume};
use facts::Facts;
use image::ImageFormat;
use kinds::cmyk;
use pages::Pages;
pub(super) use palette::{read_indices, with_grey_palette};
use single::single;
use std::io::{BufRead, Seek, SeekFrom};
use std::path::Path;

pub(super) fn read(path: &Path, format: ImageFormat) -> Result<Volume, Refusal> {
    let (file, length) = open_regular(path)?;
    if length > PICTURE_BYTES {
        return Err(Refusal::limit("the file", length, PICTURE_BYTES));
    }
    let hash = hex(HashingReader::new(file).finish()?);
    let mut volume = decode(open_regular(path)?.0, format)?;
    volume.source.sha256 = hash;
    Ok(volume)
}

/// Decodes one picture, or the pages of a TIFF file as a stack. Pixels go straight from the decoder
/// into the volume's own memory.
pub(super) fn decode(
    mut bytes: impl BufRead + Seek,
    format: ImageFormat,
) -> Result<Volume, Refusal> {
    let name = match format {
        ImageFormat::Png => "png",
        ImageFormat::Jpeg => "jpeg",
        ImageFormat::Tiff => "tiff",
        _ => "bmp",
    };
    let mut notices = Vec::new();
    let length = bytes.seek(SeekFrom::End(0))?;
    if format == ImageFormat::Tiff {
        directories::check(&mut bytes, length)?;
    }
    let facts = Facts::of(&mut bytes, format)?;
    if facts.components == Some(4) && format == ImageFormat::Jpeg {
        return Err(cmyk());
    }
    bytes.rewind()?;
    let pages = if format == ImageFormat::Tiff {
        Pages::read(bytes, length, &mut notices)?
    } else {
        let (w, h, voxels, turned) = single(bytes, length, format, name, &mut notices)?;
        Pages { shape: [w, h, 1], times: 1, voxels, turned, spacing_mm: [None; 3] }
    };
    let Pages { shape, times, voxels, turned, spacing_mm } = pages;
    if facts.animated {
        notices.push(Notice::amber("the file holds several pictures; only the first is shown"));
    }
    let damaged = |e: crate::volume::GeometryError| Refusal::damaged(e.to_string());
    let [width, height, slices] = shape;
    let mut geometry = Geometry::picture(width, height, slices).map_err(damaged)?;
    let spaced = |[x, y, z]: [f64; 3]| {
        let (x, y) = if turned { (y, x) } else { (x, y) };
        let steps = [[-x, 0.0, 0.0], [0.0, -y, 0.0], [0.0, 0.0, z]];
        let geometry = Geometry::new(shape, Affine::from_columns(steps, [0.0; 3]));
        geometry.map(|g| g.with_orientation_known(false)).map_err(damaged)
    };
    let mut distance_known = false;
    if let [Some(x), Some(y), z] = spacing_mm {
        distance_known = z.is_some();
        geometry = spaced([x, y, z.unwrap_or(x)])?;
        notices.push(Notice::note(format!(
            "the spacing of {x:.4e} x {y:.4e} mm is the one in the file's description"
        )));
    } else if let Some([x, y]) = facts.spacing_mm {
        geometry = spaced([x, y, 1.0])?;
        let [x, y, _] = geometry.spacing();
        notices.push(Notice::amber(format!(
            "the spacing of {x:.4} x {y:.4} mm is the file's resolution for printing; lengths \
             in mm are only right if whoever made the file meant it so"
        )));
    } else if facts.screen {
        notices.push(Notice::note(
            "a picture without spacing (72 or 96 dots per inch say nothing): lengths are in pixels",
        ));
    } else {
        notices.push(Notice::note("a picture without spacing: lengths are in pixels"));
    }
    if slices > 1 && !distance_known {
        let text = format!("{slices} pages are shown as a stack; their distance is not known");
        // Volumes in mm depend on it.
        let in_mm = geometry.unit() == LengthUnit::Millimetre;
        notices.push(if in_mm { Notice::amber(text) } else { Notice::note(text) });
    }
    let mut volume =
        Volume::new(geometry, times, voxels).map_err(|e| Refusal::damaged(e.to_string()))?;
    // A picture does not say what it shows; whoever opens it may know better and set it.
    volume.modality = Modality::Unknown;
    volume.notices = notices;
    volume.source.format = name.into();
    Ok(volume)
}
