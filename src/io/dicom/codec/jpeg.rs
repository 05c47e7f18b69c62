//! JPEG streams (ITU-T T.81) as the codecs of dicom-rs are given them: held against the header, and
//! told apart by colour. Baseline, progressive and lossless.

use super::decoded::{check_length, check_shape, differs};
use crate::io::dicom::layout::{Layout, Photometric};
use crate::io::error::Refusal;

/// Samples per byte of a transformed picture: a block of 64 takes at least one bit.
pub(super) const DCT: usize = 8 * 64;

/// Size, components and depth in the start-of-frame segment (ITU T.81 B.2.2).
pub(super) fn check(stream: &[u8], layout: &Layout) -> Result<(), Refusal> {
    let broken = || Refusal::damaged("a compressed frame is not a JPEG stream");
    let mut at = 2;
    loop {
        let Some(&[0xff, marker]) = stream.get(at..at + 2) else { return Err(broken()) };
        if marker == 0xff {
            at += 1;
            continue;
        }
        if matches!(marker, 0xc0..=0xcf | 0xf7) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let Some(&[p, h1, h0, w1, w0, n]) = stream.get(at + 4..at + 10) else {
                return Err(broken());
            };
            let size = [[w1, w0], [h1, h0]].map(|b| usize::from(u16::from_be_bytes(b)));
            check_shape(size, n.into(), layout)?;
            if matches!(marker, 0xc0..=0xc2) && p != 8 {
                return Err(Refusal::unsupported(format!("{p}-bit JPEG")));
            }
            if (p > 8) != (layout.allocated == 16) {
                return Err(differs("bits", p, layout.allocated));
            }
            return check_length(stream, layout, DCT);
        }
        let Some(&[l1, l0]) = stream.get(at + 2..at + 4) else { return Err(broken()) };
        at += 2 + usize::from(u16::from_be_bytes([l1, l0])).max(2);
    }
}

/// A three-component stream without any colour marker would be taken for YCbCr: says what the
/// header says, in an Adobe marker (ITU T.872 6.5.3).
pub(super) fn mark_colours(stream: &mut Vec<u8>, photometric: Photometric) {
    let mut at = 2;
    while let Some(&[0xff, marker, l1, l0]) = stream.get(at..at + 4) {
        match marker {
            // A shorter Adobe marker than 14 bytes is none.
            0xe0 => return,
            0xee if l1 > 0 || l0 >= 14 => return,
            0xda | 0xc0..=0xc3 => break,
            _ => at += 2 + usize::from(u16::from_be_bytes([l1, l0])).max(2),
        }
    }
    let transform = u8::from(photometric != Photometric::Rgb);
    let marker = [0xff, 0xee, 0, 14, b'A', b'd', b'o', b'b', b'e', 0, 100, 0, 0, 0, 0, transform];
    if stream.len() > 2 {
        stream.splice(2..2, marker);
    }
}

#[cfg(test)]
mod tests {
    use super::super::decoded::layout_of;
    use super::*;

    /// Start of image, a comment, and a start of frame with this marker and depth: 3 x 2 pixels.
    fn frame(marker: u8, depth: u8, components: u8) -> Vec<u8> {
        let mut b = vec![0xff, 0xd8, 0xff, 0xfe, 0, 4, b'h', b'i', 0xff];
        b.extend([0xff, marker, 0, 11, depth, 0, 2, 0, 3, components]);
        b
    }

    #[test]
    fn the_frame_header_must_be_that_of_the_picture() {
        let of = |stream: &[u8], samples: usize, allocated: u32| {
            check(stream, &layout_of([3, 2], samples, allocated)).map_err(|e| e.to_string())
        };
        assert!(of(&frame(0xc0, 8, 1), 1, 8).is_ok());
        assert!(of(&frame(0xc3, 16, 1), 1, 16).is_ok(), "lossless");
        let says = |found: Result<(), String>, words: &str| {
            let text = found.expect_err("refused");
            assert!(text.contains(words), "{text}");
        };
        says(of(&frame(0xc0, 8, 3), 1, 8), "components 3");
        says(of(&frame(0xc3, 8, 1), 1, 16), "bits 8");
        says(of(&frame(0xc2, 12, 1), 1, 16), "12-bit JPEG");
        says(
            check(&frame(0xc0, 8, 1), &layout_of([2, 3], 1, 8)).map_err(|e| e.to_string()),
            "3 x 2",
        );
        let whole = frame(0xc0, 8, 1);
        (0..whole.len()).for_each(|n| says(of(&whole[..n], 1, 8), "not a JPEG stream"));
    }

    #[test]
    fn colours_are_marked_unless_they_are() {
        let mark = |marker: &[u8], photometric: Photometric| {
            let mut stream = [&[0xff, 0xd8], marker, &frame(0xc0, 8, 3)[2..]].concat();
            let before = stream.len();
            mark_colours(&mut stream, photometric);
            (stream.len() > before).then(|| stream[17])
        };
        assert_eq!(mark(&[], Photometric::Rgb), Some(0));
        assert_eq!(mark(&[], Photometric::YbrFull422), Some(1));
        assert_eq!(mark(&[0xff, 0xe0, 0, 2], Photometric::Rgb), None, "JFIF");
        let adobe = [&[0xff, 0xee, 0, 14], [0; 12].as_slice()].concat();
        assert_eq!(mark(&adobe, Photometric::Rgb), None);
        assert_eq!(mark(&[0xff, 0xee, 0, 4, 0, 0], Photometric::Rgb), Some(0), "too short");
    }
}
