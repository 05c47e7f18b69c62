//! A plan on the card: its buffers, and its calls ready to be handed over.

use super::card::Card;
use super::dispatch::{Bound, Call, calls};
use super::kept::CardValues;
use super::kernel::Kernels;
use super::upload::Uploads;
use crate::plan::{Buffer, Fault, Kept, Plan, Prepared};
use eframe::egui_wgpu::wgpu;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Floating-point operations that are handed over at once, and that may be under way: a run that is ended, ends soon.
const ALONE: [f64; 2] = [8e9, 56e9];
/// The same where a window draws with the device, whose frames wait for all of that: 40 ms on a card of 0.2 TFLOP/s.
const SHARED: [f64; 2] = [4e9, 8e9];
/// Most pieces that are under way, however small.
const PIECES: usize = 24;

/// Values that a buffer for reading may have to be kept for the next time.
const STAYS: usize = 4 << 20;

pub(super) struct Room {
    card: Arc<Card>,
    buffers: Vec<wgpu::Buffer>,
    /// For reading, made larger when that is needed.
    staging: Option<(wgpu::Buffer, usize)>,
    steps: Vec<Step>,
    sections: Vec<Range<usize>>,
    /// What is under way, with its work.
    waiting: VecDeque<(wgpu::SubmissionIndex, f64)>,
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
        card.write(&numbers, 0, &bytes)?;
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
            let name = call.program.name;
            let bound = card.call_for(name, |device| {
                device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some(name),
                    layout: &pipeline.get_bind_group_layout(0),
                    entries: &entries,
                })
            })?;
            steps.push(Step { pipeline, bound, groups: call.groups, flop: *flop });
        }
        let sections = plan.sections.iter().map(|r| starts[r.start]..starts[r.end]).collect();
        Ok(Self { card, buffers, staging: None, steps, sections, waiting: VecDeque::new() })
    }

    /// How much is handed over at once, and how much may be under way.
    fn pace(&self) -> [f64; 2] {
        if self.card.shared { SHARED } else { ALONE }
    }

    /// Hands over what `record` writes down, which is so much work.
    fn submit(
        &mut self,
        flop: f64,
        record: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<(), Fault> {
        let queue = &self.card.queue;
        let submission = self.card.call(|device| {
            let mut encoder =
                device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            record(&mut encoder);
            queue.submit([encoder.finish()])
        })?;
        self.waiting.push_back((submission, flop));
        let [_, most] = self.pace();
        let much = |waiting: &VecDeque<(_, f64)>| {
            waiting.len() > PIECES || waiting.iter().map(|(_, flop)| flop).sum::<f64>() > most
        };
        while self.waiting.len() > 1 && much(&self.waiting) {
            if let Some((oldest, _)) = self.waiting.pop_front() {
                self.card.wait(Some(&oldest))?;
            }
        }
        Ok(())
    }
}

impl Prepared for Room {
    fn write(&mut self, buffer: Buffer, values: &[f32]) -> Result<(), Fault> {
        self.card.write(&self.buffers[buffer.0], 0, bytemuck::cast_slice(values))
    }

    fn run(&mut self, section: usize) -> Result<(), Fault> {
        self.card.check()?;
        let Range { mut start, end } = self.sections[section];
        let [most, _] = self.pace();
        while start < end {
            let (mut flop, mut stop) = (0.0, start);
            while stop < end && (flop == 0.0 || flop + self.steps[stop].flop <= most) {
                flop += self.steps[stop].flop;
                stop += 1;
            }
            let steps = std::mem::take(&mut self.steps);
            let submitted = self.submit(flop, |encoder| {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                for step in &steps[start..stop] {
                    pass.set_pipeline(&step.pipeline);
                    pass.set_bind_group(0, &step.bound, &[]);
                    let [x, y, z] = step.groups;
                    pass.dispatch_workgroups(x, y, z);
                }
            });
            self.steps = steps;
            submitted?;
            start = stop;
        }
        Ok(())
    }

    fn read(&mut self, buffer: Buffer, len: usize) -> Result<Vec<f32>, Fault> {
        Ok(self.read_all(&[(buffer, len)], &[])?.pop().unwrap_or_default())
    }

    fn keep(&mut self, buffer: Buffer, len: usize) -> Result<Kept, Fault> {
        self.card.check()?;
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        let size = 4 * len as u64;
        let (from, to) = (self.buffers[buffer.0].clone(), self.card.buffer(size, usage)?);
        self.submit(0.0, |encoder| encoder.copy_buffer_to_buffer(&from, 0, &to, 0, size))?;
        Ok(Kept::new(CardValues { device: self.card.lost.clone(), buffer: to }, len))
    }

    fn read_all(
        &mut self,
        buffers: &[(Buffer, usize)],
        kept: &[Kept],
    ) -> Result<Vec<Vec<f32>>, Fault> {
        self.card.check()?;
        let own = buffers.iter().map(|&(b, len)| Ok((self.buffers[b.0].clone(), len)));
        let kept = kept.iter().map(|kept| {
            let there = CardValues::of(kept, &self.card.lost).ok_or_else(Fault::elsewhere)?;
            Ok((there, kept.len()))
        });
        let parts = own.chain(kept).collect::<Result<Vec<_>, Fault>>()?;
        let total = parts.iter().map(|(_, len)| len).sum();
        let staging = match self.staging.take() {
            Some((staging, room)) if room >= total => (staging, room),
            _ => {
                let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
                (self.card.buffer(4 * total as u64, usage)?, total)
            }
        };
        self.submit(0.0, |encoder| {
            let mut at = 0;
            for (from, len) in &parts {
                let size = 4 * *len as u64;
                encoder.copy_buffer_to_buffer(from, 0, &staging.0, at, size);
                at += size;
            }
        })?;
        let values = self.card.map(&staging.0, total)?;
        self.waiting.clear();
        // What is read once in a run may be large.
        self.staging = (staging.1 <= STAYS).then_some(staging);
        let mut rest = values.as_slice();
        let cut = |(_, len): &(wgpu::Buffer, usize)| {
            let (first, others) = rest.split_at(*len);
            rest = others;
            first.to_vec()
        };
        Ok(parts.iter().map(cut).collect())
    }
}
