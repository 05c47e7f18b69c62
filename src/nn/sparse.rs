//! Sparse matrices with fixed values, and their product with tensors: the lifting of views into a
//! plane is one, tomography another.

use super::element::{Real, by_type};
use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::sync::Arc;

/// A matrix `[rows, columns]`, row by row (CSR), with its transpose.
#[derive(Clone, Debug, PartialEq)]
pub struct Sparse {
    forward: Rows,
    transposed: Rows,
}

#[derive(Clone, Debug, PartialEq)]
struct Rows {
    columns: usize,
    /// Where each row begins in `entries`; one longer than there are rows.
    starts: Vec<usize>,
    entries: Vec<(u32, f32)>,
}

impl Rows {
    /// From `(row, column, value)`, in their order within a row.
    fn new(
        rows: usize,
        columns: usize,
        all: impl Iterator<Item = (u32, u32, f32)> + Clone,
    ) -> Self {
        let mut starts = vec![0usize; rows + 1];
        all.clone().for_each(|(row, ..)| starts[row as usize + 1] += 1);
        for i in 0..rows {
            starts[i + 1] += starts[i];
        }
        let (mut next, mut entries) = (starts.clone(), vec![(0, 0.0); starts[rows]]);
        for (row, column, value) in all {
            let at = &mut next[row as usize];
            entries[*at] = (column, value);
            *at += 1;
        }
        Self { columns, starts, entries }
    }

    fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    fn row(&self, i: usize) -> &[(u32, f32)] {
        &self.entries[self.starts[i]..self.starts[i + 1]]
    }

    fn apply<T: Real>(&self, x: &[T], y: &mut [T]) {
        for (i, y) in y.iter_mut().enumerate() {
            let term = |&(j, w): &(u32, f32)| T::from_f64(f64::from(w)) * x[j as usize];
            *y = self.row(i).iter().map(term).sum();
        }
    }
}

impl Sparse {
    /// From `(row, column, value)`; several of one place are added up.
    ///
    /// # Panics
    /// When a place lies outside.
    pub fn new(rows: usize, columns: usize, entries: &[(u32, u32, f32)]) -> Self {
        let outside = entries.iter().any(|e| e.0 as usize >= rows || e.1 as usize >= columns);
        assert!(!outside, "an entry lies outside of {rows} x {columns}");
        let turned = entries.iter().map(|&(r, c, v)| (c, r, v));
        Self {
            forward: Rows::new(rows, columns, entries.iter().copied()),
            transposed: Rows::new(columns, rows, turned),
        }
    }

    pub fn rows(&self) -> usize {
        self.forward.rows()
    }

    pub fn columns(&self) -> usize {
        self.forward.columns
    }

    /// Column and value of each entry of a row.
    pub fn row(&self, i: usize) -> &[(u32, f32)] {
        self.forward.row(i)
    }

    /// Row and value of each entry of a column.
    pub fn column(&self, j: usize) -> &[(u32, f32)] {
        self.transposed.row(j)
    }

    /// Sum of each row.
    pub fn row_sums(&self) -> Vec<f32> {
        (0..self.rows()).map(|i| self.row(i).iter().map(|e| e.1).sum()).collect()
    }

    #[must_use]
    pub fn transpose(&self) -> Self {
        Self { forward: self.transposed.clone(), transposed: self.forward.clone() }
    }

    /// The product with one vector.
    ///
    /// # Panics
    /// When its length is not the number of columns.
    pub fn times(&self, x: &[f32]) -> Vec<f32> {
        assert_eq!(x.len(), self.columns(), "the vector does not fit");
        let mut y = vec![0.0; self.rows()];
        self.forward.apply(x, &mut y);
        y
    }

    /// The transpose's product with one vector.
    ///
    /// # Panics
    /// When its length is not the number of rows.
    pub fn transpose_times(&self, y: &[f32]) -> Vec<f32> {
        assert_eq!(y.len(), self.rows(), "the vector does not fit");
        let mut x = vec![0.0; self.columns()];
        self.transposed.apply(y, &mut x);
        x
    }
}

/// The product of `matrix` with each of the vectors on the last axis of `x`, `[…, columns]` to
/// `[…, rows]`, on the CPU.
///
/// # Errors
/// If the last axis has another length.
pub fn sparse(matrix: &Arc<Sparse>, x: &Tensor) -> Result<Tensor> {
    if x.dim(D::Minus1)? != matrix.columns() {
        bail!("sparse: {:?} against {} columns", x.shape(), matrix.columns());
    }
    x.contiguous()?.apply_op1(Product { matrix: matrix.clone(), transposed: false })
}

struct Product {
    matrix: Arc<Sparse>,
    transposed: bool,
}

impl Product {
    fn rows(&self) -> &Rows {
        if self.transposed { &self.matrix.transposed } else { &self.matrix.forward }
    }
}

impl CustomOp1 for Product {
    fn name(&self) -> &'static str {
        "sparse"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(rows: &Rows, x: &CpuStorage, lx: &Layout) -> Result<CpuStorage> {
            let x = T::slice(x, lx)?;
            let vectors = x.len() / rows.columns.max(1);
            let mut out = vec![T::default(); vectors * rows.rows()];
            out.par_chunks_mut(rows.rows().max(1))
                .zip(x.par_chunks(rows.columns.max(1)))
                .for_each(|(y, x)| rows.apply(x, y));
            Ok(T::storage(out))
        }
        let rows = self.rows();
        let mut shape = lx.shape().dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = rows.rows();
        }
        Ok((by_type!(x, self.name(), run(rows, x, lx))?, Shape::from(shape)))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let back = Self { matrix: self.matrix.clone(), transposed: !self.transposed };
        Ok(Some(dy.contiguous()?.apply_op1_no_bwd(&back)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise, values};
    use super::*;
    use candle_core::Device;

    /// Uneven rows, one of them empty, one place twice.
    fn matrix() -> (Sparse, Tensor) {
        let mut entries = vec![(0, 1, 0.5), (0, 1, 0.25), (3, 0, -2.0)];
        entries.extend((0..40u32).map(|i| (i * 7 % 5 + i % 2, i * 3 % 6, i as f32 / 16.0)));
        entries.retain(|e| e.0 != 2);
        let mut dense = vec![0.0; 7 * 6];
        entries.iter().for_each(|&(r, c, v)| dense[(r * 6 + c) as usize] += f64::from(v));
        let dense = Tensor::from_vec(dense, (7, 6), &Device::Cpu).unwrap();
        (Sparse::new(7, 6, &entries), dense)
    }

    #[test]
    fn a_sparse_product_is_the_dense_one_and_so_is_its_gradient() {
        let (sparse_one, dense) = matrix();
        let matrix = Arc::new(sparse_one);
        let x = noise(&[2, 3, 6], 3);
        let flat = x.reshape((6, 6)).unwrap().matmul(&dense.t().unwrap()).unwrap();
        close(&sparse(&matrix, &x).unwrap(), &flat.reshape((2, 3, 7)).unwrap(), 1e-14);
        check(&[vec![2, 3, 6]], |v| sparse(&matrix, &v[0]));
        assert!(sparse(&matrix, &noise(&[2, 7], 1)).is_err());
    }

    #[test]
    fn v2_the_transpose_is_the_adjoint() {
        let (matrix, _) = matrix();
        let single = |n, seed| -> Vec<f32> {
            values(&noise(&[n], seed)).into_iter().map(|v| v as f32).collect()
        };
        let (x, y) = (single(6, 1), single(7, 2));
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        let (ax, aty) = (matrix.times(&x), matrix.transpose_times(&y));
        assert!((dot(&ax, &y) - dot(&x, &aty)).abs() < 1e-5);
        assert_eq!(matrix.transpose().times(&y), aty);
        assert_eq!(matrix.row(2), []);
    }
}
