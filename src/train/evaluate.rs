//! A model against the labels of a split, through the very pipeline that a person runs.

use super::TrainError;
use super::dataset::Case;
use super::readers::{AmongReaders, ErrorsFound, LOOKED_AT, majority};
use super::shares::{self, ByShare, DiceByShare, NO_SHARE, dice_by_share};
use super::ways::Ways;
use crate::ensemble::{Ensemble, EnsembleError, Platt, beyond_doubt};
use crate::inference::{Engine, InferenceError, Job, Settings};
use crate::metrics::{
    EmptyRule, Measures, MetricsError, boundary_band, calibration, compare, expected_error, mean,
    mean_interval, overlap,
};
use crate::models::Scaling;
use crate::volume::{ClassKind, Geometry, LengthUnit};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Means over the cases where a figure is defined.
pub type Scores = Ways<Option<f64>>;

/// One class, over all cases.
#[derive(Clone, Debug, Serialize)]
pub struct ClassScores {
    pub name: String,
    pub dice: Scores,
    /// Bootstrap 95 % interval of the mean Dice.
    pub dice_interval: Ways<Option<(f64, f64)>>,
    /// What drawing samples is worth: Dice of their mean less that of the direct mask.
    pub gain: Option<Gain>,
    pub iou: Scores,
    /// In `unit`.
    pub hd95: Scores,
    pub assd: Scores,
    /// Size of the difference in volume, as a share of the reference's.
    pub volume_error: Scores,
    /// Expected calibration error of the members' votes near the border, all cases pooled.
    pub ece: Option<f64>,
    /// The same of the mean of the soft masks, as it is and with the model's own scaling.
    pub ece_mean: Option<f64>,
    pub ece_scaled: Option<f64>,
    /// The scaling that fits the mean best on these cases.
    pub best_scaling: Option<Platt>,
    /// Dice of the fused mask by the direct mask's share of it; to most readers, where there are several.
    pub by_share: Vec<ByShare>,
    /// Dice of the fused mask of the first so many members: when the ensemble has converged.
    pub convergence: Vec<ByMembers>,
    /// Of several networks.
    pub variance: Option<VarianceByNetwork>,
    /// Where there are two readers or more.
    pub readers: Option<AmongReaders>,
    /// As `gain`, against what at least half of the readers say.
    pub majority_gain: Option<Gain>,
    /// As `gain`, against each reader, mean of all.
    pub each_gain: Option<Gain>,
    /// Whether doubt points at errors: against what most readers say.
    pub errors_found: Option<ErrorsFound>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ByMembers {
    pub members: usize,
    pub dice: f64,
}

/// Where the variance of members of several networks lies: its sum over the voxels, mean of the cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct VarianceByNetwork {
    pub within: f64,
    pub between: f64,
    /// Share of all that lies between the networks, 0 to 1.
    pub share_between: f64,
}

impl VarianceByNetwork {
    fn new(cases: &[[f64; 2]]) -> Option<Self> {
        let [within, between] =
            [0, 1].map(|k| mean(&cases.iter().map(|v| v[k]).collect::<Vec<_>>()));
        let (within, between) = within.zip(between)?;
        let all = within + between;
        (all > 0.0).then(|| Self { within, between, share_between: between / all })
    }
}

/// A difference of two figures of the same cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gain {
    pub mean: f64,
    /// Bootstrap 95 % interval.
    pub interval: (f64, f64),
}

impl Gain {
    /// The mean's less the direct mask's, of the cases that have both; `None` of one member.
    fn of(members: usize, cases: impl Iterator<Item = Ways<Option<f64>>>) -> Option<Self> {
        if members < 2 {
            return None;
        }
        let each: Vec<f64> = cases.filter_map(|w| Some(w.mean? - w.direct?)).collect();
        Some(Self { mean: mean(&each)?, interval: mean_interval(&each)? })
    }
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

/// One class of one case.
#[derive(Clone, Debug)]
pub struct CaseScores {
    pub case: String,
    pub class: String,
    /// Against the first reader.
    pub measures: Ways<Option<Measures>>,
    by_share: DiceByShare,
    convergence: Vec<ByMembers>,
    /// Within and between the networks.
    variance: Option<[f64; 2]>,
    pub readers: Option<AmongReaders>,
    pub errors_found: Option<ErrorsFound>,
}

/// The result of [`evaluate`].
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    pub model: String,
    pub parameters: usize,
    pub gflop_per_step: f64,
    pub split: String,
    pub cases: usize,
    pub members: usize,
    pub steps: usize,
    pub seconds_per_case: f64,
    /// Of distances: `mm`, or `px` if a case has no spacing.
    pub unit: &'static str,
    /// What is said of empty masks.
    pub empty_rule: &'static str,
    pub classes: Vec<ClassScores>,
    pub ensemble: MemberFigures,
    #[serde(skip)]
    pub rows: Vec<CaseScores>,
}

/// Numbers of members whose mean is scored.
const CONVERGENCE: [usize; 8] = [1, 2, 5, 10, 15, 20, 25, 50];
/// Pixels within this distance of the border count as near it, for the variance.
const BORDER: f64 = 3.0;
/// Half width of the band in which calibration is measured, mm and pixels.
const BAND: (f64, f64) = (5.0, 10.0);
const RULE: EmptyRule = EmptyRule::MetricsReloaded;
/// Tolerance of the surface Dice, which is not reported here.
const TOLERANCE: f64 = 1.0;

impl Evaluation {
    /// The scaling and the direct mask's share found on these cases; `None` if no scaling fits a class there.
    pub fn scaling(&self) -> Option<Scaling> {
        Some(Scaling {
            by_class: self.classes.iter().map(|c| c.best_scaling).collect::<Option<_>>()?,
            direct_share: shares::best(&self.rows.iter().map(|r| &r.by_share).collect::<Vec<_>>()),
            split: self.split.clone(),
            cases: self.cases,
            members: self.members,
            steps: self.steps,
        })
    }
}

/// Runs `model` on every case of `split` in `folder` and compares with the labels of its `readers`
/// (folders); `report` hears of each finished case (done, all).
///
/// # Errors
/// If a case cannot be read or the model cannot run.
pub fn evaluate(
    engine: &mut Engine,
    model: &str,
    (folder, readers): (&Path, &[String]),
    split: &str,
    settings: &Settings,
    report: &mut dyn FnMut(usize, usize),
) -> Result<Evaluation, TrainError> {
    let card = crate::models::card(model).map_err(InferenceError::from)?;
    let scaling = crate::models::header(model).map_err(InferenceError::from)?.scaling;
    let share = scaling.as_ref().map_or(0.0, |s| s.direct_share);
    let platt = |c: usize| scaling.as_ref()?.by_class.get(c).copied();
    let cases = Case::list(folder, split, readers)?;
    let mut rows = Vec::new();
    let mut pooled: Vec<Votes> = card.classes.iter().map(|_| Votes::default()).collect();
    let mut spread = Spread::default();
    let (mut seconds, mut in_pixels) = (0.0, false);
    // A network without a diffusion part draws one, whatever is asked.
    let mut members = settings.members;
    for (done, case) in cases.iter().enumerate() {
        let (image, labels) = case.open()?;
        let references = case.masks(&labels, &card.classes, card.kind)?;
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
        members = outcome.members.len();
        in_pixels |= outcome.geometry.unit() == LengthUnit::Pixel;
        let shape = outcome.block_shape();
        let voxels = shape.iter().product::<usize>();
        let most: Vec<Vec<bool>> = (0..card.classes.len())
            .map(|c| majority(&references.iter().map(|r| r[c].as_slice()).collect::<Vec<_>>()))
            .collect();
        let with_direct = |e: Ensemble| {
            let share = if outcome.deterministic { 0.0 } else { share };
            e.with_direct(&outcome.direct, share).map_err(|e| unread(&e))
        };
        let ensemble = read(&outcome.soft_members(), card.classes.len(), card.kind, voxels)?;
        let (ensemble, by_share) = if outcome.deterministic {
            (ensemble, vec![NO_SHARE; most.len()])
        } else {
            dice_by_share(ensemble, &outcome.direct, &most, RULE).map_err(|e| unread(&e))?
        };
        let ensemble = with_direct(ensemble)?;
        let direct = read(&[&outcome.direct], card.classes.len(), card.kind, voxels)?;
        let (soft, networks) = (outcome.soft_members(), outcome.networks());
        let fewer = CONVERGENCE
            .into_iter()
            .filter(|&n| n <= soft.len())
            .map(|n| with_direct(read(&soft[..n], card.classes.len(), card.kind, voxels)?))
            .collect::<Result<Vec<_>, _>>()?;
        for (c, class) in card.classes.iter().enumerate() {
            let soft_mean = ensemble.soft_mean(c);
            let beyond = beyond_doubt(&soft_mean, shape, outcome.geometry.spacing())
                .map_err(|e| unread(&e))?;
            let references: Vec<&[bool]> = references.iter().map(|r| r[c].as_slice()).collect();
            let masks = Ways {
                direct: Some(direct.member_mask(0, c)),
                sample: Some(ensemble.member_mask(0, c)),
                mean: Some(ensemble.fused_mask(c)),
                calibrated: platt(c).map(|platt| {
                    platt.over(&soft_mean, &beyond).iter().map(|&p| p >= 0.5).collect()
                }),
                staple: ensemble.staple(c, shape).ok().map(|s| s.mask),
            };
            let mut score = || -> Result<_, MetricsError> {
                let spacing = outcome.geometry.spacing();
                let measures = masks.try_map(|mask| {
                    let Some(mask) = mask else { return Ok(None) };
                    compare(mask, references[0], shape, spacing, TOLERANCE, RULE).map(Some)
                })?;
                let drawn = ensemble.majority(c);
                let band = band(&drawn, references[0], &outcome.geometry, shape)?;
                pooled[c].add((ensemble.count(c), &soft_mean, &beyond), references[0], &band);
                let convergence = convergence(&fewer, c, references[0])?;
                let readers = AmongReaders::new(&ensemble, c, &references, &masks, RULE)?;
                let errors_found = ErrorsFound::new(&ensemble, c, &most[c], (shape, spacing))?;
                let variance = ensemble.variance_parts(c, &networks).map(|parts| parts.sums());
                let (case, class) = (case.name.clone(), class.name.clone());
                Ok(CaseScores {
                    case,
                    class,
                    measures,
                    by_share: by_share[c],
                    convergence,
                    variance,
                    readers,
                    errors_found,
                })
            };
            rows.push(
                score().map_err(|e| TrainError::Data {
                    what: e.to_string(),
                    path: case.image.clone(),
                })?,
            );
            spread.add(&ensemble, c, shape);
        }
        report(done + 1, cases.len());
    }
    let classes = card.classes.iter().zip(&pooled).enumerate();
    Ok(Evaluation {
        model: model.to_owned(),
        parameters: card.parameters,
        gflop_per_step: card.gflop_per_step,
        split: split.to_owned(),
        cases: cases.len(),
        members,
        steps: settings.steps,
        seconds_per_case: seconds / cases.len() as f64,
        unit: if in_pixels { "px" } else { "mm" },
        empty_rule: RULE.name(),
        classes: classes
            .map(|(c, (class, votes))| summary(&class.name, &rows, votes, members, platt(c)))
            .collect(),
        ensemble: spread.figures(),
        rows,
    })
}

/// Means over the cases of one class.
fn summary(
    name: &str,
    rows: &[CaseScores],
    votes: &Votes,
    members: usize,
    platt: Option<Platt>,
) -> ClassScores {
    let own: Vec<&CaseScores> = rows.iter().filter(|r| r.class == name).collect();
    let values = |way: usize, figure: fn(&Measures) -> Option<f64>| -> Vec<f64> {
        own.iter().filter_map(|r| r.measures.each()[way].1.as_ref().and_then(figure)).collect()
    };
    let order = Ways { direct: 0, sample: 1, mean: 2, calibrated: 3, staple: 4 };
    let means = |figure: fn(&Measures) -> Option<f64>| order.map(|&way| mean(&values(way, figure)));
    let readers: Vec<AmongReaders> = own.iter().filter_map(|r| r.readers).collect();
    let over_readers = |figure: fn(&AmongReaders) -> f64| {
        mean(&readers.iter().map(figure).collect::<Vec<_>>()).unwrap_or(f64::NAN)
    };
    let dice_of_readers = |dice: fn(&AmongReaders) -> &Ways<Option<f64>>| {
        order.map(|&way| {
            let dice = readers.iter().filter_map(|r| *dice(r).each()[way].1);
            mean(&dice.collect::<Vec<_>>())
        })
    };
    let variance: Vec<[f64; 2]> = own.iter().filter_map(|r| r.variance).collect();
    let found: Vec<ErrorsFound> = own.iter().filter_map(|r| r.errors_found).collect();
    let over_found = |figure: fn(&ErrorsFound) -> &[f64; LOOKED_AT.len()]| {
        std::array::from_fn(|k| {
            found.iter().map(|f| figure(f)[k]).sum::<f64>() / found.len() as f64
        })
    };
    ClassScores {
        name: name.to_owned(),
        dice: means(|m| m.overlap.dice),
        gain: Gain::of(members, own.iter().map(|r| r.measures.map(|m| m.as_ref()?.overlap.dice))),
        dice_interval: order.map(|&way| mean_interval(&values(way, |m| m.overlap.dice))),
        iou: means(|m| m.overlap.iou),
        hd95: means(|m| m.hd95),
        assd: means(|m| m.assd),
        volume_error: means(|m| m.overlap.relative_volume_error.map(f64::abs)),
        ece: votes.ece(members),
        ece_mean: expected_error(&votes.mean, &votes.reference),
        ece_scaled: platt.and_then(|platt| {
            expected_error(&platt.over(&votes.mean, &votes.beyond), &votes.reference)
        }),
        best_scaling: Platt::fit(&votes.mean, &votes.beyond, &votes.reference),
        by_share: shares::means(&own.iter().map(|r| &r.by_share).collect::<Vec<_>>()),
        convergence: CONVERGENCE
            .into_iter()
            .filter_map(|members| {
                let all = own.iter().flat_map(|r| &r.convergence);
                let values: Vec<f64> =
                    all.filter(|b| b.members == members).map(|b| b.dice).collect();
                mean(&values).map(|dice| ByMembers { members, dice })
            })
            .collect(),
        variance: VarianceByNetwork::new(&variance),
        readers: (!readers.is_empty()).then(|| AmongReaders {
            ged: over_readers(|r| r.ged),
            ged_readers: over_readers(|r| r.ged_readers),
            matched_iou: over_readers(|r| r.matched_iou),
            majority_dice: dice_of_readers(|r| &r.majority_dice),
            each_dice: dice_of_readers(|r| &r.each_dice),
        }),
        majority_gain: Gain::of(members, readers.iter().map(|r| r.majority_dice)),
        each_gain: Gain::of(members, readers.iter().map(|r| r.each_dice)),
        errors_found: (!found.is_empty()).then(|| ErrorsFound {
            by_variance: over_found(|f| &f.by_variance),
            by_border: over_found(|f| &f.by_border),
        }),
    }
}

fn read(
    soft: &[&[u8]],
    classes: usize,
    kind: ClassKind,
    voxels: usize,
) -> Result<Ensemble, TrainError> {
    Ensemble::from_soft(soft, classes, kind, voxels).map_err(|e| unread(&e))
}

fn unread(e: &EnsembleError) -> TrainError {
    TrainError::Data { what: e.to_string(), path: "the ensemble".into() }
}

/// Dice of the fused mask of each ensemble; an undefined one is left out.
fn convergence(
    ensembles: &[Ensemble],
    c: usize,
    reference: &[bool],
) -> Result<Vec<ByMembers>, MetricsError> {
    let score = |e: &Ensemble| {
        let overlap = overlap(&e.fused_mask(c), reference, RULE)?;
        Ok(overlap.dice.map(|dice| ByMembers { members: e.n(), dice }))
    };
    ensembles.iter().filter_map(|e| score(e).transpose()).collect()
}

/// Where calibration is measured.
fn band(
    majority: &[bool],
    reference: &[bool],
    geometry: &Geometry,
    shape: [usize; 3],
) -> Result<Vec<bool>, MetricsError> {
    let width = if geometry.unit() == LengthUnit::Pixel { BAND.1 } else { BAND.0 };
    boundary_band(reference, majority, shape, geometry.spacing(), width)
}

/// Votes and soft means near the border with what the first reader says, of all cases.
#[derive(Default)]
struct Votes {
    count: Vec<u16>,
    mean: Vec<f32>,
    /// See [`beyond_doubt`].
    beyond: Vec<f32>,
    reference: Vec<bool>,
}

impl Votes {
    fn add(
        &mut self,
        (count, mean, beyond): (&[u16], &[f32], &[f32]),
        reference: &[bool],
        band: &[bool],
    ) {
        for i in (0..band.len()).filter(|&i| band[i]) {
            self.count.push(count[i]);
            self.mean.push(mean[i]);
            self.beyond.push(beyond[i]);
            self.reference.push(reference[i]);
        }
    }

    fn ece(&self, members: usize) -> Option<f64> {
        let all = vec![true; self.count.len()];
        calibration(&self.count, members, &self.reference, &all).ok().flatten().map(|c| c.ece)
    }
}

/// Sums of the variance near the border of the fused mask and elsewhere, and of agreement.
#[derive(Default)]
struct Spread {
    near: (f64, usize),
    far: (f64, usize),
    empty: usize,
    pairwise: Vec<f64>,
}

impl Spread {
    fn add(&mut self, ensemble: &Ensemble, c: usize, shape: [usize; 3]) {
        let border = crate::metrics::surface(&ensemble.majority(c), shape);
        let distance = crate::metrics::squared_distance_transform(&border, shape, [1.0; 3]);
        for (d, v) in distance.iter().zip(ensemble.variance(c)) {
            let side = if *d <= BORDER * BORDER { &mut self.near } else { &mut self.far };
            side.0 += f64::from(v);
            side.1 += 1;
        }
        self.empty += ensemble.empty_members(c).len();
        self.pairwise.extend(ensemble.mean_pairwise_dice(c));
    }

    fn figures(&self) -> MemberFigures {
        let over = |(sum, n): (f64, usize)| sum / n.max(1) as f64;
        MemberFigures {
            variance_near_border: over(self.near),
            variance_elsewhere: over(self.far),
            empty_members: self.empty,
            mean_pairwise_dice: mean(&self.pairwise),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_samples_are_worth_is_a_difference_case_by_case() {
        let case = |direct, mean| Ways { direct, mean, ..Ways::default() };
        // The cases differ far more than the two ways do.
        let cases = [(0.1, 0.12), (0.5, 0.52), (0.9, 0.92)];
        let list = || cases.iter().map(|&(d, m)| case(Some(d), Some(m)));
        let Gain { mean, interval: (low, high) } = Gain::of(10, list()).unwrap();
        assert!([mean, low, high].iter().all(|v| (v - 0.02).abs() < 1e-12), "{mean} {low} {high}");
        let undefined = list().chain([case(None, Some(1.0)), case(Some(0.0), None)]);
        assert!((Gain::of(10, undefined).unwrap().mean - 0.02).abs() < 1e-12);
        assert_eq!(Gain::of(1, list()), None, "one member is the direct mask or a sample");
        assert_eq!(Gain::of(10, list().take(1)), None);
    }

    #[test]
    fn the_first_error_of_the_ways_is_the_error_of_all() {
        let ways = Ways { direct: 1, sample: 2, mean: 3, calibrated: 4, staple: 5 };
        let odd = |v: &i32| if v % 2 == 0 { Err(*v) } else { Ok(v * 10) };
        assert_eq!(ways.try_map(odd), Err(2));
        let all: Result<_, ()> = ways.try_map(|v| Ok(v * 10));
        let each = all.unwrap().each().map(|(_, v)| *v);
        assert_eq!(each, [10, 20, 30, 40, 50]);
    }
}
