//! The frames of a stack, decoded in parallel into the voxels of a volume, and the files hashed.

use super::layout::Layout;
use super::origin::Origin;
use super::pixels::Frames;
use super::plane::Plane;
use super::read::{Options, changed, crop, gone, opened};
use super::reference::Reference;
use super::scanned::Scanned;
use super::stack::Stack;
use crate::io::error::Refusal;
use crate::io::source::{HashingReader, goes_on, open_regular};
use crate::io::watch::Progress;
use crate::volume::{Notice, Voxels};
use rayon::prelude::*;
use sha2::Digest;
use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A frame that is left out: its file and number.
pub(super) type Lost = HashSet<(usize, usize)>;

/// What the parallel reading of all files gave.
pub(super) struct Filled {
    pub(super) voxels: Voxels,
    /// By file, in their order.
    pub(super) hashes: Vec<[u8; 32]>,
    pub(super) references: BTreeMap<usize, Reference>,
    pub(super) notices: Vec<Notice>,
    pub(super) lost: Lost,
    pub(super) why: Option<Refusal>,
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

pub(super) fn fill(
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
