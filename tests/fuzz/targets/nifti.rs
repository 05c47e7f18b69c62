//! NIfTI-1, NIfTI-2 and Analyze, plain or gzipped. What opens is written, read again, and equal.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use sfumato_fuzz::{io::{convert, open}, volume::Volume, as_file, check, opened};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let gzip = bytes.starts_with(&[0x1f, 0x8b]);
    let size = bytes.first_chunk::<4>().map(|b| (i32::from_le_bytes(*b), i32::from_be_bytes(*b)));
    if !gzip && !matches!(size, Some((348 | 540, _) | (_, 348 | 540))) {
        return Corpus::Reject;
    }
    // Half of a pair: the other half follows it.
    let (head, voxels) = bytes.split_at(bytes.len().min(348));
    let pair = !gzip && bytes.len() > 348 && !matches!(bytes.get(344..346), Some(b"n+"));
    let path = as_file(if pair { "pair.hdr" } else { "input.nii" }, if pair { head } else { bytes });
    if pair {
        as_file("pair.img", voxels);
    }
    let volume = opened(&path);
    // Unusual lattices and sizes may be refused.
    if let Some(volume) = volume.filter(|v| v.voxels().len() < 1 << 16)
        && let Some(once) = written_and_read(&volume)
    {
        assert_eq!(once.geometry().shape(), volume.geometry().shape());
        assert_eq!(once.times(), volume.times());
        if (volume.slope, volume.intercept) == (1.0, 0.0) {
            same_voxels(&once, &volume);
        }
        let twice = written_and_read(&once).expect("what was written once can be written again");
        same_voxels(&twice, &once);
        same_place(&twice, &once);
        same_place(&once, &volume);
    }
    Corpus::Keep
});

fn written_and_read(volume: &Volume) -> Option<Volume> {
    let path = as_file("output.nii", b"");
    check(convert(&path, volume, true))?;
    Some(open(&path).unwrap_or_else(|e| panic!("{e}")))
}

fn same_voxels(a: &Volume, b: &Volume) {
    assert_eq!((a.voxels().len(), a.channels()), (b.voxels().len(), b.channels()));
    for i in 0..a.voxels().len() {
        for c in 0..a.channels() {
            let (x, y) = (a.voxels().stored(i, c), b.voxels().stored(i, c));
            assert!(x == y || (x.is_nan() && y.is_nan()), "voxel {i}: {x} and {y}");
        }
    }
}

/// To within the rounding of 32-bit floats at the farthest corner.
fn same_place(a: &Volume, b: &Volume) {
    let longest = b.geometry().shape().into_iter().max().unwrap_or(1) as f64;
    let entries = b.geometry().world_from_voxel().0.into_iter().flatten();
    let farthest = entries.fold(0.0, |m: f64, v| m.max(v.abs())) * longest;
    assert!(a.geometry().matches(b.geometry(), 1e-6 * farthest), "{a:?} {b:?}");
}
