//! Voxels of another size than the model was trained on.

use super::phantom::scan;
use super::{HIPPOCAMPUS, dice, segment};
use sfumato::inference::{Engine, Outcome};
use sfumato::volume::Geometry;

/// The members' mean of all classes at points of `onto`, by linear interpolation: a mask drawn on
/// coarser voxels cannot be compared by its nearest ones.
fn mean_at(outcome: &Outcome, onto: &Geometry) -> Vec<f64> {
    let g = &outcome.geometry;
    let n = g.voxel_count();
    let classes = outcome.model.classes.len();
    let mean = |i: usize| -> f64 {
        let of = |m: &sfumato::inference::Member| {
            (0..classes).map(|c| f64::from(m.soft[c * n + i])).sum::<f64>()
        };
        outcome.members.iter().map(of).sum::<f64>() / (255 * outcome.members.len()) as f64
    };
    let own: Vec<f64> = (0..n).map(mean).collect();
    let shape = g.shape();
    let to_own = g.voxel_from_world().compose(onto.world_from_voxel());
    let [nx, ny, _] = onto.shape();
    let at = |i: usize| {
        let p = to_own.apply([i % nx, i / nx % ny, i / nx / ny].map(|v| v as f64));
        let mut sum = 0.0;
        for corner in 0..8usize {
            let (mut weight, mut index, mut stride) = (1.0, 0, 1);
            for a in 0..3 {
                let v = p[a].clamp(0.0, (shape[a] - 1) as f64);
                let low = (v as usize).min(shape[a].saturating_sub(2));
                let share = v - low as f64;
                let up = corner >> a & 1;
                weight *= if up == 1 { share } else { 1.0 - share };
                index += (low + up).min(shape[a] - 1) * stride;
                stride *= shape[a];
            }
            sum += weight * own[index];
        }
        sum
    };
    (0..onto.voxel_count()).map(at).collect()
}

#[test]
fn finer_and_coarser_voxels_give_the_mask_of_the_model_s_own_size() {
    let mut engine = Engine::new();
    let own = scan([1.0; 3]);
    let lattice = own.geometry().clone();
    let expected = mean_at(&segment(&mut engine, HIPPOCAMPUS, own, 4), &lattice);
    let inside = |m: &[f64]| m.iter().map(|&p| p >= 0.5).collect::<Vec<bool>>();
    let size = |m: &[bool]| m.iter().filter(|v| **v).count() as f64;
    let expected = inside(&expected);
    assert!(size(&expected) > 500.0);
    // A voxel of 1.4 mm holds the mean of what three of 1 mm tell apart; and this scan is made, the
    // model never saw its like.
    for (spacing, least, most_off) in
        [([0.7; 3], 0.95, 0.05), ([0.7, 0.7, 1.4], 0.91, 0.15), ([1.4; 3], 0.91, 0.15)]
    {
        let outcome = segment(&mut engine, HIPPOCAMPUS, scan(spacing), 4);
        let found = inside(&mean_at(&outcome, &lattice));
        let agreement = dice(&found, &expected);
        let volume = size(&found) / size(&expected);
        println!("{spacing:?}: Dice {agreement:.3}, volume {volume:.3}");
        assert!(agreement >= least, "{spacing:?}: Dice {agreement}");
        assert!((volume - 1.0).abs() <= most_off, "{spacing:?}: volume {volume}");
    }
}
