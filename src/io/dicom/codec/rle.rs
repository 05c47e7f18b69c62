//! Run lengths of bytes (PS3.5 annex G): one PackBits segment per byte of a sample, most significant
//! first, samples one after another.

use super::decoded::check_length;
use crate::io::dicom::layout::Layout;
use crate::io::error::Refusal;

/// One frame as interleaved little-endian samples; 1-bit pixels as one byte each.
pub(super) fn decode(stream: &[u8], layout: &Layout) -> Result<Vec<u8>, Refusal> {
    // Runs of 128 in two bytes; eight pixels per byte of them where a pixel is a bit.
    check_length(stream, layout, 512)?;
    let word = |i: usize| -> Option<usize> {
        let b = stream.get(4 * i..4 * i + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(b) as usize)
    };
    let bytes = layout.allocated.div_ceil(8) as usize;
    let segments = layout.samples * bytes;
    if word(0) != Some(segments) || segments > 15 {
        return Err(Refusal::damaged(format!(
            "an RLE frame has {} segments, expected {segments}",
            word(0).unwrap_or(0)
        )));
    }
    let segment = |s: usize| {
        let start = word(s + 1).unwrap_or(usize::MAX);
        let end = if s + 1 < segments { word(s + 2).unwrap_or(0) } else { stream.len() };
        stream.get(start..end).filter(|_| start >= 64).ok_or_else(|| {
            Refusal::damaged(format!("RLE segment {} lies outside its frame", s + 1))
        })
    };
    let n = layout.pixels();
    if layout.allocated == 1 {
        // Eight pixels per byte, or, as some write it, one.
        let packed = n.div_ceil(8);
        let whole = unpack(segment(0)?, n, packed)?;
        return Ok(if whole.len() >= n && n > 1 {
            whole.into_iter().map(|v| u8::from(v != 0)).collect()
        } else {
            (0..n).map(|i| whole.get(i / 8).map_or(0, |b| b >> (i % 8) & 1)).collect()
        });
    }
    let mut out = vec![0; n * segments];
    for s in 0..segments {
        let plane = unpack(segment(s)?, n, n)
            .map_err(|e| Refusal::damaged(format!("RLE segment {}: {e}", s + 1)))?;
        let (sample, byte) = (s / bytes, bytes - 1 - s % bytes);
        let slots = out.iter_mut().skip(sample * bytes + byte).step_by(segments);
        for (slot, v) in slots.zip(plane) {
            *slot = v;
        }
    }
    Ok(out)
}

/// At least `least` bytes, at most `most`.
fn unpack(segment: &[u8], most: usize, least: usize) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::with_capacity(least);
    let mut at = 0;
    while out.len() < most {
        let Some(&code) = segment.get(at) else { break };
        at += 1;
        let code = code as i8;
        if code >= 0 {
            let end = at + code as usize + 1;
            let run = segment.get(at..end.min(segment.len())).unwrap_or_default();
            out.extend(run);
            at = end;
        } else if code != -128 {
            let Some(&v) = segment.get(at) else { break };
            out.extend(std::iter::repeat_n(v, 1 + usize::from(code.unsigned_abs())));
            at += 1;
        }
    }
    if out.len() < least {
        return Err(Refusal::damaged(format!("run lengths end after {} of {least}", out.len())));
    }
    out.truncate(most);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_kinds_of_runs() {
        // PS3.5 G.3.2: literal of 3, replicate of 4, no operation, literal of 1.
        let segment = [2, 1, 2, 3, 0xfd, 9, 0x80, 0, 7];
        assert_eq!(unpack(&segment, 8, 8).expect("whole"), [1, 2, 3, 9, 9, 9, 9, 7]);
        assert_eq!(unpack(&segment, 5, 5).expect("whole"), [1, 2, 3, 9, 9]);
        assert!(unpack(&segment, 9, 9).is_err());
        assert!(unpack(&segment[..3], 8, 8).is_err());
    }
}
