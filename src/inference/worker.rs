//! The thread that owns the device and the models. Work queues; each has its own channel of events.
//! It computes in a pool of its own at low priority, so that the window stays quick while a model
//! runs on every core.

use super::{Engine, Event, Job, Loaded, Loader};
use crate::gpu::Window;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Lets other threads of this machine go first: a thread of the idle class gives way the moment
/// that another wakes, where a nice one first ends its slice of some milliseconds, at each of the
/// dozen hand-overs of a frame.
///
/// With `SFUMATO_KEEP_PRIORITY` in the environment they keep theirs: where other programs use every
/// core all the time, the idle class would hardly run at all.
fn lower_priority() {
    if std::env::var_os("SFUMATO_KEEP_PRIORITY").is_some() {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        const NICE: libc::c_int = 19;
        // SAFETY: no field of the C struct has a forbidden value; 0 is what the class asks for.
        let priority: libc::sched_param = unsafe { std::mem::zeroed() };
        // SAFETY: plain system calls that read `priority`; on Linux they concern the calling
        // thread alone. The nice value stays in force where the class is not to be had.
        let (nice, class) = unsafe {
            (
                libc::setpriority(libc::PRIO_PROCESS, 0, NICE),
                libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const priority),
            )
        };
        if nice != 0 && class != 0 {
            tracing::debug!("the inference threads keep their priority");
        }
    }
}

/// Something that the worker's thread does, with events of its own.
pub trait Work: Send + 'static {
    type Event: Send + 'static;

    /// Does it; `on_event` hears of what happens on the way, and the last event is returned. Must
    /// end soon after `cancel` was set.
    fn run(
        self,
        engine: &mut Engine,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(Self::Event),
    ) -> Self::Event;

    /// The last event if it could not be done, for this reason.
    fn failed(why: String) -> Self::Event;
}

impl Work for Job {
    type Event = Event;

    fn run(
        self,
        engine: &mut Engine,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(Event),
    ) -> Event {
        match engine.run(&self, cancel, on_event) {
            Ok((Some(outcome), false)) => Event::Finished(Arc::new(outcome)),
            Ok((outcome, _)) => Event::Cancelled(outcome.map(Arc::new)),
            Err(error) => Event::Failed(error.to_string()),
        }
    }

    fn failed(why: String) -> Event {
        Event::Failed(why)
    }
}

/// Has runs on graphics cards share this window's device from now on.
pub struct Beside(pub Window);

impl Work for Beside {
    type Event = ();

    fn run(self, engine: &mut Engine, _: &AtomicBool, _: &mut dyn FnMut(())) {
        engine.beside(self.0);
    }

    fn failed(_: String) {}
}

/// What the thread is handed: does its work, and says whether the engine is still sound.
type Task = Box<dyn FnOnce(&mut Engine) -> bool + Send>;

/// A running worker; dropping it lets the thread end after the current work, which is cancelled.
pub struct Worker {
    tasks: Option<Sender<Task>>,
    current: Vec<Arc<AtomicBool>>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

/// Work that was submitted.
pub struct Handle<E> {
    pub events: Receiver<E>,
    cancel: Arc<AtomicBool>,
}

impl<E> Handle<E> {
    /// Asks it to stop; a segmentation does within one denoising step.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    /// What cancels it after the handle was taken apart.
    pub fn canceller(&self) -> impl Fn() + Send + use<E> {
        let cancel = self.cancel.clone();
        move || cancel.store(true, Ordering::Relaxed)
    }
}

impl Worker {
    /// Starts the thread. `wake` is called after each event, so that a sleeping window looks.
    ///
    /// # Errors
    /// If the system cannot start more threads.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> std::io::Result<Self> {
        Self::with(Arc::new(Loaded::from_registry), wake)
    }

    /// The same with models from elsewhere than the registry.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn with(loader: Loader, wake: impl Fn() + Send + Sync + 'static) -> std::io::Result<Self> {
        let (tasks, queue) = channel::<Task>();
        let pool = rayon::ThreadPoolBuilder::new()
            .thread_name(|i| format!("inference-{i}"))
            .start_handler(|_| lower_priority())
            .build()
            .map_err(std::io::Error::other)?;
        let body = move || {
            let mut engine = Engine::with(loader);
            for task in queue {
                if !pool.install(|| task(&mut engine)) {
                    // What the models hold may be half changed: load them again next time.
                    engine = engine.renewed();
                }
            }
        };
        std::thread::Builder::new().name("inference".to_owned()).spawn(body)?;
        Ok(Self { tasks: Some(tasks), current: Vec::new(), wake: Arc::new(wake) })
    }

    /// Queues work.
    pub fn submit<W: Work>(&mut self, work: W) -> Handle<W::Event> {
        let (events, receiver) = channel();
        let cancel = Arc::new(AtomicBool::new(false));
        let (wake, stop, sender) = (self.wake.clone(), cancel.clone(), events.clone());
        let task: Task = Box::new(move |engine| {
            let send = |event| {
                // A receiver that is gone means that nobody waits for this any more.
                if sender.send(event).is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                wake();
            };
            let run = || work.run(engine, &stop, &mut |event| send(event));
            let result = catch_unwind(AssertUnwindSafe(run));
            let sound = result.is_ok();
            send(result.unwrap_or_else(|_| {
                W::failed(
                    "the segmentation stopped on an internal error; your image and masks are \
                     untouched"
                        .to_owned(),
                )
            }));
            sound
        });
        let sent = self.tasks.as_ref().is_some_and(|tasks| tasks.send(task).is_ok());
        if !sent && events.send(W::failed("the worker thread has ended".to_owned())).is_err() {
            tracing::error!("work could not be submitted");
        }
        self.current.retain(|c| Arc::strong_count(c) > 1);
        self.current.push(cancel.clone());
        Handle { events: receiver, cancel }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.tasks = None;
        for cancel in &self.current {
            cancel.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::{DeviceChoice, Settings};
    use std::time::Duration;

    fn picture() -> Arc<crate::volume::Volume> {
        use crate::volume::{Geometry, Volume, Voxels};
        let pixels = (0..64 * 64).map(|i| [(i % 256) as u8, 90, 40]).collect();
        let geometry = Geometry::picture(64, 64, 1).unwrap();
        Arc::new(Volume::new(geometry, 1, Voxels::Rgb8(pixels)).unwrap())
    }

    #[test]
    fn a_job_runs_on_the_thread_and_a_bad_one_says_why() {
        let mut worker = Worker::start(|| {}).unwrap();
        let settings =
            Settings { members: 2, steps: 2, device: DeviceChoice::Cpu, ..Settings::default() };
        let job = Job { volume: picture(), time: 0, model: "fundus-disc-cup".to_owned(), settings };
        let bad = worker.submit(Job { model: "nothing".to_owned(), ..job.clone() });
        let good = worker.submit(job);
        let patience = Duration::from_secs(120);
        assert!(
            matches!(bad.events.recv_timeout(patience), Ok(Event::Failed(why)) if why.contains("nothing"))
        );
        let mut steps = 0;
        loop {
            match good.events.recv_timeout(patience).unwrap() {
                Event::Step(_) => steps += 1,
                Event::Finished(outcome) => {
                    assert_eq!((steps, outcome.members.len()), (2, 2));
                    break;
                }
                Event::Started { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
}
