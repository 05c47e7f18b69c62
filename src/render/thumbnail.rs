//! Small pictures of estimates, made on the device where a running model left them.

use super::Estimate;
use super::compute::{filled, group, program};
use bytemuck::{Pod, Zeroable};
use eframe::egui_wgpu::wgpu;

pub(super) const THUMBNAIL: &str = include_str!("../../shaders/thumbnail.wgsl");
/// Invocations of a workgroup along each axis.
const TILE: u32 = 8;

/// A member's estimate on the picture of its slice.
#[derive(Clone, Debug)]
pub struct Thumbnail {
    pub estimate: Estimate,
    /// Columns and rows of the canvas.
    pub canvas: [usize; 2],
    /// Columns and rows of the picture as the slice is stored, and its colours, row by row.
    pub size: [usize; 2],
    pub base: Vec<[u8; 3]>,
    /// Colour of each class; `None` of one that is hidden.
    pub colors: Vec<Option<[u8; 3]>>,
    /// Opacity of a class where the estimate is certain.
    pub strength: f32,
    /// The column of the canvas for each column of the picture, and the row for each row.
    pub places: [Vec<usize>; 2],
    /// Stored columns run down; the picture runs from right to left; from bottom to top.
    pub turned: [bool; 3],
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Uniform {
    size: [u32; 4],
    first: i32,
    column: i32,
    row: i32,
    strength: f32,
    turned: [u32; 4],
}

impl Thumbnail {
    /// Columns and rows as it is shown.
    pub fn extent(&self) -> [usize; 2] {
        let [width, height] = self.size;
        if self.turned[0] { [height, width] } else { [width, height] }
    }

    fn table(&self) -> Vec<u32> {
        let packed = |[r, g, b]: [u8; 3]| u32::from_le_bytes([r, g, b, 255]);
        let base = self.base.iter().map(|&c| packed(c));
        let colors = self.colors.iter().map(|c| c.map_or(0, packed));
        base.chain(colors).chain(self.places.iter().flatten().map(|&p| p as u32)).collect()
    }

    /// A texture that it can be drawn into.
    pub(super) fn texture(&self, device: &wgpu::Device) -> wgpu::Texture {
        let [width, height] = self.extent().map(|n| n as u32);
        device.create_texture(&wgpu::TextureDescriptor {
            label: Some("thumbnail"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::STORAGE_BINDING
                | wgpu::TextureUsages::TEXTURE_BINDING
                | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        })
    }
}

/// The program, made when it is first needed.
#[derive(Default)]
pub(super) struct ThumbnailProgram(Option<wgpu::ComputePipeline>);

impl ThumbnailProgram {
    /// Draws it into a texture of its extent.
    pub(super) fn draw(
        &mut self,
        on: (&wgpu::Device, &wgpu::Queue),
        thumbnail: &Thumbnail,
        texture: &wgpu::Texture,
    ) {
        let (device, queue) = on;
        let [width, height] = thumbnail.size;
        let area = thumbnail.canvas.iter().product::<usize>();
        let classes = thumbnail.colors.len();
        let (values, first) = thumbnail.estimate.bound(device, thumbnail.canvas, area * classes);
        let [column, row] = thumbnail.estimate.steps.map(|s| s as i32);
        let [down, left, up] = thumbnail.turned.map(u32::from);
        let uniform = Uniform {
            size: [width, height, area, classes].map(|n| n as u32),
            first,
            column,
            row,
            strength: thumbnail.strength,
            turned: [down, left, up, 0],
        };
        let uniform = filled(on, bytemuck::bytes_of(&uniform), wgpu::BufferUsages::UNIFORM);
        let table = thumbnail.table();
        let table = filled(on, bytemuck::cast_slice(&table), wgpu::BufferUsages::STORAGE);
        let pipeline = self.0.get_or_insert_with(|| program(device, THUMBNAIL, "compose"));
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let bound = vec![
            (0, uniform.as_entire_binding()),
            (1, wgpu::BindingResource::Buffer(values)),
            (2, table.as_entire_binding()),
            (3, wgpu::BindingResource::TextureView(&view)),
        ];
        let bound = group(device, pipeline, bound);
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &bound, &[]);
            let [x, y] = thumbnail.extent().map(|n| (n as u32).div_ceil(TILE));
            pass.dispatch_workgroups(x, y, 1);
        }
        queue.submit([encoder.finish()]);
    }
}
