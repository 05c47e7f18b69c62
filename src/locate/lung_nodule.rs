//! A lung nodule is a place that a person shows: nothing here looks for one, and no scan is searched
//! for what might be missed. What is known is how large round it a model wants to see.

use super::{Extent, LocateError, Located, Locator};
use crate::volume::{Geometry, LengthUnit, Volume};

/// The middle of the crops that `lung-nodule-ct` learnt from: 64 pixels of the scanner's slices,
/// about so many millimetres; and how many millimetres of slices a click takes.
const PIXELS: f64 = 64.0;
const MILLIMETRES: f64 = 45.0;
const SLICES: f64 = 24.0;
/// So much larger than such a crop a scan shows more than a nodule.
const CROP: f64 = 1.3;

/// Says how large the regions round nodules are.
pub struct LungNodule;

impl Locator for LungNodule {
    fn structure(&self) -> &'static str {
        "lung nodule"
    }

    fn usual(&self, geometry: &Geometry) -> Extent {
        match geometry.unit() {
            LengthUnit::Millimetre => Extent::Patient([MILLIMETRES, MILLIMETRES, SLICES]),
            _ => Extent::Voxels([PIXELS, PIXELS, 1.0]),
        }
    }

    fn locate(&self, volume: &Volume, time: usize) -> Result<Located, LocateError> {
        if time >= volume.times() {
            return Err(LocateError::Time(time, volume.times()));
        }
        let geometry = volume.geometry();
        let (shape, spacing) = (geometry.shape(), geometry.spacing());
        let (unit, most) = match geometry.unit() {
            LengthUnit::Millimetre => ("mm", CROP * MILLIMETRES),
            _ => ("pixels", CROP * PIXELS),
        };
        // Columns and rows: a crop may hold any number of slices.
        let [w, h] = [0, 1].map(|a| match geometry.unit() {
            LengthUnit::Millimetre => shape[a] as f64 * spacing[a],
            _ => shape[a] as f64,
        });
        if w.max(h) <= most {
            let why = format!("{w:.0} x {h:.0} {unit}: the picture is a crop already");
            return Ok(Located::Whole { why });
        }
        let why = "nodules are not searched for: show the place (in the window Ctrl+click on it)";
        Ok(Located::NotFound { why: why.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locate::around;
    use crate::volume::{Affine, Voxels};

    fn ct(shape: [usize; 3], spacing: [f64; 3]) -> Volume {
        let [x, y, z] = spacing;
        let steps = [[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, z]];
        let geometry = Geometry::new(shape, Affine::from_columns(steps, [0.0; 3])).unwrap();
        let voxels = Voxels::U8(vec![0; shape.iter().product()]);
        Volume::new(geometry, 1, voxels).unwrap()
    }

    #[test]
    fn a_whole_scan_asks_for_the_place_and_a_crop_does_not() {
        let scan = ct([200, 200, 3], [1.5, 1.5, 2.5]);
        let Located::NotFound { why } = LungNodule.locate(&scan, 0).unwrap() else {
            panic!("nothing is searched for")
        };
        assert!(why.contains("Ctrl+click"), "{why}");
        let crop = ct([64, 64, 3], [0.7, 0.7, 2.5]);
        assert!(matches!(LungNodule.locate(&crop, 0).unwrap(), Located::Whole { .. }));
        assert!(LungNodule.locate(&crop, 1).is_err());
        let picture = |side: usize| {
            let geometry = Geometry::picture(side, side, 1).unwrap();
            Volume::new(geometry, 1, Voxels::U8(vec![0; side * side])).unwrap()
        };
        assert!(matches!(LungNodule.locate(&picture(64), 0).unwrap(), Located::Whole { .. }));
        assert!(matches!(LungNodule.locate(&picture(128), 0).unwrap(), Located::NotFound { .. }));
    }

    #[test]
    fn a_click_takes_as_many_millimetres_as_the_crops_had() {
        let scan = ct([200, 200, 40], [1.5, 0.75, 3.0]);
        let g = scan.geometry();
        let block = around(g, [100.0, 100.0, 20.0], LungNodule.usual(g));
        assert_eq!(block.shape, [30, 60, 8]);
    }
}
