//! Measuring on an image and on a mask: lengths, angles, areas, values, and the ratios that people ask of
//! certain structures. Everything is computed in the patient, from the lattice; where no spacing is
//! known the unit is the pixel, and every reading says so.

mod label;
mod ratio;
mod shape;
mod values;

pub use label::{LabelReading, label_reading};
pub use ratio::{HeadEllipse, cup_to_disc, head_ellipse};
pub use shape::{Kind, Reading, Shape};
pub use values::ValueStatistics;
