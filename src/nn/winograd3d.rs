//! 3x3x3 and 1x3x3 "same" convolution of volumes: Winograd's F(4x4, 3x3) of [`super::winograd`] in
//! the slices, the definition along the depth.
//!
//! Every slice is transformed once. Of a patch of tiles the slices lie one after another, channels
//! innermost, so that three neighbours of a slice are one row of a matrix that overlaps the next: at
//! each of the 36 points the sum over depth and channels is a single product. Sums run over depth,
//! then channels, in order: bits do not depend on threads, batch or blocks.

use super::element::Real;
use super::product_kernels::{BLOCK_ROWS, LAST_ROWS, Product};
use super::shared::Shared;
use super::winograd::{BLOCK_ELEMENTS, GRADIENT_CHANNELS, GRADIENT_TASKS, Room, padded};
use super::winograd_kernels::{Kernels, POINTS, Patch, Points, Weights};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most slices of a block: two more are transformed with them.
const MOST_SLICES: usize = 32;

/// `[b, ci, d, h, w]` to `[b, co, d, h, w]` with kernels `[kd, 3, 3]`, `kd` odd, zero padding.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) b: usize,
    pub(super) ci: usize,
    pub(super) co: usize,
    pub(super) d: usize,
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) kd: usize,
}

/// The same patch of slices `first..first + slices` of an image.
#[derive(Clone, Copy)]
struct Block {
    image: usize,
    first: usize,
    slices: usize,
    patch: Patch,
}

impl Sizes {
    /// Whether it pays: a vector of channels on both sides.
    pub(super) fn pay(&self) -> bool {
        self.ci >= 8 && self.co >= 8
    }
    fn halo(&self) -> usize {
        self.kd - 1
    }
    fn slice(&self) -> usize {
        self.h * self.w
    }
    fn plane(&self) -> usize {
        self.d * self.slice()
    }
    /// Blocks of about `target` rows (a tile of a slice each), halo included.
    fn blocks(&self, target: usize) -> Vec<Block> {
        let (th, tw) = (self.h.div_ceil(4), self.w.div_ceil(4));
        let even = |n: usize, most: usize| n.div_ceil(n.div_ceil(most.max(1)));
        let deep = MOST_SLICES.min((target / 2).saturating_sub(self.halo()));
        let slices = even(self.d, deep);
        let tiles = target / (slices + self.halo());
        let rows = even(th, tiles / tw);
        let columns = if rows > 1 { tw } else { even(tw, tiles) };
        let mut blocks = Vec::new();
        for image in 0..self.b {
            for first in (0..self.d).step_by(slices) {
                let slices = slices.min(self.d - first);
                for ty in (0..th).step_by(rows) {
                    for tx in (0..tw).step_by(columns) {
                        let (rows, columns) = (rows.min(th - ty), columns.min(tw - tx));
                        let (h, w, planes) = (self.h, self.w, [self.plane(); 2]);
                        let patch = Patch { h, w, planes, pad: 1, ty, tx, rows, columns };
                        blocks.push(Block { image, first, slices, patch });
                    }
                }
            }
        }
        blocks
    }
}

impl Block {
    fn rows(&self, s: &Sizes) -> usize {
        self.patch.tiles() * (self.slices + s.halo())
    }

    /// Row `e` of each tile among its slices.
    fn at<T: Copy>(&self, s: &Sizes, points: Points<T>, e: usize) -> Points<T> {
        let row = points.row;
        Points {
            at: points.at.wrapping_add(e * row),
            row: (self.slices + s.halo()) * row,
            ..points
        }
    }

    /// Transforms the block's slices and their neighbours; those outside the image are 0.
    ///
    /// # Safety
    /// `to` has room for the block, `staging` for its patch.
    unsafe fn transform<T: Real>(
        &self,
        x: &[T],
        s: &Sizes,
        kernels: &Kernels<T>,
        staging: *mut T,
        to: Points<T>,
    ) {
        let half = s.kd / 2;
        for e in 0..self.slices + s.halo() {
            let at = self.at(s, to, e);
            let slice = (self.first + e).checked_sub(half).filter(|&z| z < s.d);
            // SAFETY: passed on to the caller.
            unsafe {
                match slice {
                    Some(z) => {
                        let from = x[self.image * s.ci * s.plane() + z * s.slice()..].as_ptr();
                        (kernels.input)(from, s.ci, self.patch, staging, at);
                    }
                    None => clear(at, self.patch.tiles(), to.row),
                }
            }
        }
    }
}

/// Sets the first `width` elements of `rows` rows to 0 at all points.
///
/// # Safety
/// The rows lie in the room.
unsafe fn clear<T: Real>(to: Points<T>, rows: usize, width: usize) {
    for point in 0..POINTS {
        for r in 0..rows {
            // SAFETY: passed on to the caller.
            unsafe {
                let row = to.at.add(point * to.point + r * to.row);
                std::slice::from_raw_parts_mut(row, width).fill(T::default());
            }
        }
    }
}

/// The kernels `[co, ci, kd, 9]` as `[co, kd·cip, 9]`: what the rows of the overlapping matrix meet.
pub(super) fn arranged<T: Real>(
    k: &[T],
    (co, ci, kd): (usize, usize, usize),
    cip: usize,
) -> Vec<T> {
    let mut out = vec![T::default(); co * kd * cip * 9];
    for o in 0..co {
        for i in 0..ci {
            for j in 0..kd {
                let from = &k[((o * ci + i) * kd + j) * 9..][..9];
                out[((o * kd + j) * cip + i) * 9..][..9].copy_from_slice(from);
            }
        }
    }
    out
}

/// `x` by kernels `[co, ci, kd, 3, 3]`.
pub(super) fn convolve<T: Real>(x: &[T], k: &[T], s: Sizes, kernels: &Kernels<T>) -> Vec<T> {
    let lanes = kernels.lanes;
    let (cip, cop) = (padded(s.ci, kernels.half), padded(s.co, kernels.half));
    let depth = s.kd * cip;
    let k = arranged(k, (s.co, s.ci, s.kd), cip);
    let taps = Weights {
        at: k.as_ptr(),
        out: 9 * depth,
        outs: s.co,
        input: 9,
        inputs: depth,
        flip: false,
    };
    let mut room = Room::new(depth, cop);
    let weights = room.points();
    (0..cop.div_ceil(lanes)).into_par_iter().for_each(|v| {
        // SAFETY: one vector of output channels per task.
        unsafe { (kernels.weights)(taps, v * lanes, weights) };
    });

    let threads = rayon::current_num_threads();
    let tiles = s.h.div_ceil(4) * s.w.div_ceil(4);
    let fits = BLOCK_ELEMENTS / (POINTS * (cip + cop));
    let share = (s.b * s.d * tiles).div_ceil(threads);
    let blocks = s.blocks(fits.min(share + s.halo()).max(2 * BLOCK_ROWS));
    let rows = blocks.iter().map(|b| b.rows(&s)).max().unwrap_or(0);
    let staging = blocks.iter().map(|b| b.patch.staging(lanes)).max().unwrap_or(0);
    let total = s.b * s.co * s.plane();
    let mut out = Vec::with_capacity(total);
    let shared = Shared(out.as_mut_ptr());
    let next = AtomicUsize::new(0);
    (0..threads.min(blocks.len())).into_par_iter().with_max_len(1).for_each(|_| {
        let rows = padded(rows, LAST_ROWS);
        let mut inputs = Room::zeroed(rows + s.halo(), cip);
        let mut outputs = Room::new(rows, cop);
        let (inputs, outputs) = (inputs.points(), outputs.points());
        let mut staging = Vec::<T>::with_capacity(staging);
        let staging = staging.as_mut_ptr();
        while let Some(block) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
            // SAFETY: the rooms were made for the largest block, the rows beyond a block hold what
            // an earlier one left and make rows that nobody reads; each block's voxels are written
            // by one task, and all blocks together are the whole output.
            unsafe {
                block.transform(x, &s, kernels, staging, inputs);
                for point in 0..POINTS {
                    (kernels.product)(Product {
                        rows: padded(block.rows(&s), LAST_ROWS),
                        k: depth,
                        columns: cop,
                        a: inputs.of(point),
                        a_row: cip,
                        a_k: 1,
                        b: weights.of(point),
                        b_row: None,
                        c: outputs.of(point),
                        c_row: cop,
                        add: false,
                    });
                }
                for e in 0..block.slices {
                    let to = block.image * s.co * s.plane() + (block.first + e) * s.slice();
                    let m = block.at(&s, outputs, e);
                    let none = std::ptr::null();
                    (kernels.output)(m, none, s.co, block.patch, staging, shared.at(to));
                }
            }
        }
    });
    // SAFETY: all elements were written above.
    unsafe { out.set_len(total) };
    out
}

/// The gradient of the kernels `[co, ci, kd, 3, 3]` for the output gradient `dy` `[b, co, d, h, w]`.
pub(super) fn weight_gradient<T: Real>(
    x: &[T],
    dy: &[T],
    s: Sizes,
    kernels: &Kernels<T>,
) -> Vec<T> {
    let lanes = kernels.lanes;
    let cip = padded(s.ci, kernels.half);
    let depth = s.kd * cip;
    let groups = s.co.div_ceil(GRADIENT_CHANNELS);
    let width = padded(s.co.div_ceil(groups), 16);
    let groups = s.co.div_ceil(width);
    let target = BLOCK_ELEMENTS / (POINTS * (cip + width));
    let blocks = s.blocks(target.max(2 * BLOCK_ROWS));
    let parts = GRADIENT_TASKS.div_ceil(groups).min(blocks.len());
    let rows = blocks.iter().map(|b| b.rows(&s)).max().unwrap_or(0);
    let staging = blocks.iter().map(|b| b.patch.staging(lanes)).max().unwrap_or(0);
    let mut rooms: Vec<Room<T>> = (0..groups * parts)
        .into_par_iter()
        .with_max_len(1)
        .map(|task| {
            let (part, c0) = (task / groups, task % groups * width);
            let channels = width.min(s.co - c0);
            let cop = padded(channels, kernels.half);
            let mut inputs = Room::zeroed(rows + s.halo(), cip);
            let mut errors = Room::new(rows, cop);
            let (inputs, errors) = (inputs.points(), errors.points());
            let mut staging = Vec::<T>::with_capacity(staging);
            let staging = staging.as_mut_ptr();
            let mut room = Room::new(depth, cop);
            let sum = room.points();
            let range = part * blocks.len() / parts..(part + 1) * blocks.len() / parts;
            for (i, block) in blocks[range].iter().enumerate() {
                // SAFETY: the rooms were made for the largest block, and are this task's own.
                unsafe {
                    block.transform(x, &s, kernels, staging, inputs);
                    for e in 0..block.slices + s.halo() {
                        let at = block.at(&s, errors, e);
                        if e >= block.slices {
                            // Rows that no output slice belongs to.
                            clear(at, block.patch.tiles(), cop);
                            continue;
                        }
                        let from = (block.image * s.co + c0) * s.plane();
                        let from = dy[from + (block.first + e) * s.slice()..].as_ptr();
                        (kernels.error)(from, channels, block.patch, staging, at);
                    }
                    for point in 0..POINTS {
                        (kernels.product)(Product {
                            rows: depth,
                            k: block.rows(&s),
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
    let mut dk = vec![T::default(); s.co * depth * 9];
    let to = Weights {
        at: dk.as_mut_ptr().cast_const(),
        out: 9 * depth,
        outs: s.co,
        input: 9,
        inputs: depth,
        flip: false,
    };
    const INPUTS: usize = 16;
    let across = depth.div_ceil(INPUTS);
    (0..s.co.div_ceil(lanes) * across).into_par_iter().for_each(|task| {
        let (c0, i0) = (task / across * lanes, task % across * INPUTS);
        let inputs = (i0, (i0 + INPUTS).min(depth));
        // SAFETY: each task writes the weights between its own channels.
        unsafe { (kernels.weight_gradient)(&sums[c0 / width], c0 % width, c0, inputs, to) };
    });
    let mut out = vec![T::default(); s.co * s.ci * s.kd * 9];
    for o in 0..s.co {
        for i in 0..s.ci {
            for j in 0..s.kd {
                let from = &dk[((o * s.kd + j) * cip + i) * 9..][..9];
                out[((o * s.ci + i) * s.kd + j) * 9..][..9].copy_from_slice(from);
            }
        }
    }
    out
}
