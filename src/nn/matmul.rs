//! Products of matrices that lie anywhere in memory, many at once, to memory that is there: those of whole
//! blocks straight from where they lie by [`super::product_kernels`], others by `gemm`, which packs both
//! first.

use super::conv::{Matrix, product};
use super::product_kernels::{LAST_ROWS, Product};
use super::shared::Shared;
use super::team::each;
use super::winograd_kernels::fastest;
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

/// `c = a·b` of `[batch, m, k]` and `[batch, k, n]`, on so many threads; then `after` with the batch, the number and the
/// values of each row. The columns of `c` lie side by side.
///
/// # Errors
/// If a matrix is larger than its memory.
pub fn matmul_to(
    (c, c_at): (&mut [f32], Strided),
    (a, a_at): (&[f32], Strided),
    (b, b_at): (&[f32], Strided),
    [batch, m, n, k]: [usize; 4],
    after: impl Fn(usize, usize, &mut [f32]) + Sync + Send,
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
    // Rows one after another, times one matrix, are one product.
    let one = b_at.batch == 0 && a_at.batch == m * a_at.row && c_at.batch == m * c_at.row;
    let of_one = m;
    let [batch, m] = if one { [1, batch * m] } else { [batch, m] };
    let kernels = fastest()
        .filter(|k| b_at.column == 1 && n.is_multiple_of(k.half) && m.is_multiple_of(LAST_ROWS));
    // Few large ones are cut into rows, so that every thread has some.
    let parts = if batch >= threads { 1 } else { threads.min(m.div_ceil(16)) };
    let rows = m.div_ceil(parts).next_multiple_of(LAST_ROWS);
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
        // SAFETY: checked above; each task writes rows of its own, whole blocks of them for the kernels.
        unsafe {
            match &kernels {
                Some(kernels) => (kernels.product)(Product {
                    rows,
                    k,
                    columns: n,
                    a: left.at,
                    a_row: left.row,
                    a_k: left.column,
                    b: right.at,
                    b_row: Some(right.row),
                    c: to,
                    c_row: c_at.row,
                    add: false,
                }),
                None => product((rows, n, k), to, c_at.row, false, &left, &right),
            }
            for r in 0..rows {
                let row = std::slice::from_raw_parts_mut(to.add(r * c_at.row), n);
                after(z + (from + r) / of_one, (from + r) % of_one, row);
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{noise, values};
    use super::*;

    #[test]
    fn rows_of_a_batch_times_one_matrix_are_the_batchs_products() {
        let at = |n: usize, seed| -> Vec<f32> {
            values(&noise(&[n], seed)).iter().map(|&v| v as f32).collect()
        };
        for (batch, m, n, k) in [(4, 10, 32, 9), (2, 12, 7, 5)] {
            let (a, b) = (at(batch * m * k, 3), at(k * n, 4));
            let (left, right) = (Strided::of(m, k), Strided::of(k, n).shared());
            let mut c = vec![0.0; batch * m * n];
            let to = (c.as_mut_slice(), Strided::of(m, n));
            matmul_to(to, (&a, left), (&b, right), [batch, m, n, k], |_, _, _| (), 2).unwrap();
            for (i, c) in c.iter().enumerate() {
                let sum: f32 = (0..k).map(|l| a[i / n * k + l] * b[l * n + i % n]).sum();
                assert!((c - sum).abs() < 1e-5, "{c} for {sum}");
            }
        }
    }

    #[test]
    fn any_strides_give_the_sums_of_products() {
        let at = |n: usize, seed| -> Vec<f32> {
            values(&noise(&[n], seed)).iter().map(|&v| v as f32).collect()
        };
        let sizes = [
            (3, 5, 7, 4, 1),
            (1, 70, 9, 33, 2),
            (2, 1, 64, 96, 3),
            (3, 24, 48, 17, 1),
            (1, 40, 112, 20, 3),
        ];
        for (batch, m, n, k, threads) in sizes {
            let (a, b) = (at(batch * m * k, 1), at(k * n, 2));
            let left = Strided::of(k, m).transposed();
            let right = Strided::of(k, n).shared();
            let to = Strided { first: 2, batch: m * (n + 3), row: n + 3, column: 1 };
            let mut c = vec![0.5; to.end(batch, m, n)];
            let number = |z: usize, i: usize| (z * m + i) as f32;
            let after = |z: usize, i: usize, row: &mut [f32]| {
                row.iter_mut().for_each(|v| *v += number(z, i));
            };
            let sizes = [batch, m, n, k];
            matmul_to((&mut c, to), (&a, left), (&b, right), sizes, after, threads).unwrap();
            for (z, i, j) in (0..batch * m * n).map(|e| (e / (m * n), e / n % m, e % n)) {
                let sum: f32 = (0..k).map(|l| a[z * m * k + l * m + i] * b[l * n + j]).sum();
                let found = c[2 + (z * m + i) * (n + 3) + j];
                let expected = sum + number(z, i);
                assert!((found - expected).abs() < 1e-4, "{found} for {expected}");
            }
            let short = a.len() - 1;
            let cut = (&a[..short], left);
            assert!(matmul_to((&mut c, to), cut, (&b, right), sizes, after, 1).is_err());
        }
    }
}
