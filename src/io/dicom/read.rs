//! The pixels of single planes, read from their files.

use super::file::{DicomFile, parse};
use super::layout::Layout;
use super::origin::Origin;
use super::pixels::Frames;
use super::plane::Plane;
use super::scanned::{Picture, Scanned};
use crate::io::error::Refusal;
use crate::io::watch::Watch;
use crate::volume::{Notice, Voxels};

/// How a series is opened.
pub(super) struct Options<'a> {
    /// Slices as they are stored, without resampling.
    pub(super) raw_geometry: bool,
    pub(super) watch: Watch<'a>,
}

/// A file read for its pixels.
pub(super) struct Opened {
    pub(super) file: DicomFile,
    pub(super) layout: Layout,
    pub(super) notices: Vec<Notice>,
}

pub(super) fn opened(origin: &Origin) -> Result<Opened, Refusal> {
    let file = parse(origin.bytes(true)?, true)?;
    let mut notices = Vec::new();
    let layout = Layout::of(&file.object, &mut notices)?;
    Ok(Opened { file, layout, notices })
}

/// The part of a frame that a plane shows.
pub(super) fn crop(
    frame: Voxels,
    tile: Option<[usize; 2]>,
    whole: &Layout,
    slice: &Layout,
) -> Voxels {
    let Some([x, y]) = tile else { return frame };
    macro_rules! cut {
        ($($kind:ident),*) => {
            match frame {
                $(Voxels::$kind(v) => Voxels::$kind(
                    (y..y + slice.rows)
                        .flat_map(|r| {
                            let start = r * whole.columns + x;
                            v.get(start..start + slice.columns).unwrap_or_default().iter().copied()
                        })
                        .collect(),
                ),)*
            }
        };
    }
    cut!(U8, I8, U16, I16, U32, I32, F32, F64, Rgb8, Rgb16)
}

/// One plane by itself, with the number of whole frames that its file has, and what was noticed.
pub(super) struct One {
    pub(super) voxels: Result<Voxels, Refusal>,
    pub(super) count: usize,
    pub(super) notices: Vec<Notice>,
}

pub(super) fn one(files: &[Scanned], plane: &Plane, slice: &Layout) -> Result<One, Refusal> {
    let scanned = files.get(plane.file).ok_or_else(gone)?;
    let mut o = opened(&scanned.origin)?;
    let frames = Frames::of(&o.file, o.layout.clone(), &mut o.notices)?;
    let voxels = frames
        .decode(plane.frame)
        .map(|frame| crop(frame, plane.tile, &o.layout, slice))
        .and_then(|v| if v.len() == slice.pixels() { Ok(v) } else { Err(changed()) });
    Ok(One { voxels, count: frames.count, notices: o.notices })
}

/// Decodes all frames of a file, one after another.
pub(super) fn all_frames(file: &Scanned, mut see: impl FnMut(Voxels)) -> Result<(), Refusal> {
    let mut o = opened(&file.origin)?;
    let frames = Frames::of(&o.file, o.layout.clone(), &mut o.notices)?;
    (0..frames.count).try_for_each(|i| frames.decode(i).map(&mut see))
}

pub(super) fn decode_one(
    files: &[Scanned],
    plane: &Plane,
    slice: &Layout,
) -> Result<Voxels, Refusal> {
    one(files, plane, slice)?.voxels
}

pub(super) fn gone() -> Refusal {
    Refusal::damaged("a file of the series went missing")
}

pub(super) fn changed() -> Refusal {
    Refusal::damaged("a file of the series changed while it was read")
}

pub(super) fn first_picture<'a>(
    files: &'a [Scanned],
    planes: &[Plane],
) -> Result<&'a Picture, Refusal> {
    let empty = || Refusal::damaged("the series is empty");
    let file = planes.first().and_then(|p| files.get(p.file)).ok_or_else(empty)?;
    file.picture.as_ref().map_err(|_| empty())
}
