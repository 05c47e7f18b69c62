//! Pictures of planes, each with the watermark burned in.

use super::wording::WATERMARK;
use crate::volume::Window;

/// Pixels of a cell or of a detector's pixel, at least.
const SCALE: usize = 6;
/// Height of the strip with the watermark.
const STRIP: usize = 13;
/// Entropy from which a cell is hatched.
const DOUBT: f32 = 0.3;

/// Pixels on a side of each of `count` things in a row, so that they are as wide as the watermark.
fn scale(count: usize) -> usize {
    (6 * WATERMARK.len() + 4).div_ceil(count.max(1)).max(SCALE)
}

/// Columns of the letters a to z, the lowest bit on top, 5 x 7.
const LETTERS: [[u8; 5]; 26] = [
    [0x20, 0x54, 0x54, 0x54, 0x78],
    [0x7f, 0x48, 0x44, 0x44, 0x38],
    [0x38, 0x44, 0x44, 0x44, 0x20],
    [0x38, 0x44, 0x44, 0x48, 0x7f],
    [0x38, 0x54, 0x54, 0x54, 0x18],
    [0x08, 0x7e, 0x09, 0x01, 0x02],
    [0x0c, 0x52, 0x52, 0x52, 0x3e],
    [0x7f, 0x08, 0x04, 0x04, 0x78],
    [0x00, 0x44, 0x7d, 0x40, 0x00],
    [0x20, 0x40, 0x44, 0x3d, 0x00],
    [0x7f, 0x10, 0x28, 0x44, 0x00],
    [0x00, 0x41, 0x7f, 0x40, 0x00],
    [0x7c, 0x04, 0x18, 0x04, 0x78],
    [0x7c, 0x08, 0x04, 0x04, 0x78],
    [0x38, 0x44, 0x44, 0x44, 0x38],
    [0x7c, 0x14, 0x14, 0x14, 0x08],
    [0x08, 0x14, 0x14, 0x18, 0x7c],
    [0x7c, 0x08, 0x04, 0x04, 0x08],
    [0x48, 0x54, 0x54, 0x54, 0x20],
    [0x04, 0x3f, 0x44, 0x40, 0x20],
    [0x3c, 0x40, 0x40, 0x20, 0x7c],
    [0x1c, 0x20, 0x40, 0x20, 0x1c],
    [0x3c, 0x40, 0x30, 0x40, 0x3c],
    [0x44, 0x28, 0x10, 0x28, 0x44],
    [0x0c, 0x50, 0x50, 0x50, 0x3c],
    [0x44, 0x64, 0x54, 0x4c, 0x44],
];
const COMMA: [u8; 5] = [0x00, 0x50, 0x30, 0x00, 0x00];

/// A picture, RGBA, rows from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    pub size: [usize; 2],
    pub rgba: Vec<u8>,
}

impl Picture {
    fn put(&mut self, x: usize, y: usize, rgb: [u8; 3]) {
        if x < self.size[0] && y < self.size[1] {
            let i = 4 * (y * self.size[0] + x);
            self.rgba[i..i + 3].copy_from_slice(&rgb);
        }
    }

    /// Grey rows with room for the watermark under them.
    fn of(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Self {
        let size = [width, height + STRIP];
        let mut picture = Self { size, rgba: [0, 0, 0, 255].repeat(size[0] * size[1]) };
        for y in 0..height {
            (0..width).for_each(|x| picture.put(x, y, pixel(x, y)));
        }
        picture.write(2, height + 3, WATERMARK);
        picture
    }

    fn write(&mut self, x: usize, y: usize, text: &str) {
        for (k, c) in text.bytes().enumerate() {
            let columns = match c {
                b'a'..=b'z' => LETTERS[usize::from(c - b'a')],
                b',' => COMMA,
                _ => [0; 5],
            };
            for (dx, column) in columns.into_iter().enumerate() {
                let lit = (0..7).filter(|dy| column >> dy & 1 == 1);
                lit.for_each(|dy| self.put(x + 6 * k + dx, y + dy, [255, 196, 64]));
            }
        }
    }
}

fn mix(under: [u8; 3], over: [u8; 3], share: f32) -> [u8; 3] {
    std::array::from_fn(|c| {
        (f32::from(under[c]) * (1.0 - share) + f32::from(over[c]) * share).round() as u8
    })
}

/// A plane in grey between two values, structures of probability `[K, n, n]` over it in their colours,
/// hatched where `entropy` `[n, n]` is high; either may be empty.
pub fn plane_picture(
    plane: &[f32],
    window: Window,
    probability: &[f32],
    colors: &[[u8; 3]],
    entropy: &[f32],
) -> Picture {
    let cells = plane.len();
    let n = cells.isqrt();
    let scale = scale(n);
    let color = |i: usize| {
        let grey = (window.grey(f64::from(plane[i])) * 255.0).round() as u8;
        let mut rgb = [grey; 3];
        if !probability.is_empty() {
            for (k, c) in colors.iter().enumerate() {
                rgb = mix(rgb, *c, 0.65 * probability[k * cells + i]);
            }
        }
        rgb
    };
    Picture::of(n * scale, n * scale, |x, y| {
        let i = y / scale * n + x / scale;
        let doubt = entropy.get(i).is_some_and(|e| *e > DOUBT);
        if doubt && (x + y) % scale == 0 { [255; 3] } else { color(i) }
    })
}

/// Radiographs `[views, pixels]`, one under the other.
pub fn views_picture(lines: &[f32], pixels: usize) -> Picture {
    let (tall, wide) = (24, scale(pixels));
    let most = lines.iter().copied().fold(1e-6, f32::max);
    let views = lines.len() / pixels.max(1);
    Picture::of(pixels * wide, views * tall, |x, y| {
        if y % tall == tall - 1 {
            return [0; 3];
        }
        let value = lines[y / tall * pixels + x / wide] / most;
        [(255.0 * value.clamp(0.0, 1.0)).round() as u8; 3]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wording_the_watermark_is_burned_into_every_picture() {
        let plane = plane_picture(&[0.0; 64], Window::from_range(0.0, 0.03), &[], &[], &[1.0; 64]);
        let views = views_picture(&[1.0; 24], 12);
        for picture in [plane, views] {
            let [w, h] = picture.size;
            assert_eq!(picture.rgba.len(), 4 * w * h);
            let lit = |x: usize, y: usize| picture.rgba[4 * (y * w + x)..][..3] == [255, 196, 64];
            // Every letter of it has pixels of its own, and no more of them than it should.
            for (k, c) in WATERMARK.bytes().enumerate() {
                let dots = (0..5).flat_map(|dx| (0..7).map(move |dy| (dx, dy)));
                let count = dots.filter(|(dx, dy)| lit(2 + 6 * k + dx, h - STRIP + 3 + dy)).count();
                assert_eq!(count > 0, c != b' ', "letter {k}");
                assert!(
                    c == b' '
                        || c == b','
                        || LETTERS[usize::from(c - b'a')]
                            .iter()
                            .map(|b| b.count_ones() as usize)
                            .sum::<usize>()
                            == count
                );
            }
        }
    }
}
