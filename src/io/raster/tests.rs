//! Pictures written in code: kinds, spacing, orientation, pages, damage.

use crate::io::error::Refusal;
use crate::volume::{Volume, Voxels};
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, Rgba};
use std::io::Cursor;

pub(super) fn decode(bytes: &[u8], format: ImageFormat) -> Result<Volume, Refusal> {
    super::decode(Cursor::new(bytes), format)
}

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

/// A JPEG with an Exif segment that holds one entry: the orientation.
fn with_orientation(jpeg: &[u8], value: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II\x2a\0\x08\0\0\0\x01\0".to_vec();
    exif.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, value, 0, 0, 0, 0, 0, 0, 0]);
    let mut out = jpeg[..2].to_vec();
    out.extend([0xff, 0xe1]);
    out.extend((exif.len() as u16 + 2).to_be_bytes());
    out.extend(exif);
    out.extend(&jpeg[2..]);
    out
}

#[test]
fn pictures_are_shown_upright() {
    // Four blocks of 16 x 16: dark, light above light, dark, one of them grey.
    let (w, h) = (48u32, 32u32);
    let stored = ImageBuffer::from_fn(w, h, |x, y| Luma([(80 * (x / 16) + 40 * (y / 16)) as u8]));
    let jpeg = encoded(stored.clone(), ImageFormat::Jpeg);
    // Where the upright pixel (x, y) lies in the stored picture (Exif 2.32, tag 274).
    let from = |o: u8, x: u32, y: u32| match o {
        2 => (w - 1 - x, y),
        3 => (w - 1 - x, h - 1 - y),
        4 => (x, h - 1 - y),
        5 => (y, x),
        6 => (y, h - 1 - x),
        7 => (w - 1 - y, h - 1 - x),
        8 => (w - 1 - y, x),
        _ => (x, y),
    };
    for o in 1..=8u8 {
        let v = decode(&with_orientation(&jpeg, o), ImageFormat::Jpeg).expect("opens");
        let [vw, vh, _] = v.geometry().shape();
        assert_eq!([vw, vh], if o > 4 { [32, 48] } else { [48, 32] }, "{o}");
        assert_eq!(v.notices.iter().any(|n| n.text.contains("upright")), o > 1);
        for y in 0..vh {
            for x in 0..vw {
                let (sx, sy) = from(o, x as u32, y as u32);
                let expected = f64::from(stored.get_pixel(sx, sy).0[0]);
                assert!((v.value([x, y, 0], 0, 0) - expected).abs() < 12.0, "{o}: {x} {y}");
            }
        }
    }
}

#[test]
fn a_resolution_for_printing_is_a_spacing_with_a_warning() {
    let png = encoded(ImageBuffer::from_pixel(3, 2, Luma([9u8])), ImageFormat::Png);
    // After IHDR: 8 + 25 bytes. 20,000 and 10,000 pixels per metre.
    let phys = |x: u32, y: u32, unit: u8| {
        let mut chunk = b"pHYs".to_vec();
        chunk.extend(x.to_be_bytes());
        chunk.extend(y.to_be_bytes());
        chunk.push(unit);
        let mut crc = flate2::Crc::new();
        crc.update(&chunk);
        let mut out = png[..33].to_vec();
        out.extend(9u32.to_be_bytes());
        out.extend(chunk);
        out.extend(crc.sum().to_be_bytes());
        out.extend(&png[33..]);
        decode(&out, ImageFormat::Png).expect("opens")
    };
    let v = phys(20_000, 10_000, 1);
    let s = v.geometry().spacing();
    assert!((s[0] - 0.05).abs() < 1e-12 && (s[1] - 0.1).abs() < 1e-12);
    assert!(v.notices.iter().any(|n| n.text.contains("printing")));
    assert!(!v.geometry().orientation_known());
    for nothing in [phys(2835, 2835, 1), phys(3780, 3780, 1), phys(5, 5, 0), phys(0, 9, 1)] {
        assert_eq!(nothing.geometry().unit(), crate::volume::LengthUnit::Pixel);
    }
    let jpeg = encoded(ImageBuffer::from_pixel(3, 2, Luma([9u8])), ImageFormat::Jpeg);
    let at = jpeg.windows(5).position(|w| w == b"JFIF\0").expect("JFIF");
    let mut dense = jpeg;
    dense[at + 7] = 1;
    dense[at + 8..at + 10].copy_from_slice(&254u16.to_be_bytes());
    dense[at + 10..at + 12].copy_from_slice(&508u16.to_be_bytes());
    let s = decode(&dense, ImageFormat::Jpeg).expect("opens").geometry().spacing();
    assert!((s[0] - 0.1).abs() < 1e-12 && (s[1] - 0.05).abs() < 1e-12);
}

fn tiff_pages(pages: &[(u32, u32, u16)]) -> Vec<u8> {
    use tiff::encoder::{TiffEncoder, colortype::Gray16};
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out).expect("in memory");
    for &(w, h, first) in pages {
        let data: Vec<u16> = (0..w * h).map(|i| first + i as u16).collect();
        let mut image = encoder.new_image::<Gray16>(w, h).expect("in memory");
        image.resolution(
            tiff::tags::ResolutionUnit::Centimeter,
            tiff::encoder::Rational { n: 500, d: 1 },
        );
        image.write_data(&data).expect("in memory");
    }
    out.into_inner()
}

#[test]
fn pages_are_slices() {
    let v = decode(
        &tiff_pages(&[(3, 2, 40_000), (3, 2, 50_000), (1, 1, 7), (3, 2, 60_000)]),
        ImageFormat::Tiff,
    )
    .expect("opens");
    assert_eq!(v.geometry().shape(), [3, 2, 3]);
    assert_eq!(v.value([2, 1, 1], 0, 0), 50_005.0);
    assert_eq!(v.value([0, 0, 2], 0, 0), 60_000.0);
    assert!(v.notices.iter().any(|n| n.text.contains("1 of 4 pages")), "{:?}", v.notices);
    let s = v.geometry().spacing();
    assert!((s[0] - 0.02).abs() < 1e-12 && (s[1] - 0.02).abs() < 1e-12);
    let v = decode(&tiff_pages(&[(3, 2, 40_000)]), ImageFormat::Tiff).expect("opens");
    assert_eq!(v.geometry().shape(), [3, 2, 1]);
    assert_eq!(v.value([2, 1, 0], 0, 0), 40_005.0);
}

#[test]
fn damaged_stacks_never_panic() {
    use rand::{Rng, SeedableRng};
    let whole = tiff_pages(&[(9, 7, 1), (9, 7, 2), (9, 7, 3)]);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
    let mut refused = 0;
    for round in 0..1500 {
        let mut bytes = whole.clone();
        if round < 300 {
            bytes.truncate(whole.len() * round / 300);
        } else {
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] ^= 1 << rng.random_range(0..8);
            }
        }
        refused += usize::from(decode(&bytes, ImageFormat::Tiff).is_err());
    }
    assert!(refused > 200, "{refused}");
}
