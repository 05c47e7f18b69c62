//! Which place of a slice each point of a view shows: zoom, pan, flips and swapped axes as one
//! affine map of the plane.

/// In-plane voxel coordinates (u, v) from points.
///
/// The in-plane axes of a slice across voxel axis 0 are (y, z), across 1 (x, z), across 2 (x, y).
/// Voxel centres lie at integers, so a slice covers -0.5 to n - 0.5. Points are egui points from
/// the left top corner of the view, y down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SliceMap {
    /// Rows u, v; columns x, y, 1.
    pub voxel_from_point: [[f64; 3]; 2],
}

impl SliceMap {
    /// The in-plane voxel axes (u, v) of a slice across `axis` (0, 1, 2).
    pub fn in_plane(axis: usize) -> [usize; 2] {
        match axis {
            0 => [1, 2],
            1 => [0, 2],
            _ => [0, 1],
        }
    }

    /// The whole slice, centred, as large as it fits into `size` points.
    ///
    /// `extent` (voxels) and `spacing` belong to (u, v). With `swap` u runs down and v to the
    /// right; `flip` then mirrors the screen [left-right, up-down]. Sizes that are not positive
    /// are taken as 1.
    pub fn fit(
        size: [f64; 2],
        extent: [usize; 2],
        spacing: [f64; 2],
        swap: bool,
        flip: [bool; 2],
    ) -> Self {
        let positive = |v: f64| if v.is_finite() && v > 0.0 { v } else { 1.0 };
        let (size, spacing) = (size.map(positive), spacing.map(positive));
        let extent = extent.map(|n| n.max(1) as f64);
        // The in-plane axis that runs along screen x, and along screen y.
        let along = if swap { [1, 0] } else { [0, 1] };
        let length = along.map(|a| extent[a] * spacing[a]);
        let units_per_point = (length[0] / size[0]).max(length[1] / size[1]);
        let mut m = [[0.0; 3]; 2];
        for screen in 0..2 {
            let a = along[screen];
            let step = units_per_point / spacing[a] * if flip[screen] { -1.0 } else { 1.0 };
            m[a][screen] = step;
            m[a][2] = 0.5 * (extent[a] - 1.0) - step * 0.5 * size[screen];
        }
        Self { voxel_from_point: m }
    }

    fn determinant(&self) -> f64 {
        let [u, v] = &self.voxel_from_point;
        u[0] * v[1] - u[1] * v[0]
    }

    /// The geometric mean of the magnification along both axes.
    pub fn points_per_voxel(&self) -> f64 {
        self.determinant().abs().sqrt().recip()
    }

    pub fn voxel_at(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        self.voxel_from_point.map(|r| r[0] * x + r[1] * y + r[2])
    }

    /// `None` only if the map is singular.
    pub fn point_at(&self, voxel: [f64; 2]) -> Option<[f64; 2]> {
        let det = self.determinant();
        if det == 0.0 || !det.is_finite() {
            return None;
        }
        let [u, v] = &self.voxel_from_point;
        let (a, b) = (voxel[0] - u[2], voxel[1] - v[2]);
        Some([(v[1] * a - u[1] * b) / det, (u[0] * b - v[0] * a) / det])
    }

    /// `factor` > 1 magnifies; what lies at `point` stays there.
    #[must_use]
    pub fn zoomed(self, factor: f64, point: [f64; 2]) -> Self {
        let fixed = self.voxel_at(point);
        let mut m = self.voxel_from_point;
        for (row, f) in m.iter_mut().zip(fixed) {
            row[0] /= factor;
            row[1] /= factor;
            row[2] = f - row[0] * point[0] - row[1] * point[1];
        }
        Self { voxel_from_point: m }
    }

    /// The picture moves by `delta` points.
    #[must_use]
    pub fn panned(self, delta: [f64; 2]) -> Self {
        let mut m = self.voxel_from_point;
        for row in &mut m {
            row[2] -= row[0] * delta[0] + row[1] * delta[1];
        }
        Self { voxel_from_point: m }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: [f64; 2], b: [f64; 2]) {
        assert!((a[0] - b[0]).abs() < 1e-9 && (a[1] - b[1]).abs() < 1e-9, "{a:?} {b:?}");
    }

    #[test]
    fn fitting_shows_the_whole_slice_in_its_middle() {
        // 10 x 20 voxels of 2 x 1 mm is a square of 20 mm: 5 points per mm in 200 x 100 points.
        let m = SliceMap::fit([200.0, 100.0], [10, 20], [2.0, 1.0], false, [false; 2]);
        close(m.voxel_at([50.0, 0.0]), [-0.5, -0.5]);
        close(m.voxel_at([150.0, 100.0]), [9.5, 19.5]);
        assert!((m.points_per_voxel() - 50f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn swapping_and_flipping_move_the_corners() {
        let m = SliceMap::fit([100.0, 200.0], [4, 2], [1.0, 1.0], true, [false, true]);
        // u runs up, v to the right.
        close(m.voxel_at([0.0, 0.0]), [3.5, -0.5]);
        close(m.voxel_at([100.0, 200.0]), [-0.5, 1.5]);
    }

    #[test]
    fn zooming_keeps_the_point_and_panning_carries_it() {
        let m = SliceMap::fit([120.0, 90.0], [31, 17], [0.7, 1.3], true, [true, false]);
        let p = [33.0, 71.0];
        let z = m.zoomed(2.5, p);
        close(z.voxel_at(p), m.voxel_at(p));
        assert!((z.points_per_voxel() / m.points_per_voxel() - 2.5).abs() < 1e-9);
        close(z.panned([4.0, -9.0]).voxel_at([37.0, 62.0]), z.voxel_at(p));
        close(z.point_at(z.voxel_at([5.0, 6.0])).expect("regular"), [5.0, 6.0]);
        assert_eq!(SliceMap { voxel_from_point: [[0.0; 3]; 2] }.point_at([1.0, 1.0]), None);
    }
}
