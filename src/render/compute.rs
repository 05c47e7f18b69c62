//! What the compute programs of the window have in common: buffers, groups of them, and how many workgroups.

use super::Estimate;
use eframe::egui_wgpu::wgpu;

/// Invocations of a workgroup along one axis, and most workgroups.
pub(super) const GROUP: usize = 64;
const MOST: usize = 65_535;

/// So many workgroups of [`GROUP`], over two axes.
pub(super) fn spread(count: usize) -> [u32; 2] {
    let groups = count.div_ceil(GROUP).max(1);
    [groups.min(MOST) as u32, groups.div_ceil(MOST) as u32]
}

/// The program that starts there.
pub(super) fn program(device: &wgpu::Device, source: &str, entry: &str) -> wgpu::ComputePipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(entry),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(entry),
        layout: None,
        module: &module,
        entry_point: Some(entry),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    })
}

/// A buffer of zeros.
pub(super) fn zeros(device: &wgpu::Device, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("estimates"),
        size: bytes.max(16),
        usage,
        mapped_at_creation: false,
    })
}

/// A buffer of these bytes.
pub(super) fn filled(
    (device, queue): (&wgpu::Device, &wgpu::Queue),
    bytes: &[u8],
    usage: wgpu::BufferUsages,
) -> wgpu::Buffer {
    let made = zeros(device, bytes.len() as u64, usage | wgpu::BufferUsages::COPY_DST);
    queue.write_buffer(&made, 0, bytes);
    made
}

/// What a program reads and writes, by the number of its binding.
pub(super) fn group(
    device: &wgpu::Device,
    of: &wgpu::ComputePipeline,
    bound: Vec<(u32, wgpu::BindingResource<'_>)>,
) -> wgpu::BindGroup {
    let entry = |(binding, resource)| wgpu::BindGroupEntry { binding, resource };
    device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("estimates"),
        layout: &of.get_bind_group_layout(0),
        entries: &bound.into_iter().map(entry).collect::<Vec<_>>(),
    })
}

impl Estimate {
    /// The part of its buffer that holds so many values of a canvas of this size, and the first value's number in it.
    pub(super) fn bound(
        &self,
        device: &wgpu::Device,
        [width, height]: [usize; 2],
        len: usize,
    ) -> (wgpu::BufferBinding<'_>, i32) {
        let align = 4 * u64::from(device.limits().min_storage_buffer_offset_alignment);
        let [column, row] = self.steps;
        let back = |step: isize, n: usize| (step * (n.max(1) as isize - 1)).min(0);
        let low = self.first as isize + back(column, width) + back(row, height);
        let low = 4 * low.max(0) as u64 / align * align;
        let end = (low + align + 4 * len as u64).min(self.buffer.size());
        let size = wgpu::BufferSize::new(end.saturating_sub(low));
        let binding = wgpu::BufferBinding { buffer: &self.buffer, offset: low, size };
        (binding, (self.first as u64 - low / 4) as i32)
    }
}
