//! What `segment` writes beside the masks: a report, a table, more maps, an interval.

use super::Failure;
use crate::app::{
    AnimationFormat, Calibration, Included, More, REPORT, Recorder, Report, ResultFile, animation,
    calibration_record, film_frames, unused_record,
};
use crate::inference::{Outcome, Step};
use crate::models::ModelCard;
use crate::volume::Volume;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// That each step of an animation is shown.
const STEP_MS: u16 = 250;

#[derive(clap::Args)]
pub(super) struct ExtraArguments {
    /// Also write a report: one page with pictures, sizes and provenance (report.html).
    #[arg(long)]
    pub(super) report: bool,
    /// Also write the size of each sample as a table (samples.csv).
    #[arg(long)]
    pub(super) csv: bool,
    /// Also write every map of the samples: count, standard deviation, entropy, STAPLE.
    #[arg(long)]
    pub(super) all_maps: bool,
    /// Also write how the samples condensed, step by step: an animated PNG, or a GIF by its ending.
    #[arg(long, value_name = "FILE.png|.gif")]
    pub(super) animation: Option<PathBuf>,
    /// A calibration of the model by `sfumato calibrate`: the record then holds the interval in which the
    /// reference volume lies as often as it says [default: MODEL.calibration.json beside a weights file].
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
}

/// What was asked for, read.
pub(super) struct Extras {
    /// With its name.
    calibration: Option<(Calibration, String)>,
    report: bool,
    identity: bool,
}

impl ExtraArguments {
    pub(super) fn read(&self, model: &str, identity: bool) -> Result<Extras, Failure> {
        let calibration = self.calibration(model)?;
        Ok(Extras { calibration, report: self.report, identity })
    }

    /// The calibration asked for, or that which lies beside the weights, with its name.
    fn calibration(&self, model: &str) -> Result<Option<(Calibration, String)>, Failure> {
        let beside = Path::new(model).with_extension("calibration.json");
        let path = match &self.calibration {
            Some(path) => path,
            None if model.ends_with(".safetensors") && beside.is_file() => &beside,
            None => return Ok(None),
        };
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Some((Calibration::read(path).map_err(Failure::Refused)?, name)))
    }
}

impl Extras {
    /// What goes into the folder of a result beside its masks.
    pub(super) fn more(
        &self,
        volume: &Volume,
        (outcome, included): (&Outcome, &Included),
        card: &ModelCard,
    ) -> Result<More, Failure> {
        let mut more = More::default();
        let mut words = Vec::new();
        if let Some((file, name)) = &self.calibration {
            let (result, modality) = ((outcome, included), volume.modality);
            let record = calibration_record((file, name), result, card, modality);
            let record = record.unwrap_or_else(|why| {
                eprintln!("sfumato: warning: the calibration {name} is not used: {why}");
                unused_record(name, &why)
            });
            more.record.insert("calibration".to_owned(), record.said);
            words = record.words;
        }
        if self.report {
            let report =
                Report { volume, outcome, included, calibrated: &words, identity: self.identity };
            let page = report.html().map_err(Failure::Internal)?;
            more.files.push(ResultFile { name: REPORT.to_owned(), bytes: page.into_bytes() });
        }
        Ok(more)
    }
}

/// The steps of a run on their way into a file.
pub(super) struct Animated {
    path: PathBuf,
    format: AnimationFormat,
    recorder: Recorder,
}

impl ExtraArguments {
    /// Where the animation of the one run goes.
    pub(super) fn animated(
        &self,
        card: &ModelCard,
        runs: usize,
        overwrite: bool,
    ) -> Result<Option<Animated>, Failure> {
        let Some(path) = self.animation.clone() else { return Ok(None) };
        let format = AnimationFormat::of(&path).ok_or_else(|| {
            Failure::Usage(format!("--animation {}: expected .png or .gif", path.display()))
        })?;
        if runs != 1 {
            let line = format!(
                "--animation is of one run, here are {runs}: choose one with --time or --roi"
            );
            return Err(Failure::Usage(line));
        }
        if path.exists() && !overwrite {
            let line = format!("the file exists, --overwrite replaces it: {}", path.display());
            return Err(Failure::Refused(line));
        }
        Ok(Some(Animated { path, format, recorder: Recorder::new(card) }))
    }
}

impl Animated {
    pub(super) fn take(&self, step: &Step) {
        for preview in &step.previews {
            self.recorder.take(step, Arc::new(preview.clone()));
        }
    }

    /// Writes the file and names it.
    pub(super) fn write(self, volume: &Volume, time: usize) -> Result<String, Failure> {
        let film = self.recorder.finish();
        let film = film.lock().map_err(|_| Failure::Internal("the film is damaged".to_owned()))?;
        if film.left_out() > 0 {
            eprintln!(
                "sfumato: warning: {} of the estimates had no room in the animation",
                film.left_out()
            );
        }
        let seen = (volume, time, volume.default_window());
        let frames = film_frames(&film, seen, None, STEP_MS).map_err(Failure::Refused)?;
        let bytes = animation(self.format, &frames).map_err(Failure::Internal)?;
        crate::io::write_atomic(&self.path, &bytes)?;
        Ok(self.path.display().to_string())
    }
}
