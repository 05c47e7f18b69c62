//! A trained network's weights, fitted to one for other classes or of another size.

use crate::models::medsegdiff::Config;
use candle_core::{Result, Tensor};

/// A weight for a network of other classes (class k starts as the source's class k, or as its last)
/// or of another size (the positions of the tokens are interpolated).
pub(in crate::train) fn fitted(
    name: &str,
    weight: &Tensor,
    source: &Config,
    config: &Config,
) -> Result<Tensor> {
    if source.stem != config.stem {
        return Ok(weight.clone());
    }
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
    use crate::models::NetworkConfig;
    use crate::models::medsegdiff::{MedSegDiff, Setup};
    use crate::nn::SeededInit;
    use crate::train::transfer::start_from;
    use candle_core::{DType, Device};
    use candle_nn::VarBuilder;

    #[test]
    fn further_classes_change_nothing_for_those_that_the_model_knows() {
        let id = "fundus-disc-cup";
        let NetworkConfig::MedSegDiff(setup) = crate::models::header(id).unwrap().network else {
            panic!("another network");
        };
        let weights = crate::models::load_weights(id, &Device::Cpu).unwrap();
        let vb = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
        let source = MedSegDiff::new(&setup.network, &vb).unwrap();
        let config = Config { classes: 3, ..setup.network.clone() };
        let init = SeededInit::new(1);
        let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F32, Device::Cpu);
        let network = MedSegDiff::new(&config, &vb).unwrap();
        let target = Setup { network: config.clone(), ..setup };
        let target = NetworkConfig::MedSegDiff(target);
        start_from(id, &init, &target, &Device::Cpu).unwrap();
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
        for (old, new) in both(&source, &mask).iter().zip(both(&network, &wider)) {
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
