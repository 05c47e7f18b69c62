//! Progress of reading, and how it is cancelled.

use super::Refusal;
use crate::volume::Volume;
use std::sync::atomic::{AtomicBool, Ordering};

/// What has been done so far. Reported from several threads, in no strict order.
#[derive(Debug)]
pub enum Progress {
    /// Files found so far in folders.
    Finding {
        files: usize,
    },
    /// Headers looked at.
    Scanning {
        files: usize,
        of: usize,
    },
    /// The middle slice, long before the rest: a volume of that one slice.
    Preview(Box<Volume>),
    Decoding {
        slices: usize,
        of: usize,
    },
}

/// Looks on while something is read. The default sees nothing and never cancels.
#[derive(Clone, Copy, Default)]
pub struct Watch<'a> {
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    /// Raised from another thread: reading ends with [`Refusal::Cancelled`] within a file or frame.
    pub cancel: Option<&'a AtomicBool>,
}

impl Watch<'_> {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.cancel.is_some_and(|c| c.load(Ordering::Relaxed)) {
            return Err(Refusal::Cancelled);
        }
        Ok(())
    }

    pub(super) fn report(&self, progress: impl FnOnce() -> Progress) {
        if let Some(f) = self.progress {
            f(progress());
        }
    }
}
