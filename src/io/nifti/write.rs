//! Writing NIfTI-1: sform and qform with code 1 where the place in the patient is known, code 0 and
//! the spacing alone where it is not; millimetres, no text from any input; the file appears whole, under exactly the name asked for, after it was read back and compared. The voxels
//! pass in blocks, so that no second copy of an image exists.

use super::header::{Header, SIZE_1};
use crate::io::IoError;
use crate::io::atomic::Sibling;
use crate::io::limits::NIFTI1_SIDE;
use crate::volume::{Affine, Geometry, LengthUnit};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::path::Path;

/// Voxels to write, x fastest, then y, z and the fourth axis.
#[derive(Clone, Copy, Debug)]
pub enum NiftiData<'a> {
    U8(&'a [u8]),
    I32(&'a [i32]),
    F32(&'a [f32]),
}

/// How [`write_nifti_with`] writes.
#[derive(Clone, Copy, Debug)]
pub struct NiftiOptions<'a> {
    /// Entries of the fourth axis, 1 for a volume.
    pub fourth_axis: usize,
    /// For the field `descrip`, at most 79 bytes of ASCII are kept. No text from an input.
    pub description: &'a str,
    pub overwrite: bool,
}

/// Writes `[x, y, z]`, or `[x, y, z, fourth_axis]` where that is more than 1, to a `.nii` or
/// `.nii.gz` file. The affine is stored as 32-bit floats, as the format has it; a sheared one gets
/// no qform, which cannot express it. What is unknown, orientation or unit of length, stays so.
///
/// # Errors
/// If the name has another ending, exists and `overwrite` is false, the data do not fit the
/// geometry, an axis exceeds 32,767, or writing or reading back fails. The old file is then
/// untouched.
pub fn write_nifti(
    path: &Path,
    geometry: &Geometry,
    data: NiftiData<'_>,
    fourth_axis: usize,
    overwrite: bool,
) -> Result<(), IoError> {
    let options = NiftiOptions { fourth_axis, description: "", overwrite };
    write_nifti_with(path, geometry, data, &options)
}

/// As [`write_nifti`], with a description.
///
/// # Errors
/// As [`write_nifti`].
pub fn write_nifti_with(
    path: &Path,
    geometry: &Geometry,
    data: NiftiData<'_>,
    options: &NiftiOptions<'_>,
) -> Result<(), IoError> {
    let count = match data {
        NiftiData::U8(v) => v.len(),
        NiftiData::I32(v) => v.len(),
        NiftiData::F32(v) => v.len(),
    };
    let fill = |range: Range<usize>, out: &mut Vec<u8>| match data {
        NiftiData::U8(v) => out.extend(v.get(range).unwrap_or_default()),
        NiftiData::I32(v) => {
            out.extend(v.get(range).unwrap_or_default().iter().flat_map(|x| x.to_le_bytes()));
        }
        NiftiData::F32(v) => {
            out.extend(v.get(range).unwrap_or_default().iter().flat_map(|x| x.to_le_bytes()));
        }
    };
    let stored = match data {
        NiftiData::U8(_) => Stored::U8,
        NiftiData::I32(_) => Stored::I32,
        NiftiData::F32(_) => Stored::F32,
    };
    let dims = [options.fourth_axis, 1];
    put(path, geometry, &Stream { stored, dims, count, fill: &fill }, options)
}

/// Data types that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::io) enum Stored {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    F64,
    Rgb8,
    /// Three 16-bit numbers per voxel on the fifth axis: the format has no deep colours.
    Rgb16,
}

impl Stored {
    /// NIfTI's code, bits per number, and intent.
    fn codes(self) -> (i16, i16, i16) {
        match self {
            Self::U8 => (2, 8, 0),
            Self::I8 => (256, 8, 0),
            Self::U16 => (512, 16, 0),
            Self::I16 => (4, 16, 0),
            Self::U32 => (768, 32, 0),
            Self::I32 => (8, 32, 0),
            Self::F32 => (16, 32, 0),
            Self::F64 => (64, 64, 0),
            Self::Rgb8 => (128, 24, 0),
            Self::Rgb16 => (512, 16, super::values::INTENT_RGB_VECTOR),
        }
    }
}

/// Numbers in file order, produced block by block.
pub(in crate::io) struct Stream<'a> {
    pub(in crate::io) stored: Stored,
    /// Entries of the fourth and fifth axis.
    pub(in crate::io) dims: [usize; 2],
    /// Entries in all; one colour of [`Stored::Rgb8`] is one entry.
    pub(in crate::io) count: usize,
    /// Appends the little-endian bytes of a range of entries.
    pub(in crate::io) fill: &'a dyn Fn(Range<usize>, &mut Vec<u8>),
}

/// Writes a stream; see [`write_nifti`] for what is checked.
pub(in crate::io) fn put(
    path: &Path,
    geometry: &Geometry,
    data: &Stream<'_>,
    options: &NiftiOptions<'_>,
) -> Result<(), IoError> {
    let invalid = |why: String| IoError::Invalid { why, path: path.into() };
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase());
    let ending = match name {
        Some(n) if n.ends_with(".nii.gz") => "nii.gz",
        Some(n) if n.ends_with(".nii") => "nii",
        _ => return Err(invalid("the name of a NIfTI file ends in .nii or .nii.gz".into())),
    };
    let [x, y, z] = geometry.shape();
    let [t, v] = data.dims;
    if let Some(n) = [x, y, z, t, v].into_iter().find(|&n| n as u64 > NIFTI1_SIDE as u64) {
        return Err(invalid(format!(
            "an axis has {n} entries, NIfTI-1 allows {NIFTI1_SIDE}; save a part or a coarser grid"
        )));
    }
    let expected = geometry.voxel_count().saturating_mul(t).saturating_mul(v);
    if expected == 0 || data.count != expected {
        return Err(invalid(format!(
            "{} values do not fill {x} x {y} x {z} x {t} voxels",
            data.count
        )));
    }
    let head = header(geometry, data, options.description);
    // What cannot be read back is not written: a spacing too small for 32-bit floats, say.
    let fits = Header::parse(&head).and_then(|h| super::orientation::geometry(&h, &mut Vec::new()));
    if !fits.is_ok_and(|g| same_lattice(&g, geometry)) {
        return Err(invalid(
            "its lattice cannot be expressed by the 32-bit floats of NIfTI".into(),
        ));
    }
    let sibling = Sibling::new(path, ending, options.overwrite)?;
    let failed =
        |source| IoError::Write { what: "the NIfTI file", source, path: path.to_path_buf() };
    let gzip = ending == "nii.gz";
    let written = pour(sibling.create()?, gzip, &head, data).map_err(failed)?;
    let back = hash_of(sibling.path(), gzip).map_err(failed)?;
    if back != written {
        return Err(invalid("what was read back differs from what was written".into()));
    }
    sibling.commit()
}

/// Whether what is read back is the same but for rounding: shape, what is known, and each step from
/// voxel to voxel (its length, where directions are unknown). A step that is too small becomes zero,
/// and the reader then takes another transform.
fn same_lattice(a: &Geometry, b: &Geometry) -> bool {
    let known = placed(b);
    let step = |c: usize| {
        let (u, v) = (a.world_from_voxel().column(c), b.world_from_voxel().column(c));
        let (own, length) = (a.spacing()[c], b.spacing()[c]);
        let near = |x: f64, y: f64| (x - y).abs() <= 1e-3 * length;
        if known { u.iter().zip(v).all(|(x, y)| near(*x, y)) } else { near(own, length) }
    };
    a.shape() == b.shape() && placed(a) == known && (0..3).all(step)
}

/// Whether the file may say where in the patient the voxels lie.
fn placed(geometry: &Geometry) -> bool {
    geometry.orientation_known() && geometry.unit() == LengthUnit::Millimetre
}

/// Writes header and voxels; the SHA-256 of both before compression.
fn pour(file: File, gzip: bool, head: &[u8], data: &Stream<'_>) -> std::io::Result<[u8; 32]> {
    let file = BufWriter::with_capacity(1 << 18, file);
    if gzip {
        let mut encoder = GzEncoder::new(file, Compression::new(4));
        let hash = blocks(&mut encoder, head, data)?;
        encoder.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        return Ok(hash);
    }
    let mut file = file;
    let hash = blocks(&mut file, head, data)?;
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    Ok(hash)
}

fn blocks(out: &mut impl Write, head: &[u8], data: &Stream<'_>) -> std::io::Result<[u8; 32]> {
    const BLOCK: usize = 1 << 16;
    let mut hash = Sha256::new_with_prefix(head);
    out.write_all(head)?;
    let mut buffer = Vec::with_capacity(BLOCK * 8);
    for start in (0..data.count).step_by(BLOCK) {
        buffer.clear();
        (data.fill)(start..data.count.min(start + BLOCK), &mut buffer);
        hash.update(&buffer);
        out.write_all(&buffer)?;
    }
    Ok(hash.finalize().into())
}

fn hash_of(path: &Path, gzip: bool) -> std::io::Result<[u8; 32]> {
    let file = BufReader::with_capacity(1 << 18, File::open(path)?);
    let mut reader: Box<dyn Read> =
        if gzip { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 18]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            n => hash.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

/// 348 bytes by the offsets of `nifti1.h`, and four that say "no extension".
fn header(geometry: &Geometry, data: &Stream<'_>, description: &str) -> Vec<u8> {
    let a = geometry.world_from_voxel();
    let [x, y, z] = geometry.shape();
    let [t, v] = data.dims;
    let rank = if v > 1 {
        5
    } else if t > 1 {
        4
    } else {
        3
    };
    let (datatype, bits, intent) = data.stored.codes();
    let mut h = vec![0u8; SIZE_1 + 4];
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(field) = h.get_mut(at..at + bytes.len()) {
            field.copy_from_slice(bytes);
        }
    };
    put(0, &(SIZE_1 as i32).to_le_bytes());
    put(38, b"r");
    for (i, d) in [rank, x, y, z, t, v, 1, 1].into_iter().enumerate() {
        put(40 + 2 * i, &(d as i16).to_le_bytes());
    }
    put(68, &intent.to_le_bytes());
    put(70, &datatype.to_le_bytes());
    put(72, &bits.to_le_bytes());
    put(108, &((SIZE_1 + 4) as f32).to_le_bytes());
    put(112, &1f32.to_le_bytes());
    // 2 = mm; a picture without spacing has no unit to name.
    put(123, &[if geometry.unit() == LengthUnit::Millimetre { 2 } else { 0 }]);
    let mut text = format!("sfumato {}; research use only", env!("CARGO_PKG_VERSION"));
    if !geometry.orientation_known() {
        text += "; orientation unknown";
    }
    if !description.is_empty() {
        text = format!("{text}; {description}");
    }
    let text: Vec<u8> = text.bytes().filter(|b| (32..127).contains(b)).take(79).collect();
    put(148, &text);
    let mut qfac = 1f32;
    if placed(geometry) {
        put(254, &1i16.to_le_bytes());
        for (r, at) in [280, 296, 312].into_iter().enumerate() {
            for (c, v) in a.0[r].into_iter().enumerate() {
                put(at + 4 * c, &(v as f32).to_le_bytes());
            }
        }
        if let Some((sign, quaternion)) = quaternion(a) {
            qfac = sign;
            put(252, &1i16.to_le_bytes());
            let offset = [a.0[0][3], a.0[1][3], a.0[2][3]];
            for (i, v) in quaternion.into_iter().chain(offset).enumerate() {
                put(256 + 4 * i, &(v as f32).to_le_bytes());
            }
        }
    }
    let s = geometry.spacing().map(|v| v as f32);
    for (i, v) in [qfac, s[0], s[1], s[2], 1.0, 1.0, 1.0, 1.0].into_iter().enumerate() {
        put(76 + 4 * i, &v.to_le_bytes());
    }
    put(344, b"n+1\0");
    h
}

/// qfac and the quaternion's b, c, d of the rotation in an affine; `None` if its axes are not
/// perpendicular within 1e-4.
fn quaternion(a: &Affine) -> Option<(f32, [f64; 3])> {
    let dot = |u: [f64; 3], v: [f64; 3]| u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
    let mut steps = [0, 1, 2].map(|c| {
        let v = a.column(c);
        let n = dot(v, v).sqrt();
        v.map(|x| x / n)
    });
    if [(0, 1), (0, 2), (1, 2)].iter().any(|&(i, j)| dot(steps[i], steps[j]).abs() > 1e-4) {
        return None;
    }
    let qfac = if a.determinant() < 0.0 { -1.0 } else { 1.0 };
    if qfac < 0.0 {
        steps[2] = steps[2].map(|x| -x);
    }
    // The nearest rotation (polar decomposition by Newton's iteration; converges quadratically).
    for _ in 0..4 {
        let inverse = Affine::from_columns(steps, [0.0; 3]).inverse()?;
        for (c, step) in steps.iter_mut().enumerate() {
            for (r, v) in step.iter_mut().enumerate() {
                // Row c of the inverse is column c of its transpose.
                *v = 0.5 * (*v + inverse.0[c][r]);
            }
        }
    }
    let m = |r: usize, c: usize| steps[c][r];
    let trace = 1.0 + m(0, 0) + m(1, 1) + m(2, 2);
    let (mut q, sign) = if trace > 0.5 {
        let s = 0.5 / trace.sqrt();
        ([(m(2, 1) - m(1, 2)) * s, (m(0, 2) - m(2, 0)) * s, (m(1, 0) - m(0, 1)) * s], 1.0)
    } else {
        // Near a half turn: from the largest of b, c, d.
        let (i, j, k) = if m(0, 0) >= m(1, 1) && m(0, 0) >= m(2, 2) {
            (0, 1, 2)
        } else if m(1, 1) >= m(2, 2) {
            (1, 2, 0)
        } else {
            (2, 0, 1)
        };
        let s = 2.0 * (1.0 + m(i, i) - m(j, j) - m(k, k)).max(0.0).sqrt();
        let mut q = [0.0; 3];
        q[i] = 0.25 * s;
        q[j] = (m(i, j) + m(j, i)) / s;
        q[k] = (m(i, k) + m(k, i)) / s;
        // NIfTI wants the scalar part positive.
        (q, if (m(k, j) - m(j, k)) < 0.0 { -1.0 } else { 1.0 })
    };
    q = q.map(|v| v * sign);
    q.iter().all(|v| v.is_finite()).then_some((qfac, q))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Voxels;
    use nifti::{IntoNdArray, NiftiHeader, NiftiObject, ReaderOptions};

    fn equals(data: NiftiData<'_>, voxels: &Voxels) -> bool {
        match (data, voxels) {
            (NiftiData::U8(a), Voxels::U8(b)) => a == b.as_slice(),
            (NiftiData::F32(a), Voxels::F32(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits())
            }
            _ => false,
        }
    }

    fn oblique(flip: bool) -> Affine {
        // A rotation by Euler angles times spacing, optionally left-handed.
        let (a, b, c) = (0.3f64, -0.7f64, 2.5f64);
        let (sa, ca, sb, cb, sc, cc) = (a.sin(), a.cos(), b.sin(), b.cos(), c.sin(), c.cos());
        let r = [
            [cb * cc, sa * sb * cc - ca * sc, ca * sb * cc + sa * sc],
            [cb * sc, sa * sb * sc + ca * cc, ca * sb * sc - sa * cc],
            [-sb, sa * cb, ca * cb],
        ];
        let s = [0.75, 1.25, if flip { -3.0 } else { 3.0 }];
        let column = |i: usize| [r[0][i] * s[i], r[1][i] * s[i], r[2][i] * s[i]];
        Affine::from_columns([column(0), column(1), column(2)], [-12.5, 40.25, 7.0])
    }

    fn near(a: &Affine, b: &Affine, tolerance: f64) -> bool {
        (0..3).all(|r| (0..4).all(|c| (a.0[r][c] - b.0[r][c]).abs() < tolerance))
    }

    #[test]
    fn shapes_and_affines_survive_both_readers() {
        let dir = tempfile::tempdir().expect("temp dir");
        for (i, (shape, times)) in [
            ([4, 3, 2], 1),
            ([5, 4, 1], 1),
            ([1, 3, 2], 1),
            ([3, 1, 2], 1),
            ([1, 1, 1], 1),
            ([4, 3, 2], 3),
            ([4, 3, 1], 3),
            ([1, 1, 4], 2),
        ]
        .into_iter()
        .enumerate()
        {
            for flip in [false, true] {
                let g = Geometry::new(shape, oblique(flip)).expect("valid");
                let n = g.voxel_count() * times;
                let bytes: Vec<u8> = (0..n).map(|k| (k * 7 % 251) as u8).collect();
                let floats: Vec<f32> = (0..n).map(|k| k as f32 * 0.37 - 2.0).collect();
                for (data, name) in [
                    (NiftiData::U8(&bytes), format!("m{i}{flip}.v01.nii.gz")),
                    (NiftiData::F32(&floats), format!("p{i}{flip}.v01.nii")),
                ] {
                    let path = dir.path().join(name);
                    write_nifti(&path, &g, data, times, false).expect("written");
                    let v = crate::io::open(&path).expect("opens");
                    assert!(equals(data, v.voxels()));
                    assert_eq!((v.geometry().shape(), v.times()), (shape, times));
                    assert!(near(v.geometry().world_from_voxel(), &oblique(flip), 1e-5));
                    assert_eq!(v.source.format, "nifti-1");
                    assert!(v.notices.is_empty(), "{:?}", v.notices);

                    let o = ReaderOptions::new().read_file(&path).expect("the crate reads it");
                    let h = o.header().clone();
                    assert_eq!((h.sform_code, h.qform_code, h.xyzt_units), (1, 1, 2));
                    let (s, q) = (h.sform_affine::<f64>(), h.qform_affine::<f64>());
                    for r in 0..3 {
                        for c in 0..4 {
                            assert!((s[(r, c)] - oblique(flip).0[r][c]).abs() < 1e-5);
                            assert!((q[(r, c)] - oblique(flip).0[r][c]).abs() < 1e-5);
                        }
                    }
                    let a = o.into_volume().into_ndarray::<f32>().expect("array");
                    let expected = if times == 1 { 3 } else { 4 };
                    assert_eq!(a.ndim(), expected);
                    let last = a.iter().count() - 1;
                    let corner: Vec<usize> = a.shape().iter().map(|n| n - 1).collect();
                    assert!(
                        (f64::from(a[corner.as_slice()]) - v.voxels().stored(last, 0)).abs() < 1e-6
                    );
                }
            }
        }
    }

    #[test]
    fn a_sheared_affine_has_only_an_sform() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("tilt.nii");
        let steps = [[-0.5, 0.0, 0.0], [0.0, -0.5, 0.0], [0.0, 1.0, 3.0]];
        let g = Geometry::new([2, 2, 2], Affine::from_columns(steps, [1.0, 2.0, 3.0])).expect("ok");
        write_nifti(&path, &g, NiftiData::U8(&[1; 8]), 1, false).expect("written");
        let h = NiftiHeader::from_file(&path).expect("header");
        assert_eq!((h.sform_code, h.qform_code), (1, 0));
        let v = crate::io::open(&path).expect("opens");
        assert!(v.geometry().matches(&g, 1e-6));
    }

    #[test]
    fn every_quarter_turn_has_its_quaternion() {
        // All 48 signed axis orders, through our reader's qform alone.
        let dir = tempfile::tempdir().expect("temp dir");
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for flips in 0..8usize {
                let mut steps = [[0.0; 3]; 3];
                for (axis, &world) in order.iter().enumerate() {
                    let size = 1.0 + axis as f64 * 0.5;
                    steps[axis][world] = if flips >> axis & 1 == 1 { size } else { -size };
                }
                let a = Affine::from_columns(steps, [1.0, -2.0, 3.0]);
                let g = Geometry::new([2, 3, 4], a).expect("valid");
                let path = dir.path().join("turn.nii");
                write_nifti(&path, &g, NiftiData::U8(&[0; 24]), 1, true).expect("written");
                let mut bytes = std::fs::read(&path).expect("readable");
                bytes[254..256].copy_from_slice(&[0, 0]); // sform_code
                std::fs::write(&path, bytes).expect("written");
                let v = crate::io::open(&path).expect("opens");
                assert!(near(v.geometry().world_from_voxel(), &a, 1e-5), "{order:?} {flips}");
            }
        }
    }

    #[test]
    fn exp_3_what_is_unknown_is_written_as_unknown_and_read_back_so() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("a.nii");
        let unknown =
            |a: Affine| Geometry::new([3, 2, 2], a).expect("valid").with_orientation_known(false);
        let steps = [[-0.5, 0.0, 0.0], [0.0, -0.75, 0.0], [0.0, 0.0, 3.0]];
        for (g, unit) in [
            (Geometry::picture(3, 2, 2).expect("valid"), LengthUnit::Pixel),
            (unknown(Affine::from_columns(steps, [0.0; 3])), LengthUnit::Millimetre),
            (unknown(oblique(false)), LengthUnit::Millimetre),
            (unknown(oblique(true)), LengthUnit::Millimetre),
        ] {
            let bytes: Vec<u8> = (0..12).collect();
            write_nifti(&path, &g, NiftiData::U8(&bytes), 1, true).expect("written");
            let file = ReaderOptions::new().read_file(&path).expect("the crate reads it");
            let h = file.header();
            assert_eq!((h.sform_code, h.qform_code), (0, 0));
            assert_eq!(h.xyzt_units, if unit == LengthUnit::Pixel { 0 } else { 2 });
            let v = crate::io::open(&path).expect("opens");
            assert_eq!(v.voxels(), &Voxels::U8(bytes));
            assert!(!v.geometry().orientation_known());
            assert_eq!(v.geometry().unit(), unit);
            for (found, expected) in v.geometry().spacing().iter().zip(g.spacing()) {
                assert!((found - expected).abs() < 1e-6, "{found} {expected}");
            }
            // The second generation is as the first.
            let again = dir.path().join("b.nii");
            crate::io::convert(&again, &v, true).expect("written");
            let two = crate::io::open(&again).expect("opens");
            assert!(!two.geometry().orientation_known());
            assert_eq!(two.geometry(), v.geometry());
        }
    }

    #[test]
    fn the_name_asked_for_is_the_name_written_and_nothing_else_appears() {
        let dir = tempfile::tempdir().expect("temp dir");
        let g = Geometry::picture(2, 2, 1).expect("valid");
        let path = dir.path().join("out.v01.nii");
        write_nifti(&path, &g, NiftiData::U8(&[1, 2, 3, 4]), 1, false).expect("written");
        let again = write_nifti(&path, &g, NiftiData::U8(&[0; 4]), 1, false);
        assert!(matches!(again, Err(IoError::Exists { .. })));
        let names: Vec<_> = std::fs::read_dir(dir.path())
            .expect("readable")
            .map(|e| e.expect("entry").file_name())
            .collect();
        assert_eq!(names, ["out.v01.nii"]);
        assert_eq!(crate::io::open(&path).expect("opens").voxels(), &Voxels::U8(vec![1, 2, 3, 4]));
    }

    #[test]
    fn what_does_not_fit_the_format_is_refused() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("a.nii");
        let wide = Geometry::picture(40_000, 1, 1).expect("valid");
        let e = write_nifti(&path, &wide, NiftiData::U8(&vec![0; 40_000]), 1, false);
        assert!(e.expect_err("refused").to_string().contains("32767"));
        let g = Geometry::picture(2, 2, 1).expect("valid");
        assert!(write_nifti(&path, &g, NiftiData::U8(&[0; 3]), 1, false).is_err());
        assert!(write_nifti(&path, &g, NiftiData::U8(&[]), 0, false).is_err());
        assert!(
            write_nifti(&dir.path().join("a.img"), &g, NiftiData::U8(&[0; 4]), 1, false).is_err()
        );
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0);
    }
}
