//! What runs plans.

use super::kept::Kept;
use super::op::Buffer;
use super::recorder::Plan;
use super::weights::Weights;
use std::sync::Arc;

/// Why a plan does not run on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the graphics card stopped: {0}")]
    Lost(String),
    #[error("the graphics card has not enough memory: {0}")]
    Memory(String),
    #[error("the graphics card's driver refused a program: {0}")]
    Shader(String),
    #[error("{0}")]
    Other(String),
}

impl Fault {
    /// Of values that another processor kept.
    pub fn elsewhere() -> Self {
        Self::Other("values were kept on another processor".to_owned())
    }
}

/// A place where plans run.
pub trait Processor: Send + Sync {
    /// In words.
    fn name(&self) -> String;

    /// Into how many parts a batch of so many is best cut, which run side by side, each a plan of
    /// its own.
    fn parts(&self, batch: usize) -> usize;

    /// Whether a plan's buffers lie in this program's memory, so that reading one costs a copy.
    fn is_here(&self) -> bool;

    /// Why it fails from now on, if it does.
    fn fault(&self) -> Option<Fault> {
        None
    }

    /// Says that whoever met this fault goes on elsewhere.
    fn give_up(&self, _fault: &Fault) {}

    /// Packs weights for the plans that are going to be prepared side by side, which would each do it otherwise.
    ///
    /// # Errors
    /// If they do not suit it.
    fn pack(&self, _weights: &Arc<Weights>) -> Result<(), Fault> {
        Ok(())
    }

    /// Packs weights (once for all plans that share them), makes room for buffers.
    ///
    /// # Errors
    /// If there is not enough memory, or the plan does not suit it.
    fn prepare(&self, plan: &Arc<Plan>) -> Result<Box<dyn Prepared>, Fault>;
}

/// A plan with its memory. Buffers that are named from outside are kept ones of the plan.
pub trait Prepared: Send {
    /// Sets the first values of a buffer.
    ///
    /// # Errors
    /// If the processor failed.
    fn write(&mut self, buffer: Buffer, values: &[f32]) -> Result<(), Fault>;

    /// Runs a section of the plan, or has it run before the next [`Self::read`].
    ///
    /// # Errors
    /// If the processor failed.
    fn run(&mut self, section: usize) -> Result<(), Fault>;

    /// The first values of a buffer, after everything that was run.
    ///
    /// # Errors
    /// If the processor failed.
    fn read(&mut self, buffer: Buffer, len: usize) -> Result<Vec<f32>, Fault>;

    /// A copy of the first values of a buffer as everything that was run leaves them, which stays there.
    ///
    /// # Errors
    /// If the processor failed, or has no memory for it.
    fn keep(&mut self, buffer: Buffer, len: usize) -> Result<Kept, Fault> {
        Ok(Kept::new(self.read(buffer, len)?, len))
    }

    /// The first values of several buffers, then what was kept, for one wait.
    ///
    /// # Errors
    /// If the processor failed, or something was kept elsewhere.
    fn read_all(
        &mut self,
        buffers: &[(Buffer, usize)],
        kept: &[Kept],
    ) -> Result<Vec<Vec<f32>>, Fault> {
        let mut all = Vec::with_capacity(buffers.len() + kept.len());
        for &(buffer, len) in buffers {
            all.push(self.read(buffer, len)?);
        }
        for kept in kept {
            all.push(kept.open::<Vec<f32>>().ok_or_else(Fault::elsewhere)?.clone());
        }
        Ok(all)
    }
}
