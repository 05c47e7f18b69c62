//! What can be had without a network, to be better than.

use sfumato::volume::{Volume, Voxels};

/// Longest side of the picture in which the disc is looked for.
const SIDE: usize = 128;

/// The brightest round spot against its surroundings, in pixels: mean of red and green in a circle
/// less that of the ring round it, at three sizes, where the ring lies in the camera's field.
pub fn disc(volume: &Volume) -> [f64; 2] {
    let Voxels::Rgb8(pixels) = volume.voxels() else { return [0.0; 2] };
    let [w, h, _] = volume.geometry().shape();
    let step = w.max(h).div_ceil(SIDE);
    let (nw, nh) = (w / step, h / step);
    let mean = |x: usize, y: usize| {
        let mut sum = 0.0;
        for dy in 0..step {
            for dx in 0..step {
                let [r, g, _] = pixels[(y * step + dy) * w + x * step + dx];
                sum += f64::from(r) + f64::from(g);
            }
        }
        sum / (2 * step * step) as f64
    };
    let small: Vec<f64> = (0..nw * nh).map(|i| mean(i % nw, i / nw)).collect();
    let mut best = (f64::NEG_INFINITY, [0.0; 2]);
    for radius in [0.055, 0.07, 0.1].map(|r| r * nw.max(nh) as f64) {
        let reach = (1.8 * radius).ceil() as isize;
        for y in 0..nh {
            for x in 0..nw {
                let (mut inner, mut ring, mut dark) = ([0.0; 2], [0.0; 2], 0.0);
                for dy in -reach..=reach {
                    for dx in -reach..=reach {
                        let r = (dx as f64).hypot(dy as f64);
                        let at = (x.checked_add_signed(dx), y.checked_add_signed(dy));
                        let (Some(px), Some(py)) = at else { continue };
                        if px >= nw || py >= nh || r > 1.8 * radius {
                            continue;
                        }
                        let v = small[py * nw + px];
                        let part = if r <= radius { &mut inner } else { &mut ring };
                        if v < 20.0 {
                            dark += 1.0;
                        } else {
                            part[0] += v;
                            part[1] += 1.0;
                        }
                    }
                }
                let all = inner[1] + ring[1] + dark;
                if inner[1] == 0.0 || ring[1] == 0.0 || dark > 0.3 * all {
                    continue;
                }
                let contrast = inner[0] / inner[1] - ring[0] / ring[1];
                if contrast > best.0 {
                    let place = |p: usize| (p as f64 + 0.5) * step as f64 - 0.5;
                    best = (contrast, [place(x), place(y)]);
                }
            }
        }
    }
    best.1
}

/// Where a brain without its skull lies, and its hippocampi (right, left), in voxels.
pub struct Brain {
    mean: [f64; 3],
    deviation: [f64; 3],
    pub centre: [[f64; 3]; 2],
    pub bounds: [[[usize; 2]; 3]; 2],
}

impl Brain {
    pub fn new(volume: &Volume, labels: &Volume) -> Self {
        let [w, h, _] = volume.geometry().shape();
        let place = |i: usize| [i % w, i / w % h, i / w / h];
        let (mut n, mut sum, mut squares) = (0.0, [0.0; 3], [0.0; 3]);
        let mut sides = [(0.0, [0.0; 3]); 2];
        let mut bounds = [[[usize::MAX, 0]; 3]; 2];
        for i in 0..volume.geometry().voxel_count() {
            let p = place(i);
            if volume.voxels().stored(i, 0) > 0.0 {
                n += 1.0;
                for a in 0..3 {
                    sum[a] += p[a] as f64;
                    squares[a] += (p[a] * p[a]) as f64;
                }
            }
            let label = labels.voxels().stored(i, 0);
            if label == 5.0 || label == 6.0 {
                let side = usize::from(label == 6.0);
                sides[side].0 += 1.0;
                for a in 0..3 {
                    sides[side].1[a] += p[a] as f64;
                    let [low, high] = &mut bounds[side][a];
                    (*low, *high) = ((*low).min(p[a]), (*high).max(p[a]));
                }
            }
        }
        let mean = sum.map(|s| s / n);
        let deviation = std::array::from_fn(|a| (squares[a] / n - mean[a] * mean[a]).sqrt());
        let centre = sides.map(|(n, sum)| sum.map(|s| s / n));
        Self { mean, deviation, centre, bounds }
    }

    /// Mean place in other brains, in standard deviations from the middle of the brain.
    pub fn guess(&self, known: &[Self], side: usize) -> [f64; 3] {
        std::array::from_fn(|a| {
            let of = |b: &Self| (b.centre[side][a] - b.mean[a]) / b.deviation[a];
            let mean = known.iter().map(of).sum::<f64>() / known.len() as f64;
            self.mean[a] + mean * self.deviation[a]
        })
    }
}
