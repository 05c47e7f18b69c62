//! From a region of a slice to the canvas that the model sees, a square or as large as the region, and
//! back.
//!
//! The region is put in the middle of a square of the model's size with one scale in the patient for
//! both axes, so shapes keep their proportions, whatever the pixels' own; what lies outside the
//! region is -1 (black). Resampling is separable with a triangle filter that widens when shrinking
//! (no aliasing) and is linear interpolation when enlarging, so probabilities return to the scan's
//! grid without steps or shift.

use crate::volume::Roi;

/// Where the model's square lies on the slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Left and top edge of the canvas in slice pixels (edges, not centres; may be negative).
    left: f64,
    top: f64,
    /// Slice pixels per model pixel, along columns and rows.
    scale: [f64; 2],
    /// Columns and rows.
    size: [usize; 2],
    roi: Roi,
}

impl Placement {
    /// The square of `size` model pixels that holds all of `roi`, whose pixels are `pixel` wide and
    /// high. With `spacing`, in the same unit, a model pixel is so large, or as much larger as the
    /// region needs.
    pub fn new(roi: Roi, size: usize, pixel: [f64; 2], spacing: Option<f64>) -> Self {
        let (w, h) = (roi.width as f64, roi.height as f64);
        let fit = (w * pixel[0]).max(h * pixel[1]);
        let side = spacing.map_or(fit, |s| fit.max(s * size as f64));
        let [across, down] = pixel.map(|p| side / p);
        Self {
            left: roi.x as f64 - 0.5 * (across - w),
            top: roi.y as f64 - 0.5 * (down - h),
            scale: [across / size as f64, down / size as f64],
            size: [size; 2],
            roi,
        }
    }

    /// All pixels of `roi`, whose pixels are `pixel` wide and high. With `spacing`, in the same unit,
    /// a model pixel is so large; without, pixels that are not square become so.
    pub fn pixelwise(roi: Roi, pixel: [f64; 2], spacing: Option<f64>) -> Self {
        let side = spacing.unwrap_or(pixel[0].min(pixel[1]));
        let scale = pixel.map(|p| side / p);
        let own = [roi.width, roi.height];
        let size = [0, 1].map(|a| ((own[a] as f64 / scale[a] - 1e-6).ceil() as usize).max(1));
        let over = [0, 1].map(|a| 0.5 * (size[a] as f64 * scale[a] - own[a] as f64));
        Self { left: roi.x as f64 - over[0], top: roi.y as f64 - over[1], scale, size, roi }
    }

    /// The region on the slice.
    pub fn roi(&self) -> Roi {
        self.roi
    }

    /// Columns and rows of the canvas, in model pixels.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Where the region lies on the canvas, as fractions of its sides: left, top, width, height.
    pub fn region(&self) -> [f64; 4] {
        let [across, down] = [0, 1].map(|a| self.scale[a] * self.size[a] as f64);
        [
            (self.roi.x as f64 - self.left) / across,
            (self.roi.y as f64 - self.top) / down,
            self.roi.width as f64 / across,
            self.roi.height as f64 / down,
        ]
    }

    /// The region of a plane `[height, width]` as the model sees it, `[rows, columns]`.
    pub fn shrink(&self, plane: &[f32], width: usize, height: usize, outside: f32) -> Vec<f32> {
        let [across, down] = self.scale;
        let columns = Taps::new(self.size[0], across, self.left, self.roi.x, self.roi.width);
        let rows = Taps::new(self.size[1], down, self.top, self.roi.y, self.roi.height);
        debug_assert_eq!(plane.len(), width * height);
        resample(plane, width, &rows, &columns, outside)
    }

    /// Of each column of the region, and of each row: the places on the model's canvas that make it up, with their
    /// weights.
    pub fn weights(&self) -> [Vec<Vec<(usize, f32)>>; 2] {
        self.enlarging().map(|taps| taps.0)
    }

    fn enlarging(&self) -> [Taps; 2] {
        let taps = |axis: usize, edge: f64, first: usize, count: usize| {
            let inverse = 1.0 / self.scale[axis];
            Taps::new(count, inverse, (first as f64 - edge) * inverse, 0, self.size[axis])
        };
        let columns = taps(0, self.left, self.roi.x, self.roi.width);
        [columns, taps(1, self.top, self.roi.y, self.roi.height)]
    }

    /// A plane `[rows, columns]` of the model on the region, `[roi.height, roi.width]`.
    pub fn enlarge(&self, plane: &[f32]) -> Vec<f32> {
        let [columns, rows] = self.enlarging();
        resample(plane, self.size[0], &rows, &columns, 0.0)
    }
}

/// For each output position the source positions and weights of one axis.
pub struct Taps(pub(super) Vec<Vec<(usize, f32)>>);

impl Taps {
    /// Output pixel `i` covers source coordinates `start + i·scale` to `start + (i+1)·scale`, in
    /// edges; sources are `first..first + count`. Empty where the centre lies outside them.
    pub fn new(outputs: usize, scale: f64, start: f64, first: usize, count: usize) -> Self {
        let (low, high) = (first as f64, (first + count) as f64);
        let taps = |i: usize| {
            let centre = start + (i as f64 + 0.5) * scale;
            if centre < low || centre > high {
                return Vec::new();
            }
            Self::at(centre, scale, first, count, triangle)
        };
        Self((0..outputs).map(taps).collect())
    }

    /// Values of a lattice of `shape`, first axis fastest, resampled along one axis.
    pub fn along(&self, values: &[f32], shape: [usize; 3], axis: usize) -> Vec<f32> {
        let inner: usize = shape[..axis].iter().product();
        let outer: usize = shape[axis + 1..].iter().product();
        let mut out = vec![0.0; inner * self.0.len() * outer];
        for (i, row) in out.chunks_mut(inner).enumerate() {
            let (position, block) = (i % self.0.len(), i / self.0.len());
            for &(source, weight) in &self.0[position] {
                let from = &values[inner * (source + shape[axis] * block)..][..inner];
                row.iter_mut().zip(from).for_each(|(o, v)| *o += weight * v);
            }
        }
        out
    }

    /// Sources and weights round one position within them, for outputs `scale` sources apart.
    pub(super) fn at(
        centre: f64,
        scale: f64,
        first: usize,
        count: usize,
        kernel: fn(f64) -> f64,
    ) -> Vec<(usize, f32)> {
        let radius = scale.max(1.0);
        let reach = 2.0 * radius + 0.5;
        let (low, high) = (first as f64, (first + count) as f64);
        let from = (centre - reach).floor().max(low) as usize;
        let to = ((centre + reach).ceil().min(high)) as usize;
        let weight = |s: usize| kernel((s as f64 + 0.5 - centre) / radius);
        let sum: f64 = (from..to).map(weight).sum();
        (from..to).map(|s| (s, (weight(s) / sum) as f32)).filter(|&(_, w)| w != 0.0).collect()
    }
}

/// Linear interpolation.
fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Cubic convolution (Keys 1981, a = -1/2): sharper than linear interpolation.
pub(super) fn cubic(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0
    } else {
        0.0
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
        row.fill(0.0);
        for &(y, w) in taps {
            let along = &along_x[(y - first) * n..][..n];
            row.iter_mut().zip(along).for_each(|(o, v)| *o += v * w);
        }
        let beyond = row.iter_mut().zip(&columns.0).filter(|(_, taps)| taps.is_empty());
        beyond.for_each(|(o, _)| *o = outside);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let placement = Placement::new(roi, size, [1.0; 2], None);
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
        let seen = Placement::new(roi, 16, [1.0; 2], None).shrink(&plane, 40, 20, -1.0);
        for y in 0..16 {
            let expected = if (4..12).contains(&y) { 1.0 } else { -1.0 };
            assert!((0..16).all(|x| (seen[y * 16 + x] - expected).abs() < 1e-6), "row {y}");
        }
        assert_eq!(Placement::new(roi, 16, [1.0; 2], None).enlarge(&seen).len(), 40 * 20);
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let plane: Vec<f32> = (0..64).map(|v| v as f32).collect();
        let roi = Roi { x: 0, y: 0, width: 8, height: 8 };
        let placement = Placement::new(roi, 8, [1.0; 2], None);
        assert_eq!(placement.shrink(&plane, 8, 8, 0.0), plane);
        assert_eq!(placement.enlarge(&plane), plane);
    }

    #[test]
    fn pixel_by_pixel_nothing_is_changed_and_a_spacing_is_kept() {
        let plane: Vec<f32> = (0..12 * 9).map(|v| v as f32).collect();
        let roi = Roi { x: 3, y: 2, width: 7, height: 4 };
        let placement = Placement::pixelwise(roi, [1.0; 2], None);
        assert_eq!(placement.size(), [7, 4]);
        let seen = placement.shrink(&plane, 12, 9, -1.0);
        let own: Vec<f32> = (0..28).map(|i| plane[(2 + i / 7) * 12 + 3 + i % 7]).collect();
        assert_eq!(seen, own);
        assert_eq!(placement.enlarge(&seen), own);
        // Twice as fine columns as rows, and a model of 2 mm for pixels of 1 mm.
        assert_eq!(Placement::pixelwise(roi, [0.5, 1.0], None).size(), [7, 8]);
        assert_eq!(Placement::pixelwise(roi, [1.0; 2], Some(2.0)).size(), [4, 2]);
    }
}
