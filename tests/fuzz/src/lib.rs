//! The rooms that read files, and what the fuzz targets share. Every input takes the way of a file
//! that a person opens: it is written to memory-backed storage, then given to the same functions as
//! in the application.
//!
//! The rooms are taken by their paths, not from the `sfumato` crate: its window would be nine tenths
//! of the instrumented build.

#[path = "../../hostile/counting.rs"]
mod counting;
#[cfg(feature = "models")]
#[path = "../../../src/diffusion/mod.rs"]
pub mod diffusion;
#[path = "../../../src/io/mod.rs"]
pub mod io;
#[cfg(feature = "models")]
#[path = "../../../src/models/mod.rs"]
pub mod models;
#[cfg(feature = "models")]
#[path = "../../../src/nn/mod.rs"]
pub mod nn;
#[path = "../../../src/volume/mod.rs"]
pub mod volume;

use counting::{Counting, peak_of};
use io::{IoError, open};
use std::path::{Path, PathBuf};
use volume::Volume;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that reading may take beyond one and a half times the decoded image.
const ALLOWANCE: usize = 300_000_000;

/// The input as a file called `name` in a folder of this process, replaced by the next input.
pub fn as_file(name: &str, bytes: &[u8]) -> PathBuf {
    let root = ["/dev/shm", "/tmp"].into_iter().find(|p| Path::new(p).is_dir()).expect("storage");
    let folder = Path::new(root).join(format!("sfumato-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

/// Opens the input as the application does.
pub fn opened(path: &Path) -> Option<Volume> {
    let (result, peak) = peak_of(|| open(path));
    let decoded = result.as_ref().map_or(0, |v| v.voxels().bytes());
    assert!(peak <= ALLOWANCE + decoded / 2 * 3, "{peak} bytes for an image of {decoded}");
    check(result)
}

/// What `f` gives, if it needed no more memory than is allowed beyond `need`.
pub fn bounded<T>(need: usize, f: impl FnOnce() -> T) -> T {
    let (result, peak) = peak_of(f);
    assert!(peak <= ALLOWANCE + need, "{peak} bytes where {need} are needed");
    result
}

/// A refusal must be one line that says something.
pub fn check<T>(result: Result<T, IoError>) -> Option<T> {
    result.map_err(|e| check_line(&e.to_string())).ok()
}

pub fn check_line(text: &str) {
    assert!(text.len() > 20 && !text.contains(char::is_control), "{text:?}");
}
