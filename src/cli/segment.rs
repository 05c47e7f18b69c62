//! `sfumato segment`

use super::Failure;
use crate::app::{ResultsError, write_results};
use crate::diffusion::SamplerKind;
use crate::inference::{DeviceChoice, Engine, Event, InferenceError, Job, Settings};
use crate::models::{ModelCard, cards};
use crate::volume::{Modality, Roi, Volume};
use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Segment an image or volume and write masks, maps and a record of the run.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A picture, NIfTI volume, DICOM file or folder.
    input: PathBuf,
    /// Folder for the results, made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// Identifier of a model (see `sfumato models`), or the path of a .safetensors file.
    #[arg(long)]
    model: Option<String>,
    #[arg(long, default_value_t = 8)]
    members: usize,
    /// Denoising steps per member.
    #[arg(long, default_value_t = 10)]
    steps: usize,
    #[arg(long, value_enum, default_value_t)]
    sampler: SamplerKind,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Slices A to B - 1 of a volume, counted from 0.
    #[arg(long, value_parser = slices, value_name = "A:B")]
    slices: Option<Range<usize>>,
    /// Rectangle that the model sees, in pixels.
    #[arg(long, value_parser = roi, value_name = "X,Y,W,H")]
    roi: Option<Roi>,
    /// Replace results that are there already.
    #[arg(long)]
    overwrite: bool,
}

fn slices(text: &str) -> Result<Range<usize>, String> {
    let parse = |s: &str| s.parse::<usize>().map_err(|e| format!("{s:?}: {e}"));
    let (a, b) = text.split_once(':').ok_or("expected A:B")?;
    Ok(parse(a)?..parse(b)?)
}

fn roi(text: &str) -> Result<Roi, String> {
    let parse = |s: &str| s.trim().parse::<usize>().map_err(|e| format!("{s:?}: {e}"));
    let numbers = text.split(',').map(parse).collect::<Result<Vec<_>, _>>()?;
    match numbers[..] {
        [x, y, width, height] => Ok(Roi { x, y, width, height }),
        _ => Err("expected X,Y,W,H".to_owned()),
    }
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let volume = crate::io::open(&a.input)?;
    let model = match &a.model {
        Some(model) => model.clone(),
        None => suggest(&volume)?.id.clone(),
    };
    warn_of_modality(&volume, &model);
    make_folder(&a.out)?;
    if !a.overwrite && a.out.join("result.json").exists() {
        return Err(Failure::Refused(format!(
            "there are results already; give --overwrite or another folder: {}",
            a.out.display()
        )));
    }
    let job = Job {
        volume: Arc::new(volume),
        time: 0,
        model,
        settings: Settings {
            members: a.members,
            steps: a.steps,
            sampler: a.sampler,
            seed: a.seed,
            device: a.device,
            slices: a.slices.clone(),
            roi: a.roi,
        },
    };
    let live = std::io::stderr().is_terminal();
    let cancel = AtomicBool::new(false);
    let (outcome, _) = Engine::new()
        .run(&job, &cancel, &mut |event| show(&event, live))
        .map_err(|e| inference_failure(&e))?;
    let Some(outcome) = outcome else {
        return Err(Failure::Cancelled("cancelled before anything was finished".to_owned()));
    };
    let files = write_results(&a.out, &outcome, true).map_err(|e| match e {
        ResultsError::Io(_) | ResultsError::Folder(..) => Failure::Refused(e.to_string()),
        _ => Failure::Internal(e.to_string()),
    })?;
    for file in files {
        super::print(&file.display().to_string())?;
    }
    Ok(())
}

/// The model for this kind of picture; the only one, if there is one.
fn suggest(volume: &Volume) -> Result<&'static ModelCard, Failure> {
    let all = cards();
    let fits = |c: &&ModelCard| c.modality == volume.modality && c.modality != Modality::Unknown;
    let chosen = match all {
        [only] => Some(only),
        several => several.iter().find(fits),
    };
    chosen.ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|c| c.id.as_str()).collect();
        Failure::Usage(format!("name a model with --model; known are {}", known.join(", ")))
    })
}

/// A model draws its line in any picture, also in one it knows nothing of.
fn warn_of_modality(volume: &Volume, model: &str) {
    let found = volume.modality;
    if let Some(card) = cards().iter().find(|c| c.id == model)
        && found != Modality::Unknown
        && found != card.modality
    {
        let (trained, found) = (card.modality.name(), found.name());
        eprintln!("sfumato: warning: {model} was trained on {trained} images, this one is {found}");
    }
}

fn show(event: &Event, live: bool) {
    let Event::Step(s) = event else { return };
    if !live {
        return;
    }
    let end = if s.fraction >= 1.0 { "\n" } else { "" };
    let left = s.eta.map(|e| format!(" · about {:.0} s left", e.as_secs_f64())).unwrap_or_default();
    let line = format!(
        "\r{:3.0} % · slice {} of {} · step {} of {}{left}   {end}",
        s.fraction * 100.0,
        s.slices_done + 1,
        s.slices,
        s.step,
        s.steps
    );
    let mut err = std::io::stderr().lock();
    if let Err(error) = err.write_all(line.as_bytes()).and_then(|()| err.flush()) {
        tracing::warn!("progress cannot be shown: {error}");
    }
}

/// Makes the folder for results.
pub(super) fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|e| {
        Failure::Refused(format!("the folder cannot be made ({e}): {}", path.display()))
    })
}

/// Wrong settings are wrong use, an unknown model too; the rest is ours.
pub(super) fn inference_failure(error: &InferenceError) -> Failure {
    match error {
        InferenceError::Network(_) => Failure::Internal(error.to_string()),
        _ => Failure::Usage(error.to_string()),
    }
}
