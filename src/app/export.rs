//! Writing a result to a folder, off the interface thread.

use super::ExportOptions;
use crate::inference::Outcome;
use std::path::{Path, PathBuf};

/// Writes an outcome into a folder and returns the files. One line on failure.
pub type Exporter = fn(&Path, &Outcome, &ExportOptions) -> Result<Vec<PathBuf>, String>;

/// A path as a person types it: surrounding blanks and quotes go, `~` is the home folder.
pub fn typed_path(text: &str) -> Option<PathBuf> {
    let text = text.trim().trim_matches(['"', '\'']);
    if text.is_empty() {
        return None;
    }
    if let Some(rest) = text.strip_prefix("~/")
        && let Some(dirs) = directories::BaseDirs::new()
    {
        return Some(dirs.home_dir().join(rest));
    }
    Some(PathBuf::from(text.strip_prefix("file://").unwrap_or(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_paths_lose_blanks_and_quotes() {
        assert_eq!(typed_path("  '/a b/c.nii' "), Some(PathBuf::from("/a b/c.nii")));
        assert_eq!(typed_path("file:///a"), Some(PathBuf::from("/a")));
        assert_eq!(typed_path("   "), None);
    }
}
