//! The hippocampi in a T1 scan of a brain: slices of 3 mm, one look at each with its neighbours.

use super::scout::{Blob, Scout};
use super::{Extent, Found, LocateError, Located, Locator, around};
use crate::volume::{Geometry, LengthUnit, Modality, Volume};

static SCOUT: Scout =
    Scout::new(include_bytes!("../../assets/weights/locate-hippocampi.safetensors"));

/// Room beside the structure in the crops that `hippocampus-mri` learnt from, millimetres on both
/// sides together, less what the network's outlines are broader.
const ROOM: f64 = 12.0;
/// The crops themselves (on average and at most) and the least that shows a brain.
const USUAL: [f64; 3] = [36.0, 50.0, 36.0];
const CROP: f64 = 60.0;
const BRAIN: f64 = 100.0;
/// Least mean probability, and the volumes that the network's broad outlines may have, mm³.
const SURE: f32 = 0.7;
const VOLUME: [f64; 2] = [2500.0, 25_000.0];
/// How far the two lie apart, millimetres.
const APART: [f64; 2] = [30.0, 75.0];

/// Looks for both hippocampi in scans of brains.
pub struct Hippocampi;

impl Locator for Hippocampi {
    fn structure(&self) -> &'static str {
        "hippocampi"
    }

    fn usual(&self, _: &Geometry) -> Extent {
        Extent::Patient(USUAL)
    }

    fn locate(&self, volume: &Volume, time: usize) -> Result<Located, LocateError> {
        let not_found = |why: &str| Ok(Located::NotFound { why: why.to_owned() });
        let geometry = volume.geometry();
        if !matches!(volume.modality, Modality::Mr | Modality::Unknown) {
            let name = volume.modality.name();
            return not_found(&format!("{name} is no MRI of a brain"));
        }
        if volume.channels() > 1 || geometry.unit() != LengthUnit::Millimetre {
            return not_found("the file does not say that this is a scan with millimetres");
        }
        let size = millimetres(geometry);
        let [least, most] = [f64::min, f64::max].map(|f| size.into_iter().reduce(f).unwrap_or(0.0));
        if most <= CROP && least >= 0.25 * CROP {
            let [x, y, z] = size;
            let why = format!("{x:.0} x {y:.0} x {z:.0} mm: the scan is a crop already");
            return Ok(Located::Whole { why });
        }
        if least < BRAIN {
            return not_found("the scan is too small to show a brain");
        }
        let seen = SCOUT.at(volume, time)?;
        let side = |class: usize| {
            let cubic = geometry.voxel_volume();
            let blob = seen.blobs(class).into_iter().next()?;
            let fits = (VOLUME[0]..=VOLUME[1]).contains(&(blob.voxels * cubic));
            (blob.score >= SURE && fits).then_some(blob)
        };
        let (Some(right), Some(left)) = (side(0), side(1)) else {
            return not_found("nothing in it looks like the hippocampi of a T1 scan");
        };
        let world = |b: &Blob| geometry.world_from_voxel().apply(b.centre);
        let (r, l) = (world(&right), world(&left));
        let apart = (0..3).map(|a| (r[a] - l[a]).powi(2)).sum::<f64>().sqrt();
        if !(APART[0]..=APART[1]).contains(&apart) {
            return not_found("what looks like the hippocampi does not lie like a pair");
        }
        let mut found: Vec<Found> = [("right hippocampus", right), ("left hippocampus", left)]
            .into_iter()
            .map(|(what, blob)| region(geometry, what, &blob))
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(Located::Found(found))
    }
}

/// What the scan measures along its axes.
fn millimetres(geometry: &Geometry) -> [f64; 3] {
    let (shape, spacing) = (geometry.shape(), geometry.spacing());
    std::array::from_fn(|a| shape[a] as f64 * spacing[a])
}

fn region(geometry: &Geometry, what: &str, blob: &Blob) -> Found {
    let spacing = geometry.spacing();
    let middle = std::array::from_fn(|a| 0.5 * (blob.low[a] + blob.high[a]));
    let extent: [f64; 3] = std::array::from_fn(|a| blob.high[a] - blob.low[a]);
    let size = std::array::from_fn(|a| extent[a] + ROOM / spacing[a]);
    Found {
        what: what.to_owned(),
        block: around(geometry, middle, Extent::Voxels(size)),
        centre: blob.centre,
        extent,
        score: blob.score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo;
    use crate::volume::{Affine, Voxels};

    /// A scan of so many millimetres in which nothing is to be seen but a ball.
    fn ball(size: [usize; 3]) -> Volume {
        let steps = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let geometry = Geometry::new(size, Affine::from_columns(steps, [0.0; 3])).unwrap();
        let far = |i: usize| {
            let p = [i % size[0], i / size[0] % size[1], i / size[0] / size[1]];
            (0..3).map(|a| (2.0 * p[a] as f64 / size[a] as f64 - 1.0).powi(2)).sum::<f64>()
        };
        let value = |i: usize| if far(i) < 0.8 { 600 } else { 10 };
        let values = (0..geometry.voxel_count()).map(value).collect();
        Volume::new(geometry, 1, Voxels::I16(values)).unwrap()
    }

    fn why(volume: &Volume) -> String {
        match Hippocampi.locate(volume, 0).unwrap() {
            Located::NotFound { why } => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_crop_of_the_training_is_whole() {
        let said = Hippocampi.locate(&ball([35, 50, 36]), 0).unwrap();
        assert!(
            matches!(&said, Located::Whole { why } if why.starts_with("35 x 50 x 36")),
            "{said:?}"
        );
    }

    #[test]
    fn what_is_no_brain_is_refused_in_words() {
        assert!(why(&demo::make("ct", 1).unwrap().volume).contains("CT"));
        assert!(why(&demo::make("fundus", 1).unwrap().volume).contains("fundus"));
        assert!(why(&ball([150, 90, 120])).contains("too small"));
        assert!(why(&ball([120, 150, 110])).contains("nothing"));
        let mut colour = demo::make("fundus", 1).unwrap().volume;
        colour.modality = Modality::Unknown;
        assert!(why(&colour).contains("millimetres"));
    }
}
