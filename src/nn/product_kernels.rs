//! The inner loop of a matrix product whose sums stay in registers: that at each point of
//! [`super::winograd`].

use super::lanes::Lanes;

/// Rows of a product's register block.
pub(super) const BLOCK_ROWS: usize = 8;
/// And of the last one: row counts are padded to a multiple.
pub(super) const LAST_ROWS: usize = 4;

/// The sizes and places of one product:
/// `c[r][..] (+)= Σ_k a[r·a_row + k·a_k] · b[k][..]`.
#[derive(Clone, Copy)]
pub(super) struct Product<T> {
    pub(super) rows: usize,
    pub(super) k: usize,
    /// A multiple of half a vector.
    pub(super) columns: usize,
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

/// Columns of a product are taken in panels of this many when `left` are left: vectors of so many lanes, and
/// in the last one perhaps half a vector.
fn panel(left: usize, lanes: usize) -> usize {
    let half = !left.is_multiple_of(lanes);
    match left / lanes {
        0..=2 => left,
        3 if half => 2 * lanes,
        4 if !half => 2 * lanes,
        _ => 3 * lanes,
    }
}

/// Start and width of the panel that holds column `at` of `columns`.
pub(super) fn panel_of(at: usize, columns: usize, lanes: usize) -> (usize, usize) {
    let mut start = 0;
    loop {
        let width = panel(columns - start, lanes);
        if at < start + width {
            return (start, width);
        }
        start += width;
    }
}

/// How far ahead a packed `b` is asked for, in its rows: it streams from beyond the second-level cache where `a` has few.
const AHEAD: usize = 16;

/// One register block: `R` rows of `V` vectors, and of half a one if `HALF`.
#[inline(always)]
unsafe fn block<L: Lanes, const R: usize, const V: usize, const HALF: bool>(
    p: &Product<L::T>,
    b_row: usize,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut sum = [[L::splat(L::T::default()); V]; R];
        let mut last = [L::Half::splat(L::T::default()); R];
        let (mut a, mut b) = (p.a, p.b);
        let ahead = if p.b_row.is_none() { AHEAD * b_row } else { 0 };
        for _ in 0..p.k {
            let mut columns = [L::splat(L::T::default()); V];
            for v in 0..V {
                columns[v] = L::load(b.add(v * L::N));
                L::expect(b.wrapping_add(ahead + v * L::N));
            }
            let mut rest = L::Half::splat(L::T::default());
            if HALF {
                rest = L::Half::load(b.add(V * L::N));
                L::expect(b.wrapping_add(ahead + V * L::N));
            }
            for r in 0..R {
                let factor = L::splat(*a.add(r * p.a_row));
                for v in 0..V {
                    sum[r][v] = factor.mul_add(columns[v], sum[r][v]);
                }
                if HALF {
                    last[r] = factor.low().mul_add(rest, last[r]);
                }
            }
            a = a.wrapping_add(p.a_k);
            b = b.wrapping_add(b_row);
        }
        for r in 0..R {
            let to = p.c.add(r * p.c_row);
            for v in 0..V {
                let to = to.add(v * L::N);
                let value = if p.add { sum[r][v].add(L::load(to)) } else { sum[r][v] };
                value.store(to);
            }
            if HALF {
                let to = to.add(V * L::N);
                let value = if p.add { last[r].add(L::Half::load(to)) } else { last[r] };
                value.store(to);
            }
        }
    }
}

/// The first block of what is left of a panel; gives its rows. A panel of one vector has the registers for twice as many.
#[inline(always)]
unsafe fn blocks<L: Lanes, const V: usize, const HALF: bool>(
    p: &Product<L::T>,
    b_row: usize,
) -> usize {
    const TWICE: usize = 2 * BLOCK_ROWS;
    let narrow = V + usize::from(HALF) == 1 && L::REGISTERS > 16;
    // SAFETY: passed on to the caller.
    unsafe {
        match p.rows {
            TWICE.. if narrow => {
                block::<L, TWICE, V, HALF>(p, b_row);
                TWICE
            }
            BLOCK_ROWS.. => {
                block::<L, BLOCK_ROWS, V, HALF>(p, b_row);
                BLOCK_ROWS
            }
            _ => {
                block::<L, LAST_ROWS, V, HALF>(p, b_row);
                LAST_ROWS
            }
        }
    }
}

/// A whole product; every sum runs over k in order, whatever the sizes.
#[inline(always)]
pub(super) unsafe fn product<L: Lanes>(p: Product<L::T>) {
    let mut start = 0;
    while start < p.columns {
        let width = panel(p.columns - start, L::N);
        let half = L::Half::N < L::N && !width.is_multiple_of(L::N);
        // SAFETY: the caller gives matrices of these sizes, rows padded to whole blocks.
        unsafe {
            let (at, b_row) = match p.b_row {
                Some(row) => (start, row),
                None => (start * p.k, width),
            };
            let mut row = 0;
            while row < p.rows {
                let one = Product {
                    rows: p.rows - row,
                    a: p.a.add(row * p.a_row),
                    b: p.b.add(at),
                    c: p.c.add(row * p.c_row + start),
                    ..p
                };
                row += match (width / L::N, half) {
                    (0, _) => blocks::<L, 0, true>(&one, b_row),
                    (1, false) => blocks::<L, 1, false>(&one, b_row),
                    (1, true) => blocks::<L, 1, true>(&one, b_row),
                    (2, false) => blocks::<L, 2, false>(&one, b_row),
                    (2, true) => blocks::<L, 2, true>(&one, b_row),
                    _ => blocks::<L, 3, false>(&one, b_row),
                };
            }
        }
        start += width;
    }
}
