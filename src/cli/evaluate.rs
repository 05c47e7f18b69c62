//! `sfumato evaluate`

use super::Failure;
use crate::diffusion::SamplerKind;
use crate::inference::{DeviceChoice, Engine, Settings};
use crate::train::{Evaluation, TrainError, evaluate};
use std::path::PathBuf;

/// Compare a model with the labels of a data set: Dice and IoU per class, mean over cases.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Identifier of a model, or the path of a .safetensors file.
    #[arg(long)]
    model: String,
    /// Folder with images, labels and splits.csv.
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    split: String,
    #[arg(long, default_value_t = 4)]
    members: usize,
    #[arg(long, default_value_t = 10)]
    steps: usize,
    #[arg(long, value_enum, default_value_t)]
    sampler: SamplerKind,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let settings = Settings {
        members: a.members,
        steps: a.steps,
        sampler: a.sampler,
        seed: a.seed,
        device: a.device,
        ..Settings::default()
    };
    let report = &mut |done, all| tracing::info!("{done} of {all} cases");
    let result = evaluate(&mut Engine::new(), &a.model, &a.data, &a.split, &settings, report)
        .map_err(|e| match e {
            TrainError::Network(_) => Failure::Internal(e.to_string()),
            TrainError::Inference(e) => super::segment::inference_failure(&e),
            _ => Failure::Refused(e.to_string()),
        })?;
    if a.json { super::print_json(&result) } else { super::print(table(&result).trim_end()) }
}

fn table(e: &Evaluation) -> String {
    let mut out = format!(
        "{} on {}: {} cases, {} members x {} steps, {:.2} s per case\n",
        e.model, e.split, e.cases, e.members, e.steps, e.seconds_per_case
    );
    out +=
        &format!("{:<20} {:>8} {:>8} {:>8} {:>8}\n", "Dice", "direct", "sample", "mean", "STAPLE");
    let cell = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"));
    for class in &e.classes {
        let d = &class.dice;
        let [a, b, c, s] = [d.direct, d.sample, d.mean, d.staple].map(cell);
        out += &format!("{:<20} {a:>8} {b:>8} {c:>8} {s:>8}\n", class.name);
    }
    let m = &e.ensemble;
    out += &format!(
        "mean variance within 3 px of the border {:.5}, elsewhere {:.6}; {} empty members; members agree {}\n",
        m.variance_near_border,
        m.variance_elsewhere,
        m.empty_members,
        cell(m.mean_pairwise_dice)
    );
    out
}
