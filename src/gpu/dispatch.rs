//! Each operation of a plan as calls of a compute program: its numbers, its buffers, how often.

use super::kernel::Program;
use crate::plan::{Buffer, FILTER_OPEN, Fault, NORM_EPS, Op, Sets, Source, WeightId};

/// Most workgroups along one axis (WebGPU's least limit).
const MOST: usize = 65_535;
/// Values of a set that is normalised by one workgroup, and most workgroups of one.
const CHUNK: usize = 4096;
const CHUNKS: usize = 32;
/// Rows that are normalised by one workgroup.
const ROWS: usize = 8;
/// Floating-point operations of one call: 20 ms on a card of 0.2 TFLOP/s.
const CALL_FLOP: f64 = 4e9;

/// What a program reads and writes, in the order of its bindings from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Buffer(Buffer),
    Weight(WeightId),
    /// So many values that one call leaves to the next.
    Scratch(usize),
    /// Nothing: the program does not look there.
    Nothing,
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) program: Program,
    /// The uniform numbers, `f32` by their bits.
    pub(super) numbers: Vec<u32>,
    pub(super) bound: Vec<Bound>,
    pub(super) groups: [u32; 3],
}

fn bound(source: Source) -> Bound {
    match source {
        Source::Buffer(b) => Bound::Buffer(b),
        Source::Weight(w) => Bound::Weight(w),
    }
}

/// So many workgroups, over two axes.
fn spread(groups: usize) -> [u32; 3] {
    let rows = groups.div_ceil(MOST).max(1);
    [groups.div_ceil(rows) as u32, rows as u32, 1]
}

/// One thread per value.
fn each(total: usize, threads: usize) -> [u32; 3] {
    spread(total.div_ceil(threads))
}

fn flags(of: [bool; 3]) -> usize {
    of.iter().enumerate().map(|(i, &set)| usize::from(set) << i).sum()
}

/// Numbers and workgroups of the calls of a convolution: channels in and out and places of the output,
/// sizes of input and output, kernel, stride, padding and dilation.
fn convolution(
    [ci, co, places]: [usize; 3],
    sizes: [[usize; 3]; 2],
    steps: [[usize; 3]; 4],
    set: usize,
) -> impl Iterator<Item = (Vec<usize>, [u32; 3])> {
    let tiles = places.div_ceil(64);
    let taps: usize = steps[0].iter().product();
    let flop = 2.0 * (64 * ci * co * taps) as f64;
    let together = ((CALL_FLOP / flop) as usize).clamp(1, MOST);
    (0..tiles).step_by(together).map(move |first| {
        let mut numbers = vec![ci, co, places, first];
        for (i, triple) in sizes.into_iter().chain(steps).enumerate() {
            numbers.extend(triple);
            numbers.push(if i == 0 { set } else { 0 });
        }
        (numbers, [together.min(tiles - first) as u32, co.div_ceil(32) as u32, 1])
    })
}

/// The calls of an operation.
///
/// # Errors
/// If numbers are too large for the programs.
pub(super) fn calls(op: &Op) -> Result<Vec<Call>, Fault> {
    use Bound::{Buffer as B, Weight as W};
    let call = |numbers: &[usize], reals: &[(usize, f32)], bound: Vec<Bound>, groups: [u32; 3]| {
        let number = |&n: &usize| {
            u32::try_from(n).map_err(|_| Fault::Other(format!("{}: {n} is too large", op.name())))
        };
        let mut numbers = numbers.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        for &(at, v) in reals {
            numbers[at] = v.to_bits();
        }
        let program = Program::of(op.name());
        Ok::<Call, Fault>(Call { program, numbers, bound, groups })
    };
    let one = |numbers: &[usize], reals: &[(usize, f32)], bound: Vec<Bound>, groups| {
        call(numbers, reals, bound, groups).map(|call| vec![call])
    };
    match op {
        Op::Conv(o) => {
            let ([b, ci, h, w], [co, k, stride, pad]) = (o.input, o.layer);
            let [_, _, oh, ow] = o.output();
            let set = flags([o.bias.is_some(), o.add.is_some(), o.relu]);
            let bias = o.bias.unwrap_or(o.weight);
            let all = vec![B(o.x), W(o.weight), W(bias), B(o.add.unwrap_or(o.x)), B(o.y)];
            let steps = [[1, k, k], [1, stride, stride], [0, pad, pad], [1; 3]];
            convolution([ci, co, b * oh * ow], [[1, h, w], [1, oh, ow]], steps, set)
                .map(|(numbers, groups)| call(&numbers, &[], all.clone(), groups))
                .collect()
        }
        Op::VolumeConv(o) => {
            let [ci, co] = o.channels;
            let set =
                flags([o.bias.is_some(), false, o.relu]) | usize::from(o.transposed.is_some()) << 3;
            let all = vec![B(o.x), W(o.weight), W(o.bias.unwrap_or(o.weight)), B(o.x), B(o.y)];
            let steps = [o.kernel, o.steps.stride, o.steps.pad, o.steps.dilation];
            let places = o.output.iter().product();
            convolution([ci, co, places], [o.input, o.output], steps, set)
                .map(|(numbers, groups)| {
                    let mut call = call(&numbers, &[], all.clone(), groups)?;
                    call.program = Program::of("conv");
                    Ok(call)
                })
                .collect()
        }
        Op::VolumePool(o) => {
            let total = o.channels * o.output.iter().product::<usize>();
            let mut numbers = Vec::new();
            for (triple, last) in
                [(o.input, total), (o.output, 0), (o.kernel, 0), (o.stride, 0), (o.pad, 0)]
            {
                numbers.extend(triple);
                numbers.push(last);
            }
            one(&numbers, &[], vec![B(o.x), B(o.y)], each(total, 256))
        }
        Op::Add(o) => {
            let all = vec![B(o.x), B(o.add), B(o.y)];
            one(&[o.len, usize::from(o.relu), 0, 0], &[], all, each(o.len, 256))
        }
        Op::Norm(o) => {
            let (sets, set_channels, run) = match o.sets {
                Sets::Groups { groups, run } => (groups, o.channels / groups, run),
                Sets::Rows => (1, o.channels, 1),
            };
            let (modulation, start) = o.modulation.unwrap_or((o.x, 0));
            let set = flags([o.modulation.is_some(), o.silu, o.relu]);
            let total = o.batch * sets;
            let chunks = (set_channels * run).div_ceil(CHUNK).clamp(1, CHUNKS);
            let numbers =
                [sets, set_channels, run, o.channels, start, set, total, 0, chunks, 0, 0, 0];
            let eps = [(7, NORM_EPS as f32)];
            let all = |between: Bound| {
                vec![B(o.x), between, W(o.gamma), W(o.beta), B(modulation), B(o.y)]
            };
            if o.sets == Sets::Rows {
                let groups = spread(total.div_ceil(ROWS));
                let mut calls = one(&numbers, &eps, all(Bound::Nothing), groups)?;
                calls.iter_mut().for_each(|call| call.program.entry = "rows");
                return Ok(calls);
            }
            let (groups, between) = (spread(total * chunks), Bound::Scratch(2 * total * chunks));
            let mut calls = one(&numbers, &eps, all(between), groups)?;
            if chunks > 1 {
                let mut first = call(&numbers, &eps, vec![B(o.x), between], groups)?;
                first.program.entry = "moments";
                calls.insert(0, first);
            }
            Ok(calls)
        }
        Op::Product(o) => {
            let [batch, m, n, k] = o.sizes;
            let set = flags([o.bias.is_some(), o.add.is_some(), o.silu]);
            let (a, b, c) = (o.a.at, o.b.at, o.c_at);
            let mut numbers = vec![m, n, k, set];
            for at in [a, b, c] {
                numbers.extend([at.first, at.batch, at.row, at.column]);
            }
            let left = bound(o.a.source);
            let (add, step) = o.add.map_or((left, 0), |(source, step)| (bound(source), step));
            numbers.extend([step, 0, 0, 0]);
            let bias = o.bias.map_or(left, |bias| W(bias.0));
            let all = vec![left, bound(o.b.source), bias, add, B(o.c)];
            let groups = [n.div_ceil(32), m.div_ceil(32), batch];
            if groups.iter().any(|&g| g > MOST) {
                return Err(Fault::Other(format!("a product of {:?} is too large", o.sizes)));
            }
            one(&numbers, &[(17, o.alpha)], all, groups.map(|g| g as u32))
        }
        Op::Gate(o) => {
            let [b, c, p] = o.sizes;
            let all = vec![B(o.x), B(o.gate), B(o.y)];
            one(&[b * c * p, c, p, 0], &[], all, each(b * c * p, 256))
        }
        Op::Turn(o) => {
            let [b, p, c] = o.sizes;
            let all = vec![B(o.x), B(o.add), B(o.y)];
            one(&[b * c * p, c, p, 0], &[], all, each(b * c * p, 256))
        }
        Op::Place(o) => {
            let [b, c, h, w] = o.input;
            let total = b * c * o.output().iter().product::<usize>();
            let [top, left] = o.crop;
            let numbers = [total, c, h, w, o.up, o.channel, o.channels, top, left, 0, 0, 0];
            one(&numbers, &[], vec![B(o.x), B(o.y)], each(total, 256))
        }
        Op::Pool(o) => {
            let [b, c, h, w] = o.input;
            let total = b * c * h * w / 4;
            one(&[total, w / 2, h / 2, 0], &[], vec![B(o.x), B(o.y)], each(total, 256))
        }
        Op::Shuffle(o) => {
            let [b, c, h, w] = o.sizes;
            let total = b * c * h * w * o.r * o.r;
            let numbers = [total, h, w, o.r, usize::from(o.pack), 0, 0, 0];
            one(&numbers, &[], vec![B(o.x), B(o.y)], each(total, 256))
        }
        Op::Filter(o) => {
            let numbers = [o.grid, o.layers, o.modulation.1, o.linear_weights(), 0, 0, 0, 0];
            let reals = [(4, FILTER_OPEN), (5, NORM_EPS as f32)];
            let all = vec![W(o.weights), B(o.modulation.0), B(o.y)];
            let mut calls = one(&numbers, &reals, all, each(o.grid.pow(4), 64))?;
            calls.iter_mut().for_each(|call| call.program.width = Some(o.width));
            Ok(calls)
        }
        Op::Spectrum(o) => {
            let total = o.batch * o.grid.pow(4);
            let all = vec![B(o.x), B(o.g), B(o.y)];
            one(&[total, o.grid, 0, 0], &[], all, each(total, 256))
        }
        Op::Softmax(o) => {
            let numbers = [o.rows, o.n, 0, 0];
            one(&numbers, &[(2, o.scale)], vec![B(o.x), B(o.y)], spread(o.rows))
        }
        Op::Sample(o) => {
            let all = [o.output, o.noise, o.coefficients, o.state, o.estimate, o.status];
            one(&[o.len, 0, 0, 0], &[], all.map(B).to_vec(), each(o.len, 256))
        }
    }
}
