//! The inner loop of [`super::direct3d`]: rows of an output from rows of an input, positions in the lanes,
//! so that what is read lies as it is stored and what is written too (as indirect convolution, Dukhan 2019,
//! arXiv 1907.02129, with the weights as factors).

use super::lanes::Lanes;

/// Output channels of a register block.
pub(super) const CHANNELS: usize = 4;
/// The most vectors of positions of a register block: their number is padded to a multiple.
pub(super) const GROUP: usize = 4;

/// `c[q][v] = Σ_p Σ_t weights[p][t][q] · x[pieces[p] + taps[t] + at[v] ..]`, for `CHANNELS` channels q and
/// each vector v of positions.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, T> {
    pub(super) x: *const T,
    /// Where each vector begins; a multiple of [`GROUP`] of them.
    pub(super) at: &'a [usize],
    pub(super) pieces: &'a [usize],
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
        for &piece in r.pieces {
            for &tap in r.taps {
                let mut x = [L::splat(L::T::default()); V];
                for v in 0..V {
                    x[v] = L::load(at[v].wrapping_add(piece + tap));
                }
                for q in 0..CHANNELS {
                    let factor = L::splat(*w.add(q));
                    for v in 0..V {
                        sum[q][v] = factor.mul_add(x[v], sum[q][v]);
                    }
                }
                w = w.add(CHANNELS);
            }
        }
        for q in 0..CHANNELS {
            for v in 0..V {
                sum[q][v].store(r.c.add(q * r.c_row + (first + v) * L::N));
            }
        }
    }
}

/// # Safety
/// `x` holds a whole vector at every sum of a start, a piece and a tap; `weights` as many factors as the
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
