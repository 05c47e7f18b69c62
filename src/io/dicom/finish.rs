//! A volume from decoded planes: rescaled, on its lattice, with everything that is known of it.

use super::fill::Filled;
use super::group::Group;
use super::layout::Photometric;
use super::read::{decode_one, first_picture};
use super::reference;
use super::resample::{Repair, repaired};
use super::scanned::{Picture, Scanned};
use super::stack::{Stack, Wish, arrange};
use crate::io::error::Refusal;
use crate::io::source::hex;
use crate::volume::{Affine, Geometry, Notice, Volume, Voxels, Window};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Stored 32-bit colours are kept as their upper halves; this brings 0xffff to 0xffff_ffff.
const UPPER_HALF: f64 = 65_537.0;

pub(super) fn finish(
    stack: Stack,
    filled: Filled,
    picture: &Picture,
    mut notices: Vec<Notice>,
) -> Result<Volume, Refusal> {
    let layout = &picture.layout;
    let Filled { voxels, hashes, references, .. } = filled;
    let grey = voxels.channels() == 1;
    let rescales: Vec<(f64, f64)> = stack.planes.iter().map(|p| p.rescale).collect();
    let first = rescales.first().copied().unwrap_or((1.0, 0.0));
    let uniform = rescales.iter().all(|r| *r == first);
    let voxels = if grey && !uniform {
        notices.push(Notice::note(
            "the slices rescale differently; the values were rescaled to 32-bit floats",
        ));
        rescaled(&voxels, &rescales, layout.pixels())
    } else {
        voxels
    };
    let window = stack.planes.get(stack.planes.len() / 2).and_then(|p| p.window);
    let voxels = repaired(voxels, &stack.repair, layout.pixels());
    let mut volume = Volume::new(stack.geometry, stack.times, voxels)
        .map_err(|e| Refusal::damaged(e.to_string()))?;
    if grey && uniform {
        (volume.slope, volume.intercept) = first;
    }
    dress(&mut volume, picture, window);
    volume.source.sha256 = match hashes.as_slice() {
        [only] => only.iter().map(|b| format!("{b:02x}")).collect(),
        // Of a series: the hash over the hashes of its files in their order.
        many => hex(many.iter().fold(Sha256::new(), |h, d| h.chain_update(d))),
    };
    let resampled = !matches!(stack.repair, Repair::None);
    volume.source.dicom = reference::source(&references, &stack.planes, resampled).map(Arc::new);
    volume.notices = notices;
    Ok(volume)
}

/// Everything but voxels, geometry, rescale and notices.
fn dress(volume: &mut Volume, picture: &Picture, window: Option<Window>) {
    let layout = &picture.layout;
    if volume.channels() == 1 {
        volume.window = window;
        volume.value_unit.clone_from(&picture.facts.value_unit);
        volume.inverted = layout.photometric == Photometric::Monochrome1;
        if let Some(factor) = picture.facts.uptake {
            volume.slope *= factor;
            volume.intercept *= factor;
            volume.window = volume.window.map(|w| Window {
                center: w.center * factor,
                width: (w.width * factor).max(f64::MIN_POSITIVE),
            });
        }
    } else if layout.allocated == 32 {
        volume.slope = UPPER_HALF;
        volume.window = Some(Window::from_range(0.0, f64::from(u32::MAX)));
    }
    volume.modality = picture.facts.modality;
    volume.source.format = "dicom".into();
}

fn rescaled(voxels: &Voxels, rescales: &[(f64, f64)], pixels: usize) -> Voxels {
    let mut out = vec![0f32; voxels.len()];
    out.par_chunks_mut(pixels).zip(rescales).enumerate().for_each(
        |(z, (slice, (slope, intercept)))| {
            for (i, v) in slice.iter_mut().enumerate() {
                *v = (voxels.stored(z * pixels + i, 0) * slope + intercept) as f32;
            }
        },
    );
    Voxels::F32(out)
}

/// A volume of plane `i` of a stack alone.
pub(super) fn slice_volume(
    stack: &Stack,
    i: usize,
    voxels: Voxels,
    picture: &Picture,
) -> Result<Volume, Refusal> {
    let layout = &picture.layout;
    let mut affine = *stack.geometry.world_from_voxel();
    let z = i % (stack.planes.len() / stack.times.max(1)).max(1);
    let origin = affine.apply([0.0, 0.0, z as f64]);
    affine = Affine::from_columns([affine.column(0), affine.column(1), affine.column(2)], origin);
    let geometry = Geometry::new([layout.columns, layout.rows, 1], affine)
        .map_err(|e| Refusal::damaged(e.to_string()))?
        .with_unit(stack.geometry.unit())
        .with_orientation_known(stack.geometry.orientation_known());
    let mut volume =
        Volume::new(geometry, 1, voxels).map_err(|e| Refusal::damaged(e.to_string()))?;
    let plane = stack.planes.get(i);
    if volume.channels() == 1 {
        (volume.slope, volume.intercept) = plane.map_or((1.0, 0.0), |p| p.rescale);
    }
    dress(&mut volume, picture, plane.and_then(|p| p.window));
    Ok(volume)
}

/// The middle slice of a group, decoded alone.
pub(super) fn middle_slice(files: &[Scanned], group: &Group) -> Result<Volume, Refusal> {
    let picture = first_picture(files, &group.planes)?;
    let layout = &picture.layout;
    let wish =
        Wish { columns: layout.columns, rows: layout.rows, raw: true, clip: picture.facts.clip };
    let stack = arrange(group.planes.clone(), wish, &mut Vec::new())?;
    let i = stack.planes.len() / stack.times.max(1) / 2;
    let plane = stack.planes.get(i).ok_or_else(|| Refusal::damaged("the series is empty"))?;
    let voxels = decode_one(files, plane, layout)?;
    slice_volume(&stack, i, voxels, picture)
}
