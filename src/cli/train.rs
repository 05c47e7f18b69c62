//! `sfumato train`

use super::Failure;
use crate::inference::DeviceChoice;
use crate::train::{Progress, TrainConfig, TrainError, train};
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

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
    let interrupted = super::interrupt_flag()?;
    let live = std::io::stderr().is_terminal();
    let mut smooth = None;
    let model = train(&config, &out, a.resume, a.device, &mut |p| {
        show(p, &mut smooth, live);
        if a.stop_at.is_some_and(|s| p.step >= s) || interrupted.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    super::print(&model.map_err(refused)?.display().to_string())?;
    if interrupted.load(Ordering::Relaxed) {
        return Err(Failure::Cancelled("stopped; go on with --resume".to_owned()));
    }
    Ok(())
}

fn refused(error: TrainError) -> Failure {
    match error {
        TrainError::Inference(e) => super::segment::inference_failure(&e),
        TrainError::Network(_) | TrainError::Thread(_) => Failure::Internal(error.to_string()),
        _ => Failure::Refused(error.to_string()),
    }
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
