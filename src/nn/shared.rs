//! An output that several tasks write at once.

/// A pointer into an output of which each task writes its own part.
pub(super) struct Shared<T>(pub(super) *mut T);
// SAFETY: every task writes a disjoint range, see the uses.
unsafe impl<T> Sync for Shared<T> {}
impl<T> Shared<T> {
    pub(super) fn at(&self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
}
