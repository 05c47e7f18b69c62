//! Where an image goes that is opened.

/// Where an image goes that is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Target {
    /// In place of the open one.
    #[default]
    Instead,
    /// Over the open one.
    Over,
    /// Beside the open one.
    Beside,
}
