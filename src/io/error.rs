//! Why a file was refused, in one line without text from the file that could break it; path last.

use std::path::{Path, PathBuf};

/// Why bytes were refused; the file they came from is added in [`IoError`].
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("cannot be read ({0})")]
    Read(#[from] std::io::Error),
    /// The content contradicts itself or ends too early.
    #[error("damaged: {0}")]
    Damaged(String),
    /// Sound as far as known, but not something that is read here.
    #[error("not supported: {0}")]
    Unsupported(String),
    #[error("too large: {what} needs {needs}, limit {limit}")]
    Limit { what: String, needs: String, limit: String },
    #[error("{0}")]
    Choose(String),
    #[error("the reading was cancelled")]
    Cancelled,
}

impl Refusal {
    pub(super) fn damaged(text: impl AsRef<str>) -> Self {
        Self::Damaged(one_line(text.as_ref()))
    }

    pub(super) fn unsupported(text: impl AsRef<str>) -> Self {
        Self::Unsupported(one_line(text.as_ref()))
    }

    pub(super) fn limit(what: &str, needs: u64, limit: u64) -> Self {
        Self::Limit { what: what.into(), needs: bytes_text(needs), limit: bytes_text(limit) }
    }
}

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    #[error("{why}: {}", shown(path))]
    Refused { why: Refusal, path: PathBuf },
    #[error("{what} could not be written ({source}): {}", shown(path))]
    Write { what: &'static str, source: std::io::Error, path: PathBuf },
    #[error("already exists and overwriting was not asked for: {}", shown(path))]
    Exists { path: PathBuf },
    /// Somebody else is making the same set of files.
    #[error(
        "another run is writing these files; wait for its end or choose another folder: {}",
        shown(path)
    )]
    Busy { path: PathBuf },
    #[error("cannot be written: {why}: {}", shown(path))]
    Invalid { why: String, path: PathBuf },
}

impl IoError {
    /// Whether somebody wanted the reading to stop.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Refused { why: Refusal::Cancelled, .. })
    }

    pub(super) fn new(why: Refusal, path: &Path) -> Self {
        Self::Refused { why, path: path.into() }
    }
}

/// A path on one line, as the person knows it: a file of a set is made in a hidden folder beside its
/// place, which is nobody's business.
fn shown(path: &Path) -> String {
    let own = path.iter().filter(|part| !super::leftover::is_ours(part));
    one_line(&own.collect::<PathBuf>().display().to_string())
}

/// Control characters (line breaks, escapes, right-to-left marks) replaced, at most 300 characters.
pub(super) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(300));
    for c in text.chars().take(300) {
        let hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        out.push(if hidden { ' ' } else { c });
    }
    out
}

/// The texts of an error and of what caused it.
pub(super) fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(c) = cause {
        let next = c.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = c.source();
    }
    one_line(&text)
}

/// `9.1 GB`, `352 bytes`.
pub(super) fn bytes_text(n: u64) -> String {
    match n {
        0..10_000 => format!("{n} bytes"),
        10_000..10_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_on_one_line() {
        let e =
            IoError::new(Refusal::damaged("a\nb\u{1b}[31m\u{202e}c"), Path::new("odd\nname.dcm"));
        let text = e.to_string();
        assert_eq!(text, "damaged: a b [31m c: odd name.dcm");
    }

    #[test]
    fn a_path_is_the_one_that_was_asked_for() {
        let hidden = Path::new("out/sfumato_0123456789abcdef.set/mask.nii.gz");
        let name = hidden.parent().and_then(Path::file_name).expect("a name");
        let text = IoError::Exists { path: hidden.into() }.to_string();
        assert_eq!(super::super::leftover::is_ours(name), !text.contains("sfumato_"), "{text}");
        assert!(text.ends_with("mask.nii.gz"), "{text}");
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(bytes_text(352), "352 bytes");
        assert_eq!(bytes_text(9_100_000_000_000), "9100.0 GB");
    }
}
