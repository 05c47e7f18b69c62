//! Hostile and damaged files of every kind that is read, built in code. Whatever they hold: no panic,
//! no hang, no memory beyond what a sound file of that kind needs, and one line that says why.

mod conformance;
mod counting;
mod crafted;
mod damage;
mod files;
mod regressions;
mod seeds;

use counting::{Counting, Work, work_of};
use sfumato::io::{open, read_label_table, read_mask};
use sfumato::volume::Volume;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that reading may take beyond the file and one and a half times the decoded image.
const ALLOWANCE: usize = 300_000_000;
/// Work that one file may take, beside what its size and its image ask for: bytes read, bytes
/// allocated, pieces. Not time, which is the machine's.
const READ: usize = 100 << 20;
const ALLOCATED: usize = 1 << 30;
const PIECES: usize = 2_000_000;
/// After so long a reader that gives no answer is said to hang.
const HANG: Duration = Duration::from_secs(900);

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

/// Bytes that lie on the disk under a path: the holes of a sparse file are none.
fn stored(path: &Path) -> usize {
    let Ok(about) = std::fs::metadata(path) else { return 0 };
    if about.is_dir() {
        let inside = std::fs::read_dir(path).into_iter().flatten().flatten();
        return inside.map(|e| stored(&e.path())).sum();
    }
    #[cfg(unix)]
    let bytes = std::os::unix::fs::MetadataExt::blocks(&about) * 512;
    #[cfg(not(unix))]
    let bytes = about.len();
    if about.is_file() { bytes as usize } else { 0 }
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
    let owned = path.to_path_buf();
    std::thread::spawn(move || {
        let done = work_of(|| read(&owned, way));
        // Nobody listens any more if this took too long.
        drop(send.send(done));
    });
    let (verdict, work) = match receive.recv_timeout(HANG) {
        Ok(done) => done,
        Err(RecvTimeoutError::Disconnected) => {
            (Err("panicked, as said below".into()), Work::default())
        }
        // The thread cannot be stopped, so nothing can follow.
        Err(RecvTimeoutError::Timeout) => panic!("hangs: {}", path.display()),
    };
    let mut faults = Vec::new();
    faults.extend(std::mem::take(&mut *held(&PANICS)));
    let need = verdict.as_ref().map_or(0, |v| v.as_ref().map_or(0, |v| v.voxels().bytes()));
    let Work { peak, allocated, pieces, read } = work;
    if peak > ALLOWANCE + need / 2 * 3 {
        faults.push(format!("peak of {} MB for an image of {need} bytes", peak / 1_000_000));
    }
    let size = stored(path);
    if read > READ + 4 * size
        || allocated > ALLOCATED + 16 * (size + need)
        || pieces > PIECES + size
    {
        faults.push(format!("{work:?} for a file of {size} bytes and an image of {need}"));
    }
    if std::env::var_os("SFUMATO_SHOW_WORK").is_some() {
        eprintln!("work {}: {work:?}, {size} bytes, image {need}", path.display());
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
