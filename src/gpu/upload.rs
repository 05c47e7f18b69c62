//! Weights on the card: all of a network in one buffer, uploaded once for all of its plans.

use super::card::Card;
use crate::plan::{Fault, Use, Weight, WeightId, Weights};
use eframe::egui_wgpu::wgpu;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Most bytes of one buffer of weights.
const CHUNK: u64 = 128 << 20;

#[derive(Default)]
pub(super) struct Uploads(Mutex<Vec<(Arc<Weights>, Arc<Uploaded>)>>);

/// Where each weight lies.
pub(super) struct Uploaded {
    buffers: Vec<wgpu::Buffer>,
    /// Buffer, and bytes in it.
    at: Vec<(usize, Range<u64>)>,
}

impl Uploaded {
    pub(super) fn get(&self, id: WeightId) -> wgpu::BufferBinding<'_> {
        let (buffer, bytes) = &self.at[id.0];
        wgpu::BufferBinding {
            buffer: &self.buffers[*buffer],
            offset: bytes.start,
            size: wgpu::BufferSize::new(bytes.end - bytes.start),
        }
    }
}

/// As the programs read it: kernels of convolutions as `[taps, ci, co]`, channels filled up to a multiple
/// of four.
fn packed(weight: &Weight) -> Result<Vec<f32>, Fault> {
    let values = weight.values().map_err(|e| Fault::Other(e.to_string()))?;
    let (first, second, taps, transposed) = match (weight.role, weight.shape()) {
        (Use::Conv { .. }, &[co, ci, kh, kw]) => (co, ci, kh * kw, false),
        (Use::Volume { transposed }, &[a, b, kd, kh, kw]) => (a, b, kd * kh * kw, transposed),
        _ => return Ok(values),
    };
    let (ci, co) = if transposed { (first, second) } else { (second, first) };
    let width = co.next_multiple_of(4);
    let mut out = vec![0.0; taps * ci * width];
    for (i, &v) in values.iter().enumerate() {
        let (a, b, tap) = (i / (second * taps), i / taps % second, i % taps);
        let (c, o) = if transposed { (a, b) } else { (b, a) };
        out[(tap * ci + c) * width + o] = v;
    }
    Ok(out)
}

impl Uploads {
    pub(super) fn get(&self, card: &Card, weights: &Arc<Weights>) -> Result<Arc<Uploaded>, Fault> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, there)) = known.iter().find(|(w, _)| Arc::ptr_eq(w, weights)) {
            return Ok(there.clone());
        }
        known.retain(|(w, _)| Arc::strong_count(w) > 1);
        let step = u64::from(card.limits.min_storage_buffer_offset_alignment).max(16);
        let (mut at, mut sizes) = (Vec::new(), vec![0u64]);
        let mut values = Vec::new();
        for weight in weights.list() {
            let own = packed(weight)?;
            let bytes = 4 * own.len() as u64;
            let mut last = sizes.len() - 1;
            if sizes[last] > 0 && sizes[last] + bytes > CHUNK {
                sizes.push(0);
                last += 1;
            }
            at.push((last, sizes[last]..sizes[last] + bytes));
            sizes[last] = (sizes[last] + bytes).next_multiple_of(step);
            values.push(own);
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let buffers = sizes.iter().map(|&bytes| card.buffer(bytes, usage));
        let buffers = buffers.collect::<Result<Vec<_>, _>>()?;
        for ((buffer, bytes), values) in at.iter().zip(&values) {
            card.write(&buffers[*buffer], bytes.start, bytemuck::cast_slice(values))?;
        }
        let there = Arc::new(Uploaded { buffers, at });
        known.push((weights.clone(), there.clone()));
        Ok(there)
    }
}
