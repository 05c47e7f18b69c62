//! Estimates of a running job brought to the pixels of the scan. For the eye only: they never enter
//! a number.

use crate::inference::{Placement, Preview};
use crate::volume::Class;

/// Label values on the region of `placement`, row by row, where the mean of the members' estimates that are here is at least
/// one half; the innermost or last class wins. Estimates of another shape than the first are left out.
pub fn mean_preview<'a>(
    previews: impl Iterator<Item = &'a Preview>,
    placement: &Placement,
    classes: &[Class],
) -> Vec<u8> {
    let roi = placement.roi();
    let mut labels = vec![0; roi.width * roi.height];
    let mut sum: Vec<f32> = Vec::new();
    let ([width, height], mut count) = (placement.size(), 0u16);
    for p in previews {
        let usable = [p.width, p.height] == placement.size() && p.classes == classes.len();
        let Some(values) = p.here().filter(|_| usable) else { continue };
        if sum.is_empty() {
            sum = vec![0.0; values.len()];
        }
        for (s, &v) in sum.iter_mut().zip(values) {
            *s += f32::from(v);
        }
        count += 1;
    }
    if count == 0 || width * height == 0 {
        return labels;
    }
    let half = 127.5 * f32::from(count);
    for (plane, class) in sum.chunks_exact(width * height).zip(classes) {
        for (label, mean) in labels.iter_mut().zip(placement.enlarge(plane)) {
            if mean >= half {
                *label = class.label;
            }
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::Values;
    use crate::volume::Roi;

    fn square() -> Preview {
        let mut probability = vec![0; 64];
        for y in 2..6 {
            for x in 2..6 {
                probability[x + 8 * y] = 255;
            }
        }
        Preview { member: 0, width: 8, height: 8, classes: 1, values: Values::Here(probability) }
    }

    #[test]
    fn run_9_a_centred_preview_stays_centred_whatever_the_size() {
        let class = Class { name: "disc".into(), label: 5, color: [255; 3] };
        let p = square();
        for (width, height) in [(8, 8), (20, 20), (31, 31), (40, 30), (30, 41)] {
            let roi = Roi { x: 3, y: 4, width, height };
            let placement = Placement::new(roi, 8, [1.0; 2], None);
            let class = std::slice::from_ref(&class);
            let labels = mean_preview([&p, &p].into_iter(), &placement, class);
            let inside: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == 5).collect();
            let mean = |f: &dyn Fn(usize) -> usize| {
                inside.iter().map(|&i| f(i) as f64).sum::<f64>() / inside.len() as f64
            };
            assert!((mean(&|i| i % width) - (width - 1) as f64 / 2.0).abs() < 0.1);
            assert!((mean(&|i| i / width) - (height - 1) as f64 / 2.0).abs() < 0.1);
            // Half of the square's side: its area is a quarter of the square's.
            let side = width.max(height) as f64;
            assert!((inside.len() as f64 / (side * side) - 0.25).abs() < 0.06);
        }
    }

    #[test]
    fn an_estimate_of_another_model_is_left_out() {
        let roi = Roi { x: 0, y: 0, width: 8, height: 8 };
        let placement = |size| Placement::new(roi, size, [1.0; 2], None);
        assert_eq!(mean_preview([&square()].into_iter(), &placement(8), &[]), vec![0; 64]);
        let class = [Class { name: "disc".into(), label: 5, color: [255; 3] }];
        assert_eq!(mean_preview([&square()].into_iter(), &placement(16), &class), vec![0; 64]);
    }
}
