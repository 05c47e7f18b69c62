//! 2-D convolution: [`super::columns`] in tiles that stay in the cache, then a matrix product;
//! 3x3 convolutions of enough pixels and channels by [`super::winograd`].
//!
//! The input gradient of a convolution of stride 1 is a convolution with the flipped kernel; the weight
//! gradient sums per-tile products in a fixed order, so results do not depend on thread timing.

use super::channel_bias::BiasGradient;
use super::columns::{Sizes, col2im, columns_size, columns_to};
use super::element::{Real, by_type};
use super::product_kernels::{LAST_ROWS, Product};
use super::scratch;
use super::shared::Shared;
use super::team::each;
use super::then::{self, Then};
use super::winograd::{self, Kernel};
use super::winograd_kernels::{Kernels, Winograd};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

/// Elements of an im2col tile: about 1 MB in `f32`, which fits a second-level cache.
const TILE_ELEMENTS: usize = 1 << 18;
/// And of one that is read again for every few output channels, by kernels that do not pack it; of more channels than
/// these packing pays.
const NEAR_ELEMENTS: usize = 1 << 16;
const MOST_CHANNELS: usize = 96;
/// And of one for a weight gradient, near the errors.
const GRADIENT_ELEMENTS: usize = 1 << 15;
/// Elements between a tile's rows beyond what they need: powers of two would share cache sets.
const SPACE: usize = 16;
/// Partial sums of a weight gradient: fixed, so that the result does not depend on the machine.
const WEIGHT_PARTS: usize = 8;

/// Cross-correlation as in PyTorch: `x` `[B, Cin, H, W]`, `weight` `[Cout, Cin, kh, kw]`, `bias`
/// `[Cout]`, equal stride and zero padding on both axes; gives `[B, Cout, H', W']`.
///
/// # Errors
/// If the shapes do not fit together.
pub fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    stride: usize,
    pad: usize,
) -> Result<Tensor> {
    if !super::fused(x) {
        return super::conv_device::conv2d(x, weight, bias, stride, pad);
    }
    let op = Conv { stride, pad };
    x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)
}

#[derive(Clone, Copy)]
pub(super) struct Conv {
    pub(super) stride: usize,
    pub(super) pad: usize,
}

impl Conv {
    fn sizes(self, x: &Shape, k: &Shape) -> Result<Sizes> {
        let ((b, ci, h, w), (co, ki, kh, kw)) = (x.dims4()?, k.dims4()?);
        let (pad, stride) = (self.pad, self.stride);
        if ci != ki || h + 2 * pad < kh || w + 2 * pad < kw || stride == 0 {
            bail!("conv2d: input {x:?}, kernel {k:?}, stride {stride}, padding {pad} do not fit");
        }
        let (oh, ow) = ((h + 2 * pad - kh) / stride + 1, (w + 2 * pad - kw) / stride + 1);
        Ok(Sizes { b, ci, h, w, co, kh, kw, oh, ow, pad, stride })
    }
}

impl Sizes {
    /// Sizes and kernels for [`winograd`], where it pays.
    fn winograd<T: Winograd>(&self) -> Option<(winograd::Sizes, Kernels<T>)> {
        let &Self { b, ci, co, oh, ow, pad, .. } = self;
        let sizes = winograd::Sizes { b, ci, co, h: oh, w: ow, pad };
        let fits = (self.kh, self.kw, self.stride) == (3, 3, 1) && pad <= 2;
        (fits && sizes.pay()).then(T::kernels).flatten().map(|kernels| (sizes, kernels))
    }
}

/// A matrix that lies in memory with the given strides.
pub(super) struct Matrix<T> {
    pub(super) at: *const T,
    pub(super) row: usize,
    pub(super) column: usize,
}

/// `dst[m, n] (row stride `ldd`) = a·b`, added to what is there if `add`.
///
/// # Safety
/// `dst`, `a` and `b` point to memory that holds the matrices of these sizes and strides, and no
/// other thread writes to `dst`'s elements.
pub(super) unsafe fn product<T: Real>(
    (m, n, k): (usize, usize, usize),
    dst: *mut T,
    ldd: usize,
    add: bool,
    a: &Matrix<T>,
    b: &Matrix<T>,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst,
            1,
            ldd as isize,
            add,
            a.at,
            a.column as isize,
            a.row as isize,
            b.at,
            b.column as isize,
            b.row as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

fn forward<T: Winograd>(x: &[T], k: &[T], bias: Option<&[T]>, s: Sizes) -> Vec<T> {
    if let Some((sizes, kernels)) = s.winograd() {
        return winograd::convolve(x, &Kernel::Forward(k), bias, sizes, &kernels);
    }
    let mut out = vec![T::default(); s.b * s.co * s.oh * s.ow];
    let then = Then { bias, add: None, relu: false };
    forward_to(&mut out, x, k, &then, s, rayon::current_num_threads());
    out
}

/// Writes all of `out`.
fn forward_to<T: Winograd>(
    out: &mut [T],
    x: &[T],
    k: &[T],
    then: &Then<'_, T>,
    s: Sizes,
    threads: usize,
) {
    let (taps, plane) = (s.taps(), s.oh * s.ow);
    // Few whole blocks of channels and whole vectors of pixels, or halves, have kernels of their own: so many rows at
    // least.
    let few = s.co.is_multiple_of(LAST_ROWS) && s.co <= MOST_CHANNELS;
    let own = T::kernels().filter(|_| few).and_then(|kernels| {
        let least = (1..=kernels.half).find(|n| (n * s.ow).is_multiple_of(kernels.half))?;
        s.oh.is_multiple_of(least).then_some((kernels, least))
    });
    let (near, least) = own.as_ref().map_or((TILE_ELEMENTS, 1), |own| (NEAR_ELEMENTS, own.1));
    // Of few rows each thread gets some.
    let rows = s.rows_per_tile(near).min(s.oh.div_ceil(threads.div_ceil(s.b))).max(1);
    // As many for each thread.
    let tiles = (s.b * s.oh.div_ceil(rows)).next_multiple_of(threads).div_ceil(s.b);
    let rows = s.oh.div_ceil(tiles).next_multiple_of(least);
    let tiles = s.oh.div_ceil(rows);
    let shared = Shared(out.as_mut_ptr());
    let straight = s.is_pointwise() && own.is_none();
    let row = rows * s.ow + if own.is_some() { SPACE } else { 0 };
    let size = if straight { 0 } else { columns_size(&s, row) };
    each(threads, s.b * tiles, |i| {
        scratch::with(size, |col: &mut [T]| {
            let (b, y0) = (i / tiles, i % tiles * rows);
            let y1 = (y0 + rows).min(s.oh);
            let n = (y1 - y0) * s.ow;
            let image = s.image(x, b);
            let columns = if straight {
                Matrix { at: image[y0 * s.ow..].as_ptr(), row: plane, column: 1 }
            } else {
                Matrix { at: columns_to(image, &s, y0, y1, col, row), row, column: 1 }
            };
            let weights = Matrix { at: k.as_ptr(), row: taps, column: 1 };
            let start = b * s.co * plane + y0 * s.ow;
            let dst = shared.at(start);
            // SAFETY: the tile's rows of all output planes of image `b`, written by this task only; for the
            // kernels whole blocks of planes and whole vectors of pixels.
            unsafe {
                match &own {
                    Some((kernels, _)) => (kernels.product)(Product {
                        rows: s.co,
                        k: taps,
                        columns: n,
                        a: weights.at,
                        a_row: weights.row,
                        a_k: 1,
                        b: columns.at,
                        b_row: Some(columns.row),
                        c: dst,
                        c_row: plane,
                        add: false,
                    }),
                    None => product((s.co, n, taps), dst, plane, false, &weights, &columns),
                }
            }
            for o in 0..s.co {
                // SAFETY: one output plane's rows of the same tile; still in the cache.
                let row = unsafe { std::slice::from_raw_parts_mut(dst.wrapping_add(o * plane), n) };
                then::finish(then, then.bias.map(|bias| bias[o]), row, start + o * plane);
            }
        });
    });
}

/// The weights of one convolution, packed once for this machine.
pub struct PackedConv {
    op: Conv,
    /// `[co, ci, kh, kw]`.
    shape: [usize; 4],
    weight: Vec<f32>,
    points: Option<winograd::Room<f32>>,
}

impl PackedConv {
    /// Of `weight` `[co, ci, kh, kw]`.
    ///
    /// # Panics
    /// If there are not as many weights.
    pub fn new(weight: &[f32], shape: [usize; 4], stride: usize, pad: usize) -> Self {
        let [co, ci, kh, kw] = shape;
        assert_eq!(weight.len(), co * ci * kh * kw, "weights of a convolution {shape:?}");
        let op = Conv { stride, pad };
        let s = Sizes { b: 1, ci, h: kh, w: kw, co, kh, kw, oh: 1, ow: 1, pad, stride };
        let points = s.winograd::<f32>().map(|(sizes, kernels)| {
            winograd::transform(&Kernel::Forward(weight), sizes, &kernels, 1)
        });
        // The points take their place.
        let weight = if points.is_some() { Vec::new() } else { weight.to_vec() };
        Self { op, shape, weight, points }
    }

    /// Of `x` `[b, ci, h, w]` to all of `out` `[b, co, h', w']`, on so many threads.
    ///
    /// # Errors
    /// If the sizes do not fit together.
    pub fn run(
        &self,
        x: &[f32],
        [b, h, w]: [usize; 3],
        then: Then<'_, f32>,
        out: &mut [f32],
        threads: usize,
    ) -> Result<()> {
        let ci = self.shape[1];
        let s = self.op.sizes(&(b, ci, h, w).into(), &self.shape.as_slice().into())?;
        let expected = s.b * s.co * s.oh * s.ow;
        if x.len() != b * ci * h * w
            || out.len() != expected
            || then.add.is_some_and(|a| a.len() != expected)
            || then.bias.is_some_and(|b| b.len() != s.co)
        {
            bail!("conv2d: {} values to {}, expected {expected}", x.len(), out.len());
        }
        match (&self.points, s.winograd()) {
            // SAFETY: `out` was checked; the points were made of these weights.
            (Some(points), Some((sizes, kernels))) => unsafe {
                winograd::convolve_to(out.as_mut_ptr(), x, points, &then, sizes, &kernels, threads);
            },
            _ => forward_to(out, x, &self.weight, &then, s, threads),
        }
        Ok(())
    }
}

fn weight_gradient<T: Winograd>(x: &[T], dy: &[T], s: Sizes) -> Vec<T> {
    if let Some((sizes, kernels)) = s.winograd() {
        return winograd::weight_gradient(x, dy, sizes, &kernels);
    }
    let (taps, plane) = (s.taps(), s.oh * s.ow);
    // Whole blocks of taps and whole vectors of channels, or halves, have kernels of their own.
    let own =
        T::kernels().filter(|k| taps.is_multiple_of(LAST_ROWS) && s.co.is_multiple_of(k.half));
    let rows = s.rows_per_tile(if own.is_some() { GRADIENT_ELEMENTS } else { TILE_ELEMENTS });
    let tiles = s.oh.div_ceil(rows);
    let total = s.b * tiles;
    let parts = WEIGHT_PARTS.min(total);
    let (row, errors_row) = (rows * s.ow + SPACE, s.co + SPACE);
    let columns = columns_size(&s, row);
    // Each `[taps, co]`.
    let partial: Vec<Vec<T>> = (0..parts)
        .into_par_iter()
        .map(|part| {
            let mut dw = vec![T::default(); s.co * taps];
            scratch::with(columns + rows * s.ow * errors_row, |room: &mut [T]| {
                let (col, errors) = room.split_at_mut(columns);
                for i in part * total / parts..(part + 1) * total / parts {
                    let (b, y0) = (i / tiles, i % tiles * rows);
                    let y1 = (y0 + rows).min(s.oh);
                    let n = (y1 - y0) * s.ow;
                    let at = columns_to(s.image(x, b), &s, y0, y1, col, row);
                    let dy = dy[b * s.co * plane + y0 * s.ow..].as_ptr();
                    // SAFETY: `dw`, the columns and the turned errors are this task's own; all were sized above.
                    unsafe {
                        let Some(kernels) = &own else {
                            let errors = Matrix { at: dy, row: 1, column: plane };
                            let columns = Matrix { at, row, column: 1 };
                            product(
                                (taps, s.co, n),
                                dw.as_mut_ptr(),
                                s.co,
                                true,
                                &columns,
                                &errors,
                            );
                            continue;
                        };
                        (kernels.turned)((dy, plane), (s.co, n), (errors.as_mut_ptr(), errors_row));
                        (kernels.product)(Product {
                            rows: taps,
                            k: n,
                            columns: s.co,
                            a: at,
                            a_row: row,
                            a_k: 1,
                            b: errors.as_ptr(),
                            b_row: Some(errors_row),
                            c: dw.as_mut_ptr(),
                            c_row: s.co,
                            add: true,
                        });
                    }
                }
            });
            dw
        })
        .collect();
    let mut dw = vec![T::default(); s.co * taps];
    for part in partial {
        for (o, to) in dw.chunks_exact_mut(taps).enumerate() {
            to.iter_mut().zip(part[o..].iter().step_by(s.co)).for_each(|(to, &v)| *to += v);
        }
    }
    dw
}

fn input_gradient<T: Winograd>(dy: &[T], k: &[T], s: Sizes) -> Vec<T> {
    let taps = s.kh * s.kw;
    if s.stride == 1 && s.kh == s.kw && s.pad < s.kh {
        let pad = s.kh - 1 - s.pad;
        let back = Sizes { ci: s.co, co: s.ci, h: s.oh, w: s.ow, oh: s.h, ow: s.w, pad, ..s };
        if let Some((sizes, kernels)) = back.winograd() {
            return winograd::convolve(dy, &Kernel::Backward(k), None, sizes, &kernels);
        }
        let mut flipped = vec![T::default(); k.len()];
        for o in 0..s.co {
            for i in 0..s.ci {
                for t in 0..taps {
                    flipped[(i * s.co + o) * taps + taps - 1 - t] = k[(o * s.ci + i) * taps + t];
                }
            }
        }
        return forward(dy, &flipped, None, back);
    }
    let (image, plane, rows) = (s.ci * s.h * s.w, s.oh * s.ow, s.rows_per_tile(TILE_ELEMENTS));
    let mut dx = vec![T::default(); s.b * image];
    dx.par_chunks_mut(image).enumerate().for_each(|(b, dx)| {
        let mut col = vec![T::default(); s.taps() * rows * s.ow];
        for y0 in (0..s.oh).step_by(rows) {
            let y1 = (y0 + rows).min(s.oh);
            let n = (y1 - y0) * s.ow;
            let transposed = Matrix { at: k.as_ptr(), row: 1, column: s.taps() };
            let dy = &dy[b * s.co * plane + y0 * s.ow..];
            let dy = Matrix { at: dy.as_ptr(), row: plane, column: 1 };
            // SAFETY: `col` is this task's own and holds `taps · n` elements.
            unsafe { product((s.taps(), n, s.co), col.as_mut_ptr(), n, false, &transposed, &dy) };
            col2im(&col, &s, y0, y1, dx);
        }
    });
    dx
}

impl CustomOp3 for Conv {
    fn name(&self) -> &'static str {
        "conv2d"
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        k: &CpuStorage,
        lk: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Winograd>(
            (x, lx): (&CpuStorage, &Layout),
            (k, lk): (&CpuStorage, &Layout),
            (b, lb): (&CpuStorage, &Layout),
            s: Sizes,
        ) -> Result<CpuStorage> {
            let bias = T::slice(b, lb)?;
            if bias.len() != s.co {
                bail!("conv2d: {} bias values for {} output channels", bias.len(), s.co);
            }
            Ok(T::storage(forward(T::slice(x, lx)?, T::slice(k, lk)?, Some(bias), s)))
        }
        let s = self.sizes(lx.shape(), lk.shape())?;
        let y = by_type!(x, self.name(), run((x, lx), (k, lk), (b, lb), s))?;
        Ok((y, (s.b, s.co, s.oh, s.ow).into()))
    }
    fn bwd(
        &self,
        x: &Tensor,
        k: &Tensor,
        b: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let s = self.sizes(x.shape(), k.shape())?;
        let wanted = |t: &Tensor, f: &dyn Fn() -> Result<Tensor>| t.track_op().then(f).transpose();
        Ok((
            wanted(x, &|| dy.apply_op2_no_bwd(k, &InputGradient(s)))?,
            wanted(k, &|| x.apply_op2_no_bwd(&dy, &WeightGradient(s)))?,
            wanted(b, &|| dy.apply_op1_no_bwd(&BiasGradient))?,
        ))
    }
}

struct InputGradient(Sizes);
struct WeightGradient(Sizes);

impl CustomOp2 for InputGradient {
    fn name(&self) -> &'static str {
        "conv2d-input-gradient"
    }
    fn cpu_fwd(
        &self,
        dy: &CpuStorage,
        ld: &Layout,
        k: &CpuStorage,
        lk: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Winograd>(
            (dy, ld): (&CpuStorage, &Layout),
            (k, lk): (&CpuStorage, &Layout),
            s: Sizes,
        ) -> Result<CpuStorage> {
            Ok(T::storage(input_gradient(T::slice(dy, ld)?, T::slice(k, lk)?, s)))
        }
        let s = self.0;
        let dx = by_type!(dy, self.name(), run((dy, ld), (k, lk), s))?;
        Ok((dx, (s.b, s.ci, s.h, s.w).into()))
    }
}

impl CustomOp2 for WeightGradient {
    fn name(&self) -> &'static str {
        "conv2d-weight-gradient"
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        dy: &CpuStorage,
        ld: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Winograd>(
            (x, lx): (&CpuStorage, &Layout),
            (dy, ld): (&CpuStorage, &Layout),
            s: Sizes,
        ) -> Result<CpuStorage> {
            Ok(T::storage(weight_gradient(T::slice(x, lx)?, T::slice(dy, ld)?, s)))
        }
        let s = self.0;
        let dw = by_type!(x, self.name(), run((x, lx), (dy, ld), s))?;
        Ok((dw, (s.co, s.ci, s.kh, s.kw).into()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::*;

    /// Batch, channels in and out, height, width, kernel's height and width, stride, padding.
    #[rustfmt::skip]
    pub(in super::super) const CASES: [[usize; 9]; 19] = [
        [2, 3, 4, 8, 8, 3, 3, 1, 1],
        [2, 3, 4, 7, 9, 3, 3, 1, 1],
        [1, 2, 3, 6, 5, 3, 3, 1, 0],
        [2, 3, 2, 8, 6, 3, 3, 2, 1],
        [2, 3, 2, 7, 9, 3, 3, 2, 1],
        [2, 3, 4, 5, 6, 1, 1, 1, 0],
        [1, 2, 2, 8, 8, 1, 1, 2, 0],
        [1, 2, 2, 9, 9, 7, 7, 2, 3],
        [1, 2, 2, 6, 7, 3, 1, 1, 0],
        [1, 2, 2, 4, 3, 5, 5, 1, 2],
        [1, 2, 2, 5, 5, 1, 1, 1, 1],
        [2, 3, 8, 4, 6, 1, 1, 1, 0],
        [1, 2, 8, 8, 8, 3, 3, 2, 1],
        [1, 2, 8, 6, 5, 3, 3, 2, 1],
        [1, 3, 16, 5, 8, 1, 1, 1, 0],
        [1, 1, 2, 5, 37, 3, 3, 2, 1],
        [1, 2, 3, 8, 7, 3, 3, 3, 1],
        [2, 4, 8, 5, 6, 1, 1, 1, 0],
        [1, 4, 8, 7, 6, 3, 3, 2, 1],
    ];

    #[test]
    fn conv2d_matches_candle_and_differences() {
        for [b, ci, co, h, w, kh, kw, stride, pad] in CASES {
            let shapes = [vec![b, ci, h, w], vec![co, ci, kh, kw], vec![co]];
            let x = noise(&shapes[0], 1);
            let (k, bias) = (noise(&shapes[1], 2), noise(&shapes[2], 3));
            let ours = conv2d(&x, &k, &bias, stride, pad).unwrap();
            let candle = x
                .conv2d(&k, pad, stride, 1, 1)
                .unwrap()
                .broadcast_add(&bias.reshape((1, co, 1, 1)).unwrap())
                .unwrap();
            close(&ours, &candle, 1e-12);
            check(&shapes, |v| conv2d(&v[0], &v[1], &v[2], stride, pad));
        }
    }

    #[test]
    fn conv2d_takes_tiles_and_batches() {
        // 200 rows of 64 columns and 27 taps need several tiles.
        let (x, k, b) = (noise(&[3, 3, 200, 64], 1), noise(&[2, 3, 3, 3], 2), noise(&[2], 3));
        let ours = conv2d(&x, &k, &b, 1, 1).unwrap();
        let each: Vec<Tensor> =
            (0..3).map(|i| conv2d(&x.narrow(0, i, 1).unwrap(), &k, &b, 1, 1).unwrap()).collect();
        close(&ours, &Tensor::cat(&each, 0).unwrap(), 0.0);
        let reference = x.conv2d(&k, 1, 1, 1, 1).unwrap();
        close(&ours, &reference.broadcast_add(&b.reshape((1, 2, 1, 1)).unwrap()).unwrap(), 1e-12);
    }

    #[test]
    fn an_image_gives_the_same_bits_in_any_batch_and_on_any_number_of_threads() {
        let values = |shape: &[usize], seed| -> Vec<f32> {
            let v = super::super::gradcheck::values(&noise(shape, seed));
            v.iter().map(|&v| v as f32).collect()
        };
        // Tiles of several heights; vectors of pixels that take one row, two, and four.
        for (shape, stride, [h, w]) in [
            ([24, 72, 1, 1], 1, [64, 64]),
            ([16, 24, 3, 3], 2, [62, 32]),
            ([8, 40, 3, 3], 2, [8, 8]),
        ] {
            let [co, ci, kh, _] = shape;
            let pad = kh / 2;
            let (x, bias) = (values(&[3, ci, h, w], 1), values(&[co], 3));
            let conv = PackedConv::new(&values(&shape, 2), shape, stride, pad);
            let run = |x: &[f32], b: usize, threads: usize| {
                let mut out = vec![f32::NAN; b * co * h.div_ceil(stride) * w.div_ceil(stride)];
                let then = Then { bias: Some(&bias), ..Then::default() };
                conv.run(x, [b, h, w], then, &mut out, threads).unwrap();
                out
            };
            let all = run(&x, 3, 1);
            for threads in [1, 2, 5] {
                let each: Vec<f32> =
                    x.chunks(ci * h * w).flat_map(|x| run(x, 1, threads)).collect();
                assert!(each == all && run(&x, 3, threads) == all, "{shape:?} on {threads}");
            }
        }
    }

    #[test]
    fn a_weight_gradient_in_f32_is_the_one_in_f64_on_any_number_of_threads() {
        // Several tiles; vectors and a half, and channels and taps that have no kernels of their own.
        for ([co, ci, side], stride, [h, w]) in
            [([24, 72, 1], 1, [64, 64]), ([40, 8, 3], 2, [61, 60]), ([10, 7, 3], 2, [61, 60])]
        {
            let shape = |v: &[usize]| v.to_vec().into();
            let op = Conv { stride, pad: side / 2 };
            let s = op.sizes(&shape(&[3, ci, h, w]), &shape(&[co, ci, side, side])).unwrap();
            let at = |n: usize, seed| super::super::gradcheck::values(&noise(&[n], seed));
            let (x, dy) = (at(s.b * ci * h * w, 1), at(s.b * co * s.oh * s.ow, 2));
            let single = |v: &[f64]| -> Vec<f32> { v.iter().map(|&v| v as f32).collect() };
            let expected = super::weight_gradient(&x, &dy, s);
            let (x, dy) = (single(&x), single(&dy));
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| super::weight_gradient(&x, &dy, s))
            };
            let found = run(1);
            let most = expected.iter().fold(0f64, |m, v| m.max(v.abs()));
            for (a, b) in found.iter().zip(&expected) {
                assert!((f64::from(*a) - b).abs() < 1e-5 * most, "{co} {ci}: {a} for {b}");
            }
            assert!(found == run(3));
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let (x, b) = (noise(&[1, 3, 4, 4], 1), noise(&[2], 3));
        assert!(conv2d(&x, &noise(&[2, 4, 3, 3], 2), &b, 1, 1).is_err());
        assert!(conv2d(&x, &noise(&[2, 3, 7, 7], 2), &b, 1, 1).is_err());
        assert!(conv2d(&x, &noise(&[3, 3, 3, 3], 2), &b, 1, 1).is_err());
    }
}
