//! Volumes at other sizes by linear interpolation: a matrix per axis, so that gradients are right.

use candle_core::{DType, Device, Result, Tensor};

/// As `torch.nn.functional.interpolate` (`trilinear`, `align_corners=False`) of `x` `[B, C, D, H, W]`.
///
/// # Errors
/// If `x` has other axes.
pub fn resize_linear3d(x: &Tensor, size: [usize; 3]) -> Result<Tensor> {
    let (b, c, ..) = x.dims5()?;
    let mut y = x.clone();
    for (a, &to) in size.iter().enumerate() {
        let axis = a + 2;
        let from = y.dim(axis)?;
        if from == to {
            continue;
        }
        let matrix = matrix(from, to, x.dtype(), x.device())?;
        y = y.transpose(axis, 4)?.contiguous()?;
        let mut shape = y.dims().to_vec();
        shape[4] = to;
        let rows = y.elem_count() / from;
        y = y.reshape((rows, from))?.matmul(&matrix)?.reshape(shape)?.transpose(axis, 4)?;
    }
    let [d, h, w] = size;
    y.contiguous()?.reshape((b, c, d, h, w))
}

/// `[from, to]`: the weights of each output.
fn matrix(from: usize, to: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    let mut m = vec![0f64; from * to];
    for o in 0..to {
        let at = (o as f64 + 0.5) * from as f64 / to as f64 - 0.5;
        let at = at.clamp(0.0, (from - 1) as f64);
        let low = at.floor() as usize;
        let high = (low + 1).min(from - 1);
        m[low * to + o] += 1.0 - at.fract();
        m[high * to + o] += at.fract();
    }
    Tensor::from_vec(m, (from, to), &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::*;

    #[test]
    fn a_ramp_stays_a_ramp_and_gradients_match_differences() {
        check(&[vec![1, 2, 3, 4, 2]], |v| resize_linear3d(&v[0], [6, 3, 5]));
        let ramp =
            Tensor::arange(0f64, 6.0, &Device::Cpu).unwrap().reshape((1, 1, 6, 1, 1)).unwrap();
        let half = resize_linear3d(&ramp, [3, 1, 1]).unwrap();
        let expected = Tensor::new(&[0.5, 2.5, 4.5], &Device::Cpu).unwrap();
        close(&half, &expected.reshape((1, 1, 3, 1, 1)).unwrap(), 1e-12);
        let x = noise(&[2, 3, 4, 5, 6], 1);
        close(&resize_linear3d(&x, [4, 5, 6]).unwrap(), &x, 0.0);
    }
}
