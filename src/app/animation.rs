//! Animated pictures: PNG (APNG, PNG third edition, section 11.3.6) and GIF (version 89a), of frames of one size,
//! repeated for ever.

use super::Picture;

/// What stands in the file for those who read its texts.
const COMMENT: &str = "Sfumato, research use only";
/// Side of the cube of colours that a palette is chosen from.
const LEVELS: usize = 32;

/// How an animation is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnimationFormat {
    Png,
    Gif,
}

impl AnimationFormat {
    /// By the ending of a name.
    pub fn of(path: &std::path::Path) -> Option<Self> {
        let ending = path.extension()?.to_string_lossy().to_ascii_lowercase();
        match ending.as_str() {
            "png" | "apng" => Some(Self::Png),
            "gif" => Some(Self::Gif),
            _ => None,
        }
    }
}

/// Packs frames with how long each is shown, in milliseconds.
///
/// # Errors
/// If there are none, they are of several sizes, or they cannot be packed.
pub fn animation(format: AnimationFormat, frames: &[(Picture, u16)]) -> Result<Vec<u8>, String> {
    let Some((first, _)) = frames.first() else {
        return Err("an animation needs a frame at least".to_owned());
    };
    let size = (first.width, first.height);
    if frames.iter().any(|(p, _)| (p.width, p.height) != size) {
        return Err("the frames of an animation are of several sizes".to_owned());
    }
    let Ok(side) = u16::try_from(size.0.max(size.1)) else {
        return Err(format!("frames of {} x {} pixels, expected 65535 at most", size.0, size.1));
    };
    tracing::debug!("an animation of {} frames, {side} pixels", frames.len());
    match format {
        AnimationFormat::Png => png(frames, size).map_err(|e| format!("no animated PNG: {e}")),
        AnimationFormat::Gif => gif(frames, size),
    }
}

fn png(
    frames: &[(Picture, u16)],
    (width, height): (usize, usize),
) -> Result<Vec<u8>, png::EncodingError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.add_text_chunk("Comment".to_owned(), COMMENT.to_owned())?;
    encoder.set_animated(frames.len() as u32, 0)?;
    let mut writer = encoder.write_header()?;
    for (picture, ms) in frames {
        writer.set_frame_delay(*ms, 1000)?;
        writer.write_image_data(&picture.rgb)?;
    }
    writer.finish()?;
    Ok(out)
}

fn gif(frames: &[(Picture, u16)], (width, height): (usize, usize)) -> Result<Vec<u8>, String> {
    let palette = Palette::of(frames.iter().map(|(p, _)| p));
    let mut out = b"GIF89a".to_vec();
    let size = [width as u16, height as u16].map(u16::to_le_bytes).concat();
    out.extend(&size);
    // A table of 256 colours for all frames.
    out.extend([0xF7, 0, 0]);
    for color in &palette.colors {
        out.extend(color);
    }
    out.extend(b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0");
    out.extend([0x21, 0xFE, COMMENT.len() as u8]);
    out.extend(COMMENT.as_bytes());
    out.push(0);
    for (picture, ms) in frames {
        out.extend([0x21, 0xF9, 4, 4]);
        out.extend((ms / 10).max(2).to_le_bytes());
        out.extend([0, 0, 0x2C, 0, 0, 0, 0]);
        out.extend(&size);
        out.extend([0, 8]);
        let indices: Vec<u8> = picture.rgb.chunks_exact(3).map(|c| palette.index(c)).collect();
        let packed = weezl::encode::Encoder::new(weezl::BitOrder::Lsb, 8)
            .encode(&indices)
            .map_err(|e| format!("no GIF: {e}"))?;
        for block in packed.chunks(255) {
            out.push(block.len() as u8);
            out.extend(block);
        }
        out.push(0);
    }
    out.push(0x3B);
    Ok(out)
}

/// 256 colours by median cut (Heckbert 1982) of the cube of colours that the frames hold.
struct Palette {
    colors: Vec<[u8; 3]>,
    /// The nearest of them to each cell of the cube.
    nearest: Vec<u8>,
}

fn cell(color: &[u8]) -> usize {
    let level = |i: usize| usize::from(color.get(i).copied().unwrap_or(0)) * LEVELS / 256;
    (level(0) * LEVELS + level(1)) * LEVELS + level(2)
}

/// The middle of a cell along one axis.
fn middle(level: usize) -> u8 {
    ((level * 255 + (LEVELS - 1) / 2) / (LEVELS - 1)) as u8
}

fn levels(cell: usize) -> [usize; 3] {
    [cell / LEVELS / LEVELS, cell / LEVELS % LEVELS, cell % LEVELS]
}

impl Palette {
    fn of<'a>(pictures: impl Iterator<Item = &'a Picture>) -> Self {
        let mut counts = vec![0u64; LEVELS.pow(3)];
        for picture in pictures {
            picture.rgb.chunks_exact(3).for_each(|c| counts[cell(c)] += 1);
        }
        let used: Vec<usize> = (0..counts.len()).filter(|&c| counts[c] > 0).collect();
        let mut boxes = vec![used];
        while boxes.len() < 256 {
            let spread = |b: &Vec<usize>| {
                let side = |a: usize| {
                    let of = b.iter().map(|&c| levels(c)[a]);
                    of.clone().max().unwrap_or(0) - of.min().unwrap_or(0)
                };
                let axis = (0..3).max_by_key(|&a| side(a)).unwrap_or(0);
                (side(axis), axis)
            };
            let weight = |b: &Vec<usize>| b.iter().map(|&c| counts[c]).sum::<u64>();
            let next = (0..boxes.len())
                .filter(|&i| boxes[i].len() > 1)
                .max_by_key(|&i| spread(&boxes[i]).0 as u64 * weight(&boxes[i]).max(1));
            let Some(next) = next else { break };
            let mut cut = boxes.swap_remove(next);
            let axis = spread(&cut).1;
            cut.sort_by_key(|&c| (levels(c)[axis], c));
            let (half, mut sum) = (weight(&cut) / 2, 0);
            let at = cut.iter().position(|&c| {
                sum += counts[c];
                sum > half
            });
            let at = at.unwrap_or(1).clamp(1, cut.len() - 1);
            let rest = cut.split_off(at);
            boxes.extend([cut, rest]);
        }
        let mean = |b: &Vec<usize>| -> [u8; 3] {
            let all = b.iter().map(|&c| counts[c]).sum::<u64>().max(1);
            [0, 1, 2].map(|a| {
                let sum: u64 = b.iter().map(|&c| counts[c] * u64::from(middle(levels(c)[a]))).sum();
                ((sum + all / 2) / all) as u8
            })
        };
        let mut colors: Vec<[u8; 3]> = boxes.iter().map(mean).collect();
        colors.resize(256, [0; 3]);
        let apart = |a: [u8; 3], b: [u8; 3]| -> u32 {
            (0..3).map(|i| u32::from(a[i].abs_diff(b[i])).pow(2)).sum()
        };
        let nearest = (0..counts.len()).map(|c| {
            if counts[c] == 0 {
                return 0;
            }
            let own = levels(c).map(middle);
            (0..256).min_by_key(|&k| apart(colors[k], own)).unwrap_or(0) as u8
        });
        let nearest = nearest.collect();
        Self { colors, nearest }
    }

    fn index(&self, color: &[u8]) -> u8 {
        self.nearest[cell(color)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<(Picture, u16)> {
        let frame = |k: usize| {
            let pixel = |i: usize| match (i % 20 + i / 20) % 7 == k {
                true => [250, 40, 10],
                false => [(i % 20 * 12) as u8; 3],
            };
            let rgb = (0..300).flat_map(pixel).collect();
            (Picture { width: 20, height: 15, rgb }, 100)
        };
        (0..7).map(frame).collect()
    }

    #[test]
    fn an_animated_png_holds_every_frame_as_it_was() {
        let frames = frames();
        let packed = animation(AnimationFormat::Png, &frames).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&packed)).read_info().unwrap();
        assert_eq!(reader.info().animation_control().unwrap().num_frames, 7);
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        for (picture, _) in &frames {
            reader.next_frame(&mut buffer).unwrap();
            assert_eq!(buffer, picture.rgb);
        }
    }

    #[test]
    fn a_gif_holds_every_frame_in_256_colours() {
        let frames = frames();
        let packed = animation(AnimationFormat::Gif, &frames).unwrap();
        assert_eq!(&packed[..10], b"GIF89a\x14\0\x0F\0");
        let table = &packed[13..13 + 768];
        let mut at = 13 + 768 + 19 + 3 + COMMENT.len() + 1;
        for (picture, _) in &frames {
            assert_eq!(&packed[at..at + 4], [0x21, 0xF9, 4, 4]);
            assert_eq!(&packed[at + 4..at + 6], [10, 0], "hundredths of a second");
            at += 8;
            assert_eq!(packed[at], 0x2C);
            at += 10;
            assert_eq!(packed[at], 8);
            at += 1;
            let mut data = Vec::new();
            while packed[at] > 0 {
                let n = usize::from(packed[at]);
                data.extend(&packed[at + 1..=at + n]);
                at += n + 1;
            }
            at += 1;
            let mut decoder = weezl::decode::Decoder::new(weezl::BitOrder::Lsb, 8);
            let indices = decoder.decode(&data).unwrap();
            assert_eq!(indices.len(), 300);
            for (k, texel) in indices.iter().zip(picture.rgb.chunks(3)) {
                let color = &table[3 * usize::from(*k)..][..3];
                let apart = color.iter().zip(texel).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(apart <= Some(8), "{color:?} {texel:?}");
            }
        }
        assert_eq!(&packed[at..], [0x3B]);
    }

    #[test]
    fn odd_frames_are_refused() {
        assert!(animation(AnimationFormat::Gif, &[]).is_err());
        let mut frames = frames();
        frames[1].0.width = 10;
        assert!(animation(AnimationFormat::Png, &frames).unwrap_err().contains("sizes"));
        let of = |name: &str| AnimationFormat::of(std::path::Path::new(name));
        assert_eq!(
            (of("a.GIF"), of("b.apng")),
            (Some(AnimationFormat::Gif), Some(AnimationFormat::Png))
        );
        assert_eq!(of("c.mp4"), None);
    }
}
