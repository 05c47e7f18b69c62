//! An ensemble against several readers of the same picture, and against what most of them say.

use super::ways::Ways;
use crate::ensemble::Ensemble;
use crate::metrics::{
    EmptyRule, MetricsError, errors_found, ged_squared, matched_iou, mean, overlap,
    squared_distance_transform, surface,
};
use serde::Serialize;

/// One class where there are two readers or more.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AmongReaders {
    /// Squared generalised energy distance of members and readers.
    pub ged: f64,
    /// The same of the first reader and the others.
    pub ged_readers: f64,
    /// IoU of members and readers, matched one to one.
    pub matched_iou: f64,
    /// Dice against what at least half of the readers say.
    pub majority_dice: Ways<Option<f64>>,
    /// Dice against each reader, mean of all.
    pub each_dice: Ways<Option<f64>>,
}

impl AmongReaders {
    /// `None` with one reader only.
    ///
    /// # Errors
    /// If masks differ in length.
    pub(super) fn new(
        ensemble: &Ensemble,
        c: usize,
        references: &[&[bool]],
        masks: &Ways<Option<Vec<bool>>>,
        rule: EmptyRule,
    ) -> Result<Option<Self>, MetricsError> {
        let [first, others @ ..] = references else { return Ok(None) };
        if others.is_empty() {
            return Ok(None);
        }
        let members: Vec<Vec<bool>> =
            (0..ensemble.n()).map(|m| ensemble.member_mask(m, c)).collect();
        let members: Vec<&[bool]> = members.iter().map(Vec::as_slice).collect();
        let most = majority(references);
        let of = |mask: &Option<Vec<bool>>, readers: &[&[bool]]| {
            let Some(mask) = mask else { return Ok(None) };
            let dice = readers.iter().map(|r| Ok(overlap(mask, r, rule)?.dice));
            let dice = dice.collect::<Result<Vec<_>, MetricsError>>()?;
            Ok(mean(&dice.into_iter().flatten().collect::<Vec<_>>()))
        };
        let majority_dice = masks.try_map(|mask| of(mask, &[&most]))?;
        let each_dice = masks.try_map(|mask| of(mask, references))?;
        Ok(Some(Self {
            ged: ged_squared(&members, references)?,
            ged_readers: ged_squared(&[*first], others)?,
            matched_iou: matched_iou(&members, references)?,
            majority_dice,
            each_dice,
        }))
    }
}

/// What at least half of the readers say; the one reader's mask if there is but one.
pub(super) fn majority(references: &[&[bool]]) -> Vec<bool> {
    let pixels = references.first().map_or(0, |r| r.len());
    let says = |i: usize| references.iter().filter(|r| r[i]).count();
    (0..pixels).map(|i| 2 * says(i) >= references.len().max(1)).collect()
}

/// Shares of the picture that a person looks at, the most doubtful pixels first.
pub const LOOKED_AT: [f64; 5] = [0.01, 0.02, 0.05, 0.1, 0.2];

/// The share of the fused mask's errors that lies within each of [`LOOKED_AT`]; chance finds as much
/// as it looks at.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ErrorsFound {
    /// By the variance of the members.
    pub by_variance: [f64; LOOKED_AT.len()],
    /// By the distance to the mean mask's border, the nearest first.
    pub by_border: [f64; LOOKED_AT.len()],
}

impl ErrorsFound {
    /// `None` where nothing is wrong.
    ///
    /// # Errors
    /// If masks differ in length.
    pub(super) fn new(
        ensemble: &Ensemble,
        c: usize,
        reference: &[bool],
        (shape, spacing): ([usize; 3], [f64; 3]),
    ) -> Result<Option<Self>, MetricsError> {
        let mask = ensemble.fused_mask(c);
        let errors: Vec<bool> = mask.iter().zip(reference).map(|(a, b)| a != b).collect();
        let border = surface(&mask, shape);
        let near: Vec<f32> = squared_distance_transform(&border, shape, spacing)
            .iter()
            .map(|d| -(*d as f32))
            .collect();
        let found = |score: &[f32]| {
            let found = errors_found(score, &errors, &LOOKED_AT)?;
            Ok(found.and_then(|f| f.try_into().ok()))
        };
        let (by_variance, by_border) = (found(&ensemble.variance(c))?, found(&near)?);
        Ok(by_variance
            .zip(by_border)
            .map(|(by_variance, by_border)| Self { by_variance, by_border }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::ClassKind;

    #[test]
    fn half_of_the_readers_are_the_majority() {
        let (a, b) = ([true, true, false], [true, false, false]);
        assert_eq!(majority(&[&a, &b]), a);
        assert_eq!(majority(&[&a, &b, &b]), b);
        assert_eq!(majority(&[&a]), a);
    }

    #[test]
    fn members_that_are_the_readers_are_as_good_as_can_be() {
        // A row of eight pixels; the readers differ in the fifth.
        let (short, long): (Vec<bool>, Vec<bool>) =
            ((0..8).map(|i| i < 4).collect(), (0..8).map(|i| i < 5).collect());
        let soft = |m: &[bool]| m.iter().map(|&b| if b { 255 } else { 0 }).collect::<Vec<u8>>();
        let (s, l) = (soft(&short), soft(&long));
        let ensemble = Ensemble::from_soft(&[&s, &l], 1, ClassKind::Regions, 8).unwrap();
        let masks = Ways { mean: Some(long.clone()), ..Ways::default() };
        let readers: [&[bool]; 2] = [&short, &long];
        let rule = EmptyRule::default();
        let r = AmongReaders::new(&ensemble, 0, &readers, &masks, rule).unwrap().unwrap();
        assert!(r.ged.abs() < 1e-12 && (r.ged_readers - 0.4).abs() < 1e-12, "{r:?}");
        assert_eq!((r.matched_iou, r.majority_dice.mean), (1.0, Some(1.0)));
        // To one of them all, to the other 8 of 9.
        let each = r.each_dice.mean.unwrap();
        assert!((each - (1.0 + 8.0 / 9.0) / 2.0).abs() < 1e-12 && r.each_dice.direct.is_none());
        assert!(AmongReaders::new(&ensemble, 0, &readers[..1], &masks, rule).unwrap().is_none());
        // The one pixel in doubt holds all errors: an eighth of the picture.
        let lattice = ([8, 1, 1], [1.0; 3]);
        let wrong: Vec<bool> =
            ensemble.fused_mask(0).iter().enumerate().map(|(i, &m)| m != (i == 4)).collect();
        let found = ErrorsFound::new(&ensemble, 0, &wrong, lattice).unwrap().unwrap();
        assert!((found.by_variance[3] - 0.8).abs() < 1e-12, "{found:?}");
        assert_eq!(found.by_variance[4], 1.0);
        let right = ensemble.fused_mask(0);
        assert!(ErrorsFound::new(&ensemble, 0, &right, lattice).unwrap().is_none());
    }
}
