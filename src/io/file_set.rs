//! Files that belong together under one record: made in a folder of their own beside their places,
//! and moved there when all are whole. Nobody else makes a set of the same record there meanwhile,
//! and at no moment does a file of one set lie beside the record of another: what is replaced goes
//! first, then comes the record, then the files.

use super::IoError;
use super::atomic::{Sibling, folder_of, reached, set_permissions, sync_folder};
use super::leftover::{claim, name_of_set, sweep};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// A set on its way. Dropped before [`FileSet::commit`], it leaves nothing.
pub struct FileSet {
    folder: PathBuf,
    /// Its name comes from that of the record: who has made it makes the set.
    made_in: PathBuf,
    record: OsString,
    overwrite: bool,
    /// Ends with the process: tells others whether somebody is still at it.
    _lock: Option<File>,
}

/// A file that is to be moved to its place.
struct Move {
    made: PathBuf,
    place: PathBuf,
    target: PathBuf,
    /// Beside the target, where that lies in another folder.
    copy: Option<Sibling>,
}

impl FileSet {
    /// A set for an existing folder, whose record will be called so.
    ///
    /// # Errors
    /// If nothing can be made there, or somebody else is making a set with such a record there.
    pub fn new(folder: &Path, record: impl AsRef<OsStr>, overwrite: bool) -> Result<Self, IoError> {
        let folder =
            if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_path_buf() };
        let record = record.as_ref().to_os_string();
        let failed = |source| IoError::Write { what: "the folder", source, path: folder.clone() };
        let made_in = folder.join(name_of_set(&record));
        loop {
            sweep(&folder);
            if let Err(e) = fs::create_dir(&made_in) {
                return Err(match e.kind() {
                    std::io::ErrorKind::AlreadyExists => {
                        IoError::Busy { path: folder.join(record) }
                    }
                    _ => failed(e),
                });
            }
            let lock = match File::open(&made_in) {
                Ok(folder) => Some(folder),
                // Swept away by somebody else before it was locked.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                // Not every system opens folders: then only age tells whether it was left behind.
                Err(_) => None,
            };
            if lock.as_ref().map_or(Ok(true), |f| claim(f, &made_in)).map_err(failed)? {
                return Ok(Self { folder, made_in, record, overwrite, _lock: lock });
            }
        }
    }

    /// Files may be replaced where the record shows that they are an earlier set's.
    #[must_use]
    pub fn replacing_an_earlier_set(mut self) -> Self {
        self.overwrite |= self.folder.join(&self.record).exists();
        self
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn may_overwrite(&self) -> bool {
        self.overwrite
    }

    /// Where the file is written that will be called so.
    ///
    /// # Errors
    /// If there is one already that may not be overwritten.
    pub fn place(&self, name: impl AsRef<Path>) -> Result<PathBuf, IoError> {
        let name = name.as_ref();
        self.check(&self.folder.join(name))?;
        Ok(self.made_in.join(name))
    }

    fn check(&self, path: &Path) -> Result<(), IoError> {
        if !self.overwrite && fs::symlink_metadata(path).is_ok() {
            return Err(IoError::Exists { path: path.into() });
        }
        Ok(())
    }

    /// Where the record is written. It is always replaced: it is written anew with every set.
    pub fn place_of_record(&self) -> PathBuf {
        self.made_in.join(&self.record)
    }

    /// Moves the record and the files, all of which were written, to their places; these are
    /// returned, the record last. `gone` are files of an earlier set that have no place in this one.
    ///
    /// # Errors
    /// If one cannot be moved: every file is a whole one and of this set, some may be missing.
    pub fn commit(self, files: &[PathBuf], gone: &[PathBuf]) -> Result<Vec<PathBuf>, IoError> {
        let record = self.prepare(&self.place_of_record())?;
        let mut moves = Vec::with_capacity(files.len());
        for file in files {
            let prepared = self.prepare(file)?;
            self.check(&prepared.place)?;
            moves.push(prepared);
        }
        let replaced = moves.iter().filter(|m| m.copy.is_none()).map(|m| &m.target);
        for path in replaced.chain(gone) {
            match fs::remove_file(path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(IoError::Write { what: "the file", source, path: path.clone() });
                }
                _ => reached("a file of the earlier set is gone"),
            }
        }
        let record = record.finish()?;
        reached("the record is in place");
        let mut placed = moves.into_iter().map(Move::finish).collect::<Result<Vec<_>, _>>()?;
        sync_folder(&self.folder);
        placed.push(record);
        Ok(placed)
    }

    /// All that can fail for a reason of the file's own, or takes long.
    fn prepare(&self, made: &Path) -> Result<Move, IoError> {
        let place = self.folder.join(made.file_name().unwrap_or_default());
        // A link stays, what it leads to is replaced.
        let target = fs::canonicalize(&place).unwrap_or_else(|_| place.clone());
        let failed = |source| IoError::Write { what: "the file", source, path: place.clone() };
        if target.is_dir() {
            let why = "a file name is needed, this is a folder".into();
            return Err(IoError::Invalid { why, path: place });
        }
        let here = folder_of(&target) == folder_of(&place)
            || fs::canonicalize(&self.folder).ok() == target.parent().map(Path::to_path_buf);
        let copy = if here {
            set_permissions(made, &target).map_err(failed)?;
            None
        } else {
            let sibling = Sibling::new(&target, "tmp", true)?;
            let mut copy = sibling.create()?;
            let mut from = File::open(made).map_err(failed)?;
            std::io::copy(&mut from, &mut copy).map_err(failed)?;
            Some(sibling)
        };
        Ok(Move { made: made.into(), place, target, copy })
    }
}

impl Move {
    fn finish(self) -> Result<PathBuf, IoError> {
        match self.copy {
            Some(sibling) => sibling.commit()?,
            None => fs::rename(&self.made, &self.target).map_err(|source| IoError::Write {
                what: "the file",
                source,
                path: self.place.clone(),
            })?,
        }
        Ok(self.place)
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

    /// Writes a set of two files and their record, each holding `text`.
    fn write(set: FileSet, text: &str) -> Result<Vec<PathBuf>, IoError> {
        let mut files = Vec::new();
        for name in ["a.bin", "b.bin"] {
            let path = set.place(name)?;
            write_atomic(&path, text.as_bytes())?;
            files.push(path);
        }
        write_atomic(&set.place_of_record(), text.as_bytes())?;
        set.commit(&files, &[])
    }

    #[test]
    fn a_set_appears_whole_and_one_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().expect("temp dir");
        let begin = |overwrite| FileSet::new(dir.path(), "record.json", overwrite).expect("made");
        let set = begin(true);
        write_atomic(&set.place("a.bin").expect("free"), b"one").expect("written");
        drop(set);
        assert!(names(dir.path()).is_empty());
        let placed = write(begin(true), "two").expect("moved");
        assert_eq!(names(dir.path()), ["a.bin", "b.bin", "record.json"]);
        assert!(placed.last().is_some_and(|p| p.ends_with("record.json")));
        let set = begin(true);
        write_atomic(&set.place("a.bin").expect("free"), b"three").expect("written");
        drop(set);
        for path in &placed {
            assert_eq!(fs::read_to_string(path).expect("there"), "two");
        }
        let careful = begin(false);
        assert!(matches!(careful.place("a.bin"), Err(IoError::Exists { .. })));
        assert!(careful.place("c.bin").is_ok());
        drop(careful);
        let earlier = begin(false).replacing_an_earlier_set();
        assert!(earlier.place("a.bin").is_ok(), "the record says whose it is");
    }

    #[test]
    fn a_set_takes_the_place_of_all_of_an_earlier_one() {
        let dir = tempfile::tempdir().expect("temp dir");
        write(FileSet::new(dir.path(), "record.json", false).expect("made"), "one").expect("moved");
        let set = FileSet::new(dir.path(), "record.json", true).expect("made");
        let file = set.place("a.bin").expect("may be replaced");
        write_atomic(&file, b"two").expect("written");
        write_atomic(&set.place_of_record(), b"two").expect("written");
        set.commit(&[file], &[dir.path().join("b.bin")]).expect("moved");
        assert_eq!(names(dir.path()), ["a.bin", "record.json"]);
        assert_eq!(fs::read_to_string(dir.path().join("a.bin")).expect("there"), "two");
    }

    #[test]
    fn two_sets_of_one_record_are_not_made_at_once_but_others_are() {
        let dir = tempfile::tempdir().expect("temp dir");
        let first = FileSet::new(dir.path(), "record.json", true).expect("made");
        let refused = FileSet::new(dir.path(), "record.json", true).err().expect("refused");
        assert!(matches!(refused, IoError::Busy { .. }));
        let said = refused.to_string();
        assert!(said.contains("another run") && said.ends_with("record.json"), "{said}");
        assert!(!said.contains("sfumato_"), "no hidden name: {said}");
        let other = FileSet::new(dir.path(), "mask.json", true).expect("another record");
        drop(first);
        drop(other);
        FileSet::new(dir.path(), "record.json", true).expect("free again");
        assert!(names(dir.path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn what_a_killed_process_held_is_free_again() {
        let dir = tempfile::tempdir().expect("temp dir");
        let left = dir.path().join(name_of_set(OsStr::new("record.json")));
        fs::create_dir(&left).expect("made");
        fs::write(left.join("a.bin"), "half").expect("written");
        write(FileSet::new(dir.path(), "record.json", false).expect("free"), "new").expect("moved");
        assert_eq!(names(dir.path()), ["a.bin", "b.bin", "record.json"]);
    }

    #[test]
    fn sixteen_writers_at_once_leave_whole_sets_or_are_refused() {
        let dir = tempfile::tempdir().expect("temp dir");
        for round in 0..40 {
            let done = std::sync::atomic::AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for writer in 0..16 {
                    let (done, folder) = (&done, dir.path());
                    scope.spawn(move || match FileSet::new(folder, "record.json", true) {
                        Ok(set) => {
                            write(set, &format!("{round} {writer}")).expect("written");
                            done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                        Err(IoError::Busy { .. }) => {}
                        Err(e) => panic!("{e}"),
                    });
                }
            });
            assert!(done.into_inner() > 0, "somebody is always let in");
            assert_eq!(names(dir.path()), ["a.bin", "b.bin", "record.json"]);
            let texts = ["a.bin", "b.bin", "record.json"]
                .map(|n| fs::read_to_string(dir.path().join(n)).expect("there"));
            assert!(texts.iter().all(|t| *t == texts[0]), "a mixed set: {texts:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_another_folder_stays_and_its_target_is_replaced() {
        let (dir, far) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
        let (real, link) = (far.path().join("real"), dir.path().join("a.bin"));
        fs::write(&real, "old").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        let set = FileSet::new(dir.path(), "r.json", true).expect("made");
        let file = set.place("a.bin").expect("free");
        fs::write(&file, "new").expect("written");
        fs::write(set.place_of_record(), "{}").expect("written");
        set.commit(&[file], &[]).expect("moved");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read_to_string(&real).expect("there"), "new");
        assert_eq!(names(dir.path()), ["a.bin", "r.json"]);
        assert_eq!(names(far.path()), ["real"]);
    }
}
