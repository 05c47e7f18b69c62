//! Threshold (EDIT-7): voxels in a range of values, and Otsu's range to start from.

use super::rule::Values;
use super::{Lattice, Selection};
use crate::volume::Block;

/// The voxels of a block whose value lies in the range, ends included.
pub fn range(lattice: &Lattice, block: Block, range: [f64; 2], values: Values<'_>) -> Selection {
    if !lattice.whole().contains(&block) {
        return Selection::none();
    }
    Selection::of(block, |v| (range[0]..=range[1]).contains(&values(lattice.index(v))))
}

/// Otsu's threshold (1979): the upper edge of the bin, of 256 between `low` and `high`, that parts the values
/// into two classes of greatest variance between them. `None` if there are no two classes.
pub fn otsu(values: impl Iterator<Item = f64>, low: f64, high: f64) -> Option<f64> {
    const BINS: usize = 256;
    if !(low.is_finite() && high.is_finite() && low < high) {
        return None;
    }
    let step = (high - low) / BINS as f64;
    let mut histogram = [0u64; BINS];
    for v in values.filter(|v| v.is_finite()) {
        let bin = ((v - low) / step).floor().clamp(0.0, BINS as f64 - 1.0);
        histogram[bin as usize] += 1;
    }
    let total: f64 = histogram.iter().map(|&n| n as f64).sum();
    let sum: f64 = histogram.iter().enumerate().map(|(i, &n)| i as f64 * n as f64).sum();
    let (mut below, mut sum_below, mut best) = (0.0, 0.0, None::<(f64, usize)>);
    for (i, &n) in histogram.iter().enumerate() {
        below += n as f64;
        sum_below += i as f64 * n as f64;
        let above = total - below;
        if below > 0.0 && above > 0.0 {
            let apart = sum_below / below - (sum - sum_below) / above;
            let between = below * above * apart * apart;
            if best.is_none_or(|(b, _)| between > b) {
                best = Some((between, i));
            }
        }
    }
    best.map(|(_, i)| low + step * (i as f64 + 1.0))
}
