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
    /// Its place in a [`LabelMap`].
    pub value: u16,
    /// The number that the file calls it by, and that exports keep: FreeSurfer counts to 14175.
    pub number: u32,
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

    /// The same labels on another lattice, by the nearest voxel in world space; and how many
    /// labelled voxels have their centre outside of it.
    ///
    /// # Panics
    /// Never: what lies outside is background.
    pub fn resampled(&self, onto: &Geometry) -> (Self, usize) {
        let from = self.geometry.voxel_from_world().compose(onto.world_from_voxel());
        let mut out = Self::empty(onto.clone());
        let [nx, ny, _] = onto.shape();
        for (i, label) in out.labels.iter_mut().enumerate() {
            let target = [i % nx, i / nx % ny, i / nx / ny].map(|v| v as f64);
            if let Some(k) = nearest(&self.geometry, from.apply(target)) {
                *label = self.labels.get(k).copied().unwrap_or(0);
            }
        }
        let to = onto.voxel_from_world().compose(self.geometry.world_from_voxel());
        let [nx, ny, _] = self.geometry.shape();
        let outside = self
            .labels
            .iter()
            .enumerate()
            .filter(|(_, l)| **l != 0)
            .filter(|(i, _)| {
                let here = [i % nx, i / nx % ny, i / nx / ny].map(|v| v as f64);
                nearest(onto, to.apply(here)).is_none()
            })
            .count();
        (out, outside)
    }
}

/// Flat index of the voxel whose cell holds `p`; cells reach half a voxel around their centres.
fn nearest(geometry: &Geometry, p: [f64; 3]) -> Option<usize> {
    let shape = geometry.shape();
    let mut index = [0; 3];
    for ((slot, v), n) in index.iter_mut().zip(p).zip(shape) {
        // A hair's breadth of tolerance: cell borders that coincide must not flicker by rounding.
        let r = (v + 1e-6).round();
        if !(0.0..n as f64).contains(&r) {
            return None;
        }
        *slot = r as usize;
    }
    Some(index[0] + shape[0] * (index[1] + shape[1] * index[2]))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    fn lattice(shape: [usize; 3], steps: [f64; 3], origin: [f64; 3]) -> Geometry {
        let columns = [[steps[0], 0.0, 0.0], [0.0, steps[1], 0.0], [0.0, 0.0, steps[2]]];
        Geometry::new(shape, Affine::from_columns(columns, origin)).expect("valid")
    }

    #[test]
    fn a_mask_keeps_its_place_on_another_lattice() {
        // A mirrored, finer and shifted lattice over the same space.
        let coarse = lattice([4, 3, 2], [2.0, 2.0, 3.0], [10.0, -5.0, 7.0]);
        let fine = lattice([8, 6, 6], [-1.0, 1.0, 1.0], [16.5, -5.5, 6.0]);
        let mut mask = LabelMap::empty(coarse.clone());
        for (i, l) in mask.labels.iter_mut().enumerate() {
            *l = (i % 5) as u8;
        }
        let (there, outside) = mask.resampled(&fine);
        assert_eq!(outside, 0);
        for z in 0..6 {
            for y in 0..6 {
                for x in 0..8 {
                    let expected = mask.labels[(7 - x) / 2 + 4 * (y / 2 + 3 * (z / 3))];
                    assert_eq!(there.labels[x + 8 * (y + 6 * z)], expected, "{x} {y} {z}");
                }
            }
        }
        let (back, outside) = there.resampled(&coarse);
        assert_eq!((&back.labels, outside), (&mask.labels, 0));
    }

    #[test]
    fn what_lies_outside_is_counted() {
        let mut mask = LabelMap::empty(lattice([4, 1, 1], [1.0; 3], [0.0; 3]));
        mask.labels = vec![0, 1, 2, 3];
        let (part, outside) = mask.resampled(&lattice([2, 1, 1], [1.0; 3], [1.0, 0.0, 0.0]));
        assert_eq!((part.labels, outside), (vec![1, 2], 1));
        let (none, outside) = mask.resampled(&lattice([2, 1, 1], [1.0; 3], [50.0, 0.0, 0.0]));
        assert_eq!((none.labels, outside), (vec![0, 0], 3));
    }
}
