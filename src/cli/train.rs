//! `sfumato train`

use super::Failure;
use crate::inference::DeviceChoice;
use crate::train::{
    PlannerTraining, Progress, Recipe, TrainConfig, TrainError, train, train_planner,
};
use crate::volume::{ClassKind, Modality};
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Train a model, on your own masks with --data, or by a written configuration with --config.
/// Everything lands in one folder; an interrupted run goes on with --resume.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["config", "data", "planner"]))]
pub(super) struct Arguments {
    /// The training configuration, JSON.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The training configuration of a few-view planner, JSON; it is trained on phantoms.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resume", "device"])]
    planner: Option<PathBuf>,
    #[command(flatten)]
    own: Own,
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

/// Training on a folder of one's own.
#[derive(clap::Args)]
struct Own {
    /// Folder with images, labels (PNG or NIfTI, 0 is background) and splits.csv (name,split: train
    /// or val). Without that file all are trained on, but for one in five.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Kind of network: medsegdiff draws ensembles, unet one mask at once.
    #[arg(long, value_parser = ["medsegdiff", "unet"], default_value = "medsegdiff", conflicts_with = "config")]
    network: String,
    /// Size of the network: desk, interactive on a CPU (128x128, 2 to 3 M parameters), or paper,
    /// close to the publication (256x256, about 46 M). Of unet: desk (256x256), tiles
    /// (the picture's own pixels, any size) or paper.
    #[arg(long, value_parser = ["desk", "tiles", "paper"], default_value = "desk", conflicts_with = "config")]
    preset: String,
    /// Fine-tune this model instead of starting from nothing.
    #[arg(long, value_name = "MODEL", conflicts_with = "config")]
    from: Option<String>,
    /// Identifier of the new model; the folder's name unless given.
    #[arg(long, conflicts_with = "config")]
    id: Option<String>,
    /// Each label's region holds those of the higher labels (disc and cup); else a pixel has one.
    #[arg(long, conflicts_with = "config")]
    regions: bool,
    /// Ultrasound gets speckle and blur while training.
    #[arg(long, conflicts_with = "config")]
    ultrasound: bool,
    /// Updates of the weights.
    #[arg(long, default_value_t = 1000, conflicts_with = "config")]
    steps: usize,
    /// Images per update.
    #[arg(long, default_value_t = 8, conflicts_with = "config")]
    batch: usize,
    /// Side of the network's square input in pixels.
    #[arg(long, conflicts_with = "config")]
    size: Option<usize>,
    /// Train on so many cases only, spread evenly over the list.
    #[arg(long, conflicts_with = "config")]
    cases: Option<usize>,
    #[arg(long, default_value_t = 1, conflicts_with = "config")]
    seed: u64,
}

impl Own {
    fn config(&self, data: &Path) -> Result<TrainConfig, TrainError> {
        let folder = data.file_name().map(|n| n.to_string_lossy().into_owned());
        let clean = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let named: String = folder.unwrap_or_default().chars().map(clean).collect();
        let id = self.id.clone().unwrap_or(named);
        let recipe = Recipe {
            data: data.to_owned(),
            network: self.network.clone(),
            preset: self.preset.clone(),
            from: self.from.clone(),
            title: id.clone(),
            id,
            modality: if self.ultrasound { Modality::Ultrasound } else { Modality::Unknown },
            kind: if self.regions { ClassKind::Regions } else { ClassKind::Exclusive },
            steps: self.steps,
            batch: self.batch,
            size: self.size,
            train_cases: self.cases,
            seed: self.seed,
        };
        recipe.config()
    }
}

/// Trains a planner's network: a small one, from its start to its end.
fn run_planner(a: &Arguments, file: &Path) -> Result<(), Failure> {
    let config = PlannerTraining::read(file)?;
    let out = a.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(&config.id));
    super::segment::make_folder(&out)?;
    let interrupted = super::interrupt_flag()?;
    let steps = config.steps;
    let bytes = train_planner(&config, None, &mut |p| {
        if p.step.is_multiple_of(25) || p.step == steps {
            eprintln!("step {}/{steps}  loss {:.4}  diffusion {:.4}", p.step, p.loss, p.diffusion);
        }
        if a.stop_at.is_some_and(|s| p.step >= s) || interrupted.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    let path = out.join("model.safetensors");
    crate::io::write_atomic(&path, &bytes)?;
    super::print(&path.display().to_string())
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    if let Some(file) = &a.planner {
        return run_planner(a, file);
    }
    let config = match (&a.config, &a.own.data) {
        (Some(file), _) => TrainConfig::read(file),
        (None, Some(data)) => a.own.config(data),
        (None, None) => return Err(Failure::Usage("give --data or --config".to_owned())),
    };
    let config = config?;
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
    super::print(&model?.display().to_string())?;
    if interrupted.load(Ordering::Relaxed) {
        return Err(Failure::Cancelled("stopped; go on with --resume".to_owned()));
    }
    Ok(())
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
            let n = p.validated_on;
            let images = if n == 1 { "image" } else { "images" };
            let (mean, direct) = (figures(mean), figures(direct));
            writeln!(
                err,
                "{start}{line}  val Dice {mean} (direct {direct}), validated on {n} {images}"
            )
        }
        None if live => write!(err, "\r{line}").and_then(|()| err.flush()),
        None if p.step.is_multiple_of(50) => writeln!(err, "{line}"),
        None => Ok(()),
    };
    if let Err(error) = written {
        tracing::warn!("progress cannot be shown: {error}");
    }
}
