//! A slice as a picture with things drawn on it, without a graphics device: for reports and films.

use super::{Picture, PlaneView};
use crate::volume::{Block, Geometry, Volume, Window};

/// Where the texels of a picture lie in a scan.
pub struct Sheet {
    /// Of each texel, row by row.
    voxels: Vec<Option<[usize; 3]>>,
    width: usize,
    height: usize,
}

/// A sheet with the image on it.
pub struct Sheeted {
    pub sheet: Sheet,
    pub image: Picture,
}

/// How an outline is drawn: by dashes, so that grey tells as much as colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    Solid,
    Dashed,
    Dotted,
}

impl Dash {
    fn draws(self, i: usize, j: usize) -> bool {
        match self {
            Self::Solid => true,
            Self::Dashed => (i + j) % 8 < 5,
            Self::Dotted => (i + j).is_multiple_of(3),
        }
    }
}

impl Sheet {
    /// The part of a slice across `axis` that `block` covers, lying as the view shows it, on square
    /// texels; its longer side has `longest` of them.
    pub fn new(
        geometry: &Geometry,
        (axis, slice): (usize, usize),
        block: &Block,
        longest: usize,
    ) -> Self {
        let plane = PlaneView::across(geometry, axis);
        let [across, down] = plane.spacing(geometry);
        let corner = |far: bool| {
            let mut voxel = block.origin;
            for (v, shape) in voxel.iter_mut().zip(block.shape) {
                *v += if far { shape.saturating_sub(1) } else { 0 };
            }
            plane.position(geometry, voxel)
        };
        let (a, b) = (corner(false), corner(true));
        let low = [0, 1].map(|i| a[i].min(b[i]) - 0.5);
        let size = [0, 1].map(|i| (a[i] - b[i]).abs() + 1.0);
        let (wide, high) = (size[0] * across, size[1] * down);
        let texels = |length: f64| {
            let n = (longest as f64 * length / wide.max(high)).round();
            (n as usize).clamp(1, longest.max(1))
        };
        let (width, height) = (texels(wide), texels(high));
        let mut voxels = Vec::with_capacity(width * height);
        for j in 0..height {
            for i in 0..width {
                let column = low[0] + (i as f64 + 0.5) * size[0] / width as f64;
                let row = low[1] + (j as f64 + 0.5) * size[1] / height as f64;
                voxels.push(plane.voxel(geometry, slice, [column, row]));
            }
        }
        Self { voxels, width, height }
    }

    /// The image in a window of grey values.
    pub fn image(&self, volume: &Volume, time: usize, window: Window) -> Picture {
        let grey = |voxel: Option<[usize; 3]>, c: usize| {
            let channel = if volume.channels() == 3 { c } else { 0 };
            let grey = voxel.map_or(0.0, |v| window.grey(volume.value(v, time, channel)));
            let grey = if volume.inverted { 1.0 - grey } else { grey };
            (grey * 255.0).round() as u8
        };
        let rgb = self.voxels.iter().flat_map(|&v| [0, 1, 2].map(|c| grey(v, c))).collect();
        Picture { width: self.width, height: self.height, rgb }
    }

    /// Lays a colour over each texel, where there is one, as strongly as it says, 0 to 1.
    pub fn tint(&self, picture: &mut Picture, of: impl Fn([usize; 3]) -> Option<([u8; 3], f32)>) {
        for (texel, voxel) in picture.rgb.chunks_exact_mut(3).zip(&self.voxels) {
            let Some((color, alpha)) = voxel.and_then(&of) else { continue };
            for (t, c) in texel.iter_mut().zip(color) {
                let over = f32::from(*t) * (1.0 - alpha) + f32::from(c) * alpha;
                *t = over.round().clamp(0.0, 255.0) as u8;
            }
        }
    }

    /// The texels along the inner edge of what is inside.
    pub fn outline(
        &self,
        picture: &mut Picture,
        (color, dash): ([u8; 3], Dash),
        inside: impl Fn([usize; 3]) -> bool,
    ) {
        let inside: Vec<bool> = self.voxels.iter().map(|v| v.is_some_and(&inside)).collect();
        let (w, h) = (self.width, self.height);
        for j in 0..h {
            for i in 0..w {
                let k = j * w + i;
                let left = i == 0 || !inside[k - 1];
                let right = i + 1 == w || !inside[k + 1];
                let up = j == 0 || !inside[k - w];
                let down = j + 1 == h || !inside[k + w];
                if inside[k] && (left || right || up || down) && dash.draws(i, j) {
                    picture.rgb[3 * k..3 * k + 3].copy_from_slice(&color);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Voxels;

    #[test]
    fn a_sheet_shows_its_block_and_draws_where_it_should() {
        let g = Geometry::picture(20, 10, 1).unwrap();
        let values = (0..200).map(|i| (i % 20 * 12) as u8).collect();
        let volume = Volume::new(g.clone(), 1, Voxels::U8(values)).unwrap();
        let block = Block { origin: [5, 2, 0], shape: [10, 5, 1] };
        let sheet = Sheet::new(&g, (2, 0), &block, 10);
        assert_eq!([sheet.width, sheet.height], [10, 5]);
        let mut picture = sheet.image(&volume, 0, volume.default_window());
        let row: Vec<u8> = (0..10).map(|i| picture.rgb[3 * i]).collect();
        assert!(row.windows(2).all(|w| w[0] < w[1]), "{row:?}");
        sheet.tint(&mut picture, |v| (v == [6, 2, 0]).then_some(([255, 0, 0], 1.0)));
        assert_eq!(&picture.rgb[3..6], [255, 0, 0]);
        let square = |[x, y, _]: [usize; 3]| (7..12).contains(&x) && (2..6).contains(&y);
        sheet.outline(&mut picture, ([0, 255, 0], Dash::Solid), square);
        let green = |k: usize| picture.rgb[3 * k..3 * k + 3] == [0, 255, 0];
        // 5 x 4 texels, of which 3 x 2 lie within.
        assert_eq!((0..50).filter(|&k| green(k)).count(), 14);
        assert!(!green(13) && green(2) && green(12));
    }
}
