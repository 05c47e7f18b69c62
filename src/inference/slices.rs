//! Draws slice after slice, several at once: the model's canvas in as many squares as that takes,
//! each with its condition. The squares' estimates are blended at every step and the sampler runs on
//! the canvas, so a member is one mask without seams (as MultiDiffusion, arXiv 2302.08113).

use super::{
    Agenda, Estimates, InferenceError, Masks, Request, Segmenter, Settings, Sink, Steering,
};
use crate::diffusion::{
    Course, Denoiser, DiffusionError, Glimpse, Hold, Plan, SamplerKind, Start, member_seed,
};
use crate::models::{Diffusion, Look, Shape, SliceNetwork, Tiles};
use crate::plan::{Kept, Processor};
use rayon::prelude::*;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Instant;

/// Memory that the activations of a batch may take.
const BATCH_BYTES: usize = 2 << 30;
/// Work of one step, 10⁹ floating-point operations: enough to keep every core busy, little enough to
/// be cancelled, and seen, soon.
const STEP_GFLOP: f64 = 8.0;
/// Diffusion time to which the direct mask is noised ([`Start::Anchor`]): late enough that members
/// still differ, early enough that few steps suffice.
const ANCHOR_TIME: usize = 400;

/// Slices that a network has looked at: independent of diffusion time and member.
pub struct Scene {
    tiles: Tiles,
    /// Of each square of the canvas, all slices.
    looks: Vec<Box<dyn Look>>,
    /// Values of the squares' masks, and of the canvas's.
    square: usize,
    canvas: usize,
    /// Probability of the masks drawn at once, `[K, canvas, canvas]` each.
    pub direct: Vec<f32>,
    /// Of each slice: mean and standard deviation of each channel, then what its squares' looks say
    /// on average ([`Look::features`]). Empty of a network that says nothing.
    pub features: Vec<Vec<f32>>,
}

impl Scene {
    /// Of images `[C, canvas, canvas]` in -1…1, one after another.
    ///
    /// # Errors
    /// If the network fails.
    pub fn new(
        network: &dyn SliceNetwork,
        shape: &Shape,
        images: &[f32],
        canvas: usize,
    ) -> candle_core::Result<Self> {
        let tiles = Tiles::new(canvas, shape.side);
        let (of_image, square) =
            (shape.channels * canvas * canvas, shape.classes * shape.side.pow(2));
        let size = shape.classes * canvas * canvas;
        if let Some(windows) = network.windows() {
            let masks = images.chunks(of_image).map(|image| windows.whole(image, [canvas; 2]));
            let direct = masks.collect::<Result<Vec<_>, _>>()?.concat();
            let (looks, features) = (Vec::new(), Vec::new());
            return Ok(Self { tiles, looks, square, canvas: size, direct, features });
        }
        let looks = (0..tiles.count())
            .map(|tile| network.look(&tiles.cut(images, tile)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut scene =
            Self { tiles, looks, square, canvas: size, direct: Vec::new(), features: Vec::new() };
        let parts: Vec<Vec<f32>> = scene.looks.iter().map(|l| l.direct().to_vec()).collect();
        scene.direct = scene.blend(&parts);
        scene.features = scene.features(images, canvas * canvas);
        Ok(scene)
    }

    fn features(&self, images: &[f32], plane: usize) -> Vec<Vec<f32>> {
        let slices = (self.direct.len() / self.canvas).max(1);
        let all: Vec<&[f32]> = self.looks.iter().map(|l| l.features()).collect();
        let count = all.first().map_or(0, |f| f.len()) / slices;
        if count == 0 {
            return Vec::new();
        }
        let mean = |i: usize| all.iter().map(|f| f[i]).sum::<f32>() / all.len() as f32;
        let looks = |k: usize| (k * count..(k + 1) * count).map(mean);
        let images = images.chunks(images.len() / slices);
        let seen = |image: &[f32]| image.chunks(plane).flat_map(moments).collect::<Vec<_>>();
        images
            .enumerate()
            .map(|(k, image)| seen(image).into_iter().chain(looks(k)).collect())
            .collect()
    }

    /// Masks of canvases from those of their squares.
    fn blend(&self, squares: &[Vec<f32>]) -> Vec<f32> {
        let n = squares.first().map_or(0, Vec::len) / self.square;
        let of = |i: usize| -> Vec<Vec<f32>> {
            let range = i * self.square..(i + 1) * self.square;
            squares.iter().map(|s| s[range.clone()].to_vec()).collect()
        };
        (0..n).flat_map(|i| self.tiles.blend(&of(i))).collect()
    }

    /// Draws one sample per slice and seed, all in one batch: those of the first slice, then of the
    /// second, and so on; `[K, canvas, canvas]` in -1…1 each. `on_step` as in
    /// [`SamplerKind::draw`].
    ///
    /// # Errors
    /// If the network fails or gives values that are not finite.
    pub fn draw(
        &mut self,
        plan: &Plan,
        (kind, start): (SamplerKind, Start),
        seeds: &[u64],
        on_step: impl FnMut(usize, Glimpse<'_>) -> ControlFlow<()>,
    ) -> Result<Option<Vec<f32>>, DiffusionError> {
        self.draw_steered(plan, (kind, start), seeds, &[], on_step)
    }

    /// The same where of each slice something is known; none, or one per slice.
    fn draw_steered(
        &mut self,
        plan: &Plan,
        (kind, start): (SamplerKind, Start),
        seeds: &[u64],
        known: &[KnownSlice],
        on_step: impl FnMut(usize, Glimpse<'_>) -> ControlFlow<()>,
    ) -> Result<Option<Vec<f32>>, DiffusionError> {
        let slices = self.direct.len() / self.canvas;
        let (mut rows, mut first, mut holds) = (Vec::new(), Vec::new(), Vec::new());
        for k in 0..slices {
            let direct = &self.direct[k * self.canvas..(k + 1) * self.canvas];
            let anchor: Vec<f32> = direct.iter().map(|p| p * 2.0 - 1.0).collect();
            let known = known.get(k);
            let mask = known.and_then(|known| known.start.as_deref());
            let from = |&seed: &u64| match (mask, start) {
                (Some(mask), _) => plan.start_from_anchor(seed, mask),
                (None, Start::Noise) => plan.start_from_noise(seed, self.canvas),
                (None, Start::Anchor) => plan.start_from_anchor(seed, &anchor),
            };
            rows.extend_from_slice(seeds);
            first.par_extend(seeds.par_iter().map(from));
            if let Some(known) = known {
                holds.extend(seeds.iter().map(|_| known.hold.clone()));
            }
        }
        kind.draw_holding(self, plan, &rows, &first, &holds, on_step)
    }
}

/// What is known of one slice before it is drawn.
struct KnownSlice {
    hold: Hold,
    /// The mask that the members start from, -1…1.
    start: Option<Vec<f32>>,
}

impl Denoiser for Scene {
    fn estimate(
        &mut self,
        states: &[f32],
        t: usize,
        alpha_bar: f64,
    ) -> Result<Vec<f32>, DiffusionError> {
        let cannot = || DiffusionError::Network("it does not sample".to_owned());
        if let [only] = self.looks.as_mut_slice() {
            return only.denoiser().ok_or_else(cannot)?.estimate(states, t, alpha_bar);
        }
        let mut squares = Vec::with_capacity(self.looks.len());
        for (tile, look) in self.looks.iter_mut().enumerate() {
            let denoiser = look.denoiser().ok_or_else(cannot)?;
            squares.push(denoiser.estimate(&self.tiles.cut(states, tile), t, alpha_bar)?);
        }
        Ok(self.blend(&squares))
    }

    /// Of a canvas that is one square: of several each step is blended.
    fn draw(
        &mut self,
        course: &Course<'_>,
        on_step: &mut dyn FnMut(usize, Glimpse<'_>) -> ControlFlow<()>,
    ) -> Option<Result<Option<Vec<f32>>, DiffusionError>> {
        match self.looks.as_mut_slice() {
            [only] => only.denoiser()?.draw(course, on_step),
            _ => None,
        }
    }
}

/// Slices drawn by a [`SliceNetwork`].
pub struct SliceSegmenter {
    /// One, or several of the same shape, each trained by itself: members are drawn from them in
    /// turn, the mask drawn at once is their mean.
    networks: Vec<Box<dyn SliceNetwork>>,
    shape: Shape,
    diffusion: Option<Diffusion>,
    canvas: usize,
}

impl SliceSegmenter {
    /// Of networks of this shape, that sample so if they do, on canvases of this side.
    pub fn new(
        networks: Vec<Box<dyn SliceNetwork>>,
        shape: Shape,
        diffusion: Option<Diffusion>,
        canvas: usize,
    ) -> Self {
        Self { networks, shape, diffusion, canvas }
    }

    /// The noise levels that the steps visit, of a network that is to sample.
    ///
    /// An edited mask is noised to the time that its strength says, and there are no more steps
    /// from there than times.
    fn steps(&self, steps: usize, settings: &Settings) -> Result<Option<Plan>, DiffusionError> {
        let Some(diffusion) = self.diffusion.as_ref().filter(|_| !settings.instant) else {
            return Ok(None);
        };
        let start = settings.start;
        let levels = diffusion.levels();
        if let Some(refine) = &settings.steer.refine {
            let first = refine.time(levels.len());
            return Plan::starting_at(&levels, steps.min(first + 1), first).map(Some);
        }
        let first = match start {
            Start::Noise => levels.len() - 1,
            Start::Anchor => ANCHOR_TIME.min(levels.len() - 1),
        };
        Plan::starting_at(&levels, steps, first).map(Some)
    }
}

impl Segmenter for SliceSegmenter {
    fn run_on(&mut self, processor: &Arc<dyn Processor>) -> bool {
        self.networks.iter_mut().all(|network| network.run_on(processor))
    }

    fn schedule(&self) -> usize {
        self.diffusion.as_ref().map_or(0, |diffusion| diffusion.levels().len())
    }

    fn plan(&self, request: &Request<'_>) -> Result<Agenda, InferenceError> {
        let settings = request.settings;
        let plan = self.steps(settings.steps, settings)?;
        let members = if plan.is_some() { settings.members } else { 1 };
        let tiles = Tiles::new(self.canvas, self.shape.side).count();
        let most = (BATCH_BYTES / self.shape.bytes.max(1)).max(1);
        let busy = (STEP_GFLOP / (self.shape.gflop * tiles as f64)) as usize;
        let together = (busy.min(most) / members).max(1);
        let slices = request.prepared.slices();
        let parts = slices.div_ceil(together);
        let units = (0..parts).map(|i| i * slices / parts..(i + 1) * slices / parts).collect();
        let Some(plan) = plan else { return Ok(Agenda::deterministic(units)) };
        Ok(Agenda {
            seeds: (0..members).map(|k| member_seed(settings.seed, settings.first + k)).collect(),
            steps: plan.steps(),
            units,
            batch: members.min(most),
            networks: self.networks.len(),
            turn: settings.first % self.networks.len().max(1),
            whole: false,
            notices: Vec::new(),
        })
    }

    fn draw(
        &mut self,
        request: &Request<'_>,
        agenda: &Agenda,
        unit: &Range<usize>,
        sink: &mut dyn Sink,
    ) -> Result<ControlFlow<()>, InferenceError> {
        let at = Instant::now();
        let images: Vec<f32> = unit.clone().flat_map(|k| request.input.slice(k)).collect();
        sink.times().prepare_s += at.elapsed().as_secs_f64();
        let at = Instant::now();
        let look =
            |network: &dyn SliceNetwork| Scene::new(network, &self.shape, &images, self.canvas);
        let networks = self.networks.iter().map(|n| look(&**n));
        let mut scenes = networks.collect::<Result<Vec<_>, _>>()?;
        sink.times().condition_s += at.elapsed().as_secs_f64();
        let direct = mean(&scenes.iter().map(|s| s.direct.as_slice()).collect::<Vec<_>>());
        sink.direct(unit, &direct);
        // What the picture is like, in the words of the first: the others' are their own.
        sink.features(&scenes[0].features);
        let size = scenes[0].canvas;
        let shown = unit.len() / 2;
        let Some(plan) = self.steps(agenda.steps, request.settings)? else {
            let probability = vec![direct[shown * size..(shown + 1) * size].to_vec()];
            let slice = unit.start + shown;
            return Ok(sink.step(
                unit,
                Estimates {
                    step: 0,
                    t: None,
                    members: vec![0],
                    slice,
                    masks: Masks::Here(probability),
                },
            ));
        };
        let kind = (request.settings.sampler, request.settings.start);
        let known = |steering: &Steering| -> Vec<KnownSlice> {
            let of = |k: usize| KnownSlice {
                hold: steering.hold(request.prepared, k),
                start: steering.start(request.prepared, k),
            };
            unit.clone().map(of).collect()
        };
        let known = request.steering.map(known).unwrap_or_default();
        for (network, members) in agenda.batches() {
            let seeds: Vec<u64> = members.iter().map(|&m| agenda.seeds[m]).collect();
            let at = Instant::now();
            let on_step = |step: usize, seen: Glimpse<'_>| {
                let first = shown * seeds.len();
                let here = |estimates: &[f32]| {
                    let of_shown = estimates.par_chunks(size).skip(first).take(seeds.len());
                    Masks::Here(of_shown.map(probability).collect())
                };
                let masks = match seen {
                    Glimpse::Here(estimates) | Glimpse::Late(estimates) => here(estimates),
                    Glimpse::There(kept) => match kept.downcast_ref::<Kept>() {
                        Some(kept) => Masks::There(kept.clone(), first * size),
                        None => here(&[]),
                    },
                };
                let (t, slice) = (Some(plan.time(step)), unit.start + shown);
                let estimates = Estimates { step, t, members: members.clone(), slice, masks };
                if let Glimpse::Late(_) = seen {
                    sink.late(unit, estimates);
                    return ControlFlow::Continue(());
                }
                sink.step(unit, estimates)
            };
            let drawn = scenes[network].draw_steered(&plan, kind, &seeds, &known, on_step)?;
            sink.times().sample_s += at.elapsed().as_secs_f64();
            let Some(drawn) = drawn else { return Ok(ControlFlow::Break(())) };
            for (i, &m) in members.iter().enumerate() {
                let own = drawn.chunks(size).skip(i).step_by(seeds.len());
                sink.member(m, unit, &own.flat_map(probability).collect::<Vec<_>>());
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Of several masks, value by value.
fn mean(masks: &[&[f32]]) -> Vec<f32> {
    let [first, others @ ..] = masks else { return Vec::new() };
    let (mut sum, n) = (first.to_vec(), masks.len() as f32);
    for mask in others {
        sum.iter_mut().zip(*mask).for_each(|(s, v)| *s += v);
    }
    sum.iter_mut().for_each(|s| *s /= n);
    sum
}

/// Mean and standard deviation.
fn moments(values: &[f32]) -> [f32; 2] {
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    [mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt()]
}

/// Of a mask in -1…1.
fn probability(mask: &[f32]) -> Vec<f32> {
    mask.iter().map(|v| (v + 1.0) * 0.5).collect()
}
