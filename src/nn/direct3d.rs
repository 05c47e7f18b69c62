//! 3-D convolution with long kernels (7x7x7) straight from the padded input, without a column matrix, by
//! [`super::row_kernels`].
//!
//! Any stride and padding, no dilation along the rows. Every sum runs in an order that the sizes alone
//! decide.

use super::columns3d::Sizes;
use super::element::Real;
use super::row_kernels::{CHANNELS, GROUP, Rows, TAPS, TapSums};
use super::shared::Shared;
use super::winograd::padded;
use super::winograd_kernels::Kernels;
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// Output rows of a task.
const ROWS: usize = 8;
/// More elements than a vector or a group of taps has.
const ROOM: usize = 16;
/// Partial sums of a weight gradient: fixed, so that the result does not depend on the machine.
const WEIGHT_PARTS: usize = 8;
/// Shorter rows of taps leave too much of a group empty.
const SHORTEST: usize = 5;

/// Whether it pays.
pub(super) fn pays(s: &Sizes) -> bool {
    s.kernel[2] >= SHORTEST && s.co >= 8 && s.dilation[2] == 1
}

/// The input with its zeros, and room behind it: rows are read up to whole vectors and groups of taps. Of each row
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
        let (slice, pad) = (wide[1] * phases * phase, s.pad[2]);
        let total = s.b * s.ci * wide[0] * slice + (s.stride[2] + 2) * ROOM;
        let mut values = Vec::with_capacity(total);
        let slices = values.spare_capacity_mut()[..total].par_chunks_mut(slice).enumerate();
        slices.for_each(|(i, to)| {
            to.fill(MaybeUninit::new(T::default()));
            let (plane, z) = (i / wide[0], (i % wide[0]).checked_sub(s.pad[0]));
            let Some(z) = z.filter(|z| *z < d && plane < s.b * s.ci) else { return };
            for (y, row) in x[(plane * d + z) * h * w..][..h * w].chunks(w).enumerate() {
                let to = &mut to[(y + s.pad[1]) * phases * phase..][..phases * phase];
                for (p, to) in to.chunks_mut(phase).enumerate() {
                    let first = (p + phases - pad % phases) % phases;
                    let from = row.get(first..).unwrap_or_default().iter().step_by(phases);
                    let to = to[(first + pad) / phases..].iter_mut();
                    to.zip(from).for_each(|(to, v)| *to = MaybeUninit::new(*v));
                }
            }
        });
        // SAFETY: every slice was filled.
        unsafe { values.set_len(total) };
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
    let steps: Vec<usize> = rows_of_taps(s)
        .flat_map(|of| (0..s.kernel[2]).map(move |kx| (of, kx)))
        .map(|(of, kx)| x.piece(s, of) + x.tap(s, kx))
        .collect();
    // A few channels of the output beside one another.
    let mut weights = vec![T::default(); s.co.div_ceil(CHANNELS) * taps * CHANNELS];
    for (c, own) in k.chunks(taps).enumerate() {
        let to = &mut weights[c / CHANNELS * taps * CHANNELS..][..taps * CHANNELS];
        own.iter().enumerate().for_each(|(i, &w)| to[i * CHANNELS + c % CHANNELS] = w);
    }
    let vectors = ow.div_ceil(kernels.lanes);
    let width = (ROWS * vectors).next_multiple_of(GROUP) * kernels.lanes;
    let mut out: Vec<T> = Vec::with_capacity(s.b * s.co * all * ow);
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
    // SAFETY: every row of every channel was written.
    unsafe { out.set_len(s.b * s.co * all * ow) };
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
    let groups = kw.div_ceil(TAPS);
    let lines: Vec<usize> = rows_of_taps(s)
        .flat_map(|of| (0..groups).map(move |g| (of, g)))
        .map(|(of, g)| x.piece(s, of) + g * TAPS)
        .collect();
    let line = TAPS * cop;
    let parts = WEIGHT_PARTS.min(total);
    let partial: Vec<Vec<T>> = (0..parts)
        .into_par_iter()
        .map(|part| {
            let mut sums = vec![T::default(); lines.len().next_multiple_of(2) * line];
            let mut errors = vec![T::default(); ROWS * ow * cop];
            let (start, end) = (part * total / parts, (part + 1) * total / parts);
            for first in (start..end).step_by(ROWS) {
                let rows = first..(first + ROWS).min(end);
                for (r, errors) in rows.clone().zip(errors.chunks_mut(ow * cop)) {
                    for c in 0..s.co {
                        let from = &dy[(r / all * s.co + c) * all * ow + r % all * ow..][..ow];
                        from.iter().enumerate().for_each(|(x, &v)| errors[x * cop + c] = v);
                    }
                }
                let starts: Vec<usize> =
                    rows.clone().map(|r| x.start(s, r / all, r % all)).collect();
                for (two, sums) in lines.chunks(2).zip(sums.chunks_mut(2 * line)) {
                    let (first, second) = sums.split_at_mut(line);
                    // SAFETY: the padded input has room for whole groups of taps; errors and sums
                    // hold `cop` channels each. What a lone last row leaves in the second is not read.
                    unsafe {
                        (kernels.tap_sums)(TapSums {
                            x: x.values.as_ptr(),
                            rows: &starts,
                            halves: [two[0], two[two.len() - 1]],
                            step: s.stride[2],
                            positions: ow,
                            errors: errors.as_ptr(),
                            vectors: cop / kernels.lanes,
                            c: [first.as_mut_ptr(), second.as_mut_ptr()],
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
                let tap = i % kw;
                let at = (i / kw * groups + tap / TAPS) * TAPS + tap % TAPS;
                *v += sums[at * cop + c];
            }
        }
    }
    dw
}
