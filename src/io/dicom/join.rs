//! One stack whose slices carry identifiers of their own: series, or frames of reference, that were
//! made anew for every file. They are joined where everything else says that they are one.

use super::group::{Group, places, split, stacks};
use super::plane::{INSTANCE, Plane, length};
use super::scanned::Scanned;
use super::stack::slots;
use crate::volume::Notice;
use std::collections::{BTreeMap, HashSet};

/// Fewer slices are no stack.
const FEWEST: usize = 3;
/// Series of different numbers are joined only if the slices lie closer than so many times the
/// distance that they declare: localisers lie farther apart.
const FAR: f64 = 2.5;

/// The groups with those joined that form one stack; nothing if none do.
pub(super) fn joined(groups: &[Group], files: &[Scanned]) -> Option<Vec<Group>> {
    let mut alike: BTreeMap<String, Vec<Vec<usize>>> = BTreeMap::new();
    for (i, group) in groups.iter().enumerate() {
        let Some((key, first)) = key(group, files).zip(group.planes.first()) else { continue };
        let stacked = alike.entry(key).or_default();
        let fits = |of: &&mut Vec<usize>| {
            let other = of.first().and_then(|&g| groups.get(g)?.planes.first());
            other.is_some_and(|p| stacks(p, first) && pictures(p) == pictures(first))
        };
        match stacked.iter_mut().find(fits) {
            Some(of) => of.push(i),
            None => stacked.push(vec![i]),
        }
    }
    let mut into: BTreeMap<usize, Vec<Group>> = BTreeMap::new();
    let mut gone = HashSet::new();
    for candidates in alike.values().flatten().flat_map(|of| in_one_space(of, groups, files)) {
        let (Some(&first), Some(group)) = (candidates.first(), join(&candidates, groups, files))
        else {
            continue;
        };
        gone.extend(candidates);
        into.insert(first, group);
    }
    (!gone.is_empty()).then(|| {
        let mut out = Vec::new();
        for (i, group) in groups.iter().enumerate() {
            if let Some(joined) = into.remove(&i) {
                out.extend(joined);
            } else if !gone.contains(&i) {
                out.push(group.clone());
            }
        }
        out
    })
}

/// The kind of picture in the three values that the standard sets (PS3.3 C.7.6.1.1.2); what makers
/// add to them differs from slice to slice.
fn pictures(p: &Plane) -> Vec<&str> {
    p.kind.split('\\').take(3).collect()
}

/// What must be alike besides the geometry; nothing for what is never joined.
fn key(group: &Group, files: &[Scanned]) -> Option<String> {
    let file = files.get(group.planes.first()?.file)?;
    let picture = file.picture.as_ref().ok()?;
    let l = &picture.layout;
    let single = l.frames == 1 && l.mosaic.is_none() && !file.series.is_empty();
    let placed = group.planes.iter().all(|p| p.position.is_some() && p.orientation.is_some());
    (single && placed).then(|| {
        format!(
            "{:?}",
            (
                (&file.study, &file.modality, &file.kind, &file.recipe),
                (l.rows, l.columns, l.samples, l.allocated, l.signed, l.photometric)
            )
        )
    })
}

/// Groups that share a frame of reference, or of which every file has one of its own.
fn in_one_space(of: &[usize], groups: &[Group], files: &[Scanned]) -> Vec<Vec<usize>> {
    let frame = |g: usize| {
        let file = groups.get(g).and_then(|g| files.get(g.planes.first()?.file));
        file.map_or("", |f| f.frame.as_str())
    };
    let mut by_frame: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for &g in of {
        by_frame.entry(frame(g)).or_default().push(g);
    }
    let slices: usize = of.iter().filter_map(|&g| groups.get(g)).map(|g| g.planes.len()).sum();
    if by_frame.len() == slices && slices >= FEWEST && !by_frame.contains_key("") {
        return vec![of.to_vec()];
    }
    by_frame.into_values().collect()
}

fn join(of: &[usize], groups: &[Group], files: &[Scanned]) -> Option<Vec<Group>> {
    let members: Vec<&Group> = of.iter().filter_map(|&g| groups.get(g)).collect();
    let planes: Vec<Plane> = members.iter().flat_map(|g| g.planes.clone()).collect();
    if members.len() < 2 || planes.len() < FEWEST {
        return None;
    }
    let file = |p: &Plane| files.get(p.file);
    let numbers: HashSet<Option<i64>> = planes.iter().map(|p| file(p)?.number).collect();
    let one_number = numbers.len() == 1;
    let single = members.iter().all(|g| g.planes.len() == 1);
    let instances: HashSet<u64> = planes.iter().map(|p| p.order[INSTANCE].to_bits()).collect();
    // A series that was merely cut in pieces counts its slices on.
    if !(single || one_number && instances.len() == planes.len()) {
        return None;
    }
    let at = places(&planes)?;
    let times = at.first()?.len();
    let even_times = at.iter().all(|p| p.len() == times);
    if at.len() < FEWEST || !even_times || (times > 1 && !(single && one_number)) {
        return None;
    }
    let centres: Vec<[f64; 3]> =
        at.iter().filter_map(|p| planes.get(*p.first()?)?.position).collect();
    let step = |a: &[f64; 3], b: &[f64; 3]| -> [f64; 3] { std::array::from_fn(|i| b[i] - a[i]) };
    let steps: Vec<[f64; 3]> =
        centres.windows(2).filter_map(|w| Some(step(w.first()?, w.last()?))).collect();
    let lengths: Vec<f64> = steps.iter().map(|s| length(*s)).collect();
    let mut sorted = lengths.clone();
    sorted.sort_by(f64::total_cmp);
    let median = *sorted.get(sorted.len() / 2)?;
    // All steps go the same way.
    let whole = step(centres.first()?, centres.last()?);
    let straight = steps.iter().zip(&lengths).all(|(s, n)| {
        let off: [f64; 3] = std::array::from_fn(|i| s[i] / n - whole[i] / length(whole));
        length(off) < 0.1
    });
    let even = slots(&lengths, median).is_some();
    let declared = planes.iter().filter_map(|p| p.step).fold(f64::INFINITY, f64::min);
    let most = planes.iter().filter_map(|p| p.step).fold(0.0, f64::max);
    let near = median <= FAR * declared && most <= 1.01 * declared;
    let scout = planes.first()?.kind.contains("LOCALIZER");
    if !straight || !(one_number && single || even && (one_number || near && !scout)) {
        return None;
    }
    let series: HashSet<&str> =
        planes.iter().filter_map(|p| Some(file(p)?.series.as_str())).collect();
    let said = if series.len() > 1 {
        format!(
            "identifiers are not unique: {} series of one study are shown as one, because their {} \
             slices form one stack; they can be opened separately",
            series.len(),
            planes.len()
        )
    } else {
        format!(
            "identifiers are not unique: every one of the {} slices names a frame of reference of \
             its own; they are shown as one stack, which their positions form; they can be opened \
             separately",
            planes.len()
        )
    };
    let mut planes = planes;
    planes.sort_by_key(|p| (p.file, p.frame));
    Some(
        split(planes)
            .into_iter()
            .map(|planes| Group {
                planes,
                notices: vec![Notice::amber(said.clone())],
                ..Group::default()
            })
            .collect(),
    )
}
