//! The budgets of reading, in one place. Nothing is allocated before it was compared with these.

use super::Refusal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub(super) const GIB: u64 = 1 << 30;
/// Side of a 2-D picture in pixels, and its decoded size: 20,000 x 20,000 in colour fit.
pub(super) const PICTURE_SIDE: u32 = 32_768;
pub(super) const PICTURE_BYTES: u64 = 2 * GIB;
/// NIfTI-1 dimensions are signed 16-bit; NIfTI-2 ones could be larger than any image.
pub(super) const NIFTI1_SIDE: i64 = 32_767;
pub(super) const NIFTI2_SIDE: i64 = 1 << 20;
/// Nested sequences, elements (each value of a list counts), and bytes of one text value in a DICOM
/// file. An enhanced object of 10,000 frames has half a million elements; a million take a second to
/// parse and 200 MB.
pub(super) const DICOM_DEPTH: usize = 64;
pub(super) const DICOM_ELEMENTS: usize = 1_000_000;
pub(super) const DICOM_TEXT: u64 = 1 << 20;
pub(super) const DICOM_FRAMES: usize = 65_535;
/// Folder scans.
pub(super) const FOLDER_FILES: usize = 200_000;
pub(super) const FOLDER_DEPTH: usize = 16;

/// Decoded bytes that one volume may take: the smaller of 4 GiB and 60 % of free memory.
pub fn memory_budget() -> u64 {
    /// Asking the system takes longer than reading a small header.
    const FRESH: Duration = Duration::from_millis(200);
    static LAST: Mutex<Option<(Instant, u64)>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    match *last {
        Some((when, budget)) if when.elapsed() < FRESH => budget,
        _ => last.insert((Instant::now(), measured_budget())).1,
    }
}

fn measured_budget() -> u64 {
    let available = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    available.map_or(4 * GIB, |kb| (kb.saturating_mul(1024) / 10 * 6).min(4 * GIB))
}

/// The product of `factors` in bytes as a `usize`, or a refusal if it overflows or exceeds `limit`.
pub(super) fn checked_size(what: &str, factors: &[u64], limit: u64) -> Result<usize, Refusal> {
    let size = factors.iter().try_fold(1u64, |a, &b| a.checked_mul(b)).unwrap_or(u64::MAX);
    if size > limit {
        return Err(Refusal::limit(what, size, limit));
    }
    usize::try_from(size).map_err(|_| Refusal::limit(what, size, limit))
}

/// Refuses a picture file that is too short for what it decodes to, before space is taken for that. Deflate makes at
/// most 1032 bytes of one, a PNG file of two colours 24 of those; no other format does more.
pub(super) fn check_expansion(name: &str, decoded: u64, length: u64) -> Result<(), Refusal> {
    if decoded / (1032 * 24) > length {
        return Err(Refusal::damaged(format!(
            "{name}: a file of {length} bytes cannot hold a picture of {decoded}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_that_overflow_are_refused() {
        assert!(checked_size("voxels", &[1 << 40, 1 << 40], u64::MAX - 1).is_err());
        assert!(checked_size("voxels", &[100, 100], 9_999).is_err());
        assert_eq!(checked_size("voxels", &[100, 100], 10_000).expect("fits"), 10_000);
    }
}
