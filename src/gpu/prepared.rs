//! A plan on the card: its buffers, and its calls ready to be handed over.

use super::card::Card;
use super::dispatch::{Bound, Call, calls};
use super::kernel::Kernels;
use super::upload::Uploads;
use crate::plan::{Buffer, Fault, Plan, Prepared};
use eframe::egui_wgpu::wgpu;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Work that is handed over at once, and how many such may be waiting: a run that is ended, ends
/// soon.
const SUBMIT_FLOP: f64 = 8e9;
const WAITING: usize = 6;

pub(super) struct Room {
    card: Arc<Card>,
    buffers: Vec<wgpu::Buffer>,
    /// For reading, made larger when that is needed.
    staging: Option<(wgpu::Buffer, usize)>,
    steps: Vec<Step>,
    sections: Vec<Range<usize>>,
    waiting: VecDeque<wgpu::SubmissionIndex>,
}

struct Step {
    pipeline: Arc<wgpu::ComputePipeline>,
    bound: wgpu::BindGroup,
    groups: [u32; 3],
    flop: f64,
}

impl Room {
    pub(super) fn new(
        card: Arc<Card>,
        (kernels, uploads): (&Kernels, &Uploads),
        plan: &Plan,
    ) -> Result<Self, Fault> {
        card.check()?;
        let weights = uploads.get(&card, &plan.weights)?;
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        let buffers = plan.slots.iter().map(|&n| card.buffer(4 * n as u64, usage));
        let buffers = buffers.collect::<Result<Vec<_>, _>>()?;
        let mut all: Vec<(Call, f64)> = Vec::new();
        let mut starts = Vec::with_capacity(plan.ops.len() + 1);
        for op in &plan.ops {
            starts.push(all.len());
            let own = calls(op)?;
            let flop = op.work().flop / own.len().max(1) as f64;
            all.extend(own.into_iter().map(|call| (call, flop)));
        }
        starts.push(all.len());
        let step = (card.limits.min_uniform_buffer_offset_alignment as usize).max(16);
        let size = |call: &Call| (4 * call.numbers.len()).next_multiple_of(step);
        let mut bytes: Vec<u8> = Vec::new();
        let mut at = Vec::with_capacity(all.len());
        for (call, _) in &all {
            at.push(bytes.len());
            bytes.extend_from_slice(bytemuck::cast_slice(&call.numbers));
            bytes.resize(at[at.len() - 1] + size(call), 0);
        }
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let numbers = card.buffer(bytes.len() as u64, usage)?;
        card.queue.write_buffer(&numbers, 0, &bytes);
        let scratch = |bound: &Bound| if let Bound::Scratch(n) = bound { *n } else { 0 };
        let most = all.iter().flat_map(|(call, _)| &call.bound).map(scratch).max();
        let scratch = card.buffer(4 * most.unwrap_or(0) as u64, wgpu::BufferUsages::STORAGE)?;
        let mut steps = Vec::with_capacity(all.len());
        for ((call, flop), at) in all.iter().zip(at) {
            let pipeline = kernels.get(&card, call.program)?;
            let uniform = wgpu::BufferBinding {
                buffer: &numbers,
                offset: at as u64,
                size: wgpu::BufferSize::new(4 * call.numbers.len() as u64),
            };
            let resource = |bound: &Bound| match *bound {
                Bound::Buffer(b) => Some(buffers[b.0].as_entire_buffer_binding()),
                Bound::Weight(w) => Some(weights.get(w)),
                Bound::Scratch(_) => Some(scratch.as_entire_buffer_binding()),
                Bound::Nothing => None,
            };
            let all = std::iter::once(Some(uniform)).chain(call.bound.iter().map(resource));
            let entries: Vec<wgpu::BindGroupEntry<'_>> = all
                .enumerate()
                .filter_map(|(i, bound)| {
                    let resource = wgpu::BindingResource::Buffer(bound?);
                    Some(wgpu::BindGroupEntry { binding: i as u32, resource })
                })
                .collect();
            let bound = card.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(call.program.name),
                layout: &pipeline.get_bind_group_layout(0),
                entries: &entries,
            });
            card.check_program(call.program.name)?;
            steps.push(Step { pipeline, bound, groups: call.groups, flop: *flop });
        }
        let sections = plan.sections.iter().map(|r| starts[r.start]..starts[r.end]).collect();
        Ok(Self { card, buffers, staging: None, steps, sections, waiting: VecDeque::new() })
    }

    fn submit(&mut self, encoder: wgpu::CommandEncoder) -> Result<(), Fault> {
        self.waiting.push_back(self.card.queue.submit([encoder.finish()]));
        self.card.check()?;
        if self.waiting.len() > WAITING {
            let oldest = self.waiting.pop_front();
            self.card.wait(oldest)?;
        }
        Ok(())
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.card.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }
}

impl Prepared for Room {
    fn write(&mut self, buffer: Buffer, values: &[f32]) -> Result<(), Fault> {
        self.card.check()?;
        self.card.queue.write_buffer(&self.buffers[buffer.0], 0, bytemuck::cast_slice(values));
        self.card.check()
    }

    fn run(&mut self, section: usize) -> Result<(), Fault> {
        self.card.check()?;
        let Range { mut start, end } = self.sections[section];
        while start < end {
            let mut encoder = self.encoder();
            let mut flop = 0.0;
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                while start < end && (flop == 0.0 || flop + self.steps[start].flop <= SUBMIT_FLOP) {
                    let step = &self.steps[start];
                    pass.set_pipeline(&step.pipeline);
                    pass.set_bind_group(0, &step.bound, &[]);
                    let [x, y, z] = step.groups;
                    pass.dispatch_workgroups(x, y, z);
                    flop += step.flop;
                    start += 1;
                }
            }
            self.submit(encoder)?;
        }
        Ok(())
    }

    fn read(&mut self, buffer: Buffer, len: usize) -> Result<Vec<f32>, Fault> {
        self.card.check()?;
        let size = 4 * len as u64;
        let staging = match self.staging.take() {
            Some((staging, room)) if room >= len => (staging, room),
            _ => {
                let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
                (self.card.buffer(size, usage)?, len)
            }
        };
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(&self.buffers[buffer.0], 0, &staging.0, 0, size);
        self.submit(encoder)?;
        let values = self.card.map(&staging.0, len)?;
        self.waiting.clear();
        self.staging = Some(staging);
        Ok(values)
    }
}
