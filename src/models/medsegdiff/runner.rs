//! The network behind plain slices, for inference: conditions once per image, step contexts once per
//! diffusion time, all members of all images in one batch.

use super::{Condition, Config, MedSegDiff, StepContext};
use crate::diffusion::{Denoiser, DiffusionError};
use crate::models::{Look, SliceNetwork};
use crate::nn::first_line;
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::sigmoid;
use std::collections::BTreeMap;
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
        let condition = shared.network.condition(&images)?.detach();
        let direct = values(&sigmoid(&condition.logits)?)?;
        Ok(Box::new(Seen { shared: shared.clone(), direct, condition, repeated: None }))
    }
}

struct Seen {
    shared: Arc<Shared>,
    condition: Condition,
    /// The condition once per member, for so many.
    repeated: Option<(usize, Condition)>,
    direct: Vec<f32>,
}

impl Look for Seen {
    fn direct(&self) -> &[f32] {
        &self.direct
    }

    fn denoiser(&mut self) -> Option<&mut dyn Denoiser> {
        if self.shared.network.config().diffusion { Some(self) } else { None }
    }
}

impl Seen {
    fn output(&mut self, states: &[f32], t: usize) -> Result<Vec<f32>> {
        let config = self.shared.network.config();
        let members = states.len() / self.direct.len().max(1);
        let condition = match &self.repeated {
            Some((n, condition)) if *n == members => condition,
            _ => &self.repeated.insert((members, self.condition.repeat(members)?)).1,
        };
        let x = self.shared.tensor(states, config.classes)?;
        values(&self.shared.network.denoise(&x, condition, &self.shared.context(t)?)?)
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
