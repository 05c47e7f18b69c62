//! 3-D convolution with long kernels (7x7x7) straight from the padded input, without a column matrix: the
//! taps of a row lie beside one another, so each row of taps is a piece of a matrix product of the register
//! kernels of [`super::winograd_kernels`] (as indirect convolution, Dukhan 2019, arXiv 1907.02129).
//!
//! Any stride and padding, no dilation along the rows. Every sum runs in an order that the sizes alone
//! decide.

use super::columns3d::Sizes;
use super::element::Real;
use super::shared::Shared;
use super::winograd::padded;
use super::winograd_kernels::{BLOCK_ROWS, Kernels, Product};
use rayon::prelude::*;

/// Output rows of a task.
const ROWS: usize = 8;
/// Partial sums of a weight gradient: fixed, so that the result does not depend on the machine.
const WEIGHT_PARTS: usize = 8;
/// Shorter rows of taps leave too much of a block of registers empty.
const SHORTEST: usize = 5;

/// Whether it pays.
pub(super) fn pays(s: &Sizes) -> bool {
    s.kernel[2] >= SHORTEST && s.co >= 8 && s.dilation[2] == 1
}

/// The input with its zeros, and room behind it: rows are read up to whole blocks.
struct Padded<T> {
    values: Vec<T>,
    rows: [usize; 2],
    row: usize,
}

impl<T: Real> Padded<T> {
    fn new(x: &[T], s: &Sizes) -> Self {
        let [d, h, w] = s.input;
        let wide: [usize; 3] = std::array::from_fn(|a| s.input[a] + 2 * s.pad[a]);
        let plane = wide.iter().product::<usize>();
        let room = s.stride[2] * BLOCK_ROWS + 2 * BLOCK_ROWS;
        let mut values = vec![T::default(); s.b * s.ci * plane + room];
        let planes = values.par_chunks_mut(plane).zip(x.par_chunks(d * h * w));
        planes.for_each(|(to, from)| {
            for (i, row) in from.chunks(w).enumerate() {
                let (z, y) = (i / h + s.pad[0], i % h + s.pad[1]);
                to[(z * wide[1] + y) * wide[2] + s.pad[2]..][..w].copy_from_slice(row);
            }
        });
        Self { values, rows: [wide[0], wide[1]], row: wide[2] }
    }

    /// Where output row `r` of image `b` finds the row of taps `kz`, `ky` of channel `c`.
    fn at(&self, s: &Sizes, (b, r): (usize, usize), (c, kz, ky): (usize, usize, usize)) -> usize {
        let z = r / s.output[1] * s.stride[0] + kz * s.dilation[0];
        let y = r % s.output[1] * s.stride[1] + ky * s.dilation[1];
        (((b * s.ci + c) * self.rows[0] + z) * self.rows[1] + y) * self.row
    }
}

/// Every row of taps of a kernel, in order.
fn rows_of_taps(s: &Sizes) -> impl Iterator<Item = (usize, usize, usize)> {
    let (ci, kd, kh) = (s.ci, s.kernel[0], s.kernel[1]);
    (0..ci * kd * kh).map(move |i| (i / (kd * kh), i / kh % kd, i % kh))
}

/// `x` `[b, ci, input]` by kernels `[co, ci, kernel]`.
pub(super) fn forward<T: Real>(x: &[T], k: &[T], s: &Sizes, kernels: &Kernels<T>) -> Vec<T> {
    let (cop, kw) = (padded(s.co, kernels.lanes), s.kernel[2]);
    let (all, ow, taps) = (s.output[0] * s.output[1], s.output[2], s.ci * s.taps());
    let x = Padded::new(x, s);
    // The channels of the output beside one another.
    let mut weights = vec![T::default(); taps * cop];
    for (c, own) in k.chunks(taps).enumerate() {
        own.iter().enumerate().for_each(|(i, &w)| weights[i * cop + c] = w);
    }
    let columns = padded(ow, BLOCK_ROWS);
    let mut out = vec![T::default(); s.b * s.co * all * ow];
    let shared = Shared(out.as_mut_ptr());
    let tasks = all.div_ceil(ROWS);
    (0..s.b * tasks).into_par_iter().for_each_init(
        || (vec![T::default(); columns * cop], Vec::new()),
        |(sums, pieces), task| {
            let (b, first) = (task / tasks, task % tasks * ROWS);
            for r in first..(first + ROWS).min(all) {
                pieces.clear();
                pieces.extend(rows_of_taps(s).map(|of| x.at(s, (b, r), of)));
                // SAFETY: the padded input has room for whole blocks of rows, `sums` holds them, and
                // the weights have `kw` rows of `cop` for each piece.
                unsafe {
                    (kernels.product)(Product {
                        rows: columns,
                        k: kw,
                        pieces,
                        vectors: cop / kernels.lanes,
                        a: x.values.as_ptr(),
                        a_row: s.stride[2],
                        a_k: 1,
                        b: weights.as_ptr(),
                        b_row: Some(cop),
                        c: sums.as_mut_ptr(),
                        c_row: cop,
                        add: false,
                    });
                }
                for c in 0..s.co {
                    let to = shared.at((b * s.co + c) * all * ow + r * ow);
                    for x in 0..ow {
                        // SAFETY: the row of this channel, written by this task only.
                        unsafe { to.add(x).write(sums[x * cop + c]) };
                    }
                }
            }
        },
    );
    out
}

/// The gradient of the kernels `[co, ci, kernel]`.
pub(super) fn weight_gradient<T: Real>(
    x: &[T],
    dy: &[T],
    s: &Sizes,
    kernels: &Kernels<T>,
) -> Vec<T> {
    let (cop, kw) = (padded(s.co, kernels.lanes), s.kernel[2]);
    let (all, ow) = (s.output[0] * s.output[1], s.output[2]);
    let (x, total) = (Padded::new(x, s), s.b * all);
    let (lines, wide) = (s.ci * s.kernel[0] * s.kernel[1], padded(kw, BLOCK_ROWS));
    let parts = WEIGHT_PARTS.min(total);
    let partial: Vec<Vec<T>> = (0..parts)
        .into_par_iter()
        .map(|part| {
            let mut sums = vec![T::default(); lines * wide * cop];
            let mut errors = vec![T::default(); ROWS * ow * cop];
            let mut pieces = Vec::new();
            let (start, end) = (part * total / parts, (part + 1) * total / parts);
            for first in (start..end).step_by(ROWS) {
                let rows = first..(first + ROWS).min(end);
                for (r, errors) in rows.clone().zip(errors.chunks_mut(ow * cop)) {
                    for c in 0..s.co {
                        let from = &dy[(r / all * s.co + c) * all * ow + r % all * ow..][..ow];
                        from.iter().enumerate().for_each(|(x, &v)| errors[x * cop + c] = v);
                    }
                }
                for (i, of) in rows_of_taps(s).enumerate() {
                    pieces.clear();
                    pieces.extend(rows.clone().map(|r| x.at(s, (r / all, r % all), of)));
                    // SAFETY: as in `forward`, with taps as rows.
                    unsafe {
                        (kernels.product)(Product {
                            rows: wide,
                            k: ow,
                            pieces: &pieces,
                            vectors: cop / kernels.lanes,
                            a: x.values.as_ptr(),
                            a_row: 1,
                            a_k: s.stride[2],
                            b: errors.as_ptr(),
                            b_row: Some(cop),
                            c: sums.as_mut_ptr().add(i * wide * cop),
                            c_row: cop,
                            add: true,
                        });
                    }
                }
            }
            sums
        })
        .collect();
    let taps = s.ci * s.taps();
    let mut dw = vec![T::default(); s.co * taps];
    for sums in partial {
        for (c, own) in dw.chunks_mut(taps).enumerate() {
            for (i, v) in own.iter_mut().enumerate() {
                *v += sums[(i / kw * wide + i % kw) * cop + c];
            }
        }
    }
    dw
}
