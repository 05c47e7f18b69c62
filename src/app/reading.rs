//! Reading without holding up the window: on its own thread, with progress, a first picture, and an
//! end when nobody waits for it any more.

use super::document::{Loaded, Opened};
use super::label_layer::{LabelLayer, LabelOffer};
use super::series::SeriesList;
use super::target::Target;
use super::task::Task;
use super::{Origin, Picture, Wake};
use crate::demo::{self, DemoInfo};
use crate::io::{self, IoError, Listing, OpenOptions, Progress, SeriesChoice, Watch};
use crate::volume::{ColorMap, Volume};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Longer side of the picture that is shown while the rest is decoded, in texels.
const PREVIEW: usize = 512;

/// How far a reading has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// No count is known.
    #[default]
    Reading,
    /// Looking through folders.
    Finding {
        files: usize,
    },
    Scanning {
        files: usize,
        of: usize,
    },
    Decoding {
        slices: usize,
        of: usize,
    },
}

impl Stage {
    fn rank(self) -> (u8, usize) {
        match self {
            Self::Reading => (0, 0),
            Self::Finding { files } => (1, files),
            Self::Scanning { files, .. } => (2, files),
            Self::Decoding { slices, .. } => (3, slices),
        }
    }

    /// Of this stage, 0 to 1.
    pub fn fraction(self) -> Option<f32> {
        match self {
            Self::Reading | Self::Finding { .. } => None,
            Self::Scanning { files: n, of } | Self::Decoding { slices: n, of } => {
                Some((n as f32 / of.max(1) as f32).clamp(0.0, 1.0))
            }
        }
    }

    pub fn text(self) -> String {
        match self {
            Self::Reading => "reading".to_owned(),
            Self::Finding { files } => format!("looking through the folder: {files} files"),
            Self::Scanning { files, of } => format!("headers: {files} of {of} files"),
            Self::Decoding { slices, of } => format!("decoding: {slices} of {of} slices"),
        }
    }
}

#[derive(Default)]
struct Seen {
    stage: Stage,
    picture: Option<Arc<Picture>>,
    /// What the person should know although all went well.
    remark: Option<String>,
}

/// What the reading thread and the window share.
struct Report {
    seen: Mutex<Seen>,
    cancel: AtomicBool,
    wake: Wake,
}

impl Report {
    fn change<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reports come from several threads in no strict order: the bar never goes back. The window
    /// is woken for what it would show, not for each of a thousand slices.
    fn take(&self, progress: Progress) {
        let stage = match progress {
            Progress::Preview(volume) => {
                let picture = Arc::new(Picture::whole(&volume, PREVIEW));
                self.change(|seen| seen.picture = Some(picture));
                (self.wake)();
                return;
            }
            Progress::Finding { files } => Stage::Finding { files },
            Progress::Scanning { files, of } => Stage::Scanning { files, of },
            Progress::Decoding { slices, of } => Stage::Decoding { slices, of },
        };
        // By percent, or by thousands where there is no end to count to.
        let percent = |s: Stage| {
            let (stage, n) = s.rank();
            (stage, s.fraction().map_or(n / 1000, |f| (f * 100.0) as usize))
        };
        let moved = self.change(|seen| {
            let old = seen.stage;
            if stage.rank() > old.rank() {
                seen.stage = stage;
            }
            percent(old) != percent(seen.stage)
        });
        if moved {
            (self.wake)();
        }
    }
}

/// A document on its way.
pub struct Loading {
    pub name: String,
    /// When it was asked for.
    pub asked: Instant,
    report: Arc<Report>,
    task: Option<Task<Answer>>,
    pub(super) request: Request,
}

impl Loading {
    pub(super) fn files(request: Request, wake: &Wake) -> Self {
        let name = Origin::of(&request.paths).short_name();
        let wish = request.clone();
        Self::start("load an image", name, request, wake, move |report| read(&wish, report))
    }

    pub(super) fn demo(info: &DemoInfo, wake: &Wake) -> Self {
        let (name, title) = (info.name.to_owned(), info.title.to_owned());
        let origin = Origin::Demo(title.clone());
        Self::start("make a demo scan", title, Request::default(), wake, move |_| {
            let demo = demo::make(&name, 1)
                .ok_or_else(|| format!("the demo scan '{name}' could not be made"))?;
            Ok(Answer::Opened(Box::new(Loaded::new(origin, demo.volume, Some(demo.truth)))))
        })
    }

    fn start(
        what: &str,
        name: String,
        request: Request,
        wake: &Wake,
        work: impl FnOnce(&Report) -> Result<Answer, String> + Send + 'static,
    ) -> Self {
        let report = Arc::new(Report {
            seen: Mutex::default(),
            cancel: AtomicBool::new(false),
            wake: wake.clone(),
        });
        let shared = report.clone();
        let task = Some(Task::spawn(what, wake, move || work(&shared)));
        Self { name, asked: Instant::now(), report, task, request }
    }

    pub fn stage(&self) -> Stage {
        self.report.change(|seen| seen.stage)
    }

    /// The answer, once it is there.
    pub(super) fn finish(&mut self) -> Option<Result<Answer, String>> {
        match self.task.take()?.take() {
            Ok(result) => Some(result),
            Err(task) => {
                self.task = Some(task);
                None
            }
        }
    }

    /// What the person should know although all went well.
    pub(super) fn remark(&self) -> Option<String> {
        self.report.change(|seen| seen.remark.take())
    }

    /// The middle slice, once it is there.
    pub fn picture(&self) -> Option<Arc<Picture>> {
        self.report.change(|seen| seen.picture.clone())
    }
}

impl Drop for Loading {
    /// Cancelled, replaced or done: nobody listens any more.
    fn drop(&mut self) {
        self.report.cancel.store(true, Ordering::Relaxed);
    }
}

/// What is to be opened, and how.
#[derive(Clone, Default)]
pub(super) struct Request {
    pub paths: Vec<PathBuf>,
    /// Series that were listed before, and which of them.
    pub list: Option<Arc<SeriesList>>,
    pub series: Option<usize>,
    /// The series to open without asking, if it is among those found.
    pub uid: Option<String>,
    pub raw_geometry: bool,
    pub target: Target,
    /// The open image, if the file may be a label map for it.
    pub image: Option<Arc<Volume>>,
}

/// What a reading thread found.
pub(super) enum Answer {
    Opened(Box<Loaded>),
    Choose(Arc<SeriesList>),
    Labels(Box<LabelOffer>),
    Colors(ColorMap),
}

fn read(request: &Request, report: &Report) -> Result<Answer, String> {
    let progress = |p: Progress| report.take(p);
    let watch = Watch { progress: Some(&progress), cancel: Some(&report.cancel) };
    let remark = |text: String| report.change(|seen| seen.remark = Some(text));
    let mut answer = answer(request, watch, remark).map_err(|e| e.to_string())?;
    if let Answer::Opened(loaded) = &mut answer {
        loaded.target = request.target;
    }
    Ok(answer)
}

fn answer(request: &Request, watch: Watch<'_>, remark: impl Fn(String)) -> Result<Answer, IoError> {
    if let Some(list) = &request.list {
        return open_listed(request, list.clone(), watch);
    }
    if let [path] = request.paths.as_slice()
        && io::is_color_table(path)
    {
        return io::read_color_table(path).map(Answer::Colors);
    }
    if let ([path], Some(image)) = (request.paths.as_slice(), &request.image)
        && may_be_labels(path)
        && let Ok(mask) = io::read_mask(path, Some(image))
    {
        let layer = Arc::new(LabelLayer::new(path, mask));
        let offer = LabelOffer { layer, path: path.clone(), image: image.clone() };
        return Ok(Answer::Labels(Box::new(offer)));
    }
    let mut series = Vec::new();
    let mut single = Vec::new();
    for path in &request.paths {
        // One that cannot be read is an error of its own: nothing is left out silently.
        let list = if io::may_hold_series(path)? { &mut series } else { &mut single };
        list.push(path.clone());
    }
    if series.is_empty()
        && let Some(path) = single.first()
    {
        if single.len() > 1 {
            remark(format!(
                "Of {} files the first is shown: files that are not DICOM open one at a time.",
                single.len()
            ));
        }
        let options = OpenOptions { watch, ..OpenOptions::default() };
        let volume = io::open_with(path, &options)?;
        let opened = Opened { paths: vec![path.clone()], ..Opened::default() };
        return Ok(Answer::Opened(Box::new(
            Loaded::new(Origin::File(path.clone()), volume, None).opened(opened),
        )));
    }
    if !single.is_empty() {
        remark(format!("{} files are not DICOM and were left out.", single.len()));
    }
    let list = Arc::new(SeriesList::new(Listing::scan(&series, watch)?));
    let of_uid: Vec<usize> = list
        .series()
        .iter()
        .filter(|s| s.has_pixels && request.uid.as_deref() == Some(&s.uid))
        .map(|s| s.index)
        .collect();
    if let [only] = of_uid.as_slice() {
        let request = Request { series: Some(*only), ..request.clone() };
        return open_listed(&request, list, watch);
    }
    if list.listing.must_choose() {
        return Ok(Answer::Choose(list));
    }
    open_listed(request, list, watch)
}

fn open_listed(
    request: &Request,
    list: Arc<SeriesList>,
    watch: Watch<'_>,
) -> Result<Answer, IoError> {
    let choice = request.series.map(SeriesChoice::Index);
    let volume = list.listing.open(choice.as_ref(), request.raw_geometry, watch)?;
    let opened = Opened {
        paths: request.paths.clone(),
        list: Some(list),
        series: request.series,
        raw_geometry: request.raw_geometry,
    };
    let loaded = Loaded::new(Origin::of(&request.paths), volume, None).opened(opened);
    Ok(Answer::Opened(Box::new(loaded)))
}

/// Whether it is worth a look: a grey picture of few values would pass for a label map, one with a
/// palette may be one.
fn may_be_labels(path: &Path) -> bool {
    if path.is_dir() {
        return false;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let nifti = [".nii", ".nii.gz", ".hdr", ".img", ".img.gz"].iter().any(|e| name.ends_with(e));
    nifti || io::may_hold_series(path).unwrap_or(false) || io::is_indexed_picture(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_13_progress_never_goes_back_and_wakes_by_percent() {
        let woken = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = woken.clone();
        let report = Report {
            seen: Mutex::default(),
            cancel: AtomicBool::new(false),
            wake: Arc::new(move || {
                count.fetch_add(1, Ordering::Relaxed);
            }),
        };
        for slices in (1..=2000).chain([7]) {
            report.take(Progress::Decoding { slices, of: 2000 });
        }
        report.take(Progress::Scanning { files: 3, of: 9 });
        assert_eq!(report.change(|s| s.stage), Stage::Decoding { slices: 2000, of: 2000 });
        assert_eq!(woken.load(Ordering::Relaxed), 101, "once per percent, 0 to 100");
    }
}
