//! The operations of a plan. Values are `f32`, features `[b, c, h, w]`, matrices in rows; every
//! operation writes all of its outputs, none of which is one of its inputs unless it says so.

pub use super::buffer::{Buffer, Work};
use super::volume_op::{Add, VolumeConv, VolumePool};
use super::weights::WeightId;
use crate::nn::Strided;

#[derive(Clone, Debug)]
pub enum Op {
    Conv(Conv),
    Norm(Norm),
    Product(Product),
    Gate(Gate),
    Turn(Turn),
    Place(Place),
    Pool(Pool),
    Shuffle(Shuffle),
    Filter(Filter),
    Spectrum(Spectrum),
    Softmax(Softmax),
    Sample(Sample),
    VolumeConv(VolumeConv),
    VolumePool(VolumePool),
    Add(Add),
}

/// `y = relu(conv(x) + bias + add)`, the last three if wanted.
#[derive(Clone, Debug)]
pub struct Conv {
    pub x: Buffer,
    pub y: Buffer,
    /// Of the shape of `y`.
    pub add: Option<Buffer>,
    pub weight: WeightId,
    pub bias: Option<WeightId>,
    /// `[b, ci, h, w]` of `x`, and `[co, kernel, stride, pad]`.
    pub input: [usize; 4],
    pub layer: [usize; 4],
    pub relu: bool,
}

/// What is normalised together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sets {
    /// Groups of the channels of `[b, channels, run]`.
    Groups { groups: usize, run: usize },
    /// Each row of `[rows, channels]`.
    Rows,
}

/// Mean 0 and variance 1 in every set, `· gamma + beta`, then `· (1 + scale) + shift` of the
/// modulation, then SiLU or ReLU.
#[derive(Clone, Debug)]
pub struct Norm {
    pub x: Buffer,
    pub y: Buffer,
    pub gamma: WeightId,
    pub beta: WeightId,
    /// Where `scale` starts; `shift` follows, `channels` further.
    pub modulation: Option<(Buffer, usize)>,
    pub sets: Sets,
    /// Samples, or rows.
    pub batch: usize,
    pub channels: usize,
    pub silu: bool,
    pub relu: bool,
}

/// Where a matrix comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Buffer(Buffer),
    Weight(WeightId),
}

/// A batch of matrices.
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    pub source: Source,
    pub at: Strided,
}

/// What is added to each row of a product.
#[derive(Clone, Copy, Debug)]
pub struct Bias(pub WeightId);

/// `c = silu(alpha · a·b + bias + add)`, the last three if wanted.
#[derive(Clone, Debug)]
pub struct Product {
    pub a: Matrix,
    pub b: Matrix,
    pub c: Buffer,
    pub c_at: Strided,
    /// Lies like `c`, but for its batch step.
    pub add: Option<(Source, usize)>,
    pub bias: Option<Bias>,
    pub alpha: f32,
    pub silu: bool,
    /// `[batch, m, n, k]`.
    pub sizes: [usize; 4],
}

/// `y[b, c, p] = x[b, c, p] · gate[b, p]`.
#[derive(Clone, Debug)]
pub struct Gate {
    pub x: Buffer,
    pub gate: Buffer,
    pub y: Buffer,
    /// `[b, c, pixels]`.
    pub sizes: [usize; 3],
}

/// `y[b, c, p] = x[b, p, c] + add[b, c, p]`: tokens back among features.
#[derive(Clone, Debug)]
pub struct Turn {
    pub x: Buffer,
    pub add: Buffer,
    pub y: Buffer,
    /// `[b, pixels, c]`.
    pub sizes: [usize; 3],
}

/// Puts `x` `[b, c, h, w]`, without `crop` rows and columns on each side and each pixel `up`x`up`
/// times, into the channels from `channel` on of `y` `[b, channels, ..]`.
#[derive(Clone, Debug)]
pub struct Place {
    pub x: Buffer,
    pub y: Buffer,
    pub input: [usize; 4],
    pub crop: [usize; 2],
    pub up: usize,
    pub channel: usize,
    pub channels: usize,
}

/// The largest of each 2x2 block of `[b, c, h, w]`.
#[derive(Clone, Debug)]
pub struct Pool {
    pub x: Buffer,
    pub y: Buffer,
    pub input: [usize; 4],
}

/// `r`x`r` pixels of `[b, c, r·h, r·w]` to channels `[b, c·r², h, w]`, or back.
#[derive(Clone, Debug)]
pub struct Shuffle {
    pub x: Buffer,
    pub y: Buffer,
    pub pack: bool,
    pub r: usize,
    /// `[b, c, h, w]` of the small side: `c` before packing, `h` and `w` after.
    pub sizes: [usize; 4],
}

/// A neural band-pass filter on the pairs of frequencies of a grid, `[n, n]` with `n = grid²`: for
/// each the network of [`crate::nn::filter_network`], then the sigmoid.
#[derive(Clone, Debug)]
pub struct Filter {
    pub y: Buffer,
    pub grid: usize,
    /// Each layer's matrix `[width, inputs]` and bias, then the output's; then each layer's gamma and
    /// beta.
    pub weights: WeightId,
    /// Where the first layer's scale starts; its shift follows, then the next layer's scale.
    pub modulation: (Buffer, usize),
    pub layers: usize,
    /// Of the hidden layers, 4 without any: the coordinates.
    pub width: usize,
}

impl Filter {
    /// Weights before the first gamma.
    pub fn linear_weights(&self) -> usize {
        let width = self.width;
        let hidden = match self.layers {
            0 => 0,
            n => width * (COORDINATES + 1) + (n - 1) * width * (width + 1),
        };
        hidden + width + 1
    }
}

/// Row and column frequency of both tokens of a pair.
pub const COORDINATES: usize = 4;

/// Signed frequency of each row or column of a grid, scaled to -1…1.
pub fn frequency(i: usize, grid: usize) -> f64 {
    let signed = if 2 * i < grid { i as f64 } else { i as f64 - grid as f64 };
    2.0 * signed / grid as f64
}

/// Filters a spectrum by cosines plus sines (`cas`), `x` `[b, n, n]`: with `−u` the opposite
/// frequency and the filter `g` `[n, n]`, split by the parity of its axes,
/// `y(u, v) = even(u, v)·x(u, v) − odd(u, v)·x(−u, −v)`, where `even` is the mean of `g` over
/// `(±u, ±v)` and `odd` the same with the signs' product.
#[derive(Clone, Debug)]
pub struct Spectrum {
    pub x: Buffer,
    pub g: Buffer,
    pub y: Buffer,
    pub grid: usize,
    pub batch: usize,
}

/// Softmax of each row of `[rows, n]`, of `scale · x`.
#[derive(Clone, Debug)]
pub struct Softmax {
    pub x: Buffer,
    pub y: Buffer,
    pub rows: usize,
    pub n: usize,
    pub scale: f32,
}

/// The sampler's step, in place: `x0 = clamp(c₀·state + c₁·output, -1, 1)`, then
/// `state = c₂·x0 + c₃·state + c₄·noise + c₅·(the estimate before)`. Where the output is not finite,
/// `status[0]` becomes 1.
#[derive(Clone, Debug)]
pub struct Sample {
    pub output: Buffer,
    pub noise: Buffer,
    pub coefficients: Buffer,
    pub state: Buffer,
    pub estimate: Buffer,
    pub status: Buffer,
    pub len: usize,
}

impl Place {
    /// Height and width of `y`.
    pub fn output(&self) -> [usize; 2] {
        [0, 1].map(|i| (self.input[2 + i] - 2 * self.crop[i]) * self.up)
    }
}

impl Conv {
    /// `[b, co, h', w']`.
    pub fn output(&self) -> [usize; 4] {
        let ([b, _, h, w], [co, k, stride, pad]) = (self.input, self.layer);
        let side = |n: usize| (n + 2 * pad - k) / stride + 1;
        [b, co, side(h), side(w)]
    }
}

impl Op {
    /// The name of its kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv(_) => "conv",
            Self::Norm(_) => "norm",
            Self::Product(_) => "product",
            Self::Gate(_) => "gate",
            Self::Turn(_) => "turn",
            Self::Place(_) => "place",
            Self::Pool(_) => "pool",
            Self::Shuffle(_) => "shuffle",
            Self::Filter(_) => "filter",
            Self::Spectrum(_) => "spectrum",
            Self::Softmax(_) => "softmax",
            Self::Sample(_) => "sample",
            Self::VolumeConv(_) => "volume_conv",
            Self::VolumePool(_) => "volume_pool",
            Self::Add(_) => "add",
        }
    }

    /// Calls `f` with every buffer, and whether it is written.
    pub fn each_buffer(&mut self, mut f: impl FnMut(&mut Buffer, bool)) {
        match self {
            Self::Conv(o) => {
                f(&mut o.x, false);
                o.add.iter_mut().for_each(|b| f(b, false));
                f(&mut o.y, true);
            }
            Self::Norm(o) => {
                f(&mut o.x, false);
                o.modulation.iter_mut().for_each(|(b, _)| f(b, false));
                f(&mut o.y, true);
            }
            Self::Product(o) => {
                let added = o.add.iter_mut().map(|(source, _)| source);
                for source in [&mut o.a.source, &mut o.b.source].into_iter().chain(added) {
                    if let Source::Buffer(b) = source {
                        f(b, false);
                    }
                }
                f(&mut o.c, true);
            }
            Self::Add(o) => {
                f(&mut o.x, false);
                f(&mut o.add, false);
                f(&mut o.y, true);
            }
            Self::Gate(o) => {
                f(&mut o.x, false);
                f(&mut o.gate, false);
                f(&mut o.y, true);
            }
            Self::Turn(o) => {
                f(&mut o.x, false);
                f(&mut o.add, false);
                f(&mut o.y, true);
            }
            Self::Place(Place { x, y, .. })
            | Self::Pool(Pool { x, y, .. })
            | Self::Shuffle(Shuffle { x, y, .. })
            | Self::Softmax(Softmax { x, y, .. })
            | Self::VolumeConv(VolumeConv { x, y, .. })
            | Self::VolumePool(VolumePool { x, y, .. }) => {
                f(x, false);
                f(y, true);
            }
            Self::Filter(o) => {
                f(&mut o.modulation.0, false);
                f(&mut o.y, true);
            }
            Self::Spectrum(o) => {
                f(&mut o.x, false);
                f(&mut o.g, false);
                f(&mut o.y, true);
            }
            Self::Sample(o) => {
                for b in [&mut o.output, &mut o.noise, &mut o.coefficients] {
                    f(b, false);
                }
                for b in [&mut o.state, &mut o.estimate, &mut o.status] {
                    f(b, true);
                }
            }
        }
    }

    /// What it costs.
    pub fn work(&self) -> Work {
        let count = |v: &[usize]| v.iter().product::<usize>() as f64;
        let (flop, values) = match self {
            Self::Conv(o) => {
                let [co, k, ..] = o.layer;
                let (output, taps) = (count(&o.output()), (o.input[1] * k * k) as f64);
                let sides = if o.add.is_some() { 2.0 } else { 1.0 };
                (2.0 * output * taps, count(&o.input) + sides * output + co as f64 * taps)
            }
            Self::Norm(o) => {
                let run = if let Sets::Groups { run, .. } = o.sets { run } else { 1 };
                let n = count(&[o.batch, o.channels, run]);
                (10.0 * n, 2.0 * n)
            }
            Self::Product(o) => {
                let [z, m, n, k] = o.sizes;
                let of =
                    |at: Strided, size: usize| count(&[if at.batch == 0 { 1 } else { z }, size]);
                let moved = of(o.a.at, m * k) + of(o.b.at, k * n) + count(&[z, m, n]);
                (2.0 * count(&o.sizes), moved)
            }
            Self::Gate(o) => (count(&o.sizes), 2.0 * count(&o.sizes)),
            Self::Turn(o) => (count(&o.sizes), 3.0 * count(&o.sizes)),
            Self::Place(o) => (0.0, count(&o.input) + count(&o.output()) * count(&o.input[..2])),
            Self::Pool(o) => (count(&o.input), 1.25 * count(&o.input)),
            Self::Shuffle(o) => (0.0, 2.0 * count(&o.sizes) * count(&[o.r, o.r])),
            Self::Filter(o) => {
                let n = count(&[o.grid; 4]);
                let hidden = (o.layers.saturating_sub(1) * o.width * (o.width + 8)) as f64;
                (2.0 * n * (hidden + (5 * o.width) as f64), n)
            }
            Self::Spectrum(o) => {
                let n = count(&[o.grid; 4]);
                (10.0 * n * o.batch as f64, (2 * o.batch + 1) as f64 * n)
            }
            Self::Softmax(o) => (4.0 * count(&[o.rows, o.n]), 2.0 * count(&[o.rows, o.n])),
            Self::Sample(o) => (8.0 * o.len as f64, 6.0 * o.len as f64),
            Self::VolumeConv(o) => return o.work(),
            Self::VolumePool(o) => return o.work(),
            Self::Add(o) => (2.0 * o.len as f64, 3.0 * o.len as f64),
        };
        Work { flop, bytes: 4.0 * values }
    }
}
