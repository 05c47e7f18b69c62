//! Pictures whose pixels are not square.

use super::segment;
use sfumato::inference::{Engine, Outcome};
use sfumato::volume::{Affine, Geometry, Modality, Volume, Voxels};

const MM: f64 = 0.5;

/// The picture with every `n` columns, or rows, made one.
fn squeezed(grey: &[u8], [width, height]: [usize; 2], [across, down]: [usize; 2]) -> Volume {
    let (w, h) = (width / across, height / down);
    let mean = |i: usize| {
        let (x, y) = (i % w * across, i / w * down);
        let parts = (0..across * down).map(|k| (x + k % across) + width * (y + k / across));
        (parts.map(|i| u32::from(grey[i])).sum::<u32>() / (across * down) as u32) as u8
    };
    let steps = [[-MM * across as f64, 0.0, 0.0], [0.0, -MM * down as f64, 0.0], [0.0, 0.0, 1.0]];
    let geometry = Geometry::new([w, h, 1], Affine::from_columns(steps, [0.0; 3])).unwrap();
    let values = (0..w * h).map(mean).collect();
    let mut volume = Volume::new(geometry, 1, Voxels::U8(values)).unwrap();
    volume.modality = Modality::Ultrasound;
    volume
}

/// mm² where half of the members or more say "inside".
fn area(outcome: &Outcome) -> f64 {
    let members = outcome.members.len();
    let n = outcome.geometry.voxel_count();
    let inside =
        |i: &usize| 2 * outcome.members.iter().filter(|m| m.soft[*i] >= 128).count() >= members;
    (0..n).filter(inside).count() as f64 * outcome.geometry.pixel_area()
}

#[test]
fn pixels_that_are_not_square_give_the_area_of_square_ones() {
    let demo = sfumato::demo::make("fetal-head", 3).unwrap();
    let [width, height, _] = demo.volume.geometry().shape();
    let Voxels::U8(grey) = demo.volume.voxels() else { panic!("an 8-bit picture") };
    let mut engine = Engine::new();
    let mut see =
        |by| area(&segment(&mut engine, "fetal-head-us", squeezed(grey, [width, height], by), 3));
    let square = see([1, 1]);
    assert!(square > 0.05 * (width * height) as f64 * MM * MM, "a head is found: {square} mm²");
    for by in [[2, 1], [1, 2]] {
        let found = see(by);
        assert!((found / square - 1.0).abs() < 0.02, "{by:?}: {found} mm², {square} mm² if square");
    }
}
