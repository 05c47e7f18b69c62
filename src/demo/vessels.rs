//! A tree of retinal vessels that leaves the optic disc, for the fundus phantom.

use super::texture::normal;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{FRAC_PI_2, PI};

/// How much light the vessels take at each pixel, 0 to 1, and the streak of light on arteries.
pub(super) struct VesselMap {
    pub(super) vein: Vec<f64>,
    pub(super) artery: Vec<f64>,
    pub(super) reflex: Vec<f64>,
}

struct Branch {
    at: [f64; 2],
    heading: f64,
    /// The heading it bends towards.
    goal: f64,
    radius: f64,
    vein: bool,
    /// Pixels until it may branch again.
    rest: f64,
}

const STEP: f64 = 1.5;

/// Grows the tree from `hilum`; `temporal` is +1 or -1 along x. Angles run from +x towards +y
/// (downwards).
pub(super) fn grow(
    rng: &mut ChaCha8Rng,
    side: usize,
    hilum: [f64; 2],
    temporal: f64,
    disc_radius: f64,
) -> VesselMap {
    let n = side * side;
    let mut map = VesselMap { vein: vec![0.0; n], artery: vec![0.0; n], reflex: vec![0.0; n] };
    let toward = |angle: f64| if temporal > 0.0 { angle } else { PI - angle };
    let mut open = Vec::new();
    for (vein, radius) in [(true, 3.9), (false, 2.9)] {
        for down in [false, true] {
            let up = if down { 1.0 } else { -1.0 };
            // One trunk up, one down, each splitting into a temporal and a nasal arcade.
            let offset = if vein { -3.0 } else { 3.5 } + normal(rng);
            let start = [hilum[0] + temporal * offset, hilum[1] + up * 2.0];
            let lean = rng.random_range(0.05..0.45);
            for (share, goal) in [(1.0, FRAC_PI_2 - lean), (0.72, FRAC_PI_2 + 1.3 * lean + 0.15)] {
                open.push(Branch {
                    at: start,
                    heading: toward(up * (FRAC_PI_2 + 0.25 * normal(rng))),
                    goal: toward(up * goal),
                    radius: radius * share * rng.random_range(0.85..1.1),
                    vein,
                    rest: 0.5 * disc_radius,
                });
            }
        }
        for _ in 0..3 {
            let side_sign = if rng.random_bool(0.6) { 1.0 } else { -1.0 };
            let angle = 0.5 * normal(rng);
            let goal = if side_sign > 0.0 { angle } else { PI + angle };
            open.push(Branch {
                at: [hilum[0] + 4.0 * normal(rng), hilum[1] + 6.0 * normal(rng)],
                heading: toward(goal + 0.6 * normal(rng)),
                goal: toward(goal),
                radius: rng.random_range(0.8..1.5),
                vein,
                rest: 0.8 * disc_radius,
            });
        }
    }
    let mut budget = 160; // branches; the tree ends far below it
    while let Some(mut branch) = open.pop() {
        let mut bend = 0.0;
        while branch.radius > 0.7 && in_sight(branch.at, side) {
            bend = 0.86 * bend + 0.035 * normal(rng);
            let turn = (branch.goal - branch.heading + PI).rem_euclid(2.0 * PI) - PI;
            branch.heading += 0.03 * turn + bend;
            let next = [
                branch.at[0] + STEP * branch.heading.cos(),
                branch.at[1] + STEP * branch.heading.sin(),
            ];
            stamp(&mut map, side, branch.at, next, branch.radius, branch.vein);
            branch.at = next;
            branch.radius -= 0.0022 * STEP * branch.radius;
            branch.rest -= STEP;
            if branch.rest < 0.0 && budget > 0 && rng.random_bool(0.02) {
                budget -= 1;
                let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
                let share = rng.random_range(0.4..0.75);
                let angle = branch.heading + sign * rng.random_range(0.5..0.95);
                open.push(Branch {
                    at: branch.at,
                    heading: angle,
                    goal: angle - sign * 0.3,
                    radius: branch.radius * share,
                    vein: branch.vein,
                    rest: 28.0,
                });
                // Murray: r³ = r₁³ + r₂³.
                branch.radius *= (1.0 - share.powi(3)).cbrt();
                branch.heading -= sign * 0.18 * share;
                branch.rest = 30.0;
            }
        }
    }
    map
}

fn in_sight(p: [f64; 2], side: usize) -> bool {
    p.iter().all(|&v| v > -12.0 && v < side as f64 + 12.0)
}

/// Draws one piece of a tube: what it takes follows the chord through the tube.
fn stamp(map: &mut VesselMap, side: usize, a: [f64; 2], b: [f64; 2], radius: f64, vein: bool) {
    let reach = radius + 2.0;
    let range = |axis: usize| {
        let low = (a[axis].min(b[axis]) - reach).floor().max(0.0) as usize;
        let high = (a[axis].max(b[axis]) + reach).ceil().max(-1.0) + 1.0;
        low..(high as usize).min(side)
    };
    let d = [b[0] - a[0], b[1] - a[1]];
    let length2 = (d[0] * d[0] + d[1] * d[1]).max(1e-12);
    for y in range(1) {
        for x in range(0) {
            let p = [x as f64 - a[0], y as f64 - a[1]];
            let t = ((p[0] * d[0] + p[1] * d[1]) / length2).clamp(0.0, 1.0);
            let distance = (p[0] - t * d[0]).hypot(p[1] - t * d[1]);
            let edge = ((radius + 0.6 - distance) / 1.2).clamp(0.0, 1.0);
            let chord = (1.0 - (distance / (radius + 0.6)).powi(2)).max(0.0).sqrt();
            let strength = (0.35 + 0.25 * radius).min(1.0);
            let value = edge * (0.35 + 0.65 * chord) * strength;
            let i = y * side + x;
            let layer = if vein { &mut map.vein } else { &mut map.artery };
            layer[i] = layer[i].max(value);
            if !vein && radius > 1.2 {
                let streak = (-0.5 * (distance / (0.3 * radius)).powi(2)).exp();
                map.reflex[i] = map.reflex[i].max(streak);
            }
        }
    }
}
