//! What the network knows of one slice: the slice on the model's canvas, in as many squares as that
//! takes, each with its condition. The squares' estimates are blended at every step and the sampler
//! runs on the canvas, so a member is one mask without seams (as MultiDiffusion, arXiv 2302.08113).

use crate::models::Tiles;
use crate::models::medsegdiff::{Condition, MedSegDiff, StepContext};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::ops::sigmoid;

/// One slice, ready to be sampled: independent of diffusion time and member.
pub struct Scene {
    tiles: Tiles,
    conditions: Vec<Condition>,
    device: Device,
    /// Probability of the anchor head, `[K, canvas, canvas]`.
    pub direct: Vec<f32>,
}

impl Scene {
    /// Of the image `[C, canvas, canvas]` in -1…1.
    ///
    /// # Errors
    /// If the network fails.
    pub fn new(
        network: &MedSegDiff,
        image: &[f32],
        canvas: usize,
        device: &Device,
    ) -> Result<Self> {
        let config = network.config();
        let (channels, side) = (config.image_channels, config.image_size);
        let tiles = Tiles::new(canvas, side);
        let mut conditions = Vec::with_capacity(tiles.count());
        let mut direct = Vec::with_capacity(tiles.count());
        for tile in 0..tiles.count() {
            let pixels = tiles.cut(image, tile);
            let image = Tensor::from_vec(pixels, (1, channels, side, side), &Device::Cpu)?;
            let condition = network.condition(&image.to_device(device)?)?.detach();
            direct.push(values(&sigmoid(&condition.logits)?)?);
            conditions.push(condition);
        }
        let direct = tiles.blend(&direct);
        Ok(Self { tiles, conditions, device: device.clone(), direct })
    }

    /// What `estimate` makes of the network's output and the state of each member
    /// `[K, side, side]`, put together on the canvas; `states` are `[K, canvas, canvas]`.
    pub(super) fn denoise<E: From<candle_core::Error>>(
        &self,
        network: &MedSegDiff,
        states: &[Vec<f32>],
        step: &StepContext,
        estimate: impl Fn(&[f32], &[f32]) -> std::result::Result<Vec<f32>, E>,
    ) -> std::result::Result<Vec<Vec<f32>>, E> {
        let config = network.config();
        let (classes, side) = (config.classes, config.image_size);
        let mut squares: Vec<Vec<Vec<f32>>> = vec![Vec::new(); states.len()];
        for (tile, condition) in self.conditions.iter().enumerate() {
            let own: Vec<Vec<f32>> = states.iter().map(|s| self.tiles.cut(s, tile)).collect();
            let shape = (states.len(), classes, side, side);
            let x = Tensor::from_vec(own.concat(), shape, &Device::Cpu)?.to_device(&self.device)?;
            let output = values(&network.denoise(&x, condition, step)?)?;
            for ((squares, x), o) in
                squares.iter_mut().zip(&own).zip(output.chunks(classes * side * side))
            {
                squares.push(estimate(o, x)?);
            }
        }
        Ok(squares.iter().map(|s| self.tiles.blend(s)).collect())
    }
}

fn values(t: &Tensor) -> Result<Vec<f32>> {
    t.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}
