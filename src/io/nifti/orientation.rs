//! Which transform a NIfTI header means: sform before qform before bare spacing, each only if it is
//! finite and invertible (`nifti1.h`, "3D IMAGE (VOLUME) ORIENTATION AND LOCATION IN SPACE").

use super::header::{Header, Version};
use crate::io::error::Refusal;
use crate::volume::{Affine, Geometry, LengthUnit, Notice};

pub(super) fn geometry(h: &Header, notices: &mut Vec<Notice>) -> Result<Geometry, Refusal> {
    let shape = [h.dims[0], h.dims[1], h.dims[2]];
    let (spacing, mended) = spacing(h);
    let sform = (h.sform_code > 0).then(|| sform(h));
    let qform = (h.qform_code > 0).then(|| qform(h, spacing));
    let valid = |a: Option<Option<Affine>>| a.flatten().filter(|a| a.inverse().is_some());
    let (good_s, good_q) = (valid(sform), valid(qform));
    if sform.is_some() && good_s.is_none() {
        notices.push(Notice::amber(format!(
            "the sform matrix is singular or not finite; {} is used instead",
            if good_q.is_some() { "the qform" } else { "the spacing alone" }
        )));
    }
    if qform.is_some() && good_q.is_none() && good_s.is_none() {
        notices.push(Notice::amber("the qform is not a rotation; the spacing alone is used"));
    }
    if let (Some(s), Some(q)) = (good_s, good_q) {
        let half_voxel = 0.5 * spacing.iter().copied().fold(f64::INFINITY, f64::min);
        let apart = corner_distance(&s, &q, shape);
        if apart > half_voxel {
            notices.push(Notice::amber(format!(
                "sform and qform place the image differently (up to {apart:.3} apart at a corner); \
                 the sform is used"
            )));
        }
    }
    let known = good_s.or(good_q);
    if good_s.is_none() && good_q.is_some() && ![-1.0, 0.0, 1.0].contains(&h.pixdim[0]) {
        notices.push(Notice::amber(format!(
            "pixdim[0] is {}, expected 1 or -1; {} is assumed",
            h.pixdim[0],
            if h.pixdim[0] < 0.0 { -1 } else { 1 }
        )));
    }
    let mut affine = known.unwrap_or_else(|| {
        notices.push(Notice::amber(if h.version == Version::Analyze {
            "Analyze 7.5 has no orientation: left and right are not known"
        } else {
            "the file has no orientation: left and right are not known"
        }));
        centred(shape, spacing)
    });
    let no_length = known.is_none() && says_no_length(h);
    if let Some(missing) = mended {
        let text =
            "pixdim holds negative, zero or not finite spacings; their size, or 1, stands in";
        // The sform does not need them.
        let amber = missing && good_s.is_none() && !no_length;
        notices.push(if amber { Notice::amber(text) } else { Notice::note(text) });
    }
    let scale = if no_length {
        notices.push(Notice::note("the file has no spacing: lengths are in pixels"));
        1.0
    } else {
        unit_in_mm(h, notices)
    };
    for row in affine.0.iter_mut().take(3) {
        for v in row {
            *v *= scale;
        }
    }
    let unusable = |e: crate::volume::GeometryError| Refusal::damaged(e.to_string());
    let mut g =
        Geometry::new(shape, affine).map_err(unusable)?.with_orientation_known(known.is_some());
    let odd = |mm: f64| !(1e-3..=100.0).contains(&mm);
    if g.spacing().iter().zip(shape).any(|(&mm, n)| n > 1 && odd(mm)) {
        notices.push(Notice::amber(format!(
            "the spacing of {:.3e} x {:.3e} x {:.3e} mm is unusual; the unit may be wrong",
            g.spacing()[0],
            g.spacing()[1],
            g.spacing()[2]
        )));
    }
    if no_length {
        g = g.with_unit(LengthUnit::Pixel);
    }
    Ok(g)
}

/// Whether nothing was filled in that would be a length: x or y without spacing, or 1 for every axis
/// in a unit that is not named, as we write pictures.
fn says_no_length(h: &Header) -> bool {
    let [_, x, y, z, ..] = h.pixdim;
    let missing = |p: f64| !p.is_finite() || p == 0.0;
    missing(x) || missing(y) || (h.units & 7 == 0 && [x, y, z] == [1.0; 3])
}

/// pixdim as positive numbers, what is missing counts 1; whether that was needed on an axis in use
/// (`Some(true)`), or only a sign dropped.
fn spacing(h: &Header) -> ([f64; 3], Option<bool>) {
    let (mut missing, mut negative) = (false, false);
    let out = std::array::from_fn(|axis| {
        let p = h.pixdim[axis + 1];
        let in_use = axis < h.rank && h.dims[axis] > 1;
        let there = p.is_finite() && p != 0.0;
        missing |= in_use && !there;
        negative |= in_use && p < 0.0;
        if there { p.abs() } else { 1.0 }
    });
    (out, (missing || negative).then_some(missing))
}

fn sform(h: &Header) -> Option<Affine> {
    let mut a = Affine::IDENTITY;
    for (row, s) in a.0.iter_mut().zip(&h.sform) {
        *row = *s;
    }
    a.is_finite().then_some(a)
}

/// Rotation from the quaternion (b, c, d), spacing and qfac; `None` if |(b, c, d)| > 1.
fn qform(h: &Header, [dx, dy, dz]: [f64; 3]) -> Option<Affine> {
    let [b, c, d, x, y, z] = h.quaternion;
    let square = b * b + c * c + d * d;
    if !square.is_finite() || square > 1.0 + 1e-5 {
        return None;
    }
    // Near a half turn the scalar part drowns in rounding: within that, it is 0 (as in nibabel).
    let rounding = if h.version == Version::Two { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let half_turn = square > 1.0 - 3.0 * rounding;
    let n = if half_turn { square.sqrt() } else { 1.0 };
    let (b, c, d) = (b / n, c / n, d / n);
    let a = if half_turn { 0.0 } else { (1.0 - square).sqrt() };
    // qfac 0 is common and means 1.
    let dz = if h.pixdim[0] < 0.0 { -dz } else { dz };
    let steps = [
        [
            (a * a + b * b - c * c - d * d) * dx,
            2.0 * (b * c + a * d) * dx,
            2.0 * (b * d - a * c) * dx,
        ],
        [
            2.0 * (b * c - a * d) * dy,
            (a * a + c * c - b * b - d * d) * dy,
            2.0 * (c * d + a * b) * dy,
        ],
        [
            2.0 * (b * d + a * c) * dz,
            2.0 * (c * d - a * b) * dz,
            (a * a + d * d - b * b - c * c) * dz,
        ],
    ];
    Some(Affine::from_columns(steps, [x, y, z])).filter(Affine::is_finite)
}

/// Without any transform: x to the left, the world's origin in the middle, as nibabel places such
/// images.
fn centred(shape: [usize; 3], [dx, dy, dz]: [f64; 3]) -> Affine {
    let middle: [f64; 3] = std::array::from_fn(|a| (shape[a] - 1) as f64 / 2.0);
    Affine::from_columns(
        [[-dx, 0.0, 0.0], [0.0, dy, 0.0], [0.0, 0.0, dz]],
        [middle[0] * dx, -middle[1] * dy, -middle[2] * dz],
    )
}

fn corner_distance(a: &Affine, b: &Affine, shape: [usize; 3]) -> f64 {
    (0..8)
        .map(|k| {
            let corner =
                std::array::from_fn(|i| if k >> i & 1 == 1 { (shape[i] - 1) as f64 } else { 0.0 });
            let (p, q) = (a.apply(corner), b.apply(corner));
            p.iter().zip(q).map(|(u, v)| (u - v).powi(2)).sum::<f64>().sqrt()
        })
        .fold(0.0, f64::max)
}

fn unit_in_mm(h: &Header, notices: &mut Vec<Notice>) -> f64 {
    match h.units & 7 {
        2 => 1.0,
        1 => {
            notices.push(Notice::note("lengths were given in metres and converted to mm"));
            1e3
        }
        3 => {
            notices.push(Notice::note("lengths were given in micrometres and converted to mm"));
            1e-3
        }
        _ => {
            notices.push(Notice::note("the file names no unit of length; mm is assumed"));
            1.0
        }
    }
}
