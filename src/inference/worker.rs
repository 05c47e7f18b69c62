//! The thread that owns the device and the models. Jobs queue; each has its own channel of events.
//! It computes in a pool of its own at low priority, so that the window stays quick while a model
//! runs on every core.

use super::engine::{Engine, last_event};
use super::{Event, Job};
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

/// A running worker; dropping it lets the thread end after the current job, which is cancelled.
pub struct Worker {
    jobs: Option<Sender<Request>>,
    current: Vec<Arc<AtomicBool>>,
}

struct Request {
    job: Job,
    events: Sender<Event>,
    cancel: Arc<AtomicBool>,
}

/// A submitted job.
pub struct JobHandle {
    pub events: Receiver<Event>,
    cancel: Arc<AtomicBool>,
}

impl JobHandle {
    /// Asks the job to stop; it does within one denoising step.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    /// What cancels the job after the handle was taken apart.
    pub fn canceller(&self) -> impl Fn() + Send + 'static {
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
        let (jobs, requests) = channel::<Request>();
        let pool = rayon::ThreadPoolBuilder::new()
            .thread_name(|i| format!("inference-{i}"))
            .start_handler(|_| lower_priority())
            .build()
            .map_err(std::io::Error::other)?;
        let body = move || {
            let mut engine = Engine::new();
            for request in requests {
                let send = |event| {
                    // A receiver that is gone means that nobody waits for this job any more.
                    if request.events.send(event).is_err() {
                        request.cancel.store(true, Ordering::Relaxed);
                    }
                    wake();
                };
                let run = || engine.run(&request.job, &request.cancel, &mut |event| send(event));
                let event = match catch_unwind(AssertUnwindSafe(|| pool.install(run))) {
                    Ok(result) => last_event(result),
                    Err(_) => {
                        // What the models hold may be half changed: load them again next time.
                        engine = Engine::new();
                        Event::Failed(
                            "the segmentation stopped on an internal error; your image and masks \
                             are untouched"
                                .to_owned(),
                        )
                    }
                };
                send(event);
            }
        };
        std::thread::Builder::new().name("inference".to_owned()).spawn(body)?;
        Ok(Self { jobs: Some(jobs), current: Vec::new() })
    }

    /// Queues a job.
    pub fn submit(&mut self, job: Job) -> JobHandle {
        let (events, receiver) = channel();
        let cancel = Arc::new(AtomicBool::new(false));
        let request = Request { job, events: events.clone(), cancel: cancel.clone() };
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(request).is_ok());
        if !sent && events.send(Event::Failed("the worker thread has ended".to_owned())).is_err() {
            tracing::error!("a job could not be submitted");
        }
        self.current.retain(|c| Arc::strong_count(c) > 1);
        self.current.push(cancel.clone());
        JobHandle { events: receiver, cancel }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
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
