//! Chests made of ellipses, in Hounsfield units: body, two lungs, heart, aorta, vertebrae, ribs. No
//! two seeds are alike, and each bends as tissue does. They are what a planner of radiographs is
//! trained on, so they are cheap to ask at any point.

use super::texture::Ellipse;
use super::{Demo, finish, label};
use crate::volume::{Affine, Geometry, Label, Modality, Voxels, Window};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use std::f64::consts::TAU;

/// What is told apart, in the order of [`Thorax::at`].
pub const STRUCTURES: [&str; 5] = ["lungs", "heart", "aorta", "vertebrae", "ribs"];

/// Of each.
pub const COLORS: [[u8; 3]; 5] =
    [[92, 176, 240], [232, 92, 92], [240, 152, 64], [236, 220, 130], [178, 132, 210]];

/// Half of the height within which the chest looks like one, mm.
pub const HALF_HEIGHT_MM: f64 = 60.0;

/// One chest. Points are millimetres towards the patient's left, front and head.
pub struct Thorax {
    body: Ellipse,
    lungs: [Ellipse; 2],
    heart: Ellipse,
    aorta: Ellipse,
    vertebra: Ellipse,
    canal: Ellipse,
    process: Ellipse,
    ribs: Vec<(Ellipse, f64)>,
    /// HU: muscle, fat, lung, blood, aorta's blood, bone.
    hu: [f64; 6],
    shift: [f64; 2],
    turn: [f64; 2],
    /// Waves that bend it: amplitude, two frequencies, phase; left and front in turns.
    waves: [[f64; 4]; 4],
}

impl Thorax {
    /// The chest of this seed.
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x7058);
        let mut within = |low: f64, high: f64| rng.random_range(low..high);
        let (wide, deep) = (within(145.0, 180.0), within(98.0, 125.0));
        let ellipse =
            |centre: [f64; 2], semi: [f64; 2], angle: f64| Ellipse { centre, semi, angle };
        let body = ellipse([0.0, 0.0], [wide, deep], 0.0);
        let lung = |side: f64, rng: &mut dyn FnMut(f64, f64) -> f64| {
            let semi = [wide * rng(0.31, 0.37), deep * rng(0.62, 0.72)];
            let left = side * wide * rng(0.43, 0.48);
            ellipse([left, rng(-8.0, 8.0)], semi, side * rng(-0.15, 0.15))
        };
        let lungs = [lung(-1.0, &mut within), lung(1.0, &mut within)];
        let heart = ellipse(
            [wide * within(0.08, 0.22), deep * within(0.12, 0.32)],
            [within(44.0, 60.0), within(34.0, 46.0)],
            within(0.2, 0.9),
        );
        let spine = [within(-4.0, 4.0), -deep * within(0.48, 0.56)];
        let vertebra = ellipse(spine, [within(17.0, 22.0), within(14.0, 18.0)], 0.0);
        let canal = ellipse([spine[0], spine[1] - 24.0], [9.0, 8.0], 0.0);
        let process = ellipse([spine[0], spine[1] - 40.0], [7.0, 13.0], 0.0);
        let radius = within(10.0, 15.0);
        let aorta = ellipse(
            [spine[0] + within(20.0, 30.0), spine[1] + within(10.0, 24.0)],
            [radius, radius * within(0.9, 1.1)],
            0.0,
        );
        let count = within(9.0, 14.99) as usize;
        let mut ribs = Vec::new();
        for i in 0..count {
            // Round the chest, but for the sternum and the spine.
            let half = (count / 2).max(1) as f64;
            let (side, k) = if i % 2 == 0 { (1.0, i / 2) } else { (-1.0, i / 2) };
            let angle = 0.45 + (k as f64 + within(0.1, 0.9)) / half * 2.2;
            let at = [side * (wide - 14.0) * angle.sin(), (deep - 14.0) * angle.cos()];
            let slope = side * angle + std::f64::consts::FRAC_PI_2;
            let turn = slope + std::f64::consts::FRAC_PI_2;
            ribs.push((
                ellipse(at, [within(9.0, 16.0), within(4.0, 6.5)], turn),
                within(0.0, 24.0),
            ));
        }
        let aorta_hu =
            if within(0.0, 1.0) < 0.3 { within(120.0, 280.0) } else { within(30.0, 50.0) };
        let hu = [
            within(35.0, 60.0),
            within(-115.0, -90.0),
            within(-870.0, -740.0),
            within(30.0, 50.0),
            aorta_hu,
            within(250.0, 600.0),
        ];
        let turn = within(-10.0, 10.0f64).to_radians();
        let shift = [within(-20.0, 20.0), within(-20.0, 20.0)];
        let wave =
            |_| [within(0.0, 5.0), within(-0.03, 0.03), within(-0.03, 0.03), within(0.0, TAU)];
        let waves = [0, 1, 2, 3].map(wave);
        let turn = [turn.sin(), turn.cos()];
        Self { body, lungs, heart, aorta, vertebra, canal, process, ribs, hu, shift, turn, waves }
    }

    /// Value in HU, and which of [`STRUCTURES`] is there.
    pub fn at(&self, [left, front, head]: [f64; 3]) -> (f64, Option<usize>) {
        let (x, y) = (left - self.shift[0], front - self.shift[1]);
        let mut p = [self.turn[1] * x - self.turn[0] * y, self.turn[0] * x + self.turn[1] * y];
        for (k, [size, fx, fy, phase]) in self.waves.iter().enumerate() {
            p[k % 2] += size * (fx * x + fy * y + phase).sin();
        }
        let [muscle, fat, lung, blood, aorta_blood, bone] = self.hu;
        let skin = self.body.signed(p);
        if skin > 0.0 {
            return (-1000.0, None);
        }
        // Lungs and heart come to their ends above and below.
        let away = (head / HALF_HEIGHT_MM).abs().min(1.5);
        if self.canal.signed(p) < 0.0 {
            return (20.0, None);
        }
        let in_spine = |p: [f64; 2]| {
            self.vertebra.signed(p) < 0.0
                || self.process.signed(p) < 0.0
                || self.canal.signed(p) < 4.0
        };
        if in_spine(p) {
            return (bone, Some(3));
        }
        for (rib, from) in &self.ribs {
            // A rib crosses the plane obliquely: at other heights it lies elsewhere.
            let there = (head + from).rem_euclid(24.0) < 15.0;
            if there && rib.signed(p) < 0.0 {
                return (bone, Some(4));
            }
        }
        if self.aorta.signed(p) < 0.0 {
            return (aorta_blood, Some(2));
        }
        if self.heart.signed(p) < -18.0 * away * away {
            return (blood, Some(1));
        }
        if self.lungs.iter().any(|l| l.signed(p) < -12.0 * away * away) {
            return (lung, Some(0));
        }
        (if skin > -14.0 { fat } else { muscle }, None)
    }
}

const SHAPE: [usize; 3] = [136, 100, 24];
const SPACING_MM: [f64; 3] = [3.0, 3.0, 5.0];
const NOISE_HU: f64 = 12.0;

pub(super) fn make(seed: u64) -> Option<Demo> {
    let chest = Thorax::new(seed);
    let middle: [f64; 3] = std::array::from_fn(|a| 0.5 * (SHAPE[a] - 1) as f64 * SPACING_MM[a]);
    let slice = |z: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(z as u64 + 1);
        let head = z as f64 * SPACING_MM[2] - middle[2];
        let mut drawn = Vec::with_capacity(SHAPE[0] * SHAPE[1]);
        for y in 0..SHAPE[1] {
            for x in 0..SHAPE[0] {
                let left = x as f64 * SPACING_MM[0] - middle[0];
                let front = middle[1] - y as f64 * SPACING_MM[1];
                let (hu, structure) = chest.at([left, front, head]);
                let noise: f64 = StandardNormal.sample(&mut rng);
                let stored = (hu + NOISE_HU * noise).round().clamp(-1024.0, 3071.0) as i16;
                drawn.push((stored, structure.map_or(0, |s| s as u8 + 1)));
            }
        }
        drawn
    };
    let drawn: Vec<(i16, u8)> = (0..SHAPE[2]).into_par_iter().flat_map_iter(slice).collect();
    let (voxels, truth) = drawn.into_iter().unzip();
    let [dx, dy, dz] = SPACING_MM;
    // LPS axes, as most CT is stored.
    let affine = Affine::from_columns(
        [[-dx, 0.0, 0.0], [0.0, -dy, 0.0], [0.0, 0.0, dz]],
        [middle[0], middle[1], -middle[2]],
    );
    let labels: Vec<Label> =
        (0..5).map(|i| label(i as u16 + 1, STRUCTURES[i], COLORS[i])).collect();
    let geometry = Geometry::new(SHAPE, affine).ok()?;
    let mut demo = finish(geometry, Voxels::I16(voxels), Modality::Ct, truth, labels)?;
    demo.volume.value_unit = Some("HU".to_owned());
    demo.volume.window = Some(Window { center: 0.0, width: 1400.0 });
    Some(demo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chest_has_all_structures_where_they_belong() {
        for seed in 0..6 {
            let demo = make(seed).expect("demo");
            let mut sums = [[0.0f64; 3]; 6];
            for (i, &l) in demo.truth.labels.iter().enumerate() {
                let s = &mut sums[usize::from(l)];
                s[0] += 1.0;
                s[1] += (i % SHAPE[0]) as f64;
                s[2] += (i / SHAPE[0] % SHAPE[1]) as f64;
            }
            let place = |l: usize| (sums[l][1] / sums[l][0], sums[l][2] / sums[l][0]);
            assert!(sums.iter().all(|s| s[0] > 50.0), "seed {seed}: {sums:?}");
            // The heart lies left and in front of the spine; left is towards larger x.
            let (heart, spine, aorta) = (place(2), place(4), place(3));
            assert!(heart.0 > spine.0 && heart.1 < spine.1, "seed {seed}: {heart:?} {spine:?}");
            assert!(aorta.0 > spine.0, "seed {seed}");
            assert!(sums[1][0] > 4.0 * sums[2][0] * 0.5, "seed {seed}: lungs are large");
        }
    }
}
