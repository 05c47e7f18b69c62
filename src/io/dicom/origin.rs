//! Where DICOM files come from: a file, several, a folder, a zip archive (read in memory as if it
//! were a folder), or the index of a disc (DICOMDIR, PS3.3 F). Nothing outside what was named is
//! opened.

use super::bytes::Bytes;
use super::file::{DicomFile, parse};
use super::zip::Archive;
use crate::io::error::Refusal;
use crate::io::limits::{FOLDER_DEPTH, FOLDER_FILES, GIB, memory_budget};
use crate::io::sniff::{Kind, kind_of_bytes};
use crate::io::source::{open_regular, read_whole};
use crate::io::watch::{Progress, Watch};
use crate::volume::Notice;
use dicom::core::Tag;
use dicom::object::InMemDicomObject;
use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Files up to this length are read whole where their pixels are wanted.
const WHOLE: u64 = 64 << 20;
/// What a file is shows in so many bytes.
const SNIFF: usize = 1024;

/// One file that may be DICOM.
#[derive(Clone)]
pub(super) enum Origin {
    Disk(PathBuf),
    /// An entry of an archive.
    Zipped(Arc<Archive>, usize),
}

/// What was found under the names that were given.
pub(super) struct Found {
    pub(super) origins: Vec<Origin>,
    pub(super) notices: Vec<Notice>,
}

impl Origin {
    /// The bytes for a look at the header, if the first of them look like DICOM. Costs four calls
    /// of the system: folders hold hundreds of thousands of files.
    pub(super) fn dicom_header(&self) -> Option<Result<Bytes, Refusal>> {
        let is_dicom = |head: &[u8]| matches!(kind_of_bytes(head), Kind::Dicom);
        match self {
            Self::Disk(path) => {
                let bytes = plain(path).ok()?;
                let look = bytes.read(0..bytes.len().min(SNIFF)).ok()?;
                is_dicom(&look).then(|| drop(look)).map(|()| Ok(bytes))
            }
            Self::Zipped(archive, index) => {
                let look = archive.read(*index, SNIFF as u64).ok()?;
                is_dicom(&look).then(|| self.bytes(false))
            }
        }
    }

    /// The bytes: for a look at the header, or for reading all of it.
    pub(super) fn bytes(&self, all: bool) -> Result<Bytes, Refusal> {
        match self {
            Self::Disk(path) => {
                if all && std::fs::metadata(path)?.len() <= WHOLE {
                    return Ok(Bytes::Memory(read_whole(path, WHOLE)?));
                }
                plain(path)
            }
            Self::Zipped(archive, index) => {
                let limit = memory_budget().min(GIB);
                let declared = archive.entries.get(*index).map_or(0, |e| e.size);
                if declared > limit {
                    return Err(Refusal::limit("a file of the archive", declared, limit));
                }
                let bytes = archive.read(*index, declared)?;
                if bytes.len() as u64 != declared {
                    return Err(Refusal::damaged(format!(
                        "a file of the archive has not the {declared} bytes it declares"
                    )));
                }
                Ok(Bytes::Memory(bytes))
            }
        }
    }
}

fn plain(path: &Path) -> Result<Bytes, Refusal> {
    let (file, length) = open_regular(path)?;
    Bytes::of_file(file.into_inner(), length)
}

/// Everything under `paths`: folders are walked, archives and disc indices opened.
pub(super) fn gather(paths: &[PathBuf], watch: &Watch<'_>) -> Result<Found, Refusal> {
    let mut found = Found { origins: Vec::new(), notices: Vec::new() };
    for path in paths {
        watch.check()?;
        if path.is_dir() {
            found.origins.extend(folder(path, watch)?.into_iter().map(Origin::Disk));
        } else {
            let bytes = plain(path)?;
            let head = bytes.read(0..bytes.len().min(SNIFF))?;
            if matches!(kind_of_bytes(&head), Kind::Zip) {
                archive(plain(path)?, &mut found)?;
            } else if let Some(records) = disc_index(path, &head)? {
                disc(path, &records, &mut found)?;
            } else {
                found.origins.push(Origin::Disk(path.clone()));
            }
        }
        if found.origins.len() > FOLDER_FILES {
            return Err(too_many());
        }
    }
    Ok(found)
}

fn too_many() -> Refusal {
    Refusal::Choose(format!(
        "there are more than {FOLDER_FILES} files; choose a folder further inside"
    ))
}

/// Files of a folder and the folders in it, each real folder once, in a fixed order.
fn folder(top: &Path, watch: &Watch<'_>) -> Result<Vec<PathBuf>, Refusal> {
    let mut paths = Vec::new();
    let (mut open, mut seen) = (vec![(top.to_path_buf(), 0)], HashSet::new());
    let mut visited = 0;
    while let Some((dir, depth)) = open.pop() {
        watch.check()?;
        // Links may form a loop.
        if !seen.insert(std::fs::canonicalize(&dir)?) {
            continue;
        }
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) if depth == 0 => return Err(e.into()),
            Err(_) => continue,
        };
        for entry in entries.flatten() {
            visited += 1;
            if visited > FOLDER_FILES {
                return Err(too_many());
            }
            if visited.is_multiple_of(1024) {
                watch.check()?;
                watch.report(|| Progress::Finding { files: visited });
            }
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < FOLDER_DEPTH {
                open.push((entry.path(), depth + 1));
            } else if kind.is_file() || (kind.is_symlink() && inside(top, &entry.path())) {
                paths.push(entry.path());
            }
        }
    }
    // By their bytes: comparing paths part by part takes as long as reading small files.
    paths.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    Ok(paths)
}

/// Whether a link leads to a regular file within `top`.
fn inside(top: &Path, path: &Path) -> bool {
    match (std::fs::canonicalize(top), std::fs::canonicalize(path)) {
        (Ok(top), Ok(real)) => real.starts_with(top) && real.is_file(),
        _ => false,
    }
}

fn archive(bytes: Bytes, found: &mut Found) -> Result<(), Refusal> {
    let archive = Arc::new(Archive::of(bytes, FOLDER_FILES)?);
    let (mut outside, mut locked) = (0, 0);
    for (index, entry) in archive.entries.iter().enumerate() {
        // Nothing is written, but a name that climbs out is a sign of an attack.
        if entry.leads_out() {
            outside += 1;
        } else if entry.encrypted {
            locked += 1;
        } else if !entry.is_folder() {
            found.origins.push(Origin::Zipped(archive.clone(), index));
        }
    }
    if outside > 0 {
        found.notices.push(Notice::amber(format!(
            "{outside} files of the archive have paths that lead out of it; they are left out"
        )));
    }
    if locked > 0 {
        found.notices.push(Notice::amber(format!(
            "{locked} files of the archive are encrypted; they are left out"
        )));
    }
    Ok(())
}

const MEDIA_DIRECTORY: &str = "1.2.840.10008.1.3.10";
const RECORDS: Tag = Tag(0x0004, 0x1220);
const REFERENCED_FILE: Tag = Tag(0x0004, 0x1500);

/// The data set of a DICOMDIR; nothing if the file, which begins with `head`, is something else.
fn disc_index(path: &Path, head: &[u8]) -> Result<Option<InMemDicomObject>, Refusal> {
    let named = path.file_name().is_some_and(|n| n.eq_ignore_ascii_case("DICOMDIR"));
    let says_so = head.windows(MEDIA_DIRECTORY.len()).any(|w| w == MEDIA_DIRECTORY.as_bytes());
    if !(named || says_so) || !matches!(kind_of_bytes(head), Kind::Dicom) {
        return Ok(None);
    }
    let Ok(parsed) = parse(plain(path)?, false) else {
        return Ok(None);
    };
    Ok(is_disc_index(&parsed).then_some(parsed.object))
}

pub(super) fn is_disc_index(f: &DicomFile) -> bool {
    f.class.as_deref() == Some(MEDIA_DIRECTORY) || f.object.get(RECORDS).is_some()
}

/// The files that an index refers to, found beside it.
fn disc(path: &Path, records: &InMemDicomObject, found: &mut Found) -> Result<(), Refusal> {
    let top = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real_top = std::fs::canonicalize(top)?;
    let items = records.get(RECORDS).and_then(|e| e.items()).unwrap_or(&[]);
    let (mut outside, mut absent) = (0, 0);
    for item in items {
        let Some(parts) = item.get(REFERENCED_FILE).and_then(|e| e.to_multi_str().ok()) else {
            continue;
        };
        let parts: Vec<&str> = parts.iter().map(|p| p.trim_matches(['\0', ' '])).collect();
        if parts.iter().all(|p| p.is_empty()) {
            continue;
        }
        let plain = parts.iter().all(|p| {
            let mut components = Path::new(p).components();
            matches!((components.next(), components.next()), (Some(Component::Normal(_)), None))
                && !p.contains([':', '/', '\\'])
        });
        if !plain {
            outside += 1;
            continue;
        }
        // Discs hold upper case; copies of them often lower case.
        let written: PathBuf = parts.iter().collect();
        let lower: PathBuf = parts.iter().map(|p| p.to_lowercase()).collect();
        let there =
            [written, lower].into_iter().find_map(|p| std::fs::canonicalize(real_top.join(p)).ok());
        match there {
            Some(real) if !real.starts_with(&real_top) => outside += 1,
            Some(real) if real.is_file() => found.origins.push(Origin::Disk(real)),
            _ => absent += 1,
        }
    }
    if outside > 0 {
        found.notices.push(Notice::amber(format!(
            "{outside} entries of the index lead out of its folder; they are left out"
        )));
    }
    if absent > 0 {
        found.notices.push(Notice::amber(format!("{absent} files of the index are not there")));
    }
    Ok(())
}
