//! Calibration files: what an ensemble's quantiles of a size were worth on labelled cases, and whether
//! that says anything of a result. A file is used only if everything that shapes the samples is the
//! same.

use super::Included;
use crate::diffusion::{SamplerKind, Start};
use crate::ensemble::{Spread, quantile};
use crate::inference::{Outcome, PREPROCESSING};
use crate::metrics::{SizeInterval, Space, conformal_correction, conformal_score, coverage_range};
use crate::models::ModelCard;
use crate::volume::Modality;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Version of the file.
const FORMAT: u32 = 1;
/// A larger file is no calibration.
const MOST_BYTES: u64 = 16 << 20;
/// A voxel belongs to a sample from here on.
const THRESHOLD: f64 = 0.5;
/// Quantiles of the members' sizes.
pub const LEVELS: [f64; 2] = [0.1, 0.9];
/// Risk of the interval that is shown, in thousandths.
pub const ALPHA: u32 = 100;

/// One label's scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelScores {
    pub label: u8,
    pub name: String,
    pub scores: Vec<f64>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    pub format: u32,
    pub quantile_levels: [f64; 2],
    pub space: Space,
    /// Of the sizes.
    pub unit: String,
    pub labels: Vec<LabelScores>,
    pub modality: Modality,
    pub model: String,
    pub model_sha256: String,
    pub sampler: SamplerKind,
    pub start: Start,
    pub steps: usize,
    pub members: usize,
    pub threshold: f64,
    pub preprocessing_sha256: String,
    /// Seconds since 1970.
    pub written: u64,
    pub source: String,
    /// The author says that the model was neither trained nor tuned on these cases.
    pub cases_not_used_for_training: bool,
}

/// The interval of one class, and what is said with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibrated {
    pub interval: SizeInterval,
    /// Calibration cases.
    pub cases: usize,
    pub alpha_thousandths: u32,
    /// Where the coverage of such sets lies, 5 to 95 %.
    pub coverage: [f64; 2],
}

/// How a scan becomes the model's input.
pub fn preprocessing_sha256(card: &ModelCard) -> String {
    let what = serde_json::json!([PREPROCESSING, card.input, card.size, card.channels]);
    Sha256::digest(what.to_string()).iter().map(|b| format!("{b:02x}")).collect()
}

/// What the members' sizes say before calibration; sorted values are not needed.
pub fn size_quantiles(values: &[f64], levels: [f64; 2]) -> [f64; 2] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    levels.map(|q| quantile(&sorted, q))
}

impl Calibration {
    /// Of a model and how its samples are drawn, without scores.
    pub fn new(
        card: &ModelCard,
        (sampler, start, steps, members): (SamplerKind, Start, usize, usize),
        (modality, unit): (Modality, &str),
        space: Space,
        source: String,
    ) -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let empty = |c: &crate::volume::Class| LabelScores {
            label: c.label,
            name: c.name.clone(),
            scores: Vec::new(),
        };
        Self {
            format: FORMAT,
            quantile_levels: LEVELS,
            space,
            unit: unit.to_owned(),
            labels: card.classes.iter().map(empty).collect(),
            modality,
            model: card.id.clone(),
            model_sha256: card.sha256.to_string(),
            sampler,
            start,
            steps,
            members,
            threshold: THRESHOLD,
            preprocessing_sha256: preprocessing_sha256(card),
            written: since.map_or(0, |d| d.as_secs()),
            source,
            cases_not_used_for_training: true,
        }
    }

    /// Takes in one case's class.
    ///
    /// # Errors
    /// If its sizes cannot be scored.
    pub fn add(&mut self, class: usize, reference: f64, members: &[f64]) -> Result<(), String> {
        let quantiles = size_quantiles(members, self.quantile_levels);
        let score = conformal_score(quantiles, reference, self.space).map_err(|e| e.to_string())?;
        let label = self.labels.get_mut(class).ok_or("there is no such class")?;
        label.scores.push(score);
        Ok(())
    }

    /// # Errors
    /// If the file cannot be read or is none of ours, in a sentence.
    pub fn read(path: &Path) -> Result<Self, String> {
        let failed =
            |why: &str| format!("the calibration cannot be used ({why}): {}", path.display());
        let length = std::fs::metadata(path).map_err(|e| failed(&e.to_string()))?.len();
        if length > MOST_BYTES {
            return Err(failed(&format!("{length} bytes, expected at most {MOST_BYTES}")));
        }
        let bytes = std::fs::read(path).map_err(|e| failed(&e.to_string()))?;
        let read: Self = serde_json::from_slice(&bytes).map_err(|e| failed(&e.to_string()))?;
        read.check().map_err(|why| failed(&why))?;
        Ok(read)
    }

    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("format {}, expected {FORMAT}", self.format));
        }
        let [low, high] = self.quantile_levels;
        if !(0.0 <= low && low <= high && high <= 1.0) {
            return Err(format!("quantile levels {low} and {high}, expected 0 to 1, rising"));
        }
        if let Some(l) = self.labels.iter().find(|l| l.scores.iter().any(|s| !s.is_finite())) {
            return Err(format!("a score of label {} is not finite", l.label));
        }
        Ok(())
    }

    /// Why it says nothing of a result, if it does not: the first field that differs.
    ///
    /// # Errors
    /// Names the field, what it is and what was expected.
    pub fn applies(
        &self,
        outcome: &Outcome,
        included: &Included,
        modality: Modality,
        (preprocessing, unit): (&str, &str),
    ) -> Result<(), String> {
        let s = &outcome.settings;
        let short = |hash: &str| hash.get(..12).unwrap_or(hash).to_owned();
        let same = |what: &str, found: String, expected: String| match found == expected {
            true => Ok(()),
            false => Err(format!("{what} is {found}, the calibration's {expected}")),
        };
        if !self.cases_not_used_for_training {
            return Err(
                "its author does not confirm that its cases were new to the model".to_owned()
            );
        }
        if outcome.deterministic {
            return Err("there are no samples".to_owned());
        }
        if !s.steer.is_empty() {
            return Err("the samples were steered, the calibration's were not".to_owned());
        }
        same("the model", short(&outcome.model.sha256), short(&self.model_sha256))?;
        same("the sampler", s.sampler.name().to_owned(), self.sampler.name().to_owned())?;
        same("the start", s.start.name().to_owned(), self.start.name().to_owned())?;
        same("the number of steps", s.steps.to_string(), self.steps.to_string())?;
        same("the number of samples", included.count().to_string(), self.members.to_string())?;
        same("the threshold", THRESHOLD.to_string(), self.threshold.to_string())?;
        same("the modality", modality.name().to_owned(), self.modality.name().to_owned())?;
        same("the unit", unit.to_owned(), self.unit.clone())?;
        same("the preprocessing", short(preprocessing), short(&self.preprocessing_sha256))?;
        Ok(())
    }

    /// The interval of a label whose members have these sizes.
    ///
    /// # Errors
    /// If the label has no or too few cases, or its sizes cannot be taken.
    pub fn interval(&self, label: u8, spread: &Spread, alpha: u32) -> Result<Calibrated, String> {
        let own = self.labels.iter().find(|l| l.label == label);
        let own = own.ok_or_else(|| {
            let known: Vec<String> = self.labels.iter().map(|l| l.label.to_string()).collect();
            format!("the label is {label}, the calibration's {}", known.join(", "))
        })?;
        let correction = conformal_correction(&own.scores, alpha).map_err(|e| e.to_string())?;
        let quantiles = size_quantiles(&spread.values, self.quantile_levels);
        let interval =
            SizeInterval::new(quantiles, correction, self.space).map_err(|e| e.to_string())?;
        let cases = own.scores.len();
        let coverage = coverage_range(cases, alpha).unwrap_or([0.0, 1.0]);
        Ok(Calibrated { interval, cases, alpha_thousandths: alpha, coverage })
    }
}

#[cfg(test)]
#[path = "calibration_tests.rs"]
mod tests;
