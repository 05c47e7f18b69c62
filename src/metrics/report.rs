//! All measures of one prediction against one reference, in the order in which tables list them.

use super::surface::DEFINITION;
use super::{EmptyRule, MetricsError, Overlap, overlap, surface_distances};

/// Every measure of a pair of masks; lengths in the unit of the spacing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    pub overlap: Overlap,
    pub hd: Option<f64>,
    pub hd95: Option<f64>,
    pub assd: Option<f64>,
    pub masd: Option<f64>,
    pub nsd: Option<f64>,
    /// Tolerance of the surface Dice; to be printed with it.
    pub tolerance: f64,
    pub rule: EmptyRule,
}

/// Measures a prediction against a reference on the same rectangular lattice.
///
/// # Errors
/// Masks of the wrong length, a spacing that is not positive, or a negative tolerance.
pub fn compare(
    prediction: &[bool],
    reference: &[bool],
    shape: [usize; 3],
    spacing: [f64; 3],
    tolerance: f64,
    rule: EmptyRule,
) -> Result<Measures, MetricsError> {
    let distances = surface_distances(prediction, reference, shape, spacing, rule)?;
    Ok(Measures {
        overlap: overlap(prediction, reference, rule)?,
        hd: distances.hd(),
        hd95: distances.hd95(),
        assd: distances.assd(),
        masd: distances.masd(),
        nsd: distances.nsd(tolerance)?,
        tolerance,
        rule,
    })
}

impl Measures {
    /// How the surface distances are defined, in words to print beside them.
    pub const DISTANCE_DEFINITION: &'static str = DEFINITION;

    /// Column names and values; `None` is undefined.
    pub fn columns(&self) -> [(&'static str, Option<f64>); 10] {
        [
            ("dice", self.overlap.dice),
            ("iou", self.overlap.iou),
            ("sensitivity", self.overlap.sensitivity),
            ("ppv", self.overlap.ppv),
            ("relative_volume_error", self.overlap.relative_volume_error),
            ("nsd", self.nsd),
            ("hd", self.hd),
            ("hd95", self.hd95),
            ("assd", self.assd),
            ("masd", self.masd),
        ]
    }
}

/// A value as a cell of a CSV file; empty if it is undefined, never 0 or NaN.
pub fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |v| format!("{v:.6}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_table() {
        let none = vec![false; 27];
        let some: Vec<bool> = (0..27).map(|v| v == 13).collect();
        let row = |p: &[bool], r: &[bool], rule| {
            let m = compare(p, r, [3; 3], [1.0; 3], 1.0, rule).expect("valid");
            let o = m.overlap;
            ([o.dice, o.iou, m.nsd, o.sensitivity, o.ppv], [m.hd, m.hd95, m.assd, m.masd], m)
        };
        let (zero, one) = (Some(0.0), Some(1.0));
        let reloaded = EmptyRule::MetricsReloaded;
        let (a, d, m) = row(&none, &none, reloaded);
        assert_eq!((a, d), ([one, None, one, None, None], [zero; 4]));
        assert_eq!(m.overlap.relative_volume_error, None);
        for rule in [reloaded, EmptyRule::NnUnet] {
            let (a, d, m) = row(&none, &some, rule);
            assert_eq!((a, d), ([zero, zero, zero, zero, zero], [None; 4]));
            assert_eq!(m.overlap.relative_volume_error, Some(-1.0));
            let (a, d, m) = row(&some, &none, rule);
            assert_eq!((a, d), ([zero, zero, zero, None, zero], [None; 4]));
            assert_eq!(m.overlap.relative_volume_error, None);
        }
        let (a, d, m) = row(&none, &none, EmptyRule::NnUnet);
        assert_eq!((a, d), ([None; 5], [None; 4]));
        // Undefined cells stay empty.
        assert!(m.columns().iter().all(|(_, v)| cell(*v).is_empty()));
        assert_eq!((cell(one), m.rule.name()), ("1.000000".to_owned(), "nnU-Net"));
    }
}
