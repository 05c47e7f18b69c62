//! Values that stay where a plan runs.

use std::any::Any;
use std::sync::Arc;

/// A copy of a buffer's values as they were at one moment, on the processor that made it. Only the room of that
/// processor can open it; it is freed with its last owner.
#[derive(Clone)]
pub struct Kept {
    values: Arc<dyn Any + Send + Sync>,
    len: usize,
}

impl Kept {
    pub fn new<T: Any + Send + Sync>(values: T, len: usize) -> Self {
        Self { values: Arc::new(values), len }
    }

    /// As what its room made it.
    pub fn open<T: Any>(&self) -> Option<&T> {
        self.values.downcast_ref()
    }

    /// How many values.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("len", &self.len).finish_non_exhaustive()
    }
}
