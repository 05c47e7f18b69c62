//! Reading a file once while its SHA-256 is taken.

use super::{IoError, Refusal};
use crate::volume::Notice;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// So many bytes after the last that means something still belong to a file; what a file has beyond
/// them is neither read nor hashed.
pub(super) const BEYOND: u64 = 16 << 20;

/// Says that a file was not read to its end.
pub(super) fn goes_on() -> Notice {
    Notice::amber(format!(
        "the file goes on for more than {} MiB after the last voxel: the rest is not read, and the \
         SHA-256 that results name is of what comes before",
        BEYOND >> 20
    ))
}

/// A reader that hashes every byte that passes.
pub(super) struct HashingReader<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> HashingReader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    /// As [`Self::finish`], but reads no more than [`BEYOND`] bytes; `false` if more follow.
    pub(super) fn finish_near(mut self) -> std::io::Result<(Sha256, bool)> {
        std::io::copy(&mut self.by_ref().take(BEYOND), &mut std::io::sink())?;
        let more = self.inner.read(&mut [0])? > 0;
        Ok((self.hash, !more))
    }

    /// Reads to the end and gives back the running hash over the whole file.
    pub(super) fn finish(mut self) -> std::io::Result<Sha256> {
        let mut buffer = vec![0; 1 << 16];
        while self.read(&mut buffer)? > 0 {}
        Ok(self.hash)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buf)?;
        if let Some(passed) = buf.get(..n) {
            self.hash.update(passed);
        }
        Ok(n)
    }
}

/// A regular file for buffered reading, with its length. Pipes and devices are refused: they could
/// block or never end.
pub(super) fn open_regular(path: &Path) -> Result<(BufReader<File>, u64), Refusal> {
    let meta = std::fs::metadata(path)?;
    if !meta.is_file() {
        return Err(Refusal::unsupported("this is neither a regular file nor a folder"));
    }
    Ok((BufReader::with_capacity(1 << 16, File::open(path)?), meta.len()))
}

/// The whole file, if it is not longer than `limit`.
pub(super) fn read_whole(path: &Path, limit: u64) -> Result<Vec<u8>, Refusal> {
    let (file, length) = open_regular(path)?;
    if length > limit {
        return Err(Refusal::limit("the file", length, limit));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(Refusal::limit("the file", bytes.len() as u64, limit));
    }
    Ok(bytes)
}

/// Hexadecimal digits of a finished hash.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// SHA-256 of a file as it lies on disk.
///
/// # Errors
/// If it is no regular file or cannot be read.
pub fn sha256_of_file(path: &Path) -> Result<String, IoError> {
    let hash =
        || -> Result<Sha256, Refusal> { Ok(HashingReader::new(open_regular(path)?.0).finish()?) };
    hash().map(hex).map_err(|e| IoError::new(e, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_covers_what_nobody_read() {
        let mut r = HashingReader::new(&b"abc"[..]);
        let mut one = [0];
        r.read_exact(&mut one).expect("one byte");
        // FIPS 180-2, appendix B.1
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(r.finish().expect("in memory")), expected);
        assert_eq!(hex(Sha256::new_with_prefix(b"abc")), expected);
    }
}
