//! Where fine-tuning starts: the weights of a trained model, fitted to a network for other classes or
//! of another size.

use super::TrainError;
use crate::inference::InferenceError;
use crate::models::medsegdiff::Config;
use crate::models::{header, load_weights};
use crate::nn::SeededInit;
use candle_core::{Device, Result, Tensor};

/// Gives the variables of `init`, of a network as `config` says, the weights of the model `id`,
/// wherever they fit.
///
/// # Errors
/// If there is no such model, or its weights fit less than half of the network.
pub(super) fn start_from(
    id: &str,
    init: &SeededInit,
    config: &Config,
    device: &Device,
) -> std::result::Result<(), TrainError> {
    let weights = load_weights(id, device).map_err(InferenceError::from)?;
    let source = header(id).map_err(InferenceError::from)?.network;
    let vars = init.vars();
    let mut taken = 0;
    for (name, var) in &vars {
        let Some(weight) = weights.get(name) else { continue };
        let weight = if weight.shape() == var.shape() || source.stem != config.stem {
            weight.clone()
        } else {
            fitted(name, weight, &source, config)?
        };
        if weight.shape() == var.shape() {
            var.set(&weight)?;
            taken += 1;
        }
    }
    if 2 * taken < vars.len() {
        return Err(TrainError::Start {
            id: id.to_owned(),
            what: format!(
                "{taken} of {} tensors fit the network; use that model's preset and sizes",
                vars.len()
            ),
        });
    }
    tracing::info!("{taken} of {} tensors start from {id}", vars.len());
    Ok(())
}

/// A weight for a network of other classes (class k starts as the source's class k, or as its last)
/// or of another size (the positions of the tokens are interpolated).
fn fitted(name: &str, weight: &Tensor, source: &Config, config: &Config) -> Result<Tensor> {
    let block = config.stemmed(1);
    let classes = |axis: usize| {
        let of = |k: usize| weight.narrow(axis, k.min(source.classes - 1) * block, block);
        (0..config.classes).map(of).collect::<Result<Vec<_>>>()
    };
    match name {
        "diffusion.conv_in.weight" => {
            // The mask's channels, then the image's.
            let mask = source.stemmed(source.classes);
            let image = weight.dim(1)? - mask;
            let mut parts = classes(1)?;
            if image > 0 {
                parts.push(weight.narrow(1, mask, image)?);
            }
            Tensor::cat(&parts, 1)
        }
        "former.position" => resized(weight, source.grid(), config.grid()),
        _ if name.contains(".decoder.head.") => Tensor::cat(&classes(0)?, 0),
        _ => Ok(weight.clone()),
    }
}

/// `[1, from², d]` to `[1, to², d]`, bilinear between the middles of the grid's cells.
fn resized(position: &Tensor, from: usize, to: usize) -> Result<Tensor> {
    let last = (from - 1) as f64;
    let mut shares = vec![0f32; to * from];
    for (i, row) in shares.chunks_mut(from).enumerate() {
        let at = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, last);
        let low = at.floor();
        row[low as usize] += (1.0 - (at - low)) as f32;
        row[(low + 1.0).min(last) as usize] += (at - low) as f32;
    }
    let shares = Tensor::from_vec(shares, (to, from), position.device())?;
    let d = position.dim(2)?;
    // Rows, then columns; each turn leaves the other axis in front.
    let once = |p: &Tensor, across: usize| {
        let mixed = shares.matmul(&p.contiguous()?.reshape((from, across * d))?)?;
        mixed.reshape((to, across, d))?.transpose(0, 1)
    };
    let rows = once(&position.reshape((from, from, d))?, from)?;
    once(&rows, to)?.contiguous()?.reshape((1, to * to, d))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::medsegdiff::MedSegDiff;
    use candle_core::DType;
    use candle_nn::VarBuilder;

    #[test]
    fn further_classes_change_nothing_for_those_that_the_model_knows() {
        let id = "fundus-disc-cup";
        let source = crate::models::load(id, &Device::Cpu).unwrap();
        let config = Config { classes: 3, ..source.header.network.clone() };
        let init = SeededInit::new(1);
        let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F32, Device::Cpu);
        let network = MedSegDiff::new(&config, &vb).unwrap();
        start_from(id, &init, &config, &Device::Cpu).unwrap();
        let side = config.image_size;
        let random = |planes, seed| {
            let values = crate::diffusion::initial_noise(seed, planes * side * side);
            Tensor::from_vec(values, (1, planes, side, side), &Device::Cpu).unwrap()
        };
        let (image, mask) = (random(3, 1), random(2, 2));
        let wider = Tensor::cat(&[&mask, &random(1, 3).zeros_like().unwrap()], 1).unwrap();
        let both = |network: &MedSegDiff, mask: &Tensor| {
            let condition = network.condition(&image).unwrap();
            let step = network.step_context(&[300]).unwrap();
            [network.denoise(mask, &condition, &step).unwrap(), condition.logits]
        };
        for (old, new) in both(&source.network, &mask).iter().zip(both(&network, &wider)) {
            let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let (old, new) = (values(old), values(&new));
            let last = &old[side * side..];
            for (a, b) in old.iter().chain(last).zip(&new) {
                assert!((a - b).abs() < 1e-3, "{a} {b}");
            }
            assert_eq!(new.len(), old.len() + last.len());
        }
    }

    #[test]
    fn positions_that_rise_evenly_still_do_on_another_grid() {
        let grid = |n: usize, clamp: f32| {
            // Middle of a cell, -1…1, kept within the outermost middles of the coarser grid.
            let middle =
                move |i: usize| ((2.0 * i as f32 + 1.0) / n as f32 - 1.0).clamp(-clamp, clamp);
            let values: Vec<f32> =
                (0..n * n).flat_map(|i| [middle(i / n), 3.0 * middle(i % n) + 1.0]).collect();
            Tensor::from_vec(values, (1, n * n, 2), &Device::Cpu).unwrap()
        };
        for (from, to, clamp) in [(8, 4, 1.0), (4, 8, 0.75), (4, 4, 1.0), (2, 6, 0.5)] {
            let got = resized(&grid(from, 1.0), from, to).unwrap();
            let error = (got - grid(to, clamp)).unwrap().abs().unwrap().max_all().unwrap();
            assert!(error.to_scalar::<f32>().unwrap() < 1e-5, "{from} to {to}: {error}");
        }
    }
}
