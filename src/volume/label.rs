//! Label maps, the names and colours of labels, and regions of interest.

use super::Geometry;
use serde::{Deserialize, Serialize};

/// What one mask channel of a model means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    pub name: String,
    /// Value in a label map, 1 or more.
    pub label: u8,
    /// Display colour, sRGB.
    pub color: [u8; 3],
}

/// How the mask channels of a model relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassKind {
    /// Each region contains the following ones (optic disc ⊇ cup): a label map holds the innermost.
    Regions,
    /// At most one class per voxel.
    Exclusive,
}

/// One entry of a [`LabelTable`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    pub value: u16,
    pub name: String,
    pub color: [u8; 3],
}

/// Names and colours of the values of a label map; 0 is background and not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelTable(pub Vec<Label>);

/// One label per voxel, x fastest, 0 = background.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelMap {
    pub geometry: Geometry,
    pub labels: Vec<u8>,
}

impl LabelMap {
    pub fn empty(geometry: Geometry) -> Self {
        let n = geometry.voxel_count();
        Self { geometry, labels: vec![0; n] }
    }
}

/// A rectangle of pixels, the same in every slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roi {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

impl Roi {
    /// The whole slice.
    pub fn full(geometry: &Geometry) -> Self {
        let [width, height, _] = geometry.shape();
        Self { x: 0, y: 0, width, height }
    }

    /// Whether it is not empty and lies inside the slices of `geometry`.
    pub fn fits(&self, geometry: &Geometry) -> bool {
        let [w, h, _] = geometry.shape();
        self.width > 0
            && self.height > 0
            && self.x.checked_add(self.width).is_some_and(|r| r <= w)
            && self.y.checked_add(self.height).is_some_and(|b| b <= h)
    }
}
