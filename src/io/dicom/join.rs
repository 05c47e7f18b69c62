//! Stacks that their identifiers tear apart: slices of one scan of which each has a series, or a
//! frame of reference, of its own. They are joined where study, kind of picture, direction, spacing
//! and size agree and the positions form a stack; their parts can still be opened alone.

use super::group::{Group, stacks};
use super::listing::Scanned;
use super::plane::{B_VALUE, ECHO, Plane, cross, dot, length};
use crate::volume::Notice;
use std::collections::BTreeMap;

/// Series of one slice are joined from so many on: two are often views to plan by.
const FEWEST: usize = 3;
/// A gap more times as wide as the median ends a stack.
const WIDEST: f64 = 10.0;

/// Groups with the joined ones before their parts.
pub(super) fn join(groups: Vec<Group>, files: &[Scanned]) -> Vec<Group> {
    let mut alike: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
    for (i, group) in groups.iter().enumerate() {
        if let Some(key) = key(group, files) {
            alike.entry(key).or_default().push(i);
        }
    }
    let mut sets: Vec<(Vec<usize>, Group)> = Vec::new();
    for members in alike.into_values() {
        for set in directions(&groups, members) {
            sets.extend(joined(&groups, files, set));
        }
    }
    if sets.is_empty() {
        return groups;
    }
    let part: Vec<bool> =
        (0..groups.len()).map(|i| sets.iter().any(|(set, _)| set.contains(&i))).collect();
    let mut parts = Vec::new();
    let mut out: Vec<Group> = sets.into_iter().map(|(_, group)| group).collect();
    for (mut group, part) in groups.into_iter().zip(part) {
        group.part = part;
        if part { parts.push(group) } else { out.push(group) }
    }
    out.extend(parts);
    out
}

/// What must agree; `None` for what lies nowhere or is several frames of one file.
fn key(group: &Group, files: &[Scanned]) -> Option<Vec<String>> {
    let first = group.planes.first()?;
    let file = files.get(first.file)?;
    let layout = &file.picture.as_ref().ok()?.layout;
    let placed = group.planes.iter().all(|p| p.position.is_some() && p.orientation.is_some());
    let one_a_file = group.planes.windows(2).all(|w| w[0].file != w[1].file) && layout.frames == 1;
    (placed && one_a_file && !file.study.is_empty()).then(|| {
        let size = format!("{}x{}x{}", layout.columns, layout.rows, layout.samples);
        let bits = format!("{} {}", layout.allocated, layout.signed);
        let order = format!("{} {}", first.order[ECHO], first.order[B_VALUE]);
        let text = [&file.study, &file.kind, &file.modality].map(Clone::clone);
        let description = file.description().to_owned();
        text.into_iter().chain([description, size, bits, order]).collect()
    })
}

/// Split into sets that lie in one direction with one spacing.
fn directions(groups: &[Group], members: Vec<usize>) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> = Vec::new();
    let first = |i: usize| groups[i].planes.first();
    for i in members {
        let fits =
            |set: &&mut Vec<usize>| first(set[0]).zip(first(i)).is_some_and(|(a, b)| stacks(a, b));
        match sets.iter_mut().find(fits) {
            Some(set) => set.push(i),
            None => sets.push(vec![i]),
        }
    }
    sets
}

/// The set as one group, if that is what it is.
fn joined(groups: &[Group], files: &[Scanned], set: Vec<usize>) -> Option<(Vec<usize>, Group)> {
    let series = |i: usize| {
        let file = groups[i].planes.first().and_then(|p| files.get(p.file));
        file.map(|f| f.series.as_str()).unwrap_or_default()
    };
    let one_series = set.iter().all(|&i| series(i) == series(set[0]));
    let single = set.iter().all(|&i| groups[i].planes.len() == 1);
    if set.len() < 2 || !(one_series || (single && set.len() >= FEWEST)) {
        return None;
    }
    let parts: Vec<&Group> = set.iter().map(|&i| &groups[i]).collect();
    let planes: Vec<&Plane> = parts.iter().flat_map(|g| &g.planes).collect();
    if !is_stack(&planes) {
        return None;
    }
    let what = if one_series { "frames of reference" } else { "series" };
    let notice = Notice::amber(format!(
        "the files have {} {what} of their own and form one stack of {} slices: they are joined; \
         choose one of the parts to see it alone",
        set.len(),
        planes.len()
    ));
    let mut group = Group::joined(parts);
    group.notices.push(notice);
    Some((set, group))
}

/// Positions one behind another on one line, none twice, without a wide gap.
fn is_stack(planes: &[&Plane]) -> bool {
    let Some([x, y]) = planes.first().and_then(|p| p.orientation) else { return false };
    let normal = cross(x, y);
    let mut places: Vec<(f64, [f64; 3])> =
        planes.iter().filter_map(|p| p.position.map(|v| (dot(v, normal), v))).collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut gaps: Vec<f64> = places.windows(2).map(|w| w[1].0 - w[0].0).collect();
    gaps.sort_by(f64::total_cmp);
    let (Some(&least), Some(&median), Some(&most)) =
        (gaps.first(), gaps.get(gaps.len() / 2), gaps.last())
    else {
        return false;
    };
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return false };
    let pixel = planes.first().and_then(|p| p.spacing).map_or(1.0, |s| s[0].min(s[1]));
    let on_line = places.iter().all(|(d, p)| {
        let share = (d - first.0) / (last.0 - first.0);
        let off: [f64; 3] =
            std::array::from_fn(|k| p[k] - (first.1[k] + share * (last.1[k] - first.1[k])));
        length(off) <= pixel.max(0.02 * median)
    });
    least > 0.02 * median && most <= WIDEST * median && on_line
}
