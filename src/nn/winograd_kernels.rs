//! The inner loops of [`super::winograd`], once over [`Lanes`] and stamped out for each instruction
//! set: the transforms of F(4x4, 3x3) and the product at each of its 36 points.
//!
//! Toom-Cook on the points 0, ±a, ±b, ∞ with a = 5/8 and b = 3/2, whose powers are exact in `f32`:
//! of the pairs tried the one that loses least, four times less than the usual 1 and 2. In one
//! dimension y = Aᵀ[(G·g) ⊙ (Bᵀ·d)]; in two, each matrix is applied to columns and to rows.
//! Channels lie in the lanes, so that every step is the same for all lanes.

use super::element::Real;
use super::lanes::{Lanes, Plain};
use super::product_kernels::{Product, panel_of, product};
use super::row_kernels::{Rows, TapSums, rows, tap_sums};

/// Points of a 6x6 tile.
pub(super) const POINTS: usize = 36;
const A: f64 = 0.625;
const B: f64 = 1.5;
const A2: f64 = A * A;
const B2: f64 = B * B;

/// Tiles `ty..ty+rows`, `tx..tx+columns` of an output of `h` by `w`, of an input with so many zeros
/// round it (0 to 2); a tile is 4x4 output pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    pub(super) h: usize,
    pub(super) w: usize,
    /// Elements from one channel to the next, of the input and of the output.
    pub(super) planes: [usize; 2],
    pub(super) pad: usize,
    pub(super) ty: usize,
    pub(super) tx: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Patch {
    pub(super) fn tiles(&self) -> usize {
        self.rows * self.columns
    }
    /// Height and width of the input.
    pub(super) fn input(&self) -> (usize, usize) {
        (self.h + 2 - 2 * self.pad, self.w + 2 - 2 * self.pad)
    }
    /// Elements of a staging area for one group of `lanes` channels.
    pub(super) fn staging(&self, lanes: usize) -> usize {
        (4 * self.rows + 2) * (4 * self.columns + 2) * lanes
    }
}

/// Values at the points: point ξ of row `r` (a tile, or an input channel) starts at
/// `ξ·point + r·row`.
#[derive(Clone, Copy)]
pub(super) struct Points<T> {
    pub(super) at: *mut T,
    pub(super) point: usize,
    pub(super) row: usize,
}

/// Where the weights `[out, in, 3, 3]` lie: element strides of the two channel axes, and whether
/// the kernel is read backwards.
#[derive(Clone, Copy)]
pub(super) struct Weights<T> {
    pub(super) at: *const T,
    pub(super) out: usize,
    pub(super) outs: usize,
    pub(super) input: usize,
    pub(super) inputs: usize,
    pub(super) flip: bool,
}

// SAFETY: addresses and sizes; whoever uses them answers for who writes where.
unsafe impl<T> Send for Points<T> {}
unsafe impl<T> Sync for Points<T> {}
unsafe impl<T> Send for Weights<T> {}
unsafe impl<T> Sync for Weights<T> {}

/// Bᵀ·d.
#[inline(always)]
unsafe fn bt<L: Lanes>(d: [L; 6]) -> [L; 6] {
    let c = |v: f64| unsafe { L::splat(L::T::from_f64(v)) };
    // SAFETY: registers only, here and in the four below.
    unsafe {
        let even_a = d[2].mul_add(c(-B2), d[4]);
        let odd_a = d[1].mul_add(c(-B2), d[3]);
        let even_b = d[2].mul_add(c(-A2), d[4]);
        let odd_b = d[1].mul_add(c(-A2), d[3]);
        [
            d[0].mul_add(c(A2 * B2), d[2].mul_add(c(-A2 - B2), d[4])),
            odd_a.mul_add(c(A), even_a),
            odd_a.mul_add(c(-A), even_a),
            odd_b.mul_add(c(B), even_b),
            odd_b.mul_add(c(-B), even_b),
            d[1].mul_add(c(A2 * B2), d[3].mul_add(c(-A2 - B2), d[5])),
        ]
    }
}

/// Aᵀ·m.
#[inline(always)]
unsafe fn at<L: Lanes>(m: [L; 6]) -> [L; 4] {
    let c = |v: f64| unsafe { L::splat(L::T::from_f64(v)) };
    unsafe {
        let (even_a, odd_a) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (even_b, odd_b) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].add(even_a.add(even_b)),
            odd_a.mul_add(c(A), odd_b.mul(c(B))),
            even_a.mul_add(c(A2), even_b.mul(c(B2))),
            odd_a.mul_add(c(A * A2), odd_b.mul_add(c(B * B2), m[5])),
        ]
    }
}

/// A·y.
#[inline(always)]
unsafe fn a<L: Lanes>(y: [L; 4]) -> [L; 6] {
    let c = |v: f64| unsafe { L::splat(L::T::from_f64(v)) };
    unsafe {
        let even_a = y[2].mul_add(c(A2), y[0]);
        let odd_a = y[3].mul_add(c(A2), y[1]);
        let even_b = y[2].mul_add(c(B2), y[0]);
        let odd_b = y[3].mul_add(c(B2), y[1]);
        [
            y[0],
            odd_a.mul_add(c(A), even_a),
            odd_a.mul_add(c(-A), even_a),
            odd_b.mul_add(c(B), even_b),
            odd_b.mul_add(c(-B), even_b),
            y[3],
        ]
    }
}

const G0: f64 = 1.0 / (A2 * B2);
const GA: f64 = 1.0 / (2.0 * A2 * (A2 - B2));
const GB: f64 = 1.0 / (2.0 * B2 * (B2 - A2));

/// G·g.
#[inline(always)]
unsafe fn g<L: Lanes>(g: [L; 3]) -> [L; 6] {
    let c = |v: f64| unsafe { L::splat(L::T::from_f64(v)) };
    unsafe {
        let even_a = g[2].mul_add(c(GA * A2), g[0].mul(c(GA)));
        let even_b = g[2].mul_add(c(GB * B2), g[0].mul(c(GB)));
        [
            g[0].mul(c(G0)),
            g[1].mul_add(c(GA * A), even_a),
            g[1].mul_add(c(-GA * A), even_a),
            g[1].mul_add(c(GB * B), even_b),
            g[1].mul_add(c(-GB * B), even_b),
            g[2],
        ]
    }
}

/// Gᵀ·u.
#[inline(always)]
unsafe fn gt<L: Lanes>(u: [L; 6]) -> [L; 3] {
    let c = |v: f64| unsafe { L::splat(L::T::from_f64(v)) };
    unsafe {
        let (even_a, odd_a) = (u[1].add(u[2]), u[1].sub(u[2]));
        let (even_b, odd_b) = (u[3].add(u[4]), u[3].sub(u[4]));
        [
            u[0].mul_add(c(G0), even_a.mul_add(c(GA), even_b.mul(c(GB)))),
            odd_a.mul_add(c(GA * A), odd_b.mul(c(GB * B))),
            even_a.mul_add(c(GA * A2), even_b.mul_add(c(GB * B2), u[5])),
        ]
    }
}

/// [`Lanes::turn`] for any number of columns.
#[inline(always)]
unsafe fn turn_columns<L: Lanes>(
    from: *const L::T,
    from_row: usize,
    rows: usize,
    columns: usize,
    to: *mut L::T,
    to_row: usize,
) {
    let mut c = 0;
    while c < columns {
        let n = L::N.min(columns - c);
        // SAFETY: passed on to the caller.
        unsafe { L::turn(from.add(c), from_row, rows, n, to.add(c * to_row), to_row, L::N) };
        c += n;
    }
}

/// [`Lanes::turn`] for any number of rows, all of them written.
#[inline(always)]
unsafe fn turn_rows<L: Lanes>(
    from: *const L::T,
    from_row: usize,
    rows: usize,
    columns: usize,
    to: *mut L::T,
    to_row: usize,
) {
    let mut r = 0;
    while r < rows {
        let n = L::N.min(rows - r);
        // SAFETY: passed on to the caller.
        unsafe { L::turn(from.add(r * from_row), from_row, n, columns, to.add(r), to_row, n) };
        r += n;
    }
}

/// `[rows, columns]` to `[columns, rows]`, of any sizes.
#[inline(always)]
unsafe fn turned<L: Lanes>(
    (from, from_row): (*const L::T, usize),
    (rows, columns): (usize, usize),
    (to, to_row): (*mut L::T, usize),
) {
    for r in (0..rows).step_by(L::N) {
        let n = L::N.min(rows - r);
        for c in (0..columns).step_by(L::N) {
            let (from, to) = (from.wrapping_add(r * from_row + c), to.wrapping_add(c * to_row + r));
            // SAFETY: passed on to the caller.
            unsafe { L::turn(from, from_row, n, L::N.min(columns - c), to, to_row, n) };
        }
    }
}

/// Copies rows `y..y+rows`, columns `x..x+columns` (of an image that is 0 outside) of `lanes`
/// planes to `to`: `[rows, columns, N]`.
#[inline(always)]
unsafe fn stage<L: Lanes>(
    planes: *const L::T,
    (lanes, plane): (usize, usize),
    (h, w): (usize, usize),
    (y, x): (isize, isize),
    (rows, columns): (usize, usize),
    to: *mut L::T,
) {
    // SAFETY: only pixels of the image are read; `to` holds the area.
    unsafe {
        let zero = L::splat(L::T::default());
        let low = (-x).max(0) as usize;
        let high = ((w as isize - x).max(low as isize) as usize).min(columns).max(low);
        for r in 0..rows {
            let to = to.add(r * columns * L::N);
            let iy = y + r as isize;
            let inside = iy >= 0 && iy < h as isize;
            let (low, high) = if inside { (low, high) } else { (columns, columns) };
            for c in 0..low {
                zero.store(to.add(c * L::N));
            }
            if !inside {
                continue;
            }
            let from = planes.offset(iy * w as isize + x + low as isize);
            turn_columns::<L>(from, plane, lanes, high - low, to.add(low * L::N), L::N);
            for c in high..columns {
                zero.store(to.add(c * L::N));
            }
        }
    }
}

/// Calls a function with the first and the number of the channels of each vector, of halves where these hold them.
macro_rules! each_group {
    ($f:ident::<$lanes:ident>, $channels:expr, $($argument:expr),*) => {
        for c0 in (0..$channels).step_by($lanes::N) {
            let group = (c0, $lanes::N.min($channels - c0));
            // SAFETY: passed on to the caller.
            unsafe {
                if group.1 <= $lanes::Half::N {
                    $f::<$lanes::Half>(group, $($argument),*);
                } else {
                    $f::<$lanes>(group, $($argument),*);
                }
            }
        }
    };
}

/// Bᵀ·d·B of every tile of a patch of `channels` planes; `to` starts at the patch's first tile.
#[inline(always)]
unsafe fn input<L: Lanes>(
    image: *const L::T,
    channels: usize,
    p: Patch,
    staging: *mut L::T,
    to: Points<L::T>,
) {
    each_group!(group_input::<L>, channels, image, p, staging, to);
}

#[inline(always)]
unsafe fn group_input<L: Lanes>(
    (c0, lanes): (usize, usize),
    image: *const L::T,
    p: Patch,
    staging: *mut L::T,
    to: Points<L::T>,
) {
    let (rows, columns) = (4 * p.rows + 2, 4 * p.columns + 2);
    let pad = p.pad as isize;
    let corner = (4 * p.ty as isize - pad, 4 * p.tx as isize - pad);
    // SAFETY: the caller gives planes, a staging area and points of this size.
    unsafe {
        let planes = image.add(c0 * p.planes[0]);
        stage::<L>(planes, (lanes, p.planes[0]), p.input(), corner, (rows, columns), staging);
        for ty in 0..p.rows {
            for tx in 0..p.columns {
                let from = staging.add((4 * ty * columns + 4 * tx) * L::N);
                let to_tile = to.at.add((ty * p.columns + tx) * to.row + c0);
                let mut t = [[L::splat(L::T::default()); 6]; 6];
                for j in 0..6 {
                    let at = |i: usize| L::load(from.add((i * columns + j) * L::N));
                    let v = bt([at(0), at(1), at(2), at(3), at(4), at(5)]);
                    for i in 0..6 {
                        t[i][j] = v[i];
                    }
                }
                for i in 0..6 {
                    let v = bt(t[i]);
                    for j in 0..6 {
                        v[j].store(to_tile.add((6 * i + j) * to.point));
                    }
                }
            }
        }
    }
}

/// A·dy·Aᵀ of every tile of a patch of `channels` planes of an output gradient.
#[inline(always)]
unsafe fn error<L: Lanes>(
    image: *const L::T,
    channels: usize,
    p: Patch,
    staging: *mut L::T,
    to: Points<L::T>,
) {
    each_group!(group_error::<L>, channels, image, p, staging, to);
}

#[inline(always)]
unsafe fn group_error<L: Lanes>(
    (c0, lanes): (usize, usize),
    image: *const L::T,
    p: Patch,
    staging: *mut L::T,
    to: Points<L::T>,
) {
    let (rows, columns) = (4 * p.rows, 4 * p.columns);
    let corner = (4 * p.ty as isize, 4 * p.tx as isize);
    // SAFETY: as for `group_input`.
    unsafe {
        let planes = image.add(c0 * p.planes[1]);
        stage::<L>(planes, (lanes, p.planes[1]), (p.h, p.w), corner, (rows, columns), staging);
        for ty in 0..p.rows {
            for tx in 0..p.columns {
                let from = staging.add((4 * ty * columns + 4 * tx) * L::N);
                let to_tile = to.at.add((ty * p.columns + tx) * to.row + c0);
                let mut t = [[L::splat(L::T::default()); 4]; 6];
                for j in 0..4 {
                    let at = |i: usize| L::load(from.add((i * columns + j) * L::N));
                    let v = a([at(0), at(1), at(2), at(3)]);
                    for i in 0..6 {
                        t[i][j] = v[i];
                    }
                }
                for i in 0..6 {
                    let v = a(t[i]);
                    for j in 0..6 {
                        v[j].store(to_tile.add((6 * i + j) * to.point));
                    }
                }
            }
        }
    }
}

/// Aᵀ·m·A + bias of every tile of a patch, written to `channels` planes of the output image.
#[inline(always)]
unsafe fn output<L: Lanes>(
    m: Points<L::T>,
    bias: *const L::T,
    channels: usize,
    p: Patch,
    staging: *mut L::T,
    image: *mut L::T,
) {
    each_group!(group_output::<L>, channels, m, bias, p, staging, image);
}

#[inline(always)]
unsafe fn group_output<L: Lanes>(
    (c0, lanes): (usize, usize),
    m: Points<L::T>,
    bias: *const L::T,
    p: Patch,
    staging: *mut L::T,
    image: *mut L::T,
) {
    let columns = 4 * p.columns;
    let (y0, x0) = (4 * p.ty, 4 * p.tx);
    // SAFETY: as for `group_input`; the bias is null or has a value for each channel. Only this patch's
    // pixels inside the image are written.
    unsafe {
        let mut shift = L::splat(L::T::default());
        if !bias.is_null() {
            let mut turned = [L::T::default(); 16];
            L::turn(bias.add(c0), 1, lanes, 1, turned.as_mut_ptr(), L::N, L::N);
            shift = L::load(turned.as_ptr());
        }
        for ty in 0..p.rows {
            for tx in 0..p.columns {
                let from = m.at.add((ty * p.columns + tx) * m.row + c0);
                let to = staging.add((4 * ty * columns + 4 * tx) * L::N);
                let mut t = [[shift; 6]; 4];
                for j in 0..6 {
                    let m = |i: usize| L::load(from.add((6 * i + j) * m.point));
                    let v = at([m(0), m(1), m(2), m(3), m(4), m(5)]);
                    for i in 0..4 {
                        t[i][j] = v[i];
                    }
                }
                for i in 0..4 {
                    let v = at(t[i]);
                    for j in 0..4 {
                        v[j].add(shift).store(to.add((i * columns + j) * L::N));
                    }
                }
            }
        }
        let width = columns.min(p.w - x0);
        for r in 0..(4 * p.rows).min(p.h - y0) {
            let to = image.add(c0 * p.planes[1] + (y0 + r) * p.w + x0);
            let from = staging.add(r * columns * L::N);
            turn_rows::<L>(from, L::N, width, lanes, to, p.planes[1]);
        }
    }
}

/// G·g·Gᵀ for output channels `c0..c0+N` and all input channels, into the panels of `to` (whose
/// `row` is the padded number of output channels).
#[inline(always)]
unsafe fn weights<L: Lanes>(k: Weights<L::T>, c0: usize, to: Points<L::T>) {
    let lanes = L::N.min(k.outs - c0);
    let (start, width) = panel_of(c0, to.row, L::N);
    let whole = c0 + L::N <= to.row;
    // SAFETY: the caller gives weights and points of these sizes.
    unsafe {
        let to = Points { at: to.at.add(start * k.inputs + c0 - start), ..to };
        let mut taps = [L::splat(L::T::default()); 9];
        for i in 0..k.inputs {
            let from = k.at.add(c0 * k.out + i * k.input);
            turn_columns::<L>(from, k.out, lanes, 9, taps.as_mut_ptr().cast(), L::N);
            if k.flip {
                taps.reverse();
            }
            let mut t = [[taps[0]; 3]; 6];
            for j in 0..3 {
                let v = g([taps[j], taps[3 + j], taps[6 + j]]);
                for i in 0..6 {
                    t[i][j] = v[i];
                }
            }
            for r in 0..6 {
                let v = g(t[r]);
                for j in 0..6 {
                    let to = to.at.add((6 * r + j) * to.point + i * width);
                    if whole { v[j].store(to) } else { v[j].low().store(to) }
                }
            }
        }
    }
}

/// Gᵀ·u·G of the sum of `parts`, for output channels `c0..c0+N` (columns `column..` of the parts)
/// and input channels `inputs`: the weights' gradient, to `dk` `[out, in, 3, 3]`.
#[inline(always)]
unsafe fn weight_gradient<L: Lanes>(
    parts: &[Points<L::T>],
    column: usize,
    c0: usize,
    inputs: (usize, usize),
    dk: Weights<L::T>,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        if dk.outs - c0 <= L::Half::N {
            group_weight_gradient::<L::Half>(parts, column, c0, inputs, dk);
        } else {
            group_weight_gradient::<L>(parts, column, c0, inputs, dk);
        }
    }
}

#[inline(always)]
unsafe fn group_weight_gradient<L: Lanes>(
    parts: &[Points<L::T>],
    column: usize,
    c0: usize,
    inputs: (usize, usize),
    dk: Weights<L::T>,
) {
    let lanes = L::N.min(dk.outs - c0);
    // SAFETY: the caller gives parts and weights of these sizes; no other task writes these.
    unsafe {
        let zero = L::splat(L::T::default());
        for i in inputs.0..inputs.1 {
            let mut t = [[zero; 6]; 3];
            for j in 0..6 {
                let mut u = [zero; 6];
                for r in 0..6 {
                    for p in parts {
                        let at = (6 * r + j) * p.point + i * p.row + column;
                        u[r] = u[r].add(L::load(p.at.add(at)));
                    }
                }
                let v = gt(u);
                for r in 0..3 {
                    t[r][j] = v[r];
                }
            }
            let mut taps = [zero; 9];
            for r in 0..3 {
                let v = gt(t[r]);
                for j in 0..3 {
                    taps[3 * r + j] = v[j];
                }
            }
            let to = dk.at.cast_mut().add(c0 * dk.out + i * dk.input);
            turn_rows::<L>(taps.as_ptr().cast(), L::N, 9, lanes, to, dk.out);
        }
    }
}

type Inverse<T> = unsafe fn(&[Points<T>], usize, usize, (usize, usize), Weights<T>);
type Turned<T> = unsafe fn((*const T, usize), (usize, usize), (*mut T, usize));
type ToPoints<T> = unsafe fn(*const T, usize, Patch, *mut T, Points<T>);

/// The kernels for one instruction set.
pub(super) struct Kernels<T> {
    pub(super) lanes: usize,
    /// Columns and channels are padded to a multiple of it.
    pub(super) half: usize,
    pub(super) turned: Turned<T>,
    pub(super) input: ToPoints<T>,
    pub(super) error: ToPoints<T>,
    pub(super) output: unsafe fn(Points<T>, *const T, usize, Patch, *mut T, *mut T),
    pub(super) weights: unsafe fn(Weights<T>, usize, Points<T>),
    pub(super) weight_gradient: Inverse<T>,
    pub(super) product: unsafe fn(Product<T>),
    pub(super) rows: unsafe fn(Rows<T>),
    pub(super) tap_sums: unsafe fn(TapSums<T>),
}

/// The types that Winograd's convolution is for.
pub(super) trait Winograd: Real {
    /// The kernels on this machine; `None` where they do not pay.
    fn kernels() -> Option<Kernels<Self>>;
}

impl Winograd for f32 {
    fn kernels() -> Option<Kernels<Self>> {
        fastest()
    }
}

impl Winograd for f64 {
    /// Not for speed: so that the gradient checks see the same path.
    fn kernels() -> Option<Kernels<Self>> {
        Some(plain())
    }
}

/// For any type and machine.
pub(super) fn plain<T: Real>() -> Kernels<T> {
    Kernels {
        lanes: Plain::<T>::N,
        half: <Plain<T> as Lanes>::Half::N,
        turned: turned::<Plain<T>>,
        input: input::<Plain<T>>,
        error: error::<Plain<T>>,
        output: output::<Plain<T>>,
        weights: weights::<Plain<T>>,
        weight_gradient: weight_gradient::<Plain<T>>,
        product: product::<Plain<T>>,
        rows: rows::<Plain<T>>,
        tap_sums: tap_sums::<Plain<T>>,
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! stamp {
    ($name:ident, $lanes:ty, $features:literal) => {
        pub(super) mod $name {
            use super::super::lanes::{self, Lanes};
            use super::{Kernels, Patch, Points, Product, Rows, TapSums, Weights};
            type Own = $lanes;

            // SAFETY of all: that of the function of the same name, on a machine with $features.
            #[target_feature(enable = $features)]
            unsafe fn input(x: *const f32, n: usize, p: Patch, s: *mut f32, to: Points<f32>) {
                unsafe { super::input::<Own>(x, n, p, s, to) }
            }
            #[target_feature(enable = $features)]
            unsafe fn turned(
                from: (*const f32, usize),
                size: (usize, usize),
                to: (*mut f32, usize),
            ) {
                unsafe { super::turned::<Own>(from, size, to) }
            }
            #[target_feature(enable = $features)]
            unsafe fn error(x: *const f32, n: usize, p: Patch, s: *mut f32, to: Points<f32>) {
                unsafe { super::error::<Own>(x, n, p, s, to) }
            }
            #[target_feature(enable = $features)]
            unsafe fn output(
                m: Points<f32>,
                bias: *const f32,
                n: usize,
                p: Patch,
                s: *mut f32,
                to: *mut f32,
            ) {
                unsafe { super::output::<Own>(m, bias, n, p, s, to) }
            }
            #[target_feature(enable = $features)]
            unsafe fn weights(k: Weights<f32>, c: usize, to: Points<f32>) {
                unsafe { super::weights::<Own>(k, c, to) }
            }
            #[target_feature(enable = $features)]
            unsafe fn weight_gradient(
                parts: &[Points<f32>],
                column: usize,
                c: usize,
                inputs: (usize, usize),
                dk: Weights<f32>,
            ) {
                unsafe { super::weight_gradient::<Own>(parts, column, c, inputs, dk) }
            }
            #[target_feature(enable = $features)]
            unsafe fn product(p: Product<f32>) {
                unsafe { super::product::<Own>(p) }
            }
            #[target_feature(enable = $features)]
            unsafe fn rows(r: Rows<f32>) {
                unsafe { super::rows::<Own>(r) }
            }
            #[target_feature(enable = $features)]
            unsafe fn tap_sums(s: TapSums<f32>) {
                unsafe { super::tap_sums::<Own>(s) }
            }

            /// Only for machines with the features.
            pub(in super::super) fn kernels() -> Kernels<f32> {
                Kernels {
                    lanes: Own::N,
                    half: <Own as Lanes>::Half::N,
                    turned,
                    input,
                    error,
                    output,
                    weights,
                    weight_gradient,
                    product,
                    rows,
                    tap_sums,
                }
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
stamp!(avx512, lanes::Avx512, "avx512f,avx512vl");
#[cfg(target_arch = "x86_64")]
stamp!(avx2, lanes::Avx2, "avx2,fma");

/// The fastest kernels for `f32` on this machine; `None` if there are none that pay.
pub(super) fn fastest() -> Option<Kernels<f32>> {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
            return Some(avx512::kernels());
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Some(avx2::kernels());
        }
    }
    None
}
