//! Geometry, voxels and labels: the types that every other room speaks.
//!
//! Voxels lie x fastest, then y, then z, then time. World coordinates are millimetres in RAS+
//! (the NIfTI convention); DICOM's LPS+ is converted where a file is read or written.

mod block;
pub mod colormap;
mod colormap_tables;
mod distance;
mod geometry;
mod image;
mod label;
mod own_colors;
mod plane;
mod provenance;
mod section;
mod turn;

pub use block::Block;
pub use colormap::ColorMap;
pub use distance::squared_distance_transform;
pub use geometry::{Affine, Geometry, GeometryError, LengthUnit, Plane};
pub use image::{
    Modality, Notice, Severity, Source, Statistics, Volume, VolumeError, Voxels, Window, push_once,
};
pub use label::{Class, ClassKind, Label, LabelMap, LabelTable, Roi};
pub use own_colors::OwnColors;
pub use plane::PlaneView;
pub use provenance::{DicomFrame, DicomSource, Identity, IdentityElement};
pub use section::{Projection, Section};
pub use turn::{AxisCodes, Turn};
