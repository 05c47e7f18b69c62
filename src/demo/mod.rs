//! Phantoms: pictures computed from a seed, with known truth and a known place where the truth
//! cannot be seen. They need no file, show no patient, and are what the tests of the window use.

mod ct;
mod fetal_head;
mod fundus;
mod nodule;
mod phantom;
mod texture;
mod thorax;
mod vessels;

pub use phantom::Demo;
use phantom::{finish, label};
pub use thorax::{COLORS, HALF_HEIGHT_MM, STRUCTURES, Thorax};

/// What a phantom is called and shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemoInfo {
    /// For the command line.
    pub name: &'static str,
    /// For the menu.
    pub title: &'static str,
    pub description: &'static str,
}

/// Those of the start screen first.
const DEMOS: [DemoInfo; 6] = [
    DemoInfo {
        name: "fundus",
        title: "Fundus photograph",
        description: "Optic disc and cup, 256 x 256 RGB. The cup fades into the rim, most on the temporal side.",
    },
    DemoInfo {
        name: "fetal-head",
        title: "Fetal head ultrasound",
        description: "Head in a fan of speckle, 256 x 192 grey. The skull is missing where the beam runs along it.",
    },
    DemoInfo {
        name: "ct",
        title: "Abdominal CT",
        description: "Liver with a lesion of blurred edge, 128 x 112 x 40, 1.2 x 1.2 x 3 mm, in HU.",
    },
    DemoInfo {
        name: "nodule-extent",
        title: "Lung nodule of uncertain extent",
        description: "A solid core in a halo, 80 x 80 at 0.7 mm, in HU. Half of four readers draw the halo too.",
    },
    DemoInfo {
        name: "nodule-blurred",
        title: "Lung nodule of blurred border",
        description: "It fades into the lung; the thresholds of 20 readers are distributed normally.",
    },
    DemoInfo {
        name: "thorax",
        title: "Chest CT for the planner",
        description: "Lungs, heart, aorta, vertebrae and ribs of ellipses, 136 x 100 x 24, 3 x 3 x 5 mm, in HU.",
    },
];

/// How many are on the start screen.
const STARTERS: usize = 3;

/// The phantoms of the start screen.
pub fn list() -> &'static [DemoInfo] {
    &DEMOS[..STARTERS]
}

/// All phantoms.
pub fn all() -> &'static [DemoInfo] {
    &DEMOS
}

/// The phantom `name` (see [`all`]) drawn from `seed`, or `None` if there is none of that name.
/// The same name and seed give the same voxels.
pub fn make(name: &str, seed: u64) -> Option<Demo> {
    match name {
        "fundus" => fundus::make(seed),
        "fetal-head" => fetal_head::make(seed),
        "ct" => ct::make(seed),
        "nodule-extent" => nodule::extent(seed),
        "nodule-blurred" => nodule::blurred(seed),
        "thorax" => thorax::make(seed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{LengthUnit, Voxels};
    use sha2::{Digest, Sha256};

    /// Mean of one channel where the truth is `label`.
    fn mean(demo: &Demo, label: u8, channel: usize) -> f64 {
        let (mut sum, mut n) = (0.0, 0.0);
        for (i, &l) in demo.truth.labels.iter().enumerate() {
            if l == label {
                sum += demo.volume.voxels().stored(i, channel);
                n += 1.0;
            }
        }
        sum / n
    }

    #[test]
    fn same_seed_same_voxels() {
        for info in all() {
            let (a, b) = (make(info.name, 7).expect("demo"), make(info.name, 7).expect("demo"));
            assert_eq!(a.volume.voxels(), b.volume.voxels(), "{}", info.name);
            assert_eq!(a.truth, b.truth);
            let other = make(info.name, 8).expect("demo");
            assert_ne!(a.volume.source.sha256, other.volume.source.sha256);
            assert_ne!(a.truth.labels, other.truth.labels);
        }
        assert!(make("no such phantom", 1).is_none());
    }

    #[test]
    fn truth_is_there_and_off_the_border() {
        for info in all() {
            let seeds = if info.name == "ct" { 2 } else { 12 };
            for seed in 0..seeds {
                let demo = make(info.name, seed).expect("demo");
                let [nx, ny, _] = demo.volume.geometry().shape();
                assert!(demo.volume.geometry().matches(&demo.truth.geometry, 0.0));
                for entry in &demo.labels.0 {
                    let n =
                        demo.truth.labels.iter().filter(|&&l| u16::from(l) == entry.value).count();
                    assert!(n > 200, "{} seed {seed}: {} has {n} voxels", info.name, entry.name);
                }
                for (i, &l) in demo.truth.labels.iter().enumerate() {
                    let (x, y) = (i % nx, i / nx % ny);
                    let border = x == 0 || y == 0 || x + 1 == nx || y + 1 == ny;
                    assert!(!(border && l != 0), "{} seed {seed} at {x}, {y}", info.name);
                    assert!(usize::from(l) <= demo.labels.0.len());
                }
            }
        }
    }

    #[test]
    fn two_readers_part_where_the_cup_fades_and_nowhere_else() {
        for seed in 0..6 {
            let demo = make("fundus", seed).expect("demo");
            let [a, b] = demo.readers.as_slice() else { panic!("two readers") };
            let size = |l: &[u8]| l.iter().filter(|&&l| l == 2).count();
            let (small, middle, large) =
                (size(&a.labels), size(&demo.truth.labels), size(&b.labels));
            assert!(
                small < middle && middle < large && small * 2 > middle,
                "{small} {middle} {large}"
            );
            let n = demo.truth.labels.len();
            let expected = demo.expected();
            assert_eq!(expected.len(), 2 * n);
            for i in 0..n {
                // Of the disc they are of one mind; the small cup lies in the large one.
                assert_eq!(expected[i], f32::from(u8::from(demo.truth.labels[i] > 0)));
                let [p, q] = [a.labels[i], b.labels[i]];
                assert!(p <= q);
                let half = 0.5 * f32::from(u8::from(p == 2) + u8::from(q == 2));
                assert_eq!(expected[n + i], half);
            }
        }
        assert!(make("ct", 1).expect("demo").expected().is_empty());
    }

    #[test]
    fn fundus_has_the_colours_and_sizes_of_real_ones() {
        for seed in 0..12 {
            let demo = make("fundus", seed).expect("demo");
            for channel in 0..2 {
                let [back, rim, cup] = [0, 1, 2].map(|l| mean(&demo, l, channel));
                assert!(back + 20.0 < rim && rim + 15.0 < cup, "{seed}: {back} {rim} {cup}");
            }
            // Red leads, blue trails, everywhere.
            for l in 0..3 {
                assert!(mean(&demo, l, 0) > mean(&demo, l, 1));
                assert!(mean(&demo, l, 1) > mean(&demo, l, 2));
            }
            let cup = demo.truth.labels.iter().filter(|&&l| l == 2).count() as f64;
            let disc = demo.truth.labels.iter().filter(|&&l| l >= 1).count() as f64;
            assert!((0.15..0.32).contains(&(disc / 65536.0)), "{seed}: disc {disc}");
            assert!((0.3..0.75).contains(&(cup / disc).sqrt()), "{seed}: cup to disc");
        }
    }

    #[test]
    fn skull_is_bright_above_and_faint_at_the_sides() {
        for seed in 0..8 {
            let demo = make("fetal-head", seed).expect("demo");
            let Voxels::U8(grey) = demo.volume.voxels() else { panic!("grey") };
            let head = |x: usize, y: usize| demo.truth.labels[y * 256 + x] == 1;
            let brightest = |points: Vec<(usize, usize)>| {
                points.into_iter().map(|(x, y)| grey[y * 256 + x]).max().expect("points")
            };
            let columns: Vec<usize> = (0..256).filter(|&x| (0..192).any(|y| head(x, y))).collect();
            let middle = (columns[0] + columns[columns.len() - 1]) / 2;
            let top = (0..192).find(|&y| head(middle, y)).expect("head");
            let roof: Vec<_> = (top..top + 5).map(|y| (middle, y)).collect();
            assert!(brightest(roof) > 170, "seed {seed}");
            // Where the border runs along the beam.
            let side = columns[0] + 1;
            let rows: Vec<usize> = (0..192).filter(|&y| head(side, y)).collect();
            let side_row = rows[rows.len() / 2];
            let wall: Vec<_> = (side..side + 5).map(|x| (x, side_row)).collect();
            assert!(brightest(wall) < 170, "seed {seed}");
        }
    }

    #[test]
    fn ct_is_in_hounsfield_units_with_a_soft_lesion() {
        let demo = make("ct", 3).expect("demo");
        let g = demo.volume.geometry();
        assert_eq!(g.orientation(), "LPS");
        assert_eq!(g.spacing(), [1.2, 1.2, 3.0]);
        assert_eq!(g.unit(), LengthUnit::Millimetre);
        let centre = g.world_from_voxel().apply([63.5, 55.5, 19.5]);
        assert!(centre.iter().all(|v| v.abs() < 1e-9), "{centre:?}");
        let s = demo.volume.statistics();
        assert!(s.min >= -1024.0 && s.max > 400.0);
        assert!((-1024.0..-950.0).contains(&demo.volume.voxels().stored(0, 0)), "air");
        let (liver, lesion) = (mean(&demo, 1, 0), mean(&demo, 2, 0));
        assert!((95.0..125.0).contains(&liver), "{liver}");
        assert!((60.0..90.0).contains(&lesion), "{lesion}");
        // The patient's right is towards small x, where the liver is.
        let x_sum: usize = demo
            .truth
            .labels
            .iter()
            .enumerate()
            .filter(|(_, l)| **l > 0)
            .map(|(i, _)| i % 128)
            .sum();
        let n = demo.truth.labels.iter().filter(|l| **l > 0).count();
        assert!(x_sum / n < 60);
    }

    #[test]
    fn hash_is_that_of_the_voxel_bytes() {
        let demo = make("fetal-head", 1).expect("demo");
        let Voxels::U8(grey) = demo.volume.voxels() else { panic!("grey") };
        let expected: String = Sha256::digest(grey).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(demo.volume.source.sha256, expected);
        assert_eq!(demo.volume.source.format, "demo");
    }
}
