//! What calibration files say of a whole result, for its record and its report: from the window and from
//! the command line alike.

use super::{ALPHA, Calibrated, Calibration, Extent, Included, preprocessing_sha256, wording};
use crate::inference::Outcome;
use crate::models::ModelCard;
use crate::volume::Modality;
use serde_json::{Value, json};

/// What stands in the record, and a sentence for each class; none where the calibration is not used.
#[derive(Clone, Debug, PartialEq)]
pub struct CalibrationRecord {
    pub said: Value,
    pub words: Vec<String>,
}

/// What a calibration says of every class of a result.
///
/// # Errors
/// Why it is not used.
pub fn calibration_record(
    (file, name): (&Calibration, &str),
    (outcome, included): (&Outcome, &Included),
    card: &ModelCard,
    modality: Modality,
) -> Result<CalibrationRecord, String> {
    let extent = Extent::of(&outcome.geometry);
    let preprocessing = preprocessing_sha256(card);
    file.applies(outcome, included, modality, (&preprocessing, extent.unit()))?;
    let ensemble = included.ensemble(outcome).map_err(|e| e.to_string())?;
    let voxel = Extent::of_voxel(&outcome.geometry);
    let classes = outcome.model.classes.iter();
    let all = classes
        .enumerate()
        .map(|(c, class)| file.interval(class.label, &ensemble.volumes(c, voxel), ALPHA));
    let all = all.collect::<Result<Vec<Calibrated>, String>>()?;
    let mut words = Vec::new();
    let mut classes: Vec<Value> = Vec::new();
    for (class, found) in outcome.model.classes.iter().zip(&all) {
        let says = wording::conformal(extent, found, name);
        classes.push(json!({
            "name": class.name,
            "label": class.label,
            "low": found.interval.low,
            "high": found.interval.high,
            "empty": found.interval.empty,
            "cases": found.cases,
            "coverage_5_95": found.coverage,
            "says": says,
        }));
        words.push(format!("{}: {says}", class.name));
    }
    let said = json!({
        "file": name,
        "source": file.source,
        "alpha": f64::from(ALPHA) / 1000.0,
        "unit": extent.unit(),
        "classes": classes,
    });
    Ok(CalibrationRecord { said, words })
}

/// Of several files of a model the newest that fits; else the first, and why it is not used. `None` if
/// there is none.
pub(super) fn newest_record(
    files: &[(String, Calibration)],
    result: (&Outcome, &Included),
    card: Option<&ModelCard>,
    modality: Modality,
) -> Option<CalibrationRecord> {
    let mut newest: Vec<&(String, Calibration)> = files.iter().collect();
    newest.sort_by_key(|(_, file)| std::cmp::Reverse(file.written));
    let mut refused = None;
    for (name, file) in newest {
        let said = card
            .ok_or_else(|| "the model is not here any more".to_owned())
            .and_then(|card| calibration_record((file, name), result, card, modality));
        match said {
            Ok(record) => return Some(record),
            Err(why) => refused = refused.or(Some((name, why))),
        }
    }
    refused.map(|(name, why)| unused_record(name, &why))
}

/// That a file is not used, and why.
pub fn unused_record(name: &str, why: &str) -> CalibrationRecord {
    CalibrationRecord { said: json!({ "file": name, "not_used": why }), words: Vec::new() }
}
