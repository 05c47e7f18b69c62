//! What the direct mask is worth beside the mean of the samples: a network of its own, without the noise of sampling.

use crate::ensemble::{Ensemble, EnsembleError};
use crate::metrics::{EmptyRule, mean, overlap};
use serde::Serialize;

/// Shares of the direct mask in the fused one that are compared.
pub(super) const SHARES: [f64; 7] = [0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0];

/// Dice of the fused mask with each of [`SHARES`]; `None` where it is not defined.
pub(super) type DiceByShare = [Option<f64>; SHARES.len()];

/// Of a model that draws the direct mask only.
pub(super) const NO_SHARE: DiceByShare = [None; SHARES.len()];

/// Mean Dice of the fused mask in which the direct mask has this share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ByShare {
    pub share: f64,
    pub dice: f64,
}

/// By class, against a reference mask of each; the ensemble comes back.
///
/// # Errors
/// If the direct mask is of another length.
pub(super) fn dice_by_share(
    mut ensemble: Ensemble,
    direct: &[u8],
    references: &[Vec<bool>],
    rule: EmptyRule,
) -> Result<(Ensemble, Vec<DiceByShare>), EnsembleError> {
    let mut dice = vec![NO_SHARE; references.len()];
    for (k, share) in SHARES.into_iter().enumerate() {
        ensemble = ensemble.with_direct(direct, share)?;
        for (c, (dice, reference)) in dice.iter_mut().zip(references).enumerate() {
            let overlap = overlap(&ensemble.fused_mask(c), reference, rule).ok();
            dice[k] = overlap.and_then(|o| o.dice);
        }
    }
    Ok((ensemble, dice))
}

/// The mean over the cases of one class.
pub(super) fn means(cases: &[&DiceByShare]) -> Vec<ByShare> {
    let of = |(k, share): (usize, f64)| {
        let values: Vec<f64> = cases.iter().filter_map(|dice| dice[k]).collect();
        mean(&values).map(|dice| ByShare { share, dice })
    };
    SHARES.into_iter().enumerate().filter_map(of).collect()
}

/// The share that is best in the mean over all cases, and of smaller ones the smallest that is behind it by no more than
/// the standard error of that difference (Breiman et al. 1984): the samples have the mask to themselves unless the
/// direct one adds more than chance.
pub(super) fn best(cases: &[&DiceByShare]) -> f64 {
    let behind = |k: usize, best: usize| -> Vec<f64> {
        cases.iter().filter_map(|dice| Some(dice[best]? - dice[k]?)).collect()
    };
    let better = |best, k| if mean(&behind(best, k)).is_some_and(|d| d > 0.0) { k } else { best };
    let best = (0..SHARES.len()).fold(0, better);
    let is_as_good = |&k: &usize| {
        let behind = behind(k, best);
        let (n, mean) = (behind.len() as f64, mean(&behind).unwrap_or(0.0));
        let variance = behind.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        mean <= (variance / n).sqrt()
    };
    (0..best).find(is_as_good).map_or(SHARES[best], |k| SHARES[k])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::ClassKind;

    #[test]
    fn the_best_share_is_found_over_all_classes() {
        // The samples miss the second voxel, the direct mask the first; a little of it is right.
        let (sample, direct) = ([255u8, 100, 0, 0], [100u8, 255, 0, 0]);
        let e = Ensemble::from_soft(&[&sample], 1, ClassKind::Regions, 4).unwrap();
        let reference = [vec![true, true, false, false]];
        let rule = EmptyRule::MetricsReloaded;
        let (e, dice) = dice_by_share(e, &direct, &reference, rule).unwrap();
        let third = Some(2.0 / 3.0);
        assert_eq!(dice[0], [third, third, Some(1.0), Some(1.0), Some(1.0), Some(1.0), third]);
        assert_eq!(best(&[&dice[0]; 9]), 0.2, "the smallest of equals");
        // Others would rather be drawn by the samples alone, as much and more.
        let other: DiceByShare = SHARES.map(|share| Some(1.0 - share));
        let d = &dice[0];
        assert_eq!(best(&[d, d, d, d, &other]), 0.2);
        assert_eq!(best(&[&dice[0], &other, &other]), 0.0);
        assert!(dice_by_share(e, &direct[..3], &reference, rule).is_err());
        assert_eq!((means(&[&NO_SHARE]).len(), best(&[&NO_SHARE]), best(&[])), (0, 0.0, 0.0));
    }

    #[test]
    fn a_gain_that_may_be_chance_leaves_the_mask_to_the_samples() {
        // Half a point better in the mean with a share of 0.3, by 0.06 in one case, worse in the other.
        let cases = |n: usize, up: f64, down: f64| -> Vec<DiceByShare> {
            let of = |i: usize| {
                let gain = if i.is_multiple_of(2) { up } else { down };
                SHARES.map(|share| Some(0.8 + if share == 0.3 { gain } else { 0.0 }))
            };
            (0..n).map(of).collect()
        };
        let best = |cases: &[DiceByShare]| best(&cases.iter().collect::<Vec<_>>());
        // Standard errors of the mean gain of 0.005: 0.016 of twelve cases, 0.0039 of 200, none if all gain.
        assert_eq!(best(&cases(12, 0.06, -0.05)), 0.0);
        assert_eq!(best(&cases(200, 0.06, -0.05)), 0.3);
        assert_eq!(best(&cases(12, 0.005, 0.005)), 0.3);
    }
}
