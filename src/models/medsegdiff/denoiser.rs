//! The whole network: condition once per image, filters once per step, denoise per member.

use super::anchor::AnchorGate;
use super::blocks::{Decoder, Encoder};
use super::condition::{Condition, ConditionNet, Features, Guide, pack};
use super::config::SINUSOIDS;
use super::nbp_filter::coordinates;
use super::recorded::{Context, Recorded, Told};
use super::ss_former::SsFormer;
use super::{Config, Input};
use crate::nn::{Conv2d, Linear, time_embedding};
use crate::plan::{Plan, Recorder, Value, Weights};
use candle_core::{Module, Result, Tensor, bail};
use candle_nn::VarBuilder;
use std::sync::Arc;

/// MedSegDiff-V2.
#[derive(Clone, Debug)]
pub struct MedSegDiff {
    config: Config,
    condition: ConditionNet,
    diffusion: Option<Diffusion>,
}

/// The diffusion U-Net and what leads the condition into it.
#[derive(Clone, Debug)]
struct Diffusion {
    anchor: Option<AnchorGate>,
    former: Option<SsFormer>,
    coordinates: Tensor,
    time_in: Linear,
    time_out: Linear,
    conv_in: Conv2d,
    encoder: Encoder,
    decoder: Decoder,
}

/// What depends on the diffusion time alone: compute once per step, use for every image and member.
#[derive(Clone, Debug)]
pub struct StepContext {
    /// `[U, time_width]`, through SiLU.
    time: Tensor,
    /// `[U, n, n]` per SS-Former module.
    filters: Vec<Tensor>,
}

impl MedSegDiff {
    /// Builds the network; `vb` gives or makes the weights.
    ///
    /// # Errors
    /// If the configuration cannot be built, or weights are missing or of another shape.
    pub fn new(config: &Config, vb: &VarBuilder<'_>) -> Result<Self> {
        config.check().map_err(candle_core::Error::wrap)?;
        let diffusion = config.diffusion.then(|| Diffusion::new(config, vb)).transpose()?;
        let condition = ConditionNet::new(config, &vb.pp("condition"))?;
        Ok(Self { config: config.clone(), condition, diffusion })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Everything the image `[B, C_I, S, S]` (values about -1…1) says.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn condition(&self, image: &Tensor) -> Result<Condition> {
        self.guided(image, self.condition.forward(image)?)
    }

    /// The same, and what kind of pictures these are, `[B, F]`
    /// ([`crate::models::Look::features`]).
    pub(super) fn condition_and_summary(&self, image: &Tensor) -> Result<(Condition, Tensor)> {
        let features = self.condition.forward(image)?;
        let summary = features.summary()?;
        Ok((self.guided(image, features)?, summary))
    }

    fn guided(&self, image: &Tensor, features: Features) -> Result<Condition> {
        let guide = match &self.diffusion {
            Some(d) => Some(d.guide(&self.config, image, &features)?),
            None => None,
        };
        Ok(Condition { logits: features.logits, guide })
    }

    /// Time embedding and filters of the diffusion times `t` (0 to T - 1).
    ///
    /// # Errors
    /// If the network has no diffusion part.
    pub fn step_context(&self, times: &[usize]) -> Result<StepContext> {
        let d = self.diffusion()?;
        let like = &d.coordinates;
        let x = time_embedding(times, SINUSOIDS, like.dtype(), like.device())?;
        let time = d.time_out.forward(&d.time_in.forward(&x)?.silu()?)?.silu()?;
        let filters = match &d.former {
            Some(former) => former.filters(&d.coordinates, &time)?,
            None => Vec::new(),
        };
        Ok(StepContext { time, filters })
    }

    /// The network's prediction `[B, K, S, S]` for noisy masks `x` `[B, K, S, S]`. The condition is
    /// of the same batch or of one image; the context of one time, or one per sample (see
    /// [`StepContext::select`]).
    ///
    /// # Errors
    /// If the shapes do not fit, or the network has no diffusion part.
    pub fn denoise(&self, x: &Tensor, condition: &Condition, step: &StepContext) -> Result<Tensor> {
        let d = self.diffusion()?;
        let Some(guide) = &condition.guide else { bail!("the condition is of a direct network") };
        let first = d.conv_in.forward_channels(&pack(x, self.config.stem)?, 0)?;
        let mut first = first.broadcast_add(&guide.first)?;
        if let Some(gate) = &guide.gate {
            first = first.broadcast_mul(gate)?;
        }
        let (mut deepest, skips) = d.encoder.forward(first, Some(&step.time))?;
        if let (Some(former), Some(tokens)) = (&d.former, &guide.tokens) {
            deepest = (&deepest + former.forward(tokens, &deepest, &step.filters)?)?;
        }
        Ok(d.decoder.forward(deepest, &skips, Some(&step.time))?.0)
    }

    /// [`Self::step_context`] and [`Self::denoise`] of so many masks as a plan, with the weights of
    /// those that were recorded before.
    ///
    /// # Errors
    /// If the network has no diffusion part.
    pub(super) fn record(&self, weights: &Arc<Weights>, batch: usize) -> Result<Recorded> {
        let d = self.diffusion()?;
        Recorded::new(
            &self.config,
            weights,
            batch,
            |r, sinusoids| d.record_context(&self.config, r, sinusoids),
            |r, x, told, context| d.record_step(&self.config, r, x, told, context),
        )
    }

    /// The plan of a denoising step of so many masks: the time's own part, the network, the sampler.
    ///
    /// # Errors
    /// If the network has no diffusion part.
    pub fn plan(&self, masks: usize) -> Result<Arc<Plan>> {
        Ok(self.record(&Arc::default(), masks)?.plan)
    }

    fn diffusion(&self) -> Result<&Diffusion> {
        match &self.diffusion {
            Some(diffusion) => Ok(diffusion),
            None => bail!("this network has no diffusion part: it draws a direct mask only"),
        }
    }
}

impl Diffusion {
    fn new(config: &Config, vb: &VarBuilder<'_>) -> Result<Self> {
        let seen = match config.input {
            Input::Mask => config.classes,
            Input::ImageAndMask => config.classes + config.image_channels,
        };
        let own = vb.pp("diffusion");
        let conv_in = Conv2d::new(config.stemmed(seen), config.width, 3, 1, &own.pp("conv_in"))?;
        Ok(Self {
            anchor: AnchorGate::new(config.anchor, config.width, &vb.pp("anchor"))?,
            former: SsFormer::new(config, &vb.pp("former"))?,
            coordinates: coordinates(config.grid(), vb.dtype(), vb.device())?,
            time_in: Linear::new(SINUSOIDS, config.time_width, &vb.pp("time.in"))?,
            time_out: Linear::new(config.time_width, config.time_width, &vb.pp("time.out"))?,
            conv_in,
            encoder: Encoder::new(config, true, &own.pp("encoder"))?,
            decoder: Decoder::new(config, true, &own.pp("decoder"))?,
        })
    }

    /// What depends on the time alone: the outputs of all layers that see it, and the filters.
    fn record_context(
        &self,
        config: &Config,
        r: &mut Recorder,
        sinusoids: Value,
    ) -> Result<Context> {
        let time = r.linear(&self.time_in, sinusoids, None, true)?;
        let time = r.linear(&self.time_out, time, None, true)?;
        let former = self.former.iter().flat_map(SsFormer::time_layers);
        let layers: Vec<&Linear> =
            self.encoder.time_layers().chain(self.decoder.time_layers()).chain(former).collect();
        let heads = r.heads(time, &layers)?;
        let filters = match &self.former {
            Some(former) => former.record_filters(r, config.grid(), &heads)?,
            None => Vec::new(),
        };
        Ok((heads, filters))
    }

    /// The network's output for the masks `x`.
    fn record_step(
        &self,
        config: &Config,
        r: &mut Recorder,
        x: Value,
        told: &Told,
        (heads, filters): &Context,
    ) -> Result<Value> {
        let x = r.pack(x, config.stem)?;
        // The image's share has the bias in it.
        let own_bias = told.first.is_none();
        let mut first = r.conv_channels(&self.conv_in, 0, x, own_bias, told.first)?;
        if let Some(gate) = told.gate {
            first = r.gate(first, gate);
        }
        let (mut deepest, skips) = self.encoder.record(r, first, Some(heads))?;
        if let (Some(former), Some(tokens)) = (&self.former, told.tokens) {
            deepest = former.record(r, tokens, deepest, filters)?;
        }
        Ok(self.decoder.record(r, deepest, &skips, Some(heads))?.0)
    }

    /// What the image and its features tell every step.
    fn guide(&self, config: &Config, image: &Tensor, features: &Features) -> Result<Guide> {
        let former = self.former.as_ref();
        let bias = self.conv_in.bias_map()?;
        let first = match config.input {
            Input::Mask => bias,
            Input::ImageAndMask => {
                let at = config.stemmed(config.classes);
                let share = self.conv_in.forward_channels(&pack(image, config.stem)?, at)?;
                share.broadcast_add(&bias)?
            }
        };
        Ok(Guide {
            tokens: former.map(|f| f.condition_tokens(&features.deepest)).transpose()?,
            gate: self.anchor.as_ref().map(|a| a.gate(&features.last)).transpose()?,
            first,
        })
    }
}

impl Condition {
    /// Cuts the graph: for inference.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self {
            logits: self.logits.detach(),
            guide: self.guide.as_ref().map(|g| Guide {
                tokens: g.tokens.as_ref().map(Tensor::detach),
                gate: g.gate.as_ref().map(Tensor::detach),
                first: g.first.detach(),
            }),
        }
    }

    /// The conditions of these images, in this order.
    ///
    /// # Errors
    /// If there is no such image.
    pub fn select(&self, index: &[u32]) -> Result<Self> {
        let images = self.logits.dim(0)?;
        let index = Tensor::new(index, self.logits.device())?;
        let each = |t: &Tensor| match t.dim(0)? {
            n if n == images => t.index_select(&index, 0),
            // Of no image.
            _ => Ok(t.clone()),
        };
        let guide = match &self.guide {
            Some(g) => Some(Guide {
                tokens: g.tokens.as_ref().map(each).transpose()?,
                gate: g.gate.as_ref().map(each).transpose()?,
                first: each(&g.first)?,
            }),
            None => None,
        };
        Ok(Self { logits: each(&self.logits)?, guide })
    }
}

impl StepContext {
    /// Cuts the graph: for inference.
    #[must_use]
    pub fn detach(&self) -> Self {
        let filters = self.filters.iter().map(Tensor::detach).collect();
        Self { time: self.time.detach(), filters }
    }

    /// Memory that it takes.
    pub fn bytes(&self) -> usize {
        let size = |t: &Tensor| t.elem_count() * t.dtype().size_in_bytes();
        size(&self.time) + self.filters.iter().map(size).sum::<usize>()
    }

    /// One row per sample: row `i` is that of time `index[i]`.
    ///
    /// # Errors
    /// If an index has no time.
    pub fn select(&self, index: &[u32]) -> Result<Self> {
        let index = Tensor::new(index, self.time.device())?;
        let pick = |t: &Tensor| t.index_select(&index, 0);
        Ok(Self {
            time: pick(&self.time)?,
            filters: self.filters.iter().map(pick).collect::<Result<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Anchor, Former, Preset};
    use super::*;
    use crate::nn::SeededInit;
    use crate::nn::gradcheck::{close, noise, values};
    use candle_core::{DType, Device};

    fn small() -> Config {
        Config {
            image_size: 16,
            width: 4,
            groups: 2,
            multipliers: vec![1, 2],
            former_blocks: 2,
            filter_blocks: 2,
            filter_width: 4,
            time_width: 8,
            ..Config::preset(Preset::Desk, 3, 2)
        }
    }

    fn build(config: &Config) -> (MedSegDiff, SeededInit) {
        let init = SeededInit::new(7);
        let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F64, Device::Cpu);
        let model = MedSegDiff::new(config, &vb).unwrap();
        // Zero-initialised convolutions would hide what comes before them.
        for (name, var) in init.vars() {
            if name.ends_with("conv_out.weight") {
                let v = noise(var.dims(), 11).affine(0.2, 0.0).unwrap();
                var.set(&v).unwrap();
            }
        }
        let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F64, Device::Cpu);
        drop(model);
        (MedSegDiff::new(config, &vb).unwrap(), init)
    }

    fn loss(model: &MedSegDiff) -> Tensor {
        let (image, x) = (noise(&[2, 3, 16, 16], 1), noise(&[2, 2, 16, 16], 2));
        let condition = model.condition(&image).unwrap();
        let step = model.step_context(&[3, 700]).unwrap().select(&[1, 0]).unwrap();
        let y = model.denoise(&x, &condition, &step).unwrap();
        let w = noise(&[2, 2, 16, 16], 3);
        ((&y * &w).unwrap().sum_all().unwrap()
            + (condition.logits * w.affine(0.5, 0.1).unwrap()).unwrap().sum_all().unwrap())
        .unwrap()
    }

    #[test]
    fn every_weight_of_the_whole_network_has_the_right_gradient_and_moves() {
        for config in [
            small(),
            Config {
                input: Input::Mask,
                anchor: Anchor::Spatial,
                former: Former::Unfiltered,
                ..small()
            },
            Config { anchor: Anchor::None, former: Former::None, stem: 1, ..small() },
        ] {
            let (model, init) = build(&config);
            let grads = loss(&model).backward().unwrap();
            let vars = init.vars();
            let step = 1e-5;
            for (name, var) in &vars {
                let g = values(grads.get(var).unwrap_or_else(|| panic!("{name}: no gradient")));
                assert!(g.iter().any(|&v| v != 0.0), "{name}: its gradient is zero");
                let at = values(var.as_tensor());
                for j in [0, at.len() / 2] {
                    let shifted = |by: f64| {
                        let mut v = at.clone();
                        v[j] += by;
                        var.set(&Tensor::from_vec(v, var.dims(), &Device::Cpu).unwrap()).unwrap();
                        values(&loss(&model))[0]
                    };
                    let numeric = (shifted(step) - shifted(-step)) / (2.0 * step);
                    let error = (numeric - g[j]).abs() / (1e-3 + numeric.abs().max(g[j].abs()));
                    assert!(error < 1e-4, "{name}[{j}]: backward {}, differences {numeric}", g[j]);
                }
                var.set(&Tensor::from_vec(at, var.dims(), &Device::Cpu).unwrap()).unwrap();
            }
        }
    }

    #[test]
    fn a_direct_network_has_no_weights_to_denoise_with() {
        let (model, init) = build(&Config { diffusion: false, ..small() });
        assert!(init.vars().keys().all(|name| name.starts_with("condition.")));
        assert!(model.step_context(&[3]).is_err());
        let whole = build(&small()).0;
        let image = noise(&[1, 3, 16, 16], 1);
        let condition = model.condition(&image).unwrap();
        close(&condition.logits, &whole.condition(&image).unwrap().logits, 1e-12);
        let (x, step) = (noise(&[1, 2, 16, 16], 2), whole.step_context(&[3]).unwrap());
        assert!(model.denoise(&x, &condition, &step).is_err());
        assert!(whole.denoise(&x, &condition, &step).is_err());
    }

    #[test]
    fn members_in_a_batch_share_one_condition() {
        let (model, _) = build(&small());
        let image = noise(&[1, 3, 16, 16], 1);
        let condition = model.condition(&image).unwrap();
        let step = model.step_context(&[400]).unwrap();
        let x = noise(&[3, 2, 16, 16], 2);
        let together = model.denoise(&x, &condition, &step).unwrap();
        for i in 0..3 {
            let alone = model.denoise(&x.narrow(0, i, 1).unwrap(), &condition, &step).unwrap();
            close(&together.narrow(0, i, 1).unwrap(), &alone, 1e-12);
        }
        // A filter computed for several times at once is the one computed alone.
        let several = model.step_context(&[3, 400, 999]).unwrap().select(&[1]).unwrap();
        close(&model.denoise(&x, &condition, &several).unwrap(), &together, 1e-12);
    }

    #[test]
    fn desk_and_paper_have_the_parameters_they_promise() {
        for (preset, low, high) in [(Preset::Desk, 3.0e6, 6.0e6), (Preset::Paper, 41e6, 51e6)] {
            let init = SeededInit::new(1);
            let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F32, Device::Cpu);
            let config = Config::preset(preset, 3, 2);
            MedSegDiff::new(&config, &vb).unwrap();
            let n: usize = init.vars().values().map(|v| v.elem_count()).sum();
            println!("{preset:?}: {n} parameters, {:.2} GFLOP/step", config.gflop_per_step());
            assert!((low..high).contains(&(n as f64)), "{preset:?}: {n} parameters");
        }
    }
}
