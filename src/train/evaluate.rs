//! A model against the labels of a split, through the very pipeline that a person runs.

use super::TrainError;
use super::dataset::{Case, class_masks, label_values};
use crate::ensemble::Ensemble;
use crate::inference::{Engine, Job, Outcome, Settings};
use crate::metrics::{EmptyRule, overlap};
use crate::volume::{Class, ClassKind};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Means over cases for one class, by way: the anchor head's mask, the first member alone, the mean
/// of the members' soft masks cut at one half, STAPLE.
#[derive(Clone, Debug, Serialize)]
pub struct ClassScores {
    pub name: String,
    pub dice: Scores,
    pub iou: Scores,
}

/// One figure per way; `None` where it is not defined (STAPLE with fewer than three members).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    pub direct: Option<f64>,
    pub sample: Option<f64>,
    pub mean: Option<f64>,
    pub staple: Option<f64>,
}

/// How the members behave, over all cases and classes.
#[derive(Clone, Debug, Serialize)]
pub struct MemberFigures {
    /// Mean variance within 3 pixels of the fused mask's border, and elsewhere.
    pub variance_near_border: f64,
    pub variance_elsewhere: f64,
    pub empty_members: usize,
    pub mean_pairwise_dice: Option<f64>,
}

/// The result of [`evaluate`].
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    pub model: String,
    pub split: String,
    pub cases: usize,
    pub members: usize,
    pub steps: usize,
    pub seconds_per_case: f64,
    pub classes: Vec<ClassScores>,
    pub ensemble: MemberFigures,
}

/// Sums of one figure.
#[derive(Clone, Copy, Default)]
struct Mean(f64, usize);

impl Mean {
    fn add(&mut self, v: Option<f64>) {
        if let Some(v) = v {
            self.0 += v;
            self.1 += 1;
        }
    }
    fn get(self) -> Option<f64> {
        (self.1 > 0).then(|| self.0 / self.1 as f64)
    }
}

/// Pixels within this distance of the border count as near it.
const BORDER: f64 = 3.0;

/// Runs `model` on every case of `split` in `folder` and compares with its labels; `report` hears of
/// each finished case (done, all).
///
/// # Errors
/// If a case cannot be read or the model cannot run.
pub fn evaluate(
    engine: &mut Engine,
    model: &str,
    folder: &Path,
    split: &str,
    settings: &Settings,
    report: &mut dyn FnMut(usize, usize),
) -> Result<Evaluation, TrainError> {
    let cases = Case::list(folder, split)?;
    let mut dice: BTreeMap<(usize, usize), Mean> = BTreeMap::new();
    let mut iou = dice.clone();
    let mut classes: Vec<Class> = Vec::new();
    let (mut near, mut far, mut empty, mut pairwise) =
        (Mean::default(), Mean::default(), 0, Mean::default());
    let mut seconds = 0.0;
    for (done, case) in cases.iter().enumerate() {
        let (image, label) = case.open()?;
        let labels = label_values(&label, &case.label)?;
        let job = Job {
            volume: Arc::new(image),
            time: 0,
            model: model.to_owned(),
            settings: settings.clone(),
        };
        let at = Instant::now();
        let (outcome, _) = engine.run(&job, &AtomicBool::new(false), &mut |_| {})?;
        seconds += at.elapsed().as_secs_f64();
        let Some(outcome) = outcome else { continue };
        classes.clone_from(&outcome.model.classes);
        let kind = outcome.model.kind;
        let truth = class_masks(&labels, &classes, kind).map_err(|bad| TrainError::Data {
            what: format!("label {bad} is none of the model's classes"),
            path: case.label.clone(),
        })?;
        let shape = outcome.block_shape();
        let voxels = shape.iter().product::<usize>();
        let ensemble = read(&outcome.soft_members(), classes.len(), kind, voxels)?;
        let direct = read(&[&outcome.direct], classes.len(), kind, voxels)?;
        for (c, truth) in truth.iter().enumerate() {
            let ways = [
                Some(direct.member_mask(0, c)),
                Some(ensemble.member_mask(0, c)),
                Some(mean_mask(&outcome, &ensemble, c)),
                ensemble.staple(c, shape).ok().map(|s| s.mask),
            ];
            for (way, mask) in ways.iter().enumerate() {
                let Some(mask) = mask else { continue };
                let o = overlap(mask, truth, EmptyRule::MetricsReloaded).map_err(|e| {
                    TrainError::Data { what: e.to_string(), path: case.label.clone() }
                })?;
                dice.entry((c, way)).or_default().add(o.dice);
                iou.entry((c, way)).or_default().add(o.iou);
            }
            empty += ensemble.empty_members(c).len();
            pairwise.add(ensemble.mean_pairwise_dice(c));
            spread(&ensemble, c, shape, &mut near, &mut far);
        }
        report(done + 1, cases.len());
    }
    let scores = |m: &BTreeMap<(usize, usize), Mean>, c: usize| {
        let [direct, sample, mean, staple] =
            std::array::from_fn(|way| m.get(&(c, way)).and_then(|m| m.get()));
        Scores { direct, sample, mean, staple }
    };
    Ok(Evaluation {
        model: model.to_owned(),
        split: split.to_owned(),
        cases: cases.len(),
        members: settings.members,
        steps: settings.steps,
        seconds_per_case: seconds / cases.len() as f64,
        classes: classes
            .iter()
            .enumerate()
            .map(|(c, class)| ClassScores {
                name: class.name.clone(),
                dice: scores(&dice, c),
                iou: scores(&iou, c),
            })
            .collect(),
        ensemble: MemberFigures {
            variance_near_border: near.get().unwrap_or_default(),
            variance_elsewhere: far.get().unwrap_or_default(),
            empty_members: empty,
            mean_pairwise_dice: pairwise.get(),
        },
    })
}

fn read(
    soft: &[&[u8]],
    classes: usize,
    kind: ClassKind,
    voxels: usize,
) -> Result<Ensemble, TrainError> {
    Ensemble::from_soft(soft, classes, kind, voxels)
        .map_err(|e| TrainError::Data { what: e.to_string(), path: "the ensemble".into() })
}

/// The mean of the soft masks cut at one half; of exclusive classes, the majority.
fn mean_mask(outcome: &Outcome, ensemble: &Ensemble, c: usize) -> Vec<bool> {
    match outcome.model.kind {
        ClassKind::Regions => ensemble.soft_mean(c).iter().map(|&p| p >= 0.5).collect(),
        ClassKind::Exclusive => ensemble.majority(c),
    }
}

/// Adds the variances near the border of the fused mask and elsewhere.
fn spread(ensemble: &Ensemble, c: usize, shape: [usize; 3], near: &mut Mean, far: &mut Mean) {
    let mask = ensemble.majority(c);
    let border = crate::metrics::surface(&mask, shape);
    let distance = crate::metrics::squared_distance_transform(&border, shape, [1.0; 3]);
    for (d, v) in distance.iter().zip(ensemble.variance(c)) {
        let side = if *d <= BORDER * BORDER { &mut *near } else { &mut *far };
        side.add(Some(f64::from(v)));
    }
}
