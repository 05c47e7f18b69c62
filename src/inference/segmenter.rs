//! What turns a prepared scan into masks: slice by slice or as a whole, sampled or at once. The
//! engine knows nothing of networks but this.

use super::{InferenceError, ModelInput, Prepared, Settings, StageTimes, Steering};
use crate::plan::{Kept, Processor};
use crate::volume::Notice;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// What is to be segmented, and how.
pub struct Request<'a> {
    pub prepared: &'a Prepared,
    pub input: &'a ModelInput<'a>,
    pub settings: &'a Settings,
    /// What is known of the masks before they are drawn.
    pub steering: Option<&'a Steering>,
}

/// What a segmenter will do.
#[derive(Clone, Debug, PartialEq)]
pub struct Agenda {
    /// Seed of each member. Without any, the mask drawn at once is the only one: nothing is drawn at
    /// random, and nothing may look as if it were.
    pub seeds: Vec<u64>,
    /// Steps of each member, or of the mask drawn at once.
    pub steps: usize,
    /// Model slices that are drawn together, in order.
    pub units: Vec<Range<usize>>,
    /// Members that are drawn together, at most.
    pub batch: usize,
    /// Networks that the members are drawn from in turn, and the one of the first member.
    pub networks: usize,
    pub turn: usize,
    /// The steps are windows of one volume, not of slice after slice.
    pub whole: bool,
    /// What a reader of the result should know of how it was drawn.
    pub notices: Vec<Notice>,
}

impl Agenda {
    /// Of one mask per unit.
    pub fn deterministic(units: Vec<Range<usize>>) -> Self {
        Self {
            seeds: Vec::new(),
            steps: 1,
            units,
            batch: 1,
            networks: 1,
            turn: 0,
            whole: false,
            notices: Vec::new(),
        }
    }

    /// Of one mask of the whole volume, in so many windows.
    pub fn of_volume(slices: usize, windows: usize) -> Self {
        let units = std::iter::once(0..slices).collect();
        Self { steps: windows, whole: true, ..Self::deterministic(units) }
    }

    pub fn is_deterministic(&self) -> bool {
        self.seeds.is_empty()
    }

    /// Members that are drawn together, and by which network: those of the first one, then of the
    /// second. Member k of a run is always drawn by the same, however many there are.
    pub fn batches(&self) -> Vec<(usize, Vec<usize>)> {
        let own = |network: usize| {
            let members = 0..self.seeds.len();
            let own = members.filter(|m| (self.turn + m) % self.networks == network);
            own.collect::<Vec<_>>()
        };
        let of = |network: usize| -> Vec<(usize, Vec<usize>)> {
            own(network).chunks(self.batch.max(1)).map(|some| (network, some.to_vec())).collect()
        };
        (0..self.networks).flat_map(of).collect()
    }
}

/// Where the members of a unit stand after a step.
#[derive(Clone, Debug)]
pub struct Estimates {
    /// From 0.
    pub step: usize,
    /// Diffusion time, 0 to T - 1, of a step that has one.
    pub t: Option<usize>,
    /// The members, from 0.
    pub members: Vec<usize>,
    /// The model slice of the unit that is shown.
    pub slice: usize,
    pub masks: Masks,
}

/// Masks of the members on the slice that is shown.
#[derive(Clone, Debug)]
pub enum Masks {
    /// Probability of each, `[K, canvas, canvas]`.
    Here(Vec<Vec<f32>>),
    /// On the card that drew them: `[K, canvas, canvas]` in -1…1, member after member from this value on.
    There(Kept, usize),
}

/// Takes what is drawn. Masks are probabilities on the model's canvas, `[K, canvas, canvas]` per
/// slice.
pub trait Sink {
    /// After each step; a break ends the run.
    fn step(&mut self, unit: &Range<usize>, estimates: Estimates) -> ControlFlow<()>;
    /// Estimates of a step that was told of before, which come here only now.
    fn late(&mut self, _unit: &Range<usize>, _estimates: Estimates) {}
    /// The masks drawn at once, slice after slice.
    fn direct(&mut self, unit: &Range<usize>, probability: &[f32]);
    /// What kind of pictures the unit's slices are, of a network that says so.
    fn features(&mut self, _slices: &[Vec<f32>]) {}
    /// A finished member, slice after slice.
    fn member(&mut self, index: usize, unit: &Range<usize>, probability: &[f32]);
    /// The clock of the run.
    fn times(&mut self) -> &mut StageTimes;
}

/// A way from a scan to masks.
pub trait Segmenter: Send {
    /// Has its networks run there from now on; `false` of one that cannot.
    fn run_on(&mut self, _processor: &Arc<dyn Processor>) -> bool {
        false
    }

    /// Noise levels of the model's schedule; 0 of one that does not sample.
    fn schedule(&self) -> usize {
        0
    }

    /// # Errors
    /// If the settings do not suit it.
    fn plan(&self, request: &Request<'_>) -> Result<Agenda, InferenceError>;

    /// Draws one unit of the agenda. A break says that the sink ended it.
    ///
    /// # Errors
    /// If the network fails.
    fn draw(
        &mut self,
        request: &Request<'_>,
        agenda: &Agenda,
        unit: &Range<usize>,
        sink: &mut dyn Sink,
    ) -> Result<ControlFlow<()>, InferenceError>;
}
