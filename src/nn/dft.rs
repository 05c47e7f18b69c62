//! The 2-D discrete Fourier transform of a token grid, as products with fixed cosine and sine
//! tables: exact, differentiable, the same code on every device.

use candle_core::{DType, Device, Result, Tensor};
use std::f64::consts::TAU;

/// Transform tables over the `n = h·w` tokens of a grid. With F = C − iS (symmetric), the DFT of
/// token features X is F·X, and F⁻¹ = (C + iS)/n.
#[derive(Clone, Debug)]
pub struct TokenDft {
    n: usize,
    /// `[n, 2n]`: C | S.
    forward: Tensor,
    /// `[2n, n]`: C over −S.
    inverse_real: Tensor,
}

impl TokenDft {
    /// # Errors
    /// If the tables cannot be placed on the device.
    pub fn new(h: usize, w: usize, dtype: DType, device: &Device) -> Result<Self> {
        let n = h * w;
        let mut forward = vec![0.0; 2 * n * n];
        let mut inverse = vec![0.0; 2 * n * n];
        for a in 0..n {
            for b in 0..n {
                let turn = ((a / w) * (b / w) % h) as f64 / h as f64
                    + ((a % w) * (b % w) % w) as f64 / w as f64;
                let (sin, cos) = (TAU * turn).sin_cos();
                forward[a * 2 * n + b] = cos;
                forward[a * 2 * n + n + b] = sin;
                inverse[a * n + b] = cos;
                inverse[(n + a) * n + b] = -sin;
            }
        }
        let place = |v: Vec<f64>, shape: (usize, usize)| {
            Tensor::from_vec(v, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
        };
        Ok(Self {
            n,
            forward: place(forward, (n, 2 * n))?,
            inverse_real: place(inverse, (2 * n, n))?,
        })
    }

    /// Tokens of the grid.
    pub fn tokens(&self) -> usize {
        self.n
    }

    /// Cosines plus sines, `[n, n]`: symmetric, and `n` times its own inverse.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn cas(&self) -> Result<Tensor> {
        self.forward.narrow(1, 0, self.n)? + self.forward.narrow(1, self.n, self.n)?
    }

    /// Rows of `x` `[R, n]` against the tables: `[R, 2n]`, X·C | X·S.
    fn times_tables(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.forward)
    }

    /// The transform of token features `x` `[B, n, d]`: C·X and S·X, each `[B, d, n]` (transposed);
    /// the real part is the first, the imaginary part minus the second.
    fn transform(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let (b, n, d) = x.dims3()?;
        let rows = x.transpose(1, 2)?.contiguous()?.reshape((b * d, n))?;
        let both = self.times_tables(&rows)?.reshape((b, d, 2 * n))?;
        Ok((both.narrow(2, 0, n)?, both.narrow(2, n, n)?))
    }

    /// Real and imaginary part of the transform of `x` `[B, n, d]`, each `[B, n, d]`.
    ///
    /// # Errors
    /// If `x` does not have the grid's tokens.
    pub fn forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let (cx, sx) = self.transform(x)?;
        Ok((cx.transpose(1, 2)?.contiguous()?, sx.transpose(1, 2)?.contiguous()?.neg()?))
    }

    /// The filtered affinity of queries and keys `[B, n, d]` (paper, section "SS-Former"):
    /// A = Re F⁻¹(G ⊙ (F(q)·F(k)ᵀ)), plain transpose, inverse over both axes; `filter` G is
    /// `[B, n, n]`, `None` for 1. Gives `[B, n, n]`. With G ≡ 1 this is q·kᵀ.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn affinity(&self, q: &Tensor, k: &Tensor, filter: Option<&Tensor>) -> Result<Tensor> {
        let Some(filter) = filter else {
            return q.matmul(&k.transpose(1, 2)?.contiguous()?);
        };
        let (b, n, _) = q.dims3()?;
        let (qc, qs) = self.transform(q)?;
        let (kc, ks) = self.transform(k)?;
        // M = (QC − iQS)ᵀ(KC − iKS): real and imaginary part side by side in one product.
        let left = Tensor::cat(&[&qc, &qs], 1)?.transpose(1, 2)?.contiguous()?;
        let (minus_kc, minus_ks) = (kc.neg()?, ks.neg()?);
        let upper = Tensor::cat(&[&kc, &minus_ks], 2)?;
        let lower = Tensor::cat(&[&minus_ks, &minus_kc], 2)?;
        let m = left.matmul(&Tensor::cat(&[&upper, &lower], 1)?)?;
        let filter = filter.unsqueeze(2)?;
        let m = m.reshape((b, n, 2, n))?.broadcast_mul(&filter)?;
        // (P + iQ)(C + iS) = X + iY, then Re (C + iS)(X + iY) = C·X − S·Y; all symmetric tables.
        let m = self.times_tables(&m.reshape((b * n * 2, n))?)?.reshape((b, n, 2, 2, n))?;
        let part =
            |z: usize, table: usize| m.narrow(2, z, 1)?.narrow(3, table, 1)?.reshape((b, n, n));
        let x = (part(0, 0)? - part(1, 1)?)?;
        let y = (part(0, 1)? + part(1, 0)?)?;
        let columns = Tensor::cat(&[&x.transpose(1, 2)?, &y.transpose(1, 2)?], 2)?;
        let a = columns.reshape((b * n, 2 * n))?.matmul(&self.inverse_real)?.reshape((b, n, n))?;
        a.transpose(1, 2)?.affine(1.0 / (n * n) as f64, 0.0)?.contiguous()
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise, values};
    use super::*;

    fn dft(h: usize, w: usize) -> TokenDft {
        TokenDft::new(h, w, DType::F64, &Device::Cpu).unwrap()
    }

    #[test]
    fn parseval_and_round_trip_hold() {
        let d = dft(3, 4);
        let x = noise(&[2, 12, 5], 1);
        let (re, im) = d.forward(&x).unwrap();
        let energy = |t: &Tensor| values(t).iter().map(|v| v * v).sum::<f64>();
        assert!((energy(&re) + energy(&im) - 12.0 * energy(&x)).abs() < 1e-9);
        // F⁻¹ of a real signal's transform, by conjugation: (C·re − S·im)/n with im = −S·x.
        let (c, s) = d.transform(&re).unwrap();
        let (_, si) = d.transform(&im).unwrap();
        let back = ((c - si).unwrap() / 12.0).unwrap().transpose(1, 2).unwrap();
        close(&back, &x, 1e-12);
        assert!(s.elem_count() > 0);
    }

    #[test]
    fn affinity_without_filter_is_cross_attention() {
        let d = dft(4, 3);
        let (q, k) = (noise(&[2, 12, 5], 1), noise(&[2, 12, 5], 2));
        let ones = Tensor::ones((2, 12, 12), DType::F64, &Device::Cpu).unwrap();
        let plain = q.matmul(&k.transpose(1, 2).unwrap()).unwrap();
        close(&d.affinity(&q, &k, Some(&ones)).unwrap(), &plain, 1e-10);
        close(&d.affinity(&q, &k, None).unwrap(), &plain, 1e-14);
    }

    #[test]
    fn affinity_gradient_matches_differences() {
        let d = dft(2, 3);
        let shapes = [vec![2, 6, 3], vec![2, 6, 3], vec![2, 6, 6]];
        check(&shapes, |v| d.affinity(&v[0], &v[1], Some(&v[2])));
    }
}
