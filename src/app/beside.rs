//! One file of a series was opened: whether the others lie beside it, so that all of them can be
//! opened with one click.

use super::opening::Request;
use super::task::Task;
use super::{Document, Origin, Session};
use crate::io::{self, Watch};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A search under way; ends when it is dropped.
pub(super) struct Search {
    generation: u64,
    task: Option<Task<usize>>,
    stop: Arc<AtomicBool>,
}

impl Drop for Search {
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

impl Session {
    /// Starts looking, if what is open is a single slice.
    pub(super) fn look_beside(&mut self) {
        self.beside = None;
        let Some(document) = &self.document else { return };
        let Some((path, uid)) = lone_slice(document) else { return };
        if !path.is_file() {
            return;
        }
        let (path, uid) = (path.to_owned(), uid.to_owned());
        let stop: Arc<AtomicBool> = Arc::default();
        let cancel = stop.clone();
        let task = Task::spawn("look for the series", &self.wake, move || {
            let watch = Watch { progress: None, cancel: Some(&cancel) };
            io::files_of_series(&path, &uid, watch).map_err(|e| e.to_string())
        });
        self.beside = Some(Search { generation: document.generation, task: Some(task), stop });
    }

    pub(super) fn poll_beside(&mut self) {
        let Some(search) = &mut self.beside else { return };
        let Some(task) = search.task.take() else { return };
        match task.take() {
            Err(task) => search.task = Some(task),
            Ok(found) => {
                let generation = search.generation;
                self.beside = None;
                // A folder that cannot be read has nothing to offer.
                if let (Ok(files), Some(document)) = (found, &mut self.document)
                    && document.generation == generation
                    && let Some(opened) = &mut document.opened
                {
                    opened.files_of_series = files;
                }
            }
        }
    }

    /// Opens the series that the open slice belongs to.
    pub(super) fn open_series_beside(&mut self) {
        let Some(document) = &self.document else { return };
        let Some((path, uid)) = lone_slice(document) else { return };
        let folder = match path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p.to_owned(),
            _ => ".".into(),
        };
        let request =
            Request { paths: vec![folder], uid: Some(uid.to_owned()), ..Request::default() };
        self.start_reading(request);
    }
}
