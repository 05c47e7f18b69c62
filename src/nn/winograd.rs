//! 3x3 convolution by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016): four
//! times fewer multiplications than the definition, for both gradients as well.
//!
//! The image is cut into 4x4 output tiles, each from 6x6 inputs. Blocks of tiles that stay in a
//! second-level cache are transformed to 36 points, multiplied there by the weights (transformed
//! once per call), and transformed back. Each tile's sums run over the channels in order, so an
//! image gives the same bits alone, in a batch, and on any number of threads. The weights' gradient
//! is the transpose of the same algorithm: sums over the tiles at each point, in parts whose number
//! and order depend on the shape alone, then one transform back.
//!
//! In `f32`, measured against sums in `f64` and over the root mean square of the output: at 128
//! channels the largest error is 1e-5 and the root mean square 1e-6, where summing in `f32` by the
//! definition gives 4e-6 and 6e-7.

use super::element::Real;
use super::product_kernels::{BLOCK_ROWS, LAST_ROWS, Product};
use super::scratch;
use super::shared::Shared;
use super::team::each;
use super::then::{self, Then};
use super::winograd_kernels::{Kernels, POINTS, Patch, Points, Weights};
use rayon::prelude::*;

/// Elements of a block at the points: in `f32` half of a 1 MB second-level cache. And of a block of few tiles, since
/// each block reads all weights.
const NEAR_ELEMENTS: usize = 1 << 17;
pub(super) const BLOCK_ELEMENTS: usize = 5 << 16;
const FEW_TILES: usize = 32;
/// Tasks of a weight gradient, fixed so that the result does not depend on the machine; and the
/// output channels of one.
pub(super) const GRADIENT_TASKS: usize = 8;
pub(super) const GRADIENT_CHANNELS: usize = 64;
/// Elements between the points beyond what they need: powers of two would share cache sets.
const SPACE: usize = 16;

/// Sizes of one convolution to `[b, co, h, w]`, of `[b, ci, ..]` with `pad` zeros round it (0 to 2).
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) b: usize,
    pub(super) ci: usize,
    pub(super) co: usize,
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) pad: usize,
}

impl Sizes {
    /// Whether it pays: the weights' transform needs tiles to be worth it, a vector channels. The
    /// batch does not count, so that an image takes the same path alone.
    pub(super) fn pay(&self) -> bool {
        self.ci >= 8 && self.co >= 8
    }
    fn tiles(&self) -> usize {
        self.h.div_ceil(4) * self.w.div_ceil(4)
    }
    /// Pixels of an input plane.
    fn input(&self) -> usize {
        (self.h + 2 - 2 * self.pad) * (self.w + 2 - 2 * self.pad)
    }
    /// Blocks of about `target` tiles.
    fn blocks(&self, target: usize) -> Vec<Block> {
        let (th, tw) = (self.h.div_ceil(4), self.w.div_ceil(4));
        let even = |n: usize, most: usize| n.div_ceil(n.div_ceil(most.max(1)));
        let rows = even(th, target / tw);
        let columns = if rows > 1 { tw } else { even(tw, target) };
        let images = if rows == th && columns == tw { even(self.b, target / (th * tw)) } else { 1 };
        let mut blocks = Vec::new();
        for image in (0..self.b).step_by(images) {
            for ty in (0..th).step_by(rows) {
                for tx in (0..tw).step_by(columns) {
                    let (rows, columns) = (rows.min(th - ty), columns.min(tw - tx));
                    let Self { h, w, pad, .. } = *self;
                    let planes = [self.input(), h * w];
                    let patch = Patch { h, w, pad, planes, ty, tx, rows, columns };
                    blocks.push(Block { image, images: images.min(self.b - image), patch });
                }
            }
        }
        blocks
    }
}

/// The same patch of consecutive images.
#[derive(Clone, Copy)]
struct Block {
    image: usize,
    images: usize,
    patch: Patch,
}

impl Block {
    fn tiles(&self) -> usize {
        self.images * self.patch.tiles()
    }
}

pub(super) fn padded(n: usize, to: usize) -> usize {
    n.div_ceil(to) * to
}

/// Room for points; uninitialised until written through the pointer.
pub(super) struct Room<T> {
    values: Vec<T>,
    point: usize,
    row: usize,
}

impl<T: Real> Room<T> {
    pub(super) fn new(rows: usize, row: usize) -> Self {
        Self {
            values: Vec::with_capacity(Self::size(rows, row)),
            point: Self::point(rows, row),
            row,
        }
    }
    /// Elements from one point to the next, and of the whole.
    fn point(rows: usize, row: usize) -> usize {
        rows * row + SPACE
    }
    fn size(rows: usize, row: usize) -> usize {
        POINTS * Self::point(rows, row)
    }
    /// To be read only.
    fn read(&self) -> Points<T> {
        Points { at: self.values.as_ptr().cast_mut(), point: self.point, row: self.row }
    }
    /// One that holds zeros.
    pub(super) fn zeroed(rows: usize, row: usize) -> Self {
        let point = rows * row + SPACE;
        Self { values: vec![T::default(); POINTS * point], point, row }
    }
    pub(super) fn points(&mut self) -> Points<T> {
        Points { at: self.values.as_mut_ptr(), point: self.point, row: self.row }
    }
}

impl<T: Real> Points<T> {
    /// Sets rows to 0 at all points.
    ///
    /// # Safety
    /// The rows lie in the room.
    unsafe fn clear(&self, rows: std::ops::Range<usize>) {
        for point in 0..POINTS {
            for i in rows.start * self.row..rows.end * self.row {
                // SAFETY: passed on to the caller.
                unsafe { self.at.add(point * self.point + i).write(T::default()) };
            }
        }
    }
    fn skip_rows(self, row: usize) -> Self {
        Self { at: self.at.wrapping_add(row * self.row), ..self }
    }
    fn skip_channels(self, channel: usize) -> Self {
        Self { at: self.at.wrapping_add(channel), ..self }
    }
    pub(super) fn of(self, point: usize) -> *mut T {
        self.at.wrapping_add(point * self.point)
    }
}

/// The weights of a forward convolution, or of an input gradient.
pub(super) enum Kernel<'a, T> {
    /// `[co, ci, 3, 3]`.
    Forward(&'a [T]),
    /// `[ci, co, 3, 3]`, each 3x3 read backwards.
    Backward(&'a [T]),
}

/// The weights at the points: made once, used by any number of calls.
pub(super) fn transform<T: Real>(
    kernel: &Kernel<'_, T>,
    s: Sizes,
    kernels: &Kernels<T>,
    threads: usize,
) -> Room<T> {
    let lanes = kernels.lanes;
    let cop = padded(s.co, kernels.half);
    let taps = match *kernel {
        Kernel::Forward(k) => Weights {
            at: k.as_ptr(),
            out: 9 * s.ci,
            outs: s.co,
            input: 9,
            inputs: s.ci,
            flip: false,
        },
        Kernel::Backward(k) => Weights {
            at: k.as_ptr(),
            out: 9,
            outs: s.co,
            input: 9 * s.co,
            inputs: s.ci,
            flip: true,
        },
    };
    let mut room = Room::new(s.ci, cop);
    let weights = room.points();
    each(threads, cop.div_ceil(lanes), |v| {
        // SAFETY: one vector of output channels per task.
        unsafe { (kernels.weights)(taps, v * lanes, weights) };
    });
    room
}

/// `x` `[b, ci, ..]` to `[b, co, h, w]`.
pub(super) fn convolve<T: Real>(
    x: &[T],
    kernel: &Kernel<'_, T>,
    bias: Option<&[T]>,
    s: Sizes,
    kernels: &Kernels<T>,
) -> Vec<T> {
    let threads = rayon::current_num_threads();
    let weights = transform(kernel, s, kernels, threads);
    let len = s.b * s.co * s.h * s.w;
    let mut out = Vec::with_capacity(len);
    // SAFETY: the room holds the whole output, all of which is written.
    unsafe {
        let then = Then { bias, ..Then::default() };
        convolve_to(out.as_mut_ptr(), x, &weights, &then, s, kernels, threads);
        out.set_len(len);
    }
    out
}

/// The same to memory that is there, with transformed weights.
///
/// # Safety
/// `out` has room for `[b, co, h, w]`, which nobody else uses; the weights are those of such sizes.
pub(super) unsafe fn convolve_to<T: Real>(
    out: *mut T,
    x: &[T],
    weights: &Room<T>,
    then: &Then<'_, T>,
    s: Sizes,
    kernels: &Kernels<T>,
    threads: usize,
) {
    let lanes = kernels.lanes;
    let (cip, cop) = (padded(s.ci, kernels.half), padded(s.co, kernels.half));
    let weights = weights.read();
    let fits = |elements: usize| elements / (POINTS * (cip + cop));
    let fits = fits(NEAR_ELEMENTS).max(fits(BLOCK_ELEMENTS).min(FEW_TILES));
    let share = (s.b * s.tiles()).div_ceil(threads);
    let target = (fits.min(share) / BLOCK_ROWS * BLOCK_ROWS).clamp(2 * BLOCK_ROWS, 256);
    let blocks = s.blocks(target);
    let tiles = blocks.iter().map(Block::tiles).max().unwrap_or(0);
    let staging = blocks.iter().map(|b| b.patch.staging(lanes)).max().unwrap_or(0);
    let (from, to) = (s.ci * s.input(), s.co * s.h * s.w);
    let shared = Shared(out);
    let rows = padded(tiles, LAST_ROWS);
    // Fewer blocks than threads: these share each block, whose weights are then most of what is read.
    let (across, within) = if blocks.len() < threads { (1, threads) } else { (threads, 1) };
    let stages = if within > 1 { cip.max(cop).div_ceil(lanes) } else { 1 };
    let sizes = [Room::<T>::size(rows, cip), Room::<T>::size(rows, cop), stages * staging];
    each(across, blocks.len(), |i| {
        let block = blocks[i];
        scratch::with(sizes.iter().sum(), |room: &mut [T]| {
            let at = room.as_mut_ptr();
            let inputs = Points { at, point: Room::<T>::point(rows, cip), row: cip };
            let at = at.wrapping_add(sizes[0]);
            let outputs = Points { at, point: Room::<T>::point(rows, cop), row: cop };
            let stages = Shared(at.wrapping_add(sizes[1]));
            let stage = |v: usize| stages.at(if within > 1 { v * staging } else { 0 });
            // The channels of vector `v`, of so many.
            let of = |v: usize, channels: usize| (v * lanes, lanes.min(channels - v * lanes));
            let (n, per_image, patch) = (block.tiles(), block.patch.tiles(), block.patch);
            let rows = padded(n, LAST_ROWS);
            // SAFETY, here and below: the rooms were made for the largest block, each task has channels or a
            // point of its own and a staging area; each block's pixels are written by one task per channel, and
            // all blocks together are the whole output.
            unsafe { inputs.clear(n..rows) };
            each(within, cip.div_ceil(lanes), |v| {
                let (c, channels) = of(v, s.ci);
                for i in 0..block.images {
                    let image = x[(block.image + i) * from..][..from].as_ptr();
                    let image = image.wrapping_add(c * s.input());
                    let to = inputs.skip_rows(i * per_image).skip_channels(c);
                    // SAFETY: as above.
                    unsafe { (kernels.input)(image, channels, patch, stage(v), to) };
                }
            });
            each(within, POINTS, |point| {
                let product = Product {
                    rows,
                    k: s.ci,
                    columns: cop,
                    a: inputs.of(point),
                    a_row: cip,
                    a_k: 1,
                    b: weights.of(point),
                    b_row: None,
                    c: outputs.of(point),
                    c_row: cop,
                    add: false,
                };
                // SAFETY: as above.
                unsafe { (kernels.product)(product) };
            });
            each(within, cop.div_ceil(lanes), |v| {
                let (c, channels) = of(v, s.co);
                let bias = then.bias.map_or(std::ptr::null(), |bias| bias[c..].as_ptr());
                for i in 0..block.images {
                    let m = outputs.skip_rows(i * per_image).skip_channels(c);
                    let start = (block.image + i) * to + c * s.h * s.w;
                    let planes = shared.at(start);
                    // SAFETY: as above.
                    unsafe {
                        (kernels.output)(m, bias, channels, patch, stage(v), planes);
                        if then.add.is_some() || then.relu {
                            finish_patch(then, start, s, (patch, channels), planes);
                        }
                    }
                }
            });
        });
    });
}

/// What is done to the patch's pixels of some planes, while they are in the cache.
///
/// # Safety
/// `planes` are so many output planes of these sizes whose values start at `start`, and no other task uses
/// the patch's pixels.
unsafe fn finish_patch<T: Real>(
    then: &Then<'_, T>,
    start: usize,
    s: Sizes,
    (p, channels): (Patch, usize),
    planes: *mut T,
) {
    let (y, x) = (4 * p.ty..(4 * (p.ty + p.rows)).min(s.h), 4 * p.tx);
    let width = (4 * p.columns).min(s.w - x);
    for c in 0..channels {
        for y in y.clone() {
            let at = (c * s.h + y) * s.w + x;
            // SAFETY: passed on to the caller.
            let row = unsafe { std::slice::from_raw_parts_mut(planes.add(at), width) };
            then::finish(then, None, row, start + at);
        }
    }
}

/// The gradient of the weights `[co, ci, 3, 3]` for the output gradient `dy` `[b, co, h, w]`.
pub(super) fn weight_gradient<T: Real>(
    x: &[T],
    dy: &[T],
    s: Sizes,
    kernels: &Kernels<T>,
) -> Vec<T> {
    let lanes = kernels.lanes;
    let cip = padded(s.ci, kernels.half);
    let groups = s.co.div_ceil(GRADIENT_CHANNELS);
    let width = padded(s.co.div_ceil(groups), 16);
    let groups = s.co.div_ceil(width);
    let target = BLOCK_ELEMENTS / (POINTS * (s.ci + width));
    let blocks = s.blocks((target / BLOCK_ROWS * BLOCK_ROWS).clamp(4 * BLOCK_ROWS, 256));
    let parts = GRADIENT_TASKS.div_ceil(groups).min(blocks.len());
    let tiles = blocks.iter().map(Block::tiles).max().unwrap_or(0);
    let staging = blocks.iter().map(|b| b.patch.staging(lanes)).max().unwrap_or(0);
    let (input, plane) = (s.input(), s.h * s.w);
    let mut rooms: Vec<Room<T>> = (0..groups * parts)
        .into_par_iter()
        .with_max_len(1)
        .map(|task| {
            let (part, c0) = (task / groups, task % groups * width);
            let channels = width.min(s.co - c0);
            let cop = padded(channels, kernels.half);
            let (mut inputs, mut errors) = (Room::new(tiles, cip), Room::new(tiles, cop));
            let (inputs, errors) = (inputs.points(), errors.points());
            let mut staging = Vec::<T>::with_capacity(staging);
            let staging = staging.as_mut_ptr();
            let mut room = Room::new(padded(s.ci, LAST_ROWS), cop);
            let sum = room.points();
            let range = part * blocks.len() / parts..(part + 1) * blocks.len() / parts;
            for (i, block) in blocks[range].iter().enumerate() {
                let per_image = block.patch.tiles();
                // SAFETY: the rooms were made for the largest block, and are this task's own.
                unsafe {
                    for i in 0..block.images {
                        let (image, row) = (block.image + i, i * per_image);
                        let from = x[image * s.ci * input..][..s.ci * input].as_ptr();
                        (kernels.input)(from, s.ci, block.patch, staging, inputs.skip_rows(row));
                        let from = dy[(image * s.co + c0) * plane..][..channels * plane].as_ptr();
                        (kernels.error)(
                            from,
                            channels,
                            block.patch,
                            staging,
                            errors.skip_rows(row),
                        );
                    }
                    for point in 0..POINTS {
                        (kernels.product)(Product {
                            rows: padded(s.ci, LAST_ROWS),
                            k: block.tiles(),
                            columns: cop,
                            a: inputs.of(point),
                            a_row: 1,
                            a_k: cip,
                            b: errors.of(point),
                            b_row: Some(cop),
                            c: sum.of(point),
                            c_row: cop,
                            add: i > 0,
                        });
                    }
                }
            }
            room
        })
        .collect();

    let mut sums: Vec<Vec<Points<T>>> = vec![Vec::new(); groups];
    for (task, room) in rooms.iter_mut().enumerate() {
        sums[task % groups].push(room.points());
    }
    let mut dk = Vec::with_capacity(s.co * s.ci * 9);
    let to = Weights {
        at: dk.as_mut_ptr(),
        out: 9 * s.ci,
        outs: s.co,
        input: 9,
        inputs: s.ci,
        flip: false,
    };
    const INPUTS: usize = 16;
    let across = s.ci.div_ceil(INPUTS);
    (0..s.co.div_ceil(lanes) * across).into_par_iter().for_each(|task| {
        let (c0, i0) = (task / across * lanes, task % across * INPUTS);
        let inputs = (i0, (i0 + INPUTS).min(s.ci));
        // SAFETY: each task writes the weights between its own channels.
        unsafe { (kernels.weight_gradient)(&sums[c0 / width], c0 % width, c0, inputs, to) };
    });
    // SAFETY: all elements were written above.
    unsafe { dk.set_len(s.co * s.ci * 9) };
    dk
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise, values};
    use super::super::winograd_kernels::{fastest, plain};
    use super::super::{conv::Conv, conv2d};
    use super::*;
    use candle_core::{CustomOp3, DType, Device, Tensor};

    /// Odd sizes, channels that fill no vector, wide, tall, several images and several blocks.
    const SHAPES: [(usize, usize, usize, usize, usize); 8] = [
        (1, 16, 16, 16, 16),
        (2, 3, 5, 7, 9),
        (3, 24, 40, 33, 18),
        (1, 128, 40, 24, 24),
        (1, 8, 9, 5, 600),
        (1, 24, 56, 10, 13),
        (5, 17, 70, 16, 16),
        (2, 9, 8, 70, 3),
    ];

    fn to<T: Real>(v: &[f64]) -> Vec<T> {
        v.iter().map(|&v| T::from_f64(v)).collect()
    }

    /// Largest and root mean square difference, over the root mean square of `exact`.
    fn errors<T: Into<f64> + Copy>(found: &[T], exact: &[f64]) -> [f64; 2] {
        assert_eq!(found.len(), exact.len());
        let mean = |sum: f64| (sum / exact.len() as f64).sqrt();
        let off = |(a, b): (&T, &f64)| ((*a).into() - b).abs();
        let size = mean(exact.iter().map(|v| v * v).sum());
        let pairs = || found.iter().zip(exact).map(off);
        [pairs().fold(0.0, f64::max) / size, mean(pairs().map(|d| d * d).sum()) / size]
    }

    /// Output, input gradient and weight gradient against their definitions, in `f64` sums.
    fn compare<T: Real + Into<f64>>(kernels: &Kernels<T>, largest: f64, mean: f64) {
        let padded = SHAPES.iter().flat_map(|&shape| [1, 0, 2].map(|pad| (shape, pad)));
        for ((b, ci, co, h, w), pad) in padded {
            let s = Sizes { b, ci, co, h, w, pad };
            let at = |seed, n: usize| values(&noise(&[n], seed));
            let (ih, iw) = (h + 2 - 2 * pad, w + 2 - 2 * pad);
            let (x, dy) = (at(1, b * ci * ih * iw), at(2, b * co * h * w));
            let (k, bias) = (at(3, co * ci * 9), at(4, co));
            let mut y: Vec<f64> = (0..dy.len()).map(|i| bias[i / (h * w) % co]).collect();
            let (mut dx, mut dk) = (vec![0.0; x.len()], vec![0.0; k.len()]);
            for (image, o, i, t) in (0..b * co * ci * 9)
                .map(|n| (n / (9 * ci * co), n / (9 * ci) % co, n / 9 % ci, n % 9))
            {
                let (from, to) = ((image * ci + i) * ih * iw, (image * co + o) * h * w);
                let n = (o * ci + i) * 9 + t;
                for r in (0..h).filter(|r| (pad..ih + pad).contains(&(r + t / 3))) {
                    for c in (0..w).filter(|c| (pad..iw + pad).contains(&(c + t % 3))) {
                        let from = from + (r + t / 3 - pad) * iw + c + t % 3 - pad;
                        let to = to + r * w + c;
                        y[to] += k[n] * x[from];
                        dx[from] += k[n] * dy[to];
                        dk[n] += x[from] * dy[to];
                    }
                }
            }
            let (x, dy, k, bias): (Vec<T>, Vec<T>, Vec<T>, Vec<T>) =
                (to(&x), to(&dy), to(&k), to(&bias));
            let back = Sizes { ci: co, co: ci, h: ih, w: iw, pad: 2 - pad, ..s };
            let found = [
                errors(&convolve(&x, &Kernel::Forward(&k), Some(&bias), s, kernels), &y),
                errors(&convolve(&dy, &Kernel::Backward(&k), None, back, kernels), &dx),
                errors(&weight_gradient(&x, &dy, s, kernels), &dk),
            ];
            for [worst, rms] in found {
                assert!(worst < largest && rms < mean, "{b} {ci} {co} {h} {w}: {found:?}");
            }
        }
    }

    #[test]
    fn f64_is_exact_to_rounding() {
        compare::<f64>(&plain(), 1e-13, 1e-14);
    }

    #[test]
    fn f32_loses_little_with_every_instruction_set() {
        compare::<f32>(&plain(), 2e-5, 2e-6);
        #[cfg(target_arch = "x86_64")]
        {
            use super::super::winograd_kernels::{avx2, avx512};
            if is_x86_feature_detected!("avx512vl") {
                compare(&avx512::kernels(), 2e-5, 2e-6);
            } else {
                eprintln!("SKIPPED avx512: this machine has none");
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                compare(&avx2::kernels(), 2e-5, 2e-6);
            } else {
                eprintln!("SKIPPED avx2: this machine has none");
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_threads_or_batch() {
        let kernels = fastest().unwrap_or_else(plain);
        let s = Sizes { b: 5, ci: 24, co: 72, h: 20, w: 36, pad: 1 };
        let at = |seed, n: usize| to::<f32>(&values(&noise(&[n], seed)));
        let (x, dy) = (at(1, s.b * s.ci * s.h * s.w), at(2, s.b * s.co * s.h * s.w));
        let (k, bias) = (at(3, s.co * s.ci * 9), at(4, s.co));
        let all = |x: &[f32], s| convolve(x, &Kernel::Forward(&k), Some(&bias), s, &kernels);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| (all(&x, s), weight_gradient(&x, &dy, s, &kernels)))
        };
        let one = run(1);
        for threads in [2, 3, 7] {
            assert!(run(threads) == one, "{threads} threads");
        }
        let each: Vec<f32> =
            x.chunks(s.ci * s.h * s.w).flat_map(|x| all(x, Sizes { b: 1, ..s })).collect();
        assert!(one.0 == each);
    }

    #[test]
    fn conv2d_takes_this_path_and_its_gradient_matches_differences() {
        let shapes = [vec![1, 8, 15, 14], vec![9, 8, 3, 3], vec![9]];
        let v: Vec<Tensor> = (0..3).map(|i| noise(&shapes[i], i as u64)).collect();
        let ours = conv2d(&v[0], &v[1], &v[2], 1, 1).unwrap();
        let bias = v[2].reshape((1, 9, 1, 1)).unwrap();
        let candle = v[0].conv2d(&v[1], 1, 1, 1, 1).unwrap().broadcast_add(&bias).unwrap();
        close(&ours, &candle, 1e-12);
        check(&shapes, |v| conv2d(&v[0], &v[1], &v[2], 1, 1));

        let f: Vec<Tensor> = v.iter().map(|t| t.to_dtype(DType::F32).unwrap()).collect();
        let dy = Tensor::ones((1, 9, 15, 14), DType::F32, &Device::Cpu).unwrap();
        let f = f.iter().map(|t| candle_core::Var::from_tensor(t).unwrap()).collect::<Vec<_>>();
        let conv = Conv { stride: 1, pad: 1 };
        let (dx, dk, _) = conv.bwd(&f[0], &f[1], &f[2], &dy, &dy).unwrap();
        let ones = dy.to_dtype(DType::F64).unwrap();
        let v = v.iter().map(|t| candle_core::Var::from_tensor(t).unwrap()).collect::<Vec<_>>();
        let (ex, ek, _) = conv.bwd(&v[0], &v[1], &v[2], &ones, &ones).unwrap();
        close(&dx.unwrap(), &ex.unwrap(), 1e-4);
        close(&dk.unwrap(), &ek.unwrap(), 1e-3);
    }
}
