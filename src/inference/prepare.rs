//! Brings any scan to what a model's contract says, and results back to the scan's own lattice.
//!
//! The region is read in the contract's axes (a permutation and flips, exact), its slices are
//! interpolated where they lie more than 2 % closer or further than the contract says, and each is
//! put on the model's canvas ([`Placement`]). Oblique scans are taken along their nearest axes.

use super::Placement;
use super::placement::{Taps, cubic};
use crate::models::{Axes, Context, Contract};
use crate::volume::{AxisCodes, Block, Geometry, LengthUnit, Notice, Roi, Turn};

/// How a scan becomes a model's input: grows whenever the same scan would come out otherwise, so that what was
/// found with another one is not used.
pub const PREPROCESSING: u32 = 1;

/// Spacings that differ by less are taken as the same.
const SAME_SPACING: f64 = 0.02;
/// Axes further from the patient's than this are said, degrees.
const OBLIQUE_DEGREES: f64 = 15.0;
/// Slices further apart than so many times the contract's are said, and at most so many model slices
/// are made of one.
const THICK: f64 = 2.5;
/// A region so many times longer than wide is said.
const NARROW: usize = 8;
const MOST_OF_ONE: f64 = 8.0;

/// A region of a scan as a model sees it.
pub struct Prepared {
    /// Of the scan, stored axes.
    shape: [usize; 3],
    /// The region, stored axes.
    stored: Block,
    turn: Turn,
    /// The region's columns and rows, turned axes.
    placement: Placement,
    /// The same square in the stored axes, the lower one as columns.
    stored_placement: Placement,
    slices: Slices,
    thickest_mm: Option<f64>,
    /// What a reader of the result should know.
    pub notices: Vec<Notice>,
}

/// The model's slices along the last turned axis.
struct Slices {
    /// First slice of the region, slices of the region, slices of the scan.
    first: usize,
    own: usize,
    depth: usize,
    /// Scan slices per model slice, and where model slice 0 begins (edges).
    scale: f64,
    start: f64,
    count: usize,
}

impl Slices {
    fn new(first: usize, own: usize, depth: usize, scale: f64) -> Self {
        let count = ((own as f64 / scale - 1e-6).ceil() as usize).max(1);
        let start = first as f64 + 0.5 * (own as f64 - count as f64 * scale);
        Self { first, own, depth, scale, start, count }
    }

    fn are_own(&self) -> bool {
        self.scale == 1.0
    }

    /// Scan slices and weights that make model slice `k`, which may lie outside the region; beyond
    /// the scan its last slice goes on.
    fn sources(&self, k: isize) -> Vec<(usize, f32)> {
        let last = self.depth as f64 - 0.5;
        let centre = (self.start + (k as f64 + 0.5) * self.scale).clamp(0.5, last);
        if self.are_own() {
            return vec![(centre as usize, 1.0)];
        }
        Taps::at(centre, self.scale, 0, self.depth, cubic)
    }

    /// Model slices and weights that make each slice of the region.
    fn back(&self) -> Taps {
        let inverse = 1.0 / self.scale;
        Taps::new(self.own, inverse, (self.first as f64 - self.start) * inverse, 0, self.count)
    }
}

impl Prepared {
    /// Of a region of a scan, for a square canvas of `size` pixels, or one as large as the region.
    pub fn new(geometry: &Geometry, region: &Block, contract: &Contract, size: usize) -> Self {
        let mut notices = Vec::new();
        let shape = geometry.shape();
        let turn = turn(geometry, contract, &mut notices);
        let turned = turn.block(shape, region);
        let spacing = turn.reorder(geometry.spacing());
        let known = geometry.unit() == LengthUnit::Millimetre;
        let in_plane = contract.spacing_mm[0].filter(|_| known);
        let square = (spacing[1] / spacing[0] - 1.0).abs() <= SAME_SPACING;
        let pixel = match in_plane {
            None if square => [1.0; 2],
            _ => [spacing[0], spacing[1]],
        };
        let place = |b: &Block, [x, y]: [usize; 2], pixel: [f64; 2]| {
            let [width, height] = [b.shape[x], b.shape[y]];
            let roi = Roi { x: b.origin[x], y: b.origin[y], width, height };
            if contract.pixelwise {
                return Placement::pixelwise(roi, pixel, in_plane);
            }
            Placement::new(roi, size, pixel, in_plane)
        };
        let upright = turn.axis[0] < turn.axis[1];
        let [a, b] = [turn.axis[0].min(turn.axis[1]), turn.axis[0].max(turn.axis[1])];
        let stored_pixel = if upright { pixel } else { [pixel[1], pixel[0]] };
        if let Some(target) = in_plane.filter(|_| !contract.pixelwise) {
            let needed = (turned.shape[0] as f64 * spacing[0])
                .max(turned.shape[1] as f64 * spacing[1])
                / size as f64;
            if needed > target * (1.0 + SAME_SPACING) {
                notices.push(Notice::amber(format!(
                    "the region is larger than the model's field: it is seen at {needed:.2} mm per \
                     pixel, the model knows {target:.2} mm"
                )));
            }
        }
        let (narrow, wide) =
            (turned.shape[0].min(turned.shape[1]), turned.shape[0].max(turned.shape[1]));
        if narrow.saturating_mul(NARROW) < wide {
            notices.push(Notice::amber(format!(
                "the region is {} x {} pixels of the slices that the model sees: it knows whole ones",
                turned.shape[0], turned.shape[1]
            )));
        }
        let scale = slice_scale(contract, spacing[2], known, turned.shape[2], &mut notices);
        Self {
            shape,
            stored: *region,
            turn,
            placement: place(&turned, [0, 1], pixel),
            stored_placement: place(region, [a, b], stored_pixel),
            thickest_mm: known.then(|| spacing.iter().copied().fold(0.0, f64::max)),
            slices: Slices::new(turned.origin[2], turned.shape[2], turn.reorder(shape)[2], scale),
            notices,
        }
    }

    /// How many slices the model sees.
    pub fn slices(&self) -> usize {
        self.slices.count
    }

    /// The scan's axis across which they lie.
    pub fn axis(&self) -> usize {
        self.turn.axis[2]
    }

    /// How many slices of the region they lie across.
    pub fn scan_slices(&self) -> usize {
        self.slices.own
    }

    /// The slice of the scan, across [`Self::axis`], in which the middle of model slice `k` lies.
    pub fn scan_slice(&self, k: usize) -> usize {
        let s = &self.slices;
        let centre = s.start + (k as f64 + 0.5) * s.scale;
        let turned = (centre.max(0.0) as usize).clamp(s.first, s.first + s.own - 1);
        if self.turn.flip[2] { s.depth - 1 - turned } else { turned }
    }

    /// How many of the region's slices are whole when so many model slices are done.
    fn whole(&self, done: usize) -> usize {
        let whole = |taps: &&Vec<(usize, f32)>| taps.iter().all(|&(k, _)| k < done);
        self.slices.back().0.iter().take_while(whole).count()
    }

    /// The part of the region, in the scan's axes, that is finished when so many model slices are;
    /// `None` if nothing is.
    pub fn finished(&self, done: usize) -> Option<Block> {
        let whole = self.whole(done);
        let mut turned = self.turn.block(self.shape, &self.stored);
        turned.shape[2] = whole;
        (whole > 0).then(|| self.turn.stored_block(self.shape, &turned))
    }

    /// The scan in the turned axes: how many voxels along each, and the region.
    pub(super) fn turned_shape(&self) -> [usize; 3] {
        self.turn.reorder(self.shape)
    }

    pub(super) fn region(&self) -> Block {
        self.turn.block(self.shape, &self.stored)
    }

    /// The largest distance between neighbouring voxels, where it is known.
    pub(super) fn thickest_mm(&self) -> Option<f64> {
        self.thickest_mm
    }

    /// The canvas of a mask of the region's own pixels, `[rows, columns]` in the turned axes.
    pub(super) fn region_canvas(&self, mask: &[bool]) -> Vec<f32> {
        let [w, h, _] = self.turned_shape();
        let Roi { x, y, width, .. } = self.placement.roi();
        let mut whole = vec![0.0; w * h];
        for (i, _) in mask.iter().enumerate().filter(|(_, m)| **m) {
            whole[(y + i / width) * w + x + i % width] = 1.0;
        }
        self.placement.shrink(&whole, w, h, 0.0)
    }

    /// Columns and rows of the region in the turned axes.
    pub fn plane(&self) -> [usize; 2] {
        let roi = self.placement.roi();
        [roi.width, roi.height]
    }

    /// Where the canvas lies on the scan's own slices across [`Self::axis`]; columns are the lower
    /// of the other two axes.
    pub fn stored_placement(&self) -> Placement {
        self.stored_placement
    }

    /// Columns and rows of the canvas.
    pub fn canvas_size(&self) -> [usize; 2] {
        self.placement.size()
    }

    /// Values of the canvas, `[n, rows, columns]`, in the directions of [`Self::stored_placement`].
    pub fn stored_canvas<T: Copy + Default>(&self, canvas: &[T]) -> Vec<T> {
        let [w, h] = self.stored_placement.size();
        let upright = self.turn.axis[0] < self.turn.axis[1];
        let axis = if upright { [0, 1, 2] } else { [1, 0, 2] };
        let [x, y, _] = self.turn.flip;
        Turn { axis, flip: [x, y, false] }.undo([w, h, canvas.len() / (w * h).max(1)], canvas)
    }

    /// Where the values of [`Self::stored_canvas`] lie on the canvas: the first one, and how far it is from there
    /// to the next column, and to the next row.
    pub fn stored_steps(&self) -> (usize, [isize; 2]) {
        let size = self.stored_placement.size();
        let across = if self.turn.axis[0] < self.turn.axis[1] { 0 } else { 1 };
        let (mut first, mut steps) = (0, [0; 2]);
        // Along the canvas's columns, then its rows, which are as many values apart as it has columns.
        for (stored, apart, flip) in
            [(across, 1, self.turn.flip[0]), (1 - across, size[across], self.turn.flip[1])]
        {
            first += if flip { (size[stored] - 1) * apart } else { 0 };
            steps[stored] = if flip { -(apart as isize) } else { apart as isize };
        }
        (first, steps)
    }

    /// A probability of the model, `[rows, columns]`, on the region's pixels in the turned axes.
    pub fn enlarge(&self, canvas: &[f32]) -> Vec<f32> {
        self.placement.enlarge(canvas)
    }

    /// Soft masks on the scan: of the turned region's pixels on model slices, `[classes, slices, h,
    /// w]`, of which the first `done` are finished, those of [`Self::finished`], `[classes, z, y,
    /// x]`.
    pub fn restore(&self, soft: &[u8], done: usize) -> Vec<u8> {
        let Some(block) = self.finished(done) else { return Vec::new() };
        let [w, h] = self.plane();
        let area = w * h;
        let back = self.slices.back();
        let taps = &back.0[..self.whole(done)];
        let mut out = Vec::with_capacity(block.len());
        for class in soft.chunks(area * self.slices.count) {
            let mut turned = Vec::with_capacity(area * taps.len());
            for taps in taps {
                match taps[..] {
                    [(k, _)] => turned.extend_from_slice(&class[k * area..(k + 1) * area]),
                    _ => turned.extend((0..area).map(|i| {
                        let sum: f32 =
                            taps.iter().map(|&(k, w)| f32::from(class[k * area + i]) * w).sum();
                        sum.round().clamp(0.0, 255.0) as u8
                    })),
                }
            }
            out.extend(self.turn.undo(block.shape, &turned));
        }
        out
    }

    /// The canvas `[rows, columns]` of model slice `k`: `plane` gives the turned slices of the scan,
    /// `outside` stands beside the region.
    pub fn canvas(
        &self,
        k: isize,
        outside: f32,
        mut plane: impl FnMut(usize) -> Vec<f32>,
    ) -> Vec<f32> {
        let mut sum: Vec<f32> = Vec::new();
        for (z, weight) in self.slices.sources(k) {
            let values = plane(z);
            if sum.is_empty() && weight == 1.0 {
                sum = values;
            } else {
                sum.resize(values.len(), 0.0);
                sum.iter_mut().zip(values).for_each(|(s, v)| *s += weight * v);
            }
        }
        let [w, h, _] = self.turn.reorder(self.shape);
        self.placement.shrink(&sum, w, h, outside)
    }

    /// The canvas of a mask of the whole scan on model slice `k`: the share of each pixel that it
    /// covers.
    pub fn mask_canvas(&self, mask: &[bool], k: usize) -> Vec<f32> {
        let [w, h, _] = self.turn.reorder(self.shape);
        self.canvas(k as isize, 0.0, |z| {
            let index = |i: usize| self.turn.index(self.shape, i);
            (w * h * z..w * h * (z + 1)).map(|i| f32::from(u8::from(mask[index(i)]))).collect()
        })
    }

    /// The canvas of values of the region's voxels on model slice `k`; beside them it is 0. `value` is
    /// asked by flat index in the region, the scan's first axis fastest.
    pub(super) fn region_values_canvas(&self, k: usize, value: &dyn Fn(usize) -> f32) -> Vec<f32> {
        let ([w, h, _], region) = (self.turned_shape(), self.region());
        let (shape, own) = (self.shape, self.stored);
        self.canvas(k as isize, 0.0, |z| {
            let mut plane = vec![0.0; w * h];
            if !region.along(2).contains(&z) {
                return plane;
            }
            for y in region.along(1) {
                for x in region.along(0) {
                    let i = self.turn.index(shape, (z * h + y) * w + x);
                    let stored = [i % shape[0], i / shape[0] % shape[1], i / shape[0] / shape[1]];
                    let [a, b, c] = [0, 1, 2].map(|d| stored[d] - own.origin[d]);
                    plane[y * w + x] = value((c * own.shape[1] + b) * own.shape[0] + a);
                }
            }
            plane
        })
    }

    pub(super) fn turn(&self) -> &Turn {
        &self.turn
    }
}

/// The axis of a scan's voxels across which a model's slices lie.
pub fn slice_axis(geometry: &Geometry, contract: &Contract) -> usize {
    turn(geometry, contract, &mut Vec::new()).axis[2]
}

/// How the scan is read, and what is to be said of it.
fn turn(geometry: &Geometry, contract: &Contract, notices: &mut Vec<Notice>) -> Turn {
    let shape = geometry.shape();
    match contract.axes {
        Axes::Screen => {
            // A picture may lie on its side.
            let across = match [0, 1, 2].map(|a| shape[a] == 1) {
                [true, false, false] => 0,
                [false, true, false] => 1,
                _ => 2,
            };
            Turn::to_screen(geometry, across)
        }
        Axes::Stored => {
            if contract.context == Context::Neighbours {
                notices.push(Notice::amber(
                    "the model does not say how its slices run in the patient; it sees them as they \
                     are stored",
                ));
            }
            Turn::NONE
        }
        Axes::Patient(codes) if !geometry.orientation_known() => {
            notices.push(Notice::amber(format!(
                "the file does not say how the image lies in the patient; the model takes it as {codes}"
            )));
            Turn::NONE
        }
        Axes::Patient(codes) => {
            let turn = Turn::to_patient(geometry, codes);
            let off = degrees_off(geometry, &turn, codes);
            if off > OBLIQUE_DEGREES {
                notices.push(Notice::amber(format!(
                    "the scan lies {off:.0} degrees off the patient's axes; the model sees it along \
                     its own"
                )));
            }
            turn
        }
    }
}

/// The largest angle between an axis of the turned lattice and the patient's that it stands for.
fn degrees_off(geometry: &Geometry, turn: &Turn, codes: AxisCodes) -> f64 {
    let angle = |(m, (world, _)): (usize, (usize, bool))| {
        let v = geometry.world_from_voxel().column(turn.axis[m]);
        let n = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        (v[world].abs() / n).min(1.0).acos().to_degrees()
    };
    codes.directions().into_iter().enumerate().map(angle).fold(0.0, f64::max)
}

/// Scan slices per model slice.
fn slice_scale(
    contract: &Contract,
    spacing: f64,
    known: bool,
    slices: usize,
    notices: &mut Vec<Notice>,
) -> f64 {
    let Some(target) = contract.spacing_mm[2] else { return 1.0 };
    if !known {
        notices.push(Notice::amber(format!(
            "the file does not say how far its slices lie apart; the model takes them as {target} mm"
        )));
        return 1.0;
    }
    let scale = target / spacing;
    if slices == 1 || (scale - 1.0).abs() <= SAME_SPACING {
        return 1.0;
    }
    let said = format!("slices {spacing:.2} mm apart are brought to the model's {target:.2} mm");
    notices.push(if scale < 1.0 / THICK { Notice::amber(said) } else { Notice::note(said) });
    scale.max(1.0 / MOST_OF_ONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Normalisation;
    use crate::volume::Affine;

    fn contract(axes: &str) -> Contract {
        Contract {
            axes: axes.to_owned().try_into().unwrap(),
            spacing_mm: [None, None, Some(1.0)],
            context: Context::Neighbours,
            values: Normalisation::Percentiles,
            canvas: None,
            flips: [false; 2],
            region: None,
            shares: Vec::new(),
            borders: Vec::new(),
            pixelwise: false,
        }
    }

    /// 6 x 5 x 4 voxels that run to P, I and R, `slice` mm apart along I.
    fn lattice(slice: f64) -> Geometry {
        let steps = [[0.0, -1.0, 0.0], [0.0, 0.0, -slice], [1.0, 0.0, 0.0]];
        Geometry::new([6, 5, 4], Affine::from_columns(steps, [3.0, 4.0, 5.0])).unwrap()
    }

    fn whole(g: &Geometry) -> Prepared {
        Prepared::new(g, &Block::whole(g), &contract("RAS"), 8)
    }

    #[test]
    fn values_lie_on_the_canvas_where_they_are_said_to_in_every_order_of_storage() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for (flips, pixelwise) in (0..16usize).map(|i| (i / 2, i % 2 == 1)) {
                let mut columns = [[0.0; 3]; 3];
                for (axis, &world) in order.iter().enumerate() {
                    columns[axis][world] = if flips >> axis & 1 == 1 { 1.0 } else { -1.0 };
                }
                let affine = Affine::from_columns(columns, [3.0, 4.0, 5.0]);
                let g = Geometry::new([6, 5, 4], affine).unwrap();
                let contract = Contract { pixelwise, ..contract("RAS") };
                let p = Prepared::new(&g, &Block::whole(&g), &contract, 8);
                let [w, h] = p.stored_placement().size();
                let canvas: Vec<usize> = (0..2 * w * h).collect();
                let (first, [x, y]) = p.stored_steps();
                let at = |i: usize| {
                    let (column, row) = ((i % w) as isize, (i / w % h) as isize);
                    (first + i / (w * h) * w * h).wrapping_add_signed(column * x + row * y)
                };
                let told: Vec<usize> = (0..canvas.len()).map(at).collect();
                assert_eq!(p.stored_canvas(&canvas), told, "{order:?} {flips:b} {pixelwise}");
            }
        }
    }

    #[test]
    fn slices_run_across_the_axis_that_the_contract_names() {
        let g = lattice(1.0);
        let p = whole(&g);
        assert_eq!((p.axis(), p.slices(), p.plane()), (1, 5, [4, 6]));
        assert_eq!(slice_axis(&g, &contract("RAS")), 1);
        assert_eq!(slice_axis(&g, &contract("SAR")), 2);
        // The first slice of the model is the lowest of the patient, the last one stored.
        assert_eq!([p.scan_slice(0), p.scan_slice(4)], [4, 0]);
        assert!(p.notices.is_empty(), "{:?}", p.notices);
    }

    #[test]
    fn what_is_finished_lies_at_the_end_where_the_axis_is_turned_round() {
        let g = lattice(1.0);
        let p = whole(&g);
        assert_eq!(p.finished(0), None);
        let part = p.finished(2).unwrap();
        assert_eq!((part.origin, part.shape), ([0, 3, 0], [6, 2, 4]));
        assert_eq!(p.finished(5), Some(Block::whole(&g)));
        // Masks of the model: the number of the slice and of the row from the back.
        let soft: Vec<u8> = (0..5 * 24).map(|i| (10 * (i / 24) + i % 24 / 4) as u8).collect();
        let back = p.restore(&soft, 5);
        for (i, v) in back.iter().enumerate() {
            let (x, y) = (i % 6, i / 6 % 5);
            assert_eq!(usize::from(*v), 10 * (4 - y) + (5 - x), "{x} {y}");
        }
        assert_eq!(p.restore(&soft, 2).len(), 6 * 2 * 4);
    }

    #[test]
    fn other_slice_distances_are_interpolated_there_and_back() {
        for (slice, expected) in [(0.5, 3), (1.01, 5), (2.0, 10)] {
            let p = whole(&lattice(slice));
            assert_eq!(p.slices(), expected, "{slice} mm");
            // A ramp along the slices stays one, at its place.
            let seen: Vec<f32> = (0..expected)
                .map(|k| p.canvas(k as isize, -1.0, |z| vec![z as f32; 24])[3 * 8 + 3])
                .collect();
            // Away from the ends, where the kernel has fewer slices.
            for k in 3..expected.saturating_sub(4) {
                let step = seen[k + 1] - seen[k];
                assert!((step - 1.0 / slice as f32).abs() < 1e-4, "{slice} mm: {seen:?}");
            }
            assert!(seen.windows(2).all(|w| w[1] >= w[0] - 1e-4), "{seen:?}");
            let full = vec![200; expected * 24];
            assert!(p.restore(&full, expected).iter().all(|v| *v == 200));
            assert_eq!(p.finished(expected), Some(Block::whole(&lattice(slice))));
        }
        assert!(whole(&lattice(3.0)).notices.iter().any(|n| n.text.contains("3.00 mm apart")));
    }

    #[test]
    fn the_canvas_lies_on_the_stored_slice_as_the_placement_says() {
        let g = lattice(1.0);
        let p = whole(&g);
        // The right anterior corner of the region in the model's directions.
        let mut canvas = vec![0f32; 64];
        let [left, top, width, height] = p.placement.region().map(|f| (f * 8.0).round() as usize);
        canvas[left + width - 1 + 8 * (top + height - 1)] = 1.0;
        let stored = p.stored_placement().enlarge(&p.stored_canvas(&canvas));
        // Stored columns run to P, rows to R: anterior is left, right is below.
        let roi = p.stored_placement().roi();
        assert_eq!([roi.width, roi.height], [6, 4]);
        let brightest = (0..24).max_by(|&a, &b| stored[a].total_cmp(&stored[b])).unwrap();
        assert_eq!((brightest % 6, brightest / 6), (0, 3));
    }

    #[test]
    fn what_cannot_be_known_or_lies_askew_is_said() {
        let said = |g: &Geometry, contract: &Contract, word: &str| {
            let p = Prepared::new(g, &Block::whole(g), contract, 8);
            p.notices.iter().any(|n| n.text.contains(word))
        };
        let g = lattice(1.0);
        assert!(said(
            &g.clone().with_orientation_known(false),
            &contract("RAS"),
            "takes it as RAS"
        ));
        assert!(said(&g.clone().with_unit(LengthUnit::Pixel), &contract("RAS"), "how far"));
        assert!(said(&g, &contract("stored"), "as they are stored"));
        for (degrees, expected) in [(10f64, false), (20.0, true), (44.0, true)] {
            let (s, c) = degrees.to_radians().sin_cos();
            let steps = [[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]];
            let oblique = Geometry::new([6; 3], Affine::from_columns(steps, [0.0; 3])).unwrap();
            assert_eq!(said(&oblique, &contract("RAS"), "degrees off"), expected, "{degrees}");
        }
        let thin = Block { origin: [0, 0, 1], shape: [6, 5, 1] };
        let wide = Geometry::new([40, 5, 4], *g.world_from_voxel()).unwrap();
        let strip = Block { shape: [40, 5, 1], ..thin };
        let p = Prepared::new(&wide, &strip, &contract("RAS"), 8);
        assert!(p.notices.iter().any(|n| n.text.contains("1 x 40 pixels")), "{:?}", p.notices);
    }
}
