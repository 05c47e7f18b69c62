//! A run on the card that draws the window, and a card that fails while the window looks on: the run ends on the CPU,
//! and the window goes on.

use super::window::Window;
use sfumato::app::{Engine, RunCommand, RunningJob, Wake};
use sfumato::gpu::{self, Gpu, Options};
use sfumato::inference::{self, DeviceChoice, Job, Place, Work, Worker};
use sfumato::models::{ModelCard, cards};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// The embedded models on the inference thread, with these cards for its runs, in turn.
struct OnCards {
    worker: Worker,
    cards: Vec<Arc<Gpu>>,
}

/// Gives the engine a card.
struct Put(Arc<Gpu>);

impl Work for Put {
    type Event = ();
    fn run(self, engine: &mut inference::Engine, _: &AtomicBool, _: &mut dyn FnMut(())) {
        engine.put(DeviceChoice::Gpu, Place::on(self.0));
    }
    fn failed(_: String) {}
}

impl Engine for OnCards {
    fn cards(&self) -> &[ModelCard] {
        cards()
    }
    fn devices(&self) -> &[DeviceChoice] {
        &[DeviceChoice::Gpu]
    }
    fn weights_hint(&self) -> String {
        String::new()
    }
    fn submit(&mut self, job: Job) -> Result<RunningJob, String> {
        if !self.cards.is_empty() {
            self.worker.submit(Put(self.cards.remove(0)));
        }
        let handle = self.worker.submit(job);
        let cancel = handle.canceller();
        Ok(RunningJob { events: handle.events, cancel: Box::new(cancel) })
    }
}

/// The embedded models on the device that draws the window, software or not.
struct OnWindow {
    worker: Worker,
    shared: Arc<Mutex<Option<Arc<Gpu>>>>,
}

impl Engine for OnWindow {
    fn cards(&self) -> &[ModelCard] {
        cards()
    }
    fn devices(&self) -> &[DeviceChoice] {
        &[DeviceChoice::Gpu]
    }
    fn weights_hint(&self) -> String {
        String::new()
    }
    fn beside(&mut self, window: gpu::Window) {
        let software = Options { software: true, ..Options::default() };
        let gpu = Arc::new(Gpu::on_window(&window, software).expect("a device that computes"));
        self.worker.submit(Put(gpu.clone()));
        *self.shared.lock().unwrap() = Some(gpu);
    }
    fn submit(&mut self, job: Job) -> Result<RunningJob, String> {
        let handle = self.worker.submit(job);
        let cancel = handle.canceller();
        Ok(RunningJob { events: handle.events, cancel: Box::new(cancel) })
    }
}

/// How many pixels are bluer than any of a fundus.
fn blue(pixels: &[[u8; 3]]) -> usize {
    pixels.iter().filter(|[r, _, b]| *b > r.saturating_add(20)).count()
}

#[test]
fn run_9_estimates_of_the_window_s_card_are_drawn_without_a_copy() {
    let shared: Arc<Mutex<Option<Arc<Gpu>>>> = Arc::default();
    let of = shared.clone();
    let mut w = Window::with_engine(move |wake: Wake| {
        let worker = Worker::start(move || wake()).expect("a thread");
        Box::new(OnWindow { worker, shared: of })
    });
    w.open_demo(0);
    assert!(blue(&w.view_pixels()) < 20);
    w.set(|s| (s.members, s.steps) = (2, 5));
    // Each step stays on the screen, however fast the card is.
    w.apply(RunCommand::Demonstrate(true));
    w.click("Segment");
    w.until("the estimates of a step are seen", |a| {
        assert!(a.session.results().findings().is_none(), "it ended unseen");
        // Until the structure is found in the picture there is no run.
        let run = a.session.runs().current();
        run.is_some_and(|r| r.previews.len() == 2 && r.previews.values().all(|p| p.step >= 3))
    });
    let run = w.session().runs().current().expect("a run");
    assert!(
        run.previews.values().all(|p| p.preview.there().is_some() && p.preview.here().is_none())
    );
    // The layer on the slice, and the samples of the strip, whose pictures lie below the view.
    let (seen, view) = (blue(&w.view_pixels()), w.view_rect());
    assert!(seen > 200, "{seen} pixels");
    let picture = w.picture();
    let strip = picture.enumerate_pixels().filter(|(x, y, p)| {
        let below = f64::from(*y) > f64::from(view.bottom()) && *x < view.right() as u32;
        below && p.0[2] > p.0[0].saturating_add(20)
    });
    let strip = strip.count();
    assert!(strip > 100, "{strip} pixels");
    w.apply(RunCommand::Demonstrate(false));
    w.until("it ends", |a| a.session.results().findings().is_some());
    let findings = w.session().results().findings().expect("findings");
    assert!(findings.outcome.device.starts_with("GPU "), "{}", findings.outcome.device);
    assert!(!findings.outcome.device.contains("then"));
    // One for the one batch: the masks, and the steps for the film.
    assert_eq!(shared.lock().unwrap().as_ref().expect("a card").maps(), 1);
    w.until("all steps are packed", |a| {
        a.session.film().is_some_and(|(_, film)| film.lock().unwrap().len() == 5)
    });
}

fn card(options: Options) -> Arc<Gpu> {
    let gpu = Gpu::open(Options { software: true, ..options.clone() });
    Arc::new(gpu.or_else(|_| Gpu::open(options)).expect("a graphics adapter, or software Vulkan"))
}

#[test]
fn run_7_a_card_that_fails_leaves_the_run_to_the_cpu_and_the_window_lives() {
    let broken = vec![("norm", "@compute fn".to_owned())];
    let cards = vec![
        card(Options::default()),
        card(Options { buffer_bytes: Some(1 << 20), ..Options::default() }),
        card(Options { sources: broken, ..Options::default() }),
        card(Options::default()),
    ];
    let lost = cards[0].clone();
    let mut w = Window::with_engine(move |wake: Wake| {
        let worker = Worker::start(move || wake()).expect("a thread");
        Box::new(OnCards { worker, cards })
    });
    w.open_demo(0);
    w.set(|s| (s.members, s.steps) = (1, 3));
    lost.lose();
    let mut last = None;
    for word in ["the graphics card stopped", "memory", "driver"] {
        w.click("Segment");
        w.until("the run ends", |a| {
            let shown = a.session.results().findings().map(|f| f.id);
            shown.is_some() && shown != last
        });
        let findings = w.session().results().findings().expect("findings").clone();
        let outcome = &findings.outcome;
        last = Some(findings.id);
        let told: Vec<&str> = outcome.notices.iter().map(|n| n.text.as_str()).collect();
        let all = format!("{}: {told:?}", outcome.device);
        assert!(told.iter().any(|t| t.contains(word) && t.contains("went on on the CPU")), "{all}");
        assert!(w.has("went on on the CPU"), "{word}");
        assert!(w.has(word), "{word}");
    }
    // With a card that works the line is gone, and the result is there.
    w.click("Segment");
    w.until("the last run ends on the card", |a| {
        let findings = a.session.results().findings();
        findings.is_some_and(|f| {
            f.outcome.device.starts_with("GPU ") && !f.outcome.device.contains("then")
        })
    });
    assert!(!w.has("went on on the CPU"));
}
