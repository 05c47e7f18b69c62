//! Operations on one volume `[c, d, h, w]`. Triples are depth, height, width.

use super::buffer::{Buffer, Work};
use super::weights::WeightId;
use crate::nn::Steps;

/// `y = relu(conv(x) + bias)`, the last two if wanted; or of the transpose of a convolution.
#[derive(Clone, Debug)]
pub struct VolumeConv {
    pub x: Buffer,
    pub y: Buffer,
    pub weight: WeightId,
    pub bias: Option<WeightId>,
    /// Of `x` and `y`.
    pub channels: [usize; 2],
    pub input: [usize; 3],
    pub output: [usize; 3],
    pub kernel: [usize; 3],
    pub steps: Steps,
    /// How much longer the output is than a transposed convolution's least one.
    pub transposed: Option<[usize; 3]>,
    pub relu: bool,
}

/// The largest voxel under a kernel.
#[derive(Clone, Debug)]
pub struct VolumePool {
    pub x: Buffer,
    pub y: Buffer,
    pub channels: usize,
    pub input: [usize; 3],
    pub output: [usize; 3],
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub pad: [usize; 3],
}

/// `y = relu(x + add)`, the last if wanted.
#[derive(Clone, Debug)]
pub struct Add {
    pub x: Buffer,
    pub add: Buffer,
    pub y: Buffer,
    pub len: usize,
    pub relu: bool,
}

fn count(sides: [usize; 3]) -> f64 {
    sides.iter().product::<usize>() as f64
}

impl VolumeConv {
    pub(super) fn work(&self) -> Work {
        let [ci, co] = self.channels.map(|c| c as f64);
        // A transposed convolution multiplies each voxel of its input once by each tap.
        let places = if self.transposed.is_some() { self.input } else { self.output };
        let weights = ci * co * count(self.kernel);
        Work {
            flop: 2.0 * count(places) * weights,
            bytes: 4.0 * (ci * count(self.input) + co * count(self.output) + weights),
        }
    }
}

impl VolumePool {
    pub(super) fn work(&self) -> Work {
        let (c, from, to) = (self.channels as f64, count(self.input), count(self.output));
        Work { flop: c * to * count(self.kernel), bytes: 4.0 * c * (from + to) }
    }
}
