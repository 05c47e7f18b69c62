//! What runs the models: the worker thread in the window, a hand-driven one in tests.

use crate::gpu::Window;
use crate::inference::{DeviceChoice, Event, Job};
use crate::locate::{Likeness, Standing};
use crate::models::ModelCard;
use crate::planner::{PlanEvent, PlanJob};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// Tells the window that there is something new; cheap, callable from any thread.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A job that was handed over.
pub struct RunningJob<E = Event> {
    pub events: Receiver<E>,
    /// Asks it to stop after the step it is in. Returns at once.
    pub cancel: Box<dyn Fn() + Send>,
}

pub trait Engine {
    fn cards(&self) -> &[ModelCard];

    /// Devices to offer, the first one is the default.
    fn devices(&self) -> &[DeviceChoice];

    /// Where a weights file is expected, for the message when there is no model.
    fn weights_hint(&self) -> String;

    /// The window is drawn with this device from now on; runs on its card may share it.
    fn beside(&mut self, _window: Window) {}

    /// Hands over a job; must return at once.
    ///
    /// # Errors
    /// One line that says why it cannot run and what to try.
    fn submit(&mut self, job: Job) -> Result<RunningJob, String>;

    /// Begins to find how a picture stands to several models; what comes is `None` if that cannot be
    /// known. `None` of an engine that cannot tell.
    fn liken(&mut self, _likeness: Likeness) -> Option<Receiver<Option<Vec<Standing>>>> {
        None
    }

    /// Hands over a job of the planner; must return at once.
    ///
    /// # Errors
    /// One line that says why it cannot run.
    fn plan(&mut self, _job: PlanJob) -> Result<RunningJob<PlanEvent>, String> {
        Err("this engine simulates no radiographs".to_owned())
    }
}
