//! Views into the plane, by one of several ways.

use super::config::{Config, Depth, Transform};
use super::view_encoder::{ViewEncoder, normalised};
use crate::nn::{Conv2d, Linear, Sparse, lift, upsample_nearest2x};
use candle_core::{DType, Device, Module, Result, Tensor, bail};
use candle_nn::{VarBuilder, ops::sigmoid};
use std::sync::Arc;

/// Views of some planes, as many of each: how they lie, and what their detectors saw.
#[derive(Clone)]
pub struct Views {
    pub(super) planes: usize,
    /// Angles in degrees, plane by plane.
    pub(super) angles: Vec<f64>,
    /// Line integrals, `[planes · views, 1, 1, W]`.
    pub(super) lines: Tensor,
    /// From places on the rays to cells.
    pub(super) matrix: Arc<Sparse>,
    /// How many views see each cell, by 8: `[planes, 1, n, n]`.
    pub(super) seen: Tensor,
}

impl Views {
    /// Of line integrals `[planes, views, W]` at the angles of each plane.
    ///
    /// # Errors
    /// If planes have different numbers of views, or none, or the line integrals are not as many.
    pub fn new(
        config: &Config,
        planes: &[&[f64]],
        lines: &[f32],
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let views = planes.first().map_or(0, |p| p.len());
        let (pixels, n) = (config.rig.pixels, config.grid.cells);
        if views == 0 || planes.iter().any(|p| p.len() != views) {
            bail!("views: expected the same number of angles, 1 or more, for each plane");
        }
        let all = planes.len() * views;
        if lines.len() != all * pixels {
            bail!("views: {} line integrals, expected {all} views of {pixels}", lines.len());
        }
        let lifting = config.lifting();
        let seen: Vec<f32> = planes.iter().flat_map(|p| lifting.seen(p)).map(|v| v / 8.0).collect();
        let place = |t: Tensor| t.to_dtype(dtype)?.to_device(device);
        Ok(Self {
            planes: planes.len(),
            angles: planes.concat(),
            lines: place(Tensor::from_slice(lines, (all, 1, 1, pixels), &Device::Cpu)?)?,
            matrix: Arc::new(lifting.matrix(planes)),
            seen: place(Tensor::from_vec(seen, (planes.len(), 1, n, n), &Device::Cpu)?)?,
        })
    }

    pub(super) fn per_plane(&self) -> usize {
        self.angles.len() / self.planes
    }

    /// `rays` `[planes · views · W, C]` with `weights` at their places, on the plane: `[planes, C, n, n]`.
    pub(super) fn splat(&self, rays: &Tensor, weights: &Tensor) -> Result<Tensor> {
        let (n, channels) = (self.seen.dim(3)?, rays.dim(1)?);
        let cells = lift(&self.matrix, rays, weights)?;
        cells.reshape((self.planes, n, n, channels))?.permute((0, 3, 1, 2))?.contiguous()
    }
}

/// What a view transformer gives.
pub(super) struct Transformed {
    /// `[planes, C, n, n]`
    pub(super) plane: Tensor,
    /// Logits of the depth bins, `[planes · views, D, W]`.
    pub(super) depth: Option<Tensor>,
    /// Weights at the places of each ray, `[planes · views · W, S]`.
    pub(super) weights: Tensor,
}

/// From views to features of the plane.
pub(super) trait ViewTransform: Send + Sync {
    fn transform(&self, views: &Views) -> Result<Transformed>;
}

pub(super) fn view_transform(
    config: &Config,
    vb: &VarBuilder<'_>,
) -> Result<Box<dyn ViewTransform>> {
    Ok(match config.transform {
        Transform::LiftSplat => Box::new(LiftSplat::new(config, vb)?),
        Transform::Backprojection => Box::new(Backprojection::new(config, vb)?),
        Transform::FullyConnected => Box::new(FullyConnected::new(config, vb)?),
    })
}

/// `[N, C, 1, W]` ray by ray, `[N·W, C]`.
fn rays(features: &Tensor) -> Result<Tensor> {
    let (n, c, _, w) = features.dims4()?;
    features.squeeze(2)?.transpose(1, 2)?.contiguous()?.reshape((n * w, c))
}

/// The same at every place.
fn uniform(config: &Config, views: &Views) -> Result<Tensor> {
    let all = views.angles.len() * config.rig.pixels;
    Tensor::ones((all, config.samples), views.lines.dtype(), views.lines.device())
}

struct LiftSplat {
    config: Config,
    encoder: ViewEncoder,
    /// From bins to places, `[D, S]`, linear between the middles of bins.
    spread: Tensor,
}

impl LiftSplat {
    fn new(config: &Config, vb: &VarBuilder<'_>) -> Result<Self> {
        let bins = if config.learns_depth() { config.bins } else { 0 };
        let (d, s) = (config.bins, config.samples);
        let mut spread = vec![0.0f64; d * s];
        for place in 0..s {
            let at = ((place as f64 + 0.5) * d as f64 / s as f64 - 0.5).clamp(0.0, d as f64 - 1.0);
            let low = (at as usize).min(d.saturating_sub(2));
            let share = at - low as f64;
            spread[low * s + place] += 1.0 - share;
            if share > 0.0 {
                spread[(low + 1) * s + place] += share;
            }
        }
        let spread = Tensor::from_vec(spread, (d, s), &Device::Cpu)?;
        Ok(Self {
            encoder: ViewEncoder::new(config.encoder, config.channels + bins, &vb.pp("views"))?,
            config: config.clone(),
            spread: spread.to_dtype(vb.dtype())?.to_device(vb.device())?,
        })
    }
}

impl ViewTransform for LiftSplat {
    fn transform(&self, views: &Views) -> Result<Transformed> {
        let Config { channels, bins, .. } = self.config;
        let out = self.encoder.forward(&views.lines)?;
        let features = rays(&out.narrow(1, 0, channels)?)?;
        let (depth, weights) = match self.config.depth {
            Depth::Uniform => (None, uniform(&self.config, views)?),
            Depth::Learned => {
                let logits = out.narrow(1, channels, bins)?;
                let weights = sigmoid(&rays(&logits)?)?.matmul(&self.spread)?;
                (Some(logits.squeeze(2)?), weights)
            }
        };
        Ok(Transformed { plane: views.splat(&features, &weights)?, depth, weights })
    }
}

struct Backprojection {
    config: Config,
    widen: Conv2d,
}

impl Backprojection {
    fn new(config: &Config, vb: &VarBuilder<'_>) -> Result<Self> {
        let widen = Conv2d::new(1, config.channels, 1, 1, &vb.pp("widen"))?;
        Ok(Self { config: config.clone(), widen })
    }
}

impl ViewTransform for Backprojection {
    fn transform(&self, views: &Views) -> Result<Transformed> {
        let weights = uniform(&self.config, views)?;
        let seen = views.splat(&rays(&normalised(&views.lines)?)?, &weights)?;
        Ok(Transformed { plane: self.widen.forward(&seen)?, depth: None, weights })
    }
}

/// Channels of the small plane that the layer draws.
const DRAWN: usize = 8;

struct FullyConnected {
    config: Config,
    first: Linear,
    second: Linear,
    convs: [Conv2d; 2],
}

impl FullyConnected {
    fn new(config: &Config, vb: &VarBuilder<'_>) -> Result<Self> {
        let (hidden, small) = (64, config.grid.cells / 4);
        Ok(Self {
            first: Linear::new(config.rig.pixels + 2, hidden, &vb.pp("first"))?,
            second: Linear::new(hidden, DRAWN * small * small, &vb.pp("second"))?,
            convs: [
                Conv2d::new(DRAWN, config.channels, 3, 1, &vb.pp("conv0"))?,
                Conv2d::new(config.channels, config.channels, 3, 1, &vb.pp("conv1"))?,
            ],
            config: config.clone(),
        })
    }
}

impl ViewTransform for FullyConnected {
    fn transform(&self, views: &Views) -> Result<Transformed> {
        let (all, small) = (views.angles.len(), self.config.grid.cells / 4);
        let turns: Vec<f64> = views
            .angles
            .iter()
            .flat_map(|a| [a.to_radians().sin(), a.to_radians().cos()])
            .collect();
        let lines = normalised(&views.lines)?.reshape((all, self.config.rig.pixels))?;
        let turns = Tensor::from_vec(turns, (all, 2), &Device::Cpu)?.to_dtype(lines.dtype())?;
        let x = Tensor::cat(&[&lines, &turns.to_device(lines.device())?], 1)?;
        let x = self.second.forward(&self.first.forward(&x)?.silu()?)?;
        let x = x.reshape((views.planes, views.per_plane(), DRAWN * small * small))?.mean(1)?;
        let x = upsample_nearest2x(&x.reshape((views.planes, DRAWN, small, small))?)?;
        let x = upsample_nearest2x(&self.convs[0].forward(&x)?.silu()?)?;
        let plane = self.convs[1].forward(&x)?;
        Ok(Transformed { plane, depth: None, weights: uniform(&self.config, views)? })
    }
}
