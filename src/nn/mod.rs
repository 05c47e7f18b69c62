//! Tensor operations with right and fast gradients, on top of candle.
//!
//! candle 0.11.1 is slow at convolution and normalisation on the CPU, and several of its gradients
//! are silently wrong (`tests/candle_faults.rs` lists them). Each function here has two paths: a
//! fused operation for `f32` and `f64` on the CPU, and a composition of plain tensor operations,
//! whose gradients are right, for every other device and type. The second is also the reference
//! in the tests of the first.

mod batch_norm;
mod bench;
mod channel_bias;
mod class_loss;
mod columns;
mod columns3d;
mod conv;
mod conv3d;
mod conv_device;
mod device;
mod dft;
mod direct3d;
mod element;
mod filter_network;
#[cfg(test)]
pub(crate) mod golden;
#[cfg(test)]
pub(crate) mod gradcheck;
mod init;
mod lanes;
mod layers;
mod lift;
mod matmul;
mod norm;
mod norm3d;
mod pool;
mod pool3d;
mod product_kernels;
mod relu;
mod resample;
mod resize3d;
mod row_kernels;
mod scratch;
mod shared;
mod sigmoid;
mod softmax;
mod sparse;
mod team;
mod then;
mod update;
mod winograd;
mod winograd3d;
mod winograd_kernels;

pub use batch_norm::{BATCH_NORM_EPS, batch_norm, moments};
pub use bench::{Timing, timings};
pub use channel_bias::add_channel_bias;
pub use class_loss::ClassLoss;
pub use conv::{PackedConv, conv2d};
pub use conv3d::{Steps, conv_transpose3d, conv3d};
pub use device::LaunchCache;
pub use dft::TokenDft;
pub use filter_network::{FilterLayer, filter_network, filter_network_to};
pub use init::{SeededInit, init_uniform_fan_in};
pub use layers::{Conv2d, GroupNorm, LayerNorm, Linear, sinusoids, time_embedding};
pub use lift::lift;
pub use matmul::{Strided, matmul_to};
pub use norm::{NormSets, group_norm, layer_norm, normalise_to};
pub use norm3d::{Norm3d, NormKind};
pub use pool::{crop_cat, max_pool2};
pub use pool3d::max_pool3d;
pub use relu::{add_relu, relu};
pub use resample::{pixel_shuffle, pixel_unshuffle, taps, up_conv2x2, upsample_nearest2x};
pub use resize3d::resize_linear3d;
pub(crate) use scratch::with_room;
pub use sigmoid::{sigmoid_in_place, silu_in_place};
pub use softmax::{softmax_last, softmax_to};
pub use sparse::{Sparse, sparse};
pub(crate) use team::{each_piece, section, side_by_side};
pub use then::Then;
pub use update::{Blend, Descent, blend, descend, norm};

use candle_core::{DType, Tensor};

/// The first line of an error's text: candle may append a backtrace.
pub fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// Whether the fused CPU operations take this tensor.
fn fused(x: &Tensor) -> bool {
    x.device().is_cpu() && matches!(x.dtype(), DType::F32 | DType::F64)
}

/// Keeps candle's own thread pool from starting, unless `CANDLE_NUM_THREADS` says otherwise. Its
/// workers spin, pinned to a core each: on a busy machine every elementwise operation then waits
/// for a worker that is not running, and a training step takes twice as long. The operations of
/// this room share rayon's pool instead, and those of a single plan helpers that soon sleep. Call it
/// first in `main`, before any thread starts.
pub fn settle_threads() {
    const NAME: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(NAME).is_none() {
        // SAFETY: no other thread runs yet that could read the environment.
        unsafe { std::env::set_var(NAME, "1") };
    }
}
