//! Which planes lie at one place along the normal, and which are slices of their own. No distance in
//! millimetres can tell: slices of a microscope lie closer than repeated scans of a patient do.

use super::plane::{ACQUISITION, B_VALUE, ECHO, Plane, TIME, TRIGGER};
use std::collections::HashSet;

/// Planes at one place lie within this share of the distance to the next place.
const SPREAD: f64 = 0.05;

/// The places of planes whose depths are known, in order: each is a list of indices. Repeated slices
/// may lie a little beside one another, if that gives (nearly) every place equally many of them.
pub(super) fn levels(planes: &[Plane], depth: impl Fn(&Plane) -> f64) -> Vec<Vec<usize>> {
    let mut order: Vec<(f64, usize)> =
        planes.iter().enumerate().map(|(i, p)| (depth(p), i)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let declared = planes.iter().find_map(|p| p.step);
    let mut gaps: Vec<f64> =
        order.windows(2).map(|w| if let [a, b] = w { b.0 - a.0 } else { 0.0 }).collect();
    gaps.sort_by(f64::total_cmp);
    let extent = gaps.iter().sum::<f64>().max(declared.unwrap_or(0.0));
    // What is left of a number that was written as text.
    let noise = 1e-6 * extent;
    let real: Vec<f64> = gaps.iter().copied().filter(|&g| g > noise).collect();
    let typical = real.get(real.len() / 2).copied().unwrap_or(0.0);
    let same = noise.max(2e-3 * typical.min(declared.unwrap_or(f64::INFINITY)));
    let cut = |limit: f64| -> Vec<&[(f64, usize)]> {
        order.chunk_by(|a, b| b.0 - a.0 <= limit).collect()
    };
    // Only where a gap is far longer than the one before it can places end.
    let mut limit = same;
    let jumps = gaps.windows(2).filter_map(|w| match w {
        &[a, b] => (a > same && a <= SPREAD * b).then_some(a),
        _ => None,
    });
    let whole = gaps.last().copied().filter(|&g| g > same);
    for candidate in jumps.chain(whole) {
        if repeated(&cut(candidate), planes, declared) {
            limit = candidate;
        }
    }
    cut(limit).into_iter().map(|c| c.iter().map(|(_, i)| *i).collect()).collect()
}

/// Whether clusters of planes are places that were each scanned several times.
fn repeated(clusters: &[&[(f64, usize)]], planes: &[Plane], declared: Option<f64>) -> bool {
    let ends = |c: &[(f64, usize)]| match (c.first(), c.last()) {
        (Some(a), Some(b)) => (a.0, b.0),
        _ => (0.0, 0.0),
    };
    let width = clusters.iter().map(|c| ends(c).1 - ends(c).0).fold(0.0, f64::max);
    let apart = clusters
        .windows(2)
        .map(|w| if let [a, b] = w { ends(b).0 - ends(a).1 } else { f64::INFINITY })
        .fold(f64::INFINITY, f64::min);
    // A single place has nothing but the declared distance to be compared with.
    let apart = if clusters.len() > 1 { apart } else { declared.unwrap_or(0.0) };
    let close = width <= SPREAD * apart && declared.is_none_or(|d| width <= 2.0 * SPREAD * d);
    let most = clusters.iter().map(|c| c.len()).max().unwrap_or(0);
    let full = clusters.iter().filter(|c| c.len() == most).count();
    // Slices that nothing but their place tells apart are slices.
    let told_apart = clusters.iter().all(|c| {
        let mut orders: Vec<_> = c.iter().filter_map(|(_, i)| planes.get(*i)).collect();
        orders.sort_by(|a, b| super::stack::compare(&a.order, &b.order));
        orders.windows(2).all(|w| match w {
            [a, b] => a.order != b.order || a.kind != b.kind,
            _ => true,
        })
    });
    // Without a declared distance only a count of the times is proof.
    let counted = [TIME, TRIGGER, ECHO, B_VALUE, ACQUISITION].into_iter().any(|key| {
        let values: HashSet<u64> = planes.iter().map(|p| p.order[key].to_bits()).collect();
        values.len() == most
    });
    let proven = counted || (declared.is_some() && told_apart);
    close && most > 1 && 5 * full >= 4 * clusters.len() && proven
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(depths: &[f64], step: Option<f64>) -> Vec<usize> {
        let planes: Vec<Plane> = depths
            .iter()
            .enumerate()
            .map(|(i, &z)| {
                let mut order = [0.0; 7];
                order[TIME] = (i % 3) as f64;
                Plane {
                    file: i,
                    frame: 0,
                    tile: None,
                    kind: String::new(),
                    patient: true,
                    orientation: None,
                    position: Some([0.0, 0.0, z]),
                    spacing: None,
                    step,
                    rescale: (1.0, 0.0),
                    window: None,
                    order,
                }
            })
            .collect();
        levels(&planes, |p| p.position.unwrap_or_default()[2]).iter().map(Vec::len).collect()
    }

    #[test]
    fn repeated_places_are_told_from_slices_at_every_scale() {
        for scale in [1e-3, 1.0, 1e3] {
            let deep = |z: &[f64]| z.iter().map(|v| v * scale).collect::<Vec<_>>();
            let step = Some(5.0 * scale);
            // Three times, a little off; one of them missing at one place.
            let wandering = [0.0, 5.0, 10.0, 15.0, 20.0].map(|z| [z, z + 0.02, z + 0.04]).concat();
            assert_eq!(at(&deep(&wandering), step), [3; 5], "{scale}");
            assert_eq!(at(&deep(&wandering[..14]), step), [3, 3, 3, 3, 2], "{scale}");
            // Thin slices, then a gap: slices all the same.
            let gap = [0.0, 0.5, 1.0, 1.5, 60.0, 60.5, 61.0, 61.5];
            assert_eq!(at(&deep(&gap), Some(0.5 * scale)), [1; 8], "{scale}");
            assert_eq!(at(&deep(&gap), None), [1; 8], "{scale}");
            // One place alone.
            assert_eq!(at(&deep(&[3.0, 3.01, 3.02]), step), [3], "{scale}");
            assert_eq!(at(&deep(&[0.0, 0.0, 5.0, 5.0]), step), [2, 2], "{scale}");
            assert_eq!(at(&deep(&[0.0, 5.0, 10.0, 15.0]), step), [1; 4], "{scale}");
        }
    }
}
