//! The network behind plain slices, for use: views are lifted once, states of all members go through
//! the denoiser together.

use super::config::{Clean, Config};
use super::network::{DiffBev, Lifted};
use super::transform::Views;
use crate::diffusion::{Denoiser, DiffusionError, Schedule};
use crate::models::{DrawnPlane, ViewLook, ViewNetwork};
use crate::nn::first_line;
use crate::projection::{Grid, Rig};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::{sigmoid, softmax};
use std::sync::Arc;

/// Standard deviations of a feature that become 1.
const RANGE: f64 = 3.0;

/// Names of the mean and deviation of each feature, among the weights.
pub(crate) const STATISTICS: [&str; 2] = ["bev.mean", "bev.deviation"];

/// Features as what is noised, about -1…1, and back; `mean` and `deviation` are `[C]`.
pub(crate) fn to_state(features: &Tensor, [mean, deviation]: &[Tensor; 2]) -> Result<Tensor> {
    let by_channel = |t: &Tensor| t.reshape((1, t.elem_count(), 1, 1));
    let scale = (by_channel(deviation)?.affine(RANGE, 1e-6))?;
    features.broadcast_sub(&by_channel(mean)?)?.broadcast_div(&scale)
}

pub(crate) fn from_state(state: &Tensor, [mean, deviation]: &[Tensor; 2]) -> Result<Tensor> {
    let by_channel = |t: &Tensor| t.reshape((1, t.elem_count(), 1, 1));
    let scale = (by_channel(deviation)?.affine(RANGE, 1e-6))?;
    state.broadcast_mul(&scale)?.broadcast_add(&by_channel(mean)?)
}

pub(crate) struct Runner(Arc<Shared>);

struct Shared {
    network: DiffBev,
    statistics: Option<[Tensor; 2]>,
    schedule: Schedule,
    device: Device,
}

impl Runner {
    pub(crate) fn new(config: &Config, vb: &VarBuilder<'_>, device: &Device) -> Result<Self> {
        let network = DiffBev::new(config, vb)?;
        let statistic = |name: &str| vb.get(config.channels, name);
        let statistics = if network.noises_features() {
            Some([statistic(STATISTICS[0])?, statistic(STATISTICS[1])?])
        } else {
            None
        };
        let schedule = Config::schedule();
        Ok(Self(Arc::new(Shared { network, statistics, schedule, device: device.clone() })))
    }
}

impl ViewNetwork for Runner {
    fn rig(&self) -> &Rig {
        &self.0.network.config().rig
    }

    fn grid(&self) -> &Grid {
        &self.0.network.config().grid
    }

    fn look(&self, angles: &[f64], lines: &[f32]) -> Result<Box<dyn ViewLook>> {
        let shared = &self.0;
        let config = shared.network.config();
        let views = Views::new(config, &[angles], lines, DType::F32, &shared.device)?;
        let lifted = shared.network.look(&views)?;
        let modulation = match config.diffusion() {
            Some(_) => Some(shared.network.modulation(&lifted)?.detach()),
            None => None,
        };
        let attenuation = values(&lifted.attenuation)?;
        Ok(Box::new(Looked { shared: shared.clone(), lifted, modulation, attenuation }))
    }
}

fn values(t: &Tensor) -> Result<Vec<f32>> {
    t.flatten_all()?.to_vec1()
}

struct Looked {
    shared: Arc<Shared>,
    lifted: Lifted,
    modulation: Option<Tensor>,
    attenuation: Vec<f32>,
}

impl Looked {
    fn config(&self) -> &Config {
        self.shared.network.config()
    }

    fn states(&self, values: &[f32]) -> Result<Tensor> {
        let (c, n) = (self.config().state_channels(), self.config().grid.cells);
        let shape = (values.len() / (c * n * n), c, n, n);
        Tensor::from_slice(values, shape, &Device::Cpu)?.to_device(&self.shared.device)
    }

    fn answer(&self, states: &[f32], t: usize) -> Result<Vec<f32>> {
        let Some(modulation) = &self.modulation else {
            candle_core::bail!("the network does not sample")
        };
        let x = self.states(states)?;
        let members = x.dim(0)?;
        let modulation = repeated(modulation, members)?;
        values(&self.shared.network.denoise(&x, &modulation, &vec![t; members])?)
    }
}

/// One plane as several.
fn repeated(x: &Tensor, members: usize) -> Result<Tensor> {
    let (_, c, h, w) = x.dims4()?;
    x.broadcast_as((members, c, h, w))?.contiguous()
}

impl ViewLook for Looked {
    fn attenuation(&self) -> &[f32] {
        &self.attenuation
    }

    fn state_len(&self) -> usize {
        self.config().state_channels() * self.config().grid.len()
    }

    fn denoiser(&mut self) -> Option<&mut dyn Denoiser> {
        if self.modulation.is_some() { Some(self) } else { None }
    }

    fn decide(&self, clean: &[f32]) -> Result<Vec<DrawnPlane>> {
        let clean = match (&self.modulation, self.config().clean, &self.shared.statistics) {
            (None, ..) => None,
            (_, Clean::Bev, Some(statistics)) => {
                Some(from_state(&self.states(clean)?, statistics)?)
            }
            _ => Some(self.states(clean)?),
        };
        let members = clean.as_ref().map_or(Ok(1), |c| c.dim(0))?;
        let lifted = Lifted {
            plane: repeated(&self.lifted.plane, members)?,
            depth: None,
            attenuation: self.lifted.attenuation.clone(),
            condition: repeated(&self.lifted.condition, members)?,
        };
        let given = self.shared.network.decide(&lifted, clean.as_ref())?;
        let classes = self.config().classes;
        let probability = softmax(&given.logits, 1)?.narrow(1, 1, classes)?;
        let parts = [&probability.contiguous()?, &sigmoid(&given.heat)?, &given.size];
        let [probability, heat, size] = parts.map(values);
        let (probability, heat, size) = (probability?, heat?, size?);
        let cells = self.config().grid.len();
        let part = |all: &[f32], channels: usize, k: usize| {
            all[k * channels * cells..(k + 1) * channels * cells].to_vec()
        };
        let member = |k: usize| DrawnPlane {
            probability: part(&probability, classes, k),
            heat: part(&heat, classes, k),
            size: part(&size, 2, k),
        };
        Ok((0..members).map(member).collect())
    }
}

impl Denoiser for Looked {
    fn estimate(
        &mut self,
        states: &[f32],
        t: usize,
        alpha_bar: f64,
    ) -> std::result::Result<Vec<f32>, DiffusionError> {
        debug_assert!((self.shared.schedule.alpha_bar()[t] - alpha_bar).abs() < 1e-9);
        let answer = self.answer(states, t).map_err(|e| DiffusionError::Network(first_line(&e)))?;
        self.config().prediction.clean(&answer, states, alpha_bar)
    }
}
