//! The network behind plain slices, for inference: conditions once per image, step contexts once per
//! diffusion time, all members of all images in one batch.

use super::{Condition, Config, MedSegDiff, StepContext};
use crate::diffusion::{Denoiser, DiffusionError};
use crate::models::{Look, SliceNetwork};
use crate::nn::first_line;
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::sigmoid;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Memory that kept step contexts may take, bytes.
const CONTEXT_BYTES: usize = 64 << 20;

pub(crate) struct Runner(Arc<Shared>);

struct Shared {
    network: MedSegDiff,
    device: Device,
    /// Time embeddings and NBP filters by diffusion time: they depend on nothing else.
    contexts: Mutex<BTreeMap<usize, StepContext>>,
}

impl Runner {
    pub(crate) fn new(config: &Config, vb: &VarBuilder<'_>, device: &Device) -> Result<Self> {
        let network = MedSegDiff::new(config, vb)?;
        let contexts = Mutex::default();
        Ok(Self(Arc::new(Shared { network, device: device.clone(), contexts })))
    }
}

impl Shared {
    fn tensor(&self, values: &[f32], channels: usize) -> Result<Tensor> {
        let side = self.network.config().image_size;
        let shape = (values.len() / (channels * side * side), channels, side, side);
        Tensor::from_slice(values, shape, &Device::Cpu)?.to_device(&self.device)
    }

    fn context(&self, t: usize) -> Result<StepContext> {
        let mut kept = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(context) = kept.get(&t) {
            return Ok(context.clone());
        }
        let context = self.network.step_context(&[t])?.detach();
        if (kept.len() + 1) * context.bytes() > CONTEXT_BYTES {
            kept.clear();
        }
        kept.insert(t, context.clone());
        Ok(context)
    }
}

impl SliceNetwork for Runner {
    fn look(&self, images: &[f32]) -> Result<Box<dyn Look>> {
        let shared = &self.0;
        let images = shared.tensor(images, shared.network.config().image_channels)?;
        let (condition, summary) = shared.network.condition_and_summary(&images)?;
        let (condition, features) = (condition.detach(), values(&summary)?);
        let direct = values(&sigmoid(&condition.logits)?)?;
        let (shared, images) = (shared.clone(), images.dim(0)?);
        Ok(Box::new(Seen { shared, images, direct, features, condition, parts: None }))
    }
}

struct Seen {
    shared: Arc<Shared>,
    /// How many.
    images: usize,
    condition: Condition,
    /// For so many members per image: the condition of each mask, in parts.
    parts: Option<(usize, Vec<Part>)>,
    direct: Vec<f32>,
    features: Vec<f32>,
}

impl Look for Seen {
    fn direct(&self) -> &[f32] {
        &self.direct
    }

    fn features(&self) -> &[f32] {
        &self.features
    }

    fn denoiser(&mut self) -> Option<&mut dyn Denoiser> {
        if self.shared.network.config().diffusion { Some(self) } else { None }
    }
}

/// Masks that one core denoises; a graphics card denoises all.
struct Part {
    masks: Range<usize>,
    condition: Condition,
}

impl Seen {
    /// Masks do not see one another, so on the CPU each core takes some of them through all layers:
    /// between the large operations, which share the cores anyway, lie many small ones.
    fn parts(&self, members: usize) -> Result<Vec<Part>> {
        let masks = members * self.images;
        let n = match self.shared.device {
            Device::Cpu => rayon::current_num_threads().clamp(1, masks.max(1)),
            _ => 1,
        };
        let part = |i: usize| {
            let masks = i * masks / n..(i + 1) * masks / n;
            let images: Vec<u32> = masks.clone().map(|m| (m / members) as u32).collect();
            Ok(Part { masks, condition: self.condition.select(&images)? })
        };
        (0..n).map(part).collect()
    }

    fn output(&mut self, states: &[f32], t: usize) -> Result<Vec<f32>> {
        let classes = self.shared.network.config().classes;
        let size = self.direct.len() / self.images;
        let members = states.len() / self.direct.len();
        let parts = match &mut self.parts {
            Some((n, parts)) if *n == members => parts,
            _ => {
                let parts = self.parts(members)?;
                &mut self.parts.insert((members, parts)).1
            }
        };
        let (shared, context) = (&self.shared, self.shared.context(t)?);
        let outputs = parts
            .par_iter()
            .map(|Part { masks, condition }| {
                let x = shared.tensor(&states[masks.start * size..masks.end * size], classes)?;
                values(&shared.network.denoise(&x, condition, &context)?)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(outputs.concat())
    }
}

impl Denoiser for Seen {
    fn estimate(
        &mut self,
        states: &[f32],
        t: usize,
        alpha_bar: f64,
    ) -> std::result::Result<Vec<f32>, DiffusionError> {
        let output = self.output(states, t).map_err(|e| DiffusionError::Network(first_line(&e)))?;
        self.shared.network.config().predict.clean(&output, states, alpha_bar)
    }
}

fn values(t: &Tensor) -> Result<Vec<f32>> {
    t.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}
