//! Milliseconds of one denoising step of a preset, random weights, best of several runs: candle's path,
//! the recorded plan on the CPU, both on a graphics card. `--each` instead: every operation of the
//! step alone on the card, or with `--ways cpu` on the CPU (one core of those that share a batch:
//! `RAYON_NUM_THREADS=1`), with its work.
//!
//! `cargo run --release --example steps -- [--preset desk|paper] [--side N] [--ways candle,cpu,gpu,cuda] [--steps 4]
//! [--seconds 5] [--batch 1,8,40] [--each] [--json] [--shader NAME=FILE]`

mod each;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use rayon::prelude::*;
use sfumato::diffusion::{Course, Glimpse, Plan, SamplerKind, Schedule, ScheduleKind};
use sfumato::gpu::{Gpu, Options};
use sfumato::models::medsegdiff::{Config, MedSegDiff, Preset, Setup};
use sfumato::models::{Network, NetworkConfig, Sampling, SliceNetwork};
use sfumato::nn::SeededInit;
use std::collections::HashMap;
use std::error::Error;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Any = Box<dyn Error>;

/// Milliseconds of the fastest run.
fn best(seconds: f64, mut f: impl FnMut() -> Result<(), Any>) -> Result<f64, Any> {
    let (mut best, start) = (f64::INFINITY, Instant::now());
    f()?;
    while best.is_infinite() || start.elapsed().as_secs_f64() < seconds {
        let at = Instant::now();
        f()?;
        best = best.min(at.elapsed().as_secs_f64() * 1e3);
    }
    Ok(best)
}

/// Each core takes some masks through all layers.
fn by_candle(
    network: &MedSegDiff,
    image: &Tensor,
    states: &[f32],
    seconds: f64,
) -> Result<f64, Any> {
    let device = image.device().clone();
    let Config { classes, image_size: side, .. } = *network.config();
    let size = classes * side * side;
    let masks = states.len() / size;
    let n = if device.is_cpu() { rayon::current_num_threads().clamp(1, masks) } else { 1 };
    let condition = network.condition(image)?.detach();
    let context = network.step_context(&[500])?.detach();
    let parts = (0..n)
        .map(|i| {
            let range = i * masks / n..(i + 1) * masks / n;
            Ok((range.clone(), condition.select(&vec![0; range.len()])?))
        })
        .collect::<Result<Vec<_>, candle_core::Error>>()?;
    best(seconds, || {
        let outputs = parts.par_iter().map(|(range, condition)| {
            let own = &states[range.start * size..range.end * size];
            let shape = (range.len(), classes, side, side);
            let x = Tensor::from_slice(own, shape, &device)?;
            network.denoise(&x, condition, &context)?.flatten_all()?.to_vec1::<f32>()
        });
        let outputs = outputs.collect::<Result<Vec<_>, candle_core::Error>>()?;
        std::hint::black_box(outputs.concat());
        Ok(())
    })
}

fn main() -> Result<(), Any> {
    sfumato::nn::settle_threads();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1).cloned()
    };
    let seconds: f64 = after("--seconds").map_or(Ok(5.0), |s| s.parse())?;
    let batches = after("--batch").unwrap_or_else(|| "1,8,40".to_owned());
    let preset = match after("--preset").as_deref() {
        Some("paper") => Preset::Paper,
        _ => Preset::Desk,
    };
    let mut config = Config::preset(preset, 3, 2);
    if let Some(side) = after("--side") {
        config.image_size = side.parse()?;
    }
    let ways = after("--ways").unwrap_or_else(|| "candle,cpu".to_owned());
    let wanted = |way: &str| ways.split(',').any(|w| w == way);
    let init = SeededInit::new(1);
    let vb = || VarBuilder::from_backend(Box::new(init.clone()), DType::F32, Device::Cpu);
    MedSegDiff::new(&config, &vb())?;
    // Plain tensors, as weights of a file are: variables would record a graph.
    let weights: HashMap<String, Tensor> =
        init.vars().into_iter().map(|(n, v)| (n, v.as_tensor().detach())).collect();
    let vb = VarBuilder::from_tensors(weights.clone(), DType::F32, &Device::Cpu);
    let network = MedSegDiff::new(&config, &vb)?;
    let setup = Setup {
        network: config.clone(),
        schedule: ScheduleKind::Cosine,
        sampling: Sampling::default(),
    };
    let build = || -> Result<Box<dyn SliceNetwork>, Any> {
        match NetworkConfig::MedSegDiff(setup.clone()).build(&vb, &Device::Cpu)? {
            Network::Slices(network) => Ok(network),
            _ => Err("expected a network of slices".into()),
        }
    };
    let mut options = Options::default();
    if let Some(other) = after("--shader") {
        let (name, file) = other.split_once('=').ok_or("expected NAME=FILE")?;
        options.sources.push((name.to_owned().leak(), std::fs::read_to_string(file)?));
    }
    let gpu = match wanted("gpu") {
        true => Some(Arc::new(Gpu::open(options)?)),
        false => None,
    };
    let cuda = match wanted("cuda") {
        true => {
            let device = Device::new_cuda(0)?;
            let there = |(n, t): (String, Tensor)| Ok((n, t.to_device(&device)?));
            let weights = weights.into_iter().map(there).collect::<Result<_, candle_core::Error>>();
            let vb = VarBuilder::from_tensors(weights?, DType::F32, &device);
            Some((MedSegDiff::new(&config, &vb)?, device))
        }
        false => None,
    };
    let steps = after("--steps").map_or(Ok(4), |s| s.parse())?;
    let plan = Plan::new(&Schedule::training(ScheduleKind::Cosine), steps)?;
    let json = arguments.iter().any(|a| a == "--json");
    let mut rows = Vec::new();
    for batch in batches.split(',').map(str::parse::<usize>) {
        let batch = batch?;
        let side = config.image_size;
        let image: Vec<f32> = (0..3 * side * side).map(|i| (i % 97) as f32 / 48.5 - 1.0).collect();
        let states: Vec<f32> =
            (0..batch * 2 * side * side).map(|i| (i % 89) as f32 / 44.5 - 1.0).collect();
        let picture = Tensor::from_slice(&image, (1, 3, side, side), &Device::Cpu)?;
        let gflop = config.gflop_per_step() * batch as f64;
        let mut row = |way: String, ms: f64| rows.push((batch, way, ms, gflop));
        if arguments.iter().any(|a| a == "--each") {
            let here = sfumato::plan::Cpu::default();
            let on: &dyn sfumato::plan::Processor = match &gpu {
                Some(gpu) => &**gpu,
                None => &here,
            };
            each::print(on, &*network.plan(batch)?, seconds)?;
            continue;
        }
        if wanted("candle") {
            row("candle".to_owned(), by_candle(&network, &picture, &states, seconds)?);
        }
        if let Some((network, device)) = &cuda {
            let picture = picture.to_device(device)?;
            row("candle, CUDA".to_owned(), by_candle(network, &picture, &states, seconds)?);
        }
        if wanted("cpu") {
            let mut look = build()?.look(&image)?;
            let denoiser = look.denoiser().ok_or("it does not sample")?;
            let ours = best(seconds, || {
                std::hint::black_box(denoiser.estimate(&states, 500, 0.5)?);
                Ok(())
            })?;
            row("plan, CPU".to_owned(), ours);
        }
        if let Some(gpu) = &gpu {
            let mut there = build()?;
            let processor: Arc<dyn sfumato::plan::Processor> = gpu.clone();
            there.run_on(&processor);
            let mut look = there.look(&image)?;
            let denoiser = look.denoiser().ok_or("it does not sample")?;
            let seeds: Vec<u64> = (0..batch as u64).collect();
            let course =
                Course { kind: SamplerKind::Ddim, plan: &plan, seeds: &seeds, states: &states };
            let all = best(seconds, || {
                let go_on = &mut |_: usize, _: Glimpse<'_>| ControlFlow::Continue(());
                let drawn = denoiser.draw(&course, go_on).ok_or("it went to the CPU")?;
                std::hint::black_box(drawn?);
                Ok(())
            })?;
            let step = all / plan.steps() as f64;
            let name = sfumato::plan::Processor::name(&**gpu);
            row(format!("plan, {name}, of {steps} steps"), step);
        }
    }
    if json {
        let row = |(batch, way, ms, gflop): &(usize, String, f64, f64)| serde_json::json!({ "batch": batch, "way": way, "ms": ms, "gflop": gflop });
        println!("{}", serde_json::json!({ "rows": rows.iter().map(row).collect::<Vec<_>>() }));
        return Ok(());
    }
    for (batch, way, ms, gflop) in rows {
        println!(
            "batch {batch:>3}: {way:<40} {ms:>9.1} ms a step, {:>6.0} GFLOP/s",
            gflop / ms * 1e3
        );
    }
    Ok(())
}
