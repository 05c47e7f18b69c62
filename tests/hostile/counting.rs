//! Counts work instead of time, which depends on the machine: the bytes that are allocated, over all
//! threads, how often, and the most that there were at once; and the bytes that are read.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static TOTAL: AtomicUsize = AtomicUsize::new(0);
static TIMES: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(live, Relaxed);
    TOTAL.fetch_add(bytes, Relaxed);
    TIMES.fetch_add(1, Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both blocks live for a moment, as they do when the system moves them.
        grow(size);
        // SAFETY: as the caller promises.
        let new = unsafe { System.realloc(place, layout, size) };
        LIVE.fetch_sub(layout.size(), Relaxed);
        new
    }
}

/// What something took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// The most bytes that were allocated at once, beyond those that were there before.
    pub peak: usize,
    /// Bytes that were allocated in all, and in how many pieces.
    pub allocated: usize,
    pub pieces: usize,
    /// Bytes that were read from files (on Linux).
    pub read: usize,
}

/// Bytes that this process has read so far.
fn bytes_read() -> usize {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("rchar: "));
    line.and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// What `f` gives and takes. One call at a time.
pub fn work_of<T>(f: impl FnOnce() -> T) -> (T, Work) {
    let (before, read) = (LIVE.load(Relaxed), bytes_read());
    let (total, times) = (TOTAL.load(Relaxed), TIMES.load(Relaxed));
    PEAK.store(before, Relaxed);
    let result = f();
    let work = Work {
        peak: PEAK.load(Relaxed).saturating_sub(before),
        allocated: TOTAL.load(Relaxed) - total,
        pieces: TIMES.load(Relaxed) - times,
        read: bytes_read().saturating_sub(read),
    };
    (result, work)
}
