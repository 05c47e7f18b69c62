//! Correcting a mask: an editable label layer with its history, and the tools that change it.
//!
//! Nothing here knows a window. A tool is a function from labels (and image values) to a
//! [`Selection`] or to new labels of a block; [`Editor`] puts that into the layer under one [`Rule`] and
//! keeps what it takes to undo it. Lengths are in the unit of the lattice: millimetres, or pixels
//! where no spacing is known. Distances are those of the patient, on anisotropic and oblique
//! lattices too.

pub mod brush;
mod components;
mod distance;
mod editor;
pub mod fill;
pub mod grow;
mod history;
pub mod interpolate;
pub mod islands;
mod labels;
mod lattice;
mod layer;
pub mod logic;
pub mod margin;
pub mod outline;
mod patch;
mod rule;
pub mod seeds;
mod selection;
pub mod smooth;
#[cfg(test)]
mod tests;
pub mod threshold;

pub use components::{Connectivity, part_at};
pub use editor::{Done, Editor};
pub use history::{BUDGET, KEPT_STEPS};
pub use labels::{EditLabel, Status, clean_name, fresh_color};
pub use lattice::Lattice;
pub use layer::{Layer, Proposal};
pub use patch::Patch;
pub use rule::{PaintOver, Rule, Values};
pub use selection::Selection;
