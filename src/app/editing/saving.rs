//! Work is kept by itself (SAVE-1, SAVE-4): every 20 seconds in which something changed, in a folder beside the
//! preferences, whole files only. What a session leaves behind there is offered by the next one.

use super::kept::{self, Header, Kept};
use super::work::Work;
use crate::app::task::Task;
use crate::app::{Level, Shell, Wake};
use crate::io::write_atomic;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Seconds between two times that changed work is kept.
const EVERY: f64 = 20.0;
/// A stroke that lasts longer is kept in its midst.
const IN_STROKE: f64 = 25.0;
/// Days that leftovers are kept for.
const DAYS: u64 = 14;

/// What an earlier session left.
#[derive(Clone, Debug, PartialEq)]
pub struct Leftover {
    pub path: PathBuf,
    pub header: Header,
}

/// State of a work that was kept: revisions of mask and measurements.
type Version = (u64, u64);
/// The plane and the voxel that are looked at.
type View = (usize, [usize; 3]);

pub struct Saving {
    /// Nowhere without one.
    folder: Option<PathBuf>,
    /// Held as long as this session lives: others leave its files alone.
    lock: Option<(File, PathBuf)>,
    name: String,
    kept: HashMap<u64, Version>,
    task: Option<(u64, Version, Task<()>)>,
    last: f64,
    /// It was said that nothing can be kept.
    said: bool,
    leftovers: Vec<Leftover>,
    wake: Wake,
}

fn version(work: &Work) -> Version {
    (work.editor.revision(), work.measurements.revision())
}

impl Saving {
    /// `preferences` is the folder of the preferences; `None`: nothing is kept.
    pub(in crate::app) fn new(preferences: Option<&Path>, wake: Wake) -> Self {
        let folder = preferences.map(|p| p.join("work"));
        let leftovers = folder.as_deref().map(leftovers).unwrap_or_default();
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let name = format!("{}-{}", since.map_or(0, |d| d.as_millis()), std::process::id());
        Self {
            folder,
            lock: None,
            name,
            kept: HashMap::new(),
            task: None,
            last: 0.0,
            said: false,
            leftovers,
            wake,
        }
    }

    /// What earlier sessions left, the newest first.
    pub fn leftovers(&self) -> &[Leftover] {
        &self.leftovers
    }

    pub(super) fn drop_leftover(&mut self, path: &Path) {
        self.leftovers.retain(|l| l.path != path);
    }

    fn place(&self, work: u64) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{}.{work}.sfumato", self.name)))
    }

    /// Deletes what is kept of a work: it is in other files, or a person let it go.
    pub(super) fn forget(&mut self, work: Option<u64>) {
        let Some(work) = work else { return };
        self.kept.remove(&work);
        if let Some(path) = self.place(work)
            && let Err(e) = fs::remove_file(&path)
            && e.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("kept work could not be deleted: {e}");
        }
    }

    fn make_folder(&mut self) -> std::io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        fs::create_dir_all(folder)?;
        if self.lock.is_none() {
            let path = folder.join(format!("{}.lock", self.name));
            let file = File::create(&path)?;
            // Not every file system locks: then the age of the file has to do.
            if let Err(e) = file.try_lock() {
                tracing::debug!("the session's lock could not be had: {e}");
            }
            self.lock = Some((file, path));
        }
        Ok(())
    }

    /// Keeps what changed, if it is time. Returns the seconds until it will be.
    pub(super) fn poll(
        &mut self,
        works: &mut [Work],
        open: Option<(u64, View)>,
        shell: &mut Shell,
    ) -> Option<f64> {
        self.folder.as_ref()?;
        let now = shell.now();
        if let Some((id, version, task)) = self.task.take() {
            match task.take() {
                Err(task) => {
                    self.task = Some((id, version, task));
                    return None;
                }
                Ok(Ok(())) => {
                    self.kept.insert(id, version);
                    self.said = false;
                    if let Some(work) = works.iter_mut().find(|w| w.id == id)
                        && let Some(old) = work.leftover.take()
                        && let Err(e) = fs::remove_file(old)
                    {
                        tracing::debug!("a leftover could not be deleted: {e}");
                    }
                }
                Ok(Err(text)) => self.fail(&text, shell),
            }
        }
        let changed = |w: &&Work| w.is_unsaved() && self.kept.get(&w.id) != Some(&version(w));
        let work = works.iter().find(changed)?;
        let due = if work.editor.is_in_stroke() { IN_STROKE } else { EVERY };
        let wait = self.last + due - now;
        if wait > 0.0 {
            return Some(wait);
        }
        self.last = now;
        if let Err(e) = self.make_folder() {
            self.fail(&e.to_string(), shell);
            return Some(EVERY);
        }
        let view = open.filter(|(id, _)| *id == work.id).map(|(_, view)| view);
        let (Some(path), kept) = (self.place(work.id), Kept::of(work, view.or(work.view))) else {
            return None;
        };
        let (id, version) = (work.id, version(work));
        self.task = Some((id, version, keep(kept, path, &self.wake)));
        Some(EVERY)
    }

    fn fail(&mut self, why: &str, shell: &mut Shell) {
        if !self.said {
            self.said = true;
            let text = format!(
                "The work cannot be kept by itself ({why}). Editing goes on; export it before closing."
            );
            shell.note(Level::Error, text);
        }
    }

    /// Writes a work to a file of its own.
    pub(super) fn keep_as(&self, work: &Work, path: PathBuf) -> Task<()> {
        keep(Kept::of(work, work.view), path, &self.wake)
    }
}

impl Drop for Saving {
    /// The session ends as it should: what is left was let go by the person.
    fn drop(&mut self) {
        // After a fault in the program it is all that is left.
        if std::thread::panicking() {
            return;
        }
        let kept: Vec<u64> = self.kept.keys().copied().collect();
        for work in kept {
            self.forget(Some(work));
        }
        if let Some((_, path)) = self.lock.take()
            && let Err(e) = fs::remove_file(path)
        {
            tracing::debug!("the session's lock could not be deleted: {e}");
        }
    }
}

fn keep(kept: Kept, path: PathBuf, wake: &Wake) -> Task<()> {
    Task::spawn("keep the work", wake, move || {
        let bytes = kept.bytes().map_err(|e| e.to_string())?;
        write_atomic(&path, &bytes).map_err(|e| e.to_string())
    })
}

/// Work that no living session holds; what is too old goes.
fn leftovers(folder: &Path) -> Vec<Leftover> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut out = Vec::new();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since.map_or(0, |d| d.as_secs());
    for path in entries.filter_map(|e| Some(e.ok()?.path())) {
        if path.extension().is_none_or(|e| e != "sfumato") || is_held(&path) {
            continue;
        }
        if let Ok(header) = kept::header(&path) {
            if now.saturating_sub(header.written) > DAYS * 86_400 {
                fs::remove_file(&path).ok();
            } else {
                out.push(Leftover { path, header });
            }
        }
    }
    out.sort_by_key(|l| std::cmp::Reverse(l.header.written));
    out
}

/// Whether the session that a file belongs to still lives.
fn is_held(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let session = name.split('.').next().unwrap_or_default();
    let lock = path.with_file_name(format!("{session}.lock"));
    let Ok(file) = File::open(&lock) else { return false };
    let held = matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock));
    if !held {
        // Its session is dead.
        fs::remove_file(lock).ok();
    }
    held
}
