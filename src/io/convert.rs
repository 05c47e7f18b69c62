//! An image as one NIfTI file: values after rescale, in integers where those are exact, colours as
//! RGB, the true affine. The way by which other software compares what we read.

use super::IoError;
use super::nifti::{NiftiOptions, Stored, Stream, put};
use crate::volume::{Volume, Voxels};
use std::ops::Range;
use std::path::Path;

/// Writes a volume to a `.nii` or `.nii.gz` file. Stored integers stay integers if slope and
/// intercept are whole; everything else becomes 32-bit floats. Colours of more than 8 bits go to the
/// fifth axis, 8-bit ones are RGB24.
///
/// # Errors
/// As [`super::write_nifti`].
pub fn convert(path: &Path, volume: &Volume, overwrite: bool) -> Result<(), IoError> {
    let stored = target(volume);
    let (slope, intercept) = (volume.slope, volume.intercept);
    let voxels = volume.voxels();
    let n = voxels.len();
    let fill = |range: Range<usize>, out: &mut Vec<u8>| match (stored, voxels) {
        (Stored::Rgb8, Voxels::Rgb8(v)) => {
            out.extend(v.get(range).unwrap_or_default().iter().flatten());
        }
        (Stored::Rgb16, Voxels::Rgb16(v)) => {
            for i in range {
                let value = v.get(i % n).map_or(0, |c| c[(i / n).min(2)]);
                out.extend(value.to_le_bytes());
            }
        }
        _ => {
            for i in range {
                // Colours lie plane by plane.
                let value = voxels.stored(i % n, i / n) * slope + intercept;
                match stored {
                    Stored::U8 => out.push(value as u8),
                    Stored::I8 => out.extend((value as i8).to_le_bytes()),
                    Stored::U16 => out.extend((value as u16).to_le_bytes()),
                    Stored::I16 => out.extend((value as i16).to_le_bytes()),
                    Stored::U32 => out.extend((value as u32).to_le_bytes()),
                    Stored::I32 => out.extend((value as i32).to_le_bytes()),
                    Stored::F64 => out.extend(value.to_le_bytes()),
                    _ => out.extend((value as f32).to_le_bytes()),
                }
            }
        }
    };
    let deep_colours = matches!(voxels, Voxels::Rgb16(_));
    let (fifth, count) = if deep_colours { (3, n.saturating_mul(3)) } else { (1, n) };
    let stream = Stream { stored, dims: [volume.times(), fifth], count, fill: &fill };
    let options = NiftiOptions { fourth_axis: volume.times(), description: "", overwrite };
    put(path, volume.geometry(), &stream, &options)
}

/// The narrowest type that holds the rescaled values without loss, the stored one first.
fn target(volume: &Volume) -> Stored {
    let own = match volume.voxels() {
        Voxels::Rgb8(_) => return Stored::Rgb8,
        Voxels::Rgb16(_) if (volume.slope, volume.intercept) == (1.0, 0.0) => return Stored::Rgb16,
        Voxels::Rgb16(_) => Stored::U16,
        Voxels::U8(_) => Stored::U8,
        Voxels::I8(_) => Stored::I8,
        Voxels::U16(_) => Stored::U16,
        Voxels::I16(_) => Stored::I16,
        Voxels::U32(_) => Stored::U32,
        Voxels::I32(_) => Stored::I32,
        Voxels::F32(_) => Stored::F32,
        Voxels::F64(_) => Stored::F64,
    };
    let (slope, intercept) = (volume.slope, volume.intercept);
    if (slope, intercept) == (1.0, 0.0) {
        return own;
    }
    let whole = slope.fract() == 0.0 && intercept.fract() == 0.0;
    if matches!(own, Stored::F32 | Stored::F64) || !whole {
        return Stored::F32;
    }
    let s = volume.statistics();
    let (low, high) = (s.min, s.max);
    [own, Stored::I16, Stored::U16, Stored::I32, Stored::U32]
        .into_iter()
        .find(|t| {
            let (least, most) = range(*t);
            low >= least && high <= most
        })
        .unwrap_or(Stored::F32)
}

fn range(stored: Stored) -> (f64, f64) {
    match stored {
        Stored::U8 => (0.0, f64::from(u8::MAX)),
        Stored::I8 => (f64::from(i8::MIN), f64::from(i8::MAX)),
        Stored::U16 => (0.0, f64::from(u16::MAX)),
        Stored::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
        Stored::U32 => (0.0, f64::from(u32::MAX)),
        Stored::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{Affine, Geometry};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn affine(rng: &mut ChaCha8Rng) -> Affine {
        loop {
            let steps = std::array::from_fn(|_| {
                std::array::from_fn(|_| f64::from(rng.random_range(-400i16..400)) / 128.0)
            });
            let origin = std::array::from_fn(|_| f64::from(rng.random_range(-9999i16..9999)) / 8.0);
            let a = Affine::from_columns(steps, origin);
            let size: f64 =
                (0..3).map(|c| a.column(c).iter().map(|v| v * v).sum::<f64>()).product();
            if a.determinant().abs() > 0.05 * size.sqrt() {
                return a;
            }
        }
    }

    fn voxels(rng: &mut ChaCha8Rng, kind: usize, n: usize) -> Voxels {
        macro_rules! any {
            ($variant:path) => {
                $variant((0..n).map(|_| rng.random()).collect())
            };
        }
        match kind {
            0 => any!(Voxels::U8),
            1 => any!(Voxels::I8),
            2 => any!(Voxels::U16),
            3 => any!(Voxels::I16),
            4 => any!(Voxels::U32),
            5 => any!(Voxels::I32),
            6 => Voxels::F32((0..n).map(|_| rng.random_range(-1e6..1e6)).collect()),
            7 => Voxels::F64((0..n).map(|_| rng.random_range(-1e9..1e9)).collect()),
            8 => any!(Voxels::Rgb8),
            _ => any!(Voxels::Rgb16),
        }
    }

    #[test]
    fn written_read_and_equal() {
        let dir = tempfile::tempdir().expect("temp dir");
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for round in 0..120 {
            let shape = std::array::from_fn(|_| rng.random_range(1..7));
            let times = if round % 3 == 0 { rng.random_range(1..4) } else { 1 };
            let g = Geometry::new(shape, affine(&mut rng)).expect("valid");
            let n = g.voxel_count() * times;
            let v = Volume::new(g, times, voxels(&mut rng, round % 10, n)).expect("fits");
            let path = dir.path().join(if round % 2 == 0 { "a.nii" } else { "a.nii.gz" });
            convert(&path, &v, true).unwrap_or_else(|e| panic!("{e}"));
            let back = crate::io::open(&path).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(back.voxels(), v.voxels(), "round {round}");
            assert_eq!((back.slope, back.intercept), (1.0, 0.0));
            assert_eq!(back.times(), times);
            // The affine's numbers were chosen to be exact in 32-bit floats.
            assert!(back.geometry().matches(v.geometry(), 1e-9), "round {round}");
            assert!(back.notices.is_empty(), "{:?}", back.notices);
        }
    }

    #[test]
    fn rescaled_values_stay_whole_where_they_can() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("a.nii");
        let check = |stored: Voxels, slope: f64, intercept: f64, expected: Voxels| {
            let g = Geometry::picture(stored.len(), 1, 1).expect("valid");
            let mut v = Volume::new(g, 1, stored).expect("fits");
            (v.slope, v.intercept) = (slope, intercept);
            convert(&path, &v, true).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(crate::io::open(&path).expect("opens").voxels(), &expected);
        };
        let ct = vec![0, 1024, 4095];
        check(Voxels::U16(ct.clone()), 1.0, -1024.0, Voxels::I16(vec![-1024, 0, 3071]));
        check(Voxels::U16(ct.clone()), 1.0, 5.0, Voxels::U16(vec![5, 1029, 4100]));
        check(Voxels::U16(ct.clone()), 20.0, -1.0, Voxels::I32(vec![-1, 20479, 81899]));
        check(Voxels::U16(ct), 0.5, 0.0, Voxels::F32(vec![0.0, 512.0, 2047.5]));
        check(Voxels::U8(vec![3]), 1e12, 0.0, Voxels::F32(vec![3e12]));
        check(Voxels::F64(vec![0.1]), 2.0, 0.0, Voxels::F32(vec![0.2]));
    }

    #[test]
    fn scaled_deep_colours_keep_their_values() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("deep.nii");
        let g = Geometry::picture(2, 1, 1).expect("ok");
        let colours = Voxels::Rgb16(vec![[0, 1, 65_535], [7, 8, 9]]);
        let mut v = Volume::new(g, 1, colours).expect("ok");
        v.slope = 65_537.0;
        convert(&path, &v, false).expect("written");
        let file = nifti::ReaderOptions::new().read_file(&path).expect("the crate reads it");
        let a = nifti::NiftiObject::into_volume(file);
        let a = nifti::IntoNdArray::into_ndarray::<f64>(a).expect("array");
        assert_eq!(a.shape(), [2, 1, 1, 1, 3]);
        let all: Vec<f64> = a.t().iter().copied().collect();
        assert_eq!(all, [0.0, 7.0, 1.0, 8.0, 65_535.0, 9.0].map(|x| x * 65_537.0));
    }
}
