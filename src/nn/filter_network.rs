//! A narrow network applied to every point of a fixed set of coordinates, modulated by a few
//! conditions (diffusion times): linear, layer norm with a scale and shift per condition, SiLU, a
//! number of times, then one value per point. As tensor operations its many thin matrices cost
//! more than a U-Net; here 64 points at a time go through all layers without leaving the cache,
//! and the backward pass computes them again instead of storing them.

use super::element::{Real, best_of, by_type};
use super::layers::Linear;
use super::product_kernels::{BLOCK_ROWS, Product};
use super::winograd_kernels::{Kernels, Winograd, fastest};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Module, Result, Shape, Tensor, bail};
use rayon::prelude::*;

const EPS: f64 = 1e-5;
/// Points that go through the network together: four vectors of AVX-512, so that a weight that is
/// loaded serves four times.
const LANES: usize = 64;
/// Partial sums of a weight's gradient.
const PARTS: usize = 16;
/// Points of one task: fixed, so that sums do not depend on the machine.
const TASK: usize = 512;

type Vector<T> = [T; LANES];
type Sum<T> = [T; PARTS];

/// A hidden layer: `linear`, then layer norm with `gamma` and `beta` `[U, width]`, then SiLU.
pub struct FilterLayer<'a> {
    pub linear: &'a Linear,
    pub gamma: Tensor,
    pub beta: Tensor,
}

/// `points` `[P, C]` through all `layers` (of one width), then `out` (to one value): `[U, P]`. No
/// gradient for the points, which are taken as constants.
///
/// # Errors
/// If the shapes do not fit, or there is no layer.
pub fn filter_network(points: &Tensor, layers: &[FilterLayer<'_>], out: &Linear) -> Result<Tensor> {
    let Some(first) = layers.first() else { bail!("filter network: it needs a layer") };
    let ((p, inputs), (u, width)) = (points.dims2()?, first.gamma.dims2()?);
    if !super::fused(points) {
        let mut x = points.unsqueeze(0)?;
        for layer in layers {
            x = layer.linear.forward(&x)?;
            if x.dim(0)? != u {
                x = x.broadcast_as((u, p, width))?.contiguous()?;
            }
            x = super::layer_norm(&x, &layer.gamma, &layer.beta, true)?;
        }
        return out.forward(&x)?.reshape((u, p));
    }
    let (mut weights, mut affine) = (Vec::new(), Vec::new());
    for linear in layers.iter().map(|layer| layer.linear).chain([out]) {
        weights.push(linear.weight.flatten_all()?);
        match &linear.bias {
            Some(bias) => weights.push(bias.clone()),
            None => bail!("filter network: every layer needs a bias"),
        }
    }
    for layer in layers {
        affine.extend([layer.gamma.clone(), layer.beta.clone()]);
    }
    let network = Network { u, p, inputs, width, layers: layers.len() };
    let (weights, affine) = (Tensor::cat(&weights, 0)?, Tensor::cat(&affine, 1)?.contiguous()?);
    points.detach().contiguous()?.apply_op3(&weights, &affine, network)
}

/// Sizes: conditions, points, coordinates, width, hidden layers.
#[derive(Clone, Copy)]
struct Network {
    u: usize,
    p: usize,
    inputs: usize,
    width: usize,
    layers: usize,
}

impl Network {
    fn inputs_of(&self, layer: usize) -> usize {
        if layer == 0 { self.inputs } else { self.width }
    }
    /// Where a layer's weights `[width, inputs]`, then its bias, start; the last is `out`.
    fn at(&self, layer: usize) -> usize {
        match layer {
            0 => 0,
            n => self.width * (self.inputs + 1) + (n - 1) * self.width * (self.width + 1),
        }
    }
    fn weights(&self) -> usize {
        self.at(self.layers) + self.width + 1
    }
    fn affine(&self) -> usize {
        2 * self.layers * self.width
    }
    /// Per condition.
    fn tasks(&self) -> usize {
        self.p.div_ceil(TASK)
    }
    /// Condition and points of a task.
    fn task(&self, i: usize) -> (usize, std::ops::Range<usize>) {
        let start = i % self.tasks() * TASK;
        (i / self.tasks(), start..(start + TASK).min(self.p))
    }
    fn check<T>(&self, x: &[T], weights: &[T], affine: &[T]) -> Result<()> {
        let found = (x.len(), weights.len(), affine.len());
        let expected = (self.p * self.inputs, self.weights(), self.u * self.affine());
        if found != expected {
            bail!("filter network: points, weights, affine {found:?}, expected {expected:?}");
        }
        Ok(())
    }
}

/// What the points of a vector have at each layer.
struct Trace<T> {
    /// The input of every layer, then that of `out`.
    input: Vec<Vec<Vector<T>>>,
    /// Normalised, before scale and shift.
    hat: Vec<Vec<Vector<T>>>,
    /// Reciprocal standard deviations.
    r: Vec<Vector<T>>,
}

impl<T: Real> Trace<T> {
    fn new(s: Network) -> Self {
        let zero = [T::default(); LANES];
        Self {
            input: (0..=s.layers).map(|l| vec![zero; s.inputs_of(l)]).collect(),
            hat: vec![vec![zero; s.width]; s.layers],
            r: vec![zero; s.layers],
        }
    }
}

/// Loads up to a vector of points; the rest stay as they are.
#[inline(always)]
fn load<T: Real>(points: &[T], inputs: usize, to: &mut [Vector<T>]) {
    for (lane, point) in points.chunks_exact(inputs).enumerate() {
        for (to, &v) in to.iter_mut().zip(point) {
            to[lane] = v;
        }
    }
}

#[inline(always)]
fn add_product<T: Real>(sum: &mut Vector<T>, factor: T, v: &Vector<T>) {
    for l in 0..LANES {
        sum[l] += factor * v[l];
    }
}

#[inline(always)]
fn add_dot<T: Real>(sum: &mut Sum<T>, a: &Vector<T>, b: &Vector<T>) {
    for (a, b) in a.as_chunks::<PARTS>().0.iter().zip(b.as_chunks::<PARTS>().0) {
        for l in 0..PARTS {
            sum[l] += a[l] * b[l];
        }
    }
}

#[inline(always)]
fn add_all<T: Real>(sum: &mut Sum<T>, v: &Vector<T>) {
    for v in v.as_chunks::<PARTS>().0 {
        for l in 0..PARTS {
            sum[l] += v[l];
        }
    }
}

/// All layers for the points in `trace.input[0]`; gives the value of each.
#[inline(always)]
fn trace_forward<T: Real>(
    trace: &mut Trace<T>,
    weights: &[T],
    affine: &[T],
    s: Network,
    kernels: Option<&Kernels<T>>,
) -> Vector<T> {
    let n = T::from_f64(s.width as f64);
    let kernels = kernels.filter(|_| s.width.is_multiple_of(BLOCK_ROWS));
    for layer in 0..s.layers {
        let inputs = s.inputs_of(layer);
        let weights = &weights[s.at(layer)..];
        let bias = &weights[s.width * inputs..][..s.width];
        let (gamma, beta) = affine[2 * layer * s.width..][..2 * s.width].split_at(s.width);
        let (before, after) = trace.input.split_at_mut(layer + 1);
        let (input, next, hat) = (&before[layer], &mut after[0], &mut trace.hat[layer]);
        match kernels {
            // SAFETY: whole blocks of outputs, whole vectors of points.
            Some(kernels) => unsafe {
                (kernels.product)(Product {
                    rows: s.width,
                    k: inputs,
                    columns: LANES,
                    a: weights.as_ptr(),
                    a_row: inputs,
                    a_k: 1,
                    b: input.as_ptr().cast(),
                    b_row: Some(LANES),
                    c: hat.as_mut_ptr().cast(),
                    c_row: LANES,
                    add: false,
                });
            },
            None => {
                for (o, hat) in hat.iter_mut().enumerate() {
                    *hat = [T::default(); LANES];
                    for (&w, v) in weights[o * inputs..][..inputs].iter().zip(input) {
                        add_product(hat, w, v);
                    }
                }
            }
        }
        let mut mean = [T::default(); LANES];
        for (z, &bias) in hat.iter_mut().zip(bias) {
            for l in 0..LANES {
                z[l] += bias;
                mean[l] += z[l];
            }
        }
        let mean = mean.map(|sum| sum / n);
        let mut variance = [T::default(); LANES];
        for z in hat.iter_mut() {
            for l in 0..LANES {
                z[l] = z[l] - mean[l];
                variance[l] = z[l].mul_add(z[l], variance[l]);
            }
        }
        let mut r = [T::default(); LANES];
        for l in 0..LANES {
            r[l] = T::ONE / (variance[l] / n + T::from_f64(EPS)).sqrt();
        }
        trace.r[layer] = r;
        for o in 0..s.width {
            let (hat, next) = (&mut hat[o], &mut next[o]);
            for l in 0..LANES {
                hat[l] = hat[l] * r[l];
                next[l] = hat[l].mul_add(gamma[o], beta[o]).silu();
            }
        }
    }
    let out = &weights[s.at(s.layers)..][..s.width + 1];
    let mut value = [out[s.width]; LANES];
    for (&w, v) in out.iter().zip(&trace.input[s.layers]) {
        add_product(&mut value, w, v);
    }
    value
}

/// One task of the forward pass.
#[inline(always)]
fn forward_task<T: Real>(
    out: &mut [T],
    x: &[T],
    weights: &[T],
    affine: &[T],
    s: Network,
    kernels: Option<&Kernels<T>>,
) {
    let mut trace = Trace::new(s);
    for (out, x) in out.chunks_mut(LANES).zip(x.chunks(LANES * s.inputs)) {
        load(x, s.inputs, &mut trace.input[0]);
        let value = trace_forward(&mut trace, weights, affine, s, kernels);
        out.copy_from_slice(&value[..out.len()]);
    }
}
best_of!(best_forward_task = forward_task(
    out: &mut [T], x: &[T], weights: &[T], affine: &[T], s: Network, kernels: Option<&Kernels<T>>
));

/// One task of the backward pass: the gradients of the weights, then of its condition's affine.
#[inline(always)]
fn backward_task<T: Real>(
    dy: &[T],
    x: &[T],
    weights: &[T],
    affine: &[T],
    s: Network,
    kernels: Option<&Kernels<T>>,
) -> Vec<T> {
    let zero = [T::default(); LANES];
    let mut trace = Trace::new(s);
    let mut sums = vec![[T::default(); PARTS]; s.weights() + s.affine()];
    let (dweights, daffine) = sums.split_at_mut(s.weights());
    let (mut d, mut before) = (vec![zero; s.width], vec![zero; s.width]);
    let n = T::from_f64(s.width as f64);
    for (dy, x) in dy.chunks(LANES).zip(x.chunks(LANES * s.inputs)) {
        load(x, s.inputs, &mut trace.input[0]);
        trace_forward(&mut trace, weights, affine, s, kernels);
        // Lanes without a point get no gradient, and so add none.
        let mut given = zero;
        given[..dy.len()].copy_from_slice(dy);
        let at = s.at(s.layers);
        for o in 0..s.width {
            add_dot(&mut dweights[at + o], &given, &trace.input[s.layers][o]);
            d[o] = given.map(|v| v * weights[at + o]);
        }
        add_all(&mut dweights[at + s.width], &given);
        for layer in (0..s.layers).rev() {
            let (inputs, at) = (s.inputs_of(layer), s.at(layer));
            let start = 2 * layer * s.width;
            let (gamma, beta) = affine[start..][..2 * s.width].split_at(s.width);
            let (dgamma, dbeta) = daffine[start..][..2 * s.width].split_at_mut(s.width);
            let (hat, r) = (&trace.hat[layer], &trace.r[layer]);
            let (mut mean, mut mean_hat) = (zero, zero);
            for o in 0..s.width {
                let (d, hat) = (&mut d[o], &hat[o]);
                let mut dy = zero;
                for l in 0..LANES {
                    let y = hat[l] * gamma[o] + beta[o];
                    let s = y.sigmoid();
                    dy[l] = d[l] * s * (T::ONE + y * (T::ONE - s));
                    d[l] = dy[l] * gamma[o];
                    mean[l] += d[l] / n;
                    mean_hat[l] += d[l] * hat[l] / n;
                }
                add_dot(&mut dgamma[o], &dy, hat);
                add_all(&mut dbeta[o], &dy);
            }
            for o in 0..s.width {
                let (d, hat) = (&mut d[o], &hat[o]);
                for l in 0..LANES {
                    d[l] = r[l] * (d[l] - mean[l] - hat[l] * mean_hat[l]);
                }
                add_all(&mut dweights[at + s.width * inputs + o], d);
                let row = at + o * inputs..at + (o + 1) * inputs;
                for (dw, v) in dweights[row].iter_mut().zip(&trace.input[layer]) {
                    add_dot(dw, d, v);
                }
            }
            if layer > 0 {
                for (i, before) in before.iter_mut().enumerate() {
                    let mut sum = zero;
                    for (o, d) in d.iter().enumerate() {
                        add_product(&mut sum, weights[at + o * inputs + i], d);
                    }
                    *before = sum;
                }
                std::mem::swap(&mut d, &mut before);
            }
        }
    }
    sums.iter().map(|v| v.iter().copied().sum()).collect()
}
best_of!(best_backward_task = backward_task(
    dy: &[T], x: &[T], weights: &[T], affine: &[T], s: Network, kernels: Option<&Kernels<T>>
) -> Vec<T>);

fn forward<T: Winograd>(x: &[T], weights: &[T], affine: &[T], s: Network) -> Vec<T> {
    let kernels = T::kernels();
    let parts = (0..s.u * s.tasks()).into_par_iter().map(|i| {
        let (u, points) = s.task(i);
        let mut out = vec![T::default(); points.len()];
        let x = &x[points.start * s.inputs..points.end * s.inputs];
        let affine = &affine[u * s.affine()..][..s.affine()];
        best_forward_task(&mut out, x, weights, affine, s, kernels.as_ref());
        out
    });
    parts.collect::<Vec<_>>().concat()
}

/// The network of one condition on all `points` `[P, inputs]`, to all of `out` `[P]`, on so many
/// threads: `weights` is each layer's matrix `[width, inputs]` and bias, then those of the output;
/// `affine` each layer's gamma and beta.
///
/// # Errors
/// If the sizes do not fit together.
pub fn filter_network_to(
    out: &mut [f32],
    points: &[f32],
    (weights, affine): (&[f32], &[f32]),
    [inputs, width, layers]: [usize; 3],
    threads: usize,
) -> Result<()> {
    let s = Network { u: 1, p: out.len(), inputs, width, layers };
    s.check(points, weights, affine)?;
    let kernels = fastest();
    let shared = super::shared::Shared(out.as_mut_ptr());
    super::team::each(threads, s.tasks(), |i| {
        let (_, range) = s.task(i);
        let x = &points[range.start * inputs..range.end * inputs];
        // SAFETY: each task writes its own points.
        let out = unsafe { std::slice::from_raw_parts_mut(shared.at(range.start), range.len()) };
        best_forward_task(out, x, weights, affine, s, kernels.as_ref());
    });
    Ok(())
}

/// Gradients of the weights, then of the affine rows.
fn backward<T: Winograd>(x: &[T], weights: &[T], affine: &[T], dy: &[T], s: Network) -> Vec<T> {
    let kernels = T::kernels();
    let parts: Vec<Vec<T>> = (0..s.u * s.tasks())
        .into_par_iter()
        .map(|i| {
            let (u, points) = s.task(i);
            let dy = &dy[u * s.p..][points.clone()];
            let x = &x[points.start * s.inputs..points.end * s.inputs];
            let affine = &affine[u * s.affine()..][..s.affine()];
            best_backward_task(dy, x, weights, affine, s, kernels.as_ref())
        })
        .collect();
    let mut sums = vec![T::default(); s.weights() + s.u * s.affine()];
    for (i, part) in parts.into_iter().enumerate() {
        let (own, rows) = sums.split_at_mut(s.weights());
        let row = &mut rows[s.task(i).0 * s.affine()..];
        for (sum, v) in own.iter_mut().chain(row).zip(part) {
            *sum += v;
        }
    }
    sums
}

impl CustomOp3 for Network {
    fn name(&self) -> &'static str {
        "filter-network"
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
        a: &CpuStorage,
        la: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Winograd>(
            (x, lx): (&CpuStorage, &Layout),
            (w, lw): (&CpuStorage, &Layout),
            (a, la): (&CpuStorage, &Layout),
            s: Network,
        ) -> Result<CpuStorage> {
            let (x, w, a) = (T::slice(x, lx)?, T::slice(w, lw)?, T::slice(a, la)?);
            s.check(x, w, a)?;
            Ok(T::storage(forward(x, w, a, s)))
        }
        let y = by_type!(x, self.name(), run((x, lx), (w, lw), (a, la), *self))?;
        Ok((y, (self.u, self.p).into()))
    }
    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        a: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let parameters = Tensor::cat(&[&w.flatten_all()?, &a.flatten_all()?], 0)?;
        let gradient = Gradient { network: *self, x: x.clone() };
        let both = dy.contiguous()?.apply_op2_no_bwd(&parameters, &gradient)?;
        let weights = both.narrow(0, 0, self.weights())?;
        let affine = both.narrow(0, self.weights(), self.u * self.affine())?;
        Ok((None, Some(weights), Some(affine.reshape((self.u, self.affine()))?)))
    }
}

struct Gradient {
    network: Network,
    x: Tensor,
}

impl CustomOp2 for Gradient {
    fn name(&self) -> &'static str {
        "filter-network-gradient"
    }
    fn cpu_fwd(
        &self,
        dy: &CpuStorage,
        ld: &Layout,
        p: &CpuStorage,
        lp: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Winograd>(
            (x, lx): (&CpuStorage, &Layout),
            (dy, ld): (&CpuStorage, &Layout),
            (p, lp): (&CpuStorage, &Layout),
            s: Network,
        ) -> Result<CpuStorage> {
            let (weights, affine) = T::slice(p, lp)?.split_at(s.weights());
            Ok(T::storage(backward(T::slice(x, lx)?, weights, affine, T::slice(dy, ld)?, s)))
        }
        let s = self.network;
        let (x, lx) = self.x.storage_and_layout();
        let candle_core::Storage::Cpu(x) = &*x else {
            bail!("filter network: the points must be on the CPU");
        };
        let sums = by_type!(dy, self.name(), run((x, lx), (dy, ld), (p, lp), s))?;
        Ok((sums, (s.weights() + s.u * s.affine()).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::*;

    /// The network with weights, biases, gammas and betas from `v`.
    fn run(points: &Tensor, v: &[Tensor], fused: bool) -> Result<Tensor> {
        let linear = |i: usize| Linear { weight: v[i].clone(), bias: Some(v[i + 1].clone()) };
        let (one, two, out) = (linear(0), linear(4), linear(8));
        let layer =
            |linear, i: usize| FilterLayer { linear, gamma: v[i].clone(), beta: v[i + 1].clone() };
        let layers = [layer(&one, 2), layer(&two, 6)];
        if fused {
            return filter_network(points, &layers, &out);
        }
        let (u, p, width) = (layers[0].gamma.dim(0)?, points.dim(0)?, layers[0].gamma.dim(1)?);
        let mut x = points.unsqueeze(0)?;
        for l in &layers {
            x = l.linear.forward(&x)?.broadcast_as((u, p, width))?.contiguous()?;
            x = super::super::layer_norm(&x, &l.gamma, &l.beta, true)?;
        }
        out.forward(&x)?.reshape((u, p))
    }

    #[test]
    fn it_is_its_composition_and_gradients_match_differences() {
        for (u, p, width) in [(2, 37, 5), (1, 16, 4), (3, 520, 3), (2, 70, 8)] {
            let points = noise(&[p, 4], 1);
            let shapes = [
                vec![width, 4],
                vec![width],
                vec![u, width],
                vec![u, width],
                vec![width, width],
                vec![width],
                vec![u, width],
                vec![u, width],
                vec![1, width],
                vec![1],
            ];
            let v: Vec<Tensor> = (0..10).map(|i| noise(&shapes[i], 5 + i as u64)).collect();
            let ours = run(&points, &v, true).unwrap();
            close(&ours, &run(&points, &v, false).unwrap(), 1e-12);
            check(&shapes, |v| run(&points, v, true));
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let points = noise(&[4, 4], 1);
        let linear = Linear { weight: noise(&[3, 5], 1), bias: Some(noise(&[3], 2)) };
        let out = Linear { weight: noise(&[1, 3], 1), bias: Some(noise(&[1], 2)) };
        let (gamma, beta) = (noise(&[1, 3], 3), noise(&[1, 3], 4));
        assert!(
            filter_network(&points, &[FilterLayer { linear: &linear, gamma, beta }], &out).is_err()
        );
        assert!(filter_network(&points, &[], &out).is_err());
    }
}
