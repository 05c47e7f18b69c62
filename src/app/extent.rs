//! What a mask's extent is called and measured in on an image.

use crate::volume::{Geometry, LengthUnit};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    AreaMm,
    AreaPixels,
    VolumeMm,
    VolumeVoxels,
}

impl Extent {
    pub fn of(geometry: &Geometry) -> Self {
        match (geometry.is_2d(), geometry.unit()) {
            (true, LengthUnit::Millimetre) => Self::AreaMm,
            (true, LengthUnit::Pixel) => Self::AreaPixels,
            (false, LengthUnit::Millimetre) => Self::VolumeMm,
            (false, LengthUnit::Pixel) => Self::VolumeVoxels,
        }
    }

    /// One voxel in [`Self::unit`].
    pub fn of_voxel(geometry: &Geometry) -> f64 {
        if geometry.is_2d() { geometry.pixel_area() } else { geometry.voxel_volume() }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::AreaMm | Self::AreaPixels => "area",
            Self::VolumeMm | Self::VolumeVoxels => "volume",
        }
    }

    pub fn unit(self) -> &'static str {
        match self {
            Self::AreaMm => "mm²",
            Self::AreaPixels => "px²",
            Self::VolumeMm => "mm³",
            Self::VolumeVoxels => "px³",
        }
    }

    /// The unit to read a size of about `mean` in, and how many of [`Self::unit`] it is:
    /// millilitres above 1 mL.
    pub fn readable(self, mean: f64) -> (&'static str, f64) {
        match self {
            Self::VolumeMm if mean >= 1000.0 => ("mL", 1000.0),
            _ => (self.unit(), 1.0),
        }
    }
}
