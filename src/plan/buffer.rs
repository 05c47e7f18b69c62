//! What an operation reads and writes, and what it costs.

/// A buffer of a plan; in a finished plan, the memory that several may share in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Buffer(pub usize);

/// What an operation costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Floating-point operations (2 × multiply-adds).
    pub flop: f64,
    /// Values read and written once each, weights included, in bytes.
    pub bytes: f64,
}
