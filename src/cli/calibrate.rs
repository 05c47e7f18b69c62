//! `sfumato calibrate`

use super::Failure;
use super::sampling_arguments::SamplingArguments;
use crate::app::{ALPHA, Calibration};
use crate::ensemble::Spread;
use crate::inference::{Engine, InferenceError, Settings};
use crate::metrics::{Space, counted_coverage_range, coverage_range};
use crate::models::{ModelCard, card};
use crate::train::{CaseSizes, case_sizes};
use std::path::PathBuf;

/// Find how far an ensemble's volumes lie from the reference on labelled cases, so that the window can
/// give an interval that holds as often as it says (split conformal). How the members' mean is to be
/// taken is another thing: `evaluate --calibrate`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Identifier of a model, or the path of a .safetensors file.
    #[arg(long)]
    model: String,
    /// Folder with images, labels and splits.csv.
    #[arg(long)]
    data: PathBuf,
    /// The cases to calibrate on, which the model must not have been trained or tuned on.
    #[arg(long)]
    split: String,
    /// Folder of the reference labels.
    #[arg(long, default_value = "labels")]
    reader: String,
    /// The file to write (JSON).
    #[arg(long)]
    out: PathBuf,
    /// You confirm that the model was neither trained nor tuned on these cases: otherwise the interval
    /// means nothing.
    #[arg(long)]
    not_used_for_training: bool,
    #[arg(long, value_enum, default_value_t)]
    space: Space,
    /// What the cases are, in words, for those who read the file.
    #[arg(long, default_value = "")]
    source: String,
    /// Also count on another split how often the interval holds.
    #[arg(long, value_name = "SPLIT")]
    check: Option<String>,
    #[command(flatten)]
    sampling: SamplingArguments,
    /// Replace the file if it exists.
    #[arg(long)]
    overwrite: bool,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    if !a.not_used_for_training {
        return Err(Failure::Usage(format!(
            "the interval means nothing on cases that the model knows: confirm with \
             --not-used-for-training that it was neither trained nor tuned on {}",
            a.split
        )));
    }
    if a.check.as_ref() == Some(&a.split) {
        return Err(Failure::Usage("--check needs another split than --split".to_owned()));
    }
    if a.out.exists() && !a.overwrite {
        let line = format!("the file exists, --overwrite replaces it: {}", a.out.display());
        return Err(Failure::Refused(line));
    }
    let settings = a.sampling.settings(&a.model)?;
    let card = card(&a.model).map_err(InferenceError::from)?;
    let mut engine = Engine::new();
    let sizes = sizes(a, &mut engine, &a.split, &settings)?;
    let file = calibration(a, &card, &settings, &sizes)?;
    let mut text = format!("{} on {}: {} cases\n", a.model, a.split, sizes.len());
    for label in &file.labels {
        crate::metrics::conformal_rank(label.scores.len(), ALPHA)
            .map_err(|e| Failure::Refused(format!("{}: {e}", label.name)))?;
    }
    crate::io::write_atomic(&a.out, serde_json::to_string_pretty(&file)?.as_bytes())?;
    if let Some(split) = &a.check {
        let other = self::sizes(a, &mut engine, split, &settings)?;
        text += &checked(&file, split, &other)?;
    }
    super::print(&format!("{text}{}", a.out.display()))
}

fn sizes(
    a: &Arguments,
    engine: &mut Engine,
    split: &str,
    settings: &Settings,
) -> Result<Vec<CaseSizes>, Failure> {
    let report = &mut |done, all| tracing::info!("{done} of {all} cases");
    Ok(case_sizes(engine, &a.model, (&a.data, &a.reader), split, settings, report)?)
}

fn calibration(
    a: &Arguments,
    card: &ModelCard,
    s: &Settings,
    sizes: &[CaseSizes],
) -> Result<Calibration, Failure> {
    let Some(first) = sizes.first() else {
        return Err(Failure::Refused(format!("split {} has no case", a.split)));
    };
    let unlike = sizes.iter().find(|c| (c.modality, c.unit) != (first.modality, first.unit));
    if let Some(c) = unlike {
        return Err(Failure::Refused(format!(
            "the cases are of several kinds: {} is {} in {}, {} is {} in {}",
            first.case,
            first.modality.name(),
            first.unit,
            c.case,
            c.modality.name(),
            c.unit
        )));
    }
    let source = match a.source.as_str() {
        "" => format!("{} cases of split {}", sizes.len(), a.split),
        words => words.to_owned(),
    };
    let how = (s.sampler, s.start, s.steps, s.members);
    let kind = (first.modality, first.unit);
    let mut file = Calibration::new(card, how, kind, a.space, source);
    for case in sizes {
        for (c, (reference, members)) in case.classes.iter().enumerate() {
            file.add(c, *reference, members)
                .map_err(|why| Failure::Refused(format!("{}, case {}", why, case.case)))?;
        }
    }
    Ok(file)
}

/// How often the interval holds on other cases.
fn checked(file: &Calibration, split: &str, sizes: &[CaseSizes]) -> Result<String, Failure> {
    let asked = 1.0 - f64::from(ALPHA) / 1000.0;
    let mut out = format!("\ncoverage on {split}, asked {asked:.2}\n");
    for (c, label) in file.labels.iter().enumerate() {
        let (mut held, mut raw, mut width) = (0, 0, 0.0);
        for case in sizes {
            let Some((reference, members)) = case.classes.get(c) else { continue };
            let spread = Spread::of(members.clone())
                .ok_or_else(|| Failure::Internal(format!("no sizes of {}", case.case)))?;
            let found = file
                .interval(label.label, &spread, ALPHA)
                .map_err(|why| Failure::Refused(format!("{why}, case {}", case.case)))?;
            held += usize::from(found.interval.contains(*reference));
            raw += usize::from((spread.p10..=spread.p90).contains(reference));
            width += (found.interval.high - found.interval.low) / reference.max(f64::MIN_POSITIVE);
        }
        let (n, m) = (label.scores.len(), sizes.len());
        let share = |k: usize| k as f64 / m.max(1) as f64;
        let range = |r: Option<[f64; 2]>| {
            r.map_or_else(|| "–".to_owned(), |[a, b]| format!("{a:.2} to {b:.2}"))
        };
        out += &format!(
            "  {}: {:.3} ({held} of {m}); expected {} for sets of {n} cases, counted on {m}: {}; \
             mean width {:.2} of the reference; 10-90 % of the samples alone: {:.3}\n",
            label.name,
            share(held),
            range(coverage_range(n, ALPHA)),
            range(counted_coverage_range(n, ALPHA, m)),
            width / m.max(1) as f64,
            share(raw),
        );
    }
    Ok(out)
}
