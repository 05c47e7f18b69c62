//! The inner loop of a matrix product whose sums stay in registers: that at each point of
//! [`super::winograd`].

use super::lanes::Lanes;

/// Rows of a product's register block: row counts are padded to a multiple.
pub(super) const BLOCK_ROWS: usize = 8;

/// The sizes and places of one product:
/// `c[r][..] (+)= Σ_k a[r·a_row + k·a_k] · b[k][..]`.
#[derive(Clone, Copy)]
pub(super) struct Product<T> {
    pub(super) rows: usize,
    pub(super) k: usize,
    /// Columns, in vectors.
    pub(super) vectors: usize,
    pub(super) a: *const T,
    pub(super) a_row: usize,
    pub(super) a_k: usize,
    pub(super) b: *const T,
    /// Row stride of `b`; `None` if it is packed in panels, see [`panel`].
    pub(super) b_row: Option<usize>,
    pub(super) c: *mut T,
    pub(super) c_row: usize,
    pub(super) add: bool,
}

/// Columns of a product are taken in panels of this many vectors when `left` are left.
fn panel(left: usize) -> usize {
    match left {
        1 => 1,
        2 | 4 => 2,
        _ => 3,
    }
}

/// Start and width, in vectors, of the panel that holds vector `v` of `vectors`.
pub(super) fn panel_of(v: usize, vectors: usize) -> (usize, usize) {
    let mut start = 0;
    loop {
        let width = panel(vectors - start);
        if v < start + width {
            return (start, width);
        }
        start += width;
    }
}

/// How far ahead a packed `b` is asked for, in its rows: it streams from beyond the second-level cache where `a` has few.
const AHEAD: usize = 16;

/// One register block: `R` rows of `V` vectors.
#[inline(always)]
unsafe fn block<L: Lanes, const R: usize, const V: usize>(p: &Product<L::T>, b_row: usize) {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut sum = [[L::splat(L::T::default()); V]; R];
        let (mut a, mut b) = (p.a, p.b);
        let ahead = if p.b_row.is_none() { AHEAD * b_row } else { 0 };
        for _ in 0..p.k {
            let mut columns = [L::splat(L::T::default()); V];
            for v in 0..V {
                columns[v] = L::load(b.add(v * L::N));
                L::expect(b.wrapping_add(ahead + v * L::N));
            }
            for r in 0..R {
                let factor = L::splat(*a.add(r * p.a_row));
                for v in 0..V {
                    sum[r][v] = factor.mul_add(columns[v], sum[r][v]);
                }
            }
            a = a.wrapping_add(p.a_k);
            b = b.wrapping_add(b_row);
        }
        for r in 0..R {
            for v in 0..V {
                let to = p.c.add(r * p.c_row + v * L::N);
                let value = if p.add { sum[r][v].add(L::load(to)) } else { sum[r][v] };
                value.store(to);
            }
        }
    }
}

/// A whole product; every sum runs over k in order, whatever the sizes.
#[inline(always)]
pub(super) unsafe fn product<L: Lanes>(p: Product<L::T>) {
    let mut start = 0;
    while start < p.vectors {
        let width = panel(p.vectors - start);
        // SAFETY: the caller gives matrices of these sizes, rows padded to whole blocks.
        unsafe {
            let (at, b_row) = match p.b_row {
                Some(row) => (start * L::N, row),
                None => (start * L::N * p.k, width * L::N),
            };
            let mut row = 0;
            while row < p.rows {
                let double = width == 1 && L::REGISTERS > 16 && p.rows - row >= 2 * BLOCK_ROWS;
                let one = Product {
                    a: p.a.add(row * p.a_row),
                    b: p.b.add(at),
                    c: p.c.add(row * p.c_row + start * L::N),
                    ..p
                };
                match width {
                    1 if double => block::<L, { 2 * BLOCK_ROWS }, 1>(&one, b_row),
                    1 => block::<L, BLOCK_ROWS, 1>(&one, b_row),
                    2 => block::<L, BLOCK_ROWS, 2>(&one, b_row),
                    _ => block::<L, BLOCK_ROWS, 3>(&one, b_row),
                }
                row += if double { 2 * BLOCK_ROWS } else { BLOCK_ROWS };
            }
        }
        start += width;
    }
}
