//! What the headers of a picture say beyond its pixels: resolution, components, further pictures.
//! Only headers are read, each length is checked, and nothing here can fail a sound picture.

use crate::io::error::Refusal;
use image::ImageFormat;
use std::io::{Read, Seek, SeekFrom};
use tiff::decoder::Decoder;
use tiff::decoder::ifd::Value;
use tiff::tags::Tag;

#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Colour components of a JPEG file.
    pub(super) components: Option<u8>,
    /// Distance of columns and of rows by the resolution for printing, mm.
    pub(super) spacing_mm: Option<[f64; 2]>,
    /// The resolution is one that programs write without knowing any.
    pub(super) screen: bool,
    /// An animation: one picture is shown.
    pub(super) animated: bool,
}

impl Facts {
    pub(super) fn of(bytes: &mut (impl Read + Seek), format: ImageFormat) -> Result<Self, Refusal> {
        let mut facts = Self::default();
        let found = match format {
            ImageFormat::Png => png(bytes, &mut facts),
            ImageFormat::Jpeg => jpeg(bytes, &mut facts),
            ImageFormat::Tiff => tiff(bytes, &mut facts),
            _ => None,
        };
        if found.is_none() {
            tracing::debug!("the picture's headers end early");
        }
        bytes.rewind()?;
        Ok(facts)
    }

    /// Pixels per millimetre along x and y. 72 and 96 per inch are what programs write by default.
    fn resolution(&mut self, per_mm: [f64; 2]) {
        let usable = |v: f64| v.is_finite() && (1e-3..=1e5).contains(&v);
        if !per_mm.into_iter().all(usable) {
            return;
        }
        let inch = per_mm.map(|v| v * 25.4);
        self.screen = inch.iter().all(|v| [72.0, 96.0].iter().any(|d| (v - d).abs() < 0.6));
        if !self.screen {
            self.spacing_mm = Some(per_mm.map(f64::recip));
        }
    }
}

fn take<const N: usize>(r: &mut impl Read) -> Option<[u8; N]> {
    let mut out = [0; N];
    r.read_exact(&mut out).ok()?;
    Some(out)
}

/// Chunks before the pixels (PNG 11.3.5.3 pHYs; APNG acTL).
fn png(r: &mut (impl Read + Seek), facts: &mut Facts) -> Option<()> {
    r.seek(SeekFrom::Start(8)).ok()?;
    for _ in 0..1000 {
        let length = u32::from_be_bytes(take(r)?);
        match &take::<4>(r)? {
            b"IDAT" | b"IEND" => break,
            b"acTL" => facts.animated = true,
            b"pHYs" if length == 9 => {
                let [x, y] = [u32::from_be_bytes(take(r)?), u32::from_be_bytes(take(r)?)];
                if take::<1>(r)? == [1] {
                    facts.resolution([x, y].map(|v| f64::from(v) / 1000.0));
                }
                r.seek(SeekFrom::Current(4)).ok()?;
                continue;
            }
            _ => {}
        }
        r.seek(SeekFrom::Current(i64::from(length) + 4)).ok()?;
    }
    Some(())
}

/// Segments before the scan (ITU T.81 B.2.2; JFIF density).
fn jpeg(r: &mut (impl Read + Seek), facts: &mut Facts) -> Option<()> {
    r.seek(SeekFrom::Start(2)).ok()?;
    for _ in 0..10_000 {
        let [0xff, marker] = take::<2>(r)? else { return None };
        if marker == 0xff {
            r.seek(SeekFrom::Current(-1)).ok()?; // a fill byte
            continue;
        }
        if marker == 0xda {
            break;
        }
        let length = u16::from_be_bytes(take(r)?).max(2);
        let end = r.stream_position().ok()? + u64::from(length) - 2;
        if marker == 0xe0 && length >= 14 && take::<5>(r)? == *b"JFIF\0" {
            let [_, _, unit, x0, x1, y0, y1] = take(r)?;
            let density = [[x0, x1], [y0, y1]].map(|b| f64::from(u16::from_be_bytes(b)));
            match unit {
                1 => facts.resolution(density.map(|v| v / 25.4)),
                2 => facts.resolution(density.map(|v| v / 10.0)),
                _ => {}
            }
        } else if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let [.., components] = take::<6>(r)?;
            facts.components = Some(components);
            break;
        }
        r.seek(SeekFrom::Start(end)).ok()?;
    }
    Some(())
}

/// The first directory (TIFF 6.0 sections 2 and 8).
fn tiff(r: &mut (impl Read + Seek), facts: &mut Facts) -> Option<()> {
    r.rewind().ok()?;
    let mut d = Decoder::new(r).ok()?;
    let [x, y] = pixels_per_unit(&mut d)?;
    match d.find_tag_unsigned::<u16>(Tag::ResolutionUnit).ok()?.unwrap_or(2) {
        2 => facts.resolution([x, y].map(|v| v / 25.4)),
        3 => facts.resolution([x, y].map(|v| v / 10.0)),
        _ => {}
    }
    Some(())
}

/// The resolution of a page along x and y, whatever its unit.
pub(super) fn pixels_per_unit(d: &mut Decoder<impl Read + Seek>) -> Option<[f64; 2]> {
    let number = |v: Option<Value>| match v? {
        Value::Rational(n, d) if d > 0 => Some(f64::from(n) / f64::from(d)),
        Value::Float(v) => Some(f64::from(v)),
        Value::Double(v) => Some(v),
        _ => None,
    };
    let x = number(d.find_tag(Tag::XResolution).ok()?)?;
    let y = number(d.find_tag(Tag::YResolution).ok()?)?;
    Some([x, y])
}
