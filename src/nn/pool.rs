//! 2x2 max-pooling (candle's gradient is four times too small at each pool), and the skip connection
//! of a U-Net: a tensor cut to the middle, in front of another.

use super::element::{Real, by_type};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

/// The largest of each 2x2 block of `[B, C, H, W]`: `[B, C, H/2, W/2]`. Of equal ones the first, in
/// reading order, takes the gradient.
///
/// # Errors
/// If a side is odd.
pub fn max_pool2(x: &Tensor) -> Result<Tensor> {
    let (b, c, h, w) = x.dims4()?;
    if h % 2 != 0 || w % 2 != 0 {
        bail!("max_pool2: {h}x{w} has an odd side");
    }
    if !super::fused(x) {
        return x.reshape((b, c, h / 2, 2, w / 2, 2))?.max(5)?.max(3);
    }
    x.contiguous()?.apply_op1(MaxPool2)
}

/// The middle of `skip` `[B, C, H, W]`, as large as `x` `[B, D, h, w]`, in front of `x`:
/// `[B, C + D, h, w]`.
///
/// # Errors
/// If `skip` is smaller, or what is left over cannot be cut off equally on both sides.
pub fn crop_cat(skip: &Tensor, x: &Tensor) -> Result<Tensor> {
    let ((b, _, sh, sw), (bx, _, h, w)) = (skip.dims4()?, x.dims4()?);
    let fits = |large: usize, small: usize| large >= small && (large - small).is_multiple_of(2);
    if b != bx || !fits(sh, h) || !fits(sw, w) {
        bail!("crop_cat: {:?} has no middle of the size of {:?}", skip.shape(), x.shape());
    }
    if !super::fused(x) {
        let middle = skip.narrow(2, (sh - h) / 2, h)?.narrow(3, (sw - w) / 2, w)?;
        return Tensor::cat(&[&middle, x], 1);
    }
    skip.contiguous()?.apply_op2(&x.contiguous()?, CropCat)
}

/// Where in a 2x2 block of rows `above` and `below` the largest is: its row and column.
#[inline(always)]
fn largest<T: Real>(above: &[T], below: &[T], x: usize) -> (usize, usize) {
    let (mut at, mut most) = ((0, 0), above[2 * x]);
    for (v, place) in
        [(above[2 * x + 1], (0, 1)), (below[2 * x], (1, 0)), (below[2 * x + 1], (1, 1))]
    {
        if v > most {
            (at, most) = (place, v);
        }
    }
    at
}

struct MaxPool2;
struct MaxPool2Gradient;

impl CustomOp1 for MaxPool2 {
    fn name(&self) -> &'static str {
        "max-pool2"
    }
    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(x: &CpuStorage, lx: &Layout, w: usize) -> Result<CpuStorage> {
            let x = T::slice(x, lx)?;
            let mut out = vec![T::default(); x.len() / 4];
            let rows = out.par_chunks_mut(w / 2).with_min_len(16).zip(x.par_chunks(2 * w));
            rows.for_each(|(out, x)| {
                let (above, below) = x.split_at(w);
                for (x, o) in out.iter_mut().enumerate() {
                    let most = |a: T, b: T| if b > a { b } else { a };
                    *o = most(
                        most(above[2 * x], above[2 * x + 1]),
                        most(below[2 * x], below[2 * x + 1]),
                    );
                }
            });
            Ok(T::storage(out))
        }
        let (b, c, h, w) = lx.shape().dims4()?;
        Ok((by_type!(x, self.name(), run(x, lx, w))?, (b, c, h / 2, w / 2).into()))
    }
    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(x.apply_op2_no_bwd(&dy.contiguous()?, &MaxPool2Gradient)?))
    }
}

impl CustomOp2 for MaxPool2Gradient {
    fn name(&self) -> &'static str {
        "max-pool2-gradient"
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        dy: &CpuStorage,
        ld: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            (x, lx): (&CpuStorage, &Layout),
            (dy, ld): (&CpuStorage, &Layout),
            w: usize,
        ) -> Result<CpuStorage> {
            let (x, dy) = (T::slice(x, lx)?, T::slice(dy, ld)?);
            let mut dx = vec![T::default(); x.len()];
            let rows = dx.par_chunks_mut(2 * w).with_min_len(16).zip(x.par_chunks(2 * w));
            rows.zip(dy.par_chunks(w / 2)).for_each(|((dx, x), dy)| {
                let (above, below) = x.split_at(w);
                for (x, &d) in dy.iter().enumerate() {
                    let (row, column) = largest(above, below, x);
                    dx[row * w + 2 * x + column] = d;
                }
            });
            Ok(T::storage(dx))
        }
        let w = lx.shape().dims4()?.3;
        Ok((by_type!(x, self.name(), run((x, lx), (dy, ld), w))?, lx.shape().clone()))
    }
}

struct CropCat;
/// Of the skip's shape.
struct CropCatGradient(Shape);

impl CustomOp2 for CropCat {
    fn name(&self) -> &'static str {
        "crop-cat"
    }
    fn cpu_fwd(
        &self,
        skip: &CpuStorage,
        ls: &Layout,
        x: &CpuStorage,
        lx: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            (skip, ls): (&CpuStorage, &Layout),
            (x, lx): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let ((b, c, sh, sw), (_, d, h, w)) = (ls.shape().dims4()?, lx.shape().dims4()?);
            let (skip, x) = (T::slice(skip, ls)?, T::slice(x, lx)?);
            let (top, left) = ((sh - h) / 2, (sw - w) / 2);
            let mut out = vec![T::default(); b * (c + d) * h * w];
            out.par_chunks_mut(h * w).enumerate().for_each(|(i, out)| {
                let (image, channel) = (i / (c + d), i % (c + d));
                if channel >= c {
                    out.copy_from_slice(&x[(image * d + channel - c) * h * w..][..h * w]);
                    return;
                }
                let plane = &skip[(image * c + channel) * sh * sw..][..sh * sw];
                for (y, row) in out.chunks_mut(w).enumerate() {
                    row.copy_from_slice(&plane[(top + y) * sw + left..][..w]);
                }
            });
            Ok(T::storage(out))
        }
        let ((b, c, ..), (_, d, h, w)) = (ls.shape().dims4()?, lx.shape().dims4()?);
        Ok((by_type!(skip, self.name(), run((skip, ls), (x, lx)))?, (b, c + d, h, w).into()))
    }
    fn bwd(
        &self,
        skip: &Tensor,
        x: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (c, d) = (skip.dim(1)?, x.dim(1)?);
        let front = dy.narrow(1, 0, c)?.contiguous()?;
        let front = front.apply_op1_no_bwd(&CropCatGradient(skip.shape().clone()))?;
        Ok((Some(front), Some(dy.narrow(1, c, d)?.contiguous()?)))
    }
}

impl CustomOp1 for CropCatGradient {
    fn name(&self) -> &'static str {
        "crop-cat-gradient"
    }
    fn cpu_fwd(&self, dy: &CpuStorage, ld: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(dy: &CpuStorage, ld: &Layout, skip: &Shape) -> Result<CpuStorage> {
            let ((b, c, sh, sw), (_, _, h, w)) = (skip.dims4()?, ld.shape().dims4()?);
            let dy = T::slice(dy, ld)?;
            let (top, left) = ((sh - h) / 2, (sw - w) / 2);
            let mut out = vec![T::default(); b * c * sh * sw];
            out.par_chunks_mut(sh * sw).zip(dy.par_chunks(h * w)).for_each(|(out, dy)| {
                for (y, row) in dy.chunks(w).enumerate() {
                    out[(top + y) * sw + left..][..w].copy_from_slice(row);
                }
            });
            Ok(T::storage(out))
        }
        let skip = &self.0;
        Ok((by_type!(dy, self.name(), run(dy, ld, skip))?, skip.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::*;

    #[test]
    fn pooling_is_candles_and_its_gradient_is_whole() {
        let x = noise(&[2, 3, 6, 8], 1);
        close(&max_pool2(&x).unwrap(), &x.max_pool2d(2).unwrap(), 0.0);
        check(&[vec![2, 3, 6, 8]], |v| max_pool2(&v[0]));
        assert!(max_pool2(&noise(&[1, 1, 5, 4], 1)).unwrap_err().to_string().contains("odd"));
        // Equal values: one of the four takes all of the gradient.
        let x = candle_core::Var::from_tensor(&noise(&[1, 1, 2, 2], 1).zeros_like().unwrap());
        let x = x.unwrap();
        let grads = max_pool2(x.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
        let gradient = grads.get(&x).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert_eq!(gradient, [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn the_middle_is_cut_out_and_put_in_front() {
        for (skip, x) in [([2, 3, 8, 10], [2, 4, 4, 4]), ([1, 2, 5, 3], [1, 1, 5, 3])] {
            let v = [noise(&skip, 1), noise(&x, 2)];
            let [h, w] = [x[2], x[3]];
            let middle = v[0].narrow(2, (skip[2] - h) / 2, h).unwrap();
            let middle = middle.narrow(3, (skip[3] - w) / 2, w).unwrap();
            let reference = Tensor::cat(&[&middle, &v[1]], 1).unwrap();
            close(&crop_cat(&v[0], &v[1]).unwrap(), &reference, 0.0);
            check(&[skip.to_vec(), x.to_vec()], |v| crop_cat(&v[0], &v[1]));
        }
        for skip in [[1, 2, 7, 8], [1, 2, 4, 8]] {
            assert!(crop_cat(&noise(&skip, 1), &noise(&[1, 2, 6, 4], 1)).is_err());
        }
    }
}
