//! Sound files, cut off and with bytes changed.

use crate::seeds::seeds;
use crate::{Report, alone, attempt_bytes};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Cut at every twentieth of their length and at each of their last and first bytes.
#[test]
fn files_that_are_cut_off() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("temp dir");
    let mut report = Report::default();
    for s in seeds() {
        let n = s.bytes.len();
        let mut lengths: Vec<usize> = (0..20).map(|i| n * i / 20).collect();
        lengths.extend((0..n.min(150)).chain(n.saturating_sub(70)..n));
        for length in lengths {
            let outcome = attempt_bytes(dir.path(), &s.bytes[..length], s.way);
            report.add(&format!("{} cut to {length} bytes", s.name), &outcome);
        }
    }
    assert!(report.refused > report.read / 2, "{} of {}", report.refused, report.read);
    report.finish();
}

#[test]
fn random_bytes_changed() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("temp dir");
    let mut report = Report::default();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for s in seeds() {
        for round in 0..250 {
            let mut bytes = s.bytes.clone();
            for _ in 0..rng.random_range(1..5) {
                let at = rng.random_range(0..bytes.len());
                match rng.random_range(0..3) {
                    0 => bytes[at] = rng.random(),
                    1 => bytes[at] = if rng.random() { 0xff } else { 0 },
                    _ => bytes[at] ^= 1 << rng.random_range(0..8),
                }
            }
            let outcome = attempt_bytes(dir.path(), &bytes, s.way);
            report.add(&format!("{} changed, round {round}", s.name), &outcome);
        }
    }
    assert!(report.refused > 1000 && report.refused + 1000 < report.read, "{}", report.refused);
    report.finish();
}
