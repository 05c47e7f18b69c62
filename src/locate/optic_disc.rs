//! The optic disc in a fundus photograph: one picture of 96 x 96 pixels, one look.

use super::scout::{Blob, Scout};
use super::{Extent, Found, LocateError, Located, Locator, around};
use crate::volume::{Geometry, Modality, Volume, Voxels};

static SCOUT: Scout =
    Scout::new(include_bytes!("../../assets/weights/locate-optic-disc.safetensors"));

/// Side of the region in disc diameters: in the pictures that `fundus-disc-cup` learnt from, the
/// disc takes 0.60 of the side (median of 241; 0.51 to 0.70 in nine of ten).
const SIDE: f64 = 1.68;
/// Diameter of the disc by the width of a photograph: 0.11 to 0.14 in four cameras.
const USUAL: f64 = 0.125;
/// A disc of so many diameters on the shorter side of the picture, or larger, is a crop.
const CROP: f64 = 0.4;
/// Least ratio of the mean red to the mean blue of what is not black: in four cameras it is 1.9 to 12.
const RED: f64 = 1.3;
/// Least mean probability.
const SURE: f32 = 0.75;
/// Greatest ratio of height and width, and least share of its own ellipse that a disc fills.
const ROUND: f64 = 1.8;
const FULL: f64 = 0.75;

/// Looks for the optic disc in pictures.
pub struct OpticDisc;

impl Locator for OpticDisc {
    fn structure(&self) -> &'static str {
        "optic disc"
    }

    fn usual(&self, geometry: &Geometry) -> Extent {
        let side = SIDE * USUAL * geometry.shape()[0] as f64;
        Extent::Voxels([side, side, 1.0])
    }

    fn locate(&self, volume: &Volume, time: usize) -> Result<Located, LocateError> {
        let not_found = |why: String| Ok(Located::NotFound { why });
        let shape = volume.geometry().shape();
        if !matches!(volume.modality, Modality::Fundus | Modality::Unknown) {
            return not_found(format!("{} is no fundus photograph", volume.modality.name()));
        }
        if shape[2] > 1 {
            return not_found(format!("{} slices are no fundus photograph", shape[2]));
        }
        if red_to_blue(volume, time)? < RED {
            return not_found("it does not have the colours of a retina".to_owned());
        }
        let blobs = SCOUT.at(volume, time)?.blobs(0);
        let Some(disc) = blobs.into_iter().find(|b| b.score >= SURE && is_round(b)) else {
            return not_found("nothing in it looks like an optic disc".to_owned());
        };
        let diameter = diameter(&disc);
        let share = diameter / shape[0].min(shape[1]) as f64;
        if share >= CROP {
            let percent = 100.0 * share;
            let why =
                format!("the optic disc takes {percent:.0} % of the picture: it is a crop already");
            return Ok(Located::Whole { why });
        }
        let side = SIDE * diameter;
        Ok(Located::Found(vec![Found {
            what: self.structure().to_owned(),
            block: around(volume.geometry(), disc.centre, Extent::Voxels([side, side, 1.0])),
            centre: disc.centre,
            extent: [diameter, diameter, 1.0],
            score: disc.score,
        }]))
    }
}

/// Mean red by mean blue of about 10,000 pixels, those left out that are nearly black; 1 of grey.
fn red_to_blue(volume: &Volume, time: usize) -> Result<f64, LocateError> {
    if time >= volume.times() {
        return Err(LocateError::Time(time, volume.times()));
    }
    let (pixels, voxels) = (volume.geometry().voxel_count(), volume.voxels());
    let most = match voxels {
        Voxels::Rgb8(_) => 255.0,
        Voxels::Rgb16(_) => 65535.0,
        _ => return Ok(1.0),
    };
    let (mut red, mut blue) = (0.0, 0.0);
    for i in (0..pixels).step_by((pixels / 10_000).max(1)) {
        let [r, g, b] = [0, 1, 2].map(|c| voxels.stored(pixels * time + i, c));
        if r + g + b > 0.08 * 3.0 * most {
            red += r;
            blue += b;
        }
    }
    Ok(if red > 0.0 { red / blue.max(1.0) } else { 1.0 })
}

/// Of the circle of the same area.
fn diameter(blob: &Blob) -> f64 {
    2.0 * (blob.voxels / std::f64::consts::PI).sqrt()
}

fn is_round(blob: &Blob) -> bool {
    let [width, height] = [0, 1].map(|a| blob.high[a] - blob.low[a]);
    let ellipse = std::f64::consts::FRAC_PI_4 * width * height;
    (width / height).max(height / width) <= ROUND && blob.voxels >= FULL * ellipse
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo;
    use crate::volume::Geometry;

    fn picture(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Volume {
        let pixels = (0..width * height).map(|i| pixel(i % width, i / width)).collect();
        Volume::new(Geometry::picture(width, height, 1).unwrap(), 1, Voxels::Rgb8(pixels)).unwrap()
    }

    /// The phantom's disc in a round field of its retina, as a camera of `width` pixels would show
    /// it, and the middle of the disc.
    fn photograph(seed: u64, width: usize, at: [f64; 2]) -> (Volume, [f64; 2], f64) {
        let demo = demo::make("fundus", seed).unwrap();
        let Voxels::Rgb8(crop) = demo.volume.voxels() else { panic!("colour") };
        let (mut n, mut sum) = (0.0, [0.0; 2]);
        for (i, _) in demo.truth.labels.iter().enumerate().filter(|(_, l)| **l > 0) {
            n += 1.0;
            sum = [sum[0] + (i % 256) as f64, sum[1] + (i / 256) as f64];
        }
        let zoom = 256.0 * 4.5 / width as f64;
        let place = at.map(|v| v * width as f64);
        let field = 0.47 * width as f64;
        let made = picture(width, width, |x, y| {
            let middle = 0.5 * width as f64;
            if (x as f64 - middle).hypot(y as f64 - middle) > field {
                return [4, 3, 3];
            }
            // Beyond the phantom its border goes on, dimmed by the distance.
            let [u, v] = [(x as f64 - place[0]) * zoom, (y as f64 - place[1]) * zoom];
            let mirror = |p: f64| {
                let p = (p + 128.0).rem_euclid(512.0);
                (if p < 256.0 { p } else { 511.99 - p }) as usize
            };
            if u.abs() < 128.0 && v.abs() < 128.0 {
                return crop[mirror(v) * 256 + mirror(u)];
            }
            // Rows at the upper border hold retina and vessels only.
            crop[(mirror(v) % 40) * 256 + mirror(u)]
        });
        let centre = [0, 1].map(|a| place[a] + (sum[a] / n - 128.0) / zoom);
        (made, centre, 2.0 * (n / std::f64::consts::PI).sqrt() / zoom)
    }

    #[test]
    fn the_disc_of_a_made_photograph_is_found_small_and_large() {
        for (seed, width, at) in
            [(1, 400, [0.3, 0.5]), (2, 400, [0.7, 0.45]), (3, 1600, [0.35, 0.55])]
        {
            let (made, centre, diameter) = photograph(seed, width, at);
            let Located::Found(found) = OpticDisc.locate(&made, 0).unwrap() else {
                panic!("seed {seed}: {:?}", OpticDisc.locate(&made, 0).unwrap());
            };
            let f = &found[0];
            let off = (f.centre[0] - centre[0]).hypot(f.centre[1] - centre[1]) / diameter;
            assert!(off < 0.25, "seed {seed}: {off}");
            assert!((0.7..1.4).contains(&(f.extent[0] / diameter)), "{:?} {diameter}", f.extent);
            assert!(f.score > SURE && f.block.shape[0] as f64 > 1.2 * diameter);
        }
    }

    #[test]
    fn the_phantom_is_a_crop_already() {
        for seed in 0..6 {
            let volume = demo::make("fundus", seed).unwrap().volume;
            let said = OpticDisc.locate(&volume, 0).unwrap();
            assert!(matches!(&said, Located::Whole { why } if why.contains('%')), "{said:?}");
        }
    }

    #[test]
    fn what_is_no_photograph_of_a_retina_is_refused_in_words() {
        let why = |volume: &Volume| match OpticDisc.locate(volume, 0).unwrap() {
            Located::NotFound { why } => why,
            other => panic!("{other:?}"),
        };
        let mut head = demo::make("fetal-head", 1).unwrap().volume;
        assert!(why(&head).contains("US"));
        head.modality = Modality::Unknown;
        assert!(why(&head).contains("colours"));
        let mut ct = demo::make("ct", 1).unwrap().volume;
        ct.modality = Modality::Unknown;
        assert!(why(&ct).contains("slices"));
        assert!(why(&picture(90, 80, |_, _| [0; 3])).contains("colours"));
        assert!(why(&picture(90, 80, |x, _| [200, 90 + x as u8 / 4, 40])).contains("nothing"));
        let (tinted, [w, ..]) = (demo::make("fetal-head", 2).unwrap().volume, [256, 192]);
        let grey = |x: usize, y: usize| tinted.voxels().stored(y * w + x, 0) as u8;
        let warm = picture(256, 192, |x, y| {
            let v = grey(x, y);
            [40 + v / 4 * 3, 10 + v / 2, 5 + v / 4]
        });
        assert!(why(&warm).contains("nothing"));
    }
}
