//! The real engine of the window: the embedded models on the inference thread.

use super::engine::{Engine, RunningJob, Wake};
use crate::gpu::Window;
use crate::inference::{Beside, DeviceChoice, Job, Loaded, Loader, Work, Worker};
use crate::locate::{Likeness, Standing};
use crate::models::{ModelCard, cards};
use crate::planner::{PlanEvent, PlanJob};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// Runs jobs on the inference thread, which starts with the first one.
pub struct WorkerEngine {
    cards: Vec<ModelCard>,
    loader: Loader,
    wake: Wake,
    window: Option<Window>,
    worker: Option<Worker>,
}

/// What this binary was built for, the default first.
const DEVICES: &[DeviceChoice] = &[
    DeviceChoice::Auto,
    DeviceChoice::Cpu,
    DeviceChoice::Gpu,
    #[cfg(feature = "cuda")]
    DeviceChoice::Cuda,
    #[cfg(feature = "metal")]
    DeviceChoice::Metal,
];

impl WorkerEngine {
    /// With the models that come with the program.
    pub fn new(wake: Wake) -> Self {
        Self::with(cards().to_vec(), Arc::new(Loaded::from_registry), wake)
    }

    /// With models from elsewhere.
    pub fn with(cards: Vec<ModelCard>, loader: Loader, wake: Wake) -> Self {
        Self { cards, loader, wake, window: None, worker: None }
    }

    fn worker(&mut self) -> Result<&mut Worker, String> {
        match &mut self.worker {
            Some(worker) => Ok(worker),
            none => {
                let wake = self.wake.clone();
                let started = Worker::with(self.loader.clone(), move || wake())
                    .map_err(|e| format!("no thread for the model could be started: {e}"))?;
                let worker = none.insert(started);
                if let Some(window) = self.window.clone() {
                    worker.submit(Beside(window));
                }
                Ok(worker)
            }
        }
    }

    fn hand_over<W: Work>(&mut self, work: W) -> Result<RunningJob<W::Event>, String> {
        let handle = self.worker()?.submit(work);
        let cancel = handle.canceller();
        Ok(RunningJob { events: handle.events, cancel: Box::new(cancel) })
    }
}

impl Engine for WorkerEngine {
    fn cards(&self) -> &[ModelCard] {
        &self.cards
    }

    fn devices(&self) -> &[DeviceChoice] {
        DEVICES
    }

    fn weights_hint(&self) -> String {
        "the embedded weights cannot be read: this build is damaged".to_owned()
    }

    fn beside(&mut self, window: Window) {
        if let Some(worker) = &mut self.worker {
            worker.submit(Beside(window.clone()));
        }
        self.window = Some(window);
    }

    fn submit(&mut self, job: Job) -> Result<RunningJob, String> {
        self.hand_over(job)
    }

    fn plan(&mut self, job: PlanJob) -> Result<RunningJob<PlanEvent>, String> {
        self.hand_over(job)
    }

    fn liken(&mut self, likeness: Likeness) -> Option<Receiver<Option<Vec<Standing>>>> {
        Some(self.worker().ok()?.submit(likeness).events)
    }
}
