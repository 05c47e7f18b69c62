//! JPEG-LS, lossless and near-lossless (ITU-T T.87 | ISO/IEC 14495-1): one or several components in
//! any interleave mode, preset parameters and restart intervals. Mapping tables are refused.

mod context;
mod scan;
#[cfg(test)]
mod tests;

use super::decoded::{Picture, check_length};
use crate::io::dicom::layout::Layout;
use crate::io::error::Refusal;
use context::{Frame, Mode, broken};
use scan::Scan;

/// One frame as interleaved little-endian samples.
pub(super) fn decode(stream: &[u8], layout: &Layout) -> Result<Vec<u8>, Refusal> {
    // T.87 A.7.1.2: a bit stands for a run of at most 2^15.
    check_length(stream, layout, 8 << 15)?;
    picture_of(stream, layout.pixels() * layout.samples)?.into_bytes(layout)
}

/// Decodes one picture of at most `limit` samples.
fn picture_of(stream: &[u8], limit: usize) -> Result<Picture, Refusal> {
    let mut at = match stream {
        [0xff, 0xd8, ..] => 2,
        _ => return Err(broken("does not start as one")),
    };
    let (mut frame, mut preset, mut restart) = (None::<Frame>, [0u16; 5], 0usize);
    let mut identifiers: Vec<u8> = Vec::new();
    let mut samples = Vec::new();
    let mut done = 0;
    loop {
        let Some(&[0xff, marker]) = stream.get(at..at + 2) else {
            return Err(broken("ends without its end marker"));
        };
        if marker == 0xff {
            at += 1;
            continue;
        }
        if marker == 0xd9 {
            return Err(broken("ends before all its components"));
        }
        let length = match stream.get(at + 2..at + 4) {
            Some(&[h, l]) => usize::from(u16::from_be_bytes([h, l])),
            _ => return Err(broken("ends inside a marker segment")),
        };
        let body = length
            .checked_sub(2)
            .and_then(|n| stream.get(at + 4..at + 4 + n))
            .ok_or_else(|| broken("ends inside a marker segment"))?;
        at += 2 + length;
        match (marker, body) {
            (0xf7, &[bits, r1, r0, c1, c0, components, ref rest @ ..]) if frame.is_none() => {
                let f = Frame {
                    bits: u32::from(bits),
                    columns: usize::from(u16::from_be_bytes([c1, c0])),
                    rows: usize::from(u16::from_be_bytes([r1, r0])),
                    components: usize::from(components),
                };
                let count = f.columns * f.rows * f.components;
                if !(2..=16).contains(&f.bits) || count == 0 || !(1..=4).contains(&f.components) {
                    return Err(broken("has an impossible header"));
                }
                if count > limit {
                    return Err(broken("is larger than its picture"));
                }
                let specs = rest.as_chunks::<3>().0;
                if specs.len() < f.components || specs.iter().any(|s| s[1] != 0x11) {
                    return Err(Refusal::unsupported("JPEG-LS with subsampled components"));
                }
                identifiers = specs.iter().map(|s| s[0]).collect();
                samples = vec![0; count];
                frame = Some(f);
            }
            (0xf8, &[1, ref rest @ ..]) if rest.len() >= 10 => {
                for (slot, b) in preset.iter_mut().zip(rest.as_chunks::<2>().0) {
                    *slot = u16::from_be_bytes(*b);
                }
            }
            (0xf8, _) => return Err(Refusal::unsupported("JPEG-LS with mapping tables")),
            (0xe8, [b'm', b'r', b'f', b'x', transform, ..]) if *transform != 0 => {
                return Err(Refusal::unsupported("JPEG-LS with a private colour transform"));
            }
            (0xdd, bytes) => {
                restart = bytes.iter().take(4).fold(0, |n, &b| n << 8 | usize::from(b));
            }
            (0xda, &[count, ref rest @ ..]) => {
                let f = frame.ok_or_else(|| broken("has no header"))?;
                let n = usize::from(count);
                let Some((specs, &[near, interleave, transform, ..])) =
                    rest.split_at_checked(2 * n)
                else {
                    return Err(broken("has a short scan header"));
                };
                let pairs = specs.as_chunks::<2>().0;
                if pairs.iter().any(|p| p[1] != 0) {
                    return Err(Refusal::unsupported("JPEG-LS with mapping tables"));
                }
                if transform != 0 {
                    return Err(Refusal::unsupported("JPEG-LS with a point transform"));
                }
                let first = pairs
                    .first()
                    .and_then(|p| identifiers.iter().position(|id| *id == p[0]))
                    .unwrap_or(done);
                if n == 0
                    || first + n > f.components
                    || interleave > 2
                    || (n > 1) != (interleave > 0)
                {
                    return Err(broken("has an impossible scan header"));
                }
                let mode = Mode::new(f.bits, i32::from(near), preset)?;
                let data = stream.get(at..).unwrap_or_default();
                let mut scan = Scan::new(mode, f, first, n, interleave == 2, data);
                scan.run(restart, &mut samples)?;
                at += scan.end();
                done += n;
                if done >= f.components {
                    return Ok(Picture {
                        columns: f.columns,
                        rows: f.rows,
                        components: f.components,
                        samples,
                    });
                }
            }
            (0xe0..=0xef | 0xfe, _) => {}
            _ => return Err(broken(&format!("holds an unexpected marker {marker:02x}"))),
        }
    }
}
