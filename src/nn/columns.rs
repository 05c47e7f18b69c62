//! A 2-D convolution's input as columns (im2col, Chellapilla and others 2006), by row copies, and columns back to an
//! input.

use super::element::{Real, best_of};

/// Elements of the longest vector.
const VECTOR: usize = 16;

/// All sizes of one convolution.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) b: usize,
    pub(super) ci: usize,
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) co: usize,
    pub(super) kh: usize,
    pub(super) kw: usize,
    pub(super) oh: usize,
    pub(super) ow: usize,
    pub(super) pad: usize,
    pub(super) stride: usize,
}

impl Sizes {
    pub(super) fn taps(&self) -> usize {
        self.ci * self.kh * self.kw
    }
    /// Output rows whose columns are so many elements.
    pub(super) fn rows_per_tile(&self, elements: usize) -> usize {
        (elements / (self.taps() * self.ow)).clamp(1, self.oh)
    }
    /// An input row with its zeros, and as much more as whole strides need.
    fn line(&self) -> usize {
        let whole = self.stride * self.ow.next_multiple_of(VECTOR) + self.kw;
        whole.max(self.w + 2 * self.pad).next_multiple_of(VECTOR)
    }
    /// A 1x1 convolution needs no im2col: the input is its own column matrix.
    pub(super) fn is_pointwise(&self) -> bool {
        self.kh == 1 && self.kw == 1 && self.stride == 1 && self.pad == 0
    }
    pub(super) fn image<'a, T>(&self, x: &'a [T], b: usize) -> &'a [T] {
        &x[b * self.ci * self.h * self.w..][..self.ci * self.h * self.w]
    }
    fn input_row(&self, y: usize, ky: usize) -> Option<usize> {
        (y * self.stride + ky).checked_sub(self.pad).filter(|&iy| iy < self.h)
    }
    fn input_column(&self, x: usize, kx: usize) -> Option<usize> {
        (x * self.stride + kx).checked_sub(self.pad).filter(|&ix| ix < self.w)
    }
    /// Calls `f(row of the column matrix, channel, ky, kx)` for each tap.
    #[inline(always)]
    fn each_tap(&self, mut f: impl FnMut(usize, usize, usize, usize)) {
        let mut r = 0;
        for c in 0..self.ci {
            for ky in 0..self.kh {
                for kx in 0..self.kw {
                    f(r, c, ky, kx);
                    r += 1;
                }
            }
        }
    }
}

/// Output rows `y0..y1` of one image as columns: `[Cin·kh·kw, (y1-y0)·ow]`, `row` elements from one row of it to the
/// next, behind [`Sizes::line`] elements in which each input row gets its zeros.
#[inline(always)]
fn columns_of<T: Real>(x: &[T], s: &Sizes, y0: usize, y1: usize, room: &mut [T], row: usize) {
    let (line, col) = room.split_at_mut(s.line());
    line.fill(T::default());
    for (r, taps) in col.chunks_exact_mut(s.kw * row).enumerate().take(s.ci * s.kh) {
        let plane = &x[r / s.kh * s.h * s.w..][..s.h * s.w];
        for (at, y) in (y0..y1).enumerate() {
            let to = taps.chunks_exact_mut(row).map(|to| &mut to[at * s.ow..][..s.ow]);
            let Some(iy) = s.input_row(y, r % s.kh) else {
                to.for_each(|to| to.fill(T::default()));
                continue;
            };
            line[s.pad..][..s.w].copy_from_slice(&plane[iy * s.w..][..s.w]);
            for (kx, to) in to.enumerate() {
                match s.stride {
                    1 => to.copy_from_slice(&line[kx..][..s.ow]),
                    2 => every_second(to, &line[kx..]),
                    n => to.iter_mut().zip(line[kx..].chunks_exact(n)).for_each(|(v, x)| *v = x[0]),
                }
            }
        }
    }
}

/// Vector by vector: the last one is read whole.
#[inline(always)]
fn every_second<T: Real>(to: &mut [T], from: &[T]) {
    for (to, from) in to.chunks_mut(VECTOR).zip(from.as_chunks::<{ 2 * VECTOR }>().0) {
        let mut values = [T::default(); VECTOR];
        for i in 0..VECTOR {
            values[i] = from[2 * i];
        }
        match to.as_mut_array::<VECTOR>() {
            Some(to) => *to = values,
            None => to.copy_from_slice(&values[..to.len()]),
        }
    }
}
best_of!(im2col = columns_of(
    x: &[T], s: &Sizes, y0: usize, y1: usize, room: &mut [T], row: usize
));

/// Elements that [`columns_to`] needs.
pub(super) fn columns_size(s: &Sizes, row: usize) -> usize {
    if s.is_pointwise() { s.taps() * row } else { s.line() + s.taps() * row }
}

/// [`columns_of`], and where they are then; those of a 1x1 convolution are the channels themselves.
pub(super) fn columns_to<T: Real>(
    x: &[T],
    s: &Sizes,
    y0: usize,
    y1: usize,
    room: &mut [T],
    row: usize,
) -> *const T {
    if !s.is_pointwise() {
        im2col(x, s, y0, y1, room, row);
        return room[s.line()..].as_ptr();
    }
    let n = (y1 - y0) * s.ow;
    let channels = x[y0 * s.ow..].chunks(s.h * s.w);
    let to = room.chunks_exact_mut(row);
    to.zip(channels).for_each(|(to, from)| to[..n].copy_from_slice(&from[..n]));
    room.as_ptr()
}

/// Adds columns back to where [`im2col`] took them from.
pub(super) fn col2im<T: Real>(col: &[T], s: &Sizes, y0: usize, y1: usize, x: &mut [T]) {
    let n = (y1 - y0) * s.ow;
    s.each_tap(|r, c, ky, kx| {
        for y in y0..y1 {
            let Some(iy) = s.input_row(y, ky) else { continue };
            let to = &mut x[c * s.h * s.w + iy * s.w..][..s.w];
            let from = &col[r * n + (y - y0) * s.ow..][..s.ow];
            for (ox, &v) in from.iter().enumerate() {
                if let Some(ix) = s.input_column(ox, kx) {
                    to[ix] += v;
                }
            }
        }
    });
}
