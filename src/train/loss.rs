//! The training loss (specification section 4; paper, equation 3).

use candle_core::{Result, Tensor};
use candle_nn::ops::sigmoid;

/// Soft Dice loss of probabilities against masks, both `[B, K, H, W]`: 1 minus Dice with 1 added
/// above and below, per sample and class, `[B, K]`.
pub(super) fn soft_dice(p: &Tensor, y: &Tensor) -> Result<Tensor> {
    let both = (p * y)?.sum((2, 3))?;
    let all = (p + y)?.sum((2, 3))?;
    let dice = (both.affine(2.0, 1.0)? / (all + 1.0)?)?;
    dice.affine(-1.0, 1.0)
}

/// Binary cross entropy of logits, mean per sample, `[B]`: max(z, 0) − z·y + ln(1 + e^−|z|).
pub(super) fn cross_entropy(logits: &Tensor, y: &Tensor) -> Result<Tensor> {
    let soft = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
    let v = ((logits.relu()? - (logits * y)?)? + soft)?;
    v.mean((1, 2, 3))
}

/// Σ wᵢ·vᵢ / B over the samples.
pub(super) fn weighted_mean(v: &Tensor, weights: &Tensor) -> Result<Tensor> {
    (v * weights)?.mean_all()
}

/// The anchor head's loss per sample, `[B]`.
pub(super) fn anchor(logits: &Tensor, y: &Tensor, dice: f64, ce: f64) -> Result<Tensor> {
    let overlap = soft_dice(&sigmoid(logits)?, y)?.mean(1)?;
    overlap.affine(dice, 0.0)? + cross_entropy(logits, y)?.affine(ce, 0.0)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::gradcheck::{check, close, noise, values};
    use candle_core::Device;

    fn masks() -> Tensor {
        let v = values(&noise(&[2, 2, 4, 3], 4));
        let v: Vec<f64> = v.iter().map(|&v| f64::from(u8::from(v > 0.0))).collect();
        Tensor::from_vec(v, (2, 2, 4, 3), &Device::Cpu).unwrap()
    }

    #[test]
    fn dice_and_cross_entropy_in_closed_form() {
        let y = masks();
        let perfect = values(&soft_dice(&y, &y).unwrap());
        assert!(perfect.iter().all(|v| v.abs() < 1e-12));
        let p = noise(&[2, 2, 4, 3], 1);
        let direct = sigmoid(&p).unwrap();
        let log = (&y * direct.log().unwrap()).unwrap();
        let rest = (y.affine(-1.0, 1.0).unwrap()
            * direct.affine(-1.0, 1.0).unwrap().log().unwrap())
        .unwrap();
        let reference = (log + rest).unwrap().neg().unwrap().mean((1, 2, 3)).unwrap();
        close(&cross_entropy(&p, &y).unwrap(), &reference, 1e-12);
        let huge = p.affine(1e4, 0.0).unwrap();
        assert!(values(&cross_entropy(&huge, &y).unwrap()).iter().all(|v| v.is_finite()));
    }

    #[test]
    fn gradients_match_differences() {
        let y = masks();
        check(&[vec![2, 2, 4, 3]], |v| soft_dice(&v[0], &y));
        check(&[vec![2, 2, 4, 3]], |v| anchor(&v[0], &y, 1.0, 10.0));
    }
}
