//! The other files of a series that lie beside one of them.

use super::element::text;
use super::file::parse;
use super::origin::Origin;
use super::threads::on_threads;
use crate::io::error::{IoError, Refusal};
use crate::io::limits::FOLDER_FILES;
use crate::io::watch::Watch;
use dicom::dictionary_std::tags;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// How many files in the folder of `file`, itself among them, are pictures of the series. Folders
/// inside are not searched.
///
/// # Errors
/// If the folder cannot be read, or the watch cancels.
pub fn files_of_series(file: &Path, uid: &str, watch: Watch<'_>) -> Result<usize, IoError> {
    count(file, uid, &watch).map_err(|e| IoError::new(e, file))
}

fn count(file: &Path, uid: &str, watch: &Watch<'_>) -> Result<usize, Refusal> {
    if uid.is_empty() {
        return Ok(0);
    }
    let folder = match file.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .take(FOLDER_FILES)
        .flatten()
        .filter(|e| e.file_type().is_ok_and(|t| t.is_file()))
        .map(|e| e.path())
        .collect();
    on_threads(|| {
        paths
            .into_par_iter()
            .map(|path| {
                watch.check()?;
                Ok(usize::from(belongs(path, uid)))
            })
            .sum()
    })
}

/// Most files of a folder are told by their first bytes; only those that hold the UID are parsed,
/// which may be that of another series they refer to.
fn belongs(path: PathBuf, uid: &str) -> bool {
    let Some(Ok(bytes)) = Origin::Disk(path).dicom_header() else { return false };
    let head = bytes.head();
    let cut = head.len() < bytes.len();
    let holds = head.windows(uid.len()).any(|w| w == uid.as_bytes());
    if !holds && !cut {
        return false;
    }
    parse(bytes, false).is_ok_and(|f| {
        f.pixels.is_some() && text(&f.object, tags::SERIES_INSTANCE_UID).as_deref() == Some(uid)
    })
}
