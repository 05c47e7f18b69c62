//! From a group of frames to a volume: order, decode in parallel, rescale, put the lattice right.

use super::file::{DicomFile, parse};
use super::group::Group;
use super::layout::{Layout, Photometric};
use super::listing::{Picture, Scanned};
use super::origin::Origin;
use super::pixels::Frames;
use super::plane::{Plane, push_once};
use super::reference::{self, Reference};
use super::resample::{Repair, repaired};
use super::stack::{Stack, Wish, arrange};
use crate::io::error::Refusal;
use crate::io::limits::{checked_size, memory_budget};
use crate::io::source::{HashingReader, goes_on, open_regular};
use crate::io::watch::{Progress, Watch};
use crate::volume::{Affine, Geometry, Notice, Volume, Voxels, Window};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// How a series is opened.
pub(super) struct Options<'a> {
    /// Slices as they are stored, without resampling.
    pub(super) raw_geometry: bool,
    pub(super) watch: Watch<'a>,
}

/// Stored 32-bit colours are kept as their upper halves; this brings 0xffff to 0xffff_ffff.
const UPPER_HALF: f64 = 65_537.0;

/// Remarks on single files that are read before the rest of them are passed over.
const MOST_NOTICES: usize = 64;

/// A frame that is left out: its file and number.
type Lost = HashSet<(usize, usize)>;

/// Opens a group; frames that cannot be decoded are left out and said, unless none is left.
pub(super) fn build(
    files: &[Scanned],
    group: &Group,
    more: &[Notice],
    options: &Options<'_>,
) -> Result<Volume, Refusal> {
    let mut lost = Lost::new();
    let mut before: Vec<Notice> = more.iter().chain(&group.notices).cloned().collect();
    // Each round loses at least one more frame; the second is without fault.
    loop {
        let mut planes = group.planes.clone();
        planes.retain(|p| !lost.contains(&(p.file, p.frame)));
        let attempt = attempt(files, planes, &before, options)?;
        match attempt {
            Attempt::Done(volume) => return Ok(*volume),
            Attempt::Lost { frames, why, cut, notices } => {
                let whole = group.planes.len();
                lost.extend(frames);
                let left = group.planes.iter().filter(|p| !lost.contains(&(p.file, p.frame)));
                if left.count() == 0 {
                    return Err(why);
                }
                for n in notices {
                    push_once(&mut before, n);
                }
                if !cut {
                    before.push(Notice::amber(format!(
                        "{} of {whole} frames are left out: {why}",
                        lost.len()
                    )));
                }
            }
        }
    }
}

enum Attempt {
    Done(Box<Volume>),
    /// Frames that cannot be decoded; `cut` if the files merely end before them.
    Lost {
        frames: Lost,
        why: Refusal,
        cut: bool,
        notices: Vec<Notice>,
    },
}

/// A file read for its pixels.
struct Opened {
    file: DicomFile,
    layout: Layout,
    notices: Vec<Notice>,
}

fn opened(origin: &Origin) -> Result<Opened, Refusal> {
    let file = parse(origin.bytes(true)?, true)?;
    let mut notices = Vec::new();
    let layout = Layout::of(&file.object, &mut notices)?;
    Ok(Opened { file, layout, notices })
}

/// The part of a frame that a plane shows.
fn crop(frame: Voxels, tile: Option<[usize; 2]>, whole: &Layout, slice: &Layout) -> Voxels {
    let Some([x, y]) = tile else { return frame };
    macro_rules! cut {
        ($($kind:ident),*) => {
            match frame {
                $(Voxels::$kind(v) => Voxels::$kind(
                    (y..y + slice.rows)
                        .flat_map(|r| {
                            let start = r * whole.columns + x;
                            v.get(start..start + slice.columns).unwrap_or_default().iter().copied()
                        })
                        .collect(),
                ),)*
            }
        };
    }
    cut!(U8, I8, U16, I16, U32, I32, F32, F64, Rgb8, Rgb16)
}

/// One plane by itself, with the number of whole frames that its file has, and what was noticed.
struct One {
    voxels: Result<Voxels, Refusal>,
    count: usize,
    notices: Vec<Notice>,
}

fn one(files: &[Scanned], plane: &Plane, slice: &Layout) -> Result<One, Refusal> {
    let scanned = files.get(plane.file).ok_or_else(gone)?;
    let mut o = opened(&scanned.origin)?;
    let frames = Frames::of(&o.file, o.layout.clone(), &mut o.notices)?;
    let voxels = frames
        .decode(plane.frame)
        .map(|frame| crop(frame, plane.tile, &o.layout, slice))
        .and_then(|v| if v.len() == slice.pixels() { Ok(v) } else { Err(changed()) });
    Ok(One { voxels, count: frames.count, notices: o.notices })
}

/// Decodes all frames of a file, one after another.
pub(super) fn all_frames(file: &Scanned, mut see: impl FnMut(Voxels)) -> Result<(), Refusal> {
    let mut o = opened(&file.origin)?;
    let frames = Frames::of(&o.file, o.layout.clone(), &mut o.notices)?;
    (0..frames.count).try_for_each(|i| frames.decode(i).map(&mut see))
}

fn decode_one(files: &[Scanned], plane: &Plane, slice: &Layout) -> Result<Voxels, Refusal> {
    one(files, plane, slice)?.voxels
}

fn gone() -> Refusal {
    Refusal::damaged("a file of the series went missing")
}

fn changed() -> Refusal {
    Refusal::damaged("a file of the series changed while it was read")
}

fn first_picture<'a>(files: &'a [Scanned], planes: &[Plane]) -> Result<&'a Picture, Refusal> {
    let empty = || Refusal::damaged("the series is empty");
    let file = planes.first().and_then(|p| files.get(p.file)).ok_or_else(empty)?;
    file.picture.as_ref().map_err(|_| empty())
}

fn attempt(
    files: &[Scanned],
    planes: Vec<Plane>,
    before: &[Notice],
    options: &Options<'_>,
) -> Result<Attempt, Refusal> {
    let picture = first_picture(files, &planes)?;
    let layout = &picture.layout;
    let mut notices = before.to_vec();
    let mut of_group: Vec<usize> = planes.iter().map(|p| p.file).collect();
    of_group.dedup();
    for file in of_group {
        if let Some(Ok(p)) = files.get(file).map(|f| f.picture.as_ref()) {
            for n in &p.notices {
                push_once(&mut notices, n.clone());
            }
        }
        if notices.len() > MOST_NOTICES {
            notices.push(Notice::amber("more remarks on single files are left out"));
            break;
        }
    }
    let kinds: HashSet<&str> = planes.iter().map(|p| p.kind.as_str()).collect();
    let one_file = planes.iter().all(|p| Some(p.file) == planes.first().map(|q| q.file));
    if one_file && kinds.len() > 1 {
        notices.push(Notice::amber(format!(
            "the file holds pictures of {} kinds in one stack; choose one of its series to see it \
             alone",
            kinds.len()
        )));
    }
    let wish = Wish {
        columns: layout.columns,
        rows: layout.rows,
        raw: options.raw_geometry,
        clip: picture.facts.clip,
    };
    let stack = arrange(planes, wish, &mut notices)?;
    let shape = stack.geometry.shape();
    let slices = (shape[2] * stack.times).max(stack.planes.len()) as u64;
    let size = [shape[0] as u64, shape[1] as u64, slices, layout.bytes_per_pixel()];
    checked_size("the series", &size, memory_budget())?;

    // The middle slice first: it shows the type of all, and something to look at.
    let n = stack.planes.len();
    let mut frames = Lost::new();
    let mut why = None;
    let mut middle = None;
    for i in (n / 2..n).chain(0..n / 2).take(32) {
        options.watch.check()?;
        let Some(plane) = stack.planes.get(i) else { continue };
        let found = match one(files, plane, layout) {
            Ok(one) => {
                // Known before space is taken for all that the file declares.
                let beyond = |p: &&Plane| p.file == plane.file && p.frame >= one.count;
                let absent = stack.planes.iter().filter(beyond);
                let frames: Lost = absent.map(|p| (p.file, p.frame)).collect();
                if !frames.is_empty() {
                    let why = Refusal::damaged("the file is cut off");
                    let notices = said_cut_off(one.notices);
                    return Ok(Attempt::Lost { frames, why, cut: true, notices });
                }
                one.voxels
            }
            Err(e) => Err(e),
        };
        match found {
            Ok(v) => {
                middle = Some((i, v));
                break;
            }
            Err(e) => {
                frames.insert((plane.file, plane.frame));
                why.get_or_insert(e);
            }
        }
    }
    let Some((i, first)) = middle else {
        let why = why.unwrap_or_else(|| Refusal::damaged("there is no frame"));
        if frames.len() < n && n <= 32 {
            return Ok(Attempt::Lost { frames, why, cut: false, notices: Vec::new() });
        }
        return Err(why);
    };
    options.watch.report(|| {
        let volume = slice_volume(&stack, i, first.clone(), picture);
        volume.map_or(Progress::Decoding { slices: 0, of: n }, |v| Progress::Preview(Box::new(v)))
    });

    let mut filled = fill(files, &stack, layout, &first, options)?;
    frames.extend(std::mem::take(&mut filled.lost));
    for n in std::mem::take(&mut filled.notices) {
        push_once(&mut notices, n);
    }
    if !frames.is_empty() {
        let only_cut = why.is_none() && filled.why.is_none();
        let why = why.or(filled.why).unwrap_or_else(|| Refusal::damaged("the file is cut off"));
        let notices = said_cut_off(notices);
        return Ok(Attempt::Lost { frames, why, cut: only_cut, notices });
    }
    doubles(files, &stack, layout, &options.watch, &mut notices)?;
    finish(stack, filled, picture, notices).map(|v| Attempt::Done(Box::new(v)))
}

fn said_cut_off(notices: Vec<Notice>) -> Vec<Notice> {
    notices.into_iter().filter(|n| n.text.contains("cut off")).collect()
}

/// What the parallel reading of all files gave.
struct Filled {
    voxels: Voxels,
    /// By file, in their order.
    hashes: Vec<[u8; 32]>,
    references: BTreeMap<usize, Reference>,
    notices: Vec<Notice>,
    lost: Lost,
    why: Option<Refusal>,
}

/// The planes of one file, with the places that their voxels go to, by frame.
struct Job<'a, T> {
    file: usize,
    frames: BTreeMap<usize, Vec<(&'a Plane, &'a mut [T])>>,
}

/// Results of jobs, under one lock.
#[derive(Default)]
struct Results {
    hashes: BTreeMap<usize, [u8; 32]>,
    references: BTreeMap<usize, Reference>,
    notices: BTreeMap<usize, Vec<Notice>>,
    lost: Lost,
    why: Option<Refusal>,
}

fn fill(
    files: &[Scanned],
    stack: &Stack,
    layout: &Layout,
    like: &Voxels,
    options: &Options<'_>,
) -> Result<Filled, Refusal> {
    let n = stack.planes.len() * layout.pixels();
    let results = Mutex::new(Results::default());
    let done = AtomicUsize::new(0);
    macro_rules! by_kind {
        ($($kind:ident $zero:expr),*) => {
            match like {
                $(Voxels::$kind(_) => {
                    let mut all = vec![$zero; n];
                    let pick = |v: Voxels| match v { Voxels::$kind(v) => Some(v), _ => None };
                    run_jobs(files, stack, layout, &mut all, pick, &results, &done, options)?;
                    Voxels::$kind(all)
                })*
            }
        };
    }
    let voxels = by_kind!(
        U8 0, I8 0, U16 0, I16 0, U32 0, I32 0, F32 0.0, F64 0.0, Rgb8 [0; 3], Rgb16 [0; 3]
    );
    let r = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(Filled {
        voxels,
        hashes: r.hashes.into_values().collect(),
        references: r.references,
        notices: r.notices.into_values().flatten().collect(),
        lost: r.lost,
        why: r.why,
    })
}

fn run_jobs<T: Copy + Send + Sync>(
    files: &[Scanned],
    stack: &Stack,
    layout: &Layout,
    all: &mut [T],
    pick: impl Fn(Voxels) -> Option<Vec<T>> + Sync,
    results: &Mutex<Results>,
    done: &AtomicUsize,
    options: &Options<'_>,
) -> Result<(), Refusal> {
    let of = stack.planes.len();
    let mut jobs: BTreeMap<usize, Job<'_, T>> = BTreeMap::new();
    for (plane, slot) in stack.planes.iter().zip(all.chunks_mut(layout.pixels())) {
        let job = jobs
            .entry(plane.file)
            .or_insert_with(|| Job { file: plane.file, frames: BTreeMap::new() });
        job.frames.entry(plane.frame).or_default().push((plane, slot));
    }
    let note = |change: &mut dyn FnMut(&mut Results)| {
        change(&mut results.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    };
    jobs.into_values().collect::<Vec<_>>().into_par_iter().try_for_each(|job| {
        options.watch.check()?;
        let lose = |frame: usize, why: Option<Refusal>| {
            let mut why = why;
            note(&mut |r| {
                r.lost.insert((job.file, frame));
                if let Some(e) = why.take() {
                    r.why.get_or_insert(e);
                }
            });
        };
        let origin = &files.get(job.file).ok_or_else(gone)?.origin;
        let mut o = match opened(origin) {
            Ok(o) => o,
            Err(e) => {
                let mut e = Some(e);
                job.frames.keys().for_each(|&f| lose(f, e.take()));
                return Ok(());
            }
        };
        let frames = match Frames::of(&o.file, o.layout.clone(), &mut o.notices) {
            Ok(frames) => frames,
            Err(e) => {
                let mut e = Some(e);
                job.frames.keys().for_each(|&f| lose(f, e.take()));
                return Ok(());
            }
        };
        let file = job.file;
        note(&mut |r| {
            r.notices.insert(file, std::mem::take(&mut o.notices));
            r.references.insert(file, Reference::of(&o.file.object));
        });
        let decode = || {
            job.frames.into_par_iter().try_for_each(|(frame, slots)| {
                options.watch.check()?;
                if frame >= frames.count {
                    lose(frame, None);
                    return Ok(());
                }
                let planes = slots.len();
                if let Err(e) = place(&frames, frame, slots, &o.layout, layout, &pick) {
                    lose(frame, Some(e));
                }
                let before = done.fetch_add(planes, Ordering::Relaxed);
                options.watch.report(|| Progress::Decoding { slices: before + planes, of });
                Ok(())
            })
        };
        // A file too long to be held whole is hashed beside.
        let (decoded, hash): (Result<(), Refusal>, _) = match o.file.sha256 {
            Some(hash) => (decode(), Ok((hash, true))),
            None => rayon::join(decode, || hash_of(origin, o.file.pixels_end())),
        };
        decoded?;
        let (hash, whole) = hash?;
        note(&mut |r| {
            r.hashes.insert(file, hash);
            if !whole {
                r.notices.entry(file).or_default().push(goes_on());
            }
        });
        Ok(())
    })
}

/// Decodes a frame and puts it, or its tiles, where they belong.
fn place<T: Copy>(
    frames: &Frames<'_>,
    frame: usize,
    slots: Vec<(&Plane, &mut [T])>,
    whole: &Layout,
    slice: &Layout,
    pick: &impl Fn(Voxels) -> Option<Vec<T>>,
) -> Result<(), Refusal> {
    let voxels = frames.decode(frame)?;
    let kind = voxels.dtype();
    let mut pieces = Vec::new();
    for (plane, slot) in slots {
        pieces.push((crop_if_tiled(&voxels, plane, whole, slice), slot));
    }
    // A frame that is no mosaic is moved, not copied.
    let mut whole_frame = Some(voxels);
    for (piece, slot) in pieces {
        let Some(piece) = piece.or_else(|| whole_frame.take()) else {
            return Err(changed());
        };
        let values = pick(piece).ok_or_else(|| {
            Refusal::unsupported(format!("a series of which one slice is {kind} and others not"))
        })?;
        if values.len() != slot.len() {
            return Err(changed());
        }
        slot.copy_from_slice(&values);
    }
    Ok(())
}

fn crop_if_tiled(v: &Voxels, plane: &Plane, whole: &Layout, slice: &Layout) -> Option<Voxels> {
    plane.tile.map(|tile| crop(v.clone(), Some(tile), whole, slice))
}

/// SHA-256 of a file to its end, or to what follows its pixels closely, and whether it is the whole.
fn hash_of(origin: &Origin, pixels_end: u64) -> Result<([u8; 32], bool), Refusal> {
    let Origin::Disk(path) = origin else { return Err(gone()) };
    let mut reader = HashingReader::new(open_regular(path)?.0);
    std::io::copy(&mut reader.by_ref().take(pixels_end), &mut std::io::sink())?;
    let (hash, whole) = reader.finish_near()?;
    Ok((hash.finalize().into(), whole))
}

/// Says whether slices that lie where another one does are copies of it.
fn doubles(
    files: &[Scanned],
    stack: &Stack,
    layout: &Layout,
    watch: &Watch<'_>,
    notices: &mut Vec<Notice>,
) -> Result<(), Refusal> {
    let same: Vec<bool> = stack
        .doubles
        .par_iter()
        .map(|(shown, hidden)| {
            watch.check()?;
            Ok(match (decode_one(files, shown, layout), decode_one(files, hidden, layout)) {
                (Ok(a), Ok(b)) => a == b && shown.rescale == hidden.rescale,
                _ => false,
            })
        })
        .collect::<Result<_, Refusal>>()?;
    let copies = same.iter().filter(|same| **same).count();
    let others = same.len() - copies;
    if copies > 0 {
        notices.push(Notice::note(format!("{copies} slices are there twice; one of each is kept")));
    }
    if others > 0 {
        notices.push(Notice::amber(format!(
            "{others} slices lie where another one does, with other pixels; the first at each \
             position is shown"
        )));
    }
    Ok(())
}

fn finish(
    stack: Stack,
    filled: Filled,
    picture: &Picture,
    mut notices: Vec<Notice>,
) -> Result<Volume, Refusal> {
    let layout = &picture.layout;
    let Filled { voxels, hashes, references, .. } = filled;
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
    let voxels = repaired(voxels, &stack.repair, layout.pixels());
    let mut volume = Volume::new(stack.geometry, stack.times, voxels)
        .map_err(|e| Refusal::damaged(e.to_string()))?;
    if grey && uniform {
        (volume.slope, volume.intercept) = first;
    }
    dress(&mut volume, picture, window);
    volume.source.sha256 = match hashes.as_slice() {
        [only] => only.iter().map(|b| format!("{b:02x}")).collect(),
        // Of a series: the hash over the hashes of its files in their order.
        many => crate::io::source::hex(many.iter().fold(Sha256::new(), |h, d| h.chain_update(d))),
    };
    let resampled = !matches!(stack.repair, Repair::None);
    volume.source.dicom = reference::source(&references, &stack.planes, resampled).map(Arc::new);
    volume.notices = notices;
    Ok(volume)
}

/// Everything but voxels, geometry, rescale and notices.
fn dress(volume: &mut Volume, picture: &Picture, window: Option<Window>) {
    let layout = &picture.layout;
    if volume.channels() == 1 {
        volume.window = window;
        volume.value_unit.clone_from(&picture.facts.value_unit);
        volume.inverted = layout.photometric == Photometric::Monochrome1;
    } else if layout.allocated == 32 {
        volume.slope = UPPER_HALF;
        volume.window = Some(Window::from_range(0.0, f64::from(u32::MAX)));
    }
    volume.modality = picture.facts.modality;
    volume.source.format = "dicom".into();
}

fn rescaled(voxels: &Voxels, rescales: &[(f64, f64)], pixels: usize) -> Voxels {
    let mut out = vec![0f32; voxels.len()];
    out.par_chunks_mut(pixels).zip(rescales).enumerate().for_each(
        |(z, (slice, (slope, intercept)))| {
            for (i, v) in slice.iter_mut().enumerate() {
                *v = (voxels.stored(z * pixels + i, 0) * slope + intercept) as f32;
            }
        },
    );
    Voxels::F32(out)
}

/// A volume of plane `i` of a stack alone.
fn slice_volume(
    stack: &Stack,
    i: usize,
    voxels: Voxels,
    picture: &Picture,
) -> Result<Volume, Refusal> {
    let layout = &picture.layout;
    let mut affine = *stack.geometry.world_from_voxel();
    let z = i % (stack.planes.len() / stack.times.max(1)).max(1);
    let origin = affine.apply([0.0, 0.0, z as f64]);
    affine = Affine::from_columns([affine.column(0), affine.column(1), affine.column(2)], origin);
    let geometry = Geometry::new([layout.columns, layout.rows, 1], affine)
        .map_err(|e| Refusal::damaged(e.to_string()))?
        .with_unit(stack.geometry.unit())
        .with_orientation_known(stack.geometry.orientation_known());
    let mut volume =
        Volume::new(geometry, 1, voxels).map_err(|e| Refusal::damaged(e.to_string()))?;
    let plane = stack.planes.get(i);
    if volume.channels() == 1 {
        (volume.slope, volume.intercept) = plane.map_or((1.0, 0.0), |p| p.rescale);
    }
    dress(&mut volume, picture, plane.and_then(|p| p.window));
    Ok(volume)
}

/// The middle slice of a group, decoded alone.
pub(super) fn middle_slice(files: &[Scanned], group: &Group) -> Result<Volume, Refusal> {
    let picture = first_picture(files, &group.planes)?;
    let layout = &picture.layout;
    let wish =
        Wish { columns: layout.columns, rows: layout.rows, raw: true, clip: picture.facts.clip };
    let stack = arrange(group.planes.clone(), wish, &mut Vec::new())?;
    let i = stack.planes.len() / stack.times.max(1) / 2;
    let plane = stack.planes.get(i).ok_or_else(|| Refusal::damaged("the series is empty"))?;
    let voxels = decode_one(files, plane, layout)?;
    slice_volume(&stack, i, voxels, picture)
}
