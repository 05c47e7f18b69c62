//! The whole: views to features of the plane, a condition, a denoiser, fusion, heads.

use super::attention::{Attention, Fuse};
use super::config::{Clean, Condition, Config, DepthPath, Encoding, Modulation, Process};
use super::denoiser::UNetStack;
use super::head::{CentreHead, Head};
use super::transform::{ViewTransform, Views, view_transform};
use crate::nn::{Conv2d, GroupNorm, Sparse, sparse};
use candle_core::{Module, Result, Tensor, bail};
use candle_nn::{VarBuilder, ops::sigmoid};
use std::sync::Arc;

/// A planner's network with its weights.
pub struct DiffBev {
    config: Config,
    transform: Box<dyn ViewTransform>,
    /// Lifted features and how often a cell is seen, to features.
    mix: Conv2d,
    /// Depth to the features of a condition.
    depth: Option<Conv2d>,
    state: Option<StateEncoder>,
    condition: Option<ConvEncoder>,
    levels: UNetStack,
    fuse: Option<Fuse>,
    head: Head,
    centres: CentreHead,
}

/// What the views say, for all members and steps.
pub struct Lifted {
    /// Features of the plane, `[B, C, n, n]`.
    pub plane: Tensor,
    /// Logits of the depth bins, `[B · views, D, W]`, where depth is learned.
    pub depth: Option<Tensor>,
    /// The weights along the rays on the plane, `[B, 1, n, n]`.
    pub attenuation: Tensor,
    /// Features of the condition, `[B, C, n, n]`.
    pub condition: Tensor,
}

/// What the heads say.
pub struct Given {
    /// Logits `[B, K + 1, n, n]`, the background first.
    pub logits: Tensor,
    /// Logits of centres `[B, K, n, n]`, and sizes there `[B, 2, n, n]`, shares of the side.
    pub heat: Tensor,
    pub size: Tensor,
}

/// Convolution, norm, SiLU, convolution.
struct ConvEncoder {
    first: Conv2d,
    norm: GroupNorm,
    second: Conv2d,
}

impl ConvEncoder {
    fn new(from: usize, to: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            first: Conv2d::new(from, to, 3, 1, &vb.pp("first"))?,
            norm: GroupNorm::new(to, 4, &vb.pp("norm"))?,
            second: Conv2d::new(to, to, 3, 1, &vb.pp("second"))?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.second.forward(&self.norm.silu(&self.first.forward(x)?)?)
    }
}

enum StateEncoder {
    Conv(ConvEncoder),
    Attention(Conv2d, Attention),
}

impl StateEncoder {
    fn new(config: &Config, vb: &VarBuilder<'_>) -> Result<Self> {
        let (from, to) = (config.state_channels(), config.channels);
        let from = if config.process == Process::Refine { to } else { from };
        Ok(match config.encoding {
            Encoding::Conv => Self::Conv(ConvEncoder::new(from, to, vb)?),
            Encoding::Attention => Self::Attention(
                Conv2d::new(from, to, 3, 1, &vb.pp("widen"))?,
                Attention::new(to, to, config.token, &vb.pp("attention"))?,
            ),
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Conv(encoder) => encoder.forward(x),
            Self::Attention(widen, attention) => {
                let x = widen.forward(x)?;
                &x + attention.forward(&x, &x)?
            }
        }
    }
}

impl DiffBev {
    /// # Errors
    /// If weights are missing or of another shape.
    pub fn new(config: &Config, vb: &VarBuilder<'_>) -> Result<Self> {
        let (c, classes) = (config.channels, config.classes);
        let plain = config.process == Process::Plain;
        let depth_channels = match config.depth_path {
            DepthPath::Lifted => 1,
            DepthPath::Literal => config.bins,
        };
        let uses_depth = !plain && config.condition != Condition::Bev;
        if uses_depth && config.depth_path == DepthPath::Literal && !config.learns_depth() {
            bail!("the literal depth condition needs a learned depth");
        }
        let source = match config.process {
            Process::Diffuse => config.state_channels(),
            Process::Refine => classes,
            Process::Plain => c,
        };
        let state = |vb: VarBuilder<'_>| StateEncoder::new(config, &vb);
        let depth = |vb: VarBuilder<'_>| Conv2d::new(depth_channels, c, 1, 1, &vb);
        Ok(Self {
            transform: view_transform(config, &vb.pp("transform"))?,
            mix: Conv2d::new(c + 1, c, 1, 1, &vb.pp("mix"))?,
            depth: uses_depth.then(|| depth(vb.pp("depth"))).transpose()?,
            state: (!plain).then(|| state(vb.pp("state"))).transpose()?,
            condition: (!plain).then(|| ConvEncoder::new(c, c, &vb.pp("condition"))).transpose()?,
            levels: UNetStack::new(c, config.widths, source, &vb.pp("unet"))?,
            fuse: (!plain).then(|| Fuse::new(config, source, &vb.pp("fuse"))).transpose()?,
            head: Head::new(c, classes, &vb.pp("head"))?,
            centres: CentreHead::new(c, classes, &vb.pp("centres"))?,
            config: config.clone(),
        })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Everything that depends on the views alone.
    ///
    /// # Errors
    /// If the views are of another rig.
    pub fn look(&self, views: &Views) -> Result<Lifted> {
        let seen = self.transform.transform(views)?;
        let plane = self.mix.forward(&Tensor::cat(&[&seen.plane, &views.seen], 1)?)?;
        let rays = seen.weights.dim(0)?;
        let ones = Tensor::ones((rays, 1), plane.dtype(), plane.device())?;
        let attenuation = views.splat(&ones, &seen.weights)?;
        let of_depth = match (&self.depth, self.config.depth_path, &seen.depth) {
            (None, ..) => None,
            (Some(layer), DepthPath::Literal, Some(logits)) => {
                Some(self.stretched(&layer.forward(&depth_picture(logits, views)?)?)?)
            }
            (Some(layer), ..) => Some(layer.forward(&attenuation)?),
        };
        let condition = match (self.config.condition, of_depth) {
            (Condition::Dep, Some(depth)) => depth,
            (Condition::Sum, Some(depth)) => (&plane + depth)?,
            _ => plane.clone(),
        };
        Ok(Lifted { plane, depth: seen.depth, attenuation, condition })
    }

    /// A picture over views and pixels, as large as the plane, bilinear.
    fn stretched(&self, x: &Tensor) -> Result<Tensor> {
        let ((b, c, h, w), n) = (x.dims4()?, self.config.grid.cells);
        let along = |i: usize, size: usize| {
            let at =
                ((i as f64 + 0.5) * size as f64 / n as f64 - 0.5).clamp(0.0, size as f64 - 1.0);
            let (low, share) = (at as usize, (at - at.floor()) as f32);
            [(low, 1.0 - share), ((low + 1).min(size - 1), share)]
        };
        let mut entries = Vec::with_capacity(4 * n * n);
        for i in 0..n * n {
            for (r, a) in along(i / n, h) {
                entries.extend(along(i % n, w).map(|(q, b)| (i as u32, (r * w + q) as u32, a * b)));
            }
        }
        let matrix = Arc::new(Sparse::new(n * n, h * w, &entries));
        sparse(&matrix, &x.contiguous()?.reshape((b, c, h * w))?)?.reshape((b, c, n, n))
    }

    /// The condition as it modulates every state, `[B, C, n, n]`.
    ///
    /// # Errors
    /// If the network has none.
    pub fn modulation(&self, lifted: &Lifted) -> Result<Tensor> {
        let Some(encoder) = &self.condition else { bail!("the network has no condition") };
        let encoded = encoder.forward(&lifted.condition)?;
        match self.config.modulation {
            Modulation::Product => Ok(encoded),
            Modulation::ProductPlus => encoded + 1.0,
        }
    }

    /// What the denoiser answers for states at their times, under modulations of as many.
    ///
    /// # Errors
    /// If the network has no denoiser.
    pub fn denoise(&self, states: &Tensor, modulation: &Tensor, times: &[usize]) -> Result<Tensor> {
        let Some(encoder) = &self.state else { bail!("the network has no denoiser") };
        let x = (encoder.forward(states)? * modulation)?;
        self.levels.forward(&x, times)
    }

    /// What a network that does not sample gives to the fusion or the head.
    fn refined(&self, lifted: &Lifted) -> Result<Tensor> {
        let times = vec![0; lifted.plane.dim(0)?];
        match self.config.process {
            Process::Plain => self.levels.forward(&lifted.plane, &times),
            _ => self.denoise(&lifted.condition, &self.modulation(lifted)?, &times),
        }
    }

    /// What the heads say of the lifted features and clean states `[B, K or C, n, n]`; without
    /// states of a network that does not sample.
    ///
    /// # Errors
    /// If states are missing.
    pub fn decide(&self, lifted: &Lifted, clean: Option<&Tensor>) -> Result<Given> {
        let source = match (self.config.process, clean) {
            (Process::Diffuse, Some(clean)) => clean.clone(),
            (Process::Diffuse, None) => bail!("the network samples: it needs a clean state"),
            _ => self.refined(lifted)?,
        };
        let fused = match &self.fuse {
            Some(fuse) => fuse.forward(&lifted.plane, &source)?,
            None => (&lifted.plane + source)?,
        };
        let (heat, size) = self.centres.forward(&fused)?;
        Ok(Given { logits: self.head.forward(&fused)?, heat, size })
    }

    /// Whether what is noised are the lifted features themselves.
    pub fn noises_features(&self) -> bool {
        self.config.process == Process::Diffuse && self.config.clean == Clean::Bev
    }
}

/// Depth weights of all views of a plane as channels of a picture, `[B, D, V, W]`.
fn depth_picture(logits: &Tensor, views: &Views) -> Result<Tensor> {
    let (_, d, w) = logits.dims3()?;
    let all = sigmoid(logits)?.reshape((views.planes, views.per_plane(), d, w))?;
    all.transpose(1, 2)?.contiguous()
}
