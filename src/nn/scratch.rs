//! Memory that a kernel writes to and forgets, one piece per thread, kept from call to call: a step of
//! a recorded plan allocates nothing.

use super::element::Real;
use std::cell::Cell;

type Line = [u64; 8];

thread_local! {
    static ROOM: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Calls `f` with room for `elements` numbers, of any values. A call from within `f` gets another
/// piece.
pub(super) fn with<T: Real, R>(elements: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    let lines = (elements * size_of::<T>()).div_ceil(size_of::<Line>());
    let mut room = ROOM.take();
    if room.len() < lines {
        room.resize(lines, Line::default());
    }
    // SAFETY: the lines are initialised, large enough, better aligned, and any bits are a number.
    let piece = unsafe { std::slice::from_raw_parts_mut(room.as_mut_ptr().cast(), elements) };
    let result = f(piece);
    // Of two pieces the larger one is kept.
    let other = ROOM.take();
    ROOM.set(if other.len() > room.len() { other } else { room });
    result
}

/// The same for operations of a plan.
pub(crate) fn with_room<R>(elements: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    with(elements, f)
}
