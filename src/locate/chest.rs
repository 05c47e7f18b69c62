//! The middle of the chest in a CT: no network, but air, tissue and the lungs between them. The region
//! lies where the heart, the great vessels, trachea and oesophagus do.

use super::{Extent, Found, LocateError, Located, Locator, around};
use crate::volume::{Geometry, LengthUnit, Modality, Volume, Voxels};
use std::ops::RangeInclusive;

/// Side of the region, and how far its middle lies to the left and to the front of the middle of the
/// body, millimetres: of 17 patients all four organs lie inside with 8 mm to spare.
const SIDE: f64 = 250.0;
const LEFT: f64 = 25.0;
const FRONT: f64 = 22.0;
/// Of a picture whose millimetres nobody knows: a scanner's usual field of view.
const FIELD: f64 = 500.0;
/// A scan at most this much wider than the region is a crop.
const CROP: f64 = 1.2;
/// Above it is tissue: HU, and of a windowed picture of 8 bits.
const TISSUE: f64 = -430.0;
const TISSUE_8_BIT: f64 = 60.0;
/// Least width of a chest, millimetres, and least share of air between the skin on both sides.
const WIDTH: f64 = 200.0;
const LUNGS: f64 = 0.08;
/// HU of lungs, and the least share of them in so many of a crop's slices (one in three).
const LUNG: RangeInclusive<f64> = -930.0..=-500.0;
const CROP_LUNGS: f64 = 0.1;
const CROP_SLICES: usize = 3;
/// A slice is looked at on squares of about so many pixels along its longer side.
const GRID: usize = 128;

/// Says where the middle of the chest is.
pub struct MiddleOfChest;

/// What one slice shows: the middle of the body in voxels (columns, rows), its width in columns, and
/// the share of air between the outermost tissue of each row.
struct Body {
    middle: [f64; 2],
    width: f64,
    air: f64,
}

impl Locator for MiddleOfChest {
    fn structure(&self) -> &'static str {
        "middle of the chest"
    }

    fn usual(&self, geometry: &Geometry) -> Extent {
        let ([w, h, slices], mm) = (geometry.shape(), millimetres(geometry));
        let [x, y] = mm.map(|mm| SIDE / mm);
        // All slices, wherever the place lies.
        Extent::Voxels([x.min(w as f64), y.min(h as f64), 2.0 * slices as f64])
    }

    fn locate(&self, volume: &Volume, time: usize) -> Result<Located, LocateError> {
        if time >= volume.times() {
            return Err(LocateError::Time(time, volume.times()));
        }
        let not_found = |why: &str| Ok(Located::NotFound { why: why.to_owned() });
        let geometry = volume.geometry();
        if !matches!(volume.modality, Modality::Ct | Modality::Unknown) || volume.channels() > 1 {
            return not_found("it is no CT");
        }
        let ([w, h, slices], mm) = (geometry.shape(), millimetres(geometry));
        let axes = geometry.axis_directions();
        if geometry.orientation_known() && axes[2].0 != 2 {
            return not_found("its slices do not lie across the body");
        }
        let size = [w as f64 * mm[0], h as f64 * mm[1]];
        if size[0].max(size[1]) <= CROP * SIDE {
            let [x, y] = size;
            let with_lungs = (0..slices).filter(|z| lungs(volume, time, *z) >= CROP_LUNGS).count();
            // Of a windowed picture nobody knows how lungs look.
            if CROP_SLICES * with_lungs < slices && !matches!(volume.voxels(), Voxels::U8(_)) {
                let why = format!("{x:.0} x {y:.0} mm, in which few slices show lungs");
                return Ok(Located::NotFound { why });
            }
            let why = format!("{x:.0} x {y:.0} mm: the scan is a crop already");
            return Ok(Located::Whole { why });
        }
        let bodies: Vec<Option<Body>> = (0..slices).map(|z| body(volume, time, z)).collect();
        let is_chest = |b: &Body| b.width * mm[0] >= WIDTH && b.air >= LUNGS;
        let chest: Vec<usize> =
            (0..slices).filter(|z| bodies[*z].as_ref().is_some_and(is_chest)).collect();
        let (Some(&first), Some(&last)) = (chest.first(), chest.last()) else {
            return not_found("no slice shows lungs inside a chest");
        };
        let of =
            |a: usize| median(chest.iter().filter_map(|z| Some(bodies[*z].as_ref()?.middle[a])));
        let centre = [
            of(0) + towards(geometry, 0, LEFT, FRONT) / mm[0],
            of(1) + towards(geometry, 1, LEFT, FRONT) / mm[1],
            0.5 * (first + last) as f64,
        ];
        let Extent::Voxels([x, y, _]) = self.usual(geometry) else { unreachable!("in voxels") };
        let extent = [x, y, slice_count(first..=last)];
        Ok(Located::Found(vec![Found {
            what: self.structure().to_owned(),
            block: around(geometry, centre, Extent::Voxels(extent)),
            centre,
            extent,
            score: 1.0,
        }]))
    }
}

fn slice_count(range: RangeInclusive<usize>) -> f64 {
    (range.end() - range.start() + 1) as f64
}

/// Between columns and rows.
fn millimetres(geometry: &Geometry) -> [f64; 2] {
    let ([x, y, _], [w, h, _]) = (geometry.spacing(), geometry.shape());
    match geometry.unit() {
        LengthUnit::Millimetre => [x, y],
        _ => [FIELD / w.max(h) as f64; 2],
    }
}

/// How far along a voxel axis so many millimetres to the left and to the front lead; as a picture is
/// shown where the directions are not known: left on its right side, front above.
fn towards(geometry: &Geometry, axis: usize, left: f64, front: f64) -> f64 {
    if !geometry.orientation_known() {
        return [left, -front][axis];
    }
    match geometry.axis_directions()[axis] {
        (0, sign) => -sign * left,
        (1, sign) => sign * front,
        _ => 0.0,
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Size and columns and rows of the squares that a slice is looked at on.
fn grid(volume: &Volume) -> (usize, [usize; 2]) {
    let [w, h, _] = volume.geometry().shape();
    let n = w.max(h).div_ceil(GRID);
    (n, [w / n, h / n])
}

/// Share of a slice that has the density of lungs.
fn lungs(volume: &Volume, time: usize, z: usize) -> f64 {
    let (n, [columns, rows]) = grid(volume);
    let value =
        |i: usize| volume.value([i % columns * n + n / 2, i / columns * n + n / 2, z], time, 0);
    let found = (0..columns * rows).filter(|i| LUNG.contains(&value(*i))).count();
    found as f64 / (columns * rows) as f64
}

/// The largest piece of tissue of a slice, without bridges of less than three squares.
fn body(volume: &Volume, time: usize, z: usize) -> Option<Body> {
    let (n, [columns, rows]) = grid(volume);
    let least = if matches!(volume.voxels(), Voxels::U8(_)) { TISSUE_8_BIT } else { TISSUE };
    let value =
        |i: usize| volume.value([i % columns * n + n / 2, i / columns * n + n / 2, z], time, 0);
    let tissue: Vec<bool> = (0..columns * rows).map(|i| value(i) > least).collect();
    let solid = spread(&spread(&tissue, [columns, rows], false), [columns, rows], true);
    let piece = largest(&solid, [columns, rows])?;
    let (mut low, mut high) = ([usize::MAX; 2], [0; 2]);
    let (mut inside, mut air) = (0usize, 0usize);
    for y in 0..rows {
        let row = &piece[y * columns..(y + 1) * columns];
        let (Some(from), Some(to)) = (row.iter().position(|v| *v), row.iter().rposition(|v| *v))
        else {
            continue;
        };
        low = [low[0].min(from), low[1].min(y)];
        high = [high[0].max(to), high[1].max(y)];
        inside += to - from + 1;
        air += tissue[y * columns..][from..=to].iter().filter(|v| !**v).count();
    }
    let middle = |a: usize| (0.5 * (low[a] + high[a]) as f64 + 0.5) * n as f64 - 0.5;
    Some(Body {
        middle: [middle(0), middle(1)],
        width: ((high[0] - low[0] + 1) * n) as f64,
        air: air as f64 / inside as f64,
    })
}

/// A mask grown, or worn away, by one square to each side.
fn spread(mask: &[bool], [columns, rows]: [usize; 2], grow: bool) -> Vec<bool> {
    let near = |i: usize| {
        let (x, y) = (i % columns, i / columns);
        let (left, right) = (x.saturating_sub(1), (x + 1).min(columns - 1));
        let (above, below) = (y.saturating_sub(1), (y + 1).min(rows - 1));
        let mut squares =
            (above..=below).flat_map(|v| (left..=right).map(move |u| v * columns + u));
        if grow { squares.any(|j| mask[j]) } else { squares.all(|j| mask[j]) }
    };
    (0..mask.len()).map(near).collect()
}

/// The squares of the largest connected piece.
fn largest(mask: &[bool], [columns, rows]: [usize; 2]) -> Option<Vec<bool>> {
    let mut free = mask.to_vec();
    let mut best: Vec<usize> = Vec::new();
    for start in 0..mask.len() {
        if !std::mem::take(&mut free[start]) {
            continue;
        }
        let (mut piece, mut next) = (vec![start], 0);
        while let Some(&i) = piece.get(next) {
            next += 1;
            let (x, y) = (i % columns, i / columns);
            let neighbours = [
                (x > 0).then(|| i - 1),
                (x + 1 < columns).then(|| i + 1),
                (y > 0).then(|| i - columns),
                (y + 1 < rows).then(|| i + columns),
            ];
            for j in neighbours.into_iter().flatten() {
                if std::mem::take(&mut free[j]) {
                    piece.push(j);
                }
            }
        }
        if piece.len() > best.len() {
            best = piece;
        }
    }
    let mut out = vec![false; mask.len()];
    best.iter().for_each(|i| out[*i] = true);
    (!best.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    /// A body of ellipses with two lungs in slices 4 to 11 of 16, on a table, 4 mm; `flip` mirrors
    /// columns and rows, and the affine with them.
    fn scan(flip: [bool; 2]) -> Volume {
        let [w, h, slices] = [125usize, 125, 16];
        let ellipse = |x: f64, y: f64, [cx, cy, rx, ry]: [f64; 4]| {
            ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) < 1.0
        };
        let value = |i: usize| {
            let (mut x, mut y, z) = (i % w, i / w % h, i / w / h);
            x = if flip[0] { w - 1 - x } else { x };
            y = if flip[1] { h - 1 - y } else { y };
            let (x, y) = (x as f64, y as f64);
            let lung = [[42.0, 56.0, 14.0, 18.0], [82.0, 56.0, 14.0, 18.0]]
                .into_iter()
                .any(|e| ellipse(x, y, e));
            match () {
                () if (4..12).contains(&z) && lung => -850,
                () if ellipse(x, y, [62.0, 60.0, 44.0, 28.0]) => 40,
                () if y > 95.0 && y < 97.0 => 200,
                () => -1000,
            }
        };
        let (sx, sy) = (if flip[0] { -4.0 } else { 4.0 }, if flip[1] { -4.0 } else { 4.0 });
        // Columns to the left, rows to the back (RAS world): both against the axes.
        let steps = [[-sx, 0.0, 0.0], [0.0, -sy, 0.0], [0.0, 0.0, 5.0]];
        let geometry =
            Geometry::new([w, h, slices], Affine::from_columns(steps, [0.0; 3])).unwrap();
        let voxels = Voxels::I16((0..w * h * slices).map(value).collect());
        let mut volume = Volume::new(geometry, 1, voxels).unwrap();
        volume.modality = Modality::Ct;
        volume
    }

    #[test]
    fn the_region_lies_left_and_in_front_of_the_middle_where_lungs_are() {
        for flip in [[false, false], [true, false], [false, true], [true, true]] {
            let Located::Found(found) = MiddleOfChest.locate(&scan(flip), 0).unwrap() else {
                panic!("{flip:?}: {:?}", MiddleOfChest.locate(&scan(flip), 0).unwrap())
            };
            let f = &found[0];
            // The middle of the body lies at 62, 60.
            let expected = [
                if flip[0] { 62.0 - LEFT / 4.0 } else { 62.0 + LEFT / 4.0 },
                if flip[1] { 64.0 + FRONT / 4.0 } else { 60.0 - FRONT / 4.0 },
            ];
            for a in 0..2 {
                assert!((f.centre[a] - expected[a]).abs() <= 1.5, "{flip:?} {f:?} {expected:?}");
            }
            assert_eq!((f.block.origin[2], f.block.shape[2]), (4, 8));
            assert!(f.block.shape[0].abs_diff(63) <= 1, "{f:?}");
        }
    }

    #[test]
    fn what_shows_no_chest_is_refused_in_words() {
        let why = |volume: &Volume| match MiddleOfChest.locate(volume, 0).unwrap() {
            Located::NotFound { why } => why,
            other => panic!("{other:?}"),
        };
        let mut mr = scan([false; 2]);
        mr.modality = Modality::Mr;
        assert!(why(&mr).contains("no CT"));
        let geometry = Geometry::new(
            [100, 100, 3],
            Affine::from_columns([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]], [0.0; 3]),
        )
        .unwrap();
        let solid = Volume::new(geometry, 1, Voxels::I16(vec![40; 30_000])).unwrap();
        assert!(why(&solid).contains("lungs"));
        let empty =
            Volume::new(solid.geometry().clone(), 1, Voxels::I16(vec![-1000; 30_000])).unwrap();
        assert!(why(&empty).contains("lungs"));
        let small = Geometry::new(
            [60, 60, 1],
            Affine::from_columns([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]], [0.0; 3]),
        )
        .unwrap();
        // A head in its usual field of view is as small as a crop of a chest.
        let head = Volume::new(small.clone(), 1, Voxels::I16(vec![40; 3600])).unwrap();
        assert!(why(&head).contains("240 x 240 mm"));
        let values = (0..3600).map(|i| if i % 60 < 10 { -850 } else { 40 }).collect();
        let crop = Volume::new(small, 1, Voxels::I16(values)).unwrap();
        assert!(matches!(MiddleOfChest.locate(&crop, 0).unwrap(), Located::Whole { .. }));
        assert!(MiddleOfChest.locate(&crop, 1).is_err());
    }
}
