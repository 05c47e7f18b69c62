//! Segments a region as one volume. What does not fit into memory at once is taken in windows at
//! offsets that are multiples of the network's stride, half over one another, and blended with
//! Gaussian weights. Nothing is drawn at random.

use super::{
    Agenda, Estimates, InferenceError, Masks, ModelInput, Prepared, Request, Segmenter, Sink,
};
use crate::models::{VolumeLook, VolumeNetwork};
use crate::plan::Processor;
use crate::volume::Notice;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Instant;

/// Memory that a pass may take.
const PASS_BYTES: usize = 2 << 30;
/// Fewer slices than that are no volume.
const FEWEST_SLICES: usize = 4;
/// A window's weights fall to a standard deviation of this share of its side.
const SPREAD: f64 = 0.125;

/// Depth, height and width of a region as the model sees it.
pub fn volume_size(prepared: &Prepared) -> [usize; 3] {
    let [width, height] = prepared.canvas_size();
    [prepared.slices(), height, width]
}

/// The region as the model sees it, `[channels, depth, height, width]`.
pub fn input_volume(prepared: &Prepared, input: &ModelInput<'_>, channels: usize) -> Vec<f32> {
    let [slices, height, width] = volume_size(prepared);
    let area = height * width;
    let mut volume = vec![0.0; channels * slices * area];
    for k in 0..slices {
        for (c, plane) in input.slice(k).chunks(area).enumerate() {
            volume[(c * slices + k) * area..][..area].copy_from_slice(plane);
        }
    }
    volume
}

/// Whether there are as many slices as make a volume.
pub(super) fn enough_slices(prepared: &Prepared) -> Result<(), InferenceError> {
    let slices = prepared.scan_slices();
    if slices >= FEWEST_SLICES {
        return Ok(());
    }
    Err(InferenceError::Settings {
        what: "the number of slices",
        found: slices.to_string(),
        expected: format!(
            "{FEWEST_SLICES} or more for a model of whole volumes: a model of single slices takes \
             fewer"
        ),
    })
}

/// How a volume is taken: its padded size, and the windows on it.
#[derive(Clone, Debug, PartialEq)]
struct Windows {
    padded: [usize; 3],
    /// Axes that were mirrored because they are shorter than two strides.
    mirrored: [bool; 3],
    window: [usize; 3],
    offsets: Vec<[usize; 3]>,
}

impl Windows {
    /// For volumes of `size` and passes of so many voxels, for this network.
    fn of(network: &dyn VolumeNetwork, size: [usize; 3], most: usize) -> Self {
        Self::new(size, network.stride(), most, network.window())
    }

    /// For volumes of `size` and passes of so many voxels, none larger than `largest`.
    fn new(size: [usize; 3], stride: [usize; 3], most: usize, largest: Option<[usize; 3]>) -> Self {
        let mirrored: [bool; 3] = std::array::from_fn(|a| size[a] < 2 * stride[a]);
        let padded: [usize; 3] =
            std::array::from_fn(|a| (size[a].div_ceil(stride[a]) * stride[a]).max(2 * stride[a]));
        let mut window = largest.map_or(padded, |l| std::array::from_fn(|a| padded[a].min(l[a])));
        while window.iter().product::<usize>() > most {
            // The longest side that can be made shorter.
            let longest = (0..3).filter(|&a| window[a] > 2 * stride[a]).max_by_key(|&a| window[a]);
            let Some(a) = longest else { break };
            window[a] = ((window[a] * 3 / 4) / stride[a] * stride[a]).max(2 * stride[a]);
        }
        let along = |a: usize| -> Vec<usize> {
            let (room, step) =
                (padded[a] - window[a], (window[a] / 2 / stride[a]).max(1) * stride[a]);
            let count = room.div_ceil(step);
            (0..=count).map(|i| (i * step).min(room)).collect()
        };
        let [z, y, x] = [along(0), along(1), along(2)];
        let mut offsets = Vec::new();
        for &z in &z {
            for &y in &y {
                offsets.extend(x.iter().map(|&x| [z, y, x]));
            }
        }
        Self { padded, mirrored, window, offsets }
    }

    /// Voxels `[C, ..window]` of a volume at an offset; beyond its end the last goes on, or it is
    /// mirrored.
    fn cut(&self, volume: &[f32], size: [usize; 3], offset: [usize; 3]) -> Vec<f32> {
        let source = |a: usize| -> Vec<usize> {
            let n = size[a];
            let place = |i: usize| match i {
                i if i < n => i,
                i if self.mirrored[a] => {
                    let m = i % (2 * n);
                    if m < n { m } else { 2 * n - 1 - m }
                }
                _ => n - 1,
            };
            (offset[a]..offset[a] + self.window[a]).map(place).collect()
        };
        let [z, y, x] = [source(0), source(1), source(2)];
        let mut out = Vec::with_capacity(volume.len());
        for channel in volume.chunks(size.iter().product()) {
            for &z in &z {
                for &y in &y {
                    let row = &channel[(z * size[1] + y) * size[2]..][..size[2]];
                    out.extend(x.iter().map(|&x| row[x]));
                }
            }
        }
        out
    }

    /// Weights of a window's positions along an axis.
    fn weights(&self, a: usize) -> Vec<f32> {
        let n = self.window[a];
        if n == self.padded[a] {
            return vec![1.0; n];
        }
        let weight = |i: usize| {
            let off = (i as f64 + 0.5) / n as f64 - 0.5;
            (-0.5 * (off / SPREAD).powi(2)).exp().max(1e-3) as f32
        };
        (0..n).map(weight).collect()
    }
}

/// Probability of the classes `[K, ..size]` in a volume `[C, ..size]` (depth, height, width), padded
/// and in windows as it takes. `on_window` sees what is known after each, and may break.
///
/// # Errors
/// If the network fails.
pub fn probability(
    network: &dyn VolumeNetwork,
    volume: &[f32],
    size: [usize; 3],
    on_window: impl FnMut(usize, &Blended) -> ControlFlow<()>,
) -> candle_core::Result<Option<Vec<f32>>> {
    let windows = Windows::of(network, size, PASS_BYTES / network.bytes_per_voxel());
    Ok(run(network, volume, size, &windows, on_window)?.map(|look| look.probability))
}

/// What kind of picture each slab of a volume is; none of a network that does not say.
///
/// # Errors
/// If the network fails.
pub(super) fn volume_features(
    network: &dyn VolumeNetwork,
    volume: &[f32],
    size: [usize; 3],
) -> candle_core::Result<Vec<Vec<f32>>> {
    let windows = Windows::of(network, size, PASS_BYTES / network.bytes_per_voxel());
    let look = run(network, volume, size, &windows, |_, _| ControlFlow::Continue(()))?;
    Ok(look.map_or_else(Vec::new, |look| look.features))
}

/// Weighted sums of the windows that were seen.
pub struct Blended {
    size: [usize; 3],
    /// `[K, ..size]`, and `[..size]`.
    sum: Vec<f32>,
    total: Vec<f32>,
}

impl Blended {
    fn add(&mut self, window: &[f32], windows: &Windows, offset: [usize; 3]) {
        let [wz, wy, wx] = [0, 1, 2].map(|a| windows.weights(a));
        let [d, h, w] = self.size;
        let voxels = d * h * w;
        let classes = window.len() / windows.window.iter().product::<usize>();
        if self.sum.is_empty() {
            self.sum = vec![0.0; classes * voxels];
        }
        let inside = |a: usize| windows.window[a].min(self.size[a].saturating_sub(offset[a]));
        for z in 0..inside(0) {
            for y in 0..inside(1) {
                let to = ((offset[0] + z) * h + offset[1] + y) * w + offset[2];
                let weight = wz[z] * wy[y];
                for (x, wx) in wx.iter().enumerate().take(inside(2)) {
                    self.total[to + x] += weight * wx;
                    for c in 0..classes {
                        let from = ((c * wz.len() + z) * wy.len() + y) * windows.window[2] + x;
                        self.sum[c * voxels + to + x] += weight * wx * window[from];
                    }
                }
            }
        }
    }

    /// Of a slice, all classes: what is known so far, 0 where nothing is.
    fn slice(&self, z: usize) -> Vec<f32> {
        let [_, h, w] = self.size;
        let (area, total) = (h * w, &self.total[z * h * w..][..h * w]);
        let class = |sum: &[f32]| -> Vec<f32> {
            let share = |(s, &t): (&f32, &f32)| if t > 0.0 { s / t } else { 0.0 };
            sum[z * area..][..area].iter().zip(total).map(share).collect()
        };
        self.sum.chunks(self.total.len()).flat_map(class).collect()
    }
}

fn run(
    network: &dyn VolumeNetwork,
    volume: &[f32],
    size: [usize; 3],
    windows: &Windows,
    mut on_window: impl FnMut(usize, &Blended) -> ControlFlow<()>,
) -> candle_core::Result<Option<VolumeLook>> {
    let voxels = size.iter().product();
    let mut features = Vec::new();
    let mut blended = Blended { size, sum: Vec::new(), total: vec![0.0; voxels] };
    for (i, &offset) in windows.offsets.iter().enumerate() {
        let seen = network.look(&windows.cut(volume, size, offset), windows.window)?;
        blended.add(&seen.probability, windows, offset);
        features.extend(seen.features);
        if on_window(i, &blended).is_break() {
            return Ok(None);
        }
    }
    let Blended { mut sum, total, .. } = blended;
    for class in sum.chunks_mut(voxels) {
        class.iter_mut().zip(&total).for_each(|(s, t)| *s /= t);
    }
    Ok(Some(VolumeLook { probability: sum, features }))
}

/// Whole volumes by a [`VolumeNetwork`].
pub struct WholeVolume {
    network: Box<dyn VolumeNetwork>,
    channels: usize,
    /// Voxels of a pass.
    most: usize,
}

impl WholeVolume {
    /// Of a network that sees images of so many channels.
    pub fn new(network: Box<dyn VolumeNetwork>, channels: usize) -> Self {
        let most = PASS_BYTES / network.bytes_per_voxel().max(1);
        Self { network, channels, most }
    }

    /// With passes of at most so many voxels.
    #[must_use]
    pub fn in_passes_of(self, most: usize) -> Self {
        Self { most, ..self }
    }
}

impl Segmenter for WholeVolume {
    fn run_on(&mut self, processor: &Arc<dyn Processor>) -> bool {
        self.network.run_on(processor)
    }

    fn plan(&self, request: &Request<'_>) -> Result<Agenda, InferenceError> {
        enough_slices(request.prepared)?;
        let windows = Windows::of(&*self.network, volume_size(request.prepared), self.most);
        let mut agenda = Agenda::of_volume(request.prepared.slices(), windows.offsets.len());
        if windows.mirrored.contains(&true) {
            agenda.notices.push(Notice::amber(format!(
                "the region is thinner than the network's field ({:?} voxels): it is mirrored at \
                 its end",
                self.network.stride().map(|s| 2 * s)
            )));
        }
        if agenda.steps > 1 {
            agenda.notices.push(Notice::note(format!(
                "the volume was segmented in {} windows and blended",
                agenda.steps
            )));
        }
        Ok(agenda)
    }

    fn draw(
        &mut self,
        request: &Request<'_>,
        _: &Agenda,
        unit: &Range<usize>,
        sink: &mut dyn Sink,
    ) -> Result<ControlFlow<()>, InferenceError> {
        let at = Instant::now();
        let size = volume_size(request.prepared);
        let volume = input_volume(request.prepared, request.input, self.channels);
        sink.times().prepare_s += at.elapsed().as_secs_f64();
        let windows = Windows::of(&*self.network, size, self.most);
        let at = Instant::now();
        let area = size[1] * size[2];
        let on_window = |step: usize, blended: &Blended| {
            let middle = windows.offsets[step][0] + windows.window[0] / 2;
            let slice = middle.min(size[0] - 1);
            let probability = vec![blended.slice(slice)];
            let estimates = Estimates {
                step,
                t: None,
                members: vec![0],
                slice,
                masks: Masks::Here(probability),
            };
            sink.step(unit, estimates)
        };
        let drawn = run(&*self.network, &volume, size, &windows, on_window)?;
        sink.times().condition_s += at.elapsed().as_secs_f64();
        let Some(VolumeLook { probability: drawn, features }) = drawn else {
            return Ok(ControlFlow::Break(()));
        };
        sink.features(&features);
        let classes = drawn.len() / (size[0] * area);
        let mut masks = Vec::with_capacity(drawn.len());
        for k in 0..size[0] {
            for c in 0..classes {
                masks.extend_from_slice(&drawn[(c * size[0] + k) * area..][..area]);
            }
        }
        sink.direct(unit, &masks);
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
#[path = "whole_volume_tests.rs"]
mod tests;
