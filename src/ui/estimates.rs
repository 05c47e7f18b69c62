//! Estimates that a run left on the card that draws the window.

use crate::app::{Placement, Preview};
use crate::gpu::{CardValues, Window};
use crate::render::{Estimate, Estimates};
use crate::volume::Class;

/// One member's, if it lies on the device of this window.
pub(super) fn estimate(window: &Window, preview: &Preview) -> Option<Estimate> {
    let there = preview.there()?;
    let buffer = CardValues::on(&there.kept, window)?;
    Some(Estimate { buffer, first: there.first, steps: there.steps })
}

/// What members think together; `None` if something of it is here, or nothing on this window's device. Those of
/// another shape are left out.
pub(super) fn estimates<'a>(
    window: &Window,
    previews: impl Iterator<Item = &'a Preview>,
    placement: &Placement,
    classes: &[Class],
) -> Option<Estimates> {
    let canvas = placement.size();
    let mut members = Vec::new();
    for preview in previews {
        if preview.here().is_some() {
            return None;
        }
        if [preview.width, preview.height] == canvas && preview.classes == classes.len() {
            members.extend(estimate(window, preview));
        }
    }
    let labels = classes.iter().map(|c| c.label).collect();
    let weights = placement.weights();
    (!members.is_empty()).then_some(Estimates { members, canvas, labels, weights })
}
