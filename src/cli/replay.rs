//! `sfumato replay`

use super::Failure;
use super::open_arguments::OpenArguments;
use crate::app::{Recorded, Same, begin_results, write_results_in};
use crate::inference::{DeviceChoice, Engine, InferenceError, Job};
use crate::models::card;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Do a run again from its record and compare: masks voxel by voxel, numbers by their values. The same
/// input and weights on the same kind of device give the same, bit for bit.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// result.json, or the folder that it lies in.
    record: PathBuf,
    /// The image that was segmented. The record knows it by its content and not by its name, which may be
    /// a patient's.
    input: PathBuf,
    /// Keep what comes out in this folder, made if it is not there.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The weights, of a model that does not come with the program (a .safetensors file).
    #[arg(long)]
    model: Option<String>,
    /// Another kind of device than the record's.
    #[arg(long, value_enum)]
    device: Option<DeviceChoice>,
    #[command(flatten)]
    opening: OpenArguments,
    /// Replace files of other origin in the folder.
    #[arg(long, requires = "out")]
    overwrite: bool,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let record = Recorded::read(&a.record).map_err(Failure::Refused)?;
    let (id, weights) = record.model().map_err(Failure::Refused)?;
    let model = a.model.clone().unwrap_or_else(|| id.clone());
    let card = card(&model).map_err(InferenceError::from)?;
    if *card.sha256 != weights {
        return Err(Failure::Refused(format!(
            "the weights of {id} have changed: SHA-256 {}, the record's {weights}",
            card.sha256
        )));
    }
    let volume = crate::io::open_with(&a.input, &a.opening.options())?;
    let input = record.input().map_err(Failure::Refused)?;
    if volume.source.sha256 != input {
        return Err(Failure::Refused(format!(
            "the input has changed: SHA-256 {}, the record's {input}: {}",
            volume.source.sha256,
            a.input.display()
        )));
    }
    let mut settings = record.settings(&volume).map_err(Failure::Refused)?;
    settings.device = a.device.unwrap_or(settings.device);
    if record.version() != env!("CARGO_PKG_VERSION") {
        eprintln!(
            "sfumato: note: the record is of version {}, this is {}",
            record.version(),
            env!("CARGO_PKG_VERSION")
        );
    }
    if let Some(drawn) = record.drawn().map_err(Failure::Refused)? {
        eprintln!("sfumato: note: the run was cancelled after {drawn} samples; all are drawn now");
    }
    let temporary = tempfile::tempdir()
        .map_err(|e| Failure::Refused(format!("no temporary folder can be made: {e}")))?;
    let folder: &Path = a.out.as_deref().unwrap_or(temporary.path());
    let set = begin_results(folder, a.overwrite).map_err(|e| super::segment::refused(&e))?;
    let set = set.replacing_an_earlier_set();
    let time = record.time().map_err(Failure::Refused)?;
    let job = Job { volume: Arc::new(volume), time, model, settings };
    let cancel = super::interrupt_flag()?;
    let (outcome, cancelled) = Engine::new().run(&job, &cancel, &mut |_| {})?;
    let Some(outcome) = outcome.filter(|_| !cancelled) else {
        return Err(Failure::Cancelled("cancelled before the run was done again".to_owned()));
    };
    let (device, _) = record.device().map_err(Failure::Refused)?;
    if device != outcome.device {
        eprintln!("sfumato: note: on {}, the record's run on {device}", outcome.device);
    }
    let included = record.included(&outcome).map_err(Failure::Refused)?;
    write_results_in(set, &outcome, &included, &record.options())
        .map_err(|e| super::segment::refused(&e))?;
    let found = record.compare(folder).map_err(Failure::Refused)?;
    super::print(&table(&found))?;
    let apart: Vec<&str> =
        found.iter().filter(|(_, s)| matches!(s, Same::No(_))).map(|(n, _)| n.as_str()).collect();
    if apart.is_empty() {
        return Ok(());
    }
    let kind = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
    let why = if kind(&device) == kind(&outcome.device) {
        "on the same kind of device".to_owned()
    } else {
        format!("on {}, the record's run on {device}", outcome.device)
    };
    Err(Failure::Refused(format!("the run comes out otherwise {why}: {}", apart.join(", "))))
}

fn table(found: &[(String, Same)]) -> String {
    let line = |(name, same): &(String, Same)| match same {
        Same::Yes => format!("{name:<24} the same"),
        Same::Voxels => format!("{name:<24} the same voxels, packed otherwise"),
        Same::NotCompared(why) => format!("{name:<24} not compared: {why}"),
        Same::No(what) => format!("{name:<24} other: {what}"),
    };
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}
