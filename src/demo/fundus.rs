//! A fundus photograph round the optic disc, with the intensities of common fundus cameras.
//!
//! Known ambiguity: the cup has no edge in colour, it fades into the rim over many pixels (widest
//! on the temporal side, as a sloping cup does); the disc border itself is sharp except under a
//! crescent of atrophy.

use super::texture::{Ellipse, Noise, blur, correlated, inside, mix};
use super::vessels;
use super::{Demo, finish, label};
use crate::volume::{Geometry, Modality, Voxels};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SIDE: usize = 256;
/// How far from the middle of the fading the two readers draw the cup, in its widths.
const FADES: f64 = 1.0;

/// An ellipse whose radius wavers a little with the angle.
struct Outline {
    ellipse: Ellipse,
    waves: [(f64, f64); 3],
}

impl Outline {
    fn new(rng: &mut ChaCha8Rng, ellipse: Ellipse, amount: f64) -> Self {
        let waves = [2.0, 3.0, 4.0].map(|order| {
            (
                amount * rng.random_range(-1.0..1.0) / order,
                rng.random_range(0.0..std::f64::consts::TAU),
            )
        });
        Self { ellipse, waves }
    }

    /// About the distance to the border in pixels, negative inside.
    fn signed(&self, p: [f64; 2]) -> f64 {
        let q = self.ellipse.local(p);
        let angle = q[1].atan2(q[0]);
        let mean = 0.5 * (self.ellipse.semi[0] + self.ellipse.semi[1]);
        let wave: f64 = (2..)
            .zip(self.waves)
            .map(|(order, (amount, phase))| amount * (f64::from(order) * angle + phase).cos())
            .sum();
        self.ellipse.signed(p) - mean * wave
    }
}

pub(super) fn make(seed: u64) -> Option<Demo> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xF0D5);
    let rng = &mut rng;
    let temporal = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
    let centre: [f64; 2] = std::array::from_fn(|_| 127.5 + rng.random_range(-7.0..7.0));
    let half = rng.random_range(62.0..74.0);
    let tall = half * rng.random_range(1.04..1.14);
    let tilt = rng.random_range(-0.2..0.2);
    let disc = Ellipse { centre, semi: [half, tall], angle: tilt };
    let disc = Outline::new(rng, disc, 0.03);
    let ratio = rng.random_range(0.42..0.64);
    let cup_centre = [
        centre[0] + temporal * half * rng.random_range(0.06..0.16),
        centre[1] + rng.random_range(-4.0..4.0),
    ];
    let cup = Ellipse {
        centre: cup_centre,
        semi: [half * ratio, tall * ratio * rng.random_range(0.95..1.1)],
        angle: tilt,
    };
    let cup = Outline::new(rng, cup, 0.06);

    let hilum = [cup_centre[0] - temporal * half * ratio * 0.55, cup_centre[1]];
    let tree = vessels::grow(rng, SIDE, hilum, temporal, half);
    let vein = blur(&tree.vein, SIDE, [0.9, 0.9]);
    let artery = blur(&tree.artery, SIDE, [0.9, 0.9]);
    let reflex = blur(&tree.reflex, SIDE, [0.7, 0.7]);

    let (choroid, fibres, patches) = (Noise::new(rng), Noise::new(rng), Noise::new(rng));
    let brightness = rng.random_range(0.92..1.08);
    let pigment = rng.random_range(0.0..1.0);
    let retina = [mix(140.0, 112.0, pigment), mix(74.0, 66.0, pigment), mix(27.0, 30.0, pigment)];
    let rim = [202.0, 103.0, 44.0];
    let cup_colour = [236.0, 157.0, 76.0];
    let cup_floor = [253.0, 219.0, 138.0];
    let crescent = rng.random_range(0.3..0.75);
    let light = [127.5 + temporal * rng.random_range(10.0..45.0), rng.random_range(95.0..160.0)];
    // The round edge of the camera's field, beyond the nasal side; often out of the picture.
    let field = [127.5 + temporal * 330.0, rng.random_range(70.0..190.0)];
    let field_radius = rng.random_range(425.0..485.0);

    let mut planes = [(); 3].map(|()| vec![0.0; SIDE * SIDE]);
    let mut truth = vec![0u8; SIDE * SIDE];
    // One reader ends the cup where it begins to fade, the other where it has faded.
    let mut readers = [(); 2].map(|()| vec![0u8; SIDE * SIDE]);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let i = y * SIDE + x;
            let p = [x as f64, y as f64];
            let (to_disc, to_cup) = (disc.signed(p), cup.signed(p));
            if to_disc <= 0.0 {
                truth[i] = if to_cup <= 0.0 { 2 } else { 1 };
            }
            let from = [p[0] - centre[0], p[1] - centre[1]];
            let radius = from[0].hypot(from[1]).max(1.0);
            // 1 towards the macula, 0 towards the nose.
            let temporal_side = 0.5 + 0.5 * temporal * from[0] / radius;
            let vertical = (from[1] / radius).powi(2);

            let unit = [p[0] / 60.0, p[1] / 60.0, 0.0];
            let grain = choroid.fractal(unit.map(|v| v * 1.6), 5);
            let streak = fibres.fractal(
                [14.0 * from[0] / radius, 14.0 * from[1] / radius, (radius / 90.0).ln()],
                3,
            );
            let patch = patches.fractal(unit, 3);
            let fibre_light = 0.07 * streak * (0.3 + vertical) * (-to_disc.max(0.0) / 80.0).exp();
            let mut colour = [0.0; 3];
            for c in 0..3 {
                let green = if c == 0 { 1.0 } else { 1.25 };
                colour[c] = retina[c] * (1.0 + green * (0.16 * grain + 0.15 * patch) + fibre_light);
            }
            // Crescent of atrophy outside the temporal border, a shade of grey-green and dark.
            let width = 3.0 + 17.0 * crescent * temporal_side.powi(3);
            let in_crescent =
                inside((to_disc - width) * (1.0 + 0.2 * grain), 2.5) * crescent * temporal_side;
            for (c, shade) in [0.82, 0.97, 1.02].into_iter().enumerate() {
                colour[c] *= mix(1.0, shade, in_crescent);
            }
            // A faint glow of the disc in the media round it.
            let glow = 0.10 * (-to_disc.max(0.0) / 16.0).exp();

            let disc_edge = 1.1 + 2.0 * crescent * temporal_side.powi(2);
            let in_disc = inside(to_disc, disc_edge);
            let cup_edge = 3.0 + 4.5 * temporal_side.powi(2);
            for (reader, side) in readers.iter_mut().zip([-1.0, 1.0]) {
                if to_disc <= 0.0 {
                    reader[i] = if to_cup <= side * FADES * cup_edge { 2 } else { 1 };
                }
            }
            let in_cup = inside(to_cup, cup_edge);
            let floor = inside(to_cup + 0.45 * half * ratio, 0.18 * half * ratio);
            for c in 0..3 {
                let pale = 1.0 + [0.05, 0.14, 0.16][c] * (temporal_side - 0.5);
                let nerve = rim[c] * pale * (1.0 + 0.05 * streak + 0.03 * grain);
                let mut tissue = mix(nerve, cup_colour[c], in_cup);
                tissue = mix(tissue, cup_floor[c], 0.8 * floor);
                // The lamina's pores.
                tissue *= 1.0 - 0.05 * floor * (choroid.at([p[0] / 3.5, p[1] / 3.5, 9.0]) + 0.3);
                colour[c] = mix(colour[c] * (1.0 + glow), tissue, in_disc);
            }
            let off = [(p[0] - light[0]) / 210.0, (p[1] - light[1]) / 210.0];
            let gain = brightness * (1.08 - 0.42 * (off[0] * off[0] + off[1] * off[1]));
            let seen = inside((p[0] - field[0]).hypot(p[1] - field[1]) - field_radius, 0.8);
            for c in 0..3 {
                let take_vein = [0.42, 0.98, 0.80][c];
                let take_artery = [0.26, 0.80, 0.70][c];
                let taken = (-(take_vein * vein[i] + take_artery * artery[i])).exp();
                let streak_light = 1.0 + 0.16 * reflex[i] * artery[i];
                planes[c][i] = seen * gain * colour[c] * taken * streak_light;
            }
        }
    }

    let grey_noise = correlated(rng, SIDE, SIDE, [0.6, 0.6]);
    let planes: Vec<Vec<f64>> = planes
        .iter()
        .map(|plane| {
            let own = correlated(rng, SIDE, SIDE, [1.0, 1.0]);
            let soft = blur(plane, SIDE, [0.8, 0.8]);
            soft.iter()
                .zip(grey_noise.iter().zip(&own))
                .map(|(v, (g, o))| v + (1.2 * g + 0.9 * o) * (0.35 + v / 160.0).min(1.2))
                .collect()
        })
        .collect();
    let byte = |v: f64| v.round().clamp(0.0, 255.0) as u8;
    let pixels: Vec<[u8; 3]> =
        (0..SIDE * SIDE).map(|i| std::array::from_fn(|c| byte(planes[c][i]))).collect();
    let demo = finish(
        Geometry::picture(SIDE, SIDE, 1).ok()?,
        Voxels::Rgb8(pixels),
        Modality::Fundus,
        truth,
        vec![label(1, "neuroretinal rim", [64, 196, 255]), label(2, "optic cup", [255, 214, 64])],
    )?;
    Some(demo.read_by(readers.into()))
}
