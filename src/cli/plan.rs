//! `sfumato plan`

use super::Failure;
use super::open_arguments::OpenArguments;
use crate::app::save_picture;
use crate::io::{FileSet, open_with, read_mask};
use crate::planner::{
    Method, NOT_MODELLED, ONE_SUBJECT, Picture, Plan, PlanError, PlanEvent, PlanJob, SPREAD,
    STRUCTURES, Scores, WATERMARK, classes_of, embedded, heights, no_reference, plane_of,
    plane_picture, run, views_picture,
};
use crate::projection::WATER;
use crate::volume::{Label, LabelTable, Window};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// Simulate a few radiographs of a CT that is known, and write what they say of an axial plane and what
/// they leave open, beside the plane as it is. Not an image of a patient, never from real radiographs.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// CT in Hounsfield units.
    volume: PathBuf,
    /// Angles of the source in degrees: 0 in front, 90 at the patient's left.
    #[arg(
        long,
        value_name = "A,B,…",
        value_delimiter = ',',
        required = true,
        allow_hyphen_values = true
    )]
    views: Vec<f64>,
    /// Folder of the results.
    #[arg(long)]
    out: PathBuf,
    /// Height of the plane, mm towards the head in the scan's own coordinates; its middle unless given.
    #[arg(long, value_name = "MM", allow_hyphen_values = true)]
    head: Option<f64>,
    /// A label map of the scan, for Dice.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// What its numbers are, where it does not say so: 1=lungs,2=heart,3=aorta,4=vertebrae,5=ribs.
    #[arg(long, value_name = "N=NAME,…", value_delimiter = ',', value_parser = named, requires = "labels")]
    structures: Vec<(u32, String)>,
    #[arg(long, default_value_t = 10)]
    members: usize,
    /// Denoising steps of each.
    #[arg(long, default_value_t = 8)]
    steps: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Try so many further angles, and say how much each would leave open.
    #[arg(long, value_name = "N", default_value_t = 0)]
    next_angle: usize,
    /// Replace results that exist.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    open: OpenArguments,
}

fn named(text: &str) -> Result<(u32, String), String> {
    let (number, name) = text.split_once('=').ok_or("expected N=NAME, such as 2=heart")?;
    let number = number.trim().parse().map_err(|e| format!("{number:?}: {e}"))?;
    Ok((number, name.trim().to_owned()))
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Cancelled => Self::Cancelled(error.to_string()),
            PlanError::Network(_) | PlanError::Model(_) => Self::Internal(error.to_string()),
            PlanError::Settings(_) | PlanError::Diffusion(_) => Self::Usage(error.to_string()),
        }
    }
}

pub(super) fn run_verb(a: &Arguments) -> Result<(), Failure> {
    super::segment::make_folder(&a.out)?;
    let set = FileSet::new(&a.out, "plan.json", a.overwrite)?;
    let volume = open_with(&a.volume, &a.open.options())?;
    let network = embedded().map_err(PlanError::from)?;
    let (rig, grid) = (*network.rig(), *network.grid());
    let [low, high] = heights(&volume);
    let head = a.head.unwrap_or(0.5 * (low + high));
    let (frame, body) =
        plane_of(&volume, volume.middle_time(), head, &rig).map_err(Failure::Refused)?;
    let reference = match &a.labels {
        None => None,
        Some(path) => {
            let mask = read_mask(path, Some(&volume))?;
            let rename = |l: &Label| {
                let given = a.structures.iter().find(|(n, _)| *n == l.number);
                Label {
                    name: given.map_or_else(|| l.name.clone(), |(_, name)| name.clone()),
                    ..l.clone()
                }
            };
            let table = LabelTable(mask.table.0.iter().map(rename).collect());
            let (masks, known) = classes_of(&mask.map, &table, &frame, &grid);
            if !known.contains(&true) {
                return Err(Failure::Usage(format!(
                    "no label is one of {}: name them with --structures",
                    STRUCTURES.join(", ")
                )));
            }
            Some((masks, known))
        }
    };
    let job = PlanJob {
        body: Arc::new(body),
        angles: a.views.clone(),
        members: a.members,
        steps: a.steps,
        seed: a.seed,
        candidates: a.next_angle,
    };
    let interrupted = super::interrupt_flag()?;
    let plan = run(network.as_ref(), &job, &interrupted, &mut |event| {
        if let PlanEvent::Members(plan) = event {
            tracing::info!("{} members", plan.members.len());
        }
    })?;
    if let Some(seen) = plan.estimate.truncated {
        eprintln!(
            "sfumato: warning: the detector sees only {seen:.0} mm about the isocentre whole"
        );
    }
    let record = record(a, head, &frame.isocentre(), &plan, reference.as_ref());
    let mut files = Vec::new();
    for (name, picture) in pictures(&plan, rig.pixels) {
        let path = set.place(name)?;
        let size = picture.size.map(|v| v as u32);
        save_picture(&path, size, &picture.rgba, true).map_err(Failure::Internal)?;
        files.push(path);
    }
    let text = serde_json::to_string_pretty(&record)?;
    crate::io::write_atomic(&set.place_of_record(), text.as_bytes())?;
    for path in set.commit(&files, &[])? {
        super::print(&path.display().to_string())?;
    }
    super::print(&format!("mean entropy {:.4} ({SPREAD})", plan.spread.mean_entropy))?;
    super::print(&match &record["dice"] {
        Value::Object(by_method) => {
            let mean =
                |v: &Value| v["mean"].as_f64().map_or("–".to_owned(), |d| format!("{d:.3}"));
            let each = by_method.iter().map(|(name, v)| format!("{name} {}", mean(v)));
            format!("mean Dice: {} ({ONE_SUBJECT})", each.collect::<Vec<_>>().join(", "))
        }
        _ => no_reference().to_owned(),
    })?;
    super::print(WATERMARK)
}

/// A method's masks or probabilities, where it gives any.
fn told(plan: &Plan, method: Method) -> Option<Vec<f32>> {
    match method {
        Method::Members => Some(plan.spread.mean.clone()),
        _ => plan.estimate.thresholded(method),
    }
}

fn name(method: Method) -> &'static str {
    match method {
        Method::Members => "samples",
        Method::Fbp => "fbp",
        Method::Sirt => "sirt",
        Method::Lifted => "lifted",
    }
}

fn dice(plan: &Plan, masks: &[f32], known: &[bool]) -> Value {
    let of = |method| {
        let mut scores = Scores::default();
        scores.add(&told(plan, method)?, masks);
        let all = scores.dice();
        let known: Vec<_> = (0..STRUCTURES.len()).filter(|k| known[*k]).collect();
        let there: Vec<f64> = known.iter().filter_map(|k| all[*k]).collect();
        let mean = (!there.is_empty()).then(|| there.iter().sum::<f64>() / there.len() as f64);
        let mut entry = serde_json::Map::new();
        known.iter().for_each(|k| drop(entry.insert(STRUCTURES[*k].to_owned(), json!(all[*k]))));
        entry.insert("mean".to_owned(), json!(mean));
        Some((name(method).to_owned(), Value::Object(entry)))
    };
    Value::Object(Method::ALL.into_iter().filter_map(of).collect())
}

fn record(
    a: &Arguments,
    head: f64,
    isocentre: &[f64; 3],
    plan: &Plan,
    reference: Option<&(Vec<f32>, Vec<bool>)>,
) -> Value {
    let candidates: Vec<Value> = plan
        .candidates
        .iter()
        .map(|c| json!({ "angle": c.angle, "mean_entropy": c.entropy, "gap": c.gap }))
        .collect();
    json!({
        "software": { "name": "sfumato", "version": env!("CARGO_PKG_VERSION"), "use": "research use only" },
        "watermark": WATERMARK,
        "not_modelled": NOT_MODELLED,
        "network": ONE_SUBJECT,
        "views_deg": a.views,
        "plane": { "head_mm": head, "isocentre_ras_mm": isocentre },
        "rig": plan.estimate.rig,
        "grid": plan.estimate.grid,
        "members": plan.members.len(),
        "steps": a.steps,
        "seed": a.seed,
        "mean_entropy": plan.spread.mean_entropy,
        "mean_entropy_is": SPREAD,
        "dice": reference.map_or_else(
            || json!(no_reference()),
            |(masks, known)| dice(plan, masks, known),
        ),
        "next_angle": { "candidates": candidates, "chosen": "with the CT known; a curve, no advice" },
    })
}

/// Of each method, the true plane, and the views.
fn pictures(plan: &Plan, pixels: usize) -> Vec<(String, Picture)> {
    let estimate = &plan.estimate;
    let window = Window::from_range(0.0, 1.6 * WATER);
    let colors = crate::planner::COLORS;
    let told = |method| estimate.thresholded(method).unwrap_or_default();
    let shares = Window::from_range(0.0, 1.0);
    let of = |plane: &[f32], window, over: &[f32], entropy: &[f32]| {
        plane_picture(plane, window, over, &colors, entropy)
    };
    vec![
        (
            "samples.png".to_owned(),
            of(&estimate.sirt, window, &plan.spread.mean, &plan.spread.entropy),
        ),
        ("entropy.png".to_owned(), of(&plan.spread.entropy, shares, &[], &[])),
        ("fbp.png".to_owned(), of(&estimate.fbp, window, &told(Method::Fbp), &[])),
        ("sirt.png".to_owned(), of(&estimate.sirt, window, &told(Method::Sirt), &[])),
        ("lifted.png".to_owned(), of(&estimate.lifted, shares, &[], &[])),
        ("true-slice.png".to_owned(), of(&estimate.truth, window, &[], &[])),
        ("views.png".to_owned(), views_picture(&estimate.lines, pixels)),
    ]
}
