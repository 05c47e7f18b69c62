//! JPEG 2000 code streams (ITU-T T.800) as the codec of dicom-rs is given them: held against the
//! header, and asked whether the decoder changes their colours.

use super::decoded::{check_shape, differs};
use crate::io::dicom::layout::Layout;
use crate::io::error::Refusal;

/// The code stream within `stream`, which may be wrapped in a file format.
pub(super) fn code_stream(stream: &[u8]) -> Option<&[u8]> {
    let at = stream.windows(4).position(|w| w == [0xff, 0x4f, 0xff, 0x51])?;
    stream.get(at..)
}

/// Size, components and depth in the SIZ segment (ITU T.800 A.5.1).
pub(super) fn check(stream: &[u8], layout: &Layout) -> Result<(), Refusal> {
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_be_bytes(stream.get(at..at + 4)?.try_into().ok()?))
    };
    let size = || {
        let (x1, y1, x0, y0) = (word(8)?, word(12)?, word(16)?, word(20)?);
        let n = u16::from_be_bytes(stream.get(40..42)?.try_into().ok()?);
        Some((x1.checked_sub(x0)?, y1.checked_sub(y0)?, usize::from(n)))
    };
    let (w, h, n) = size().ok_or_else(|| Refusal::damaged("a JPEG 2000 frame has no size"))?;
    check_shape([w as usize, h as usize], n, layout)?;
    for c in 0..n {
        let at = 42 + 3 * c;
        let Some(&[depth, dx, dy]) = stream.get(at..at + 3) else {
            return Err(Refusal::damaged("a JPEG 2000 frame describes too few components"));
        };
        let bits = u32::from(depth & 0x7f) + 1;
        if bits > layout.allocated {
            return Err(differs("bits", bits, layout.allocated));
        }
        if (dx, dy) != (1, 1) {
            return Err(Refusal::unsupported("JPEG 2000 with subsampled components"));
        }
    }
    Ok(())
}

/// Whether the COD segment asks for a component transform, which the decoder then undoes.
pub(super) fn mixes_components(stream: &[u8]) -> bool {
    let cod = stream.windows(2).position(|w| w == [0xff, 0x52]);
    cod.and_then(|at| stream.get(at + 8)).is_some_and(|&mct| mct == 1)
}

#[cfg(test)]
mod tests {
    use super::super::decoded::layout_of;
    use super::*;

    /// The first two segments of a code stream of 3 x 2 pixels.
    fn stream(bits: u8, components: u16, step: u8, transform: u8) -> Vec<u8> {
        let mut b = vec![0xff, 0x4f, 0xff, 0x51, 0, 38 + 3 * components as u8, 0, 0];
        for word in [4u32, 3, 1, 1, 3, 2, 0, 0] {
            b.extend(word.to_be_bytes());
        }
        b.extend(components.to_be_bytes());
        (0..components).for_each(|_| b.extend([bits - 1, step, step]));
        b.extend([0xff, 0x52, 0, 12, 0, 0, 0, 1, transform]);
        b
    }

    #[test]
    fn the_size_segment_must_be_that_of_the_picture() {
        let of = |stream: &[u8], samples: usize, allocated: u32| {
            check(stream, &layout_of([3, 2], samples, allocated)).map_err(|e| e.to_string())
        };
        assert!(of(&stream(8, 3, 1, 0), 3, 8).is_ok());
        let says = |found: Result<(), String>, words: &str| {
            let text = found.expect_err("refused");
            assert!(text.contains(words), "{text}");
        };
        says(of(&stream(8, 1, 1, 0), 3, 8), "components 1");
        says(of(&stream(12, 1, 1, 0), 1, 8), "bits 12");
        says(of(&stream(8, 3, 2, 0), 3, 8), "subsampled");
        says(of(&stream(8, 3, 1, 0)[..48], 3, 8), "too few components");
        says(of(&stream(8, 3, 1, 0)[..40], 3, 8), "no size");
    }

    #[test]
    fn a_component_transform_is_seen_also_inside_a_file_format() {
        for (transform, mixes) in [(0, false), (1, true)] {
            let wrapped = [b"jP  \r\n".as_slice(), &stream(8, 3, 1, transform)].concat();
            let code = code_stream(&wrapped).expect("a code stream");
            assert_eq!((code.len() + 6, mixes_components(code)), (wrapped.len(), mixes));
        }
        assert_eq!(code_stream(&[0xff, 0xd8, 0xff, 0x51]), None);
    }
}
