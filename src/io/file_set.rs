//! Files that belong together: made in a folder of their own beside their places, and moved there
//! when all are whole, their record first, so that no image ever lies there without provenance.

use super::IoError;
use super::atomic::{Sibling, folder_of, set_permissions, sync_folder};
use super::leftover::{SET, claim, sweep, temporary_name};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// A set on its way. Dropped before [`FileSet::commit`], it leaves nothing.
pub struct FileSet {
    folder: PathBuf,
    made_in: PathBuf,
    overwrite: bool,
    /// Tells others that somebody is still at it.
    _lock: Option<File>,
}

impl FileSet {
    /// A set for an existing folder.
    ///
    /// # Errors
    /// If nothing can be made there.
    pub fn new(folder: &Path, overwrite: bool) -> Result<Self, IoError> {
        let folder =
            if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_path_buf() };
        sweep(&folder);
        let failed = |source| IoError::Write { what: "the folder", source, path: folder.clone() };
        loop {
            let made_in = folder.join(temporary_name(SET));
            fs::create_dir(&made_in).map_err(failed)?;
            // Not every system opens folders: then only age tells whether it was left behind.
            let lock = File::open(&made_in).ok();
            let ours = lock.as_ref().map_or(Ok(true), |f| claim(f, &made_in)).map_err(failed)?;
            let set = Self { folder: folder.clone(), made_in, overwrite, _lock: lock };
            if ours {
                return Ok(set);
            }
        }
    }

    /// Where the file is written that will be called so.
    ///
    /// # Errors
    /// If there is one already that may not be overwritten.
    pub fn place(&self, name: impl AsRef<Path>) -> Result<PathBuf, IoError> {
        let name = name.as_ref();
        let path = self.folder.join(name);
        if !self.overwrite && fs::symlink_metadata(&path).is_ok() {
            return Err(IoError::Exists { path });
        }
        Ok(self.made_in.join(name))
    }

    /// The record is always replaced: it is written anew with every set.
    pub fn place_of_record(&self, name: impl AsRef<Path>) -> PathBuf {
        self.made_in.join(name)
    }

    /// Moves the record, then the files, all of which were written, to their places; these are
    /// returned, the record last.
    ///
    /// # Errors
    /// If one cannot be moved; what was moved before it stays, and every file is a whole one.
    pub fn commit(self, files: &[PathBuf], record: &Path) -> Result<Vec<PathBuf>, IoError> {
        let record = self.put(record)?;
        let mut placed = Vec::with_capacity(files.len() + 1);
        for file in files {
            placed.push(self.put(file)?);
        }
        sync_folder(&self.folder);
        placed.push(record);
        Ok(placed)
    }

    fn put(&self, made: &Path) -> Result<PathBuf, IoError> {
        let place = self.folder.join(made.file_name().unwrap_or_default());
        // A link stays, what it leads to is replaced.
        let target = fs::canonicalize(&place).unwrap_or_else(|_| place.clone());
        let failed = |source| IoError::Write { what: "the file", source, path: place.clone() };
        if target.is_dir() {
            let why = "a file name is needed, this is a folder".into();
            return Err(IoError::Invalid { why, path: place });
        }
        if folder_of(&target) == folder_of(&place)
            || fs::canonicalize(&self.folder).ok() == target.parent().map(Path::to_path_buf)
        {
            set_permissions(made, &target)
                .and_then(|()| fs::rename(made, &target))
                .map_err(failed)?;
        } else {
            let sibling = Sibling::new(&target, "tmp", true)?;
            let mut copy = sibling.create()?;
            let mut from = File::open(made).map_err(failed)?;
            std::io::copy(&mut from, &mut copy).map_err(failed)?;
            sibling.commit()?;
        }
        Ok(place)
    }
}

impl Drop for FileSet {
    fn drop(&mut self) {
        if let Err(e) = fs::remove_dir_all(&self.made_in)
            && e.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("a temporary folder could not be removed: {e}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::atomic::tests::names;
    use crate::io::write_atomic;

    #[test]
    fn a_set_appears_whole_and_one_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().expect("temp dir");
        let make = |text: &str, finish: bool| {
            let set = FileSet::new(dir.path(), true).expect("made");
            let files: Vec<PathBuf> = ["a.bin", "b.bin"]
                .map(|n| {
                    let path = set.place(n).expect("free");
                    write_atomic(&path, text.as_bytes()).expect("written");
                    path
                })
                .into();
            let record = set.place_of_record("record.json");
            write_atomic(&record, text.as_bytes()).expect("written");
            if finish { set.commit(&files, &record).expect("moved") } else { Vec::new() }
        };
        make("one", false);
        assert!(names(dir.path()).is_empty());
        let placed = make("two", true);
        assert_eq!(names(dir.path()), ["a.bin", "b.bin", "record.json"]);
        assert!(placed.last().is_some_and(|p| p.ends_with("record.json")));
        make("three", false);
        for path in &placed {
            assert_eq!(fs::read_to_string(path).expect("there"), "two");
        }
        let careful = FileSet::new(dir.path(), false).expect("made");
        assert!(matches!(careful.place("a.bin"), Err(IoError::Exists { .. })));
        assert!(careful.place("c.bin").is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_another_folder_stays_and_its_target_is_replaced() {
        let (dir, far) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
        let (real, link) = (far.path().join("real"), dir.path().join("a.bin"));
        fs::write(&real, "old").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        let set = FileSet::new(dir.path(), true).expect("made");
        let file = set.place("a.bin").expect("free");
        fs::write(&file, "new").expect("written");
        let record = set.place_of_record("r.json");
        fs::write(&record, "{}").expect("written");
        set.commit(&[file], &record).expect("moved");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read_to_string(&real).expect("there"), "new");
        assert_eq!(names(dir.path()), ["a.bin", "r.json"]);
        assert_eq!(names(far.path()), ["real"]);
    }
}
