//! A denoising step of so many masks as a plan, and its run: what the image says is written once, the
//! state stays where the plan runs.

use super::config::SINUSOIDS;
use super::{Anchor, Condition, Config, Former, Input};
use crate::diffusion::{Course, DiffusionError, Glimpse, StepNoise};
use crate::nn::sinusoids;
use crate::plan::{
    Buffer, Fault, Heads, Kept, Op, Plan, Prepared, Recorder, Sample, Value, Weights,
};
use candle_core::{DType, Tensor};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Sections: the time's own, the network, the sampler's step.
const CONTEXT: usize = 0;
const NETWORK: usize = 1;
const STEP: usize = 2;
/// Memory that the estimates of a batch's steps may take until the last one is done. Of more steps every second
/// one is kept, or every third, and so on.
const KEPT_BYTES: usize = 128 << 20;

/// The outputs of all layers that see the time, and the filters.
pub(super) type Context = (Heads, Vec<Buffer>);

/// What the image tells every step, of each mask.
pub(super) struct Told {
    pub(super) tokens: Option<Value>,
    pub(super) gate: Option<Value>,
    pub(super) first: Option<Value>,
}

/// The plan and its buffers.
pub(super) struct Recorded {
    pub(super) plan: Arc<Plan>,
    /// Values of one mask.
    mask: usize,
    sinusoids: Buffer,
    told: Told,
    output: Buffer,
    state: Buffer,
    estimate: Buffer,
    noise: Buffer,
    coefficients: Buffer,
    status: Buffer,
    /// What [`CONTEXT`] leaves, with lengths.
    context: Vec<(Buffer, usize)>,
}

impl Recorded {
    pub(super) fn new(
        config: &Config,
        weights: &Arc<Weights>,
        batch: usize,
        context: impl FnOnce(&mut Recorder, Value) -> candle_core::Result<Context>,
        network: impl FnOnce(&mut Recorder, Value, &Told, &Context) -> candle_core::Result<Value>,
    ) -> candle_core::Result<Self> {
        let mut r = Recorder::new(weights.clone());
        let (side, whole) = (config.image_size / config.stem, config.image_size);
        let shape = [batch, config.classes, whole, whole];
        let deepest = config.channels(config.multipliers.len() - 1);
        let mut sinusoids = r.input([1, 1, 1, SINUSOIDS]);
        let mut told = Told {
            tokens: (config.former != Former::None)
                .then(|| r.input([batch, 1, config.tokens(), deepest])),
            gate: (config.anchor != Anchor::None).then(|| r.input([batch, 1, side, side])),
            first: (config.input == Input::ImageAndMask)
                .then(|| r.input([batch, config.width, side, side])),
        };
        let made = context(&mut r, sinusoids)?;
        r.section();
        let (mut state, mut estimate, mut noise) = (r.input(shape), r.input(shape), r.input(shape));
        let output = network(&mut r, state, &told, &made)?;
        r.section();
        let (mut coefficients, mut status) = (r.input([1, 1, 1, 6]), r.input([1; 4]));
        let mut output = output.buffer;
        r.push(Op::Sample(Sample {
            output,
            noise: noise.buffer,
            coefficients: coefficients.buffer,
            state: state.buffer,
            estimate: estimate.buffer,
            status: status.buffer,
            len: state.len(),
        }));
        let (heads, mut filters) = made;
        let mut heads = heads.buffer();
        let width = r.len(heads);
        let mut named: Vec<&mut Buffer> = vec![&mut heads, &mut output];
        let values =
            [&mut sinusoids, &mut state, &mut estimate, &mut noise, &mut coefficients, &mut status];
        let told_values = [&mut told.tokens, &mut told.gate, &mut told.first];
        let told_values = told_values.into_iter().flatten();
        named.extend(values.into_iter().chain(told_values).map(|v| &mut v.buffer));
        named.extend(filters.iter_mut());
        let plan = Arc::new(r.finish(&mut named));
        let square = config.tokens().pow(2);
        let context =
            std::iter::once((heads, width)).chain(filters.into_iter().map(|f| (f, square)));
        Ok(Self {
            plan,
            mask: state.len() / batch.max(1),
            sinusoids: sinusoids.buffer,
            told,
            output,
            state: state.buffer,
            estimate: estimate.buffer,
            noise: noise.buffer,
            coefficients: coefficients.buffer,
            status: status.buffer,
            context: context.collect(),
        })
    }

    /// Writes what the images say; of one condition per mask.
    pub(super) fn tell(&self, to: &mut dyn Prepared, condition: &Condition) -> Result<(), Fault> {
        let Some(guide) = &condition.guide else {
            return Err(Fault::Other("the condition is of a direct network".to_owned()));
        };
        let mut put = |value: Option<Value>, tensor: Option<&Tensor>| match (value, tensor) {
            (Some(value), Some(tensor)) => {
                let values = flat(tensor).map_err(|e| Fault::Other(crate::nn::first_line(&e)))?;
                if values.len() != value.len() {
                    let (found, expected) = (values.len(), value.len());
                    let why = format!("a condition of {found} values, expected {expected}");
                    return Err(Fault::Other(why));
                }
                to.write(value.buffer, &values)
            }
            _ => Ok(()),
        };
        put(self.told.tokens, guide.tokens.as_ref())?;
        put(self.told.gate, guide.gate.as_ref())?;
        put(self.told.first, Some(&guide.first))
    }

    /// Works out what depends on the time `t` alone.
    pub(super) fn time(&self, on: &mut dyn Prepared, t: usize) -> Result<(), Fault> {
        let row: Vec<f32> = sinusoids(t, SINUSOIDS).iter().map(|&v| v as f32).collect();
        on.write(self.sinusoids, &row)?;
        on.run(CONTEXT)
    }

    /// What [`Self::time`] left.
    pub(super) fn context(&self, on: &mut dyn Prepared) -> Result<Vec<Vec<f32>>, Fault> {
        self.context.iter().map(|&(b, len)| on.read(b, len)).collect()
    }

    /// Puts it there again.
    pub(super) fn put_context(&self, on: &mut dyn Prepared, v: &[Vec<f32>]) -> Result<(), Fault> {
        self.context.iter().zip(v).try_for_each(|((b, _), v)| on.write(*b, v))
    }

    /// The network's output for `states`, at the time that was set.
    pub(super) fn output(&self, on: &mut dyn Prepared, states: &[f32]) -> Result<Vec<f32>, Fault> {
        on.write(self.state, states)?;
        on.run(NETWORK)?;
        on.read(self.output, states.len())
    }

    /// Draws all samples of a course. States and estimates stay where the plan runs until the last step is done;
    /// then all come here at once. `clean` gives the coefficients of state and output in the estimate.
    pub(super) fn draw(
        &self,
        on: &mut dyn Prepared,
        course: &Course<'_>,
        clean: impl Fn(f64) -> (f64, f64),
        on_step: &mut dyn FnMut(usize, Glimpse<'_>) -> ControlFlow<()>,
    ) -> Result<Drawn, Fault> {
        let len = course.states.len();
        on.write(self.state, course.states)?;
        on.write(self.status, &[0.0])?;
        let mut noise: Vec<StepNoise> = course.seeds.iter().map(|&s| StepNoise::new(s)).collect();
        let mut z = vec![0.0; len];
        let steps = course.plan.steps();
        let every = (4 * len * steps).div_ceil(KEPT_BYTES).max(1);
        let mut film: Vec<(usize, Kept)> = Vec::new();
        for i in 0..steps {
            let (a, b) = clean(course.plan.alpha_bar(i));
            let move_by = course.kind.moves(course.plan, i);
            let coefficients =
                [a, b, move_by.estimate, move_by.state, move_by.noise, move_by.before];
            on.write(self.coefficients, &coefficients.map(|v| v as f32))?;
            if move_by.noise != 0.0 {
                z.chunks_mut(self.mask).zip(&mut noise).for_each(|(z, n)| n.fill(z));
                on.write(self.noise, &z)?;
            }
            self.time(on, course.plan.time(i))?;
            on.run(NETWORK)?;
            on.run(STEP)?;
            let kept = on.keep(self.estimate, len)?;
            if on_step(i, Glimpse::There(&kept)).is_break() {
                return Ok(Ok(None));
            }
            // The last one always.
            if (steps - 1 - i).is_multiple_of(every) {
                film.push((i, kept));
            }
        }
        let (of, kept): (Vec<usize>, Vec<Kept>) = film.into_iter().unzip();
        let mut read = on.read_all(&[(self.status, 1), (self.state, len)], &kept)?.into_iter();
        let (Some(status), Some(states)) = (read.next(), read.next()) else {
            return Err(Fault::Other("nothing was read".to_owned()));
        };
        if status != [0.0] {
            return Ok(Err(DiffusionError::NotFinite { index: 0 }));
        }
        for (i, estimates) in of.into_iter().zip(read) {
            // What was drawn is finished: there is nothing to break off.
            if on_step(i, Glimpse::Late(&estimates)).is_break() {
                break;
            }
        }
        Ok(Ok(Some(states)))
    }
}

/// The finished states, or `None` if the run was ended.
pub(super) type Drawn = Result<Option<Vec<f32>>, DiffusionError>;

fn flat(t: &Tensor) -> candle_core::Result<Vec<f32>> {
    t.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}
