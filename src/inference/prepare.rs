//! From a region of a slice to the square that the model sees, and back.
//!
//! The region is put in the middle of a square of the model's size with one scale for both axes,
//! so shapes keep their proportions; what lies outside the region is -1 (black). Resampling is
//! separable with a triangle filter that widens when shrinking (no aliasing) and is linear
//! interpolation when enlarging, so probabilities return to the scan's grid without steps or shift.

use crate::models::{Context, Normalisation};
use crate::volume::{Roi, Volume, Voxels};

/// Where the model's square lies on the slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Left and top edge of the square in slice pixels (edges, not centres; may be negative).
    left: f64,
    top: f64,
    /// Slice pixels per model pixel.
    scale: f64,
    size: usize,
    roi: Roi,
}

impl Placement {
    /// The square of `size` model pixels that holds all of `roi`.
    pub fn new(roi: Roi, size: usize) -> Self {
        let (w, h) = (roi.width as f64, roi.height as f64);
        let side = w.max(h);
        Self {
            left: roi.x as f64 - 0.5 * (side - w),
            top: roi.y as f64 - 0.5 * (side - h),
            scale: side / size as f64,
            size,
            roi,
        }
    }

    /// The region of a plane `[height, width]` as the model sees it, `[size, size]`.
    pub fn shrink(&self, plane: &[f32], width: usize, height: usize, outside: f32) -> Vec<f32> {
        let columns = Taps::new(self.size, self.scale, self.left, self.roi.x, self.roi.width);
        let rows = Taps::new(self.size, self.scale, self.top, self.roi.y, self.roi.height);
        debug_assert_eq!(plane.len(), width * height);
        resample(plane, width, &rows, &columns, outside)
    }

    /// A plane `[size, size]` of the model on the region, `[roi.height, roi.width]`.
    pub fn enlarge(&self, plane: &[f32]) -> Vec<f32> {
        let inverse = 1.0 / self.scale;
        let start = |edge: f64, first: usize| (first as f64 - edge) * inverse;
        let columns =
            Taps::new(self.roi.width, inverse, start(self.left, self.roi.x), 0, self.size);
        let rows = Taps::new(self.roi.height, inverse, start(self.top, self.roi.y), 0, self.size);
        resample(plane, self.size, &rows, &columns, 0.0)
    }
}

/// For each output position the source positions and weights of one axis.
struct Taps(Vec<Vec<(usize, f32)>>);

impl Taps {
    /// Output pixel `i` covers source coordinates `start + i·scale` to `start + (i+1)·scale`, in
    /// edges; sources are `first..first + count`. Empty where the centre lies outside them.
    fn new(outputs: usize, scale: f64, start: f64, first: usize, count: usize) -> Self {
        let radius = scale.max(1.0);
        let (low, high) = (first as f64, (first + count) as f64);
        let taps = |i: usize| {
            let centre = start + (i as f64 + 0.5) * scale;
            if centre < low || centre > high {
                return Vec::new();
            }
            let from = (centre - radius - 0.5).floor().max(low) as usize;
            let to = ((centre + radius + 0.5).ceil().min(high)) as usize;
            let weight = |s: usize| (1.0 - ((s as f64 + 0.5 - centre) / radius).abs()).max(0.0);
            let sum: f64 = (from..to).map(weight).sum();
            (from..to).map(|s| (s, (weight(s) / sum) as f32)).filter(|&(_, w)| w > 0.0).collect()
        };
        Self((0..outputs).map(taps).collect())
    }
}

fn resample(plane: &[f32], width: usize, rows: &Taps, columns: &Taps, outside: f32) -> Vec<f32> {
    let n = columns.0.len();
    // Each source row that is needed is resampled along x once.
    let needed = rows.0.iter().flatten().map(|&(y, _)| y + 1).max().unwrap_or(0);
    let first = rows.0.iter().flatten().map(|&(y, _)| y).min().unwrap_or(0);
    let mut along_x = vec![0f32; needed.saturating_sub(first) * n];
    for (row, y) in along_x.chunks_mut(n.max(1)).zip(first..needed) {
        let source = &plane[y * width..(y + 1) * width];
        for (out, taps) in row.iter_mut().zip(&columns.0) {
            *out = taps.iter().map(|&(x, w)| source[x] * w).sum();
        }
    }
    let mut out = vec![outside; rows.0.len() * n];
    for (row, taps) in out.chunks_mut(n.max(1)).zip(&rows.0) {
        if taps.is_empty() {
            continue;
        }
        for (x, o) in row.iter_mut().enumerate() {
            if !columns.0[x].is_empty() {
                *o = taps.iter().map(|&(y, w)| along_x[(y - first) * n + x] * w).sum();
            }
        }
    }
    out
}

/// The range of rescaled values that becomes -1…1.
fn value_range(volume: &Volume, time: usize, normalisation: Normalisation) -> (f64, f64) {
    let rescale = |v: f64| v * volume.slope + volume.intercept;
    match (normalisation, volume.voxels()) {
        (Normalisation::FullRange, Voxels::U8(_) | Voxels::Rgb8(_)) => {
            (rescale(0.0), rescale(255.0))
        }
        _ => {
            let (low, high) = volume.quantiles(time, 0.005, 0.995);
            if high > low { (low, high) } else { (low, low + 1.0) }
        }
    }
}

/// How slices of a volume become the model's input.
pub struct ModelInput<'a> {
    volume: &'a Volume,
    time: usize,
    channels: usize,
    context: Context,
    /// Rescaled values that become -1 and 1.
    range: (f64, f64),
}

impl<'a> ModelInput<'a> {
    pub fn new(
        volume: &'a Volume,
        time: usize,
        channels: usize,
        normalisation: Normalisation,
        context: Context,
    ) -> Self {
        let range = value_range(volume, time, normalisation);
        Self { volume, time, channels, context, range }
    }

    /// Slice `z` as `[channels, size, size]`: grey is repeated for a colour model, colour becomes
    /// its luminance (ITU-R BT.601) for a grey one or one that sees neighbouring slices; values that
    /// are not finite count as the least.
    pub fn slice(&self, z: usize, placement: &Placement) -> Vec<f32> {
        let [w, h, depth] = self.volume.geometry().shape();
        let shrink = |p: &Vec<f32>| placement.shrink(p, w, h, -1.0);
        let planes = match self.context {
            Context::Slice => self.planes(z, self.channels),
            Context::Neighbours => (0..self.channels)
                .flat_map(|c| {
                    let near = (z + c).saturating_sub(self.channels / 2).min(depth - 1);
                    self.planes(near, 1)
                })
                .collect(),
        };
        let shrunk: Vec<Vec<f32>> = planes.iter().map(shrink).collect();
        (0..self.channels).flat_map(|c| shrunk[c.min(shrunk.len() - 1)].clone()).collect()
    }

    /// At most `channels` planes of one slice, -1…1.
    fn planes(&self, z: usize, channels: usize) -> Vec<Vec<f32>> {
        let [w, h, _] = self.volume.geometry().shape();
        let n = w * h;
        let (low, high) = self.range;
        let slice = self.volume.slice_f32(z, self.time);
        let scale = (2.0 / (high - low)) as f32;
        let unit = |v: f32| {
            let u = (v - low as f32) * scale - 1.0;
            let u = if u.is_finite() { u.clamp(-1.0, 1.0) } else { -1.0 };
            if self.volume.inverted { -u } else { u }
        };
        match (self.volume.channels(), channels) {
            (3, 1) => {
                let luminance =
                    |i: usize| 0.299 * slice[i] + 0.587 * slice[n + i] + 0.114 * slice[2 * n + i];
                vec![(0..n).map(|i| unit(luminance(i))).collect()]
            }
            (available, _) => (0..available.min(channels))
                .map(|c| slice[c * n..(c + 1) * n].iter().map(|&v| unit(v)).collect())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Geometry;

    fn disc(size: usize, centre: (f64, f64), radius: f64) -> Vec<f32> {
        let inside = |i: usize| {
            let (x, y) = ((i % size) as f64, (i / size) as f64);
            (x - centre.0).hypot(y - centre.1) <= radius
        };
        (0..size * size).map(|i| f32::from(u8::from(inside(i)))).collect()
    }

    fn centroid(mask: &[f32], width: usize) -> (f64, f64) {
        let (mut x, mut y, mut n) = (0.0, 0.0, 0.0);
        for (i, _) in mask.iter().enumerate().filter(|(_, v)| **v >= 0.5) {
            x += (i % width) as f64;
            y += (i / width) as f64;
            n += 1.0;
        }
        (x / n, y / n)
    }

    #[test]
    fn run_9_a_disc_keeps_its_centroid_through_the_model_grid() {
        for (side, size) in [(256, 128), (200, 64), (101, 128), (64, 128), (333, 128)] {
            let middle = (side as f64 - 1.0) / 2.0;
            let radius = side as f64 / 5.0;
            let mask = disc(side, (middle, middle), radius);
            let roi = Roi { x: 0, y: 0, width: side, height: side };
            let placement = Placement::new(roi, size);
            let back = placement.enlarge(&placement.shrink(&mask, side, side, 0.0));
            let (x, y) = centroid(&back, side);
            assert!((x - middle).abs() < 0.1 && (y - middle).abs() < 0.1, "{side}/{size}: {x} {y}");
            let area: f32 = back.iter().map(|v| f32::from(u8::from(*v >= 0.5))).sum();
            let exact = mask.iter().sum::<f32>();
            assert!((area / exact - 1.0).abs() < 0.05, "{side}/{size}: {area} of {exact}");
        }
    }

    #[test]
    fn proportions_are_kept_and_the_rest_is_black() {
        let plane = vec![1f32; 40 * 20];
        let roi = Roi { x: 0, y: 0, width: 40, height: 20 };
        let seen = Placement::new(roi, 16).shrink(&plane, 40, 20, -1.0);
        for y in 0..16 {
            let expected = if (4..12).contains(&y) { 1.0 } else { -1.0 };
            assert!((0..16).all(|x| (seen[y * 16 + x] - expected).abs() < 1e-6), "row {y}");
        }
        assert_eq!(Placement::new(roi, 16).enlarge(&seen).len(), 40 * 20);
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let plane: Vec<f32> = (0..64).map(|v| v as f32).collect();
        let roi = Roi { x: 0, y: 0, width: 8, height: 8 };
        let placement = Placement::new(roi, 8);
        assert_eq!(placement.shrink(&plane, 8, 8, 0.0), plane);
        assert_eq!(placement.enlarge(&plane), plane);
    }

    #[test]
    fn colour_becomes_luminance_and_grey_is_repeated() {
        let g = Geometry::picture(2, 2, 1).unwrap();
        let colour = Volume::new(g.clone(), 1, Voxels::Rgb8(vec![[255, 0, 0]; 4])).unwrap();
        let grey = Volume::new(g, 1, Voxels::U8(vec![51; 4])).unwrap();
        let placement = Placement::new(Roi { x: 0, y: 0, width: 2, height: 2 }, 2);
        let see = |v: &Volume, channels: usize| {
            let full = Normalisation::FullRange;
            ModelInput::new(v, 0, channels, full, Context::Slice).slice(0, &placement)
        };
        let red = see(&colour, 3);
        assert_eq!((red[0], red[4], red[8]), (1.0, -1.0, -1.0));
        assert!((see(&colour, 1)[0] + 0.402).abs() < 1e-5);
        let repeated = see(&grey, 3);
        assert_eq!(repeated.len(), 12);
        assert!(repeated.iter().all(|v| (v + 0.6).abs() < 1e-6));
    }

    #[test]
    fn neighbouring_slices_become_channels_and_the_ends_repeat() {
        let g = Geometry::picture(1, 1, 3).unwrap();
        let volume = Volume::new(g, 1, Voxels::U8(vec![0, 51, 255])).unwrap();
        let placement = Placement::new(Roi { x: 0, y: 0, width: 1, height: 1 }, 1);
        let full = Normalisation::FullRange;
        let input = ModelInput::new(&volume, 0, 3, full, Context::Neighbours);
        let close = |z: usize, expected: [f32; 3]| {
            let seen = input.slice(z, &placement);
            assert!(seen.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{z}: {seen:?}");
        };
        close(0, [-1.0, -1.0, -0.6]);
        close(1, [-1.0, -0.6, 1.0]);
        close(2, [-0.6, 1.0, 1.0]);
    }
}
