//! Neural band-pass filter G_t ∈ (0, 1)^{n x n}: a small network from the coordinates of the
//! affinity map to a weight per pair of frequencies, scaled and shifted by the diffusion time.
//!
//! It depends on t only: one filter serves every image and every member of a step.

use super::Config;
use super::blocks::halves;
use crate::nn::{FilterLayer, LayerNorm, Linear, filter_network};
use crate::plan::{Buffer, COORDINATES, FILTER_OPEN, Filter, Heads, Op, Recorder, Use, frequency};
use candle_core::{DType, Device, Module, Result, Tensor, bail};
use candle_nn::{VarBuilder, ops::sigmoid};

/// Added before the sigmoid, so that a new filter lets most of the spectrum pass.
const OPEN: f64 = FILTER_OPEN as f64;

#[derive(Clone, Debug)]
pub(super) struct NbpFilter {
    blocks: Vec<Block>,
    out: Linear,
}

#[derive(Clone, Debug)]
struct Block {
    linear: Linear,
    norm: LayerNorm,
    time: Linear,
}

impl NbpFilter {
    pub(super) fn new(config: &Config, vb: &VarBuilder<'_>) -> Result<Self> {
        let width = config.filter_width;
        let mut blocks = Vec::new();
        for i in 0..config.filter_blocks {
            let vb = vb.pp(format!("block{i}"));
            let inputs = if i == 0 { COORDINATES } else { width };
            blocks.push(Block {
                linear: Linear::new(inputs, width, &vb.pp("linear"))?,
                norm: LayerNorm::new(width, &vb.pp("norm"))?,
                time: Linear::new(config.time_width, 2 * width, &vb.pp("time"))?,
            });
        }
        let inputs = if config.filter_blocks == 0 { COORDINATES } else { width };
        Ok(Self { blocks, out: Linear::new(inputs, 1, &vb.pp("out"))? })
    }

    /// Filters `[U, n, n]` for the times `[U, time_width]` (through SiLU); `coordinates` from
    /// [`coordinates`].
    pub(super) fn forward(&self, coordinates: &Tensor, time: &Tensor) -> Result<Tensor> {
        let (u, n) = (time.dim(0)?, coordinates.dim(0)?.isqrt());
        let mut layers = Vec::new();
        for block in &self.blocks {
            let both = block.time.forward(time)?;
            let (scale, shift) = halves(&both)?;
            let (gamma, beta) = block.norm.modulated(&scale, &shift)?;
            layers.push(FilterLayer { linear: &block.linear, gamma, beta });
        }
        let x = if layers.is_empty() {
            self.out.forward(coordinates)?.reshape((1, n * n))?.broadcast_as((u, n * n))?
        } else {
            filter_network(coordinates, &layers, &self.out)?
        };
        sigmoid(&(x + OPEN)?)?.reshape((u, n, n))
    }

    /// The layers that see the time.
    pub(super) fn time_layers(&self) -> impl Iterator<Item = &Linear> {
        self.blocks.iter().map(|block| &block.time)
    }

    /// [`Self::forward`] of one time in a plan: where the filter `[n, n]` is.
    pub(super) fn record(&self, r: &mut Recorder, grid: usize, heads: &Heads) -> Result<Buffer> {
        let linears = self.blocks.iter().map(|b| &b.linear).chain([&self.out]);
        let mut parts: Vec<Tensor> = Vec::new();
        for (weight, bias) in linears.map(Linear::parts) {
            parts.push(weight.flatten_all()?);
            parts.extend(bias.cloned());
        }
        for (gamma, beta) in self.blocks.iter().map(|b| b.norm.parts()) {
            parts.extend([gamma.flatten_all()?, beta.flatten_all()?]);
        }
        let own = self.out.parts().0;
        let weights = r.weight(&[own], Use::Plain, "filter", || Tensor::cat(&parts, 0))?;
        let (width, layers) = (own.dim(1)?, self.blocks.len());
        let mut modulation = (heads.buffer(), 0);
        for (i, layer) in self.time_layers().enumerate() {
            let at = heads.of(layer)?;
            if i == 0 {
                modulation = at;
            } else if at != (modulation.0, modulation.1 + 2 * i * width) {
                bail!("plan: the heads of a filter do not lie one after another");
            }
        }
        let y = r.buffer(grid.pow(4));
        r.push(Op::Filter(Filter { y, grid, weights, modulation, layers, width }));
        Ok(y)
    }
}

/// `[n², 4]`: signed frequencies of the row's and the column's token, scaled to -1…1.
pub(super) fn coordinates(grid: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    let n = grid * grid;
    let mut v = Vec::with_capacity(n * n * COORDINATES);
    for a in 0..n {
        for b in 0..n {
            v.extend([a / grid, a % grid, b / grid, b % grid].map(|i| frequency(i, grid)));
        }
    }
    Tensor::from_vec(v, (n * n, COORDINATES), &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
}

#[cfg(test)]
mod tests {
    use super::super::Preset;
    use super::*;
    use crate::nn::SeededInit;
    use crate::nn::gradcheck::{check, close, noise, values};

    #[test]
    fn filters_lie_between_zero_and_one_and_follow_the_time() {
        let config =
            Config { filter_width: 8, time_width: 6, ..Config::preset(Preset::Desk, 3, 2) };
        let vb = VarBuilder::from_backend(Box::new(SeededInit::new(3)), DType::F64, Device::Cpu);
        let filter = NbpFilter::new(&config, &vb).unwrap();
        let at = coordinates(3, DType::F64, &Device::Cpu).unwrap();
        let time = noise(&[2, 6], 5);
        let g = filter.forward(&at, &time).unwrap();
        assert_eq!(g.dims(), [2, 9, 9]);
        assert!(values(&g).iter().all(|&v| v > 0.0 && v < 1.0));
        let (first, second) = (g.narrow(0, 0, 1).unwrap(), g.narrow(0, 1, 1).unwrap());
        let apart = values(&(first.clone() - second).unwrap().abs().unwrap());
        assert!(apart.iter().copied().fold(0.0, f64::max) > 1e-3, "the time changes nothing");
        // Alone as in a batch: what the cache relies on.
        close(&filter.forward(&at, &time.narrow(0, 0, 1).unwrap()).unwrap(), &first, 1e-14);
        check(&[vec![2, 6]], |v| filter.forward(&at, &v[0]));
    }
}
