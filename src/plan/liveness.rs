//! Which buffers share memory: one whose last reader is past gives its memory to the next that fits.

use super::op::{Buffer, Op};

/// Memory for buffers.
pub(super) struct Assignment {
    /// Values of each piece of memory.
    pub(super) slots: Vec<usize>,
    /// The piece of each buffer.
    pub(super) slot: Vec<usize>,
}

/// Of buffers of these lengths; those that are `kept` have memory of their own.
pub(super) fn assign(ops: &mut [Op], lengths: &[usize], kept: &[bool]) -> Assignment {
    let mut last = vec![0; lengths.len()];
    for (i, op) in ops.iter_mut().enumerate() {
        op.each_buffer(|b, _| last[b.0] = i);
    }
    let (mut slots, mut slot) = (Vec::new(), vec![usize::MAX; lengths.len()]);
    for (b, &length) in lengths.iter().enumerate().filter(|(b, _)| kept[*b]) {
        slot[b] = slots.len();
        slots.push(length);
    }
    let mut free: Vec<usize> = Vec::new();
    for (i, op) in ops.iter_mut().enumerate() {
        let mut used: Vec<(usize, bool)> = Vec::new();
        op.each_buffer(|&mut Buffer(b), _| {
            if slot[b] == usize::MAX {
                slot[b] = take(&mut free, &mut slots, lengths[b]);
            }
            used.push((b, last[b] == i && !kept[b]));
        });
        // Only now: an operation's output is none of its inputs.
        for (b, _) in used.iter().filter(|(_, over)| *over) {
            if !free.contains(&slot[*b]) {
                free.push(slot[*b]);
            }
        }
    }
    Assignment { slots, slot }
}

/// The free piece that fits best, or the largest, made larger, or a new one.
fn take(free: &mut Vec<usize>, slots: &mut Vec<usize>, length: usize) -> usize {
    let fits = free.iter().copied().filter(|&s| slots[s] >= length).min_by_key(|&s| slots[s]);
    match fits.or_else(|| free.iter().copied().max_by_key(|&s| slots[s])) {
        Some(found) => {
            free.retain(|&s| s != found);
            slots[found] = slots[found].max(length);
            found
        }
        None => {
            slots.push(length);
            slots.len() - 1
        }
    }
}
