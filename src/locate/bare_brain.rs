//! Whether a scan is a brain alone, its skull taken away: no network, but one value of nothing all round,
//! and as much of the rest as brains have. The models of brain structures know no skull, and would
//! name parts of a head that has one.

use super::{Extent, LocateError, Located, Locator};
use crate::volume::{Geometry, LengthUnit, Modality, Volume};
use std::ops::RangeInclusive;

/// Volume within the outer surface of a brain with its ventricles, mL, and its sides, mm: adults' and
/// children's, with room on both sides.
const VOLUME: RangeInclusive<f64> = 700.0..=2200.0;
const SIDES: RangeInclusive<f64> = 80.0..=215.0;
/// Most of the outermost voxels that may be of something.
const TOUCHING: f64 = 0.03;

/// Says whether a scan is a brain alone.
pub struct BareBrain;

impl Locator for BareBrain {
    fn structure(&self) -> &'static str {
        "bare brain"
    }

    fn usual(&self, geometry: &Geometry) -> Extent {
        Extent::Voxels(geometry.shape().map(|n| n as f64))
    }

    fn locate(&self, volume: &Volume, time: usize) -> Result<Located, LocateError> {
        if time >= volume.times() {
            return Err(LocateError::Time(time, volume.times()));
        }
        let not_found = |why: String| Ok(Located::NotFound { why });
        let g = volume.geometry();
        if !matches!(volume.modality, Modality::Mr | Modality::Unknown) || volume.channels() > 1 {
            return not_found("it is no magnetic resonance scan".to_owned());
        }
        if !g.orientation_known() || g.unit() != LengthUnit::Millimetre {
            return not_found("its millimetres and directions are not known".to_owned());
        }
        let [w, h, d] = g.shape();
        let nothing = volume.value([0; 3], time, 0);
        let (mut count, mut outer, mut touching) = (0usize, 0usize, 0usize);
        let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
        for z in 0..d {
            for y in 0..h {
                for x in 0..w {
                    let at = [x, y, z];
                    let is_outer = (0..3).any(|a| at[a] == 0 || at[a] + 1 == g.shape()[a]);
                    outer += usize::from(is_outer);
                    if volume.value(at, time, 0) == nothing {
                        continue;
                    }
                    count += 1;
                    touching += usize::from(is_outer);
                    for a in 0..3 {
                        (low[a], high[a]) = (low[a].min(at[a]), high[a].max(at[a]));
                    }
                }
            }
        }
        let millilitres = count as f64 * g.spacing().iter().product::<f64>() / 1000.0;
        if touching as f64 > TOUCHING * outer as f64 {
            return not_found(
                "something lies at its edges: the skull is there, or a part is missing".to_owned(),
            );
        }
        if !VOLUME.contains(&millilitres) {
            return not_found(format!(
                "what is not background has {millilitres:.0} mL, a brain without its skull {:.0} to {:.0}",
                VOLUME.start(),
                VOLUME.end()
            ));
        }
        let sides: [f64; 3] =
            std::array::from_fn(|a| (high[a] - low[a] + 1) as f64 * g.spacing()[a]);
        if sides.iter().any(|s| !SIDES.contains(s)) {
            let [x, y, z] = sides;
            return not_found(format!("what is not background spans {x:.0} x {y:.0} x {z:.0} mm"));
        }
        Ok(Located::Whole { why: format!("{millilitres:.0} mL without a skull") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{Affine, Voxels};

    /// An ellipsoid of such half axes (mm) in the middle of 2 mm voxels, holes inside of the background's value.
    fn ellipsoid(half: [f64; 3], around: i16) -> Volume {
        let shape = [90usize, 110, 90];
        let steps = [[-2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]];
        let geometry = Geometry::new(shape, Affine::from_columns(steps, [0.0; 3])).expect("valid");
        let value = |i: usize| {
            let at = [i % 90, i / 90 % 110, i / 9900];
            let r: f64 = (0..3)
                .map(|a| (2.0 * (at[a] as f64 - shape[a] as f64 / 2.0) / half[a]).powi(2))
                .sum();
            match () {
                () if r >= 1.0 => {
                    if i.is_multiple_of(3) {
                        around
                    } else {
                        0
                    }
                }
                () if i.is_multiple_of(97) => 0,
                () => 100 + (i % 50) as i16,
            }
        };
        let voxels = Voxels::I16((0..geometry.voxel_count()).map(value).collect());
        Volume::new(geometry, 1, voxels).expect("fits")
    }

    #[test]
    fn a_brain_alone_is_told_from_a_head_and_from_other_parts() {
        let why = |volume: &Volume| match BareBrain.locate(volume, 0).expect("looked") {
            Located::Whole { why } => Ok(why),
            Located::NotFound { why } => Err(why),
            Located::Found(found) => panic!("{found:?}"),
        };
        let brain = ellipsoid([68.0, 86.0, 62.0], 0);
        assert!(why(&brain).expect("a brain").contains("mL"));
        // Noise of the air round it; a small and a large thing; a long one; a CT.
        assert!(why(&ellipsoid([68.0, 86.0, 62.0], 3)).unwrap_err().contains("edges"));
        assert!(why(&ellipsoid([20.0, 30.0, 20.0], 0)).unwrap_err().contains("mL"));
        assert!(why(&ellipsoid([88.0, 106.0, 88.0], 0)).unwrap_err().contains("mL"));
        assert!(why(&ellipsoid([36.0, 108.0, 86.0], 0)).unwrap_err().contains("mm"));
        let mut ct = ellipsoid([68.0, 86.0, 62.0], 0);
        ct.modality = Modality::Ct;
        assert!(why(&ct).is_err());
        assert!(BareBrain.locate(&brain, 1).is_err());
    }
}
