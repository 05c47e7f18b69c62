//! The bytes of a data set: in memory, or left in their file and read piece by piece, so that
//! looking at a header costs one read and a long multi-frame file is never held whole.

use crate::io::error::Refusal;
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::ops::Range;

/// How much is read ahead while headers are walked.
const AHEAD: usize = 1 << 16;
/// The first read of a file: most headers end in it, and most other files show what they are.
pub(super) const HEAD: usize = 1 << 14;

pub(super) enum Bytes {
    Memory(Vec<u8>),
    /// `length` bytes of a file from `start`; `head` is how the whole file begins.
    File {
        file: File,
        head: Vec<u8>,
        start: u64,
        length: usize,
    },
}

/// What was read ahead.
#[derive(Default)]
pub(super) struct Window {
    at: usize,
    bytes: Vec<u8>,
}

impl Bytes {
    /// All of a file, whose beginning is read at once.
    pub(super) fn of_file(file: File, length: u64) -> Result<Self, Refusal> {
        let length = usize::try_from(length)
            .map_err(|_| Refusal::limit("the file", length, usize::MAX as u64))?;
        let mut head = vec![0; length.min(HEAD)];
        read_exact_at(&file, &mut head, 0)?;
        Ok(Self::File { file, head, start: 0, length })
    }

    /// The bytes of a range, if all of them are in memory.
    fn held(&self, range: &Range<usize>) -> Option<&[u8]> {
        match self {
            Self::Memory(b) => b.get(range.clone()),
            Self::File { head, start, length, .. } => {
                let start = usize::try_from(*start).ok()?;
                let end = range.end.checked_add(start).filter(|_| range.end <= *length)?;
                head.get(range.start.checked_add(start)?..end)
            }
        }
    }

    /// What is in memory of the beginning of the whole file.
    pub(super) fn head(&self) -> &[u8] {
        match self {
            Self::Memory(b) => b,
            Self::File { head, .. } => head,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Memory(b) => b.len(),
            Self::File { length, .. } => *length,
        }
    }

    /// Where they begin in their file.
    pub(super) fn start(&self) -> u64 {
        match self {
            Self::Memory(_) => 0,
            Self::File { start, .. } => *start,
        }
    }

    /// The bytes from `start` on.
    pub(super) fn skip(self, n: usize) -> Self {
        match self {
            Self::Memory(mut b) => {
                b.drain(..n.min(b.len()));
                Self::Memory(b)
            }
            Self::File { file, head, start, length } => {
                let n = n.min(length);
                Self::File { file, head, start: start + n as u64, length: length - n }
            }
        }
    }

    /// Appends what `more` gives, until there are `length` bytes in memory; whether it gave so many.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn fill(&mut self, more: &mut impl Read, length: usize) -> std::io::Result<bool> {
        let Self::Memory(b) = self else { return Ok(false) };
        let missing = length.saturating_sub(b.len());
        // No more than once, so that there are no two copies.
        b.try_reserve_exact(missing)?;
        more.take(missing as u64).read_to_end(b)?;
        Ok(b.len() >= length)
    }

    /// # Errors
    /// If the range is not all there.
    pub(super) fn read(&self, range: Range<usize>) -> Result<Cow<'_, [u8]>, Refusal> {
        let short = || Refusal::damaged("the file ends too early");
        if let Some(held) = self.held(&range) {
            return Ok(Cow::Borrowed(held));
        }
        match self {
            Self::Memory(_) => Err(short()),
            Self::File { file, start, length, .. } => {
                if range.start > range.end || range.end > *length {
                    return Err(short());
                }
                let mut out = vec![0; range.len()];
                read_exact_at(file, &mut out, start + range.start as u64)?;
                Ok(Cow::Owned(out))
            }
        }
    }

    /// `N` bytes at `at`, with what follows them read ahead.
    pub(super) fn array<const N: usize>(&self, at: usize, window: &mut Window) -> Option<[u8; N]> {
        let end = at.checked_add(N).filter(|&e| e <= self.len())?;
        if let Some(held) = self.held(&(at..end)) {
            return held.try_into().ok();
        }
        if at < window.at || end > window.at + window.bytes.len() {
            window.bytes =
                self.read(at..self.len().min(at.saturating_add(AHEAD))).ok()?.into_owned();
            window.at = at;
        }
        window.bytes.get(at - window.at..end - window.at)?.try_into().ok()
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, out: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, out: &mut [u8], at: u64) -> std::io::Result<()> {
    use std::os::windows::fs::FileExt;
    let mut done = 0;
    while let Some(rest) = out.get_mut(done..).filter(|r| !r.is_empty()) {
        match file.seek_read(rest, at + done as u64)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => done += n,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_reads_like_memory() {
        let all: Vec<u8> = (0..200_000u32).map(|i| (i * 7 % 251) as u8).collect();
        let mut file = tempfile::tempfile().expect("temp file");
        file.write_all(&all).expect("written");
        let disk = Bytes::of_file(file, all.len() as u64).expect("readable").skip(5);
        let memory = Bytes::Memory(all).skip(5);
        assert_eq!(disk.len(), memory.len());
        let (mut a, mut b) = (Window::default(), Window::default());
        for at in
            [0, 16_370, 16_372, 16_378, 65_530, 3, 131_070, 199_987, 199_991, 199_992, 400_000]
        {
            let (x, y) = (disk.array::<8>(at, &mut a), memory.array::<8>(at, &mut b));
            assert_eq!(x, y, "{at}");
            assert_eq!(x.is_some(), at <= 199_987, "{at}");
        }
        assert_eq!(disk.read(7..90_000).expect("there"), memory.read(7..90_000).expect("there"));
        assert!(disk.read(0..199_996).is_err() && memory.read(0..199_996).is_err());
    }
}
