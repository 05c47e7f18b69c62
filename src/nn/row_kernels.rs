//! The inner loops of [`super::direct3d`]. Forward: rows of an output from rows of an input, positions in the lanes,
//! so that what is read lies as it is stored and what is written too (as indirect convolution, Dukhan 2019,
//! arXiv 1907.02129, with the weights as factors). For the gradient of the weights the channels of the output are in the
//! lanes, and the taps of two rows of a kernel are the rows of a block.

use super::lanes::Lanes;

/// Output channels of a register block.
pub(super) const CHANNELS: usize = 4;
/// The most vectors of positions of a register block: their number is padded to a multiple.
pub(super) const GROUP: usize = 4;

/// `c[q][v] = Σ_t weights[t][q] · x[taps[t] + at[v] ..]`, for `CHANNELS` channels q and each vector v of
/// positions.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, T> {
    pub(super) x: *const T,
    /// Where each vector begins; a multiple of [`GROUP`] of them.
    pub(super) at: &'a [usize],
    pub(super) taps: &'a [usize],
    pub(super) weights: *const T,
    pub(super) c: *mut T,
    pub(super) c_row: usize,
}

#[inline(always)]
unsafe fn block<L: Lanes, const V: usize>(r: &Rows<L::T>, first: usize) {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut sum = [[L::splat(L::T::default()); V]; CHANNELS];
        let at: [*const L::T; V] = std::array::from_fn(|v| r.x.wrapping_add(r.at[first + v]));
        let mut w = r.weights;
        for &tap in r.taps {
            let mut x = [L::splat(L::T::default()); V];
            for v in 0..V {
                x[v] = L::load(at[v].wrapping_add(tap));
            }
            for q in 0..CHANNELS {
                let factor = L::splat(*w.add(q));
                for v in 0..V {
                    sum[q][v] = factor.mul_add(x[v], sum[q][v]);
                }
            }
            w = w.add(CHANNELS);
        }
        for q in 0..CHANNELS {
            for v in 0..V {
                sum[q][v].store(r.c.add(q * r.c_row + (first + v) * L::N));
            }
        }
    }
}

/// # Safety
/// `x` holds a whole vector at every sum of a start and a tap; `weights` as many factors as the
/// formula reads; `c` a row of vectors for each channel.
#[inline(always)]
pub(super) unsafe fn rows<L: Lanes>(r: Rows<L::T>) {
    let half = GROUP / 2;
    let step = if L::REGISTERS > 16 { GROUP } else { half };
    for first in (0..r.at.len()).step_by(step) {
        // SAFETY: passed on to the caller.
        unsafe {
            match step {
                GROUP => block::<L, GROUP>(&r, first),
                _ => block::<L, { GROUP / 2 }>(&r, first),
            }
        }
    }
}

/// Taps of a row that are summed at once.
pub(super) const TAPS: usize = 7;

/// `c[h][t] += Σ_r Σ_w x[rows[r] + halves[h] + t + w·step] · errors[r][w]`, for `TAPS` taps t; `errors` and
/// `c` hold vectors of channels.
#[derive(Clone, Copy)]
pub(super) struct TapSums<'a, T> {
    pub(super) x: *const T,
    pub(super) rows: &'a [usize],
    /// Two rows of taps; where there is one, both are it.
    pub(super) halves: [usize; 2],
    pub(super) step: usize,
    pub(super) positions: usize,
    pub(super) errors: *const T,
    /// Channels, in vectors.
    pub(super) vectors: usize,
    pub(super) c: [*mut T; 2],
}

/// # Safety
/// `x` holds every element that the formula reads; `errors` the vectors of `rows` times `positions`
/// positions; each `c` those of the taps. If the halves are one, only the first `c` is right.
#[inline(always)]
pub(super) unsafe fn tap_sums<L: Lanes>(s: TapSums<L::T>) {
    let width = s.vectors * L::N;
    for v in 0..s.vectors {
        // SAFETY: passed on to the caller.
        unsafe {
            let mut sum = [[L::splat(L::T::default()); TAPS]; 2];
            let mut errors = s.errors.add(v * L::N);
            for &row in s.rows {
                let [mut a, mut b] = s.halves.map(|half| s.x.wrapping_add(row + half));
                for _ in 0..s.positions {
                    let error = L::load(errors);
                    for t in 0..TAPS {
                        sum[0][t] = L::splat(*a.add(t)).mul_add(error, sum[0][t]);
                        sum[1][t] = L::splat(*b.add(t)).mul_add(error, sum[1][t]);
                    }
                    (a, b) = (a.wrapping_add(s.step), b.wrapping_add(s.step));
                    errors = errors.wrapping_add(width);
                }
            }
            for (sum, c) in sum.iter().zip(s.c) {
                for (t, sum) in sum.iter().enumerate() {
                    let to = c.add(t * width + v * L::N);
                    sum.add(L::load(to)).store(to);
                }
            }
        }
    }
}
