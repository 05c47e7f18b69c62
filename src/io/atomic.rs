//! Files that appear whole or not at all: written beside the target under a random name, synced,
//! read back, renamed.

use super::IoError;
use super::leftover::{claim, sweep, temporary_name};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A temporary sibling of a target; removed unless it was renamed into place.
pub(super) struct Sibling {
    temporary: Option<PathBuf>,
    target: PathBuf,
    /// Of the file that is being written: shows others that somebody is at it.
    lock: OnceLock<File>,
}

impl Sibling {
    /// Picks a free name `sfumato_<random>.<ending>` in the target's folder. A link is resolved, so
    /// that the file it points to is replaced and not the link.
    ///
    /// # Errors
    /// If the target exists and `overwrite` is false, is a folder, or its folder does not exist.
    pub(super) fn new(target: &Path, ending: &str, overwrite: bool) -> Result<Self, IoError> {
        let asked = target;
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.into());
        if target.is_dir() || target.file_name().is_none() {
            return Err(IoError::Invalid {
                why: "a file name is needed, this is a folder".into(),
                path: asked.into(),
            });
        }
        if !overwrite && fs::symlink_metadata(&target).is_ok() {
            return Err(IoError::Exists { path: asked.into() });
        }
        let folder = folder_of(&target);
        if !folder.is_dir() {
            return Err(IoError::Invalid {
                why: "its folder does not exist; create it first".into(),
                path: asked.into(),
            });
        }
        sweep(&folder);
        let temporary = folder.join(temporary_name(ending));
        Ok(Self { temporary: Some(temporary), target, lock: OnceLock::new() })
    }

    pub(super) fn path(&self) -> &Path {
        self.temporary.as_deref().unwrap_or(&self.target)
    }

    fn failed(&self, source: std::io::Error) -> IoError {
        IoError::Write { what: "the file", source, path: self.target.clone() }
    }

    /// Creates the temporary file; fails if somebody else has.
    pub(super) fn create(&self) -> Result<File, IoError> {
        let make = || -> std::io::Result<File> {
            loop {
                let file = OpenOptions::new().write(true).create_new(true).open(self.path())?;
                if claim(&file, self.path())? {
                    let copy = file.try_clone()?;
                    self.lock.get_or_init(|| copy);
                    reached("a temporary file was made");
                    return Ok(file);
                }
            }
        };
        make().map_err(|e| self.failed(e))
    }

    /// Syncs the temporary file, gives it the old file's permissions, and puts it in place.
    pub(super) fn commit(mut self) -> Result<(), IoError> {
        let from = self.path().to_path_buf();
        let put = || -> std::io::Result<()> {
            File::open(&from)?.sync_all()?;
            set_permissions(&from, &self.target)?;
            reached("a temporary file is whole");
            fs::rename(&from, &self.target)
        };
        put().map_err(|e| self.failed(e))?;
        reached("a file is in place");
        self.temporary = None;
        sync_folder(&folder_of(&self.target));
        Ok(())
    }
}

impl Drop for Sibling {
    fn drop(&mut self) {
        if let Some(path) = &self.temporary
            && let Err(e) = fs::remove_file(path)
            && e.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("a temporary file could not be removed: {e}");
        }
    }
}

/// A moment at which a test may stop the process: between any two of them nothing changes on the
/// disk that others could see.
#[cfg(not(test))]
pub(super) fn reached(_moment: &str) {}

/// Stops for ever at the moment whose number, of all in this process, the environment names.
#[cfg(test)]
pub(super) fn reached(moment: &str) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static PASSED: AtomicUsize = AtomicUsize::new(0);
    let stop = std::env::var("SFUMATO_STOP_AT").ok().and_then(|n| n.parse().ok());
    if stop.is_some_and(|n: usize| PASSED.fetch_add(1, Ordering::SeqCst) == n) {
        println!("stopped: {moment}");
        loop {
            std::thread::park();
        }
    }
}

/// A rename must survive a power cut; not every system can open a folder for that.
pub(super) fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder)
        && let Err(e) = folder.sync_all()
    {
        tracing::debug!("the folder could not be synced: {e}");
    }
}

pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.into(),
        _ => PathBuf::from("."),
    }
}

#[cfg(unix)]
pub(super) fn set_permissions(new: &Path, old: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(old).map_or(0o640, |m| m.permissions().mode() & 0o777);
    fs::set_permissions(new, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
pub(super) fn set_permissions(_new: &Path, _old: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Writes `bytes` to `path`, replacing what is there; on any failure the old file is untouched.
///
/// # Errors
/// If the folder does not exist or cannot be written, or what is read back differs.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), IoError> {
    write_new(path, bytes, true)
}

/// As [`write_atomic`], but refuses a path that exists unless `overwrite` is set.
pub(super) fn write_new(path: &Path, bytes: &[u8], overwrite: bool) -> Result<(), IoError> {
    let sibling = Sibling::new(path, "tmp", overwrite)?;
    let mut file = sibling.create()?;
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    file.write_all(first).map_err(|e| sibling.failed(e))?;
    reached("half of a file is written");
    file.write_all(rest).and_then(|()| file.sync_all()).map_err(|e| sibling.failed(e))?;
    let mut back = Sha256::new();
    let mut reader = File::open(sibling.path()).map_err(|e| sibling.failed(e))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer).map_err(|e| sibling.failed(e))? {
            0 => break,
            n => back.update(buffer.get(..n).unwrap_or_default()),
        }
    }
    if back.finalize() != Sha256::digest(bytes) {
        return Err(sibling.failed(std::io::Error::other("what was read back differs")));
    }
    sibling.commit()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::io::FileSet;

    pub(in crate::io) fn names(dir: &Path) -> Vec<String> {
        let mut v: Vec<_> = fs::read_dir(dir)
            .expect("readable")
            .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
            .collect();
        v.sort();
        v
    }

    #[test]
    fn replaces_the_file_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("a.json");
        write_atomic(&path, b"old").expect("written");
        write_atomic(&path, b"new").expect("written");
        assert_eq!(fs::read(&path).expect("readable"), b"new");
        assert_eq!(names(dir.path()), ["a.json"]);
    }

    #[test]
    fn an_abandoned_file_is_removed_and_the_old_one_kept() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("a.json");
        write_atomic(&path, b"old").expect("written");
        let sibling = Sibling::new(&path, "tmp", true).expect("free name");
        sibling.create().expect("created").write_all(b"half").expect("written");
        drop(sibling);
        assert_eq!(names(dir.path()), ["a.json"]);
        assert_eq!(fs::read(&path).expect("readable"), b"old");
        assert!(matches!(Sibling::new(&path, "tmp", false), Err(IoError::Exists { .. })));
    }

    #[test]
    fn folders_and_missing_folders_are_refused() {
        let dir = tempfile::tempdir().expect("temp dir");
        assert!(write_atomic(dir.path(), b"x").is_err());
        assert!(write_atomic(&dir.path().join("no/such/a.json"), b"x").is_err());
        assert!(names(dir.path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_its_target_is_replaced_with_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("temp dir");
        let (file, link) = (dir.path().join("real"), dir.path().join("link"));
        write_atomic(&file, b"old").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("chmod");
        std::os::unix::fs::symlink(&file, &link).expect("link");
        write_atomic(&link, b"new").expect("written");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&file).expect("readable"), b"new");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    }

    const SIZE: usize = 300_000;

    /// Not a test of its own: the other process of the two tests below. Writes a file full of one
    /// byte, then a set of an image and its record, twice, and says when it has ended.
    #[test]
    #[ignore = "run by other tests as a process of its own"]
    fn child() {
        let Some(path) = std::env::var_os("SFUMATO_ATOMIC_TARGET").map(PathBuf::from) else {
            return;
        };
        for byte in [1, 2] {
            if let Err(e) = write_both(&path, byte) {
                println!("failed: {e}");
                return;
            }
        }
        println!("ended");
    }

    /// The file, then `set/image.bin` with `set/record.json`.
    fn write_both(path: &Path, byte: u8) -> Result<(), IoError> {
        let bytes = vec![byte; SIZE];
        write_atomic(path, &bytes)?;
        let set = FileSet::new(&path.with_file_name("set"), "record.json", true)?;
        let image = set.place("image.bin")?;
        write_atomic(&image, &bytes)?;
        write_atomic(&set.place_of_record(), &bytes)?;
        set.commit(&[image], &[]).map(drop)
    }

    fn start(shell: Option<&str>, target: &Path, moment: Option<usize>) -> std::process::Child {
        use std::process::{Command, Stdio};
        let exe = std::env::current_exe().expect("this program");
        let mut command = match shell {
            None => Command::new(exe),
            Some(limits) => {
                let mut c = Command::new("sh");
                c.arg("-c").arg(format!("{limits}; exec \"$0\" \"$@\"")).arg(exe);
                c
            }
        };
        command
            .args(["--exact", "io::atomic::tests::child", "--ignored", "--nocapture"])
            .env("SFUMATO_ATOMIC_TARGET", target)
            .envs(moment.map(|n| ("SFUMATO_STOP_AT", n.to_string())))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("can be started")
    }

    /// Whole, and all of one byte.
    fn is_whole(path: &Path) -> bool {
        let bytes = fs::read(path).expect("readable");
        bytes.len() == SIZE && bytes.iter().all(|b| Some(b) == bytes.first())
    }

    /// Files of ours that are not in place.
    fn leftovers(dir: &Path) -> usize {
        names(dir).iter().filter(|n| n.starts_with("sfumato_")).count()
    }

    #[test]
    fn a_process_killed_while_writing_leaves_whole_files_and_no_image_without_record() {
        use std::io::{BufRead, BufReader};
        let dir = tempfile::tempdir().expect("temp dir");
        let (path, set) = (dir.path().join("a.bin"), dir.path().join("set"));
        let (image, record) = (set.join("image.bin"), set.join("record.json"));
        fs::create_dir(&set).expect("made");
        write_atomic(&path, &vec![250; SIZE]).expect("written");
        let (mut caught, mut moment) = (0, 0);
        // At every moment of the first set of a folder and of one that replaces it.
        loop {
            let mut child = start(None, &path, Some(moment));
            let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
            let mut lines = lines.map(|l| l.expect("text"));
            let said = lines
                .find(|l| ["stopped", "ended", "failed"].iter().any(|w| l.contains(w)))
                .expect("the child says where it is");
            child.kill().expect("killed");
            child.wait().expect("ended");
            assert!(!said.contains("failed"), "{said}");
            caught += usize::from(leftovers(dir.path()) + leftovers(&set) > 0);
            assert!(is_whole(&path), "{said}");
            assert!(!record.exists() || is_whole(&record), "{said}");
            assert!(!image.exists() || (is_whole(&image) && record.exists()), "{said}");
            let of_one_set = || fs::read(&image).ok() == fs::read(&record).ok();
            assert!(!image.exists() || of_one_set(), "{said}: a mixed set");
            if said.contains("ended") {
                break;
            }
            moment += 1;
            for file in [&image, &record] {
                fs::remove_file(file).ok();
            }
        }
        assert!(moment >= 20 && caught >= 15, "{caught} caught in the middle of {moment} moments");
        // What they left is gone with the next write.
        write_both(&path, 7).expect("written");
        assert_eq!(names(dir.path()), ["a.bin", "set"]);
        assert_eq!(names(&set), ["image.bin", "record.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_takes_no_files_is_an_error() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("temp dir");
        let locked = dir.path().join("locked");
        fs::create_dir(&locked).expect("made");
        fs::write(locked.join("a.bin"), "old").expect("written");
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).expect("chmod");
        // The administrator may write everywhere, but not into the list of processes.
        let root = fs::write(locked.join("probe"), "").is_ok();
        let target = if root { PathBuf::from("/proc/self/a.bin") } else { locked.join("a.bin") };
        if root && !Path::new("/proc/self").is_dir() {
            eprintln!("SKIPPED a_folder_that_takes_no_files_is_an_error: no folder refuses root");
            return;
        }
        let e = write_atomic(&target, b"new").expect_err("refused").to_string();
        assert!(e.contains("could not be written") && !e.contains('\n'), "{e}");
        let e = FileSet::new(target.parent().expect("a folder"), "r.json", true)
            .err()
            .expect("refused");
        assert!(e.to_string().contains("could not be written"), "{e}");
        assert_eq!(fs::read_to_string(locked.join("a.bin")).expect("there"), "old");
    }

    #[cfg(unix)]
    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else() {
        use std::io::Read;
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("a.bin");
        write_atomic(&path, &vec![250; SIZE]).expect("written");
        // No file may grow beyond 100 blocks: writing fails in the middle, as on a full disk.
        let mut child = start(Some("trap '' XFSZ; ulimit -f 100"), &path, None);
        let mut said = String::new();
        child.stdout.take().expect("piped").read_to_string(&mut said).expect("text");
        child.wait().expect("ended");
        assert!(said.contains("failed: the file could not be written"), "{said}");
        assert!(is_whole(&path));
        assert_eq!(fs::read(&path).expect("readable")[0], 250);
        assert_eq!(names(dir.path()), ["a.bin"]);
    }
}
