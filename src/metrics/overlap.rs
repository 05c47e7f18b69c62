//! Measures of overlap, from the four counts of a confusion table.

use super::{EmptyRule, MetricsError, check_length};

/// Overlap of a prediction P and a reference R.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// |P ∩ R|, |P|, |R| in voxels.
    pub both: usize,
    pub predicted: usize,
    pub referenced: usize,
    /// 2|P ∩ R| / (|P| + |R|).
    pub dice: Option<f64>,
    /// |P ∩ R| / |P ∪ R|.
    pub iou: Option<f64>,
    /// |P ∩ R| / |R|.
    pub sensitivity: Option<f64>,
    /// |P ∩ R| / |P|; 0 where only one mask is empty.
    pub ppv: Option<f64>,
    /// (|P| − |R|) / |R|.
    pub relative_volume_error: Option<f64>,
}

/// Voxels of a prediction and its reference, as they are met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    both: usize,
    predicted: usize,
    referenced: usize,
}

impl Counts {
    /// One more voxel.
    pub fn add(&mut self, predicted: bool, referenced: bool) {
        self.both += usize::from(predicted && referenced);
        self.predicted += usize::from(predicted);
        self.referenced += usize::from(referenced);
    }

    pub fn overlap(self, rule: EmptyRule) -> Overlap {
        let Self { both, predicted, referenced } = self;
        let ratio = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        let either = predicted + referenced - both;
        let agree = (rule == EmptyRule::MetricsReloaded).then_some(1.0);
        Overlap {
            both,
            predicted,
            referenced,
            dice: if either == 0 { agree } else { ratio(2 * both, predicted + referenced) },
            iou: ratio(both, either),
            sensitivity: ratio(both, referenced),
            ppv: if either > 0 && predicted == 0 { Some(0.0) } else { ratio(both, predicted) },
            relative_volume_error: (referenced > 0)
                .then(|| (predicted as f64 - referenced as f64) / referenced as f64),
        }
    }
}

/// Overlap of two masks of the same lattice.
///
/// # Errors
/// If their lengths differ.
pub fn overlap(
    prediction: &[bool],
    reference: &[bool],
    rule: EmptyRule,
) -> Result<Overlap, MetricsError> {
    check_length("prediction", prediction.len(), reference.len())?;
    let mut counts = Counts::default();
    prediction.iter().zip(reference).for_each(|(&p, &r)| counts.add(p, r));
    Ok(counts.overlap(rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form() {
        // |P| = 4, |R| = 5, |P ∩ R| = 3.
        let p = [true, true, true, true, false, false, false];
        let r = [true, true, true, false, true, true, false];
        let o = overlap(&p, &r, EmptyRule::default()).expect("same length");
        assert_eq!((o.both, o.predicted, o.referenced), (3, 4, 5));
        let dice = o.dice.expect("dice");
        assert!((dice - 6.0 / 9.0).abs() < 1e-12);
        assert!((o.iou.expect("iou") - dice / (2.0 - dice)).abs() < 1e-12);
        assert_eq!((o.sensitivity, o.ppv), (Some(0.6), Some(0.75)));
        assert_eq!(o.relative_volume_error, Some(-0.2));
        assert!(overlap(&p, &r[1..], EmptyRule::default()).is_err());
    }
}
