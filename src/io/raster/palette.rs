//! Indexed pictures as index maps: in a mask the index is the label, and the palette only says how it
//! is shown. The palette is replaced by a grey one that shows each index as itself, then the picture
//! is decoded as any other.

use crate::io::error::Refusal;
use crate::io::limits::PICTURE_BYTES;
use crate::io::source::read_whole;
use crate::volume::Volume;
use flate2::Crc;
use image::ImageFormat;
use std::collections::HashSet;
use std::io::Cursor;
use std::path::Path;

/// An indexed picture with each index as the grey of that number; nothing if it is no such picture.
pub(in crate::io) fn read_indices(
    path: &Path,
    format: ImageFormat,
) -> Result<Option<Volume>, Refusal> {
    match with_grey_palette(path, format)? {
        Some(grey) => super::decode(Cursor::new(grey), format).map(Some),
        None => Ok(None),
    }
}

/// The file of an indexed picture with its palette replaced; nothing if it is no such picture.
pub(in crate::io) fn with_grey_palette(
    path: &Path,
    format: ImageFormat,
) -> Result<Option<Vec<u8>>, Refusal> {
    if format == ImageFormat::Jpeg {
        return Ok(None);
    }
    let mut bytes = read_whole(path, PICTURE_BYTES)?;
    if format == ImageFormat::Tiff {
        super::directories::check(&mut Cursor::new(bytes.as_slice()), bytes.len() as u64)?;
    }
    Ok(match format {
        ImageFormat::Png => png(&bytes),
        ImageFormat::Bmp => bmp(&mut bytes).map(|()| bytes),
        ImageFormat::Tiff => tiff(&mut bytes).map(|()| bytes),
        _ => None,
    })
}

/// PNG 11.2: colour type 3. Transparency and what depends on the palette are left out.
fn png(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = bytes.get(..8)?.to_vec();
    let (mut rest, mut depth) = (bytes.get(8..)?, 0u8);
    while let Some(head) = rest.first_chunk::<8>() {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let (kind, end) = (&head[4..], length.checked_add(12)?);
        // A broken end is the decoder's to complain about.
        let chunk = rest.get(..end).unwrap_or(rest);
        match kind {
            b"IHDR" => {
                depth = *chunk.get(16)?;
                if chunk.get(17) != Some(&3) || !matches!(depth, 1 | 2 | 4 | 8) {
                    return None;
                }
                out.extend(chunk);
            }
            b"PLTE" => {
                let greys: Vec<u8> = (0..1u16 << depth).flat_map(|i| [i as u8; 3]).collect();
                out.extend((greys.len() as u32).to_be_bytes());
                let mut crc = Crc::new();
                crc.update(b"PLTE");
                crc.update(&greys);
                out.extend(b"PLTE");
                out.extend(greys);
                out.extend(crc.sum().to_be_bytes());
            }
            b"tRNS" | b"bKGD" | b"hIST" | b"sBIT" | b"iCCP" => {}
            _ => out.extend(chunk),
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    (depth > 0).then_some(out)
}

/// Up to 8 bits per pixel, also compressed by runs.
fn bmp(bytes: &mut [u8]) -> Option<()> {
    let u32_at = |b: &[u8], at: usize| b.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let u16_at = |b: &[u8], at: usize| b.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes);
    let pixels = u32_at(bytes, 10)? as usize;
    let header = u32_at(bytes, 14)? as usize;
    let (bits, entry) =
        if header == 12 { (u16_at(bytes, 24)?, 3) } else { (u16_at(bytes, 28)?, 4) };
    if !matches!(bits, 1 | 2 | 4 | 8) {
        return None;
    }
    let palette = bytes.get_mut(14usize.checked_add(header)?..pixels)?;
    for (color, i) in palette.chunks_exact_mut(entry).zip(0..1u16 << bits) {
        color.get_mut(..3)?.fill(i as u8);
    }
    Some(())
}

/// TIFF 6.0 section 5: palette pictures (photometric interpretation 3) become grey ones, page by page.
fn tiff(bytes: &mut [u8]) -> Option<()> {
    let big = bytes.starts_with(b"MM");
    let wide = matches!(bytes.get(2..4)?, [43, 0] | [0, 43]);
    let number = |b: &[u8], at: usize, n: usize| -> Option<usize> {
        let raw = b.get(at..at.checked_add(n)?)?;
        let add = |v: u64, x: &u8| v << 8 | u64::from(*x);
        let value = if big { raw.iter().fold(0, add) } else { raw.iter().rev().fold(0, add) };
        usize::try_from(value).ok()
    };
    // Lengths of an offset, of the count of entries, of an entry, and where its value lies.
    let (offset, count, entry, value) = if wide { (8, 8, 20, 12) } else { (4, 2, 12, 8) };
    let mut at = number(bytes, if wide { 8 } else { 4 }, offset)?;
    let (mut found, mut seen) = (None, HashSet::new());
    while at != 0 && seen.insert(at) {
        let entries = number(bytes, at, count)?.min(1 << 16);
        let first = at.checked_add(count)?;
        for e in (0..entries).map(|i| first + i * entry) {
            if number(bytes, e, 2) == Some(262) && number(bytes, e + value, 2) == Some(3) {
                let one = if big { [0, 1] } else { [1, 0] };
                bytes.get_mut(e + value..e + value + 2)?.copy_from_slice(&one);
                found = Some(());
            }
        }
        at = number(bytes, first + entries * entry, offset)?;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::read_mask;

    fn crc(kind: &[u8], data: &[u8]) -> u32 {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(data);
        crc.sum()
    }

    /// An indexed PNG of 4 x 1 pixels with colours that say nothing about the indices.
    fn indexed_png(depth: u8, indices: [u8; 4], transparent: bool) -> Vec<u8> {
        use std::io::Write;
        let mut row = vec![0u8];
        match depth {
            8 => row.extend(indices),
            d => {
                let bits = indices.iter().fold(0u32, |v, i| v << d | u32::from(*i));
                let length = (4 * u32::from(d)).div_ceil(8);
                let padded = bits << (8 * length - 4 * u32::from(d));
                row.extend(&padded.to_be_bytes()[4 - length as usize..]);
            }
        }
        let mut z = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        z.write_all(&row).expect("in memory");
        let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut chunk = |kind: &[u8; 4], data: &[u8]| {
            out.extend((data.len() as u32).to_be_bytes());
            out.extend(kind);
            out.extend(data);
            out.extend(crc(kind, data).to_be_bytes());
        };
        chunk(b"IHDR", &[0, 0, 0, 4, 0, 0, 0, 1, depth, 3, 0, 0, 0]);
        let colours: Vec<u8> = (0..1u16 << depth).flat_map(|i| [(i * 77) as u8, 9, 200]).collect();
        chunk(b"PLTE", &colours);
        if transparent {
            chunk(b"tRNS", &[0]);
        }
        chunk(b"IDAT", &z.finish().expect("in memory"));
        chunk(b"IEND", &[]);
        out
    }

    fn indexed_bmp(bits: u16, pixels: &[u8], colours: u32) -> Vec<u8> {
        let start = 54 + 4 * colours;
        let mut out = b"BM".to_vec();
        for v in [start + 4, 0, start, 40, 4, 1] {
            out.extend(v.to_le_bytes());
        }
        out.extend([1, 0]);
        out.extend(bits.to_le_bytes());
        for v in [0, 4, 0, 0, colours, 0] {
            out.extend(v.to_le_bytes());
        }
        out.extend((0..colours).flat_map(|i| [(i * 91) as u8, 3, 77, 0]));
        let mut row = pixels.to_vec();
        row.resize(4, 0);
        out.extend(row);
        out
    }

    fn indexed_tiff(big: bool) -> Vec<u8> {
        let two = |v: u16| if big { v.to_be_bytes() } else { v.to_le_bytes() };
        let four = |v: u32| if big { v.to_be_bytes() } else { v.to_le_bytes() };
        let entries = [
            (256u16, 3u16, 1u32, 4u32),
            (257, 3, 1, 1),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 3),
            (273, 4, 1, 8),
            (277, 3, 1, 1),
            (278, 3, 1, 1),
            (279, 4, 1, 4),
            (320, 3, 768, 200),
        ];
        let mut out = if big { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        out.extend(four(12));
        out.extend([0, 1, 2, 5]);
        out.extend(two(entries.len() as u16));
        for (tag, kind, count, value) in entries {
            out.extend(two(tag));
            out.extend(two(kind));
            out.extend(four(count));
            if kind == 3 && count == 1 {
                out.extend(two(value as u16));
                out.extend([0, 0]);
            } else {
                out.extend(four(value));
            }
        }
        out.extend(four(0));
        out.resize(200, 0);
        out.extend((0..768u32).flat_map(|i| two((i * 577 % 65_536) as u16)));
        out
    }

    #[test]
    fn the_index_of_an_indexed_picture_is_the_label() {
        let dir = tempfile::tempdir().expect("temp dir");
        let labels = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            read_mask(&path, None).unwrap_or_else(|e| panic!("{name}: {e}")).map.labels
        };
        for transparent in [false, true] {
            for (depth, indices) in
                [(1, [0, 1, 1, 0]), (2, [0, 3, 1, 2]), (4, [0, 15, 1, 2]), (8, [0, 255, 1, 5])]
            {
                let found = labels("m.png", &indexed_png(depth, indices, transparent));
                assert_eq!(found, indices, "{depth} bits");
            }
        }
        assert_eq!(labels("m.bmp", &indexed_bmp(8, &[0, 1, 2, 5], 256)), [0, 1, 2, 5]);
        assert_eq!(labels("m.bmp", &indexed_bmp(8, &[0, 1, 2, 5], 6)), [0, 1, 2, 5]);
        assert_eq!(labels("m.bmp", &indexed_bmp(4, &[0x01, 0x2f], 16)), [0, 1, 2, 15]);
        assert_eq!(labels("m.bmp", &indexed_bmp(1, &[0b0110_0000], 2)), [0, 1, 1, 0]);
        assert_eq!(labels("m.tif", &indexed_tiff(false)), [0, 1, 2, 5]);
        assert_eq!(labels("m.tif", &indexed_tiff(true)), [0, 1, 2, 5]);
    }

    #[test]
    fn broken_and_other_pictures_are_no_index_maps() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("m");
        for (format, whole) in [
            (ImageFormat::Png, indexed_png(4, [0, 1, 2, 3], true)),
            (ImageFormat::Bmp, indexed_bmp(8, &[0, 1, 2, 5], 256)),
            (ImageFormat::Tiff, indexed_tiff(true)),
        ] {
            assert!(matches!(read_at(&path, &whole, format), Ok(Some(_))));
            for n in 0..whole.len() {
                // Refused or short of nothing that matters: never a panic.
                let _found = read_at(&path, &whole[..n], format);
            }
        }
        let mut grey = indexed_png(8, [0; 4], false);
        grey[25] = 0;
        assert!(matches!(read_at(&path, &grey, ImageFormat::Png), Ok(None)));
    }

    fn read_at(path: &Path, bytes: &[u8], format: ImageFormat) -> Result<Option<Volume>, Refusal> {
        std::fs::write(path, bytes).expect("written");
        read_indices(path, format)
    }
}
