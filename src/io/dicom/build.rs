//! From a group of frames to a volume: what must be alike is checked, the order found, and what
//! cannot be decoded left out.

use super::fill::{Lost, fill};
use super::finish::{finish, slice_volume};
use super::group::Group;
use super::layout::Layout;
use super::plane::Plane;
use super::read::{Options, decode_one, first_picture, one};
use super::scanned::Scanned;
use super::stack::{Stack, Wish, arrange};
use crate::io::error::Refusal;
use crate::io::limits::{checked_size, memory_budget};
use crate::io::watch::{Progress, Watch};
use crate::volume::{Notice, Volume, push_once};
use rayon::prelude::*;
use std::collections::HashSet;

/// Remarks on single files that are read before the rest of them are passed over.
const MOST_NOTICES: usize = 64;

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
