//! Pictures the way up that their file asks for (Exif 2.32 and TIFF 6.0, tag 274).

use image::metadata::Orientation;

/// Whether width and height change places.
pub(super) fn is_quarter_turn(orientation: Orientation) -> bool {
    use Orientation as O;
    matches!(orientation, O::Rotate90 | O::Rotate270 | O::Rotate90FlipH | O::Rotate270FlipH)
}

/// Turns and mirrors rows of `w` pixels; half turns and mirrors in place.
pub(super) fn upright<T: Copy>(mut v: Vec<T>, w: usize, orientation: Orientation) -> Vec<T> {
    let h = v.len() / w.max(1);
    // The pixel at (x, y) of the turned picture, which is `h` wide, by its place in the stored one.
    let turn = |v: &[T], from: fn(usize, usize, usize, usize) -> (usize, usize)| -> Vec<T> {
        (0..v.len())
            .filter_map(|i| {
                let (x, y) = from(i % h, i / h, w, h);
                v.get(x + w * y).copied()
            })
            .collect()
    };
    match orientation {
        Orientation::NoTransforms => v,
        Orientation::Rotate180 => {
            v.reverse();
            v
        }
        Orientation::FlipHorizontal => {
            v.chunks_mut(w.max(1)).for_each(<[T]>::reverse);
            v
        }
        Orientation::FlipVertical => {
            v.chunks_mut(w.max(1)).for_each(<[T]>::reverse);
            v.reverse();
            v
        }
        Orientation::Rotate90 => turn(&v, |x, y, _, h| (y, h - 1 - x)),
        Orientation::Rotate270 => turn(&v, |x, y, w, _| (w - 1 - y, x)),
        // A quarter turn clockwise, then mirrored left to right; and the other one.
        Orientation::Rotate90FlipH => turn(&v, |x, y, _, _| (y, x)),
        Orientation::Rotate270FlipH => turn(&v, |x, y, w, h| (w - 1 - y, h - 1 - x)),
    }
}
