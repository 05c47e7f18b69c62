//! Which planes lie at one place. What counts as one place grows and shrinks with the slices: a
//! hundredth of a millimetre is nothing between slices of 5 mm and two slices of a microscope.

use super::plane::{Plane, cross, dot};

/// Nearer than this part of the distance of slices is the same place.
const PART: f64 = 0.1;

/// Planes in order along their normal, by the places at which they lie.
pub(super) struct Places {
    /// Indices of planes.
    order: Vec<usize>,
    /// Lengths of the runs of `order` that lie at one place.
    runs: Vec<usize>,
}

impl Places {
    /// Unless a plane has no place, or the first no orientation.
    pub(super) fn of(planes: &[Plane]) -> Option<Self> {
        let [x, y] = planes.first()?.orientation?;
        let normal = cross(x, y);
        let mut order: Vec<(f64, usize)> = planes
            .iter()
            .enumerate()
            .map(|(i, p)| p.position.map(|v| (dot(v, normal), i)))
            .collect::<Option<_>>()?;
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let along: Vec<f64> = order.iter().map(|o| o.0).collect();
        let tolerance = tolerance(&along, planes.first()?);
        let runs = order.chunk_by(|a, b| b.0 - a.0 < tolerance).map(<[_]>::len).collect();
        Some(Self { order: order.into_iter().map(|o| o.1).collect(), runs })
    }

    /// The indices of the planes at each place, in order along the normal.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[usize]> {
        let mut rest = self.order.as_slice();
        self.runs.iter().map(move |&n| {
            let (run, after) = rest.split_at(n.min(rest.len()));
            rest = after;
            run
        })
    }
}

/// How near planes at these distances, in order along their normal, are at one place. The distance
/// of slices is told by the steps that are no mere trembling, but a large gap must not make slices
/// one: none is taken for farther from the next than its declared distance or thickness, nor, where
/// none is declared, than its pixels are wide.
pub(super) fn tolerance(along: &[f64], like: &Plane) -> f64 {
    let pixel = like.spacing.map(|[x, y]| x.max(y));
    let declared = like.step.or(pixel).unwrap_or(f64::INFINITY);
    let steps: Vec<f64> =
        along.windows(2).filter_map(|w| if let [a, b] = w { Some(b - a) } else { None }).collect();
    let whole: f64 = steps.iter().sum();
    // All within a tenth of a pixel and of a slice: one place, seen again and again.
    let near = PART * declared.min(pixel.unwrap_or(declared));
    if near.is_finite() && whole < near {
        return near;
    }
    let mean = whole / steps.len().max(1) as f64;
    let mut wide: Vec<f64> = steps.into_iter().filter(|&s| s > 0.5 * mean).collect();
    wide.sort_by(f64::total_cmp);
    let distance = wide.get(wide.len() / 2).copied().unwrap_or(declared);
    // Never nothing, so that equal numbers are always one place.
    (PART * distance.min(declared)).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(z: f64, step: Option<f64>, pixel: f64) -> Plane {
        Plane {
            file: 0,
            frame: 0,
            tile: None,
            kind: String::new(),
            orientation: Some([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
            position: Some([0.0, 0.0, z]),
            in_patient: true,
            spacing: Some([pixel; 2]),
            step,
            rescale: (1.0, 0.0),
            window: None,
            order: [0.0; 7],
        }
    }

    fn counts(at: &[f64], step: Option<f64>, pixel: f64) -> Vec<usize> {
        let planes: Vec<Plane> = at.iter().map(|&z| plane(z, step, pixel)).collect();
        Places::of(&planes).expect("placed").iter().map(<[usize]>::len).collect()
    }

    #[test]
    fn one_place_is_a_matter_of_the_slice_distance() {
        for scale in [1e-3, 1.0, 1e3] {
            let of = |at: &[f64], step: Option<f64>| {
                let at: Vec<f64> = at.iter().map(|z| z * scale).collect();
                counts(&at, step.map(|s| s * scale), 0.5 * scale)
            };
            let trembling = [10.0, 15.02, 20.04, 10.02, 15.04, 20.0, 10.04, 15.0, 20.02];
            for step in [Some(2.5), Some(5.0), None] {
                assert_eq!(of(&trembling, step), [3, 3, 3], "{scale} {step:?}");
                assert_eq!(of(&[0.0, 0.01, 0.02], step), [3], "{scale} {step:?}");
                // A wide gap makes the others no nearer.
                assert_eq!(of(&[0.0, 1.0, 2.0, 400.0, 401.0], step), [1; 5], "{scale} {step:?}");
                assert_eq!(of(&[0.0, 2.0, 2.0, 4.0], step), [1, 2, 1], "{scale} {step:?}");
            }
            // Thick slices that overlap.
            assert_eq!(of(&[0.0, 0.3, 0.6, 0.9], Some(9.0)), [1; 4]);
            assert_eq!(of(&[7.0, 7.0], Some(9.0)), [2]);
        }
        assert_eq!(counts(&[1.0], None, 1.0), [1]);
    }
}
