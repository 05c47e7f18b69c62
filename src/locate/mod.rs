//! Where in a whole scan the structure lies that a model was trained on crops of: from "open" to
//! "segment" in one click.
//!
//! A locator is a tiny direct network of ours that looks at all of the scan once, coarsely, or knows
//! only how much round a place that a person shows is wanted; what it draws is a place, never a result. The weights and what they are worth: `assets/weights/
//! locate-*.md`. A click of a person is a place too: [`around`] makes a region of either.

mod alike;
mod around;
mod bare_brain;
mod chest;
mod found;
mod heart;
mod hippocampi;
mod lung_nodule;
mod optic_disc;
mod scout;
mod thumbnail;

pub use alike::{Likeness, Standing, most_alike, standings};
pub use around::{Extent, around};
pub use bare_brain::BareBrain;
pub use chest::MiddleOfChest;
pub use found::{Found, LocateError, Located, Locator};
pub use heart::Heart;
pub use hippocampi::Hippocampi;
pub use lung_nodule::LungNodule;
pub use optic_disc::OpticDisc;

/// All there are.
pub fn locators() -> &'static [&'static dyn Locator] {
    &[&OpticDisc, &Hippocampi, &LungNodule, &Heart, &MiddleOfChest, &BareBrain]
}

/// The one that looks for this structure.
pub fn locator(structure: &str) -> Option<&'static dyn Locator> {
    locators().iter().copied().find(|l| l.structure() == structure)
}
