//! Opens the window on a demo, with runs on the device that draws it, whatever that is, and takes that device away:
//! after so many steps of a run, or as soon as a run is asked for if that is 0. The window must open again with all
//! that was in it, and the run must end on the CPU.
//!
//! `cargo run --release --example lost_card -- 3`

use sfumato::app::{
    Engine, Exports, RunningJob, SessionOptions, Wake, WorkerEngine, export_results,
};
use sfumato::gpu::{Gpu, Options, Window};
use sfumato::inference::{self, DeviceChoice, Event, Job, Place, Work, Worker};
use sfumato::models::{ModelCard, cards};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;

/// The embedded models on the window's device, which is lost once.
struct Losing {
    worker: Worker,
    wake: Wake,
    window: Option<Window>,
    /// Steps until then.
    after: Option<usize>,
}

/// Gives the engine a card.
struct Put(Window);

impl Work for Put {
    type Event = ();
    fn run(self, engine: &mut inference::Engine, _: &AtomicBool, _: &mut dyn FnMut(())) {
        let software = Options { software: true, ..Options::default() };
        match Gpu::on_window(&self.0, software) {
            Ok(gpu) => engine.put(DeviceChoice::Gpu, Place::on(Arc::new(gpu))),
            Err(fault) => eprintln!("lost_card: {fault}"),
        }
    }
    fn failed(_: String) {}
}

impl Engine for Losing {
    fn cards(&self) -> &[ModelCard] {
        cards()
    }
    fn devices(&self) -> &[DeviceChoice] {
        &[DeviceChoice::Gpu]
    }
    fn weights_hint(&self) -> String {
        String::new()
    }
    fn beside(&mut self, window: Window) {
        self.worker.submit(Put(window.clone()));
        self.window = Some(window);
    }
    fn submit(&mut self, job: Job) -> Result<RunningJob, String> {
        let handle = self.worker.submit(job);
        let cancel = handle.canceller();
        let (sender, events) = channel();
        let (wake, window, mut left) = (self.wake.clone(), self.window.clone(), self.after.take());
        let heard = handle.events;
        std::thread::spawn(move || {
            for event in heard {
                if let (Event::Step(step), Some(n)) = (&event, left) {
                    eprintln!("lost_card: step {} of {}", step.step, step.steps);
                    left = if n > 1 { Some(n - 1) } else { None };
                    if let (None, Some(window)) = (left, &window) {
                        eprintln!("lost_card: the device goes");
                        window.lose();
                    }
                }
                if let Event::Finished(outcome) = &event {
                    eprintln!("lost_card: finished on {}", outcome.device);
                }
                if sender.send(event).is_err() {
                    return;
                }
                wake();
            }
        });
        Ok(RunningJob { events, cancel: Box::new(cancel) })
    }
}

fn main() -> Result<(), String> {
    sfumato::nn::settle_threads();
    let after = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(3);
    let paths = std::env::args().skip(2).map(Into::into).collect();
    let make = move |wake: Wake| {
        let woken = wake.clone();
        let engine: Box<dyn Engine> = match Worker::start(move || woken()) {
            Ok(worker) => {
                let (window, after) = (None, Some(after));
                Box::new(Losing { worker, wake: wake.clone(), window, after })
            }
            Err(error) => {
                eprintln!("lost_card: {error}");
                Box::new(WorkerEngine::new(wake.clone()))
            }
        };
        let (exporter, folder, result_budget) = (export_results, None, None);
        let exports = Exports::usual_folder();
        SessionOptions { engine, exporter, wake, folder, exports, dialogs: false, result_budget }
    };
    sfumato::ui::run_with(paths, make).map_err(|e| e.to_string())
}
