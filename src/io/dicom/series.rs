//! Files to series to volumes.

use super::file::{DicomFile, load, number, sop_class, text};
use super::layout::{Layout, Photometric};
use super::origin::Origin;
use super::pixels::Frames;
use super::plane::{Plane, planes, push_once};
use super::stack::{arrange, same_directions};
use crate::io::error::{IoError, Refusal, one_line};
use crate::io::limits::{FOLDER_DEPTH, FOLDER_FILES, checked_size, memory_budget};
use crate::io::options::SeriesChoice;
use crate::io::sniff::{Kind, kind_of};
use crate::volume::{Modality, Notice, Volume, Voxels};
use dicom::dictionary_std::tags;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// dicom-rs parses recursively; the prescan admits a depth that fits in this.
const STACK: usize = 32 << 20;

/// One series of a folder. Holds no patient text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeriesInfo {
    /// For [`crate::io::open_series`].
    pub index: usize,
    pub modality: String,
    /// Series Number, if there is one.
    pub number: Option<i64>,
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
}

/// What is kept of a file while its folder is sorted.
struct Scanned {
    path: PathBuf,
    series: String,
    instance: String,
    number: Option<i64>,
    modality: String,
    kind: String,
    picture: Result<Picture, Refusal>,
}

struct Picture {
    layout: Layout,
    planes: Vec<Plane>,
    facts: Facts,
    notices: Vec<Notice>,
}

/// What a volume needs to know besides its voxels.
#[derive(Clone)]
struct Facts {
    modality: Modality,
    value_unit: Option<String>,
}

/// Runs on a named thread with a large stack; a decoder that panics is an error of the file.
pub(super) fn on_thread<T: Send>(
    work: impl FnOnce() -> Result<T, Refusal> + Send,
) -> Result<T, Refusal> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("dicom-reader".into())
            .stack_size(STACK)
            .spawn_scoped(scope, work)?
            .join()
            .unwrap_or_else(|_| Err(Refusal::damaged("a decoder gave up on this file")))
    })
}

pub(crate) fn read_file(path: &Path) -> Result<Volume, Refusal> {
    on_thread(|| {
        let scanned = examine(path, 0)?;
        let picture = scanned.picture?;
        build(&[path.to_path_buf()], picture, Vec::new())
    })
}

pub(crate) fn list(folder: &Path) -> Result<Vec<SeriesInfo>, IoError> {
    let series = on_thread(|| scan_folder(folder)).map_err(|e| IoError::new(e, folder))?;
    Ok(series.0.iter().enumerate().map(|(i, s)| info(i, s)).collect())
}

pub(crate) fn open_folder(folder: &Path, choice: Option<&SeriesChoice>) -> Result<Volume, IoError> {
    on_thread(|| {
        let (mut series, unreadable) = scan_folder(folder)?;
        let chosen = choose(&series, choice)?;
        let files = series.swap_remove(chosen);
        let mut notices = Vec::new();
        if unreadable > 0 {
            notices.push(Notice::amber(format!(
                "{unreadable} DICOM files of the folder could not be read and are left out"
            )));
        }
        join(files, notices)
    })
    .map_err(|e| IoError::new(e, folder))
}

fn info(index: usize, files: &[Scanned]) -> SeriesInfo {
    let first = files.first();
    let picture = first.and_then(|f| f.picture.as_ref().ok());
    SeriesInfo {
        index,
        modality: first.map(|f| one_line(&f.modality)).unwrap_or_default(),
        number: first.and_then(|f| f.number),
        kind: first.map(|f| f.kind.clone()).unwrap_or_default(),
        files: files.len(),
        columns: picture.map_or(0, |p| p.layout.columns),
        rows: picture.map_or(0, |p| p.layout.rows),
        frames: files.iter().filter_map(|f| f.picture.as_ref().ok()).map(|p| p.planes.len()).sum(),
        has_pixels: picture.is_some(),
        problem: first.and_then(|f| f.picture.as_ref().err()).map(ToString::to_string),
    }
}

/// The series to open: the one asked for, or the only one with pixels.
fn choose(series: &[Vec<Scanned>], choice: Option<&SeriesChoice>) -> Result<usize, Refusal> {
    let infos: Vec<SeriesInfo> = series.iter().enumerate().map(|(i, s)| info(i, s)).collect();
    if let Some(SeriesChoice::Uid(uid)) = choice {
        let has_it = |s: &&SeriesInfo| {
            s.has_pixels
                && series.get(s.index).and_then(|f| f.first()).is_some_and(|f| f.series == *uid)
        };
        let found: Vec<usize> = infos.iter().filter(has_it).map(|s| s.index).collect();
        return match found.as_slice() {
            [only] => Ok(*only),
            [] => Err(Refusal::Choose(format!("no image series has the UID {}", one_line(uid)))),
            several => Err(Refusal::Choose(format!(
                "the series {} holds {} stacks of slices; choose one by its number: {several:?}",
                one_line(uid),
                several.len()
            ))),
        };
    }
    if let Some(&SeriesChoice::Index(i)) = choice {
        return match infos.get(i) {
            Some(s) if s.has_pixels => Ok(i),
            Some(s) => Err(Refusal::Choose(format!(
                "series {i} cannot be opened: {}",
                s.problem.as_deref().unwrap_or("it has no pixels")
            ))),
            None => Err(Refusal::Choose(format!(
                "there is no series {i}; the folder holds {} (0 to {})",
                infos.len(),
                infos.len().saturating_sub(1)
            ))),
        };
    }
    let with_pixels: Vec<&SeriesInfo> = infos.iter().filter(|s| s.has_pixels).collect();
    match with_pixels.as_slice() {
        [only] => Ok(only.index),
        [] => Err(match infos.first().and_then(|s| s.problem.as_deref()) {
            Some(problem) => Refusal::Choose(format!("no DICOM image can be opened: {problem}")),
            None => Refusal::unsupported(
                "the folder holds no DICOM images; for other formats choose a file",
            ),
        }),
        many => {
            let names: Vec<String> = many
                .iter()
                .take(8)
                .map(|s| {
                    let (m, c, r, f) = (&s.modality, s.columns, s.rows, s.frames);
                    format!("{} = {m} {c} x {r} x {f}", s.index)
                })
                .collect();
            let more = if many.len() > 8 { ", …" } else { "" };
            Err(Refusal::Choose(format!(
                "the folder holds {} image series; choose one by its number: {}{more}",
                many.len(),
                names.join(", ")
            )))
        }
    }
}

/// All DICOM files of a folder, grouped; and how many could not be read.
fn scan_folder(folder: &Path) -> Result<(Vec<Vec<Scanned>>, usize), Refusal> {
    let mut paths = Vec::new();
    let (mut open, mut seen) = (vec![(folder.to_path_buf(), 0)], HashSet::new());
    let mut visited = 0;
    while let Some((dir, depth)) = open.pop() {
        // Each real folder once: links may form a loop.
        if !seen.insert(std::fs::canonicalize(&dir)?) {
            continue;
        }
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) if depth == 0 => return Err(e.into()),
            Err(_) => continue,
        };
        for entry in entries.flatten() {
            visited += 1;
            if visited > FOLDER_FILES {
                return Err(Refusal::Choose(format!(
                    "the folder holds more than {FOLDER_FILES} files; choose one further inside"
                )));
            }
            let Ok(meta) = std::fs::metadata(entry.path()) else { continue };
            // Links that lead out of the folder are not followed.
            let link = entry.file_type().is_ok_and(|t| t.is_symlink());
            if meta.is_dir() && depth < FOLDER_DEPTH && !link {
                open.push((entry.path(), depth + 1));
            } else if meta.is_file() {
                paths.push(entry.path());
            }
        }
    }
    paths.sort();
    let (mut series, mut unreadable): (Vec<Vec<Scanned>>, usize) = (Vec::new(), 0);
    let mut instances = HashSet::new();
    for path in paths {
        if !matches!(kind_of(&path), Ok(Kind::Dicom)) {
            continue;
        }
        let Ok(scanned) = examine(&path, 0) else {
            unreadable += 1;
            continue;
        };
        // The index of a disc is no image; the same object twice counts once.
        let index = scanned.kind.starts_with("Media Storage Directory");
        let copy = !scanned.instance.is_empty() && !instances.insert(scanned.instance.clone());
        if index || copy {
            continue;
        }
        match series.iter_mut().find(|s| s.first().is_some_and(|f| belongs(f, &scanned))) {
            Some(s) => s.push(scanned),
            None => series.push(vec![scanned]),
        }
    }
    series.sort_by_key(|s| s.first().map(|f| (f.number, f.series.clone(), f.path.clone())));
    Ok((series, unreadable))
}

/// Same series, and slices that can be stacked; a multi-frame object stands alone.
fn belongs(a: &Scanned, b: &Scanned) -> bool {
    if a.series != b.series || a.kind != b.kind {
        return false;
    }
    match (&a.picture, &b.picture) {
        (Ok(p), Ok(q)) => {
            let (l, m) = (&p.layout, &q.layout);
            let directions = match (p.planes.first(), q.planes.first()) {
                (Some(x), Some(y)) => match (x.orientation, y.orientation) {
                    (Some(o), Some(r)) => same_directions(&o, &r),
                    (None, None) => true,
                    _ => false,
                },
                _ => false,
            };
            l.frames == 1
                && m.frames == 1
                && (l.rows, l.columns, l.samples) == (m.rows, m.columns, m.samples)
                && (l.allocated, l.signed) == (m.allocated, m.signed)
                && l.photometric == m.photometric
                && directions
        }
        (Err(_), Err(_)) => true,
        _ => false,
    }
}

fn examine(path: &Path, file: usize) -> Result<Scanned, Refusal> {
    let f = load(path)?;
    let o = &f.object;
    Ok(Scanned {
        path: path.into(),
        series: text(o, tags::SERIES_INSTANCE_UID).unwrap_or_default(),
        instance: text(o, tags::SOP_INSTANCE_UID).unwrap_or_default(),
        number: number(o, tags::SERIES_NUMBER).map(|n| n as i64),
        modality: text(o, tags::MODALITY).unwrap_or_default(),
        kind: sop_class(o),
        picture: picture(&f, file),
    })
}

/// Everything about the picture but its voxels.
fn picture(f: &DicomFile, file: usize) -> Result<Picture, Refusal> {
    let o = &f.object;
    if f.pixels.is_none() {
        return Err(Refusal::unsupported(format!("{} holds no picture", sop_class(o))));
    }
    let mut notices = f.notices.clone();
    let layout = Layout::of(o, &mut notices)?;
    let mut planes = planes(o, &layout, file, &mut notices);
    let frames = Frames::of(f, layout.clone(), &mut notices)?;
    planes.truncate(frames.count);
    let modality = modality(text(o, tags::MODALITY).as_deref());
    if text(o, tags::LOSSY_IMAGE_COMPRESSION).as_deref() == Some("01") {
        notices.push(Notice::note("the picture was compressed with loss"));
    }
    let secondary = sop_class(o).contains("Secondary Capture");
    let burned_in = text(o, tags::BURNED_IN_ANNOTATION);
    if burned_in.as_deref() == Some("YES")
        || (burned_in.is_none() && (secondary || modality == Modality::Ultrasound))
    {
        notices.push(Notice::amber("there may be text about the patient in the picture"));
    }
    let hounsfield = modality == Modality::Ct
        && (o.get(tags::RESCALE_INTERCEPT).is_some()
            || planes.iter().all(|p| p.rescale != (1.0, 0.0)));
    let value_unit = if o.get(tags::DOSE_GRID_SCALING).is_some() {
        Some("Gy".into())
    } else if hounsfield || text(o, tags::RESCALE_TYPE).as_deref() == Some("HU") {
        Some("HU".into())
    } else {
        None
    };
    Ok(Picture { layout, planes, facts: Facts { modality, value_unit }, notices })
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

/// One picture out of the files of a series.
fn join(files: Vec<Scanned>, notices: Vec<Notice>) -> Result<Volume, Refusal> {
    let mut paths = Vec::new();
    let mut whole: Option<Picture> = None;
    for (i, file) in files.into_iter().enumerate() {
        paths.push(file.path);
        let mut picture = file.picture?;
        for plane in &mut picture.planes {
            plane.file = i;
        }
        match &mut whole {
            None => whole = Some(picture),
            Some(w) => {
                w.planes.extend(picture.planes);
                for n in picture.notices {
                    push_once(&mut w.notices, n);
                }
            }
        }
    }
    let whole = whole.ok_or_else(|| Refusal::damaged("the series is empty"))?;
    build(&paths, whole, notices)
}

/// Orders the planes, decodes them one file at a time, rescales.
fn build(paths: &[PathBuf], picture: Picture, mut notices: Vec<Notice>) -> Result<Volume, Refusal> {
    let Picture { layout, planes, facts, notices: found } = picture;
    for n in found {
        push_once(&mut notices, n);
    }
    let stack = arrange(planes, layout.columns, layout.rows, &mut notices)?;
    let bytes = match layout.photometric {
        Photometric::Palette => 6,
        _ => layout.samples as u64 * u64::from(layout.allocated.div_ceil(8)),
    };
    let size = [layout.pixels() as u64, stack.planes.len() as u64, bytes];
    checked_size("the series", &size, memory_budget())?;
    let mut voxels = None;
    let mut hashes: Vec<(usize, [u8; 32])> = Vec::new();
    let mut origin = Origin::default();
    for run in stack.planes.chunk_by(|a, b| a.file == b.file) {
        let Some(first) = run.first() else { continue };
        let path = paths.get(first.file).ok_or_else(|| Refusal::damaged("a file went missing"))?;
        let f = load(path)?;
        origin.add(first.file, &f.object);
        if !hashes.iter().any(|(i, _)| *i == first.file) {
            hashes.push((first.file, f.sha256));
        }
        let mut repeated = Vec::new();
        let frames = Frames::of(&f, Layout::of(&f.object, &mut repeated)?, &mut repeated)?;
        for plane in run {
            frames.decode(plane.frame, &mut voxels)?;
        }
    }
    let voxels = voxels.ok_or_else(|| Refusal::damaged("there is no frame"))?;
    let grey = voxels.channels() == 1;
    let rescales: Vec<(f64, f64)> = stack.planes.iter().map(|p| p.rescale).collect();
    let first = rescales.first().copied().unwrap_or((1.0, 0.0));
    let uniform = rescales.iter().all(|r| *r == first);
    let voxels = if grey && !uniform {
        notices.push(Notice::note(
            "the slices rescale differently; the values were rescaled to 32-bit floats",
        ));
        rescaled(&voxels, &rescales, layout.pixels())
    } else {
        voxels
    };
    let window = stack.planes.get(stack.planes.len() / 2).and_then(|p| p.window);
    let mut volume = Volume::new(stack.geometry, stack.times, voxels)
        .map_err(|e| Refusal::damaged(e.to_string()))?;
    if grey && uniform {
        (volume.slope, volume.intercept) = first;
    }
    if grey {
        volume.window = window;
        volume.value_unit = facts.value_unit;
        volume.inverted = layout.photometric == Photometric::Monochrome1;
    }
    volume.modality = facts.modality;
    volume.source.format = "dicom".into();
    volume.source.dicom = origin.finish(&stack.planes).map(Arc::new);
    volume.source.sha256 = match hashes.as_slice() {
        [(_, only)] => only.iter().map(|b| format!("{b:02x}")).collect(),
        // Of a series: the hash over the hashes of its files in slice order.
        many => crate::io::source::hex(
            many.iter().fold(Sha256::new(), |h, (_, digest)| h.chain_update(digest)),
        ),
    };
    volume.notices = notices;
    Ok(volume)
}

fn rescaled(voxels: &Voxels, rescales: &[(f64, f64)], pixels: usize) -> Voxels {
    let mut out = Vec::with_capacity(voxels.len());
    for (z, (slope, intercept)) in rescales.iter().enumerate() {
        out.extend(
            (z * pixels..(z + 1) * pixels)
                .map(|i| (voxels.stored(i, 0) * slope + intercept) as f32),
        );
    }
    Voxels::F32(out)
}
