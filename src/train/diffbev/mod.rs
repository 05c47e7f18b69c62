//! Training of a planner's network on phantoms that are made on the way: everything together, as in the
//! paper, `L = L_task + λ₁·L_depth + λ₂·L_diff`; AdamW, a warm-up, then a straight line to 0. The head
//! sees the estimate of one denoising step.

mod bent;
mod example;
mod loss;

use super::TrainError;
use super::optimizer::{Optimizer, Rule, Update};
use crate::diffusion::{Schedule, member_seed};
use crate::models::diffbev::{
    Clean, Config, DiffBev, Process, STATISTICS, Views, from_state, to_state,
};
use crate::models::{
    Axes, Context, Contract, NetworkConfig, Normalisation, WeightsHeader, write_weights,
};
use crate::nn::SeededInit;
use crate::planner::{COLORS, LabelledScan, STRUCTURES};
use crate::volume::{Class, ClassKind, Modality};
pub use bent::bent_plane;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use example::Example;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

/// Of the background, then of each structure: the smaller ones weigh more.
const CLASS_WEIGHTS: [f32; 6] = [0.6, 1.0, 1.0, 2.5, 2.0, 2.5];
/// How much of a running mean stays at each step.
const KEPT: f64 = 0.95;

/// A training configuration, as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannerTraining {
    pub id: String,
    pub title: String,
    #[serde(default)]
    pub network: Config,
    pub seed: u64,
    pub steps: usize,
    pub batch: usize,
    pub learning_rate: f64,
    pub weight_decay: f64,
    pub warm_up: usize,
    /// λ₁, λ₂, and the weight of the centres beside the structures.
    pub depth_weight: f64,
    pub diffusion_weight: f64,
    pub centre_weight: f64,
    /// Numbers of views, one drawn at each step.
    pub views: Vec<usize>,
}

impl Default for PlannerTraining {
    fn default() -> Self {
        Self {
            id: "planner".to_owned(),
            title: "Few-view planner, chest".to_owned(),
            network: Config::default(),
            seed: 1,
            steps: 300,
            batch: 6,
            learning_rate: 3e-3,
            weight_decay: 0.01,
            warm_up: 20,
            depth_weight: 1.0,
            diffusion_weight: 1.0,
            centre_weight: 0.2,
            views: vec![1, 2, 2, 3, 4, 4, 6, 8],
        }
    }
}

impl PlannerTraining {
    /// # Errors
    /// If the file cannot be read, or says what cannot be trained.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let refuse = |what: String| TrainError::Config { what, path: path.into() };
        let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
        let config: Self = serde_json::from_str(&text).map_err(|e| refuse(e.to_string()))?;
        config.check().map_err(refuse)?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        self.network.check()?;
        if self.network.classes != STRUCTURES.len() {
            let n = STRUCTURES.len();
            return Err(format!("{} classes, phantoms have {n}", self.network.classes));
        }
        if self.steps == 0 || self.batch == 0 || self.batch > 256 {
            return Err(format!("{} steps of {}, expected at least 1", self.steps, self.batch));
        }
        if self.views.is_empty() || self.views.iter().any(|v| !(1..=36).contains(v)) {
            return Err(format!("views {:?}, expected numbers of 1 to 36", self.views));
        }
        Ok(())
    }

    /// Warm-up, then a straight line to 0.
    fn rate(&self, step: usize) -> f64 {
        let warm = ((step + 1) as f64 / self.warm_up.max(1) as f64).min(1.0);
        self.learning_rate * warm * (1.0 - step as f64 / self.steps as f64)
    }
}

/// Parts of the loss at a step.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlannerProgress {
    pub step: usize,
    pub loss: f64,
    pub diffusion: f64,
}

/// Trains on phantoms, and as much on planes of a scan if there is one; gives the bytes of the weights file.
/// A break in `report` stops it early.
///
/// # Errors
/// If the configuration cannot be trained, or the loss is not finite.
pub fn train_planner(
    config: &PlannerTraining,
    scan: Option<&LabelledScan>,
    report: &mut (dyn FnMut(PlannerProgress) -> ControlFlow<()> + Send),
) -> Result<Vec<u8>, TrainError> {
    // candle's backward pass recurses over the graph: give it room.
    let builder = std::thread::Builder::new().name("train".to_owned()).stack_size(256 << 20);
    std::thread::scope(|scope| {
        let body = || run(config, scan, report);
        let ended = builder.spawn_scoped(scope, body).map(std::thread::ScopedJoinHandle::join);
        match ended {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(TrainError::Thread("it stopped on an internal error".to_owned())),
            Err(e) => Err(TrainError::Thread(e.to_string())),
        }
    })
}

struct InTraining {
    config: PlannerTraining,
    network: DiffBev,
    schedule: Schedule,
    class_weights: Tensor,
    /// Running mean and deviation of the lifted features, of networks that noise them.
    statistics: Option<[Tensor; 2]>,
}

fn run(
    config: &PlannerTraining,
    scan: Option<&LabelledScan>,
    report: &mut (dyn FnMut(PlannerProgress) -> ControlFlow<()> + Send),
) -> Result<Vec<u8>, TrainError> {
    config.check().map_err(|what| TrainError::Config { what, path: config.id.clone().into() })?;
    let init = SeededInit::new(config.seed);
    let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F32, Device::Cpu);
    let class_weights = Tensor::from_slice(&CLASS_WEIGHTS, (1, 6, 1, 1), &Device::Cpu)?;
    let mut training = InTraining {
        network: DiffBev::new(&config.network, &vb)?,
        config: config.clone(),
        schedule: Config::schedule(),
        class_weights,
        statistics: None,
    };
    let mut optimizer = Optimizer::new(init.vars())?;
    for step in 0..config.steps {
        let mut rng = ChaCha8Rng::seed_from_u64(member_seed(config.seed, step));
        let (loss, diffusion) = training.loss(scan, &mut rng)?;
        let value = f64::from(loss.to_scalar::<f32>()?);
        if !value.is_finite() {
            return Err(TrainError::NotFinite { step, checkpoint: config.id.clone().into() });
        }
        let update = Update {
            rule: Rule::AdamW,
            learning_rate: config.rate(step),
            weight_decay: config.weight_decay,
            clip: 1.0,
            ema: (1.0 - 10.0 / (step + 11) as f64).min(0.99),
        };
        optimizer.step(&loss.backward()?, &update)?;
        if report(PlannerProgress { step: step + 1, loss: value, diffusion }).is_break() {
            break;
        }
    }
    let mut weights = optimizer.averages()?;
    if let Some(statistics) = &training.statistics {
        let named = STATISTICS.iter().zip(statistics);
        weights.extend(named.map(|(name, t)| ((*name).to_owned(), t.clone())));
    }
    weigh(&header(config, optimizer.updates), &weights)
}

fn weigh(
    header: &WeightsHeader,
    weights: &BTreeMap<String, Tensor>,
) -> Result<Vec<u8>, TrainError> {
    let refuse = |e: crate::models::ModelError| TrainError::Thread(e.to_string());
    write_weights(header, weights).map_err(refuse)
}

fn header(config: &PlannerTraining, steps: usize) -> WeightsHeader {
    let class = |(i, name): (usize, &&str)| Class {
        name: (*name).to_owned(),
        label: i as u8 + 1,
        color: COLORS[i],
    };
    WeightsHeader {
        format: WeightsHeader::version(),
        id: config.id.clone(),
        title: config.title.clone(),
        classes: STRUCTURES.iter().enumerate().map(class).collect(),
        kind: ClassKind::Exclusive,
        modality: Modality::Ct,
        input: Contract {
            axes: Axes::Stored,
            spacing_mm: [None; 3],
            context: Context::Slice,
            values: Normalisation::Window { low: -1000.0, high: 1000.0, most: None },
            canvas: None,
            pixelwise: false,
            flips: [false; 2],
            region: None,
            shares: Vec::new(),
            borders: Vec::new(),
        },
        scaling: None,
        familiarity: None,
        network: NetworkConfig::DiffBev(config.network.clone()),
        networks: 1,
        training: json!({ "config": config, "steps": steps }),
    }
}

impl InTraining {
    /// The loss of one batch, and the diffusion's part of it.
    fn loss(
        &mut self,
        scan: Option<&LabelledScan>,
        rng: &mut ChaCha8Rng,
    ) -> Result<(Tensor, f64), TrainError> {
        let config = &self.config.network;
        let (batch, n, classes) = (self.config.batch, config.grid.cells, config.classes);
        let views = self.config.views[rng.random_range(0..self.config.views.len())];
        let seeds: Vec<u64> = (0..batch).map(|_| rng.random()).collect();
        let examples = Example::batch(config, scan, views, &seeds);
        let angles: Vec<&[f64]> = examples.iter().map(|e| e.angles.as_slice()).collect();
        let all = |part: fn(&Example) -> &Vec<f32>| -> Vec<f32> {
            examples.iter().flat_map(|e| part(e).iter().copied()).collect()
        };
        let tensor = |v: Vec<f32>, c: usize| Tensor::from_vec(v, (batch, c, n, n), &Device::Cpu);
        let lines = all(|e| &e.lines);
        let seen = Views::new(config, &angles, &lines, DType::F32, &Device::Cpu)?;
        let masks = tensor(all(|e| &e.masks), classes)?;
        let target = {
            let background = masks.sum_keepdim(1)?.affine(-1.0, 1.0)?;
            Tensor::cat(&[&background, &masks], 1)?
        };
        let lifted = self.network.look(&seen)?;
        let mut sum = Tensor::zeros((), DType::F32, &Device::Cpu)?;
        if let Some(logits) = &lifted.depth {
            let shape = (batch * views, config.bins, config.rig.pixels);
            let profile = Tensor::from_vec(all(|e| &e.depth), shape, &Device::Cpu)?;
            sum = (sum + loss::binary(logits, &profile)?.affine(self.config.depth_weight, 0.0)?)?;
        }
        let mut diffusion = 0.0;
        let clean = if config.process == Process::Diffuse {
            if config.clean == Clean::Bev {
                self.statistics = Some(followed(self.statistics.take(), &lifted.plane)?);
            }
            let x0 = match &self.statistics {
                Some(statistics) => to_state(&lifted.plane.detach(), statistics)?,
                None => masks.affine(2.0, -1.0)?,
            };
            let (estimate, error) = self.one_step(&x0, &lifted, rng)?;
            diffusion = f64::from(error.to_scalar::<f32>()?);
            sum = (sum + error.affine(self.config.diffusion_weight, 0.0)?)?;
            Some(match &self.statistics {
                Some(statistics) => from_state(&estimate, statistics)?,
                None => estimate,
            })
        } else {
            None
        };
        let given = self.network.decide(&lifted, clean.as_ref())?;
        sum = (sum + loss::structures(&given.logits, &target, &self.class_weights)?)?;
        let centres = loss::centres(&given.heat, &tensor(all(|e| &e.heat), classes)?)?;
        let (size, at) = (tensor(all(|e| &e.size), 2)?, tensor(all(|e| &e.at), 1)?);
        let centres = (centres + loss::sizes(&given.size, &size, &at)?)?;
        Ok(((sum + centres.affine(self.config.centre_weight, 0.0)?)?, diffusion))
    }

    /// What one step from a drawn time says the clean states are, clipped, and its error in the
    /// network's own terms.
    fn one_step(
        &self,
        x0: &Tensor,
        lifted: &crate::models::diffbev::Lifted,
        rng: &mut ChaCha8Rng,
    ) -> Result<(Tensor, Tensor), TrainError> {
        let batch = x0.dim(0)?;
        let times: Vec<usize> =
            (0..batch).map(|_| rng.random_range(0..self.schedule.len())).collect();
        let noise: Vec<f32> = (0..x0.elem_count()).map(|_| StandardNormal.sample(rng)).collect();
        let noise = Tensor::from_vec(noise, x0.shape(), &Device::Cpu)?;
        let prediction = self.config.network.prediction;
        // Two coefficients for each plane.
        let pair = |of: &dyn Fn(usize) -> (f64, f64)| -> candle_core::Result<[Tensor; 2]> {
            let all: Vec<_> = times.iter().map(|&t| of(t)).collect();
            let column = |v: Vec<f32>| Tensor::from_vec(v, (batch, 1, 1, 1), &Device::Cpu);
            let (a, b) = all.iter().map(|(a, b)| (*a as f32, *b as f32)).unzip();
            Ok([column(a)?, column(b)?])
        };
        let mixed = |c: &[Tensor; 2], a: &Tensor, b: &Tensor| -> candle_core::Result<Tensor> {
            a.broadcast_mul(&c[0])? + b.broadcast_mul(&c[1])?
        };
        let alpha_bar = |t: usize| self.schedule.alpha_bar()[t];
        let noised = pair(&|t| self.schedule.q_sample_coefficients(t))?;
        let x = mixed(&noised, x0, &noise)?;
        let modulation = self.network.modulation(lifted)?;
        let answer = self.network.denoise(&x, &modulation, &times)?;
        let target = pair(&|t| prediction.target_coefficients(alpha_bar(t)))?;
        let error = (&answer - mixed(&target, x0, &noise)?)?.sqr()?.mean_all()?;
        let clean = pair(&|t| prediction.clean_coefficients(alpha_bar(t)))?;
        let estimate = mixed(&clean, &x, &answer)?.clamp(-1f32, 1f32)?;
        Ok((estimate, error))
    }
}

/// The running mean and deviation of each feature with one more batch `[B, C, n, n]`.
fn followed(before: Option<[Tensor; 2]>, plane: &Tensor) -> Result<[Tensor; 2], TrainError> {
    let plane = plane.detach();
    let mean = plane.mean((0, 2, 3))?;
    let channels = mean.elem_count();
    let centred = plane.broadcast_sub(&mean.reshape((1, channels, 1, 1))?)?;
    let deviation = centred.sqr()?.mean((0, 2, 3))?.sqrt()?;
    let Some([m, d]) = before else { return Ok([mean, deviation]) };
    let blend = |old: Tensor, new: Tensor| old.affine(KEPT, 0.0)? + new.affine(1.0 - KEPT, 0.0)?;
    Ok([blend(m, mean)?, blend(d, deviation)?])
}
