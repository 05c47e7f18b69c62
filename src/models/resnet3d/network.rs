//! Encoder and decoder as one network of volumes.

use super::recorded::{Plans, Recording};
use super::{Decoder, Encoder, decoder, encoder};
use crate::models::{Shape, VolumeLook, VolumeNetwork};
use crate::plan::{Processor, Recorder, VolumeValue};
use candle_core::{D, Device, Result, Tensor, bail};
use candle_nn::VarBuilder;
use candle_nn::ops::softmax;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Everything that fixes a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub encoder: Encoder,
    #[serde(default)]
    pub decoder: Decoder,
    /// Classes, of which a voxel has one or none: the network gives one channel more.
    pub classes: usize,
    /// Size of the pieces that it was trained on; larger volumes are taken in windows of it. Without: whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<[usize; 3]>,
}

/// The level, from the stem on, that tells what kind of picture a volume is: deep enough to tell tissues
/// apart, shallow enough to have planes.
const TELLING: usize = 2;

/// Side of the volume for which memory and work are told, voxels.
const TOLD: usize = 64;

impl Config {
    /// # Errors
    /// Says what cannot be built.
    pub fn check(&self) -> std::result::Result<(), String> {
        if !(1..=255).contains(&self.classes) {
            return Err(format!("{} classes, expected 1 to 255", self.classes));
        }
        let stride = self.encoder.total_stride();
        if let Some(window) = self.window
            && (0..3).any(|a| window[a] == 0 || !window[a].is_multiple_of(stride[a]))
        {
            return Err(format!(
                "windows of {window:?}, expected multiples of the network's stride {stride:?}"
            ));
        }
        self.encoder.check()
    }

    /// Voxels to a multiple of which a volume is padded; depth, height, width.
    pub fn stride(&self) -> [usize; 3] {
        self.encoder.total_stride()
    }

    /// Of a cube of 64 voxels.
    pub fn shape(&self) -> Shape {
        let voxels = (TOLD * TOLD * TOLD) as f64;
        Shape {
            channels: self.encoder.in_channels,
            classes: self.classes,
            side: TOLD,
            margin: 0,
            bytes: self.bytes_per_voxel() * TOLD * TOLD * TOLD,
            gflop: 2e-9 * self.products(voxels),
        }
    }

    /// Memory of a forward pass per voxel of the volume: some five maps of the widest level.
    pub fn bytes_per_voxel(&self) -> usize {
        let [stem, pool] = self.encoder.stem_strides();
        let stem: usize = stem.iter().product();
        let first = self.encoder.base_channels.div_ceil(stem);
        let pool: usize = pool.iter().product();
        let level = self.encoder.base_channels * self.encoder.expansion();
        4 * (5 * first.max(level.div_ceil(stem * pool)) + 4 * (self.classes + 1))
    }

    /// Multiplications of a volume of so many voxels.
    fn products(&self, voxels: f64) -> f64 {
        let encoder = &self.encoder;
        let size = |s: [usize; 3]| s.iter().product::<usize>() as f64;
        let [stem, pool] = encoder.stem_strides();
        let mut at = voxels / size(stem);
        let channels = encoder.in_channels * encoder.base_channels;
        let mut sum = at * channels as f64 * size(encoder.conv1_kernel);
        at /= size(pool);
        for plan in encoder.plans().into_iter().flatten() {
            let before = at;
            at /= size(plan.stride);
            if plan.shortcut {
                sum += at * (plan.channels_in * plan.planes * plan.expansion) as f64;
            }
            let mut here = before;
            for (from, to, kernel, steps) in plan.convolutions() {
                here /= size(steps.stride);
                sum += here * (from * to) as f64 * size(kernel);
            }
        }
        sum + self.decoder.products(encoder, self.classes + 1, voxels)
    }

    /// # Errors
    /// If weights are missing or of another shape.
    pub(crate) fn build(&self, vb: &VarBuilder<'_>) -> Result<ResNet3d> {
        Ok(ResNet3d {
            encoder: self.encoder.build(&vb.pp("backbone"))?,
            decoder: self.decoder.build(&self.encoder, self.classes + 1, &vb.pp("decoder"))?,
            stride: self.stride(),
            window: self.window,
            bytes: self.bytes_per_voxel(),
            channels: self.encoder.in_channels,
            device: vb.device().clone(),
            plans: Plans::default(),
        })
    }
}

/// The network with its weights.
pub(crate) struct ResNet3d {
    encoder: encoder::Network,
    decoder: decoder::Network,
    stride: [usize; 3],
    window: Option<[usize; 3]>,
    bytes: usize,
    channels: usize,
    device: Device,
    plans: Plans,
}

impl ResNet3d {
    /// Of volumes `[B, C, D, H, W]` whose sides are multiples of the stride: `[B, classes + 1, D, H,
    /// W]`, the background first.
    pub(crate) fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let (_, _, d, h, w) = x.dims5()?;
        self.decoder.forward(&self.encoder.forward(x)?, [d, h, w])
    }

    /// As a plan: the logits, and the level that tells what kind of picture a volume is.
    ///
    /// # Errors
    /// If a part of it is not recorded.
    fn record(&self, r: &mut Recorder, x: VolumeValue) -> Result<[VolumeValue; 2]> {
        let levels = self.encoder.record(r, x)?;
        let logits = self.decoder.record(r, &levels)?;
        match levels.get(TELLING).or(levels.first()) {
            Some(&level) if logits.size == x.size => Ok([logits, level]),
            _ => bail!("plan: {:?} of a volume {:?}", logits.size, x.size),
        }
    }

    /// Logits and the level that tells the kind of picture.
    fn pass(&self, volume: &[f32], size: [usize; 3]) -> Result<[Tensor; 2]> {
        let record = |r: &mut Recorder, x| self.record(r, x);
        let recording = Recording { channels: self.channels, record: &record };
        if let Some(found) = self.plans.run(recording, volume, size)? {
            return Ok(found);
        }
        let stages = self.encoder.forward(&self.tensor(volume, size)?.to_device(&self.device)?)?;
        let logits = self.decoder.forward(&stages, size)?;
        let level = stages.outputs.get(TELLING - 1).unwrap_or(&stages.stem);
        Ok([logits, level.clone()])
    }

    fn tensor(&self, volume: &[f32], [d, h, w]: [usize; 3]) -> Result<Tensor> {
        Tensor::from_slice(volume, vec![1, self.channels, d, h, w], &Device::Cpu)
    }
}

impl VolumeNetwork for ResNet3d {
    fn stride(&self) -> [usize; 3] {
        self.stride
    }

    fn window(&self) -> Option<[usize; 3]> {
        self.window
    }

    fn bytes_per_voxel(&self) -> usize {
        self.bytes
    }

    fn probability(&self, volume: &[f32], size: [usize; 3]) -> Result<Vec<f32>> {
        Ok(self.look(volume, size)?.probability)
    }

    fn look(&self, volume: &[f32], size: [usize; 3]) -> Result<VolumeLook> {
        let [logits, level] = self.pass(volume, size)?;
        let logits = logits.flatten_from(2)?.squeeze(0)?;
        let all = softmax(&logits.t()?.contiguous()?, D::Minus1)?.t()?;
        let classes = all.narrow(0, 1, all.dim(0)? - 1)?;
        let probability = classes.contiguous()?.flatten_all()?.to_vec1()?;
        Ok(VolumeLook { probability, features: features(&self.tensor(volume, size)?, &level)? })
    }

    fn run_on(&mut self, processor: &Arc<dyn Processor>) -> bool {
        let mut plans = std::mem::take(&mut self.plans);
        let record = |r: &mut Recorder, x| self.record(r, x);
        let recording = Recording { channels: self.channels, record: &record };
        let runs = plans.run_on(recording, self.stride.map(|s| 2 * s), processor);
        self.plans = plans;
        runs
    }
}

/// Mean and deviation of the volume and of each channel of a level `[1, C, D, H, W]`, by its planes.
fn features(x: &Tensor, level: &Tensor) -> Result<Vec<Vec<f32>>> {
    let moments = |t: &Tensor| -> Result<Vec<f32>> {
        let t = t.flatten_from(1)?.to_device(&Device::Cpu)?;
        let mean = t.mean_keepdim(1)?;
        let deviation = t.broadcast_sub(&mean)?.sqr()?.mean(1)?.sqrt()?;
        Tensor::cat(&[&mean.squeeze(1)?, &deviation], 0)?.to_vec1()
    };
    let (planes, depth) = (level.dim(2)?, x.dim(2)?);
    let of = |k: usize| -> Result<Vec<f32>> {
        let (first, end) =
            (k * depth / planes, ((k + 1) * depth / planes).max(k * depth / planes + 1));
        let mut all = moments(&x.narrow(2, first, end - first)?.squeeze(0)?.contiguous()?)?;
        all.extend(moments(&level.narrow(2, k, 1)?.squeeze(0)?.contiguous()?)?);
        Ok(all)
    };
    (0..planes).map(of).collect()
}
