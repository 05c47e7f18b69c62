//! Small pictures of the recent files for the start screen: read again when they are wanted, on a thread,
//! the newest first. Nothing of a patient's image is written anywhere.

use super::task::Task;
use super::{Picture, Wake};
use crate::io::{self, OpenOptions, Progress, Watch};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// So many are shown.
pub const RECENTS_SHOWN: usize = 8;
/// Larger files are not read for a picture.
const MOST_BYTES: u64 = 64 << 20;
/// Longer side, in texels.
const SIDE: usize = 128;

/// What is known of a recent file.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Recent {
    #[default]
    Waiting,
    Ready(Arc<Picture>),
    /// There is no picture of it: it is large, holds several series, or cannot be read.
    Bare,
    /// It is not there any more.
    Missing,
}

type Known = HashMap<PathBuf, Recent>;

#[derive(Default)]
pub struct Recents {
    known: Arc<Mutex<Known>>,
    stop: Arc<AtomicBool>,
    task: Option<Task<()>>,
}

impl Recents {
    pub fn of(&self, path: &Path) -> Recent {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(path).cloned().unwrap_or_default()
    }

    /// Whether pictures are still being made.
    pub fn is_drawing(&self) -> bool {
        self.task.as_ref().is_some_and(|t| !t.is_ready())
    }

    /// Draws those that were not drawn yet; what is missing is looked for again.
    pub(super) fn draw(&mut self, paths: &[PathBuf], wake: &Wake) {
        self.rest();
        let known = self.known.clone();
        let wanted: Vec<PathBuf> = {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let ready = |p: &Path| matches!(known.get(p), Some(Recent::Ready(_) | Recent::Bare));
            paths.iter().take(RECENTS_SHOWN).filter(|p| !ready(p)).cloned().collect()
        };
        if wanted.is_empty() {
            return;
        }
        self.stop = Arc::default();
        let (stop, woken) = (self.stop.clone(), wake.clone());
        self.task = Some(Task::spawn("draw recent files", wake, move || {
            for path in wanted {
                let found = picture(&path, &stop);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                known.lock().unwrap_or_else(PoisonError::into_inner).insert(path, found);
                woken();
            }
            Ok(())
        }));
    }

    /// Ends what is being drawn: something else is wanted.
    pub(super) fn rest(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.task = None;
    }

    pub(super) fn forget(&mut self) {
        self.rest();
        self.known = Arc::default();
    }
}

impl Drop for Recents {
    fn drop(&mut self) {
        self.rest();
    }
}

/// The middle slice: of a series as soon as it is decoded, without the rest.
fn picture(path: &Path, stop: &AtomicBool) -> Recent {
    let Ok(about) = std::fs::metadata(path) else { return Recent::Missing };
    if about.is_file() && about.len() > MOST_BYTES {
        return Recent::Bare;
    }
    let (seen, enough) = (Mutex::new(None), AtomicBool::new(false));
    let progress = |p: Progress| {
        if stop.load(Ordering::Relaxed) {
            enough.store(true, Ordering::Relaxed);
        }
        if let Progress::Preview(volume) = p {
            let picture = Picture::whole(&volume, SIDE);
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(picture);
            enough.store(true, Ordering::Relaxed);
        }
    };
    let watch = Watch { progress: Some(&progress), cancel: Some(&enough) };
    let options = OpenOptions { watch, ..OpenOptions::default() };
    let whole = io::open_with(path, &options).map(|volume| Picture::whole(&volume, SIDE));
    let early = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    match early.or(whole.ok()) {
        Some(picture) => Recent::Ready(Arc::new(picture)),
        None => Recent::Bare,
    }
}
