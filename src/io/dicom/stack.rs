//! From planes to a lattice: order along the slice normal, true spacing, what is wrong with it, and
//! how that is made right. File names and instance numbers never decide where a slice lies.

use super::place::Places;
use super::plane::{INSTANCE, Plane, cross, dot, length};
use super::resample::{Grid, Repair};
use crate::io::error::Refusal;
use crate::volume::{Affine, Geometry, LengthUnit, Notice};

/// Planes in voxel order (z, then time) and the lattice they fill.
pub(super) struct Stack {
    pub(super) planes: Vec<Plane>,
    pub(super) geometry: Geometry,
    pub(super) times: usize,
    /// What has to be done with the decoded slices so that they fill `geometry`.
    pub(super) repair: Repair,
    /// Pairs of planes at one place: the one that is shown, and the one that is not.
    pub(super) doubles: Vec<(Plane, Plane)>,
}

/// What the planes are arranged for.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Slices as they are stored, whatever lattice that gives.
    pub(super) raw: bool,
    /// Frames without place follow one another in time.
    pub(super) clip: bool,
}

/// Arranges the planes of a series, or of one multi-frame object.
pub(super) fn arrange(
    planes: Vec<Plane>,
    wish: Wish,
    notices: &mut Vec<Notice>,
) -> Result<Stack, Refusal> {
    let one_file = planes.windows(2).all(|w| matches!(w, [a, b] if a.file == b.file));
    let Some((directions, spacing)) = common(&planes) else {
        return loose(planes, wish, one_file, notices);
    };
    let normal = cross(directions[0], directions[1]);
    let Some(found) = Places::of(&planes) else {
        return loose(planes, wish, one_file, notices);
    };
    // Within a position by time, whatever small differences of position sorted before.
    let places: Vec<Vec<Plane>> = found
        .iter()
        .map(|place| {
            let mut place: Vec<Plane> =
                place.iter().filter_map(|&i| planes.get(i).cloned()).collect();
            place.sort_by(|a, b| {
                compare(&a.order, &b.order).then_with(|| (a.file, a.frame).cmp(&(b.file, b.frame)))
            });
            place
        })
        .collect();
    // Slices at one place must also show the same pixels, to the nearest.
    let apart = 0.5 * spacing[0].min(spacing[1]);
    let beside = places.iter().any(|place| {
        let first = place.first().and_then(|p| p.position).unwrap_or_default();
        place.iter().any(|p| {
            let q = p.position.unwrap_or_default();
            let shift: [f64; 3] = std::array::from_fn(|i| q[i] - first[i]);
            length(cross(shift, normal)) > apart
        })
    });
    let times = places.first().map_or(1, Vec::len);
    let even = places.iter().all(|p| p.len() == times);
    if beside || (one_file && !even) {
        notices.push(Notice::amber(
            "the frames do not lie one behind another; they are shown as a stack without position",
        ));
        let wish = Wish { clip: false, ..wish };
        return loose(planes, wish, one_file, notices);
    }
    let (mut columns_of_time, mut doubles) = (places, Vec::new());
    for place in &mut columns_of_time {
        if !even {
            if let Some((first, rest)) = place.split_first() {
                doubles.extend(rest.iter().map(|p| (first.clone(), p.clone())));
            }
            place.truncate(1);
        }
    }
    let times = if even { times } else { 1 };
    if doubles.is_empty() && times > 1 {
        notices.push(Notice::note(format!(
            "each position occurs {times} times; they are shown as time points"
        )));
    }
    let positions: Vec<[f64; 3]> =
        columns_of_time.iter().filter_map(|p| p.first().and_then(|p| p.position)).collect();
    let in_patient = planes.iter().all(|p| p.in_patient);
    if !in_patient {
        notices.push(Notice::amber(
            "the place and direction are those of the ultrasound volume; where it lies in the \
             patient is not known",
        ));
    }
    let found = spread(&positions, directions, spacing, &planes, wish, notices);
    let shape = [found.size[0], found.size[1], found.slices];
    let lps = Affine::from_columns(
        [directions[0].map(|v| v * spacing[0]), directions[1].map(|v| v * spacing[1]), found.step],
        found.origin,
    );
    let geometry = Geometry::new(shape, lps.flip_lps_ras())
        .map_err(|e| Refusal::damaged(format!("the slices span no volume ({e})")))?
        .with_orientation_known(in_patient);
    let mut ordered = Vec::with_capacity(planes.len());
    for t in 0..times {
        ordered.extend(columns_of_time.iter().filter_map(|p| p.get(t).cloned()));
    }
    Ok(Stack { planes: ordered, geometry, times, repair: found.repair, doubles })
}

pub(super) fn compare(a: &[f64; 7], b: &[f64; 7]) -> std::cmp::Ordering {
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

/// An even lattice for slices at given places.
struct Spread {
    origin: [f64; 3],
    step: [f64; 3],
    slices: usize,
    size: [usize; 2],
    repair: Repair,
}

/// The lattice of slices at `positions`, in order along the normal, with a word about tilt, gaps and
/// unevenness. What is irregular is put right (blank slices in gaps, else resampling), unless the
/// wish is for the slices as stored: then the lattice leads from the true first to the true last
/// position.
fn spread(
    positions: &[[f64; 3]],
    directions: [[f64; 3]; 2],
    spacing: [f64; 2],
    planes: &[Plane],
    wish: Wish,
    notices: &mut Vec<Notice>,
) -> Spread {
    let normal = cross(directions[0], directions[1]);
    let n = positions.len();
    let first = positions.first().copied().unwrap_or_default();
    let last = positions.last().copied().unwrap_or_default();
    let between = |a: [f64; 3], b: [f64; 3]| -> [f64; 3] { std::array::from_fn(|i| b[i] - a[i]) };
    let mut found = Spread {
        origin: first,
        step: normal,
        slices: n,
        size: [wish.columns, wish.rows],
        repair: Repair::None,
    };
    if n < 2 {
        let thickness = planes.first().and_then(|p| p.step).unwrap_or(1.0);
        found.step = normal.map(|v| v * thickness);
        return found;
    }
    found.step = between(first, last).map(|v| v / (n - 1) as f64);
    let step = found.step;
    let degrees = length(cross(step, normal)).atan2(dot(step, normal)).to_degrees();
    let tilted = degrees > 0.1;
    // From centre to centre; with tilt a little more than along the normal.
    let steps: Vec<f64> = positions
        .windows(2)
        .map(|w| match w {
            [a, b] => length(between(*a, *b)),
            _ => 0.0,
        })
        .collect();
    let mut sorted = steps.clone();
    sorted.sort_by(f64::total_cmp);
    let (least, median, most) = (
        sorted.first().copied().unwrap_or(1.0),
        sorted.get(sorted.len() / 2).copied().unwrap_or(1.0),
        sorted.last().copied().unwrap_or(1.0),
    );
    // Positions may be rounded to a hundredth of a millimetre, which is much where steps are small.
    let rounding = 0.01_f64.min(0.1 * median);
    let off = |s: f64| (s - median).abs() > rounding.max(0.02 * median);
    let uneven = steps.iter().any(|&s| off(s));
    let farthest = positions
        .iter()
        .enumerate()
        .map(|(i, &p)| {
            let even: [f64; 3] = std::array::from_fn(|k| first[k] + step[k] * i as f64);
            length(between(even, p))
        })
        .fold(0.0, f64::max);
    let wobbly = !uneven && farthest > 0.5 * median;
    if !(tilted || uneven || wobbly) {
        return found;
    }
    let slots = slots(&steps, median);
    let mut faults = Vec::new();
    if tilted {
        faults.push(format!("gantry tilt: the slices are sheared by {degrees:.1} degrees"));
    }
    match &slots {
        Some(slots) if uneven => faults.push(format!(
            "{} slices are missing (steps of {median:.2} mm, gaps up to {most:.2} mm)",
            slots.len() - n
        )),
        _ if uneven => faults.push(format!(
            "the slice spacing is uneven ({least:.2} to {most:.2} mm, median {median:.2} mm)"
        )),
        _ if wobbly => faults.push(format!(
            "the slices are not in line with one another: up to {farthest:.1} mm off"
        )),
        _ => {}
    }
    let fault = faults.join("; ");
    if !wish.raw {
        if let Some(slots) = slots.filter(|s| !tilted && uneven && s.len() <= 2 * n) {
            let blank: Vec<String> = slots
                .iter()
                .enumerate()
                .filter(|(_, s)| s.is_none())
                .take(8)
                .map(|(i, _)| (i + 1).to_string())
                .collect();
            let more = if slots.len() - n > 8 { ", …" } else { "" };
            notices.push(Notice::amber(format!(
                "{fault}: blank slices stand in their places (slice {}{more})",
                blank.join(", ")
            )));
            found.slices = slots.len();
            found.step = between(first, last).map(|v| v / (slots.len() - 1) as f64);
            found.repair = Repair::Blanks(slots);
            return found;
        }
        if let Some(grid) = Grid::over(positions, directions, spacing, [wish.columns, wish.rows]) {
            notices.push(Notice::amber(format!(
                "{fault}; resampled to {} slices {:.2} mm apart on a rectangular grid: values \
                 between the stored slices are interpolated",
                grid.slices, grid.step_mm
            )));
            found.slices = grid.slices;
            found.size = grid.size;
            found.step = normal.map(|v| v * grid.step_mm);
            found.origin = std::array::from_fn(|k| {
                first[k]
                    + directions[0][k] * spacing[0] * grid.low[0] as f64
                    + directions[1][k] * spacing[1] * grid.low[1] as f64
            });
            found.repair = Repair::Resample(grid);
            return found;
        }
    }
    notices.push(Notice::amber(if uneven {
        format!(
            "{fault}: first and last slice are at their true place, those between are spread evenly \
             and lie up to {farthest:.1} mm off; do not measure across slices"
        )
    } else if tilted {
        format!("{fault}, which is kept; voxels are not rectangular")
    } else {
        fault
    }));
    found
}

/// For each place of an even stack its slice, if all steps are near a multiple of the median.
pub(super) fn slots(steps: &[f64], median: f64) -> Option<Vec<Option<usize>>> {
    let mut slots = vec![Some(0)];
    for (i, s) in steps.iter().enumerate() {
        let k = s / median;
        if k.round() < 1.0 || (k - k.round()).abs() > 0.02 * k.round() || k > 65_535.0 {
            return None;
        }
        if slots.len() as f64 + k > 65_535.0 {
            return None;
        }
        slots.resize(slots.len() + k.round() as usize - 1, None);
        slots.push(Some(i + 1));
    }
    Some(slots)
}

/// Frames whose places are unknown, one behind another as they come.
fn loose(
    mut planes: Vec<Plane>,
    wish: Wish,
    one_file: bool,
    notices: &mut Vec<Notice>,
) -> Result<Stack, Refusal> {
    let Wish { columns, rows, .. } = wish;
    let clip = wish.clip && one_file && planes.len() > 1;
    planes.sort_by(|a, b| {
        let instance = |p: &Plane| p.order[INSTANCE];
        instance(a).total_cmp(&instance(b)).then_with(|| (a.file, a.frame).cmp(&(b.file, b.frame)))
    });
    let n = if clip { 1 } else { planes.len() };
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
        if let Some(only) = planes.first()
            && planes.len() == 1
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
    if clip {
        notices.push(Notice::note(format!("a clip of {} frames, shown over time", planes.len())));
    } else if n > 1 {
        notices.push(if one_file {
            let apart = match planes.first().and_then(|p| p.step).filter(|_| alike) {
                Some(step) if spacing.is_some() => format!(", {step} mm apart"),
                _ => "; their distance is not known".into(),
            };
            Notice::note(format!("{n} frames without position are shown as a stack{apart}"))
        } else {
            Notice::amber(format!(
                "{n} slices without common position are stacked by instance number; their \
                 distance is not known"
            ))
        });
    }
    let times = if clip { planes.len() } else { 1 };
    Ok(Stack { planes, geometry, times, repair: Repair::None, doubles: Vec::new() })
}
