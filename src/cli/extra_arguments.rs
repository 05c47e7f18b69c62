//! What `segment` writes beside the masks: a report, a table, more maps, an interval.

use super::Failure;
use crate::app::{
    Calibration, Extent, Included, More, REPORT, Report, ResultFile, calibration_record, wording,
};
use crate::inference::Outcome;
use crate::models::ModelCard;
use crate::volume::Volume;
use serde_json::json;
use std::path::{Path, PathBuf};

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
            let said = match calibration_record((file, name), result, card, modality) {
                Ok((said, found)) => {
                    let extent = Extent::of(&outcome.geometry);
                    for (class, found) in outcome.model.classes.iter().zip(&found) {
                        let text = wording::conformal(extent, found, name);
                        words.push(format!("{}: {text}", class.name));
                    }
                    said
                }
                Err(why) => {
                    eprintln!("sfumato: warning: the calibration {name} is not used: {why}");
                    json!({ "file": name, "not_used": why })
                }
            };
            more.record.insert("calibration".to_owned(), said);
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
