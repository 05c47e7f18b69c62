//! Which fragments of compressed pixel data make a frame (PS3.5 A.4).

use super::bytes::{Bytes, Window};
use crate::io::error::Refusal;
use crate::volume::Notice;
use std::ops::Range;

/// The byte ranges that make each frame; fewer frames than declared if the file was cut off.
pub(super) fn frames(
    data: &Bytes,
    offset_table: &Range<usize>,
    fragments: &[Range<usize>],
    declared: usize,
    notices: &mut Vec<Notice>,
) -> Result<Vec<Vec<Range<usize>>>, Refusal> {
    if fragments.is_empty() {
        return Err(Refusal::damaged("the compressed pixel data hold no fragment"));
    }
    if declared == 1 {
        return Ok(vec![fragments.to_vec()]);
    }
    let single = |f: &[Range<usize>]| f.iter().map(|r| vec![r.clone()]).collect();
    if fragments.len() == declared {
        return Ok(single(fragments));
    }
    let first = fragments.first().map_or(0, |r| r.start.saturating_sub(8));
    let table = data.read(offset_table.clone()).unwrap_or_default();
    let table: Vec<usize> = table
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| first.saturating_add(u32::from_le_bytes(*b) as usize + 8))
        .collect();
    let starts_frame = |start: usize| table.binary_search(&start).is_ok();
    if table.len() == declared
        && table.is_sorted_by(|a, b| a < b)
        && table.iter().all(|t| fragments.binary_search_by_key(t, |f| f.start).is_ok())
    {
        return Ok(grouped(fragments, |f| starts_frame(f.start)));
    }
    // No usable table: frames begin where a code stream does.
    let mut window = Window::default();
    let by_marker = grouped(fragments, |f| {
        matches!(data.array::<2>(f.start, &mut window), Some([0xff, 0xd8 | 0x4f]))
    });
    if by_marker.len() == declared {
        notices.push(Notice::amber(
            "the table of frames is missing or wrong; frames were found by their markers",
        ));
        return Ok(by_marker);
    }
    if fragments.len() < declared {
        return Ok(single(fragments));
    }
    Err(Refusal::damaged(format!(
        "{} fragments cannot be shared out among {declared} frames",
        fragments.len()
    )))
}

fn grouped(
    fragments: &[Range<usize>],
    mut starts: impl FnMut(&Range<usize>) -> bool,
) -> Vec<Vec<Range<usize>>> {
    let mut out: Vec<Vec<Range<usize>>> = Vec::new();
    for f in fragments {
        match out.last_mut() {
            Some(frame) if !starts(f) => frame.push(f.clone()),
            _ => out.push(vec![f.clone()]),
        }
    }
    out
}
