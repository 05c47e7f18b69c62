//! What is made small: the noise's error, cross entropy and Dice of structures, cross entropy of depth,
//! the focal loss of centres (CornerNet, arXiv 1808.01244).

use super::super::loss::soft_dice;
use candle_core::{Result, Tensor};
use candle_nn::ops::sigmoid;

/// `ln σ(z)`.
fn log_sigmoid(z: &Tensor) -> Result<Tensor> {
    // -(max(-z, 0) + ln(1 + e^-|z|))
    let soft = (z.abs()?.neg()?.exp()? + 1.0)?.log()?;
    (z.neg()?.relu()? + soft)?.neg()
}

/// Binary cross entropy of logits against shares of the same shape, mean over all.
pub(super) fn binary(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    let on = (log_sigmoid(logits)? * target)?;
    let off = (log_sigmoid(&logits.neg()?)? * target.affine(-1.0, 1.0)?)?;
    (on + off)?.mean_all()?.neg()
}

/// Cross entropy with a weight for each class, background first, plus 1 − Dice of the structures;
/// logits and one-hot target `[B, K + 1, n, n]`, weights `[1, K + 1, 1, 1]`.
pub(super) fn structures(logits: &Tensor, target: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let shifted = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
    let log = shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(1)?.log()?)?;
    let weighted = target.broadcast_mul(weights)?;
    let entropy = ((&weighted * &log)?.sum_all()? / weighted.sum_all()?)?.neg()?;
    let classes = logits.dim(1)? - 1;
    let part = |t: &Tensor| t.narrow(1, 1, classes)?.contiguous();
    let dice = soft_dice(&part(&log.exp()?)?, &part(target)?)?.mean_all()?;
    entropy + dice
}

/// Of logits of centres against heat `[B, K, n, n]`: confident errors count most, near a centre less
/// than far from one; per object.
pub(super) fn centres(logits: &Tensor, heat: &Tensor) -> Result<Tensor> {
    let p = sigmoid(logits)?;
    let at = heat.ge(0.9999)?.to_dtype(heat.dtype())?;
    let objects = at.sum_all()?.maximum(1.0)?;
    let hit = ((p.affine(-1.0, 1.0)?.sqr()? * log_sigmoid(logits)?)? * &at)?;
    let far = heat.affine(-1.0, 1.0)?.sqr()?.sqr()?;
    let miss = ((p.sqr()? * log_sigmoid(&logits.neg()?)?)? * far)?;
    (hit + miss)?.sum_all()?.neg()? / objects
}

/// Mean distance of sizes `[B, 2, n, n]` where there are centres, `at` `[B, 1, n, n]`.
pub(super) fn sizes(found: &Tensor, target: &Tensor, at: &Tensor) -> Result<Tensor> {
    let apart = (found - target)?.abs()?.broadcast_mul(at)?.sum_all()?;
    apart / at.sum_all()?.maximum(1.0)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::gradcheck::{check, noise, values};
    use candle_core::Device;

    fn one_hot(shape: (usize, usize, usize, usize)) -> Tensor {
        let (b, k, h, w) = shape;
        let mut v = vec![0.0f64; b * k * h * w];
        for i in 0..b {
            (0..h * w).for_each(|c| v[(i * k + (c * 7 + i) % k) * h * w + c] = 1.0);
        }
        Tensor::from_vec(v, shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn losses_are_their_formulas_and_gradients_match_differences() {
        let shape = vec![2, 3, 4, 4];
        let target = one_hot((2, 3, 4, 4));
        let weights = Tensor::from_vec(vec![0.5, 1.0, 2.0], (1, 3, 1, 1), &Device::Cpu).unwrap();
        check(std::slice::from_ref(&shape), |v| structures(&v[0], &target, &weights));
        let soft = sigmoid(&noise(&shape, 8)).unwrap();
        check(std::slice::from_ref(&shape), |v| binary(&v[0], &soft));
        let heat = (&soft * 0.9).unwrap().maximum(&target).unwrap();
        check(std::slice::from_ref(&shape), |v| centres(&v[0], &heat));
        let at = target.narrow(1, 0, 1).unwrap();
        check(&[vec![2, 2, 4, 4]], |v| sizes(&v[0], &noise(&[2, 2, 4, 4], 5), &at));
        let z = noise(&shape, 9);
        let (found, zs, ts) = (values(&binary(&z, &soft).unwrap())[0], values(&z), values(&soft));
        let term = |(z, t): (&f64, &f64)| {
            let p = 1.0 / (1.0 + (-z).exp());
            -(t * p.ln() + (1.0 - t) * (1.0 - p).ln())
        };
        let expected = zs.iter().zip(&ts).map(term).sum::<f64>() / zs.len() as f64;
        assert!((found - expected).abs() < 1e-12);
        let sure = target.affine(60.0, -30.0).unwrap();
        assert!(values(&structures(&sure, &target, &weights).unwrap())[0] < 0.05);
    }
}
