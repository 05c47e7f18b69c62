//! From planes to a lattice: order along the slice normal, true spacing, and what is wrong with it.
//! File names and instance numbers never decide where a slice lies.

use super::plane::{Plane, cross, dot, length};
use crate::io::error::Refusal;
use crate::volume::{Affine, Geometry, LengthUnit, Notice};

/// Planes nearer than this along the normal are at one position, mm.
const SAME_PLACE: f64 = 0.01;

/// Planes in voxel order (z, then time) and the lattice they fill.
pub(super) struct Stack {
    pub(super) planes: Vec<Plane>,
    pub(super) geometry: Geometry,
    pub(super) times: usize,
}

/// Arranges the planes of a series, or of one multi-frame object, of `columns` x `rows` pixels.
pub(super) fn arrange(
    mut planes: Vec<Plane>,
    columns: usize,
    rows: usize,
    notices: &mut Vec<Notice>,
) -> Result<Stack, Refusal> {
    let one_file = planes.windows(2).all(|w| matches!(w, [a, b] if a.file == b.file));
    let Some((directions, spacing)) = common(&planes) else {
        return loose(planes, columns, rows, one_file, notices);
    };
    let normal = cross(directions[0], directions[1]);
    let distance = |p: &Plane| dot(p.position.unwrap_or_default(), normal);
    planes.sort_by(|a, b| {
        distance(a)
            .total_cmp(&distance(b))
            .then_with(|| compare(&a.order, &b.order))
            .then_with(|| (a.file, a.frame).cmp(&(b.file, b.frame)))
    });
    // Planes at one position: a chain of neighbours closer than the limit.
    let places: Vec<Vec<Plane>> = planes
        .chunk_by(|a, b| distance(b) - distance(a) < SAME_PLACE)
        .map(<[Plane]>::to_vec)
        .collect();
    let beside = places.iter().any(|place| {
        let first = place.first().and_then(|p| p.position).unwrap_or_default();
        place.iter().any(|p| {
            let q = p.position.unwrap_or_default();
            length(std::array::from_fn(|i| q[i] - first[i])) > 10.0 * SAME_PLACE
        })
    });
    let times = places.first().map_or(1, Vec::len);
    let even = places.iter().all(|p| p.len() == times);
    if beside || (one_file && !even) {
        notices.push(Notice::amber(
            "the frames do not lie one behind another; they are shown as a stack without position",
        ));
        return loose(planes, columns, rows, one_file, notices);
    }
    let (mut columns_of_time, mut dropped) = (places, 0);
    for place in &mut columns_of_time {
        if even {
            // Within a position by time, whatever small differences of position sorted before.
            place.sort_by(|a, b| {
                compare(&a.order, &b.order).then_with(|| (a.file, a.frame).cmp(&(b.file, b.frame)))
            });
        } else {
            dropped += place.len() - 1;
            place.truncate(1);
        }
    }
    let times = if even { times } else { 1 };
    if dropped > 0 {
        notices.push(Notice::amber(format!(
            "{dropped} slices lie where another one does; the first at each position is shown"
        )));
    } else if times > 1 {
        notices.push(Notice::note(format!(
            "each position occurs {times} times; they are shown as time points"
        )));
    }
    let positions: Vec<[f64; 3]> =
        columns_of_time.iter().filter_map(|p| p.first().and_then(|p| p.position)).collect();
    let step = slice_step(&positions, normal, &planes, notices);
    let first = positions.first().copied().unwrap_or_default();
    let lps = Affine::from_columns(
        [directions[0].map(|v| v * spacing[0]), directions[1].map(|v| v * spacing[1]), step],
        first,
    );
    let shape = [columns, rows, positions.len()];
    let geometry = Geometry::new(shape, lps.flip_lps_ras())
        .map_err(|e| Refusal::damaged(format!("the slices span no volume ({e})")))?;
    let mut ordered = Vec::with_capacity(planes.len());
    for t in 0..times {
        ordered.extend(columns_of_time.iter().filter_map(|p| p.get(t).cloned()));
    }
    Ok(Stack { planes: ordered, geometry, times })
}

fn compare(a: &[f64; 6], b: &[f64; 6]) -> std::cmp::Ordering {
    a.iter()
        .zip(b)
        .map(|(x, y)| x.total_cmp(y))
        .find(|o| o.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

/// Orientation and in-plane spacing, if all planes have them alike, and all have a position.
fn common(planes: &[Plane]) -> Option<([[f64; 3]; 2], [f64; 2])> {
    let first = planes.first()?;
    let (directions, spacing) = (first.orientation?, first.spacing?);
    let alike = planes.iter().all(|p| {
        p.position.is_some()
            && p.orientation.is_some_and(|o| same_directions(&o, &directions))
            && p.spacing.is_some_and(|s| (0..2).all(|i| (s[i] / spacing[i] - 1.0).abs() < 1e-3))
    });
    alike.then_some((directions, spacing))
}

pub(super) fn same_directions(a: &[[f64; 3]; 2], b: &[[f64; 3]; 2]) -> bool {
    (0..2).all(|i| (0..3).all(|k| (a[i][k] - b[i][k]).abs() < 1e-3))
}

/// The step from slice to slice of an even lattice from the true first to the true last position,
/// with a word about tilt, gaps and unevenness.
fn slice_step(
    positions: &[[f64; 3]],
    normal: [f64; 3],
    planes: &[Plane],
    notices: &mut Vec<Notice>,
) -> [f64; 3] {
    let n = positions.len();
    let (Some(&first), Some(&last)) = (positions.first(), positions.last()) else {
        return normal;
    };
    if n < 2 {
        let thickness = planes.first().and_then(|p| p.step).unwrap_or(1.0);
        return normal.map(|v| v * thickness);
    }
    let step: [f64; 3] = std::array::from_fn(|i| (last[i] - first[i]) / (n - 1) as f64);
    let degrees = length(cross(step, normal)).atan2(dot(step, normal)).to_degrees();
    if degrees > 0.1 {
        notices.push(Notice::amber(format!(
            "gantry tilt: the slices are sheared by {degrees:.1} degrees, which is kept; voxels are \
             not rectangular"
        )));
    }
    let steps: Vec<f64> = positions
        .windows(2)
        .map(|w| match w {
            // From centre to centre; with tilt a little more than along the normal.
            [a, b] => length(std::array::from_fn(|i| b[i] - a[i])),
            _ => 0.0,
        })
        .collect();
    let mut sorted = steps.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(1.0);
    let off = |s: f64| (s - median).abs() > 0.02 * median && (s - median).abs() > 0.01;
    let farthest = positions
        .iter()
        .enumerate()
        .map(|(i, p)| length(std::array::from_fn(|k| p[k] - first[k] - step[k] * i as f64)))
        .fold(0.0, f64::max);
    let odd: Vec<f64> = steps.iter().copied().filter(|&s| off(s)).collect();
    let missing: f64 = odd
        .iter()
        .map(|s| s / median)
        .map(|k| {
            if k.round() >= 2.0 && (k - k.round()).abs() <= 0.02 * k.round() {
                k.round() - 1.0
            } else {
                f64::NAN
            }
        })
        .sum();
    if !odd.is_empty() {
        let what = if missing.is_finite() {
            format!(
                "{missing} slices are missing (steps of {median:.2} mm, gaps up to {:.2} mm)",
                sorted.last().copied().unwrap_or_default()
            )
        } else {
            format!(
                "the slice spacing is uneven ({:.2} to {:.2} mm, median {median:.2} mm)",
                sorted.first().copied().unwrap_or_default(),
                sorted.last().copied().unwrap_or_default()
            )
        };
        notices.push(Notice::amber(format!(
            "{what}: first and last slice are at their true place, those between are spread evenly \
             and lie up to {farthest:.1} mm off; do not measure across slices"
        )));
    } else if farthest > 0.5 * median {
        notices.push(Notice::amber(format!(
            "the slices are not in line with one another: up to {farthest:.1} mm off"
        )));
    }
    step
}

/// Frames whose places are unknown, one behind another as they come.
fn loose(
    mut planes: Vec<Plane>,
    columns: usize,
    rows: usize,
    one_file: bool,
    notices: &mut Vec<Notice>,
) -> Result<Stack, Refusal> {
    planes.sort_by(|a, b| {
        let instance = |p: &Plane| p.order[5];
        instance(a).total_cmp(&instance(b)).then_with(|| (a.file, a.frame).cmp(&(b.file, b.frame)))
    });
    let n = planes.len();
    let bad = |e: crate::volume::GeometryError| Refusal::damaged(e.to_string());
    let mut geometry = Geometry::picture(columns, rows, n).map_err(bad)?;
    let spacing = planes.first().and_then(|p| p.spacing);
    let alike = planes.iter().all(|p| p.spacing == spacing);
    if let Some([x, y]) = spacing.filter(|_| alike) {
        let z = planes.first().and_then(|p| p.step).unwrap_or(1.0);
        let steps = [[-x, 0.0, 0.0], [0.0, -y, 0.0], [0.0, 0.0, z]];
        geometry = Geometry::new([columns, rows, n], Affine::from_columns(steps, [0.0; 3]))
            .map_err(bad)?
            .with_unit(LengthUnit::Millimetre)
            .with_orientation_known(false);
        // A single picture may well know its directions but not its place.
        if let [only] = planes.as_slice()
            && let Some([dx, dy]) = only.orientation
        {
            let z = cross(dx, dy).map(|v| v * z);
            let lps = Affine::from_columns(
                [dx.map(|v| v * x), dy.map(|v| v * y), z],
                only.position.unwrap_or_default(),
            );
            geometry = Geometry::new([columns, rows, 1], lps.flip_lps_ras()).map_err(bad)?;
        }
    } else {
        notices.push(Notice::note("no spacing is known: lengths are in pixels"));
    }
    if n > 1 {
        notices.push(if one_file {
            Notice::note(format!(
                "{n} frames without position are shown as a stack; their distance is not known"
            ))
        } else {
            Notice::amber(format!(
                "{n} slices without common position are stacked by instance number; their \
                 distance is not known"
            ))
        });
    }
    Ok(Stack { planes, geometry, times: 1 })
}
