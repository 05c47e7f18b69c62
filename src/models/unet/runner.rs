//! Masks of slices by a U-Net: of "same" convolutions in one pass, of "valid" ones in windows.

use super::config::{Config, Padding};
use super::network::{Pass, UNet};
use super::orientations::averaged;
use super::recorded::Plans;
use super::sizes::loss;
use super::tiling::{Axis, cut};
use crate::diffusion::Denoiser;
use crate::models::{Look, SliceNetwork, Window, Windows};
use crate::plan::Processor;
use candle_core::{Device, Result, Tensor};
use candle_nn::{VarBuilder, ops::softmax};
use std::sync::Arc;

/// Windows of a picture, spread evenly, whose deepest stage says what kind of picture it is.
const FEATURE_WINDOWS: usize = 3;

/// A U-Net that is ready to be used.
pub(crate) struct Runner {
    network: UNet,
    device: Device,
    plans: Plans,
}

impl Runner {
    pub(crate) fn new(config: &Config, vb: &VarBuilder<'_>, device: &Device) -> Result<Self> {
        let (network, device) = (UNet::ready(config, vb)?, device.clone());
        Ok(Self { network, device, plans: Plans::default() })
    }

    fn config(&self) -> &Config {
        self.network.config()
    }

    /// Images `[B, C, h, w]`.
    fn tensor(&self, images: &[f32], [width, height]: [usize; 2]) -> Result<Tensor> {
        let channels = self.config().image_channels;
        let shape = (images.len() / (channels * width * height), channels, height, width);
        Tensor::from_slice(images, shape, &Device::Cpu)?.to_device(&self.device)
    }

    /// By a plan, or by candle on a device of its own.
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        if self.device.is_cpu() {
            return self.plans.logits(&self.network, images);
        }
        self.network.logits(images, &mut Pass::default())
    }

    /// Probability `[B, K, h, w]` of images `[B, C, h, w]` or larger, as many as the convolutions
    /// take.
    fn probability(&self, images: &[f32], size: [usize; 2]) -> Result<Tensor> {
        let images = self.tensor(images, size)?;
        let drawn = |x: &Tensor| softmax(&self.logits(x)?, 1);
        let all =
            if self.config().orientations { averaged(&images, drawn)?.0 } else { drawn(&images)? };
        let classes = self.config().classes;
        if !self.config().nested {
            return all.narrow(1, 1, classes);
        }
        let from = |c: usize| all.narrow(1, 1 + c, classes - c)?.sum_keepdim(1);
        Tensor::cat(&(0..classes).map(from).collect::<Result<Vec<_>>>()?, 1)
    }

    /// Probability `[K, height, width]` of the output of `shape` whose first pixel is `origin`.
    pub(super) fn window(
        &self,
        planes: &[f32],
        size: [usize; 2],
        origin: [usize; 2],
        shape: [usize; 2],
    ) -> Result<Tensor> {
        let (pixels, seen) = self.seen(planes, size, origin, shape);
        self.probability(&pixels, seen)?.squeeze(0)
    }

    /// What the network must see to draw an output of `shape` whose first pixel is `origin`, and how
    /// large it is.
    fn seen(
        &self,
        planes: &[f32],
        size: [usize; 2],
        origin: [usize; 2],
        shape: [usize; 2],
    ) -> (Vec<f32>, [usize; 2]) {
        let (lost, margin) = (loss(self.config().depth), self.config().margin() as isize);
        let (seen, corner) = (shape.map(|s| s + lost), origin.map(|o| o as isize - margin));
        (cut(planes, size, corner, seen), seen)
    }
}

impl SliceNetwork for Runner {
    fn look(&self, images: &[f32]) -> Result<Box<dyn Look>> {
        let Config { side, image_channels, .. } = *self.config();
        if self.config().padding == Padding::Same {
            let direct = self.probability(images, [side; 2])?.flatten_all()?.to_vec1()?;
            let features = self.network.deepest(&self.tensor(images, [side; 2])?)?;
            return Ok(Box::new(Drawn { direct, features: features.flatten_all()?.to_vec1()? }));
        }
        let (mut direct, mut features) = (Vec::new(), Vec::new());
        for planes in images.chunks(image_channels * side * side) {
            direct.extend(self.whole(planes, [side; 2])?);
            features.extend(Windows::features(self, planes, [side; 2])?);
        }
        Ok(Box::new(Drawn { direct, features }))
    }

    fn run_on(&mut self, processor: &Arc<dyn Processor>) -> bool {
        self.plans.run_on(processor);
        true
    }

    fn windows(&self) -> Option<&dyn Windows> {
        (self.config().padding == Padding::Valid).then_some(self)
    }
}

impl Windows for Runner {
    fn plan(&self, size: [usize; 2]) -> Vec<Window> {
        let (depth, most) = (self.config().depth, self.config().most_output());
        let [columns, rows] = size.map(|side| Axis::cheapest(side, depth, most));
        let output = [columns.output, rows.output];
        let across = |&(y, height): &(usize, usize)| {
            let window = move |&(x, width): &(usize, usize)| Window {
                origin: [x, y],
                shape: [width, height],
                output,
            };
            columns.parts.iter().map(window).collect::<Vec<_>>()
        };
        rows.parts.iter().flat_map(across).collect()
    }

    fn draw(&self, planes: &[f32], size: [usize; 2], window: &Window) -> Result<Vec<f32>> {
        let drawn = self.window(planes, size, window.origin, window.output)?;
        let own = drawn.narrow(1, 0, window.shape[1])?.narrow(2, 0, window.shape[0])?;
        own.flatten_all()?.to_vec1()
    }

    fn features(&self, planes: &[f32], size: [usize; 2]) -> Result<Vec<f32>> {
        let plan = self.plan(size);
        let few = plan.len().min(FEATURE_WINDOWS);
        let mut sum: Option<Tensor> = None;
        for i in (0..few).map(|j| (2 * j + 1) * plan.len() / (2 * few)) {
            let (pixels, seen) = self.seen(planes, size, plan[i].origin, plan[i].output);
            let deepest = self.network.deepest(&self.tensor(&pixels, seen)?)?;
            sum = Some(if let Some(sum) = sum { (sum + deepest)? } else { deepest });
        }
        let Some(sum) = sum else { return Ok(Vec::new()) };
        sum.affine(1.0 / few as f64, 0.0)?.flatten_all()?.to_vec1()
    }
}

struct Drawn {
    direct: Vec<f32>,
    features: Vec<f32>,
}

impl Look for Drawn {
    fn direct(&self) -> &[f32] {
        &self.direct
    }

    fn features(&self) -> &[f32] {
        &self.features
    }

    fn denoiser(&mut self) -> Option<&mut dyn Denoiser> {
        None
    }
}
