//! The heart in short axis slices of a cardiac MRI: one look at each slice.

use super::scout::{Blob, Scout};
use super::{Extent, Found, LocateError, Located, Locator, around};
use crate::volume::{Geometry, LengthUnit, Modality, Volume};

static SCOUT: Scout = Scout::new(include_bytes!("../../assets/weights/locate-heart.safetensors"));

/// Side of the region by the longer side of a picture whose millimetres nobody knows, as in the
/// crops that `heart-mri` learnt from; and in millimetres: the same, in the median of its scans.
const SIDE: f64 = 0.45;
const MILLIMETRES: f64 = 155.0;
/// Slices that lie closer than this are not those of a heart in the short axis, mm.
const THIN: f64 = 4.0;
/// A heart that takes this much of the longer side, or a picture at most this much larger than the
/// region, is a crop.
const CROP: f64 = 0.5;
const LITTLE: f64 = 1.3;
/// Least mean probability, and least share of the picture.
const SURE: f32 = 0.75;
const LEAST: f64 = 0.06;

/// Looks for the heart in slices across its long axis.
pub struct Heart;

impl Locator for Heart {
    fn structure(&self) -> &'static str {
        "heart"
    }

    fn usual(&self, geometry: &Geometry) -> Extent {
        let (shape, spacing) = (geometry.shape(), geometry.spacing());
        let across = across(shape);
        let longest = (0..3).filter(|a| *a != across).map(|a| shape[a]).max().unwrap_or(1);
        Extent::Voxels(std::array::from_fn(|a| match geometry.unit() {
            // All slices, wherever the place lies.
            _ if a == across => 2.0 * shape[a] as f64,
            LengthUnit::Millimetre => MILLIMETRES / spacing[a],
            _ => SIDE * longest as f64,
        }))
    }

    fn locate(&self, volume: &Volume, time: usize) -> Result<Located, LocateError> {
        let not_found = |why: &str| Ok(Located::NotFound { why: why.to_owned() });
        let geometry = volume.geometry();
        if !matches!(volume.modality, Modality::Mr | Modality::Unknown) {
            return not_found(&format!("{} is no MRI of a heart", volume.modality.name()));
        }
        if volume.channels() > 1 {
            return not_found("a picture in colours is no MRI");
        }
        let (shape, spacing) = (geometry.shape(), geometry.spacing());
        let across = across(shape);
        let apart = spacing[across];
        if geometry.unit() == LengthUnit::Millimetre && shape[across] > 1 && apart < THIN {
            return not_found(&format!(
                "its slices lie {apart:.1} mm apart, short axis slices of a heart 5 to 12"
            ));
        }
        let seen = SCOUT.at(volume, time)?;
        // Over the picture's longer side.
        let longest = (0..3)
            .filter(|a| *a != across)
            .map(|a| shape[a] as f64 * spacing[a])
            .fold(0.0, f64::max);
        let share = |b: &Blob| {
            let extent = |a: usize| (b.high[a] - b.low[a]) * spacing[a];
            (0..3).filter(|a| *a != across).map(extent).fold(0.0, f64::max) / longest
        };
        let blobs = seen.blobs(0);
        let Some(heart) = blobs.iter().find(|b| b.score >= SURE && share(b) >= LEAST) else {
            return not_found("nothing in it looks like a heart in the short axis");
        };
        let small = geometry.unit() == LengthUnit::Millimetre && longest <= LITTLE * MILLIMETRES;
        if small || share(heart) >= CROP {
            let percent = 100.0 * share(heart);
            let why =
                format!("the heart takes {percent:.0} % of the picture: it is a crop already");
            return Ok(Located::Whole { why });
        }
        let middle = std::array::from_fn(|a| 0.5 * (heart.low[a] + heart.high[a]));
        Ok(Located::Found(vec![Found {
            what: self.structure().to_owned(),
            block: around(geometry, middle, self.usual(geometry)),
            centre: heart.centre,
            extent: std::array::from_fn(|a| heart.high[a] - heart.low[a]),
            score: heart.score,
        }]))
    }
}

/// The axis across the slices: the third, but of a picture that lies on its side.
fn across(shape: [usize; 3]) -> usize {
    match shape.map(|n| n == 1) {
        [true, false, false] => 0,
        [false, true, false] => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo;
    use crate::volume::{Affine, Voxels};

    /// Slices of 8 mm in which nothing is to be seen but noise of a kind.
    fn scan(shape: [usize; 3], spacing: f64) -> Volume {
        let steps = [[spacing, 0.0, 0.0], [0.0, spacing, 0.0], [0.0, 0.0, 8.0]];
        let geometry = Geometry::new(shape, Affine::from_columns(steps, [0.0; 3])).unwrap();
        let value = |i: usize| (i as i16).wrapping_mul(7919) & 255;
        let values = (0..geometry.voxel_count()).map(value).collect();
        Volume::new(geometry, 1, Voxels::I16(values)).unwrap()
    }

    fn why(volume: &Volume) -> String {
        match Heart.locate(volume, 0).unwrap() {
            Located::NotFound { why } => why,
            other => panic!("{other:?}"),
        }
    }

    /// Slices of a made chest with a heart of two chambers round `middle`, of radius `size` pixels.
    fn heart(shape: [usize; 3], [cx, cy]: [f64; 2], size: f64, spacing: f64) -> Volume {
        let [w, h, _] = shape.map(|n| n as f64);
        let value = |i: usize| {
            let (x, y) = ((i % shape[0]) as f64, (i / shape[0] % shape[1]) as f64);
            let inside = |a: f64, b: f64, rx: f64, ry: f64| {
                ((x - a) / rx).powi(2) + ((y - b) / ry).powi(2) < 1.0
            };
            let lung = inside(0.25 * w, 0.45 * h, 0.13 * w, 0.25 * h)
                || inside(0.76 * w, 0.5 * h, 0.12 * w, 0.25 * h);
            match () {
                () if inside(cx + 0.35 * size, cy, 0.8 * size, 0.8 * size) => 200,
                () if inside(cx + 0.35 * size, cy, 1.25 * size, 1.25 * size) => 55,
                () if inside(cx - 1.05 * size, cy - 0.1 * size, 0.95 * size, 1.15 * size) => 190,
                () if inside(cx, cy, 2.3 * size, 2.0 * size) => 70,
                () if lung => 15,
                () if inside(0.5 * w, 0.5 * h, 0.44 * w, 0.42 * h) => 90,
                () => 8,
            }
        };
        let steps = [[spacing, 0.0, 0.0], [0.0, spacing, 0.0], [0.0, 0.0, 8.0]];
        let geometry = Geometry::new(shape, Affine::from_columns(steps, [0.0; 3])).unwrap();
        let values = (0..geometry.voxel_count()).map(value).collect();
        let mut volume = Volume::new(geometry, 1, Voxels::I16(values)).unwrap();
        volume.modality = Modality::Mr;
        volume
    }

    #[test]
    fn a_made_heart_is_found_where_it_lies() {
        for (shape, middle, size, spacing) in [
            ([216, 182, 1], [100.0, 90.0], 18.0, 1.6),
            ([216, 182, 3], [120.0, 100.0], 15.0, 1.6),
            ([256, 216, 2], [118.0, 104.0], 20.0, 1.4),
        ] {
            let made = heart(shape, middle, size, spacing);
            let Located::Found(found) = Heart.locate(&made, 0).unwrap() else {
                panic!("{middle:?}: {:?}", Heart.locate(&made, 0).unwrap())
            };
            let f = &found[0];
            // Its box reaches from 2.0 to the left of the middle to 1.6 to the right of it.
            let expected = [middle[0] - 0.2 * size, middle[1]];
            for a in 0..2 {
                let at = f.block.origin[a] as f64 + 0.5 * f.block.shape[a] as f64;
                assert!((at - expected[a]).abs() < 0.7 * size, "{f:?} {expected:?}");
            }
            let side = (MILLIMETRES / spacing).round() as usize;
            assert_eq!(f.block.shape, [side, side, shape[2]]);
        }
        let crop = heart([100, 90, 1], [50.0, 45.0], 17.0, 1.6);
        assert!(matches!(Heart.locate(&crop, 0).unwrap(), Located::Whole { .. }));
    }

    #[test]
    fn a_click_takes_the_millimetres_of_the_training_and_all_slices() {
        let wide = scan([256, 216, 10], 1.5);
        let g = wide.geometry();
        let block = around(g, [128.0, 100.0, 4.0], Heart.usual(g));
        assert_eq!((block.shape, block.origin[2]), ([103, 103, 10], 0));
        let picture = Geometry::picture(216, 182, 1).unwrap();
        let block = around(&picture, [100.0, 90.0, 0.0], Heart.usual(&picture));
        assert_eq!(block.shape, [97, 97, 1]);
    }

    #[test]
    fn what_is_no_cardiac_mri_is_refused_in_words() {
        assert!(why(&demo::make("ct", 1).unwrap().volume).contains("CT"));
        let mut colour = demo::make("fundus", 1).unwrap().volume;
        colour.modality = Modality::Unknown;
        assert!(why(&colour).contains("colours"));
        assert!(why(&scan([160, 160, 3], 1.5)).contains("nothing"));
        assert!(Heart.locate(&scan([40, 40, 2], 4.0), 1).is_err());
    }
}
