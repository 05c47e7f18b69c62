//! `sfumato evaluate`

use super::Failure;
use super::sampling_arguments::SamplingArguments;
use crate::ensemble::Platt;
use crate::inference::Engine;
use crate::metrics::{MembraneFigures, cell};
use crate::models::{Sampling, with_findings};
use crate::train::{Evaluation, Gain, LOOKED_AT, Scores, evaluate, evaluate_membranes};
use std::path::PathBuf;

/// Compare a model with the labels of a data set: overlap, distances, calibration, agreement.
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
    /// Folders of labels, one per reader; scores are against the first.
    #[arg(long, value_delimiter = ',', default_value = "labels")]
    readers: Vec<String>,
    #[command(flatten)]
    sampling: SamplingArguments,
    /// The first class is the inside of cells, parted by membranes: the figures of the ISBI 2012
    /// challenge, and of a mask that is inside everywhere.
    #[arg(long, conflicts_with_all = ["csv", "calibrate"])]
    membranes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Write every case as CSV.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the model with the scaling of its means and the direct mask's share of the fused mask found on
    /// this split in its header (a .safetensors file), and with this start and these steps as its own: use
    /// `val`, never a split that figures are reported on.
    #[arg(long, value_name = "FILE")]
    calibrate: Option<PathBuf>,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let settings = a.sampling.settings(&a.model)?;
    if a.membranes {
        let reader = a.readers.first().map_or("labels", String::as_str);
        let data = (a.data.as_path(), reader);
        let figures = evaluate_membranes(&mut Engine::new(), &a.model, data, &a.split, &settings)?;
        return if a.json {
            super::print_json(&figures)
        } else {
            super::print(membrane_table(&a.model, &a.split, &figures).trim_end())
        };
    }
    let report = &mut |done, all| tracing::info!("{done} of {all} cases");
    let data = (a.data.as_path(), a.readers.as_slice());
    let result = evaluate(&mut Engine::new(), &a.model, data, &a.split, &settings, report)?;
    if let Some(path) = &a.csv {
        crate::io::write_atomic(path, csv(&result).as_bytes())
            .map_err(|e| Failure::Refused(e.to_string()))?;
    }
    if let Some(path) = &a.calibrate {
        let found = result.scaling().ok_or_else(|| {
            Failure::Refused(format!(
                "no scaling: a class has no border on {}, or its means tell nothing of it",
                a.split
            ))
        })?;
        let sampling = Sampling { start: settings.start, steps: settings.steps };
        let bytes = with_findings(&a.model, &found, sampling)
            .map_err(|e| Failure::Refused(e.to_string()))?;
        crate::io::write_atomic(path, &bytes).map_err(|e| Failure::Refused(e.to_string()))?;
    }
    if a.json { super::print_json(&result) } else { super::print(table(&result).trim_end()) }
}

/// One line per case, class and way; an undefined figure is an empty cell.
fn csv(e: &Evaluation) -> String {
    let mut out = format!(
        "case,class,way,dice,iou,hd95_{0},assd_{0},ged,ged_readers,matched_iou,rule\n",
        e.unit
    );
    let quoted = |s: &str| format!("\"{}\"", s.replace('"', "\"\""));
    for row in &e.rows {
        let of_readers = row.readers.as_ref();
        let (ged, readers) = of_readers.map(|r| (r.ged, r.ged_readers)).unzip();
        let matched = cell(of_readers.map(|r| r.matched_iou));
        let (ged, readers) = (cell(ged), cell(readers));
        for (way, m) in row.measures.each() {
            let Some(m) = m else { continue };
            let figures = [m.overlap.dice, m.overlap.iou, m.hd95, m.assd].map(cell).join(",");
            let (case, class) = (quoted(&row.case), quoted(&row.class));
            out += &format!(
                "{case},{class},{way},{figures},{ged},{readers},{matched},{}\n",
                e.empty_rule
            );
        }
    }
    out
}

fn membrane_table(model: &str, split: &str, figures: &[MembraneFigures; 2]) -> String {
    let cell = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"));
    let [own, all] = figures;
    let mut out = format!("{model} on {split}, best of ten thresholds\n");
    out += &format!("  {:<26} {:>8} {:>12}\n", "", "model", "all inside");
    for (name, f) in [
        ("V_Rand thinned", (|f| f.rand_thinned) as fn(&MembraneFigures) -> Option<f64>),
        ("V_Info thinned", |f| f.information_thinned),
        ("Rand error, not thinned", |f| f.rand_error),
        ("pixel error (1 - F)", |f| f.pixel_error),
        ("SEG, thinned", |f| f.seg),
    ] {
        out += &format!("  {name:<26} {:>8} {:>12}\n", cell(f(own)), cell(f(all)));
    }
    for (name, a, b) in [
        ("warping error", own.warping_error, all.warping_error),
        ("  all that is left", own.warping_all, all.warping_all),
    ] {
        out += &format!("  {name:<26} {a:>8.6} {b:>12.6}\n");
    }
    out
}

fn table(e: &Evaluation) -> String {
    let cell = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"));
    let line = |name: &str, s: &Scores| {
        let cells = s.each().map(|(_, v)| format!(" {:>10}", cell(*v))).concat();
        format!("  {name:<26}{cells}\n")
    };
    let gain = |g: Option<Gain>| {
        let Some(Gain { mean, interval: (low, high) }) = g else { return String::new() };
        format!("  {:<26} {mean:>+10.4} ({low:+.4} to {high:+.4})\n", "  mean less direct")
    };
    let mut out = format!(
        "{} on {}: {} cases, {} members x {} steps, {:.2} s per case; {:.2} M parameters, \
         {:.2} GFLOP per step\n",
        e.model,
        e.split,
        e.cases,
        e.members,
        e.steps,
        e.seconds_per_case,
        e.parameters as f64 * 1e-6,
        e.gflop_per_step
    );
    for class in &e.classes {
        let heads = class.dice.each().map(|(way, _)| format!(" {way:>10}")).concat();
        out += &format!("\n{:<28}{heads}\n", class.name);
        out += &line("Dice", &class.dice);
        out += &line("  95 % interval from", &class.dice_interval.map(|i| i.map(|i| i.0)));
        out += &line("  to", &class.dice_interval.map(|i| i.map(|i| i.1)));
        out += &gain(class.gain);
        out += &line("IoU", &class.iou);
        out += &line(&format!("HD95 ({})", e.unit), &class.hd95);
        out += &line(&format!("ASSD ({})", e.unit), &class.assd);
        out += &line("volume error", &class.volume_error);
        out += &format!("  {:<26} {:>8}\n", "ECE near the border", cell(class.ece));
        out += &format!("  {:<26} {:>8}", "  of the soft mean", cell(class.ece_mean));
        if class.ece_scaled.is_some() {
            out += &format!(", scaled as the model says {}", cell(class.ece_scaled));
        }
        if let Some(Platt { temperature, bias, fall }) = class.best_scaling {
            out += &format!(
                "; best here: temperature {temperature:.2}, bias {bias:.2}, fall {fall:.1}"
            );
        }
        out.push('\n');
        let steps: Vec<String> =
            class.convergence.iter().map(|b| format!("{} {:.4}", b.members, b.dice)).collect();
        out += &format!("  {:<26} {}\n", "Dice by members", steps.join(", "));
        let shares: Vec<String> =
            class.by_share.iter().map(|b| format!("{} {:.4}", b.share, b.dice)).collect();
        if !shares.is_empty() {
            out += &format!("  {:<26} {}\n", "  by direct mask's share", shares.join(", "));
        }
        if let Some(v) = &class.variance {
            out += &format!(
                "  {:<26} {:>8.2} within, {:.2} between: {:.0} % between\n",
                "Variance by network",
                v.within,
                v.between,
                100.0 * v.share_between
            );
        }
        if let Some(r) = &class.readers {
            out += &line("Dice to most readers", &r.majority_dice);
            out += &gain(class.majority_gain);
            out += &line("Dice to each reader, mean", &r.each_dice);
            out += &gain(class.each_gain);
            out += &format!(
                "  {:<26} {:>8.4} (among readers {:.4})\n",
                "GED² members to readers", r.ged, r.ged_readers
            );
            out += &format!("  {:<26} {:>8.4}\n", "IoU matched to readers", r.matched_iou);
        }
        if let Some(found) = &class.errors_found {
            let cells = |v: &[f64]| v.iter().map(|v| format!(" {v:>8.4}")).collect::<String>();
            out += &format!("  {:<26}{}\n", "Errors found, looking at", cells(&LOOKED_AT));
            out += &format!("  {:<26}{}\n", "  by variance", cells(&found.by_variance));
            out += &format!("  {:<26}{}\n", "  by distance to the line", cells(&found.by_border));
        }
    }
    let m = &e.ensemble;
    out += &format!(
        "\nmean variance within 3 px of the border {:.5}, elsewhere {:.6}; {} empty members; \
         members agree {} (pairwise Dice)\nempty masks by the rule of {}\n",
        m.variance_near_border,
        m.variance_elsewhere,
        m.empty_members,
        cell(m.mean_pairwise_dice),
        e.empty_rule
    );
    out
}
