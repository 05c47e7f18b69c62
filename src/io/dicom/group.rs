//! Which frames of which files make one volume: same series, kind of object, layout, frame of
//! reference, orientation and spacing; and, where several lie at one place, same kind of picture.

use super::layout::Photometric;
use super::place::Places;
use super::plane::{ACQUISITION, B_VALUE, ECHO, Plane, TIME, TRIGGER};
use super::scanned::Scanned;
use super::stack::same_directions;
use crate::volume::Notice;
use std::collections::{BTreeMap, HashMap};

/// A slice is looked for a place in so many stacks of its series.
const MOST_DIRECTIONS: usize = 512;

/// The frames of one volume. `planes[..].file` counts in the list of files.
#[derive(Clone, Default)]
pub(super) struct Group {
    pub(super) planes: Vec<Plane>,
    /// What is to be said when it is opened.
    pub(super) notices: Vec<Notice>,
    /// Files without a picture.
    pub(super) others: Vec<usize>,
}

impl Group {
    /// Its files, each once, in order.
    pub(super) fn files(&self) -> Vec<usize> {
        let mut files: Vec<usize> = self.planes.iter().map(|p| p.file).collect();
        files.extend(&self.others);
        files.sort_unstable();
        files.dedup();
        files
    }

    pub(super) fn joined(groups: &[Self]) -> Self {
        let mut planes: Vec<Plane> = groups.iter().flat_map(|g| g.planes.clone()).collect();
        planes.sort_by_key(|p| (p.file, p.frame, p.tile));
        Self { planes, ..Self::default() }
    }
}

/// What must be alike in all files of a volume.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    series: String,
    kind: String,
    frame: String,
    layout: Option<(usize, usize, usize, u32, bool, Photometric)>,
    /// An object that is joined with no other.
    alone: Option<usize>,
}

/// Takes the planes out of the files and groups them, in a fixed order.
pub(super) fn groups(files: &mut [Scanned]) -> Vec<Group> {
    let mut buckets: HashMap<Key, Vec<Group>> = HashMap::new();
    for (i, file) in files.iter_mut().enumerate() {
        let (mut layout, mut alone) = (None, file.series.is_empty().then_some(i));
        let mut planes = Vec::new();
        if let Ok(picture) = &mut file.picture {
            let l = &picture.layout;
            layout = Some((l.rows, l.columns, l.samples, l.allocated, l.signed, l.photometric));
            planes = std::mem::take(&mut picture.planes);
            let placed = planes.iter().all(|p| p.position.is_some() && p.orientation.is_some());
            if picture.facts.clip || (picture.layout.frames > 1 && !placed) {
                alone = Some(i);
            }
        }
        let key = Key {
            series: file.series.clone(),
            kind: file.kind.clone(),
            frame: file.frame.clone(),
            layout,
            alone,
        };
        let bucket = buckets.entry(key).or_default();
        if planes.is_empty() {
            match bucket.first_mut() {
                Some(group) => group.others.push(i),
                None => bucket.push(Group { planes, others: vec![i], ..Group::default() }),
            }
            continue;
        }
        for mut plane in planes {
            plane.file = i;
            // The latest stack is the likeliest; a slice in every direction would take for ever.
            match bucket
                .iter_mut()
                .rev()
                .take(MOST_DIRECTIONS)
                .find(|g| g.planes.first().is_some_and(|p| stacks(p, &plane)))
            {
                Some(group) => group.planes.push(plane),
                None => bucket.push(Group { planes: vec![plane], ..Group::default() }),
            }
        }
    }
    let mut out: Vec<Group> = Vec::new();
    for group in buckets.into_values().flatten() {
        let others = group.others;
        let parts = split(group.planes);
        if parts.is_empty() {
            out.push(Group { others, ..Group::default() });
        } else {
            out.extend(parts.into_iter().map(|planes| Group { planes, ..Group::default() }));
        }
    }
    out.sort_by_cached_key(|g| {
        let first = g.planes.iter().map(|p| (p.file, p.frame, p.tile)).min();
        let file = first.map(|f| f.0).or_else(|| g.others.first().copied()).unwrap_or_default();
        let scanned = files.get(file);
        (scanned.map(|f| (f.number, f.series.clone())), file, first)
    });
    out
}

pub(super) fn stacks(a: &Plane, b: &Plane) -> bool {
    let directions = match (a.orientation, b.orientation) {
        (Some(o), Some(r)) => same_directions(&o, &r),
        (None, None) => true,
        _ => false,
    };
    let spacing = match (a.spacing, b.spacing) {
        (Some(s), Some(t)) => (0..2).all(|i| (s[i] / t[i] - 1.0).abs() < 1e-3),
        (None, None) => true,
        _ => false,
    };
    directions && spacing && a.position.is_some() == b.position.is_some()
}

/// Frames at the same places, one list of indices for each place.
pub(super) fn places(planes: &[Plane]) -> Option<Vec<Vec<usize>>> {
    Some(Places::of(planes)?.iter().map(<[usize]>::to_vec).collect())
}

fn most_at_one_place(planes: &[Plane]) -> usize {
    places(planes).map_or(1, |p| p.iter().map(Vec::len).max().unwrap_or(1))
}

/// Splits frames that lie at the same places by what tells them apart: the kind of picture and the
/// echo always (they are different pictures), time, b-value and acquisition only where not every
/// place has all of them (else they make the fourth dimension).
pub(super) fn split(planes: Vec<Plane>) -> Vec<Vec<Plane>> {
    if planes.is_empty() {
        return Vec::new();
    }
    let Some(at) = places(&planes).filter(|p| p.iter().any(|place| place.len() > 1)) else {
        return vec![planes];
    };
    let differs = |same: &dyn Fn(&Plane, &Plane) -> bool| {
        at.iter().any(|place| {
            place.windows(2).any(|w| match w {
                &[a, b] => !same(&planes[a], &planes[b]),
                _ => false,
            })
        })
    };
    if differs(&|a, b| a.kind == b.kind) {
        return parts(planes, |p| p.kind.clone()).into_iter().flat_map(split).collect();
    }
    if differs(&|a, b| a.order[ECHO] == b.order[ECHO]) {
        return parts(planes, |p| p.order[ECHO].to_bits()).into_iter().flat_map(split).collect();
    }
    let most = at.iter().map(Vec::len).max().unwrap_or(1);
    if at.iter().all(|place| place.len() == most) {
        return vec![planes];
    }
    for key in [TIME, TRIGGER, B_VALUE, ACQUISITION] {
        let keyed = parts(planes.clone(), |p| p.order[key].to_bits());
        if keyed.len() == most && keyed.iter().all(|p| most_at_one_place(p) == 1) {
            return keyed;
        }
    }
    vec![planes]
}

/// By key, in the order of first appearance.
fn parts<K: Ord>(planes: Vec<Plane>, key: impl Fn(&Plane) -> K) -> Vec<Vec<Plane>> {
    let (mut index, mut out): (BTreeMap<K, usize>, Vec<Vec<Plane>>) = Default::default();
    for plane in planes {
        let i = *index.entry(key(&plane)).or_insert(out.len());
        if i == out.len() {
            out.push(Vec::new());
        }
        if let Some(part) = out.get_mut(i) {
            part.push(plane);
        }
    }
    out
}
