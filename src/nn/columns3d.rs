//! 3-D convolution of any kernel, stride, padding and dilation as matrix products over tiles of the
//! column matrix that stay in the cache: a 7x7x7 kernel never makes its whole column matrix.
//!
//! With a stride along the rows the input's columns are first sorted by their remainder (phases), so
//! that every row of a tile is a plain copy. Sums run in an order that the sizes alone decide.

use super::conv::{Matrix, product};
use super::element::Real;
use super::shared::Shared;
use rayon::prelude::*;
use std::borrow::Cow;

/// Elements of a tile of columns: about 1 MB in `f32`.
const TILE_ELEMENTS: usize = 1 << 18;
/// Partial sums of a weight gradient: fixed, so that the result does not depend on the machine.
const WEIGHT_PARTS: usize = 8;

/// All sizes of one convolution; triples are depth, height, width.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) b: usize,
    pub(super) ci: usize,
    pub(super) co: usize,
    pub(super) input: [usize; 3],
    pub(super) kernel: [usize; 3],
    pub(super) output: [usize; 3],
    pub(super) stride: [usize; 3],
    pub(super) pad: [usize; 3],
    pub(super) dilation: [usize; 3],
}

impl Sizes {
    pub(super) fn taps(&self) -> usize {
        self.kernel.iter().product()
    }
    pub(super) fn inputs(&self) -> usize {
        self.input.iter().product()
    }
    pub(super) fn outputs(&self) -> usize {
        self.output.iter().product()
    }
    /// The input is its own column matrix.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1; 3] && self.stride == [1; 3] && self.pad == [0; 3]
    }
    /// Rows of the output (over depth and height) in a tile for so many rows of the column matrix.
    fn rows_per_tile(&self, depth: usize) -> usize {
        let rows = self.output[0] * self.output[1];
        (TILE_ELEMENTS / (depth * self.output[2]).max(1)).clamp(1, rows)
    }
    /// Input position along an axis for an output position and a tap.
    fn source(&self, axis: usize, o: usize, k: usize) -> Option<usize> {
        let at = (o * self.stride[axis] + k * self.dilation[axis]).checked_sub(self.pad[axis])?;
        (at < self.input[axis]).then_some(at)
    }
    /// Columns of a phase, and of a row of all phases.
    fn phase_width(&self) -> usize {
        self.input[2].div_ceil(self.stride[2])
    }
    fn phased_row(&self) -> usize {
        self.phase_width() * self.stride[2]
    }
    /// Where tap column `kx` lies in a phased row: the output columns `low..high` that it reaches,
    /// and the place of the first of them.
    fn run(&self, kx: usize) -> (usize, usize, usize) {
        let stride = self.stride[2] as isize;
        let shift = (kx * self.dilation[2]) as isize - self.pad[2] as isize;
        let (phase, first) = (shift.rem_euclid(stride), shift.div_euclid(stride));
        let width = (self.input[2] as isize - phase + stride - 1) / stride;
        let columns = self.output[2] as isize;
        let low = (-first).clamp(0, columns);
        let high = (width - first).clamp(low, columns);
        let place = phase * self.phase_width() as isize + (low + first).max(0);
        (low as usize, high as usize, place as usize)
    }
}

/// Rows `[.., w]` with their columns sorted by remainder: `[.., stride, ⌈w / stride⌉]`.
fn phased<'a, T: Real>(x: &'a [T], s: &Sizes) -> Cow<'a, [T]> {
    let (stride, width) = (s.stride[2], s.phase_width());
    if stride == 1 {
        return Cow::Borrowed(x);
    }
    let mut out = vec![T::default(); x.len() / s.input[2] * s.phased_row()];
    let rows = 64;
    let chunks = out.par_chunks_mut(rows * s.phased_row()).zip(x.par_chunks(rows * s.input[2]));
    chunks.for_each(|(to, from)| {
        for (to, from) in to.chunks_mut(s.phased_row()).zip(from.chunks(s.input[2])) {
            for (i, group) in from.chunks(stride).enumerate() {
                for (phase, &v) in group.iter().enumerate() {
                    to[phase * width + i] = v;
                }
            }
        }
    });
    Cow::Owned(out)
}

/// Output rows `r0..r1` of one phased image as columns, `[channels·taps, (r1 - r0)·ow]`.
fn im2col<T: Real>(x: &[T], channels: usize, s: &Sizes, (r0, r1): (usize, usize), col: &mut [T]) {
    let [oh, ow] = [s.output[1], s.output[2]];
    let (n, row) = ((r1 - r0) * ow, s.phased_row());
    let mut matrix_rows = col.chunks_mut(n);
    for c in 0..channels {
        for kz in 0..s.kernel[0] {
            for ky in 0..s.kernel[1] {
                for kx in 0..s.kernel[2] {
                    let Some(to) = matrix_rows.next() else { return };
                    let (low, high, place) = s.run(kx);
                    for (to, r) in to.chunks_mut(ow).zip(r0..r1) {
                        let (z, y) = (s.source(0, r / oh, kz), s.source(1, r % oh, ky));
                        let (Some(z), Some(y)) = (z, y) else {
                            to.fill(T::default());
                            continue;
                        };
                        let at = ((c * s.input[0] + z) * s.input[1] + y) * row + place;
                        to[..low].fill(T::default());
                        to[high..].fill(T::default());
                        to[low..high].copy_from_slice(&x[at..at + high - low]);
                    }
                }
            }
        }
    }
}

/// Adds columns back to where [`im2col`] took them from.
fn col2im<T: Real>(col: &[T], channels: usize, s: &Sizes, (r0, r1): (usize, usize), x: &mut [T]) {
    let [oh, ow] = [s.output[1], s.output[2]];
    let (n, row) = ((r1 - r0) * ow, s.phased_row());
    let mut matrix_rows = col.chunks(n);
    for c in 0..channels {
        for kz in 0..s.kernel[0] {
            for ky in 0..s.kernel[1] {
                for kx in 0..s.kernel[2] {
                    let Some(from) = matrix_rows.next() else { return };
                    let (low, high, place) = s.run(kx);
                    for (from, r) in from.chunks(ow).zip(r0..r1) {
                        let (z, y) = (s.source(0, r / oh, kz), s.source(1, r % oh, ky));
                        let (Some(z), Some(y)) = (z, y) else { continue };
                        let at = ((c * s.input[0] + z) * s.input[1] + y) * row + place;
                        let to = &mut x[at..at + high - low];
                        to.iter_mut().zip(&from[low..high]).for_each(|(t, &v)| *t += v);
                    }
                }
            }
        }
    }
}

/// `x` `[b, ci, input]` by kernels `[co, ci, kernel]`.
pub(super) fn forward<T: Real>(x: &[T], k: &[T], s: &Sizes) -> Vec<T> {
    let (depth, plane) = (s.ci * s.taps(), s.outputs());
    let (rows, ow) = (s.rows_per_tile(depth), s.output[2]);
    let all = s.output[0] * s.output[1];
    // Small volumes still make a task for every thread.
    let rows = rows.min((s.b * all).div_ceil(rayon::current_num_threads())).max(1);
    let tiles = all.div_ceil(rows);
    let pointwise = s.is_pointwise();
    let x = if pointwise { Cow::Borrowed(x) } else { phased(x, s) };
    let image = x.len() / s.b;
    let mut out = vec![T::default(); s.b * s.co * plane];
    let shared = Shared(out.as_mut_ptr());
    let size = if pointwise { 0 } else { depth * rows * ow };
    (0..s.b * tiles).into_par_iter().for_each_init(
        || vec![T::default(); size],
        |col, i| {
            let (b, r0) = (i / tiles, i % tiles * rows);
            let r1 = (r0 + rows).min(all);
            let n = (r1 - r0) * ow;
            let image = &x[b * image..(b + 1) * image];
            let columns = if pointwise {
                Matrix { at: image[r0 * ow..].as_ptr(), row: plane, column: 1 }
            } else {
                im2col(image, s.ci, s, (r0, r1), col);
                Matrix { at: col.as_ptr(), row: n, column: 1 }
            };
            let weights = Matrix { at: k.as_ptr(), row: depth, column: 1 };
            let to = shared.at(b * s.co * plane + r0 * ow);
            // SAFETY: the tile's rows of all output planes of image `b`, written by this task only.
            unsafe { product((s.co, n, depth), to, plane, false, &weights, &columns) };
        },
    );
    out
}

/// The gradient of the kernels `[co, ci, kernel]`.
pub(super) fn weight_gradient<T: Real>(x: &[T], dy: &[T], s: &Sizes) -> Vec<T> {
    let (depth, plane) = (s.ci * s.taps(), s.outputs());
    let (rows, ow) = (s.rows_per_tile(depth), s.output[2]);
    let all = s.output[0] * s.output[1];
    let rows = rows.min((s.b * all).div_ceil(WEIGHT_PARTS)).max(1);
    let tiles = all.div_ceil(rows);
    let pointwise = s.is_pointwise();
    let x = if pointwise { Cow::Borrowed(x) } else { phased(x, s) };
    let (image, total) = (x.len() / s.b, s.b * tiles);
    let parts = WEIGHT_PARTS.min(total);
    let partial: Vec<Vec<T>> = (0..parts)
        .into_par_iter()
        .map(|part| {
            let mut dw = vec![T::default(); s.co * depth];
            let mut col = vec![T::default(); if pointwise { 0 } else { depth * rows * ow }];
            for i in part * total / parts..(part + 1) * total / parts {
                let (b, r0) = (i / tiles, i % tiles * rows);
                let r1 = (r0 + rows).min(all);
                let n = (r1 - r0) * ow;
                let image = &x[b * image..(b + 1) * image];
                let transposed = if pointwise {
                    Matrix { at: image[r0 * ow..].as_ptr(), row: 1, column: plane }
                } else {
                    im2col(image, s.ci, s, (r0, r1), &mut col);
                    Matrix { at: col.as_ptr(), row: 1, column: n }
                };
                let dy = dy[b * s.co * plane + r0 * ow..].as_ptr();
                let dy = Matrix { at: dy, row: plane, column: 1 };
                // SAFETY: `dw` is this task's own; the other two were sized above.
                unsafe {
                    product((s.co, depth, n), dw.as_mut_ptr(), depth, true, &dy, &transposed);
                };
            }
            dw
        })
        .collect();
    let sum = |mut sum: Vec<T>, part: Vec<T>| {
        sum.iter_mut().zip(part).for_each(|(a, b)| *a += b);
        sum
    };
    partial.into_iter().reduce(sum).unwrap_or_default()
}

/// The gradient of the input `[b, ci, input]`; what a transposed convolution computes, too.
pub(super) fn input_gradient<T: Real>(dy: &[T], k: &[T], s: &Sizes) -> Vec<T> {
    let (taps, plane) = (s.taps(), s.outputs());
    let (all, ow) = (s.output[0] * s.output[1], s.output[2]);
    // Channels that one task adds up: as many tasks as threads, at least.
    let tasks = rayon::current_num_threads().div_ceil(s.b);
    let most = s.ci.div_ceil(tasks);
    let rows = s.rows_per_tile(most * taps);
    let (inputs, wide) = (s.inputs(), s.input[0] * s.input[1] * s.phased_row());
    let mut dx = vec![T::default(); s.b * s.ci * inputs];
    for (b, dx) in dx.chunks_mut(s.ci * inputs).enumerate() {
        dx.par_chunks_mut(most * inputs).enumerate().for_each(|(task, dx)| {
            let channels = dx.len() / inputs;
            let depth = channels * taps;
            let mut col = vec![T::default(); depth * rows * ow];
            let mut sum = vec![T::default(); channels * wide];
            for r0 in (0..all).step_by(rows) {
                let r1 = (r0 + rows).min(all);
                let n = (r1 - r0) * ow;
                let k = k[task * most * taps..].as_ptr();
                let transposed = Matrix { at: k, row: 1, column: s.ci * taps };
                let dy = dy[b * s.co * plane + r0 * ow..].as_ptr();
                let dy = Matrix { at: dy, row: plane, column: 1 };
                // SAFETY: `col` is this task's own and holds `depth · n` elements.
                unsafe { product((depth, n, s.co), col.as_mut_ptr(), n, false, &transposed, &dy) };
                col2im(&col, channels, s, (r0, r1), &mut sum);
            }
            let (stride, width) = (s.stride[2], s.phase_width());
            for (to, from) in dx.chunks_mut(s.input[2]).zip(sum.chunks(s.phased_row())) {
                for (x, v) in to.iter_mut().enumerate() {
                    *v = from[x % stride * width + x / stride];
                }
            }
        });
    }
    dx
}
