//! A network's inference as data: a list of fused operations over buffers, recorded once per shape and
//! run by any processor. Weights are packed and memory is assigned when a plan is prepared; a run
//! then allocates nothing.
//!
//! ```text
//! models record ─► Recorder ─► Plan ─► Processor::prepare ─► Prepared: write, run, keep, read
//!                                        │ Cpu (here)  │ Gpu (room `gpu`)
//! ```
//!
//! candle stays what trains and loads networks, and what both processors are tested against. It has
//! no wgpu backend in a release (an experimental one is pull request 3379 of huggingface/candle,
//! which keeps candle's tensor by tensor way of working: no fusion, memory per operation, our
//! fused operations not among them). `burn` and `cubecl` have one; they bring a wgpu of their own
//! beside the window's (cubecl 0.9 to wgpu 28, we are at 30), a second copy of every network, and
//! kernels chosen by timing, which give other bits from run to run. The dozen kernels that these
//! networks need are fewer lines than that binding would be.

mod buffer;
mod cpu;
mod cpu_ops;
mod cpu_volumes;
mod kept;
mod liveness;
mod op;
mod processor;
mod recorder;
#[cfg(test)]
mod tests;
mod volume_op;
mod volumes;
mod weights;

pub use cpu::Cpu;
pub use kept::Kept;
pub use op::{
    Bias, Buffer, COORDINATES, Conv, Filter, Gate, Matrix, Norm, Op, Place, Pool, Product, Sample,
    Sets, Shuffle, Softmax, Source, Spectrum, Turn, Work, frequency,
};
pub use processor::{Fault, Prepared, Processor};
pub use recorder::{Heads, Plan, Recorder, Value};
pub use volume_op::{Add, VolumeConv, VolumePool};
pub use volumes::{VolumeLayer, VolumeValue};
#[cfg(test)]
pub(crate) use weights::tensor;
pub use weights::{Use, Weight, WeightId, Weights};

/// Added to a variance before its root.
pub const NORM_EPS: f64 = 1e-5;
/// Added before the sigmoid of a filter, so that a new one lets most of the spectrum pass.
pub const FILTER_OPEN: f32 = 2.0;
