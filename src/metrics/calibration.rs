//! Whether "7 of 10 members" means foreground in 70 % of the voxels. Whole-volume numbers are
//! dominated by easy background, so only voxels near a border are counted.

use super::surface::{common_box, cut};
use super::{MetricsError, check_lattice, check_length, squared_distance_transform, surface};

/// Voxels with about the same share of votes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    pub voxels: usize,
    /// Mean of p = k/N.
    pub mean_fraction: f64,
    /// Share of reference foreground.
    pub foreground: f64,
}

/// Calibration of the votes within a band. One case describes one case only.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    pub voxels: usize,
    /// Bins that hold voxels, by rising fraction.
    pub bins: Vec<Bin>,
    /// Expected calibration error: mean of |foreground − fraction| over voxels.
    pub ece: f64,
    /// Largest error of a bin with at least 50 voxels.
    pub mce: Option<f64>,
    /// Mean (p − y)².
    pub brier: f64,
    /// Mean negative log likelihood in nats, with p̃ = (k + ½)/(N + 1).
    pub log_loss: f64,
}

/// Bins with fewer voxels do not enter the maximum error.
const MCE_LEAST: usize = 50;

/// Calibration of counts `k` out of `members` against a reference, over the voxels of `band`;
/// `None` if the band is empty.
///
/// # Errors
/// Slices of different lengths, or a count above `members`.
pub fn calibration(
    count: &[u16],
    members: usize,
    reference: &[bool],
    band: &[bool],
) -> Result<Option<Calibration>, MetricsError> {
    check_length("reference", reference.len(), count.len())?;
    check_length("band", band.len(), count.len())?;
    if let Some(&found) = count.iter().find(|k| usize::from(**k) > members) {
        return Err(MetricsError::Count { found, members });
    }
    // Votes per k first: all sums then are over at most N + 1 terms in fixed order.
    let mut by_count = vec![(0usize, 0usize); members + 1];
    for ((&k, &y), _) in count.iter().zip(reference).zip(band).filter(|(_, b)| **b) {
        let (voxels, foreground) = &mut by_count[usize::from(k)];
        *voxels += 1;
        *foreground += usize::from(y);
    }
    let voxels: usize = by_count.iter().map(|(n, _)| n).sum();
    if voxels == 0 || members == 0 {
        return Ok(None);
    }
    let n = members as f64;
    let (mut brier, mut log_loss) = (0.0, 0.0);
    let bin_of = |k: usize| if members <= 20 { k } else { (10 * k / members).min(9) };
    let mut sums = vec![(0usize, 0.0, 0usize); bin_of(members) + 1];
    for (k, &(count, foreground)) in by_count.iter().enumerate() {
        let p = k as f64 / n;
        let (yes, no) = (foreground as f64, (count - foreground) as f64);
        brier += yes * (1.0 - p).powi(2) + no * p.powi(2);
        let smooth = (k as f64 + 0.5) / (n + 1.0);
        log_loss -= yes * smooth.ln() + no * (1.0 - smooth).ln();
        let bin = &mut sums[bin_of(k)];
        bin.0 += count;
        bin.1 += p * count as f64;
        bin.2 += foreground;
    }
    let bins: Vec<Bin> = sums
        .into_iter()
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, p, foreground)| Bin {
            voxels: count,
            mean_fraction: p / count as f64,
            foreground: foreground as f64 / count as f64,
        })
        .collect();
    let gap = |b: &Bin| (b.foreground - b.mean_fraction).abs();
    let total = voxels as f64;
    Ok(Some(Calibration {
        voxels,
        ece: bins.iter().map(|b| b.voxels as f64 * gap(b)).sum::<f64>() / total,
        mce: bins.iter().filter(|b| b.voxels >= MCE_LEAST).map(gap).max_by(f64::total_cmp),
        brier: brier / total,
        log_loss: log_loss / total,
        bins,
    }))
}

/// Expected calibration error of probabilities, in ten bins of equal width; `None` without any.
pub fn expected_error(probability: &[f32], reference: &[bool]) -> Option<f64> {
    let mut bins = [(0.0, 0.0); 10];
    for (&p, &y) in probability.iter().zip(reference) {
        let bin = &mut bins[((p * 10.0) as usize).min(9)];
        bin.0 += f64::from(p);
        bin.1 += f64::from(u8::from(y));
    }
    let gap: f64 = bins.iter().map(|(p, y)| (p - y).abs()).sum();
    (!probability.is_empty()).then(|| gap / probability.len() as f64)
}

/// Voxels within `width` (unit of `spacing`; 5 mm or 10 px is usual) of the surface of either
/// mask: the reference and the majority. Empty if both are.
///
/// # Errors
/// Slices of the wrong length, a spacing that is not positive, or a negative width.
pub fn boundary_band(
    reference: &[bool],
    majority: &[bool],
    shape: [usize; 3],
    spacing: [f64; 3],
    width: f64,
) -> Result<Vec<bool>, MetricsError> {
    let lengths = [("reference", reference.len()), ("majority", majority.len())];
    check_lattice(lengths, shape, spacing)?;
    if !(width.is_finite() && width >= 0.0) {
        return Err(MetricsError::Distance { what: "width of the band", value: width });
    }
    let mut band = vec![false; reference.len()];
    // Nothing further away than the width can be in the band. The cast saturates.
    let margin = spacing.map(|s| (width / s).ceil().min(1e9) as usize);
    let Some(part) = common_box([reference, majority], shape, margin) else { return Ok(band) };
    let size = std::array::from_fn(|a| part[a].len());
    let mut marked = surface(reference, shape);
    for (m, s) in marked.iter_mut().zip(surface(majority, shape)) {
        *m |= s;
    }
    let squared = squared_distance_transform(&cut(&marked, shape, &part), size, spacing);
    let reach = (width * (1.0 + 1e-12)).powi(2);
    let mut lines = squared.chunks(size[0]);
    for z in part[2].clone() {
        for y in part[1].clone() {
            let row = shape[0] * (y + shape[1] * z);
            let Some(line) = lines.next() else { continue };
            for (x, d) in part[0].clone().zip(line) {
                band[row + x] = *d <= reach;
            }
        }
    }
    Ok(band)
}

#[cfg(test)]
mod tests {
    use super::super::surface::tests::mask;
    use super::*;

    fn all(count: &[u16], members: usize, reference: &[bool]) -> Calibration {
        let band = vec![true; count.len()];
        calibration(count, members, reference, &band).expect("valid").expect("voxels")
    }

    #[test]
    fn the_error_of_probabilities_is_the_gap_in_bins() {
        assert_eq!(expected_error(&[], &[]), None);
        let error = expected_error(&[0.25, 0.25, 0.75, 0.75], &[true, false, true, true]).unwrap();
        assert!((error - 0.25).abs() < 1e-7, "{error}");
    }

    #[test]
    fn ece_closed_form() {
        for (k, n) in [(4u16, 5), (8, 10), (80, 100)] {
            let count = vec![k; 1000];
            let c = all(&count, n, &(0..1000).map(|v| v < 600).collect::<Vec<_>>());
            assert!((c.ece - 0.2).abs() < 1e-9 && (c.brier - 0.28).abs() < 1e-9, "{c:?}");
            assert!((c.mce.expect("bin") - 0.2).abs() < 1e-9);
            let c = all(&count, n, &(0..1000).map(|v| v < 800).collect::<Vec<_>>());
            assert!(c.ece < 1e-9);
        }
    }

    #[test]
    fn bins_are_counts_up_to_twenty_members_and_ten_beyond() {
        let count: Vec<u16> = (0..=20).collect();
        let none = vec![false; 21];
        assert_eq!(all(&count, 20, &none).bins.len(), 21);
        let count: Vec<u16> = (0..=40).collect();
        let bins = all(&count, 40, &[false; 41]).bins;
        assert_eq!(
            bins.iter().map(|b| b.voxels).collect::<Vec<_>>(),
            [4, 4, 4, 4, 4, 4, 4, 4, 4, 5]
        );
        // Small bins do not enter the maximum.
        assert_eq!(all(&count, 40, &[false; 41]).mce, None);
    }

    #[test]
    fn log_loss_is_finite_where_all_members_err() {
        let c = all(&[10], 10, &[false]);
        assert!((c.log_loss + (0.5_f64 / 11.0).ln()).abs() < 1e-12);
        assert_eq!(c.brier, 1.0);
    }

    #[test]
    fn the_band_lies_on_both_sides_of_both_surfaces() {
        let shape = [60, 60, 1];
        let square = |from: usize, to: usize| {
            mask(shape, |v| (from..to).contains(&v[0]) && (from..to).contains(&v[1]))
        };
        let spacing = [0.5, 0.5, 1.0];
        let (r, m) = (square(20, 40), square(22, 38));
        let band = boundary_band(&r, &m, shape, spacing, 2.0).expect("valid");
        let at = |x: usize, y: usize| band[x + 60 * y];
        // Along the middle row: surface columns 20 and 22, two millimetres are four columns.
        let expected: Vec<usize> = (16..=26).chain(33..=43).collect();
        assert_eq!((0..60).filter(|&x| at(x, 30)).collect::<Vec<_>>(), expected);
        // Off the corner (20, 20): within the circle only.
        assert!(at(18, 17) && !at(17, 17));
        let empty = vec![false; 3600];
        assert!(
            boundary_band(&empty, &empty, shape, spacing, 2.0).expect("valid").iter().all(|b| !b)
        );
        assert_eq!(calibration(&[1], 1, &[true], &[false]).expect("valid"), None);
        assert!(calibration(&[2], 1, &[true], &[true]).is_err());
    }
}
