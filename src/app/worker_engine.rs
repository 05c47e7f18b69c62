//! The real engine of the window: the embedded models on the inference thread.

use super::engine::{Engine, RunningJob, Wake};
use crate::inference::{DeviceChoice, Job, Worker};
use crate::models::{ModelCard, cards};

/// Runs jobs on the inference thread, which starts with the first one.
pub struct WorkerEngine {
    wake: Wake,
    worker: Option<Worker>,
}

/// What this binary was built for, the default first.
const DEVICES: &[DeviceChoice] = &[
    DeviceChoice::Auto,
    DeviceChoice::Cpu,
    #[cfg(feature = "cuda")]
    DeviceChoice::Cuda,
    #[cfg(feature = "metal")]
    DeviceChoice::Metal,
];

impl WorkerEngine {
    pub fn new(wake: Wake) -> Self {
        Self { wake, worker: None }
    }
}

impl Engine for WorkerEngine {
    fn cards(&self) -> &[ModelCard] {
        cards()
    }

    fn devices(&self) -> &[DeviceChoice] {
        DEVICES
    }

    fn weights_hint(&self) -> String {
        "the embedded weights cannot be read: this build is damaged".to_owned()
    }

    fn submit(&mut self, job: Job) -> Result<RunningJob, String> {
        let worker = match &mut self.worker {
            Some(worker) => worker,
            none => {
                let wake = self.wake.clone();
                let started = Worker::start(move || wake())
                    .map_err(|e| format!("no thread for the model could be started: {e}"))?;
                none.insert(started)
            }
        };
        let handle = worker.submit(job);
        let cancel = handle.canceller();
        Ok(RunningJob { events: handle.events, cancel: Box::new(cancel) })
    }
}
