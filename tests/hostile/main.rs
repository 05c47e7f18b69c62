//! Hostile and damaged files of every kind that is read, built in code. Whatever they hold: no panic,
//! no hang, no memory beyond what a sound file of that kind needs, and one line that says why.

mod conformance;
mod counting;
mod crafted;
mod damage;
mod files;
mod regressions;
mod seeds;

use counting::{Counting, peak_of};
use sfumato::io::{open, read_label_table, read_mask};
use sfumato::volume::Volume;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that reading may take beyond the file and one and a half times the decoded image.
const ALLOWANCE: usize = 300_000_000;
/// Processor time that one file may take. Not time on the clock: the machine may be busy.
const CPU: Duration = Duration::from_secs(5);
/// A reader that waits for something uses no processor time.
const CLOCK: Duration = Duration::from_secs(300);

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Image,
    Mask,
    Labels,
    Weights,
}

/// What became of a file.
#[derive(Debug)]
struct Outcome {
    /// Nothing, or why it was refused.
    verdict: Result<Option<Volume>, String>,
    /// What is wrong with the way it was read.
    faults: Vec<String>,
}

/// Panics of any thread since they were last asked for: decoders on other threads are caught.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One test at a time, so that memory, time and panics are those of one file.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            held(&PANICS).push(info.to_string().replace('\n', " "));
            usual(info);
        }));
    });
    let guard = held(&ALONE);
    held(&PANICS).clear();
    guard
}

/// Processor time of this process so far; on other systems than Linux none.
fn cpu() -> Duration {
    #[cfg(target_os = "linux")]
    {
        let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the structure lives until the call is over.
        if unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut t) } == 0 {
            return Duration::new(t.tv_sec as u64, t.tv_nsec as u32);
        }
    }
    Duration::ZERO
}

fn read(path: &Path, way: Way) -> Result<Option<Volume>, String> {
    match way {
        Way::Image => open(path).map(Some).map_err(|e| e.to_string()),
        Way::Mask => read_mask(path, None).map(|_| None).map_err(|e| e.to_string()),
        Way::Labels => read_label_table(path).map(|_| None).map_err(|e| e.to_string()),
        Way::Weights => {
            let name = path.to_str().expect("a name that we chose");
            sfumato::models::card(name).map(|_| None).map_err(|e| e.to_string())
        }
    }
}

/// Reads a file or folder on a thread of its own, and looks at how it went.
fn attempt(path: &Path, way: Way) -> Outcome {
    let (send, receive) = channel();
    let (start, clock) = (cpu(), Instant::now());
    let owned = path.to_path_buf();
    std::thread::spawn(move || {
        let (result, peak) = peak_of(|| read(&owned, way));
        // Nobody listens any more if this took too long.
        drop(send.send((result, peak)));
    });
    let (verdict, peak) = loop {
        match receive.recv_timeout(Duration::from_secs(1)) {
            Ok(done) => break done,
            Err(RecvTimeoutError::Disconnected) => {
                break (Err("panicked, as said below".into()), 0);
            }
            Err(RecvTimeoutError::Timeout) => {
                // The thread cannot be stopped, so nothing can follow.
                assert!(cpu() - start < 4 * CPU && clock.elapsed() < CLOCK, "hangs: {path:?}");
            }
        }
    };
    let mut faults = Vec::new();
    let spent = cpu() - start;
    if spent > CPU {
        faults.push(format!("took {spent:?}"));
    }
    faults.extend(std::mem::take(&mut *held(&PANICS)));
    let need = verdict.as_ref().map_or(0, |v| v.as_ref().map_or(0, |v| v.voxels().bytes()));
    if peak > ALLOWANCE + need / 2 * 3 {
        faults.push(format!("peak of {} MB for an image of {need} bytes", peak / 1_000_000));
    }
    if let Err(text) = &verdict
        && (text.len() < 20 || text.contains(char::is_control))
    {
        faults.push(format!("says {text:?}"));
    }
    Outcome { verdict, faults }
}

/// The same for bytes, under a name whose ending suits the way.
fn attempt_bytes(folder: &Path, bytes: &[u8], way: Way) -> Outcome {
    let path = folder.join(match way {
        Way::Image | Way::Mask => "hostile.bin",
        Way::Labels => "hostile.txt",
        Way::Weights => "hostile.safetensors",
    });
    std::fs::write(&path, bytes).expect("written");
    attempt(&path, way)
}

/// Faults of many files, told together.
#[derive(Default)]
struct Report {
    lines: Vec<String>,
    read: usize,
    refused: usize,
}

impl Report {
    fn add(&mut self, name: &str, outcome: &Outcome) {
        self.read += 1;
        self.refused += usize::from(outcome.verdict.is_err());
        self.lines.extend(outcome.faults.iter().map(|f| format!("{name}: {f}")));
    }

    /// Also insists that it was refused with a word, or opened if there is none.
    fn expect(&mut self, name: &str, outcome: &Outcome, word: Option<&str>) {
        self.add(name, outcome);
        match (&outcome.verdict, word) {
            (Ok(_), None) => {}
            (Err(text), Some(word)) if text.contains(word) => {}
            (found, _) => {
                let found = found.as_ref().map(|_| "opened");
                self.lines.push(format!("{name}: {found:?}, expected {word:?}"));
            }
        }
    }

    fn finish(self) {
        assert!(
            self.lines.is_empty(),
            "{} of {}:\n{}",
            self.lines.len(),
            self.read,
            self.lines.join("\n")
        );
        println!("{} files, {} refused", self.read, self.refused);
    }
}
