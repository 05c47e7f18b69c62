//! Batch normalisation (Ioffe and Szegedy 2015) with the statistics of the batch, and ReLU after it if
//! wanted: what training sees. An evaluation knows mean and variance beforehand, so that scale and
//! shift are folded into the convolution before: see [`super::moments`].

use super::element::{Real, best_of, by_type, lane_sum};
use super::shared::Shared;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// Added to each variance.
pub const BATCH_NORM_EPS: f64 = 1e-5;

/// Every channel of `x` `[B, C, H, W]` gets mean 0 and variance 1 over the batch, then
/// `· gamma + beta` (each `[C]`), then ReLU if `relu`.
///
/// # Errors
/// If the shapes do not fit.
pub fn batch_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, relu: bool) -> Result<Tensor> {
    let c = x.dims4()?.1;
    if gamma.dims() != [c] || beta.dims() != [c] {
        bail!("batch_norm: {:?} and {:?} for {c} channels", gamma.shape(), beta.shape());
    }
    if super::fused(x) {
        return x.contiguous()?.apply_op3(
            &gamma.contiguous()?,
            &beta.contiguous()?,
            BatchNorm { relu },
        );
    }
    let wide = |t: &Tensor| t.reshape((1, c, 1, 1));
    let centred = x.broadcast_sub(&channel_mean(x)?)?;
    let variance = channel_mean(&centred.sqr()?)?;
    let y = centred.broadcast_div(&(variance + BATCH_NORM_EPS)?.sqrt()?)?;
    let y = y.broadcast_mul(&wide(gamma)?)?.broadcast_add(&wide(beta)?)?;
    if relu { y.relu() } else { Ok(y) }
}

/// Mean and variance of each channel of `[B, C, H, W]` over the batch, `[C]` each.
///
/// # Errors
/// If `x` does not have four axes.
pub fn moments(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let mean = channel_mean(x)?;
    let variance = channel_mean(&x.broadcast_sub(&mean)?.sqr()?)?;
    Ok((mean.flatten_all()?, variance.flatten_all()?))
}

/// `[1, C, 1, 1]`.
fn channel_mean(x: &Tensor) -> Result<Tensor> {
    x.mean_keepdim(3)?.mean_keepdim(2)?.mean_keepdim(0)
}

#[derive(Clone, Copy)]
struct BatchNorm {
    relu: bool,
}

/// Images, channels, pixels of a plane.
#[derive(Clone, Copy)]
struct Sizes(usize, usize, usize);

impl Sizes {
    fn of(shape: &Shape) -> Result<Self> {
        let (b, c, h, w) = shape.dims4()?;
        Ok(Self(b, c, h * w))
    }
    fn plane<'a, T>(&self, x: &'a [T], image: usize, channel: usize) -> &'a [T] {
        &x[(image * self.1 + channel) * self.2..][..self.2]
    }
    /// Values of a channel.
    fn count<T: Real>(&self) -> T {
        T::from_f64((self.0 * self.2) as f64)
    }
}

#[inline(always)]
fn sum<T: Real>(x: &[T]) -> T {
    lane_sum(x, |v| v)
}
best_of!(best_sum = sum(x: &[T]) -> T);

#[inline(always)]
fn squares<T: Real>(x: &[T], mean: T) -> T {
    lane_sum(x, |v| (v - mean) * (v - mean))
}
best_of!(best_squares = squares(x: &[T], mean: T) -> T);

#[inline(always)]
fn apply<T: Real>(out: &mut [MaybeUninit<T>], x: &[T], scale: T, shift: T, relu: bool) {
    for (o, &v) in out.iter_mut().zip(x) {
        let y = v * scale + shift;
        o.write(if relu && y < T::default() { T::default() } else { y });
    }
}
best_of!(best_apply = apply(out: &mut [MaybeUninit<T>], x: &[T], scale: T, shift: T, relu: bool));

/// Σ d and Σ d·(x − mean), with d the gradient that ReLU lets through.
#[inline(always)]
fn sums<T: Real>(x: &[T], dy: &[T], mean: T, scale: T, shift: T, relu: bool) -> (T, T) {
    let (mut plain, mut with) = ([T::default(); 16], [T::default(); 16]);
    let mut one = |x: T, d: T, lane: usize| {
        let d = if relu && x * scale + shift <= T::default() { T::default() } else { d };
        plain[lane] += d;
        with[lane] += d * (x - mean);
    };
    let (xs, ds) = (x.chunks_exact(16), dy.chunks_exact(16));
    let rest = xs.remainder().iter().zip(ds.remainder());
    for (x, d) in xs.zip(ds) {
        for j in 0..16 {
            one(x[j], d[j], j);
        }
    }
    rest.for_each(|(&x, &d)| one(x, d, 0));
    (plain.into_iter().sum(), with.into_iter().sum())
}
best_of!(best_sums = sums(x: &[T], dy: &[T], mean: T, scale: T, shift: T, relu: bool) -> (T, T));

/// scale·(d − a − (x − mean)·b).
#[inline(always)]
fn back<T: Real>(
    out: &mut [MaybeUninit<T>],
    x: &[T],
    dy: &[T],
    (mean, scale, shift): (T, T, T),
    (a, b): (T, T),
    relu: bool,
) {
    for ((o, &x), &d) in out.iter_mut().zip(x).zip(dy) {
        let d = if relu && x * scale + shift <= T::default() { T::default() } else { d };
        o.write(scale * (d - a - (x - mean) * b));
    }
}
best_of!(best_back = back(
    out: &mut [MaybeUninit<T>], x: &[T], dy: &[T], own: (T, T, T), all: (T, T), relu: bool
));

/// Mean and reciprocal standard deviation of a channel.
fn statistics<T: Real>(x: &[T], s: Sizes, channel: usize) -> (T, T) {
    let n = s.count::<T>();
    let planes = || (0..s.0).map(|image| s.plane(x, image, channel));
    let mean = planes().map(|p| best_sum(p)).sum::<T>() / n;
    let variance = planes().map(|p| best_squares(p, mean)).sum::<T>() / n;
    (mean, T::ONE / (variance + T::from_f64(BATCH_NORM_EPS)).sqrt())
}

fn forward<T: Real>(x: &[T], gamma: &[T], beta: &[T], s: Sizes, relu: bool) -> Vec<T> {
    let mut out: Vec<T> = Vec::with_capacity(x.len());
    let shared = Shared(out.as_mut_ptr());
    (0..s.1).into_par_iter().for_each(|c| {
        let (mean, r) = statistics(x, s, c);
        let scale = gamma[c] * r;
        for image in 0..s.0 {
            let to = shared.at((image * s.1 + c) * s.2).cast::<MaybeUninit<T>>();
            // SAFETY: each plane is written by the task of its channel only.
            let to = unsafe { std::slice::from_raw_parts_mut(to, s.2) };
            best_apply(to, s.plane(x, image, c), scale, beta[c] - mean * scale, relu);
        }
    });
    // SAFETY: every plane was written.
    unsafe { out.set_len(x.len()) };
    out
}

/// Gradients of `x`, gamma and beta, one after the other.
fn backward<T: Real>(x: &[T], affine: &[T], dy: &[T], s: Sizes, relu: bool) -> Vec<T> {
    let (gamma, beta) = affine.split_at(s.1);
    let mut out: Vec<T> = Vec::with_capacity(x.len() + 2 * s.1);
    let shared = Shared(out.as_mut_ptr());
    (0..s.1).into_par_iter().for_each(|c| {
        let (mean, r) = statistics(x, s, c);
        let scale = gamma[c] * r;
        let shift = beta[c] - mean * scale;
        let (mut plain, mut with) = (T::default(), T::default());
        for image in 0..s.0 {
            let (x, dy) = (s.plane(x, image, c), s.plane(dy, image, c));
            let (p, w) = best_sums(x, dy, mean, scale, shift, relu);
            plain += p;
            with += w;
        }
        let n = s.count::<T>();
        let all = (plain / n, with * r * r / n);
        for image in 0..s.0 {
            let to = shared.at((image * s.1 + c) * s.2).cast::<MaybeUninit<T>>();
            // SAFETY: as in `forward`.
            let to = unsafe { std::slice::from_raw_parts_mut(to, s.2) };
            let (x, dy) = (s.plane(x, image, c), s.plane(dy, image, c));
            best_back(to, x, dy, (mean, scale, shift), all, relu);
        }
        // SAFETY: the two numbers of this channel behind the planes.
        unsafe {
            shared.at(x.len() + c).write(with * r);
            shared.at(x.len() + s.1 + c).write(plain);
        }
    });
    // SAFETY: every plane and both rows were written.
    unsafe { out.set_len(x.len() + 2 * s.1) };
    out
}

impl CustomOp3 for BatchNorm {
    fn name(&self) -> &'static str {
        "batch-norm"
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        g: &CpuStorage,
        lg: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            (x, lx): (&CpuStorage, &Layout),
            (g, lg): (&CpuStorage, &Layout),
            (b, lb): (&CpuStorage, &Layout),
            relu: bool,
        ) -> Result<CpuStorage> {
            let s = Sizes::of(lx.shape())?;
            let y = forward(T::slice(x, lx)?, T::slice(g, lg)?, T::slice(b, lb)?, s, relu);
            Ok(T::storage(y))
        }
        let y = by_type!(x, self.name(), run((x, lx), (g, lg), (b, lb), self.relu))?;
        Ok((y, lx.shape().clone()))
    }
    fn bwd(
        &self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        // candle's custom operations take three inputs at most: gamma and beta travel as one.
        let affine = Tensor::cat(&[gamma, beta], 0)?;
        let all = x.apply_op3_no_bwd(&affine, &dy.contiguous()?, &BatchNormGradient(*self))?;
        let (n, c) = (x.elem_count(), gamma.elem_count());
        Ok((
            Some(all.narrow(0, 0, n)?.reshape(x.shape())?),
            Some(all.narrow(0, n, c)?),
            Some(all.narrow(0, n + c, c)?),
        ))
    }
}

struct BatchNormGradient(BatchNorm);

impl CustomOp3 for BatchNormGradient {
    fn name(&self) -> &'static str {
        "batch-norm-gradient"
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        a: &CpuStorage,
        la: &Layout,
        dy: &CpuStorage,
        ld: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            (x, lx): (&CpuStorage, &Layout),
            (a, la): (&CpuStorage, &Layout),
            (dy, ld): (&CpuStorage, &Layout),
            relu: bool,
        ) -> Result<CpuStorage> {
            let s = Sizes::of(lx.shape())?;
            Ok(T::storage(backward(T::slice(x, lx)?, T::slice(a, la)?, T::slice(dy, ld)?, s, relu)))
        }
        let out = by_type!(x, self.name(), run((x, lx), (a, la), (dy, ld), self.0.relu))?;
        let n = lx.shape().elem_count() + la.shape().elem_count();
        Ok((out, n.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::*;

    #[test]
    fn batch_norm_matches_its_composition_and_differences() {
        for (b, c, h, w) in [(2, 3, 5, 7), (3, 4, 4, 9), (1, 2, 6, 6)] {
            for relu in [false, true] {
                let shapes = [vec![b, c, h, w], vec![c], vec![c]];
                let v: Vec<Tensor> = (0..3).map(|i| noise(&shapes[i], 1 + i as u64)).collect();
                let wide = |t: &Tensor| t.reshape((1, c, 1, 1)).unwrap();
                let (mean, variance) = moments(&v[0]).unwrap();
                let sd = (variance + BATCH_NORM_EPS).unwrap().sqrt().unwrap();
                let y =
                    v[0].broadcast_sub(&wide(&mean)).unwrap().broadcast_div(&wide(&sd)).unwrap();
                let y = y.broadcast_mul(&wide(&v[1])).unwrap().broadcast_add(&wide(&v[2])).unwrap();
                let y = if relu { y.relu().unwrap() } else { y };
                close(&batch_norm(&v[0], &v[1], &v[2], relu).unwrap(), &y, 1e-12);
                check(&shapes, |v| batch_norm(&v[0], &v[1], &v[2], relu));
            }
        }
        let (x, g) = (noise(&[1, 6, 2, 2], 1), noise(&[5], 2));
        assert!(batch_norm(&x, &g, &g, true).is_err());
    }

    #[test]
    fn moments_are_those_of_the_definition() {
        let x = noise(&[2, 3, 4, 5], 7);
        let (mean, variance) = moments(&x).unwrap();
        let values = x.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let all: Vec<(usize, f64)> =
            values.into_iter().enumerate().map(|(i, v)| (i / 20 % 3, v)).collect();
        for c in 0..3 {
            let own: Vec<f64> = all.iter().filter(|v| v.0 == c).map(|v| v.1).collect();
            let m = own.iter().sum::<f64>() / own.len() as f64;
            let v = own.iter().map(|v| (v - m).powi(2)).sum::<f64>() / own.len() as f64;
            assert!((mean.get(c).unwrap().to_scalar::<f64>().unwrap() - m).abs() < 1e-12);
            assert!((variance.get(c).unwrap().to_scalar::<f64>().unwrap() - v).abs() < 1e-12);
        }
    }
}
