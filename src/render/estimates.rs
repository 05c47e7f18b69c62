//! Estimates of a running model, drawn where it left them: labels of a slice are worked out on the device, without
//! a copy through this program's memory.

use super::compute::{filled, group, program, spread, zeros};
use super::texture::{VoxelTexture, ready};
use super::{Block, Estimate, RenderError};
use bytemuck::{Pod, Zeroable};
use eframe::egui_wgpu::wgpu;

pub(super) const ESTIMATES: &str = include_str!("../../shaders/estimates.wgsl");

/// Rows of a copy to a texture are so many bytes apart, or a multiple.
const PITCH: usize = 256;

/// For each position along one axis of a region: places on the canvas, and their weights.
pub type Weights = Vec<Vec<(usize, f32)>>;

/// What the members of a run think of a slice, and how that lies on it.
#[derive(Clone, Debug)]
pub struct Estimates {
    /// Those whose mean is shown.
    pub members: Vec<Estimate>,
    /// Columns and rows of the canvas.
    pub canvas: [usize; 2],
    /// Label of each class; the last one whose mean is at least one half is shown.
    pub labels: Vec<u8>,
    /// Of the columns and of the rows of the region.
    pub weights: [Weights; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Uniform {
    canvas: [u32; 4],
    first: i32,
    column: i32,
    row: i32,
    apart: u32,
    region: [u32; 4],
}

impl Estimates {
    /// Labels, where each position's weights start, and the weights, as the shader reads them; with the place of
    /// the first weight.
    fn table(&self) -> (Vec<u32>, usize) {
        let mut table: Vec<u32> = self.labels.iter().map(|&l| u32::from(l)).collect();
        let mut count = 0;
        for weights in &self.weights {
            for of_one in weights {
                table.push(count);
                count += of_one.len() as u32;
            }
            table.push(count);
        }
        let start = table.len();
        for &(place, weight) in self.weights.iter().flatten().flatten() {
            table.extend([place as u32, weight.to_bits()]);
        }
        (table, start)
    }

    /// Values of one member.
    fn len(&self) -> usize {
        self.canvas.iter().product::<usize>() * self.labels.len()
    }
}

/// The programs, made when they are first needed.
#[derive(Default)]
pub(super) struct EstimatePrograms(Option<[wgpu::ComputePipeline; 2]>);

impl EstimatePrograms {
    /// Writes the labels of `part`, a slab across `axis`, into a layer.
    ///
    /// # Errors
    /// If the weights are not those of the part, or there is no memory.
    pub(super) fn draw(
        &mut self,
        on: (&wgpu::Device, &wgpu::Queue),
        layer: &VoxelTexture,
        (part, axis): (Block, usize),
        estimates: &Estimates,
    ) -> Result<(), RenderError> {
        let (device, queue) = on;
        let [a, b] = [[1, 2], [0, 2], [0, 1]][axis.min(2)];
        let [columns, rows] = [part.shape[a], part.shape[b]];
        let found = [0, 1].map(|i| estimates.weights[i].len());
        if part.shape[axis.min(2)] != 1 || found != [columns, rows] {
            return Err(RenderError::Length { block: part, found: found[0] * found[1] });
        }
        // A slab across the first axis has one texel in each row of the texture.
        let apart = axis == 0;
        let pitch = if apart { PITCH } else { columns.next_multiple_of(PITCH) };
        let bytes = (pitch * if apart { columns * rows } else { rows }) as u64;
        if bytes > device.limits().max_storage_buffer_binding_size {
            return Err(RenderError::OutOfMemory { bytes });
        }
        let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let (table, start) = estimates.table();
        let [width, height] = estimates.canvas;
        let common = Uniform {
            canvas: [width, height, estimates.labels.len(), estimates.members.len()]
                .map(|n| n as u32),
            apart: u32::from(apart),
            region: [columns, rows, pitch / 4, start].map(|n| n as u32),
            ..Uniform::zeroed()
        };
        let storage = wgpu::BufferUsages::STORAGE;
        let uniform = |u: &Uniform| filled(on, bytemuck::bytes_of(u), wgpu::BufferUsages::UNIFORM);
        let sum = zeros(device, 4 * estimates.len() as u64, storage);
        let table = filled(on, bytemuck::cast_slice(&table), storage);
        let labels = zeros(device, bytes, storage | wgpu::BufferUsages::COPY_SRC);
        let [gather, label] = self
            .0
            .get_or_insert_with(|| ["gather", "label"].map(|e| program(device, ESTIMATES, e)));
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(gather);
            for member in &estimates.members {
                let (values, first) = member.bound(device, estimates.canvas, estimates.len());
                let [column, row] = member.steps.map(|s| s as i32);
                let own = uniform(&Uniform { first, column, row, ..common });
                let values = wgpu::BindingResource::Buffer(values);
                let bound =
                    vec![(0, own.as_entire_binding()), (1, values), (2, sum.as_entire_binding())];
                pass.set_bind_group(0, &group(device, gather, bound), &[]);
                let [x, y] = spread(estimates.len());
                pass.dispatch_workgroups(x, y, 1);
            }
            let own = uniform(&common);
            let bound = [(0, &own), (2, &sum), (3, &table), (4, &labels)];
            let bound = bound.map(|(i, buffer)| (i, buffer.as_entire_binding())).into();
            pass.set_pipeline(label);
            pass.set_bind_group(0, &group(device, label, bound), &[]);
            let [x, y] = spread(if apart { columns * rows } else { columns.div_ceil(4) * rows });
            pass.dispatch_workgroups(x, y, 1);
        }
        layer.copy(&mut encoder, &labels, part, pitch);
        queue.submit([encoder.finish()]);
        match ready(scope.pop()).flatten() {
            Some(_) => Err(RenderError::OutOfMemory { bytes }),
            None => Ok(()),
        }
    }
}
