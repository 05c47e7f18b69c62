//! Planes of one labelled CT, each turned, moved and bent within itself: a second source of examples
//! beside phantoms. Nothing crosses from one plane to another, so that planes kept for testing stay unseen.

use crate::models::diffbev::Config;
use crate::planner::{LabelledScan, Section};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Control points on a side of the elastic field (U-Net's), and the deviation of their shifts, mm.
const POINTS: usize = 3;
const ELASTIC_MM: f64 = 8.0;
const TURN_DEGREES: f64 = 10.0;
const SHIFT_MM: f64 = 20.0;

/// A plane of the CT, bent at random.
pub fn bent_plane(scan: &LabelledScan, config: &Config, rng: &mut ChaCha8Rng) -> Section {
    let plane = rng.random_range(0..scan.planes());
    let bend = Bend::new(config.grid.reach(), rng);
    scan.section(plane, &config.grid, |p| bend.of(p))
}

/// A rigid motion and a smooth field over -reach to reach, mm.
struct Bend {
    sin_cos: (f64, f64),
    shift: [f64; 2],
    field: [[[f64; 2]; POINTS]; POINTS],
    reach: f64,
}

impl Bend {
    fn new(reach: f64, rng: &mut ChaCha8Rng) -> Self {
        let mut normal = || -> f64 { StandardNormal.sample(rng) };
        let field = std::array::from_fn(|_| {
            std::array::from_fn(|_| [normal() * ELASTIC_MM, normal() * ELASTIC_MM])
        });
        let mut within = |most: f64| rng.random_range(-most..most);
        let angle = within(TURN_DEGREES).to_radians();
        let shift = [within(SHIFT_MM), within(SHIFT_MM)];
        Self { sin_cos: angle.sin_cos(), shift, field, reach }
    }

    /// From where a point is taken. Between control points the shifts run as smooth steps.
    fn of(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let last = (POINTS - 1) as f64;
        let place = |v: f64| {
            let at = ((v / self.reach + 1.0) / 2.0 * last).clamp(0.0, last - 1e-9);
            let t = at.fract();
            (at as usize, t * t * (3.0 - 2.0 * t))
        };
        let ((i, u), (j, v)) = (place(x), place(y));
        let bent = |c: usize| {
            let of = |di: usize, dj: usize| self.field[i + di][j + dj][c];
            (of(0, 0) * (1.0 - u) + of(1, 0) * u) * (1.0 - v)
                + (of(0, 1) * (1.0 - u) + of(1, 1) * u) * v
        };
        let (s, c) = self.sin_cos;
        let [dx, dy] = self.shift;
        [c * x - s * y + dx + bent(0), s * x + c * y + dy + bent(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_bend_is_smooth_folds_nothing_and_moves_no_farther_than_it_may() {
        for seed in 0..40 {
            let bend = Bend::new(204.0, &mut ChaCha8Rng::seed_from_u64(seed));
            for i in 0..30 {
                for j in 0..30 {
                    let p = [f64::from(i) * 13.0 - 190.0, f64::from(j) * 13.0 - 190.0];
                    let [a, b, c] = [p, [p[0] + 1.0, p[1]], [p[0], p[1] + 1.0]].map(|p| bend.of(p));
                    let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
                    assert!((0.2..3.0).contains(&area), "{seed}: {area} at {p:?}");
                    let far = (a[0] - p[0]).hypot(a[1] - p[1]);
                    assert!(far < 28.3 + 0.18 * 270.0 + 45.0, "{seed}: {far} mm at {p:?}");
                }
            }
        }
    }
}
