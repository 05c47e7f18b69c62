//! OpenMMLab's `ResNet3d`: stem, up to four stages of residual blocks. Names of weights are its own.

use super::blocks::{Block, ConvNorm, Plan};
use super::config::{Blocks, Encoder};
use crate::nn::{Steps, max_pool3d};
use crate::plan::{Recorder, VolumeValue};
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// The encoder with its weights.
pub(super) struct Network {
    config: Encoder,
    stem: ConvNorm,
    stages: Vec<Vec<Block>>,
}

/// What it gives of volumes `[B, C, D, H, W]`.
pub(super) struct Stages {
    /// After the first pool.
    pub(super) stem: Tensor,
    /// Of each stage; of the first after the second pool, if there is one.
    pub(super) outputs: Vec<Tensor>,
}

impl Encoder {
    /// What the blocks of each stage are built from.
    pub(super) fn plans(&self) -> Vec<Vec<Plan>> {
        let mut channels_in = self.base_channels;
        let mut stages = Vec::new();
        for (stage, blocks) in self.blocks().into_iter().enumerate() {
            let planes = self.base_channels << stage;
            let out = planes * self.expansion();
            let (s, t, d) =
                (self.spatial_strides[stage], self.temporal_strides[stage], self.dilations[stage]);
            let deep = if self.dilate_depth { d } else { 1 };
            let plan = |i: usize| Plan {
                channels_in: if i == 0 { channels_in } else { out },
                planes,
                expansion: self.expansion(),
                stride: if i == 0 { [t, s, s] } else { [1; 3] },
                dilation: [deep, d, d],
                shortcut: i == 0 && (s != 1 || channels_in != out),
                inflate: self.inflate[stage].of(i),
                style: self.style,
                inflate_style: self.inflate_style,
                norm: self.norm,
                gain: if self.zero_init_residual { 0.0 } else { 1.0 },
            };
            stages.push((0..blocks).map(plan).collect());
            channels_in = out;
        }
        stages
    }

    pub(super) fn build(&self, vb: &VarBuilder<'_>) -> Result<Network> {
        let kernel = self.conv1_kernel;
        let steps = Steps::same(kernel).by(self.stem_strides()[0]);
        let channels = (self.in_channels, self.base_channels);
        let kind = (self.norm, 1.0, true);
        let stem = ConvNorm::new(channels, (kernel, steps), kind, &vb.pp("conv1"))?;
        let attends = &self.non_local;
        let mut stages = Vec::new();
        for (s, plans) in self.plans().into_iter().enumerate() {
            let mut blocks = Vec::new();
            for (i, plan) in plans.into_iter().enumerate() {
                let attends_here = attends.blocks.get(s).is_some_and(|b: &Blocks| b.of(i));
                let attention = attends_here.then_some((attends.sub_sample, attends.use_scale));
                let vb = vb.pp(format!("layer{}", s + 1)).pp(i.to_string());
                blocks.push(Block::new(plan, attention, &vb)?);
            }
            stages.push(blocks);
        }
        Ok(Network { config: self.clone(), stem, stages })
    }
}

impl Network {
    /// # Errors
    /// If the volumes are too small for the strides.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Stages> {
        let config = &self.config;
        let mut x = self.stem.forward(x)?;
        if config.with_pool1 {
            let kernel = config.pool1_kernel;
            x = max_pool3d(&x, kernel, config.stem_strides()[1], kernel.map(|k| k / 2))?;
        }
        let stem = x.clone();
        let mut outputs = Vec::new();
        for (i, blocks) in self.stages.iter().enumerate() {
            for block in blocks {
                x = block.forward(&x)?;
            }
            if i == 0 && config.with_pool2 {
                x = max_pool3d(&x, [2, 1, 1], [2, 1, 1], [0; 3])?;
            }
            outputs.push(x.clone());
        }
        Ok(Stages { stem, outputs })
    }

    /// The same as a plan: what [`Self::forward`] gives, stem first.
    ///
    /// # Errors
    /// As there, and if a block cannot be recorded.
    pub(super) fn record(&self, r: &mut Recorder, x: VolumeValue) -> Result<Vec<VolumeValue>> {
        let config = &self.config;
        let mut x = self.stem.record(r, x)?;
        if config.with_pool1 {
            let kernel = config.pool1_kernel;
            x = r.volume_pool(x, kernel, config.stem_strides()[1], kernel.map(|k| k / 2))?;
        }
        let mut levels = vec![x];
        for (i, blocks) in self.stages.iter().enumerate() {
            for block in blocks {
                x = block.record(r, x)?;
            }
            if i == 0 && config.with_pool2 {
                x = r.volume_pool(x, [2, 1, 1], [2, 1, 1], [0; 3])?;
            }
            levels.push(x);
        }
        Ok(levels)
    }
}
