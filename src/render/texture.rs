//! Images and layers as textures: which format and shape they get, and their upload in pieces.

use super::{Block, RenderError};
use crate::volume::{Volume, Voxels};
use eframe::egui_wgpu::wgpu;
use std::borrow::Cow;
use std::ops::Range;

/// What an infinity becomes, so that none enters the arithmetic of the shader.
const FAR: f32 = 1e37;

/// How voxels are laid out on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lattice {
    /// A 3-D texture.
    Box,
    /// A 2-D array texture, one layer per slice: wider and higher, but with few slices.
    Sheets,
}

/// The type a texel has in the shader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stored {
    Sint,
    Uint,
    Float,
}

impl Lattice {
    /// # Errors
    /// If `shape` is larger than the device takes.
    pub(super) fn of(shape: [usize; 3], limits: &wgpu::Limits) -> Result<Self, RenderError> {
        let fits = |n: usize, max: u32| n <= max as usize;
        let (max_3d, max_2d) = (limits.max_texture_dimension_3d, limits.max_texture_dimension_2d);
        let max_layers = limits.max_texture_array_layers;
        if shape.iter().all(|&n| fits(n, max_3d)) {
            Ok(Self::Box)
        } else if fits(shape[0], max_2d) && fits(shape[1], max_2d) && fits(shape[2], max_layers) {
            Ok(Self::Sheets)
        } else {
            Err(RenderError::TooLarge { shape, max_3d, max_2d, max_layers })
        }
    }

    pub(super) fn view_dimension(self) -> wgpu::TextureViewDimension {
        match self {
            Self::Box => wgpu::TextureViewDimension::D3,
            Self::Sheets => wgpu::TextureViewDimension::D2Array,
        }
    }
}

/// A texture that holds a box of voxels.
pub(super) struct VoxelTexture {
    texture: wgpu::Texture,
    pub(super) view: wgpu::TextureView,
    pub(super) block: Block,
}

impl VoxelTexture {
    /// # Errors
    /// If the device has no memory for it.
    pub(super) fn new(
        device: &wgpu::Device,
        lattice: Lattice,
        format: wgpu::TextureFormat,
        block: Block,
    ) -> Result<Self, RenderError> {
        let [x, y, z] = block.shape;
        let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("voxels"),
            size: wgpu::Extent3d {
                width: x as u32,
                height: y as u32,
                depth_or_array_layers: z as u32,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: match lattice {
                Lattice::Box => wgpu::TextureDimension::D3,
                Lattice::Sheets => wgpu::TextureDimension::D2,
            },
            format,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        if ready(scope.pop()).flatten().is_some() {
            let texel = u64::from(format.block_copy_size(None).unwrap_or(1));
            return Err(RenderError::OutOfMemory { bytes: block.len() as u64 * texel });
        }
        let view = texture.create_view(&wgpu::TextureViewDescriptor {
            dimension: Some(lattice.view_dimension()),
            ..Default::default()
        });
        Ok(Self { texture, view, block })
    }

    /// Rewrites `part`, which lies inside the block, from a buffer on the device whose rows are `pitch` bytes apart.
    pub(super) fn copy(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        from: &wgpu::Buffer,
        part: Block,
        pitch: usize,
    ) {
        let [x, y, z] = [0, 1, 2].map(|a| (part.origin[a] - self.block.origin[a]) as u32);
        let [width, height, depth] = part.shape.map(|n| n as u32);
        encoder.copy_buffer_to_texture(
            wgpu::TexelCopyBufferInfo {
                buffer: from,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(pitch as u32),
                    rows_per_image: Some(height),
                },
            },
            wgpu::TexelCopyTextureInfo {
                texture: &self.texture,
                mip_level: 0,
                origin: wgpu::Origin3d { x, y, z },
                aspect: wgpu::TextureAspect::All,
            },
            wgpu::Extent3d { width, height, depth_or_array_layers: depth },
        );
    }

    /// Rewrites `part`, which lies inside the block; `bytes` gives the texels of a range of its
    /// values. Goes in bands of rows, so that staging takes little memory.
    ///
    /// # Errors
    /// If there is no memory even for that; part of the old texels may be left then.
    pub(super) fn write<'a>(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        part: Block,
        bytes: impl Fn(Range<usize>) -> Cow<'a, [u8]>,
    ) -> Result<(), RenderError> {
        const BAND: usize = 4 << 20;
        const FLUSH: usize = 64 << 20;
        let [nx, ny, nz] = part.shape;
        let texel = self.texture.format().block_copy_size(None).unwrap_or(1) as usize;
        let rows_per_band = (BAND / (nx * texel)).clamp(1, ny);
        let at: [usize; 3] = std::array::from_fn(|a| part.origin[a] - self.block.origin[a]);
        let mut staged = 0;
        let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        for z in 0..nz {
            for y in (0..ny).step_by(rows_per_band) {
                let rows = rows_per_band.min(ny - y);
                let start = (z * ny + y) * nx;
                let data = bytes(start..start + rows * nx);
                queue.write_texture(
                    wgpu::TexelCopyTextureInfo {
                        texture: &self.texture,
                        mip_level: 0,
                        origin: wgpu::Origin3d {
                            x: at[0] as u32,
                            y: (at[1] + y) as u32,
                            z: (at[2] + z) as u32,
                        },
                        aspect: wgpu::TextureAspect::All,
                    },
                    &data,
                    wgpu::TexelCopyBufferLayout {
                        offset: 0,
                        bytes_per_row: Some((nx * texel) as u32),
                        rows_per_image: Some(rows as u32),
                    },
                    wgpu::Extent3d {
                        width: nx as u32,
                        height: rows as u32,
                        depth_or_array_layers: 1,
                    },
                );
                staged += data.len();
                if staged > FLUSH {
                    flush(device, queue);
                    staged = 0;
                }
            }
        }
        match ready(scope.pop()).flatten() {
            Some(_) => Err(RenderError::OutOfMemory { bytes: (part.len() * texel) as u64 }),
            None => Ok(()),
        }
    }
}

/// Hands the staged pieces to the device and waits, so that their memory can be used again.
fn flush(device: &wgpu::Device, queue: &wgpu::Queue) {
    queue.submit(std::iter::empty());
    if let Err(error) = device.poll(wgpu::PollType::wait_indefinitely()) {
        tracing::warn!("waiting for an upload: {error}");
    }
}

/// The output of a future that is ready at once, as error scopes are outside a browser.
pub(super) fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

/// How the voxels of a volume are stored on the device.
pub(super) struct Encoding {
    pub(super) format: wgpu::TextureFormat,
    pub(super) stored: Stored,
    pub(super) rgb: bool,
    /// From texels to rescaled values.
    pub(super) slope: f64,
    pub(super) intercept: f64,
    /// A float texel is (stored - base) / scale.
    base: f64,
    scale: f64,
}

impl Encoding {
    /// Integers of up to 16 bits as they are. Wider ones and floats go as 32-bit floats from -1 to
    /// 1 over the range of this time point, so that small differences between large values, and
    /// values beyond 32-bit floats, are kept.
    pub(super) fn of(volume: &Volume, time: usize) -> Self {
        use wgpu::TextureFormat as F;
        let n = volume.geometry().voxel_count();
        let time = n * time..n * (time + 1);
        let ((format, stored, rgb), (base, scale)) = match volume.voxels() {
            Voxels::U8(_) => ((F::R8Uint, Stored::Uint, false), (0.0, 1.0)),
            Voxels::I8(_) => ((F::R8Sint, Stored::Sint, false), (0.0, 1.0)),
            Voxels::U16(_) => ((F::R16Uint, Stored::Uint, false), (0.0, 1.0)),
            Voxels::I16(_) => ((F::R16Sint, Stored::Sint, false), (0.0, 1.0)),
            Voxels::Rgb8(_) => ((F::Rgba8Uint, Stored::Uint, true), (0.0, 1.0)),
            Voxels::Rgb16(_) => ((F::Rgba16Uint, Stored::Uint, true), (0.0, 1.0)),
            Voxels::U32(v) => (FLOAT, middle(v[time].iter().map(|&v| f64::from(v)))),
            Voxels::I32(v) => (FLOAT, middle(v[time].iter().map(|&v| f64::from(v)))),
            Voxels::F32(v) => (FLOAT, middle(v[time].iter().map(|&v| f64::from(v)))),
            Voxels::F64(v) => (FLOAT, middle(v[time].iter().copied())),
        };
        let (slope, intercept) = (volume.slope * scale, volume.slope * base + volume.intercept);
        Self { format, stored, rgb, slope, intercept, base, scale }
    }

    /// The texels of a range of voxels of one time point.
    pub(super) fn texels<'a>(
        &self,
        volume: &'a Volume,
        time: usize,
        range: Range<usize>,
    ) -> Cow<'a, [u8]> {
        let first = time * volume.geometry().voxel_count();
        let r = first + range.start..first + range.end;
        // NaN is drawn as the lowest rescaled value.
        let nan = if volume.slope < 0.0 { FAR } else { -FAR };
        let float = |v: f64| {
            let texel = ((v - self.base) / self.scale) as f32;
            if v.is_nan() { nan } else { texel.clamp(-FAR, FAR) }.to_ne_bytes()
        };
        match volume.voxels() {
            Voxels::U8(v) => Cow::Borrowed(&v[r]),
            Voxels::I8(v) => Cow::Borrowed(bytemuck::cast_slice(&v[r])),
            Voxels::U16(v) => Cow::Borrowed(bytemuck::cast_slice(&v[r])),
            Voxels::I16(v) => Cow::Borrowed(bytemuck::cast_slice(&v[r])),
            Voxels::U32(v) => flattened(v[r].iter().map(|&v| float(v.into()))),
            Voxels::I32(v) => flattened(v[r].iter().map(|&v| float(v.into()))),
            Voxels::F32(v) => flattened(v[r].iter().map(|&v| float(v.into()))),
            Voxels::F64(v) => flattened(v[r].iter().map(|&v| float(v))),
            Voxels::Rgb8(v) => flattened(v[r].iter().map(|&[r, g, b]| [r, g, b, u8::MAX])),
            Voxels::Rgb16(v) => {
                let padded: Vec<[u16; 4]> =
                    v[r].iter().map(|&[r, g, b]| [r, g, b, u16::MAX]).collect();
                Cow::Owned(bytemuck::cast_slice(&padded).to_vec())
            }
        }
    }
}

/// Collected as whole texels, which is faster than byte by byte.
fn flattened<'a>(texels: impl Iterator<Item = [u8; 4]>) -> Cow<'a, [u8]> {
    Cow::Owned(texels.collect::<Vec<_>>().into_flattened())
}

const FLOAT: (wgpu::TextureFormat, Stored, bool) =
    (wgpu::TextureFormat::R32Float, Stored::Float, false);

/// Middle and half width of the finite values; never a width of 0.
fn middle(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    // Halved first: the difference of two finite numbers may be infinite.
    let scale = 0.5 * high - 0.5 * low;
    (0.5 * high + 0.5 * low, if scale.is_normal() { scale } else { 1.0 })
}

/// The texels of a range of heat values: NaN and what lies below 0 become 0.
pub(super) fn heat_texels(values: &[f32]) -> Cow<'_, [u8]> {
    if values.iter().all(|v| v.is_finite() && *v >= 0.0) {
        return Cow::Borrowed(bytemuck::cast_slice(values));
    }
    let drawable = |v: f32| if v.is_nan() { 0.0 } else { v.clamp(0.0, FAR) };
    flattened(values.iter().map(|&v| drawable(v).to_ne_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pictures_become_sheets_and_larger_ones_are_refused() {
        let limits = wgpu::Limits::default();
        assert_eq!(Lattice::of([2048, 2048, 2048], &limits), Ok(Lattice::Box));
        assert_eq!(Lattice::of([8192, 2049, 1], &limits), Ok(Lattice::Sheets));
        for shape in [[8193, 1, 1], [4096, 4096, 257], [1, 1, 2049]] {
            let error = Lattice::of(shape, &limits).expect_err("too large").to_string();
            assert!(error.contains(&format!("{}x{}x{}", shape[0], shape[1], shape[2])));
        }
    }

    #[test]
    fn small_differences_of_large_values_are_kept() {
        let values = vec![1e9, 1e9 + 1e-3, 1e9 + 2e-3, f64::NAN, f64::NEG_INFINITY];
        let geometry = crate::volume::Geometry::picture(5, 1, 1).expect("valid");
        let mut volume = Volume::new(geometry, 1, Voxels::F64(values)).expect("valid");
        volume.slope = -2.0;
        let encoding = Encoding::of(&volume, 0);
        let texels: Vec<f32> = bytemuck::pod_collect_to_vec(&encoding.texels(&volume, 0, 0..5));
        for (texel, expected) in texels.iter().zip([-1.0, 0.0, 1.0]) {
            assert!((texel - expected).abs() < 1e-3, "{texels:?}");
        }
        assert_eq!(texels[3..], [FAR, -FAR]);
        let value = |texel: f32| f64::from(texel) * encoding.slope + encoding.intercept;
        assert!((value(texels[0]) - volume.value([0, 0, 0], 0, 0)).abs() < 1e-6);
    }

    #[test]
    fn heat_that_cannot_be_drawn_becomes_zero() {
        let bytes = heat_texels(&[-1.0, f32::NAN, 0.25, f32::INFINITY]);
        let values: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
        assert_eq!(values, [0.0, 0.0, 0.25, FAR]);
    }
}
