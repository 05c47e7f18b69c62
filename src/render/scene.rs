//! What a view shows: keys of images and layers, boxes of voxels, styles of the overlays.

use super::{ColorMap, SliceMap};
use crate::volume::{Projection, Window};
use std::sync::Arc;

/// Key of an image on the graphics device, chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageId(pub u64);

/// Key of an overlay of one image; label maps and heat maps are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LayerId(pub u32);

/// How the image is sampled between voxel centres. Labels and heat maps are always nearest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interpolation {
    Nearest,
    /// Bilinear in the slice; where the picture is shown smaller than it is, the mean of up to
    /// 4 x 4 samples per pixel.
    #[default]
    Linear,
}

/// The sRGB colour and opacity of every label value. Entry 0 (background) is never drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette(pub [[u8; 4]; 256]);

impl Palette {
    /// Opaque colours. Values that are not listed become magenta, so that nothing is hidden by
    /// mistake; set an alpha of 0 to hide a label.
    pub fn new(labels: impl IntoIterator<Item = (u8, [u8; 3])>) -> Self {
        let mut table = [[255, 0, 255, 255]; 256];
        for (label, [r, g, b]) in labels {
            table[usize::from(label)] = [r, g, b, 255];
        }
        Self(table)
    }
}

/// How a label map is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelStyle {
    pub layer: LayerId,
    pub palette: Arc<Palette>,
    /// Opacity of the fill, 0 to 1.
    pub fill: f32,
    /// Width of the outline in points, inside the label; 0 = none, else at least one pixel.
    pub outline: f32,
    /// 0 to 1.
    pub outline_opacity: f32,
}

/// How a heat map is drawn: alpha = value / `max` · `opacity`, so exactly 0 is transparent.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatStyle {
    pub layer: LayerId,
    /// End of the fixed scale, more than 0: 0.25 for a variance, 1 for an entropy, N for a count.
    pub max: f32,
    /// 0 to 1.
    pub opacity: f32,
    pub map: ColorMap,
}

/// A cut that runs between the voxels, or a thick one. The image is interpolated in space; labels and
/// heat are those of the middle of a thick slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// Voxel coordinates (centres at integers) from points of the view: rows x, y, z; columns x, y, 1.
    pub voxel_from_point: [[f64; 3]; 3],
    /// Voxels from one sample of a thick slice to the next, and how many there are, 1 to 512.
    pub step: [f64; 3],
    pub samples: u32,
    pub projection: Projection,
}

/// What a view shows of its image where another picture lies beneath and shows through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Over {
    /// The image in colours: unseen up to the lower end of the window, of full opacity (0 to 1) from
    /// a quarter of its width on. A colour picture keeps its colours, all of the same opacity.
    Image { map: ColorMap, opacity: f32 },
    /// Heat map and labels without the image.
    Layers,
}

/// One view of one slice. Drawn from below: image, heat map, label fill, label outline.
#[derive(Clone, Debug, PartialEq)]
pub struct SlicePaint {
    /// Different for every view of a frame, the same from frame to frame.
    pub view: u64,
    pub image: ImageId,
    /// The voxel axis (0, 1, 2) across which the slice lies, and where; taken into the image.
    pub axis: usize,
    pub index: usize,
    pub map: SliceMap,
    /// Instead of `axis`, `index` and `map`.
    pub cut: Option<Cut>,
    /// Where the cut lies in space: its depth is 0 · x + 1 · y + 2 over points, and what has less than 3
    /// is cut away. Only for [`super::SpacePaint`].
    pub in_space: Option<[f64; 4]>,
    /// In rescaled units, `LINEAR_EXACT`; for colour pictures it holds for each channel.
    pub window: Window,
    /// The caller combines its own switch with [`crate::volume::Volume::inverted`].
    pub invert: bool,
    /// Of a grey image. Where a heat map is drawn the image is grey: two scales of colour in one picture
    /// cannot be read.
    pub colors: Option<ColorMap>,
    pub interpolation: Interpolation,
    /// Beyond the image.
    pub background: [u8; 3],
    /// Drawn over another picture, without a background. An image in colours has no heat map.
    pub over: Option<Over>,
    pub heat: Option<HeatStyle>,
    pub labels: Option<LabelStyle>,
}

/// Key of a surface on the graphics device, chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MeshId(pub u64);

/// One view in space, by parallel projection.
#[derive(Clone, Debug, PartialEq)]
pub struct SpacePaint {
    /// Different for every view of a frame, slices included.
    pub view: u64,
    /// From world coordinates: points to the right and down from the view's corner, and the depth, 0
    /// nearest to 1 farthest.
    pub rows: [[f64; 4]; 3],
    /// The direction of sight in the world, of length 1.
    pub away: [f64; 3],
    /// What has a smaller depth is cut away.
    pub clip: f64,
    /// Slices that have a place in space: [`SlicePaint::in_space`].
    pub slices: Vec<SlicePaint>,
    pub meshes: Vec<MeshId>,
    /// An image that is seen through, before what lies behind.
    pub ray: Option<RayPaint>,
    pub background: [u8; 3],
}

/// Colour (sRGB) and opacity per unit of length, 0 to 1, over the window's values from below to above.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferTable(pub [([u8; 3], f32); 256]);

/// An image of one channel, seen through. Parallel rays; values between voxels are interpolated.
#[derive(Clone, Debug, PartialEq)]
pub struct RayPaint {
    pub image: ImageId,
    /// Voxel coordinates (centres at integers) from points and depth of the view: rows x, y, z; columns
    /// x, y, depth, 1.
    pub voxel_from_view: [[f64; 4]; 3],
    /// Voxels from a world coordinate, without its origin: turns gradients into the world.
    pub voxel_from_world: [[f64; 3]; 3],
    /// Depth from one sample of a ray to the next, and the length of that in units of the opacities.
    pub step: f64,
    pub step_length: f64,
    /// The values that the table reaches over, in rescaled units.
    pub window: Window,
    pub table: Arc<TransferTable>,
    /// The greatest value of each ray alone.
    pub maximum: bool,
}

impl SlicePaint {
    /// Points of the view that the slice of an image of this shape covers at most: left, top,
    /// right, bottom; `None` if the map is singular, or where the whole view may be covered.
    pub(super) fn extent(&self, shape: [usize; 3]) -> Option<[f64; 4]> {
        if self.cut.is_some() {
            return None;
        }
        let [u, v] = SliceMap::in_plane(self.axis.min(2));
        let ends = |n: usize| [-0.5, n as f64 - 0.5];
        let mut out = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for a in ends(shape[u]) {
            for b in ends(shape[v]) {
                let [x, y] = self.map.point_at([a, b])?;
                if !(x.is_finite() && y.is_finite()) {
                    return None;
                }
                out = [out[0].min(x), out[1].min(y), out[2].max(x), out[3].max(y)];
            }
        }
        Some(out)
    }

    /// Samples per pixel and axis, 1 to 4: more where several voxels fall into one pixel.
    pub(super) fn taps(&self, pixels_per_point: f64) -> i32 {
        let length = |column: usize| match &self.cut {
            Some(cut) => cut.voxel_from_point.iter().map(|r| r[column].powi(2)).sum::<f64>().sqrt(),
            None => {
                self.map.voxel_from_point[0][column].hypot(self.map.voxel_from_point[1][column])
            }
        };
        let step = length(0).max(length(1)) / pixels_per_point;
        if self.interpolation == Interpolation::Linear && step > 1.25 {
            (step.ceil() as i32).clamp(2, 4)
        } else {
            1
        }
    }
}

impl Cut {
    pub(super) fn samples(&self) -> u32 {
        self.samples.clamp(1, 512)
    }
}

impl LabelStyle {
    /// Width of the outline in pixels of the target.
    pub(super) fn outline_pixels(&self, pixels_per_point: f32) -> f32 {
        if self.outline > 0.0 { (self.outline * pixels_per_point).round().max(1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extent_holds_the_whole_slice() {
        let map = SliceMap::fit([200.0, 100.0], [10, 20], [2.0, 1.0], false, [true, false]);
        let mut paint = SlicePaint {
            view: 0,
            image: ImageId(0),
            axis: 2,
            index: 0,
            map,
            cut: None,
            in_space: None,
            window: Window { center: 0.0, width: 1.0 },
            invert: false,
            colors: None,
            interpolation: Interpolation::Linear,
            background: [0; 3],
            over: None,
            heat: None,
            labels: None,
        };
        let extent = paint.extent([10, 20, 3]).expect("regular");
        for (found, expected) in extent.into_iter().zip([50.0, 0.0, 150.0, 100.0]) {
            assert!((found - expected).abs() < 1e-9, "{extent:?}");
        }
        paint.map = SliceMap { voxel_from_point: [[0.0; 3]; 2] };
        assert_eq!(paint.extent([10, 20, 3]), None);
    }
}
