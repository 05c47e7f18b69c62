//! The series under a file, several files, a folder, a zip archive or a disc index: their headers
//! are read once, and any of them can then be opened.

use super::build::{Options, build, middle_slice};
use super::bytes::Bytes;
use super::course::Course;
use super::file::{is_uid, number, parse, sop_class, text};
use super::group::{Group, groups};
use super::identity::without_copies;
use super::join::joined;
use super::layout::{Layout, Photometric};
use super::origin::{Origin, gather, is_disc_index};
use super::pixels::frames_within;
use super::plane::{Plane, planes};
use crate::io::OpenOptions;
use crate::io::error::{IoError, Refusal, one_line};
use crate::io::watch::{Progress, Watch};
use crate::volume::{Modality, Notice, Volume};
use dicom::core::Tag;
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// dicom-rs parses recursively; the prescan admits a depth that fits in this.
const STACK: usize = 16 << 20;

/// Text that may say who the patient is: shown when asked for, never logged or serialised.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Private(String);

impl Private {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Private {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// One series, or one stack of a series whose frames do not fit one volume. Holds no patient text
/// but in `description` and `date`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeriesInfo {
    /// Place in the list, for [`Listing::open`].
    pub index: usize,
    pub modality: String,
    /// Series Number, if there is one.
    pub number: Option<i64>,
    /// Series Instance UID; stacks of one series share it.
    pub uid: String,
    /// Kind of object, such as "CT Image Storage".
    pub kind: String,
    pub files: usize,
    pub columns: usize,
    pub rows: usize,
    /// Slices or frames, over all files.
    pub frames: usize,
    /// Whether there is a picture that can be opened.
    pub has_pixels: bool,
    /// Why not, if not.
    pub problem: Option<String>,
    #[serde(skip)]
    pub description: Private,
    /// As in the file: YYYYMMDD.
    #[serde(skip)]
    pub date: Private,
}

/// Which series of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeriesChoice {
    /// Its place in the list.
    Index(usize),
    /// Its Series Instance UID.
    Uid(String),
}

impl std::str::FromStr for SeriesChoice {
    type Err = String;

    /// A number is a place in the list, digits with dots a UID.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(n) = text.parse() {
            return Ok(Self::Index(n));
        }
        let digits = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        if digits && text.contains('.') {
            return Ok(Self::Uid(text.into()));
        }
        Err("expected the number of a series in the list that `info` prints, or its UID".into())
    }
}

/// What is kept of a file whose header was read.
pub(super) struct Scanned {
    pub(super) origin: Origin,
    pub(super) study: String,
    pub(super) series: String,
    /// How the picture was made, in digest: texts and settings that one scan has alike.
    pub(super) recipe: [u8; 32],
    pub(super) instance: String,
    /// Frame of reference: positions mean nothing across two of them.
    pub(super) frame: String,
    pub(super) number: Option<i64>,
    pub(super) modality: String,
    pub(super) kind: String,
    description: Private,
    date: Private,
    /// A DICOMDIR.
    index: bool,
    pub(super) picture: Result<Picture, Refusal>,
}

/// Everything about a picture but its voxels.
pub(super) struct Picture {
    /// Of a slice: of a tile, where the picture is a mosaic.
    pub(super) layout: Layout,
    pub(super) planes: Vec<Plane>,
    pub(super) facts: Facts,
    pub(super) notices: Vec<Notice>,
}

/// What a volume needs to know besides its voxels.
#[derive(Clone)]
pub(super) struct Facts {
    pub(super) modality: Modality,
    pub(super) value_unit: Option<String>,
    /// Frames follow one another in time.
    pub(super) clip: bool,
}

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

/// The threads that read, with stacks large enough for nested headers.
fn pool() -> Result<&'static rayon::ThreadPool, Refusal> {
    static POOL: OnceLock<Result<rayon::ThreadPool, String>> = OnceLock::new();
    POOL.get_or_init(|| {
        rayon::ThreadPoolBuilder::new()
            .thread_name(|i| format!("dicom-reader-{i}"))
            .stack_size(STACK)
            .build()
            .map_err(|e| e.to_string())
    })
    .as_ref()
    .map_err(|e| Refusal::Read(std::io::Error::other(e.clone())))
}

/// Runs on the reading threads; a decoder that panics is an error of the file.
pub(super) fn on_threads<T: Send>(
    work: impl FnOnce() -> Result<T, Refusal> + Send,
) -> Result<T, Refusal> {
    let pool = pool()?;
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("dicom".into())
            .spawn_scoped(scope, || pool.install(work))?
            .join()
            .unwrap_or_else(|_| Err(Refusal::damaged("a decoder gave up on this file")))
    })
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

fn info(index: usize, group: &Group, files: &[Scanned]) -> SeriesInfo {
    let numbers = group.files();
    let first = numbers.first().and_then(|&i| files.get(i));
    let picture = first.and_then(|f| f.picture.as_ref().ok());
    SeriesInfo {
        index,
        modality: first.map(|f| f.modality.clone()).unwrap_or_default(),
        number: first.and_then(|f| f.number),
        uid: first.map(|f| f.series.clone()).filter(|uid| is_uid(uid)).unwrap_or_default(),
        kind: first.map(|f| f.kind.clone()).unwrap_or_default(),
        files: numbers.len(),
        columns: picture.map_or(0, |p| p.layout.columns),
        rows: picture.map_or(0, |p| p.layout.rows),
        frames: group.planes.len(),
        has_pixels: picture.is_some(),
        problem: first.and_then(|f| f.picture.as_ref().err()).map(ToString::to_string),
        description: first.map(|f| f.description.clone()).unwrap_or_default(),
        date: first.map(|f| f.date.clone()).unwrap_or_default(),
    }
}

/// The series to open: the one asked for, or the only one with pixels.
fn choose(series: &[SeriesInfo], choice: Option<&SeriesChoice>) -> Result<usize, Refusal> {
    let named = match choice {
        None => None,
        Some(SeriesChoice::Index(i)) => Some(series.get(*i).ok_or_else(|| {
            Refusal::Choose(format!(
                "there is no series {i}; there are {} (0 to {})",
                series.len(),
                series.len().saturating_sub(1)
            ))
        })?),
        Some(SeriesChoice::Uid(uid)) => {
            let with: Vec<&SeriesInfo> = series.iter().filter(|s| s.uid == *uid).collect();
            match with.as_slice() {
                [] => return Err(Refusal::Choose("there is no series of that UID".into())),
                [only] => Some(*only),
                many => return Err(several(many, "that series holds", "stacks")),
            }
        }
    };
    if let Some(s) = named {
        if s.has_pixels {
            return Ok(s.index);
        }
        return Err(Refusal::Choose(format!(
            "series {} cannot be opened: {}",
            s.index,
            s.problem.as_deref().unwrap_or("it has no pixels")
        )));
    }
    let with_pixels: Vec<&SeriesInfo> = series.iter().filter(|s| s.has_pixels).collect();
    match with_pixels.as_slice() {
        [only] => Ok(only.index),
        [] => Err(match series.first().and_then(|s| s.problem.as_deref()) {
            Some(problem) => Refusal::Choose(format!("no DICOM image can be opened: {problem}")),
            None => {
                Refusal::unsupported("there are no DICOM images; for other formats choose a file")
            }
        }),
        many => Err(several(many, "there are", "image series")),
    }
}

fn several(many: &[&SeriesInfo], there: &str, things: &str) -> Refusal {
    let names: Vec<String> = many
        .iter()
        .take(8)
        .map(|s| format!("{} = {} {} x {} x {}", s.index, s.modality, s.columns, s.rows, s.frames))
        .collect();
    let more = if many.len() > 8 { ", …" } else { "" };
    Refusal::Choose(format!(
        "{there} {} {things}; choose one by its number: {}{more}",
        many.len(),
        names.join(", ")
    ))
}

fn examine(origin: Origin, bytes: Bytes) -> Result<Scanned, Refusal> {
    let f = parse(bytes, false)?;
    let o = &f.object;
    let private = |tag| Private(text(o, tag).map(|t| one_line(&t)).unwrap_or_default());
    let picture = if f.pixels.is_none() {
        Err(Refusal::unsupported(format!("{} holds no picture", sop_class(o))))
    } else {
        picture(&f)
    };
    Ok(Scanned {
        study: text(o, tags::STUDY_INSTANCE_UID).unwrap_or_default(),
        recipe: recipe(o),
        series: text(o, tags::SERIES_INSTANCE_UID).unwrap_or_default(),
        instance: text(o, tags::SOP_INSTANCE_UID).unwrap_or_default(),
        frame: text(o, tags::FRAME_OF_REFERENCE_UID).unwrap_or_default(),
        number: number(o, tags::SERIES_NUMBER).map(|n| n as i64),
        modality: text(o, tags::MODALITY).filter(|m| is_code(m)).unwrap_or_default(),
        kind: sop_class(o),
        description: private(tags::SERIES_DESCRIPTION),
        date: private(tags::SERIES_DATE),
        index: is_disc_index(&f),
        picture,
        origin,
    })
}

/// What all slices of one scan have alike and those of two scans mostly not.
fn recipe(o: &InMemDicomObject) -> [u8; 32] {
    let settings = [
        tags::SERIES_DESCRIPTION,
        tags::PROTOCOL_NAME,
        tags::SCANNING_SEQUENCE,
        tags::SEQUENCE_VARIANT,
        tags::SEQUENCE_NAME,
        tags::REPETITION_TIME,
        tags::ECHO_TIME,
        tags::INVERSION_TIME,
        tags::FLIP_ANGLE,
        tags::KVP,
        tags::CONVOLUTION_KERNEL,
        tags::CONTRAST_BOLUS_AGENT,
        tags::UNITS,
    ];
    let add =
        |hash: Sha256, tag| hash.chain_update(text(o, tag).unwrap_or_default()).chain_update([0]);
    settings.into_iter().fold(Sha256::new(), add).finalize().into()
}

/// A term of the standard; anything longer may be some other text that a damaged file has there.
fn is_code(text: &str) -> bool {
    text.len() <= 10 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn picture(f: &super::file::DicomFile) -> Result<Picture, Refusal> {
    let o = &f.object;
    let mut notices = f.notices.clone();
    let layout = Layout::of(o, &mut notices)?.of_slices(o);
    let planes = planes(o, &layout, frames_within(f, &layout), &mut notices);
    let modality = modality(text(o, tags::MODALITY).as_deref());
    if text(o, tags::LOSSY_IMAGE_COMPRESSION).as_deref() == Some("01") {
        notices.push(Notice::note("the picture was compressed with loss"));
    }
    if o.iter().any(|e| {
        let Tag(group, element) = e.header().tag;
        (0x6000..=0x601e).contains(&group) && element == 0x3000
    }) {
        notices.push(Notice::note("an overlay in the file is not shown"));
    }
    if o.get(tags::VOILUT_SEQUENCE).is_some() {
        notices.push(Notice::note(
            "the file's look-up table for display is drawn as the straight ramp nearest to it",
        ));
    }
    if layout.allocated == 32 && layout.photometric == Photometric::Rgb {
        notices.push(Notice::note("colours of 32 bits are shown with their upper 16 bits"));
    }
    let secondary = sop_class(o).contains("Secondary Capture");
    let burned_in = text(o, tags::BURNED_IN_ANNOTATION);
    if burned_in.as_deref() == Some("YES")
        || (burned_in.is_none() && (secondary || modality == Modality::Ultrasound))
    {
        notices.push(Notice::amber("there may be text about the patient in the picture"));
    }
    let table = o.get(tags::MODALITY_LUT_SEQUENCE).is_some();
    let hounsfield = modality == Modality::Ct
        && !table
        && (o.get(tags::RESCALE_INTERCEPT).is_some()
            || planes.iter().all(|p| p.rescale != (1.0, 0.0)));
    let value_unit = if o.get(tags::DOSE_GRID_SCALING).is_some() {
        Some("Gy".into())
    } else if hounsfield || text(o, tags::RESCALE_TYPE).as_deref() == Some("HU") {
        Some("HU".into())
    } else {
        None
    };
    let clip = layout.frames > 1 && Course::of(o, layout.frames, &mut Vec::new()) == Course::Time;
    Ok(Picture { layout, planes, facts: Facts { modality, value_unit, clip }, notices })
}

fn modality(code: Option<&str>) -> Modality {
    match code {
        Some("CT") => Modality::Ct,
        Some("MR") => Modality::Mr,
        Some("PT") => Modality::Pet,
        Some("US" | "IVUS") => Modality::Ultrasound,
        Some("OP") => Modality::Fundus,
        Some("CR" | "DX" | "MG" | "XA" | "RF" | "PX" | "IO" | "RG" | "XR") => Modality::XRay,
        Some("SM" | "GM") => Modality::Microscopy,
        Some("SEG") => Modality::Segmentation,
        _ => Modality::Unknown,
    }
}

/// Opens what lies at one path.
pub(crate) fn open(path: &Path, options: &OpenOptions<'_>) -> Result<Volume, IoError> {
    let mut listing = Listing::scan(&[path.to_path_buf()], options.watch)?;
    if options.separate {
        listing = listing.separated();
    }
    listing.open(options.series.as_ref(), options.raw_geometry, options.watch)
}
