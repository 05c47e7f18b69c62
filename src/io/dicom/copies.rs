//! Which files are copies of one another. One SOP Instance UID should mean one object (PS3.3
//! C.12.1); where files that share it differ in place or pixels, the identifier lies and all are
//! kept.

use super::file::parse;
use super::layout::Layout;
use super::listing::Scanned;
use super::origin::Origin;
use super::pixels::Frames;
use super::stack::same_directions;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// What is to be done with files that share an identifier.
pub(super) struct Copies {
    /// Files that repeat an earlier one.
    pub(super) repeated: Vec<bool>,
    /// Files that share the identifier of a different one.
    pub(super) different: usize,
}

impl Copies {
    pub(super) fn among(files: &[Scanned]) -> Self {
        let mut named: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, file) in files.iter().enumerate().filter(|(_, f)| !f.instance.is_empty()) {
            named.entry(&file.instance).or_default().push(i);
        }
        let mut found = Self { repeated: vec![false; files.len()], different: 0 };
        let shared: Vec<Vec<usize>> = named.into_values().filter(|v| v.len() > 1).collect();
        let kept: Vec<Vec<usize>> = shared.par_iter().map(|v| distinct(files, v)).collect();
        for (all, kept) in shared.iter().zip(kept) {
            if kept.len() > 1 {
                found.different += kept.len();
            }
            for i in all.iter().filter(|i| !kept.contains(i)) {
                found.repeated[*i] = true;
            }
        }
        found
    }
}

/// Of files with one identifier the first of each picture.
fn distinct(files: &[Scanned], shared: &[usize]) -> Vec<usize> {
    let mut kept: Vec<(usize, Option<[u8; 32]>)> = Vec::new();
    for &i in shared {
        let Some(file) = files.get(i) else { continue };
        let beside: Vec<usize> = (0..kept.len())
            .filter(|&k| files.get(kept[k].0).is_some_and(|f| same_place(f, file)))
            .collect();
        if beside.is_empty() {
            kept.push((i, None));
            continue;
        }
        // Pixels are read where nothing else tells.
        let own = fingerprint(&file.origin);
        let repeats = beside.iter().any(|&k| {
            let (j, known) = &mut kept[k];
            let other = known.or_else(|| fingerprint(&files.get(*j)?.origin));
            *known = other;
            own.is_none() || own == other
        });
        if !repeats {
            kept.push((i, own));
        }
    }
    kept.into_iter().map(|(i, _)| i).collect()
}

/// Whether two files hold pictures of the same place and moment, as far as their headers say.
fn same_place(a: &Scanned, b: &Scanned) -> bool {
    let (Ok(a), Ok(b)) = (&a.picture, &b.picture) else {
        return a.picture.is_err() && b.picture.is_err();
    };
    let near = |p: [f64; 3], q: [f64; 3]| (0..3).all(|k| (p[k] - q[k]).abs() < 1e-6);
    a.layout.rows == b.layout.rows
        && a.layout.columns == b.layout.columns
        && a.planes.len() == b.planes.len()
        && a.planes.iter().zip(&b.planes).all(|(p, q)| {
            let place = match (p.position, q.position) {
                (Some(p), Some(q)) => near(p, q),
                (None, None) => true,
                _ => false,
            };
            let directions = match (p.orientation, q.orientation) {
                (Some(p), Some(q)) => same_directions(&p, &q),
                (None, None) => true,
                _ => false,
            };
            place && directions
        })
}

/// SHA-256 of the decoded pixels of the first, middle and last frame; `None` if there are none that
/// can be read.
fn fingerprint(origin: &Origin) -> Option<[u8; 32]> {
    let file = parse(origin.bytes(true).ok()?, true).ok()?;
    let layout = Layout::of(&file.object, &mut Vec::new()).ok()?;
    let frames = Frames::of(&file, layout, &mut Vec::new()).ok()?;
    let last = frames.count.checked_sub(1)?;
    let mut hash = Sha256::new();
    for frame in [0, last / 2, last] {
        let voxels = frames.decode(frame).ok()?;
        for i in 0..voxels.len() {
            for channel in 0..voxels.channels() {
                hash.update(voxels.stored(i, channel).to_le_bytes());
            }
        }
    }
    Some(hash.finalize().into())
}
