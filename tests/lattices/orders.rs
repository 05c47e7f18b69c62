//! All 48 orders of storage.

use super::phantom::{orders, scan, stored};
use super::{HIPPOCAMPUS, data, in_the_world, segment};
use sfumato::inference::{Engine, Outcome};
use sfumato::volume::Volume;
use std::path::Path;

/// Written as NIfTI in an order, opened and segmented.
fn through_a_file(engine: &mut Engine, folder: &Path, volume: &Volume) -> Outcome {
    let path = folder.join("scan.nii");
    sfumato::io::convert(&path, volume, true).unwrap();
    segment(engine, HIPPOCAMPUS, sfumato::io::open(&path).unwrap(), 1)
}

/// Masks of `volume` in the orders chosen are those of its own order, at the same places.
fn hold(volume: &Volume, chosen: impl Fn(usize) -> bool) {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Engine::new();
    let own = through_a_file(&mut engine, folder.path(), volume);
    let expected = in_the_world(&own, volume.geometry());
    let inside = expected.iter().filter(|&&v| v >= 128).count();
    assert!(inside > 200, "a mask to compare: {inside} voxels");
    for (i, (axis, flip)) in orders().enumerate().filter(|(i, _)| chosen(*i)) {
        let turned = stored(volume, axis, flip);
        let outcome = through_a_file(&mut engine, folder.path(), &turned);
        assert_eq!(outcome.geometry.shape(), turned.geometry().shape());
        let orientation = turned.geometry().orientation();
        assert!(in_the_world(&outcome, volume.geometry()) == expected, "order {i}, {orientation}");
    }
}

#[test]
fn the_mask_does_not_depend_on_the_order_of_storage() {
    hold(&scan([1.0; 3]), |_| true);
}

#[test]
fn nor_does_that_of_a_real_scan() {
    let Some(folder) = data("nor_does_that_of_a_real_scan") else { return };
    let splits = std::fs::read_to_string(folder.join("splits.csv")).unwrap();
    let name = splits.lines().find(|l| l.contains(",test")).unwrap().split(',').next().unwrap();
    let volume = sfumato::io::open(&folder.join(format!("images/{name}.nii.gz"))).unwrap();
    // A quarter of them, each axis order among them.
    hold(&volume, |i| i % 4 == 3);
}
