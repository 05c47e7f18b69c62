//! The uniform block of `shaders/slice.wgsl`, made from a [`SlicePaint`].

use super::{Block, Over, Palette, SlicePaint, colormap};
use bytemuck::{Pod, Zeroable};

/// What a view needs of the shader: the pipeline-overridable constants of `shaders/slice.wgsl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Features {
    linear: bool,
    minified: bool,
    rgb: bool,
    labels: bool,
    outline: bool,
    heat: bool,
    srgb_target: bool,
    cut: bool,
    projection: super::Projection,
    colored: bool,
    over_image: bool,
    over_layers: bool,
    pub(super) space: bool,
}

impl Features {
    /// Whether what lies beneath shows through.
    pub(super) fn blended(self) -> bool {
        self.over_image || self.over_layers
    }

    pub(super) fn constants(self) -> [(&'static str, f64); 14] {
        use super::Projection::{Maximum, Minimum};
        [
            ("LINEAR", self.linear),
            ("MINIFIED", self.minified),
            ("RGB", self.rgb),
            ("LABELS", self.labels),
            ("OUTLINE", self.outline),
            ("HEAT", self.heat),
            ("SRGB_TARGET", self.srgb_target),
            ("CUT", self.cut),
            ("SPACE", self.space),
            ("COLORED", self.colored),
            ("OVER_IMAGE", self.over_image),
            ("OVER_LAYERS", self.over_layers),
            ("MAXIMUM", self.cut && self.projection == Maximum),
            ("MINIMUM", self.cut && self.projection == Minimum),
        ]
        .map(|(name, on)| (name, f64::from(u8::from(on))))
    }
}

/// What the shader needs to know of the resident textures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resident {
    pub(super) shape: [usize; 3],
    pub(super) rgb: bool,
    /// From stored texels to rescaled values.
    pub(super) slope: f64,
    pub(super) intercept: f64,
    pub(super) labels: Option<Block>,
    pub(super) heat: Option<Block>,
}

/// Where the view lies in the target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// Pixels from the target's left top corner to the view's.
    pub(super) origin: [f32; 2],
    pub(super) pixels_per_point: f32,
    pub(super) srgb: bool,
    /// Pixels of the whole target, for what lies in space.
    pub(super) size: [u32; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct SliceUniform {
    origin: [f32; 2],
    outline: f32,
    invert: u32,
    row_u: [f32; 4],
    row_v: [f32; 4],
    background: [f32; 4],
    cut: [[f32; 4]; 3],
    step: [f32; 4],
    depth: [f32; 4],
    shape: [i32; 4],
    index: i32,
    taps: i32,
    fill_opacity: f32,
    outline_opacity: f32,
    window: [f32; 4],
    heat: [f32; 4],
    label_origin: [i32; 4],
    label_shape: [i32; 4],
    heat_origin: [i32; 4],
    heat_shape: [i32; 4],
    label_color: [[u8; 4]; 256],
    heat_color: [[u8; 4]; 256],
}

/// Lattices are checked against the device's limits (thousands) before they get here.
fn int4(v: [usize; 3], w: usize) -> [i32; 4] {
    [v[0] as i32, v[1] as i32, v[2] as i32, w as i32]
}

fn finite(v: f64, limit: f64) -> f32 {
    if v.is_nan() { 0.0 } else { v.clamp(-limit, limit) as f32 }
}

fn opacity(v: f32) -> f32 {
    if v.is_nan() { 0.0 } else { v.clamp(0.0, 1.0) }
}

/// Centre in stored units, signed 1 / width in stored units, grey at the centre.
fn window(paint: &SlicePaint, resident: &Resident) -> [f32; 4] {
    let width = paint.window.width.max(f64::MIN_POSITIVE);
    if resident.slope == 0.0 {
        // Every voxel rescales to the intercept.
        let grey = (resident.intercept - paint.window.center) / width + 0.5;
        return [0.0, 0.0, finite(grey, 2.0), 0.0];
    }
    let center = (paint.window.center - resident.intercept) / resident.slope;
    [finite(center, 1e37), finite(resident.slope / width, 1e30), 0.5, 0.0]
}

impl SliceUniform {
    /// The block, and what the shader must be able to do for it.
    pub(super) fn new(paint: &SlicePaint, resident: &Resident, target: Target) -> (Self, Features) {
        use super::Projection::{Maximum, Minimum};
        let axis = paint.axis.min(2);
        let ppp = f64::from(target.pixels_per_point);
        let row = |r: [f64; 3]| {
            [finite(r[0] / ppp, 1e8), finite(r[1] / ppp, 1e8), finite(r[2], 1e8), 0.0]
        };
        let [b_r, b_g, b_b] = paint.background.map(|b| f32::from(b) / 255.0);
        let mut u = Self {
            origin: target.origin,
            row_u: row(paint.map.voxel_from_point[0]),
            row_v: row(paint.map.voxel_from_point[1]),
            background: [b_r, b_g, b_b, 1.0],
            shape: int4(resident.shape, axis),
            index: paint.index.min(resident.shape[axis] - 1) as i32,
            taps: paint.taps(ppp),
            window: window(paint, resident),
            ..Self::zeroed()
        };
        u.invert = u32::from(paint.invert);
        if let Some(cut) = &paint.cut {
            u.cut = cut.voxel_from_point.map(row);
            let [x, y, z] = cut.step.map(|v| finite(v, 1e8));
            u.step = [x, y, z, cut.samples() as f32];
        }
        if let Some([a, b, c, clip]) = paint.in_space {
            // Over -1..1 across and upwards instead of points.
            let [w, h] = target.size.map(|n| f64::from(n) / ppp / 2.0);
            u.depth = [a * w, -b * h, c + a * w + b * h, clip].map(|v| finite(v, 1e8));
        }
        let mut features = Features {
            linear: paint.interpolation == super::Interpolation::Linear,
            minified: u.taps > 1,
            rgb: resident.rgb,
            srgb_target: target.srgb,
            cut: paint.cut.is_some(),
            space: paint.in_space.is_some(),
            // The shader compares stored values, which a negative slope turns round.
            projection: match paint.cut.map(|c| c.projection).unwrap_or_default() {
                Maximum if resident.slope < 0.0 => Minimum,
                Minimum if resident.slope < 0.0 => Maximum,
                other => other,
            },
            ..Features::default()
        };
        if let (Some(style), Some(block)) = (&paint.labels, resident.labels) {
            features.labels = true;
            u.outline = style.outline_pixels(target.pixels_per_point);
            features.outline = u.outline > 0.0;
            u.fill_opacity = opacity(style.fill);
            u.outline_opacity = opacity(style.outline_opacity);
            u.label_origin = int4(block.origin, 0);
            u.label_shape = int4(block.shape, 0);
            let Palette(colors) = &*style.palette;
            u.label_color = *colors;
        }
        features.over_layers = paint.over == Some(Over::Layers);
        if let Some(Over::Image { map, opacity: most }) = paint.over {
            features.over_image = true;
            u.heat = [0.0, opacity(most), 0.0, 0.0];
            u.heat_color = colormap::lut(map).map(|[r, g, b]| [r, g, b, 255]);
        } else if let (Some(style), Some(block)) = (&paint.heat, resident.heat)
            && style.max > 0.0
        {
            features.heat = true;
            u.heat = [(1.0 / style.max).min(f32::MAX), opacity(style.opacity), 0.0, 0.0];
            u.heat_origin = int4(block.origin, 0);
            u.heat_shape = int4(block.shape, 0);
            u.heat_color = colormap::lut(style.map).map(|[r, g, b]| [r, g, b, 255]);
        } else if let Some(map) = paint.colors.filter(|_| paint.over.is_none() && !resident.rgb) {
            features.colored = true;
            u.heat_color = colormap::lut(map).map(|[r, g, b]| [r, g, b, 255]);
        }
        (u, features)
    }
}
