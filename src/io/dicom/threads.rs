//! The threads that files are parsed and decoded on.

use crate::io::error::Refusal;
use std::sync::OnceLock;

/// dicom-rs parses recursively; the prescan admits a depth that fits in this.
const STACK: usize = 16 << 20;

/// The threads that read, with stacks large enough for nested headers.
fn pool() -> Result<&'static rayon::ThreadPool, Refusal> {
    static POOL: OnceLock<Result<rayon::ThreadPool, String>> = OnceLock::new();
    POOL.get_or_init(|| {
        rayon::ThreadPoolBuilder::new()
            .thread_name(|i| format!("dicom-reader-{i}"))
            .stack_size(STACK)
            .build()
            .map_err(|e| e.to_string())
    })
    .as_ref()
    .map_err(|e| Refusal::Read(std::io::Error::other(e.clone())))
}

/// Runs on the reading threads; a decoder that panics is an error of the file.
pub(super) fn on_threads<T: Send>(
    work: impl FnOnce() -> Result<T, Refusal> + Send,
) -> Result<T, Refusal> {
    let pool = pool()?;
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("dicom".into())
            .spawn_scoped(scope, || pool.install(work))?
            .join()
            .unwrap_or_else(|_| Err(Refusal::damaged("a decoder gave up on this file")))
    })
}
