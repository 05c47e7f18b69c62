//! Anchor condition with uncertain spatial attention (U-SA; paper, equation 4):
//! `f_anc = max(f_c⁻¹ * k_Gauss, f_c⁻¹)`, `f_d⁰' = sigmoid(conv1x1(f_anc)) ⊙ f_d⁰ + f_d⁰`.
//!
//! The Gaussian (size 5) has a learnable width and centre and is shared over channels.

use super::Anchor;
use crate::nn::{Conv2d, conv2d};
use candle_core::{Device, Module, Result, Tensor};
use candle_nn::{Init, VarBuilder, ops::sigmoid};

const SIZE: usize = 5;
/// Smallest σ: far below a pixel, so that the kernel can become the identity, without dividing by 0.
const MIN_SIGMA: f64 = 0.05;

#[derive(Clone, Debug)]
pub(super) struct AnchorGate {
    gaussian: Option<Gaussian>,
    conv: Conv2d,
}

#[derive(Clone, Debug)]
pub(super) struct Gaussian {
    /// log(σ − MIN_SIGMA), `[1]`.
    log_sigma: Tensor,
    /// Row and column of the centre relative to the middle tap, in pixels, `[2]`.
    center: Tensor,
}

impl AnchorGate {
    pub(super) fn new(kind: Anchor, channels: usize, vb: &VarBuilder<'_>) -> Result<Option<Self>> {
        let gaussian = match kind {
            Anchor::None => return Ok(None),
            Anchor::Spatial => None,
            Anchor::Usa => Some(Gaussian::new(&vb.pp("gaussian"))?),
        };
        Ok(Some(Self { gaussian, conv: Conv2d::new(channels, 1, 1, 1, &vb.pp("conv"))? }))
    }

    /// `1 + sigmoid(conv1x1(f_anc))`, `[B, 1, h, w]`, from the condition's last decoder feature:
    /// multiplying f_d⁰ by it is the paper's gate. It does not depend on the noise.
    pub(super) fn gate(&self, f_c: &Tensor) -> Result<Tensor> {
        let anchor = match &self.gaussian {
            Some(gaussian) => gaussian.anchor(f_c)?,
            None => f_c.clone(),
        };
        sigmoid(&self.conv.forward(&anchor)?)? + 1.0
    }
}

impl Gaussian {
    fn new(vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            log_sigma: vb.get_with_hints(1, "log_sigma", Init::Const(0.0))?,
            center: vb.get_with_hints(2, "center", Init::Const(0.0))?,
        })
    }

    /// `[5, 5]`, sums to 1.
    pub(super) fn kernel(&self) -> Result<Tensor> {
        let (dtype, device) = (self.center.dtype(), self.center.device());
        let half = (SIZE / 2) as f64;
        let taps: Vec<f64> = (0..SIZE).map(|i| i as f64 - half).collect();
        let taps =
            Tensor::from_vec(taps, SIZE, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)?;
        let sigma = (self.log_sigma.exp()? + MIN_SIGMA)?;
        let axis = |i: usize| -> Result<Tensor> {
            let d = taps.broadcast_sub(&self.center.narrow(0, i, 1)?)?;
            // The largest exponent is taken out, so that a narrow kernel does not underflow to 0/0.
            let e = d.sqr()?.broadcast_div(&sigma.sqr()?)?.affine(-0.5, 0.0)?;
            let e = e.broadcast_sub(&e.detach().max_keepdim(0)?)?.exp()?;
            e.broadcast_div(&e.sum_keepdim(0)?)
        };
        axis(0)?.reshape((SIZE, 1))?.broadcast_mul(&axis(1)?.reshape((1, SIZE))?)
    }

    /// `max(f * k, f)`, zero outside the feature.
    pub(super) fn anchor(&self, f: &Tensor) -> Result<Tensor> {
        let (b, c, h, w) = f.dims4()?;
        let kernel = self.kernel()?.reshape((1, 1, SIZE, SIZE))?;
        let zero = Tensor::zeros(1, f.dtype(), f.device())?;
        let smooth = conv2d(&f.reshape((b * c, 1, h, w))?, &kernel, &zero, 1, SIZE / 2)?;
        smooth.reshape((b, c, h, w))?.maximum(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::SeededInit;
    use crate::nn::gradcheck::{check, close, noise, values};
    use candle_core::DType;

    fn gaussian(log_sigma: f64, center: [f64; 2]) -> Gaussian {
        Gaussian {
            log_sigma: Tensor::new(&[log_sigma], &Device::Cpu).unwrap(),
            center: Tensor::new(&center, &Device::Cpu).unwrap(),
        }
    }

    #[test]
    fn a_narrow_gaussian_leaves_the_feature_as_it_is() {
        let f = noise(&[2, 3, 6, 7], 1);
        close(&gaussian(-20.0, [0.0, 0.0]).anchor(&f).unwrap(), &f, 1e-12);
    }

    #[test]
    fn the_kernel_sums_to_one_and_follows_its_centre() {
        let k = values(&gaussian(0.3, [1.0, -1.0]).kernel().unwrap());
        assert!((k.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let largest = (0..25).max_by(|&a, &b| k[a].total_cmp(&k[b])).unwrap();
        assert_eq!((largest / 5, largest % 5), (3, 1));
    }

    #[test]
    fn zero_weights_give_exactly_one_and_a_half() {
        let init = SeededInit::new(1);
        let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F64, Device::Cpu);
        let gate = AnchorGate::new(Anchor::Usa, 3, &vb).unwrap().unwrap();
        for name in ["conv.weight", "conv.bias"] {
            let var = &init.vars()[name];
            var.set(&var.zeros_like().unwrap()).unwrap();
        }
        let g = values(&gate.gate(&noise(&[2, 3, 4, 4], 1)).unwrap());
        assert!(g.iter().all(|&v| v == 1.5));
        assert!(AnchorGate::new(Anchor::None, 3, &vb).unwrap().is_none());
    }

    #[test]
    fn u_sa_is_equation_4_as_pytorch_computes_it() {
        let case = crate::nn::golden::Case::new("usa");
        let inputs = ["f_c", "sigma", "center", "conv_w", "conv_b", "f_d"];
        case.check(&inputs, "y", |v| {
            let gaussian =
                Gaussian { log_sigma: (&v[1] - MIN_SIGMA)?.log()?, center: v[2].clone() };
            let anchor = gaussian.anchor(&v[0])?;
            let gate = (sigmoid(&conv2d(&anchor, &v[3], &v[4], 1, 0)?)? + 1.0)?;
            v[5].broadcast_mul(&gate)
        });
    }

    #[test]
    fn gradients_reach_sigma_centre_and_feature() {
        check(&[vec![1, 2, 6, 5], vec![1], vec![2]], |v| {
            let g = Gaussian { log_sigma: v[1].clone(), center: v[2].clone() };
            g.anchor(&v[0])
        });
    }
}
