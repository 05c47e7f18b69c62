//! Voxel values from a byte stream, a megabyte at a time, so that no second copy of the image
//! exists and a stream that ends early is told apart from one that is whole.

use crate::io::error::Refusal;
use crate::volume::{Notice, Voxels};
use std::io::{ErrorKind, Read};

/// `NIFTI_INTENT_RGB_VECTOR`: three numbers per voxel on the fifth axis are a colour.
pub(super) const INTENT_RGB_VECTOR: i16 = 2003;

/// NIfTI data types by code, with their size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Datatype {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
    Rgb24,
    Rgba32,
}

impl Datatype {
    pub(super) fn from_code(code: i16) -> Result<Self, Refusal> {
        Ok(match code {
            2 => Self::U8,
            256 => Self::I8,
            512 => Self::U16,
            4 => Self::I16,
            768 => Self::U32,
            8 => Self::I32,
            1280 => Self::U64,
            1024 => Self::I64,
            16 => Self::F32,
            64 => Self::F64,
            128 => Self::Rgb24,
            2304 => Self::Rgba32,
            1 => return Err(Refusal::unsupported("1-bit voxels (datatype 1)")),
            32 | 1792 | 2048 => {
                return Err(Refusal::unsupported(format!("complex voxels (datatype {code})")));
            }
            1536 => return Err(Refusal::unsupported("128-bit floats (datatype 1536)")),
            _ => return Err(Refusal::damaged(format!("datatype {code} does not exist"))),
        })
    }

    pub(super) fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::Rgb24 => 3,
            Self::U32 | Self::I32 | Self::F32 | Self::Rgba32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// Reads `count` values. Space is taken as data arrives, never because of a declared size alone.
pub(super) fn read_values(
    reader: &mut impl Read,
    datatype: Datatype,
    little: bool,
    count: usize,
    notices: &mut Vec<Notice>,
) -> Result<Voxels, Refusal> {
    macro_rules! numbers {
        ($t:ty, $size:expr) => {
            stream::<$size, _>(reader, count, |mut b: [u8; $size]| {
                if !little {
                    b.reverse();
                }
                <$t>::from_le_bytes(b)
            })?
        };
    }
    Ok(match datatype {
        Datatype::U8 => Voxels::U8(stream::<1, _>(reader, count, |[b]| b)?),
        Datatype::I8 => Voxels::I8(stream::<1, _>(reader, count, i8::from_le_bytes)?),
        Datatype::U16 => Voxels::U16(numbers!(u16, 2)),
        Datatype::I16 => Voxels::I16(numbers!(i16, 2)),
        Datatype::U32 => Voxels::U32(numbers!(u32, 4)),
        Datatype::I32 => Voxels::I32(numbers!(i32, 4)),
        Datatype::F32 => Voxels::F32(numbers!(f32, 4)),
        Datatype::F64 => Voxels::F64(numbers!(f64, 8)),
        Datatype::U64 => {
            let mut inexact = false;
            let v = stream::<8, _>(reader, count, |mut b| {
                if !little {
                    b.reverse();
                }
                let n = u64::from_le_bytes(b);
                inexact |= n > 1 << 53;
                n as f64
            })?;
            notices.push(wide(inexact));
            Voxels::F64(v)
        }
        Datatype::I64 => {
            let mut inexact = false;
            let v = stream::<8, _>(reader, count, |mut b| {
                if !little {
                    b.reverse();
                }
                let n = i64::from_le_bytes(b);
                inexact |= n.unsigned_abs() > 1 << 53;
                n as f64
            })?;
            notices.push(wide(inexact));
            Voxels::F64(v)
        }
        Datatype::Rgb24 => Voxels::Rgb8(stream::<3, _>(reader, count, |b| b)?),
        Datatype::Rgba32 => {
            notices.push(Notice::note("transparency was dropped"));
            Voxels::Rgb8(stream::<4, _>(reader, count, |[r, g, b, _]| [r, g, b])?)
        }
    })
}

/// Colours of 8 or 16 bits that lie plane by plane on the fifth axis, as one colour per voxel.
pub(super) fn join_colours(voxels: Voxels) -> Result<Voxels, Voxels> {
    fn join<T: Copy>(v: &[T]) -> Vec<[T; 3]> {
        let n = v.len() / 3;
        let (r, rest) = v.split_at(n);
        let (g, b) = rest.split_at(n);
        r.iter().zip(g).zip(b).map(|((&r, &g), &b)| [r, g, b]).collect()
    }
    match voxels {
        Voxels::U8(v) => Ok(Voxels::Rgb8(join(&v))),
        Voxels::U16(v) => Ok(Voxels::Rgb16(join(&v))),
        other => Err(other),
    }
}

fn wide(inexact: bool) -> Notice {
    if inexact {
        Notice::amber("64-bit integers beyond 2^53 were rounded to 64-bit floats")
    } else {
        Notice::note("64-bit integers are kept as 64-bit floats, exactly")
    }
}

fn stream<const N: usize, T>(
    reader: &mut impl Read,
    count: usize,
    mut value: impl FnMut([u8; N]) -> T,
) -> Result<Vec<T>, Refusal> {
    const BLOCK: usize = 1 << 18;
    let mut out = Vec::new();
    let mut buffer = vec![0; BLOCK.min(count) * N];
    let too_large = |_| Refusal::unsupported("there is not enough memory for this image");
    while out.len() < count {
        let n = BLOCK.min(count - out.len());
        let block = buffer.get_mut(..n * N).unwrap_or_default();
        read_fully(reader, block).map_err(|(had, e)| {
            let found = out.len() * N + had;
            let why = e.map_or_else(String::new, |e| format!(" ({e})"));
            Refusal::damaged(format!(
                "the image needs {} bytes of voxels, found {found}{why}",
                count * N
            ))
        })?;
        out.try_reserve(n).map_err(too_large)?;
        out.extend(block.as_chunks::<N>().0.iter().map(|b| value(*b)));
    }
    out.shrink_to_fit();
    Ok(out)
}

/// Fills `buffer`; otherwise says how much came and why no more.
fn read_fully(
    reader: &mut impl Read,
    buffer: &mut [u8],
) -> Result<(), (usize, Option<std::io::Error>)> {
    let mut had = 0;
    while let Some(rest) = buffer.get_mut(had..).filter(|r| !r.is_empty()) {
        match reader.read(rest) {
            Ok(0) => return Err((had, None)),
            Ok(n) => had += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err((had, Some(e))),
        }
    }
    Ok(())
}
