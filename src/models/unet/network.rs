//! The network: stages of two 3x3 convolutions, pooled on the way down, doubled and put beside the
//! skip connection on the way up, one logit per class and for the background at the end.

use super::config::{Config, Norm, Padding, Up};
use crate::nn::{
    BATCH_NORM_EPS, batch_norm, conv2d, crop_cat, group_norm, max_pool2, moments, taps, up_conv2x2,
    upsample_nearest2x,
};
use crate::plan::{Recorder, Use, Value};
use candle_core::{Device, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// A U-Net with its weights.
pub struct UNet {
    config: Config,
    encoder: Vec<[Unit; 2]>,
    /// In the encoder's order.
    decoder: Vec<(Doubling, [Unit; 2])>,
    last: (Tensor, Tensor),
}

/// A convolution, a normalisation, ReLU.
struct Unit {
    name: String,
    weight: Tensor,
    bias: Tensor,
    pad: usize,
    norm: Normalise,
}

enum Normalise {
    /// Nothing, or folded into the convolution.
    No,
    /// By the statistics of the batch.
    Batch {
        gamma: Tensor,
        beta: Tensor,
    },
    Group {
        gamma: Tensor,
        beta: Tensor,
        groups: usize,
    },
}

struct Doubling {
    up: Up,
    weight: Tensor,
    bias: Tensor,
}

/// What a pass does besides: training drops values, and the statistics of batches are collected.
#[derive(Default)]
pub struct Pass<'a> {
    pub dropout: Option<&'a mut ChaCha8Rng>,
    pub statistics: Option<&'a mut Statistics>,
}

/// Mean and mean square of each normalised channel, summed over batches of equal size.
#[derive(Default)]
pub struct Statistics {
    sums: BTreeMap<String, (Tensor, Tensor)>,
    batches: usize,
}

impl Statistics {
    fn add(&mut self, name: &str, x: &Tensor) -> Result<()> {
        let (mean, variance) = moments(x)?;
        let square = (variance + mean.sqr()?)?;
        let sums = match self.sums.get(name) {
            Some((a, b)) => ((a + mean)?, (b + square)?),
            None => (mean, square),
        };
        self.sums.insert(name.to_owned(), sums);
        Ok(())
    }

    /// Mean and variance by the names under which a network that is ready reads them.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn tensors(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut out = BTreeMap::new();
        for (name, (mean, square)) in &self.sums {
            let share = 1.0 / self.batches.max(1) as f64;
            let mean = mean.affine(share, 0.0)?;
            let variance = (square.affine(share, 0.0)? - mean.sqr()?)?.relu()?;
            out.insert(format!("{name}.mean"), mean);
            out.insert(format!("{name}.variance"), variance);
        }
        Ok(out)
    }
}

/// He's start (arXiv 1502.01852): the variance stays 1 through ReLU.
fn he(inputs: usize) -> Init {
    Init::Randn { mean: 0.0, stdev: (2.0 / inputs as f64).sqrt() }
}

const ZERO: Init = Init::Const(0.0);

impl Unit {
    /// `ready`: batch norm by the statistics in the weights, folded.
    fn new(
        config: &Config,
        (from, to): (usize, usize),
        (conv, norm): (&str, &str),
        ready: bool,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let v = vb.pp(conv);
        let mut weight = v.get_with_hints((to, from, 3, 3), "weight", he(9 * from))?;
        let pad = usize::from(config.padding == Padding::Same);
        let name = vb.pp(norm).prefix();
        let affine = |shape: &[usize]| -> Result<(Tensor, Tensor)> {
            let v = vb.pp(norm);
            let gamma = v.get_with_hints(shape, "weight", Init::Const(1.0))?;
            Ok((gamma, v.get_with_hints(shape, "bias", ZERO)?))
        };
        let mut bias = match config.norm {
            Norm::None => v.get_with_hints(to, "bias", ZERO)?,
            _ => Tensor::zeros(to, weight.dtype(), weight.device())?,
        };
        let norm = match config.norm {
            Norm::None => Normalise::No,
            Norm::Group(groups) => {
                let (gamma, beta) = affine(&[1, to])?;
                Normalise::Group { gamma, beta, groups }
            }
            Norm::Instance => {
                let (gamma, beta) = affine(&[1, to])?;
                Normalise::Group { gamma, beta, groups: to }
            }
            Norm::Batch => {
                let (gamma, beta) = affine(&[to])?;
                if ready {
                    let v = vb.pp(norm);
                    let (mean, variance) = (v.get(to, "mean")?, v.get(to, "variance")?);
                    let scale = (gamma / (variance + BATCH_NORM_EPS)?.sqrt()?)?;
                    weight = weight.broadcast_mul(&scale.reshape((to, 1, 1, 1))?)?;
                    bias = (beta - (mean * scale)?)?;
                    Normalise::No
                } else {
                    Normalise::Batch { gamma, beta }
                }
            }
        };
        Ok(Self { name, weight, bias, pad, norm })
    }

    fn forward(&self, x: &Tensor, pass: &mut Pass<'_>) -> Result<Tensor> {
        let y = conv2d(x, &self.weight, &self.bias, 1, self.pad)?;
        match &self.norm {
            Normalise::No => y.relu(),
            Normalise::Batch { gamma, beta } => {
                if let Some(statistics) = &mut pass.statistics {
                    statistics.add(&self.name, &y)?;
                }
                batch_norm(&y, gamma, beta, true)
            }
            Normalise::Group { gamma, beta, groups } => {
                group_norm(&y, gamma, beta, *groups, false)?.relu()
            }
        }
    }
}

impl Unit {
    /// [`Self::forward`] of a network that is ready, in a plan.
    fn record(&self, r: &mut Recorder, x: Value) -> Result<Value> {
        let layer = [self.weight.dim(0)?, 3, 1, self.pad];
        let role = Use::Conv { stride: 1, pad: self.pad };
        let weight = r.weight(&[&self.weight], role, "", || Ok(self.weight.clone()))?;
        let bias = Some(r.plain(&self.bias)?);
        match &self.norm {
            Normalise::No => r.convolve(x, weight, bias, layer, (None, true)),
            Normalise::Group { gamma, beta, groups } => {
                let y = r.convolve(x, weight, bias, layer, (None, false))?;
                r.group_norm((gamma, beta), *groups, y, None, false)
            }
            Normalise::Batch { .. } => bail!("plan: a normalisation by the batch's statistics"),
        }
    }
}

impl Doubling {
    /// [`Self::forward`] in a plan.
    fn record(&self, r: &mut Recorder, x: Value) -> Result<Value> {
        match self.up {
            Up::Transpose => {
                let (taps, bias) = taps(&self.weight, &self.bias)?;
                let layer = [taps.dim(0)?, 1, 1, 0];
                let role = Use::Conv { stride: 1, pad: 0 };
                let weight = r.weight(&[&self.weight], role, "taps", || Ok(taps))?;
                let bias = r.weight(&[&self.bias], Use::Plain, "taps", || Ok(bias))?;
                let y = r.convolve(x, weight, Some(bias), layer, (None, false))?;
                r.unpack(y, 2)
            }
            Up::NearestConv => {
                let x = r.beside(&[(x, 2)])?;
                let layer = [self.weight.dim(0)?, 3, 1, 1];
                let role = Use::Conv { stride: 1, pad: 1 };
                let weight = r.weight(&[&self.weight], role, "", || Ok(self.weight.clone()))?;
                let bias = r.plain(&self.bias)?;
                r.convolve(x, weight, Some(bias), layer, (None, false))
            }
        }
    }

    fn new(up: Up, from: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let to = from / 2;
        // With kernel and stride 2 each output pixel sees one tap.
        let (shape, inputs) = match up {
            Up::Transpose => ((from, to, 2, 2), from),
            Up::NearestConv => ((to, from, 3, 3), 9 * from),
        };
        let weight = vb.get_with_hints(shape, "weight", he(inputs))?;
        Ok(Self { up, weight, bias: vb.get_with_hints(to, "bias", ZERO)? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self.up {
            Up::Transpose => up_conv2x2(x, &self.weight, &self.bias),
            Up::NearestConv => conv2d(&upsample_nearest2x(x)?, &self.weight, &self.bias, 1, 1),
        }
    }
}

impl UNet {
    /// In training: batch norm by the statistics of each batch.
    ///
    /// # Errors
    /// If weights are missing or of another shape.
    pub fn in_training(config: &Config, vb: &VarBuilder<'_>) -> Result<Self> {
        Self::new(config, false, vb)
    }

    /// To be used: batch norm by the statistics in the weights.
    ///
    /// # Errors
    /// If weights are missing or of another shape.
    pub fn ready(config: &Config, vb: &VarBuilder<'_>) -> Result<Self> {
        Self::new(config, true, vb)
    }

    fn new(config: &Config, ready: bool, vb: &VarBuilder<'_>) -> Result<Self> {
        let pair = |stage: &str, from: usize, to: usize| -> Result<[Unit; 2]> {
            let vb = vb.pp(stage);
            let unit = |from, i: usize| {
                let names = (format!("conv{i}"), format!("norm{i}"));
                Unit::new(config, (from, to), (&names.0, &names.1), ready, &vb)
            };
            Ok([unit(from, 0)?, unit(to, 1)?])
        };
        let mut encoder = Vec::new();
        let mut from = config.image_channels;
        for stage in 0..=config.depth {
            encoder.push(pair(&format!("enc{stage}"), from, config.channels(stage))?);
            from = config.channels(stage);
        }
        let mut decoder = Vec::new();
        for stage in 0..config.depth {
            let below = config.channels(stage + 1);
            let doubling = Doubling::new(config.up, below, &vb.pp(format!("up{stage}")))?;
            let pair = pair(&format!("dec{stage}"), below, config.channels(stage))?;
            decoder.push((doubling, pair));
        }
        let (v, outputs) = (vb.pp("out"), config.classes + 1);
        let weight = v.get_with_hints((outputs, config.width, 1, 1), "weight", he(config.width))?;
        let bias = v.get_with_hints(outputs, "bias", ZERO)?;
        Ok(Self { config: config.clone(), encoder, decoder, last: (weight, bias) })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the deepest stage sees in each of the images `[B, C, H, W]`, the mean of each of its
    /// channels: `[B, width·2^depth]`.
    ///
    /// # Errors
    /// If a side is no legal one.
    pub fn deepest(&self, images: &Tensor) -> Result<Tensor> {
        self.encode(images, &mut Pass::default())?.0.flatten_from(2)?.mean(2)
    }

    /// The deepest stage, and the others in order.
    fn encode(&self, images: &Tensor, pass: &mut Pass<'_>) -> Result<(Tensor, Vec<Tensor>)> {
        let mut skips = Vec::with_capacity(self.decoder.len());
        let mut x = images.clone();
        for (stage, [first, second]) in self.encoder.iter().enumerate() {
            if stage > 0 {
                x = max_pool2(&x)?;
            }
            x = first.forward(&x, pass)?;
            x = second.forward(&x, pass)?;
            if let Some(rng) = &mut pass.dropout
                && stage + 2 > self.config.depth
            {
                x = dropped(&x, self.config.dropout, rng)?;
            }
            if stage < self.config.depth {
                skips.push(x.clone());
            }
        }
        Ok((x, skips))
    }

    /// Logits `[B, K + 1, h, w]`, the background first, of images `[B, C, H, W]`.
    ///
    /// # Errors
    /// If a side is no legal one.
    pub fn logits(&self, images: &Tensor, pass: &mut Pass<'_>) -> Result<Tensor> {
        if let Some(statistics) = &mut pass.statistics {
            statistics.batches += 1;
        }
        let (mut x, mut skips) = self.encode(images, pass)?;
        for (doubling, [first, second]) in self.decoder.iter().rev() {
            x = doubling.forward(&x)?;
            if let Some(skip) = skips.pop() {
                x = crop_cat(&skip, &x)?;
            }
            x = first.forward(&x, pass)?;
            x = second.forward(&x, pass)?;
        }
        conv2d(&x, &self.last.0, &self.last.1, 1, 0)
    }

    /// [`Self::logits`] of a network that is ready, in a plan.
    ///
    /// # Errors
    /// If a side is no legal one, or the network is in training.
    pub fn record(&self, r: &mut Recorder, images: Value) -> Result<Value> {
        let (mut x, mut skips) = (images, Vec::with_capacity(self.decoder.len()));
        for (stage, [first, second]) in self.encoder.iter().enumerate() {
            if stage > 0 {
                x = r.pool(x)?;
            }
            x = first.record(r, x)?;
            x = second.record(r, x)?;
            if stage < self.config.depth {
                skips.push(x);
            }
        }
        for (doubling, [first, second]) in self.decoder.iter().rev() {
            x = doubling.record(r, x)?;
            if let Some(skip) = skips.pop() {
                x = r.beside(&[(skip, 1), (x, 1)])?;
            }
            x = first.record(r, x)?;
            x = second.record(r, x)?;
        }
        let (weight, bias) = (&self.last.0, &self.last.1);
        let layer = [weight.dim(0)?, 1, 1, 0];
        let role = Use::Conv { stride: 1, pad: 0 };
        let weight = r.weight(&[weight], role, "", || Ok(weight.clone()))?;
        let bias = r.plain(bias)?;
        r.convolve(x, weight, Some(bias), layer, (None, false))
    }
}

/// With a share of the values set to zero, the others as much larger.
fn dropped(x: &Tensor, share: f64, rng: &mut ChaCha8Rng) -> Result<Tensor> {
    if share == 0.0 {
        return Ok(x.clone());
    }
    let kept = (1.0 / (1.0 - share)) as f32;
    let keep = |_| if rng.random::<f64>() < share { 0.0 } else { kept };
    let mask: Vec<f32> = (0..x.elem_count()).map(keep).collect();
    let mask = Tensor::from_vec(mask, x.shape(), &Device::Cpu)?;
    x * mask.to_dtype(x.dtype())?.to_device(x.device())?
}
