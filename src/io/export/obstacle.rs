//! Why an image cannot be expressed in a format.

use super::frame::Planes;
use crate::volume::{Geometry, Source};

pub(super) const NO_FRAME: &str =
    "contours need a frame of reference, which the source does not have; write SEG instead";

/// Why SEG cannot express an image, if it cannot.
pub fn seg_obstacle(geometry: &Geometry, source: &Source) -> Option<String> {
    Planes::of(geometry, source).err()
}

/// Why an RT Structure Set cannot express an image, if it cannot.
pub fn rtstruct_obstacle(geometry: &Geometry, source: &Source) -> Option<String> {
    match Planes::of(geometry, source) {
        Err(why) => Some(why),
        Ok(p) if p.frame_of_reference_uid.is_none() => Some(NO_FRAME.into()),
        Ok(_) => None,
    }
}
