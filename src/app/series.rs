//! Several series under one name: what there is, what each looks like, and which one is marked.

use super::target::Target;
use super::task::Task;
use super::{Picture, Wake};
use crate::io::{Listing, SeriesInfo};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Longer side of a row's picture, in texels.
const THUMBNAIL: usize = 128;

/// A row's picture.
#[derive(Clone, Debug)]
pub enum Thumbnail {
    Waiting,
    /// The middle slice cannot be drawn; opening says why.
    Absent,
    Ready(Arc<Picture>),
}

/// Series whose headers were read, with the pictures drawn so far. Kept with the document, so that
/// another series opens without a second look at the folder.
pub struct SeriesList {
    pub(super) listing: Listing,
    pictures: Mutex<BTreeMap<usize, Option<Arc<Picture>>>>,
}

impl SeriesList {
    pub(super) fn new(listing: Listing) -> Self {
        Self { listing, pictures: Mutex::default() }
    }

    pub fn series(&self) -> &[SeriesInfo] {
        self.listing.series()
    }

    /// Whether slices of several identifiers are listed as one series.
    pub fn is_joined(&self) -> bool {
        self.listing.is_joined()
    }

    /// The list with every series by itself.
    pub(super) fn separated(&self) -> Self {
        Self::new(self.listing.separated())
    }

    /// Series that can be opened.
    pub fn openable(&self) -> usize {
        self.series().iter().filter(|s| s.has_pixels).count()
    }

    pub fn thumbnail(&self, index: usize) -> Thumbnail {
        let pictures = self.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        match pictures.get(&index) {
            None => Thumbnail::Waiting,
            Some(None) => Thumbnail::Absent,
            Some(Some(picture)) => Thumbnail::Ready(picture.clone()),
        }
    }

    /// Draws the picture of a series, if it is not there yet.
    fn draw(&self, index: usize) {
        if matches!(self.thumbnail(index), Thumbnail::Waiting) {
            // Why it failed is said when somebody opens the series.
            let volume = self.listing.preview(index).ok();
            let picture = volume.map(|v| Arc::new(Picture::whole(&v, THUMBNAIL)));
            self.pictures.lock().unwrap_or_else(PoisonError::into_inner).insert(index, picture);
        }
    }
}

/// The list as it is shown to choose from.
pub struct Chooser {
    /// File or folder, without its path.
    pub name: String,
    pub list: Arc<SeriesList>,
    /// Places in the list, in the order shown: what can be opened comes first.
    pub rows: Vec<usize>,
    /// Index of the marked series.
    pub marked: usize,
    /// Why the last choice could not be opened.
    pub problem: Option<String>,
    pub(super) paths: Vec<PathBuf>,
    pub(super) target: Target,
    stop: Arc<AtomicBool>,
    drawing: Option<Task<()>>,
}

impl Chooser {
    /// Marks the series of most voxels: a localiser is small.
    pub(super) fn new(name: String, paths: Vec<PathBuf>, list: Arc<SeriesList>) -> Self {
        let series = list.series();
        let (openable, others): (Vec<_>, Vec<_>) = series.iter().partition(|s| s.has_pixels);
        let voxels = |s: &SeriesInfo| s.columns.saturating_mul(s.rows).saturating_mul(s.frames);
        // Of equal ones the first: `max_by_key` takes the last.
        let marked = openable.iter().rev().max_by_key(|s| voxels(s)).map_or(0, |s| s.index);
        let rows = openable.iter().chain(&others).map(|s| s.index).collect();
        Self {
            name,
            list,
            rows,
            marked,
            problem: None,
            paths,
            target: Target::default(),
            stop: Arc::default(),
            drawing: None,
        }
    }

    /// Marks a series that can be opened; any other stays as it is.
    pub(super) fn mark(&mut self, index: usize) {
        if self.list.series().get(index).is_some_and(|s| s.has_pixels) {
            self.marked = index;
        }
    }

    /// Walks over the rows that can be opened and stops at the ends.
    pub(super) fn step(&mut self, by: i64) {
        let openable = self.list.openable();
        let at = self.rows.iter().position(|&i| i == self.marked).unwrap_or(0);
        let to = at.saturating_add_signed(by as isize).min(openable.saturating_sub(1));
        if let Some(&index) = self.rows.get(to) {
            self.mark(index);
        }
    }

    /// Draws the missing pictures on a thread, the marked series first.
    pub(super) fn draw(&mut self, wake: &Wake) {
        let mut order: Vec<usize> = self.rows.iter().copied().take(self.list.openable()).collect();
        order.sort_by_key(|&i| i != self.marked);
        self.rest();
        self.stop = Arc::default();
        let (list, stop, woken) = (self.list.clone(), self.stop.clone(), wake.clone());
        self.drawing = Some(Task::spawn("draw the series", wake, move || {
            for index in order {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                list.draw(index);
                woken();
            }
            Ok(())
        }));
    }

    /// How the drawing ended, once it has.
    pub(super) fn poll(&mut self) -> Option<Result<(), String>> {
        match self.drawing.take()?.take() {
            Ok(end) => Some(end),
            Err(task) => {
                self.drawing = Some(task);
                None
            }
        }
    }

    /// Lets the reading threads go: what is being opened comes first.
    pub(super) fn rest(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Drop for Chooser {
    fn drop(&mut self) {
        self.rest();
    }
}
