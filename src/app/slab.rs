//! Thick slices: what they are made of, and what they are called.

use crate::volume::Projection;

/// Slices thicker than the scan's own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slab {
    pub projection: Projection,
    /// In the geometry's unit.
    pub thickness: f64,
}

impl Slab {
    /// What a person can choose from, in the geometry's unit.
    pub const THICKNESSES: [f64; 5] = [5.0, 10.0, 20.0, 40.0, 80.0];
    pub const PROJECTIONS: [Projection; 3] =
        [Projection::Mean, Projection::Maximum, Projection::Minimum];

    /// "mean of 10 mm".
    pub fn text(self, unit: &str) -> String {
        format!("{} of {} {unit}", projection_name(self.projection), self.thickness)
    }

    /// Slices `distance` apart that it is made of.
    pub fn samples(self, distance: f64) -> u32 {
        (self.thickness / distance).round().clamp(1.0, 512.0) as u32
    }
}

pub fn projection_name(projection: Projection) -> &'static str {
    match projection {
        Projection::Mean => "mean",
        Projection::Maximum => "maximum",
        Projection::Minimum => "minimum",
    }
}
