//! The header fields that matter, of NIfTI-1 (348 bytes), NIfTI-2 (540 bytes) and Analyze 7.5,
//! in either byte order. Offsets follow `nifti1.h` and `nifti2.h`.

use crate::io::error::Refusal;
use crate::io::limits::{NIFTI1_SIDE, NIFTI2_SIDE};

pub(super) const SIZE_1: usize = 348;
pub(super) const SIZE_2: usize = 540;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Analyze,
    One,
    Two,
}

/// A header whose dimensions lie within the limits.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) version: Version,
    pub(super) little_endian: bool,
    /// Header and voxels in one file.
    pub(super) single_file: bool,
    /// x, y, z, then time and everything beyond it; at least 1 each.
    pub(super) dims: [usize; 7],
    pub(super) rank: usize,
    pub(super) datatype: i16,
    /// Bits per voxel as declared; the datatype decides.
    pub(super) bits: i16,
    /// What the numbers mean (`NIFTI_INTENT_…`).
    pub(super) intent: i32,
    /// Bytes from the start of the voxels' file; `None` if no number of bytes is there.
    pub(super) offset: Option<u64>,
    /// qfac, then the spacing of each axis.
    pub(super) pixdim: [f64; 8],
    pub(super) slope: f64,
    pub(super) intercept: f64,
    pub(super) display_range: (f64, f64),
    pub(super) units: u8,
    pub(super) qform_code: i32,
    pub(super) sform_code: i32,
    /// b, c, d, then the offsets x, y, z.
    pub(super) quaternion: [f64; 6],
    pub(super) sform: [[f64; 4]; 3],
    /// What was put in the place of fields that make no sense.
    pub(super) assumed: Vec<String>,
}

/// Little-endian?, version — if the first four bytes are a header size that is known.
pub(super) fn kind(head: &[u8]) -> Option<(bool, Version)> {
    let size: [u8; 4] = head.get(..4)?.try_into().ok()?;
    let little = match (i32::from_le_bytes(size), i32::from_be_bytes(size)) {
        (348 | 540, _) => true,
        (_, 348 | 540) => false,
        _ => return None,
    };
    if size.contains(&0x5c) {
        // The zero at the end of the mark is not always there.
        let magic = head.get(344..347)?;
        let nifti = matches!(magic, b"n+1" | b"ni1");
        return Some((little, if nifti { Version::One } else { Version::Analyze }));
    }
    let magic = head.get(4..8)?;
    matches!(magic, b"n+2\0" | b"ni2\0").then_some((little, Version::Two))
}

/// Fields at fixed offsets in a byte order.
struct Fields<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl Fields<'_> {
    fn take<const N: usize>(&self, at: usize) -> Result<[u8; N], Refusal> {
        let field = at.checked_add(N).and_then(|end| self.bytes.get(at..end));
        let mut out: [u8; N] = field.and_then(|f| f.try_into().ok()).ok_or_else(|| {
            Refusal::damaged(format!(
                "the header ends after {} bytes, a field at byte {at} is missing",
                self.bytes.len()
            ))
        })?;
        if !self.little {
            out.reverse();
        }
        Ok(out)
    }
    fn i16(&self, at: usize) -> Result<i16, Refusal> {
        self.take(at).map(i16::from_le_bytes)
    }
    fn i32(&self, at: usize) -> Result<i32, Refusal> {
        self.take(at).map(i32::from_le_bytes)
    }
    fn i64(&self, at: usize) -> Result<i64, Refusal> {
        self.take(at).map(i64::from_le_bytes)
    }
    fn f32(&self, at: usize) -> Result<f64, Refusal> {
        self.take(at).map(|b| f64::from(f32::from_le_bytes(b)))
    }
    fn f64(&self, at: usize) -> Result<f64, Refusal> {
        self.take(at).map(f64::from_le_bytes)
    }
}

fn array<const N: usize>(
    mut f: impl FnMut(usize) -> Result<f64, Refusal>,
) -> Result<[f64; N], Refusal> {
    let mut out = [0.0; N];
    for (i, v) in out.iter_mut().enumerate() {
        *v = f(i)?;
    }
    Ok(out)
}

impl Header {
    /// Parses the first 348 or 540 bytes.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let (little, version) = kind(bytes).ok_or_else(|| {
            Refusal::damaged("the header size is neither 348 (NIfTI-1, Analyze) nor 540 (NIfTI-2)")
        })?;
        let f = Fields { bytes, little };
        if version == Version::Two {
            return Self::parse_2(&f);
        }
        let mut dim = [0i64; 8];
        for (i, d) in dim.iter_mut().enumerate() {
            *d = i64::from(f.i16(40 + 2 * i)?);
        }
        let mut assumed = Vec::new();
        let (rank, dims) = dimensions(dim, NIFTI1_SIDE, &mut assumed)?;
        let nifti = version == Version::One;
        // Analyze keeps other things where NIfTI has its transforms.
        let or_zero = |v: Result<f64, Refusal>| if nifti { v } else { Ok(0.0) };
        Ok(Self {
            version,
            little_endian: little,
            single_file: bytes.get(344..347) == Some(b"n+1"),
            dims,
            rank,
            datatype: f.i16(70)?,
            bits: f.i16(72)?,
            intent: if nifti { i32::from(f.i16(68)?) } else { 0 },
            offset: offset(f.f32(108)?),
            pixdim: array(|i| f.f32(76 + 4 * i))?,
            slope: or_zero(f.f32(112))?,
            intercept: or_zero(f.f32(116))?,
            units: if nifti { f.take::<1>(123)?[0] } else { 2 },
            display_range: (or_zero(f.f32(128))?, or_zero(f.f32(124))?),
            qform_code: if nifti { i32::from(f.i16(252)?) } else { 0 },
            sform_code: if nifti { i32::from(f.i16(254)?) } else { 0 },
            quaternion: array(|i| f.f32(256 + 4 * i))?,
            sform: [
                array(|i| f.f32(280 + 4 * i))?,
                array(|i| f.f32(296 + 4 * i))?,
                array(|i| f.f32(312 + 4 * i))?,
            ],
            assumed,
        })
    }

    fn parse_2(f: &Fields<'_>) -> Result<Self, Refusal> {
        let mut dim = [0i64; 8];
        for (i, d) in dim.iter_mut().enumerate() {
            *d = f.i64(16 + 8 * i)?;
        }
        let mut assumed = Vec::new();
        let (rank, dims) = dimensions(dim, NIFTI2_SIDE, &mut assumed)?;
        // The mark holds line ends so that a copy "as text" shows; some writers leave them out.
        if !matches!(f.bytes.get(8..12), Some(b"\r\n\x1a\n" | b"\0\0\0\0")) {
            return Err(Refusal::damaged(
                "the line ends in the mark of NIfTI-2 were changed: the file was copied as text",
            ));
        }
        Ok(Self {
            version: Version::Two,
            little_endian: f.little,
            single_file: f.bytes.get(4..8) == Some(b"n+2\0"),
            dims,
            rank,
            datatype: f.i16(12)?,
            bits: f.i16(14)?,
            intent: f.i32(504)?,
            offset: u64::try_from(f.i64(168)?).ok(),
            pixdim: array(|i| f.f64(104 + 8 * i))?,
            slope: f.f64(176)?,
            intercept: f.f64(184)?,
            units: (f.i32(500)? & 0xff) as u8,
            display_range: (f.f64(200)?, f.f64(192)?),
            qform_code: f.i32(344)?,
            sform_code: f.i32(348)?,
            quaternion: array(|i| f.f64(352 + 8 * i))?,
            sform: [
                array(|i| f.f64(400 + 8 * i))?,
                array(|i| f.f64(432 + 8 * i))?,
                array(|i| f.f64(464 + 8 * i))?,
            ],
            assumed,
        })
    }

    /// Bytes of the header itself; a single file has four more that announce extensions.
    pub(super) fn size(&self) -> u64 {
        if self.version == Version::Two { SIZE_2 as u64 } else { SIZE_1 as u64 }
    }

    pub(super) fn format(&self) -> &'static str {
        match self.version {
            Version::Analyze => "analyze",
            Version::One => "nifti-1",
            Version::Two => "nifti-2",
        }
    }
}

/// `dim[0]` axes, each of 1 to `most` voxels; unused axes count 1. Beyond space, an axis without
/// length counts 1, as in other readers.
fn dimensions(
    dim: [i64; 8],
    most: i64,
    assumed: &mut Vec<String>,
) -> Result<(usize, [usize; 7]), Refusal> {
    let [rank, sizes @ ..] = dim;
    if !(1..=7).contains(&rank) {
        return Err(Refusal::damaged(format!("dim[0] is {rank}, expected 1 to 7 axes")));
    }
    let mut out = [1; 7];
    for (i, (slot, &n)) in (1..).zip(out.iter_mut().zip(&sizes)) {
        if i > rank {
            if n > 1 {
                assumed.push(format!("dim[0] is {rank}: dim[{i}], which is {n}, is not used"));
            }
        } else if n < 1 && i > 3 {
            assumed.push(format!("dim[{i}] is {n}; 1 is assumed"));
        } else if n < 1 || n > most {
            return Err(Refusal::damaged(format!("dim[{i}] is {n}, expected 1 to {most} voxels")));
        } else {
            *slot = n as usize;
        }
    }
    Ok((rank as usize, out))
}

/// NIfTI-1 keeps the byte offset in a float; what is not a number of bytes is nothing.
fn offset(value: f64) -> Option<u64> {
    ((0.0..=1e12).contains(&value) && value.fract() == 0.0).then_some(value as u64)
}
