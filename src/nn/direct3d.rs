//! 3-D convolution with long kernels (7x7x7) straight from the padded input, without a column matrix:
//! forward by [`super::row_kernels`]; for the gradient of the kernels the taps of a row lie beside one
//! another, so each row of taps is a piece of a matrix product of [`super::winograd_kernels`].
//!
//! Any stride and padding, no dilation along the rows. Every sum runs in an order that the sizes alone
//! decide.

use super::columns3d::Sizes;
use super::element::Real;
use super::row_kernels::{CHANNELS, GROUP, Rows};
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

/// The input with its zeros, and room behind it: rows are read up to whole vectors and blocks. Of each row
/// first the elements 0, `phases`, 2·`phases` …, then 1, `phases` + 1 …
struct Padded<T> {
    values: Vec<T>,
    rows: [usize; 2],
    phases: usize,
    /// Elements of a phase of a row.
    phase: usize,
}

impl<T: Real> Padded<T> {
    fn new(x: &[T], s: &Sizes, phases: usize) -> Self {
        let [d, h, w] = s.input;
        let wide: [usize; 3] = std::array::from_fn(|a| s.input[a] + 2 * s.pad[a]);
        let phase = wide[2].div_ceil(phases);
        let plane = wide[0] * wide[1] * phases * phase;
        let room = (s.stride[2] + 2) * 2 * BLOCK_ROWS;
        let mut values = vec![T::default(); s.b * s.ci * plane + room];
        let planes = values.par_chunks_mut(plane).zip(x.par_chunks(d * h * w));
        planes.for_each(|(to, from)| {
            for (i, row) in from.chunks(w).enumerate() {
                let (z, y) = (i / h + s.pad[0], i % h + s.pad[1]);
                let to = &mut to[(z * wide[1] + y) * phases * phase..][..phases * phase];
                let pad = s.pad[2];
                for (p, to) in to.chunks_mut(phase).enumerate() {
                    let first = (p + phases - pad % phases) % phases;
                    let from = row.get(first..).unwrap_or_default().iter().step_by(phases);
                    let to = to[(first + pad) / phases..].iter_mut();
                    to.zip(from).for_each(|(to, v)| *to = *v);
                }
            }
        });
        Self { values, rows: [wide[0], wide[1]], phases, phase }
    }

    /// Where output row `r` of image `b` begins.
    fn start(&self, s: &Sizes, b: usize, r: usize) -> usize {
        let (z, y) = (r / s.output[1] * s.stride[0], r % s.output[1] * s.stride[1]);
        ((b * s.ci * self.rows[0] + z) * self.rows[1] + y) * self.phases * self.phase
    }

    /// How far behind that the row of taps `kz`, `ky` of channel `c` lies.
    fn piece(&self, s: &Sizes, (c, kz, ky): (usize, usize, usize)) -> usize {
        let (z, y) = (kz * s.dilation[0], ky * s.dilation[1]);
        ((c * self.rows[0] + z) * self.rows[1] + y) * self.phases * self.phase
    }

    /// How far behind that a tap lies.
    fn tap(&self, s: &Sizes, kx: usize) -> usize {
        let x = kx * s.dilation[2];
        x % self.phases * self.phase + x / self.phases
    }
}

/// Every row of taps of a kernel, in order.
fn rows_of_taps(s: &Sizes) -> impl Iterator<Item = (usize, usize, usize)> {
    let (ci, kd, kh) = (s.ci, s.kernel[0], s.kernel[1]);
    (0..ci * kd * kh).map(move |i| (i / (kd * kh), i / kh % kd, i % kh))
}

/// `x` `[b, ci, input]` by kernels `[co, ci, kernel]`.
pub(super) fn forward<T: Real>(x: &[T], k: &[T], s: &Sizes, kernels: &Kernels<T>) -> Vec<T> {
    let (all, ow, taps) = (s.output[0] * s.output[1], s.output[2], s.ci * s.taps());
    let x = Padded::new(x, s, s.stride[2]);
    let pieces: Vec<usize> = rows_of_taps(s).map(|of| x.piece(s, of)).collect();
    let steps: Vec<usize> = (0..s.kernel[2]).map(|kx| x.tap(s, kx)).collect();
    // A few channels of the output beside one another.
    let mut weights = vec![T::default(); s.co.div_ceil(CHANNELS) * taps * CHANNELS];
    for (c, own) in k.chunks(taps).enumerate() {
        let to = &mut weights[c / CHANNELS * taps * CHANNELS..][..taps * CHANNELS];
        own.iter().enumerate().for_each(|(i, &w)| to[i * CHANNELS + c % CHANNELS] = w);
    }
    let vectors = ow.div_ceil(kernels.lanes);
    let width = (ROWS * vectors).next_multiple_of(GROUP) * kernels.lanes;
    let mut out = vec![T::default(); s.b * s.co * all * ow];
    let shared = Shared(out.as_mut_ptr());
    let tasks = all.div_ceil(ROWS);
    (0..s.b * tasks).into_par_iter().for_each_init(
        || (vec![T::default(); CHANNELS * width], Vec::new()),
        |(sums, at), task| {
            let (b, first) = (task / tasks, task % tasks * ROWS);
            let rows = first..(first + ROWS).min(all);
            at.clear();
            for r in rows.clone() {
                let start = x.start(s, b, r);
                at.extend((0..vectors).map(|v| start + v * kernels.lanes));
            }
            // What fills the last group is computed twice and left.
            at.resize(at.len().next_multiple_of(GROUP), at[0]);
            for (block, weights) in weights.chunks(taps * CHANNELS).enumerate() {
                // SAFETY: the padded input has room for whole vectors, `sums` for all of them, and the
                // weights have a factor for each tap and channel.
                unsafe {
                    (kernels.rows)(Rows {
                        x: x.values.as_ptr(),
                        at,
                        pieces: &pieces,
                        taps: &steps,
                        weights: weights.as_ptr(),
                        c: sums.as_mut_ptr(),
                        c_row: width,
                    });
                }
                for (q, sums) in sums.chunks(width).enumerate().take(s.co - block * CHANNELS) {
                    let c = block * CHANNELS + q;
                    for (r, sums) in rows.clone().zip(sums.chunks(vectors * kernels.lanes)) {
                        let to = shared.at(((b * s.co + c) * all + r) * ow);
                        // SAFETY: the row of this channel, written by this task only.
                        unsafe { to.copy_from_nonoverlapping(sums.as_ptr(), ow) };
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
    let (x, total) = (Padded::new(x, s, 1), s.b * all);
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
                    let piece = x.piece(s, of);
                    pieces.extend(rows.clone().map(|r| x.start(s, r / all, r % all) + piece));
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
