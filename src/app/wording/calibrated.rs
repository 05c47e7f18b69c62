//! The words of a calibrated interval.

use super::number::number;
use crate::app::{Calibrated, Extent};

/// The calibrated interval, in place of "not calibrated".
pub fn conformal(extent: Extent, found: &Calibrated, file: &str) -> String {
    let (interval, percent) = (found.interval, 100.0 - f64::from(found.alpha_thousandths) / 10.0);
    let (unit, scale) = extent.readable(interval.high);
    let number = |v: f64| number(v / scale);
    let range = match interval.empty {
        true => format!("empty interval at {} {unit}", number(interval.low)),
        false => format!("{}–{} {unit}", number(interval.low), number(interval.high)),
    };
    let [low, high] = found.coverage;
    format!(
        "{range}. In {percent} % of cases like the {} calibration cases, this interval contains the \
         reference {} (average over cases, not a promise for this one). Coverage of such sets: \
         {low:.2}–{high:.2}. From {file}",
        found.cases,
        extent.name(),
    )
}
