//! One file of a series was opened: whether the others lie beside it, so that all of them can be
//! opened with one click.

use super::reading::Request;
use super::task::Task;
use super::{Document, Origin, Wake};
use crate::io::{self, Watch};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A search, and what it found; one under way ends when it is dropped.
pub(super) struct Beside {
    task: Option<Task<usize>>,
    stop: Arc<AtomicBool>,
    files: usize,
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The file and the UID of its series, if that is a single slice.
fn lone_slice(document: &Document) -> Option<(&Path, &str)> {
    let Origin::File(path) = &document.origin else { return None };
    match document.opened.as_ref()?.list.as_ref()?.series() {
        [only] if only.files == 1 && only.frames == 1 && !only.uid.is_empty() => {
            Some((path, &only.uid))
        }
        _ => None,
    }
}

impl Beside {
    /// Starts looking, if what is open is a single slice.
    pub(super) fn look(document: &Document, wake: &Wake) -> Option<Self> {
        let (path, uid) = lone_slice(document).filter(|(path, _)| path.is_file())?;
        let (path, uid) = (path.to_owned(), uid.to_owned());
        let stop: Arc<AtomicBool> = Arc::default();
        let cancel = stop.clone();
        let task = Task::spawn("look for the series", wake, move || {
            let watch = Watch { progress: None, cancel: Some(&cancel) };
            io::files_of_series(&path, &uid, watch).map_err(|e| e.to_string())
        });
        Some(Self { task: Some(task), stop, files: 0 })
    }

    /// Files of the series, the open one among them; 0 if not known.
    pub(super) fn files(&self) -> usize {
        self.files
    }

    pub(super) fn poll(&mut self) {
        let Some(task) = self.task.take() else { return };
        match task.take() {
            Err(task) => self.task = Some(task),
            // A folder that cannot be read has nothing to offer.
            Ok(found) => self.files = found.unwrap_or(0),
        }
    }

    /// To open the series that the open slice belongs to.
    pub(super) fn request(document: &Document) -> Option<Request> {
        let (path, uid) = lone_slice(document)?;
        let folder = match path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p.to_owned(),
            _ => ".".into(),
        };
        Some(Request { paths: vec![folder], uid: Some(uid.to_owned()), ..Request::default() })
    }
}
