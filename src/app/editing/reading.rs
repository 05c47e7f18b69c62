//! Files of kept work on their way.

use super::work::Work;
use crate::app::task::Task;
use std::path::PathBuf;

/// What is being done with a file.
pub(super) enum Reading {
    Restore { path: PathBuf, keep: bool, task: Task<Box<Work>> },
    Save { path: PathBuf, task: Task<PathBuf> },
    Keep(Task<()>),
}
