//! The series under a file, several files, a folder, a zip archive or a disc index: their headers
//! are read once, and any of them can then be opened.

use super::build::build;
use super::finish::middle_slice;
use super::group::{Group, groups};
use super::identity::without_copies;
use super::join::joined;
use super::origin::{Origin, gather};
use super::read::Options;
use super::scanned::{Scanned, examine};
use super::series::{SeriesChoice, SeriesInfo, choose, info};
use super::threads::on_threads;
use crate::io::error::{IoError, Refusal};
use crate::io::watch::{Progress, Watch};
use crate::volume::{Notice, Volume};
use rayon::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Series whose headers were read.
pub struct Listing {
    pub(super) files: Arc<Vec<Scanned>>,
    groups: Vec<Group>,
    /// The groups before some of them were joined, if any were.
    apart: Option<Vec<Group>>,
    series: Vec<SeriesInfo>,
    notices: Vec<Notice>,
    /// All stacks of one file, opened together unless one is asked for.
    whole: Option<Group>,
    path: PathBuf,
}

impl Listing {
    /// Reads the headers of everything under `paths`.
    ///
    /// # Errors
    /// If a path cannot be read, there are too many files, a single file is no DICOM, or the watch
    /// cancels. Files of a folder that are not DICOM are passed over.
    pub fn scan(paths: &[PathBuf], watch: Watch<'_>) -> Result<Self, IoError> {
        let path = paths.first().cloned().unwrap_or_default();
        on_threads(|| Self::read(paths, path.clone(), &watch)).map_err(|e| IoError::new(e, &path))
    }

    fn read(paths: &[PathBuf], path: PathBuf, watch: &Watch<'_>) -> Result<Self, Refusal> {
        let found = gather(paths, watch)?;
        let of = found.origins.len();
        let single = matches!(found.origins.as_slice(), [Origin::Disk(p)] if *p == path);
        let seen = AtomicUsize::new(0);
        let scanned: Vec<Option<Result<Scanned, Refusal>>> = found
            .origins
            .into_par_iter()
            .map(|origin| {
                watch.check()?;
                let bytes = if single { Some(origin.bytes(false)) } else { origin.dicom_header() };
                let one = match bytes.map(|b| examine(origin, b?)) {
                    Some(Err(e)) if single => return Err(e),
                    one => one,
                };
                let files = seen.fetch_add(1, Ordering::Relaxed) + 1;
                if files.is_multiple_of(32) || files == of {
                    watch.report(|| Progress::Scanning { files, of });
                }
                Ok(one)
            })
            .collect::<Result<_, Refusal>>()?;
        let mut unreadable = 0;
        // In one chain, so that the memory of the first list becomes that of the second: there may
        // be hundreds of thousands.
        let files: Vec<Scanned> = scanned
            .into_iter()
            .filter_map(|one| match one? {
                Err(_) => {
                    unreadable += 1;
                    None
                }
                // The index of a disc is no image.
                Ok(s) if s.index && !single => None,
                Ok(s) => Some(s),
            })
            .collect();
        let mut notices = found.notices;
        if unreadable > 0 {
            notices.push(Notice::amber(format!(
                "{unreadable} DICOM files could not be read and are left out"
            )));
        }
        let mut files = without_copies(files, watch, &mut notices)?;
        let groups = groups(&mut files);
        let whole = (single && groups.len() > 1)
            .then(|| Group::joined(&groups))
            .filter(|g| !g.planes.is_empty());
        let files = Arc::new(files);
        let joined = joined(&groups, &files);
        let apart = joined.is_some().then(|| groups.clone());
        let groups = joined.unwrap_or(groups);
        let series = infos(&groups, &files);
        Ok(Self { files, groups, apart, series, notices, whole, path })
    }

    /// Whether slices of several identifiers are shown as one series.
    pub fn is_joined(&self) -> bool {
        self.apart.is_some()
    }

    /// The series as their identifiers have them, none joined with another.
    #[must_use]
    pub fn separated(&self) -> Self {
        let groups = self.apart.clone().unwrap_or_else(|| self.groups.clone());
        let series = infos(&groups, &self.files);
        Self {
            files: self.files.clone(),
            groups,
            apart: None,
            series,
            notices: self.notices.clone(),
            whole: self.whole.clone(),
            path: self.path.clone(),
        }
    }

    /// The series, in a fixed order.
    pub fn series(&self) -> &[SeriesInfo] {
        &self.series
    }

    /// Whether [`Self::open`] without a choice would have to ask.
    pub fn must_choose(&self) -> bool {
        self.whole.is_none() && self.series.iter().filter(|s| s.has_pixels).count() > 1
    }

    /// Opens the series chosen, or the only one that has pixels.
    ///
    /// # Errors
    /// If there is no such series, several to choose from, or it cannot be decoded.
    pub fn open(
        &self,
        choice: Option<&SeriesChoice>,
        raw_geometry: bool,
        watch: Watch<'_>,
    ) -> Result<Volume, IoError> {
        self.group(choice)
            .and_then(|group| {
                let options = Options { raw_geometry, watch };
                on_threads(|| build(&self.files, group, &self.notices, &options))
            })
            .map_err(|e| IoError::new(e, &self.path))
    }

    /// The middle slice of a series, as a volume of that slice: for a thumbnail.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn preview(&self, index: usize) -> Result<Volume, IoError> {
        self.group(Some(&SeriesChoice::Index(index)))
            .and_then(|group| on_threads(|| middle_slice(&self.files, group)))
            .map_err(|e| IoError::new(e, &self.path))
    }

    fn group(&self, choice: Option<&SeriesChoice>) -> Result<&Group, Refusal> {
        if let (None, Some(whole)) = (choice, &self.whole) {
            return Ok(whole);
        }
        let index = choose(&self.series, choice)?;
        self.groups.get(index).ok_or_else(|| Refusal::damaged("the series is empty"))
    }
}

fn infos(groups: &[Group], files: &[Scanned]) -> Vec<SeriesInfo> {
    groups.iter().enumerate().map(|(i, g)| info(i, g, files)).collect()
}
