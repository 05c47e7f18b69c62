//! Each operation of a plan on the CPU.

use super::FILTER_OPEN;
use super::cpu_volumes;
use super::op::{
    Buffer, COORDINATES, Conv, Filter, Gate, Norm, Op, Place, Pool, Product, Sample, Sets, Shuffle,
    Source, Spectrum, Turn, frequency,
};
use super::weights::{Use, Weight, WeightId};
use crate::nn::{
    NormSets, PackedConv, Then, each_piece, filter_network_to, matmul_to, normalise_to,
    sigmoid_in_place, silu_in_place, softmax_to, with_room,
};
use candle_core::{Result, bail};

/// A weight as the kernels take it.
pub(super) enum Packed {
    Plain(Vec<f32>),
    Conv(PackedConv),
}

pub(super) fn pack(weight: &Weight) -> Result<Packed> {
    let values = weight.values()?;
    Ok(match (weight.role, weight.shape()) {
        (Use::Conv { stride, pad }, &[co, ci, kh, kw]) => {
            Packed::Conv(PackedConv::new(&values, [co, ci, kh, kw], stride, pad))
        }
        (Use::Conv { .. }, shape) => bail!("plan: the kernel of a convolution {shape:?}"),
        (Use::Plain | Use::Volume { .. }, _) => Packed::Plain(values),
    })
}

fn plain(packed: &[Packed], id: WeightId) -> Result<&[f32]> {
    match packed.get(id.0) {
        Some(Packed::Plain(values)) => Ok(values),
        _ => bail!("plan: no plain weight {}", id.0),
    }
}

/// Writes an output, given all buffers but that one.
type Write<'a> = &'a mut dyn FnMut(&[Vec<f32>], &mut [f32]) -> Result<()>;

/// What an operation keeps from run to run.
pub(super) struct Prepare {
    /// An affine map that is worked out anew at each run: gammas, then betas.
    affine: Vec<f32>,
    /// The points of a filter that has run.
    points: Vec<f32>,
}

impl Prepare {
    pub(super) fn new(op: &Op) -> Self {
        let affine = match op {
            Op::Norm(o) => 2 * o.channels,
            Op::Filter(o) => 2 * o.layers * o.width,
            _ => 0,
        };
        Self { affine: vec![0.0; affine], points: Vec::new() }
    }

    pub(super) fn run(
        &mut self,
        op: &Op,
        memory: &mut [Vec<f32>],
        packed: &[Packed],
        threads: usize,
    ) -> Result<()> {
        // The output is taken out, so that the inputs can be looked at.
        let mut into = |y: Buffer, f: Write<'_>| {
            let mut out = std::mem::take(&mut memory[y.0]);
            let result = f(memory, &mut out);
            memory[y.0] = out;
            result
        };
        match op {
            Op::Conv(o) => into(o.y, &mut |m, y| conv(o, m, y, packed, threads)),
            Op::Norm(o) => {
                let affine = &mut self.affine;
                into(o.y, &mut |m, y| norm(o, m, y, packed, affine, threads))
            }
            Op::Product(o) => into(o.c, &mut |m, c| multiply(o, m, c, packed, threads)),
            Op::Gate(o) => into(o.y, &mut |m, y| {
                gate(o, m, y, threads);
                Ok(())
            }),
            Op::Turn(o) => into(o.y, &mut |m, y| {
                turn(o, &m[o.x.0], &m[o.add.0], y, threads);
                Ok(())
            }),
            Op::Place(o) => into(o.y, &mut |m, y| {
                place(o, &m[o.x.0], y, threads);
                Ok(())
            }),
            Op::Pool(o) => into(o.y, &mut |m, y| {
                pool(o, &m[o.x.0], y, threads);
                Ok(())
            }),
            Op::Shuffle(o) => into(o.y, &mut |m, y| {
                shuffle(o, &m[o.x.0], y, threads);
                Ok(())
            }),
            Op::Filter(o) => {
                let Self { affine, points } = self;
                if points.is_empty() {
                    *points = coordinates(o.grid);
                }
                into(o.y, &mut |m, y| filter(o, m, y, packed, (affine, points), threads))
            }
            Op::Spectrum(o) => into(o.y, &mut |m, y| {
                spectrum(o, &m[o.x.0], &m[o.g.0], y, threads);
                Ok(())
            }),
            Op::Softmax(o) => into(o.y, &mut |m, y| {
                softmax_to(&mut y[..o.rows * o.n], &m[o.x.0], o.n, o.scale, threads);
                Ok(())
            }),
            Op::Sample(o) => {
                sample(o, memory);
                Ok(())
            }
            Op::VolumeConv(o) => {
                let bias = o.bias.map(|id| plain(packed, id)).transpose()?;
                let weight = plain(packed, o.weight)?;
                into(o.y, &mut |m, y| cpu_volumes::conv(o, &m[o.x.0], weight, bias, y))
            }
            Op::VolumePool(o) => into(o.y, &mut |m, y| cpu_volumes::pool(o, &m[o.x.0], y)),
            Op::Add(o) => into(o.y, &mut |m, y| {
                cpu_volumes::add(o, &m[o.x.0], &m[o.add.0], y);
                Ok(())
            }),
        }
    }
}

fn conv(
    o: &Conv,
    memory: &[Vec<f32>],
    y: &mut [f32],
    packed: &[Packed],
    threads: usize,
) -> Result<()> {
    let Some(Packed::Conv(kernel)) = packed.get(o.weight.0) else {
        bail!("plan: no kernel {}", o.weight.0);
    };
    let (input, output) = (o.input.iter().product(), o.output().iter().product());
    let [b, _, h, w] = o.input;
    let bias = o.bias.map(|id| plain(packed, id)).transpose()?;
    let add = o.add.map(|add| &memory[add.0][..output]);
    let then = Then { bias, add, relu: o.relu };
    kernel.run(&memory[o.x.0][..input], [b, h, w], then, &mut y[..output], threads)
}

fn norm(
    o: &Norm,
    memory: &[Vec<f32>],
    y: &mut [f32],
    packed: &[Packed],
    affine: &mut [f32],
    threads: usize,
) -> Result<()> {
    let (gamma, beta) = (plain(packed, o.gamma)?, plain(packed, o.beta)?);
    modulate(affine, gamma, beta, o.modulation.map(|(b, at)| &memory[b.0][at..]));
    let (sets, run) = match o.sets {
        Sets::Groups { groups, run } => (NormSets::Groups { groups, run }, run),
        Sets::Rows => (NormSets::Rows { rows: o.batch }, 1),
    };
    let len = o.batch * o.channels * run;
    let y = &mut y[..len];
    normalise_to(y, &memory[o.x.0][..len], affine.split_at(o.channels), sets, o.silu, threads)?;
    if o.relu {
        y.iter_mut().for_each(|v| *v = v.max(0.0));
    }
    Ok(())
}

/// `(x̂γ + β)(1 + scale) + shift` as one affine: gammas, then betas.
fn modulate(to: &mut [f32], gamma: &[f32], beta: &[f32], by: Option<&[f32]>) {
    let n = gamma.len();
    for c in 0..n {
        let (scale, shift) = by.map_or((1.0, 0.0), |by| (1.0 + by[c], by[n + c]));
        to[c] = gamma[c] * scale;
        to[n + c] = beta[c] * scale + shift;
    }
}

fn multiply(
    o: &Product,
    memory: &[Vec<f32>],
    c: &mut [f32],
    packed: &[Packed],
    threads: usize,
) -> Result<()> {
    let values = |source: Source| match source {
        Source::Buffer(b) => Ok(memory[b.0].as_slice()),
        Source::Weight(id) => plain(packed, id),
    };
    let (a, b) = (values(o.a.source)?, values(o.b.source)?);
    let bias = o.bias.map(|bias| plain(packed, bias.0)).transpose()?;
    let add = o.add.map(|(source, step)| values(source).map(|v| (v, step))).transpose()?;
    let after = |z: usize, i: usize, row: &mut [f32]| {
        if o.alpha != 1.0 {
            row.iter_mut().for_each(|v| *v *= o.alpha);
        }
        if let Some(bias) = bias {
            row.iter_mut().zip(bias).for_each(|(v, b)| *v += b);
        }
        if let Some((add, step)) = add {
            let add = &add[z * step + i * o.c_at.row..];
            row.iter_mut().zip(add).for_each(|(v, a)| *v += a);
        }
        if o.silu {
            silu_in_place(row);
        }
    };
    matmul_to((c, o.c_at), (a, o.a.at), (b, o.b.at), o.sizes, after, threads)
}

/// Values that one task writes at least.
const TASK: usize = 1 << 14;

/// Calls `f` with every plane of `y` and its number, several at once.
fn planes(
    y: &mut [f32],
    plane: usize,
    threads: usize,
    f: impl Fn(usize, &mut [f32]) + Sync + Send,
) {
    each_piece(threads, y, plane, (TASK / plane.max(1)).max(1), f);
}

fn gate(o: &Gate, memory: &[Vec<f32>], y: &mut [f32], threads: usize) {
    let [b, c, p] = o.sizes;
    let (x, gate) = (&memory[o.x.0], &memory[o.gate.0]);
    planes(&mut y[..b * c * p], p, threads, |i, y| {
        let (x, gate) = (&x[i * p..][..p], &gate[i / c * p..][..p]);
        y.iter_mut().zip(x).zip(gate).for_each(|((y, x), g)| *y = x * g);
    });
}

fn turn(o: &Turn, x: &[f32], add: &[f32], y: &mut [f32], threads: usize) {
    let [b, p, c] = o.sizes;
    planes(&mut y[..b * p * c], p, threads, |i, y| {
        let column = &x[i / c * p * c + i % c..];
        for ((y, add), x) in y.iter_mut().zip(&add[i * p..]).zip(column.iter().step_by(c)) {
            *y = x + add;
        }
    });
}

fn place(o: &Place, x: &[f32], y: &mut [f32], threads: usize) {
    let ([b, c, h, w], [top, left], up) = (o.input, o.crop, o.up);
    let [rows, columns] = o.output();
    let plane = rows * columns;
    planes(&mut y[..b * o.channels * plane], plane, threads, |i, y| {
        let Some(channel) = (i % o.channels).checked_sub(o.channel).filter(|&k| k < c) else {
            return;
        };
        let from = &x[(i / o.channels * c + channel) * h * w..][..h * w];
        for (r, rows) in y.chunks_exact_mut(up * columns).enumerate() {
            let from = &from[(top + r) * w + left..][..columns / up];
            if up == 1 {
                rows.copy_from_slice(from);
                continue;
            }
            let (first, others) = rows.split_at_mut(columns);
            match up {
                2 => first
                    .as_chunks_mut::<2>()
                    .0
                    .iter_mut()
                    .zip(from)
                    .for_each(|(to, &v)| *to = [v; 2]),
                _ => first.chunks_exact_mut(up).zip(from).for_each(|(to, &v)| to.fill(v)),
            }
            others.chunks_exact_mut(columns).for_each(|row| row.copy_from_slice(first));
        }
    });
}

fn pool(o: &Pool, x: &[f32], y: &mut [f32], threads: usize) {
    let [b, c, h, w] = o.input;
    let plane = h * w / 4;
    planes(&mut y[..b * c * plane], plane, threads, |i, y| {
        let rows = x[i * h * w..][..h * w].chunks_exact(2 * w);
        for (y, rows) in y.chunks_exact_mut(w / 2).zip(rows) {
            let (above, below) = rows.split_at(w);
            for (k, y) in y.iter_mut().enumerate() {
                let most = above[2 * k].max(above[2 * k + 1]);
                *y = most.max(below[2 * k].max(below[2 * k + 1]));
            }
        }
    });
}

fn shuffle(o: &Shuffle, x: &[f32], y: &mut [f32], threads: usize) {
    let [b, c, h, w] = o.sizes;
    let set = o.r * o.r * h * w;
    planes(&mut y[..b * c * set], set, threads, |i, y| {
        let x = &x[i * set..][..set];
        // As a constant it becomes a matter of vectors.
        match o.r {
            2 => shuffle_by(o, 2, x, y),
            r => shuffle_by(o, r, x, y),
        }
    });
}

/// Row by row of the large side.
#[inline(always)]
fn shuffle_by(o: &Shuffle, r: usize, x: &[f32], y: &mut [f32]) {
    let [_, _, h, w] = o.sizes;
    for (row, part) in (0..r * h).flat_map(|row| (0..r).map(move |part| (row, part))) {
        let (wide, narrow) = (row * r * w, ((row % r * r + part) * h + row / r) * w);
        if o.pack {
            let from = x[wide..][..r * w].chunks_exact(r);
            y[narrow..][..w].iter_mut().zip(from).for_each(|(to, from)| *to = from[part]);
        } else {
            let to = y[wide..][..r * w].chunks_exact_mut(r);
            to.zip(&x[narrow..][..w]).for_each(|(to, from)| to[part] = *from);
        }
    }
}

/// `[n², 4]` of a grid of `n` tokens.
fn coordinates(grid: usize) -> Vec<f32> {
    let n = grid * grid;
    let at = |i: usize| frequency(i, grid) as f32;
    let pair = |p: usize| {
        let (a, b) = (p / n, p % n);
        [a / grid, a % grid, b / grid, b % grid].map(at)
    };
    (0..n * n).flat_map(pair).collect()
}

fn filter(
    o: &Filter,
    memory: &[Vec<f32>],
    y: &mut [f32],
    packed: &[Packed],
    (affine, points): (&mut [f32], &[f32]),
    threads: usize,
) -> Result<()> {
    let (linear, own) = plain(packed, o.weights)?.split_at(o.linear_weights());
    let modulation = &memory[o.modulation.0.0][o.modulation.1..];
    for i in 0..o.layers {
        let part = 2 * i * o.width..2 * (i + 1) * o.width;
        let (gamma, beta) = own[part.clone()].split_at(o.width);
        modulate(&mut affine[part.clone()], gamma, beta, Some(&modulation[part.start..]));
    }
    let y = &mut y[..points.len() / COORDINATES];
    let sizes = [COORDINATES, o.width, o.layers];
    filter_network_to(y, points, (linear, affine), sizes, threads)?;
    sigmoid_in_place(y, FILTER_OPEN);
    Ok(())
}

fn spectrum(o: &Spectrum, x: &[f32], g: &[f32], y: &mut [f32], threads: usize) {
    let (grid, n) = (o.grid, o.grid * o.grid);
    let opposite = |u: usize| (grid - u / grid) % grid * grid + (grid - u % grid) % grid;
    let opposites: Vec<usize> = (0..n).map(opposite).collect();
    let together = n.div_ceil(threads.max(1));
    // The filter's even and odd parts, row by row.
    with_room(2 * n * n, |parts| {
        each_piece(threads, parts, 2 * n, together, |u, parts| {
            let (g, mg) = (&g[u * n..][..n], &g[opposites[u] * n..][..n]);
            let (even, odd) = parts.split_at_mut(n);
            for (v, (even, odd)) in even.iter_mut().zip(odd).enumerate() {
                let mv = opposites[v];
                let (with, against) = (g[v] + mg[mv], mg[v] + g[mv]);
                (*even, *odd) = (0.25 * (with + against), 0.25 * (with - against));
            }
        });
        each_piece(threads, &mut y[..o.batch * n * n], n, together, |i, y| {
            let (x, u) = (&x[i / n * n * n..][..n * n], i % n);
            let (even, odd) = parts[2 * n * u..][..2 * n].split_at(n);
            let (x, mx) = (&x[u * n..][..n], &x[opposites[u] * n..][..n]);
            for (v, y) in y.iter_mut().enumerate() {
                *y = even[v] * x[v] - odd[v] * mx[opposites[v]];
            }
        });
    });
}

fn sample(o: &Sample, memory: &mut [Vec<f32>]) {
    let mut state = std::mem::take(&mut memory[o.state.0]);
    let mut estimate = std::mem::take(&mut memory[o.estimate.0]);
    let (output, noise) = (&memory[o.output.0][..o.len], &memory[o.noise.0][..o.len]);
    let c = &memory[o.coefficients.0];
    let mut finite = true;
    for i in 0..o.len {
        finite &= output[i].is_finite();
        let x0 = (c[0] * state[i] + c[1] * output[i]).clamp(-1.0, 1.0);
        state[i] = c[2] * x0 + c[3] * state[i] + c[4] * noise[i] + c[5] * estimate[i];
        estimate[i] = x0;
    }
    memory[o.state.0] = state;
    memory[o.estimate.0] = estimate;
    if !finite {
        memory[o.status.0][0] = 1.0;
    }
}
