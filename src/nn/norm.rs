//! Group and layer normalisation, fused with an affine map that may differ per sample (so a time
//! embedding can scale and shift) and, if wanted, SiLU. One pass for the statistics, one to write.

use super::element::{Real, best_of, by_type, lane_sum, wide_sum};
use super::team::each_piece;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::mem::MaybeUninit;

const EPS: f64 = 1e-5;

/// Group normalisation (Wu and He 2018) of `x` `[B, C, H, W]`: every group of `C / groups` channels
/// gets mean 0 and variance 1, then `· gamma + beta` (each `[1, C]` or `[B, C]`), then SiLU if
/// `silu`.
///
/// # Errors
/// If the shapes do not fit, or `groups` does not divide `C`.
pub fn group_norm(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    groups: usize,
    silu: bool,
) -> Result<Tensor> {
    let (b, c, h, w) = x.dims4()?;
    if groups == 0 || c % groups != 0 {
        bail!("group_norm: {c} channels cannot be split into {groups} groups");
    }
    if !super::fused(x) {
        let of_group = |t: &Tensor| t.reshape(((), groups, c / groups, 1));
        let affine = (&of_group(gamma)?, &of_group(beta)?);
        let sets = x.reshape((b, groups, c / groups, h * w))?;
        return super::device::normalise(&sets, affine, EPS, silu)?.reshape((b, c, h, w));
    }
    let op = Norm { silu, kind: Kind::Group { groups } };
    x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, op)
}

/// Layer normalisation (Ba, Kiros and Hinton 2016) over the last axis of `x` `[B, M, D]`, then
/// `· gamma + beta` (each `[1, D]` or `[B, D]`), then SiLU if `silu`.
///
/// # Errors
/// If the shapes do not fit.
pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, silu: bool) -> Result<Tensor> {
    let (b, m, d) = x.dims3()?;
    if !super::fused(x) {
        let of_value = |t: &Tensor| t.reshape(((), 1, d, 1));
        let affine = (&of_value(gamma)?, &of_value(beta)?);
        let sets = x.reshape((b, m, d, 1))?;
        return super::device::normalise(&sets, affine, EPS, silu)?.reshape((b, m, d));
    }
    let op = Norm { silu, kind: Kind::Layer };
    x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, op)
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Group { groups: usize },
    Layer,
}

#[derive(Clone, Copy)]
pub(super) struct Norm {
    pub(super) silu: bool,
    pub(super) kind: Kind,
}

/// A set of values that are normalised together.
#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    channels: usize,
    /// Sets per sample.
    sets: usize,
    /// Channels in a set, and consecutive elements of each.
    set_channels: usize,
    run: usize,
    /// Rows of gamma and beta: 1 or `batch`.
    affine_rows: usize,
}

impl Norm {
    fn sizes(self, x: &Shape, gamma: &Shape, beta: &Shape) -> Result<Sizes> {
        let (batch, channels, sets, set_channels, run) = match self.kind {
            Kind::Group { groups } => {
                let (b, c, h, w) = x.dims4()?;
                (b, c, groups, c / groups, h * w)
            }
            Kind::Layer => {
                let (b, m, d) = x.dims3()?;
                (b, d, m, d, 1)
            }
        };
        let (affine_rows, width) = gamma.dims2()?;
        if gamma != beta || width != channels || ![1, batch].contains(&affine_rows) {
            bail!(
                "normalisation: gamma {gamma:?} and beta {beta:?}, expected [1 or {batch}, {channels}]"
            );
        }
        Ok(Sizes { batch, channels, sets, set_channels, run, affine_rows })
    }
}

impl Sizes {
    fn set_len(&self) -> usize {
        self.set_channels * self.run
    }
    /// Where the affine of set `i` starts in gamma and beta.
    fn affine_at(&self, i: usize) -> usize {
        let row = if self.affine_rows == 1 { 0 } else { i / self.sets };
        row * self.channels + self.channel_at(i)
    }
    fn channel_at(&self, i: usize) -> usize {
        if self.set_channels == self.channels { 0 } else { i % self.sets * self.set_channels }
    }
    /// Sets per parallel task, so that short rows do not drown in scheduling.
    fn chunk(&self) -> usize {
        (4096 / self.set_len()).max(1)
    }
}

/// Values whose mean and squares are summed while they are in the first-level cache.
const NEAR: usize = 2048;

/// Mean and reciprocal standard deviation: of pieces, joined after Chan, Golub and LeVeque (1979).
#[inline(always)]
fn statistics<T: Real>(x: &[T]) -> (T, T) {
    let number = |n: usize| T::from_f64(n as f64);
    let (mut mean, mut squares, mut before) = (T::default(), T::default(), 0);
    for piece in x.chunks(NEAR) {
        let all = before + piece.len();
        let own = wide_sum(piece, |v| v) / number(piece.len());
        let off = own - mean;
        squares += wide_sum(piece, |v| (v - own) * (v - own))
            + off * off * number(before) * number(piece.len()) / number(all);
        mean += off * number(piece.len()) / number(all);
        before = all;
    }
    (mean, T::ONE / (squares / number(x.len()) + T::from_f64(EPS)).sqrt())
}

/// `silu'(y)`.
#[inline(always)]
fn silu_slope<T: Real>(y: T) -> T {
    let s = y.sigmoid();
    s * (T::ONE + y * (T::ONE - s))
}

/// One set of [`forward`]: its values, and gamma and beta of its channels.
#[inline(always)]
fn set_forward<T: Real>(
    out: &mut [MaybeUninit<T>],
    x: &[T],
    gamma: &[T],
    beta: &[T],
    run: usize,
    silu: bool,
) {
    let (mean, r) = statistics(x);
    if run == 1 {
        for (((o, &v), &gamma), &beta) in out.iter_mut().zip(x).zip(gamma).zip(beta) {
            let y = (v - mean) * r * gamma + beta;
            o.write(if silu { y.silu() } else { y });
        }
        return;
    }
    for (c, (out, x)) in out.chunks_exact_mut(run).zip(x.chunks_exact(run)).enumerate() {
        let a = gamma[c] * r;
        let b = beta[c] - mean * a;
        if silu {
            for (o, &v) in out.iter_mut().zip(x) {
                o.write(v.mul_add(a, b).silu());
            }
        } else {
            for (o, &v) in out.iter_mut().zip(x) {
                o.write(v.mul_add(a, b));
            }
        }
    }
}
best_of!(best_set_forward = set_forward(
    out: &mut [MaybeUninit<T>], x: &[T], gamma: &[T], beta: &[T], run: usize, silu: bool
));

fn forward<T: Real>(x: &[T], gamma: &[T], beta: &[T], s: Sizes, silu: bool) -> Vec<T> {
    let mut out = Vec::with_capacity(x.len());
    let room = &mut out.spare_capacity_mut()[..x.len()];
    forward_to(room, x, (gamma, beta), s, silu, rayon::current_num_threads());
    // SAFETY: every set wrote all of its values.
    unsafe { out.set_len(x.len()) };
    out
}

/// Writes all of `out`.
fn forward_to<T: Real>(
    out: &mut [MaybeUninit<T>],
    x: &[T],
    (gamma, beta): (&[T], &[T]),
    s: Sizes,
    silu: bool,
    threads: usize,
) {
    let len = s.set_len();
    let chunk = s.chunk().min((s.batch * s.sets).div_ceil(threads.max(1)));
    each_piece(threads, out, len, chunk, |i, out| {
        let (at, x) = (s.affine_at(i), &x[i * len..][..len]);
        let (gamma, beta) = (&gamma[at..][..s.set_channels], &beta[at..][..s.set_channels]);
        best_set_forward(out, x, gamma, beta, s.run, silu);
    });
}

/// What is normalised together: of `[batch, channels, run]` groups of channels, or of
/// `[batch, rows, channels]` each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormSets {
    Groups { groups: usize, run: usize },
    Rows { rows: usize },
}

/// [`group_norm`] or [`layer_norm`] of `x` to all of `out`, with one `gamma` and `beta` for all
/// samples, on so many threads.
///
/// # Errors
/// If the sizes do not fit together.
pub fn normalise_to(
    out: &mut [f32],
    x: &[f32],
    (gamma, beta): (&[f32], &[f32]),
    sets: NormSets,
    silu: bool,
    threads: usize,
) -> Result<()> {
    let channels = gamma.len();
    let (sets, set_channels, run) = match sets {
        NormSets::Groups { groups, run } => (groups, channels / groups.max(1), run),
        NormSets::Rows { rows } => (rows, channels, 1),
    };
    let sample = sets * set_channels * run;
    if sample == 0
        || !channels.is_multiple_of(set_channels)
        || beta.len() != channels
        || x.len() != out.len()
        || !x.len().is_multiple_of(sample)
    {
        bail!("normalisation: {} values to {} of {channels} channels", x.len(), out.len());
    }
    let batch = x.len() / sample;
    let sizes = Sizes { batch, channels, sets, set_channels, run, affine_rows: 1 };
    // SAFETY: written values may be taken for ones that need not be there.
    let out = unsafe { &mut *(std::ptr::from_mut(out) as *mut [MaybeUninit<f32>]) };
    forward_to(out, x, (gamma, beta), sizes, silu, threads);
    Ok(())
}

/// One channel of [`backward`]: writes dL/dx̂ to `dx`, gives the sums for gamma and beta.
#[inline(always)]
fn channel_backward<T: Real>(
    dx: &mut [T],
    x: &[T],
    dy: &[T],
    (mean, r): (T, T),
    (gamma, beta): (T, T),
    silu: bool,
) -> (T, T) {
    let one = |dx: &mut T, x: T, dy: T, dg: &mut T, db: &mut T| {
        let hat = (x - mean) * r;
        let d = if silu { dy * silu_slope(hat * gamma + beta) } else { dy };
        *dg += d * hat;
        *db += d;
        *dx = d * gamma;
    };
    let (mut dg, mut db) = ([T::default(); 16], [T::default(); 16]);
    let (mut to, from, given) = (dx.chunks_exact_mut(16), x.chunks_exact(16), dy.chunks_exact(16));
    let rest = (from.remainder(), given.remainder());
    for ((dx, x), dy) in to.by_ref().zip(from).zip(given) {
        for j in 0..16 {
            one(&mut dx[j], x[j], dy[j], &mut dg[j], &mut db[j]);
        }
    }
    for ((dx, &x), &dy) in to.into_remainder().iter_mut().zip(rest.0).zip(rest.1) {
        one(dx, x, dy, &mut dg[0], &mut db[0]);
    }
    (dg.into_iter().sum(), db.into_iter().sum())
}

/// One set of [`backward`]; adds the gradients of its gammas, then its betas, to `sum`.
#[inline(always)]
fn set_backward<T: Real>(
    dx: &mut [T],
    x: &[T],
    dy: &[T],
    gamma: &[T],
    beta: &[T],
    sum: &mut [T],
    run: usize,
    silu: bool,
) {
    let (mean, r) = statistics(x);
    let n = T::from_f64(x.len() as f64);
    let channels = gamma.len();
    let (dgamma, dbeta) = sum.split_at_mut(channels);
    // First dx holds dL/dx̂.
    let (mut mean_g, mut mean_gx) = (T::default(), T::default());
    if run == 1 {
        let (dx, x, dy) = (&mut dx[..channels], &x[..channels], &dy[..channels]);
        let (beta, dgamma, dbeta) =
            (&beta[..channels], &mut dgamma[..channels], &mut dbeta[..channels]);
        for c in 0..channels {
            let hat = (x[c] - mean) * r;
            let y = hat * gamma[c] + beta[c];
            let d = if silu { dy[c] * silu_slope(y) } else { dy[c] };
            dgamma[c] += d * hat;
            dbeta[c] += d;
            dx[c] = d * gamma[c];
        }
        mean_g = lane_sum(dx, |v| v);
        for c in 0..channels {
            mean_gx += dx[c] * (x[c] - mean) * r;
        }
    } else {
        for c in 0..channels {
            let part = c * run..(c + 1) * run;
            let (dx, x, dy) = (&mut dx[part.clone()], &x[part.clone()], &dy[part]);
            let (dg, db) = channel_backward(dx, x, dy, (mean, r), (gamma[c], beta[c]), silu);
            dgamma[c] += dg;
            dbeta[c] += db;
            mean_g += gamma[c] * db;
            mean_gx += gamma[c] * dg;
        }
    }
    let (mean_g, mean_gx) = (mean_g / n, mean_gx / n);
    for (d, &v) in dx.iter_mut().zip(x) {
        *d = r * (*d - mean_g - (v - mean) * r * mean_gx);
    }
}
best_of!(best_set_backward = set_backward(
    dx: &mut [T], x: &[T], dy: &[T], gamma: &[T], beta: &[T], sum: &mut [T], run: usize, silu: bool
));

/// Gradients of `x`, gamma and beta, one after the other in one buffer.
///
/// With x̂ = (x − mean)·r and g = dL/dx̂: dL/dx = r·(g − mean(g) − x̂·mean(g·x̂)).
fn backward<T: Real>(x: &[T], gamma: &[T], beta: &[T], dy: &[T], s: Sizes, silu: bool) -> Vec<T> {
    let affine = s.affine_rows * s.channels;
    let mut out = vec![T::default(); x.len() + 2 * affine];
    let (dx, rest) = out.split_at_mut(x.len());
    let (len, chunk) = (s.set_len(), s.chunk());
    // Each task sums the affine gradients of its own sets; they are added in order below.
    let sums: Vec<Vec<(usize, Vec<T>)>> = dx
        .par_chunks_mut(len * chunk)
        .zip(x.par_chunks(len * chunk))
        .zip(dy.par_chunks(len * chunk))
        .enumerate()
        .map(|(task, ((dx, x), dy))| {
            let mut sums: Vec<(usize, Vec<T>)> = Vec::new();
            let sets = dx.chunks_mut(len).zip(x.chunks(len)).zip(dy.chunks(len)).enumerate();
            for (k, ((dx, x), dy)) in sets {
                let at = s.affine_at(task * chunk + k);
                let (gamma, beta) = (&gamma[at..][..s.set_channels], &beta[at..][..s.set_channels]);
                if sums.last().is_none_or(|(last, _)| *last != at) {
                    sums.push((at, vec![T::default(); 2 * s.set_channels]));
                }
                let Some((_, sum)) = sums.last_mut() else { continue };
                best_set_backward(dx, x, dy, gamma, beta, sum, s.run, silu);
            }
            sums
        })
        .collect();
    let (dgamma, dbeta) = rest.split_at_mut(affine);
    for (at, sum) in sums.into_iter().flatten() {
        for c in 0..s.set_channels {
            dgamma[at + c] += sum[c];
            dbeta[at + c] += sum[s.set_channels + c];
        }
    }
    out
}

impl CustomOp3 for Norm {
    fn name(&self) -> &'static str {
        "norm"
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
            s: Sizes,
            silu: bool,
        ) -> Result<CpuStorage> {
            let y = forward(T::slice(x, lx)?, T::slice(g, lg)?, T::slice(b, lb)?, s, silu);
            Ok(T::storage(y))
        }
        let s = self.sizes(lx.shape(), lg.shape(), lb.shape())?;
        let y = by_type!(x, self.name(), run((x, lx), (g, lg), (b, lb), s, self.silu))?;
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
        let s = self.sizes(x.shape(), gamma.shape(), beta.shape())?;
        // candle's custom operations take three inputs at most: gamma and beta travel as one.
        let affine = Tensor::cat(&[gamma, beta], 0)?;
        let all = x.apply_op3_no_bwd(&affine, &dy.contiguous()?, &NormGradient(*self, s))?;
        let (n, m) = (x.elem_count(), gamma.elem_count());
        Ok((
            Some(all.narrow(0, 0, n)?.reshape(x.shape())?),
            Some(all.narrow(0, n, m)?.reshape(gamma.shape())?),
            Some(all.narrow(0, n + m, m)?.reshape(beta.shape())?),
        ))
    }
}

struct NormGradient(Norm, Sizes);

impl CustomOp3 for NormGradient {
    fn name(&self) -> &'static str {
        "norm-gradient"
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
            s: Sizes,
            silu: bool,
        ) -> Result<CpuStorage> {
            let (gamma, beta) = T::slice(a, la)?.split_at(s.affine_rows * s.channels);
            let (x, dy) = (T::slice(x, lx)?, T::slice(dy, ld)?);
            Ok(T::storage(backward(x, gamma, beta, dy, s, silu)))
        }
        let Self(norm, s) = *self;
        let out = by_type!(x, self.name(), run((x, lx), (a, la), (dy, ld), s, norm.silu))?;
        let n = lx.shape().elem_count() + la.shape().elem_count();
        debug_assert_eq!(lx.shape().elem_count(), s.batch * s.sets * s.set_len());
        Ok((out, n.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::*;
    use candle_core::D;

    fn composed_group(x: &Tensor, g: &Tensor, b: &Tensor, groups: usize, silu: bool) -> Tensor {
        let (n, c, h, w) = x.dims4().unwrap();
        let y = standardise(&x.reshape((n, groups, c / groups * h * w)).unwrap()).unwrap();
        let wide = |t: &Tensor| t.unsqueeze(2).unwrap().unsqueeze(3).unwrap();
        let y = y.reshape((n, c, h, w)).unwrap().broadcast_mul(&wide(g)).unwrap();
        let y = y.broadcast_add(&wide(b)).unwrap();
        if silu { y.silu().unwrap() } else { y }
    }

    /// Mean 0 and variance 1 over the last axis, in plain tensor operations.
    fn standardise(x: &Tensor) -> Result<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        centred.broadcast_div(&(variance + EPS)?.sqrt()?)
    }

    #[test]
    fn group_norm_matches_its_composition_and_differences() {
        for (c, groups, h, w) in [(8, 4, 5, 3), (6, 1, 4, 4), (4, 4, 7, 5), (8, 2, 1, 1)] {
            for rows in [1, 2] {
                for silu in [false, true] {
                    let shapes = [vec![2, c, h, w], vec![rows, c], vec![rows, c]];
                    let (x, g, b) =
                        (noise(&shapes[0], 1), noise(&shapes[1], 2), noise(&shapes[2], 3));
                    let ours = group_norm(&x, &g, &b, groups, silu).unwrap();
                    close(&ours, &composed_group(&x, &g, &b, groups, silu), 1e-12);
                    check(&shapes, |v| group_norm(&v[0], &v[1], &v[2], groups, silu));
                }
            }
        }
    }

    #[test]
    fn layer_norm_matches_its_composition_and_differences() {
        for (m, d) in [(5, 16), (3, 7), (70, 96)] {
            for rows in [1, 2] {
                for silu in [false, true] {
                    let shapes = [vec![2, m, d], vec![rows, d], vec![rows, d]];
                    let (x, g, b) =
                        (noise(&shapes[0], 1), noise(&shapes[1], 2), noise(&shapes[2], 3));
                    let wide = |t: &Tensor| t.unsqueeze(1).unwrap();
                    let y = standardise(&x).unwrap().broadcast_mul(&wide(&g)).unwrap();
                    let y = y.broadcast_add(&wide(&b)).unwrap();
                    let y = if silu { y.silu().unwrap() } else { y };
                    close(&layer_norm(&x, &g, &b, silu).unwrap(), &y, 1e-12);
                    check(&shapes, |v| layer_norm(&v[0], &v[1], &v[2], silu));
                }
            }
        }
    }

    #[test]
    fn groups_that_do_not_divide_the_channels_are_an_error() {
        let (x, g) = (noise(&[1, 6, 2, 2], 1), noise(&[1, 6], 2));
        assert!(group_norm(&x, &g, &g, 4, true).is_err());
        assert!(group_norm(&x, &noise(&[1, 5], 2), &g, 3, true).is_err());
    }
}
