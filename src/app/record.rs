//! `result.json`: everything needed to repeat a run, what its files are, and what a reader of them must
//! know.

use super::ratios::ratios;
use super::{Extent, Included, wording};
use crate::ensemble::Ensemble;
use crate::inference::Outcome;
use crate::io::{IoError, sha256_of_file};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Its name.
pub const RECORD: &str = "result.json";
/// A larger one is nobody's record.
const MOST_BYTES: u64 = 64 << 20;
/// What may differ between two exports of the same run.
const OF_ONE_EXPORT: [&str; 6] =
    ["calibration", "outputs", "remarks", "patient_identity", "times", "software"];

/// The run, without its files.
pub(super) fn record(
    outcome: &Outcome,
    included: &Included,
    ensemble: &Ensemble,
) -> Map<String, Value> {
    let s = &outcome.settings;
    let classes: Vec<Value> =
        (0..outcome.model.classes.len()).map(|c| class(outcome, included, ensemble, c)).collect();
    let mut statement = wording::statement(outcome, included);
    if let Some(doubt) = &outcome.doubt {
        statement = format!("{statement}; {doubt}");
    }
    let mut out = named_values(json!({
        "software": { "name": "sfumato", "version": env!("CARGO_PKG_VERSION"), "use": "research use only" },
        "statement": statement,
        "notices": outcome.notices,
        "doubt": outcome.doubt,
        "fit": outcome.fit,
        "input": {
            "format": outcome.source.format,
            "sha256": outcome.source.sha256,
            "shape": outcome.geometry.shape(),
            "affine": outcome.geometry.world_from_voxel(),
        },
        "time": { "index": outcome.time, "of": outcome.time_points },
        "model": {
            "id": outcome.model.id,
            "sha256": outcome.model.sha256,
            "scaling": outcome.model.scaling,
            "networks": outcome.model.networks,
        },
        "deterministic": outcome.deterministic,
        "device": outcome.device,
        "roi": outcome.roi,
        "region": s.region,
        "slices": outcome.slices,
        "times": outcome.times,
        "classes": classes,
        "ratios": ratios(outcome, ensemble),
    }));
    if !outcome.deterministic {
        out.append(&mut named_values(json!({
            "sampler": s.sampler,
            "start": s.start,
            "steps": s.steps,
            "seed": s.seed,
            "steer": (!s.steer.is_empty()).then_some(&s.steer),
            "members": included.count(),
            "members_asked": s.members,
            "member_indices": indices(outcome, included, true),
            "member_seeds": seeds(outcome, included, true),
            "excluded_indices": indices(outcome, included, false),
            "excluded_seeds": seeds(outcome, included, false),
            "fusion": "mean",
            "direct_share": included.direct_share(outcome),
        })));
        if let Some(rule) = &s.until {
            out.insert("stop_rule".to_owned(), json!(rule));
        }
    }
    out
}

fn indices(outcome: &Outcome, included: &Included, count: bool) -> Vec<usize> {
    included.members(outcome, count).map(|m| m.index).collect()
}

/// As text: not every reader of JSON has whole numbers of 64 bits.
fn seeds(outcome: &Outcome, included: &Included, count: bool) -> Vec<String> {
    included.members(outcome, count).map(|m| m.seed.to_string()).collect()
}

fn class(outcome: &Outcome, included: &Included, ensemble: &Ensemble, c: usize) -> Value {
    let class = &outcome.model.classes[c];
    let extent = Extent::of(&outcome.geometry);
    let (quantity, unit) = (extent.name(), extent.unit());
    let spread = ensemble.volumes(c, Extent::of_voxel(&outcome.geometry));
    if outcome.deterministic {
        return json!({
            "name": class.name,
            "label": class.label,
            "quantity": quantity,
            "unit": unit,
            "value": spread.mean,
            "empty": !ensemble.empty_members(c).is_empty(),
        });
    }
    let indices = indices(outcome, included, true);
    let empty: Vec<usize> = ensemble.empty_members(c).into_iter().map(|m| indices[m]).collect();
    let parts = included.variance_parts(outcome, ensemble, c);
    json!({
        "name": class.name,
        "label": class.label,
        "quantity": quantity,
        "unit": unit,
        "mean": spread.mean,
        "sd": spread.sd,
        "median": spread.median,
        "min": spread.min,
        "max": spread.max,
        "members": spread.values,
        "empty_members": empty,
        "mean_pairwise_dice": ensemble.mean_pairwise_dice(c),
        "variance_between_networks": parts.and_then(|p| p.share_between()),
    })
}

/// Name and SHA-256 of a written file.
pub(super) fn described(file: &Path) -> Result<Value, IoError> {
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned());
    Ok(json!({ "file": name, "sha256": sha256_of_file(file)? }))
}

/// What an earlier export left in the folder, by its own record: files that are not written anew and
/// that nobody has changed since.
#[derive(Default)]
pub(super) struct Earlier {
    /// They belong to the same run.
    pub(super) same_run: bool,
    pub(super) files: Vec<PathBuf>,
}

impl Earlier {
    pub(super) fn find(folder: &Path, now: &Map<String, Value>, written: &[PathBuf]) -> Self {
        let Some(old) = read_record(&folder.join(RECORD)) else { return Self::default() };
        let run = |of: &Map<String, Value>| {
            let mut run = of.clone();
            run.retain(|key, _| !OF_ONE_EXPORT.contains(&key.as_str()));
            // Through text and back, as the other one has gone.
            serde_json::to_string(&run).ok().and_then(|t| serde_json::from_str::<Value>(&t).ok())
        };
        let outputs = old.get("outputs").and_then(Value::as_array).into_iter().flatten();
        let files = outputs
            .filter_map(|o| Some((o.get("file")?.as_str()?, o.get("sha256")?.as_str()?)))
            // A name and nothing else: a record may come from anywhere.
            .filter(|(name, _)| Path::new(name).file_name().is_some_and(|n| n == *name))
            .filter(|(name, _)| *name != RECORD)
            .filter(|(name, _)| written.iter().all(|w| w.file_name() != Some(name.as_ref())))
            .map(|(name, hash)| (folder.join(name), hash))
            .filter(|(path, _)| path.symlink_metadata().is_ok_and(|m| m.is_file()))
            .filter(|(path, hash)| sha256_of_file(path).is_ok_and(|h| h == *hash))
            .map(|(path, _)| path)
            .collect();
        Self { same_run: run(&old) == run(now), files }
    }
}

/// The fields of a record; `None` if it is none.
pub(super) fn read_record(path: &Path) -> Option<Map<String, Value>> {
    if std::fs::metadata(path).ok()?.len() > MOST_BYTES {
        return None;
    }
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// The fields of an object.
pub(super) fn named_values(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// How the masks came about, for the record inside a DICOM file.
pub(super) fn provenance(outcome: &Outcome, included: &Included) -> String {
    let (model, s) = (&outcome.model, &outcome.settings);
    let time = match outcome.time_points {
        1 => String::new(),
        of => format!("{}; ", wording::time_point(outcome.time, of)),
    };
    let how = if outcome.deterministic {
        wording::ONE_MASK.to_owned()
    } else {
        let how = wording::settings(outcome, included);
        let statement = wording::statement(outcome, included);
        let fused = wording::fusion(included.direct_share(outcome));
        format!("{how}, sampler {}; {fused}; {statement}", s.sampler.name())
    };
    format!(
        "model {} (weights sha256 {}); input sha256 {}; {time}{how}; research use only",
        model.id, model.sha256, outcome.source.sha256
    )
}
