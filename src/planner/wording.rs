//! What must be said wherever an estimate is shown.

/// In the window, on pictures, in reports and exports, always.
pub const WATERMARK: &str = "estimate from simulated projections, not an image of the patient";
/// Beside each score.
pub const ONE_SUBJECT: &str = "trained on phantoms only; no subject was seen";
/// Beside the spread. The test V10 holds it to what is measured.
pub const SPREAD: &str = "spread of the samples, not calibrated; it does not follow missing views";
/// Of the radiographs.
pub const NOT_MODELLED: &str = "no scatter, beam hardening, blur, motion, table or couch; the \
    angles that a gantry can reach are not checked. What the views do not show is invented: metal, \
    fractures, nodules and anything rare may be added or erased.";

/// Where no labels say what is there.
pub fn no_reference() -> &'static str {
    "no reference"
}
