//! Small pictures of slices for start screen, series list and progress, as plain RGB.

use super::PlaneView;
use super::axis::best_axis;
use crate::volume::{Volume, Window};

/// A slice in its default window, on square texels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// `[height, width, 3]`.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// The whole middle slice, lying as the view will show it; its longer side has `longest`
    /// texels.
    pub(super) fn whole(volume: &Volume, longest: usize) -> Self {
        let g = volume.geometry();
        let axis = best_axis(volume);
        let plane = PlaneView::across(g, axis);
        let ([columns, rows], [across, down]) = (plane.size(g), plane.spacing(g));
        let (wide, high) = (columns as f64 * across, rows as f64 * down);
        let texels = |length: f64| {
            let n = (longest as f64 * length / wide.max(high)).round();
            // Never empty and never larger, whatever the spacing says.
            (n as usize).clamp(1, longest.max(1))
        };
        let (width, height) = (texels(wide), texels(high));
        let slice = g.shape()[axis] / 2;
        let at = |i: usize, j: usize| {
            let column = (i as f64 + 0.5) * columns as f64 / width as f64;
            let row = (j as f64 + 0.5) * rows as f64 / height as f64;
            plane.voxel(g, slice, [column, row])
        };
        Self::draw(volume, width, height, at)
    }

    /// The middle of the middle slice, cut so that it fills `width` x `height` texels.
    pub(super) fn filling(volume: &Volume, width: usize, height: usize) -> Self {
        let [nx, ny, nz] = volume.geometry().shape();
        let spacing = volume.geometry().spacing();
        // Voxels per texel: the smaller extent fills the picture.
        let step =
            (nx as f64 * spacing[0] / width as f64).min(ny as f64 * spacing[1] / height as f64);
        let place = |i: usize, size: usize, n: usize, spacing: f64| {
            let x = (i as f64 + 0.5 - size as f64 / 2.0) * step / spacing + n as f64 / 2.0;
            (x.max(0.0) as usize).min(n - 1)
        };
        Self::draw(volume, width, height, |i, j| {
            Some([place(i, width, nx, spacing[0]), place(j, height, ny, spacing[1]), nz / 2])
        })
    }

    fn draw(
        volume: &Volume,
        width: usize,
        height: usize,
        at: impl Fn(usize, usize) -> Option<[usize; 3]>,
    ) -> Self {
        let window: Window = volume.default_window();
        let time = volume.middle_time();
        let mut rgb = Vec::with_capacity(width * height * 3);
        for j in 0..height {
            for i in 0..width {
                let voxel = at(i, j);
                for c in 0..3 {
                    let channel = if volume.channels() == 3 { c } else { 0 };
                    let grey = voxel.map_or(0.0, |v| window.grey(volume.value(v, time, channel)));
                    let grey = if volume.inverted { 1.0 - grey } else { grey };
                    rgb.push((grey * 255.0).round() as u8);
                }
            }
        }
        Self { width, height, rgb }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{Affine, Geometry, Voxels};

    #[test]
    fn a_slice_keeps_its_true_shape_and_lies_as_the_view_shows_it() {
        // 4 x 2 voxels of 1 x 4 mm: 4 mm wide, 8 mm high. RAS: x must be flipped on the screen.
        let columns = [[1.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 1.0]];
        let g = Geometry::new([4, 2, 1], Affine::from_columns(columns, [0.0; 3])).expect("valid");
        let v = Volume::new(g, 1, Voxels::U8(vec![0, 0, 0, 0, 255, 0, 0, 0])).expect("fits");
        let p = Picture::whole(&v, 16);
        assert_eq!((p.width, p.height, p.rgb.len()), (8, 16, 8 * 16 * 3));
        // Voxel (0, 1) lies furthest to the patient's left and in front: right and up on screen.
        let bright: Vec<usize> = (0..8 * 16).filter(|i| p.rgb[3 * i] == 255).collect();
        assert!(bright.iter().all(|i| i % 8 >= 6 && i / 8 < 8), "{bright:?}");
        assert_eq!(bright.len(), 2 * 8);
    }
}
