//! Brain extraction in two passes, as deepbet 1.0.2 does it (MIT; Fisch et al. 2024): the scan brought
//! to a cube of 128 voxels gives the head's box, the box brought to one of 256 gives the mask. All
//! resampling is by the nearest voxel, spacing does not count; single precision where theirs is, so that
//! the masks are the same.

use super::objects::{fill_holes, keep_largest};
use super::whole_volume::{enough_slices, volume_size};
use super::{
    Agenda, Estimates, InferenceError, Masks, ModelInput, Prepared, Request, Segmenter, Sink,
};
use crate::models::VolumeNetwork;
use crate::plan::Processor;
use crate::volume::Notice;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Instant;

/// A plane belongs to the box where more of it than that is brain.
const PLANE: f64 = 0.02;
/// The box grows by this share of its size on each side.
const MARGIN: f32 = 0.1;
/// Slices further apart were not among its scans.
const THICK_MM: f64 = 3.0;

/// The two networks and the sides of the cubes that they see.
pub struct BrainExtraction {
    passes: [Box<dyn VolumeNetwork>; 2],
    sides: [usize; 2],
}

impl BrainExtraction {
    pub fn new(passes: [Box<dyn VolumeNetwork>; 2], sides: [usize; 2]) -> Self {
        Self { passes, sides }
    }
}

/// A volume in the patient: the first axis runs to the right and is the slowest.
struct Head {
    size: [usize; 3],
    values: Vec<f32>,
}

impl Head {
    /// Of the region, as the scan is worth; what is not finite counts as 0.
    fn read(prepared: &Prepared, input: &ModelInput<'_>) -> Self {
        let region = prepared.region();
        let ([ox, oy, oz], [nx, ny, nz]) = (region.origin, region.shape);
        let [w, ..] = prepared.turned_shape();
        let mut values = vec![0.0; nx * ny * nz];
        for z in 0..nz {
            let plane = input.values(oz + z);
            for y in 0..ny {
                for (x, &v) in plane[(oy + y) * w + ox..][..nx].iter().enumerate() {
                    values[(x * ny + y) * nz + z] = if v.is_finite() { v } else { 0.0 };
                }
            }
        }
        Self { size: [nx, ny, nz], values }
    }

    /// A part of it as a cube.
    fn cube(&self, part: &[Range<usize>; 3], side: usize) -> Vec<f32> {
        let [x, y, z] = [0, 1, 2].map(|a| nearest(side, part[a].len()));
        let mut out = Vec::with_capacity(side.pow(3));
        for x in &x {
            for y in &y {
                let row = ((part[0].start + x) * self.size[1] + part[1].start + y) * self.size[2];
                out.extend(z.iter().map(|z| self.values[row + part[2].start + z]));
            }
        }
        out
    }
}

/// Of `to` positions the nearest of `from` (PyTorch's `nearest-exact`, in its precision).
fn nearest(to: usize, from: usize) -> Vec<usize> {
    let scale = from as f32 / to as f32;
    (0..to).map(|i| (((i as f32 + 0.5) * scale) as usize).min(from - 1)).collect()
}

/// The value below which this share lies, between neighbours by a straight line.
fn quantile(values: &mut [f32], share: f64) -> f32 {
    let place = share * (values.len() - 1) as f64;
    let (low, part) = (place as usize, place.fract());
    let (_, &mut below, above) = values.select_nth_unstable_by(low, f32::total_cmp);
    let next = above.iter().copied().fold(f32::INFINITY, f32::min);
    if above.is_empty() { below } else { below + (next - below) * part as f32 }
}

/// Between the quantiles 0 to 1, then brought to a mean of 0.449 and a deviation of 0.226.
fn normalise(values: &mut [f32], (low, high): (f32, f32)) {
    let range = if high > low { high - low } else { 1.0 };
    values.iter_mut().for_each(|v| *v = ((*v - low) / range).clamp(0.0, 1.0));
    let n = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let square = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>();
    let deviation = (square / (n - 1.0)).sqrt().max(f64::MIN_POSITIVE);
    let scale = |v: f32| 0.226 * ((f64::from(v) - mean) / deviation) + 0.449;
    values.iter_mut().for_each(|v| *v = scale(*v) as f32);
}

/// The box of a mask in a cube, grown, on a scan of `size`; `None` of too small a mask.
fn head_box(mask: &[bool], side: usize, size: [usize; 3]) -> Option<[Range<usize>; 3]> {
    let mut counts = [vec![0usize; side], vec![0; side], vec![0; side]];
    for (i, _) in mask.iter().enumerate().filter(|(_, m)| **m) {
        counts[0][i / (side * side)] += 1;
        counts[1][i / side % side] += 1;
        counts[2][i % side] += 1;
    }
    let along = |a: usize| {
        let within = |n: &usize| *n as f64 / (side * side) as f64 > PLANE;
        let first = counts[a].iter().position(within)?;
        let end = counts[a].iter().rposition(within)? + 1;
        let scale = size[a] as f32 / side as f32;
        let middle = (scale * ((end + first) as f32 / 2.0)).round_ties_even();
        let whole = ((1.0 + 2.0 * MARGIN) * (scale * (end - first) as f32)).round_ties_even();
        let edge = |v: f32| v.trunc().clamp(0.0, size[a] as f32) as usize;
        let range = edge(middle - whole / 2.0)..edge(middle + whole / 2.0);
        (!range.is_empty()).then_some(range)
    };
    Some([along(0)?, along(1)?, along(2)?])
}

/// The probability of a cube on a part of `size` voxels.
fn back(cube: &[f32], side: usize, size: [usize; 3]) -> Vec<f32> {
    let [x, y, z] = size.map(|n| nearest(n, side));
    let mut out = Vec::with_capacity(size.iter().product());
    for x in &x {
        for y in &y {
            out.extend(z.iter().map(|z| cube[(x * side + y) * side + z]));
        }
    }
    out
}

/// A plane of the region, `[rows, columns]`, through slice `z` of a mask of part of it.
fn plane(mask: &[bool], part: &[Range<usize>; 3], [nx, ny]: [usize; 2], z: usize) -> Vec<bool> {
    let mut out = vec![false; nx * ny];
    if part[2].contains(&z) {
        for x in part[0].clone() {
            for y in part[1].clone() {
                let row = (x - part[0].start) * part[1].len() + y - part[1].start;
                out[y * nx + x] = mask[row * part[2].len() + z - part[2].start];
            }
        }
    }
    out
}

impl Segmenter for BrainExtraction {
    fn run_on(&mut self, processor: &Arc<dyn Processor>) -> bool {
        self.passes.iter_mut().all(|network| network.run_on(processor))
    }

    fn plan(&self, request: &Request<'_>) -> Result<Agenda, InferenceError> {
        enough_slices(request.prepared)?;
        let mut agenda = Agenda::of_volume(request.prepared.slices(), 2);
        let spacing = request.prepared.thickest_mm();
        if spacing.is_some_and(|mm| mm > THICK_MM) {
            agenda.notices.push(Notice::amber(format!(
                "voxels of {:.1} mm: what deepbet does beyond {THICK_MM} mm is not known",
                spacing.unwrap_or_default()
            )));
        }
        agenda.notices.push(Notice::note(
            "brain extraction by deepbet 1.0.2, made for T1-weighted heads with their skull",
        ));
        Ok(agenda)
    }

    fn draw(
        &mut self,
        request: &Request<'_>,
        _: &Agenda,
        unit: &Range<usize>,
        sink: &mut dyn Sink,
    ) -> Result<ControlFlow<()>, InferenceError> {
        let prepared = request.prepared;
        let at = Instant::now();
        let head = Head::read(prepared, request.input);
        let all = head.size.map(|n| 0..n);
        let mut small = head.cube(&all, self.sides[0]);
        let range = (quantile(&mut small.clone(), 0.005), quantile(&mut small.clone(), 0.995));
        normalise(&mut small, range);
        sink.times().prepare_s += at.elapsed().as_secs_f64();

        let at = Instant::now();
        let seen = self.passes[0].probability(&small, [self.sides[0]; 3])?;
        let mut mask: Vec<bool> = seen.iter().map(|&p| p > 0.5).collect();
        keep_largest(&mut mask, [self.sides[0]; 3]);
        let Some(part) = head_box(&mask, self.sides[0], head.size) else {
            return Err(InferenceError::NotFound("no brain, in a scan of the head's whole"));
        };
        let on_scan = |mask: &[bool], part: &[Range<usize>; 3], z: usize| -> Vec<f32> {
            let [nx, ny, _] = head.size;
            prepared.region_canvas(&plane(mask, part, [nx, ny], z))
        };
        let middle = |part: &[Range<usize>; 3]| usize::midpoint(part[2].start, part[2].end);
        let step = |step: usize, mask: &[bool], part: &[Range<usize>; 3], sink: &mut dyn Sink| {
            let slice = middle(part);
            let probability = vec![on_scan(mask, part, slice)];
            sink.step(
                unit,
                Estimates {
                    step,
                    t: None,
                    members: vec![0],
                    slice,
                    masks: Masks::Here(probability),
                },
            )
        };
        let first: Vec<f32> = mask.iter().map(|&m| f32::from(u8::from(m))).collect();
        let first = back(&first, self.sides[0], head.size);
        let first: Vec<bool> = first.iter().map(|&p| p > 0.5).collect();
        sink.times().condition_s += at.elapsed().as_secs_f64();
        if step(0, &first, &all, sink).is_break() {
            return Ok(ControlFlow::Break(()));
        }

        let at = Instant::now();
        let mut cube = head.cube(&part, self.sides[1]);
        normalise(&mut cube, range);
        let seen = self.passes[1].probability(&cube, [self.sides[1]; 3])?;
        drop(cube);
        let size = [0, 1, 2].map(|a| part[a].len());
        let mut mask: Vec<bool> =
            back(&seen, self.sides[1], size).iter().map(|&p| p > 0.5).collect();
        keep_largest(&mut mask, size);
        fill_holes(&mut mask, size);
        sink.times().condition_s += at.elapsed().as_secs_f64();
        if step(1, &mask, &part, sink).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let [slices, ..] = volume_size(prepared);
        let masks: Vec<f32> = (0..slices).flat_map(|z| on_scan(&mask, &part, z)).collect();
        sink.direct(unit, &masks);
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
#[path = "brain_tests.rs"]
mod tests;
