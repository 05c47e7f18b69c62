//! Products of matrices that lie anywhere in memory, many at once, to memory that is there.

use super::conv::{Matrix, product};
use super::scratch::each;
use super::shared::Shared;
use candle_core::{Result, bail};

/// Where a batch of matrices lies: the first element, and the elements from one matrix, row and
/// column to the next. A step of 0 repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strided {
    pub first: usize,
    pub batch: usize,
    pub row: usize,
    pub column: usize,
}

impl Strided {
    /// Contiguous `[batch, rows, columns]`.
    pub fn of(rows: usize, columns: usize) -> Self {
        Self { first: 0, batch: rows * columns, row: columns, column: 1 }
    }

    /// One matrix for the whole batch.
    #[must_use]
    pub fn shared(self) -> Self {
        Self { batch: 0, ..self }
    }

    #[must_use]
    pub fn transposed(self) -> Self {
        Self { row: self.column, column: self.row, ..self }
    }

    /// Elements up to and with the last one of `batch` matrices.
    pub fn end(&self, batch: usize, rows: usize, columns: usize) -> usize {
        self.first
            + (batch - 1) * self.batch
            + (rows - 1) * self.row
            + (columns - 1) * self.column
            + 1
    }
}

/// `c = a·b`, or `c += a·b` if `add`, of `[batch, m, k]` and `[batch, k, n]`, on so many threads. The
/// columns of `c` lie side by side.
///
/// # Errors
/// If a matrix is larger than its memory.
pub fn matmul_to(
    (c, c_at): (&mut [f32], Strided),
    (a, a_at): (&[f32], Strided),
    (b, b_at): (&[f32], Strided),
    [batch, m, n, k]: [usize; 4],
    add: bool,
    threads: usize,
) -> Result<()> {
    if batch == 0 || m == 0 || n == 0 || k == 0 {
        bail!("matmul: {batch} of {m}x{k} times {k}x{n}");
    }
    let fits = c_at.end(batch, m, n) <= c.len()
        && a_at.end(batch, m, k) <= a.len()
        && b_at.end(batch, k, n) <= b.len();
    // Tasks write matrices of their own.
    let apart = c_at.column == 1 && c_at.row >= n && (batch == 1 || c_at.batch >= m * c_at.row);
    if !fits || !apart {
        bail!("matmul: {batch} of {m}x{k} times {k}x{n} beyond their memory");
    }
    // Few large ones are cut into rows, so that every thread has some.
    let parts = if batch >= threads { 1 } else { threads.min(m.div_ceil(16)) };
    let rows = m.div_ceil(parts);
    let shared = Shared(c.as_mut_ptr());
    each(threads, batch * parts, |i| {
        let (z, from) = (i / parts, i % parts * rows);
        let Some(rows) = m.checked_sub(from).map(|left| left.min(rows)).filter(|r| *r > 0) else {
            return;
        };
        let at = |v: &[f32], s: Strided, row: usize| Matrix {
            at: v[s.first + z * s.batch + row * s.row..].as_ptr(),
            row: s.row,
            column: s.column,
        };
        let (left, right) = (at(a, a_at, from), at(b, b_at, 0));
        let to = shared.at(c_at.first + z * c_at.batch + from * c_at.row);
        // SAFETY: checked above; each task writes rows of its own.
        unsafe { product((rows, n, k), to, c_at.row, add, &left, &right) };
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{noise, values};
    use super::*;

    #[test]
    fn any_strides_give_the_sums_of_products() {
        let at = |n: usize, seed| -> Vec<f32> {
            values(&noise(&[n], seed)).iter().map(|&v| v as f32).collect()
        };
        for (batch, m, n, k, threads) in [(3, 5, 7, 4, 1), (1, 70, 9, 33, 2), (2, 1, 64, 96, 3)] {
            let (a, b) = (at(batch * m * k, 1), at(k * n, 2));
            let left = Strided::of(k, m).transposed();
            let right = Strided::of(k, n).shared();
            let to = Strided { first: 2, batch: m * (n + 3), row: n + 3, column: 1 };
            let mut c = vec![0.5; to.end(batch, m, n)];
            for add in [false, true] {
                let sizes = [batch, m, n, k];
                matmul_to((&mut c, to), (&a, left), (&b, right), sizes, add, threads).unwrap();
            }
            for (z, i, j) in (0..batch * m * n).map(|e| (e / (m * n), e / n % m, e % n)) {
                let sum: f32 = (0..k).map(|l| a[z * m * k + l * m + i] * b[l * n + j]).sum();
                let found = c[2 + (z * m + i) * (n + 3) + j];
                assert!((found - 2.0 * sum).abs() < 1e-4, "{found} for {}", 2.0 * sum);
            }
            let short = a.len() - 1;
            let cut = (&a[..short], left);
            assert!(matmul_to((&mut c, to), cut, (&b, right), [batch, m, n, k], false, 1).is_err());
        }
    }
}
