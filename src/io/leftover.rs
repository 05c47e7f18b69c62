//! Temporary names of ours, and what a process that was killed left under them: it is swept away at
//! the next write into the same folder. Whoever is still writing holds a lock on what it writes,
//! and a lock ends with its process.

use rand::Rng;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::path::Path;
use std::time::Duration;

/// The ending of a folder in which a set of files is made.
const SET: &str = "partial";
/// Where files cannot be locked: nobody writes on one file for so long.
const OLD: Duration = Duration::from_secs(24 * 3600);
/// A folder of more entries than this is not searched.
const MOST: usize = 20_000;

/// A name that nobody else has.
pub(super) fn temporary_name(ending: &str) -> String {
    let random: u64 = rand::rng().random();
    // No other dot: readers tell formats by endings.
    format!("sfumato_{random:016x}.{ending}")
}

/// The folder in which a set with this record is made: the same for all who want to make it.
pub(super) fn name_of_set(record: &OsStr) -> String {
    let hash = Sha256::digest(record.as_encoded_bytes());
    let digits: String = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("sfumato_{digits}.{SET}")
}

/// Whether a name is one that we give to what is not in its place yet.
pub(super) fn is_ours(name: &OsStr) -> bool {
    let Some(rest) = name.to_str().and_then(|n| n.strip_prefix("sfumato_")) else { return false };
    let Some((digits, ending)) = rest.split_once('.') else { return false };
    digits.len() == 16
        && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && ["tmp", "nii", "nii.gz", SET].contains(&ending)
}

/// Locks what was just made at `path` for as long as the handle (or a copy of it) lives. False if
/// it was swept away before that: then another name is needed.
#[cfg(unix)]
pub(super) fn claim(made: &File, path: &Path) -> std::io::Result<bool> {
    match made.lock() {
        Err(e) if e.kind() == std::io::ErrorKind::Unsupported => return Ok(true),
        other => other?,
    }
    is_at(made, path)
}

/// Whether the open file is what lies at `path` now.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let held = file.metadata()?;
    Ok(fs::symlink_metadata(path).is_ok_and(|m| (m.ino(), m.dev()) == (held.ino(), held.dev())))
}

/// Elsewhere a lock would keep its own process from writing: only age tells.
#[cfg(not(unix))]
pub(super) fn claim(_made: &File, _path: &Path) -> std::io::Result<bool> {
    Ok(true)
}

#[cfg(unix)]
fn is_abandoned(file: &File, path: &Path, about: &Metadata) -> bool {
    match file.try_lock() {
        // Its name may have passed to somebody else before it was locked.
        Ok(()) => is_at(file, path).unwrap_or(false),
        Err(fs::TryLockError::WouldBlock) => false,
        Err(fs::TryLockError::Error(_)) => is_old(about),
    }
}

#[cfg(not(unix))]
fn is_abandoned(_file: &File, _path: &Path, about: &Metadata) -> bool {
    is_old(about)
}

fn is_old(about: &Metadata) -> bool {
    about.modified().ok().and_then(|m| m.elapsed().ok()).is_some_and(|age| age > OLD)
}

/// Removes what dead processes left in a folder. Failures are no matter: it is only tidying.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.take(MOST).flatten().filter(|e| is_ours(&e.file_name())) {
        let path = entry.path();
        let Ok(about) = fs::symlink_metadata(&path) else { continue };
        if !(about.is_file() || about.is_dir()) {
            continue;
        }
        // The handle keeps the lock until the name is gone.
        let Ok(file) = File::open(&path) else { continue };
        if !is_abandoned(&file, &path, &about) {
            continue;
        }
        let gone = if about.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        if let Err(e) = gone {
            tracing::debug!("a file that an ended process left could not be removed: {e}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_count() {
        assert!(is_ours(OsStr::new(&temporary_name("nii.gz"))));
        assert!(is_ours(OsStr::new(&name_of_set(OsStr::new("result.json")))));
        for other in [
            "sfumato_results.tmp",
            "sfumato_0123456789abcdef",
            "sfumato_0123456789abcdef.json",
            "sfumato_0123456789ABCDEF.tmp",
            "0123456789abcdef.tmp",
            "mask.nii.gz",
        ] {
            assert!(!is_ours(OsStr::new(other)), "{other}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_somebody_still_writes_is_left_alone() {
        let dir = tempfile::tempdir().expect("temp dir");
        let at = |ending| dir.path().join(temporary_name(ending));
        let (dead, alive, dead_set, alive_set) = (at("tmp"), at("nii"), at(SET), at(SET));
        let other = dir.path().join("sfumato_notes.tmp");
        for file in [&dead, &alive, &other] {
            fs::write(file, "x").expect("written");
        }
        for set in [&dead_set, &alive_set] {
            fs::create_dir(set).expect("made");
            fs::write(set.join("mask.nii"), "x").expect("written");
        }
        let held = [&alive, &alive_set].map(|path| {
            let file = File::open(path).expect("there");
            assert!(claim(&file, path).expect("can be locked"));
            file
        });
        sweep(dir.path());
        assert!(!dead.exists() && !dead_set.exists());
        assert!(alive.exists() && alive_set.join("mask.nii").exists() && other.exists());
        drop(held);
        sweep(dir.path());
        assert!(!alive.exists() && !alive_set.exists() && other.exists());
        // One that was swept between being made and being locked.
        let path = at("tmp");
        let file = File::create(&path).expect("made");
        fs::remove_file(&path).expect("removed");
        assert!(!claim(&file, &path).expect("can be locked"));
    }
}
