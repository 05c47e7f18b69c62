//! Softmax cross entropy of logits with a weight for each pixel, and the Dice loss that may stand
//! beside it. The paper prints the energy without its minus sign; here it is minimised, per pixel.

use crate::train::loss::soft_dice;
use candle_core::{Result, Tensor};

/// `Σ w·(log Σ exp z − z_label) / N` of logits `[B, K, H, W]`, targets of the same shape that are 1 at
/// the label and 0 elsewhere, and weights `[B, 1, H, W]`. Finite at any finite logits.
pub(super) fn cross_entropy(logits: &Tensor, target: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let (shifted, sum) = exponentials(logits)?;
    let own = (shifted * target)?.sum_keepdim(1)?;
    ((sum.log()? - own)? * weights)?.mean_all()
}

/// Mean Dice loss of the classes' probabilities, the background (channel 0) left out.
pub(super) fn dice(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    let classes = logits.dim(1)? - 1;
    let (shifted, sum) = exponentials(logits)?;
    let probability = shifted.exp()?.broadcast_div(&sum)?;
    soft_dice(&probability.narrow(1, 1, classes)?, &target.narrow(1, 1, classes)?)?.mean_all()
}

/// Logits less their largest, and the sum of the exponentials of those, `[B, 1, H, W]`.
fn exponentials(logits: &Tensor) -> Result<(Tensor, Tensor)> {
    // Any shift gives the same loss: no gradient need go through it.
    let shifted = logits.broadcast_sub(&logits.detach().max_keepdim(1)?)?;
    let sum = shifted.exp()?.sum_keepdim(1)?;
    Ok((shifted, sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::gradcheck::{check_scalar, noise, values};
    use candle_core::Device;

    const SHAPE: [usize; 4] = [2, 3, 4, 5];

    /// One label per pixel, and weights of all sizes.
    fn case() -> (Tensor, Tensor, Vec<usize>, Vec<f64>) {
        let labels: Vec<usize> = (0..40).map(|i| i * 7 % 3).collect();
        let weights: Vec<f64> = (0..40).map(|i| 0.1 + f64::from(i * i % 11)).collect();
        let mut target = vec![0.0; 120];
        for (i, &label) in labels.iter().enumerate() {
            target[(i / 20 * 3 + label) * 20 + i % 20] = 1.0;
        }
        let target = Tensor::from_vec(target, &SHAPE, &Device::Cpu).unwrap();
        let map = Tensor::from_vec(weights.clone(), (2, 1, 4, 5), &Device::Cpu).unwrap();
        (target, map, labels, weights)
    }

    #[test]
    fn loss() {
        let (target, map, labels, weights) = case();
        let logits = noise(&SHAPE, 3).affine(4.0, 0.5).unwrap();
        let z = values(&logits);
        let at = |i: usize, k: usize| z[(i / 20 * 3 + k) * 20 + i % 20];
        let each = (0..40).map(|i| {
            let sum: f64 = (0..3).map(|k| at(i, k).exp()).sum();
            weights[i] * (sum.ln() - at(i, labels[i]))
        });
        let direct = each.sum::<f64>() / 40.0;
        let found = values(&cross_entropy(&logits, &target, &map).unwrap())[0];
        assert!((found - direct).abs() < 1e-12, "{found} {direct}");
        let share = |c: usize| {
            let per_image = |b: usize| {
                let (mut both, mut all) = (0.0, 0.0);
                for i in b * 20..(b + 1) * 20 {
                    let p = at(i, c).exp() / (0..3).map(|k| at(i, k).exp()).sum::<f64>();
                    let y = f64::from(u8::from(labels[i] == c));
                    both += p * y;
                    all += p + y;
                }
                1.0 - (2.0 * both + 1.0) / (all + 1.0)
            };
            per_image(0) + per_image(1)
        };
        let found = values(&dice(&logits, &target).unwrap())[0];
        assert!((found - (share(1) + share(2)) / 4.0).abs() < 1e-12);
        for size in [1e4, -1e4] {
            let huge = logits.affine(size, 0.0).unwrap();
            assert!(values(&cross_entropy(&huge, &target, &map).unwrap())[0].is_finite());
            assert!(values(&dice(&huge, &target).unwrap())[0].is_finite());
        }
        check_scalar(&[SHAPE.to_vec()], |v| cross_entropy(&v[0], &target, &map));
        check_scalar(&[SHAPE.to_vec()], |v| dice(&v[0], &target));
    }
}
