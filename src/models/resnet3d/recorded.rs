//! The network as a plan of one size of volume, for a processor that is not the CPU: there the tensor
//! operations are as good.

use crate::plan::{Buffer, Fault, Plan, Prepared, Processor, Recorder, VolumeValue, Weights};
use candle_core::{Device, Result, Tensor};
use std::sync::{Arc, Mutex, PoisonError};

/// Records a network of so many channels: its logits, and the level that tells what kind of picture it is.
#[derive(Clone, Copy)]
pub(super) struct Recording<'a> {
    pub(super) channels: usize,
    pub(super) record: &'a dyn Fn(&mut Recorder, VolumeValue) -> Result<[VolumeValue; 2]>,
}

/// Where plans run, if anywhere, and the one that was prepared last.
#[derive(Default)]
pub(super) struct Plans(Mutex<State>);

#[derive(Default)]
struct State {
    processor: Option<Arc<dyn Processor>>,
    weights: Arc<Weights>,
    ready: Option<Ready>,
}

struct Ready {
    size: [usize; 3],
    prepared: Box<dyn Prepared>,
    volume: Buffer,
    /// The logits, and the level that tells what kind of picture it is.
    outputs: [VolumeValue; 2],
}

impl Plans {
    /// `false` if the network cannot be recorded, for a volume of `few` voxels.
    pub(super) fn run_on(
        &mut self,
        network: Recording<'_>,
        few: [usize; 3],
        processor: &Arc<dyn Processor>,
    ) -> bool {
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        (state.processor, state.ready) = (None, None);
        if processor.is_here() || record(network, &state.weights, few).is_err() {
            return false;
        }
        state.processor = Some(processor.clone());
        true
    }

    /// The logits `[1, classes + 1, D, H, W]` of a volume and the level that tells its kind; `None` if it is
    /// to run on the CPU.
    pub(super) fn run(
        &self,
        network: Recording<'_>,
        volume: &[f32],
        size: [usize; 3],
    ) -> Result<Option<[Tensor; 2]>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(processor) = state.processor.clone() else { return Ok(None) };
        match state.try_on(&*processor, network, volume, size)? {
            Ok(found) => Ok(Some(found)),
            Err(fault) => {
                tracing::warn!("{fault}: going on on the CPU");
                processor.give_up(&fault);
                (state.processor, state.ready) = (None, None);
                Ok(None)
            }
        }
    }
}

impl State {
    fn try_on(
        &mut self,
        processor: &dyn Processor,
        network: Recording<'_>,
        volume: &[f32],
        size: [usize; 3],
    ) -> Result<std::result::Result<[Tensor; 2], Fault>> {
        let mut ready = match self.ready.take().filter(|r| r.size == size) {
            Some(ready) => ready,
            None => {
                let (plan, from, outputs) = record(network, &self.weights, size)?;
                self.weights = plan.weights.clone();
                match processor.prepare(&Arc::new(plan)) {
                    Ok(prepared) => Ready { size, prepared, volume: from, outputs },
                    Err(fault) => return Ok(Err(fault)),
                }
            }
        };
        let room = &mut ready.prepared;
        let ran = room.write(ready.volume, volume).and_then(|()| room.run(0));
        let read = ran.and_then(|()| {
            let [logits, level] = ready.outputs;
            Ok([room.read(logits.buffer, logits.len())?, room.read(level.buffer, level.len())?])
        });
        let [logits, level] = match read {
            Ok(values) => values,
            Err(fault) => return Ok(Err(fault)),
        };
        let tensor = |values: Vec<f32>, of: VolumeValue| {
            let [d, h, w] = of.size;
            Tensor::from_vec(values, vec![1, of.channels, d, h, w], &Device::Cpu)
        };
        let [first, second] = ready.outputs;
        self.ready = Some(ready);
        Ok(Ok([tensor(logits, first)?, tensor(level, second)?]))
    }
}

/// The plan, where the volume is written, and the logits and the level that it leaves.
fn record(
    network: Recording<'_>,
    weights: &Arc<Weights>,
    size: [usize; 3],
) -> Result<(Plan, Buffer, [VolumeValue; 2])> {
    let mut r = Recorder::new(weights.clone());
    let volume = r.volume_input(network.channels, size);
    let [mut logits, mut level] = (network.record)(&mut r, volume)?;
    let mut from = volume.buffer;
    let plan = r.finish(&mut [&mut from, &mut logits.buffer, &mut level.buffer]);
    Ok((plan, from, [logits, level]))
}
