//! The U-Net as plans, one per number and size of images.

use super::network::UNet;
use crate::plan::{Buffer, Cpu, Fault, Plan, Prepared, Processor, Recorder, Weights};
use candle_core::{Device, Result, Tensor};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Plans that are kept with their memory: windows of a picture are of few sizes.
const KEPT: usize = 2;

/// Where plans run, and those that were prepared there.
pub(super) struct Plans {
    processor: Mutex<Arc<dyn Processor>>,
    cpu: Arc<dyn Processor>,
    weights: Mutex<Arc<Weights>>,
    ready: Mutex<VecDeque<Ready>>,
}

/// A plan for images `[b, c, h, w]`.
struct Ready {
    shape: [usize; 4],
    on: Arc<dyn Processor>,
    prepared: Box<dyn Prepared>,
    images: Buffer,
    logits: (Buffer, [usize; 4]),
}

impl Default for Plans {
    fn default() -> Self {
        let cpu: Arc<dyn Processor> = Arc::new(Cpu::default());
        Self {
            processor: Mutex::new(cpu.clone()),
            cpu,
            weights: Mutex::default(),
            ready: Mutex::default(),
        }
    }
}

fn lock<T: ?Sized>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Plans {
    pub(super) fn run_on(&self, processor: &Arc<dyn Processor>) {
        *lock(&self.processor) = processor.clone();
        lock(&self.ready).clear();
    }

    /// [`UNet::logits`] of images on the CPU.
    ///
    /// # Errors
    /// If a side is no legal one, or the CPU's plan fails.
    pub(super) fn logits(&self, network: &UNet, images: &Tensor) -> Result<Tensor> {
        let on = lock(&self.processor).clone();
        match self.try_on(&on, network, images)? {
            Ok(logits) => Ok(logits),
            Err(fault) if !Arc::ptr_eq(&on, &self.cpu) => {
                tracing::warn!("{fault}: going on on the CPU");
                on.give_up(&fault);
                self.run_on(&self.cpu);
                self.try_on(&self.cpu, network, images)?.map_err(candle_core::Error::wrap)
            }
            Err(fault) => Err(candle_core::Error::wrap(fault)),
        }
    }

    fn try_on(
        &self,
        on: &Arc<dyn Processor>,
        network: &UNet,
        images: &Tensor,
    ) -> Result<std::result::Result<Tensor, Fault>> {
        let shape: [usize; 4] = images.dims4()?.into();
        let known = {
            let mut ready = lock(&self.ready);
            let at = ready.iter().position(|r| r.shape == shape && Arc::ptr_eq(&r.on, on));
            at.and_then(|at| ready.remove(at))
        };
        let mut ready = match known {
            Some(ready) => ready,
            None => match self.prepare(on, network, shape)? {
                Ok(ready) => ready,
                Err(fault) => return Ok(Err(fault)),
            },
        };
        let values = images.flatten_all()?.to_vec1::<f32>()?;
        let (buffer, output) = ready.logits;
        let len = output.iter().product();
        let room = &mut ready.prepared;
        let ran = room.write(ready.images, &values).and_then(|()| room.run(0));
        let logits = match ran.and_then(|()| room.read(buffer, len)) {
            Ok(logits) => logits,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut kept = lock(&self.ready);
        kept.push_front(ready);
        kept.truncate(KEPT);
        Tensor::from_vec(logits, &output, &Device::Cpu).map(Ok)
    }

    fn prepare(
        &self,
        on: &Arc<dyn Processor>,
        network: &UNet,
        shape: [usize; 4],
    ) -> Result<std::result::Result<Ready, Fault>> {
        let (plan, images, logits) = self.record(network, shape)?;
        Ok(on.prepare(&Arc::new(plan)).map(|prepared| Ready {
            shape,
            on: on.clone(),
            prepared,
            images,
            logits,
        }))
    }

    fn record(
        &self,
        network: &UNet,
        shape: [usize; 4],
    ) -> Result<(Plan, Buffer, (Buffer, [usize; 4]))> {
        let mut weights = lock(&self.weights);
        let mut r = Recorder::new(weights.clone());
        let images = r.input(shape);
        let logits = network.record(&mut r, images)?;
        let (mut from, mut to) = (images.buffer, logits.buffer);
        let plan = r.finish(&mut [&mut from, &mut to]);
        *weights = plan.weights.clone();
        Ok((plan, from, (to, logits.shape)))
    }
}
