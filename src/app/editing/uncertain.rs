//! The person decides in a region where the samples part (EDIT-15): what at least K of N include, or what one
//! sample says. Outside of the region nothing changes.

use crate::app::{Disputed, Findings, Operation};
use crate::edit::{Connectivity, Lattice, Selection, part_at};
use crate::volume::{Block, ClassKind};

/// A region of the list, or where some samples include a class and others do not.
fn region(findings: &Findings, class: usize, region: Disputed) -> Selection {
    match region {
        Disputed::At(at) => region_at(findings, class, at),
        Disputed::Ranked(rank) => {
            let block = block_of(findings);
            let Some(region) = findings.region((class, rank)) else { return Selection::none() };
            let mut inside = vec![false; block.len()];
            for &v in &region.voxels {
                if let Some(slot) = inside.get_mut(v as usize) {
                    *slot = true;
                }
            }
            Selection { block, inside }
        }
    }
}

/// The connected part with `at`, or the nearest to it.
fn region_at(findings: &Findings, class: usize, at: [usize; 3]) -> Selection {
    let count = findings.count(class);
    let n = findings.samples();
    let block = block_of(findings);
    if count.len() != block.len() {
        return Selection::none();
    }
    let inside = count.iter().map(|&k| k > 0 && usize::from(k) < n).collect();
    let all = Selection { block, inside };
    let apart = |v: &[usize; 3]| (0..3).map(|a| v[a].abs_diff(at[a]).pow(2)).sum::<usize>();
    // A click beside it is meant for it, if it is not far.
    let near = all.voxels().min_by_key(apart).filter(|v| apart(v) <= NEAR * NEAR);
    near.map_or_else(Selection::none, |v| part_at(&all, v, Connectivity::default()))
}

/// Voxels between the crosshair and the region that is meant.
const NEAR: usize = 3;

fn block_of(findings: &Findings) -> Block {
    let (roi, slices) = (findings.outcome.roi, &findings.outcome.slices);
    Block { origin: [roi.x, roi.y, slices.start], shape: [roi.width, roi.height, slices.len()] }
}

/// The block of the region and its labels afterwards.
///
/// # Errors
/// If the samples do not part there.
pub(super) fn taken(
    operation: &Operation,
    findings: &Findings,
    lattice: &Lattice,
    labels: &[u8],
) -> Result<(Block, Vec<u8>), String> {
    let (Operation::AtLeast { class, region: place, .. }
    | Operation::Member { class, region: place, .. }) = *operation
    else {
        return Err("this is not about samples".to_owned());
    };
    let region = region(findings, class, place);
    if region.is_empty() {
        return Err(
            "the samples agree here: put the crosshair where they part, on the uncertainty map"
                .to_owned(),
        );
    }
    let classes = &findings.outcome.model.classes;
    let member = match *operation {
        Operation::Member { member, .. } => {
            Some(findings.member_labels(member).ok_or("there is no such sample")?)
        }
        _ => None,
    };
    let kind = findings.outcome.model.kind;
    let label = |i: usize, now: u8| {
        if let Some(member) = &member {
            return member[i];
        }
        let Operation::AtLeast { samples, .. } = *operation else { return now };
        let own = classes[class].label;
        let inner = classes.iter().skip(class + 1).any(|c| c.label == now);
        let inside = usize::from(findings.count(class)[i]) >= samples;
        match (inside, kind) {
            // What lies further in is inside as well.
            (true, ClassKind::Regions) if inner => now,
            (true, _) => own,
            (false, ClassKind::Regions) if now == own || inner => {
                let half = findings.samples().div_ceil(2);
                let outer = |c: &usize| usize::from(findings.count(*c)[i]) >= half;
                (0..class).rev().find(outer).map_or(0, |c| classes[c].label)
            }
            (false, _) if now == own => 0,
            (false, _) => now,
        }
    };
    let block = region.block;
    let mut new = Vec::with_capacity(block.len());
    let all = Selection { block, inside: vec![true; block.len()] };
    for (i, v) in all.voxels().enumerate() {
        let now = labels[lattice.index(v)];
        new.push(if region.inside[i] { label(i, now) } else { now });
    }
    Ok((block, new))
}
