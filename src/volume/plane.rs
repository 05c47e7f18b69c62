//! How a slice across a voxel axis lies on the screen: radiological display (patient right on
//! screen left), head up, voxel axes never resampled.

use super::geometry::letters;
use super::{Geometry, Plane};

/// One of the three slicings of a volume along its own axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaneView {
    /// The voxel axis that the wheel walks along.
    pub axis: usize,
    /// Voxel axes that run along the screen's right and down directions.
    pub right: usize,
    pub down: usize,
    /// The axis index falls towards the right, or towards the bottom.
    pub flip_right: bool,
    pub flip_down: bool,
}

impl PlaneView {
    /// The slice across voxel `axis` (0 to 2). Without a known orientation rows and columns are
    /// shown as they are stored.
    pub fn across(geometry: &Geometry, axis: usize) -> Self {
        let axis = axis.min(2);
        if !geometry.orientation_known() {
            let (right, down) = [(1, 2), (0, 2), (0, 1)][axis];
            return Self { axis, right, down, flip_right: false, flip_down: false };
        }
        let directions = geometry.axis_directions();
        // World axis on the screen's right and down, with the sign that must grow there (RAS+).
        let ((world_right, sign_right), (world_down, sign_down)) = match geometry.plane_across(axis)
        {
            Plane::Axial => ((0, -1.0), (1, -1.0)),
            Plane::Coronal => ((0, -1.0), (2, -1.0)),
            Plane::Sagittal => ((1, -1.0), (2, -1.0)),
        };
        let find = |world: usize, sign: f64| {
            directions
                .iter()
                .enumerate()
                .find(|&(v, &(w, _))| v != axis && w == world)
                .map_or((0, false), |(v, &(_, s))| (v, s != sign))
        };
        let (right, flip_right) = find(world_right, sign_right);
        let (down, flip_down) = find(world_down, sign_down);
        Self { axis, right, down, flip_right, flip_down }
    }

    /// The same slice seen from the other side: neurological display where this is radiological.
    #[must_use]
    pub fn mirrored(mut self) -> Self {
        self.flip_right = !self.flip_right;
        self
    }

    /// Columns and rows on the screen.
    pub fn size(&self, geometry: &Geometry) -> [usize; 2] {
        let shape = geometry.shape();
        [shape[self.right], shape[self.down]]
    }

    /// Width and height of one screen pixel cell in the geometry's unit.
    pub fn spacing(&self, geometry: &Geometry) -> [f64; 2] {
        let spacing = geometry.spacing();
        [spacing[self.right], spacing[self.down]]
    }

    /// The voxel under a point of the slice, in columns and rows from its upper left corner.
    pub fn voxel(&self, geometry: &Geometry, slice: usize, at: [f64; 2]) -> Option<[usize; 3]> {
        let shape = geometry.shape();
        let [columns, rows] = self.size(geometry);
        if !(at[0] >= 0.0 && at[1] >= 0.0 && at[0] < columns as f64 && at[1] < rows as f64) {
            return None;
        }
        let (mut c, mut r) = (at[0] as usize, at[1] as usize);
        if self.flip_right {
            c = columns - 1 - c;
        }
        if self.flip_down {
            r = rows - 1 - r;
        }
        let mut voxel = [0; 3];
        voxel[self.axis] = slice.min(shape[self.axis] - 1);
        voxel[self.right] = c;
        voxel[self.down] = r;
        Some(voxel)
    }

    /// Where a voxel's centre lies in columns and rows from the upper left corner.
    pub fn position(&self, geometry: &Geometry, voxel: [usize; 3]) -> [f64; 2] {
        let [columns, rows] = self.size(geometry);
        let along = |index: usize, count: usize, flip: bool| {
            let i = index as f64 + 0.5;
            if flip { count as f64 - i } else { i }
        };
        [
            along(voxel[self.right], columns, self.flip_right),
            along(voxel[self.down], rows, self.flip_down),
        ]
    }

    /// Letters at the left, right, top and bottom edge, from the affine: components of at least
    /// 0.2, largest first, at most three.
    pub fn edge_letters(&self, geometry: &Geometry) -> Option<[String; 4]> {
        if !geometry.orientation_known() {
            return None;
        }
        let toward = |axis: usize, sign: f64| {
            letters(geometry.world_from_voxel().column(axis).map(|x| sign * x))
        };
        let right = if self.flip_right { -1.0 } else { 1.0 };
        let down = if self.flip_down { -1.0 } else { 1.0 };
        Some([
            toward(self.right, -right),
            toward(self.right, right),
            toward(self.down, -down),
            toward(self.down, down),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    fn geometries() -> Vec<Geometry> {
        let mut all = Vec::new();
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for flips in 0..8usize {
                let mut steps = [[0.0; 3]; 3];
                for (axis, &world) in order.iter().enumerate() {
                    steps[axis][world] = if flips >> axis & 1 == 1 { 1.5 } else { -2.0 };
                }
                let a = Affine::from_columns(steps, [3.0, -4.0, 5.0]);
                all.push(Geometry::new([4, 5, 6], a).expect("valid"));
            }
        }
        all
    }

    /// NAV-4, NAV-5: all 48 orientations show the same side of the patient on the same side.
    #[test]
    fn nav_5_patient_left_is_on_the_right_in_all_orientations() {
        for g in geometries() {
            for axis in 0..3 {
                let letters = PlaneView::across(&g, axis).edge_letters(&g).expect("known");
                let expected = match g.plane_across(axis) {
                    Plane::Axial => ["R", "L", "A", "P"],
                    Plane::Coronal => ["R", "L", "S", "I"],
                    Plane::Sagittal => ["A", "P", "S", "I"],
                };
                assert_eq!(letters, expected, "{} axis {axis}", g.orientation());
            }
        }
    }

    #[test]
    fn nav_2_a_voxel_maps_to_the_screen_and_back() {
        for g in geometries() {
            for axis in 0..3 {
                let p = PlaneView::across(&g, axis);
                for voxel in [[0, 0, 0], [3, 4, 5], [1, 2, 3]] {
                    let at = p.position(&g, voxel);
                    assert_eq!(p.voxel(&g, voxel[axis], at), Some(voxel));
                }
                assert_eq!(p.voxel(&g, 0, [-0.1, 0.0]), None);
                assert_eq!(p.voxel(&g, 0, [f64::NAN, 0.0]), None);
            }
        }
    }

    #[test]
    fn nav_4_an_oblique_axis_gets_two_letters_and_an_unknown_one_none() {
        let (s, c) = 30f64.to_radians().sin_cos();
        let steps = [[-c, -s, 0.0], [s, -c, 0.0], [0.0, 0.0, 1.0]];
        let g = Geometry::new([4, 4, 4], Affine::from_columns(steps, [0.0; 3])).expect("valid");
        let letters = PlaneView::across(&g, 2).edge_letters(&g).expect("known");
        assert_eq!(letters, ["RA", "LP", "AL", "PR"]);
        let g = g.with_orientation_known(false);
        assert_eq!(PlaneView::across(&g, 2).edge_letters(&g), None);
    }
}
