//! Masks of slices by a U-Net: of "same" convolutions in one pass, of "valid" ones in windows.

use super::config::{Config, Padding};
use super::network::{Pass, UNet};
use super::orientations::averaged;
use super::sizes::loss;
use super::tiling::{Axis, cut};
use crate::diffusion::Denoiser;
use crate::models::{Look, SliceNetwork, Window, Windows};
use candle_core::{Device, Result, Tensor};
use candle_nn::{VarBuilder, ops::softmax};

/// A U-Net that is ready to be used.
pub(crate) struct Runner {
    network: UNet,
    device: Device,
}

impl Runner {
    pub(crate) fn new(config: &Config, vb: &VarBuilder<'_>, device: &Device) -> Result<Self> {
        Ok(Self { network: UNet::ready(config, vb)?, device: device.clone() })
    }

    fn config(&self) -> &Config {
        self.network.config()
    }

    /// Probability `[B, K, h, w]` of images `[B, C, h, w]` or larger, as many as the convolutions
    /// take.
    fn probability(&self, images: &[f32], [width, height]: [usize; 2]) -> Result<Tensor> {
        let channels = self.config().image_channels;
        let shape = (images.len() / (channels * width * height), channels, height, width);
        let images = Tensor::from_slice(images, shape, &Device::Cpu)?.to_device(&self.device)?;
        let drawn = |x: &Tensor| softmax(&self.network.logits(x, &mut Pass::default())?, 1);
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
        let (lost, margin) = (loss(self.config().depth), self.config().margin() as isize);
        let (seen, corner) = (shape.map(|s| s + lost), origin.map(|o| o as isize - margin));
        self.probability(&cut(planes, size, corner, seen), seen)?.squeeze(0)
    }
}

impl SliceNetwork for Runner {
    fn look(&self, images: &[f32]) -> Result<Box<dyn Look>> {
        let Config { side, image_channels, .. } = *self.config();
        let probability = if self.config().padding == Padding::Same {
            self.probability(images, [side; 2])?.flatten_all()?.to_vec1()?
        } else {
            let mut all = Vec::new();
            for planes in images.chunks(image_channels * side * side) {
                all.extend(self.whole(planes, [side; 2])?);
            }
            all
        };
        Ok(Box::new(Drawn(probability)))
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
}

struct Drawn(Vec<f32>);

impl Look for Drawn {
    fn direct(&self) -> &[f32] {
        &self.0
    }

    fn denoiser(&mut self) -> Option<&mut dyn Denoiser> {
        None
    }
}
