//! Times of the operations, best of many runs: what `scripts/bench-conv` puts beside PyTorch's.

use super::conv::Conv;
use super::conv3d::{Conv3d, Steps, conv3d};
use super::norm::{Kind, Norm};
use super::{conv2d, group_norm};
use candle_core::{CustomOp2, CustomOp3, Device, Result, Tensor, Var};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Convolutions of volumes: kernel, channels in and out, side, stride.
const VOLUMES: [(usize, usize, usize, usize, usize); 5] = [
    (3, 16, 16, 64, 1),
    (3, 32, 32, 48, 1),
    (3, 64, 64, 32, 1),
    (7, 1, 16, 128, 2),
    (7, 16, 16, 32, 1),
];

/// One operation; milliseconds of the fastest run.
#[derive(Clone, Debug, Serialize)]
pub struct Timing {
    pub op: String,
    pub forward_ms: f64,
    pub forward_backward_ms: f64,
}

/// Milliseconds of the fastest run.
fn best(seconds: f64, mut f: impl FnMut() -> Result<()>) -> Result<f64> {
    let (mut best, start) = (f64::INFINITY, Instant::now());
    let limit = Duration::from_secs_f64(seconds);
    loop {
        let at = Instant::now();
        f()?;
        best = best.min(at.elapsed().as_secs_f64() * 1e3);
        if start.elapsed() > limit {
            return Ok(best);
        }
    }
}

/// Forward through the public function; backward by handing the operation a gradient, as PyTorch's
/// `y.backward(dy)` does: a loss on top would be timed as well.
fn row(
    seconds: f64,
    op: &str,
    inputs: &[Tensor; 3],
    f: impl Fn(&[Tensor; 3]) -> Result<Tensor>,
    operation: &impl CustomOp3,
) -> Result<Timing> {
    let forward = best(seconds, || f(inputs).map(drop))?;
    let vars: Vec<Var> = inputs.iter().map(Var::from_tensor).collect::<Result<_>>()?;
    let tracked = [0, 1, 2].map(|i| vars[i].as_tensor().clone());
    let dy = f(inputs)?.affine(0.5, 0.1)?;
    let both = best(seconds, || {
        let y = f(&tracked)?;
        operation.bwd(&tracked[0], &tracked[1], &tracked[2], &y, &dy).map(drop)
    })?;
    Ok(Timing { op: op.to_owned(), forward_ms: forward, forward_backward_ms: both })
}

/// Times every row for about `seconds` per direction.
///
/// # Errors
/// If memory runs out.
pub fn timings(seconds: f64) -> Result<Vec<Timing>> {
    let values = |shape: &[usize]| -> Result<Tensor> {
        let n: usize = shape.iter().product();
        let v: Vec<f32> = (0..n).map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 500.0).collect();
        Tensor::from_vec(v, shape, &Device::Cpu)
    };
    let mut rows = Vec::new();
    for (kernel, channels, side, batch) in [
        (3, 128, 128, 1),
        (3, 128, 64, 1),
        (3, 32, 128, 1),
        (3, 256, 32, 1),
        (1, 128, 128, 1),
        (3, 128, 64, 8),
        (3, 32, 64, 8),
    ] {
        let inputs = [
            values(&[batch, channels, side, side])?,
            values(&[channels, channels, kernel, kernel])?,
            values(&[channels])?,
        ];
        let op = format!("conv{kernel}x{kernel} {channels}->{channels} @{side} batch {batch}");
        let pad = kernel / 2;
        let forward = |v: &[Tensor; 3]| conv2d(&v[0], &v[1], &v[2], 1, pad);
        rows.push(row(seconds, &op, &inputs, forward, &Conv { stride: 1, pad })?);
    }
    for (channels, side, batch) in [(128, 128, 1), (128, 64, 8)] {
        let inputs = [
            values(&[batch, channels, side, side])?,
            values(&[1, channels])?,
            values(&[1, channels])?,
        ];
        let op = format!("gn8_silu {channels} @{side} batch {batch}");
        let forward = |v: &[Tensor; 3]| group_norm(&v[0], &v[1], &v[2], 8, true);
        let operation = Norm { silu: true, kind: Kind::Group { groups: 8 } };
        rows.push(row(seconds, &op, &inputs, forward, &operation)?);
    }
    for (kernel, from, to, side, stride) in VOLUMES {
        let inputs =
            [values(&[1, from, side, side, side])?, values(&[to, from, kernel, kernel, kernel])?];
        let op = format!("conv3d {kernel} {from}->{to} @{side} stride {stride}");
        let steps = Steps::same([kernel; 3]).by([stride; 3]);
        let forward = best(seconds, || conv3d(&inputs[0], &inputs[1], steps).map(drop))?;
        let (x, w) = (Var::from_tensor(&inputs[0])?, Var::from_tensor(&inputs[1])?);
        let dy = conv3d(&x, &w, steps)?.detach().affine(0.5, 0.1)?;
        let forward_backward_ms = best(seconds, || {
            let y = conv3d(&x, &w, steps)?;
            Conv3d(steps).bwd(&x, &w, &y, &dy).map(drop)
        })?;
        rows.push(Timing { op, forward_ms: forward, forward_backward_ms });
    }
    Ok(rows)
}
