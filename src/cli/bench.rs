//! `sfumato bench`: times our tensor operations, best of many runs, for `scripts/bench-conv`.

use super::Failure;
use crate::nn::{conv2d, group_norm};
use candle_core::{DType, Device, Result, Tensor, Var};
use serde_json::json;
use std::time::{Duration, Instant};

/// Time the tensor operations.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Seconds per row.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

pub(super) fn run(a: &Arguments) -> std::result::Result<(), Failure> {
    let rows = rows(a.seconds).map_err(|e| Failure::Internal(crate::nn::first_line(&e)))?;
    if a.json {
        println!("{}", serde_json::to_string_pretty(&json!({ "rows": rows }))?);
        return Ok(());
    }
    for row in rows {
        println!("{row}");
    }
    Ok(())
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

fn row(
    seconds: f64,
    op: &str,
    inputs: &[Tensor],
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<serde_json::Value> {
    let forward = best(seconds, || f(inputs).map(drop))?;
    let vars: Vec<Var> = inputs.iter().map(Var::from_tensor).collect::<Result<_>>()?;
    let tracked: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let both = best(seconds, || f(&tracked)?.sqr()?.sum_all()?.backward().map(drop))?;
    Ok(json!({ "op": op, "forward_ms": forward, "forward_backward_ms": both }))
}

fn rows(seconds: f64) -> Result<Vec<serde_json::Value>> {
    let values = |shape: &[usize]| -> Result<Tensor> {
        let n: usize = shape.iter().product();
        let v: Vec<f32> = (0..n).map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 500.0).collect();
        Tensor::from_vec(v, shape, &Device::Cpu)?.to_dtype(DType::F32)
    };
    let mut rows = Vec::new();
    for (batch, channels, side) in [
        (1, 128, 128),
        (1, 128, 64),
        (1, 32, 128),
        (1, 256, 32),
        (8, 32, 64),
        (8, 24, 64),
        (8, 96, 8),
    ] {
        let inputs = [
            values(&[batch, channels, side, side])?,
            values(&[channels, channels, 3, 3])?,
            values(&[channels])?,
        ];
        let op = format!("conv 3x3 {channels}->{channels} @{side} batch {batch}");
        rows.push(row(seconds, &op, &inputs, |v| conv2d(&v[0], &v[1], &v[2], 1, 1))?);
    }
    for (batch, channels, side) in [(1, 128, 128), (8, 32, 64)] {
        let inputs = [
            values(&[batch, channels, side, side])?,
            values(&[1, channels])?,
            values(&[1, channels])?,
        ];
        let op = format!("group norm + SiLU {channels} @{side} batch {batch}");
        rows.push(row(seconds, &op, &inputs, |v| group_norm(&v[0], &v[1], &v[2], 8, true))?);
    }
    Ok(rows)
}
