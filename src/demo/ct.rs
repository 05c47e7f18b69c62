//! A small upper abdomen in Hounsfield units: liver with a lesion, spleen, kidney, spine, ribs.
//!
//! Known ambiguity: the lesion fades into the liver over several millimetres (its truth is the
//! half-way surface), and its contrast is only a few times the noise.

use super::texture::{Ellipse, Noise, correlated, inside, mix};
use super::{Demo, finish, label};
use crate::volume::{Affine, Geometry, Modality, Voxels, Window};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

const SHAPE: [usize; 3] = [128, 112, 40];
const SPACING_MM: [f64; 3] = [1.2, 1.2, 3.0];
/// Noise of the scanner, standard deviation in HU.
const NOISE_HU: f64 = 11.0;

struct Ball {
    centre: [f64; 3],
    semi: [f64; 3],
}

impl Ball {
    /// Distance to the border in mm to first order, negative inside.
    fn signed(&self, p: [f64; 3]) -> f64 {
        let d: [f64; 3] = std::array::from_fn(|a| p[a] - self.centre[a]);
        let rho = (0..3).map(|a| (d[a] / self.semi[a]).powi(2)).sum::<f64>().sqrt();
        let gradient = (0..3).map(|a| (d[a] / self.semi[a].powi(2)).powi(2)).sum::<f64>().sqrt();
        if gradient < 1e-9 {
            return -self.semi.iter().copied().fold(f64::INFINITY, f64::min);
        }
        (rho - 1.0) * rho / gradient
    }
}

/// World here is millimetres from the middle of the scan: x towards the patient's left, y towards
/// the back, z towards the head.
pub(super) fn make(seed: u64) -> Option<Demo> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xC7);
    let rng = &mut rng;
    let mut shift = |by: f64| rng.random_range(-by..by);
    let skin = Ellipse { centre: [0.0, 0.0], semi: [72.0, 56.0], angle: 0.0 };
    let wall = Ellipse { centre: [0.0, 0.5], semi: [64.0, 48.0], angle: 0.0 };
    let cavity = Ellipse { centre: [0.0, 0.0], semi: [58.0, 42.0], angle: 0.0 };
    let liver =
        Ball { centre: [-25.0 + shift(2.0), -4.0 + shift(2.0), -4.0], semi: [30.0, 33.0, 46.0] };
    let left_lobe = Ball { centre: [2.0, -19.0 + shift(2.0), 4.0], semi: [25.0, 15.0, 24.0] };
    let lesion = Ball {
        centre: [liver.centre[0] - 3.0 + shift(4.0), liver.centre[1] + shift(5.0), shift(8.0)],
        semi: [14.0 + shift(2.0), 12.0 + shift(2.0), 18.0 + shift(3.0)],
    };
    let spleen = Ball { centre: [41.0, 15.0 + shift(2.0), 8.0], semi: [12.0, 20.0, 28.0] };
    let stomach = Ball { centre: [31.0, -14.0, 12.0], semi: [18.0, 16.0, 26.0] };
    let kidneys = [
        Ball { centre: [-30.0, 27.0, -42.0], semi: [11.0, 10.0, 26.0] },
        Ball { centre: [31.0, 27.0, -36.0], semi: [11.0, 10.0, 26.0] },
    ];
    let vertebra = Ellipse { centre: [0.0, 27.0], semi: [13.0, 10.0], angle: 0.0 };
    let canal = Ellipse { centre: [0.0, 40.5], semi: [6.0, 4.5], angle: 0.0 };
    let arch = Ellipse { centre: [0.0, 41.5], semi: [10.0, 8.0], angle: 0.0 };
    let aorta = Ellipse { centre: [5.0, 11.5], semi: [6.0, 6.0], angle: 0.0 };
    let cava = Ellipse { centre: [-8.0, 10.0], semi: [7.0, 5.0], angle: 0.0 };
    let dome_z = 46.0 + shift(3.0);
    let fat = Noise::new(rng);
    let organ = Noise::new(rng);

    let middle: [f64; 3] = std::array::from_fn(|a| 0.5 * (SHAPE[a] - 1) as f64 * SPACING_MM[a]);
    let slice_len = SHAPE[0] * SHAPE[1];
    let noise_seed: u64 = rng.random();
    let slice = |k: usize| {
        // Each slice has its own stream, so that the order of the threads does not matter.
        let mut rng = ChaCha8Rng::seed_from_u64(noise_seed);
        rng.set_stream(k as u64);
        let noise = correlated(&mut rng, SHAPE[0], SHAPE[1], [0.75, 0.75]);
        let mut voxels = Vec::with_capacity(slice_len);
        let mut truth = Vec::with_capacity(slice_len);
        for j in 0..SHAPE[1] {
            for i in 0..SHAPE[0] {
                let at = [i, j, k];
                let p: [f64; 3] = std::array::from_fn(|a| at[a] as f64 * SPACING_MM[a] - middle[a]);
                let q = [p[0], p[1]];
                let noise_hu = NOISE_HU * noise[j * SHAPE[0] + i];
                if skin.signed(q) > 6.0 {
                    voxels.push((-1000.0 + noise_hu).round().max(-1024.0) as i16);
                    truth.push(0);
                    continue;
                }
                let unit = p.map(|v| v / 14.0);
                let edge = 0.5;
                let in_cavity = inside(cavity.signed(q), edge);
                let mut hu = -1000.0;
                let mut put = |value: f64, amount: f64| hu = mix(hu, value, amount);
                // Noise is dear: it is computed only where it can be seen.
                let seen = |amount: f64| amount > 1e-4;
                put(-105.0, inside(skin.signed(q), edge));
                put(55.0, inside(wall.signed(q), edge));
                if seen(in_cavity) {
                    put(-95.0 + 25.0 * fat.fractal(unit, 3), in_cavity);
                }
                let below = in_cavity * inside(p[2] + 8.0, 4.0);
                if seen(below) {
                    let lump = fat.fractal(unit.map(|v| 0.8 * v), 2);
                    put(42.0, below * inside(12.0 * (0.15 - lump), 1.0));
                }

                let waver = 2.0 * organ.fractal(unit.map(|v| 0.7 * v), 2);
                let to_liver = smooth_min(liver.signed(p), left_lobe.signed(p), 6.0)
                    .max(cavity.signed(q) + 1.5)
                    + waver;
                let texture = if seen(in_cavity) {
                    5.0 * organ.fractal(unit.map(|v| 2.5 * v), 3)
                } else {
                    0.0
                };
                // Lung over the dome of the diaphragm.
                let dome = dome_z - (p[0] + 15.0).powi(2) / 110.0 - (p[1] + 4.0).powi(2) / 95.0;
                let to_lung = (dome - p[2]).max(cavity.signed(q) + 1.0);
                let to_liver = to_liver.max(p[2] - dome + 2.5);
                for kidney in &kidneys {
                    put(165.0 + 3.0 * texture, inside(kidney.signed(p), edge));
                }
                put(122.0 + texture, inside(spleen.signed(p).max(p[2] - dome + 2.5), edge));
                let to_stomach = stomach.signed(p).max(p[2] - dome + 4.0);
                put(48.0, inside(to_stomach, edge));
                // Air rises to the front of a lying patient.
                put(-950.0, inside((to_stomach + 3.0).max(p[1] + 20.0), edge));
                put(112.0 + texture, inside(to_liver, 0.7));
                let portal =
                    (p[1] - 3.0 - 4.0 * (p[0] / 14.0).sin()).hypot(0.6 * (p[2] + 6.0)) - 3.0;
                put(152.0, inside(portal.max(to_liver + 4.0), 0.7));
                let to_lesion = lesion.signed(p);
                let in_lesion = inside(to_lesion, 2.2) * inside(to_liver, 0.7);
                put(62.0 + 1.5 * texture, in_lesion);
                // Vessels of the lung show as bright cords where the noise is near its zero.
                let in_lung = inside(to_lung, 0.8);
                if seen(in_lung) {
                    let cord = (1.0 - fat.at(unit.map(|v| 1.3 * v)).abs() / 0.12).max(0.0);
                    put(-860.0 + 420.0 * cord, in_lung);
                }
                put(165.0, inside(aorta.signed(q), edge));
                put(140.0, inside(cava.signed(q), edge));

                // A vertebra every 27 mm, 21 mm high, with a disc between.
                let along = (p[2] + 60.0).rem_euclid(27.0);
                let to_body = vertebra.signed(q).max((along - 13.5).abs() - 10.5);
                put(70.0, inside(vertebra.signed(q), edge));
                put(620.0, inside(to_body, edge));
                let in_marrow = inside(to_body + 2.4, 0.6);
                if seen(in_marrow) {
                    put(230.0 + 30.0 * organ.fractal(unit.map(|v| 4.0 * v), 2), in_marrow);
                }
                put(560.0, inside(arch.signed(q), edge));
                put(25.0, inside(canal.signed(q), edge));
                for r in 0..10 {
                    let turn = 0.5 + f64::from(r / 2) * 0.5;
                    let side = if r % 2 == 0 { 1.0 } else { -1.0 };
                    let centre = [side * 60.5 * turn.sin(), 1.0 + 44.5 * turn.cos()];
                    let slope = (p[2] - 7.0 * f64::from(r / 2)).rem_euclid(24.0) - 12.0;
                    let to_rib =
                        ((q[0] - centre[0]).hypot(q[1] - centre[1]) - 3.4).max(slope.abs() - 6.0);
                    put(420.0, inside(to_rib, 0.6));
                    put(190.0, inside(to_rib + 1.8, 0.6));
                }

                voxels.push((hu + noise_hu).round().clamp(-1024.0, 3071.0) as i16);
                truth.push(if to_liver > 0.0 {
                    0
                } else if to_lesion <= 0.0 {
                    2
                } else {
                    1
                });
            }
        }
        (voxels, truth)
    };
    let slices: Vec<(Vec<i16>, Vec<u8>)> = (0..SHAPE[2]).into_par_iter().map(slice).collect();
    let (voxels, truth): (Vec<_>, Vec<_>) = slices.into_iter().unzip();
    let (voxels, truth) = (voxels.concat(), truth.concat());
    // LPS axes, as most CT is stored: in RAS+ x and y run backwards.
    let [dx, dy, dz] = SPACING_MM;
    let affine = Affine::from_columns(
        [[-dx, 0.0, 0.0], [0.0, -dy, 0.0], [0.0, 0.0, dz]],
        [middle[0], middle[1], -middle[2]],
    );
    let mut demo = finish(
        Geometry::new(SHAPE, affine).ok()?,
        Voxels::I16(voxels),
        Modality::Ct,
        truth,
        vec![label(1, "liver", [64, 196, 255]), label(2, "lesion", [255, 140, 64])],
    )?;
    demo.volume.value_unit = Some("HU".to_owned());
    demo.volume.window = Some(Window { center: 60.0, width: 360.0 });
    Some(demo)
}

/// The smaller of two distances, rounded where they meet (polynomial smooth minimum).
fn smooth_min(a: f64, b: f64, reach: f64) -> f64 {
    let h = (0.5 + 0.5 * (b - a) / reach).clamp(0.0, 1.0);
    mix(b, a, h) - reach * h * (1.0 - h)
}
