//! How the 3-D pane is looked at: turned, zoomed, cut open.

use crate::volume::{Geometry, Plane};

/// What the colour of a surface tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SurfaceColor {
    #[default]
    Label,
    /// How far the outlines of the samples lie apart, on a fixed scale.
    Disagreement,
}

/// What is seen through, by which of the presets of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Through {
    /// The image over the open one, not the open one.
    pub over: bool,
    pub preset: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpaceView {
    /// Rows: the patient's directions (RAS+) of the screen's right, down, and away from the eye.
    pub turn: [[f64; 3]; 3],
    /// Magnification relative to "the whole fits".
    pub zoom: f64,
    /// Shift of the picture, in the geometry's unit.
    pub pan: [f64; 2],
    /// How much of the depth is cut away from the front, 0 to 1.
    pub clip: f64,
    pub slices: bool,
    pub surfaces: bool,
    pub color: SurfaceColor,
    /// An image is seen through.
    pub scan: Option<Through>,
}

impl Default for SpaceView {
    fn default() -> Self {
        // From the front and a little from above and the side: patient right on screen left.
        let mut view = Self {
            turn: [[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, -1.0, 0.0]],
            zoom: 1.0,
            pan: [0.0; 2],
            clip: 0.0,
            slices: true,
            surfaces: true,
            color: SurfaceColor::Label,
            scan: None,
        };
        view.orbit([0.45, 0.35]);
        view
    }
}

impl SpaceView {
    /// The end of the scale of disagreement, in mm: fixed, never stretched to the data.
    pub const MOST_SPREAD_MM: f32 = 4.0;

    /// Straight onto a plane, as it lies in its own pane.
    pub fn look_at(&mut self, plane: Plane) {
        self.turn = match plane {
            Plane::Axial => [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]],
            Plane::Coronal => [[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, -1.0, 0.0]],
            Plane::Sagittal => [[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]],
        };
    }

    /// Turns what is seen by angles about the screen's vertical and horizontal axes, in radians, as if
    /// it were dragged.
    pub fn orbit(&mut self, [horizontal, vertical]: [f64; 2]) {
        let [right, down, away] = self.turn;
        let mix = |a: [f64; 3], b: [f64; 3], angle: f64| {
            let (s, c) = angle.sin_cos();
            let along = |p: f64, q: f64, k: usize| p * a[k] + q * b[k];
            let first: [f64; 3] = std::array::from_fn(|k| along(c, s, k));
            let second: [f64; 3] = std::array::from_fn(|k| along(-s, c, k));
            (first, second)
        };
        let (right, away) = mix(right, away, horizontal);
        let (down, away) = mix(down, away, vertical);
        self.turn = upright([right, down, away]);
    }

    /// Distance along the view, points of the screen per unit: what is needed to draw. Rows right,
    /// down (units from the middle of the volume) and depth (0 nearest to 1 farthest), from the world.
    pub fn rows(&self, geometry: &Geometry) -> [[f64; 4]; 3] {
        let (centre, radius) = sphere(geometry);
        std::array::from_fn(|i| {
            let [x, y, z] = self.turn[i];
            let at = x * centre[0] + y * centre[1] + z * centre[2];
            match i {
                2 => {
                    let k = 0.5 / radius;
                    [x * k, y * k, z * k, 0.5 - at * k]
                }
                _ => [x, y, z, self.pan[i] - at],
            }
        })
    }

    pub(super) fn is_usable(&self) -> bool {
        let numbers = self.turn.iter().flatten().chain(&self.pan).chain([&self.zoom, &self.clip]);
        numbers.into_iter().all(|v| v.is_finite()) && self.zoom > 0.0
    }
}

/// The middle of a volume and the distance of its farthest corner, in the world.
pub fn sphere(geometry: &Geometry) -> ([f64; 3], f64) {
    let shape = geometry.shape();
    let to_world = geometry.world_from_voxel();
    let centre = to_world.apply(shape.map(|n| (n as f64 - 1.0) / 2.0));
    let far =
        (0..8usize).map(|corner| {
            let voxel = std::array::from_fn(|a| {
                if corner >> a & 1 == 1 { shape[a] as f64 - 0.5 } else { -0.5 }
            });
            let p = to_world.apply(voxel);
            (0..3).map(|a| (p[a] - centre[a]).powi(2)).sum::<f64>().sqrt()
        });
    (centre, far.fold(f64::MIN_POSITIVE, f64::max))
}

/// Three directions made exactly perpendicular again, so that turning a thousand times bends nothing.
fn upright([a, b, c]: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let unit = |v: [f64; 3]| v.map(|x| x / dot(v, v).sqrt());
    let a = unit(a);
    let b = unit(std::array::from_fn(|k| b[k] - dot(a, b) * a[k]));
    let side =
        dot(a, [b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]]);
    let cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    [a, b, cross.map(|x| x * side.signum())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    #[test]
    fn turning_keeps_directions_perpendicular_and_handed() {
        let mut view = SpaceView::default();
        let det = |m: [[f64; 3]; 3]| {
            m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
                - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
                + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
        };
        let before = det(view.turn);
        // Right, down and away are right-handed, and so is RAS.
        assert!((before - 1.0).abs() < 1e-9, "{before}");
        for k in 0..5000 {
            view.orbit([0.01 * f64::from(k % 7), -0.013 * f64::from(k % 5)]);
        }
        assert!((det(view.turn) - before).abs() < 1e-9);
        for plane in [Plane::Axial, Plane::Coronal, Plane::Sagittal] {
            view.look_at(plane);
            assert!((det(view.turn) - 1.0).abs() < 1e-9, "{plane:?} is not a mirror image");
        }
    }

    #[test]
    fn the_whole_volume_lies_between_the_ends_of_depth() {
        let steps = [[-1.0, 0.2, 0.0], [0.0, -1.5, 0.4], [0.3, 0.0, 2.0]];
        let g = Geometry::new([30, 20, 10], Affine::from_columns(steps, [9.0, 8.0, 7.0]));
        let g = g.expect("valid");
        let rows = SpaceView::default().rows(&g);
        for corner in 0..8usize {
            let voxel = std::array::from_fn(|a| {
                if corner >> a & 1 == 1 { g.shape()[a] as f64 - 0.5 } else { -0.5 }
            });
            let p = g.world_from_voxel().apply(voxel);
            let depth = rows[2][0] * p[0] + rows[2][1] * p[1] + rows[2][2] * p[2] + rows[2][3];
            assert!((-1e-9..=1.0 + 1e-9).contains(&depth), "{depth}");
        }
    }
}
