//! Operations on volumes on the CPU, by the tensor operations that networks of volumes run by there anyway.

use super::volume_op::{Add, VolumeConv, VolumePool};
use crate::nn::{conv_transpose3d, conv3d, max_pool3d};
use candle_core::{Device, Result, Tensor};

fn tensor(values: &[f32], channels: usize, [d, h, w]: [usize; 3]) -> Result<Tensor> {
    Tensor::from_slice(&values[..channels * d * h * w], vec![1, channels, d, h, w], &Device::Cpu)
}

pub(super) fn conv(
    o: &VolumeConv,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) -> Result<()> {
    let ([ci, co], [kd, kh, kw]) = (o.channels, o.kernel);
    let (first, second) = if o.transposed.is_some() { (ci, co) } else { (co, ci) };
    let weight = Tensor::from_slice(weight, vec![first, second, kd, kh, kw], &Device::Cpu)?;
    let x = tensor(x, ci, o.input)?;
    let found = match o.transposed {
        None => conv3d(&x, &weight, o.steps)?,
        Some(more) => conv_transpose3d(&x, &weight, o.steps.stride, o.steps.pad, more)?,
    };
    let found = found.flatten_all()?.to_vec1::<f32>()?;
    let voxels = o.output.iter().product();
    let planes = y.chunks_exact_mut(voxels).zip(found.chunks_exact(voxels)).take(co);
    for (c, (y, found)) in planes.enumerate() {
        let bias = bias.map_or(0.0, |b| b[c]);
        for (y, v) in y.iter_mut().zip(found) {
            let v = v + bias;
            *y = if o.relu { v.max(0.0) } else { v };
        }
    }
    Ok(())
}

pub(super) fn pool(o: &VolumePool, x: &[f32], y: &mut [f32]) -> Result<()> {
    let found = max_pool3d(&tensor(x, o.channels, o.input)?, o.kernel, o.stride, o.pad)?;
    let found = found.flatten_all()?.to_vec1::<f32>()?;
    y[..found.len()].copy_from_slice(&found);
    Ok(())
}

pub(super) fn add(o: &Add, x: &[f32], other: &[f32], y: &mut [f32]) {
    for ((y, x), a) in y[..o.len].iter_mut().zip(x).zip(other) {
        let v = x + a;
        *y = if o.relu { v.max(0.0) } else { v };
    }
}
