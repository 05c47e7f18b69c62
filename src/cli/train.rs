//! `sfumato train`

use super::Failure;
use crate::inference::DeviceChoice;
use crate::train::{Progress, TrainConfig, TrainError, train};
use candle_core::Device;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Train a model. Everything lands in one folder; an interrupted run goes on with --resume.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The training configuration, JSON.
    #[arg(long)]
    config: PathBuf,
    /// Folder for checkpoints, metrics and the model; runs/ID unless given.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Go on from the checkpoint in the folder.
    #[arg(long)]
    resume: bool,
    /// Stop after this many steps (the learning rate still follows the whole run).
    #[arg(long)]
    stop_at: Option<usize>,
    /// Where the network runs.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let config = TrainConfig::read(&a.config).map_err(refused)?;
    let out = a.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(&config.id));
    let device = match a.device {
        DeviceChoice::Auto | DeviceChoice::Cpu => Device::Cpu,
        DeviceChoice::Cuda => Device::new_cuda(0).map_err(device_failed)?,
        DeviceChoice::Metal => Device::new_metal(0).map_err(device_failed)?,
    };
    let live = std::io::stderr().is_terminal();
    let (resume, stop_at) = (a.resume, a.stop_at);
    let body = move || {
        let mut smooth = None;
        train(&config, &out, resume, &device, &mut |p| {
            show(p, &mut smooth, live);
            if stop_at.is_some_and(|s| p.step >= s) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
    };
    // candle's backward pass recurses over the graph: give it room.
    let thread = std::thread::Builder::new().name("train".to_owned()).stack_size(256 << 20);
    let handle = thread
        .spawn(body)
        .map_err(|e| Failure::Internal(format!("no thread could be started: {e}")))?;
    let model = handle
        .join()
        .map_err(|_| Failure::Internal("the training thread stopped".to_owned()))?
        .map_err(refused)?;
    println!("{}", model.display());
    Ok(())
}

fn refused(error: TrainError) -> Failure {
    match error {
        TrainError::Network(_) | TrainError::Inference(_) => Failure::Internal(error.to_string()),
        _ => Failure::Refused(error.to_string()),
    }
}

#[allow(clippy::needless_pass_by_value)] // the shape that map_err wants
fn device_failed(error: candle_core::Error) -> Failure {
    Failure::Usage(format!("the device cannot be used: {}", crate::nn::first_line(&error)))
}

/// One line that rewrites itself on a terminal; elsewhere a line at times.
fn show(p: &Progress, smooth: &mut Option<f64>, live: bool) {
    let loss = smooth.map_or(p.loss, |s| 0.98 * s + 0.02 * p.loss);
    *smooth = Some(loss);
    let minutes = p.eta.as_secs_f64() / 60.0;
    let line = format!(
        "step {}/{}  loss {loss:.4}  {:.1} images/s  about {minutes:.0} min left",
        p.step, p.steps, p.images_per_second
    );
    let figures = |v: &[f64]| v.iter().map(|d| format!("{d:.4}")).collect::<Vec<_>>().join(" / ");
    let mut err = std::io::stderr().lock();
    let written = match &p.validation {
        Some((mean, direct)) => {
            let start = if live { "\r" } else { "" };
            writeln!(err, "{start}{line}  val Dice {} (direct {})", figures(mean), figures(direct))
        }
        None if live => write!(err, "\r{line}").and_then(|()| err.flush()),
        None if p.step.is_multiple_of(50) => writeln!(err, "{line}"),
        None => Ok(()),
    };
    if let Err(error) = written {
        tracing::warn!("progress cannot be shown: {error}");
    }
}
