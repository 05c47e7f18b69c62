//! Frames deflated one by one (PS3.5 A.4.13, RFC 1951).

use crate::io::dicom::layout::Layout;
use crate::io::error::Refusal;
use std::io::Read;

/// One frame as interleaved little-endian samples; 1-bit pixels as one byte each.
pub(super) fn decode(stream: &[u8], layout: &Layout) -> Result<Vec<u8>, Refusal> {
    let needed = layout.frame_bits().div_ceil(8);
    let mut out = Vec::new();
    flate2::read::DeflateDecoder::new(stream)
        .take(needed)
        .read_to_end(&mut out)
        .map_err(|e| Refusal::damaged(format!("a deflated frame is broken ({e})")))?;
    if (out.len() as u64) < needed {
        return Err(Refusal::damaged(format!(
            "a deflated frame has {} bytes, expected {needed}",
            out.len()
        )));
    }
    if layout.allocated == 1 {
        return Ok((0..layout.pixels())
            .map(|i| out.get(i / 8).map_or(0, |b| b >> (i % 8) & 1))
            .collect());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::decoded::layout_of;
    use super::*;
    use std::io::Write;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(bytes).and_then(|()| out.finish()).expect("in memory")
    }

    #[test]
    fn a_frame_is_as_long_as_its_picture() {
        let layout = layout_of([2, 2], 1, 16);
        let whole = deflated(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(decode(&whole, &layout).expect("whole"), [1, 2, 3, 4, 5, 6, 7, 8]);
        let e = decode(&deflated(&[1, 2, 3]), &layout).expect_err("short").to_string();
        assert!(e.contains("has 3 bytes, expected 8"), "{e}");
        assert!(decode(&whole[..4], &layout).is_err());
        assert!(decode(&[0xff; 9], &layout).is_err());
    }

    #[test]
    fn bits_become_bytes() {
        let bits = layout_of([5, 2], 1, 1);
        let stream = deflated(&[0b1010_0001, 0b10]);
        assert_eq!(decode(&stream, &bits).expect("whole"), [1, 0, 0, 0, 0, 1, 0, 1, 0, 1]);
    }
}
