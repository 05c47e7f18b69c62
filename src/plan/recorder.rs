//! Records a plan: each call notes an operation and gives the value that it will have.

use super::liveness::assign;
use super::op::{
    Bias, Buffer, Conv, Gate, Matrix, Norm, Op, Place, Pool, Product, Sets, Shuffle, Softmax,
    Source, Turn, Work,
};
use super::weights::{Use, WeightId, Weights};
use crate::nn::{Conv2d, GroupNorm, LayerNorm, Linear, Strided};
use candle_core::{Result, Tensor, TensorId, bail};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A finished plan.
#[derive(Clone, Debug)]
pub struct Plan {
    pub ops: Vec<Op>,
    /// Parts that can be run each for itself, in order.
    pub sections: Vec<Range<usize>>,
    /// Values of each piece of memory; a [`Buffer`] is its index.
    pub slots: Vec<usize>,
    pub weights: Arc<Weights>,
}

impl Plan {
    /// What a section costs.
    pub fn work(&self, section: usize) -> Work {
        let each = self.ops[self.sections[section].clone()].iter().map(Op::work);
        each.fold(Work::default(), |a, b| Work { flop: a.flop + b.flop, bytes: a.bytes + b.bytes })
    }

    /// Memory of all buffers, bytes.
    pub fn bytes(&self) -> usize {
        4 * self.slots.iter().sum::<usize>()
    }
}

/// What an operation gives: features `[b, c, h, w]`, or tokens `[b, 1, n, d]`.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    pub buffer: Buffer,
    pub shape: [usize; 4],
}

impl Value {
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Outputs of many linear layers of one input: where each layer's start in one buffer.
pub struct Heads {
    buffer: Buffer,
    at: HashMap<TensorId, usize>,
}

impl Heads {
    /// All outputs.
    pub fn buffer(&self) -> Buffer {
        self.buffer
    }

    /// Where the outputs of this layer start.
    ///
    /// # Errors
    /// If it is none of them.
    pub fn of(&self, layer: &Linear) -> Result<(Buffer, usize)> {
        match self.at.get(&layer.parts().0.id()) {
            Some(&at) => Ok((self.buffer, at)),
            None => bail!("plan: a layer that was not recorded as a head"),
        }
    }
}

#[derive(Default)]
pub struct Recorder {
    weights: Arc<Weights>,
    ops: Vec<Op>,
    lengths: Vec<usize>,
    kept: Vec<bool>,
    sections: Vec<usize>,
}

impl Recorder {
    /// With the weights of plans that were recorded before.
    pub fn new(weights: Arc<Weights>) -> Self {
        Self { weights, ..Self::default() }
    }

    /// Room for so many values, from now on.
    pub fn buffer(&mut self, len: usize) -> Buffer {
        self.lengths.push(len);
        self.kept.push(false);
        Buffer(self.lengths.len() - 1)
    }

    /// Values of a buffer.
    pub fn len(&self, buffer: Buffer) -> usize {
        self.lengths[buffer.0]
    }

    fn value(&mut self, shape: [usize; 4]) -> Value {
        Value { buffer: self.buffer(shape.iter().product()), shape }
    }

    /// A value that is written from outside, or lives from run to run.
    pub fn input(&mut self, shape: [usize; 4]) -> Value {
        let value = self.value(shape);
        self.keep(value.buffer);
        value
    }

    /// Gives the buffer memory of its own, so that it can be read from outside.
    pub fn keep(&mut self, buffer: Buffer) {
        self.kept[buffer.0] = true;
    }

    /// What follows is a section of its own.
    pub fn section(&mut self) {
        self.sections.push(self.ops.len());
    }

    pub fn push(&mut self, op: Op) {
        self.ops.push(op);
    }

    /// A weight made of some tensors, made once.
    ///
    /// # Errors
    /// If making it fails.
    pub fn weight(
        &mut self,
        of: &[&Tensor],
        role: Use,
        what: &'static str,
        make: impl FnOnce() -> Result<Tensor>,
    ) -> Result<WeightId> {
        let key = (of.iter().map(|t| t.id()).collect(), role, what);
        if let Some(known) = self.weights.find(&key) {
            return Ok(known);
        }
        let tensor = make()?.detach();
        Ok(Arc::make_mut(&mut self.weights).add(key, tensor))
    }

    /// A weight that is used as it is.
    ///
    /// # Errors
    /// Never in practice.
    pub fn plain(&mut self, tensor: &Tensor) -> Result<WeightId> {
        self.weight(&[tensor], Use::Plain, "", || Ok(tensor.clone()))
    }

    /// A convolution with its bias; `add`, of the output's shape, is added.
    ///
    /// # Errors
    /// If the channels do not fit.
    pub fn conv(&mut self, layer: &Conv2d, x: Value, add: Option<Value>) -> Result<Value> {
        let channels = layer.parts().0.dim(1)?;
        if x.shape[1] != channels {
            bail!("plan: a convolution of {channels} channels on {:?}", x.shape);
        }
        self.conv_channels(layer, 0, x, true, add)
    }

    /// The part of a convolution that the input channels from `start` on give.
    ///
    /// # Errors
    /// If there are no such channels.
    pub fn conv_channels(
        &mut self,
        layer: &Conv2d,
        start: usize,
        x: Value,
        with_bias: bool,
        add: Option<Value>,
    ) -> Result<Value> {
        let (weight, bias, stride, pad) = layer.parts();
        let (co, _, k, _) = weight.dims4()?;
        let channels = x.shape[1];
        let what = if start == 0 { "" } else { "later channels" };
        let kernel = self.weight(&[weight], Use::Conv { stride, pad }, what, || {
            weight.narrow(1, start, channels)
        })?;
        let bias = if with_bias { Some(self.plain(bias)?) } else { None };
        self.convolve(x, kernel, bias, [co, k, stride, pad], (add, false))
    }

    /// A convolution `[co, kernel, stride, pad]`, with an addition, then ReLU.
    ///
    /// # Errors
    /// If the sizes do not fit.
    pub fn convolve(
        &mut self,
        x: Value,
        weight: WeightId,
        bias: Option<WeightId>,
        layer: [usize; 4],
        (add, relu): (Option<Value>, bool),
    ) -> Result<Value> {
        let shape = self.weights.get(weight).shape();
        let [co, k, _, pad] = layer;
        let sides = x.shape[2].min(x.shape[3]) + 2 * pad;
        if shape != [co, x.shape[1], k, k] || sides < k {
            bail!("plan: a convolution {shape:?} of {:?}", x.shape);
        }
        let mut op = Conv {
            x: x.buffer,
            y: x.buffer,
            add: add.map(|a| a.buffer),
            weight,
            bias,
            input: x.shape,
            layer,
            relu,
        };
        let y = self.value(op.output());
        if add.is_some_and(|a| a.shape != y.shape) {
            bail!("plan: a convolution to {:?}, to be added to {add:?}", y.shape);
        }
        op.y = y.buffer;
        self.push(Op::Conv(op));
        Ok(y)
    }

    /// Group normalisation, modulation if there is one, SiLU.
    ///
    /// # Errors
    /// If the channels do not fit.
    pub fn group_silu(
        &mut self,
        layer: &GroupNorm,
        x: Value,
        modulation: Option<(Buffer, usize)>,
    ) -> Result<Value> {
        let (gamma, beta, groups) = layer.parts();
        self.group_norm((gamma, beta), groups, x, modulation, true)
    }

    /// Group normalisation, modulation if there is one, then SiLU or ReLU.
    ///
    /// # Errors
    /// If the channels do not fit.
    pub fn group_norm(
        &mut self,
        (gamma, beta): (&Tensor, &Tensor),
        groups: usize,
        x: Value,
        modulation: Option<(Buffer, usize)>,
        silu: bool,
    ) -> Result<Value> {
        let [batch, channels, h, w] = x.shape;
        if gamma.elem_count() != channels {
            bail!("plan: a normalisation of {} channels, found {channels}", gamma.elem_count());
        }
        let (gamma, beta) = (self.plain(gamma)?, self.plain(beta)?);
        let y = self.value(x.shape);
        self.push(Op::Norm(Norm {
            x: x.buffer,
            y: y.buffer,
            gamma,
            beta,
            modulation,
            sets: Sets::Groups { groups, run: h * w },
            batch,
            channels,
            silu,
            relu: !silu,
        }));
        Ok(y)
    }

    /// Layer normalisation of tokens.
    ///
    /// # Errors
    /// If the width does not fit.
    pub fn layer_norm(&mut self, layer: &LayerNorm, x: Value) -> Result<Value> {
        let (gamma, beta) = layer.parts();
        let [b, one, n, channels] = x.shape;
        if gamma.elem_count() != channels {
            bail!("plan: a normalisation of {} values, found {channels}", gamma.elem_count());
        }
        let (gamma, beta) = (self.plain(gamma)?, self.plain(beta)?);
        let y = self.value(x.shape);
        self.push(Op::Norm(Norm {
            x: x.buffer,
            y: y.buffer,
            gamma,
            beta,
            modulation: None,
            sets: Sets::Rows,
            batch: b * one * n,
            channels,
            silu: false,
            relu: false,
        }));
        Ok(y)
    }

    /// `alpha · a·b`, of `[batch, m, n, k]`, as tokens `[batch, 1, m, n]`.
    pub fn product(&mut self, a: Matrix, b: Matrix, sizes: [usize; 4], alpha: f32) -> Value {
        let [batch, m, n, _] = sizes;
        let c = self.value([batch, 1, m, n]);
        self.push(Op::Product(Product {
            a,
            b,
            c: c.buffer,
            c_at: Strided::of(m, n),
            add: None,
            bias: None,
            alpha,
            silu: false,
            sizes,
        }));
        c
    }

    /// Room for a value of this shape.
    pub fn like(&mut self, x: Value) -> Value {
        self.value(x.shape)
    }

    /// `a·b + add`, of `[batch, m, n, k]`, as tokens `[batch, 1, m, n]`.
    ///
    /// # Errors
    /// If the addition has another shape.
    pub fn product_onto(
        &mut self,
        a: Matrix,
        b: Matrix,
        sizes: [usize; 4],
        add: Value,
    ) -> Result<Value> {
        let c = self.product(a, b, sizes, 1.0);
        if c.len() != add.len() {
            bail!("plan: {:?} added to {:?}", add.shape, c.shape);
        }
        if let Some(Op::Product(op)) = self.ops.last_mut() {
            op.add = Some((Source::Buffer(add.buffer), op.c_at.batch));
        }
        Ok(c)
    }

    /// Features with tokens `[b, 1, n, d]` added to them, pixel by pixel.
    ///
    /// # Errors
    /// If there are not as many.
    pub fn tokens_onto(&mut self, tokens: Value, features: Value) -> Result<Value> {
        let ([b, d, h, w], [tb, _, n, td]) = (features.shape, tokens.shape);
        if (tb, n, td) != (b, h * w, d) {
            bail!("plan: tokens {:?} added to {:?}", tokens.shape, features.shape);
        }
        let y = self.value(features.shape);
        self.push(Op::Turn(Turn {
            x: tokens.buffer,
            add: features.buffer,
            y: y.buffer,
            sizes: [b, n, d],
        }));
        Ok(y)
    }

    /// `x·Wᵀ + bias + add` of tokens, or of features taken as tokens (`[b, d, h, w]` as `[b, n, d]`),
    /// then SiLU. What is added is of all samples, or of one.
    ///
    /// # Errors
    /// If the width does not fit.
    pub fn linear(
        &mut self,
        layer: &Linear,
        x: Value,
        add: Option<Value>,
        silu: bool,
    ) -> Result<Value> {
        let (weight, bias) = layer.parts();
        let (width_out, width_in) = weight.dims2()?;
        let [b, c, h, w] = x.shape;
        let (n, at, d) = match c {
            1 => (h, Strided::of(h, w), w),
            _ => (h * w, Strided::of(c, h * w).transposed(), c),
        };
        let add_len = add.map_or(0, |a| a.shape[1..].iter().product());
        if d != width_in || add.is_some() && add_len != n * width_out {
            bail!("plan: a linear layer of {width_in} to {width_out} on {:?}", x.shape);
        }
        // As a product reads it, row by row.
        let rows = || weight.t()?.contiguous();
        let weight = self.weight(&[weight], Use::Plain, "turned", rows)?;
        let bias = bias.map(|b| self.plain(b)).transpose()?;
        let y = self.value([b, 1, n, width_out]);
        let rows = Strided::of(width_in, width_out).shared();
        self.push(Op::Product(Product {
            a: Matrix { source: Source::Buffer(x.buffer), at },
            b: Matrix { source: Source::Weight(weight), at: rows },
            c: y.buffer,
            c_at: Strided::of(n, width_out),
            add: add.map(|a| {
                (Source::Buffer(a.buffer), if a.shape[0] == 1 { 0 } else { n * width_out })
            }),
            bias: bias.map(Bias),
            alpha: 1.0,
            silu,
            sizes: [b, n, width_out, width_in],
        }));
        Ok(y)
    }

    /// [`Self::linear`] with a tensor `[1, n, d]` added to all samples.
    ///
    /// # Errors
    /// If the sizes do not fit.
    pub fn linear_at(&mut self, layer: &Linear, x: Value, position: &Tensor) -> Result<Value> {
        let added = self.plain(position)?;
        let y = self.linear(layer, x, None, false)?;
        if position.elem_count() * y.shape[0] != y.len() {
            bail!("plan: {:?} added to {:?}", position.shape(), y.shape);
        }
        if let Some(Op::Product(op)) = self.ops.last_mut() {
            op.add = Some((Source::Weight(added), 0));
        }
        Ok(y)
    }

    /// All of these layers' outputs for one input row.
    ///
    /// # Errors
    /// If a width does not fit.
    pub fn heads(&mut self, x: Value, layers: &[&Linear]) -> Result<Heads> {
        let (mut at, mut total) = (HashMap::new(), 0);
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for layer in layers {
            let (weight, bias) = layer.parts();
            let Some(bias) = bias else { bail!("plan: a head without a bias") };
            at.insert(weight.id(), total);
            total += weight.dim(0)?;
            weights.push(weight);
            biases.push(bias);
        }
        let k = x.len();
        let matrix = self.weight(&weights, Use::Plain, "heads", || {
            Tensor::cat(&weights, 0)?.t()?.contiguous()
        })?;
        let bias = self.weight(&biases, Use::Plain, "heads", || Tensor::cat(&biases, 0))?;
        if self.weights.get(matrix).shape() != [k, total] {
            bail!("plan: heads of {:?}", self.weights.get(matrix).shape());
        }
        let y = self.value([1, 1, 1, total]);
        self.push(Op::Product(Product {
            a: Matrix { source: Source::Buffer(x.buffer), at: Strided::of(1, k) },
            b: Matrix { source: Source::Weight(matrix), at: Strided::of(k, total).shared() },
            c: y.buffer,
            c_at: Strided::of(1, total),
            add: None,
            bias: Some(Bias(bias)),
            alpha: 1.0,
            silu: false,
            sizes: [1, 1, total, k],
        }));
        Ok(Heads { buffer: y.buffer, at })
    }

    /// `x` `[b, c, h, w]` times a gate `[b, 1, h, w]`.
    pub fn gate(&mut self, x: Value, gate: Value) -> Value {
        let [b, c, h, w] = x.shape;
        let y = self.value(x.shape);
        let sizes = [b, c, h * w];
        self.push(Op::Gate(Gate { x: x.buffer, gate: gate.buffer, y: y.buffer, sizes }));
        y
    }

    /// The channels of all pieces, each pixel so many times, and of what is larger than the least
    /// its middle.
    ///
    /// # Errors
    /// If what is left over cannot be cut off equally on both sides.
    pub fn beside(&mut self, pieces: &[(Value, usize)]) -> Result<Value> {
        let side = |axis: usize| pieces.iter().map(|(v, up)| v.shape[axis] * up).min().unwrap_or(0);
        let (h, w) = (side(2), side(3));
        let channels = pieces.iter().map(|(v, _)| v.shape[1]).sum();
        let b = pieces.first().map_or(0, |(v, _)| v.shape[0]);
        let y = self.value([b, channels, h, w]);
        let mut channel = 0;
        for &(x, up) in pieces {
            let over = [x.shape[2] * up - h, x.shape[3] * up - w];
            if x.shape[0] != b || over.iter().any(|o| o % (2 * up) != 0) {
                bail!("plan: {:?} beside others of {b} x {h} x {w}", x.shape);
            }
            let crop = over.map(|o| o / (2 * up));
            let (input, y) = (x.shape, y.buffer);
            self.push(Op::Place(Place { x: x.buffer, y, input, crop, up, channel, channels }));
            channel += input[1];
        }
        Ok(y)
    }

    /// The largest of each 2x2 block.
    ///
    /// # Errors
    /// If a side is odd.
    pub fn pool(&mut self, x: Value) -> Result<Value> {
        let [b, c, h, w] = x.shape;
        if h % 2 != 0 || w % 2 != 0 {
            bail!("plan: pooling of {h}x{w}, which has an odd side");
        }
        let y = self.value([b, c, h / 2, w / 2]);
        self.push(Op::Pool(Pool { x: x.buffer, y: y.buffer, input: x.shape }));
        Ok(y)
    }

    /// `r`x`r` pixels to channels.
    ///
    /// # Errors
    /// If `r` does not divide the sides.
    pub fn pack(&mut self, x: Value, r: usize) -> Result<Value> {
        let [b, c, h, w] = x.shape;
        if r == 1 {
            return Ok(x);
        }
        if r == 0 || h % r != 0 || w % r != 0 {
            bail!("plan: {h}x{w} is no multiple of {r}");
        }
        let y = self.value([b, c * r * r, h / r, w / r]);
        let sizes = [b, c, h / r, w / r];
        self.push(Op::Shuffle(Shuffle { x: x.buffer, y: y.buffer, pack: true, r, sizes }));
        Ok(y)
    }

    /// The inverse of [`Self::pack`].
    ///
    /// # Errors
    /// If the channels are no multiple of `r²`.
    pub fn unpack(&mut self, x: Value, r: usize) -> Result<Value> {
        let [b, c, h, w] = x.shape;
        if r == 1 {
            return Ok(x);
        }
        if r == 0 || c % (r * r) != 0 {
            bail!("plan: {c} channels are no multiple of {r}²");
        }
        let y = self.value([b, c / (r * r), h * r, w * r]);
        let sizes = [b, c / (r * r), h, w];
        self.push(Op::Shuffle(Shuffle { x: x.buffer, y: y.buffer, pack: false, r, sizes }));
        Ok(y)
    }

    /// Softmax of the rows of `scale · x`.
    pub fn softmax(&mut self, x: Value, scale: f32) -> Value {
        let n = x.shape[3];
        let y = self.value(x.shape);
        let rows = x.len() / n;
        self.push(Op::Softmax(Softmax { x: x.buffer, y: y.buffer, rows, n, scale }));
        y
    }

    /// The plan, and where these buffers are in it.
    pub fn finish(mut self, named: &mut [&mut Buffer]) -> Plan {
        for b in &*named {
            self.kept[b.0] = true;
        }
        let memory = assign(&mut self.ops, &self.lengths, &self.kept);
        for op in &mut self.ops {
            op.each_buffer(|b, _| b.0 = memory.slot[b.0]);
        }
        for b in named {
            b.0 = memory.slot[b.0];
        }
        let mut cuts = vec![0];
        cuts.extend(self.sections);
        cuts.push(self.ops.len());
        let sections = cuts.windows(2).map(|w| w[0]..w[1]).filter(|r| !r.is_empty()).collect();
        Plan { ops: self.ops, sections, slots: memory.slots, weights: self.weights }
    }
}
