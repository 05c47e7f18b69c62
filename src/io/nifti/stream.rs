//! The files of an image as streams of bytes: plain or gzipped (RFC 1952), hashed as they pass.

use crate::io::error::Refusal;
use crate::io::source::{HashingReader, goes_on, open_regular};
use crate::volume::Notice;
use flate2::bufread::MultiGzDecoder;
use sha2::Sha256;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// `x.from[.gz]` with the ending `to`, plain or gzipped, whichever exists.
pub(super) fn sibling(path: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let lower = name.to_ascii_lowercase();
    let stem = [format!(".{from}"), format!(".{from}.gz")]
        .iter()
        .find_map(|ending| lower.strip_suffix(ending.as_str()))
        .and_then(|s| name.get(..s.len()))?;
    [to.to_string(), format!("{to}.gz"), to.to_uppercase()]
        .iter()
        .map(|ending| path.with_file_name(format!("{stem}.{ending}")))
        .find(|p| p.is_file())
}

/// A file, inflated if it is gzipped, hashed as it passes.
pub(super) struct Stream {
    inner: Inner,
    /// Upper bound of the bytes that can come out.
    pub(super) most: u64,
}

enum Inner {
    Plain(HashingReader<BufReader<File>>),
    Gzip(Box<MultiGzDecoder<BufReader<HashingReader<BufReader<File>>>>>),
}

impl Stream {
    pub(super) fn open(path: &Path) -> Result<Self, Refusal> {
        let (mut file, length) = open_regular(path)?;
        let gzip = {
            use std::io::BufRead;
            file.fill_buf()?.starts_with(&[0x1f, 0x8b])
        };
        let reader = HashingReader::new(file);
        Ok(if gzip {
            Self {
                inner: Inner::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(reader)))),
                // Deflate expands at most 1032-fold (RFC 1951: 258 bytes from 2 bits).
                most: length.saturating_mul(1032),
            }
        } else {
            Self { inner: Inner::Plain(reader), most: length }
        })
    }

    /// Reads up to `n` bytes; fewer only at the end.
    pub(super) fn up_to(&mut self, n: u64) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::new();
        self.take(n)
            .read_to_end(&mut out)
            .map_err(|e| Refusal::damaged(format!("the file cannot be read or inflated ({e})")))?;
        Ok(out)
    }

    /// The bytes of the file after inflating, as far as that goes, counted up to `most`.
    pub(super) fn count(self, most: u64) -> u64 {
        if matches!(self.inner, Inner::Plain(_)) {
            return self.most.min(most);
        }
        let (mut rest, mut buffer, mut count) = (self.take(most), vec![0; 1 << 16], 0);
        while let Ok(n @ 1..) = rest.read(&mut buffer) {
            count += n as u64;
        }
        count
    }

    pub(super) fn skip(&mut self, n: u64) -> Result<(), Refusal> {
        let skipped = std::io::copy(&mut self.take(n), &mut std::io::sink())
            .map_err(|e| Refusal::damaged(format!("the file cannot be read or inflated ({e})")))?;
        if skipped < n {
            return Err(Refusal::damaged(format!(
                "the voxels should begin {n} bytes further on, found {skipped}"
            )));
        }
        Ok(())
    }

    /// Looks at what follows the voxels (at most a mebibyte, which also checks the gzip checksum),
    /// then hashes the file to its end, if that is near.
    pub(super) fn finish(mut self, notices: &mut Vec<Notice>) -> Result<Sha256, Refusal> {
        let mut rest = Vec::new();
        match self.by_ref().take(1 << 20).read_to_end(&mut rest) {
            Ok(0) => {}
            Ok(_) => notices.push(Notice::note("bytes after the voxels were ignored")),
            Err(e) => notices.push(Notice::amber(format!(
                "the voxels are complete, but the compressed stream ends irregularly ({e})"
            ))),
        }
        let (hash, whole) = match self.inner {
            Inner::Plain(r) => r.finish_near()?,
            Inner::Gzip(g) => g.into_inner().into_inner().finish_near()?,
        };
        if !whole {
            notices.push(goes_on());
        }
        Ok(hash)
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match &mut self.inner {
            Inner::Plain(r) => r.read(buf),
            Inner::Gzip(g) => g.read(buf),
        }
    }
}
