//! The weight of each pixel of a loss: `w0·exp(−(d1 + d2)² / 2σ²)` where the background lies d1 and d2
//! from the nearest and the second nearest object (U-Net, arXiv 1505.04597, equation 2; the paper
//! prints "d1 + d1"), so that thin borders between objects count.

use crate::metrics::{components, squared_distance_transform};
use serde::{Deserialize, Serialize};

/// How borders between objects are weighted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Borders {
    /// Weight of a border without width (the paper: 10).
    pub w0: f64,
    /// Pixels (the paper: 5).
    pub sigma: f64,
}

impl Borders {
    pub(super) fn check(self) -> Result<(), String> {
        let good = |v: f64| v.is_finite() && v > 0.0;
        if good(self.w0) && good(self.sigma) {
            return Ok(());
        }
        Err(format!("borders {self:?}, expected w0 and sigma above 0"))
    }

    /// The second term of the weight at each pixel of a picture `[height, width]` of objects (0 is
    /// background); 0 in objects, and where fewer than two objects are near.
    ///
    /// Beyond 5σ from an object the term is below 1e-4 of `w0` and taken as 0.
    pub(super) fn map(self, objects: &[u32], width: usize) -> Vec<f64> {
        let height = objects.len() / width.max(1);
        let reach = (5.0 * self.sigma).ceil() as usize;
        let mut nearest = vec![[f64::INFINITY; 2]; objects.len()];
        for (object, [x0, y0, x1, y1]) in boxes(objects, width) {
            let (x0, y0) = (x0.saturating_sub(reach), y0.saturating_sub(reach));
            let (x1, y1) = ((x1 + reach).min(width - 1), (y1 + reach).min(height - 1));
            let (w, h) = (x1 - x0 + 1, y1 - y0 + 1);
            let at = |i: usize| (y0 + i / w) * width + x0 + i % w;
            let own: Vec<bool> = (0..w * h).map(|i| objects[at(i)] == object).collect();
            let distance = squared_distance_transform(&own, [w, h, 1], [1.0; 3]);
            for (i, d) in distance.into_iter().enumerate() {
                let [first, second] = &mut nearest[at(i)];
                if d < *first {
                    (*first, *second) = (d, *first);
                } else if d < *second {
                    *second = d;
                }
            }
        }
        let weight = |(&object, [first, second]): (&u32, &[f64; 2])| {
            if object != 0 || !second.is_finite() {
                return 0.0;
            }
            let sum = first.sqrt() + second.sqrt();
            self.w0 * (-sum * sum / (2.0 * self.sigma * self.sigma)).exp()
        };
        objects.iter().zip(&nearest).map(weight).collect()
    }
}

/// The objects of a label map `[height, width]` (0 is background): 4-connected components of each
/// label. Where two labels meet, or two objects by a corner, the pixels between become background.
pub(super) fn objects(labels: &[u8], width: usize) -> Vec<u32> {
    let height = labels.len() / width.max(1);
    let gap = |i: usize| {
        let (x, y) = (i % width, i / width);
        let rows = y.saturating_sub(1)..=(y + 1).min(height - 1);
        let mut around = rows.flat_map(|y| {
            (x.saturating_sub(1)..=(x + 1).min(width - 1)).map(move |x| labels[y * width + x])
        });
        labels[i] != 0 && around.any(|l| l != 0 && l != labels[i])
    };
    let apart: Vec<u8> = (0..labels.len()).map(|i| if gap(i) { 0 } else { labels[i] }).collect();
    let (mut all, mut count) = (vec![0; labels.len()], 0);
    let most = apart.iter().copied().max().unwrap_or(0);
    for label in 1..=most {
        let own: Vec<bool> = apart.iter().map(|l| *l == label).collect();
        let (found, n) = components(&own, width);
        for (to, object) in all.iter_mut().zip(found) {
            if object > 0 {
                *to = object + count;
            }
        }
        count += n;
    }
    all
}

/// Each object with its first and last column and row.
fn boxes(objects: &[u32], width: usize) -> Vec<(u32, [usize; 4])> {
    let most = objects.iter().copied().max().unwrap_or(0) as usize;
    let mut boxes = vec![[usize::MAX, usize::MAX, 0, 0]; most];
    for (i, &object) in objects.iter().enumerate().filter(|(_, o)| **o > 0) {
        let (b, x, y) = (&mut boxes[object as usize - 1], i % width, i / width);
        *b = [b[0].min(x), b[1].min(y), b[2].max(x), b[3].max(y)];
    }
    let found = boxes.into_iter().enumerate().filter(|(_, b)| b[0] != usize::MAX);
    found.map(|(i, b)| (i as u32 + 1, b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAPER: Borders = Borders { w0: 10.0, sigma: 5.0 };

    #[test]
    fn weight_map() {
        let discs = [(8.0f64, 9.0f64, 5.0f64), (21.0, 10.0, 6.0), (14.0, 24.0, 5.5)];
        let width = 32;
        let label = |i: usize| {
            let (x, y) = ((i % width) as f64, (i / width) as f64);
            u8::from(discs.iter().any(|d| (x - d.0).hypot(y - d.1) <= d.2))
        };
        let labels: Vec<u8> = (0..width * width).map(label).collect();
        let found = objects(&labels, width);
        assert_eq!(found.iter().max(), Some(&3));
        for (i, weight) in PAPER.map(&found, width).into_iter().enumerate() {
            let apart = |j: usize| {
                let (dx, dy) = ((i % width).abs_diff(j % width), (i / width).abs_diff(j / width));
                (dx as f64).hypot(dy as f64)
            };
            let nearest = |object: u32| {
                let own = (0..found.len()).filter(|&j| found[j] == object);
                own.map(apart).fold(f64::INFINITY, f64::min)
            };
            let mut distances: Vec<f64> = (1..=3).map(nearest).collect();
            distances.sort_by(f64::total_cmp);
            let sum = distances[0] + distances[1];
            let brute = if found[i] == 0 { 10.0 * (-sum * sum / 50.0).exp() } else { 0.0 };
            assert!((weight - brute).abs() < 2e-3, "{i}: {weight} {brute}");
        }
    }

    #[test]
    fn a_gap_of_two_pixels_and_a_single_object_in_closed_form() {
        // Columns 0 to 3 and 6 to 9: in between, 1 and 2 pixels away; 10·exp(−9/50).
        let labels: Vec<u8> = (0..10 * 5).map(|i| u8::from(!(4..6).contains(&(i % 10)))).collect();
        let map = PAPER.map(&objects(&labels, 10), 10);
        let expected = |d: f64| 10.0 * (-d * d / 50.0).exp();
        assert!((map[4] - expected(3.0)).abs() < 1e-12);
        // A gap of one pixel lies 1 from both: 9.231.
        let labels: Vec<u8> = (0..9 * 5).map(|i| u8::from(i % 9 != 4)).collect();
        let map = PAPER.map(&objects(&labels, 9), 9);
        assert!((map[4] - expected(2.0)).abs() < 1e-12 && (map[4] - 9.231).abs() < 1e-3);
        let one: Vec<u8> = (0..50).map(|i| u8::from(i % 10 < 4)).collect();
        assert!(PAPER.map(&objects(&one, 10), 10).iter().all(|w| *w == 0.0));
        assert!(PAPER.map(&[0; 12], 4).iter().all(|w| *w == 0.0));
    }

    #[test]
    fn touching_labels_are_parted_by_background() {
        // Two labels side by side: the pixels of both that touch become background.
        let labels: Vec<u8> = (0..8 * 4).map(|i| if i % 8 < 4 { 1 } else { 2 }).collect();
        let found = objects(&labels, 8);
        assert_eq!(found[..8], [1, 1, 1, 0, 0, 2, 2, 2]);
        assert!(Borders { w0: 0.0, ..PAPER }.check().unwrap_err().contains("above 0"));
    }
}
