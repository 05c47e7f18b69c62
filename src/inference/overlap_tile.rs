//! Draws pictures of any size window after window (overlap-tile, U-Net, arXiv 1505.04597): exactly the
//! mask that one window of the whole would give. Memory holds the picture, its mask and one window.

use super::{Agenda, Estimates, InferenceError, Masks, Request, Segmenter, Sink};
use crate::models::SliceNetwork;
use crate::plan::Processor;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Instant;

/// A larger canvas is not shown while it is drawn: bringing it to the screen would take as long as a
/// window.
const SHOWN_PIXELS: usize = 1 << 20;

/// Slices drawn by a network that has [`SliceNetwork::windows`].
pub struct OverlapTile(Box<dyn SliceNetwork>);

impl OverlapTile {
    /// The network back if it does not draw windows.
    ///
    /// # Errors
    /// If it does not.
    pub fn new(network: Box<dyn SliceNetwork>) -> Result<Self, Box<dyn SliceNetwork>> {
        if network.windows().is_some() { Ok(Self(network)) } else { Err(network) }
    }
}

impl Segmenter for OverlapTile {
    fn run_on(&mut self, processor: &Arc<dyn Processor>) -> bool {
        self.0.run_on(processor)
    }

    fn plan(&self, request: &Request<'_>) -> Result<Agenda, InferenceError> {
        let size = request.prepared.canvas_size();
        let windows = self.0.windows().map_or(1, |w| w.plan(size).len());
        let units = (0..request.prepared.slices()).map(|k| k..k + 1).collect();
        Ok(Agenda { steps: windows, ..Agenda::deterministic(units) })
    }

    fn draw(
        &mut self,
        request: &Request<'_>,
        _: &Agenda,
        unit: &Range<usize>,
        sink: &mut dyn Sink,
    ) -> Result<ControlFlow<()>, InferenceError> {
        let Some(network) = self.0.windows() else { return Ok(ControlFlow::Continue(())) };
        let size = request.prepared.canvas_size();
        for slice in unit.clone() {
            let at = Instant::now();
            let planes = request.input.slice(slice);
            sink.times().prepare_s += at.elapsed().as_secs_f64();
            let at = Instant::now();
            let features = network.features(&planes, size)?;
            sink.times().condition_s += at.elapsed().as_secs_f64();
            if !features.is_empty() {
                sink.features(&[features]);
            }
            let mut canvas = Vec::new();
            for (step, window) in network.plan(size).into_iter().enumerate() {
                let at = Instant::now();
                window.put(&network.draw(&planes, size, &window)?, size, &mut canvas);
                sink.times().condition_s += at.elapsed().as_secs_f64();
                let shown = size[0] * size[1] <= SHOWN_PIXELS;
                let probability = if shown { vec![canvas.clone()] } else { Vec::new() };
                let estimates = Estimates {
                    step,
                    t: None,
                    members: vec![0],
                    slice,
                    masks: Masks::Here(probability),
                };
                if sink.step(unit, estimates).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            sink.direct(&(slice..slice + 1), &canvas);
        }
        Ok(ControlFlow::Continue(()))
    }
}
