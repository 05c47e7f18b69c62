//! One look of a tiny network at a whole scan, and the blobs in what it draws.

use super::LocateError;
use super::thumbnail::thumbnail;
use crate::inference::{ModelInput, Placement, Prepared};
use crate::models::{LoadedModel, load_bytes};
use crate::volume::{Block, Volume};
use candle_core::Device;
use std::sync::{Mutex, PoisonError};

/// Slices that the network sees at once.
const BATCH: usize = 16;
/// A picture keeps so many of its pixels for each that the network sees, along its longer side.
const KEEP: usize = 4;
/// A pixel with at least this probability belongs to a structure.
const INSIDE: f32 = 0.5;

/// Embedded weights of a network without a diffusion part, read when first used.
pub(super) struct Scout {
    weights: &'static [u8],
    loaded: Mutex<Option<LoadedModel>>,
}

/// Probability of each class on every pixel that the network saw, `[slices, classes, size, size]`,
/// in the directions of the scan.
pub(super) struct Seen {
    probability: Vec<f32>,
    classes: usize,
    size: usize,
    placement: Placement,
    /// The axis across which the slices lie, and which slice of the scan each is.
    axis: usize,
    slices: Vec<usize>,
    /// Pixels of the picture for each of those that `placement` counts.
    zoom: f64,
}

/// Pixels that hang together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blob {
    /// Middle, low and high edge in voxels of the scan; 0 is the centre of the first one.
    pub centre: [f64; 3],
    pub low: [f64; 3],
    pub high: [f64; 3],
    /// Mean probability.
    pub score: f32,
    /// Of the scan, as if all of its slices had been seen.
    pub voxels: f64,
}

impl Scout {
    pub const fn new(weights: &'static [u8]) -> Self {
        Self { weights, loaded: Mutex::new(None) }
    }

    /// # Errors
    /// If there is no such time point, or the network fails.
    pub fn at(&self, volume: &Volume, time: usize) -> Result<Seen, LocateError> {
        if time >= volume.times() {
            return Err(LocateError::Time(time, volume.times()));
        }
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let LoadedModel { header, network, .. } = match &mut *loaded {
            Some(loaded) => loaded,
            none => none.insert(load_bytes("a locator", self.weights, &Device::Cpu)?),
        };
        let shape = header.network.shape();
        let (size, channels, classes) = (shape.side, shape.channels, shape.classes);
        let small = thumbnail(volume, time, KEEP * size);
        let (volume, time, zoom) = match &small {
            Some((small, n)) => (small, 0, *n as f64),
            None => (volume, time, 1.0),
        };
        let geometry = volume.geometry();
        let prepared = Prepared::new(geometry, &Block::whole(geometry), &header.input, size);
        let input = ModelInput::new(volume, time, &prepared, &header.input, channels);
        let all: Vec<usize> = (0..prepared.slices()).collect();
        let mut probability = Vec::with_capacity(all.len() * classes * size * size);
        for some in all.chunks(BATCH) {
            let pixels: Vec<f32> = some.iter().flat_map(|&k| input.slice(k)).collect();
            probability.extend_from_slice(network.slices()?.look(&pixels)?.direct());
        }
        Ok(Seen {
            probability: prepared.stored_canvas(&probability),
            classes,
            size,
            placement: prepared.stored_placement(),
            axis: prepared.axis(),
            slices: all.iter().map(|&k| prepared.scan_slice(k)).collect(),
            zoom,
        })
    }
}

impl Seen {
    fn at(&self, class: usize, [x, y, k]: [usize; 3]) -> f32 {
        self.probability[((k * self.classes + class) * self.size + y) * self.size + x]
    }

    /// Voxels of the scan at an edge or, with 0.5 added, the centre of a pixel.
    fn place(&self, [x, y, k]: [f64; 3]) -> [f64; 3] {
        let ([left, top, width, height], roi) = (self.placement.region(), self.placement.roi());
        let side = self.size as f64;
        let column = roi.x as f64 + (x / side - left) / width * roi.width as f64;
        let row = roi.y as f64 + (y / side - top) / height * roi.height as f64;
        let [column, row] = [column, row].map(|edge| edge * self.zoom - 0.5);
        let (first, last) = (self.slices[0] as f64, self.slices[self.slices.len() - 1] as f64);
        let step = match self.slices.len() {
            1 => 1.0,
            n => (last - first) / (n - 1) as f64,
        };
        let slice = first + (k - 0.5) * step;
        match self.axis {
            0 => [slice, column, row],
            1 => [column, slice, row],
            _ => [column, row, slice],
        }
    }

    /// What hangs together of a class, the largest first.
    pub fn blobs(&self, class: usize) -> Vec<Blob> {
        let shape = [self.size, self.size, self.slices.len()];
        let index = |[x, y, k]: [usize; 3]| (k * self.size + y) * self.size + x;
        let mut free: Vec<bool> = vec![false; shape.iter().product()];
        let mut starts = Vec::new();
        for k in 0..shape[2] {
            for y in 0..shape[1] {
                for x in 0..shape[0] {
                    free[index([x, y, k])] = self.at(class, [x, y, k]) >= INSIDE;
                    starts.push([x, y, k]);
                }
            }
        }
        let mut blobs = Vec::new();
        for start in starts {
            if !std::mem::take(&mut free[index(start)]) {
                continue;
            }
            let (mut pixels, mut next) = (vec![start], 0);
            while next < pixels.len() {
                let p = pixels[next];
                next += 1;
                for a in 0..3 {
                    for neighbour in [p[a].checked_sub(1), Some(p[a] + 1)].into_iter().flatten() {
                        let mut q = p;
                        q[a] = neighbour;
                        if neighbour < shape[a] && std::mem::take(&mut free[index(q)]) {
                            pixels.push(q);
                        }
                    }
                }
            }
            blobs.push(self.blob(class, &pixels));
        }
        blobs.sort_by(|a, b| b.voxels.total_cmp(&a.voxels));
        blobs
    }

    fn blob(&self, class: usize, pixels: &[[usize; 3]]) -> Blob {
        let (mut sum, mut weighted) = (0.0, [0.0; 3]);
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for &pixel in pixels {
            let p = f64::from(self.at(class, pixel));
            sum += p;
            for a in 0..3 {
                let edge = pixel[a] as f64;
                weighted[a] += p * (edge + 0.5);
                low[a] = low[a].min(edge);
                high[a] = high[a].max(edge + 1.0);
            }
        }
        let (one, other) = (self.place(low), self.place(high));
        let (whole, origin) = (self.place(high.map(|_| 1.0)), self.place([0.0; 3]));
        let pixel: f64 = (0..3).map(|a| (whole[a] - origin[a]).abs()).product();
        Blob {
            centre: self.place(weighted.map(|w| w / sum)),
            low: std::array::from_fn(|a| one[a].min(other[a])),
            high: std::array::from_fn(|a| one[a].max(other[a])),
            score: (sum / pixels.len() as f64) as f32,
            voxels: pixels.len() as f64 * pixel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Axes, Context, Contract, Normalisation};
    use crate::volume::{Affine, Geometry};

    /// Boxes of voxels of a scan as a network without fault would see them.
    fn seen(geometry: &Geometry, axes: &str, size: usize, boxes: &[Block]) -> Seen {
        let contract = Contract {
            axes: Axes::try_from(axes.to_owned()).unwrap(),
            spacing_mm: [None, None, Some(3.0)],
            context: Context::Slice,
            values: Normalisation::Percentiles,
            canvas: None,
            flips: [false; 2],
            region: None,
            shares: Vec::new(),
            borders: Vec::new(),
            pixelwise: false,
        };
        let [nx, ny, _] = geometry.shape();
        let mask: Vec<bool> = (0..geometry.voxel_count())
            .map(|i| {
                let p = [i % nx, i / nx % ny, i / nx / ny];
                boxes.iter().any(|b| b.contains(&Block { origin: p, shape: [1; 3] }))
            })
            .collect();
        let prepared = Prepared::new(geometry, &Block::whole(geometry), &contract, size);
        let slices = 0..prepared.slices();
        let probability: Vec<f32> =
            slices.clone().flat_map(|k| prepared.mask_canvas(&mask, k)).collect();
        Seen {
            probability: prepared.stored_canvas(&probability),
            classes: 1,
            size,
            placement: prepared.stored_placement(),
            axis: prepared.axis(),
            slices: slices.map(|k| prepared.scan_slice(k)).collect(),
            zoom: 1.0,
        }
    }

    #[test]
    fn blobs_lie_where_the_boxes_do_however_the_file_is_ordered() {
        let large = Block { origin: [6, 10, 20], shape: [16, 30, 24] };
        let small = Block { origin: [40, 50, 60], shape: [8, 8, 12] };
        let orders = [
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            [[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]],
        ];
        for steps in orders {
            let affine = Affine::from_columns(steps, [5.0, -8.0, 3.0]);
            let geometry = Geometry::new([60, 72, 84], affine).unwrap();
            for axes in ["RAS", "RSA"] {
                let blobs = seen(&geometry, axes, 42, &[small, large]).blobs(0);
                assert_eq!(blobs.len(), 2, "{axes} {steps:?}");
                for (blob, truth) in blobs.iter().zip([large, small]) {
                    for a in 0..3 {
                        let (low, n) = (truth.origin[a] as f64, truth.shape[a] as f64);
                        let off = blob.centre[a] - (low + 0.5 * (n - 1.0));
                        assert!(off.abs() < 1.0, "{axes} {steps:?} {off}");
                        assert!((blob.low[a] - (low - 0.5)).abs() <= 2.5, "{blob:?} {truth:?}");
                        assert!(
                            (blob.high[a] - (low + n - 0.5)).abs() <= 2.5,
                            "{blob:?} {truth:?}"
                        );
                    }
                    let ratio = blob.voxels / truth.len() as f64;
                    assert!((0.6..1.5).contains(&ratio), "{ratio}");
                }
            }
        }
    }

    #[test]
    fn nothing_above_one_half_is_nothing() {
        let geometry = Geometry::picture(30, 20, 1).unwrap();
        assert!(seen(&geometry, "screen", 16, &[]).blobs(0).is_empty());
        let whole = seen(&geometry, "screen", 16, &[Block::whole(&geometry)]).blobs(0);
        assert_eq!(whole.len(), 1);
        assert!((whole[0].voxels / 600.0 - 1.0).abs() < 0.15, "{}", whole[0].voxels);
    }

    #[test]
    fn weights_that_are_none_and_times_that_are_none_are_said() {
        let volume = crate::demo::make("fundus", 1).unwrap().volume;
        let said = |scout: &Scout, time| scout.at(&volume, time).err().unwrap().to_string();
        assert!(said(&Scout::new(b"nothing"), 0).contains("weights"));
        assert!(said(&Scout::new(b"nothing"), 1).contains("time point 1 of 1"));
    }
}
