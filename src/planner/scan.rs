//! A plane of a scan that is open.

use crate::projection::{Body, Frame, Rig};
use crate::volume::{LengthUnit, Modality, Volume};

/// Air and lung are below.
const TISSUE_HU: f64 = -300.0;
/// Rays meet tissue so far from the isocentre, mm.
const MEETS_MM: f64 = 400.0;
/// Points on a side that are asked where the body lies.
const COARSE: usize = 96;

/// Why nothing can be planned on this image, if so.
pub fn blocker(volume: &Volume) -> Option<&'static str> {
    let geometry = volume.geometry();
    if volume.channels() != 1 || !matches!(volume.modality, Modality::Ct | Modality::Unknown) {
        return Some("radiographs are simulated from a CT in Hounsfield units, this is none");
    }
    if geometry.is_2d() || geometry.unit() == LengthUnit::Pixel || !geometry.orientation_known() {
        return Some("radiographs need a volume whose millimetres and directions are known");
    }
    if volume.quantiles(volume.middle_time(), 0.001, 0.999).0 > -500.0 {
        return Some("nothing in this image is as low as air: its values are no Hounsfield units");
    }
    None
}

/// Lowest and highest place of the scan along the patient, mm towards the head.
pub fn heights(volume: &Volume) -> [f64; 2] {
    let [_, _, z] = corners(volume);
    z
}

/// The box of the world that holds all middles of voxels.
fn corners(volume: &Volume) -> [[f64; 2]; 3] {
    let (geometry, shape) = (volume.geometry(), volume.geometry().shape());
    let mut found = [[f64::INFINITY, f64::NEG_INFINITY]; 3];
    for corner in 0..8 {
        let at = |a: usize| if corner >> a & 1 == 0 { 0.0 } else { shape[a] as f64 - 1.0 };
        let p = geometry.world_from_voxel().apply([at(0), at(1), at(2)]);
        for a in 0..3 {
            found[a] = [found[a][0].min(p[a]), found[a][1].max(p[a])];
        }
    }
    found
}

/// The axial plane at a height of the world, its isocentre in the middle of the body there, and what rays
/// of this rig can meet.
///
/// # Errors
/// Says why there is none.
pub fn plane_of(
    volume: &Volume,
    time: usize,
    head: f64,
    rig: &Rig,
) -> Result<(Frame, Body), String> {
    if let Some(why) = blocker(volume) {
        return Err(why.to_owned());
    }
    let [x, y, z] = corners(volume);
    if !(z[0]..=z[1]).contains(&head) {
        return Err(format!(
            "the plane at {head:.1} mm lies outside: expected {:.1} to {:.1}",
            z[0], z[1]
        ));
    }
    let (geometry, shape) = (volume.geometry(), volume.geometry().shape());
    let mut tissue = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
    for i in 0..COARSE * COARSE {
        let along = |side: [f64; 2], k: usize| {
            side[0] + (side[1] - side[0]) * k as f64 / (COARSE - 1) as f64
        };
        let p = [along(x, i % COARSE), along(y, i / COARSE)];
        let voxel = geometry.voxel_from_world().apply([p[0], p[1], head]).map(f64::round);
        let inside = (0..3).all(|a| voxel[a] >= 0.0 && voxel[a] < shape[a] as f64);
        if inside && volume.value(voxel.map(|v| v as usize), time, 0) > TISSUE_HU {
            for a in 0..2 {
                tissue[a] = [tissue[a][0].min(p[a]), tissue[a][1].max(p[a])];
            }
        }
    }
    if !tissue[0][0].is_finite() {
        return Err(format!("there is nothing but air in the plane at {head:.1} mm"));
    }
    let middle = tissue.map(|[low, high]| 0.5 * (low + high));
    let frame = Frame::axial([middle[0], middle[1], head]);
    let body = Body::of_scan(volume, time, &frame, MEETS_MM, rig.slab_mm)?;
    Ok((frame, body))
}
