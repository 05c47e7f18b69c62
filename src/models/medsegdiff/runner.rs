//! The network behind plain slices, for inference: conditions once per image, step contexts once per
//! diffusion time, all members of all images in one batch, as recorded plans.

use super::recorded::Recorded;
use super::{Condition, Config, MedSegDiff};
use crate::diffusion::{Course, Denoiser, DiffusionError, Glimpse};
use crate::models::{Look, SliceNetwork};
use crate::nn::{first_line, side_by_side};
use crate::plan::{Cpu, Fault, Prepared, Processor, Weights};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::sigmoid;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Memory that kept step contexts may take, bytes.
const CONTEXT_BYTES: usize = 64 << 20;

pub(crate) struct Runner(Arc<Shared>);

struct Shared {
    network: MedSegDiff,
    device: Device,
    /// Where plans run, and where they go on if that fails.
    processor: Mutex<Arc<dyn Processor>>,
    cpu: Arc<dyn Processor>,
    plans: Mutex<Plans>,
    /// Time embeddings and NBP filters by diffusion time: they depend on nothing else.
    contexts: Mutex<BTreeMap<usize, Arc<Vec<Vec<f32>>>>>,
}

/// Plans by the number of masks.
#[derive(Default)]
struct Plans {
    weights: Arc<Weights>,
    recorded: HashMap<usize, Arc<Recorded>>,
}

fn lock<T: ?Sized>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runner {
    pub(crate) fn new(config: &Config, vb: &VarBuilder<'_>, device: &Device) -> Result<Self> {
        let cpu: Arc<dyn Processor> = Arc::new(Cpu::default());
        Ok(Self(Arc::new(Shared {
            network: MedSegDiff::new(config, vb)?,
            device: device.clone(),
            processor: Mutex::new(cpu.clone()),
            cpu,
            plans: Mutex::default(),
            contexts: Mutex::default(),
        })))
    }
}

impl Shared {
    fn images(&self, values: &[f32]) -> Result<Tensor> {
        let Config { image_channels, image_size: side, .. } = *self.network.config();
        let shape = (values.len() / (image_channels * side * side), image_channels, side, side);
        Tensor::from_slice(values, shape, &Device::Cpu)?.to_device(&self.device)
    }

    fn recorded(&self, masks: usize) -> Result<Arc<Recorded>> {
        let mut plans = lock(&self.plans);
        if let Some(known) = plans.recorded.get(&masks) {
            return Ok(known.clone());
        }
        let recorded = Arc::new(self.network.record(&plans.weights, masks)?);
        plans.weights = recorded.plan.weights.clone();
        plans.recorded.insert(masks, recorded.clone());
        Ok(recorded)
    }

    /// Sets the time of a part's next step.
    fn time(&self, part: &mut Part, t: usize, is_here: bool) -> std::result::Result<(), Fault> {
        let Part { recorded, prepared, .. } = part;
        if !is_here {
            return recorded.time(&mut **prepared, t);
        }
        let mut kept = lock(&self.contexts);
        let known = kept.get(&t).cloned();
        if let Some(known) = known {
            drop(kept);
            return recorded.put_context(&mut **prepared, &known);
        }
        recorded.time(&mut **prepared, t)?;
        let context = recorded.context(&mut **prepared)?;
        let bytes = 4 * context.iter().map(Vec::len).sum::<usize>();
        if (kept.len() + 1) * bytes > CONTEXT_BYTES {
            kept.clear();
        }
        kept.insert(t, Arc::new(context));
        Ok(())
    }
}

impl SliceNetwork for Runner {
    fn look(&self, images: &[f32]) -> Result<Box<dyn Look>> {
        let shared = &self.0;
        let images = shared.images(images)?;
        let (condition, summary) = shared.network.condition_and_summary(&images)?;
        let (condition, features) = (condition.detach(), values(&summary)?);
        let direct = values(&sigmoid(&condition.logits)?)?;
        let (shared, images) = (shared.clone(), images.dim(0)?);
        Ok(Box::new(Seen { shared, images, direct, features, condition, parts: None }))
    }

    fn run_on(&mut self, processor: &Arc<dyn Processor>) -> bool {
        *lock(&self.0.processor) = processor.clone();
        true
    }
}

/// Estimates of clean masks.
type Clean = std::result::Result<Vec<f32>, DiffusionError>;

struct Seen {
    shared: Arc<Shared>,
    /// How many.
    images: usize,
    condition: Condition,
    /// For so many members per image.
    parts: Option<(usize, Parts)>,
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

/// Masks that are denoised together, in plans that have been told of the images.
struct Parts {
    processor: Arc<dyn Processor>,
    parts: Vec<Part>,
}

struct Part {
    masks: Range<usize>,
    recorded: Arc<Recorded>,
    prepared: Box<dyn Prepared>,
}

impl Seen {
    fn parts(&mut self, members: usize) -> std::result::Result<&mut Parts, Fault> {
        let processor = lock(&self.shared.processor).clone();
        let known = self.parts.take();
        let known = known.filter(|(n, p)| *n == members && Arc::ptr_eq(&p.processor, &processor));
        let parts = match known {
            Some((_, parts)) => parts,
            None => self.prepare(members, processor)?,
        };
        Ok(&mut self.parts.insert((members, parts)).1)
    }

    fn prepare(
        &self,
        members: usize,
        processor: Arc<dyn Processor>,
    ) -> std::result::Result<Parts, Fault> {
        let Self { shared, images, condition, .. } = self;
        let masks = members * images;
        let n = processor.parts(masks);
        let part = |i: usize| {
            let masks = i * masks / n..(i + 1) * masks / n;
            let images: Vec<u32> = masks.clone().map(|m| (m / members) as u32).collect();
            let of = condition.select(&images).map_err(failed)?;
            let recorded = shared.recorded(masks.len()).map_err(failed)?;
            let mut prepared = processor.prepare(&recorded.plan)?;
            recorded.tell(&mut *prepared, &of)?;
            Ok(Part { masks, recorded, prepared })
        };
        processor.pack(&shared.recorded(masks.div_ceil(n)).map_err(failed)?.plan.weights)?;
        // Side by side: most of it is the first touch of their memory.
        let parts = (0..n).into_par_iter().map(part);
        Ok(Parts { parts: parts.collect::<std::result::Result<_, Fault>>()?, processor })
    }

    /// By candle, on a device of its own.
    fn output_there(&self, states: &[f32], t: usize) -> Result<Vec<f32>> {
        let Shared { network, device, .. } = &*self.shared;
        let Config { classes, image_size: side, .. } = *network.config();
        let masks = states.len() / (classes * side * side);
        let members = masks / self.images;
        let images: Vec<u32> = (0..masks).map(|m| (m / members) as u32).collect();
        let x = Tensor::from_slice(states, (masks, classes, side, side), &Device::Cpu)?;
        let context = network.step_context(&[t])?.detach();
        values(&network.denoise(
            &x.to_device(device)?,
            &self.condition.select(&images)?,
            &context,
        )?)
    }

    /// The estimates of the clean masks, or which output is not finite.
    fn clean(
        &mut self,
        states: &[f32],
        t: usize,
        alpha_bar: f64,
    ) -> std::result::Result<Clean, Fault> {
        let predict = self.shared.network.config().predict;
        if !self.shared.device.is_cpu() {
            let output = self.output_there(states, t).map_err(failed)?;
            return Ok(predict.clean(&output, states, alpha_bar));
        }
        let size = self.direct.len() / self.images;
        let (shared, members) = (self.shared.clone(), states.len() / self.direct.len());
        let Parts { processor, parts } = self.parts(members)?;
        let is_here = processor.is_here();
        // The first one works out what the others take over.
        for part in &mut *parts {
            shared.time(part, t, is_here)?;
        }
        let run = |part: &mut Part| {
            let of = &states[part.masks.start * size..part.masks.end * size];
            let output = part.recorded.output(&mut *part.prepared, of)?;
            let first = part.masks.start * size;
            Ok(predict.clean(&output, of, alpha_bar).map_err(|e| match e {
                DiffusionError::NotFinite { index } => {
                    DiffusionError::NotFinite { index: first + index }
                }
                other => other,
            }))
        };
        // A single one has this thread, and helpers.
        if let [part] = parts.as_mut_slice() {
            return run(part);
        }
        let all = side_by_side(|| {
            parts.par_iter_mut().map(run).collect::<std::result::Result<Vec<Clean>, _>>()
        })?;
        Ok(all.into_iter().collect::<std::result::Result<Vec<_>, _>>().map(|all| all.concat()))
    }

    /// Goes on on the CPU.
    ///
    /// # Errors
    /// If it is there already.
    fn fall_back(&mut self, fault: &Fault) -> std::result::Result<(), DiffusionError> {
        let mut processor = lock(&self.shared.processor);
        if Arc::ptr_eq(&processor, &self.shared.cpu) {
            return Err(DiffusionError::Network(fault.to_string()));
        }
        tracing::warn!("{fault}: going on on the CPU");
        processor.give_up(fault);
        *processor = self.shared.cpu.clone();
        Ok(())
    }
}

impl Denoiser for Seen {
    fn estimate(
        &mut self,
        states: &[f32],
        t: usize,
        alpha_bar: f64,
    ) -> std::result::Result<Vec<f32>, DiffusionError> {
        self.clean(states, t, alpha_bar).or_else(|fault| {
            self.fall_back(&fault)?;
            let again = self.clean(states, t, alpha_bar);
            again.map_err(|e| DiffusionError::Network(e.to_string()))
        })?
    }

    fn draw(
        &mut self,
        course: &Course<'_>,
        on_step: &mut dyn FnMut(usize, Glimpse<'_>) -> ControlFlow<()>,
    ) -> Option<std::result::Result<Option<Vec<f32>>, DiffusionError>> {
        let predict = self.shared.network.config().predict;
        let members = course.states.len() / self.direct.len();
        if lock(&self.shared.processor).is_here() {
            return None;
        }
        let drawn = self.parts(members).and_then(|parts| match parts.parts.as_mut_slice() {
            [Part { recorded, prepared, .. }] => recorded
                .draw(&mut **prepared, course, |a| predict.clean_coefficients(a), on_step)
                .map(Some),
            _ => Ok(None),
        });
        match drawn {
            Ok(drawn) => drawn,
            // Those that were begun begin anew.
            Err(fault) => self.fall_back(&fault).err().map(Err),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn failed(e: candle_core::Error) -> Fault {
    Fault::Other(first_line(&e))
}

fn values(t: &Tensor) -> Result<Vec<f32>> {
    t.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}
