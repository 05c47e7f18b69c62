//! An ultrasound picture of a fetal head: speckle in the beam's own coordinates, a skull that is
//! bright where the beam meets it head-on.
//!
//! Known ambiguity: where the beam runs along the skull (at both sides) hardly anything comes back
//! and the tissue behind lies in its shadow, so that the border can only be guessed there.

use super::texture::{Ellipse, Noise, correlated, inside, mix};
use super::{Demo, finish, label};
use crate::volume::{Geometry, Modality, Voxels};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const WIDTH: usize = 256;
const HEIGHT: usize = 192;
/// Samples along a beam (half a pixel each) and number of beams.
const DEPTHS: usize = 400;
const BEAMS: usize = 192;
const APEX: [f64; 2] = [127.5, -78.0];
const NEAREST: f64 = 84.0;
const HALF_ANGLE: f64 = 0.56;
/// Decibels between black and white.
const RANGE_DB: f64 = 58.0;

fn decibel(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

pub(super) fn make(seed: u64) -> Option<Demo> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xFE7A);
    let rng = &mut rng;
    let head = Ellipse {
        centre: [127.5 + rng.random_range(-9.0..9.0), 100.0 + rng.random_range(-4.0..6.0)],
        semi: [rng.random_range(74.0..86.0), rng.random_range(58.0..66.0)],
        angle: rng.random_range(-0.3..0.3),
    };
    let tissue = Noise::new(rng);
    let brain = Noise::new(rng);
    let bone = Noise::new(rng);
    let fluid_depth = rng.random_range(5.0..20.0);
    let plexus = Ellipse {
        centre: [
            head.centre[0] + 0.42 * head.semi[0] * head.angle.cos(),
            head.centre[1] + 0.42 * head.semi[0] * head.angle.sin() + 0.32 * head.semi[1],
        ],
        semi: [13.0, 6.5],
        angle: head.angle + 0.3,
    };
    let speckle =
        [correlated(rng, DEPTHS, BEAMS, [1.3, 1.3]), correlated(rng, DEPTHS, BEAMS, [1.3, 1.3])];

    let mut polar = vec![0.0; DEPTHS * BEAMS];
    for beam in 0..BEAMS {
        let angle = HALF_ANGLE * (2.0 * beam as f64 / (BEAMS - 1) as f64 - 1.0);
        let ray = [angle.sin(), angle.cos()];
        let mut lost_db = 0.0;
        for depth in 0..DEPTHS {
            let range = NEAREST + 0.5 * depth as f64;
            let p = [APEX[0] + range * ray[0], APEX[1] + range * ray[1]];
            let s = head.signed(p);
            let n = head.normal(p);
            let meets = (n[0] * ray[0] + n[1] * ray[1]).abs();
            let q = head.local(p);
            let unit = [p[0] / 40.0, p[1] / 40.0, 0.0];

            // Outside: muscle in layers, then fluid round the head.
            let layers = tissue.fractal([p[0] / 55.0, range / 9.0, 3.0], 3);
            let lumps = tissue.fractal(unit, 4);
            let outside = -27.0 + 13.0 * layers + 14.0 * lumps;
            let fluid =
                inside(s - fluid_depth - 16.0 * tissue.fractal(unit.map(|v| 0.7 * v), 2), 2.0);
            let mut echo = decibel(mix(outside, -52.0, fluid));
            // Inside: brain, its midline, the choroid plexus.
            let in_head = inside(s, 1.2);
            let brain_db = -39.0 + 13.0 * brain.fractal(unit.map(|v| 1.5 * v), 4);
            echo = mix(echo, decibel(brain_db), in_head);
            let across = q[1] - 1.5 * (3.0 * brain.at([q[0] / 30.0, 0.0, 5.0]));
            let on_line = (-0.5 * (across / 1.1).powi(2)).exp()
                * inside(q[0].abs() - 0.78 * head.semi[0], 3.0)
                * inside(-8.0 * (brain.at([q[0] / 9.0, 4.0, 0.0]) + 0.15), 1.0);
            echo += decibel(-19.0) * on_line;
            for wall in [-0.42, 0.42] {
                let line = q[1] + 4.0 * brain.at([q[0] / 22.0, wall, 8.0])
                    - wall * head.semi[1] * (1.0 - 0.3 * (q[0] / head.semi[0]).powi(2));
                let along = inside((q[0] + 6.0).abs() - 0.42 * head.semi[0], 3.0);
                echo += decibel(-29.0) * (-0.5 * (line / 1.6).powi(2)).exp() * along;
            }
            echo += decibel(-24.0)
                * inside(plexus.signed(p) + 3.0 * brain.at(unit.map(|v| 5.0 * v)), 1.4);
            // Skull: outer border at s = 0.
            let plate = (-0.5 * ((s + 2.0) / 1.5).powi(2)).exp();
            let patchy = 1.0 + 0.9 * bone.fractal([q[0] / 14.0, q[1] / 14.0, 0.0], 3);
            echo += decibel(1.0) * plate * (0.01 + 0.99 * meets.powi(5)) * patchy.max(0.05);

            lost_db += 0.5 * 0.55 * plate;
            let deep = 3.0 * (range - NEAREST) / 200.0;
            let amplitude = echo
                * decibel(-lost_db - deep)
                * 0.8
                * speckle[0][beam * DEPTHS + depth].hypot(speckle[1][beam * DEPTHS + depth]);
            polar[beam * DEPTHS + depth] = amplitude;
        }
    }

    let mut pixels = vec![0u8; WIDTH * HEIGHT];
    let mut truth = vec![0u8; WIDTH * HEIGHT];
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let i = y * WIDTH + x;
            let p = [x as f64, y as f64];
            truth[i] = u8::from(head.signed(p) <= 0.0);
            let d = [p[0] - APEX[0], p[1] - APEX[1]];
            let beam = (d[0].atan2(d[1]) / HALF_ANGLE + 1.0) * 0.5 * (BEAMS - 1) as f64;
            let depth = (d[0].hypot(d[1]) - NEAREST) * 2.0;
            let Some(amplitude) = bilinear(&polar, beam, depth) else { continue };
            let db = 20.0 * amplitude.max(1e-6).log10();
            let grey = ((db + RANGE_DB) / RANGE_DB).clamp(0.0, 1.0).powf(1.5);
            pixels[i] = (255.0 * grey).round() as u8;
        }
    }
    // The machine's grey scale at the left edge.
    for y in 8..72 {
        pixels[y * WIDTH + 1] = (255 * (72 - y) / 64) as u8;
    }
    finish(
        Geometry::picture(WIDTH, HEIGHT, 1).ok()?,
        Voxels::U8(pixels),
        Modality::Ultrasound,
        truth,
        vec![label(1, "fetal head", [64, 196, 255])],
    )
}

/// The polar picture between samples, or `None` beyond the sector.
fn bilinear(polar: &[f64], beam: f64, depth: f64) -> Option<f64> {
    if beam < 0.0 || depth < 0.0 || beam > (BEAMS - 1) as f64 || depth > (DEPTHS - 1) as f64 {
        return None;
    }
    let (b, d) = ((beam as usize).min(BEAMS - 2), (depth as usize).min(DEPTHS - 2));
    let (u, v) = (beam - b as f64, depth - d as f64);
    let at = |i: usize, j: usize| polar[i * DEPTHS + j];
    Some(mix(mix(at(b, d), at(b, d + 1), v), mix(at(b + 1, d), at(b + 1, d + 1), v), u))
}
