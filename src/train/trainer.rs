//! The training loop. What a step does depends on the seed and the step's number only, so a resumed
//! run repeats an uninterrupted one bit for bit on the CPU.

use super::augment::{Sides, augment};
use super::augment3d::Changes;
use super::checkpoint::{self, State};
use super::dataset::{Case, Dataset};
use super::familiarity::familiarize;
use super::objective::{Batch, Objective};
use super::optimizer::{Optimizer, Update};
use super::transfer::start_from;
use super::volumes::Volumes;
use super::{TrainConfig, TrainError};
use crate::diffusion::{Glimpse, Plan, SamplerKind, Start, member_seed};
use crate::inference::{DeviceChoice, Scene, open_device};
use crate::metrics::{Counts, EmptyRule};
use crate::models::{Contract, Network, NetworkConfig, Shape, WeightsHeader, write_weights};
use crate::nn::{LaunchCache, SeededInit};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Denoising steps and members of a validation.
const VALIDATION_STEPS: usize = 5;
const VALIDATION_MEMBERS: usize = 2;

/// What a step reports.
#[derive(Clone, Debug)]
pub struct Progress {
    pub step: usize,
    pub steps: usize,
    pub loss: f64,
    pub gradient_norm: f64,
    pub step_seconds: f64,
    pub images_per_second: f64,
    /// Images that validations look at.
    pub validated_on: usize,
    pub eta: Duration,
    /// Mean Dice per class of the ensemble mean and of the direct mask, when validated.
    pub validation: Option<(Vec<f64>, Vec<f64>)>,
}

struct Trainer {
    config: TrainConfig,
    network: NetworkConfig,
    shape: Shape,
    objective: Box<dyn Objective>,
    optimizer: Optimizer,
    device: Device,
    train: Examples,
}

/// The cases of a split, as the network sees them.
enum Examples {
    Slices(Dataset),
    Volumes(Volumes),
}

impl Examples {
    /// How many a step may choose from.
    fn count(&self) -> usize {
        match self {
            Self::Slices(set) => set.images.len(),
            Self::Volumes(set) => set.count(),
        }
    }

    /// An image and its masks, changed at random, for a network of this shape.
    fn example(
        &self,
        config: &TrainConfig,
        shape: &Shape,
        i: usize,
        seed: u64,
    ) -> (Vec<f32>, Vec<f32>) {
        let flips = config.input.flips;
        match self {
            Self::Slices(set) => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let (image, readers) = (&set.images[i], &set.masks[i]);
                let mask = &readers[rng.random_range(0..readers.len())];
                let Shape { side: square, margin, .. } = *shape;
                let sides = Sides { canvas: set.size, square, margin };
                augment(image, mask, sides, (&config.augment, flips), &mut rng)
            }
            Self::Volumes(set) => {
                let piece = |(patch, bias_field)| {
                    let changes = Changes { settings: &config.augment, flips, bias_field };
                    set.piece(i, patch, changes, seed)
                };
                config.objective.pieces().map(piece).unwrap_or_default()
            }
        }
    }

    fn shares(&self) -> Vec<[f64; 2]> {
        match self {
            Self::Slices(set) => set.shares(),
            Self::Volumes(set) => set.shares(),
        }
    }
}

/// Trains as `config` says, in the folder `out`: `checkpoint.safetensors`, `metrics.jsonl`, and at
/// the end (and at each best validation) `model.safetensors`. Goes on from the checkpoint there if
/// `resume`. `report` sees each step and stops the run, after a checkpoint, with a break.
///
/// # Errors
/// If the data cannot be read, a file cannot be written, or the loss is not finite.
pub fn train(
    config: &TrainConfig,
    out: &Path,
    resume: bool,
    device: DeviceChoice,
    report: &mut (dyn FnMut(&Progress) -> ControlFlow<()> + Send),
) -> Result<PathBuf, TrainError> {
    // candle's backward pass recurses over the graph: give it room.
    let builder = std::thread::Builder::new().name("train".to_owned()).stack_size(256 << 20);
    std::thread::scope(|scope| {
        let body = || run(config, out, resume, device, report);
        let ended = builder.spawn_scoped(scope, body).map(std::thread::ScopedJoinHandle::join);
        match ended {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(TrainError::Thread("it stopped on an internal error".to_owned())),
            Err(e) => Err(TrainError::Thread(e.to_string())),
        }
    })
}

fn run(
    config: &TrainConfig,
    out: &Path,
    resume: bool,
    device: DeviceChoice,
    report: &mut (dyn FnMut(&Progress) -> ControlFlow<()> + Send),
) -> Result<PathBuf, TrainError> {
    let (device, _) = match device {
        DeviceChoice::Auto => open_device(DeviceChoice::Cpu)?,
        choice => open_device(choice)?,
    };
    let _cache = LaunchCache::new(&device);
    let network = config.network().map_err(|what| TrainError::Config { what, path: out.into() })?;
    let shape = network.shape();
    std::fs::create_dir_all(out).map_err(|e| TrainError::Data {
        what: format!("the folder cannot be made ({e})"),
        path: out.into(),
    })?;
    let checkpoint_path = out.join("checkpoint.safetensors");
    if checkpoint_path.exists() && !resume {
        return Err(TrainError::Checkpoint {
            what: "there is one already; give --resume or another folder".to_owned(),
            path: checkpoint_path,
        });
    }
    let canvas = config.input.canvas.unwrap_or(shape.side);
    let (mut cases, mut validation) = Case::list_training(&config.data, &config.readers)?;
    thin(&mut cases, config.train_cases.unwrap_or(usize::MAX));
    thin(&mut validation, config.validate_cases);
    let pieces = config.objective.pieces();
    let read = |cases: &[Case], lattices: usize| -> Result<Examples, TrainError> {
        Ok(match pieces {
            Some(_) => Examples::Volumes(Volumes::read(cases, config)?),
            None => Examples::Slices(Dataset::read(cases, config, canvas, lattices)?),
        })
    };
    let (train, validation) = (read(&cases, config.augment.lattices)?, read(&validation, 0)?);
    let init = SeededInit::new(config.seed);
    let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F32, device.clone());
    let mut objective = config.objective.build(&network, config.batch, &vb, &device)?;
    if let Examples::Slices(set) = &train {
        objective.meet(&set.masks);
    }
    if let Some(id) = &config.from {
        start_from(id, &init, &network, &device)?;
    }
    let mut trainer = Trainer {
        config: config.clone(),
        network,
        shape,
        objective,
        optimizer: Optimizer::new(init.vars())?,
        device,
        train,
    };
    let mut best = None;
    if resume && checkpoint_path.exists() {
        best = checkpoint::restore(&checkpoint_path, config, &mut trainer.optimizer)?;
    }
    let first = trainer.optimizer.updates;
    let (start, mut last_metrics) = (Instant::now(), json!(null));
    let model_path = out.join("model.safetensors");
    for step in first..config.steps {
        let at = Instant::now();
        let (loss, norm) = trainer.step(step)?;
        let step_seconds = at.elapsed().as_secs_f64();
        if !loss.is_finite() || !norm.is_finite() {
            return Err(TrainError::NotFinite { step, checkpoint: checkpoint_path });
        }
        let done = step + 1;
        let end = done == config.steps;
        let seconds = start.elapsed().as_secs_f64();
        let mut progress = Progress {
            step: done,
            steps: config.steps,
            loss,
            gradient_norm: norm,
            step_seconds,
            images_per_second: ((done - first) * config.batch) as f64 / seconds,
            validated_on: validation.count(),
            eta: Duration::from_secs_f64(
                seconds * (config.steps - done) as f64 / (done - first) as f64,
            ),
            validation: None,
        };
        if done.is_multiple_of(config.validate_every) || end {
            let weights = trainer.weights()?;
            let (mean, direct) = trainer.validate(&validation, &weights)?;
            let figure = mean.iter().sum::<f64>() / mean.len() as f64;
            last_metrics = json!({ "val_dice": mean, "val_dice_direct": direct, "step": done });
            progress.validation = Some((mean, direct));
            if best.is_none_or(|(b, _)| figure > b) {
                best = Some((figure, done));
                trainer.export(&model_path, &weights, &last_metrics)?;
            }
        }
        log(&out.join("metrics.jsonl"), &progress)?;
        let stop = report(&progress).is_break();
        if done.is_multiple_of(config.checkpoint_every) || end || stop {
            let state = State { config: json!(config), updates: done, best };
            checkpoint::save(&checkpoint_path, &state, &trainer.optimizer)?;
        }
        if stop {
            break;
        }
    }
    let weights = trainer.weights()?;
    if !model_path.exists() {
        trainer.export(&model_path, &weights, &last_metrics)?;
    }
    trainer.export(&out.join("last.safetensors"), &weights, &last_metrics)?;
    // A stopped run ends at once; the one that goes on from it gets there.
    if trainer.optimizer.updates >= config.steps {
        let known = familiarize(&model_path.to_string_lossy(), &cases, &mut |_, _| {})?;
        crate::io::write_atomic(&model_path, &known)?;
    }
    Ok(model_path)
}

fn log(path: &Path, p: &Progress) -> Result<(), TrainError> {
    let mut line = json!({
        "step": p.step,
        "loss": p.loss,
        "gradient_norm": p.gradient_norm,
        "seconds": p.step_seconds,
    });
    if let Some((mean, direct)) = &p.validation {
        line["val_dice"] = json!(mean);
        line["val_dice_direct"] = json!(direct);
    }
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut f| writeln!(f, "{line}")).map_err(|e| TrainError::Data {
        what: format!("the metrics cannot be written ({e})"),
        path: path.into(),
    })
}

/// The generator of one step.
fn generator(seed: u64, step: usize) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(member_seed(seed, step))
}

impl Trainer {
    /// Which cases step `step` sees: every epoch visits all of them in an order of its own.
    fn batch(&self, step: usize) -> Vec<usize> {
        let (n, b) = (self.train.count(), self.config.batch);
        let order = |epoch: usize| {
            let mut order: Vec<usize> = (0..n).collect();
            order.shuffle(&mut generator(self.config.seed ^ 0x0DA7_A5E7, epoch));
            order
        };
        let epochs = step * b / n..=((step + 1) * b - 1) / n;
        let first = *epochs.start();
        let orders: Vec<Vec<usize>> = epochs.map(order).collect();
        (step * b..(step + 1) * b).map(|p| orders[p / n - first][p % n]).collect()
    }

    /// Squares, or pieces of volumes, of the network's size.
    fn tensor(&self, rows: &[Vec<f32>], channels: usize) -> Result<Tensor, TrainError> {
        let config = &self.config;
        let mut shape = vec![rows.len(), channels];
        match config.objective.pieces() {
            Some((patch, _)) => shape.extend(patch),
            None => shape.extend([self.shape.side; 2]),
        }
        Ok(Tensor::from_vec(rows.concat(), shape, &Device::Cpu)?.to_device(&self.device)?)
    }

    /// The images of a step as training sees them.
    fn draw(&self, step: usize, rng: &mut ChaCha8Rng) -> Result<Batch, TrainError> {
        let (train, config, shape) = (&self.train, &self.config, &self.shape);
        let seeds: Vec<u64> = (0..config.batch).map(|_| rng.random()).collect();
        let (images, masks): (Vec<_>, Vec<_>) = self
            .batch(step)
            .into_par_iter()
            .zip(seeds)
            .map(|(i, seed)| train.example(config, shape, i, seed))
            .unzip();
        let image = self.tensor(&images, config.image_channels)?;
        let mask = self.tensor(&masks, config.classes.len())?;
        Ok(Batch { image, mask })
    }

    /// The averaged weights with all that the network's use needs.
    fn weights(&self) -> Result<BTreeMap<String, Tensor>, TrainError> {
        let mut weights = self.optimizer.averages()?;
        let mut batches = |i: usize| self.draw(i, &mut generator(!self.config.seed, i));
        weights.extend(self.objective.settle(&self.optimizer.averages()?, &mut batches)?);
        Ok(weights)
    }

    /// One update; the loss, and the gradient's norm before clipping.
    fn step(&mut self, step: usize) -> Result<(f64, f64), TrainError> {
        let mut rng = generator(self.config.seed, step);
        let batch = self.draw(step, &mut rng)?;
        let config = &self.config;
        let loss = self.objective.loss(&batch, &mut rng)?;
        let value = f64::from(loss.to_scalar::<f32>()?);
        let grads = loss.backward()?;
        let update = Update {
            rule: config.optimizer,
            learning_rate: config.learning_rate_at(step),
            weight_decay: config.weight_decay,
            clip: config.clip,
            ema: config.ema,
        };
        let norm = self.optimizer.step(&grads, &update)?;
        Ok((value, norm))
    }

    /// Mean Dice per class, on the canvas, with the averaged weights: ensemble mean, direct.
    fn validate(
        &self,
        examples: &Examples,
        weights: &BTreeMap<String, Tensor>,
    ) -> Result<(Vec<f64>, Vec<f64>), TrainError> {
        let weights = weights.iter().map(|(name, t)| (name.clone(), t.clone())).collect();
        let vb = VarBuilder::from_tensors(weights, DType::F32, &self.device);
        let network = self.network.build(&vb, &self.device)?;
        let (network, cases) = match (network, examples) {
            (Network::Slices(network), Examples::Slices(cases)) => (network, cases),
            (Network::Volumes(network), Examples::Volumes(cases)) => {
                let dice = cases.validate(&*network)?;
                return Ok((dice.clone(), dice));
            }
            _ => return Err(TrainError::Thread("the cases are of another network".to_owned())),
        };
        let plan = match self.network.diffusion() {
            Some(diffusion) => Some(Plan::new(&diffusion.levels(), VALIDATION_STEPS)?),
            None => None,
        };
        let seeds: Vec<u64> = (0..VALIDATION_MEMBERS).map(|k| member_seed(0, k)).collect();
        let (k, plane) = (cases.classes, cases.size * cases.size);
        // Per case and class, of the mean and of the direct mask: a volume's slices count together.
        let mut counts = vec![[Counts::default(); 2]; k * cases.count];
        for ((image, readers), case) in cases.images.iter().zip(&cases.masks).zip(&cases.case) {
            let mask = &readers[0];
            let mut scene = Scene::new(&*network, &self.shape, image, cases.size)?;
            let kind = (SamplerKind::Ddim, Start::Noise);
            let go_on = |_: usize, _: Glimpse<'_>| ControlFlow::Continue(());
            let drawn = match &plan {
                Some(plan) => scene.draw(plan, kind, &seeds, go_on)?.unwrap_or_default(),
                None => scene.direct.iter().map(|p| p * 2.0 - 1.0).collect(),
            };
            let members = || drawn.chunks(k * plane);
            for c in 0..k {
                let [mean_count, direct_count] = &mut counts[case * k + c];
                for i in c * plane..(c + 1) * plane {
                    let truth = mask[i] >= 0.5;
                    mean_count.add(members().map(|d| d[i]).sum::<f32>() >= 0.0, truth);
                    direct_count.add(scene.direct[i] >= 0.5, truth);
                }
            }
        }
        let over_cases = |way: usize| -> Vec<f64> {
            // Two empty masks agree.
            let dice = |n: usize, c: usize| {
                counts[n * k + c][way].overlap(EmptyRule::MetricsReloaded).dice
            };
            let of = |c: usize| (0..cases.count).filter_map(|n| dice(n, c)).sum::<f64>();
            (0..k).map(|c| of(c) / cases.count as f64).collect()
        };
        Ok((over_cases(0), over_cases(1)))
    }

    /// Writes the averaged weights with everything needed to use and repeat them.
    fn export(
        &self,
        path: &Path,
        weights: &BTreeMap<String, Tensor>,
        metrics: &serde_json::Value,
    ) -> Result<(), TrainError> {
        let config = &self.config;
        let header = WeightsHeader {
            format: WeightsHeader::version(),
            id: config.id.clone(),
            title: config.title.clone(),
            classes: config.classes.clone(),
            kind: config.kind,
            modality: config.modality,
            input: Contract { shares: self.train.shares(), ..config.input.clone() },
            scaling: None,
            familiarity: None,
            network: self.network.clone(),
            networks: 1,
            training: json!({
                "config": config,
                "updates": self.optimizer.updates,
                "revision": revision(),
                "validation": metrics,
            }),
        };
        let bytes = write_weights(&header, weights)
            .map_err(|e| TrainError::Checkpoint { what: e.to_string(), path: path.into() })?;
        Ok(crate::io::write_atomic(path, &bytes)?)
    }
}

/// The git revision of the working folder, if there is one.
fn revision() -> String {
    let output = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    match output {
        Ok(o) if o.status.success() => String::from_utf8_lossy(&o.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// Keeps at most `count`, spread evenly over the list: cases are often numbered by patient, date or
/// size, and the first few are then alike.
fn thin<T>(cases: &mut Vec<T>, count: usize) {
    let all = cases.len();
    let mut i = 0;
    cases.retain(|_| {
        i += 1;
        count >= all || (i - 1) * count / all < i * count / all
    });
}

#[cfg(test)]
#[path = "trainer_tests.rs"]
pub(super) mod tests;
