//! Where the plane lies in the patient.

use crate::volume::Affine;

/// Isocentre and directions, in RAS+ mm of the world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame(Affine);

impl Frame {
    /// The axial plane through a point.
    pub fn axial(isocentre: [f64; 3]) -> Self {
        let steps = [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        Self(Affine::from_columns(steps, isocentre))
    }

    /// World from frame: left, front, head.
    pub fn world(&self) -> &Affine {
        &self.0
    }

    pub fn isocentre(&self) -> [f64; 3] {
        self.0.apply([0.0; 3])
    }
}
