//! Numbers in sentences, with as many digits as mean something.

use crate::app::Extent;

/// Three significant digits, but never fewer than the whole number.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 || size == 0.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// "12.3 mL": one size, in the unit that suits it.
pub fn size(extent: Extent, value: f64) -> String {
    let (unit, scale) = extent.readable(value);
    format!("{} {unit}", number(value / scale))
}

/// "24 %"; a little is never said to be nothing.
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent > 0.0 && percent < 0.5 { "< 1 %".to_owned() } else { format!("{percent:.0} %") }
}
