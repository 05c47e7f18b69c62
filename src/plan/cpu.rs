//! Runs plans on the processor's cores with the kernels of room `nn`.

use super::cpu_ops::{Packed, Prepare, pack};
use super::op::Buffer;
use super::processor::{Fault, Prepared, Processor};
use super::recorder::Plan;
use super::weights::Weights;
use rayon::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// Weights and what they were packed to.
type Known = (Arc<Weights>, Arc<Vec<Packed>>);

/// The cores. Masks do not see one another, so each core takes some of a batch through all layers,
/// in a plan of its own: between the large operations, which share the cores when some are idle, lie
/// many small ones.
#[derive(Default)]
pub struct Cpu {
    packed: Mutex<Vec<Known>>,
}

impl Cpu {
    fn packed(&self, weights: &Arc<Weights>) -> Result<Arc<Vec<Packed>>, Fault> {
        let lock = || self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |known: &[Known]| {
            known.iter().find(|(w, _)| Arc::ptr_eq(w, weights)).map(|(_, packed)| packed.clone())
        };
        if let Some(packed) = of(&lock()) {
            return Ok(packed);
        }
        // Not within the lock: a thread that waits for the others may take up work that wants it.
        let packed = weights.list().par_iter().map(pack).collect::<Result<Vec<_>, _>>();
        let packed = Arc::new(packed.map_err(|e| Fault::Other(crate::nn::first_line(&e)))?);
        let mut known = lock();
        if let Some(packed) = of(&known) {
            return Ok(packed);
        }
        // Those of networks that are gone go.
        known.retain(|(w, _)| Arc::strong_count(w) > 1);
        known.push((weights.clone(), packed.clone()));
        Ok(packed)
    }
}

impl Processor for Cpu {
    fn pack(&self, weights: &Arc<Weights>) -> Result<(), Fault> {
        self.packed(weights).map(drop)
    }

    fn name(&self) -> String {
        format!("CPU, {} threads", rayon::current_num_threads())
    }

    fn parts(&self, batch: usize) -> usize {
        rayon::current_num_threads().clamp(1, batch.max(1))
    }

    fn is_here(&self) -> bool {
        true
    }

    fn prepare(&self, plan: &Arc<Plan>) -> Result<Box<dyn Prepared>, Fault> {
        let packed = self.packed(&plan.weights)?;
        let ops = plan.ops.iter().map(Prepare::new).collect();
        let memory = plan.slots.iter().map(|&n| vec![0.0; n]).collect();
        Ok(Box::new(Room { plan: plan.clone(), packed, ops, memory }))
    }
}

struct Room {
    plan: Arc<Plan>,
    packed: Arc<Vec<Packed>>,
    ops: Vec<Prepare>,
    memory: Vec<Vec<f32>>,
}

impl Prepared for Room {
    fn write(&mut self, buffer: Buffer, values: &[f32]) -> Result<(), Fault> {
        self.memory[buffer.0][..values.len()].copy_from_slice(values);
        Ok(())
    }

    fn run(&mut self, section: usize) -> Result<(), Fault> {
        let Self { plan, packed, ops, memory } = self;
        let (threads, range) = (rayon::current_num_threads(), plan.sections[section].clone());
        let mut all = ops[range.clone()].iter_mut().zip(&plan.ops[range]);
        crate::nn::section(|| all.try_for_each(|(own, op)| own.run(op, memory, packed, threads)))
            .map_err(|e| Fault::Other(crate::nn::first_line(&e)))
    }

    fn read(&mut self, buffer: Buffer, len: usize) -> Result<Vec<f32>, Fault> {
        Ok(self.memory[buffer.0][..len].to_vec())
    }
}
